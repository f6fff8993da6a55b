"""Call budgets: which buckets a call is charged to, who refuses it, and in which words. Time is given by the test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from simulator.azure import ids
from simulator.azure.errors import ArmError
from simulator.azure.throttle import Throttle
from simulator.azure.world import World

ZONE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/privateDnsZones/z.example"
PE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/pe"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
SHOWN = "x-ms-ratelimit-remaining-subscription-resource-requests"


class Budget:
    """A throttle whose time is a number."""

    def __init__(self, *, enforced: bool = True) -> None:
        world, self.now = World(0, 0), 0.0
        world.switches["throttle"] = enforced
        self.throttle = Throttle(world, lambda: self.now)

    def charge(self, method: str, path: str, principal: str = "app") -> dict[str, str]:
        return self.throttle.charge(principal, method, ids.parse(path))

    def until_refused(self, method: str, path: str, principal: str = "app") -> tuple[int, ArmError]:
        for number in range(100_000):
            try:
                self.charge(method, path, principal)
            except ArmError as error:
                return number, error
        raise AssertionError("never refused")


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
def timed(cloud: Any) -> Iterator[Any]:
    now = [0.0]
    cloud.azure.throttle_clock(lambda: now[0])
    cloud.now = now
    yield cloud
    cloud.azure.throttle_clock(time.monotonic)


@pytest.mark.parametrize(("method", "burst", "each"), [("PUT", 200, 10), ("DELETE", 200, 10)])
def test_writes_of_records_are_charged_to_the_gateway_too(budget: Budget, method: str, burst: int, each: int) -> None:
    allowed, refusal = budget.until_refused(method, f"{ZONE}/A/x")
    assert (allowed, refusal.code, refusal.flat) == (burst, "SubscriptionRequestsThrottled", False)
    assert refusal.headers == {"x-ms-failure-cause": "gateway", "Retry-After": "1"}
    assert set(refusal.body) == {"error"}
    budget.now = 1.0
    assert budget.until_refused(method, f"{ZONE}/A/x")[0] == each


def test_reads_of_records_meet_the_gateway_first_and_then_their_own_window(budget: Budget) -> None:
    allowed, refusal = budget.until_refused("GET", f"{ZONE}/A/x")
    assert (allowed, refusal.code) == (250, "SubscriptionRequestsThrottled")
    budget.now = 100.0
    allowed, refusal = budget.until_refused("GET", f"{ZONE}/A/x")
    assert allowed == 250
    budget.now = 110.0
    allowed, refusal = budget.until_refused("GET", f"{ZONE}/A/x")
    assert (allowed, refusal.code, refusal.flat) == (0, "TooManyRequests", True)
    assert refusal.headers == {"Retry-After": "190"}
    budget.now = 300.0
    assert budget.until_refused("GET", f"{ZONE}/A/x")[0] == 250


def test_asking_too_early_gets_a_fresh_value_and_costs_nothing(budget: Budget) -> None:
    for now in (0.0, 20.0):
        budget.now = now
        budget.until_refused("GET", f"{ZONE}/A/x")
    waits = []
    for now in (100.0, 100.0, 200.5, 299.0):
        budget.now = now
        waits.append(budget.until_refused("GET", f"{ZONE}/A/x")[1].headers["Retry-After"])
    assert waits == ["200", "200", "100", "1"]


def test_a_refused_call_is_charged_nowhere_else(budget: Budget) -> None:
    budget.until_refused("PUT", f"{ZONE}/A/x")
    for _ in range(50):
        with pytest.raises(ArmError):
            budget.charge("PUT", f"{ZONE}/A/x")
    budget.now = 1.0
    assert budget.charge("PUT", f"{ZONE}/A/x") == {SHOWN: str(12_000 - 201)}


def test_private_dns_shows_its_own_header_alone(budget: Budget) -> None:
    assert budget.charge("GET", f"{ZONE}/A/x") == {SHOWN: "499"}
    assert budget.charge("PUT", f"{ZONE}/A/x") == {SHOWN: "11999"}
    assert budget.charge("GET", VAULT)["x-ms-ratelimit-remaining-subscription-reads"] == "248"


def test_all_principals_together_have_fifteen_times_as_much(budget: Budget) -> None:
    allowed = sum(budget.until_refused("PUT", VAULT, f"app{number}")[0] for number in range(20))
    assert allowed == 15 * 200


def test_records_share_the_gateway_with_everything_else(budget: Budget) -> None:
    budget.until_refused("PUT", VAULT)
    assert budget.until_refused("PUT", f"{ZONE}/A/x")[0] == 0
    assert budget.until_refused("PUT", f"{ZONE}/A/x", "another")[0] == 200


def test_the_network_provider_has_a_window_of_five_minutes(budget: Budget) -> None:
    allowed = 0
    for now in range(120):
        budget.now = float(now)
        more, refusal = budget.until_refused("PUT", PE)
        allowed += more
        if refusal.code == "TooManyRequests":
            break
    assert (allowed, refusal.flat) == (1_000, False)
    assert int(refusal.headers["Retry-After"]) == 300 - budget.now
    assert budget.until_refused("DELETE", PE)[0] == 0
    assert budget.until_refused("PUT", PE.replace("/s/", "/t/"))[0] == 200


def test_reads_of_the_network_provider_are_counted_by_the_thousand(budget: Budget) -> None:
    budget.charge("GET", PE)
    assert budget.throttle.buckets["network", "reads", "s", "app"].left == 9_999


def test_without_the_switch_nobody_is_refused() -> None:
    budget = Budget(enforced=False)
    assert [budget.charge("GET", f"{ZONE}/A/x")[SHOWN] for _ in range(600)][-1] == "0"


def test_time_can_be_given_from_outside(timed: Any) -> None:
    zone = timed.zone()
    timed.azure.switch(throttle=True, dns_read_budget=2)
    assert [timed.get(zone).status_code for _ in range(3)] == [200, 200, 429]
    timed.now[0] = 299.0
    assert timed.get(zone).headers["Retry-After"] == "1"
    timed.now[0] = 300.0
    assert timed.get(zone).status_code == 200


def test_a_reset_keeps_the_clock_and_fills_the_buckets(timed: Any) -> None:
    timed.azure.switch(throttle=True, dns_read_budget=1)
    timed.get(timed.zone())
    timed.azure.reset()
    zone = timed.zone()
    timed.azure.switch(throttle=True, dns_read_budget=1)
    assert [timed.get(zone).status_code for _ in range(2)] == [200, 429]
    timed.now[0] = 300.0
    assert timed.get(zone).status_code == 200


def test_refused_calls_are_counted_apart(timed: Any) -> None:
    zone = timed.zone()
    timed.azure.switch(throttle=True, dns_read_budget=1)
    timed.azure.forget_calls()
    answers = [timed.get(zone) for _ in range(3)]
    assert answers[-1].json()["code"] == "TooManyRequests"
    totals = timed.azure.calls()["totals"]["operator"]
    assert (totals["dns_reads"], totals["throttled"]) == (1, 2)


def test_the_gateways_refusal_of_a_record_is_wrapped(timed: Any) -> None:
    zone = timed.zone()
    timed.azure.switch(throttle=True)
    answers = [timed.record(zone, "x", If_Match="other") for _ in range(201)]
    assert (answers[-1].status_code, answers[-1].headers["x-ms-failure-cause"]) == (429, "gateway")
    assert answers[-1].json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert [one.status_code for one in answers].count(412) == 199  # the zone was a write too
