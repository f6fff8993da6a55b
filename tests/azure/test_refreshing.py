"""The PUT of an endpoint is repeated exactly, once, under its ETag, within the cap; what Azure refuses is said."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.repeat import repeated
from simulator.azure import endpoints, gateway
from simulator.azure.calls import Call, Reply
from tests.azure.test_cosmos import DOCUMENTS, REFRESH, THREE, account, connected, records, regions
from tests.azure.test_hubs import hub, policy
from tests.world import STRANGER, TEAM, World

FOUR = (*THREE, "eastus")


def puts(w: World) -> list[dict[str, Any]]:
    return [call for call in w.sent("PUT") if "/privateEndpoints/" in call["path"]]


def needs(w: World) -> list[str]:
    return [one["data"]["why"] for one in w.news() if one["type"] == "Linkkeeper.Refresh.Needed"]


def whole(w: World, endpoint: str) -> dict[str, Any]:
    body: dict[str, Any] = w.arm("GET", endpoint).json()
    return body


def test_nothing_that_its_owner_said_is_lost(w: World) -> None:
    target, endpoint = connected(w, tags={"Env": "prod"}, message="for the carts")
    before = whole(w, endpoint)
    regions(w, target, *FOUR)
    w.settle_all()
    after = whole(w, endpoint)
    assert len(puts(w)) == 1
    assert (after["tags"], after["location"]) == ({"Env": "prod"}, before["location"])
    kept = ("customNetworkInterfaceName", "subnet", "ipConfigurations", "resourceGuid", "privateLinkServiceConnections")
    assert {key: after["properties"][key] for key in kept} == {key: before["properties"][key] for key in kept}
    (link,) = after["properties"]["manualPrivateLinkServiceConnections"]
    assert link["properties"]["requestMessage"] == "for the carts"
    assert link["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"
    old = {row["fqdn"]: row["ipAddresses"] for row in before["properties"]["customDnsConfigs"]}
    new = {row["fqdn"]: row["ipAddresses"] for row in after["properties"]["customDnsConfigs"]}
    assert old.items() < new.items(), "the others keep their addresses"


def test_its_row_in_the_journal_is_opened_before_and_closed_when_the_names_are_there(w: World) -> None:
    target, endpoint = connected(w)
    regions(w, target, *FOUR)
    w.settle_all()
    (row,) = w.journal("refresh")
    assert (row["result"], row["subject"]) == ("done", endpoint)
    assert "it lacks carts-eastus.documents.azure.com" in row["why"]


def test_as_many_as_the_cap_within_the_hour(w: World) -> None:
    capped = policy(hub("dns", "{all: true}"), extra="modes: {refresh: apply}\ncaps: {refreshes_per_hour: 1}")
    target, _ = connected(w, capped)
    w.asks(target, "pe2", group="Sql", manual=False)
    w.settle_all()
    regions(w, target, *FOUR)
    w.settle_all()
    assert len(puts(w)) == 1
    assert "caps.refreshes_per_hour allows no more" in str(needs(w))
    w.clock.skip(minutes=61)
    w.settle_all()
    assert len(puts(w)) == 2


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (
            403,
            "LinkedAuthorizationFailed",
            "give the app's identity the right that the message names on the linked",
        ),
        (400, "SubnetIsFull", "each region of the account needs one"),
        (403, "AuthorizationFailed", "give the app's identity the right that the message names"),
        (409, "ScopeLocked", "remove the lock"),
    ],
)
def test_what_azure_refuses_is_said_with_what_to_do_and_tried_again_a_minute_later(
    w: World, status: int, code: str, told: str
) -> None:
    target, _ = connected(w)
    w.azure.fault(method="PUT", path="privateEndpoints/pe1$", status=status, code=code, principal="app")
    regions(w, target, *FOUR)
    w.settle_all()
    (row,) = w.journal("refresh")
    assert row["result"] == "failed"
    assert code in row["detail"]
    assert told in row["detail"]
    assert len(puts(w)) == 1
    w.azure.forget_faults()
    w.clock.skip(seconds=70)
    w.sweep()
    assert "carts-eastus" in records(w)


def test_somebody_elses_change_at_the_same_moment_is_not_written_over(w: World) -> None:
    target, _ = connected(w)
    w.azure.fault(
        method="PUT", path="privateEndpoints/pe1$", status=412, code="PreconditionFailed", times=1, principal="app"
    )
    regions(w, target, *FOUR)
    w.settle_all()
    w.clock.skip(seconds=70)
    w.settle_all()
    assert [row["result"] for row in reversed(w.journal("refresh"))] == ["refused", "done"]


def test_a_change_between_our_read_and_our_put_survives(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    target, endpoint = connected(w, tags={"Env": "prod"})
    inner, sent = gateway.route, []

    def route(call: Call) -> Reply:
        if call.principal == "app" and call.method == "PUT" and call.path.type.endswith("/privateEndpoints"):
            sent.append(call.headers.get("If-Match"))
            if len(sent) == 1:  # its owner is a moment faster
                own = call.world.get(call.path)
                assert own is not None
                own.body["tags"] = {"Env": "test"}
                endpoints.touch(call.world, own)
        return inner(call)

    monkeypatch.setattr(gateway, "route", route)
    regions(w, target, *FOUR)
    w.settle_all()
    w.clock.skip(seconds=70)
    w.settle_all()
    assert whole(w, endpoint)["tags"] == {"Env": "test"}
    assert len(sent) == 2
    assert all(match and match != "*" for match in sent)
    assert "carts-eastus" in records(w)


def test_a_lost_answer_is_not_repeated_on_a_guess(w: World) -> None:
    target, _ = connected(w)
    w.azure.fault(method="PUT", path="privateEndpoints/pe1$", status=502, after=True, times=1, principal="app")
    regions(w, target, *FOUR)
    w.settle_all()
    assert len(puts(w)) == 1
    assert "carts-eastus" in records(w)
    assert [row["result"] for row in w.journal("refresh")] == ["done"]


def test_a_strangers_endpoint_is_reported_and_never_touched(w: World) -> None:
    served = policy(hub("dns", f"{{subscriptions: [{TEAM}]}}"), extra="modes: {refresh: apply}")
    target, _ = connected(w, served)
    theirs = w.asks(target, "theirs", subscription=STRANGER, group="Sql")
    w.settle_all()
    w.azure.foreign([STRANGER])
    regions(w, target, *FOUR)
    w.settle_all()
    assert [call["path"].rpartition("/")[2] for call in puts(w)] == ["pe1"]
    assert f"it lies in subscription {STRANGER}" in str(needs(w))
    assert theirs in {one["subject"] for one in w.news()}


def test_a_zone_group_writes_the_records_and_the_endpoint_is_refreshed_all_the_same(w: World) -> None:
    target, endpoint = connected(w)
    zone = w.id("Microsoft.Network/privateDnsZones", DOCUMENTS, "cccccccc-0000-4000-8000-000000000003", "dns")
    config = {"name": "one", "properties": {"privateDnsZoneId": zone}}
    w.arm("PUT", f"{endpoint}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}})
    w.settle_all()
    w.azure.forget_calls()
    regions(w, target, *FOUR)
    w.settle_all()
    assert "carts-eastus" in records(w)
    assert (len(puts(w)), w.calls()["dns_writes"]) == (1, 0)


def test_two_hubs_get_the_new_name_each(w: World) -> None:
    both = policy(hub("dns", "{all: true}"), hub("east", "{all: true}"), extra="modes: {refresh: apply}")
    w.fresh(both)
    for group in ("dns", "east"):
        w.zone(DOCUMENTS, group=group)
    target = account(w)
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    regions(w, target, *FOUR)
    w.settle_all()
    shown = {row["fqdn"].partition(".")[0]: row["ipAddresses"] for row in dns(w, endpoint)}
    for group in ("dns", "east"):
        assert w.addresses("carts-eastus", DOCUMENTS, group) == shown["carts-eastus"]


def dns(w: World, endpoint: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = whole(w, endpoint)["properties"]["customDnsConfigs"]
    return rows


def test_an_invalid_policy_refreshes_nothing(w: World) -> None:
    target, _ = connected(w)
    w.set_policy("version: 1\nowner: [")
    regions(w, target, *FOUR)
    w.settle_all()
    assert puts(w) == []
    w.set_policy(REFRESH)
    w.clock.skip(minutes=1)
    w.sweep()
    assert len(puts(w)) == 1


def test_plan_mode_shows_the_refresh_and_does_not_send_it(w: World) -> None:
    target, _ = connected(w, policy(hub("dns", "{all: true}"), extra="modes: {refresh: plan}"))
    regions(w, target, *FOUR)
    w.settle_all()
    (row,) = w.journal("refresh")
    assert (row["result"], row["detail"]) == ("skipped", "mode of refresh is plan")
    assert puts(w) == []
    w.azure.forget_calls()
    found = w.sweep()
    assert not found.suspects, "told once; nothing will be done about it"
    assert "Azure asks for pe1 to be made again, and nothing is done about it" in str(found.findings)


def test_people_are_told_once_for_each_change_and_again_when_it_comes_back(w: World) -> None:
    target, endpoint = connected(w, policy(hub("dns", "{all: true}")))
    for _ in range(2):
        regions(w, target, *FOUR)
        w.settle_all()
        w.sweep()
        again = repeated(whole(w, endpoint))
        assert w.arm("PUT", endpoint, again).status_code == 200  # their owner does it
        w.settle_all()
        regions(w, target, *THREE)
        w.settle_all()
        assert w.arm("PUT", endpoint, again).status_code == 200
        w.settle_all()
    assert len([why for why in needs(w) if "it lacks carts-eastus" in why]) == 2


def test_every_property_of_the_raw_endpoint_is_sent_again(w: World) -> None:
    w.fresh(REFRESH)
    w.zone(DOCUMENTS)
    target, path = account(w), w.endpoint_id()
    link = {"name": "link", "properties": {"privateLinkServiceId": target, "groupIds": ["Sql"], "requestMessage": "hi"}}
    said: dict[str, Any] = {
        "subnet": {"id": f"{w.network()}/subnets/default"},
        "privateLinkServiceConnections": [link],
        "customNetworkInterfaceName": "nic-carts",
        "applicationSecurityGroups": [{"id": w.id("Microsoft.Network/applicationSecurityGroups", "asg", TEAM, "net")}],
        "futureThing": {"deep": [1, {"er": None}]},
    }
    top = {"location": "westeurope", "tags": {"Env": "prod"}, "extendedLocation": {"name": "edge", "type": "EdgeZone"}}
    assert w.arm("PUT", path, {**top, "properties": said}).status_code == 201
    w.settle_all()
    regions(w, target, *FOUR)
    w.settle_all()
    assert len(puts(w)) == 1
    after = whole(w, path)
    kept = ("customNetworkInterfaceName", "applicationSecurityGroups", "futureThing")
    assert {key: after["properties"][key] for key in kept} == {key: said[key] for key in kept}
    assert {key: after.get(key) for key in top} == top
    assert "carts-eastus" in records(w)
