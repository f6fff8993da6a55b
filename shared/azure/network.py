"""Connections of Private Link Services and application gateways, through azure-mgmt-network: all, one, a decision.

Knows that the SDK is more trusting than we may be: it takes `{}` for an empty list, follows pages without an end,
and waits for a decision. Refuses all three; a decision's answer is not looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError

from ..core.ids import ResourceId
from ..errors import Lasting, Passing, Unclear
from .clients import CALL_SECONDS, Clients
from .failures import failure
from .providers import Provider
from .wire import Body, objects

_PAGES = 1_000
_ODD = (ValueError, TypeError, AttributeError, KeyError)  # what the SDK raises over an answer that it cannot read


class Network:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def all(self, target: ResourceId, kind: Provider) -> list[Body]:
        """All connections of one target, every page. Raises Passing, Lasting."""
        doing = f"list {kind.segment}"
        client = await self._clients.network(target.subscription)
        call: Any
        if _is_service(target):
            call = client.private_link_services.list_private_endpoint_connections
        else:
            call = client.application_gateway_private_endpoint_connections.list
        return await read_all(call(target.group, target.name, api_version=kind.version), doing)

    async def one(self, target: ResourceId, kind: Provider, name: str) -> Body:
        """Raises Passing, Lasting."""
        doing = f"read connection {name}"
        client = await self._clients.network(target.subscription)
        call: Any
        if _is_service(target):
            call = client.private_link_services.get_private_endpoint_connection
        else:
            call = client.application_gateway_private_endpoint_connections.get
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found: Body = (await call(target.group, target.name, name, api_version=kind.version)).as_dict()
        except (AzureError, TimeoutError) as error:
            raise failure(error, doing) from error
        except _ODD as error:
            raise Passing(f"{doing}: the answer is not a connection") from error
        return found

    async def put(self, target: ResourceId, kind: Provider, name: str, body: Mapping[str, Any]) -> None:
        """Once, without the SDK's retries and without waiting for the end. Raises what the SDK raises, or Unclear."""
        client = await self._clients.network(target.subscription)
        options: dict[str, Any] = {"api_version": kind.version, "retry_total": 0}
        call: Any
        if _is_service(target):
            call = client.private_link_services.update_private_endpoint_connection
        else:
            call = client.application_gateway_private_endpoint_connections.begin_update
            options["polling"] = False
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await call(target.group, target.name, name, dict(body), **options)
        except _ODD as error:
            raise Unclear(f"decide connection {name}: the answer cannot be read", answered=True) from error


async def read_all(pager: Any, doing: str) -> list[Body]:
    """The items of all pages of one of the SDK's list calls. Raises Passing, Lasting."""
    pages = pager.by_page()
    found: list[Body] = []
    seen: set[str | None] = set()
    try:
        while True:
            async with asyncio.timeout(CALL_SECONDS):
                page = await anext(pages, None)
            if page is None:
                return found
            # Only the raw body tells an empty list from an answer that is none (laws 3 and 6).
            objects(pages._response.http_response.json().get("value"), doing)
            found += [item.as_dict() async for item in page]
            if pages.continuation_token in seen or len(seen) >= _PAGES:
                raise Lasting(f"{doing}: the answer's pages do not end")
            seen.add(pages.continuation_token)
    except (AzureError, TimeoutError) as error:
        raise failure(error, doing) from error
    except _ODD as error:
        raise Lasting(f"{doing}: the answer is not a list of objects") from error


def _is_service(target: ResourceId) -> bool:
    return target.is_a("Microsoft.Network/privateLinkServices")
