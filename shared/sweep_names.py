"""The sweep at the endpoints: new, gone or changed ones. Refuses to read more than lists, and to repair."""

from __future__ import annotations

from dataclasses import replace

from . import sweep_cosmos
from .app import App
from .azure.surroundings import Wants
from .core import claims
from .core.hub import Groups
from .core.ids import ResourceId
from .core.model import Endpoint, Presence, Seen, Status
from .errors import Lasting, Passing
from .swept import Sweep
from .view import endpoint_facts


async def endpoints(swept: Sweep, app: App) -> None:
    groups = await _groups(swept, app)
    for subscription in await _served(swept, app):
        try:
            listed = {endpoint.id: endpoint for endpoint in await app.inventory.endpoints(subscription)}
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
            continue
        swept.count("endpoints", len(listed))
        swept.guids |= {endpoint.guid for endpoint in listed.values() if endpoint.guid}
        for endpoint in listed.values():
            _endpoint(swept, endpoint, groups, app)
        for target, known in swept.known.items():
            for row in known.values():
                if row.endpoint.subscription.lower() == subscription and row.endpoint not in listed:
                    swept.suspect(target, row.endpoint, "the endpoint is not listed any more")
                    swept.gone.add((target, row.endpoint))


async def _served(swept: Sweep, app: App) -> list[str]:
    anywhere = any(hub.serves.all or hub.serves.networks or hub.serves.management_groups for hub in swept.policy.hubs)
    if anywhere:
        try:
            return await app.inventory.subscriptions()
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
    return sorted({subscription for hub in swept.policy.hubs for subscription in hub.serves.subscriptions})


async def _groups(swept: Sweep, app: App) -> Groups:
    """The subscriptions below the management groups that hubs serve."""
    if not swept.policy.serving_groups:
        return {}
    found = await app.surroundings.read(None, Wants(groups=swept.policy.serving_groups))
    for note in found.notes:
        swept.incomplete(note)
    return found.around.groups


def _endpoint(swept: Sweep, endpoint: Endpoint, groups: Groups, app: App) -> None:
    for target in swept.services_of.get(endpoint.id, set()) - set(claims.targets(endpoint, swept.policy)):
        swept.suspect(target, endpoint.id, "it leads to another service now")
        swept.gone.add((target, endpoint.id))
    for target in claims.targets(endpoint, swept.policy):
        link = endpoint.link_to(target)
        if link is None:
            continue
        row = swept.known.get(target, {}).get(endpoint.id)
        approved = link.status is Status.APPROVED
        unclaimed = _compare(swept, endpoint, target, groups, app.settings.cloud)
        sweep_cosmos.place(swept, endpoint, target)
        if row is None:
            swept.suspect(target, endpoint.id, "an endpoint that we have not seen")
            swept.unclaimed += approved
        elif (row.link, row.guid) != (link.status.value, endpoint.guid):
            swept.suspect(target, endpoint.id, f"it was {row.link or 'unread'} and is {link.status.value}")
            swept.unclaimed += approved
        elif endpoint.pairs is not None and approved and row.seen != _facts(endpoint):
            swept.suspect(target, endpoint.id, "its names or addresses changed")
            swept.unclaimed += 1
        elif approved and row.policy != swept.policy.hash:
            swept.suspect(target, endpoint.id, "the policy changed since it was looked at")
            swept.unclaimed += 1
        elif approved and unclaimed:
            swept.suspect(target, endpoint.id, "not all of its names are claimed")
            swept.unclaimed += 1
        elif approved and (why := sweep_cosmos.differs(swept, endpoint, target, row)):
            if sweep_cosmos.is_told(swept, endpoint, target, row, app.now()):
                swept.find(f"{why}, and nothing is done about it: see modes.refresh and refresh.on_drift")
            else:
                swept.suspect(target, target, why)


def _compare(swept: Sweep, endpoint: Endpoint, target: ResourceId, groups: Groups, cloud: str) -> bool:
    """What it claims and what it asks for: notes the names it has lost; true when some are not claimed yet."""
    own = {name: claim for name, claim in swept.claimed.get(endpoint.id, {}).items() if claim.target == target}
    # The list shows no addresses of services; which names the policy gives them does not depend on those.
    shown = endpoint if endpoint.pairs is not None else replace(endpoint, addresses=("0.0.0.0",))
    there = {zone.id for hub in swept.policy.hubs for zone in swept.zones.get(hub.name, ())}
    unlisted = {name.zone for name in own if (hub := swept.policy.hub_of(name.zone)) and hub.name not in swept.zones}
    expected = sweep_cosmos.expected(swept, endpoint, target)
    asked = claims.wanted(shown, target, swept.policy, cloud, groups, there | unlisted, expected)
    wanted = {claim.name for claim in asked.going_on(own).claims}
    lost = {n for n in own.keys() - wanted if not asked.keeps(n, own[n].fqdn) or not swept.policy.hub_of(n.zone)}
    swept.lost |= {(endpoint.id, name) for name in lost}
    return bool(wanted - own.keys())


def _facts(endpoint: Endpoint) -> str:
    return endpoint_facts(Seen(presence=Presence.PRESENT, endpoint=endpoint))
