"""Cosmos DB accounts gain and lose regions; their endpoints' names follow, and clients do not notice."""

from __future__ import annotations

from typing import Any

import pytest

from shared.blocking import blocks
from shared.callers import Problem
from tests.azure.test_hubs import hub, policy
from tests.world import HUB, STRANGER, TEAM, World

DOCUMENTS = "privatelink.documents.azure.com"
KIND = "Microsoft.DocumentDB/databaseAccounts"
THREE = ("westeurope", "northeurope", "francecentral")
REFRESH = policy(hub("dns", "{all: true}"), extra="modes: {refresh: apply}")


def account(w: World, *regions: str, name: str = "carts", **properties: object) -> str:
    rows = [{"locationName": region, "failoverPriority": at} for at, region in enumerate(regions or THREE)]
    return w.target(KIND, name, locations=rows, **properties)


def regions(w: World, target: str, *names: str) -> None:
    rows = [{"locationName": region, "failoverPriority": at} for at, region in enumerate(names)]
    assert w.arm("PATCH", target, {"properties": {"locations": rows}}).status_code == 200


def records(w: World) -> set[str]:
    return set(w.records(DOCUMENTS))


def connected(w: World, text: str = REFRESH, **asked: object) -> tuple[str, str]:
    w.fresh(text)
    w.zone(DOCUMENTS)
    target = account(w)
    endpoint = w.asks(target, group="Sql", **asked)
    w.settle_all()
    w.allow_deletes()
    w.azure.forget_calls()
    return target, endpoint


def test_three_regions_are_four_names(w: World) -> None:
    connected(w)
    assert records(w) == {"carts", *(f"carts-{region}" for region in THREE)}


def test_a_region_that_comes_is_mapped_after_the_endpoint_was_made_again(w: World) -> None:
    target, _ = connected(w)
    regions(w, target, *THREE, "eastus")
    w.settle_all()
    assert "carts-eastus" in records(w)


def test_the_sweep_finds_nothing_to_do_where_everything_fits(w: World) -> None:
    connected(w)
    w.sweep()
    w.azure.forget_calls()
    found = w.sweep()
    assert found.suspects == {}
    assert w.calls()["arm_writes"] == 0


def test_a_lost_event_costs_one_sweep(w: World) -> None:
    target, _ = connected(w)
    regions(w, target, *THREE, "eastus")
    w.azure.outbox.clear()
    w.sweep()
    assert "carts-eastus" in records(w)


def test_a_region_that_goes_takes_its_name_and_nothing_else(w: World) -> None:
    target, _ = connected(w)
    regions(w, target, "westeurope", "northeurope")
    w.settle_all()
    assert records(w) == {"carts", "carts-westeurope", "carts-northeurope"}


def test_a_failover_costs_one_read(w: World) -> None:
    target, _ = connected(w)
    w.sweep()
    w.azure.forget_calls()
    w.arm(
        "POST",
        f"{target}/failoverPriorityChange",
        {
            "failoverPolicies": [
                {"locationName": "northeurope", "failoverPriority": 0},
                {"locationName": "westeurope", "failoverPriority": 1},
                {"locationName": "francecentral", "failoverPriority": 2},
            ]
        },
    )
    w.deliver()
    w.work()
    calls = w.calls()
    assert (calls["arm_reads"], calls["arm_writes"], calls["dns_reads"]) == (1, 0, 0)


def test_the_platform_may_follow_by_itself(w: World) -> None:
    target, _ = connected(w, policy(hub("dns", "{all: true}")))
    w.azure.switch(cosmos_recreate=False)
    regions(w, target, *THREE, "eastus")
    w.settle_all()
    assert "carts-eastus" in records(w)
    assert w.calls()["arm_writes"] == 0


def test_without_the_mode_people_are_told_and_nothing_is_done(w: World) -> None:
    target, endpoint = connected(w, policy(hub("dns", "{all: true}")))
    regions(w, target, *THREE, "eastus")
    w.settle_all()
    assert "carts-eastus" not in records(w)
    assert w.calls()["arm_writes"] == 0
    assert [one["subject"] for one in w.news() if one["type"] == "Linkkeeper.Refresh.Needed"] == [endpoint]


def test_the_first_endpoint_of_an_open_account_is_held(w: World) -> None:
    w.fresh(REFRESH)
    target = account(w, publicNetworkAccess="Enabled")
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert "would close public access" in str(w.held())


OPEN = {"publicNetworkAccess": "Enabled"}


@pytest.mark.parametrize(
    "closed", [{"publicNetworkAccess": "Disabled"}, {**OPEN, "ipRules": [{"ipAddressOrRange": "1.2.3.4"}]}]
)
def test_the_first_endpoint_of_an_account_that_is_closed_anyway_is_approved(w: World, closed: dict[str, Any]) -> None:
    w.fresh(REFRESH)
    target = account(w, **closed)
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


def test_a_rule_may_allow_the_first_endpoint_and_a_person_may_approve_it(w: World) -> None:
    w.fresh(REFRESH.replace("verdict: approve", "verdict: approve, first_endpoint: allow"))
    allowed = account(w, **OPEN)
    first = w.asks(allowed, group="Sql")
    w.settle_all()
    assert w.status(allowed, first) == "Approved"
    w.set_policy(REFRESH)
    held = account(w, name="bills", **OPEN)
    second = w.asks(held, "pe2", group="Sql")
    w.settle_all()
    assert w.status(held, second) == "Pending"
    w.grants(w.connection_of(held, second)["id"])
    w.settle_all()
    assert w.status(held, second) == "Approved"


def test_after_the_first_endpoint_the_others_need_nobody(w: World) -> None:
    w.fresh(REFRESH)
    target = account(w, **OPEN)
    w.asks(target, "by-hand", group="Sql", manual=False)
    w.settle_all()
    second = w.asks(target, "pe2", group="Sql")
    w.settle_all()
    assert w.status(target, second) == "Approved"


def test_a_held_first_endpoint_is_no_suspect_of_every_sweep(w: World) -> None:
    w.fresh(REFRESH)
    target = account(w, **OPEN)
    w.asks(target, group="Sql")
    w.settle_all()
    w.sweep()
    assert not w.sweep().suspects


def test_an_account_that_only_its_endpoints_close_is_told(w: World) -> None:
    w.fresh(REFRESH)
    target = account(w, **OPEN)
    w.asks(target, group="Sql", manual=False)
    w.settle_all()
    found = w.sweep()
    assert "carts: only its approved endpoints keep the public out" in str(found.findings)


def shows(w: World, endpoint: str, *labels: str) -> None:
    """What the app reads of the endpoint from now on: these names alone."""
    w.azure.forget_faults()
    body = w.arm("GET", endpoint).json()
    rows = body["properties"]["customDnsConfigs"]
    body["properties"]["customDnsConfigs"] = [row for row in rows if row["fqdn"].partition(".")[0] in labels]
    w.azure.fault(method="GET", path=f"{endpoint.rpartition('/')[2]}$", status=200, body=body, principal="app", times=0)


def test_a_name_that_the_account_still_has_is_kept_though_the_endpoint_does_not_show_it(w: World) -> None:
    target, endpoint = connected(w)
    shows(w, endpoint, "carts", "carts-westeurope", "carts-northeurope")
    w.signal(target, endpoint)
    assert "carts-francecentral" in records(w)
    w.azure.forget_faults()
    regions(w, target, "westeurope", "northeurope")
    w.settle_all()
    assert records(w) == {"carts", "carts-westeurope", "carts-northeurope"}


def test_a_name_that_the_endpoint_still_shows_is_kept_though_the_account_has_dropped_it(w: World) -> None:
    target, _ = connected(w, policy(hub("dns", "{all: true}")))
    regions(w, target, "westeurope")
    w.settle_all()
    w.sweep()
    assert {"carts-northeurope", "carts-francecentral"} < records(w)


def test_an_account_that_cannot_be_read_takes_no_name_away(w: World) -> None:
    target, endpoint = connected(w)
    shows(w, endpoint, "carts")
    denied = {"status": 403, "code": "AuthorizationFailed", "principal": "app", "times": 0}
    w.azure.fault(method="GET", path="databaseAccounts/carts$", **denied)
    w.signal(target, endpoint)
    w.settle_all()
    assert len(records(w)) == 4


def test_a_hub_that_serves_no_more_loses_its_names_whatever_the_account_has(w: World) -> None:
    target, endpoint = connected(w)
    w.set_policy(policy(hub("dns", f"{{subscriptions: [{STRANGER}]}}")))
    w.signal(target, endpoint)
    assert records(w) == set()


def test_stale_records_that_would_break_a_region_are_reported_and_ours_are_deleted(w: World) -> None:
    connected(w)
    w.writes("carts-eastus", "10.9.9.9", zone=DOCUMENTS)
    guid = "99999999-0000-4000-8000-000000000009"
    creator = {"creator": f"created by private endpoint old with resource guid {guid}"}
    w.removes(f"{w.id('Microsoft.Network/privateDnsZones', DOCUMENTS, HUB, 'dns')}/A/carts-northeurope")
    w.removes(w.endpoint_id())
    w.azure.outbox.clear()
    w.writes("carts-northeurope", "10.9.9.8", zone=DOCUMENTS, metadata=creator)
    w.sweep()
    found = str(w.sweep().findings)
    assert "carts-eastus.privatelink.documents.azure.com -> 10.9.9.9 stands for a region" in found
    assert "10.9.9.8 was written for an endpoint of carts that is gone" in found
    assert records(w) == {"carts-eastus", "carts-northeurope"}


def test_two_accounts_in_one_zone_keep_to_their_own_names(w: World) -> None:
    target, _ = connected(w)
    other = account(w, "westeurope", "eastus", name="carts-eu")
    w.asks(other, "pe2", group="Sql")
    w.settle_all()
    regions(w, target, "westeurope")
    w.settle_all()
    assert records(w) == {"carts", "carts-westeurope", "carts-eu", "carts-eu-westeurope", "carts-eu-eastus"}


def test_what_is_in_the_way_of_deleting_an_account_or_its_network(w: World) -> None:
    target, endpoint = connected(w)
    for place in (target, w.network(), f"{w.network()}/subnets/default"):
        found = w.run(blocks(w.app, place))
        assert (found["complete"], [row["endpointId"] for row in found["value"]]) == (True, [endpoint])
    assert w.run(blocks(w.app, w.network("other")))["value"] == []


@pytest.mark.parametrize(("text", "status"), [("carts", 400), (None, 400), ("/subscriptions/x", 400)])
def test_what_is_no_resource_blocks_nothing(w: World, text: Any, status: int) -> None:
    w.fresh(REFRESH)
    with pytest.raises(Problem) as wrong:
        w.run(blocks(w.app, text))
    assert wrong.value.status == status


def test_places_outside_the_scope_are_not_known_and_cost_no_call(w: World) -> None:
    w.fresh(policy(hub("dns", f"{{subscriptions: [{TEAM}]}}")))
    w.azure.forget_calls()
    for place in (w.id(KIND, "x", STRANGER), w.network(subscription=STRANGER), w.id("Contoso.X/y", "z")):
        with pytest.raises(Problem) as wrong:
            w.run(blocks(w.app, place))
        assert wrong.value.status == 404
    assert w.calls()["arm_reads"] == 0


def test_network_policies_in_a_subnet_of_endpoints_are_told(w: World) -> None:
    subnet = {"name": "default", "properties": {"addressPrefix": "10.7.0.0/24"}}
    subnet["properties"] |= {"privateEndpointNetworkPolicies": "Enabled"}  # type: ignore[operator]
    w.fresh(REFRESH)
    properties = {"addressSpace": {"addressPrefixes": ["10.7.0.0/16"]}, "subnets": [subnet]}
    w.arm("PUT", w.network(), {"location": "westeurope", "properties": properties})
    w.asks(account(w), group="Sql", manual=False)
    w.settle_all()
    assert "network policies (Enabled) hold for pe1 in default" in str(w.sweep().findings)


def test_a_deleted_accounts_names_go(w: World) -> None:
    target, _ = connected(w)
    w.sweep()
    w.azure.switch(cosmos_delete_guard=False)
    w.removes(target)
    w.settle_all()
    w.clock.skip(hours=2)
    w.sweep()
    assert records(w) == set()


def test_an_endpoint_that_nobody_here_looks_after_is_not_made_again(w: World) -> None:
    w.fresh(policy(hub("dns", f"{{subscriptions: [{TEAM}]}}"), extra="modes: {refresh: apply}"))
    target = account(w)
    w.asks(target, subscription=STRANGER, group="Sql")
    w.settle_all()
    w.azure.forget_calls()
    regions(w, target, *THREE, "eastus")
    w.settle_all()
    w.by_hand("settle", {"target": target}, "settle")
    w.settle_all()
    assert w.calls()["arm_writes"] == 0
