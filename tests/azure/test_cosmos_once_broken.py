"""Endpoints and accounts in states that nobody expects: found by fresh eyes, and not to come back."""

from __future__ import annotations

from typing import Any

import pytest

from shared.blocking import blocks
from shared.callers import Problem
from shared.core.repeat import repeated
from tests.azure.test_cosmos import DOCUMENTS, KIND, REFRESH, THREE, account, connected, records, regions
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


def test_an_operation_that_nobody_can_ask_about_keeps_nobody_waiting(w: World) -> None:
    target, _ = held(w)
    w.azure.fail_next("endpoint")
    regions(w, target, *FOUR)
    minutes(w, 7)
    w.azure.fault(method="GET", path="operations/", status=500, times=0, principal="app")
    second = w.asks(target, "pe2", group="Sql")
    minutes(w, 100, every=60)
    assert w.status(target, second) == "Approved"
    assert not [row for row in w.changes() if row["result"] == "started" and row["kind"] != "refresh"]


@pytest.mark.parametrize("text", [REFRESH, ON_DRIFT], ids=["asked for", "drifted"])
def test_a_put_that_does_not_help_is_not_repeated_every_ten_minutes_and_is_told(w: World, text: str) -> None:
    target, endpoint = held(w, text)
    if text is ON_DRIFT:
        w.azure.switch(cosmos_recreate=False, cosmos_lag=10_000_000)
    accepted = {"status": 200, "body": whole(w, endpoint)}
    w.azure.fault(method="PUT", path="privateEndpoints/pe1$", times=0, principal="app", **accepted)
    regions(w, target, *FOUR)
    minutes(w, 240, every=60)
    assert len(puts(w)) <= 9
    assert any("Azure says that it is done, and yet it lacks" in why for why in needs(w))


@pytest.mark.parametrize("group", ["Sql", "SqlDedicated", "MongoDB", "Cassandra", "Gremlin", "Table"])
def test_every_group_gets_its_names_and_those_of_new_regions(w: World, group: str) -> None:
    special = {"Cassandra": "EnableCassandra", "Gremlin": "EnableGremlin", "Table": "EnableTable"}
    more: dict[str, Any] = {"capabilities": [{"name": special[group]}]} if group in special else {}
    word = {"Sql": "documents", "SqlDedicated": "sqlx.cosmos", "MongoDB": "mongo.cosmos"}
    zone = f"privatelink.{word.get(group, f'{group.lower()}.cosmos')}.azure.com"
    w.fresh(REFRESH)
    w.zone(zone)
    target = w.id(KIND, "carts")
    rows = [{"locationName": region, "failoverPriority": at} for at, region in enumerate(THREE)]
    properties = {"locations": rows, "publicNetworkAccess": "Disabled", **more}
    kind = "MongoDB" if group == "MongoDB" else "GlobalDocumentDB"
    w.arm("PUT", target, {"location": "westeurope", "kind": kind, "properties": properties})
    w.asks(target, group=group)
    w.settle_all()
    regions(w, target, *FOUR)
    w.settle_all()
    assert set(w.records(zone)) == {"carts", *(f"carts-{region}" for region in FOUR)}


def test_a_refusal_is_tried_again_without_anybody_asking_and_told_once(w: World) -> None:
    target, _ = held(w)
    full = {"status": 400, "code": "SubnetIsFull", "times": 0}
    w.azure.fault(method="PUT", path="privateEndpoints/pe1$", principal="app", **full)
    regions(w, target, *FOUR)
    minutes(w, 40, every=60)
    w.azure.forget_faults()
    minutes(w, 80, every=60)
    assert "carts-eastus" in records(w)
    assert len(needs(w)) == 1


def test_a_full_look_in_the_middle_of_a_change_forgets_nothing_that_was_told(w: World) -> None:
    target, _ = held(w, policy(hub("dns", "{all: true}")))
    regions(w, target, *FOUR)
    minutes(w, 10)
    assert len(needs(w)) == 1
    order = [{"locationName": region, "failoverPriority": at} for at, region in enumerate(FOUR[1:] + FOUR[:1])]
    w.azure.switch(cosmos_failover_guard=False)
    w.arm("POST", f"{target}/failoverPriorityChange", {"failoverPolicies": order})
    w.azure.advance(5)
    w.by_hand("settle", {"target": target}, "settle")
    w.work()
    minutes(w, 15)
    assert len(needs(w)) == 1


def test_static_addresses_of_a_region_that_went_wait_for_a_person(w: World) -> None:
    w.fresh(REFRESH)
    w.zone(DOCUMENTS)
    target = account(w, "westeurope", "eastus")
    static(w, target, "carts", "carts-westeurope", "carts-eastus")
    w.settle_all()
    w.allow_deletes()
    w.azure.forget_calls()
    regions(w, target, "westeurope")
    w.settle_all()
    assert puts(w) == []
    assert "remove the ipConfigurations entry for carts-eastus by hand" in str(needs(w))
    w.sweep()
    assert not w.sweep().suspects


def test_a_cap_of_nothing_means_never(w: World) -> None:
    target, _ = connected(w, REFRESH.replace("refresh: apply}", "refresh: apply}\ncaps: {refreshes_per_hour: 0}"))
    regions(w, target, *FOUR)
    w.settle_all()
    assert "caps.refreshes_per_hour is 0" in str(needs(w))
    w.sweep()
    assert not w.sweep().suspects


def test_an_answer_without_etag_is_written_down_and_left_alone_for_a_while(w: World) -> None:
    target, endpoint = connected(w)
    regions(w, target, *FOUR)
    body = w.arm("GET", endpoint).json()
    del body["etag"]
    answers(w, endpoint, body)
    w.settle_all()
    assert puts(w) == []
    assert len([row for row in w.journal("refresh") if "nothing may be written over it" in row["detail"]]) == 1


def test_a_mode_that_a_hub_cannot_have_is_a_mistake() -> None:
    assert World.valid(policy(hub("dns", "{all: true}", ", modes: {put: plan}")))
    assert not World.valid(policy(hub("dns", "{all: true}", ", modes: {refresh: apply}")))


def test_a_rejection_that_its_target_shows_first_removes_the_records(w: World) -> None:
    w.fresh(REFRESH)
    w.zone(DOCUMENTS)
    target = account(w, "westeurope")
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    w.allow_deletes()
    w.azure.hold_time()
    w.decides(w.connection_of(target, endpoint)["id"], "Rejected")
    w.signal(target, target, "requested")  # the endpoint does not show it yet
    for seconds in (40, 155, 600, 3600):
        w.azure.advance(seconds)
        w.clock.skip(seconds=seconds)
        w.settle_all()
    w.sweep()
    assert records(w) == set()
