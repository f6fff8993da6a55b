"""From a public FQDN to the private DNS zone and record that its CNAME points into.

Knows the ordered rules of zones.json (three clouds) and what a host name may look like. Refuses to guess: a name
without a rule is None and is reported, never filed under "privatelink." plus the rest. Source: reference/dns-records.md
section 2: public DNS has `name.suffix CNAME name.privatelink.suffix`, so the record is everything left of the zone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from .ids import fold, is_guid

CLOUDS = ("AzureCloud", "AzureUSGovernment", "AzureChinaCloud")
_LONGEST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)


class NotAHostName(ValueError):
    """The text is no host name that DNS or Azure would accept; says what is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class ZoneRecord:
    """`zone` such as privatelink.blob.core.windows.net, `record` left of it (`@` for the apex)."""

    zone: str
    record: str


@dataclass(frozen=True, slots=True)
class _Rule:
    cloud: str
    pattern: re.Pattern[str]
    zone: str
    record: str
    group: str | None
    sibling: str | None


def host_name(text: object) -> str:
    """The canonical form (lower case, no trailing dot). Raises NotAHostName: such text must never reach a URL."""
    if not isinstance(text, str):
        raise NotAHostName("not text")
    name = fold(text).removesuffix(".")
    if not name or len(name) > _LONGEST:
        raise NotAHostName(f"{len(name)} characters; 1 to 253 are allowed")
    labels = name.split(".")
    for place, label in enumerate(labels):
        if label == "*" and place == 0 and len(labels) > 1:
            continue
        if not _LABEL.fullmatch(label):
            raise NotAHostName(f"label {label[:70]!r} is empty, too long or has characters that host names lack")
    return name


def locate(
    fqdn: str, *, cloud: str = "AzureCloud", resource_type: str = "", group: str = "", siblings: Iterable[str] = ()
) -> ZoneRecord | None:
    """Zone and record of one name; None when no rule knows it or when Azure manages the name itself (AKS).

    `siblings`: the endpoint's other names; Machine Learning's inference names need a GUID that only a sibling
    shows. Raises NotAHostName.
    """
    name = host_name(fqdn)
    rules, managed = _table()
    if fold(resource_type) in managed:
        return None
    for rule in rules:
        if rule.cloud not in ("*", cloud) or (rule.group and fold(rule.group) != fold(group)):
            continue
        if found := rule.pattern.fullmatch(name):
            return _fill(rule, found, siblings)
    return None


def _fill(rule: _Rule, found: re.Match[str], siblings: Iterable[str]) -> ZoneRecord | None:
    words = found.groupdict()
    if rule.sibling:
        guid = _workspace_guid(siblings, words["region"], rule.sibling)
        if guid is None:
            return None
        words["workspaceGuid"] = guid
    place = ZoneRecord(zone=rule.zone.format(**words), record=rule.record.format(**words))
    # The zone's name is longer than the public suffix: what DNS has no room for has no record.
    return place if len(f"{place.record}.{place.zone}") <= _LONGEST else None


def _workspace_guid(siblings: Iterable[str], region: str, suffix: str) -> str | None:
    for sibling in siblings:
        guid, _, rest = fold(str(sibling)).removesuffix(".").partition(".")
        if is_guid(guid) and rest == f"workspace.{region}.{suffix}":
            return guid
    return None


@cache
def _table() -> tuple[tuple[_Rule, ...], frozenset[str]]:
    data: dict[str, Any] = json.loads(resources.files(__package__).joinpath("zones.json").read_text("utf-8"))
    rules = tuple(
        _Rule(
            row["cloud"],
            re.compile(row["fqdn"], re.ASCII),
            row["zone"],
            row["record"],
            row.get("group"),
            row.get("sibling"),
        )
        for row in data["rules"]
    )
    return rules, frozenset(fold(name) for name in data["managedByAzure"])
