"""Knows ARM's call budgets: what remains of them (headers, always) and when they are spent (429, if switched on).

Numbers: reference arm-limits 1 (documented; header names and the private DNS numbers recorded).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.azure.calls import is_dns, is_graph
from simulator.azure.errors import ArmError
from simulator.azure.ids import Path
from simulator.azure.world import World

GLOBAL = 15  # all principals of a subscription together: 15 times one of them
BUDGETS = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}  # burst, refill per second
DNS_WRITES = 12_000
_CODES = {"dns": "TooManyRequests", "graph": "RateLimiting"}
GRAPH = (15, 5.0)  # documented: queries of a principal in a window of so many seconds


@dataclass(slots=True)
class Bucket:
    """Tokens that flow back; a window gives them all back at its end."""

    size: float
    refill: float
    left: float
    since: float
    window: float = 0.0

    def take(self, now: float) -> float:
        """Take one; the seconds to wait when there is none (0: taken)."""
        if self.window:
            if now - self.since >= self.window:
                self.left, self.since = self.size, now
        else:
            self.left = min(self.size, self.left + (now - self.since) * self.refill)
            self.since = now
        if self.left < 1:
            return self.window - (now - self.since) if self.window else (1 - self.left) / self.refill
        self.left -= 1
        return 0.0


class Throttle:
    """All budgets of one cloud, made when first used."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self.world, self.clock = world, clock
        self.buckets: dict[tuple[str, ...], Bucket] = {}

    def forget(self) -> None:
        self.buckets.clear()

    def charge(self, principal: str, method: str, path: Path) -> dict[str, str]:
        """Charge one call; its headers, or the 429. Nothing is enforced unless the switch `throttle` is on."""
        verb = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
        where = path.subscription.lower() or "tenant"
        if is_dns(path):
            return self._dns(principal, where, verb)
        if is_graph(path):
            return self._graph(principal)
        scope = "subscription" if path.subscription else "tenant"
        size, refill = BUDGETS[verb]
        left = self._take((scope, verb, where, principal), size, refill)
        headers = {f"x-ms-ratelimit-remaining-{scope}-{verb}": str(left)}
        if path.subscription:
            left = self._take(("global", verb, where), size * GLOBAL, refill * GLOBAL)
            headers[f"x-ms-ratelimit-remaining-subscription-global-{verb}"] = str(left)
        return headers

    def _dns(self, principal: str, where: str, verb: str) -> dict[str, str]:
        window = float(self.world.switches["dns_window"])
        reads = verb == "reads"
        size = float(self.world.switches["dns_read_budget"]) if reads else DNS_WRITES
        left = self._take(("dns", "reads" if reads else "writes", where, principal), size, 0.0, window)
        return {"x-ms-ratelimit-remaining-subscription-resource-requests": str(left)}

    def _graph(self, principal: str) -> dict[str, str]:
        left = self._take(("graph", principal), GRAPH[0], 0.0, GRAPH[1])
        return {"x-ms-user-quota-remaining": str(left), "x-ms-user-quota-resets-after": "00:00:05"}

    def _take(self, key: tuple[str, ...], size: float, refill: float, window: float = 0.0) -> int:
        now = self.clock()
        bucket = self.buckets.get(key)
        if bucket is None or bucket.size != size:
            bucket = self.buckets[key] = Bucket(size, refill, size, now, window)
        wait = bucket.take(now)
        if wait > 0 and self.world.switches["throttle"]:
            seconds = max(1, math.ceil(wait))
            raise ArmError(
                429,
                _CODES.get(key[0], "SubscriptionRequestsThrottled"),
                f"Number of requests exceeded the limit of {int(size)}. Please try again after '{seconds}' seconds.",
                flat=key[0] == "dns",
                headers={"Retry-After": str(seconds)},
            )
        return int(bucket.left)
