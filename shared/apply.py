"""Do what a plan says, and only that: modes, caps on age, journal rows before calls, read-backs after decisions.

Modes are applied here and nowhere else. Refuses to interpret: an outcome is done, skipped, failed, refused, unknown,
conflict (look again) or open (sent, not read back yet). Order: reject, approve, put, delete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from .app import App, PolicyState
from .azure import memory as memories
from .azure.journal import Entry
from .azure.memory import Intent, Memory
from .azure.notify import MISMATCH
from .core.decide import decide
from .core.model import Connection, Decision, Name, RecordSet, Status, Verdict
from .core.plan import Change, Plan, completed
from .core.policy import Mode, Policy
from .errors import Conflict, Lasting, Passing, Unclear
from .observe import View
from .telemetry import Event, alert, log

FRESH = timedelta(seconds=4)  # law 1 says 5 s between the read and the call; the rest is for the journal row
_STATUS = {"approve": Status.APPROVED, "reject": Status.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    change: Change
    result: str
    detail: str = ""
    intent: Intent | None = None
    after: Connection | None = None


@dataclass(slots=True, kw_only=True)
class Work:
    """What applying needs: the view the plan was made from, the policy, the memory and the deadline."""

    plan: Plan
    view: View
    memory: Memory
    state: PolicyState
    app: App
    deadline: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    passing: Passing | None = None
    cut: bool = False
    unsent: bool = False
    """News could not be sent yet."""

    @property
    def policy(self) -> Policy:
        return self.state.policy

    def late(self) -> bool:
        self.cut = self.cut or self.app.now() >= self.deadline
        return self.cut


async def apply(work: Work) -> None:
    """Fills `work.outcomes`. `work.passing` is the first passing failure, raised by the caller after recording."""
    for kind, group in groupby(work.plan.changes, key=lambda change: change.kind):
        todo = [change for change in group if _may(work, change)]
        if kind in ("approve", "reject"):
            for change in todo:
                if work.passing is None and not work.late():
                    work.outcomes.append(await _decide(work, change))
        elif todo and work.passing is None and not work.late():
            work.outcomes += await _write_records(work, todo)


def without_off(plan: Plan, policy: Policy) -> Plan:
    """`off` means not even planned."""
    return replace(plan, changes=tuple(c for c in plan.changes if mode_of(c, policy) is not Mode.OFF))


def mode_of(change: Change, policy: Policy) -> Mode:
    if change.decision is not None:
        return policy.mode_of_rule(change.kind, change.decision.rule)
    hub = policy.hub_of(change.record.name.zone) if change.record else None
    return policy.mode(change.kind, hub)


def _may(work: Work, change: Change) -> bool:
    mode = mode_of(change, work.policy)
    if mode is Mode.APPLY and not change.blocked:
        return True
    why = change.blocked or f"mode of {change.kind} is {mode.value}"
    work.outcomes.append(Outcome(change=change, result="skipped", detail=why))
    return False


# --- decisions ------------------------------------------------------------------------------------


async def _decide(work: Work, change: Change) -> Outcome:
    decision = change.decision
    assert decision is not None and decision.connection.id is not None
    if why := await _suspended(work, change.kind):
        return Outcome(change=change, result="skipped", detail=why)
    try:
        if not await _still(work, decision):
            return Outcome(change=change, result="conflict", detail="it changed since it was read")
    except (Passing, Lasting) as wrong:
        return _failed(work, change, wrong)
    target, app = work.plan.target, work.app
    (intent,) = await app.journal.open(target, [entry(work, change)])
    try:
        await app.arm.decide(target, decision.connection, decision.verdict)
    except Unclear as lost:
        log(Event.CHANGE, str(lost), outcome="unknown", connection=change.subject)
        return replace(await _read_back(work, change, intent), intent=intent)
    except (Passing, Lasting, Conflict) as wrong:
        return await _refused(work, change, intent, wrong)
    return await _read_back(work, change, intent)


async def _suspended(work: Work, kind: str) -> str:
    """Confirmed before each decision: another worker may have a newer policy, or a person switched approvals off."""
    control = await work.app.desk.control()
    return suspensions(control.approvals, control.policy_valid, control.policy, work.state).get(kind, "")


def suspensions(approvals: bool, valid: bool, announced: str, state: PolicyState) -> dict[str, str]:
    """Kind of change to why it rests. Names of endpoints are kept right under the last good policy."""
    if not state.valid or not valid:
        first = (state.mistakes or "see another worker's log").splitlines()[0]
        text = f"the policy is invalid, nothing is decided or deleted: {first}"
        return dict.fromkeys(("approve", "reject", "delete", "refresh"), text)
    if announced and announced != state.hash:
        text = "another worker runs a newer policy; this one decides nothing until it is replaced"
        return dict.fromkeys(("approve", "reject", "delete", "refresh"), text)
    if not approvals:
        return dict.fromkeys(("approve", "reject"), "approvals are switched off")
    return {}


async def _still(work: Work, decision: Decision) -> bool:
    """Law 1: the facts behind a decision are at most 5 s old when it is sent; older ones are read again."""
    connection, view, app = decision.connection, work.view, work.app
    assert connection.id is not None and connection.endpoint is not None
    listed = next((c for c in view.connections if c.id == connection.id), None)
    leaned = listed is not None and (listed.groups, listed.guid) != (connection.groups, connection.guid)
    oldest = min(view.read_at[part] for part in (connection.id, *((connection.endpoint,) if leaned else ())))
    if app.now() - oldest < FRESH:
        return True
    fresh = await app.arm.connection(work.plan.target, connection.name)
    if fresh is None:
        return False
    if leaned:
        fresh = completed(fresh, await app.arm.endpoint(connection.endpoint), work.plan.target)
    again = decide(fresh, target=work.plan.target, policy=work.policy, now=app.now(), grants=work.memory.grants)
    same = (fresh.endpoint, fresh.guid) == (connection.endpoint, connection.guid)
    return same and again.verdict is decision.verdict


async def _read_back(work: Work, change: Change, intent: Intent) -> Outcome:
    """A decision is done when a read says so. Somebody else's endpoint under that name is the worst case there is."""
    decision = change.decision
    assert decision is not None
    try:
        after = await work.app.arm.connection(work.plan.target, decision.connection.name)
    except (Passing, Lasting) as wrong:
        return Outcome(change=change, result="open", detail=f"sent, not read back: {wrong}", intent=intent)
    result, detail = judged(decision.connection, change.kind, after)
    outcome = Outcome(change=change, result=result, detail=detail, intent=intent, after=after)
    if result == "mismatch" and after is not None:
        await undo(work, change, after)
        outcome = replace(outcome, result="failed")
    if outcome.result != "open":
        await work.app.journal.close(work.plan.target, intent, outcome.result, detail)
    return outcome


def judged(decided: Connection, kind: str, after: Connection | None) -> tuple[str, str]:
    """What one read says about a decision that was sent: (result, detail)."""
    if after is None:
        return "unknown", "the connection is gone"
    same_guid = not after.guid or not decided.guid or after.guid == decided.guid
    if after.endpoint != decided.endpoint or not same_guid:
        taken = after.status is Status.APPROVED and kind == "approve"
        return ("mismatch" if taken else "unknown"), f"the connection now belongs to {after.endpoint}"
    if after.status is _STATUS[kind]:
        return ("done", "") if after.settled else ("open", "accepted, not settled yet")
    if after.status is Status.PENDING:
        return "open", "accepted, still Pending"
    return "refused", f"it is {after.status.value}"


async def undo(work: Work, change: Change, after: Connection) -> None:
    """The only exception to law 4: our own approval of an endpoint that we did not decide on is rejected at once."""
    decision, target, app = change.decision, work.plan.target, work.app
    assert decision is not None
    meant = decision.connection.endpoint
    alert(
        f"approved {after.endpoint} instead of {meant}; rejecting it",
        connection=change.subject,
        endpoint=after.endpoint,
    )
    wrong = replace(
        change, kind="reject", why=f"approved by mistake: the connection was re-created by {after.endpoint}"
    )
    (intent,) = await app.journal.open(target, [entry(work, wrong)])
    try:
        await app.arm.decide(target, after, Verdict.REJECT)
        await app.journal.close(target, intent, "done", "")
    except (Unclear, Passing, Lasting, Conflict) as error:
        await app.journal.close(target, intent, "unknown", str(error))
        alert(f"could not reject {after.endpoint}: {error}; delete the connection by hand", connection=change.subject)
    await app.journal.settled(target, intent)
    data = {"connectionId": str(change.subject), "approved": str(after.endpoint), "decided": str(meant)}
    try:
        await app.notifier.send(MISMATCH, str(change.subject), data)
    except (Passing, Lasting) as error:
        log(Event.FAILED, f"news not sent: {error}")


async def _refused(work: Work, change: Change, intent: Intent, wrong: Exception) -> Outcome:
    """After any refusal: read again and decide from what is there (reference/private-endpoint-connections.md 3)."""
    target, app = work.plan.target, work.app
    outcome = _failed(work, change, wrong)
    if not isinstance(wrong, Passing):
        decision = change.decision
        assert decision is not None
        try:
            after = await app.arm.connection(target, decision.connection.name)
            result, detail = judged(decision.connection, change.kind, after)
            if result in ("done", "unknown", "refused"):
                outcome = Outcome(
                    change=change, result=result, detail=f"{detail or 'somebody was faster'} ({wrong})", after=after
                )
        except (Passing, Lasting):
            pass  # the refusal itself says enough
    await app.journal.close(target, intent, outcome.result, outcome.detail)
    return replace(outcome, intent=intent)


# --- records --------------------------------------------------------------------------------------


async def _write_records(work: Work, changes: Sequence[Change]) -> list[Outcome]:
    """All changes of one kind side by side; their rows are opened in one go before the first call."""
    intents = await work.app.journal.open(work.plan.target, [entry(work, change) for change in changes])
    gate = asyncio.Semaphore(8)

    async def one(change: Change, intent: Intent) -> Outcome:
        async with gate:
            return await _write_record(work, change, intent)

    return list(await asyncio.gather(*(one(c, i) for c, i in zip(changes, intents, strict=True))))


async def _write_record(work: Work, change: Change, intent: Intent) -> Outcome:
    record, app = change.record, work.app
    assert record is not None
    if work.late():
        outcome = Outcome(change=change, result="failed", detail="not sent: out of time")
    else:
        outcome = await _call(work, change, record)
    if outcome.result == "conflict":  # the precondition was refused; the next round plans from what is there
        await app.journal.close(work.plan.target, intent, "refused", outcome.detail)
        await app.journal.settled(work.plan.target, intent)
    elif outcome.result != "open":
        await app.journal.close(work.plan.target, intent, outcome.result, outcome.detail)
    return replace(outcome, intent=intent)


async def _call(work: Work, change: Change, record: RecordSet) -> Outcome:
    app = work.app
    try:
        if change.kind == "put":
            await memories.remember_record(app.tables, await app.dns.put(record, change.if_match))
        else:
            await app.dns.delete(record.name, change.if_match or "")
            await memories.forget_record(app.tables, record.name)
        return Outcome(change=change, result="done")
    except Conflict as wrong:
        return await _doubt(work, change, record.name, "conflict", str(wrong))
    except Unclear as lost:
        return await _doubt(work, change, record.name, "open", str(lost))
    except (Passing, Lasting) as wrong:
        return _failed(work, change, wrong)


async def _doubt(work: Work, change: Change, name: Name, result: str, detail: str) -> Outcome:
    """412, or no answer: what we remember of this record is worth nothing any more."""
    await memories.forget_record(work.app.tables, name)
    work.view.look.doubt.add(name)
    return Outcome(change=change, result=result, detail=detail)


# --- shared ---------------------------------------------------------------------------------------


def _failed(work: Work, change: Change, wrong: Exception) -> Outcome:
    if isinstance(wrong, Passing):
        work.passing = work.passing or wrong
    return Outcome(change=change, result="failed", detail=str(wrong))


def entry(work: Work, change: Change, mode: Mode = Mode.APPLY) -> Entry:
    """What the journal says of a change."""
    decision, record = change.decision, change.record
    details: dict[str, object] = {
        "why": change.why,
        "policy": work.state.hash,
        "mode": mode.value,
        "content": content(change),
    }
    grant = None
    if decision is not None:
        details |= {
            "verdict": change.kind,
            "rule": decision.rule or "",
            "by": decision.by or "policy",
            "reasons": list(decision.reasons),
            "endpoint": str(decision.connection.endpoint),
            "guid": decision.connection.guid or "",
        }
        if decision.by and decision.verdict.value == change.kind:
            grant = next((g for g in work.memory.grants if g.connection == change.subject and not g.spent), None)
    if record is not None:
        details |= {
            "record": str(record.name),
            "addresses": list(record.addresses),
            "endpoint": record.label("endpoint") or "",
        }
    return Entry(change=change.id, kind=change.kind, subject=change.subject, details=details, grant=grant)


def content(change: Change) -> str:
    """Enough to tell from a later read whether the change happened."""
    if change.decision is not None:
        return f"{change.decision.connection.endpoint}|{change.decision.connection.guid or ''}"
    return record_content(change.record) if change.record and change.kind == "put" else ""


def record_content(record: RecordSet | None) -> str:
    return f"{record.addresses}|{record.ttl}|{record.metadata}" if record else ""
