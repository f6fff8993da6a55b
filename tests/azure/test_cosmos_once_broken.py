"""Endpoints and accounts in states that nobody expects: found by fresh eyes, and not to come back."""

from __future__ import annotations

from typing import Any

import pytest

from shared.blocking import blocks
from shared.callers import Problem
from shared.core.repeat import repeated
from tests.azure.test_cosmos import DOCUMENTS, KIND, REFRESH, account, connected, records, regions
from tests.azure.test_hubs import hub, policy
from tests.azure.test_refreshing import FOUR, needs, puts, whole
from tests.azure.test_region_timelines import held, minutes, static
from tests.world import STRANGER, TEAM, World

ON_DRIFT = REFRESH.replace("modes: {refresh: apply}", "modes: {refresh: apply}\nrefresh: {on_drift: refresh}")


def told(w: World) -> list[str]:
    return [one["subject"] for one in w.news() if one["type"] == "Linkkeeper.Refresh.Needed"]


def answers(w: World, path: str, body: Any) -> None:
    """What the app reads there from now on."""
    w.azure.fault(method="GET", path=f"{path.rpartition('/')[2]}$", status=200, body=body, times=0, principal="app")


def test_a_flag_that_stays_on_one_side_is_not_worth_a_put_every_few_minutes(w: World) -> None:
    target, _ = connected(w)
    regions(w, target, *FOUR)
    w.settle_all()
    body = w.arm("GET", target).json()
    for one in body["properties"]["privateEndpointConnections"]:
        one["properties"]["privateLinkServiceConnectionState"]["actionsRequired"] = "Recreate"
    answers(w, target, body)
    w.signal(target, target, "account")
    for _ in range(60):
        w.clock.skip(minutes=2)
        w.deliver()
        w.work()
    assert len(puts(w)) <= 4
    assert "it is asked for again, though its names are right" in str(w.journal("refresh"))


def test_a_drifted_endpoint_whose_put_failed_is_taken_up_again(w: World) -> None:
    target, _ = held(w, ON_DRIFT)
    w.azure.switch(cosmos_recreate=False, cosmos_lag=10_000_000)
    w.azure.fail_next("endpoint")
    regions(w, target, *FOUR)
    minutes(w, 100, every=60)
    w.sweep()
    minutes(w, 60, every=60)
    assert "carts-eastus" in records(w)
    assert not w.sweep().suspects


def test_a_record_of_another_account_stands_for_no_region(w: World) -> None:
    connected(w)
    other = account(w, "westeurope", name="carts-eu")
    endpoint = w.asks(other, "pe2", group="Sql", manual=False)
    w.settle_all()
    w.zone_group(endpoint, DOCUMENTS)
    w.settle_all()
    w.sweep()
    w.writes("carts-unknown", "10.9.9.9", zone=DOCUMENTS)
    assert "stands for a region" not in str(w.sweep().findings)


def test_owners_of_others_endpoints_are_told_of_every_change(w: World) -> None:
    target, _ = connected(w, policy(hub("dns", f"{{subscriptions: [{TEAM}]}}"), extra="modes: {refresh: apply}"))
    theirs = w.asks(target, "theirs", subscription=STRANGER, group="Sql")
    w.settle_all()
    regions(w, target, *FOUR)
    w.settle_all()
    assert w.arm("PUT", theirs, repeated(whole(w, theirs))).status_code == 200
    w.settle_all()
    w.sweep()
    regions(w, target, *FOUR, "westus")
    w.settle_all()
    w.sweep()
    assert told(w).count(theirs) == 2


def test_a_second_region_is_told_though_its_event_was_lost_and_nothing_is_done_about_it(w: World) -> None:
    target, _ = connected(w, policy(hub("dns", "{all: true}")))
    regions(w, target, *FOUR)
    w.settle_all()
    w.sweep()
    regions(w, target, *FOUR, "westus")
    w.azure.outbox.clear()
    w.sweep()
    assert "westus" in str(needs(w))
    assert not w.sweep().suspects


def test_a_put_that_was_refused_takes_no_place_of_the_hour(w: World) -> None:
    target, _ = connected(w, REFRESH.replace("refresh: apply}", "refresh: apply}\ncaps: {refreshes_per_hour: 2}"))
    many = {"status": 429, "code": "TooManyRequests", "times": 2, "headers": {"Retry-After": "5"}}
    w.azure.fault(method="PUT", path="privateEndpoints/pe1$", principal="app", **many)
    regions(w, target, *FOUR)
    w.settle_all()
    for _ in range(10):
        w.clock.skip(minutes=1)
        w.deliver()
        w.work()
    assert "carts-eastus" in records(w)


def test_static_addresses_wait_for_a_person_after_a_failure_too(w: World) -> None:
    w.fresh(REFRESH)
    w.zone(DOCUMENTS)
    target = account(w, "westeurope")
    endpoint = static(w, target, "carts", "carts-westeurope")
    w.settle_all()
    w.azure.forget_calls()
    regions(w, target, "westeurope", "eastus")
    body = w.arm("GET", endpoint).json()
    body["properties"] |= {"provisioningState": "Failed", "customDnsConfigs": []}
    answers(w, endpoint, body)
    w.settle_all()
    assert puts(w) == []
    assert "the last operation on it failed" in str(needs(w))


def test_an_account_that_shows_no_regions_is_closed_all_the_same(w: World) -> None:
    w.fresh(REFRESH)
    target = account(w)
    endpoint = w.asks(target, group="Sql")
    body = w.arm("GET", target).json()
    for key in ("locations", "readLocations", "writeLocations"):
        del body["properties"][key]
    answers(w, target, body)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


def test_what_does_not_exist_is_not_free_to_be_deleted(w: World) -> None:
    w.fresh(REFRESH)
    with pytest.raises(Problem, match="does not exist"):
        w.run(blocks(w.app, w.id(KIND, "cartz")))
