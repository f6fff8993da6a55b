"""The requester's side: endpoints made, made again, moved, deleted; addresses, names and Cosmos regions."""

from __future__ import annotations

from typing import Any

import pytest

STORAGE, COSMOS = "Microsoft.Storage/storageAccounts", "Microsoft.DocumentDB/databaseAccounts"
SERVICE = "Microsoft.Network/privateLinkServices"


def test_an_automatic_request_is_never_pending(cloud: Any) -> None:
    endpoint = cloud.endpoint(cloud.target(COSMOS, "cos1"), "Sql", manual=False)
    assert cloud.consumer(endpoint) == {"status": "Approved", "description": "", "actionsRequired": "None"}


def test_the_request_text_is_the_description_while_pending(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target, message="let me in")
    state = cloud.connection(target)["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], state["description"]) == ("Pending", "let me in")
    assert cloud.consumer(endpoint)["description"] == "Awaiting Approval"


def test_a_link_service_is_reached_by_alias_and_publishes_no_names(cloud: Any) -> None:
    target = cloud.target(SERVICE, "pls1")
    alias = cloud.get(target).json()["properties"]["alias"]
    endpoint = cloud.endpoint(alias, None)
    properties = cloud.get(endpoint).json()["properties"]
    assert properties["customDnsConfigs"] == []
    assert properties["manualPrivateLinkServiceConnections"][0]["properties"]["privateLinkServiceId"] == alias
    assert cloud.connection(target)["properties"]["linkIdentifier"].isdigit()


def test_an_endpoint_to_nothing_is_refused(cloud: Any) -> None:
    body = {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": "/x"},
            "privateLinkServiceConnections": [
                {"name": "l", "properties": {"privateLinkServiceId": cloud.id(STORAGE, "nobody"), "groupIds": ["blob"]}}
            ],
        },
    }
    answer = cloud.put(cloud.id("Microsoft.Network/privateEndpoints", "pe1"), body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidResourceReference")


def test_an_endpoint_put_again_keeps_guid_state_and_address(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    cloud.decide(cloud.connection(target)["id"])
    before = cloud.get(endpoint).json()["properties"]
    assert cloud.endpoint(target) == endpoint
    after = cloud.get(endpoint).json()["properties"]
    assert after["resourceGuid"] == before["resourceGuid"]
    assert after["customDnsConfigs"] == before["customDnsConfigs"]
    assert cloud.consumer(endpoint)["status"] == "Approved"
    assert len(cloud.get(f"{target}/privateEndpointConnections").json()["value"]) == 1


def test_an_endpoint_made_anew_has_a_new_guid(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    before = cloud.get(endpoint).json()["properties"]["resourceGuid"]
    assert cloud.delete(endpoint).status_code == 202
    assert cloud.get(endpoint).status_code == 404
    assert cloud.get(f"{target}/privateEndpointConnections").json()["value"] == []
    cloud.endpoint(target)
    assert cloud.get(endpoint).json()["properties"]["resourceGuid"] != before


def test_names_appear_when_provisioning_ends(cloud: Any) -> None:
    cloud.azure.pace(1)
    endpoint = cloud.endpoint(cloud.target(), manual=False)
    properties = cloud.get(endpoint).json()["properties"]
    assert (properties["provisioningState"], properties["customDnsConfigs"]) == ("Updating", [])
    cloud.azure.pace(0)
    properties = cloud.get(endpoint).json()["properties"]
    assert properties["customDnsConfigs"] == [{"fqdn": "acct1.blob.core.windows.net", "ipAddresses": ["10.0.0.4"]}]


def test_the_lowest_free_address_is_given_out_again(cloud: Any) -> None:
    target = cloud.target()
    first = cloud.endpoint(target, name="pe1")
    cloud.endpoint(target, name="pe2")
    cloud.delete(first)
    third = cloud.get(cloud.endpoint(target, name="pe3")).json()["properties"]
    assert third["customDnsConfigs"][0]["ipAddresses"] == ["10.0.0.4"]


def test_addresses_come_from_the_subnet_that_was_made(cloud: Any) -> None:
    network = cloud.id("Microsoft.Network/virtualNetworks", "vnet", cloud.azure.world.subscriptions()[0], "net")
    cloud.put(
        network,
        {
            "location": "westeurope",
            "properties": {"subnets": [{"name": "default", "properties": {"addressPrefix": "10.7.7.0/24"}}]},
        },
    )
    assert cloud.get(f"{network}/subnets/default").json()["properties"]["addressPrefix"] == "10.7.7.0/24"
    endpoint = cloud.endpoint(cloud.target(), subscription=network.split("/")[2])
    assert cloud.get(endpoint).json()["properties"]["customDnsConfigs"][0]["ipAddresses"] == ["10.7.7.4"]


def test_a_moved_endpoint_keeps_its_guid_and_its_connection_follows(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    before = cloud.get(endpoint).json()["properties"]
    group = endpoint.split("/providers")[0]
    other = group.rsplit("/", 1)[0] + "/moved"
    assert (
        cloud.call(
            "POST", f"{group}/moveResources", {"resources": [endpoint], "targetResourceGroup": other}
        ).status_code
        == 202
    )
    moved = endpoint.replace(group, other)
    assert cloud.get(endpoint).status_code == 404
    after = cloud.get(moved).json()["properties"]
    assert after["resourceGuid"] == before["resourceGuid"]
    assert cloud.get(after["networkInterfaces"][0]["id"]).status_code == 200
    assert cloud.connection(target)["properties"]["privateEndpoint"]["id"] == moved
    assert f"{STORAGE}/privateEndpointConnectionProxies/updatePrivateEndpointProperties/action" in cloud.operations()


def test_deleting_the_target_disconnects_its_endpoints(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    assert cloud.delete(target).status_code == 200
    assert cloud.consumer(endpoint)["status"] == "Disconnected"


def test_putting_the_target_again_keeps_its_connections(cloud: Any) -> None:
    target = cloud.target()
    cloud.endpoint(target)
    cloud.target()
    assert len(cloud.get(target).json()["properties"]["privateEndpointConnections"]) == 1


@pytest.mark.parametrize(("clash", "count", "first"), [("suffix", 2, "Pending"), ("replace", 1, "Disconnected")])
def test_two_requests_may_want_one_name(cloud: Any, clash: str, count: int, first: str) -> None:
    cloud.azure.switch(name_clash=clash)
    target = cloud.target(COSMOS, "cos1")
    endpoint = cloud.endpoint(target, "Sql")
    cloud.endpoint(target, "Sql", rg="other")
    assert len(cloud.get(f"{target}/privateEndpointConnections").json()["value"]) == count
    assert cloud.consumer(endpoint)["status"] == first


def test_a_new_region_wants_the_endpoint_put_again(cloud: Any) -> None:
    target = cloud.target(COSMOS, "cos1")
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    cloud.call(
        "PATCH",
        target,
        {
            "properties": {
                "locations": [
                    {"locationName": "westeurope", "failoverPriority": 0},
                    {"locationName": "East US", "failoverPriority": 1},
                ]
            }
        },
    )
    assert cloud.consumer(endpoint)["actionsRequired"] == "Recreate"
    assert len(cloud.get(endpoint).json()["properties"]["customDnsConfigs"]) == 2
    cloud.endpoint(target, "Sql", manual=False)
    names = [row["fqdn"] for row in cloud.get(endpoint).json()["properties"]["customDnsConfigs"]]
    assert names[-1] == "cos1-eastus.documents.azure.com"
    assert cloud.consumer(endpoint)["actionsRequired"] == "None"


def test_or_azure_follows_a_new_region_by_itself(cloud: Any) -> None:
    cloud.azure.switch(cosmos_recreate=False)
    target = cloud.target(COSMOS, "cos1")
    endpoint = cloud.endpoint(target, "Sql", manual=False)
    cloud.call(
        "PATCH",
        target,
        {
            "properties": {
                "locations": [
                    {"locationName": "westeurope", "failoverPriority": 0},
                    {"locationName": "East US", "failoverPriority": 1},
                ]
            }
        },
    )
    assert len(cloud.get(endpoint).json()["properties"]["customDnsConfigs"]) == 3


def test_names_may_be_hidden_while_pending(cloud: Any) -> None:
    cloud.azure.switch(pending_names=False)
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    assert cloud.get(endpoint).json()["properties"]["customDnsConfigs"] == []
    cloud.decide(cloud.connection(target)["id"])
    assert len(cloud.get(endpoint).json()["properties"]["customDnsConfigs"]) == 1


def test_a_link_service_approves_by_subscription(cloud: Any) -> None:
    target = cloud.target(SERVICE, "pls1", autoApproval={"subscriptions": ["*"]})
    endpoint = cloud.endpoint(target, None)
    assert cloud.consumer(endpoint)["description"] == "Auto Approved"
    assert cloud.connection(target)["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"


def test_another_target_wants_another_endpoint(cloud: Any) -> None:
    cloud.endpoint(cloud.target())
    other = cloud.target(name="acct2")
    with pytest.raises(AssertionError, match="CannotChangePrivateLinkConnectionOnPrivateEndpoint"):
        cloud.endpoint(other)


def test_static_addresses_and_a_name_for_the_interface_are_kept(cloud: Any) -> None:
    static = [{"name": "ip1", "properties": {"groupId": "blob", "memberName": "blob", "privateIPAddress": "10.0.9.9"}}]
    endpoint = cloud.endpoint(cloud.target(), ipConfigurations=static, customNetworkInterfaceName="mynic")
    properties = cloud.get(endpoint).json()["properties"]
    assert properties["customDnsConfigs"][0]["ipAddresses"] == ["10.0.9.9"]
    assert properties["networkInterfaces"][0]["id"].endswith("/networkInterfaces/mynic")
    assert properties["ipConfigurations"] == static
    nic = cloud.get(properties["networkInterfaces"][0]["id"]).json()["properties"]["ipConfigurations"][0]
    assert nic["properties"]["privateIPAllocationMethod"] == "Static"


@pytest.mark.parametrize("scope", ["resource group", "subscription"])
def test_tags_and_subnet_are_shown_everywhere(cloud: Any, scope: str) -> None:
    path = cloud.endpoint(cloud.target())
    subnet = cloud.id("Microsoft.Network/virtualNetworks", "vnet/subnets/default", path.split("/")[2], "net")
    group, subscription = path.rsplit("/", 1)[0], "/".join(path.split("/")[:3])
    listed = group if scope == "resource group" else f"{subscription}/providers/Microsoft.Network/privateEndpoints"
    for shown in (cloud.get(path).json(), cloud.get(listed).json()["value"][0]):
        assert (shown["tags"], shown["properties"]["subnet"]["id"]) == ({"team": "x"}, subnet)
