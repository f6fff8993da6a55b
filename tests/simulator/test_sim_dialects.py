"""What decisions are answered, row by row of private-endpoint-connections 3 to 5."""

from __future__ import annotations

from typing import Any

import pytest

STORAGE = "Microsoft.Storage/storageAccounts"
COSMOS = "Microsoft.DocumentDB/databaseAccounts"
VAULT = "Microsoft.KeyVault/vaults"
SQL = "Microsoft.Sql/servers"
INSTANCE = "Microsoft.Sql/managedInstances"
MYSQL = "Microsoft.DBforMySQL/servers"
POSTGRES = "Microsoft.DBforPostgreSQL/servers"
FLEXIBLE = "Microsoft.DBforMySQL/flexibleServers"
FLEX_PG = "Microsoft.DBforPostgreSQL/flexibleServers"
MONGO = "Microsoft.DocumentDB/mongoClusters"
SERVICE = "Microsoft.Network/privateLinkServices"
GATEWAY = "Microsoft.Network/applicationGateways"
BRICKS = "Microsoft.Databricks/workspaces"
KUSTO = "Microsoft.Kusto/clusters"
GRAFANA = "Microsoft.Dashboard/grafana"
SCOPES = "Microsoft.Insights/privateLinkScopes"
PLAIN = "Microsoft.Purview/accounts"


@pytest.mark.parametrize(
    ("kind", "status", "headers", "now"),
    [
        (STORAGE, 200, set(), "Succeeded"),
        (COSMOS, 202, {"Azure-AsyncOperation", "Location"}, "Updating"),
        (SQL, 202, {"Azure-AsyncOperation", "Location"}, "Approving"),
        (INSTANCE, 202, {"Azure-AsyncOperation", "Location"}, "Approving"),
        (MYSQL, 202, {"Azure-AsyncOperation", "Location"}, "Approving"),
        (POSTGRES, 202, {"Azure-AsyncOperation", "Location"}, "Approving"),
        (FLEX_PG, 202, {"Azure-AsyncOperation", "Location"}, "Updating"),
        (FLEXIBLE, 202, {"Azure-AsyncOperation", "Location"}, "Updating"),
        (VAULT, 200, {"Azure-AsyncOperation"}, "Updating"),
        (SERVICE, 200, {"Azure-AsyncOperation"}, "Updating"),
        (GATEWAY, 202, {"Azure-AsyncOperation"}, "Updating"),
        (BRICKS, 202, {"Azure-AsyncOperation"}, "Updating"),
        (KUSTO, 201, {"Azure-AsyncOperation"}, "Updating"),
        (GRAFANA, 201, {"Azure-AsyncOperation"}, "Updating"),
        (SCOPES, 202, {"Azure-AsyncOperation"}, "Updating"),
        (MONGO, 202, {"Azure-AsyncOperation"}, "Updating"),
    ],
)
def test_decisions_are_answered_and_lead_somewhere(
    cloud: Any, kind: str, status: int, headers: set[str], now: str
) -> None:
    _, one = cloud.requested(kind)
    cloud.azure.pace(1)
    answer = cloud.decide(one["id"])
    assert (answer.status_code, {"Azure-AsyncOperation", "Location"} & set(answer.headers)) == (status, headers)
    assert cloud.get(one["id"]).json()["properties"]["provisioningState"] == now


@pytest.mark.parametrize(("kind", "key"), [(MYSQL, "operation"), (POSTGRES, "operation"), (COSMOS, "status")])
def test_some_answers_are_no_connections(cloud: Any, kind: str, key: str) -> None:
    body = cloud.decide(cloud.requested(kind)[1]["id"]).json()
    assert key in body
    assert "properties" not in body


@pytest.mark.parametrize(("kind", "codes"), [(FLEX_PG, (200, 201)), (MONGO, (200, 201)), (KUSTO, (200, 200))])
def test_other_documented_codes_are_a_switch(cloud: Any, kind: str, codes: tuple[int, int]) -> None:
    _, one = cloud.requested(kind)
    answers = []
    for sync in (True, "201"):
        cloud.azure.switch(sync_decisions=sync)
        answers.append(cloud.decide(one["id"]).status_code)
    assert tuple(answers) == codes


@pytest.mark.parametrize("kind", [MYSQL, SQL])
def test_a_rejection_is_called_rejecting_meanwhile(cloud: Any, kind: str) -> None:
    _, one = cloud.requested(kind)
    cloud.azure.pace(1)
    cloud.decide(one["id"], "Rejected")
    assert cloud.get(one["id"]).json()["properties"]["provisioningState"] == "Rejecting"
    cloud.azure.pace(0)
    assert cloud.get(one["id"]).json()["properties"]["provisioningState"] == "Ready"


@pytest.mark.parametrize("kind", [VAULT, COSMOS, SERVICE])
def test_one_operation_at_a_time(cloud: Any, kind: str) -> None:
    _, one = cloud.requested(kind)
    cloud.azure.pace(1)
    cloud.decide(one["id"])
    answers = [cloud.decide(one["id"], "Approved"), cloud.delete(one["id"])]
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [
        (409, "AnotherOperationInProgress")
    ] * 2
    cloud.azure.pace(0)
    assert cloud.decide(one["id"], "Approved").status_code in (200, 202)


@pytest.mark.parametrize("kind", [STORAGE, COSMOS, VAULT, MYSQL, SERVICE])
def test_a_connection_may_vanish_before_the_decision(cloud: Any, kind: str) -> None:
    _, one = cloud.requested(kind)
    cloud.delete(one["id"])
    assert (cloud.get(one["id"]).status_code, cloud.decide(one["id"]).status_code) == (404, 404)


def test_a_connection_may_vanish_while_it_is_decided(cloud: Any) -> None:
    target, one = cloud.requested(COSMOS)
    cloud.azure.pace(1)
    answer = cloud.decide(one["id"])
    cloud.delete(cloud.id("Microsoft.Network/privateEndpoints", "pe1", one_of(one), "net"))
    cloud.azure.pace(0)
    assert cloud.get(answer.headers["Azure-AsyncOperation"]).json()["status"] == "Succeeded"
    assert cloud.get(f"{target}/privateEndpointConnections").json()["value"] == []


def one_of(connection: dict[str, Any]) -> str:
    return connection["properties"]["privateEndpoint"]["id"].split("/")[2]


@pytest.mark.parametrize("kind", [SQL, BRICKS, PLAIN])
def test_a_decision_needs_a_status(cloud: Any, kind: str) -> None:
    body = {"properties": {"privateLinkServiceConnectionState": {"description": "x"}}}
    assert cloud.put(cloud.requested(kind)[1]["id"], body).status_code == 400


def test_slow_operations_may_have_long_urls_and_no_retry_after(cloud: Any) -> None:
    cloud.azure.switch(long_urls=True, retry_after=False)
    answer = cloud.decide(cloud.requested(COSMOS)[1]["id"])
    assert "Retry-After" not in answer.headers
    assert len(answer.headers["Azure-AsyncOperation"]) > 3400
    assert cloud.get(answer.headers["Azure-AsyncOperation"]).json()["status"] == "Succeeded"


def test_the_requester_may_read_his_own_text_while_pending(cloud: Any) -> None:
    cloud.azure.switch(pending_text="request")
    assert cloud.consumer(cloud.endpoint(cloud.target(), message="mine"))["description"] == "mine"


@pytest.mark.parametrize(("kind", "status"), [(STORAGE, 200), (VAULT, 202), (MYSQL, 202), (SERVICE, 202)])
def test_removing_a_connection_may_take_a_while(cloud: Any, kind: str, status: int) -> None:
    answer = cloud.delete(cloud.requested(kind)[1]["id"])
    assert (answer.status_code, "Location" in answer.headers) == (status, status == 202)
