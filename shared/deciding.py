"""Send decisions: confirmed just before, journalled, sent once, read back. Law 1 lives here.

Refuses to take a decision's answer for its outcome: only what a read shows afterwards counts, and a connection that
turns out to belong to another endpoint than the one decided on is rejected at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from . import limits, managed, surroundings
from .azure import memory as memories
from .azure.memory import Intent
from .azure.notify import MISMATCH
from .core.around import NOTHING_READ
from .core.cosmos import ACCOUNT
from .core.decide import decide
from .core.model import Connection, Decision, Status, Verdict
from .core.plan import Change, Snapshot, completed, explained
from .errors import Conflict, Lasting, Passing, Unclear
from .outcome import Outcome, Work, entry, failed
from .policysource import PolicyState
from .telemetry import Event, alert, log

# Law 1 says 5 s between the read and the call. What is older before the journal row is read again, what is older
# after it is not sent: the row may have taken long.
FRESH, SENT_BY = timedelta(seconds=3), timedelta(seconds=4)
_STATUS = {"approve": Status.APPROVED, "reject": Status.REJECTED}


async def send(work: Work, change: Change) -> Outcome:
    decision, target, app = change.decision, work.plan.target, work.app
    assert decision is not None
    confirmed = app.now()
    state = await app.policy(confirm=True)
    if (state.hash, state.valid) != (work.state.hash, work.state.valid):
        return Outcome(change=change, result="conflict", detail="the policy changed since it was read")
    if why := await _suspended(work, change.kind):
        return Outcome(change=change, result="skipped", detail=why)
    try:
        read = await _still(work, decision)
        slot = await limits.take(work, decision) if read is not None else None
    except (Passing, Lasting) as wrong:
        return failed(work, change, wrong)
    if read is None:
        return Outcome(change=change, result="conflict", detail="it changed since it was read")
    if slot is not None and not slot.taken:
        return Outcome(change=change, result="skipped", detail=slot.why)
    try:
        (intent,) = await app.journal.open(target, [entry(work, change)])
    except Conflict:
        return Outcome(change=change, result="conflict", detail="the grant changed since it was read")
    if not await managed.expect(work, change) or app.now() - min(read, confirmed) > SENT_BY:
        return await _too_late(work, change, intent)
    try:
        await app.arm.decide(target, decision.connection, decision.verdict)
    except Unclear as lost:
        log(Event.CHANGE, str(lost), outcome="unknown", connection=change.subject)
        return await _after_doubt(work, change, intent, lost)
    except (Passing, Lasting, Conflict) as wrong:
        return await _refused(work, change, intent, wrong)
    return await _read_back(work, change, intent)


async def _too_late(work: Work, change: Change, intent: Intent) -> Outcome:
    why = "not sent: writing the journal took so long that the read is old"
    await work.app.journal.close(work.plan.target, intent, "failed", why)
    await work.app.journal.give_back(work.plan.target, intent)
    return Outcome(change=change, result="conflict", detail=why)


async def _after_doubt(work: Work, change: Change, intent: Intent, lost: Unclear) -> Outcome:
    """The read decides. A server that answered with a fault and left the connection Pending is tried again later."""
    outcome = await _read_back(work, change, intent)
    after = outcome.after
    if outcome.result == "open" and lost.answered and after and after.settled and after.status is Status.PENDING:
        await work.app.journal.close(work.plan.target, intent, "unknown", f"{lost}; it is still Pending")
        await work.app.journal.give_back(work.plan.target, intent)
        return replace(failed(work, change, Passing(str(lost))), after=after)
    return replace(outcome, intent=intent)


async def _suspended(work: Work, kind: str) -> str:
    """Confirmed before each decision: another worker may have a newer policy, or a person switched approvals off."""
    control = await work.app.desk.control()
    return suspensions(control.approvals, control.policy_valid, control.policy, work.state).get(kind, "")


async def _still(work: Work, decision: Decision) -> datetime | None:
    """When the facts behind a decision were read: old ones are read again. None: they do not carry it any more."""
    connection, view, app = decision.connection, work.view, work.app
    assert connection.id is not None
    assert connection.endpoint is not None
    listed = next((c for c in view.connections if c.id == connection.id), None)
    leaned = listed is not None and (listed.groups, listed.guid) != (connection.groups, connection.guid)
    oldest = min(view.read_at[part] for part in (connection.id, *((connection.endpoint,) if leaned else ())))
    if view.found is not None:
        oldest = min(oldest, view.found.at)
    start = app.now()
    if start - oldest < FRESH:
        return oldest
    fresh = await app.arm.connection(work.plan.target, connection.name)
    if fresh is None:
        return None
    if leaned:
        fresh = completed(fresh, await app.arm.endpoint(connection.endpoint), work.plan.target)
    again = await _decided_again(work, fresh)
    same = (fresh.endpoint, fresh.guid) == (connection.endpoint, connection.guid)
    # Another rule has another limit, another mode: what it would approve is another decision.
    agrees = (again.verdict, again.rule, again.by) == (decision.verdict, decision.rule, decision.by)
    return start if same and agrees else None


async def _decided_again(work: Work, fresh: Connection) -> Decision:
    """With surroundings as fresh as the connection. Who else waits here counts where a managed endpoint decides."""
    app, view, policy, target = work.app, work.view, work.policy, work.plan.target
    found = await surroundings.again(view, app)
    around = replace(found.around if found else NOTHING_READ, full=view.full)
    is_account = target.is_a(ACCOUNT)
    listing = await app.arm.connections(target) if view.wants.services or is_account else None
    if listing is not None and is_account:
        around = replace(around, barrier=listing.barrier)
    if view.wants.services and listing is not None:
        others = [fresh if c.id == fresh.id else c for c in listing.connections]
        incomplete = "" if listing.complete else listing.why
        full = dict.fromkeys(view.full, "")
        seen = Snapshot(
            target=target, grants=tuple(work.memory.grants), around=around, incomplete=incomplete, full=full
        )
        around = explained(others, seen, policy, app.now())
    return decide(fresh, target=target, policy=policy, now=app.now(), grants=work.memory.grants, around=around)


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
    if outcome.result == "done":
        await remember_ours(work, change.kind, after)
    if outcome.result != "open":
        await work.app.journal.close(work.plan.target, intent, outcome.result, detail)
    return outcome


async def remember_ours(work: Work, kind: str, after: Connection | None) -> None:
    """What we approved ourselves is known by this row, not by the public text, which anybody may use."""
    if kind == "approve" and after is not None and after.id and after.endpoint and after.by_us:
        await memories.approved(work.app.tables, work.plan.target, after.id, after.endpoint)
        work.memory.approved.add((after.id, after.endpoint))


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
    what = "approved" if after.by_us else "found approved"
    alert(f"{what} {after.endpoint} instead of {meant}", connection=change.subject, endpoint=after.endpoint)
    if not after.by_us:
        return  # somebody else's approval: law 4
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
    outcome = failed(work, change, wrong)
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
    if work.passing is not None:  # nothing happened: the grant is good for the next try
        await app.journal.give_back(target, intent)
        return outcome
    return replace(outcome, intent=intent)


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
