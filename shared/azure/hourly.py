"""So many within any hour, over all workers: numbered places, each good for an hour after it was taken.

Table: slots (`hourly!what` / number). Refuses to know what is counted.
"""

from __future__ import annotations

from datetime import timedelta

from ..core.ids import ResourceId, key_of
from ..errors import Conflict
from .memory import when
from .tables import Row, Tables
from .worklist import Clock

_SLOTS = "slots"
_HOUR = timedelta(hours=1)


class Hourly:
    def __init__(self, tables: Tables, now: Clock) -> None:
        self._tables = tables
        self._now = now

    async def taken(self, what: str) -> int:
        return len(await self._young(what))

    async def give_back(self, what: str, place: str) -> None:
        """What it was taken for did not happen."""
        await self._tables.delete(_SLOTS, _key(what), place)

    async def take(self, what: str, most: int, subject: ResourceId) -> str:
        """A place for one more; empty when all of this hour are taken."""
        now = self._now()
        young = await self._young(what)
        if len(young) >= most:
            return ""  # counted, not only numbered: the cap may be lower than it was
        rows = {row.rk: row for row in await self._tables.partition(_SLOTS, _key(what))}
        for number in range(most):
            rk, data = f"{number:06d}", {"at": now, "subject": str(subject)}
            old = rows.get(rk)
            if old is not None and now - when(old.data["at"]) < _HOUR:
                continue
            try:
                if old is None:
                    await self._tables.insert(_SLOTS, Row(_key(what), rk, data))
                else:
                    await self._tables.put(_SLOTS, Row(_key(what), rk, data), old.etag)
                return rk
            except Conflict:
                continue  # another worker took it at this moment
        return ""

    async def _young(self, what: str) -> list[Row]:
        rows = await self._tables.partition(_SLOTS, _key(what))
        return [row for row in rows if self._now() - when(row.data["at"]) < _HOUR]


def _key(what: str) -> str:
    return f"hourly!{key_of(what)}"
