"""Knows ARM's call budgets: what remains of them (headers, always) and when they are spent (429, if switched on).

Numbers: reference arm-limits 1 (documented; header names and the private DNS numbers recorded). Refuses to know what
a call does, and how long a caller should wait beyond what the emptiest of its buckets needs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.azure.calls import is_dns, is_graph, is_network
from simulator.azure.errors import ArmError, gateway
from simulator.azure.ids import Path
from simulator.azure.world import World

GLOBAL = 15  # all principals of a subscription together: 15 times one of them
BUDGETS = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}  # burst, refill per second
DNS_WRITES = 12_000
NETWORK, NETWORK_WINDOW = {"reads": 10_000, "writes": 1_000}, 300.0  # documented: Microsoft.Network without DNS
GRAPH = (15, 5.0)  # documented: queries of a principal in a window of so many seconds


@dataclass(slots=True)
class Bucket:
    """Tokens that flow back; a window gives them all back at its end."""

    size: float
    refill: float
    left: float
    since: float
    window: float = 0.0

    def wait(self, now: float) -> float:
        """The seconds until there is one to take; 0: there is one. Takes nothing."""
        if self.window:
            if now - self.since >= self.window:
                self.left, self.since = self.size, now
        else:
            self.left = min(self.size, self.left + (now - self.since) * self.refill)
            self.since = now
        if self.left >= 1:
            return 0.0
        return self.window - (now - self.since) if self.window else (1 - self.left) / self.refill


@dataclass(frozen=True, slots=True)
class Charge:
    """One bucket that a call is charged to, and the header that shows what remains ("": none does)."""

    key: tuple[str, ...]
    size: float
    refill: float = 0.0
    window: float = 0.0
    header: str = ""
    refusal: str = "gateway"  # who says no: gateway, network, dns, graph


class Throttle:
    """All budgets of one cloud, made when first used."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self.world, self.clock = world, clock
        self.buckets: dict[tuple[str, ...], Bucket] = {}

    def start(self, clock: Callable[[], float]) -> None:
        """Another time, with full buckets: what was spent in the old one means nothing in it."""
        self.clock = clock
        self.forget()

    def forget(self) -> None:
        self.buckets.clear()

    def charge(self, principal: str, method: str, path: Path) -> dict[str, str]:
        """Charge one call; its headers, or the 429. Nothing is enforced unless the switch `throttle` is on.

        The gateway says no before any provider is asked, and a call that is refused costs nothing anywhere: also one
        that came before Retry-After was over, which gets a fresh value (documented)."""
        now = self.clock()
        charges = self._charges(principal, method, path)
        pairs = [(one, self._bucket(one, now)) for one in charges]
        waits = [(bucket.wait(now), one) for one, bucket in pairs]
        if self.world.switches["throttle"]:
            for wait, one in waits:
                if wait > 0:
                    raise _refusal(one, wait)
        headers = {}
        for one, bucket in pairs:
            bucket.left = max(0.0, bucket.left - 1)
            if one.header:
                headers[one.header] = str(int(bucket.left))
        if any(one.refusal == "graph" for one in charges):
            headers["x-ms-user-quota-resets-after"] = f"00:00:{int(GRAPH[1]):02d}"
        return headers

    def _charges(self, principal: str, method: str, path: Path) -> list[Charge]:
        """Every bucket of the call: the gateway's, then the provider's."""
        verb = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
        if is_graph(path):
            return [Charge(("graph", principal), GRAPH[0], 0.0, GRAPH[1], "x-ms-user-quota-remaining", "graph")]
        scope = "subscription" if path.subscription else "tenant"
        where, (size, refill) = path.subscription.lower() or "tenant", BUDGETS[verb]
        shown = not is_dns(path)  # recorded: private DNS shows its own header instead of the gateway's
        prefix = "x-ms-ratelimit-remaining-"
        found = [Charge((scope, verb, where, principal), size, refill, 0.0, f"{prefix}{scope}-{verb}" if shown else "")]
        if path.subscription:
            header = f"{prefix}subscription-global-{verb}" if shown else ""
            found.append(Charge(("global", verb, where), size * GLOBAL, refill * GLOBAL, 0.0, header))
        kind = "reads" if verb == "reads" else "writes"
        if is_dns(path):
            window, reads = float(self.world.switches["dns_window"]), float(self.world.switches["dns_read_budget"])
            budget = reads if kind == "reads" else DNS_WRITES
            header = f"{prefix}subscription-resource-requests"
            found.append(Charge(("dns", kind, where, principal), budget, 0.0, window, header, "dns"))
        elif is_network(path):  # documented: per region of the resource. Ours: the region is ignored, the caller counts
            budget = NETWORK[kind]
            found.append(Charge(("network", kind, where, principal), budget, 0.0, NETWORK_WINDOW, "", "network"))
        return found

    def _bucket(self, one: Charge, now: float) -> Bucket:
        bucket = self.buckets.get(one.key)
        if bucket is None or (bucket.size, bucket.window) != (one.size, one.window):
            bucket = self.buckets[one.key] = Bucket(one.size, one.refill, one.size, now, one.window)
        return bucket


def _refusal(one: Charge, wait: float) -> ArmError:
    """Private DNS says no flat, the gateway wrapped and by name; Retry-After is in whole seconds (documented)."""
    seconds = max(1, math.ceil(wait))
    text = f"Number of requests exceeded the limit of {int(one.size)}. Please try again after '{seconds}' seconds."
    if one.refusal == "gateway":
        error = gateway(429, "SubscriptionRequestsThrottled", text)
    else:
        code = {"dns": "TooManyRequests", "graph": "RateLimiting", "network": "TooManyRequests"}[one.refusal]
        error = ArmError(429, code, text, flat=one.refusal == "dns")
    error.headers["Retry-After"] = str(seconds)
    return error
