"""JSON over Resource Manager: one object, or the items of all pages. Knows what an answer must look like to prove
anything; refuses to know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from ..errors import Lasting, Passing
from .clients import CALL_SECONDS, Clients
from .failures import failure

_PAGES = 1_000  # of a list: a chain without an end must not keep a worker for ever
Body = Mapping[str, Any]


class Wire:
    def __init__(self, clients: Clients, address: str) -> None:
        self._clients = clients
        self._address = address

    def url(self, path: str, version: str) -> str:
        """`path` is made of parsed parts only (law 5)."""
        return f"{self._address}{quote(path, safe='/')}?api-version={version}"

    async def get(self, path: str, version: str, doing: str) -> Body:
        return await self._read(HttpRequest("GET", self.url(path, version)), doing)

    async def post(self, path: str, version: str, body: Body, doing: str) -> Body:
        return await self._read(HttpRequest("POST", self.url(path, version), json=body), doing)

    async def pages(self, path: str, version: str, doing: str) -> AsyncIterator[Body]:
        """The items of a list call, all pages. Raises Passing, Lasting."""
        async for item in self.follow(await self.get(path, version, doing), doing):
            yield item

    async def follow(self, body: Body, doing: str) -> AsyncIterator[Body]:
        seen: set[str] = set()
        while True:
            for item in objects(body.get("value"), doing):
                yield item
            link = body.get("nextLink")
            if not isinstance(link, str) or not link:
                return
            if link in seen or len(seen) >= _PAGES:
                raise Lasting(f"{doing}: the answer's pages do not end")
            seen.add(link)
            body = await self._read(HttpRequest("GET", link), doing)

    async def follow_operation(self, url: str) -> Body:
        """What a slow operation's own URL says; only known hosts are asked. Raises Passing, Lasting."""
        return await self._read(HttpRequest("GET", url), "read a slow operation")

    async def send(self, request: HttpRequest, **options: Any) -> Any:
        client = await self._clients.arm()
        async with asyncio.timeout(CALL_SECONDS):
            response = await client.send_request(request, **options)
            response.raise_for_status()
        if response.status_code >= 300:
            raise Lasting(f"{request.method}: answered {response.status_code}; redirects are not followed")
        return response

    async def challenge(self, path: str, version: str, doing: str) -> str:
        """What Resource Manager says to somebody without a token: its WWW-Authenticate header, else nothing."""
        client = await self._clients.nobody()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await client.send_request(HttpRequest("GET", self.url(path, version)))
        except (AzureError, TimeoutError) as error:
            raise failure(error, doing) from error
        if response.status_code in (429, 500, 502, 503, 504):
            raise Passing(f"{doing}: answered {response.status_code}")
        return str(response.headers.get("WWW-Authenticate", "")) if response.status_code == 401 else ""

    async def _read(self, request: HttpRequest, doing: str) -> Body:
        """A JSON object. What is none proves nothing, whatever its status."""
        try:
            response = await self.send(request)
            body = response.json() if response.text() else None
        except (AzureError, TimeoutError) as error:
            raise failure(error, doing) from error
        except ValueError as error:
            raise Passing(f"{doing}: the answer is not JSON") from error
        if not isinstance(body, Mapping):
            raise Lasting(f"{doing}: the answer is not an object")
        return body


def objects(items: object, doing: str) -> list[Body]:
    """An answer that is no list of objects must not count as an empty one (laws 3 and 6)."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise Lasting(f"{doing}: the answer is not a list of objects")
    return items
