"""What an endpoint would ask for without a zone group, and which records have to be read to tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from .. import claims as core_claims
from .. import reading
from ..hub import Groups
from ..ids import ResourceId
from ..model import Claim, Endpoint, Name
from ..policy import Policy
from ..rules import Match
from .values import GROUP_TYPE, WORD, Asked, Group, Migration, State


def group_of(body: object) -> Group | None:
    """One zone group as Azure shows it; None when it is not one."""
    identity = ResourceId.read(body.get("id")) if isinstance(body, Mapping) else None
    if identity is None or not identity.is_a(GROUP_TYPE) or not isinstance(body, Mapping):
        return None
    properties = body.get("properties")
    configs = properties.get("privateDnsZoneConfigs") if isinstance(properties, Mapping) else None
    zones: list[tuple[str, ResourceId]] = []
    used: set[str] = set()
    for config in configs if isinstance(configs, list) else ():
        inner = config.get("properties") if isinstance(config, Mapping) else None
        zone = ResourceId.read(inner.get("privateDnsZoneId")) if isinstance(inner, Mapping) else None
        if zone is not None:
            named = str(config.get("name") or "")
            word = named if WORD.fullmatch(named) else config_name(zone)
            zones.append((word if word not in used else f"{word}-{len(zones)}", zone))
            used.add(zones[-1][0])
    _, records = reading.zone_group([body])
    return Group(id=identity, zones=tuple(zones), records=records)


def config_name(zone: ResourceId) -> str:
    """What to call a zone inside of a group: what the portal makes of it."""
    return re.sub(r"[^A-Za-z0-9]+", "-", zone.name).strip("-") or "zone"


def asked(
    endpoint: Endpoint, policy: Policy, cloud: str, groups: Groups | None = None, legacy: Collection[ResourceId] = ()
) -> Asked:
    """All names that Linkkeeper would keep for it if it had no zone group."""
    bare = replace(endpoint, group_zones=(), group_records=())
    found: dict[Name, Claim] = {}
    custom: dict[Name, str] = {}
    notes: list[str] = []
    complete = True
    targets = core_claims.targets(endpoint, policy)
    for target in targets:
        wanted = core_claims.wanted(bare, target, policy, cloud, groups, legacy)
        complete = complete and wanted.complete
        notes += wanted.notes
        link = endpoint.link_to(target)
        for claim in wanted.claims:
            found.setdefault(claim.name, claim)
            if link is not None and not link.groups:
                custom[claim.name] = "its target publishes no names, and a group writes none that its owner chose"
            elif claim.name.zone in legacy:
                custom[claim.name] = (
                    "it lies in an older zone than the recommended one, and a group writes nothing there"
                )
    matches = [(hub, hub.serves.match(endpoint, groups or {})) for hub in policy.hubs]
    return Asked(
        targets=tuple(targets),
        claims=tuple(found[name] for name in sorted(found)),
        complete=complete,
        notes=tuple(notes),
        serving=tuple(hub for hub, match in matches if match is Match.YES),
        unsure=tuple(hub for hub, match in matches if match is Match.UNKNOWN),
        custom=custom,
    )


def to_read(wanted: Asked, groups: Iterable[Group]) -> frozenset[Name]:
    """The names whose records a plan needs to see."""
    return frozenset(claim.name for claim in wanted.claims) | {name for group in groups for name in group.records}


def unserved(endpoint: ResourceId, back: bool) -> Migration:
    """An endpoint that was not even read: by its id alone, no hub can serve it."""
    text = "no hub of the policy serves it"
    if back:
        return Migration(endpoint=endpoint, targets=(), back=True, state=State.NOTHING, why=text)
    return Migration(endpoint=endpoint, targets=(), back=False, state=State.BLOCKED, why=text, blockers=(text,))
