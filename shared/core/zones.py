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
LONGEST = 253
"""Characters of one name."""
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_REGION = re.compile(r"(?!global$)[a-z][a-z0-9]{2,62}", re.ASCII)
_STUB = 30


class NotAHostName(ValueError):
    """The text is no host name that DNS or Azure would accept; says what is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class ZoneRecord:
    """`zone` such as privatelink.blob.core.windows.net, `record` left of it (`@` for the apex)."""

    zone: str
    record: str


@dataclass(frozen=True, slots=True)
class _Form:
    """A zone and a record with places to fill, and the names that fill them. No zone: nobody published one."""

    pattern: re.Pattern[str]
    zone: str | None
    record: str


@dataclass(frozen=True, slots=True)
class _Rule:
    form: _Form
    type: str | None
    group: str | None
    sibling: str | None
    from_target: bool
    legacy: _Form | None

    def covers(self, resource_type: str, group: str) -> bool:
        return self.type in (None, resource_type) and self.group in (None, group)


def host_name(text: object) -> str:
    """The canonical form (lower case, no trailing dot). Raises NotAHostName: such text must never reach a URL."""
    if not isinstance(text, str):
        raise NotAHostName("not text")
    name = fold(text).removesuffix(".")
    if not name or len(name) > LONGEST:
        raise NotAHostName(f"{len(name)} characters; 1 to {LONGEST} are allowed")
    labels = name.split(".")
    for place, label in enumerate(labels):
        if label == "*" and place == 0 and len(labels) > 1:
            continue
        if not _LABEL.fullmatch(label):
            stub = ascii(label[:_STUB])
            raise NotAHostName(f"label {stub} is empty, too long or has characters that host names lack")
    if labels[-1].isdigit():
        raise NotAHostName("the last label is a number: an address, or no name of public DNS")
    return name


def locate(
    fqdn: str,
    *,
    cloud: str = "AzureCloud",
    resource_type: str = "",
    group: str = "",
    siblings: Iterable[str] = (),
    region: str = "",
) -> ZoneRecord | None:
    """Zone and record of one name; None when no rule knows it or when Azure manages the name itself (AKS).

    `siblings`: the endpoint's other names; Machine Learning's inference names need a GUID that only a sibling
    shows. `region`: the target's, never the endpoint's; only for zones of a region that the name cannot show
    (Container Apps), what the name shows wins. Raises NotAHostName.
    """
    name = host_name(fqdn)
    hit = _first(name, cloud, resource_type, group)
    if hit is None:
        return None
    rule, words = hit
    if rule.sibling:
        guid = _workspace_guid(siblings, words["region"], rule.sibling)
        if guid is None:
            return None
        words["workspaceGuid"] = guid
    if rule.from_target:
        known = fold(region).replace(" ", "")
        if not _REGION.fullmatch(known):
            return None
        words["regionName"] = known
    return _fill(rule.form, words)


def legacy(fqdn: str, *, cloud: str = "AzureCloud", resource_type: str = "", group: str = "") -> ZoneRecord | None:
    """The older place of a name, which answers first where a network is still linked to that zone; else None.

    Only Batch accounts: reference/dns-zones.json `legacyZones`, dns-records.md section 2. Whether the zone exists is
    for the caller to find out: without it, `locate` holds. Raises NotAHostName.
    """
    name = host_name(fqdn)
    hit = _first(name, cloud, resource_type, group)
    old = hit[0].legacy if hit else None
    found = old.pattern.fullmatch(name) if old else None
    return _fill(old, found.groupdict()) if old and found else None


def _first(name: str, cloud: str, resource_type: str, group: str) -> tuple[_Rule, dict[str, str]] | None:
    """The first rule that matches, and the words it found; None also where that rule says that no zone is known."""
    rules, managed = _table()
    kind, asked = fold(resource_type), fold(group)
    if kind in managed:
        return None
    for rule in rules.get(fold(cloud), ()):
        if (found := rule.form.pattern.fullmatch(name)) and rule.covers(kind, asked):
            return (rule, found.groupdict()) if rule.form.zone else None
    return None


def _fill(form: _Form, words: dict[str, str]) -> ZoneRecord | None:
    place = ZoneRecord(zone=(form.zone or "").format(**words), record=form.record.format(**words))
    # The zone's name is longer than the public suffix: what DNS has no room for has no record.
    return place if len(f"{place.record}.{place.zone}") <= LONGEST else None


def _workspace_guid(siblings: Iterable[str], region: str, suffix: str) -> str | None:
    """The one GUID of the workspace names of this region. Several (a hub and its projects): no telling which."""
    guids = set()
    for sibling in siblings:
        guid, _, rest = fold(str(sibling)).removesuffix(".").partition(".")
        if is_guid(guid) and rest == f"workspace.{region}.{suffix}":
            guids.add(guid)
    return guids.pop() if len(guids) == 1 else None


@cache
def _table() -> tuple[dict[str, tuple[_Rule, ...]], frozenset[str]]:
    """The rules of each cloud, in their order; the types whose names Azure manages."""
    data: dict[str, Any] = json.loads(resources.files(__package__).joinpath("zones.json").read_text("utf-8"))
    by_cloud: dict[str, tuple[_Rule, ...]] = {
        fold(cloud): tuple(_rule(row) for row in data["rules"] if row["cloud"] in ("*", cloud)) for cloud in CLOUDS
    }
    return by_cloud, frozenset(fold(name) for name in data["managedByAzure"])


def _rule(row: dict[str, Any]) -> _Rule:
    return _Rule(
        form=_form(row),
        type=fold(row["type"]) if "type" in row else None,
        group=fold(row["group"]) if "group" in row else None,
        sibling=row.get("sibling"),
        from_target=row.get("region") == "target",
        legacy=_form(row["legacy"]) if "legacy" in row else None,
    )


def _form(row: dict[str, Any]) -> _Form:
    return _Form(pattern=re.compile(row["fqdn"], re.ASCII), zone=row["zone"], record=row["record"] or "")
