"""How long a change that failed for good is left alone: a minute, then two, four … at most an hour.

Rows `f!` beside the target's memory. Refuses to know why it failed; a settle by hand does not ask here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .memory import TARGETS, Memory
from .tables import Row, Tables

_LONGEST = timedelta(hours=1)


async def failed(
    tables: Tables, memory: Memory, change: str, text: str, now: datetime, least: timedelta = timedelta(minutes=1)
) -> None:
    times = memory.failures.get(change, (0, now, ""))[0] + 1
    until = now + max(least, min(timedelta(minutes=2 ** min(times - 1, 6)), _LONGEST))
    data = {"change": change, "times": times, "until": until, "text": text[:1000]}
    await tables.put(TARGETS, Row(memory.target.hash, f"f!{change}", data))
    memory.failures[change] = (times, until, text[:1000])


async def succeeded(tables: Tables, memory: Memory, change: str) -> None:
    if memory.failures.pop(change, None) is not None:
        await tables.delete(TARGETS, memory.target.hash, f"f!{change}")
