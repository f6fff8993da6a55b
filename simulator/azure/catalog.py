"""Knows the types of targets (types.json): how they are spelled, and which public names they publish.

Refuses to know endpoints, connections and zones as resources. Unknown types publish nothing.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from simulator.azure.ids import Path


@dataclass(frozen=True, slots=True)
class Name:
    """One public name, and where its CNAME leads: a record in a private zone."""

    fqdn: str
    record: str
    zone: str

    @property
    def private(self) -> str:
        return self.zone if self.record == "@" else f"{self.record}.{self.zone}"


@dataclass(frozen=True, slots=True)
class Member:
    """What gets one private address: a required member of a group, with its names."""

    name: str
    names: tuple[Name, ...]


@cache
def _data() -> dict[str, Any]:
    return json.loads(files("simulator.azure").joinpath("types.json").read_text("utf-8"))


@cache
def entries() -> Mapping[str, dict[str, Any]]:
    """All types by lower-case name."""
    return {row["type"].lower(): row for row in _data()["types"]}


@cache
def _spellings() -> Mapping[str, str]:
    """Azure's spelling of every namespace and type segment that the table knows."""
    return {row["type"].lower(): row["type"] for row in _data()["types"]} | {
        name.lower(): name
        for name in (
            "Microsoft.Network/privateEndpoints",
            "Microsoft.Network/networkInterfaces",
            "Microsoft.Network/privateDnsZones",
            "Microsoft.Network/virtualNetworks",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            "Microsoft.Network/virtualNetworks/subnets",
            "Microsoft.Dashboard/grafana/managedPrivateEndpoints",
            "Microsoft.DataFactory/factories/managedVirtualNetworks",
            "Microsoft.DataFactory/factories/managedVirtualNetworks/managedPrivateEndpoints",
            "Microsoft.Search/searchServices/sharedPrivateLinkResources",
            "Microsoft.StreamAnalytics/clusters",
            "Microsoft.StreamAnalytics/clusters/privateEndpoints",
            "Microsoft.Cdn/profiles",
            "Microsoft.Cdn/profiles/originGroups",
            "Microsoft.Cdn/profiles/originGroups/origins",
        )
    }


def spelled(path: Path) -> Path:
    """The path with namespace and types in the spelling that Azure's answers use (recorded: Keyvault, Clusters)."""
    row = entries().get("/".join((path.namespace, *path.types[:1])).lower())
    known = _spellings().get(path.type.lower()) or (row and row["type"])
    if not known:
        return path
    text = row["id_type"] if row and "id_type" in row else known
    parts = text.split("/")
    types = (*parts[1:], *path.types[len(parts) - 1 :])
    return Path(path.subscription, path.group, parts[0], types, path.names)


def type_name(path: Path) -> str:
    """The `type` of an answer: as `spelled`, but without the odd segment that only ids carry (Kusto)."""
    row = entries().get("/".join((path.namespace, *path.types[:1])).lower())
    if row and "id_type" in row:
        return "/".join((row["type"], *path.types[1:]))
    return spelled(path).type


def region(location: object) -> str:
    """'West US' and 'westus' are one region."""
    text = re.sub(r"[^a-z0-9]", "", str(location or "").lower())
    return text if text and text != "global" else "westeurope"


def groups(path: Path) -> list[str]:
    """The group ids that a target of this type offers."""
    row = entries().get(path.type.lower())
    return [name for name in (row or {}).get("groups", {}) if "{" not in name]


def members(path: Path, location: object, regions: Sequence[str], group: str) -> list[Member]:
    """One member per private address that an endpoint to this group gets."""
    row = entries().get(path.type.lower())
    template, slot = _group(row, group) if row else (None, "")
    if template is None:
        return []
    words = _words(path, location) | {"slot": slot}
    found = []
    for part in template:
        each = regions if "{each}" in json.dumps(part) else [""]
        found += [_member(part, words | {"each": one}, group) for one in each]
    return found


def zones(path: Path, location: object, group: str) -> list[str]:
    """requiredZoneNames of the group. A zone with a region in its name is left out while the region is not known."""
    row = entries().get(path.type.lower())
    template, slot = _group(row, group) if row else (None, "")
    if row is None or template is None:
        return []
    listed = {name.lower(): found for name, found in row.get("zones", {}).items()}.get(group.lower())
    texts = listed or [text.rpartition(" @ ")[2] for part in template for text in part["names"]]
    words = _words(path, location) | {"slot": slot, "each": region(location)}
    known = {"{region}": bool(location) and str(location).lower() != "global"}
    known["{code}"] = known["{region}"] and region(location) in _data()["codes"]
    return list(
        dict.fromkeys(
            text.format(**words) for text in texts if not any(word in text and not known[word] for word in known)
        )
    )


def _group(row: Mapping[str, Any], group: str) -> tuple[list[dict[str, Any]] | None, str]:
    for name, template in row["groups"].items():
        if name.lower() == group.lower():
            return template, ""
        head, brace, _ = name.partition("{slot}")
        if brace and group.lower().startswith(head):
            return template, group[len(head) :].lower()
    return None, ""


def _words(path: Path, location: object) -> dict[str, str]:
    guid = str(uuid.uuid5(uuid.NAMESPACE_URL, path.key))
    place = region(location)
    return {
        "name": path.name.lower(),
        "region": place,
        "code": _data()["codes"].get(place, place),
        "guid": guid,
        "hex12": guid.replace("-", "")[:12],
        "digits": str(uuid.UUID(guid).int)[:16],
    }


def _member(part: Mapping[str, Any], words: Mapping[str, str], group: str) -> Member:
    names = []
    for text in part["names"]:
        fqdn, _, rest = text.format(**words).partition(" = ")
        record, _, zone = rest.rpartition(" @ ")
        names.append(Name(fqdn, record, zone))
    name = (part["member"] or group).format(**words)
    return Member(name, tuple(names))
