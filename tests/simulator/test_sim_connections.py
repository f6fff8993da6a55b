"""Both sides of a link: endpoints, connections, decisions, and each provider's quirks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.azure import catalog
from simulator.azure.quirks import QUIRKS, quirk

TYPES = [row["type"] for row in catalog.entries().values() if "viaParent" in row]
STORAGE, COSMOS, VAULT = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.DocumentDB/databaseAccounts",
    "Microsoft.KeyVault/vaults",
)
MYSQL, SERVICE = "Microsoft.DBforMySQL/servers", "Microsoft.Network/privateLinkServices"


def group_of(kind: str) -> str | None:
    groups = catalog.entries()[kind.lower()]["groups"]
    return next(iter(groups), None)


def test_the_table_of_types_is_complete() -> None:
    assert len(TYPES) == 79
    assert set(QUIRKS) <= set(catalog.entries())


@pytest.mark.parametrize("kind", TYPES)
def test_a_connection_of_every_type_is_requested_approved_and_removed(cloud: Any, kind: str) -> None:
    target = cloud.target(kind, "thing1")
    endpoint = cloud.endpoint(target, group_of(kind))
    one = cloud.connection(target)
    assert one["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    assert cloud.decide(one["id"]).status_code in (200, 201, 202)
    settled = cloud.get(one["id"]).json()
    assert settled["properties"]["provisioningState"] == quirk(kind).settled
    assert settled["properties"]["privateEndpoint"]["id"] == endpoint
    assert cloud.consumer(endpoint)["status"] == "Approved"
    assert cloud.delete(one["id"]).status_code in (200, 202)
    assert cloud.consumer(endpoint)["status"] == "Disconnected"


@pytest.mark.parametrize("kind", [kind for kind in TYPES if catalog.entries()[kind.lower()]["viaParent"]])
def test_types_that_the_cli_lists_by_parent_nest_their_connections(cloud: Any, kind: str) -> None:
    target = cloud.target(kind, "thing1")
    cloud.endpoint(target, group_of(kind))
    rows = cloud.get(target).json()["properties"]["privateEndpointConnections"]
    assert [row["id"].split("/")[-1] for row in rows] == [cloud.connection(target)["name"]]
    assert all(key not in rows[0] for key in quirk(kind).nested_without)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (STORAGE, "thing1.{guid}"),
        (COSMOS, "pe1"),
        (VAULT, "link1"),
        (MYSQL, "pe1-{guid}"),
        ("Microsoft.Databricks/workspaces", "thing1.{guid}"),
        ("Microsoft.AppConfiguration/configurationStores", "pe1"),
        (SERVICE, "pe1.{endpoint}"),
    ],
)
def test_names_have_the_form_of_their_provider(cloud: Any, kind: str, name: str) -> None:
    target = cloud.target(kind, "thing1")
    guid = cloud.get(cloud.endpoint(target, group_of(kind))).json()["properties"]["resourceGuid"]
    ours = cloud.connection(target)["name"]
    head, brace, what = name.partition("{")
    assert ours.startswith(head)
    assert not brace or (ours.endswith(guid) == (what == "endpoint}"))


def test_storage_says_action_required_and_no_group(cloud: Any) -> None:
    target = cloud.target()
    cloud.endpoint(target)
    properties = cloud.connection(target)["properties"]
    assert properties["privateLinkServiceConnectionState"]["actionRequired"] == "None"
    assert "groupIds" not in properties
    assert "groupId" not in properties


def test_a_decision_keeps_everything_that_is_read_only(cloud: Any) -> None:
    target = cloud.target(VAULT, "kv1")
    cloud.endpoint(target, "vault")
    before = cloud.connection(target)
    body = {
        "id": "/x",
        "name": "y",
        "type": "z",
        "properties": {
            "privateEndpoint": {},
            "groupIds": ["evil"],
            "provisioningState": "Failed",
            "privateLinkServiceConnectionState": {"status": "Approved", "description": None},
        },
    }
    cloud.put(before["id"], body)
    after = cloud.get(before["id"]).json()
    assert {k: after[k] for k in ("id", "name", "type", "location")} == {
        k: before[k] for k in ("id", "name", "type", "location")
    }
    assert after["properties"]["privateEndpoint"] == before["properties"]["privateEndpoint"]
    assert after["properties"]["privateLinkServiceConnectionState"]["description"] == ""


@pytest.mark.parametrize(
    ("kind", "first", "second", "status", "code"),
    [
        (STORAGE, "Approved", "Approved", 400, "InvalidValuesForRequestParameters"),
        (STORAGE, "Approved", "Rejected", 200, None),
        (MYSQL, "Approved", "Approved", 400, "PrivateEndpointConnectionStatusNotPending"),
        (MYSQL, "Approved", "Rejected", 400, "PrivateEndpointConnectionStatusNotPending"),
        (MYSQL, "Rejected", "Approved", 400, "PrivateEndpointConnectionStatusNotPending"),
        (COSMOS, "Approved", "Approved", 202, None),
        (COSMOS, "Rejected", "Approved", 400, "BadRequest"),
        (VAULT, "Rejected", "Approved", 200, None),
        (VAULT, "Approved", "Rejected", 200, None),
        (SERVICE, "Approved", "Rejected", 200, None),
    ],
)
def test_second_decisions(cloud: Any, kind: str, first: str, second: str, status: int, code: str | None) -> None:
    target = cloud.target(kind, "thing1")
    cloud.endpoint(target, group_of(kind))
    one = cloud.connection(target)["id"]
    cloud.decide(one, first)
    answer = cloud.decide(one, second)
    assert answer.status_code == status
    assert code is None or answer.json()["error"]["code"] == code


def test_sql_insists_on_a_description(cloud: Any) -> None:
    target = cloud.target("Microsoft.Sql/servers", "sql1")
    cloud.endpoint(target, "sqlServer")
    answer = cloud.decide(cloud.connection(target)["id"], description=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidResourceIdSegment")


def test_a_decision_about_an_unknown_connection_is_a_404(cloud: Any) -> None:
    target = cloud.target()
    assert cloud.decide(f"{target}/privateEndpointConnections/made-up").status_code == 404
    assert cloud.get(f"{target}/privateEndpointConnections").json() == {"value": []}


def test_the_status_flips_at_once_but_settles_later(cloud: Any) -> None:
    target = cloud.target(MYSQL, "my1")
    endpoint = cloud.endpoint(target, "mysqlServer")
    one = cloud.connection(target)["id"]
    cloud.azure.pace(1)
    cloud.decide(one)
    properties = cloud.get(one).json()["properties"]
    assert (properties["provisioningState"], properties["privateLinkServiceConnectionState"]["status"]) == (
        "Approving",
        "Approved",
    )
    assert cloud.consumer(endpoint)["status"] == "Pending"
    cloud.azure.pace(0)
    assert cloud.consumer(endpoint)["status"] == "Approved"


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


@pytest.mark.parametrize("kind", TYPES)
def test_every_published_name_resolves_into_a_private_zone(kind: str) -> None:
    path = catalog.spelled(
        __import__("simulator.azure.ids", fromlist=["parse"]).parse(
            f"/subscriptions/s/resourceGroups/g/providers/{kind}/thing1"
        )
    )
    for group in catalog.groups(path):
        for member in catalog.members(path, "westeurope", ["westeurope"], group):
            assert all("{" not in text for name in member.names for text in (name.fqdn, name.record, name.zone))
            assert all(name.zone.startswith("privatelink") for name in member.names)


def test_link_resources_name_groups_members_and_zones(cloud: Any) -> None:
    rows = cloud.get(cloud.target() + "/privateLinkResources").json()["value"]
    blob = next(row for row in rows if row["name"] == "blob")
    assert blob["properties"] == {
        "groupId": "blob",
        "requiredMembers": ["blob"],
        "requiredZoneNames": ["privatelink.blob.core.windows.net"],
    }
    assert {"dfs", "web", "blob_secondary"} <= {row["name"] for row in rows}


def test_the_data_file_is_sorted_and_labelled() -> None:
    rows = json.loads((Path(catalog.__file__).parent / "types.json").read_text())["types"]
    assert [row["type"].lower() for row in rows] == sorted(row["type"].lower() for row in rows)
    assert {row["label"] for row in rows} == {"recorded", "documented", "assumed"}
