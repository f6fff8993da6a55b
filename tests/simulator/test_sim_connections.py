"""Both sides of a link: endpoints, connections, decisions, and each provider's quirks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.azure import catalog, ids
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


@pytest.mark.parametrize("kind", [STORAGE, SERVICE, "Microsoft.Search/searchServices"])
def test_whether_a_rejection_is_final_is_a_switch_where_nobody_knows(cloud: Any, kind: str) -> None:
    target = cloud.target(kind, "thing1")
    cloud.endpoint(target, group_of(kind))
    one = cloud.connection(target)["id"]
    cloud.decide(one, "Rejected")
    assert cloud.decide(one, "Approved").status_code == 400
    cloud.azure.switch(reapprove=True)
    assert cloud.decide(one, "Approved").status_code == 200


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


@pytest.mark.parametrize("kind", TYPES)
def test_every_published_name_resolves_into_a_private_zone(kind: str) -> None:
    path = catalog.spelled(ids.parse(f"/subscriptions/s/resourceGroups/g/providers/{kind}/thing1"))
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


@pytest.mark.parametrize(
    ("kind", "location", "group", "zones"),
    [
        ("Microsoft.KeyVault/vaults", "westeurope", "vault", ["privatelink.vaultcore.azure.net"]),
        ("Microsoft.KeyVault/vaults", None, "VAULT", ["privatelink.vaultcore.azure.net"]),
        ("Microsoft.Kusto/clusters", "East US", "cluster", ["privatelink.eastus.kusto.windows.net"]),
        ("Microsoft.Kusto/clusters", "global", "cluster", []),
        ("Microsoft.RecoveryServices/vaults", "westeurope", "AzureBackup", ["privatelink.we.backup.windowsazure.com"]),
        ("Microsoft.RecoveryServices/vaults", "marscentral", "AzureBackup", []),
        ("Microsoft.Web/sites", "westeurope", "sites-blue", ["privatelink.azurewebsites.net"]),
        ("Microsoft.IoTCentral/iotApps", "westeurope", "iotApp", ["privatelink.azureiotcentral.com"]),
        ("Microsoft.Network/privateLinkServices", "westeurope", "any", []),
    ],
)
def test_required_zones_are_those_of_type_group_and_region(
    kind: str, location: str | None, group: str, zones: list[str]
) -> None:
    path = ids.parse(f"/subscriptions/s/resourceGroups/g/providers/{kind}/thing1")
    found = catalog.zones(path, location, group)
    shared = {f"privatelink.{what}.core.windows.net" for what in ("blob", "queue", "table")}
    assert [zone for zone in found if zone not in shared][:1] == zones
    assert len(found) == (4 if "IoT" in kind else len({*found}))


def test_the_data_file_is_sorted_and_labelled() -> None:
    rows = json.loads((Path(catalog.__file__).parent / "types.json").read_text())["types"]
    assert [row["type"].lower() for row in rows] == sorted(row["type"].lower() for row in rows)
    assert {row["label"] for row in rows} == {"recorded", "documented", "assumed"}
