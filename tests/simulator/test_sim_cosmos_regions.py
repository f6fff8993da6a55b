"""Cosmos accounts: regions that come and go, failover, regions offline and online, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.cosmos import (
    COSMOS,
    FIVE_MINUTES,
    THREE,
    TWO,
    account,
    code,
    held,
    locations,
    names,
    properties,
    regions,
    rows,
)


def test_a_new_region_is_creating_until_the_operation_ends(cloud: Any) -> None:
    target, _ = held(cloud)
    assert regions(cloud, target, *THREE).status_code == 200
    assert properties(cloud, target)["provisioningState"] == "Updating"
    assert rows(cloud, target)[2] == ("cos1-francecentral", "Creating")
    cloud.azure.advance(FIVE_MINUTES)
    assert properties(cloud, target)["provisioningState"] == "Succeeded"
    assert [state for _, state in rows(cloud, target)] == ["Succeeded"] * 3


def test_a_leaving_region_is_listed_as_deleting(cloud: Any) -> None:
    target, _ = held(cloud, *THREE)
    regions(cloud, target, *TWO)
    assert rows(cloud, target)[2] == ("cos1-francecentral", "Deleting")
    cloud.azure.advance(FIVE_MINUTES)
    assert [name for name, _ in rows(cloud, target)] == ["cos1-westeurope", "cos1-northeurope"]


def test_the_event_of_a_change_comes_at_its_end(cloud: Any) -> None:
    target, _ = held(cloud)
    before = cloud.operations().count(f"{COSMOS}/write")
    regions(cloud, target, *THREE)
    assert cloud.operations().count(f"{COSMOS}/write") == before
    cloud.azure.advance(FIVE_MINUTES)
    assert cloud.operations().count(f"{COSMOS}/write") == before + 1


def test_all_lists_of_regions_agree(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, *THREE)
    cloud.azure.advance(FIVE_MINUTES)
    found = properties(cloud, target)
    assert found["locations"] == found["readLocations"]
    assert [row["id"] for row in found["writeLocations"]] == ["cos1-westeurope"]
    assert [row["id"] for row in found["failoverPolicies"]] == [row["id"] for row in found["locations"]]
    assert found["locations"][2]["documentEndpoint"] == "https://cos1-francecentral.documents.azure.com:443/"


def test_a_put_of_what_was_read_changes_nothing(cloud: Any) -> None:
    target = account(cloud, ipRules=[{"ipAddressOrRange": "192.0.2.1"}])
    before = cloud.get(target).json()
    assert cloud.put(target, before).status_code == 200
    assert cloud.get(target).json() == before


def test_a_second_change_is_refused_while_one_is_under_way(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, *THREE)
    answer = regions(cloud, target, "westeurope")
    assert code(answer) == (412, "PreconditionFailed")
    assert "exclusive lock" in answer.text
    assert code(cloud.delete(target)) == (412, "PreconditionFailed")
    cloud.azure.advance(FIVE_MINUTES)
    assert regions(cloud, target, "westeurope").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [[], ["westeurope", "West Europe"], ["northeurope", "westeurope", "francecentral"]],
    ids=["none", "twice", "set and priorities"],
)
def test_odd_wishes_for_regions_change_nothing(cloud: Any, wanted: list[str]) -> None:
    target = account(cloud)
    before = properties(cloud, target)
    assert code(regions(cloud, target, *wanted)) == (400, "BadRequest")
    assert properties(cloud, target) == before


def test_priorities_alone_may_change(cloud: Any) -> None:
    target = account(cloud)
    assert regions(cloud, target, *reversed(TWO)).status_code == 200
    assert properties(cloud, target)["writeLocations"][0]["id"] == "cos1-northeurope"


def test_regions_move_up_when_another_leaves(cloud: Any) -> None:
    target = account(cloud, *THREE)
    assert regions(cloud, target, "westeurope", "francecentral").status_code == 200
    assert [row["failoverPriority"] for row in properties(cloud, target)["locations"]] == [0, 1]


def test_failover_changes_priorities_and_no_names(cloud: Any) -> None:
    target, endpoint = held(cloud)
    before = names(cloud, endpoint)
    rows_wanted = locations(*reversed(TWO))["properties"]["locations"]
    answer = cloud.call("POST", f"{target}/failoverPriorityChange", {"failoverPolicies": rows_wanted})
    assert (answer.status_code, properties(cloud, target)["provisioningState"]) == (202, "Updating")
    cloud.azure.advance(FIVE_MINUTES)
    assert [row["id"] for row in properties(cloud, target)["writeLocations"]] == ["cos1-northeurope"]
    assert names(cloud, endpoint) == before
    assert cloud.operations()[-1] == f"{COSMOS}/failoverPriorityChange/action"


def test_failover_wants_all_regions(cloud: Any) -> None:
    target = account(cloud)
    one = locations("northeurope")["properties"]["locations"]
    assert code(cloud.call("POST", f"{target}/failoverPriorityChange", {"failoverPolicies": one})) == (
        400,
        "BadRequest",
    )


@pytest.mark.parametrize(("guard", "status"), [(True, 400), (False, 202)])
def test_failover_to_a_region_that_an_endpoint_lacks(cloud: Any, guard: bool, status: int) -> None:
    cloud.azure.switch(cosmos_failover_guard=guard)
    target = account(cloud)
    cloud.endpoint(target, "Sql", manual=False)
    regions(cloud, target, *THREE)
    goal = locations("francecentral", *TWO)["properties"]["locations"]
    answer = cloud.call("POST", f"{target}/failoverPriorityChange", {"failoverPolicies": goal})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("shown", ["Offline", "Succeeded"])
def test_a_region_goes_offline_and_comes_back(cloud: Any, shown: str) -> None:
    cloud.azure.switch(cosmos_offline=shown)
    target = account(cloud)
    assert cloud.call("POST", f"{target}/offlineRegion", {"region": "West Europe"}).status_code == 202
    assert dict(rows(cloud, target))["cos1-westeurope"] == shown
    assert properties(cloud, target)["writeLocations"][0]["id"] == "cos1-northeurope"
    assert cloud.call("POST", f"{target}/onlineRegion", {"region": "westeurope"}).status_code == 202
    assert dict(rows(cloud, target))["cos1-westeurope"] == "Succeeded"
    assert cloud.operations()[-2:] == [f"{COSMOS}/offlineRegion/action", f"{COSMOS}/onlineRegion/action"]


def test_a_change_may_fail_at_its_end(cloud: Any) -> None:
    target, _ = held(cloud)
    cloud.azure.fail_next("account")
    status = regions(cloud, target, *THREE).headers["Azure-AsyncOperation"]
    cloud.azure.advance(FIVE_MINUTES)
    assert cloud.get(status).json()["status"] == "Failed"
    assert [name for name, _ in rows(cloud, target)] == ["cos1-westeurope", "cos1-northeurope"]
    assert properties(cloud, target)["provisioningState"] == "Succeeded"


def test_an_account_with_endpoints_does_not_go(cloud: Any) -> None:
    target, endpoint = held(cloud)
    assert code(cloud.delete(target)) == (400, "BadRequest")
    cloud.delete(endpoint)
    cloud.azure.advance(60)
    assert cloud.delete(target).status_code == 202
    assert properties(cloud, target)["provisioningState"] == "Deleting"
    cloud.azure.advance(FIVE_MINUTES)
    assert cloud.get(target).status_code == 404


def mongo(cloud: Any, version: str) -> str:
    target = cloud.id(COSMOS, "mongo1")
    body = {"location": "westeurope", "kind": "MongoDB", "properties": {"apiProperties": {"serverVersion": version}}}
    assert cloud.put(target, body).status_code == 200
    return target


def test_an_account_offers_the_groups_of_its_api(cloud: Any) -> None:
    target = account(cloud, capabilities=[{"name": "EnableGremlin"}])
    assert properties(cloud, target)["EnabledApiTypes"] == "Gremlin, Sql"
    offered = [row["name"] for row in cloud.get(f"{target}/privateLinkResources").json()["value"]]
    assert {"Gremlin", "Sql"} <= set(offered)
    cloud.endpoint(target, "Gremlin")
    with pytest.raises(AssertionError, match="InvalidGroupId"):
        cloud.endpoint(target, "MongoDB", name="pe2")


@pytest.mark.parametrize(("version", "refused"), [("3.2", True), ("3.6", False), ("4.2", False)])
def test_an_old_mongo_account_has_no_endpoints(cloud: Any, version: str, refused: bool) -> None:
    target = mongo(cloud, version)
    if refused:
        with pytest.raises(AssertionError, match="InvalidGroupId"):
            cloud.endpoint(target, "MongoDB")
        return
    endpoint = cloud.endpoint(target, "MongoDB", manual=False)
    row = properties(cloud, endpoint)["customDnsConfigs"][1]["fqdn"]
    assert row == "mongo1-westeurope.mongo.cosmos.azure.com"


def test_an_account_has_so_many_endpoints_and_no_more(cloud: Any) -> None:
    cloud.azure.switch(cosmos_endpoints=1)
    target = account(cloud)
    cloud.endpoint(target, "Sql")
    with pytest.raises(AssertionError, match="PrivateEndpointQuotaExceeded"):
        cloud.endpoint(target, "Sql", name="pe2")
