"""Regions over time: Azure takes minutes, events come late or never, and no name that stayed valid vanishes."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.repeat import repeated
from tests.azure.test_cosmos import DOCUMENTS, REFRESH, THREE, account, connected, records, regions
from tests.azure.test_hubs import hub, policy
from tests.azure.test_refreshing import FOUR, dns, needs, puts, whole
from tests.world import World

LATER = policy(hub("dns", "{all: true}"))


def held(w: World, text: str = REFRESH, **asked: Any) -> tuple[str, str]:
    """An endpoint that fits its account, and from here on Azure's operations take their real minutes."""
    found = connected(w, text, **asked)
    w.sweep()
    w.azure.forget_calls()
    w.azure.hold_time()
    return found


def minutes(w: World, number: int, *, every: int = 30, lost: bool = False) -> None:
    """Time passes for Azure and for the app; what falls due is worked on, and names that stay valid are there."""
    for _ in range(number * 60 // every):
        w.azure.advance(every)
        w.clock.skip(seconds=every)
        if lost:
            w.azure.outbox.clear()
        w.deliver()
        w.work()
        assert {"carts", "carts-westeurope"} <= records(w), "a name that stayed valid vanished"


def test_a_region_comes_its_endpoint_is_made_again_and_then_it_has_a_name(w: World) -> None:
    target, endpoint = held(w)
    regions(w, target, *FOUR)
    minutes(w, 4)
    assert puts(w) == [], "the account is in the middle of its change"
    minutes(w, 4)
    assert len(puts(w)) == 1
    assert whole(w, endpoint)["properties"]["provisioningState"] == "Updating"
    assert records(w) == {"carts", *(f"carts-{region}" for region in THREE)}
    minutes(w, 10)
    assert "carts-eastus" in records(w)
    assert [row["result"] for row in w.journal("refresh")] == ["done"]
    assert len(puts(w)) == 1


def test_a_region_goes_and_its_name_goes_last(w: World) -> None:
    target, _ = held(w)
    regions(w, target, "westeurope", "northeurope")
    minutes(w, 8)
    assert "carts-francecentral" in records(w), "the endpoint still shows it"
    minutes(w, 12)
    assert records(w) == {"carts", "carts-westeurope", "carts-northeurope"}


def test_a_region_that_comes_while_the_endpoint_is_made_again_is_not_forgotten(w: World) -> None:
    target, _ = held(w)
    regions(w, target, *FOUR)
    minutes(w, 7)
    assert len(puts(w)) == 1
    regions(w, target, *FOUR, "westus")
    minutes(w, 40)
    assert {"carts-eastus", "carts-westus"} < records(w)
    assert len(puts(w)) <= 2


def test_without_a_single_event_the_looks_and_one_sweep_find_everything(w: World) -> None:
    target, _ = held(w)
    regions(w, target, *FOUR)
    minutes(w, 8, lost=True)
    w.sweep()
    minutes(w, 12, lost=True)
    assert "carts-eastus" in records(w)


def test_a_worker_that_dies_while_azure_works_leaves_nothing_undone(w: World) -> None:
    target, _ = held(w)
    regions(w, target, *FOUR)
    minutes(w, 7)
    w.restart()
    minutes(w, 12, lost=True)
    assert "carts-eastus" in records(w)
    assert len(puts(w)) == 1


def test_an_operation_that_fails_after_minutes_is_said_and_tried_again(w: World) -> None:
    target, _ = held(w)
    w.azure.fail_next("endpoint")
    regions(w, target, *FOUR)
    minutes(w, 20)
    first, *_ = reversed(w.journal("refresh"))
    assert first["result"] == "failed"
    assert "Azure gave up" in first["detail"]
    w.sweep()
    minutes(w, 20)
    assert "carts-eastus" in records(w)


def test_the_platform_that_follows_late_is_waited_for(w: World) -> None:
    target, _ = held(w, LATER)
    w.azure.switch(cosmos_recreate=False, cosmos_lag=900)
    regions(w, target, *FOUR)
    minutes(w, 15)
    assert "carts-eastus" not in records(w)
    assert needs(w) == []
    minutes(w, 15)
    assert "carts-eastus" in records(w)


def drifted(w: World, text: str) -> None:
    """The platform never follows, and asks for nothing."""
    target, _ = held(w, text)
    w.azure.switch(cosmos_recreate=False, cosmos_lag=10_000_000)
    regions(w, target, *FOUR)
    minutes(w, 60, every=60)


def test_names_that_never_follow_are_told_after_a_while(w: World) -> None:
    drifted(w, REFRESH)
    assert puts(w) == []
    assert "its names do not follow its account since more than 30 minutes" in w.findings()
    assert "carts cannot fail over to eastus: endpoint pe1 does not map it" in w.findings()
    w.sweep()
    assert not w.sweep().suspects


def test_or_are_refreshed_where_the_policy_says_so(w: World) -> None:
    drifted(w, REFRESH.replace("modes: {refresh: apply}", "modes: {refresh: apply}\nrefresh: {on_drift: refresh}"))
    assert len(puts(w)) == 1
    assert "carts-eastus" in records(w)


@pytest.mark.parametrize("kept", ["empty", "kept"])
def test_what_an_endpoint_shows_while_it_is_made_again_takes_no_name_away(w: World, kept: str) -> None:
    target, _ = held(w)
    w.azure.switch(updating_names=kept)
    regions(w, target, *FOUR)
    minutes(w, 8)
    w.sweep()
    assert len(records(w)) == 4
    minutes(w, 12)
    assert len(records(w)) == 5


def test_static_addresses_wait_for_a_person_and_go_on_when_there_is_one(w: World) -> None:
    w.fresh(REFRESH)
    w.zone(DOCUMENTS)
    target = account(w, "westeurope")
    endpoint = static(w, target, "carts", "carts-westeurope")
    w.settle_all()
    w.allow_deletes()
    w.azure.forget_calls()
    regions(w, target, "westeurope", "eastus")
    w.settle_all()
    assert puts(w) == []
    assert "add an ipConfigurations entry for carts-eastus by hand" in str(needs(w))
    assert static(w, target, "carts", "carts-westeurope", "carts-eastus") == endpoint
    w.settle_all()
    assert w.addresses("carts-eastus", DOCUMENTS) == ["10.0.0.12"]


def static(w: World, target: str, *members: str) -> str:
    """Its owner makes the endpoint (again) with an address for each member."""
    path = w.endpoint_id()
    rows = [
        {"name": member, "properties": {"groupId": "Sql", "memberName": member, "privateIPAddress": f"10.0.0.{at}"}}
        for at, member in enumerate(members, 10)
    ]
    link = {"name": "link", "properties": {"privateLinkServiceId": target, "groupIds": ["Sql"]}}
    properties = {
        "subnet": {"id": f"{w.network()}/subnets/default"},
        "privateLinkServiceConnections": [link],
        "ipConfigurations": rows,
    }
    answer = w.arm("PUT", path, {"location": "westeurope", "properties": properties})
    assert answer.status_code in (200, 201), answer.text
    return path


def test_an_endpoint_that_azure_calls_done_and_still_wants_made_again_is_not_put_over_and_over(w: World) -> None:
    target, endpoint = held(w)
    regions(w, target, *FOUR)
    minutes(w, 7)
    body = w.arm("GET", endpoint).json()
    w.azure.advance(600)
    link = body["properties"]["manualPrivateLinkServiceConnections"][0]["properties"]
    link["privateLinkServiceConnectionState"]["actionsRequired"] = "Recreate"
    body["properties"] |= {"provisioningState": "Succeeded", "customDnsConfigs": dns(w, endpoint)[:4]}
    w.azure.fault(method="GET", path="pe1$", status=200, body=body, principal="app", times=0)
    w.clock.skip(minutes=10)
    minutes(w, 40, every=60)
    assert w.journal("refresh")[-1]["result"] == "failed"
    assert "Azure says that it is done, and yet it lacks" in w.journal("refresh")[-1]["detail"]
    assert len(puts(w)) <= 6


def test_an_endpoint_whose_operation_failed_keeps_its_names_and_holds_up_nobody(w: World) -> None:
    target, _ = held(w, LATER)
    other = w.asks(target, "pe2", group="Sql", manual=False)
    minutes(w, 12)
    w.azure.fail_next("endpoint")
    regions(w, target, "westeurope", "northeurope")
    minutes(w, 8)
    assert w.arm("PUT", other, repeated(whole(w, other))).status_code == 200
    minutes(w, 12)
    assert whole(w, other)["properties"]["provisioningState"] == "Failed"
    w.removes(w.endpoint_id("pe1"))
    minutes(w, 6)
    w.sweep()
    w.settle_all()
    assert w.addresses("carts", DOCUMENTS) == addresses(w, other, "carts")


def addresses(w: World, endpoint: str, member: str) -> list[str]:
    """What the endpoint's interface has, whatever the endpoint shows."""
    (interface,) = whole(w, endpoint)["properties"]["networkInterfaces"]
    rows = whole(w, interface["id"])["properties"]["ipConfigurations"]
    inner = [row["properties"] for row in rows]
    wanted = [one for one in inner if one["privateLinkConnectionProperties"]["requiredMemberName"] == member]
    return [one["privateIPAddress"] for one in wanted]
