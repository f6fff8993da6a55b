"""The worklist: rows say what is due, queue messages only ring the bell.

Knows the ten-line protocol (design: "Worklist protocol"), leases and parking. Refuses to know what work is: it hands
due subjects to a worker and takes back when to look again. A crash between any two steps loses no signal, because a
row is only deleted with the ETag under which it was worked on, and the watchdog rings for rows that nobody works on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.ids import ResourceId
from ..errors import Conflict, Passing
from .bell import Bell
from .tables import Row, Tables

LEASE = timedelta(seconds=150)
MOST_TRIES = 5
OLDEST = timedelta(hours=24)
WATCHDOG_AGE = timedelta(minutes=1)
_TABLE = "due"
Clock = Callable[[], datetime]
OnPark = Callable[[ResourceId, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One ripe row: look at `subject` because of `causes`; `looks`: how often that showed nothing new."""

    subject: ResourceId
    causes: tuple[str, ...]
    at: datetime
    looks: int = 0
    row: Row = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Work taken under a lease."""

    work: ResourceId
    due: tuple[Due, ...]
    lease: Row = field(repr=False)


class Worklist:
    """Line numbers in the comments are those of the protocol."""

    def __init__(self, tables: Tables, bell: Bell, now: Clock, on_park: OnPark) -> None:
        self._tables = tables
        self._bell = bell
        self._now = now
        self._on_park = on_park

    async def signal(self, work: ResourceId, subject: ResourceId, cause: str) -> None:
        """1. Upsert the row, then always ring. Raises if either fails, so that the sender tries again."""
        now = self._now()
        data = _columns(work, subject, (cause,), at=now, not_before=now)
        await self._tables.put(_TABLE, Row(work.hash, _key(subject, cause), data))
        await self._bell.ring(work)

    async def later(self, work: ResourceId, subject: ResourceId, cause: str, at: datetime) -> None:
        """Due at a later time; a row of that kind that is there already stays as it is."""
        await self._look_later(work, subject, at, cause)
        await self._bell.ring(work, max(1.0, (at - self._now()).total_seconds()))

    async def take(self, work: ResourceId, owner: str) -> Item | None:
        """2 to 4. The ripe rows under a lease, or None: nothing ripe, parked, or another worker has it."""
        now = self._now()
        rows = await self._tables.partition(_TABLE, work.hash)
        ripe = _all_ripe(rows, now)
        if not ripe:
            return None
        old = next((row for row in rows if row.rk == "lease"), None)
        if old is not None and _time(old, "until") > now:
            return None  # line 7 of the holder makes this safe
        lease = await self._lease(work, owner, old)
        if lease is None:
            return None
        if old is not None:  # 4. its worker died: that is a try
            await self._count_try(work, ripe, "its worker died or ran out of time")
            rows = await self._tables.partition(_TABLE, work.hash)
            now = self._now()
            ripe = _all_ripe(rows, now)
        item = Item(work=work, due=tuple(ripe), lease=lease)
        if not ripe:
            await self._free(item)
            return None
        return item

    async def done(self, item: Item, later: Mapping[ResourceId, datetime] | None = None, rest: bool = False) -> None:
        """6 and 7. Delete or postpone the rows that were worked on, free the lease, ring for what came meanwhile.

        `later`: when to look again, per subject. `rest`: the plan was cut short; everything stays due now.
        """
        wake = dict(later or {})
        for due in item.due:
            at = wake.pop(due.subject, None)
            try:
                if rest:
                    continue
                if at is None:
                    await self._tables.delete(_TABLE, item.work.hash, due.row.rk, due.row.etag)
                else:
                    await self._postpone(item.work, due, at, due.looks + 1)
            except Conflict:
                continue  # a newer signal: leave it
        for subject, at in wake.items():
            await self._look_later(item.work, subject, at)
        for at in sorted(set((later or {}).values())):
            await self._bell.ring(item.work, max(1.0, (at - self._now()).total_seconds()))
        await self._free(item)

    async def failed(self, item: Item, error: Exception) -> None:
        """4 and 9. Passing failures wait and are no tries; anything else is a try, the sixth parks."""
        if isinstance(error, Passing):
            await self._wait(item, error)
        else:
            wait = await self._count_try(item.work, item.due, f"{type(error).__name__}: {error}", slower=True)
            await self._bell.ring(item.work, wait)
        await self._free(item)

    async def park(self, work: ResourceId, why: str) -> None:
        """10. Nobody works on it until a fresh signal or `replay`."""
        for row in await self._tables.partition(_TABLE, work.hash):
            if row.rk != "lease":
                await self._change(row, parked=why[:500])
        await self._on_park(work, why)

    async def watchdog(self) -> int:
        """8. Ring for every ripe, unparked row that is older than a minute without a live lease."""
        now = self._now()
        rows = await self._tables.query(_TABLE, "")
        leased = {row.pk for row in rows if row.rk == "lease" and _time(row, "until") > now}
        forgotten = {
            str(row.data["work"])
            for row in rows
            if row.rk != "lease"
            and row.pk not in leased
            and _ripe(row, now)
            and _time(row, "not_before") < now - WATCHDOG_AGE
        }
        for work in sorted(forgotten):
            await self._bell.ring(ResourceId.parse(work), 0)
        return len(forgotten)

    async def parked(self) -> list[tuple[str, str, str]]:
        """(work, subject, why) of everything parked."""
        rows = await self._tables.query(_TABLE, "parked ne ''")
        return sorted(
            (str(r.data["work"]), str(r.data["subject"]), str(r.data["parked"])) for r in rows if r.rk != "lease"
        )

    async def replay(self, work: ResourceId | None = None) -> int:
        """Un-park: everything, or one work item."""
        found = [ResourceId.parse(w) for w, _, _ in await self.parked()]
        chosen = {found_work for found_work in found if work is None or found_work == work}
        for item in sorted(chosen):
            for row in await self._tables.partition(_TABLE, item.hash):
                if row.rk != "lease":
                    await self._change(row, parked="", tries=0, not_before=self._now(), first=self._now())
            await self._bell.ring(item)
        return len(chosen)

    async def waiting(self) -> tuple[int, int]:
        """(rows due or waiting, rows parked), for health."""
        rows = [row for row in await self._tables.query(_TABLE, "") if row.rk != "lease"]
        return sum(not row.data.get("parked") for row in rows), sum(bool(row.data.get("parked")) for row in rows)

    async def is_due(self, work: ResourceId) -> bool:
        """Is anything due, waiting or parked for it?"""
        return any(row.rk != "lease" for row in await self._tables.partition(_TABLE, work.hash))

    async def ping(self) -> None:
        await self._bell.ping()

    async def _lease(self, work: ResourceId, owner: str, old: Row | None) -> Row | None:
        row = Row(work.hash, "lease", {"owner": owner, "until": self._now() + LEASE, "work": str(work)})
        try:
            etag = await (self._tables.put(_TABLE, row, old.etag) if old else self._tables.insert(_TABLE, row))
        except Conflict:
            return None
        return Row(row.pk, row.rk, row.data, etag)

    async def _free(self, item: Item) -> None:
        try:
            await self._tables.delete(_TABLE, item.work.hash, "lease", item.lease.etag)
        except Conflict:
            return  # it expired and somebody took it over
        rows = await self._tables.partition(_TABLE, item.work.hash)
        if any(_ripe(row, self._now()) for row in rows):
            await self._bell.ring(item.work, 0)

    async def _count_try(self, work: ResourceId, due: Sequence[Due], why: str, slower: bool = False) -> float:
        """One try more for each row; the one too many parks it. Returns the seconds until the next try."""
        longest = 0.0
        for one in due:
            tries = int(one.row.data.get("tries", 0)) + 1
            wait = float(2**tries) if slower else 0.0
            note = f"after {tries} tries: {why}"[:500] if tries > MOST_TRIES else ""
            await self._change(one.row, tries=tries, parked=note, not_before=self._now() + timedelta(seconds=wait))
            longest = max(longest, wait)
            if note:
                await self._on_park(work, note)
        return longest

    async def _wait(self, item: Item, error: Passing) -> None:
        now = self._now()
        at = now
        for due in item.due:
            waits = int(due.row.data.get("waits", 0)) + 1
            at = now + timedelta(seconds=error.retry_after or min(600.0, 5.0 * 2 ** min(waits - 1, 7)))
            old = now - _time(due.row, "first") > OLDEST
            note = f"for a day: {error}"[:500] if old else ""
            await self._change(due.row, waits=waits, not_before=at, parked=note)
            if note:
                await self._on_park(item.work, note)
        await self._bell.ring(item.work, max(1.0, (at - now).total_seconds()))

    async def _postpone(self, work: ResourceId, due: Due, at: datetime, looks: int) -> None:
        columns = {**due.row.data, "not_before": at, "looks": looks, "tries": 0, "waits": 0}
        await self._tables.put(_TABLE, Row(work.hash, due.row.rk, columns), due.row.etag)

    async def _look_later(
        self, work: ResourceId, subject: ResourceId, at: datetime, cause: str = "second look"
    ) -> None:
        columns = _columns(work, subject, (cause,), at=self._now(), not_before=at)
        try:
            await self._tables.insert(_TABLE, Row(work.hash, _key(subject, cause), columns))
        except Conflict:
            return  # it is due already

    async def _change(self, row: Row, **columns: Any) -> None:
        try:
            await self._tables.put(_TABLE, Row(row.pk, row.rk, {**row.data, **columns}), row.etag)
        except Conflict:
            return  # a newer signal: leave it


def _key(subject: ResourceId, cause: str) -> str:
    # A wish to see the plan, or to look from outside, must never overwrite a signal that something changed.
    return f"s!{subject.hash}{f'.{cause}' if cause in ('plan', 'verify') else ''}"


def _columns(
    work: ResourceId, subject: ResourceId, causes: Sequence[str], *, at: datetime, not_before: datetime
) -> dict[str, Any]:
    return {
        "work": str(work),
        "subject": str(subject),
        "causes": ",".join(causes),
        "at": at,
        "first": at,
        "not_before": not_before,
        "tries": 0,
        "waits": 0,
        "looks": 0,
        "parked": "",
    }


def _all_ripe(rows: Sequence[Row], now: datetime) -> list[Due]:
    """What is ripe; a fresh signal (10) takes what was parked for the same work item along."""
    ripe = [due for row in rows if (due := _ripe(row, now))]
    if not any(due.row.data.get("tries") == 0 for due in ripe):
        return ripe
    return ripe + [due for row in rows if row.data.get("parked") and (due := _ripe(row, now, parked=True))]


def _ripe(row: Row, now: datetime, parked: bool = False) -> Due | None:
    if row.rk == "lease" or bool(row.data.get("parked")) != parked or _time(row, "not_before") > now:
        return None
    subject = ResourceId.read(row.data.get("subject"))
    if subject is None:
        return None
    causes = tuple(str(row.data.get("causes", "")).split(","))
    return Due(subject=subject, causes=causes, at=_time(row, "at"), looks=int(row.data.get("looks", 0)), row=row)


def _time(row: Row, column: str) -> datetime:
    value = row.data.get(column)
    return (
        datetime.fromtimestamp(value.timestamp(), UTC)
        if isinstance(value, datetime)
        else datetime.min.replace(tzinfo=UTC)
    )
