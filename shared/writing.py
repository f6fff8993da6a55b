"""Write records: side by side, each under an ETag and with a journal row that was opened before the first call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from .azure import claims as book
from .azure.memory import Intent
from .core.model import Name, RecordSet
from .core.plan import Change
from .errors import Conflict, Lasting, Passing, Unclear
from .outcome import Outcome, Work, entry, failed


async def write(work: Work, changes: Sequence[Change]) -> list[Outcome]:
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
            await book.remember_record(app.tables, await app.dns.put(record, change.if_match))
        else:
            await app.dns.delete(record.name, change.if_match or "")
            await book.forget_record(app.tables, record.name)
        return Outcome(change=change, result="done")
    except Conflict as wrong:
        return await _doubt(work, change, record.name, "conflict", str(wrong))
    except Unclear as lost:
        return await _doubt(work, change, record.name, "open", str(lost))
    except (Passing, Lasting) as wrong:
        return failed(work, change, wrong)


async def _doubt(work: Work, change: Change, name: Name, result: str, detail: str) -> Outcome:
    """412, or no answer: what we remember of this record is worth nothing any more."""
    await book.forget_record(work.app.tables, name)
    work.view.look.doubt.add(name)
    return Outcome(change=change, result=result, detail=detail)
