"""The drift audit: look at everything with list calls, compare with memory, put suspects on the worklist.

Finds what events missed: requests never announced, records deleted or changed by hand, orphaned records of ours,
endpoints that came or went. Refuses to repair: every suspect is settled by the one route, with its own fresh reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from . import granting, policychange
from .app import App
from .azure import claims as book
from .azure import memory as memories
from .azure.inventory import Found
from .azure.linklists import link_services
from .azure.memory import Known
from .azure.providers import provider
from .core import names
from .core.exposure import differences
from .core.ids import ResourceId
from .core.lint import lint
from .core.model import Claim, Connection, Endpoint, Name, Presence, RecordSet, Seen, Status, Verdict
from .core.names import Mark
from .core.plan import completed
from .core.policy import Policy
from .errors import Lasting
from .learned import from_memory
from .telemetry import Event, log
from .view import endpoint_facts

_FIRST_SWEEP = timedelta(minutes=5)
Memory = dict[ResourceId, dict[ResourceId, Known]]
Waiting = policychange.Waiting


@dataclass(slots=True, kw_only=True)
class Sweep:
    """What one sweep found. Not `complete` when anything could not be read: it then proves nothing."""

    policy: Policy
    known: Memory
    complete: bool = True
    suspects: dict[tuple[ResourceId, ResourceId], str] = field(default_factory=dict)
    """(target, subject) to why it is worth a settle."""
    findings: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    unclaimed: int = 0
    services: set[ResourceId] = field(default_factory=set)
    approving: list[Waiting] = field(default_factory=list)
    """Pending connections that the policy approves: too many at once wait for a person."""

    def suspect(self, target: ResourceId, subject: ResourceId, why: str) -> None:
        if self.policy.covers(target):
            self.suspects.setdefault((target, subject), why)

    def find(self, text: str) -> None:
        if text not in self.findings:
            self.findings.append(text)

    def count(self, what: str, more: int = 1) -> None:
        self.counted[what] = self.counted.get(what, 0) + more

    def report(self) -> dict[str, object]:
        return {
            "complete": self.complete,
            "counted": self.counted,
            "suspects": [
                {"target": str(target), "subject": str(subject), "why": why}
                for (target, subject), why in sorted(self.suspects.items())
            ],
            "findings": self.findings,
        }


async def sweep(app: App, dry: bool = False) -> Sweep:
    """The whole audit. `dry`: only look and report, put nothing on the worklist. Raises Passing."""
    state = await app.policy()
    await policychange.show(app, state)
    swept = Sweep(policy=state.policy, known=await memories.everything_known(app.tables))
    await _targets(swept, app, pending_only=False)
    await _endpoints(swept, app)
    await _records(swept, app)
    await _services(swept, app)
    swept.findings += [f"policy: {note}" for note in lint(state.policy, app.now(), await app.stored.used())]
    if not dry:
        await granting.clean(app)
        await _hand_over(swept, app, "sweep")
        if swept.complete and not swept.unclaimed and state.valid:
            await app.desk.claims_complete()
        await app.desk.swept(swept.report())
    text = f"{len(swept.suspects)} suspect(s), {len(swept.findings)} finding(s)"
    log(Event.SWEPT, text + ("" if swept.complete else "; not everything could be read"), count=len(swept.suspects))
    return swept


async def watch(app: App) -> Sweep:
    """The pending watch: requests that raised no event at all. One list call for each type and subscription."""
    state = await app.policy()
    await policychange.show(app, state)
    await policychange.send_owed(app)
    watched = Sweep(policy=state.policy, known=await memories.everything_known(app.tables))
    await _targets(watched, app, pending_only=True)
    await _hand_over(watched, app, "watch")
    control = await app.desk.control()
    if not control.claims_complete and (control.swept is None or app.now() - control.swept > _FIRST_SWEEP):
        return await sweep(app)  # a new deployment may delete nothing before it has seen every claim
    return watched


async def _hand_over(swept: Sweep, app: App, cause: str) -> None:
    most = swept.policy.caps.approvals_per_sweep
    cap = policychange.capped("sweep", swept.policy.hash, swept.approving, most, "this sweep")
    if (await policychange.put(app, cap)).closed:
        swept.findings.append(cap.why)
    for (target, subject), why in sorted(swept.suspects.items()):
        log(Event.SIGNAL, f"{subject.name}: {why}", target=target, cause=cause)
        await app.worklist.signal(target, subject, cause)


# --- the targets' side ------------------------------------------------------------------------------


async def _targets(swept: Sweep, app: App, pending_only: bool) -> None:
    for subscription in await _scope(swept, app):
        seen: set[ResourceId] = set()
        try:
            async for found in app.inventory.targets(subscription):
                seen.add(found.target)
                await _target(swept, app, found, pending_only)
        except Lasting as wrong:
            _incomplete(swept, str(wrong))
            continue
        if not pending_only:
            for target, known in swept.known.items():
                listed = any(row.connection for row in known.values())  # else its going was news already
                if listed and target.subscription.lower() == subscription and target not in seen:
                    swept.suspect(target, target, "the target is not listed any more")


async def _scope(swept: Sweep, app: App) -> list[str]:
    if swept.policy.scope is not None:
        return sorted(swept.policy.scope)
    try:
        return await app.inventory.subscriptions()
    except Lasting as wrong:
        _incomplete(swept, str(wrong))
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
        if pending_only:
            return
        listing = await app.arm.connections(found.target)
        if not listing.complete:
            _incomplete(swept, listing.why)
            return
        connections = listing.connections
    known = swept.known.get(found.target, {})
    for connection in connections:
        swept.count("connections")
        why = await _worth_a_look(connection, found.target, known, swept, app)
        if why and (connection.status is Status.PENDING or not pending_only):
            swept.suspect(found.target, found.target, why)
    listed = {connection.endpoint for connection in connections}
    if not pending_only:
        for endpoint, row in known.items():
            if row.connection and endpoint not in listed:
                swept.suspect(found.target, found.target, f"the connection of {endpoint.name} is gone")


async def _worth_a_look(
    connection: Connection, target: ResourceId, known: dict[ResourceId, Known], swept: Sweep, app: App
) -> str:
    row = known.get(connection.endpoint) if connection.endpoint else None
    if row is None and connection.endpoint is not None:
        await _first_sight(connection, target, swept, app)
        return f"a {connection.status.value} connection that we have not seen"
    if row is None:
        return "a connection without an endpoint"
    if row.status != connection.status.value:
        return f"it was {row.status or 'unknown'} and is {connection.status.value}"
    changed = "the policy changed since it was looked at" if row.policy != swept.policy.hash else ""
    if connection.status is not Status.PENDING:
        return changed
    remembered = completed(connection, from_memory(row, target), target)
    decision = await policychange.decided(remembered, target, swept.policy, app)
    if decision.verdict is Verdict.APPROVE:
        swept.approving.append((target, connection))
    if decision.verdict in (Verdict.APPROVE, Verdict.REJECT):
        return f"it waits, and the policy says {decision.verdict.value}"
    return changed


async def _first_sight(connection: Connection, target: ResourceId, swept: Sweep, app: App) -> None:
    """Nobody told us of it: whether it will be approved counts before it is looked at."""
    if connection.status is Status.PENDING and swept.policy.covers(target):
        decision = await policychange.decided(connection, target, swept.policy, app)
        if decision.verdict is Verdict.APPROVE or decision.missing:
            swept.approving.append((target, connection))


async def _services(swept: Sweep, app: App) -> None:
    """Private Link Services decide some requests by themselves: whom, is compared with the policy."""
    for subscription in sorted({target.subscription.lower() for target in swept.services}):
        try:
            for exposure in await link_services(app.clients, subscription):
                swept.findings += differences(exposure, swept.policy, app.now())
        except Lasting as wrong:
            _incomplete(swept, str(wrong))


# --- the endpoints' side ----------------------------------------------------------------------------


async def _endpoints(swept: Sweep, app: App) -> None:
    for subscription in await _served(swept, app):
        try:
            listed = {endpoint.id: endpoint for endpoint in await app.inventory.endpoints(subscription)}
        except Lasting as wrong:
            _incomplete(swept, str(wrong))
            continue
        swept.count("endpoints", len(listed))
        for endpoint in listed.values():
            _endpoint(swept, endpoint)
        for target, known in swept.known.items():
            for row in known.values():
                if row.endpoint.subscription.lower() == subscription and row.endpoint not in listed:
                    swept.suspect(target, row.endpoint, "the endpoint is not listed any more")


async def _served(swept: Sweep, app: App) -> list[str]:
    if any(hub.all for hub in swept.policy.hubs):
        try:
            return await app.inventory.subscriptions()
        except Lasting as wrong:
            _incomplete(swept, str(wrong))
    return sorted({subscription for hub in swept.policy.hubs for subscription in hub.subscriptions})


def _endpoint(swept: Sweep, endpoint: Endpoint) -> None:
    for link in endpoint.links:
        target = link.target
        if target is None or not swept.policy.covers(target):
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


# --- the records ------------------------------------------------------------------------------------


async def _records(swept: Sweep, app: App) -> None:
    remembered = await book.all_names(app.tables)
    mark = app.mark(swept.policy)
    for hub in swept.policy.hubs:
        present: dict[Name, RecordSet] = {}
        try:
            for zone in await app.dns.zones(hub.zones):
                present.update({record.name: record for record in await app.dns.records(zone)})
        except Lasting as wrong:
            _incomplete(swept, str(wrong))
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


def _incomplete(swept: Sweep, why: str) -> None:
    swept.complete = False
    swept.findings.append(why)
