"""What storage knows of the policy: the last good text, what a change of it would approve, and who released that.

Table: control, partition `policies`: `good`, `cap!` and a cause; partition `policy text`: the last good file.
Refuses to know what a policy says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.ids import ResourceId, key_of
from ..core.policy import digest_of
from .memory import CONTROL, when
from .tables import Row, Tables, pack, unpack
from .worklist import Clock

EVERY = "*"
_ROW = 200_000  # characters of the file in one row, which may have 1 MiB
_PARTITION, _TEXT, _USED = "policies", "policy text", "rules used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """What one cause would bring about at once. Over the cap, it waits until a person releases it."""

    cause: str
    """`change` or `sweep` (approvals), `deletions` (of records, by a sweep)."""
    policy: str
    fingerprint: str = ""
    connections: frozenset[str] = frozenset()
    """Hashes of the ids of connections or records, or EVERY; empty where there are fewer than the cap."""
    targets: tuple[str, ...] = ()
    why: str = ""
    released_by: str = ""
    at: datetime | None = field(default=None, compare=False)
    etag: str = field(default="", compare=False)

    @property
    def closed(self) -> bool:
        return bool(self.connections) and not self.released_by

    def holds(self, resource: ResourceId) -> bool:
        return self.closed and bool(self.connections & {EVERY, resource.hash})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """`good`: the hash of the last good policy whose consequences were shown."""

    good: str = ""
    caps: tuple[Cap, ...] = ()

    def cap(self, cause: str) -> Cap | None:
        return next((cap for cap in self.caps if cap.cause == cause), None)


class Policies:
    def __init__(self, tables: Tables, now: Clock) -> None:
        self._tables = tables
        self._now = now

    async def read(self) -> Stored:
        rows = {row.rk: row for row in await self._tables.partition(CONTROL, _PARTITION)}
        good = rows.pop("good", None)
        caps = tuple(_cap(row) for row in rows.values())
        return Stored(good=str(good.data["hash"]) if good else "", caps=caps)

    async def text(self) -> bytes:
        """The last good policy file; empty when there was none, or when a dead worker left half of one."""
        rows = {row.rk: row.data for row in await self._tables.partition(CONTROL, _TEXT)}
        parts = [unpack("text", rows[key]) for key in sorted(rows) if key.startswith("good!")]
        first = rows.get(_part(0), {})
        raw = "".join(parts[: int(first.get("parts", 0))]).encode()
        return raw if digest_of(raw) == first.get("hash") else b""

    async def keep(self, digest: str, raw: bytes, rules: Iterable[str]) -> None:
        """The text first: a hash that is known has its text. `rules`: their names, to know since when each exists."""
        text = raw.decode()
        parts = [text[start : start + _ROW] for start in range(0, len(text), _ROW)] or [""]
        for place, part in reversed(list(enumerate(parts))):
            first = {"hash": digest, "parts": len(parts)} if place == 0 else {}
            await self._tables.put(CONTROL, Row(_TEXT, _part(place), {**first, **pack("text", part)}))
        since, now = await self._since(), self._now().isoformat()
        known = {name: since.get(name, now) for name in rules}
        await self._tables.put(CONTROL, Row(_TEXT, "rules", pack("since", known)))
        await self._tables.put(CONTROL, Row(_PARTITION, "good", {"hash": digest, "at": self._now()}))

    async def use(self, rule: str) -> None:
        await self._tables.put(CONTROL, Row(_USED, key_of(rule), {"rule": rule, "at": self._now()}))

    async def used(self) -> dict[str, datetime]:
        """Rule to when it last decided something, or to when it was first seen."""
        found = {name: datetime.fromisoformat(text) for name, text in (await self._since()).items()}
        rows = await self._tables.partition(CONTROL, _USED)
        return found | {str(row.data["rule"]): when(row.data["at"]) for row in rows if row.data["rule"] in found}

    async def _since(self) -> dict[str, str]:
        row = await self._tables.get(CONTROL, _TEXT, "rules")
        found = unpack("since", row.data) if row else {}
        return {} if "detail" in found and len(found) == 1 else dict(found)

    async def owe(self, news: Mapping[str, Any]) -> None:
        """News that have to be sent; the latest change counts."""
        await self._tables.put(CONTROL, Row(_TEXT, "news", pack("news", news)))

    async def owed(self) -> dict[str, Any]:
        row = await self._tables.get(CONTROL, _TEXT, "news")
        return dict(unpack("news", row.data)) if row else {}

    async def paid(self) -> None:
        await self._tables.delete(CONTROL, _TEXT, "news")

    async def put(self, cap: Cap) -> None:
        """Raises Conflict when it changed since it was read."""
        data = {
            "policy": cap.policy,
            "fingerprint": cap.fingerprint,
            "why": cap.why,
            "released": cap.released_by,
            "at": self._now(),
            **pack("connections", sorted(cap.connections)),
            **pack("targets", list(cap.targets)),
        }
        await self._tables.put(CONTROL, Row(_PARTITION, f"cap!{cap.cause}", data), cap.etag)


def _part(place: int) -> str:
    return f"good!{place:03d}"


def fingerprint(cause: str, policy: str, connections: Iterable[str]) -> str:
    """Of the hashes of their ids."""
    return key_of(cause, policy, *sorted(connections))[:16]


def _cap(row: Row) -> Cap:
    found, targets = unpack("connections", row.data), unpack("targets", row.data)
    return Cap(
        cause=row.rk.removeprefix("cap!"),
        policy=str(row.data["policy"]),
        fingerprint=str(row.data["fingerprint"]),
        # Too many to be kept: then all wait.
        connections=frozenset(found) if isinstance(found, list) else frozenset({EVERY}),
        targets=tuple(targets) if isinstance(targets, list) else (),
        why=str(row.data["why"]),
        released_by=str(row.data["released"]),
        at=when(row.data["at"]),
        etag=row.etag,
    )
