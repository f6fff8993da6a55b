"""The tags of resources, as a resource of their own."""

from __future__ import annotations

from typing import Any

import pytest

KINDS = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.DocumentDB/databaseAccounts",
    "Microsoft.Network/privateLinkServices",
)


def at(owner: str) -> str:
    return f"{owner}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01"


def put(cloud: Any, owner: str, **tags: str) -> Any:
    return cloud.put(at(owner), {"properties": {"tags": tags}})


def patch(cloud: Any, owner: str, operation: str, **tags: str) -> dict[str, str]:
    answer = cloud.call("PATCH", at(owner), {"operation": operation, "properties": {"tags": tags}})
    return answer.json()["properties"]["tags"]


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_shown_with_the_resource_and_in_lists(cloud: Any, kind: str) -> None:
    target = cloud.target(kind, "thing1")
    assert put(cloud, target, team="x").json()["properties"] == {"tags": {"team": "x"}}
    scope = "/".join(target.split("/")[:3])
    rows = cloud.get(f"{scope}/resources?api-version=2021-04-01").json()["value"]
    assert (cloud.get(target).json()["tags"], rows[0]["tags"]) == ({"team": "x"}, {"team": "x"})
    assert cloud.get(at(target)).json()["id"] == at(target).split("?")[0]


def test_endpoints_zones_and_groups_have_tags_too(cloud: Any) -> None:
    endpoint, zone = cloud.endpoint(cloud.target()), cloud.zone()
    for owner in (endpoint, zone, endpoint.split("/providers")[0]):
        put(cloud, owner, team="y")
        assert cloud.get(owner).json()["tags"] == {"team": "y"}


def test_a_patch_merges_replaces_or_deletes(cloud: Any) -> None:
    target = cloud.target()
    put(cloud, target, team="x", cost="1")
    assert patch(cloud, target, "Merge", TEAM="z") == {"cost": "1", "TEAM": "z"}
    assert patch(cloud, target, "Delete", cost="") == {"TEAM": "z"}
    assert patch(cloud, target, "Replace", a="b") == {"a": "b"}


def test_tags_outlive_nothing_and_come_from_the_resource(cloud: Any) -> None:
    target = cloud.target()
    cloud.call("PATCH", target, {"tags": {"team": "x"}})
    assert cloud.get(at(target)).json()["properties"]["tags"] == {"team": "x"}
    assert cloud.delete(at(target)).status_code == 200
    assert cloud.get(target).json()["tags"] == {}


def test_what_is_not_there_has_no_tags(cloud: Any) -> None:
    cloud.target()
    answer = put(cloud, cloud.id(KINDS[0], "nobody"), team="x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_odd_tags_are_refused(cloud: Any) -> None:
    target = cloud.target()
    assert cloud.put(at(target), {"properties": {"tags": {"a": 1}}}).status_code == 400
    assert put(cloud, target, **{f"t{n}": "" for n in range(51)}).status_code == 400
    assert cloud.call("PATCH", at(target), {"operation": "Twist"}).status_code == 400


def test_writing_tags_raises_an_event_of_the_tags(cloud: Any) -> None:
    target = cloud.target()
    put(cloud, target, team="x")
    event = cloud.azure.outbox[-1]
    assert event["data"]["operationName"] == "Microsoft.Resources/tags/write"
    assert event["subject"] == at(target).split("?")[0]
