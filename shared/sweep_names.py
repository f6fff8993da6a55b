"""The sweep at the endpoints: new, gone or changed ones. Refuses to read more than lists, and to repair."""

from __future__ import annotations

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
        for endpoint in listed.values():
            _endpoint(swept, endpoint, groups, app.settings.cloud)
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


def _endpoint(swept: Sweep, endpoint: Endpoint, groups: Groups, cloud: str) -> None:
    for target in claims.targets(endpoint, swept.policy):
        link = endpoint.link_to(target)
        if link is None:
            continue
        row = swept.known.get(target, {}).get(endpoint.id)
        approved = link.status is Status.APPROVED
        unclaimed = _compare(swept, endpoint, target, groups, cloud) if endpoint.pairs is not None else False
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


def _compare(swept: Sweep, endpoint: Endpoint, target: ResourceId, groups: Groups, cloud: str) -> bool:
    """What it claims and what it asks for: notes the names it has lost; true when some are not claimed yet."""
    mine = {name for name in swept.claimed.get(endpoint.id, ()) if swept.claimed[endpoint.id][name] == target}
    asked = claims.wanted(endpoint, target, swept.policy, cloud, groups, legacy={name.zone for name in mine})
    wanted = {claim.name for claim in asked.claims}
    swept.lost |= {(endpoint.id, name) for name in mine - wanted if not asked.keeps(name)}
    return bool(wanted - mine)


def _facts(endpoint: Endpoint) -> str:
    return endpoint_facts(Seen(presence=Presence.PRESENT, endpoint=endpoint))
