"""Write down what a settle saw and did: memory, failures, and when to look again.

Comes after apply. Refuses to touch Azure: only tables, news and the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import closing, telling
from .azure import backoff
from .azure import claims as book
from .azure import memory as memories
from .azure.memory import Memory
from .azure.worklist import Item
from .core.model import Name
from .learned import learned
from .outcome import Outcome, Work
from .telemetry import Event, log

if TYPE_CHECKING:
    from .settle import Report

_AFTER_APPROVAL = timedelta(seconds=2)
_REQUESTED = (20, 120, 600)  # seconds; a proxy write can precede the moment the connection is listed (events.md 2)
_WAITING = (3, 10, 30, 120, 600)
_REFRESHING = (60, 180, 300, 60, 120, 300, 600)  # Cosmos endpoints took nine minutes (reference/cosmos.md 4)
_YOUNG = timedelta(minutes=15)
_LASTING = {"failed", "refused"}
_ASKS = {"sweep", "policy", "by hand"}


async def record(work: Work, item: Item, report: Report) -> None:
    await _close(work)
    await _used(work)
    await _failures(work)
    _take_read_backs(work)
    if work.passing is None:
        await _remember(work)
    await telling.hold(work)
    await telling.note(work)
    _look_again(work, item, report)
    for outcome in work.outcomes:
        _log(outcome, work)


async def _close(work: Work) -> None:
    for outcome in work.outcomes:
        if outcome.intent is not None and outcome.result not in ("open", "conflict"):
            sent = await closing.finish(work.app, work.plan.target, outcome.intent, outcome.result)
            work.unsent = work.unsent or not sent


async def _used(work: Work) -> None:
    """When each rule last decided something: a rule that nobody uses is better gone."""
    for rule in {o.change.decision.rule for o in work.outcomes if o.result == "done" and o.change.decision}:
        if rule:
            await work.app.stored.use(rule)


async def _failures(work: Work) -> None:
    """A lasting failure is not tried at every sweep: after one minute, then two, four … at most an hour."""
    tables, memory = work.app.tables, work.memory
    for outcome in work.outcomes:
        change = outcome.change
        if outcome.result in _LASTING and outcome.intent is not None and work.passing is None:
            await backoff.failed(tables, memory, change.id, outcome.detail, work.app.now())
        elif outcome.result == "done":
            await backoff.succeeded(tables, memory, change.id)


def still_failed(memory: Memory, now: datetime) -> Mapping[str, str]:
    """Change id to the words for people; a settle by hand tries at once."""
    if any(operation.kind == "settle" for operation in memory.operations):
        return {}
    return {
        change: f"failed before, not tried again before {until:%H:%M:%S} UTC: {text}"
        for change, (_, until, text) in memory.failures.items()
        if now < until
    }


def _take_read_backs(work: Work) -> None:
    """Our own decision is no news: what was read back is what the echo event will show."""
    after = {o.change.subject: o.after for o in work.outcomes if o.after is not None}
    listing = work.view.listing
    if listing is not None and after:
        connections = tuple(after.get(c.id, c) if c.id else c for c in listing.connections)
        work.view.listing = replace(listing, connections=connections)


async def _remember(work: Work) -> None:
    view, app, target = work.view, work.app, work.plan.target
    known, forget = learned(view, work.memory, work.policy)
    await memories.remember(app.tables, target, known, forget)
    if view.listing is not None and view.listing.complete:
        listed = {connection.id for connection in view.connections}
        for connection in sorted({ours for ours, _ in work.memory.approved if ours not in listed}):
            await memories.forget_approved(app.tables, target, connection)
    undone = {o.change.subject for o in work.outcomes if o.result in ("failed", "open", "conflict", "unknown")}
    undone |= {change.subject for change in work.waits}
    skipped = [o.change for o in work.outcomes if o.result == "skipped"]
    undone |= {c.subject for c in skipped if work.view.incomplete or (c.blocked and not c.for_good)}
    for endpoint, name in sorted(view.given_up):
        if name.id not in undone and not view.states[name].unreadable:
            await book.forget_name(app.tables, target, endpoint, name)
    changed = {o.change.subject for o in work.outcomes if o.result != "skipped"}
    for name, state in view.states.items():
        if state.read and name.id not in changed:
            await _remember_read(work, name)


async def _remember_read(work: Work, name: Name) -> None:
    state = work.view.states[name]
    if state.present is not None and work.app.mark(work.policy).owns(state.present):
        await book.remember_record(work.app.tables, replace(state.present, ceded=state.ceded))
    else:
        await book.forget_record(work.app.tables, name)


# --- when to look again -----------------------------------------------------------------------------


def _look_again(work: Work, item: Item, report: Report) -> None:
    now, policy, target = work.app.now(), work.policy, work.plan.target
    looks = {due.subject: due.looks for due in item.due}
    for outcome in work.outcomes:
        decision = outcome.change.decision
        if decision is None or outcome.change.kind != "approve":
            continue
        endpoint = decision.connection.endpoint
        if outcome.result == "done" and endpoint is not None:
            served = policy.may_serve(endpoint)
            report.later[endpoint if served else target] = now + (_AFTER_APPROVAL if served else timedelta(seconds=20))
    again = work.view.again or (work.view.found is not None and work.view.found.again)
    if again or work.unsent or work.waits or work.memory.intents or any(o.result == "open" for o in work.outcomes):
        refreshing = work.memory.intents + [o.intent for o in work.outcomes if o.result == "open" and o.intent]
        slow = bool(refreshing) and all(one.kind == "refresh" for one in refreshing) and not (again or work.unsent)
        steps = _REFRESHING if slow else _WAITING
        report.later[target] = now + timedelta(seconds=_at(steps, looks.get(target, 0)))
    for endpoint in work.view.waiting:
        seen = looks.get(endpoint, 0)
        if seen < len(_WAITING):
            report.later[endpoint] = now + timedelta(seconds=_WAITING[seen])
    for due in item.due:
        quiet = not work.view.news and not work.outcomes
        if "requested" in due.causes and quiet and now - due.at < _YOUNG and due.looks < len(_REQUESTED):
            report.later.setdefault(due.subject, now + timedelta(seconds=_REQUESTED[due.looks]))
    _look_when_it_may_be_tried(work, item, report)


def _look_when_it_may_be_tried(work: Work, item: Item, report: Report) -> None:
    """What was asked for, and not tried because it failed a moment ago, is tried when that time is over: the cause may
    be mended by now. Once; it wakes nobody for a failure that no sweep and no person asks about."""
    if not _ASKS & {cause for due in item.due for cause in due.causes}:
        return
    rests = still_failed(work.memory, work.app.now())
    for outcome in work.outcomes:
        change = outcome.change
        if outcome.result == "skipped" and outcome.detail == rests.get(change.id):
            subject = work.plan.target if change.decision else change.subject
            report.later.setdefault(subject, work.memory.failures[change.id][1])


def _at(steps: tuple[int, ...], looks: int) -> int:
    return steps[min(looks, len(steps) - 1)]


def _log(outcome: Outcome, work: Work) -> None:
    change, decision = outcome.change, outcome.change.decision
    log(
        Event.CHANGE,
        f"{change.kind} {change.subject.name}: {outcome.result}{f' ({outcome.detail})' if outcome.detail else ''}",
        target=work.plan.target,
        change=change.kind,
        outcome=outcome.result,
        rule=decision.rule if decision else None,
        record=str(change.record.name) if change.record else None,
        connection=change.subject if decision else None,
    )
