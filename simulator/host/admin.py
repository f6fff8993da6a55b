"""The host's own API under /admin. Knows the master key opens it and nothing else does."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from simulator.host.invoking import InvocationFailed, Invoker
from simulator.host.keys import Keys, presented_key
from simulator.host.loading import Function


class Admin:
    def __init__(
        self, functions: list[Function], keys: Keys, invoker: Invoker, prefix: str, timers: dict[str, Any]
    ) -> None:
        self._functions = {one.name.lower(): one for one in functions}
        self._keys, self._invoker, self._prefix, self._timers = keys, invoker, prefix, timers
        self._began = time.monotonic()
        self._manual: set[asyncio.Task[None]] = set()

    async def __call__(self, request: web.Request) -> web.Response:
        if not self._keys.is_master(presented_key(request)):
            return web.Response(status=401)
        parts = request.path.strip("/").split("/")[1:]
        match request.method, parts:
            case "GET", ["functions"]:
                return web.json_response([self._describe(one, request) for one in self._functions.values()])
            case "GET", ["functions", name] if name.lower() in self._functions:
                return web.json_response(self._describe(self._functions[name.lower()], request))
            case "POST", ["functions", name] if name.lower() in self._functions:
                return await self._trigger(self._functions[name.lower()], request)
            case "GET", ["host", "status"]:
                return web.json_response(self._status())
            case "GET", ["host", "systemkeys"]:
                return web.json_response(_listed(self._keys.system))
            case "GET", ["host", "systemkeys", name] if name in self._keys.system:
                return web.json_response({"name": name, "value": self._keys.system[name], "links": []})
            case "GET", ["host", "keys"]:
                return web.json_response(_listed(self._keys.host))
            case "GET", ["functions", name, "keys"] if name.lower() in self._functions:
                return web.json_response(_listed(self._keys.functions.get(name, {})))
        return web.Response(status=404)

    def _describe(self, function: Function, request: web.Request) -> dict[str, Any]:
        route = function.trigger.get("route") or function.name
        base = f"{request.scheme}://{request.host}"
        path = "/".join(part for part in (self._prefix, str(route)) if part)
        return {
            "name": function.name,
            "language": "python",
            "isDisabled": False,
            "config": {
                "name": function.name,
                "scriptFile": "function_app.py",
                "language": "python",
                "bindings": list(function.bindings),
            },
            "href": f"{base}/admin/functions/{function.name}",
            "invoke_url_template": f"{base}/{path}" if function.kind == "http" else None,
        }

    async def _trigger(self, function: Function, request: web.Request) -> web.Response:
        """202 and run: the answer says nothing about how it ends."""
        if request.content_type != "application/json":
            return web.Response(status=415)
        try:
            body = json.loads(await request.read() or b"{}")
            given = body.get("input")
            run = self._manually(function, given)
        except (ValueError, AttributeError) as error:
            return web.Response(status=400, text=str(error))
        task = asyncio.create_task(run)
        self._manual.add(task)
        task.add_done_callback(self._manual.discard)
        return web.Response(status=202)

    def _manually(self, function: Function, given: Any) -> Any:
        if function.kind == "timer":
            return self._timers[function.name].fire(past_due=False)
        if function.kind == "http":
            raise ValueError("HTTP functions are called at their own address")
        text = given if isinstance(given, str) else json.dumps(given)
        if function.kind == "eventgrid":
            json.loads(text)
            return self._quietly(function, Datum(text, "json"))
        metadata = {
            "Id": Datum("manual", "string"),
            "DequeueCount": Datum(1, "int"),
            "PopReceipt": Datum("manual", "string"),
        }
        return self._quietly(function, Datum(text, "string"), metadata)

    async def _quietly(self, function: Function, data: Datum, metadata: dict[str, Datum] | None = None) -> None:
        with suppress(InvocationFailed):  # it is in the log, as on Azure
            await self._invoker.invoke(
                function, data, metadata=metadata, reason="This function was programmatically called via the host APIs."
            )

    def _status(self) -> dict[str, Any]:
        return {
            "id": "local",
            "state": "Running",
            "version": "4.0.0-simulator",
            "versionDetails": "simulator/host",
            "functionCount": len(self._functions),
            "processUptime": int((time.monotonic() - self._began) * 1000),
        }


def _listed(keys: dict[str, str]) -> dict[str, Any]:
    return {"keys": [{"name": name, "value": value} for name, value in keys.items()], "links": []}
