"""The rows of grants: ended and dropped only as they were last read, so that nothing is taken from under a worker.

A grant ends in three steps that may each be the last: its row is marked, the journal told, the row deleted. Refuses to
know why a grant ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..core.ids import ResourceId
from ..core.model import Grant
from .memory import TARGETS, Ended, ended_of, grant_of, grant_row
from .tables import Row, Tables

_ROWS = "RowKey ge @low and RowKey lt @high"
_ALL = {"low": "g!", "high": "g~"}


async def of(tables: Tables, target: ResourceId) -> tuple[list[Grant], list[Ended]]:
    """Those of one target."""
    return _sorted_out(await tables.query(TARGETS, f"PartitionKey eq @pk and {_ROWS}", pk=target.hash, **_ALL))


async def everywhere(tables: Tables) -> tuple[list[Grant], list[Ended]]:
    """Those of all targets: a scan of the table, for the sweep."""
    return _sorted_out(await tables.query(TARGETS, _ROWS, **_ALL))


async def find(tables: Tables, target: ResourceId, connection: ResourceId) -> Grant | None:
    row = await tables.get(TARGETS, *_key(target, connection))
    return grant_of(row) if row is not None and not row.data.get("ended") else None


async def mark(tables: Tables, target: ResourceId, ended: Ended) -> None:
    """From here on it decides nothing. Conflict when it was spent, changed or ended since it was read."""
    row = grant_row(target, ended.grant)
    told = json.dumps([ended.result, ended.by, ended.why])
    await tables.put(TARGETS, Row(row.pk, row.rk, {**row.data, "ended": told}, row.etag), row.etag)


async def forget(tables: Tables, target: ResourceId, grant: Grant) -> None:
    """Deletes the row as it was read; Conflict when it is another one by now."""
    await tables.delete(TARGETS, *_key(target, grant.connection), grant.etag)


async def forget_ended(tables: Tables, target: ResourceId, ended: Ended) -> None:
    """Deletes the marked row. A new grant may be in its place already: that one stays."""
    key = _key(target, ended.grant.connection)
    row = await tables.get(TARGETS, *key)
    if row is not None and row.data.get("ended") and row.data["operation"] == ended.grant.operation:
        await tables.delete(TARGETS, *key, row.etag)


def _sorted_out(rows: Iterable[Row]) -> tuple[list[Grant], list[Ended]]:
    open_, over = [], []
    for row in rows:
        if ended := ended_of(row):
            over.append(ended)
        else:
            open_.append(grant_of(row))
    return open_, over


def _key(target: ResourceId, connection: ResourceId) -> tuple[str, str]:
    return target.hash, f"g!{connection.hash}"
