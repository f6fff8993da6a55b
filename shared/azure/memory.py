"""What the app remembers of one target, and who claims which name. Never the truth about Azure.

Tables: targets (one partition a target: `e!` endpoints, `n!` names, `g!` grants, `i!` intents, `o!` operations,
`f!` failures, `m!` the last plan), index (endpoint to targets), names (one partition a name: `c!` claims, `record`),
control. Keys are hashes of canonical ids, full ids are columns.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.ids import ResourceId, key_of
from ..core.model import Claim, Grant, Name, RecordSet, Verdict
from ..errors import Conflict
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    kind: str
    subject: ResourceId
    etag: str = ""


@dataclass(slots=True, kw_only=True)
class Memory:
    """One query's worth: everything remembered about one target."""

    target: ResourceId
    known: dict[ResourceId, Known] = field(default_factory=dict)
    names: dict[ResourceId, set[Name]] = field(default_factory=dict)
    """Endpoint to the names that we recorded a claim of it for."""
    grants: list[Grant] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    failures: dict[str, tuple[int, datetime, str]] = field(default_factory=dict)
    """Change id to (times failed, not again before, what Azure said)."""
    last_plan: str = ""
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
            memory.names.setdefault(ResourceId.parse(data["endpoint"]), set()).add(name)
        case "g!":
            memory.grants.append(grant_of(data))
        case "i!":
            memory.intents.append(_intent(data))
        case "o!":
            subject = ResourceId.parse(data["subject"])
            memory.operations.append(
                Operation(id=str(data["id"]), kind=str(data["kind"]), subject=subject, etag=row.etag)
            )
        case "f!":
            memory.failures[str(data["change"])] = (int(data["times"]), _when(data["until"]), str(data["text"]))
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
    )


def grant_row(target: ResourceId, grant: Grant) -> Row:
    data = {
        "connection": str(grant.connection),
        "endpoint": str(grant.endpoint),
        "guid": grant.guid or "",
        "verdict": grant.verdict.value,
        "by": grant.by,
        "reason": grant.reason,
        "expires": grant.expires,
        "operation": grant.operation,
        "spent": grant.spent,
        "mode": grant.mode,
    }
    return Row(target.hash, f"g!{grant.connection.hash}", data)


def grant_of(data: Any) -> Grant:
    return Grant(
        connection=ResourceId.parse(data["connection"]),
        endpoint=ResourceId.parse(data["endpoint"]),
        guid=data.get("guid") or None,
        verdict=Verdict(data["verdict"]),
        by=str(data["by"]),
        reason=str(data["reason"]),
        expires=_when(data["expires"]),
        operation=str(data["operation"]),
        spent=bool(data["spent"]),
        mode=str(data["mode"]),
    )


def intent_row(target: ResourceId, intent: Intent) -> Row:
    data = {
        "change": intent.change,
        "kind": intent.kind,
        "subject": str(intent.subject),
        "journal": json.dumps(intent.journal),
        "opened": intent.opened,
        "grant": intent.grant or "",
        "content": intent.content,
    }
    return Row(target.hash, f"i!{intent.change}", data)


def _intent(data: Any) -> Intent:
    table, pk, rk = json.loads(data["journal"])
    return Intent(
        change=str(data["change"]),
        kind=str(data["kind"]),
        subject=ResourceId.parse(data["subject"]),
        journal=(table, pk, rk),
        opened=_when(data["opened"]),
        grant=data.get("grant") or None,
        content=str(data.get("content", "")),
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


async def everything_known(tables: Tables) -> dict[ResourceId, dict[ResourceId, Known]]:
    """Target to endpoint to what was last read of it, for the sweep."""
    found: dict[ResourceId, dict[ResourceId, Known]] = {}
    for row in await tables.query(TARGETS, "RowKey ge @low and RowKey lt @high", low="e!", high="e~"):
        known = _known(row.data)
        found.setdefault(ResourceId.parse(row.data["target"]), {})[known.endpoint] = known
    return found


async def targets_of(tables: Tables, endpoint: ResourceId) -> list[ResourceId]:
    return [ResourceId.parse(row.data["target"]) for row in await tables.partition(INDEX, endpoint.hash)]


# --- names: claims and record memory -------------------------------------------------------------


async def claims_on(tables: Tables, name: Name) -> tuple[tuple[Claim, ...], RecordSet | None]:
    """All claims of a name and our memory of its record: one query."""
    claims: list[Claim] = []
    record: RecordSet | None = None
    for row in await tables.partition(NAMES, name.hash):
        if row.rk == "record":
            record = _record(name, row.data)
        else:
            claims.append(_claim(name, row.data))
    return tuple(sorted(claims, key=lambda claim: claim.endpoint)), record


async def claim(tables: Tables, claims: Sequence[Claim], now: datetime) -> None:
    """Write the claims, `n!` first: the target's index of its claims may hold too much, never too little."""
    await asyncio.gather(*(tables.put(TARGETS, _name_row(one.target, one.endpoint, one.name)) for one in claims))
    await asyncio.gather(*(_claim_one(tables, one, now) for one in claims))


async def _claim_one(tables: Tables, one: Claim, now: datetime) -> None:
    row = _claim_row(one, now)
    try:
        await tables.insert(NAMES, row)
    except Conflict:  # renewed: the first journalled claim keeps its date
        kept = await tables.get(NAMES, row.pk, row.rk)
        same = kept is not None and kept.data.get("guid") == row.data["guid"]
        since = kept.data["since"] if kept is not None and same else now
        await tables.put(NAMES, Row(row.pk, row.rk, {**row.data, "since": since}))


async def unclaim(tables: Tables, endpoint: ResourceId, name: Name) -> None:
    """The claim goes at once; its index row only when the record is right (`forget_name`), so no crash loses it."""
    await tables.delete(NAMES, name.hash, f"c!{endpoint.hash}")


async def forget_name(tables: Tables, target: ResourceId, endpoint: ResourceId, name: Name) -> None:
    await tables.delete(TARGETS, target.hash, _name_row(target, endpoint, name).rk)


async def remember_record(tables: Tables, record: RecordSet) -> None:
    data = {
        "zone": str(record.name.zone),
        "record": record.name.record,
        "addresses": json.dumps(record.addresses),
        "ttl": record.ttl,
        "metadata": json.dumps(record.metadata),
        "etag": record.etag,
    }
    await tables.put(NAMES, Row(record.name.hash, "record", data))


async def forget_record(tables: Tables, name: Name) -> None:
    await tables.delete(NAMES, name.hash, "record")


async def all_names(tables: Tables) -> dict[Name, tuple[tuple[Claim, ...], RecordSet | None]]:
    """Every name with its claims, for the sweep."""
    found: dict[Name, tuple[list[Claim], list[RecordSet]]] = {}
    for row in await tables.query(NAMES, ""):
        name = Name(zone=ResourceId.parse(row.data["zone"]), record=str(row.data["record"]))
        claims, records = found.setdefault(name, ([], []))
        if row.rk == "record":
            records.append(_record(name, row.data))
        else:
            claims.append(_claim(name, row.data))
    return {name: (tuple(claims), records[0] if records else None) for name, (claims, records) in found.items()}


def _name_row(target: ResourceId, endpoint: ResourceId, name: Name) -> Row:
    data = {"endpoint": str(endpoint), "zone": str(name.zone), "record": name.record}
    return Row(target.hash, f"n!{key_of(name.hash, endpoint.key)}", data)


def _claim_row(one: Claim, now: datetime) -> Row:
    data = {
        "zone": str(one.name.zone),
        "record": one.name.record,
        "endpoint": str(one.endpoint),
        "guid": one.guid or "",
        "target": str(one.target),
        "addresses": json.dumps(one.addresses),
        "since": now,
    }
    return Row(one.name.hash, f"c!{one.endpoint.hash}", data)


def _claim(name: Name, data: Any) -> Claim:
    return Claim(
        name=name,
        endpoint=ResourceId.parse(data["endpoint"]),
        guid=data.get("guid") or None,
        target=ResourceId.parse(data["target"]),
        addresses=tuple(json.loads(data["addresses"])),
        since=_when(data["since"]),
    )


def _record(name: Name, data: Any) -> RecordSet:
    return RecordSet(
        name=name,
        addresses=tuple(json.loads(data["addresses"])),
        ttl=int(data["ttl"]),
        metadata=tuple((str(k), str(v)) for k, v in json.loads(data["metadata"])),
        etag=str(data["etag"]),
    )


def _when(value: Any) -> datetime:
    return datetime.fromtimestamp(value.timestamp(), UTC)
