"""Endpoints of Cosmos accounts whose regions change: Recreate, repeated PUTs, addresses, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.cosmos import (
    NINE_MINUTES,
    THREE,
    TWO,
    account,
    actions,
    again,
    code,
    held,
    interface,
    names,
    properties,
    regions,
    rows,
    settled,
)


def test_recreate_shows_on_both_sides_after_the_change_and_a_lag(cloud: Any) -> None:
    cloud.azure.switch(cosmos_lag=60)
    target, endpoint = held(cloud)
    regions(cloud, target, *THREE)
    cloud.azure.advance(359)
    assert properties(cloud, target)["provisioningState"] == "Succeeded"
    assert actions(cloud, endpoint, target) == ("None", "None")
    cloud.azure.advance(1)
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")
    assert len(names(cloud, endpoint)) == 3


def test_a_repeated_put_brings_the_new_region_at_its_end(cloud: Any) -> None:
    target, endpoint = held(cloud)
    before = names(cloud, endpoint)
    regions(cloud, target, *THREE)
    settled(cloud)
    assert again(cloud, endpoint).status_code == 200
    cloud.azure.advance(NINE_MINUTES - 1)
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")
    assert len(interface(cloud, endpoint)) == 3
    cloud.azure.advance(1)
    assert actions(cloud, endpoint, target) == ("None", "None")
    assert names(cloud, endpoint) == before | {"cos1-francecentral": "10.0.0.7"}


def test_the_address_of_a_region_that_left_goes_back(cloud: Any) -> None:
    target, endpoint = held(cloud, *THREE)
    before = names(cloud, endpoint)
    regions(cloud, target, "westeurope", "francecentral")
    settled(cloud)
    again(cloud, endpoint)
    cloud.azure.advance(NINE_MINUTES)
    freed = before.pop("cos1-northeurope")
    assert names(cloud, endpoint) == before
    cloud.azure.pace(0)
    other = cloud.endpoint(account(cloud, "westeurope", name="cos2"), "Sql", name="pe2", manual=False)
    assert freed in names(cloud, other).values()


def test_azure_may_follow_by_itself_after_the_lag(cloud: Any) -> None:
    cloud.azure.switch(cosmos_recreate=False, cosmos_lag=60)
    target, endpoint = held(cloud)
    regions(cloud, target, *THREE)
    cloud.azure.advance(359)
    assert len(names(cloud, endpoint)) == 3
    cloud.azure.advance(1)
    assert len(names(cloud, endpoint)) == 4
    assert actions(cloud, endpoint, target) == ("None", "None")


@pytest.mark.parametrize(("world", "shown"), [("empty", 0), ("kept", 3)])
def test_names_while_a_repeated_put_is_under_way(cloud: Any, world: str, shown: int) -> None:
    cloud.azure.switch(updating_names=world)
    _, endpoint = held(cloud)
    again(cloud, endpoint)
    assert properties(cloud, endpoint)["provisioningState"] == "Updating"
    assert len(names(cloud, endpoint)) == shown


def test_the_regions_at_the_end_of_the_put_count(cloud: Any) -> None:
    target, endpoint = held(cloud)
    again(cloud, endpoint)
    regions(cloud, target, *THREE)
    cloud.azure.advance(NINE_MINUTES)
    assert len(names(cloud, endpoint)) == 4
    assert actions(cloud, endpoint, target) == ("None", "None")


def test_or_those_at_its_start_and_it_must_be_repeated(cloud: Any) -> None:
    cloud.azure.switch(cosmos_read="start")
    target, endpoint = held(cloud)
    again(cloud, endpoint)
    regions(cloud, target, *THREE)
    cloud.azure.advance(NINE_MINUTES)
    assert len(names(cloud, endpoint)) == 3
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")


def test_a_region_that_is_still_creating_asks_for_yet_another_put(cloud: Any) -> None:
    target, endpoint = held(cloud)
    again(cloud, endpoint)
    cloud.azure.advance(NINE_MINUTES - 10)
    regions(cloud, target, *THREE)
    cloud.azure.advance(10)
    assert len(names(cloud, endpoint)) == 3
    assert actions(cloud, endpoint, target) == ("None", "None")
    settled(cloud)
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")


def test_a_decision_does_not_take_recreate_away(cloud: Any) -> None:
    target = account(cloud)
    endpoint = cloud.endpoint(target, "Sql")
    regions(cloud, target, *THREE)
    cloud.decide(cloud.connection(target)["id"])
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")


@pytest.mark.parametrize(("world", "refusal"), [("conflict", 409), ("retryable", 429)])
def test_a_put_while_another_is_under_way(cloud: Any, world: str, refusal: int) -> None:
    cloud.azure.switch(updating_refusal=world)
    _, endpoint = held(cloud)
    again(cloud, endpoint)
    assert again(cloud, endpoint).status_code == refusal
    cloud.azure.advance(NINE_MINUTES)
    assert again(cloud, endpoint).status_code == 200


def test_if_match_guards_the_put(cloud: Any) -> None:
    _, endpoint = held(cloud)
    before = cloud.get(endpoint).json()
    answer = again(cloud, endpoint, lambda body: body.update(tags={}), If_Match='W/"elsewhen"')
    assert code(answer) == (412, "PreconditionFailed")
    assert cloud.get(endpoint).json() == before
    assert again(cloud, endpoint, If_Match=before["etag"]).status_code == 200
    assert cloud.get(endpoint).json()["etag"] != before["etag"]


def test_a_put_is_a_full_replacement(cloud: Any) -> None:
    _, endpoint = held(cloud, applicationSecurityGroups=[{"id": "/asg"}], futureThing={"keep": True})
    again(cloud, endpoint)
    kept = cloud.get(endpoint).json()
    assert (kept["tags"], kept["properties"]["futureThing"]) == ({"team": "x"}, {"keep": True})
    cloud.azure.advance(NINE_MINUTES)

    def forgetful(body: Any) -> None:
        del body["tags"], body["properties"]["futureThing"], body["properties"]["applicationSecurityGroups"]

    again(cloud, endpoint, forgetful)
    lost = cloud.get(endpoint).json()
    assert "tags" not in lost
    assert not {"futureThing", "applicationSecurityGroups"} & set(lost["properties"])


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("customNetworkInterfaceName", "other", (400, "CannotChangeCustomNetworkInterfaceName")),
        ("subnet", {"id": "/elsewhere"}, (400, "CannotChangeSubnetOfPrivateEndpoint")),
    ],
)
def test_what_cannot_change_is_refused(cloud: Any, name: str, value: Any, refusal: tuple[int, str]) -> None:
    _, endpoint = held(cloud)
    before = cloud.get(endpoint).json()
    assert code(again(cloud, endpoint, lambda body: body["properties"].update({name: value}))) == refusal
    assert cloud.get(endpoint).json() == before


def _static(*members: str) -> list[dict[str, Any]]:
    return [
        {"name": one, "properties": {"groupId": "Sql", "memberName": one, "privateIPAddress": f"10.0.0.{number}"}}
        for number, one in enumerate(members, 50)
    ]


def test_static_addresses_need_one_for_the_new_region(cloud: Any) -> None:
    static = _static("cos1", "cos1-westeurope", "cos1-northeurope")
    target, endpoint = held(cloud, ipConfigurations=static)
    regions(cloud, target, *THREE)
    settled(cloud)
    before = cloud.get(endpoint).json()
    assert code(again(cloud, endpoint)) == (400, "PrivateEndpointIpConfigurationsCountMismatch")
    assert cloud.get(endpoint).json() == before
    more = _static("cos1", "cos1-westeurope", "cos1-northeurope", "cos1-francecentral")
    assert again(cloud, endpoint, lambda body: body["properties"].update(ipConfigurations=more)).status_code == 200
    cloud.azure.advance(NINE_MINUTES)
    assert names(cloud, endpoint)["cos1-francecentral"] == "10.0.0.53"


def test_an_endpoint_that_loses_its_static_addresses_keeps_the_numbers_only(cloud: Any) -> None:
    _, endpoint = held(cloud, ipConfigurations=_static("cos1", "cos1-westeurope", "cos1-northeurope"))
    before = interface(cloud, endpoint)
    again(cloud, endpoint, lambda body: body["properties"].pop("ipConfigurations"))
    cloud.azure.advance(NINE_MINUTES)
    assert properties(cloud, endpoint)["ipConfigurations"] == []
    assert interface(cloud, endpoint) == before


@pytest.mark.parametrize(("resets", "status"), [(True, "Pending"), (False, "Approved")])
def test_the_other_list_may_reset_the_approval(cloud: Any, resets: bool, status: str) -> None:
    cloud.azure.switch(list_move_resets=resets)
    target, endpoint = held(cloud)

    def manual(body: Any) -> None:
        lists = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
        given = body["properties"]
        given[lists[1]], given[lists[0]] = given[lists[0]], []

    assert again(cloud, endpoint, manual).status_code == 200
    assert cloud.consumer(endpoint)["status"] == status
    assert cloud.connection(target)["properties"]["privateLinkServiceConnectionState"]["status"] == status


def test_a_missing_approval_right_fails_the_whole_put(cloud: Any) -> None:
    _, endpoint = held(cloud)
    before = cloud.get(endpoint).json()
    cloud.azure.fault(method="PUT", path="/privateEndpoints/pe1$", status=403, code="LinkedAuthorizationFailed")
    assert code(again(cloud, endpoint)) == (403, "LinkedAuthorizationFailed")
    assert cloud.get(endpoint).json() == before


def test_a_put_may_fail_at_its_end_and_be_repeated(cloud: Any) -> None:
    target, endpoint = held(cloud)
    regions(cloud, target, *THREE)
    settled(cloud)
    cloud.azure.fail_next("endpoint", code="StorageOutage", message="Something broke.")
    status = again(cloud, endpoint).headers["Azure-AsyncOperation"]
    assert cloud.get(status).json()["status"] == "InProgress"
    cloud.azure.advance(NINE_MINUTES)
    told = cloud.get(status).json()
    assert (told["status"], told["error"]["code"]) == ("Failed", "StorageOutage")
    assert properties(cloud, endpoint)["provisioningState"] == "Failed"
    assert actions(cloud, endpoint, target) == ("Recreate", "Recreate")
    again(cloud, endpoint)
    cloud.azure.advance(NINE_MINUTES)
    assert len(names(cloud, endpoint)) == 4


def test_rows_that_are_creating_get_no_address_yet(cloud: Any) -> None:
    target, _ = held(cloud)
    regions(cloud, target, *THREE)
    assert rows(cloud, target)[2][1] == "Creating"
    endpoint = cloud.endpoint(target, "Sql", name="pe2", manual=False)
    assert len(interface(cloud, endpoint)) == 3
    cloud.azure.advance(NINE_MINUTES)
    assert len(interface(cloud, endpoint)) == 4


def test_deleting_the_account_leaves_a_put_under_way_alone(cloud: Any) -> None:
    cloud.azure.switch(cosmos_delete_guard=False)
    target, endpoint = held(cloud, *TWO)
    again(cloud, endpoint)
    cloud.delete(target)
    cloud.azure.advance(NINE_MINUTES)
    assert cloud.consumer(endpoint)["status"] == "Disconnected"
    assert properties(cloud, endpoint)["provisioningState"] == "Succeeded"
