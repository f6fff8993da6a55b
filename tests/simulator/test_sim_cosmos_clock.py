"""Held time: slow operations take as long as Azure's, and only the owner moves the clock."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.azure.durations import Takes
from simulator.azure.later import Later
from tests.simulator.cosmos import NINE_MINUTES, account, held, names, properties, regions


def test_an_endpoint_to_an_account_takes_nine_minutes(cloud: Any) -> None:
    target = account(cloud)
    cloud.azure.hold_time()
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    cloud.azure.advance(NINE_MINUTES - 1)
    assert properties(cloud, endpoint)["provisioningState"] == "Updating"
    assert cloud.connection(target)["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
    cloud.azure.advance(1)
    assert properties(cloud, endpoint)["provisioningState"] == "Succeeded"
    assert len(names(cloud, endpoint)) == 3


def test_nothing_happens_by_itself_while_time_is_held(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, "westeurope")
    assert cloud.azure.pending() == 1
    cloud.loop.run(cloud.azure.quiet(1))
    assert properties(cloud, target)["provisioningState"] == "Updating"
    assert cloud.azure.time() == {"held": True, "now": 0.0, "pending": 1, "next": 300.0}


def test_a_reset_forgets_what_waits_and_lets_time_run(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, "westeurope")
    cloud.azure.reset()
    assert (cloud.azure.pending(), cloud.azure.time()["held"]) == (0, False)
    endpoint = cloud.endpoint(account(cloud), "Sql", manual=False)
    assert properties(cloud, endpoint)["provisioningState"] == "Succeeded"


def test_a_pace_ends_held_time_and_finishes_what_waits(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, "westeurope")
    cloud.azure.pace(0)
    assert properties(cloud, target)["provisioningState"] == "Succeeded"
    with pytest.raises(ValueError, match="not held"):
        cloud.azure.advance(1)


def test_what_waited_already_is_held_too(cloud: Any) -> None:
    target = account(cloud)
    cloud.azure.pace(100)
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    cloud.azure.hold_time()
    cloud.azure.advance(NINE_MINUTES)
    assert properties(cloud, endpoint)["provisioningState"] == "Succeeded"


def test_the_control_door_moves_time(cloud: Any) -> None:
    target = account(cloud)
    assert cloud.door("PUT", "/time", {"held": True})["held"] is True
    regions(cloud, target, "westeurope")
    assert cloud.door("GET", "/time")["next"] == 300.0
    moved = cloud.door("PUT", "/time", {"advance": 400})
    assert (moved["done"], moved["now"], moved["pending"]) == (2, 400.0, 0)
    assert cloud.door("PUT", "/time", {"held": False})["held"] is False


def test_work_is_done_in_order_of_time_then_of_scheduling() -> None:
    later, done = Later(1.0), []
    later.hold()
    for name, seconds in (("late", 9.0), ("first", 5.0), ("second", 5.0)):
        later.after(Takes(0.1, seconds), lambda name=name: done.append(name))
    later.after(5.0, lambda: later.after(0.0, lambda: done.append("follows")))
    assert (later.advance(4.9), later.advance(0.1), done) == (0, 4, ["first", "second", "follows"])
    later.after(4.0, lambda: done.append("after late"))
    later.set_pace(0)
    assert done[3:] == ["late", "after late"]
