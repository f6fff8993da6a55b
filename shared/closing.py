"""Close what a dead worker, a lost answer or a slow provider left open: read what is there, then close its journal row.

Every intent row is a change whose outcome is not recorded. Refuses to repeat a change: that is the next plan's job,
once the row is closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from . import refreshing
from .app import App
from .azure import backoff
from .azure import claims as book
from .azure.memory import Intent, Memory
from .azure.notify import APPROVED, REJECTED
from .core.ids import ResourceId
from .core.model import Connection, Decision, Name, Verdict
from .core.plan import Change
from .deciding import judged, remember_ours, undo
from .news import tell
from .outcome import Work, record_content

IN_FLIGHT = timedelta(minutes=5)
_NEWS = {"approve": APPROVED, "reject": REJECTED}


def names_in_flight(memory: Memory) -> set[Name]:
    """Records whose last write has no answer yet: they have to be read."""
    found = (intent.subject for intent in memory.intents if intent.kind in ("put", "delete"))
    return {Name(zone=zone, record=subject.name) for subject in found if (zone := subject.parent)}


async def close_open(work: Work) -> None:
    for intent in list(work.memory.intents):
        row = await work.app.tables.get(*intent.journal)
        if row is None:
            await _never_called(work, intent)
        elif intent.grant and row.data.get("result") in ("failed", "unknown"):
            await _never_called(work, intent)  # the worker died before it could give the grant back
        elif row.data.get("result") != "started":
            if not await finish(work.app, work.plan.target, intent, str(row.data.get("result"))):
                continue
        elif not await _close(work, intent):
            continue
        work.memory.intents.remove(intent)


async def _never_called(work: Work, intent: Intent) -> None:
    """No row, no call: the worker died in between. A grant spent for it is open again."""
    again = await work.app.journal.give_back(work.plan.target, intent)
    if again is not None:
        work.memory.grants = [again if g.connection == again.connection else g for g in work.memory.grants]


async def _close(work: Work, intent: Intent) -> bool:
    result, detail = await _judge(intent.kind)(work, intent)
    most = refreshing.IN_FLIGHT if intent.kind == "refresh" else IN_FLIGHT
    late = result == "open" and work.app.now() - intent.opened >= most
    if result == "open" and not late:
        return False
    if late:
        result, detail = "unknown", f"not settled after {most.seconds // 60} minutes: {detail}"
    await work.app.journal.close(work.plan.target, intent, result, detail)
    if late and intent.grant:  # as far as anybody can see it never happened: the grant is good for another try
        await _never_called(work, intent)
        return True
    if intent.kind == "refresh" and result in ("failed", "unknown"):  # accepted, and no good minutes later
        least = refreshing.PATIENCE if refreshing.is_only_asked_again(work, intent) else timedelta(minutes=1)
        await backoff.failed(work.app.tables, work.memory, intent.change, detail, work.app.now(), least)
    elif intent.kind == "refresh" and result == "done":
        await backoff.succeeded(work.app.tables, work.memory, intent.change)
    return await finish(work.app, work.plan.target, intent, result)


def _judge(kind: str) -> Callable[[Work, Intent], Awaitable[tuple[str, str]]]:
    if kind == "refresh":
        return refreshing.judged
    return _decision if kind in ("approve", "reject") else _record


async def _decision(work: Work, intent: Intent) -> tuple[str, str]:
    listing = work.view.listing
    after = next((c for c in work.view.connections if c.id == intent.subject), None)
    if listing is None or (after is None and not listing.complete):
        return "open", "the target's connections cannot be read"
    decided = _decided(intent)
    result, detail = judged(decided, intent.kind, after)
    if result == "mismatch" and after is not None:
        verdict = Verdict(intent.kind)
        decision = Decision(verdict=verdict, connection=decided, reasons=("read back",))
        await undo(work, Change(kind=intent.kind, subject=intent.subject, why="read back", decision=decision), after)
        return "failed", detail
    if result == "done":
        await remember_ours(work, intent.kind, after)
    return result, detail


def _decided(intent: Intent) -> Connection:
    endpoint, _, guid = intent.content.partition("|")
    return Connection(
        id=intent.subject, name=intent.subject.name, endpoint=ResourceId.read(endpoint), guid=guid or None
    )


async def _record(work: Work, intent: Intent) -> tuple[str, str]:
    state = next((s for name, s in work.view.states.items() if name.id == intent.subject), None)
    if state is None or not state.read:
        return "open", state.unreadable if state else "not read yet"
    if intent.kind == "delete":
        return ("done", "") if state.present is None else ("unknown", "the record is there")
    if state.present is not None and record_content(state.present) == intent.content:
        await book.remember_record(work.app.tables, state.present)
        return "done", ""
    return "unknown", "the record is not as it was sent"


async def finish(app: App, target: ResourceId, intent: Intent, result: str) -> bool:
    """Send the news of a closed row, then drop its intent: a worker that dies in between sends it twice, not never.

    False: the news could not be sent yet, look again.
    """
    if result == "done" and intent.kind in _NEWS:
        data = {"endpointId": intent.content.partition("|")[0]}
        if not await tell(app, _NEWS[intent.kind], intent.subject, target, data):
            return False
    await app.journal.settled(target, intent)
    return True
