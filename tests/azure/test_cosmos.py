"""Cosmos DB accounts gain and lose regions; their endpoints' names follow, and clients do not notice."""

from __future__ import annotations

from tests.azure.test_hubs import hub, policy
from tests.world import World

DOCUMENTS = "privatelink.documents.azure.com"
KIND = "Microsoft.DocumentDB/databaseAccounts"
THREE = ("westeurope", "northeurope", "francecentral")
REFRESH = policy(hub("dns", "{all: true}"), extra="modes: {refresh: apply}")


def account(w: World, *regions: str, name: str = "carts", **properties: object) -> str:
    rows = [{"locationName": region, "failoverPriority": at} for at, region in enumerate(regions or THREE)]
    return w.target(KIND, name, locations=rows, **{"publicNetworkAccess": "Disabled", **properties})


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
