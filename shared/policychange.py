"""What a changed policy means for those who wait: shown first, then done, and not done where it is too much at once.

Before anything is decided under a new policy, what it would approve and reject is counted and told. More approvals than
its cap wait until a person releases them by their fingerprint. Refuses to decide: the targets are settled as always.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from . import surroundings
from .app import App
from .azure import memory as memories
from .azure.memory import Known
from .azure.notify import POLICY_CHANGED
from .azure.policies import Cap, fingerprint
from .core.cosmos import Barrier
from .core.decide import decide
from .core.ids import ResourceId
from .core.model import Connection, Decision, Grant, Status, Verdict
from .core.policy import Policy
from .core.policydiff import diff
from .errors import Conflict, Lasting, Passing
from .policysource import PolicyState
from .telemetry import Event, log

_LINES = 200  # of the difference that news carry
_ASKING = timedelta(seconds=20)  # what does not answer until then is not known, and counts as if it approved
_AT_ONCE = 16
_RELEASED = timedelta(days=1)
_WOULD = {
    "change": "the change of policy would approve {} connections",
    "sweep": "this sweep would approve {} connections",
    "deletions": "this sweep would delete {} records",
}
Waiting = tuple[ResourceId, Connection]


@dataclass(slots=True, kw_only=True)
class Consequences:
    """Pending connections that the policy would approve, might approve (something is not known), or reject."""

    approves: list[Waiting] = field(default_factory=list)
    may_approve: list[Waiting] = field(default_factory=list)
    rejects: list[Waiting] = field(default_factory=list)

    @property
    def approvals(self) -> list[Waiting]:
        return [*self.approves, *self.may_approve]

    @property
    def targets(self) -> list[ResourceId]:
        return sorted({target for target, _ in (*self.approvals, *self.rejects)})


async def show(app: App, state: PolicyState) -> None:
    """Once for each valid policy, at least once: news, a journal row, signals; then it may be acted on."""
    if not state.valid or (good := (await app.stored.read()).good) == state.hash:
        return
    before = await app.policies.before(await app.stored.text())
    found = await consequences(state.policy, app)
    cap = await _cap(app, state, found) if good else None
    for target in found.targets:
        await app.worklist.signal(target, target, "policy")
    lines = diff(before, state.policy) if before else ()
    await _tell(app, state, good, found, cap, lines)
    await send_owed(app)
    await app.stored.keep(state.hash, state.raw, (rule.name for rule in state.policy.rules))


async def consequences(policy: Policy, app: App) -> Consequences:
    """From what is remembered of those who wait; of them nothing is read, and what lies around only for a while."""
    found = Consequences()
    everything = sorted((await memories.everything_known(app.tables)).items())
    waits = [(target, one) for target, known in everything for row in known.values() if (one := waiting(row))]
    waits = [(target, connection) for target, connection in waits if policy.covers(target)]
    gate, until = asyncio.Semaphore(_AT_ONCE), app.now() + _ASKING

    async def ask(target: ResourceId, connection: Connection) -> Decision:
        async with gate:
            return await decided(connection, target, policy, app, ask=app.now() < until)

    decisions = await asyncio.gather(*(ask(*one) for one in waits))
    for one, decision in zip(waits, decisions, strict=True):
        if decision.verdict is Verdict.APPROVE:
            found.approves.append(one)
        elif decision.verdict is Verdict.REJECT:
            found.rejects.append(one)
        elif decision.missing:
            found.may_approve.append(one)
    return found


def waiting(row: Known) -> Connection | None:
    """A Pending connection as it is remembered; None when it is not Pending."""
    identity = ResourceId.read(row.connection)
    if identity is None or row.status != Status.PENDING.value:
        return None
    return Connection(
        id=identity,
        name=identity.name,
        endpoint=row.endpoint,
        guid=row.guid,
        status=Status.PENDING,
        settled=True,
        groups=row.groups or None,
    )


async def decided(
    connection: Connection,
    target: ResourceId,
    policy: Policy,
    app: App,
    grants: Iterable[Grant] = (),
    ask: bool = True,
    barrier: Barrier | None = None,
) -> Decision:
    """With what lies around it as remembered or read: enough to hold, to count and to suspect, never to act on."""
    own = [grant for grant in grants if grant.connection == connection.id]
    wants = surroundings.lacking([connection], target, policy, app.now(), own)
    around = replace((await app.surroundings.read(target, wants, ask=ask)).around, barrier=barrier)
    return decide(connection, target=target, policy=policy, now=app.now(), grants=own, around=around)


async def _cap(app: App, state: PolicyState, found: Consequences) -> Cap:
    most = state.policy.caps.approvals_per_policy_change
    cap = capped("change", state.hash, ((target, one.id) for target, one in found.approvals), most)
    return await put(app, cap, most)


def capped(cause: str, policy: str, asked: Iterable[tuple[ResourceId, ResourceId | None]], most: int) -> Cap:
    """`asked`: (target, connection that would be approved, or record that would be deleted)."""
    listed = [(target, one) for target, one in asked if one is not None]
    if len(listed) <= most:
        return Cap(cause=cause, policy=policy)
    hashes = frozenset(one.hash for _, one in listed)
    return _closed(cause, policy, hashes, frozenset(str(target) for target, _ in listed), most)


def _closed(cause: str, policy: str, connections: frozenset[str], targets: frozenset[str], most: int) -> Cap:
    mark = fingerprint(cause, policy, connections)
    why = f"{_WOULD[cause].format(len(connections))} at once, more than {most}"
    return Cap(
        cause=cause,
        policy=policy,
        fingerprint=mark,
        connections=connections,
        targets=tuple(sorted(targets)),
        why=f"{why}; look at them, then release them with POST /api/settle and fingerprint {mark}",
    )


async def put(app: App, cap: Cap, most: int, saw_all: bool = True) -> Cap:
    """What a person released stays released while nothing new joins it. A look that did not see everything may close
    a cap, but neither opens one nor forgets whom it holds."""
    old = (await app.stored.read()).cap(cap.cause)
    # What would be deleted is the same under any policy; what would be approved is another question under another one.
    same = old is not None and (old.policy == cap.policy or cap.cause == "deletions")
    if old is not None and same and old.released_by and _covers(old, cap, app.now(), saw_all):
        cap = replace(cap, released_by=old.released_by, connections=old.connections, fingerprint=old.fingerprint)
    elif old is not None and same and old.closed and not saw_all:
        both, targets = old.connections | cap.connections, frozenset((*old.targets, *cap.targets))
        known = both == old.connections and old.policy == cap.policy
        cap = old if known else _closed(cap.cause, cap.policy, both, targets, most)
    try:
        if old is None or _facts(old) != _facts(cap):
            await app.stored.put(replace(cap, etag=old.etag if old else ""))
    except Conflict:
        return await put(app, cap, most, saw_all)
    return cap


def _covers(old: Cap, cap: Cap, now: datetime, saw_all: bool) -> bool:
    """Deletions are released for a day, and until they are done: names may be lost again for another reason."""
    done = saw_all and not cap.connections
    if cap.cause == "deletions" and (done or old.at is None or now - old.at >= _RELEASED):
        return False
    return cap.connections <= old.connections


def _facts(cap: Cap) -> tuple[object, ...]:
    return cap.connections, cap.policy, bool(cap.released_by)


async def held_back(asked: Iterable[ResourceId], state: PolicyState, app: App) -> Mapping[ResourceId, str]:
    """Connection to why its approval, record to why its deletion waits for a person."""
    # What would be deleted waits whatever the policy is by now: an edited comment releases nothing.
    stored = (await app.stored.read()).caps
    caps = [cap for cap in stored if cap.closed and (cap.policy == state.hash or cap.cause == "deletions")]
    return {one: cap.why for one in asked for cap in caps if cap.holds(one)}


async def release(app: App, mark: str, by: str) -> Cap | None:
    """The cap with this fingerprint, released now; None when there is none. Raises Conflict when it was released."""
    cap = next((cap for cap in (await app.stored.read()).caps if cap.fingerprint == mark and cap.connections), None)
    if cap is None:
        return None
    if cap.released_by:
        raise Conflict(f"released already by {cap.released_by}")
    await app.stored.put(replace(cap, released_by=by))
    for target in cap.targets:
        resource = ResourceId.parse(target)
        await app.worklist.signal(resource, resource, "policy")
    log(Event.POLICY, f"released by {by}: {cap.why}", fingerprint=mark)
    await app.journal.announce("release", by, cap.why, {"policy": cap.policy, "fingerprint": mark})
    return cap


async def _tell(
    app: App,
    state: PolicyState,
    before: str,
    found: Consequences,
    cap: Cap | None,
    lines: tuple[str, ...],
) -> None:
    closed = cap.why if cap is not None and cap.closed else ""
    text = (
        f"policy {state.hash}: approves {len(found.approves)} that wait, may approve {len(found.may_approve)}, "
        f"rejects {len(found.rejects)}{f'; {closed}' if closed else ''}"
    )
    log(Event.POLICY, text, count=len(lines))
    if not before:
        return
    data = {
        "policy": state.hash,
        "previous": before,
        "diff": list(lines[:_LINES]),
        "approves": [str(connection.id) for _, connection in found.approves[:_LINES]],
        "mayApprove": [str(connection.id) for _, connection in found.may_approve[:_LINES]],
        "rejects": [str(connection.id) for _, connection in found.rejects[:_LINES]],
        "waitsForRelease": cap.fingerprint if closed and cap else None,
        "summary": text,
    }
    await app.journal.announce("policy", "policy", text, {"policy": state.hash, "diff": list(lines[:_LINES])})
    await app.stored.owe(data)


async def send_owed(app: App) -> None:
    """News of a change that were not sent yet; a topic that is down must not keep anybody from working."""
    data = await app.stored.owed()
    if not data:
        return
    try:
        await app.notifier.send(POLICY_CHANGED, str(data["policy"]), data)
    except Lasting as wrong:
        log(Event.FAILED, f"news not sent: {wrong}")
    except Passing as wrong:
        log(Event.LATER, f"news not sent, the next watch tries again: {wrong}")
        return
    await app.stored.paid()
