"""Write down what a settle saw and did: memory, holds, failures, findings, and when to look again.

Comes after apply. Refuses to touch Azure: only tables, news and the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import closing
from .azure import claims as book
from .azure import memory as memories
from .azure.journal import Entry
from .azure.memory import TARGETS, Memory
from .azure.notify import HELD, REFRESH_NEEDED
from .azure.tables import Row
from .azure.worklist import Item
from .core.ids import ResourceId, key_of
from .core.model import Decision, Name, Verdict
from .core.rules import Mode
from .learned import learned
from .news import tell
from .outcome import Outcome, Work, entry
from .telemetry import Event, log

if TYPE_CHECKING:
    from .settle import Report

_AFTER_APPROVAL = timedelta(seconds=2)
_REQUESTED = (20, 120, 600)  # seconds; a proxy write can precede the moment the connection is listed (events.md 2)
_WAITING = (3, 10, 30, 120, 600)
_REFRESHING = (60, 180, 300, 600)  # Cosmos endpoints took nine minutes (reference/cosmos.md section 4)
_YOUNG = timedelta(minutes=15)
_NOTED = 200  # findings remembered as told
_LASTING = {"failed", "refused"}


async def record(work: Work, item: Item, report: Report) -> None:
    await _close(work)
    await _used(work)
    await _failures(work)
    _take_read_backs(work)
    if work.passing is None:
        await _remember(work)
    await _hold(work)
    await _note(work)
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
    target, tables, now = work.plan.target, work.app.tables, work.app.now()
    for outcome in work.outcomes:
        change = outcome.change
        if outcome.result in _LASTING and outcome.intent is not None and work.passing is None:
            times = work.memory.failures.get(change.id, (0, now, ""))[0] + 1
            until = now + min(timedelta(minutes=2 ** (times - 1)), timedelta(hours=1))
            data = {"change": change.id, "times": times, "until": until, "text": outcome.detail[:1000]}
            await tables.put(TARGETS, Row(target.hash, f"f!{change.id}", data))
        elif outcome.result == "done" and change.id in work.memory.failures:
            await tables.delete(TARGETS, target.hash, f"f!{change.id}")


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


# --- people: held connections, notes, findings ------------------------------------------------------


async def _hold(work: Work) -> None:
    """Who waits, and why: held by the policy, or decided but not done (plan mode, suspended, refused by Azure)."""
    listing, app, target = work.view.listing, work.app, work.plan.target
    if listing is None:
        return
    undone = {o.change.subject: o for o in work.outcomes if o.change.decision and o.result not in ("done", "open")}
    waiting: set[ResourceId] = set()
    for decision in work.plan.decisions:
        connection = decision.connection
        outcome = undone.get(connection.id) if connection.id else None
        off = _is_off(work, decision)
        if connection.id is None or (decision.verdict is not Verdict.HOLD and outcome is None and not off):
            continue
        waiting.add(connection.id)
        shown = _shown(work, decision, outcome)
        news = await app.desk.hold(target, shown, work.state.hash, quiet=outcome is not None or off)
        if news:
            await _news_of_hold(work, shown)
    for row in await app.desk.held_of(target) if listing.complete else ():
        kept = ResourceId.parse(row["connection"])
        if kept not in waiting:
            await app.desk.release(target, kept)


def _is_off(work: Work, decision: Decision) -> bool:
    """Nothing is planned, so there is no outcome; it waits all the same, and a person may decide."""
    decides = decision.verdict in (Verdict.APPROVE, Verdict.REJECT)
    return decides and work.policy.mode_of_rule(decision.verdict.value, decision.rule) is Mode.OFF


def _shown(work: Work, decision: Decision, outcome: Outcome | None) -> Decision:
    if outcome is None and _is_off(work, decision):
        return replace(decision, reasons=(f"mode of {decision.verdict.value} is off", *decision.reasons))
    if outcome is not None:
        return replace(decision, reasons=(f"{decision.verdict.value} is not done: {outcome.detail}", *decision.reasons))
    if not work.state.valid:
        mistake = (work.state.mistakes.splitlines() or ["unknown"])[0]
        return replace(decision, reasons=(f"the policy is invalid: {mistake}", *decision.reasons))
    return decision


async def _news_of_hold(work: Work, decision: Decision) -> None:
    app, target, connection = work.app, work.plan.target, decision.connection
    assert connection.id is not None
    log(Event.HELD, "; ".join(decision.reasons), target=target, connection=connection.id, endpoint=connection.endpoint)
    details = {
        "verdict": "hold",
        "reasons": list(decision.reasons),
        "endpoint": str(connection.endpoint or ""),
        "policy": work.state.hash,
        "by": "policy",
    }
    held = Entry(change=key_of("hold", str(connection.id)), kind="hold", subject=connection.id, details=details)
    data = {"endpointId": str(connection.endpoint or ""), "reasons": list(decision.reasons)}
    if not await tell(app, HELD, connection.id, target, data):
        work.unsent = True
        return
    await app.journal.note(target, held, "held", decision.nearest or "")
    await app.desk.notified(target, connection.id)


async def _note(work: Work) -> None:
    """Skipped changes and findings get a row when they are new for the target, not at every look."""
    app, target, memory = work.app, work.plan.target, work.memory
    skipped = [o for o in work.outcomes if o.result == "skipped" and o.change.id not in memory.failures]
    plan = work.plan.fingerprint if skipped else memory.last_plan
    if skipped and plan != memory.last_plan:
        for outcome in skipped:
            await app.journal.note(target, entry(work, outcome.change, Mode.PLAN), "skipped", outcome.detail)
    found = {_digest(finding): finding for finding in work.plan.findings}
    new = {digest: finding for digest, finding in found.items() if digest not in memory.noted}
    for subject, text in _needed(work):
        digest = _digest((str(subject), text))
        found[digest] = (str(subject), text)
        if digest not in memory.noted and await _tell_need(work, subject, text):
            new[digest] = found[digest]
        elif digest not in memory.noted:
            del found[digest]
    for digest, (subject, text) in new.items():
        log(Event.FINDING, f"{subject}: {text}", target=target)
        details = {"policy": work.state.hash, "about": subject}
        await app.journal.note(
            target, Entry(change=digest, kind="finding", subject=target, details=details), "noted", text
        )
    # A full look sees all findings there are: what is not among them any more is news when it comes back.
    noted = list(found) if work.view.look.full else [*memory.noted, *new][-_NOTED:]
    if (plan, noted) != (memory.last_plan, memory.noted):
        await app.tables.put(TARGETS, Row(target.hash, "m!", {"plan": plan, "notes": json.dumps(noted)}))


def _needed(work: Work) -> list[tuple[ResourceId, str]]:
    """Endpoints that want a refresh and do not get it from us now: people may have to do it (the seed's notice)."""
    under_way = {o.change.subject for o in work.outcomes if o.change.kind == "refresh" and o.result in ("open", "done")}
    under_way |= {intent.subject for intent in work.memory.intents}
    waits = {c.subject: c.blocked for c in work.plan.changes if c.kind == "refresh"}
    found = []
    for subject, why in work.plan.needs:
        off = work.policy.mode("refresh") is not Mode.APPLY
        blocked = waits.get(subject) or (f"modes.refresh is {work.policy.mode('refresh').value}" if off else "")
        if subject not in under_way:
            found.append((subject, f"{why}{f' ({blocked})' if blocked else ''}"))
    return found


async def _tell_need(work: Work, endpoint: ResourceId, text: str) -> bool:
    sent = await tell(work.app, REFRESH_NEEDED, endpoint, work.plan.target, {"why": text}, key="endpointId")
    work.unsent = work.unsent or not sent
    return sent


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


def _at(steps: tuple[int, ...], looks: int) -> int:
    return steps[min(looks, len(steps) - 1)]


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


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
