"""Virtual time for benchmarks: it stands still while anybody works, and jumps to the next moment somebody waits for.

So what is measured is waiting, not this machine. The worklist's bell is kept in memory for that; its rows are real.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import settle
from shared.azure import clients
from shared.core.ids import ResourceId
from tests.bench import COSMOS, OPEN
from tests.world import World

NAMES = 3
WORKERS = 32  # host.json: batchSize
BURST, REFILL = 200, 10.0  # reference/arm-limits.md section 1: writes, and deletes, of one principal
START = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass
class Virtual:
    """Time that only passes while everybody waits."""

    seconds: float = 0.0
    waiting: list[tuple[float, int, Any]] = field(default_factory=list)
    flying: int = 0
    moves: int = 0
    count: int = 0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def skip(self, **more: float) -> None:
        self.seconds += timedelta(**more).total_seconds()

    def at(self, seconds: float, what: Any) -> None:
        self.count += 1
        heapq.heappush(self.waiting, (seconds, self.count, what))

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            woken = asyncio.get_running_loop().create_future()
            self.at(self.seconds + seconds, woken)
            await woken

    async def still(self) -> None:
        """Until nobody has sent anything for a few turns of the loop."""
        quiet = 0
        while quiet < 3:
            seen = self.moves
            await asyncio.sleep(0.002)
            quiet = quiet + 1 if not self.flying and self.moves == seen else 0


class Bell:
    """The worklist's bell in virtual time."""

    def __init__(self, virtual: Virtual) -> None:
        self.virtual = virtual
        self.rung: dict[str, float] = {}

    async def ring(self, work: ResourceId, seconds: float = 1) -> None:
        self.virtual.at(self.virtual.seconds + seconds, work)

    async def ping(self) -> None:
        return None


@dataclass(frozen=True)
class Row:
    strategy: str
    endpoints: int
    calls: dict[str, int]
    seconds: float
    bound: float
    processor: float
    wall: float

    @property
    def reads(self) -> int:
        return self.calls["arm_reads"]

    @property
    def within(self) -> bool:
        """One read, three writes each, one read more to tell deleted from moved; hardly more time than the refill."""
        reads = self.endpoints * (2 if "deleted" in self.strategy else 1)
        exact = self.reads <= reads and self.writes == NAMES * self.endpoints and not self.calls["dns_reads"]
        return exact and self.seconds <= self.bound * 1.05 + 10

    @property
    def writes(self) -> int:
        return self.calls["dns_writes"] + self.calls["dns_deletes"]


class Bench:
    def __init__(self, w: World) -> None:
        self.w = w
        self.virtual = Virtual()
        inner = clients._Shared.send

        async def send(shared: Any, request: Any, **options: Any) -> Any:
            self.virtual.flying += 1
            self.virtual.moves += 1
            try:
                return await inner(shared, request, **options)
            finally:
                self.virtual.flying -= 1

        clients._Shared.send = send  # type: ignore[method-assign]

    def fresh(self) -> None:
        self.w.fresh(OPEN)
        self.virtual.seconds, self.virtual.waiting = 0.0, []
        self.w.clock = self.virtual  # type: ignore[assignment]
        clients._Shared.sleep = self.virtual.sleep  # type: ignore[method-assign, assignment]
        self.w.app.worklist._bell = Bell(self.virtual)  # type: ignore[assignment]
        self.w.azure.throttle.clock = lambda: self.virtual.seconds
        self.w.zone(COSMOS)

    def create(self, count: int) -> list[str]:
        """Accounts of two regions, so three names each, and an endpoint to each: approved by a right of the asker."""
        self.w.azure.switch(throttle=False)
        regions = [{"locationName": name, "failoverPriority": at} for at, name in enumerate(("westeurope", "eastus"))]
        made = []
        for number in range(count):
            target = self.w.target("Microsoft.DocumentDB/databaseAccounts", f"c{number}", locations=regions)
            made.append(self.w.asks(target, f"pe{number}", group="Sql", manual=False))
        return made

    def records(self) -> int:
        """In the zone, its SOA left out."""
        return len(self.w.azure.world.get(self.w.zone_id(COSMOS).lower()).item.records) - 1

    def delete(self, endpoints: list[str]) -> None:
        self.w.azure.switch(throttle=False)
        for endpoint in endpoints:
            self.w.removes(endpoint)

    def events(self, suffix: str, times: int) -> list[dict[str, Any]]:
        found = [e for e in self.w.azure.outbox if str(e["data"]["operationName"]).lower().endswith(suffix)]
        self.w.azure.outbox.clear()
        batch = found * times
        random.Random(7).shuffle(batch)
        return batch

    def measure(self, strategy: str, endpoints: int, per: int, act: Callable[[], Coroutine[Any, Any, None]]) -> Row:
        self.w.azure.switch(throttle=True)
        self.w.azure.forget_calls()
        start, cpu, wall = self.virtual.seconds, time.process_time(), time.monotonic()
        self.w.run(act(), timeout=1_800)
        writes = endpoints * per
        row = Row(
            strategy,
            endpoints,
            self.w.calls(),
            self.virtual.seconds - start,
            max(0.0, (writes - BURST) / REFILL),
            time.process_time() - cpu,
            time.monotonic() - wall,
        )
        self.w.azure.switch(throttle=False)
        print(f"  {strategy}, {endpoints}: {row.wall:.0f} s of real time", file=sys.stderr)
        return row

    async def ours(self, batch: list[dict[str, Any]]) -> None:
        """Event Grid delivers; workers take what the bell rings for; time jumps when nobody has anything to do."""
        gate = asyncio.Semaphore(WORKERS)

        async def deliver(event: dict[str, Any]) -> None:
            async with gate:
                await self.w.event(event)

        await asyncio.gather(*(deliver(event) for event in batch))
        busy: set[asyncio.Task[None]] = set()
        ripe: list[ResourceId] = []
        while True:
            while ripe and len(busy) < WORKERS:
                busy.add(asyncio.create_task(self._work(ripe.pop())))
            if busy:
                done, _ = await asyncio.wait(busy, timeout=0.004, return_when=asyncio.FIRST_COMPLETED)
                busy -= done
                if done:
                    continue
                await self.virtual.still()
                if any(task.done() for task in busy):
                    continue
            if not self.virtual.waiting:
                if not busy:
                    return
                continue
            self._jump(ripe)

    async def _work(self, work: ResourceId) -> None:
        await settle.work(work, self.w.app)

    def _jump(self, ripe: list[ResourceId]) -> None:
        """To the next moment that somebody waits for, and everybody who waits for it."""
        virtual = self.virtual
        virtual.seconds = max(virtual.seconds, virtual.waiting[0][0])
        while virtual.waiting and virtual.waiting[0][0] <= virtual.seconds:
            _, _, what = heapq.heappop(virtual.waiting)
            if isinstance(what, ResourceId):
                if what not in ripe:
                    ripe.append(what)
            elif not what.done():
                what.set_result(None)
        virtual.moves += 1
