"""Knows ARM's front door: who calls, whether the call is well formed, what it may cost, and what is told of it.

Refuses to know resources (routes.py). Wording of refusals: documented by ARM; order: identity before version.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from simulator.azure import groups, ids
from simulator.azure.calls import Call, Counter, Reply
from simulator.azure.errors import ArmError, bad, forbidden, gateway, subscription_missing
from simulator.azure.events import operation
from simulator.azure.faults import Fault, Faults
from simulator.azure.ids import Path
from simulator.azure.routes import route
from simulator.azure.throttle import Throttle
from simulator.azure.tokens import Tokens, oid, wrong_tenant
from simulator.azure.world import World

log = logging.getLogger("simulator")
_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(-[a-z0-9.]+)?$", re.IGNORECASE)
_WRITES = ("PUT", "PATCH", "POST", "DELETE")


class Dropped(Exception):
    """A planted fault closes the connection without an answer."""


class Gateway:
    """ARM over HTTPS."""

    def __init__(self, world: World, tokens: Tokens, counter: Counter, faults: Faults, throttle: Throttle) -> None:
        self.world, self.tokens, self.counter = world, tokens, counter
        self.faults, self.throttle = faults, throttle

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One HTTP request to ARM."""
        raw = request.rel_url.raw_path
        base = f"https://{request.headers.get('Host', 'localhost')}"
        if raw.lower().rstrip("/") == "/metadata/endpoints":
            return self._answer(request.method, Reply(200, groups.metadata(base)), {})
        body = await request.read()
        principal, path = "anonymous", Path()
        headers: dict[str, str] = {}
        try:
            if not request.headers.get("Authorization"):  # a stranger asks whose subscription this is
                await self._plant(principal, request.method, raw)
            principal = self._who(request, raw)
            path = _path(raw)
            fault = await self._plant(principal, request.method, raw)
            headers = self.throttle.charge(principal, request.method, path)
            reply = self._act(request, principal, path, body, base)
            if fault and fault.after:
                self.world.later.run()
                _fail(fault, raw)
        except Dropped:
            self._note(principal, request, path, raw, 0)
            if request.transport:
                request.transport.abort()
            return web.Response(status=499)
        except ArmError as error:
            reply = Reply(error.status, error.body, dict(error.headers))
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # a body of odd shape, or our own mistake
            log.exception("the simulator could not answer %s %s", request.method, raw)
            reply = Reply(500, ArmError(500, "InternalServerError", f"The simulator broke: {error!r}").body)
        self._note(principal, request, path, raw, reply.status)
        answer = self._answer(request.method, reply, headers)
        self.world.later.run()
        return answer

    async def _plant(self, principal: str, method: str, raw: str) -> Fault | None:
        """Let a planted fault happen; it is answered when it is one that follows the deed."""
        fault = self.faults.take(principal, method, raw)
        if fault:
            await before(fault, raw)
        return fault

    def _who(self, request: web.Request, raw: str) -> str:
        """Who calls. A subscription that does not exist is told even to strangers (assumed); else the 401 names
        the subscription's tenant (documented), and no tenant outside subscriptions."""
        tenancy, subscription = self.world.tenancy, _subscription(raw)
        header = request.headers.get("Authorization")
        if not header and not tenancy.exists(subscription):
            raise subscription_missing(subscription)
        return self.tokens.principal(header, tenant=tenancy.tenant_of(subscription) if subscription else "")

    def _act(self, request: web.Request, principal: str, path: Path, body: bytes, base: str) -> Reply:
        """Check the call, answer it, tell of it."""
        query = {
            ("api-version" if name.lower() == "api-version" else name): value for name, value in request.query.items()
        }
        _check_version(query)
        self._check_reach(principal, request.method, path)
        call = Call(self.world, request.method, path, query, CIMultiDict(request.headers), _json(body), principal, base)
        reply = route(call)
        if reply.event and request.method in _WRITES and reply.status < 300:
            self._raise(call, reply)
        return reply

    def _raise(self, call: Call, reply: Reply) -> None:
        """Every write that succeeded raises an event, reads never do (documented)."""
        grid = self.world.grid
        if call.method == "POST":
            grid.action(call.path.parent if call.path.namespace else call.path, call.path.types[-1], call.principal)
        elif call.method == "DELETE":
            grid.delete(call.path, call.principal)
        else:
            grid.write(call.path, call.principal, update=reply.update)

    def _check_reach(self, principal: str, method: str, path: Path) -> None:
        """The app's identity has no rights in other tenants' subscriptions; which refusal it gets is U."""
        world, subscription = self.world, path.subscription
        if not subscription or world.tenancy.readable(principal, subscription):
            return
        if not world.tenancy.exists(subscription):
            raise subscription_missing(subscription)
        if world.is_foreign(subscription) and world.switches["foreign_reads"] == "notfound":
            raise subscription_missing(subscription)
        if world.is_foreign(subscription) and world.switches["foreign_reads"] == "wrongtenant":
            raise wrong_tenant(world.tenancy.tenant_of(subscription))
        verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
        name = operation(path, verb) if verb != "read" else operation(path, "write").removesuffix("write") + "read"
        raise forbidden(oid(principal), name, path.id)

    def _note(self, principal: str, request: web.Request, path: Path, raw: str, status: int) -> None:
        self.counter.note(principal, request.method, path, raw, request.query.get("api-version", ""), status)

    def _answer(self, method: str, reply: Reply, headers: dict[str, str]) -> web.Response:
        number = f"{self.world.random.getrandbits(128):032x}"
        everything = {
            "x-ms-request-id": number,
            "x-ms-correlation-request-id": number,
            "Cache-Control": "no-cache",
            **headers,
            **reply.headers,
        }
        if reply.body is None or method == "HEAD":
            return web.Response(status=reply.status, headers=everything)
        return web.Response(
            status=reply.status,
            headers=everything,
            body=json.dumps(reply.body).encode(),
            content_type="application/json",
            charset="utf-8",
        )


def _path(raw: str) -> Path:
    try:
        return ids.parse(raw)
    except ids.BadPath as error:
        raise gateway(400, "InvalidResourceId", f"The path '{raw}' is not a valid resource id.") from error


def _subscription(raw: str) -> str:
    try:
        return ids.parse(raw).subscription
    except ids.BadPath:
        return ""


def _check_version(query: dict[str, str]) -> None:
    version = query.get("api-version")
    if not version:
        raise gateway(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if not _VERSION.match(version):
        raise gateway(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported "
            "versions are dates such as '2024-05-01' or '2024-05-01-preview'.",
        )


def _json(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad(
            "InvalidRequestContent", f"The request content was invalid and could not be deserialized: '{error}'."
        ) from error


async def before(fault: Fault, raw: str) -> None:
    """Let a planted fault happen, unless it is one that follows the deed."""
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if not fault.after:
        _fail(fault, raw)


def _fail(fault: Fault, raw: str) -> None:
    if fault.drop:
        raise Dropped
    if fault.status:
        flat = "/privatednszones/" in raw.lower()
        error = ArmError(fault.status, fault.code, fault.message, flat=flat, headers=dict(fault.headers))
        error.instead = fault.body
        raise error
