"""Reads and decisions over Resource Manager: connections of every type, endpoints and their interfaces.

Knows URLs, api-versions and what an answer proves. Refuses to take a decision's answer for a connection (providers
answer 200, 201 or 202 with bodies that are none): only a later read tells.
Source: reference/private-endpoint-connections.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest

from ..core import reading
from ..core.ids import ResourceId
from ..core.model import DESCRIPTIONS, Connection, Endpoint, Presence, Seen, Status, Verdict
from ..errors import Lasting, Passing
from .clients import CALL_SECONDS, Clients, code_of, failure, write_failure
from .providers import Provider, provider

_PAGES = 1_000  # of a list: a chain without an end must not keep a worker for ever
_GONE = {"ResourceNotFound", "ResourceGroupNotFound"}
_STATUS = {Verdict.APPROVE: Status.APPROVED, Verdict.REJECT: Status.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The connections of one target. Not `complete`: `why` says what could not be read, and nothing is proved."""

    connections: tuple[Connection, ...] = ()
    complete: bool = True
    presence: Presence = Presence.PRESENT
    why: str = ""


class Arm:
    def __init__(self, clients: Clients, address: str) -> None:
        self._clients = clients
        self._address = address

    # --- the target's side ---------------------------------------------------------------------

    async def connections(self, target: ResourceId) -> Listing:
        """All connections of one target: one read. Raises Passing."""
        kind = provider(target.type)
        if kind is None:
            return Listing(complete=False, presence=Presence.UNKNOWN, why=f"type {target.type} is not in the table")
        path = str(target) if kind.list_via_parent else f"{target}/{kind.segment}"
        version = kind.parent_version if kind.list_via_parent else kind.version
        try:
            items = [item async for item in self._items(path, version, kind)]
        except Lasting as wrong:
            presence = Presence.GONE if wrong.code in _GONE else Presence.UNKNOWN
            return Listing(complete=presence is Presence.GONE, presence=presence, why=str(wrong))
        return Listing(connections=tuple(_connection(item, target, kind) for item in items))

    async def connection(self, target: ResourceId, name: str) -> Connection | None:
        """One connection; None when it is gone (providers differ in the code of that 404). Raises Passing, Lasting."""
        kind = provider(target.type)
        if kind is None:
            raise Lasting(f"type {target.type} is not in the table")
        try:
            body = await self._get(f"{target}/{kind.segment}/{name}", kind.version, f"read connection {name}")
        except Lasting as wrong:
            if isinstance(wrong.__cause__, HttpResponseError) and wrong.__cause__.status_code == 404:
                return None
            raise
        return _connection(body, target, kind)

    async def decide(self, target: ResourceId, connection: Connection, verdict: Verdict) -> None:
        """Send the decision, once, without SDK retries. The text is a fixed public template.

        Raises Unclear when the answer was lost, Passing, Lasting or Conflict when it was refused.
        """
        kind = provider(target.type)
        if kind is None or connection.id is None:
            raise Lasting(f"type {target.type} is not in the table")
        state = {"status": _STATUS[verdict].value, "description": DESCRIPTIONS[verdict]}
        body = {"properties": {"privateLinkServiceConnectionState": state}}
        doing = f"{verdict.value} connection {connection.id.name}"
        try:
            if kind.client == "network" and target.is_a("Microsoft.Network/privateLinkServices"):
                await self._decide_service(target, connection.id, body)
            else:
                path = _quoted(f"{target}/{kind.segment}/{connection.id.name}")
                url = f"{self._address}{path}?api-version={kind.version}"
                await self._send(HttpRequest("PUT", url, json=body), retry_total=0)
        except (AzureError, TimeoutError) as error:
            raise write_failure(error, doing) from error

    async def _decide_service(self, target: ResourceId, connection: ResourceId, body: Mapping[str, Any]) -> None:
        client = await self._clients.network(target.subscription)
        async with asyncio.timeout(CALL_SECONDS):
            await client.private_link_services.update_private_endpoint_connection(
                target.group, target.name, connection.name, dict(body), retry_total=0
            )

    # --- the consumer's side -------------------------------------------------------------------

    async def endpoint(self, endpoint: ResourceId) -> Seen:
        """One endpoint, through azure-mgmt-network: one read when its names are in it, else its group and interfaces.

        Only 404 ResourceNotFound or ResourceGroupNotFound on that very id proves that it is gone. Raises Passing.
        """
        client = await self._clients.network(endpoint.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = await client.private_endpoints.get(endpoint.group, endpoint.name)
        except HttpResponseError as error:
            if error.status_code == 404 and code_of(error) in _GONE:
                return Seen(presence=Presence.GONE)
            wrong = failure(error, f"read endpoint {endpoint.name}")
            if isinstance(wrong, Passing):
                raise wrong from error
            return Seen(presence=Presence.UNKNOWN, why=str(wrong))
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"read endpoint {endpoint.name}") from error
        found = reading.endpoint(body.as_dict())
        if found is None or found.id != endpoint:
            return Seen(presence=Presence.UNKNOWN, why="the answer is not this endpoint")
        return await self._with_names(client, found)

    async def _with_names(self, client: Any, found: Endpoint) -> Seen:
        """Empty customDnsConfigs have several innocent causes (reference/dns-records.md section 1): look further."""
        approved = any(link.status is Status.APPROVED for link in found.links)
        if found.pairs is not None or not found.provisioned or not approved:
            return Seen(presence=Presence.PRESENT, endpoint=found)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                groups = [g async for g in client.private_dns_zone_groups.list(found.id.name, found.id.group)]
                bodies = [await client.network_interfaces.get(i.group, i.name) for i in found.interfaces]
        except (AzureError, TimeoutError) as error:
            wrong = failure(error, f"read the interfaces of endpoint {found.id.name}")
            if isinstance(wrong, Passing):
                raise wrong from error
            return Seen(presence=Presence.UNKNOWN, why=str(wrong))
        read = [reading.interface_pairs(body.as_dict()) for body in bodies]
        pairs = None if None in read else tuple(sorted(pair for part in read for pair in part or ()))
        full = replace(found, pairs=pairs, group_zones=reading.group_zones(group.as_dict() for group in groups))
        return Seen(presence=Presence.PRESENT, endpoint=full)

    # --- the wire ------------------------------------------------------------------------------

    async def _items(self, path: str, version: str, kind: Provider) -> AsyncIterator[Mapping[str, Any]]:
        doing = f"list {path.rpartition('/')[2]}"
        body = await self._get(path, version, doing)
        if kind.list_via_parent:
            properties = body.get("properties")
            if not isinstance(properties, Mapping):
                raise Lasting(f"{doing}: the answer has no properties")
            for item in _objects(
                properties.get("privateEndpointConnections") or [], doing
            ):  # absent when there are none
                yield item
        elif "value" not in body and "id" in body:
            yield body  # some providers answer a bare object (reference section 7)
        else:
            async for item in self._follow(body, doing):
                yield item

    async def pages(self, path: str, version: str, doing: str) -> AsyncIterator[Mapping[str, Any]]:
        """The items of a list call, all pages. `path` is made of parsed parts only."""
        async for item in self._follow(await self._get(path, version, doing), doing):
            yield item

    async def _follow(self, body: Mapping[str, Any], doing: str) -> AsyncIterator[Mapping[str, Any]]:
        seen: set[str] = set()
        while True:
            for item in _objects(body.get("value"), doing):
                yield item
            link = body.get("nextLink")
            if not isinstance(link, str) or not link:
                return
            if link in seen or len(seen) >= _PAGES:
                raise Lasting(f"{doing}: the answer's pages do not end")
            seen.add(link)
            body = await self._read(link, doing)

    async def ping(self) -> None:
        await self._get("/subscriptions", "2022-12-01", "reach Resource Manager")

    async def _get(self, path: str, version: str, doing: str) -> Mapping[str, Any]:
        return await self._read(f"{self._address}{_quoted(path)}?api-version={version}", doing)

    async def _read(self, url: str, doing: str) -> Mapping[str, Any]:
        """A JSON object. What is none proves nothing, whatever its status."""
        try:
            response = await self._send(HttpRequest("GET", url))
            body = response.json() if response.text() else None
        except (AzureError, TimeoutError) as error:
            raise failure(error, doing) from error
        except ValueError as error:
            raise Passing(f"{doing}: the answer is not JSON") from error
        if not isinstance(body, Mapping):
            raise Lasting(f"{doing}: the answer is not an object")
        return body

    async def _send(self, request: HttpRequest, **options: Any) -> Any:
        client = await self._clients.arm()
        async with asyncio.timeout(CALL_SECONDS):
            response = await client.send_request(request, **options)
            response.raise_for_status()
        if response.status_code >= 300:
            raise Lasting(f"{request.method}: answered {response.status_code}; redirects are not followed")
        return response


def _objects(items: object, doing: str) -> list[Mapping[str, Any]]:
    """An answer that is no list of objects must not count as an empty one (laws 3 and 6)."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise Lasting(f"{doing}: the answer is not a list of objects")
    return items


def _connection(body: object, target: ResourceId, kind: Provider) -> Connection:
    return reading.connection(body, target=target, guid_in_name=kind.guid_in_name)


def _quoted(path: str) -> str:
    return quote(path, safe="/")
