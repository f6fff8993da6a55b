"""One credential, one connection pool and one pipeline for every Azure client of the process.

Knows how clients are built: on first use, on the running loop, under a lock; shared until `close`. Knows the retry
rule (azure-core's own, capped) and the hosts that may ever see a token. Refuses to know what is called.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.pipeline.policies import (
    AsyncRetryPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)

from ..errors import Lasting
from ..settings import Settings
from .pacing import Clock, Queue

if TYPE_CHECKING:
    from azure.mgmt.core import AsyncARMPipelineClient
    from azure.mgmt.network.aio import NetworkManagementClient
    from azure.mgmt.privatedns.aio import PrivateDnsManagementClient

CALL_SECONDS = 30
LONGEST_WAIT = 5  # seconds a call may sleep for Retry-After; beyond, the work goes back to the worklist


class CappedRetry(AsyncRetryPolicy):  # type: ignore[type-arg]
    """azure-core sleeps as long as the service says, an hour if it must: cap that (reference/runtime.md section 4)."""

    def is_retry(self, settings: Any, response: Any) -> bool:
        after = self.get_retry_after(response)
        return False if after and after > LONGEST_WAIT else bool(super().is_retry(settings, response))


class KnownHosts(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Law 5: a nextLink, Location or asynchronous URL is followed only to the configured ARM host or its regions'."""

    def __init__(self, arm: str) -> None:
        parts = urlsplit(arm)
        self._host, self._port = (parts.hostname or "").lower(), parts.port or 443

    def on_request(self, request: Any) -> None:
        parts = urlsplit(request.http_request.url)
        host = (parts.hostname or "").lower()
        known = host == self._host or host.endswith("." + self._host)
        if parts.scheme != "https" or not known or (parts.port or 443) != self._port:
            raise Lasting(f"refused to send a token to {host!r}: it is not the configured Resource Manager")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Clients:
    """Built by app.py; every property is an aio client. Close once, at the end of the process."""

    def __init__(self, settings: Settings, now: Clock = _utc_now, *watchers: SansIOHTTPPolicy) -> None:  # type: ignore[type-arg]
        """`watchers`: policies that see every answer of Resource Manager, such as what it says of its budgets."""
        self._settings = settings
        self._watchers = watchers
        self._now = now
        self._lock = asyncio.Lock()
        self._made: dict[str, Any] = {}

    async def close(self) -> None:
        for made in reversed(list(self._made.values())):
            await made.close()
        self._made.clear()

    async def arm(self) -> AsyncARMPipelineClient[Any, Any]:
        """Every ARM call that no mandated management client covers: approvals on every type, lists, accounts."""

        def make(parts: dict[str, Any]) -> Any:
            from azure.mgmt.core import AsyncARMPipelineClient

            return AsyncARMPipelineClient(self._settings.arm, policies=parts["policies"], transport=parts["transport"])

        return await self._client("arm", make)

    async def nobody(self) -> AsyncARMPipelineClient[Any, Any]:
        """Resource Manager without a token: its challenge names the tenant of a subscription."""

        def make(parts: dict[str, Any]) -> Any:
            from azure.mgmt.core import AsyncARMPipelineClient

            policies = [UserAgentPolicy("linkkeeper"), KnownHosts(self._settings.arm)]
            return AsyncARMPipelineClient(self._settings.arm, policies=policies, transport=parts["transport"])

        return await self._client("nobody", make)

    async def network(self, subscription: str) -> NetworkManagementClient:
        def make(parts: dict[str, Any]) -> Any:
            from azure.mgmt.network.aio import NetworkManagementClient  # 400 ms: only where it is needed

            return NetworkManagementClient(subscription_id=subscription, base_url=self._settings.arm, **parts)

        return await self._client(f"network {subscription}", make)

    async def private_dns(self, subscription: str) -> PrivateDnsManagementClient:
        def make(parts: dict[str, Any]) -> Any:
            from azure.mgmt.privatedns.aio import PrivateDnsManagementClient

            return PrivateDnsManagementClient(subscription_id=subscription, base_url=self._settings.arm, **parts)

        return await self._client(f"dns {subscription}", make)

    async def credential(self) -> Any:
        async with self._lock:
            return await self._credential()

    async def transport(self) -> Any:
        async with self._lock:
            return await self._transport()

    async def _client(self, name: str, make: Any) -> Any:
        async with self._lock:
            if name not in self._made:
                self._made[name] = make(await self._parts())
            return self._made[name]

    async def _parts(self) -> dict[str, Any]:
        from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy

        credential = await self._credential()
        scope = f"{self._settings.arm_audience.rstrip('/')}/.default"
        policies = [
            RequestIdPolicy(),
            HeadersPolicy({"Accept": "application/json"}),
            UserAgentPolicy("linkkeeper"),
            *self._watchers,
            CustomHookPolicy(),  # lets a caller see the raw answer of an SDK's list
            ContentDecodePolicy(),
            CappedRetry(retry_total=2, retry_backoff_max=LONGEST_WAIT),
            Queue(self._now),
            KnownHosts(self._settings.arm),
            AsyncARMChallengeAuthenticationPolicy(credential, scope),
        ]  # no redirects, and no policy that registers resource providers by itself
        return {"credential": credential, "policies": policies, "transport": await self._transport()}

    async def _credential(self) -> Any:
        if "credential" not in self._made:
            from azure.identity.aio import DefaultAzureCredential

            self._made["credential"] = DefaultAzureCredential(transport=await self._transport())
        return self._made["credential"]

    async def _transport(self) -> Any:
        if "transport" not in self._made:
            import aiohttp
            from azure.core.pipeline.transport import AioHttpTransport

            # trust_env would look the proxy up in a thread per request: half of the processor time (runtime.md 5).
            session = aiohttp.ClientSession(trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
            # aiohttp itself sends a PUT again when a reused connection drops: one journal row, one call (law 9).
            session._retry_connection = False
            self._made["session"] = session
            self._made["transport"] = _Shared(
                AioHttpTransport(
                    session=session,
                    session_owner=False,
                    use_env_settings=False,
                    connection_timeout=10,
                    read_timeout=CALL_SECONDS,
                )
            )
        return self._made["transport"]


class _Shared:
    """A transport that its borrowers cannot close: closing one client would close it for all."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def send(self, request: Any, **kwargs: Any) -> Any:
        return await self._inner.send(request, **kwargs)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> _Shared:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
