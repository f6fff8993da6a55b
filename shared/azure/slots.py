"""The places that a rule's limit has: one row for each connection that takes one, numbered, so that two targets can
never take the same one.

Table: slots (rule / number). Refuses to know why a rule approves.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.ids import ResourceId, key_of
from ..errors import Conflict
from .tables import Row, Tables

_SLOTS = "slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    rule: str
    number: int
    connection: ResourceId
    target: ResourceId
    endpoint: str


class Slots:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def of(self, rule: str) -> list[Slot]:
        return [_slot(row) for row in await self._tables.partition(_SLOTS, _key(rule))]

    async def at(self, target: ResourceId) -> list[Slot]:
        """The places that one target's connections take, of whatever rule."""
        return [_slot(row) for row in await self._tables.query(_SLOTS, "target eq @target", target=target.key)]

    async def take(self, rule: str, limit: int, target: ResourceId, connection: ResourceId, endpoint: str) -> bool:
        """A place for this connection: the one it has already, else the first free one. False: all are taken."""
        taken = await self.of(rule)
        if any(slot.connection == connection and slot.endpoint == endpoint for slot in taken):
            return True
        data = {"rule": rule, "connection": str(connection), "target": target.key, "endpoint": endpoint}
        if len(taken) >= limit:
            return False  # counted, not only numbered: the limit may be lower than it was
        for number in sorted(set(range(limit)) - {slot.number for slot in taken}):
            try:
                await self._tables.insert(_SLOTS, Row(_key(rule), f"{number:06d}", data))
                return True
            except Conflict:
                continue
        return False

    async def free(self, slot: Slot) -> None:
        await self._tables.delete(_SLOTS, _key(slot.rule), f"{slot.number:06d}")


def _slot(row: Row) -> Slot:
    return Slot(
        rule=str(row.data["rule"]),
        number=int(row.rk),
        connection=ResourceId.parse(row.data["connection"]),
        target=ResourceId.parse(row.data["target"]),
        endpoint=str(row.data["endpoint"]),
    )


def _key(rule: str) -> str:
    return key_of("rule", rule)
