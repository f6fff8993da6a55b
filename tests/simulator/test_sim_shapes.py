"""How connections look, row by row of private-endpoint-connections 2: spelling, group ids, extras, nesting."""

from __future__ import annotations

from typing import Any

import pytest

STORAGE = "Microsoft.Storage/storageAccounts"
COSMOS = "Microsoft.DocumentDB/databaseAccounts"
VAULT = "Microsoft.KeyVault/vaults"
SQL = "Microsoft.Sql/servers"
INSTANCE = "Microsoft.Sql/managedInstances"
MYSQL = "Microsoft.DBforMySQL/servers"
FLEXIBLE = "Microsoft.DBforMySQL/flexibleServers"
FLEX_PG = "Microsoft.DBforPostgreSQL/flexibleServers"
MONGO = "Microsoft.DocumentDB/mongoClusters"
SERVICE = "Microsoft.Network/privateLinkServices"
GATEWAY = "Microsoft.Network/applicationGateways"
BRICKS = "Microsoft.Databricks/workspaces"
KUSTO = "Microsoft.Kusto/clusters"
GRAFANA = "Microsoft.Dashboard/grafana"
SCOPES = "Microsoft.Insights/privateLinkScopes"
CONFIG = "Microsoft.AppConfiguration/configurationStores"
DOMAINS = "Microsoft.EventGrid/domains"
LEARN = "Microsoft.MachineLearningServices/workspaces"
SIGNAL = "Microsoft.SignalRService/SignalR"
PLAIN = "Microsoft.Purview/accounts"


@pytest.mark.parametrize(
    ("kind", "asked", "part"),
    [
        (VAULT, "Microsoft.Keyvault/vaults", "/Microsoft.KeyVault/vaults/"),
        (KUSTO, "microsoft.kusto/clusters", "/Microsoft.Kusto/Clusters/"),
        (BRICKS, BRICKS, "/PrivateEndpointConnections/"),
        (SCOPES, "microsoft.insights/privatelinkscopes", "/Microsoft.Insights/privateLinkScopes/"),
    ],
)
def test_ids_are_spelled_as_the_provider_does(cloud: Any, kind: str, asked: str, part: str) -> None:
    target, _ = cloud.requested(kind)
    one = cloud.get(target.replace(kind, asked) + "/privateEndpointConnections").json()["value"][0]
    assert part in one["id"]
    assert cloud.get(one["id"]).json()["id"] == one["id"]


def test_the_type_of_kusto_is_spelled_otherwise_than_its_id(cloud: Any) -> None:
    assert cloud.requested(KUSTO)[1]["type"] == "Microsoft.Kusto/clusters/privateEndpointConnections"


def test_app_configuration_spells_the_group_in_its_own_way(cloud: Any) -> None:
    target = cloud.id(CONFIG, "thing1", group="VV")
    cloud.put(target, {"location": "westeurope"})
    cloud.endpoint(target, "configurationStores", rg="VV")
    one = cloud.connection(target)
    assert "/resourceGroups/vv/" in one["id"]
    assert "/resourceGroups/VV/" in one["properties"]["privateEndpoint"]["id"]
    assert cloud.get(one["id"]).status_code == 200


def test_a_vaults_connection_has_a_location_and_a_bare_etag(cloud: Any) -> None:
    one = cloud.requested(VAULT)[1]
    assert (one["location"], len(one["etag"]), "-" in one["etag"]) == ("westeurope", 32, False)


def test_a_link_service_tells_link_place_and_weak_etag(cloud: Any) -> None:
    one = cloud.requested(SERVICE)[1]
    assert one["properties"]["linkIdentifier"].isdigit()
    assert one["properties"]["privateEndpointLocation"] == "westeurope"
    assert one["etag"].startswith('W/"')


@pytest.mark.parametrize(("kind", "kept"), [(SERVICE, "call me"), (STORAGE, "None")])
def test_only_link_services_keep_free_actions(cloud: Any, kind: str, kept: str) -> None:
    _, one = cloud.requested(kind)
    state = {"status": "Approved", "description": "ok", "actionsRequired": "call me"}
    cloud.put(one["id"], {"properties": {"privateLinkServiceConnectionState": state}})
    after = cloud.get(one["id"]).json()["properties"]["privateLinkServiceConnectionState"]
    assert after.get("actionsRequired", after.get("actionRequired")) == kept


def test_a_monitor_scope_shows_two_booleans(cloud: Any) -> None:
    properties = cloud.requested(SCOPES)[1]["properties"]
    names = ("queryOnlyPrivateLinkResources", "ingestOnlyToPrivateLinkResources")
    assert [isinstance(properties[name], bool) for name in names] == [True, True]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (STORAGE, None),
        (COSMOS, "groupId"),
        (SQL, "groupIds"),
        (INSTANCE, None),
        (MYSQL, None),
        (FLEX_PG, "groupIds"),
        (FLEXIBLE, "groupIds"),
        (VAULT, None),
        (SERVICE, None),
        (GATEWAY, None),
        (BRICKS, "groupIds"),
        (KUSTO, "groupId"),
        (GRAFANA, "groupIds"),
        (SCOPES, None),
        (MONGO, "groupIds"),
        (DOMAINS, "groupIds"),
        (CONFIG, None),
        (LEARN, None),
    ],
)
def test_group_ids_are_shown_or_not(cloud: Any, kind: str, key: str | None) -> None:
    properties = cloud.requested(kind)[1]["properties"]
    assert [name for name in ("groupId", "groupIds") if name in properties] == ([key] if key else [])


@pytest.mark.parametrize(
    ("kind", "without"),
    [(SQL, {"name"}), (MYSQL, {"name"}), (VAULT, {"name"}), (LEARN, {"name", "type"}), (SIGNAL, set())],
)
def test_nested_connections_may_lack_a_name(cloud: Any, kind: str, without: set[str]) -> None:
    target, _ = cloud.requested(kind)
    row = cloud.get(target).json()["properties"]["privateEndpointConnections"][0]
    assert without <= {"name", "type"} - set(row)
    assert (kind != LEARN) or "subnetArmId" in row["properties"]["privateEndpoint"]


def test_an_account_without_connections_has_no_key_for_them(cloud: Any) -> None:
    assert "privateEndpointConnections" not in cloud.get(cloud.target(COSMOS, "c")).json()["properties"]


def test_cosmos_says_nothing_when_it_approved_by_itself(cloud: Any) -> None:
    state = cloud.requested(COSMOS, manual=False)[1]["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], "description" in state) == ("Approved", False)


def test_types_nobody_recorded_may_show_no_provisioning_state(cloud: Any) -> None:
    cloud.azure.switch(unknown_settled="absent")
    assert "provisioningState" not in cloud.requested(PLAIN)[1]["properties"]
    assert "provisioningState" in cloud.requested(STORAGE, name="pe2")[1]["properties"]
