"""Managed private endpoints: services ask for connections from Microsoft's subscription and show their state."""

from __future__ import annotations

from typing import Any

import pytest

MANAGED = "eeeeeeee-0000-4000-8000-00000000000e"
TEXT = "from the service"


def grafana(cloud: Any, target: str) -> tuple[str, dict[str, Any]]:
    body = {"privateLinkResourceId": target, "groupIds": ["blob"], "requestMessage": TEXT}
    return cloud.target("Microsoft.Dashboard/grafana", "graf1") + "/managedPrivateEndpoints/m1", body


def factory(cloud: Any, target: str) -> tuple[str, dict[str, Any]]:
    network = cloud.target("Microsoft.DataFactory/factories", "adf1") + "/managedVirtualNetworks/default"
    assert cloud.put(network, {"properties": {}}).status_code in (200, 201)
    return f"{network}/managedPrivateEndpoints/m1", {"privateLinkResourceId": target, "groupId": "blob", "fqdns": []}


def search(cloud: Any, target: str) -> tuple[str, dict[str, Any]]:
    body = {"privateLinkResourceId": target, "groupId": "blob", "requestMessage": TEXT}
    return cloud.target("Microsoft.Search/searchServices", "srch1") + "/sharedPrivateLinkResources/m1", body


def stream(cloud: Any, target: str) -> tuple[str, dict[str, Any]]:
    inner = {"privateLinkServiceId": target, "groupIds": ["blob"], "requestMessage": TEXT}
    body = {"manualPrivateLinkServiceConnections": [{"properties": inner}]}
    return cloud.target("Microsoft.StreamAnalytics/clusters", "asa1") + "/privateEndpoints/m1", body


def door(cloud: Any, target: str) -> tuple[str, dict[str, Any]]:
    group = cloud.target("Microsoft.Cdn/profiles", "afd1", "global") + "/originGroups/g1"
    assert cloud.put(group, {"properties": {}}).status_code in (200, 201)
    shared = {"privateLink": {"id": target}, "groupId": "blob", "privateLinkLocation": "westeurope"}
    body = {"hostName": "x.example", "sharedPrivateLinkResource": {**shared, "requestMessage": TEXT}}
    return f"{group}/origins/m1", body


def state(shown: dict[str, Any]) -> str:
    properties = shown["properties"]
    for row in properties.get("manualPrivateLinkServiceConnections", []):
        return row["properties"]["privateLinkServiceConnectionState"]["status"]
    properties = properties.get("sharedPrivateLinkResource") or properties.get("connectionState") or properties
    return properties["status"]


def refresh(cloud: Any, managed: str) -> Any:
    return cloud.call("POST", managed.split("/managedPrivate")[0] + "/refreshManagedPrivateEndpoints")


SERVICES = [grafana, factory, search, stream, door]
PROMPT = [one for one in SERVICES if one is not grafana]


def make(cloud: Any, service: Any) -> tuple[str, str]:
    target = cloud.target()
    path, body = service(cloud, target)
    assert cloud.put(path, {"properties": body}).status_code in (200, 201)
    return target, path


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_asks_from_microsofts_subscription(cloud: Any, service: Any) -> None:
    target, path = make(cloud, service)
    one = cloud.connection(target)["properties"]
    assert one["privateEndpoint"]["id"].startswith(f"/subscriptions/{MANAGED}/")
    assert one["privateLinkServiceConnectionState"]["status"] == "Pending"
    assert one["privateLinkServiceConnectionState"]["description"] == ("" if service is factory else TEXT)
    assert state(cloud.get(path).json()) == "Pending"


@pytest.mark.parametrize("service", PROMPT)
@pytest.mark.parametrize("verdict", ["Approved", "Rejected"])
def test_the_state_follows_the_connection_in_get_and_list(cloud: Any, service: Any, verdict: str) -> None:
    target, path = make(cloud, service)
    cloud.decide(cloud.connection(target)["id"], verdict)
    assert state(cloud.get(path).json()) == verdict
    assert [state(row) for row in cloud.get(path.rsplit("/", 1)[0]).json()["value"]] == [verdict]


def test_grafanas_state_is_stale_until_it_is_refreshed(cloud: Any) -> None:
    target, path = make(cloud, grafana)
    cloud.decide(cloud.connection(target)["id"])
    assert state(cloud.get(path).json()) == "Pending"
    answer = refresh(cloud, path)
    assert (answer.status_code, "Azure-AsyncOperation" in answer.headers) == (202, True)
    assert state(cloud.get(path).json()) == "Approved"
    assert "Microsoft.Dashboard/grafana/refreshManagedPrivateEndpoints/action" in cloud.operations()


@pytest.mark.parametrize("service", SERVICES)
def test_a_removed_connection_shows_with_the_service(cloud: Any, service: Any) -> None:
    target, path = make(cloud, service)
    cloud.delete(cloud.connection(target)["id"])
    if service is grafana:
        refresh(cloud, path)
    assert state(cloud.get(path).json()) == ("Removed" if service is stream else "Disconnected")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("depth", [0, 2])
def test_the_connection_goes_with_what_asked_for_it(cloud: Any, service: Any, depth: int) -> None:
    target, path = make(cloud, service)
    assert cloud.delete(path.rsplit("/", depth)[0]).status_code == 200
    assert cloud.get(path).status_code == 404
    assert cloud.get(f"{target}/privateEndpointConnections").json()["value"] == []


@pytest.mark.parametrize("service", SERVICES)
def test_asking_again_changes_nothing(cloud: Any, service: Any) -> None:
    target, path = make(cloud, service)
    cloud.decide(cloud.connection(target)["id"])
    assert cloud.put(path, {"properties": service(cloud, target)[1]}).status_code == 200
    rows = cloud.get(f"{target}/privateEndpointConnections").json()["value"]
    assert [row["properties"]["privateLinkServiceConnectionState"]["status"] for row in rows] == ["Approved"]


def test_when_it_was_made_is_told_where_documented(cloud: Any) -> None:
    shown = {one: cloud.get(make(cloud, one)[1]).json() for one in SERVICES}
    assert shown[grafana]["systemData"]["createdAt"].endswith("Z")
    assert shown[stream]["properties"]["createdDate"].endswith("Z")
    assert [one for one in SERVICES if "systemData" in shown[one]] == [grafana]


def test_an_origin_without_a_private_link_asks_for_nothing(cloud: Any) -> None:
    path, body = door(cloud, cloud.target())
    del body["sharedPrivateLinkResource"]
    assert cloud.put(path, {"properties": body}).status_code == 201
    assert "sharedPrivateLinkResource" not in cloud.get(path).json()["properties"]


@pytest.mark.parametrize("service", SERVICES)
def test_asking_for_nothing_that_exists_is_refused(cloud: Any, service: Any) -> None:
    path, body = service(cloud, cloud.id("Microsoft.Storage/storageAccounts", "nobody"))
    assert cloud.put(path, {"properties": body}).status_code == 400
