"""The raw private endpoint, its PUT under an ETag, and how far Azure is with it.

Knows the wire alone, because azure-mgmt-network would drop what it does not know, and the PUT replaces everything.
Refuses to wait for the end (minutes: reference/cosmos.md section 4), and to repeat a PUT by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from ..core.ids import ResourceId, fold
from ..errors import Lasting
from .failures import write_failure
from .wire import Body, Wire

_VERSION = "2026-03-01"  # the newest that azure-mgmt-network 33 knows: an older one might hide what it has
_HEADERS = ("Azure-AsyncOperation", "Location")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`state`: running, succeeded or failed; unknown where Azure does not tell (any more)."""

    state: str
    detail: str = ""


class Repeats:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def read(self, endpoint: ResourceId) -> tuple[Body, str]:
        """The raw body and its ETag. Raises Passing, Lasting."""
        body = await self._wire.get(str(endpoint), _VERSION, f"read endpoint {endpoint.name}")
        etag = body.get("etag")
        if not isinstance(etag, str) or not etag:
            raise Lasting(f"read endpoint {endpoint.name}: the answer has no ETag, so nothing may be written over it")
        return body, etag

    async def put(self, endpoint: ResourceId, body: Mapping[str, Any], etag: str) -> str:
        """Sent once; where to ask how far it is, empty when Azure does not say. Raises Conflict when the endpoint
        changed since it was read, Unclear when the answer was lost, Passing or Lasting when it was refused."""
        url = self._wire.url(str(endpoint), _VERSION)
        request = HttpRequest("PUT", url, json=dict(body), headers={"If-Match": etag})
        try:
            response = await self._wire.send(request, retry_total=0)
        except (AzureError, TimeoutError) as error:
            raise write_failure(error, f"refresh endpoint {endpoint.name}") from error
        return next((str(found) for name in _HEADERS if (found := response.headers.get(name))), "")

    async def progress(self, url: str) -> Progress:
        """One read; only Resource Manager's own hosts are asked (clients.py). Raises Passing."""
        try:
            body = await self._wire.follow_operation(url)
        except Lasting as wrong:
            return Progress(state="unknown", detail=str(wrong))
        status = fold(str(body.get("status", "")))
        if status in ("failed", "canceled"):
            error = body.get("error")
            said = error if isinstance(error, Mapping) else {}
            text = " ".join(f"{said.get('code') or status}: {said.get('message') or ''}".split())
            return Progress(state="failed", detail=text[:400])
        if status == "succeeded":
            return Progress(state="succeeded")
        return Progress(state="running" if status else "unknown")
