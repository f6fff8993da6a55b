"""Puts the host together: one process, one event loop, one port. Knows the order of start and stop."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from azure.core.exceptions import AzureError

from simulator.host.admin import Admin
from simulator.host.errors import AppRefused
from simulator.host.eventgrid import PATH, EventGridWebhook
from simulator.host.http import HttpTriggers
from simulator.host.invoking import Invoker
from simulator.host.keys import Keys
from simulator.host.loading import Function, load
from simulator.host.queues import QueueListener
from simulator.host.settings import HostSettings, read_host_json, substitute
from simulator.host.storage import queue_service
from simulator.host.timers import Timer

log = logging.getLogger("host")
LARGEST_BODY = 100 * 1024 * 1024  # Azure's limit for a request


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    app: Path
    port: int
    keys: Keys = field(default_factory=Keys)
    hidden: float = 600.0  # how long a message in work stays hidden: 10 minutes on Azure
    drain: float = 5.0  # how long running functions may go on after SIGTERM
    create_queues: bool = False  # do what the deployment would have done
    memory: Path | None = None  # where timers remember their next time across restarts


class Host:
    def __init__(self, options: HostOptions, settings: Mapping[str, str]) -> None:
        self._options, self._settings = options, settings
        self._host_json: HostSettings = read_host_json(options.app)
        self.functions: list[Function] = load(options.app)
        self._invoker = Invoker(options.app, self._host_json.function_timeout)
        self._services: dict[str, Any] = {}
        self._listeners = [self._listener(one) for one in self.functions if one.kind == "queue"]
        self._timers = {
            one.name: Timer(one, settings, self._invoker, options.memory)
            for one in self.functions
            if one.kind == "timer"
        }
        self._site = self._web()
        self._tasks: list[asyncio.Task[None]] = []

    def _web(self) -> web.Application:
        keys, prefix = self._options.keys, self._host_json.route_prefix
        triggers = HttpTriggers(self.functions, prefix, keys, self._invoker)
        webhook = EventGridWebhook(self.functions, keys, self._invoker)
        admin = Admin(self.functions, keys, self._invoker, prefix, self._timers)

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path in ("/", "/admin/host/ping"):
                return web.Response(text="Your function app is up and running\n")
            if request.path.startswith("/admin/"):
                return await admin(request)
            if request.path.rstrip("/") == PATH:
                return await webhook(request)
            return await triggers(request)

        site = web.Application(client_max_size=LARGEST_BODY)
        site.router.add_route("*", "/{path:.*}", answer)
        return site

    def _listener(self, function: Function) -> QueueListener:
        where = f"function {function.name!r}"
        queue = substitute(str(function.trigger["queueName"]), self._settings, where).lower()
        connection = str(function.trigger.get("connection") or "")
        if connection not in self._services:
            self._services[connection] = queue_service(connection, self._settings)
        return QueueListener(
            function, queue, self._services[connection], self._host_json.queues, self._invoker, self._options.hidden
        )

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; 0 when everything had time to finish."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await self._prepare()
        runner = web.AppRunner(self._site, access_log=None, shutdown_timeout=self._options.drain)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._options.port)
        await site.start()
        self._tasks = [asyncio.create_task(one.run()) for one in (*self._listeners, *self._timers.values())]
        self._announce()
        broken = await self._until(stop)
        await site.stop()
        await self._shut_down(runner)
        return 1 if broken else 0

    async def _prepare(self) -> None:
        if not self._options.create_queues:
            return
        try:
            await asyncio.gather(*(listener.create() for listener in self._listeners))
        except AzureError as error:
            raise AppRefused(f"the queues cannot be created: {error}") from None

    async def _until(self, stop: asyncio.Event) -> bool:
        """True when a listener died, which is a bug of this host."""
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        broken = [task for task in self._tasks if task.done() and not task.cancelled()]
        for task in broken:
            log.critical("a listener of the host died", exc_info=task.exception())
        return bool(broken)

    async def _shut_down(self, runner: web.AppRunner) -> None:
        log.info("stopping: %d invocations running", len(self._invoker.running))
        for task in self._tasks:
            task.cancel()
        left = await self._invoker.drain(self._options.drain)
        for listener in self._listeners:
            await listener.finish(1.0)
        await runner.cleanup()
        for service in self._services.values():
            await service.close()
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # clients the app left open: the process ends now
        log.info("stopped%s", f", {left} invocations left behind" if left else "")

    def _announce(self) -> None:
        if not self.functions:
            log.warning("No job functions found: the host runs, and does nothing")
        for function in self.functions:
            log.info("function %s: %s", function.name, function.trigger["type"])
        log.info("host is ready on http://127.0.0.1:%d", self._options.port)


def run(options: HostOptions) -> int:
    """The process's exit code."""

    async def main() -> int:
        return await Host(options, dict(os.environ)).run()

    try:
        return asyncio.run(main())
    except AppRefused as error:
        log.critical("the app is refused: %s", error, exc_info=error.__cause__)
        return 3
    except OSError as error:
        log.critical("cannot listen on port %d: %s", options.port, error)
        return 4
