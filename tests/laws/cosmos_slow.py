"""Azure takes its time, in the time of the tests: slow operations end when the clock gets there, some of them badly."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from simulator.azure import endpoints, operations
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError
from simulator.azure.later import Later
from simulator.azure.world import World as Cloud


class Slow:
    """Stands in for the simulator's list of things to do. `pace`: how long what is asked just now will take."""

    def __init__(self, later: Later, now: Callable[[], datetime]) -> None:
        self.later, self.now, self.pace = later, now, 0.0
        self._rows: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        later.after = self._after  # type: ignore[method-assign]

    def leave(self) -> None:
        del self.later.after

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        if self.pace <= 0 or seconds <= 0:
            self.later._ready.append(act)
            return
        self._count += 1
        heapq.heappush(self._rows, (self.now() + timedelta(seconds=seconds * self.pace), self._count, act))

    @property
    def next(self) -> datetime | None:
        return self._rows[0][0] if self._rows else None

    async def fire(self, everything: bool = False) -> int:
        """Do what is due by now."""
        self.pace, done = 0, 0
        while self._rows and (everything or self._rows[0][0] <= self.now()):
            self.later._guarded(heapq.heappop(self._rows)[2])
            self.later.run()
            done += 1
        return done


def fails_at_the_end(cloud: Cloud, call: Call) -> Reply:
    """A PUT of an endpoint that Azure accepts, and gives up minutes later; the endpoint is as it was."""
    resource = cloud.get(call.path)
    assert resource is not None

    def gives_up() -> None:
        resource.item.provisioning = "Succeeded"
        endpoints.touch(cloud, resource)
        raise ArmError(400, "SubnetIsFull", "The subnet does not have enough capacity.")

    resource.item.provisioning = "Updating"
    endpoints.touch(cloud, resource)
    operation = operations.begin(cloud, resource.path, 1.0, gives_up, style="network")
    links = operations.links(call, operation, location=resource.body["location"])
    return Reply(200, endpoints.render(cloud, resource), links, event=False)
