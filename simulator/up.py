"""`python -m simulator up`: everything on one machine, until told to stop.

Knows the order of start and stop and the app settings a deployment would have. Refuses to know what the
app does with them; the app in turn cannot tell this from Azure, except by the addresses.
"""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.azurite import Azurite
from simulator.children import Child, ChildDied, free_base, taken
from simulator.functions import FunctionsApp
from simulator.tls import Authority

ROOT = Path(__file__).resolve().parent.parent
PORTS = 9  # 0-4 small Azure, 5 host, 6-8 Azurite
DEFAULT_BASE = 18_400
RESTARTS = 50


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    app: Path = ROOT
    port_base: int | None = None
    policy: Path = ROOT / "policy" / "examples" / "first.yaml"
    mode: str = "apply"
    events: str = "reliable"
    seed: int = 0
    audit_every: int = 15
    pace: float = 1.0


class CannotStart(Exception):
    """Why, and what to do about it."""


class Up:
    """The small Azure in this process, Azurite and the functions host as children."""

    def __init__(self, options: UpOptions, folder: Path) -> None:
        self._options, self._folder = options, folder
        self._stack = contextlib.AsyncExitStack()
        self._children: list[Child] = []
        self._app: FunctionsApp | None = None
        self.facts: dict[str, Any] = {}

    async def start(self) -> None:
        base = _base(self._options)
        if not self._options.policy.is_file():
            raise CannotStart(f"there is no policy file {self._options.policy}")
        authority = Authority.make(self._folder / "tls")
        try:
            storage = await self._azurite(authority, base)
            azure = await self._azure(authority, base)
            await storage.ready()
            env = app_settings(self._options, azure, storage)
            host = await self._host(env, base)
        except BaseException:
            await self.stop()
            raise
        for wanted in read_subscriptions(self._options.app):
            await azure.subscribe(url=host.webhook(), **wanted)
        self.facts = {
            "arm": azure.arm,
            "ca": str(authority.ca),
            "host": host.url,
            "dns": azure.dns,
            "table": storage.table,
            "queue": storage.queue,
            "blob": storage.blob,
            "control": azure.control,
            "token": azure.token,
            "key": host.key,
            "env": env,
        }

    async def died(self) -> str:
        """Returns only when a child ended by itself and cannot be replaced, with a sentence about it.

        A dead functions host is started again, as Azure does: a worker may die at any time.
        """
        for _ in range(RESTARTS):
            child, sentence = await self._first_dead()
            if self._app is None or child is not self._app.child:
                return sentence
            print(f"simulator: {sentence}; starting it again", file=sys.stderr)
            self._children.remove(child)
            await self._app.restart()
            self._children.append(self._app.child)
        return f"the functions host died {RESTARTS} times"

    async def _first_dead(self) -> tuple[Child, str]:
        waiting = {asyncio.create_task(child.died()): child for child in self._children}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            first = next(iter(done))
            return waiting[first], first.result()
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Last started, first stopped: the app goes before the cloud it talks to."""
        await self._stack.aclose()

    async def _azurite(self, authority: Authority, base: int) -> Azurite:
        azurite = await Azurite.start(
            authority, self._folder / "azurite", blob=base + 6, queue=base + 7, table=base + 8
        )
        self._stack.push_async_callback(azurite.stop)
        self._children.append(azurite.child)
        return azurite

    async def _azure(self, authority: Authority, base: int) -> Any:
        from simulator.azure import Azure, Options

        options = Options(port_base=base, events=self._options.events, seed=self._options.seed, pace=self._options.pace)
        azure = await Azure.start(options, authority)
        self._stack.push_async_callback(azure.stop)
        return azure

    async def _host(self, env: Mapping[str, str], base: int) -> FunctionsApp:
        host = await FunctionsApp.start(self._options.app, env, base + 5, self._folder)
        self._stack.push_async_callback(host.stop)
        self._children.append(host.child)
        self._app = host
        return host


def app_settings(options: UpOptions, azure: Any, storage: Azurite) -> dict[str, str]:
    """What the deployment would put into the function app's configuration."""
    return {
        **azure.identity,
        "SSL_CERT_FILE": str(azure.ca),
        "PYTHONPATH": str(options.app),
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsStorage__blobServiceUri": storage.blob,
        "AzureWebJobsStorage__queueServiceUri": storage.queue,
        "AzureWebJobsStorage__tableServiceUri": storage.table,
        "AzureWebJobsStorage__credential": "managedidentity",
        "LINKKEEPER_ARM": azure.arm,
        "LINKKEEPER_ARM_AUDIENCE": "https://management.azure.com",
        "LINKKEEPER_TOPIC": azure.topic,
        "LINKKEEPER_POLICY": str(options.policy.resolve()),
        "LINKKEEPER_MODE": options.mode,
        "LINKKEEPER_DEPLOYMENT": "local",
        "LINKKEEPER_DECISIONS_BY": "key",
        "LINKKEEPER_SWEEP_SCHEDULE": _timespan(options.audit_every),
        "LINKKEEPER_WATCH_SCHEDULE": "00:00:05",
        "LINKKEEPER_WATCHDOG_SCHEDULE": "00:00:10",
    }


def read_subscriptions(app: Path) -> list[dict[str, Any]]:
    """The same file that the deployment uses."""
    path = app / "infra" / "event-subscriptions.json"
    document = json.loads(path.read_text())
    return [
        {
            "name": one["name"],
            "schema": one["schema"],
            "event_types": one["includedEventTypes"],
            "filters": one.get("advancedFilters", []),
        }
        for one in document["subscriptions"]
    ]


def _timespan(seconds: int) -> str:
    if seconds >= 86_400:
        raise CannotStart("--audit-every must be less than a day")
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _base(options: UpOptions) -> int:
    if options.port_base is None:
        return free_base(DEFAULT_BASE, PORTS)
    if used := taken(range(options.port_base, options.port_base + PORTS)):
        raise CannotStart(
            f"port {', '.join(map(str, used))} is taken: give another --port-base ({PORTS} ports in a row are needed)"
        )
    return options.port_base


async def foreground(options: UpOptions, announce: Any) -> int:
    """The exit code: 0 after SIGINT or SIGTERM, 1 when something died or could not start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    folder = Path(tempfile.mkdtemp(prefix="linkkeeper-"))
    up = Up(options, folder)
    try:
        return await _watch(up, stop, announce)
    except (CannotStart, ChildDied, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    finally:
        await up.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _watch(up: Up, stop: asyncio.Event, announce: Any) -> int:
    stopped = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(up.start())
    await asyncio.wait({stopped, starting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return 0
    starting.result()
    announce(up.facts)
    died = asyncio.create_task(up.died())
    await asyncio.wait({stopped, died}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not died.done():
        died.cancel()
        return 0
    print(f"simulator: {died.result()}; stopping everything", file=sys.stderr)
    return 1
