"""The sweep at the zones themselves: who sees them, what they answer for names they do not hold, how full they are; and
whether targets ask for other zones than our table says. Findings only: zones and links are not our job.

Source: reference/dns-records.md sections 3 and 5 (without NxDomainRedirect a linked zone answers NXDOMAIN for every
name of its suffix that it does not hold, other tenants' accounts included).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from .app import App
from .azure import zonebook
from .azure.dns import Zone, ZoneLink
from .core.hub import Hub
from .core.ids import ResourceId, fold
from .core.model import SERVICE, Claim
from .errors import Lasting, Passing
from .swept import Sweep

_LINKS_KEPT = timedelta(hours=6)
_ASKED_AGAIN = timedelta(days=7)
_ASKED_AT_ONCE = 10
_FULL, _NEARLY = 25_000, 0.9


async def zone(swept: Sweep, app: App, hub: Hub, zone: Zone) -> None:
    if zone.sets is not None and zone.sets >= _FULL * _NEARLY:
        swept.find(f"hub {hub.name}: zone {zone.id.name} holds {zone.sets} of at most {_FULL} record sets")
    known = await zonebook.findings_of(app.tables, zone.id)
    if zone.links == 0:
        texts: tuple[str, ...] = (f"{_of(hub, zone.id)} is linked to no network: nobody resolves by it",)
        await zonebook.keep_findings(app.tables, zone.id, texts, False, app.now())
    elif known is not None and app.now() - known[2] < _LINKS_KEPT and app.now() >= known[2] and not swept.thorough:
        texts = known[0]
    else:
        try:
            links = await app.dns.links(zone.id)
        except Passing:
            return  # the next sweep
        except Lasting as wrong:
            swept.find(str(wrong))
            return
        texts, linked = _links(hub, zone.id, links)
        await zonebook.keep_findings(app.tables, zone.id, texts, linked, app.now())
    for text in texts:
        swept.find(text)


def _links(hub: Hub, zone: ResourceId, links: Sequence[ZoneLink]) -> tuple[tuple[str, ...], bool]:
    texts = []
    there = {link.network for link in links if link.linked}
    for network in sorted(hub.networks - there):
        texts.append(f"{_of(hub, zone)} is not linked to {network}, which the hub serves")
    missing = bool(texts) or not there
    deaf = sorted(link.name for link in links if not link.falls_back)
    if deaf and fold(zone.name).startswith("privatelink."):
        text = "names that it does not hold, other tenants' too, do not resolve there at all"
        texts.append(f"{_of(hub, zone)}: link(s) {', '.join(deaf)} without resolutionPolicy NxDomainRedirect: {text}")
    return tuple(texts), not missing


def _of(hub: Hub, zone: ResourceId) -> str:
    return f"hub {hub.name}: zone {zone.name}"


async def required(swept: Sweep, app: App) -> None:
    """Some targets of each sweep are asked which zones they want: a cross-check of our table (one read each)."""
    claims: dict[ResourceId, list[Claim]] = {}
    for of_name, _ in swept.names.values():
        for claim in of_name:
            if not claim.target.is_a(SERVICE) and swept.policy.covers(claim.target):
                claims.setdefault(claim.target, []).append(claim)
    asked = await zonebook.asked_at(app.tables)
    due = [t for t in sorted(claims) if t.hash not in asked or app.now() - asked[t.hash] > _ASKED_AGAIN]
    for target in due[:_ASKED_AT_ONCE]:
        try:
            wanted = await app.arm.required_zones(target)
        except Passing:
            return
        every = frozenset(zone for zones in wanted.values() for zone in zones)
        for claim in claims[target]:
            ours = fold(claim.name.zone.name)
            if every and ours not in every:
                text = f"Azure asks for {', '.join(sorted(every))}; report it, and check the name by hand"
                swept.find(f"{claim.fqdn or claim.name} of {target.name} is filed in {ours}, but {text}")
        await zonebook.was_asked(app.tables, target, app.now())
