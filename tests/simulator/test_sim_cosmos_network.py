"""What Cosmos regions cost in subnets and write into zones, and who gets in from public networks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.conftest import THEIRS
from tests.simulator.cosmos import (
    NINE_MINUTES,
    THREE,
    account,
    again,
    code,
    held,
    interface,
    properties,
    regions,
    settled,
    subnet,
)


def usage(cloud: Any, network: str) -> tuple[float, float]:
    row = cloud.get(f"{network}/usages").json()["value"][0]
    return row["currentValue"], row["limit"]


def test_a_full_subnet_refuses_the_put_and_loses_nothing(cloud: Any) -> None:
    network = subnet(cloud, THEIRS, "10.7.7.0/29")
    target, endpoint = held(cloud)
    assert usage(cloud, network) == (3.0, 3.0)
    regions(cloud, target, *THREE)
    settled(cloud)
    before = cloud.get(endpoint).json()
    assert code(again(cloud, endpoint)) == (400, "SubnetIsFull")
    assert cloud.get(endpoint).json() == before
    assert usage(cloud, network) == (3.0, 3.0)


def test_a_refused_endpoint_leaves_no_address_behind(cloud: Any) -> None:
    network = subnet(cloud, THEIRS, "10.7.7.0/29")
    target = account(cloud, *THREE)
    with pytest.raises(AssertionError, match="SubnetIsFull"):
        cloud.endpoint(target, "Sql", manual=False)
    assert usage(cloud, network) == (0.0, 3.0)


def test_a_subnet_that_grew_has_room_again(cloud: Any) -> None:
    subnet(cloud, THEIRS, "10.7.7.0/29")
    target, endpoint = held(cloud)
    network = subnet(cloud, THEIRS, "10.7.7.0/28")
    regions(cloud, target, *THREE)
    settled(cloud)
    assert again(cloud, endpoint).status_code == 200
    cloud.azure.advance(NINE_MINUTES)
    assert interface(cloud, endpoint)[-1] == "10.7.7.7"
    assert usage(cloud, network) == (4.0, 11.0)


def test_a_subnet_that_fills_meanwhile_fails_the_operation(cloud: Any) -> None:
    network = subnet(cloud, THEIRS, "10.7.7.0/29")
    target, endpoint = held(cloud)
    status = again(cloud, endpoint).headers["Azure-AsyncOperation"]
    regions(cloud, target, *THREE)
    cloud.azure.advance(NINE_MINUTES)
    assert cloud.get(status).json()["error"]["code"] == "SubnetIsFull"
    assert (len(interface(cloud, endpoint)), usage(cloud, network)) == (3, (3.0, 3.0))


def test_subnets_show_their_network_policies(cloud: Any) -> None:
    network = subnet(cloud, THEIRS, "10.7.7.0/24")
    one = cloud.get(f"{network}/subnets/default").json()["properties"]
    assert (one["addressPrefix"], one["privateEndpointNetworkPolicies"]) == ("10.7.7.0/24", "Disabled")
    assert properties(cloud, network)["subnets"][0]["properties"] == one
    body = {"properties": {"addressPrefix": "10.7.8.0/24", "privateEndpointNetworkPolicies": "Enabled"}}
    cloud.put(f"{network}/subnets/second", body)
    assert properties(cloud, network)["subnets"][1]["properties"]["privateEndpointNetworkPolicies"] == "Enabled"


def test_a_zone_group_follows_the_regions(cloud: Any) -> None:
    zone = cloud.zone("privatelink.documents.azure.com")
    target = account(cloud)
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    config = {"name": "c", "properties": {"privateDnsZoneId": zone}}
    cloud.put(f"{endpoint}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}})
    assert properties(cloud, endpoint)["customDnsConfigs"] == []
    regions(cloud, target, "westeurope", "francecentral")
    assert cloud.get(f"{zone}/A/cos1-francecentral").status_code == 404
    again(cloud, endpoint)
    assert cloud.get(f"{zone}/A/cos1-francecentral").status_code == 200
    assert cloud.get(f"{zone}/A/cos1-northeurope").status_code == 404


def test_approving_the_first_endpoint_cuts_the_public_off_and_rejecting_the_last_lets_all_in(cloud: Any) -> None:
    target = account(cloud)
    assert cloud.azure.exposure(target) == "open"
    cloud.endpoint(target, "Sql")
    assert cloud.azure.exposure(target) == "open"
    cloud.decide(cloud.connection(target)["id"])
    cloud.decide(cloud.connection(target)["id"], "Rejected")
    rows = [(row["before"], row["after"], row["why"]) for row in cloud.azure.exposures()]
    assert rows == [
        ("open", "closed by endpoint", "connection pe1 is Approved"),
        ("closed by endpoint", "open", "connection pe1 is Rejected"),
    ]
    assert cloud.door("GET", "/exposures")["now"] == {target: "open"}


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"publicNetworkAccess": "Disabled", "ipRules": [{"ipAddressOrRange": "192.0.2.1"}]}, "disabled"),
        ({"ipRules": [{"ipAddressOrRange": "192.0.2.1"}]}, "rules"),
        ({"isVirtualNetworkFilterEnabled": True, "virtualNetworkRules": [{"id": "/subnet"}]}, "rules"),
        ({"isVirtualNetworkFilterEnabled": True}, "open"),
        ({"isVirtualNetworkFilterEnabled": False, "virtualNetworkRules": [{"id": "/subnet"}]}, "open"),
    ],
)
def test_barriers_other_than_endpoints(cloud: Any, given: dict[str, Any], state: str) -> None:
    target = account(cloud)
    cloud.call("PATCH", target, {"properties": given})
    assert cloud.azure.exposure(target) == state
    cloud.endpoint(target, "Sql", manual=False)
    assert cloud.azure.exposure(target) == ("closed by endpoint" if state == "open" else state)
    assert properties(cloud, target) | given == properties(cloud, target)


@pytest.mark.parametrize("how", ["connection", "endpoint"])
def test_removing_the_last_connection_opens_the_account(cloud: Any, how: str) -> None:
    target = account(cloud)
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    cloud.delete(cloud.connection(target)["id"] if how == "connection" else endpoint)
    last = cloud.azure.exposures()[-1]
    assert (last["account"], last["after"]) == (target, "open")
    assert how in last["why"]
