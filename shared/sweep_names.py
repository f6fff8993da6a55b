"""The sweep at the endpoints and their records: new, gone or changed endpoints, missing, changed or orphaned records.

Refuses to read more than lists, and to repair.
"""

from __future__ import annotations

from .app import App
from .azure import claims as book
from .core import claims, names
from .core.ids import ResourceId
from .core.model import Claim, Endpoint, Name, Presence, RecordSet, Seen, Status
from .core.names import Mark
from .errors import Lasting, Passing
from .swept import Sweep
from .view import endpoint_facts


async def endpoints(swept: Sweep, app: App) -> None:
    for subscription in await _served(swept, app):
        try:
            listed = {endpoint.id: endpoint for endpoint in await app.inventory.endpoints(subscription)}
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
            continue
        swept.count("endpoints", len(listed))
        for endpoint in listed.values():
            _endpoint(swept, endpoint)
        for target, known in swept.known.items():
            for row in known.values():
                if row.endpoint.subscription.lower() == subscription and row.endpoint not in listed:
                    swept.suspect(target, row.endpoint, "the endpoint is not listed any more")


async def _served(swept: Sweep, app: App) -> list[str]:
    if any(hub.serves.all or hub.serves.networks or hub.serves.management_groups for hub in swept.policy.hubs):
        try:
            return await app.inventory.subscriptions()
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
    return sorted({subscription for hub in swept.policy.hubs for subscription in hub.serves.subscriptions})


def _endpoint(swept: Sweep, endpoint: Endpoint) -> None:
    for target in claims.targets(endpoint, swept.policy):
        link = endpoint.link_to(target)
        if link is None:
            continue
        row = swept.known.get(target, {}).get(endpoint.id)
        approved = link.status is Status.APPROVED
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


def _facts(endpoint: Endpoint) -> str:
    return endpoint_facts(Seen(presence=Presence.PRESENT, endpoint=endpoint))


async def records(swept: Sweep, app: App) -> None:
    remembered = await book.all_names(app.tables)
    mark = app.mark(swept.policy)
    for hub in swept.policy.hubs:
        present: dict[Name, RecordSet] = {}
        try:
            for zone in await app.dns.zones(hub.zones):
                present.update({record.name: record for record in await app.dns.records(zone)})
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
            continue
        swept.count("records", len(present))
        for name in sorted(present.keys() | {n for n in remembered if hub.zones.contains(n.zone)}):
            claims, memory = remembered.get(name, ((), None))
            _record(swept, mark, name, claims, memory, present.get(name))


def _record(
    swept: Sweep, mark: Mark, name: Name, claims: tuple[Claim, ...], memory: RecordSet | None, present: RecordSet | None
) -> None:
    claim = names.holder(claims, present)
    if present is None:
        if claim is not None:
            swept.suspect(claim.target, name.id, "its record is missing")
        return
    ours = mark.owns(present)
    if claim is None:
        target = ResourceId.read(present.label("target"))
        if ours and target is not None:
            swept.suspect(target, name.id, "an orphaned record of ours")
        elif ours:
            swept.findings.append(f"{name}: our record names no target; delete it by hand")
    elif ours and (present.addresses != claim.addresses or memory is None or memory.etag != present.etag):
        swept.suspect(claim.target, name.id, "its record was changed")
    elif not ours and present.addresses != claim.addresses:
        swept.findings.append(f"{name}: a record that is not ours is in the way of {claim.endpoint.name}")
