"""Who claims which name, and what we last wrote to its record: the table `names`, one partition a name.

Rows: `c!` claims, `record` the record memory. The index row `n!` beside the target's memory is written before a claim
and dropped after its record is right, so it may hold too much, never too little.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..core.ids import ResourceId, key_of
from ..core.model import Claim, Name, RecordSet
from ..errors import Conflict
from .memory import TARGETS, when
from .tables import Row, Tables

NAMES = "names"


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
    rows = (_name_row(one.target, one.endpoint, one.name, one.fqdn) for one in claims)
    await asyncio.gather(*(tables.put(TARGETS, row) for row in rows))
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


async def unclaim(tables: Tables, target: ResourceId, endpoint: ResourceId, name: Name) -> None:
    """The claim goes at once; its index row only when the record is right (`forget_name`), so no crash loses it.

    Only a claim for this target: the endpoint may have been made again under its id, and lead elsewhere now.
    """
    row = await tables.get(NAMES, name.hash, f"c!{endpoint.hash}")
    if row is not None and ResourceId.read(row.data["target"]) == target:
        with suppress(Conflict):  # claimed anew in this moment
            await tables.delete(NAMES, name.hash, row.rk, row.etag)


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
        "ceded": record.ceded,
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


def _name_row(target: ResourceId, endpoint: ResourceId, name: Name, fqdn: str = "") -> Row:
    data = {"endpoint": str(endpoint), "zone": str(name.zone), "record": name.record, "fqdn": fqdn}
    return Row(target.hash, f"n!{key_of(name.hash, endpoint.key)}", data)


def _claim_row(one: Claim, now: datetime) -> Row:
    data = {
        "zone": str(one.name.zone),
        "record": one.name.record,
        "endpoint": str(one.endpoint),
        "guid": one.guid or "",
        "target": str(one.target),
        "addresses": json.dumps(one.addresses),
        "fqdn": one.fqdn,
        "near": one.near,
        "ttl": one.ttl or 0,
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
        fqdn=str(data.get("fqdn", "")),
        near=int(data.get("near", 3)),
        ttl=int(data.get("ttl", 0)) or None,
        since=when(data["since"]),
    )


def _record(name: Name, data: Any) -> RecordSet:
    return RecordSet(
        name=name,
        addresses=tuple(json.loads(data["addresses"])),
        ttl=int(data["ttl"]),
        metadata=tuple((str(k), str(v)) for k, v in json.loads(data["metadata"])),
        etag=str(data["etag"]),
        ceded=bool(data.get("ceded")),
    )
