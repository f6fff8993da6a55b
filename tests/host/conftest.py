"""Tiny function apps in a temporary folder, run by the real host process; storage is a real Azurite."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import jwt
import pytest
from aiohttp import web

from simulator.azurite import Azurite
from simulator.children import free_base, plain_environment
from simulator.tls import Authority

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "master": "the-master",
    "host": {"default": "the-host"},
    "system": {"eventgrid_extension": "the-system"},
    "functions": {"hello": {"own": "hello-only"}},
}
HEAD = "import asyncio, json, logging, os, time\nimport azure.functions as func\napp = func.FunctionApp()\n"


@dataclass
class Answer:
    status: int
    text: str
    headers: Any


@dataclass
class Running:
    """A host process and its log."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def call(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=named)
        try:
            with urllib.request.urlopen(request, timeout=20) as got:
                return Answer(got.status, got.read().decode(), got.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), error.headers)

    def said(self, text: str, times: int = 1, within: float = 15) -> bool:
        """Whether the log shows the text so often, soon."""
        return soon(lambda: self.log.read_text().count(text) >= times, within)


def soon(true: Callable[[], bool], within: float = 15) -> bool:
    until = time.monotonic() + within
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def write_app(folder: Path, source: str, queues: dict[str, Any] | None = None, **host: Any) -> Path:
    (folder / "function_app.py").write_text(HEAD + dedent(source))
    quick = {"maxPollingInterval": "00:00:00.2", "visibilityTimeout": "00:00:00", **(queues or {})}
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"queues": quick}, **host}))
    return folder


Start = Callable[..., Running]


@contextmanager
def hosts(folder: Path, first_port: int) -> Iterator[Start]:
    """`start(source, queues={…}, settings={…}, options=(…), functionTimeout="…")`; all end with the block."""
    running: list[Running] = []

    def begin(
        source: str, settings: dict[str, str] | None = None, options: tuple[str, ...] = (), **host: Any
    ) -> Running:
        port = free_base(first_port, 1)
        log = folder / f"log-{len(running)}"
        command = [
            sys.executable,
            "-m",
            "simulator.host",
            "--app",
            str(write_app(folder, source, **host)),
            "--port",
            str(port),
            "--keys",
            json.dumps(KEYS),
            "--drain",
            "2",
            *options,
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**plain_environment(), **(settings or {})}, stdout=out, stderr=subprocess.STDOUT
            )
        running.append(Running(process, f"http://127.0.0.1:{port}", log))
        assert running[-1].said("host is ready"), log.read_text()
        return running[-1]

    try:
        yield begin
    finally:
        for one in running:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def start(tmp_path: Path, worker_base: int) -> Iterator[Start]:
    with hosts(tmp_path, worker_base + 100) as begin:
        yield begin


@pytest.fixture(scope="module")
def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_base: int
) -> Iterator[Running]:
    """The module's APP, started once."""
    with hosts(tmp_path_factory.mktemp("app"), worker_base + 200) as begin:
        yield begin(request.module.APP)


@pytest.fixture(scope="session")
def worker_base() -> int:
    """Each pytest-xdist worker has ports of its own."""
    return 24_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@dataclass
class Storage:
    settings: dict[str, str]  # as a deployment with managed identity has them
    ca: Path
    queue: str


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory, worker_base: int) -> Iterator[Storage]:
    """Azurite over HTTPS, which takes bearer tokens, and an identity endpoint that hands them out."""
    folder = tmp_path_factory.mktemp("storage")
    authority = Authority.make(folder / "tls")
    base = free_base(worker_base, 4)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> Azurite:
        site = web.Application()
        site.router.add_get("/msi/token", _token)
        runner = web.AppRunner(site)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", base + 3).start()
        azurite = await Azurite.start(authority, folder / "azurite", blob=base, queue=base + 1, table=base + 2)
        await azurite.ready()
        return azurite

    azurite = asyncio.run_coroutine_threadsafe(begin(), loop).result(60)
    yield Storage(
        {
            "AzureWebJobsStorage__queueServiceUri": azurite.queue,
            "AzureWebJobsStorage__credential": "managedidentity",
            "SSL_CERT_FILE": str(authority.ca),
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{base + 3}/msi/token",
            "IDENTITY_HEADER": "secret",
        },
        authority.ca,
        azurite.queue,
    )
    asyncio.run_coroutine_threadsafe(azurite.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)


async def _token(request: web.Request) -> web.Response:
    now, resource = int(time.time()), request.query["resource"]
    token = jwt.encode(
        {
            "iss": "https://sts.windows.net/tenant/",
            "aud": resource,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
        },
        "any key does, Azurite reads but does not verify",
    )
    return web.json_response(
        {"access_token": token, "expires_on": str(now + 3600), "resource": resource, "token_type": "Bearer"}
    )
