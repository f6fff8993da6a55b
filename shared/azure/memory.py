"""What the app remembers of one target. Never the truth about Azure.

Tables: targets (one partition a target: `e!` endpoints, `n!` names, `g!` grants, `i!` intents, `o!` operations,
`f!` failures, `m!` the last plan) and index (endpoint to targets). Keys are hashes of canonical ids, full ids columns.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.ids import ResourceId
from ..core.model import Grant, Name, Verdict
from .tables import Row, Tables

TARGETS, INDEX, NAMES, CONTROL = "targets", "index", "names", "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One endpoint of a target, as last read."""

    endpoint: ResourceId
    connection: str = ""
    facts: str = ""
    """Fingerprint of the connection as last read."""
    seen: str = ""
    """Fingerprint of the endpoint as last read; empty when it never was."""
    status: str = ""
    """The target's view of the state."""
    guid: str | None = None
    groups: tuple[str, ...] | None = None
    link: str = ""
    """The consumer's view of the state, or gone / unreadable."""
    policy: str = ""
    fits: str = ""
    """Fingerprint of the names of its Cosmos DB account that it was last seen to map exactly."""
    differs: str = ""
    """Since when its names differ though Azure asks for nothing (ISO), and a fingerprint; empty: they do not."""
    told: str = ""
    """Fingerprint of the names for which Azure wants it made again, where people were told that we do not do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A change whose outcome is not recorded yet. `journal` is the key of its open journal row."""

    change: str
    kind: str
    subject: ResourceId
    journal: tuple[str, str, str]
    opened: datetime
    grant: str | None = None
    content: str = ""
    operation: str = ""
    """Where Azure tells how far its slow operation is; it may be 3,500 characters long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    kind: str
    subject: ResourceId
    verdict: str = ""
    """What a decision asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A grant that decides nothing any more; its row goes once the journal has told why."""

    grant: Grant
    result: str
    """revoked, void or expired."""
    by: str
    why: str


@dataclass(slots=True, kw_only=True)
class Memory:
    """One query's worth: everything remembered about one target."""

    target: ResourceId
    known: dict[ResourceId, Known] = field(default_factory=dict)
    names: dict[ResourceId, set[Name]] = field(default_factory=dict)
    """Endpoint to the names that we recorded a claim of it for."""
    fqdns: dict[tuple[ResourceId, Name], str] = field(default_factory=dict)
    """(endpoint, name) to the public name that it stands for."""
    grants: list[Grant] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    failures: dict[str, tuple[int, datetime, str]] = field(default_factory=dict)
    """Change id to (times failed, not again before, what Azure said)."""
    last_plan: str = ""
    approved: set[tuple[ResourceId, ResourceId]] = field(default_factory=set)
    """(connection, endpoint) that we approved ourselves, or are about to: the only proof of it."""
    noted: list[str] = field(default_factory=list)
    """Digests of the findings that people were told."""


async def load(tables: Tables, target: ResourceId) -> Memory:
    memory = Memory(target=target)
    for row in await tables.partition(TARGETS, target.hash):
        _remember(memory, row)
    return memory


def _remember(memory: Memory, row: Row) -> None:
    data = row.data
    match row.rk[:2]:
        case "e!":
            known = _known(data)
            memory.known[known.endpoint] = known
        case "n!":
            name = Name(zone=ResourceId.parse(data["zone"]), record=str(data["record"]))
            endpoint = ResourceId.parse(data["endpoint"])
            memory.names.setdefault(endpoint, set()).add(name)
            memory.fqdns[endpoint, name] = str(data.get("fqdn", ""))
        case "g!":
            if ended := ended_of(row):
                memory.ended.append(ended)
            else:
                memory.grants.append(grant_of(row))
        case "i!":
            intent = _intent(data)
            memory.intents.append(intent)
            decided = ResourceId.read(intent.content.partition("|")[0])
            if intent.kind == "approve" and decided is not None:
                memory.approved.add((intent.subject, decided))
        case "a!":
            memory.approved.add((ResourceId.parse(data["connection"]), ResourceId.parse(data["endpoint"])))
        case "o!":
            subject, verdict = ResourceId.parse(data["subject"]), str(data.get("verdict", ""))
            memory.operations.append(
                Operation(id=str(data["id"]), kind=str(data["kind"]), subject=subject, verdict=verdict)
            )
        case "f!":
            memory.failures[str(data["change"])] = (int(data["times"]), when(data["until"]), str(data["text"]))
        case "m!":
            memory.last_plan, memory.noted = str(data.get("plan", "")), json.loads(data.get("notes") or "[]")


def known_row(target: ResourceId, known: Known) -> Row:
    data = {
        "endpoint": str(known.endpoint),
        "target": str(target),
        "connection": known.connection,
        "facts": known.facts,
        "seen": known.seen,
        "status": known.status,
        "guid": known.guid or "",
        "groups": json.dumps(known.groups),
        "link": known.link,
        "policy": known.policy,
        "fits": known.fits,
        "differs": known.differs,
        "told": known.told,
    }
    return Row(target.hash, f"e!{known.endpoint.hash}", data)


def _known(data: Any) -> Known:
    groups = json.loads(data.get("groups") or "null")
    return Known(
        endpoint=ResourceId.parse(data["endpoint"]),
        connection=str(data.get("connection", "")),
        facts=str(data.get("facts", "")),
        seen=str(data.get("seen", "")),
        status=str(data.get("status", "")),
        guid=data.get("guid") or None,
        groups=None if groups is None else tuple(groups),
        link=str(data.get("link", "")),
        policy=str(data.get("policy", "")),
        fits=str(data.get("fits", "")),
        differs=str(data.get("differs", "")),
        told=str(data.get("told", "")),
    )


def grant_row(target: ResourceId, grant: Grant) -> Row:
    """With the ETag of the grant: written, the row only replaces what was read."""
    data = {
        "connection": str(grant.connection),
        "endpoint": str(grant.endpoint),
        "guid": grant.guid or "",
        "verdict": grant.verdict.value,
        "people": json.dumps(grant.people),
        "reason": grant.reason,
        "expires": grant.expires,
        "operation": grant.operation,
        "spent": grant.spent,
        "mode": grant.mode,
    }
    return Row(target.hash, f"g!{grant.connection.hash}", data, grant.etag)


def grant_of(row: Row) -> Grant:
    data = row.data
    return Grant(
        etag=row.etag,
        connection=ResourceId.parse(data["connection"]),
        endpoint=ResourceId.parse(data["endpoint"]),
        guid=data.get("guid") or None,
        verdict=Verdict(data["verdict"]),
        people=tuple(json.loads(data["people"])),
        reason=str(data["reason"]),
        expires=when(data["expires"]),
        operation=str(data["operation"]),
        spent=bool(data["spent"]),
        mode=str(data["mode"]),
    )


def ended_of(row: Row) -> Ended | None:
    if not row.data.get("ended"):
        return None
    result, by, why = json.loads(row.data["ended"])
    return Ended(grant=grant_of(row), result=result, by=by, why=why)


def intent_row(target: ResourceId, intent: Intent) -> Row:
    data = {
        "change": intent.change,
        "kind": intent.kind,
        "subject": str(intent.subject),
        "journal": json.dumps(intent.journal),
        "opened": intent.opened,
        "grant": intent.grant or "",
        "content": intent.content,
        "operation": intent.operation,
    }
    return Row(target.hash, f"i!{intent.change}", data)


def _intent(data: Any) -> Intent:
    table, pk, rk = json.loads(data["journal"])
    return Intent(
        change=str(data["change"]),
        kind=str(data["kind"]),
        subject=ResourceId.parse(data["subject"]),
        journal=(table, pk, rk),
        opened=when(data["opened"]),
        grant=data.get("grant") or None,
        content=str(data.get("content", "")),
        operation=str(data.get("operation", "")),
    )


async def remember(
    tables: Tables, target: ResourceId, known: Iterable[Known], forget: Iterable[ResourceId] = ()
) -> None:
    """The index row comes first: an endpoint's late delete event must always find its target."""
    rows, gone = list(known), list(forget)
    index = (
        (one, Row(one.endpoint.hash, target.hash, {"endpoint": str(one.endpoint), "target": str(target)}))
        for one in rows
    )
    await asyncio.gather(*(tables.put(INDEX, row) for _, row in index))
    await asyncio.gather(
        *(tables.put(TARGETS, known_row(target, one)) for one in rows),
        *(tables.delete(TARGETS, target.hash, f"e!{endpoint.hash}") for endpoint in gone),
    )
    await asyncio.gather(*(tables.delete(INDEX, endpoint.hash, target.hash) for endpoint in gone))


async def approved(tables: Tables, target: ResourceId, connection: ResourceId, endpoint: ResourceId) -> None:
    """A read has just shown that our own approval was carried out."""
    data = {"connection": str(connection), "endpoint": str(endpoint)}
    await tables.put(TARGETS, Row(target.hash, f"a!{connection.hash}", data))


async def forget_approved(tables: Tables, target: ResourceId, connection: ResourceId) -> None:
    await tables.delete(TARGETS, target.hash, f"a!{connection.hash}")


async def everything_known(tables: Tables) -> dict[ResourceId, dict[ResourceId, Known]]:
    """Target to endpoint to what was last read of it, for the sweep."""
    found: dict[ResourceId, dict[ResourceId, Known]] = {}
    for row in await tables.query(TARGETS, "RowKey ge @low and RowKey lt @high", low="e!", high="e~"):
        known = _known(row.data)
        found.setdefault(ResourceId.parse(row.data["target"]), {})[known.endpoint] = known
    return found


async def targets_of(tables: Tables, endpoint: ResourceId) -> list[ResourceId]:
    return [ResourceId.parse(row.data["target"]) for row in await tables.partition(INDEX, endpoint.hash)]


def when(value: Any) -> datetime:
    return datetime.fromtimestamp(value.timestamp(), UTC)
