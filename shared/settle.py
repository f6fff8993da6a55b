"""THE route of all work: observe, plan, apply, record, for one target under its lease.

Events, HTTP, timers and the command line all end here. Again only after a conflict or a refusal; nothing is waited for:
completion is seen by the echo event, a second look and the sweep.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from . import closing, granting, managed, operations, planning, policychange, recording, regions, verifying
from .app import App
from .apply import apply
from .azure import memory as memories
from .azure.memory import Memory
from .azure.worklist import Item
from .core import claims
from .core.ids import ResourceId
from .core.model import Presence, Seen
from .core.plan import Plan
from .core.policy import Policy
from .core.signals import ENDPOINT, Ignored, signal
from .errors import Passing
from .naming import look_at_names
from .observe import is_changed, observe
from .outcome import Outcome, Work
from .telemetry import Event, log
from .view import Look, View

DEADLINE = timedelta(seconds=60)
ROUNDS = 3
_AGAIN = timedelta(seconds=5)
_WORKER = uuid.uuid4().hex
Given = Mapping[ResourceId, tuple[Seen, datetime]]


@dataclass(slots=True, kw_only=True)
class Report:
    """What one settle saw and did; `later` says when to look again at what."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    later: dict[ResourceId, datetime] = field(default_factory=dict)
    cut: bool = False
    unreadable: str = ""


async def work(resource: ResourceId, app: App, given: Given | None = None) -> Report | None:
    """One message of the worklist: take the item, settle it, hand it back. None: nothing ripe, or somebody has it."""
    item = await app.worklist.take(resource, _WORKER)
    if item is None:
        return None
    try:
        if item.work.is_a(ENDPOINT):
            await _hand_on(item, app)
            await app.worklist.done(item)
            return None
        from_outside = [due for due in item.due if due.causes == (verifying.CAUSE,)]
        if len(from_outside) == len(item.due):
            await app.worklist.done(item, await verifying.settled(item.work, from_outside, app))
            return None
        item = replace(item, due=tuple(due for due in item.due if due not in from_outside))  # they stay due
        report = await settle(item, app, given or {})
    except Passing as wrong:
        log(Event.LATER, str(wrong), target=item.work)
        await app.worklist.failed(item, wrong)
        return None
    except Exception as wrong:
        log(Event.FAILED, f"{type(wrong).__name__}: {wrong}", target=item.work)
        await app.worklist.failed(item, wrong)
        raise
    await app.worklist.done(item, report.later, rest=report.cut)
    return report


async def _hand_on(item: Item, app: App) -> None:
    """An endpoint's event: its targets from the index, else from its one read, which is handed on."""
    endpoint = item.work
    given: dict[ResourceId, tuple[Seen, datetime]] = {}
    memory = await memories.load(app.tables, endpoint)
    targets = await memories.targets_of(app.tables, endpoint)
    if not targets:
        at = app.now()
        seen = await app.arm.endpoint(endpoint)
        given = {endpoint: (seen, at)}
        policy = (await app.policy()).policy
        targets = claims.targets(seen.endpoint, policy) if seen.endpoint else []
        if seen.presence is Presence.UNKNOWN:
            log(Event.FINDING, f"cannot read the endpoint: {seen.why}", endpoint=endpoint)
    policy = (await app.policy()).policy
    known = [target for target in targets if _in_scope(target, endpoint, policy)]
    for target in known:
        if not only_plans(item, memory):
            await app.worklist.signal(target, endpoint, "endpoint")
    asked = await operations.pass_on(memory, known, app)
    for target in known:
        with suppress(Exception):  # logged there; the target's own row keeps it due
            await work(target, app, given)
    await operations.finish_passed_on(endpoint, asked, app)


def _in_scope(target: ResourceId, endpoint: ResourceId, policy: Policy) -> bool:
    try:
        signal(target, "endpoint", policy)
        return True
    except Ignored as why:
        log(Event.IGNORED, str(why), endpoint=endpoint)
        return False


async def ring_for_operations(app: App) -> None:
    """Line 8 of the protocol: a request by hand whose signal was lost is due again after a minute."""
    for row in await app.desk.running():
        age = app.now() - row["at"]
        target, subject = ResourceId.parse(row["target"]), ResourceId.parse(row["subject"])
        if age < timedelta(minutes=1) or await app.worklist.is_due(target):
            continue
        known = (await memories.load(app.tables, target)).operations
        if all(operation.id != row["id"] for operation in known):
            lost = {"detail": "the request was not stored completely; ask again"}
            await app.desk.finish(target, str(row["id"]), "failed", lost)
        else:
            await app.worklist.signal(target, subject, "plan" if row["kind"] == "plan" else "by hand")


async def settle(item: Item, app: App, given: Given) -> Report:
    """Raises Passing when it must be tried again later; what was done until then is recorded."""
    state = await app.policy()
    control = await app.desk.control()
    if control.policy == state.hash:
        await policychange.show(app, state)
    memory = await memories.load(app.tables, item.work)
    look = _look(item, memory, given)
    deadline = app.now() + DEADLINE
    report = Report(plan=Plan(target=item.work))
    news: set[ResourceId] = set()
    if only_plans(item, memory):
        look.dry = True
    for _ in range(ROUNDS):
        view = await observe(look, memory, state.policy, app)
        await look_at_names(view, memory, state.policy, app)
        regions.compare(view, memory, state.policy, app.now())
        news |= {endpoint for endpoint, seen in view.seen.items() if is_changed(seen, endpoint, memory)}
        step = Work(plan=report.plan, view=view, memory=memory, state=state, app=app, deadline=deadline)
        if not look.dry:
            await closing.close_open(step)
        step.plan = report.plan = await planning.plan(view, memory, state, control, app)
        if not look.dry:
            await apply(step)
            await recording.record(step, item, report)
            await verifying.ask_later(step)
            await managed.check(step, report)
            regions.look_again(step, item, report)
        report.outcomes += step.outcomes
        report.unreadable = view.unreadable
        report.cut = step.cut
        if step.passing is not None:
            raise step.passing
        if step.cut or not any(o.result == "conflict" or _reopened(o) for o in step.outcomes):
            break
        memory = await memories.load(app.tables, item.work)
        look = replace(look, given={})
    else:
        report.later[item.work] = app.now() + _AGAIN
    if not look.dry:
        await granting.void_gone(step)
    await operations.finish(report, memory, state, app)
    if not look.dry:
        await _tell_other_targets(view, item, news, state.policy, app)
    _log(report, item)
    return report


async def _tell_other_targets(view: View, item: Item, news: set[ResourceId], policy: Policy, app: App) -> None:
    """An endpoint made again under its id may lead elsewhere now, where the index does not know it yet; a record that
    nobody claims was written for another target."""
    for target, name in sorted(view.elsewhere):
        await app.worklist.signal(target, target, "second look")
        await app.worklist.signal(target, name.id, "second look")
    for endpoint in sorted(news & {due.subject for due in item.due}):
        seen = view.seen[endpoint].endpoint
        for target in claims.targets(seen, policy) if seen else ():
            if target != item.work and _in_scope(target, endpoint, policy):
                await app.worklist.signal(target, endpoint, "endpoint")


def _reopened(outcome: Outcome) -> bool:
    """A record write without an answer: read the record now, so that the row can be closed."""
    return outcome.result == "open" and outcome.change.kind in ("put", "delete")


def _look(item: Item, memory: Memory, given: Given) -> Look:
    by_hand = any(operation.kind in ("settle", "plan", "decision") for operation in memory.operations)
    causes = {cause for due in item.due for cause in due.causes}
    full = any(o.kind in ("settle", "plan") for o in memory.operations) or bool(causes & {"by hand", "plan"})
    subjects = frozenset(due.subject for due in item.due) | ({item.work} if by_hand else set())
    # A look that was asked for again: what did not answer then is asked again, too.
    thorough = full or bool(causes & {"sweep", "watch", "policy", "second look"}) or any(due.looks for due in item.due)
    look = Look(target=item.work, subjects=subjects, full=full, thorough=thorough, given=dict(given))
    look.waits = causes == {"sweep"}
    look.doubt |= closing.names_in_flight(memory)
    return look


def only_plans(item: Item, memory: Memory) -> bool:
    """Somebody only wants to see the plan: nothing is written, not even a claim."""
    causes = {cause for due in item.due for cause in due.causes}
    return causes == {"plan"} and all(operation.kind == "plan" for operation in memory.operations)


def _log(report: Report, item: Item) -> None:
    done = sum(outcome.result == "done" for outcome in report.outcomes)
    text = f"{item.work.name}: {done} of {len(report.plan.changes)} changes done"
    causes = ",".join(sorted({cause for due in item.due for cause in due.causes}))
    log(Event.SETTLED, text, target=item.work, cause=causes, fingerprint=report.plan.fingerprint, count=done)
