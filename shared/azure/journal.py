"""The decision log: one row for every change, inserted before the call and closed once.

Tables: journal{yyyymm} (one partition a target, `general` for what concerns none) and days{yyyymm} (all targets, for
"what happened since"). An open change also has an intent row `i!` beside the target's memory, so that one query finds
what a dead worker left open.
Order: intent (and grant spent) in one transaction, journal row, call, journal closed, news, intent deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.ids import ResourceId, key_of
from ..core.model import Grant
from ..errors import Conflict
from .memory import TARGETS, Intent, grant_of, grant_row, intent_row
from .tables import Row, Tables, Write, pack
from .worklist import Clock

_SHARDS = 8
_LONGEST = 30_000  # characters a text column may have
OLDEST = timedelta(days=400)
_GENERAL = "general"  # a partition of the journal's tables, beside those of the targets
_REFUSED, _TRIES = 200, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a journal row says. `details`: flat columns (verdict, rule, by, reasons, policy, addresses …)."""

    change: str
    kind: str
    subject: ResourceId
    details: Mapping[str, Any]
    grant: Grant | None = None


class Journal:
    def __init__(self, tables: Tables, now: Clock) -> None:
        self._tables = tables
        self._now = now

    async def open(self, target: ResourceId, entries: Sequence[Entry]) -> list[Intent]:
        """No row, no call: the intents and `started` rows of changes that are about to be made.

        Conflict, with nothing written, when a grant that this would spend was taken back or changed since it was read.
        """
        now = self._now()
        intents = [self._intent(target, entry, now) for entry in entries]
        writes = [Write("put", intent_row(target, intent)) for intent in intents]
        writes += [Write("put", grant_row(target, replace(e.grant, spent=True))) for e in entries if e.grant]
        await self._tables.batch(TARGETS, writes)
        rows = [
            Write("put", Row(target.hash, intent.journal[2], _columns(target, entry, now, "started", "")))
            for intent, entry in zip(intents, entries, strict=True)
        ]
        await self._tables.batch(_month("journal", now), rows)
        return intents

    async def close(self, target: ResourceId, intent: Intent, result: str, detail: str) -> dict[str, Any]:
        """Close the row of an intent (once) and list it under its day; returns its columns.

        The intent itself stays until `settled`, so that news of the change is sent at least once.
        """
        table, pk, rk = intent.journal
        row = await self._tables.get(table, pk, rk)
        if row is None:
            return {}
        if row.data.get("result") != "started":
            return dict(row.data)
        data = {**row.data, "result": result, "detail": detail[:1000], "finished": self._now()}
        await self._tables.put(table, Row(pk, rk, data), row.etag)
        await self._list(target, rk, data)
        return data

    async def settled(self, target: ResourceId, intent: Intent) -> None:
        await self._tables.delete(TARGETS, target.hash, f"i!{intent.change}")

    async def give_back(self, target: ResourceId, intent: Intent) -> Grant | None:
        """A change that was never called: drop the intent, and the grant that was spent for it is open again."""
        drop = Write("delete", Row(target.hash, f"i!{intent.change}"))
        place = target.hash, f"g!{intent.subject.hash}"
        for last in (False, False, True):
            row = await self._tables.get(TARGETS, *place) if intent.grant else None
            grant = grant_of(row) if row else None
            mine = grant if grant and grant.spent and grant.operation == intent.grant else None
            again = [Write("put", grant_row(target, replace(mine, spent=False)))] if mine else []
            try:
                await self._tables.batch(TARGETS, [drop, *again])
            except Conflict:
                if last:
                    raise
                continue
            row = await self._tables.get(TARGETS, *place) if mine else None
            return grant_of(row) if row else None
        return None

    async def note(self, target: ResourceId, entry: Entry, result: str, detail: str = "") -> None:
        """Something decided but not done (held, skipped) or not doable: a row that is closed from the start."""
        now = self._now()
        rk = _ticks(now) + "!" + entry.change
        data = {**_columns(target, entry, now, result, detail), "finished": now}
        await self._tables.put(_month("journal", now), Row(target.hash, rk, data))
        await self._list(target, rk, data)

    async def read(self, since: datetime, target: ResourceId | None = None, most: int = 500) -> list[dict[str, Any]]:
        """Newest first; at most 400 days back, one query for each month."""
        found: list[Row] = []
        since = max(since, self._now() - OLDEST)
        for month in _months(since, self._now()):
            if target is not None:
                where = "PartitionKey eq @pk and RowKey ge @rk"
                found += await self._tables.query(f"journal{month}", where, pk=target.hash, rk=_ticks(since))
            else:
                found += await self._tables.query(f"days{month}", "RowKey ge @rk", rk=_ticks(since))
        found.sort(key=lambda row: row.rk, reverse=True)
        return [dict(row.data) for row in found[:most]]

    async def refuse(self, by: str, route: str, why: str) -> None:
        """Somebody was not allowed to. Equal refusals of one minute are one row with a count: a flood fills nothing."""
        now = self._now()
        minute = now.replace(second=0, microsecond=0)
        place = _GENERAL, f"{_ticks(minute)}!{key_of(by, route, why)}"
        for _ in range(_TRIES):
            row = await self._tables.get(_month("journal", now), *place)
            data: dict[str, Any] = (
                dict(row.data) if row else {"at": now, "by": by, "route": route, "detail": why[:_REFUSED]}
            )
            data |= {"kind": "refusal", "result": "refused", "count": data.get("count", 0) + 1, "last": now}
            try:
                if row is None:
                    await self._tables.insert(_month("journal", now), Row(*place, data))
                else:
                    await self._tables.put(_month("journal", now), Row(*place, data), row.etag)
                return
            except Conflict:
                continue  # another one at the same moment; after some tries one more or less does not matter

    async def announce(self, kind: str, by: str, detail: str, details: Mapping[str, Any]) -> None:
        """Something that concerns no single target: a change of policy, approvals released."""
        now = self._now()
        data = {**_flat(details), "kind": kind, "by": by, "result": "noted", "detail": detail[:1000], "at": now}
        row = Row(_GENERAL, f"{_ticks(now)}!{key_of(kind, detail)}", data)
        await self._tables.put(_month("journal", now), row)

    async def general(self, since: datetime, most: int = 100) -> list[dict[str, Any]]:
        """Rows without a target (refusals, policy, releases), newest first."""
        found: list[Row] = []
        since = max(since, self._now() - OLDEST)
        where, start = "PartitionKey eq @pk and RowKey ge @rk", since.replace(second=0, microsecond=0)
        for month in _months(since, self._now()):
            found += await self._tables.query(f"journal{month}", where, pk=_GENERAL, rk=_ticks(start))
        found.sort(key=lambda row: row.rk, reverse=True)
        return [dict(row.data) for row in found[:most]]

    def _intent(self, target: ResourceId, entry: Entry, now: datetime) -> Intent:
        return Intent(
            change=entry.change,
            kind=entry.kind,
            subject=entry.subject,
            journal=(_month("journal", now), target.hash, f"{_ticks(now)}!{entry.change}"),
            opened=now,
            grant=entry.grant.operation if entry.grant else None,
            content=str(entry.details.get("content", "")),
        )

    async def _list(self, target: ResourceId, rk: str, data: Mapping[str, Any]) -> None:
        day = f"{data['at']:%Y%m%d}!{int(target.hash, 16) % _SHARDS}"
        ticks, _, change = rk.partition("!")
        await self._tables.put(_month("days", data["at"]), Row(day, f"{ticks}!{target.hash}!{change}", data))


def _flat(details: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in details.items():
        flat |= {name: value[:_LONGEST]} if isinstance(value, str) else pack(name, value)
    return flat


def _columns(target: ResourceId, entry: Entry, now: datetime, result: str, detail: str) -> dict[str, Any]:
    return {
        **_flat(entry.details),
        "at": now,
        "target": str(target),
        "subject": str(entry.subject),
        "change": entry.change,
        "kind": entry.kind,
        "result": result,
        "detail": detail[:1000],
    }


def _ticks(at: datetime) -> str:
    return f"{int(at.timestamp() * 1_000_000):017d}"


def _month(table: str, at: datetime) -> str:
    return f"{table}{at:%Y%m}"


def _months(since: datetime, until: datetime) -> list[str]:
    months: list[str] = []
    at = since.astimezone(UTC)
    while at <= until:
        months.append(f"{at:%Y%m}")
        at = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = f"{until:%Y%m}"
    return months if last in months else [*months, last]
