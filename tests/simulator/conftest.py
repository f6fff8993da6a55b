"""A small Azure in a thread of its own, and a client with builders: one fresh world per test."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from simulator.azure import Azure, Options, catalog
from simulator.tls import Authority

OURS, THEIRS, DNS = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("a", 1), ("b", 2), ("c", 3)))
VERSION = "2024-05-01"


class Loop:
    """An event loop in a background thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Any, timeout: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


class Cloud:
    """What tests say to the small Azure. Paths of builders are ids."""

    def __init__(self, azure: Azure, loop: Loop) -> None:
        self.azure, self.loop = azure, loop
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = azure.ca
        self.principal = azure.token

    def call(self, method: str, path: str, body: Any = None, *, version: str | None = VERSION, **headers: str) -> Any:
        url = path if path.startswith("https://") else self.azure.arm + path
        params = {} if "api-version=" in url or version is None else {"api-version": version}
        given = {"Authorization": f"Bearer {self.principal}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        return self.http.request(method, url, params=params, json=body, headers=given, timeout=30)

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PUT", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("DELETE", path, **more)

    def door(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, self.azure.control + path, json=body, timeout=60)
        return answer.json()

    def id(self, kind: str, name: str, subscription: str = OURS, group: str = "data") -> str:
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"

    def target(
        self,
        kind: str = "Microsoft.Storage/storageAccounts",
        name: str = "acct1",
        location: str = "westeurope",
        subscription: str = OURS,
        **properties: Any,
    ) -> str:
        path = self.id(kind, name, subscription)
        answer = self.put(path, {"location": location, "properties": properties})
        assert answer.status_code in (200, 201), answer.text
        return path

    def endpoint(
        self,
        target: str,
        group: str | None = "blob",
        name: str = "pe1",
        subscription: str = THEIRS,
        manual: bool = True,
        message: str | None = "please",
        link: str = "link1",
        rg: str = "net",
        **more: Any,
    ) -> str:
        path = self.id("Microsoft.Network/privateEndpoints", name, subscription, rg)
        inner = {"privateLinkServiceId": target, "groupIds": [group] if group else []}
        if message is not None:
            inner["requestMessage"] = message
        which = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
        subnet = self.id("Microsoft.Network/virtualNetworks", "vnet/subnets/default", subscription, rg)
        properties = {"subnet": {"id": subnet}, which: [{"name": link, "properties": inner}], **more}
        answer = self.put(path, {"location": "westeurope", "tags": {"team": "x"}, "properties": properties})
        assert answer.status_code in (200, 201), answer.text
        return path

    def requested(self, kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
        """A target of this type, and the connection that one endpoint asked for."""
        target = self.target(kind, "thing1")
        self.endpoint(target, next(iter(catalog.entries()[kind.lower()]["groups"]), None), **more)
        return target, self.connection(target)

    def connection(self, target: str) -> dict[str, Any]:
        rows = self.get(f"{target}/privateEndpointConnections").json()["value"]
        return rows[-1]

    def decide(self, connection: str, status: str = "Approved", description: str | None = "fine") -> Any:
        state = {"status": status} | ({} if description is None else {"description": description})
        return self.put(connection, {"properties": {"privateLinkServiceConnectionState": state}})

    def zone(self, name: str = "privatelink.blob.core.windows.net", group: str = "dns") -> str:
        path = self.id("Microsoft.Network/privateDnsZones", name, DNS, group)
        assert self.put(path, {"location": "global"}).status_code == 202
        return path

    def record(self, zone: str, name: str = "acct1", *addresses: str, **headers: str) -> Any:
        rows = [{"ipv4Address": one} for one in addresses or ("10.0.0.4",)]
        return self.put(f"{zone}/A/{name}", {"properties": {"ttl": 10, "aRecords": rows}}, **headers)

    def operations(self) -> list[str]:
        return [event["data"]["operationName"] for event in self.azure.outbox]

    def consumer(self, endpoint: str) -> dict[str, Any]:
        properties = self.get(endpoint).json()["properties"]
        rows = properties["privateLinkServiceConnections"] + properties["manualPrivateLinkServiceConnections"]
        return rows[0]["properties"]["privateLinkServiceConnectionState"]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    loop = Loop()
    authority = Authority.make(tmp_path_factory.mktemp("tls"))
    azure = loop.run(Azure.start(Options(events="manual", pace=0), authority))
    yield Cloud(azure, loop)
    loop.run(azure.stop())
    loop.end()


@pytest.fixture
def cloud(running: Cloud) -> Iterator[Cloud]:
    running.azure.reset()
    running.principal = running.azure.token
    yield running
    broken = list(running.azure.world.later.broken)
    running.azure.mode("manual")
    running.azure.pace(0)
    running.azure.reset()
    running.azure.world.later.broken.clear()
    assert not broken, broken


class Webhook:
    """Receives events; `answers` are the statuses of the next deliveries, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], Any]] = []
        self.answers: list[int] = []
        self.refuse = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["aeg-event-type"] == "SubscriptionValidation":
                    event = json.loads(body)[0]
                    reply = {"validationResponse": "no" if hook.refuse else event["data"]["validationCode"]}
                    return self._say(200, json.dumps(reply).encode())
                status = hook.answers.pop(0) if hook.answers else 200
                hook.got.append((dict(self.headers), body))
                return self._say(status)

            def do_OPTIONS(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                if not hook.refuse:
                    self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
                self.end_headers()

            def _say(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self) -> list[dict[str, Any]]:
        found = [json.loads(body) for _, body in self.got]
        return [one for row in found for one in (row if isinstance(row, list) else [row])]


@pytest.fixture
def webhook(cloud: Any) -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    for name in list(cloud.azure.post.subscriptions):
        cloud.loop.run(cloud.azure.unsubscribe(name))
    hook.server.shutdown()
