"""What people and workers share: who waits (held), requests by hand (operations), switches and marks (control).

Tables: held, operations, control. Refuses to know how a request is decided.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.ids import ResourceId
from ..core.model import Decision, Grant
from ..errors import Conflict
from .memory import CONTROL, TARGETS, grant_row
from .tables import Row, Tables, Write, pack
from .worklist import Clock

HELD, OPERATIONS = "held", "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The switches that every worker reads before it decides."""

    policy: str = ""
    policy_valid: bool = True
    policy_text: str = ""
    approvals: bool = True
    claims_complete: bool = False
    swept: datetime | None = None


class Desk:
    def __init__(self, tables: Tables, now: Clock) -> None:
        self._tables = tables
        self._now = now

    # --- control -------------------------------------------------------------------------------

    async def control(self) -> Control:
        rows = {row.rk: row.data for row in await self._tables.partition(CONTROL, "control")}
        policy, sweep = rows.get("policy", {}), rows.get("sweep", {})
        return Control(
            policy=str(policy.get("hash", "")),
            policy_valid=bool(policy.get("valid", True)),
            policy_text=str(policy.get("text", "")),
            approvals=rows.get("approvals", {}).get("value", "on") != "off",
            claims_complete="claims_complete" in rows,
            swept=sweep.get("at"),
        )

    async def announce_policy(self, digest: str, valid: bool, text: str) -> None:
        data = {"hash": digest, "valid": valid, "text": text[:10_000], "at": self._now()}
        await self._tables.put(CONTROL, Row("control", "policy", data))

    async def switch_approvals(self, on: bool) -> None:
        data = {"value": "on" if on else "off", "at": self._now()}
        await self._tables.put(CONTROL, Row("control", "approvals", data))

    async def claims_complete(self) -> None:
        await self._tables.put(CONTROL, Row("control", "claims_complete", {"at": self._now()}))

    async def swept(self, report: Mapping[str, Any]) -> None:
        await self._tables.put(CONTROL, Row("control", "sweep", {"at": self._now(), **pack("report", report)}))

    # --- held ----------------------------------------------------------------------------------

    async def hold(self, target: ResourceId, decision: Decision, policy: str, quiet: bool = False) -> bool:
        """Keep the row of a waiting connection; True when this is news (new, or another endpoint asks).

        `quiet`: it waits, but not for a person's decision, so nobody is to be told.
        """
        connection = decision.connection
        if connection.id is None:
            return False
        pk, rk = _held_key(target, connection.id)
        old = await self._tables.get(HELD, pk, rk)
        same = old is not None and old.data.get("endpoint") == str(connection.endpoint)
        data = {
            "target": str(target),
            "connection": str(connection.id),
            "endpoint": str(connection.endpoint or ""),
            "guid": connection.guid or "",
            "groups": json.dumps(connection.groups or ()),
            "needed": decision.needed,
            "status": connection.status.value,
            **pack("reasons", decision.reasons),
            "nearest": decision.nearest or "",
            "policy": policy,
            "since": old.data["since"] if old is not None and same else self._now(),
            "notified": bool(old.data.get("notified")) if old is not None and same else False,
        }
        if old is None or any(old.data.get(name) != value for name, value in data.items()):
            await self._tables.put(HELD, Row(pk, rk, data))
        return not data["notified"] and not quiet

    async def notified(self, target: ResourceId, connection: ResourceId) -> None:
        pk, rk = _held_key(target, connection)
        row = await self._tables.get(HELD, pk, rk)
        if row is not None:
            await self._tables.put(HELD, Row(pk, rk, {**row.data, "notified": True}))

    async def held(self) -> list[dict[str, Any]]:
        rows = [dict(row.data) for row in await self._tables.query(HELD, "")]
        return sorted(rows, key=lambda row: row["since"])

    async def held_of(self, target: ResourceId) -> list[dict[str, Any]]:
        where = "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high"
        low, high = f"{target.hash}!", f"{target.hash}~"
        return [dict(row.data) for row in await self._tables.query(HELD, where, pk=target.hash[:2], low=low, high=high)]

    async def held_one(self, target: ResourceId, connection: ResourceId) -> dict[str, Any] | None:
        row = await self._tables.get(HELD, *_held_key(target, connection))
        return dict(row.data) if row else None

    async def release(self, target: ResourceId, connection: ResourceId) -> None:
        await self._tables.delete(HELD, *_held_key(target, connection))

    # --- operations ----------------------------------------------------------------------------

    async def begin(
        self, target: ResourceId, kind: str, subject: ResourceId, by: str, grant: Grant | None = None
    ) -> str:
        """A request by hand: the grant (if any) and its operation appear together or not at all.

        Conflict when the grant's row is not as it was read (or, without ETag, when there is one).
        """
        number = grant.operation if grant else new_operation()
        row = {"id": number, "kind": kind, "target": str(target), "subject": str(subject), "by": by, "at": self._now()}
        await self._tables.put(OPERATIONS, Row(number, "operation", {**row, "status": "running"}))
        mark = {"id": number, "kind": kind, "subject": str(subject), "verdict": grant.verdict.value if grant else ""}
        writes = [Write("insert", Row(target.hash, f"o!{number}", mark))]
        if grant is not None:
            writes.append(Write("put" if grant.etag else "insert", grant_row(target, grant)))
        try:
            await self._tables.batch(TARGETS, writes)
        except Conflict:
            await self._tables.delete(OPERATIONS, number, "operation")  # nobody was told its number
            raise
        return number

    async def finish(self, target: ResourceId, number: str, status: str, result: Mapping[str, Any]) -> None:
        """`status`: succeeded, failed or skipped. What ended already keeps its end."""
        row = await self._tables.get(OPERATIONS, number, "operation")
        if row is not None and row.data["status"] == "running":
            data = {**row.data, "status": status, **pack("result", result), "finished": self._now()}
            with suppress(Conflict):  # ended by somebody else
                await self._tables.put(OPERATIONS, Row(number, "operation", data), row.etag)
        await self._tables.delete(TARGETS, target.hash, f"o!{number}")

    async def operation(self, number: str) -> dict[str, Any] | None:
        row = await self._tables.get(OPERATIONS, number, "operation")
        return dict(row.data) if row else None

    async def running(self) -> list[dict[str, Any]]:
        return [dict(row.data) for row in await self._tables.query(OPERATIONS, "status eq 'running'")]


def new_operation() -> str:
    return uuid.uuid4().hex


def _held_key(target: ResourceId, connection: ResourceId) -> tuple[str, str]:
    return target.hash[:2], f"{target.hash}!{connection.hash}"
