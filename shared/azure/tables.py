"""Table Storage as rows with ETags: get, query, insert, replace, delete, all-or-nothing batches.

Knows azure-data-tables and that tables are made on first use. Every row carries `v`. Refuses to know what is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from ..errors import Conflict
from ..settings import Settings
from .clients import Clients
from .failures import failure

VERSION = 1
_BATCH = 100
_COLUMN, _COLUMNS = 30_000, 15


@dataclass(frozen=True, slots=True)
class Row:
    """`etag` as read; columns in `data` (PartitionKey and RowKey left out)."""

    pk: str
    rk: str
    data: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """One operation of a batch: `insert`, `put` (upsert, or replace with `etag`), `delete` (with `etag` if given)."""

    do: str
    row: Row


def pack(name: str, value: Any) -> dict[str, Any]:
    """A value as JSON in as many columns as it takes: one holds 32 Ki characters, a row 1 MiB."""
    text = json.dumps(value, default=str)
    parts = [text[start : start + _COLUMN] for start in range(0, len(text), _COLUMN)]
    if len(parts) > _COLUMNS:
        return pack(name, {"detail": "too large to be kept here"})
    return {name: parts[0], **{f"{name}{place}": part for place, part in enumerate(parts[1:], 1)}}


def unpack(name: str, data: Mapping[str, Any]) -> Any:
    """The other way; None when there is nothing."""
    text = str(data.get(name, "")) + "".join(str(data.get(f"{name}{place}", "")) for place in range(1, _COLUMNS))
    return json.loads(text) if text else None


class Tables:
    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._service: Any = None
        self._tables: dict[str, Any] = {}
        self._lock = asyncio.Lock()

    async def get(self, table: str, pk: str, rk: str) -> Row | None:
        async def act(client: Any) -> Row | None:
            try:
                return _row(await client.get_entity(pk, rk))
            except ResourceNotFoundError:
                return None

        return await self._do(table, act, f"read {table}")

    async def query(self, table: str, where: str = "", **values: Any) -> list[Row]:
        """All rows that match an OData filter with @parameters; parameters are never pasted into the text."""

        async def act(client: Any) -> list[Row]:
            found = client.query_entities(where, parameters=values) if where else client.list_entities()
            try:
                return [_row(entity) async for entity in found]
            except ResourceNotFoundError:
                return []

        return await self._do(table, act, f"query {table}")

    async def partition(self, table: str, pk: str) -> list[Row]:
        return await self.query(table, "PartitionKey eq @pk", pk=pk)

    async def insert(self, table: str, row: Row) -> str:
        """The new ETag; Conflict when the row exists."""
        return await self._write(table, Write("insert", row))

    async def put(self, table: str, row: Row, etag: str = "") -> str:
        """Replace the row: whatever is there, or with `etag` only what was read (else Conflict)."""
        return await self._write(table, Write("put", Row(row.pk, row.rk, row.data, etag)))

    async def delete(self, table: str, pk: str, rk: str, etag: str = "") -> None:
        """Conflict when an `etag` is given and the row changed; deleting nothing is no error."""
        await self._write(table, Write("delete", Row(pk, rk, {}, etag)))

    async def batch(self, table: str, writes: Sequence[Write]) -> None:
        """All or nothing per hundred rows of one partition; Conflict when any precondition fails."""
        for start in range(0, len(writes), _BATCH):
            part = [_operation(write) for write in writes[start : start + _BATCH]]

            async def act(client: Any, part: list[Any] = part) -> None:
                await client.submit_transaction(part)

            await self._do(table, act, f"write {table}", make=True)

    async def ping(self) -> None:
        await self.get("control", "control", "ping")

    async def _write(self, table: str, write: Write) -> str:
        async def act(client: Any) -> str:
            entity = _entity(write.row)
            match write.do:
                case "insert":
                    return _etag(await client.create_entity(entity))
                case "put" if write.row.etag:
                    return _etag(await client.update_entity(entity, mode="replace", **_match(write.row.etag)))
                case "put":
                    return _etag(await client.upsert_entity(entity, mode="replace"))
                case _:
                    condition = _match(write.row.etag) if write.row.etag else {}
                    await client.delete_entity(write.row.pk, write.row.rk, **condition)
                    return ""

        return await self._do(table, act, f"write {table}", make=write.do != "delete")

    async def _do(self, table: str, act: Any, doing: str, make: bool = False) -> Any:
        client = await self._table(table)
        try:
            try:
                return await act(client)
            except AzureError as error:
                absent = isinstance(error, ResourceNotFoundError) or getattr(error, "error_code", "") == "TableNotFound"
                if not make or not absent:
                    raise
                await self._service.create_table_if_not_exists(table)
                return await act(client)
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise Conflict(f"{doing}: somebody was faster") from error
        except ResourceNotFoundError as error:
            raise Conflict(f"{doing}: the row is gone") from error
        except (AzureError, TimeoutError) as error:
            status = getattr(error, "status_code", None)
            if status in (404, 409, 412):
                raise Conflict(f"{doing}: somebody was faster") from error
            raise failure(error, doing) from error

    async def _table(self, name: str) -> Any:
        async with self._lock:
            if self._service is None:
                self._service = await self._connect()
            if name not in self._tables:
                self._tables[name] = self._service.get_table_client(name)
            return self._tables[name]

    async def _connect(self) -> Any:
        from azure.data.tables.aio import TableServiceClient

        options: dict[str, Any] = {
            "transport": await self._clients.transport(),
            "retry_total": 2,
            "retry_backoff_factor": 0.2,
        }
        if self._settings.connection_string:
            return TableServiceClient.from_connection_string(self._settings.connection_string, **options)
        credential = await self._clients.credential()
        return TableServiceClient(endpoint=self._settings.tables, credential=credential, **options)


def _match(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _etag(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("etag", ""))


def _entity(row: Row) -> dict[str, Any]:
    return {"PartitionKey": row.pk, "RowKey": row.rk, **row.data, "v": VERSION}


def _row(entity: Any) -> Row:
    data = {name: value for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}
    return Row(entity["PartitionKey"], entity["RowKey"], data, str(entity.metadata.get("etag", "")))


def _operation(write: Write) -> tuple[Any, ...]:
    entity = _entity(write.row)
    match write.do:
        case "insert":
            return ("create", entity)
        case "put" if write.row.etag:
            return ("update", entity, {"mode": "replace", **_match(write.row.etag)})
        case "put":
            return ("upsert", entity, {"mode": "replace"})
        case _:
            return ("delete", entity, _match(write.row.etag) if write.row.etag else {})
