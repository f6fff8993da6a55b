"""What ARM raises, in whose subscription, and what filters make of it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.azure import filters

STORAGE = "Microsoft.Storage/storageAccounts"


def test_creating_an_endpoint_tells_the_target_and_then_the_requester(cloud: Any) -> None:
    target = cloud.target()
    cloud.azure.outbox.clear()
    cloud.endpoint(target)
    proxy = f"{STORAGE}/privateEndpointConnectionProxies"
    assert cloud.operations() == [
        f"{proxy}/validate/action",
        f"{proxy}/write",
        f"{proxy}/write",
        "Microsoft.Network/privateEndpoints/write",
        "Microsoft.Network/networkInterfaces/write",
    ]
    subscriptions = [event["topic"].split("/")[2][0] for event in cloud.azure.outbox]
    assert subscriptions == ["a", "a", "a", "b", "b"]


def test_deciding_and_deleting_tell_the_target(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    cloud.azure.outbox.clear()
    cloud.decide(cloud.connection(target)["id"])
    cloud.delete(endpoint)
    assert cloud.operations() == [
        f"{STORAGE}/privateEndpointConnections/write",
        f"{STORAGE}/privateEndpointConnectionProxies/delete",
        "Microsoft.Network/privateEndpoints/delete",
    ]


def test_reads_and_refusals_raise_nothing(cloud: Any) -> None:
    target = cloud.target()
    cloud.azure.outbox.clear()
    cloud.get(target)
    cloud.get(target + "x")
    cloud.decide(f"{target}/privateEndpointConnections/made-up")
    assert cloud.azure.outbox == []


def test_a_slow_decision_is_told_at_its_end(cloud: Any) -> None:
    target = cloud.target("Microsoft.KeyVault/vaults", "kv1")
    cloud.endpoint(target, "vault")
    cloud.azure.outbox.clear()
    cloud.azure.pace(1)
    cloud.decide(cloud.connection(target)["id"])
    assert cloud.azure.outbox == []
    cloud.azure.pace(0)
    assert cloud.operations() == ["Microsoft.KeyVault/vaults/privateEndpointConnections/write"]


def test_events_carry_the_documented_fields(cloud: Any) -> None:
    target = cloud.target()
    first = cloud.azure.outbox[0]
    cloud.target()
    again = cloud.azure.outbox[1]
    assert first["subject"] == first["data"]["resourceUri"] == target
    assert (first["topic"], first["dataVersion"]) == (f"/subscriptions/{target.split('/')[2]}", "2")
    assert "httpRequest" not in first["data"]
    assert again["data"]["httpRequest"]["method"] == "PUT"
    assert any(key.startswith("http://schemas") for key in first["data"]["claims"])


def test_monitor_spells_its_operations_in_capitals(cloud: Any) -> None:
    cloud.endpoint(cloud.target("Microsoft.Insights/privateLinkScopes", "ampls1"), "azuremonitor")
    assert "Microsoft.Insights/PrivateLinkScopes/PrivateEndpointConnectionProxies/Write" in cloud.operations()


@pytest.mark.parametrize(("switches", "proxies"), [({}, 0), ({"foreign_events": True}, 3)])
def test_a_strangers_request_may_raise_nothing(cloud: Any, switches: dict[str, Any], proxies: int) -> None:
    target = cloud.target()
    cloud.azure.outbox.clear()
    cloud.azure.switch(**switches)
    cloud.azure.foreign(["bbbbbbbb-0000-4000-8000-000000000002"])
    cloud.endpoint(target)
    assert len(cloud.azure.outbox) == proxies
    assert len(cloud.azure.events()["raised"]) >= 2


@pytest.mark.parametrize(("on", "count"), [(False, 0), (True, 3)])
def test_link_services_raise_no_proxy_events_unless_told_so(cloud: Any, on: bool, count: int) -> None:
    target = cloud.target("Microsoft.Network/privateLinkServices", "pls1")
    cloud.azure.switch(pls_events=on)
    cloud.endpoint(target, None)
    assert len([name for name in cloud.operations() if "Proxies" in name]) == count


def event(**more: Any) -> dict[str, Any]:
    return {"id": "1", "subject": "/a/B", "eventType": "T", "data": {"operationName": "X/y/Write", **more}}


@pytest.mark.parametrize(
    ("operator", "key", "values", "passes"),
    [
        ("StringEndsWith", "data.operationName", ["/WRITE"], True),
        ("StringBeginsWith", "data.operationName", ["z", "x/"], True),
        ("StringContains", "subject", ["/b"], True),
        ("StringIn", "eventType", ["t"], True),
        ("StringIn", "eventType", ["u"], False),
        ("StringNotIn", "eventType", ["t"], False),
        ("StringNotEndsWith", "data.operationName", ["/delete"], True),
        ("StringIn", "data.nothing", ["x"], False),
        ("StringNotIn", "data.nothing", ["x"], True),
        ("StringNotContains", "data.nothing", ["x"], True),
    ],
)
def test_filters(operator: str, key: str, values: list[str], passes: bool) -> None:
    row = {"operatorType": operator, "key": key, "values": values}
    assert filters.matches(event(), "EventGridSchema", [row]) is passes


def test_filters_have_limits() -> None:
    row = {"operatorType": "StringIn", "key": "id", "values": [str(n) for n in range(26)]}
    with pytest.raises(ValueError, match="25"):
        filters.check([row])
    with pytest.raises(ValueError, match="unknown"):
        filters.check([{"operatorType": "NumberIn", "key": "id", "values": ["1"]}])
