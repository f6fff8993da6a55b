"""The sweep at the hubs: records that are missing, changed or for nobody, and zones that are missing.

Private DNS reads are scarce: zones that were not read for the longest time come first, and what events may need is left
alone; the rest waits for the next sweep. Refuses to repair, and to create zones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from . import sweep_cosmos, sweep_zones
from .app import App
from .azure import zonebook
from .azure.dns import Zone
from .core import names
from .core.hub import Hub
from .core.ids import ResourceId, Scope
from .core.model import Claim, Name, RecordSet
from .core.names import Mark
from .core.rules import Mode
from .errors import Lasting, Passing
from .swept import Sweep

Remembered = Mapping[Name, tuple[tuple[Claim, ...], RecordSet | None]]


async def records(swept: Sweep, app: App) -> None:
    remembered = swept.names
    read_at = await zonebook.read_at(app.tables)
    for hub in swept.policy.hubs:
        zones = swept.zones.get(hub.name)
        if zones is None:
            continue
        mine = {name for name in remembered if hub.holds(name.zone)}
        for zone in sorted(zones, key=lambda zone: (_age(read_at, zone.id), zone.id)):
            await _zone(swept, app, hub, zone, {n for n in mine if n.zone == zone.id}, remembered)
        _missing(swept, hub, {zone.id for zone in zones}, mine, remembered)
    for name in sorted(name for name in remembered if name.zone not in swept.zones_read):
        claims, memory = remembered[name]  # of a zone that was not read now, or that no hub holds any more
        if claims and memory is not None and not _alive(swept, name, claims):
            swept.deleting.append((claims[0].target, name))
    if swept.zones_left:
        listed = ", ".join(sorted({zone.name for zone in swept.zones_left})[:5])
        text = "private DNS reads are nearly spent, and the rest is kept for events"
        swept.find(f"{len(swept.zones_left)} zone(s) wait for the next sweep ({listed} …): {text}")


def _age(read_at: Mapping[str, datetime], zone: ResourceId) -> float:
    at = read_at.get(zone.hash)
    return at.timestamp() if at else 0.0


async def zones(swept: Sweep, app: App) -> None:
    """Which zones there are: one list for each hub."""
    for hub in swept.policy.hubs:
        try:
            swept.zones[hub.name] = await _zones(hub, app)
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))


async def _zones(hub: Hub, app: App) -> list[Zone]:
    if isinstance(hub.zones, Scope):
        return await app.dns.zones(hub.zones)
    return [Zone(id=zone) for zone in hub.zones]


async def _zone(swept: Sweep, app: App, hub: Hub, zone: Zone, mine: set[Name], remembered: Remembered) -> None:
    try:
        present = {record.name: record for record in await app.dns.records(zone.id)}
    except Passing:
        swept.zones_left.append(zone.id)
        return
    except Lasting as wrong:
        if wrong.code in ("ParentResourceNotFound", "ResourceGroupNotFound"):
            swept.find(_no_zone(hub, zone.id, mine, remembered))
        else:
            swept.incomplete(str(wrong))
        return
    swept.count("records", len(present))
    swept.zones_read.add(zone.id)
    await zonebook.was_read(app.tables, zone.id, app.now())
    mark = app.mark(swept.policy)
    for name in sorted(present.keys() | mine):
        claims, memory = remembered.get(name, ((), None))
        _record(swept, mark, name, claims, memory, present.get(name))
    await sweep_zones.zone(swept, app, hub, zone)


def _record(
    swept: Sweep, mark: Mark, name: Name, claims: tuple[Claim, ...], memory: RecordSet | None, present: RecordSet | None
) -> None:
    alive = _alive(swept, name, claims)
    claim = names.holder(claims, present)
    if present is None:
        if claim is not None:
            swept.suspect(claim.target, name.id, "its record is missing")
        return
    ours = mark.owns(present)
    target = claim.target if claim else ResourceId.read(present.label("target"))
    if ours and claim is None and _is_ceded(swept, target, memory, present):
        swept.find(f"{name}: its endpoint's zone group covers it and writes nothing, so our record stays")
        return
    if ours and not alive and target is not None:
        swept.deleting.append((target, name))
    if claim is None:
        if ours and swept.policy.only_upserts(name.zone):
            swept.find(f"{name}: nobody claims it; records are upsert-only here, so it stays")
        elif ours and target is not None:
            swept.suspect(target, name.id, "an orphaned record of ours")
        elif ours:
            swept.findings.append(f"{name}: our record names no target; delete it by hand")
        else:
            sweep_cosmos.strange_record(swept, name, present)
    elif ours and (memory is None or memory.etag != present.etag or _differs(swept, mark, claim, present)):
        swept.suspect(claim.target, name.id, "its record was changed, or is to be")
    elif not ours and present.addresses == claim.addresses and _adopts(swept, mark, name, present):
        swept.suspect(claim.target, name.id, "its record is correct, and the policy says to adopt it")
    elif not ours and present.addresses != claim.addresses:
        swept.findings.append(f"{name}: a record that is not ours is in the way of {claim.endpoint.name}")


def _is_ceded(swept: Sweep, target: ResourceId | None, memory: RecordSet | None, present: RecordSet) -> bool:
    """As it was when a settle saw it, and its endpoint is still connected."""
    endpoint = ResourceId.read(present.label("endpoint"))
    if memory is None or not memory.ceded or memory.etag != present.etag or target is None or endpoint is None:
        return False
    return endpoint in swept.known.get(target, {}) and (target, endpoint) not in swept.gone


def _alive(swept: Sweep, name: Name, claims: Iterable[Claim]) -> list[Claim]:
    """The claims that this sweep has not seen refuted."""
    gone, lost = swept.gone, swept.lost
    return [c for c in claims if (c.target, c.endpoint) not in gone and (c.endpoint, name) not in lost]


def _differs(swept: Sweep, mark: Mark, claim: Claim, present: RecordSet) -> bool:
    """Not as the claim and the policy want it; where puts are only shown, its time to live and mark may wait."""
    if present.addresses != claim.addresses:
        return True
    wanted = names.desired(claim, mark, swept.policy.ttl_of(present.name.zone), present)
    return _applies(swept, present.name) and (wanted.ttl, wanted.metadata) != (present.ttl, present.metadata)


def _adopts(swept: Sweep, mark: Mark, name: Name, present: RecordSet) -> bool:
    hub = swept.policy.hub_of(name.zone)
    return hub is not None and hub.adopt and mark.is_nobodys(present) and _applies(swept, name)


def _applies(swept: Sweep, name: Name) -> bool:
    return swept.policy.mode("put", swept.policy.hub_of(name.zone)) is Mode.APPLY


def _missing(swept: Sweep, hub: Hub, there: set[ResourceId], mine: Iterable[Name], remembered: Remembered) -> None:
    """Zones that names are waiting for; a suspect would only fail again."""
    wanted = [name for name in mine if name.zone not in there and remembered[name][0]]
    for zone in sorted({name.zone for name in wanted}):
        swept.find(_no_zone(hub, zone, [name for name in wanted if name.zone == zone], remembered))


def _no_zone(hub: Hub, zone: ResourceId, waiting: Iterable[Name], remembered: Remembered) -> str:
    listed = sorted({claim.endpoint.name for name in waiting for claim in remembered[name][0]})
    who = f"; {len(listed)} endpoint(s) wait for it ({', '.join(listed[:3])})" if listed else ""
    return f"hub {hub.name}: zone {zone.name} does not exist in {zone.group}: create it and link it{who}"
