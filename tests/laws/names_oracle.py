"""Who should have which name in which copy of a zone, written a second time: from the design, not from the app's code.

A policy is the document as a person writes it (a dict; JSON is YAML).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure import connections
from simulator.azure.world import Resource
from simulator.azure.world import World as Cloud
from simulator.azure.zones import Record
from tests.world import DATA, HUB, STRANGER, TEAM

Doc = Mapping[str, Any]
Key = tuple[str, str]
"""(zone id, record), folded."""
ZONES = {group: f"privatelink.{group}.core.windows.net" for group in ("blob", "file")}
SPOKE = f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/spoke"
CORP = "corp"
YES, NO, UNKNOWN = "yes", "no", "unknown"


def zone_id(place: str, name: str) -> str:
    return f"/subscriptions/{HUB}/resourceGroups/{place}/providers/Microsoft.Network/privateDnsZones/{name}"


COPIES = tuple(zone_id(place, zone) for place in ("west", "east", "one") for zone in ZONES.values())
EXACT = (zone_id("one", ZONES["blob"]),)


def document() -> dict[str, Any]:
    """Everybody is approved, two hubs are resource groups, the third is one exact zone."""
    rule = {
        "name": "everybody",
        "verdict": "approve",
        "requesters": {"subscriptions": [TEAM, STRANGER]},
        "targets": {"all": True},
    }
    place = f"/subscriptions/{HUB}/resourceGroups"
    return {
        "version": 1,
        "owner": "contoso-hub",
        "scope": {"subscriptions": [DATA]},
        "rules": [rule],
        "hubs": [
            {"name": "west", "zones": f"{place}/west", "serves": {"all": True}, "region": "westeurope"},
            {"name": "east", "zones": f"{place}/east", "serves": {"subscriptions": [TEAM]}},
            {"name": "one", "zones": list(EXACT), "serves": {"all": True}, "networks": [SPOKE]},
        ],
    }


def text(doc: Doc) -> str:
    return json.dumps(doc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    endpoint: str
    guid: str
    target: str
    addresses: tuple[str, ...]
    rank: int
    sure: bool
    """False: nobody knows whether the hub serves it, so what it has is kept."""


def hub_of(doc: Doc, zone: str) -> Doc | None:
    zone = zone.lower()
    for hub in doc["hubs"]:
        listed = hub["zones"]
        inside = zone.startswith(listed.lower() + "/") if isinstance(listed, str) else zone in map(str.lower, listed)
        if inside:
            return hub  # type: ignore[no-any-return]
    return None


def serves(doc: Doc, hub: Doc, cloud: Cloud, endpoint: Resource) -> str:
    who, subscription = hub["serves"], endpoint.path.subscription.lower()
    if who.get("regions") and _region(endpoint) not in map(_flat, who["regions"]):
        return NO
    if any((endpoint.body["tags"] or {}).get(key) != value for key, value in who.get("tags", {}).items()):
        return NO
    if who.get("all") or subscription in who.get("subscriptions", ()) or _in_networks(endpoint, who):
        return YES
    groups = who.get("management_groups", ())
    if any(cloud.hierarchy.tree.contains(group, endpoint.path.subscription) for group in groups):
        return YES
    return UNKNOWN if groups else NO


def rank(doc: Doc, hub: Doc, endpoint: Resource, fqdn: str) -> int:
    """The owner that the policy names, then same region, same network, remote."""
    for one in doc.get("owners", ()):
        mine = (
            endpoint.path.key == one.get("endpoint", "").lower()
            or endpoint.item.target == one.get("target", "").lower()
        )
        if mine and fqdn in one["names"]:
            return 0
    if hub.get("region") and _flat(hub["region"]) == _region(endpoint):
        return 1
    return 2 if _in_networks(endpoint, hub) else 3


def _region(endpoint: Resource) -> str:
    return _flat(endpoint.body["location"])


def _flat(place: str) -> str:
    return place.lower().replace(" ", "")


def _in_networks(endpoint: Resource, row: Doc) -> bool:
    network = endpoint.item.subnet.lower().partition("/subnets/")[0]
    return network in map(str.lower, row.get("networks", ()))


def endpoint(cloud: Cloud, path: str) -> Resource | None:
    return cloud.get(path.lower())


def live(cloud: Cloud, own: Resource) -> bool:
    """Approved on both sides, of a target that is there."""
    link = connections.of_endpoint(cloud, own.item.target, own.item.guid)
    approved = link is not None and link.state.status == own.item.state.status == "Approved"
    return approved and cloud.get(own.item.target) is not None and own.item.provisioning == "Succeeded"


def covered(cloud: Cloud, own: Resource) -> set[str]:
    """The zones that a zone group of it names."""
    configs = [one for group in cloud.below(own.path.key) for one in group.body.get("configs", ())]
    return {one["properties"]["privateDnsZoneId"].lower() for one in configs}


def claims_of(cloud: Cloud, doc: Doc, own: Resource) -> dict[Key, Claim]:
    """What a live endpoint claims where no zone group of it writes."""
    found: dict[Key, Claim] = {}
    if not live(cloud, own):
        return found
    groups = covered(cloud, own)
    for hub in doc["hubs"]:
        said = serves(doc, hub, cloud, own)
        for copy in COPIES if said != NO else ():
            if hub_of(doc, copy) is not hub or copy.lower() in groups:
                continue
            for name, addresses in names(own).items():
                if copy.lower().endswith("/" + name[0]):
                    found[copy.lower(), name[1]] = Claim(
                        endpoint=own.path.key,
                        guid=own.item.guid,
                        target=own.item.target,
                        addresses=addresses,
                        rank=rank(doc, hub, own, name[2]),
                        sure=said == YES,
                    )
    return found


def names(own: Resource) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """(zone name, record, fqdn) to addresses."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for one in own.item.addresses:
        for name in one.member.names:
            key = (name.zone, name.record, name.fqdn)
            found[key] = tuple(sorted({*found.get(key, ()), one.address}))
    return found


def claims(cloud: Cloud, doc: Doc) -> dict[Key, dict[str, Claim]]:
    found: dict[Key, dict[str, Claim]] = {}
    for own in cloud.of_type("Microsoft.Network/privateEndpoints"):
        for key, claim in claims_of(cloud, doc, own).items():
            found.setdefault(key, {})[claim.endpoint] = claim
    return found


def records(cloud: Cloud) -> dict[Key, Record]:
    zones = list(cloud.of_type("Microsoft.Network/privateDnsZones"))
    return {
        (zone.path.key, one.name): one for zone in zones for (kind, _), one in zone.item.records.items() if kind == "A"
    }


def addresses(record: Record) -> tuple[str, ...]:
    return tuple(sorted(row["ipv4Address"] for row in record.values or []))


def ours(doc: Doc, record: Record) -> bool:
    mark = record.metadata or {}
    owners = (doc["owner"], *doc.get("previous_owners", ()))
    ours = mark.get("managedBy") == "linkkeeper" and mark.get("deployment") == "local"
    return not record.auto and ours and mark.get("owner") in owners


def nobodys(record: Record) -> bool:
    return not record.auto and not {"creator", "managedBy", "owner", "deployment"} & set(record.metadata or {})


def upsert_only(doc: Doc, hub: Doc) -> bool:
    return (hub.get("records") or doc.get("records")) == "upsert-only"


def adopts(doc: Doc, hub: Doc) -> bool:
    return bool(hub.get("adopt", doc.get("adopt", False)))


def mode(doc: Doc, hub: Doc, kind: str) -> str:
    return hub.get("modes", {}).get(kind) or doc.get("modes", {}).get(kind) or "apply"


def ttl(doc: Doc, zone: str) -> int:
    hub = hub_of(doc, zone) or {}
    return int(doc.get("ttls", {}).get(zone.lower().rsplit("/", 1)[1]) or hub.get("ttl") or 10)


def wrong(cloud: Cloud, doc: Doc) -> list[str]:
    """What differs from what should be, once everything had its time."""
    found, present, wanted = [], records(cloud), claims(cloud, doc)
    for key in sorted(present.keys() | wanted.keys()):
        hub, zone = hub_of(doc, key[0]), cloud.get(key[0])
        if hub is not None and zone is not None:
            why = _wrong(cloud, doc, hub, key, present.get(key), wanted.get(key, {}))
            found += [f"{key[1]} in {hub['name']}: {why}; record {present.get(key)}; wanted {wanted.get(key)}"] * bool(
                why
            )
    return found


def _wrong(cloud: Cloud, doc: Doc, hub: Doc, key: Key, record: Record | None, asked: Mapping[str, Claim]) -> str:
    sure = [one for one in asked.values() if one.sure]
    nearest = min((one.rank for one in sure), default=9)
    best = [one for one in asked.values() if one.rank <= nearest]
    if record is None:
        return "missing" if sure else ""
    if not ours(doc, record):
        only = len(asked) == 1 and sure and addresses(record) == sure[0].addresses
        return "not adopted" if only and adopts(doc, hub) and nobodys(record) else ""
    mark = record.metadata or {}
    holder = next((one for one in best if one.endpoint == mark.get("endpoint", "").lower()), None)
    if not best or (holder is None and not sure):
        own = endpoint(cloud, mark.get("endpoint", ""))
        ceded = own is not None and key[0] in covered(cloud, own)
        return "" if upsert_only(doc, hub) or ceded or best else "nobody claims it"
    if holder is None:
        return "not of one of the nearest"
    if not holder.sure:
        return ""
    if (mark.get("guid"), addresses(record)) != (holder.guid, holder.addresses):
        return "not what its holder has"
    if (mark["owner"], record.ttl) != (doc["owner"], ttl(doc, key[0])):
        return "another owner's mark or time to live"
    return ""
