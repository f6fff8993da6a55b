"""The functions host as a child process, seen from outside.

Knows its keys and its admin API. Refuses to know the names of the app's functions: it asks the host.
"""

import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from simulator.children import Child, ChildDied, plain_environment, port_answers

ROOT = Path(__file__).resolve().parent.parent
NAME = "the functions host"


@dataclass
class FunctionsApp:
    child: Child
    url: str
    key: str
    _master: str
    _system: str
    _command: list[Any]
    _env: dict[str, str]
    _functions: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    async def start(cls, app: Path, env: Mapping[str, str], port: int, folder: Path) -> "FunctionsApp":
        """Ready when the host answers and has told its functions. The process gets only the app settings."""
        master, system, key = (secrets.token_urlsafe(24) for _ in range(3))
        keys = folder / "keys.json"
        keys.touch(mode=0o600)
        keys.write_text(
            json.dumps({"master": master, "host": {"default": key}, "system": {"eventgrid_extension": system}})
        )
        command = [
            sys.executable,
            "-m",
            "simulator.host",
            "--app",
            app,
            "--port",
            str(port),
            "--keys",
            keys,
            "--create-queues",
        ]
        settings = {**plain_environment(), **env}
        child = await Child.start(NAME, command, env=settings, cwd=ROOT)
        host = cls(child, f"http://127.0.0.1:{port}", key, master, system, command, settings)
        try:
            await host._ready()
            host._functions = await host._ask("/admin/functions")
        except aiohttp.ClientError as error:
            await child.stop()
            raise ChildDied(f"the functions host does not answer as it should: {error}") from error
        except BaseException:
            await child.stop()
            raise
        return host

    async def restart(self) -> None:
        """As Azure does with a worker that died: a new process, the same settings and keys."""
        self.child = await Child.start(NAME, self._command, env=self._env, cwd=ROOT)
        await self._ready()

    async def _ready(self) -> None:
        port = int(self.url.rpartition(":")[2])
        await self.child.ready(lambda: port_answers(port), seconds=60)

    def webhook(self) -> str:
        """Where Event Grid delivers: the app's only Event Grid function."""
        name = self._only("eventGridTrigger")
        return f"{self.url}/runtime/webhooks/eventgrid?functionName={name}&code={self._system}"

    async def stop(self) -> None:
        await self.child.stop()

    async def _ask(self, path: str) -> Any:
        headers = {"x-functions-key": self._master}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(self.url + path) as answer:
            answer.raise_for_status()
            return await answer.json()

    def _only(self, kind: str) -> str:
        names = [
            function["name"]
            for function in self._functions
            if any(binding["type"] == kind for binding in function["config"]["bindings"])
        ]
        if len(names) != 1:
            raise LookupError(f"the app has {len(names)} functions with a {kind}, expected one: {names}")
        return str(names[0])
