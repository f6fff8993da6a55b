"""The sweep at the targets: who waits there, what changed, what came or went, and what services approve by themselves.

Refuses to read more than lists, and to decide: a suspect is settled with its own fresh reads.
"""

from __future__ import annotations

from . import policychange, sweep_cosmos
from .app import App
from .azure.inventory import Found, Unread
from .azure.linklists import link_services
from .azure.memory import Known
from .azure.providers import provider
from .core.cosmos import Barrier
from .core.exposure import differences
from .core.ids import ResourceId, fold
from .core.model import Connection, Status, Verdict
from .core.plan import completed
from .errors import Lasting, Passing
from .learned import from_memory
from .swept import Sweep
from .view import current


async def targets(swept: Sweep, app: App, pending_only: bool) -> None:
    for subscription in await _scope(swept, app):
        seen: set[ResourceId] = set()
        unread: set[str] = set()
        try:
            async for found in app.inventory.targets(subscription):
                if isinstance(found, Unread):
                    unread.add(found.type)
                    swept.incomplete(found.why)
                    continue
                seen.add(found.target)
                await _target(swept, app, found, pending_only)
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
            continue
        if not pending_only:
            for target, known in swept.known.items():
                listed = any(row.connection for row in known.values())  # else its going was news already
                ours = target.subscription.lower() == subscription and fold(target.type) not in unread
                if listed and ours and target not in seen:
                    swept.suspect(target, target, "the target is not listed any more")
                    swept.gone |= {(target, endpoint) for endpoint in known}


async def _scope(swept: Sweep, app: App) -> list[str]:
    if swept.policy.scope is not None:
        return sorted(swept.policy.scope)
    try:
        return await app.inventory.subscriptions()
    except (Passing, Lasting) as wrong:
        swept.incomplete(str(wrong))
        return []


async def _target(swept: Sweep, app: App, found: Found, pending_only: bool) -> None:
    connections = found.connections
    swept.count("targets")
    kind = provider(found.target.type)
    if kind is not None and kind.retired is not None:
        instead = f"; instead: {kind.instead}" if kind.instead else ""
        swept.find(f"{kind.type} is retired, or will be, on {kind.retired}{instead}")
    if found.target.is_a("Microsoft.Network/privateLinkServices"):
        swept.services.add(found.target)
    if connections is None:
        if pending_only or swept.late(app.now()):
            return
        try:
            listing = await app.arm.connections(found.target)
        except Passing as wrong:
            swept.incomplete(str(wrong))
            return
        if not listing.complete:
            swept.incomplete(listing.why)
            return
        connections = listing.connections
    if found.account is not None:
        swept.accounts[found.target] = found.account
    known = swept.known.get(found.target, {})
    if not pending_only:
        sweep_cosmos.account(swept, found, connections)
    for connection in connections:
        swept.count("connections")
        if connection.endpoint is not None and connection is not current(connections, connection.endpoint):
            continue  # a stale one beside the current one
        if connection.endpoint is not None and connection.status in (Status.REJECTED, Status.DISCONNECTED):
            swept.gone.add((found.target, connection.endpoint))
        why = await _worth_a_look(connection, found.target, known, swept, app, found.barrier)
        if why and (connection.status is Status.PENDING or not pending_only):
            swept.suspect(found.target, found.target, why)
    listed = {connection.endpoint for connection in connections}
    if not pending_only:
        for endpoint, row in known.items():
            if row.connection and endpoint not in listed:
                swept.suspect(found.target, found.target, f"the connection of {endpoint.name} is gone")
                swept.gone.add((found.target, endpoint))


async def _worth_a_look(
    connection: Connection,
    target: ResourceId,
    known: dict[ResourceId, Known],
    swept: Sweep,
    app: App,
    barrier: Barrier | None = None,
) -> str:
    row = known.get(connection.endpoint) if connection.endpoint else None
    if row is None and connection.endpoint is not None:
        await _first_sight(connection, target, swept, app)
        return f"a {connection.status.value} connection that we have not seen"
    if row is None:
        return "a connection without an endpoint"
    if row.connection and ResourceId.read(row.connection) != connection.id:
        await _first_sight(connection, target, swept, app)
        return "it is another request than the one we have seen"
    if row.status != connection.status.value:
        return f"it was {row.status or 'unknown'} and is {connection.status.value}"
    changed = "the policy changed since it was looked at" if row.policy != swept.policy.hash else ""
    if connection.status is not Status.PENDING:
        return changed
    remembered = completed(connection, from_memory(row, target), target)
    decision = await policychange.decided(
        remembered, target, swept.policy, app, swept.grants, not swept.late(app.now()), barrier
    )
    if decision.verdict is Verdict.APPROVE and decision.rule:  # what people decided one by one is no mass
        swept.approving.append((target, connection))
    if decision.verdict in (Verdict.APPROVE, Verdict.REJECT):
        return f"it waits, and {decision.by or 'the policy'} says {decision.verdict.value}"
    if row.link == "unreadable" and decision.missing:
        return "its endpoint could not be read when it was looked at"
    return changed


async def _first_sight(connection: Connection, target: ResourceId, swept: Sweep, app: App) -> None:
    """Nobody told us of it: whether it will be approved counts before it is looked at."""
    if connection.status is Status.PENDING and swept.policy.covers(target):
        decision = await policychange.decided(connection, target, swept.policy, app, ask=not swept.late(app.now()))
        if decision.verdict is Verdict.APPROVE or decision.missing:
            swept.approving.append((target, connection))


async def services(swept: Sweep, app: App) -> None:
    """Private Link Services decide some requests by themselves: whom, is compared with the policy."""
    for subscription in sorted({target.subscription.lower() for target in swept.services}):
        try:
            for exposure in await link_services(app.clients, subscription):
                swept.findings += differences(exposure, swept.policy, app.now())
        except (Passing, Lasting) as wrong:
            swept.incomplete(str(wrong))
