"""The real app in this process against the small Azure and a real Azurite, in the words of the domain.

Knows how to tell a story in a few lines: `w.storage()`, `w.asks()`, `w.deliver()`, `w.work()`. Refuses to mock: every
call of the app goes over HTTPS through the real SDKs. Events are collected by the simulator and delivered when a test
says so, through the real Event Grid function; the clock is moved, never slept on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import threading
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.meta import Datum

import shared.app as composition
from functions import events as event_function
from shared import byhand, policyfile, settings, settle, sweep
from shared.app import App
from shared.azure import clients, memory
from shared.azure.tables import Row
from shared.core.ids import ResourceId
from shared.core.model import Name
from shared.errors import Passing
from simulator.azure import Azure, Options
from simulator.azure.delivery import shape
from simulator.azurite import Azurite
from simulator.children import free_base
from simulator.tls import Authority

ROOT = Path(__file__).resolve().parent.parent
FIRST = ROOT / "policy" / "examples" / "first.yaml"
TEAM, DATA, HUB, STRANGER = (
    f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("a", 1), ("b", 2), ("c", 3), ("d", 4))
)
KEY = byhand.Caller(name="function key", person=False)
BLOB = "privatelink.blob.core.windows.net"
T = TypeVar("T")


class Clock:
    """Real time plus what tests have skipped."""

    def __init__(self) -> None:
        self.start = datetime.now(UTC)
        self.skipped = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def now_plus(self, seconds: float) -> str:
        return (self() + timedelta(seconds=seconds)).isoformat()

    def skip(self, **time: float) -> None:
        self.skipped += timedelta(**time)


class World:
    """One app, one small Azure, one Azurite, one background loop. `fresh()` forgets everything in between."""

    def __init__(self, azure: Azure, azurite: Azurite, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.azure, self.azurite, self.loop, self.folder = azure, azurite, loop, folder
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = azure.ca
        self.clock = Clock()
        self.policy_path = folder / "policy.yaml"
        self.app: App = self._build()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 120) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    # --- the app -------------------------------------------------------------------------------

    def fresh(self, policy: str | None = None, mode: str = "apply", **more: Any) -> World:
        """Nothing exists, nothing is remembered; the app restarts with this policy text."""
        self.azure.reset()
        self.azure.pace(0)
        self.azure.mode("manual")
        self.azure.outbox.clear()
        self.clock = Clock()
        self.run(self._forget())
        self.set_policy(policy or FIRST.read_text())
        self.restart(mode, **more)
        return self

    def set_policy(self, text: str) -> None:
        self.policy_path.write_text(text)

    @staticmethod
    def valid(text: str) -> bool:
        try:
            policyfile.parse(text.encode())
        except policyfile.BadPolicy:
            return False
        return True

    def restart(self, mode: str = "apply", **more: Any) -> None:
        """As after a kill -9: a new process image, the same tables."""
        self.run(self.app.close())
        self.app = self._build(mode, **more)

    def _build(self, mode: str = "apply", **more: Any) -> App:
        os.environ.update(self.azure.identity)
        env = {
            "LINKKEEPER_ARM": self.azure.arm,
            "LINKKEEPER_ARM_AUDIENCE": "https://management.azure.com",
            "LINKKEEPER_TOPIC": self.azure.topic,
            "LINKKEEPER_POLICY": str(self.policy_path),
            "LINKKEEPER_MODE": mode,
            "LINKKEEPER_DECISIONS_BY": "key",
            "AzureWebJobsStorage__tableServiceUri": self.azurite.table,
            "AzureWebJobsStorage__queueServiceUri": self.azurite.queue,
        }
        clients._Shared.sleep = self._sleep
        built = composition.build(settings.read({**env, **{k: str(v) for k, v in more.items()}}), lambda: self.clock())

        async def install() -> App:
            composition._apps[asyncio.get_running_loop()] = built  # what functions get from app()
            return built

        return self.run(install())

    async def _sleep(self, seconds: float) -> None:
        """The pauses of the SDKs' retries."""
        self.clock.skip(seconds=seconds)

    async def _forget(self) -> None:
        service = await self._tables()
        async for table in service.list_tables():
            await service.delete_table(table.name)
        with contextlib.suppress(Exception):  # no queue yet
            await (await self.app.worklist._bell._client()).clear_messages()

    async def _tables(self) -> Any:
        await self.app.tables.ping()
        return self.app.tables._service

    def work(self, rounds: int = 20) -> int:
        """Settle whatever is ripe until nothing is; how many items were worked on."""
        done = 0
        for _ in range(rounds):
            ripe = self.ripe()
            if not ripe:
                return done
            for item in ripe:
                self.run(settle.work(item, self.app))
                done += 1
        return done

    def ripe(self) -> list[ResourceId]:
        """What a worker could take now: due, not parked, nobody at it."""
        rows, now = self.rows("due"), self.clock()
        leased = {row.pk for row in rows if row.rk == "lease" and row.data["until"] > now}
        ripe = {
            str(row.data["work"])
            for row in rows
            if row.rk != "lease" and row.pk not in leased and not row.data["parked"] and row.data["not_before"] <= now
        }
        return sorted(ResourceId.parse(text) for text in ripe)

    def bells(self) -> list[ResourceId]:
        """What the visible messages of the queue ring for; they are taken out of it."""

        async def take() -> list[str]:
            queue = await self.app.worklist._bell._client()
            await self.app.worklist.ping()
            found = []
            async for message in queue.receive_messages(visibility_timeout=30):
                found.append(json.loads(base64.b64decode(message.content))["work"])
                await queue.delete_message(message)
            return found

        return sorted({ResourceId.parse(text) for text in self.run(take())})

    def waits(self) -> list[float]:
        """Seconds until each row of the worklist is due."""
        rows = [row.data for row in self.rows("due") if row.rk != "lease" and not row.data["parked"]]
        return sorted(round((row["not_before"] - self.clock()).total_seconds(), 1) for row in rows)

    @staticmethod
    def resource(path: str) -> ResourceId:
        return ResourceId.parse(path)

    def signal(self, work: str, subject: str, cause: str = "endpoint") -> None:
        """Somebody looks at it, as after an event."""
        self.run(self.app.worklist.signal(self.resource(work), self.resource(subject), cause))
        self.work()

    def rows(self, table: str) -> list[Row]:
        """A whole table."""
        return self.run(self.app.tables.query(table, ""))

    def later(self, seconds: float = 3) -> int:
        """Let time pass, then work."""
        self.clock.skip(seconds=seconds)
        return self.work()

    def deliver(self, events: Iterable[dict[str, Any]] | None = None) -> int:
        """Hand the collected events to the Event Grid function, as the host would."""
        batch = list(self.azure.outbox) if events is None else list(events)
        if events is None:
            self.azure.outbox.clear()
        for event in batch:
            self.run(self.event(event))
        return len(batch)

    @staticmethod
    def event(event: dict[str, Any]) -> Coroutine[Any, Any, None]:
        """One event on its way through the Event Grid function."""
        return event_function.events(as_event(event))

    def settle_all(self) -> None:
        """Deliver, work, let the second looks come: until nothing happens any more."""
        for _ in range(8):
            moved = self.deliver() + self.work()
            moved += self.later(3)
            if not moved and not self.azure.outbox:
                return

    def sweep(self) -> sweep.Sweep:
        found = self.run(sweep.sweep(self.app))
        self.settle_all()
        return found

    def sweep_quietly(self) -> None:
        """A sweep that may be cut short by an outage, as the timer takes it."""
        with contextlib.suppress(Passing):
            self.sweep()

    def watch(self) -> sweep.Sweep:
        found = self.run(sweep.watch(self.app))
        self.work()
        return found

    # --- what people do in Azure ----------------------------------------------------------------

    def arm(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """An operator's plain ARM call."""
        given = {"Authorization": f"Bearer {self.azure.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        url = f"{self.azure.arm}{path}"
        return self.http.request(
            method, url, params={"api-version": "2024-05-01"}, json=body, headers=given, timeout=30
        )

    def id(self, kind: str, name: str, subscription: str = DATA, group: str = "data") -> str:
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"

    def target(self, kind: str, name: str, group: str = "data", subscription: str = DATA, **properties: Any) -> str:
        """A Cosmos DB account is closed to the public unless said otherwise, so its first endpoint cuts nobody off."""
        path = self.id(kind, name, subscription, group)
        closed = {"publicNetworkAccess": "Disabled"} if kind.endswith("/databaseAccounts") else {}
        answer = self.arm("PUT", path, {"location": "westeurope", "properties": {**closed, **properties}})
        assert answer.status_code in (200, 201, 202)
        return path

    def storage(self, name: str = "acct1", group: str = "data", subscription: str = DATA) -> str:
        return self.target("Microsoft.Storage/storageAccounts", name, group, subscription)

    def zone(self, name: str = BLOB, subscription: str = HUB, group: str = "dns") -> str:
        path = self.id("Microsoft.Network/privateDnsZones", name, subscription, group)
        assert self.arm("PUT", path, {"location": "global"}).status_code in (200, 201, 202)
        return path

    def asks(
        self,
        target: str,
        name: str = "pe1",
        subscription: str = TEAM,
        group: str | None = "blob",
        message: str = "please",
        manual: bool = True,
        resource_group: str = "net",
        location: str = "westeurope",
        network: str = "vnet",
        tags: dict[str, str] | None = None,
    ) -> str:
        """Somebody creates a private endpoint towards the target; its id."""
        path = self.endpoint_id(name, subscription, resource_group)
        link = {"privateLinkServiceId": target, "groupIds": [group] if group else [], "requestMessage": message}
        which = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
        subnet = f"{self.network(network, subscription, resource_group)}/subnets/default"
        properties = {"subnet": {"id": subnet}, which: [{"name": f"link-{name}", "properties": link}]}
        answer = self.arm("PUT", path, {"location": location, "properties": properties, "tags": tags or {}})
        assert answer.status_code in (200, 201), answer.text
        return path

    def network(self, name: str = "vnet", subscription: str = TEAM, group: str = "net") -> str:
        return self.id("Microsoft.Network/virtualNetworks", name, subscription, group)

    def endpoint_id(self, name: str = "pe1", subscription: str = TEAM, group: str = "net") -> str:
        return self.id("Microsoft.Network/privateEndpoints", name, subscription, group)

    def connected(self, name: str = "pe1", **asked: Any) -> str:
        """A zone, an account, an allowed endpoint with its record, deletes allowed, calls forgotten."""
        self.zone()
        endpoint = self.asks(self.storage(), name, **asked)
        self.settle_all()
        self.allow_deletes()
        assert self.status(self.storage_id(), endpoint) == "Approved"
        self.azure.forget_calls()
        return endpoint

    def storage_id(self, name: str = "acct1") -> str:
        return self.id("Microsoft.Storage/storageAccounts", name)

    def removes(self, path: str) -> None:
        assert self.arm("DELETE", path).status_code in (200, 202, 204)

    def writes(self, name: str, *addresses: str, zone: str = BLOB, metadata: dict[str, str] | None = None) -> None:
        """Somebody writes a record by hand, metadata and all."""
        rows = [{"ipv4Address": address} for address in addresses]
        properties = {"ttl": 300, "aRecords": rows, **({"metadata": metadata} if metadata else {})}
        path = f"{self.id('Microsoft.Network/privateDnsZones', zone, HUB, 'dns')}/A/{name}"
        assert self.arm("PUT", path, {"properties": properties}).status_code in (200, 201)

    def decides(self, connection: str, status: str) -> None:
        """The owner of the target decides by hand, in the portal."""
        state = {"status": status, "description": "by hand"}
        answer = self.arm("PUT", connection, {"properties": {"privateLinkServiceConnectionState": state}})
        assert answer.status_code in (200, 201, 202), answer.text

    def moves(self, endpoint: str, group: str) -> str:
        """The endpoint moves to another resource group; its new id."""
        _, _, subscription, _, old, *rest = endpoint.split("/")
        base = f"/subscriptions/{subscription}/resourceGroups"
        body = {"resources": [endpoint], "targetResourceGroup": f"{base}/{group}"}
        answer = self.arm("POST", f"{base}/{old}/moveResources", body)
        assert answer.status_code in (202, 204), answer.text
        return "/".join([base, group, *rest])

    def zone_group(self, endpoint: str, zone: str = BLOB) -> None:
        """Somebody lets Azure write the endpoint's records."""
        config = {"name": "one", "properties": {"privateDnsZoneId": self.zone_id(zone)}}
        path = f"{endpoint}/privateDnsZoneGroups/default"
        answer = self.arm("PUT", path, {"properties": {"privateDnsZoneConfigs": [config]}})
        assert answer.status_code in (200, 201), answer.text

    def zone_id(self, name: str = BLOB) -> str:
        return self.id("Microsoft.Network/privateDnsZones", name, HUB, "dns")

    # --- what is there --------------------------------------------------------------------------

    def connections(self, target: str) -> list[dict[str, Any]]:
        answer = self.arm("GET", f"{target}/privateEndpointConnections")
        return answer.json()["value"] if answer.status_code == 200 else []

    def connection_of(self, target: str, endpoint: str) -> dict[str, Any] | None:
        return next(
            (
                c
                for c in self.connections(target)
                if c["properties"]["privateEndpoint"]["id"].lower() == endpoint.lower()
            ),
            None,
        )

    def status(self, target: str, endpoint: str) -> str | None:
        found = self.connection_of(target, endpoint)
        return found["properties"]["privateLinkServiceConnectionState"]["status"] if found else None

    def record(self, name: str = "acct1", zone: str = BLOB, subscription: str = HUB, group: str = "dns") -> Any:
        """The record set's properties, or None."""
        path = f"{self.id('Microsoft.Network/privateDnsZones', zone, subscription, group)}/A/{name}"
        answer = self.arm("GET", path)
        return answer.json()["properties"] if answer.status_code == 200 else None

    def app_name(self, name: str = "acct1", zone: str = BLOB) -> Name:
        """The name as the app knows it."""
        return Name(zone=ResourceId.parse(self.zone_id(zone)), record=name)

    def records(self, zone: str = BLOB) -> dict[str, Any]:
        answer = self.arm("GET", f"{self.id('Microsoft.Network/privateDnsZones', zone, HUB, 'dns')}/A")
        return {item["name"]: item["properties"] for item in answer.json().get("value", [])}

    def addresses(self, name: str = "acct1", zone: str = BLOB, group: str = "dns") -> list[str]:
        found = self.record(name, zone, group=group)
        return sorted(row["ipv4Address"] for row in found["aRecords"]) if found else []

    def address_of(self, endpoint: str) -> list[str]:
        configs = self.arm("GET", endpoint).json()["properties"]["customDnsConfigs"]
        return sorted(address for config in configs for address in config["ipAddresses"])

    def grants(self, connection: str, verdict: str = "approve", caller: Any = None, **more: Any) -> str:
        """Somebody decides about a connection that waits; the number of the operation."""
        return self.by_hand(
            "grant", {"connectionId": connection, "verdict": verdict, "reason": "by telephone", **more}, caller
        )

    def by_hand(self, what: str, body: dict[str, Any], more: Any = None) -> str:
        """byhand.grant (`more`: the caller) or byhand.ask (`more`: settle or plan), as the HTTP functions call them."""
        if what == "grant":
            return self.run(byhand.grant(self.app, body, more or KEY))
        return self.run(byhand.ask(self.app, more, body, KEY))

    def operation(self, number: str) -> dict[str, Any]:
        return self.run(byhand.operation(self.app, number))

    def health(self) -> dict[str, Any]:
        return self.run(byhand.health(self.app))

    def news(self) -> list[dict[str, Any]]:
        """What was published to the custom topic."""
        return [row["event"] for row in self.azure.news()]

    def held(self) -> list[dict[str, Any]]:
        return self.run(self.app.desk.held())

    def journal(self, *kinds: str) -> list[dict[str, Any]]:
        rows = self.run(self.app.journal.read(self.clock() - timedelta(days=40)))
        return [row for row in rows if not kinds or row["kind"] in kinds]

    def changes(self) -> list[dict[str, Any]]:
        """Every row of the journal about a change that was to be made, open ones too."""
        months = {f"journal{at:%Y%m}" for at in (self.clock.start, self.clock())}
        rows = [dict(row.data) for month in sorted(months) for row in self.rows(month)]
        return [
            row for row in rows if row["kind"] in ("approve", "reject", "put", "delete") and row["result"] != "skipped"
        ]

    def findings(self) -> str:
        """What the journal tells people that we do not act on."""
        return "\n".join(str(row["detail"]) for row in self.journal("finding"))

    def calls(self) -> dict[str, int]:
        """What the app asked of Azure since `forget_calls`."""
        nothing = dict.fromkeys(("arm_reads", "arm_writes", "arm_deletes", "dns_reads", "dns_writes", "dns_deletes"), 0)
        return {**nothing, **self.azure.calls()["totals"].get("app", {})}

    def sent(self, method: str = "") -> list[dict[str, Any]]:
        return [c for c in self.azure.calls()["recent"] if c["principal"] == "app" and method in ("", c["method"])]

    def remembered(self, target: str) -> memory.Memory:
        return self.run(memory.load(self.app.tables, ResourceId.parse(target)))

    def allow_deletes(self) -> None:
        """What a first full sweep of an empty world does."""
        self.run(self.app.desk.claims_complete())


def as_event(event: dict[str, Any]) -> Any:
    """Through the converter that the Functions worker uses."""
    return EventGridEventInConverter.decode(Datum(type="json", value=json.dumps(event)), trigger_metadata=None)


def cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    """The same event in the other schema, as the simulator shapes it."""
    return shape(event, "CloudEventSchemaV1_0")


def rules(*texts: str, extra: str = "") -> str:
    """A policy text with these rules (YAML flow mappings) and one hub for the team's endpoints."""
    head = f"version: 1\nowner: contoso-hub\nscope: {{subscriptions: [{DATA}]}}\n{extra}\nrules:\n"
    hub = f"/subscriptions/{HUB}/resourceGroups/dns"
    tail = f"hubs:\n  - {{name: hub, zones: {hub}, serves: {{subscriptions: [{TEAM}]}}}}\n"
    return head + "".join(f"  - {text}\n" for text in texts) + tail


@contextlib.contextmanager
def running(folder: Path, authority: Authority) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> tuple[Azure, Azurite]:
        base = free_base(20_000 + os.getpid() % 600 * 20, 3)  # processes side by side must not race for one
        azurite = await Azurite.start(authority, folder / "azurite", blob=base, queue=base + 1, table=base + 2)
        azure = await Azure.start(Options(events="manual", pace=0), authority)
        await azurite.ready()
        return azure, azurite

    azure, azurite = asyncio.run_coroutine_threadsafe(begin(), loop).result(90)
    world = World(azure, azurite, loop, folder)
    try:
        yield world
    finally:
        world.run(world.app.close())
        world.run(azure.stop())
        world.run(azurite.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
