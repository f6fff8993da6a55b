"""Knows how the parts of the small Azure stand together, and what its owner may ask of it.

Refuses to know any of Azure's behaviour: that is in the parts. See README.md beside this folder.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from simulator.azure import control, doors, records
from simulator.azure.calls import Counter
from simulator.azure.delivery import Post, Subscription
from simulator.azure.events import Grid
from simulator.azure.faults import Faults
from simulator.azure.gateway import Gateway
from simulator.azure.nameserver import Names
from simulator.azure.throttle import Throttle
from simulator.azure.tokens import ARM_AUDIENCES, Tokens
from simulator.azure.topic import Topic
from simulator.azure.vantages import Vantages
from simulator.azure.wishes import Wishes
from simulator.azure.world import SWITCHES, World
from simulator.tls import Authority

Mode = Literal["reliable", "chaotic", "manual"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a small Azure is started. port_base 0: free ports; else arm, identity, control, dns, topic from there on."""

    port_base: int = 0
    events: Mode = "reliable"
    seed: int = 0
    pace: float = 1.0


class Azure(Wishes):
    """One small Azure. Its synchronous methods may be called from any thread."""

    def __init__(self, options: Options, authority: Authority) -> None:
        self.options, self.authority = options, authority
        self.loop = asyncio.get_running_loop()
        self.world = World(options.seed, options.pace)
        self.world.later.loop = self.loop
        self.post = Post(self.world, options.events)
        self.world.grid = Grid(self.world, self.post.receive)
        self.tokens, self.counter, self.faults = Tokens(), Counter(), Faults()
        self.throttle = Throttle(self.world)
        self.gateway = Gateway(self.world, self.tokens, self.counter, self.faults, self.throttle)
        self.published, self.names = Topic(self.tokens), Names(self.world)
        self.vantages = Vantages(self.world, self.names.public)
        self.token = self.tokens.make("operator", ARM_AUDIENCES[0])
        self.ca = str(authority.ca)
        self._closing: doors.Closing = []

    @classmethod
    async def start(cls, options: Options, authority: Authority) -> Azure:
        """Open all doors on loopback; they are ready when this returns."""
        azure = cls(options, authority)
        try:
            await azure._open()
        except BaseException:
            await azure.stop()
            raise
        return azure

    async def _open(self) -> None:
        base, closing = self.options.port_base, self._closing
        self.post.http = aiohttp.ClientSession(trust_env=False)
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(self.authority.cert, self.authority.key)
        identity = doors.faulty(self.tokens.identity, self.faults)
        topic = doors.faulty(self.published.handle, self.faults)
        arm = await doors.serve(self.gateway.handle, base, closing, secure)
        who = await doors.serve(identity, base and base + 1, closing)
        door = await doors.serve(control.door(self), base and base + 2, closing)
        names = await doors.serve_dns(self.names, base and base + 3, closing)
        news = await doors.serve(topic, base and base + 4, closing, secure)
        self.arm, self.control = f"https://localhost:{arm}", f"http://{doors.HOST}:{door}"
        self.identity = {
            "IDENTITY_ENDPOINT": f"http://{doors.HOST}:{who}/msi/token",
            "IDENTITY_HEADER": self.tokens.header,
        }
        self.dns = f"{doors.HOST}:{names}"
        self.topic, self.topic_key = f"https://localhost:{news}/api/events", self.published.key

    async def stop(self) -> None:
        """Close all doors."""
        self.world.later.forget()
        await self.post.close()
        await self.vantages.close()
        for close in reversed(self._closing):
            await close()
        self._closing.clear()

    async def subscribe(
        self,
        name: str,
        url: str,
        schema: str,
        event_types: Sequence[str],
        filters: Sequence[Mapping[str, Any]] = (),
        *,
        batch: int = 1,
    ) -> None:
        """Subscribe a webhook after a real handshake; raises handshake.Refused or ValueError."""
        await self.post.subscribe(Subscription(name, url, schema, event_types, filters, batch), self.control)

    async def unsubscribe(self, name: str) -> None:
        await self.post.unsubscribe(name)

    async def quiet(self, timeout: float = 30.0) -> None:
        """Wait until no slow operation and no delivery is under way; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not self.world.later.idle or self.post.pending:
                await asyncio.sleep(0.005)

    @property
    def outbox(self) -> list[dict[str, Any]]:
        """With events="manual": what would have been delivered, in Event Grid schema."""
        return self.post.outbox

    def reset(self) -> None:
        """Forget resources, switches, faults, counters, events and held time; subscriptions, tokens, pace stay."""
        self._run(self._reset)

    def _reset(self) -> None:
        self.world.clear()
        self.post.forget()
        self.counter.forget()
        self.faults.forget()
        self.throttle.forget()
        self.vantages.forget()
        self.published.kept.clear()

    def calls(self) -> dict[str, Any]:
        """Totals per principal and the newest 10,000 calls to ARM."""
        return self._run(self.counter.seen)

    def forget_calls(self) -> None:
        self._run(self.counter.forget)

    async def vantage(self, network: str | None, *, forwards: bool = True) -> str:
        """Open a DNS door inside this virtual network (None: outside of all), host:port; a reset closes it."""
        return await self.vantages.open(network, forwards=forwards)

    def deaf(self, address: str) -> None:
        """This vantage answers nothing any more."""
        self._run(lambda: self.vantages.deafen(address))

    def throttle_clock(self, clock: Callable[[], float]) -> None:
        """The clock of the call budgets, in seconds: any function that never goes back. Full buckets from here on."""

        self._run(lambda: self.throttle.start(clock))

    def fault(self, **given: Any) -> None:
        """Plant a fault; fields as in faults.Fault."""
        self._run(lambda: self.faults.add(**given))

    def forget_faults(self) -> None:
        self._run(self.faults.forget)

    def switch(self, **given: Any) -> dict[str, Any]:
        """Set switches (names: world.SWITCHES) and say how all stand."""
        unknown = set(given) - set(SWITCHES)
        if unknown:
            raise ValueError(f"unknown switches: {sorted(unknown)}; there are {sorted(SWITCHES)}")
        self._run(lambda: self.world.switches.update(given))
        return dict(self.world.switches)

    def foreign(self, subscriptions: Sequence[str]) -> None:
        """Declare which subscriptions belong to other tenants."""

        def act() -> None:
            self.world.tenancy.set_foreign(subscriptions)
            self.world.leave_strangers()

        self._run(act)

    def subscription(
        self, subscription: str, *, tenant: str = "", exists: bool | None = None, readable: bool | None = None
    ) -> dict[str, Any]:
        """Transfer a subscription to a tenant, make it exist or not, take the app's role in it or give it back."""

        def act() -> dict[str, Any]:
            if tenant:
                self.world.transfer(subscription, tenant)
            self.world.tenancy.change(subscription, exists, readable)
            return self.world.tenancy.seen()

        return self._run(act)

    def events(self) -> dict[str, Any]:
        """What was raised, and what became of every delivery."""
        return self._run(
            lambda: {"mode": self.post.mode, "raised": list(self.post.raised), "deadLetters": list(self.post.dead)}
        )

    def mode(self, mode: Mode) -> None:
        if mode not in ("reliable", "chaotic", "manual"):
            raise ValueError(f"no such mode of events: {mode!r}")
        self.post.mode = mode

    def lose(self, times: int) -> None:
        """The next deliveries are lost."""
        self.post.lose = times

    def news(self) -> list[dict[str, Any]]:
        """What the app published to the custom topic."""
        return list(self.published.kept)

    def forget_news(self) -> None:
        self._run(self.published.kept.clear)

    def pace(self, pace: float) -> None:
        """Time runs (again), this much slower than squeezed; 0: everything is done at once."""
        self._run(lambda: self.world.later.set_pace(pace))

    def resources(self) -> list[str]:
        """The ids of everything, record sets and connections included."""
        return self._run(lambda: control.inventory(self.world))

    def auto_register(self, zone: str, name: str, address: str) -> None:
        """Write a record as the platform does for virtual machines (isAutoRegistered)."""
        found = self.world.get(zone)
        if found is None:
            raise ValueError(f"no such zone: {zone}")
        self._run(lambda: records.register(self.world, found, name, address))

    def _run(self, act: Callable[[], Any]) -> Any:
        """Run it on the simulator's loop, from whichever thread."""
        try:
            if asyncio.get_running_loop() is self.loop:
                return act()
        except RuntimeError:
            pass

        async def call() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(30)
