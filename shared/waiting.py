"""Who waits for a person, and what people said about it so far. Read from our own tables, never from Azure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .app import App
from .azure import grants as book
from .azure.tables import unpack
from .callers import Problem
from .core.ids import ResourceId
from .core.model import Connection, Grant
from .core.patch import patch
from .times import iso, utc

STATES = ("held", "granted")


async def waiting(app: App, state: str = "held") -> list[dict[str, Any]]:
    """held: all that wait; granted: those of them with an open decision, which waits for more people or its turn."""
    if state not in STATES:
        raise Problem(400, "Unknown state", f"state={state[:40]} is not known; it is {' or '.join(STATES)}.")
    now, policy = app.now(), (await app.policy()).policy
    rows = [row for row in await app.desk.held() if policy.covers(ResourceId.parse(row["target"]))]
    grants = await _open_grants(app, {ResourceId.parse(row["target"]) for row in rows}, now)
    found = [(row, grants.get(ResourceId.parse(row["connection"]))) for row in rows]
    return [_item(row, grant, now) for row, grant in found if state == "held" or grant is not None]


async def _open_grants(app: App, targets: set[ResourceId], now: datetime) -> dict[ResourceId, Grant]:
    found = await asyncio.gather(*(book.of(app.tables, target) for target in sorted(targets)))
    return {g.connection: g for grants, _ in found for g in grants if not g.spent and now < g.expires}


def _item(row: Mapping[str, Any], grant: Grant | None, now: datetime) -> dict[str, Any]:
    needed = int(row.get("needed", 0))
    return {
        "connectionId": row["connection"],
        "endpointId": row["endpoint"] or None,
        "guid": row["guid"] or None,
        "groups": json.loads(row.get("groups") or "[]"),
        "target": row["target"],
        "status": row["status"],
        "since": iso(row["since"]),
        "ageSeconds": round((now - utc(row["since"])).total_seconds()),
        "reasons": unpack("reasons", row),
        "nearestRule": row["nearest"] or None,
        "patch": patch(_connection(row), ResourceId.parse(row["target"]), now),
        "people": {"needed": needed, "agreed": list(grant.people) if grant else []} if needed or grant else None,
        "grant": _grant(grant) if grant else None,
    }


def _connection(row: Mapping[str, Any]) -> Connection:
    identity = ResourceId.parse(row["connection"])
    return Connection(
        id=identity,
        name=identity.name,
        endpoint=ResourceId.read(row["endpoint"]),
        guid=row["guid"] or None,
        groups=tuple(json.loads(row.get("groups") or "[]")) or None,
    )


def _grant(grant: Grant) -> dict[str, Any]:
    return {
        "verdict": grant.verdict.value,
        "people": list(grant.people),
        "reason": grant.reason,
        "endpointId": str(grant.endpoint),
        "guid": grant.guid,
        "expires": iso(grant.expires),
        "mode": grant.mode,
        "operation": f"/api/operations/{grant.operation}",
    }
