"""Link services: who sees them, who is approved at once, whose approval is inherited; through the real SDK too."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ManagedIdentityCredential
from azure.mgmt.network.aio import NetworkManagementClient

OURS, THEIRS, ELSE = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("a", 1), ("b", 2), ("d", 4)))
SERVICE, GATEWAY = "Microsoft.Network/privateLinkServices", "Microsoft.Network/applicationGateways"
APPROVED = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved", "description": "ok"}}}


def service(cloud: Any, **properties: list[str]) -> str:
    return cloud.target(SERVICE, "pls1", **{name: {"subscriptions": rows} for name, rows in properties.items()})


def by_alias(cloud: Any, target: str, subscription: str = THEIRS) -> str:
    return cloud.endpoint(cloud.get(target).json()["properties"]["alias"], None, subscription=subscription)


def status(cloud: Any, target: str) -> str:
    return cloud.connection(target)["properties"]["privateLinkServiceConnectionState"]["status"]


@pytest.mark.parametrize("name", ["autoApproval", "visibility"])
def test_who_may_is_kept_and_shown(cloud: Any, name: str) -> None:
    target = service(cloud, **{name: [THEIRS, ELSE]})
    rows = cloud.get(f"/subscriptions/{OURS}/providers/{SERVICE}").json()["value"]
    assert cloud.get(target).json()["properties"][name] == {"subscriptions": [THEIRS, ELSE]}
    assert rows[0]["properties"][name] == {"subscriptions": [THEIRS, ELSE]}


@pytest.mark.parametrize(
    ("allowed", "seen"),
    [([THEIRS], "Approved"), ([THEIRS.upper()], "Approved"), (["*"], "Approved"), ([ELSE], "Pending")],
)
def test_subscriptions_that_are_approved_at_once(cloud: Any, allowed: list[str], seen: str) -> None:
    target = service(cloud, autoApproval=allowed, visibility=["*"])
    endpoint = by_alias(cloud, target)
    assert (status(cloud, target), cloud.consumer(endpoint)["status"]) == (seen, seen)


@pytest.mark.parametrize("allowed", [["*"], [THEIRS]])
def test_an_alias_works_where_it_is_visible(cloud: Any, allowed: list[str]) -> None:
    cloud.azure.foreign([THEIRS])
    target = service(cloud, visibility=allowed)
    by_alias(cloud, target)
    assert status(cloud, target) == "Pending"


@pytest.mark.parametrize(("allowed", "foreign"), [([ELSE], False), ([], True)])
def test_an_alias_is_unknown_where_it_is_not_visible(cloud: Any, allowed: list[str], foreign: bool) -> None:
    cloud.azure.foreign([THEIRS] if foreign else [])
    target = service(cloud, visibility=allowed)
    with pytest.raises(AssertionError, match="PrivateLinkServiceAliasNotFound"):
        by_alias(cloud, target)
    assert by_alias(cloud, target, OURS)


@pytest.mark.parametrize("alias", [False, True])
def test_an_endpoint_to_a_link_service_has_an_address_but_no_name(cloud: Any, alias: bool) -> None:
    target = service(cloud, autoApproval=["*"], visibility=["*"])
    asked = cloud.get(target).json()["properties"]["alias"] if alias else target
    endpoint = cloud.get(cloud.endpoint(asked, None)).json()
    properties = endpoint["properties"]
    link = properties["manualPrivateLinkServiceConnections"][0]["properties"]
    assert link["privateLinkServiceConnectionState"]["status"] == "Approved"
    assert (properties["customDnsConfigs"], link["privateLinkServiceId"]) == ([], asked)
    rows = cloud.get(properties["networkInterfaces"][0]["id"]).json()["properties"]["ipConfigurations"]
    assert [row["properties"]["privateIPAddress"] for row in rows] == ["10.0.0.4"]
    assert not (rows[0]["properties"].get("privateLinkConnectionProperties") or {}).get("fqdns")


def test_an_approval_is_inherited_from_another_endpoint(cloud: Any) -> None:
    target = cloud.target()
    first = cloud.endpoint(target)
    cloud.decide(cloud.connection(target)["id"])
    second = inheriting(cloud, target, first)
    assert (status(cloud, target), cloud.consumer(second)["status"]) == ("Approved", "Approved")
    link = cloud.get(second).json()["properties"]["manualPrivateLinkServiceConnections"][0]["properties"]
    assert link["approvalReference"] == {"privateEndpointId": first}


@pytest.mark.parametrize("why", ["pending", "rejected", "another target", "nobody"])
def test_nothing_is_inherited_from_anything_else(cloud: Any, why: str) -> None:
    target, other = cloud.target(), cloud.target(name="acct2")
    first = cloud.endpoint(other if why == "another target" else target)
    if why in ("rejected", "another target"):
        one = cloud.connection(other if why == "another target" else target)["id"]
        cloud.decide(one, "Rejected" if why == "rejected" else "Approved")
    second = inheriting(cloud, target, first + "x" if why == "nobody" else first)
    assert (status(cloud, target), cloud.consumer(second)["status"]) == ("Pending", "Pending")


def inheriting(cloud: Any, target: str, first: str) -> str:
    path = cloud.id("Microsoft.Network/privateEndpoints", "pe2", THEIRS, "net")
    link = {"privateLinkServiceId": target, "groupIds": ["blob"], "approvalReference": {"privateEndpointId": first}}
    rows = [{"name": "l", "properties": link}]
    body = {"subnet": {"id": f"{path}/subnets/s"}, "manualPrivateLinkServiceConnections": rows}
    assert cloud.put(path, {"location": "westeurope", "properties": body}).status_code == 201
    return path


@pytest.fixture
def network(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a story with azure-mgmt-network."""
    for name, value in cloud.azure.identity.items():
        monkeypatch.setenv(name, value)

    def run(story: Any) -> None:
        async def play() -> None:
            transport = AioHttpTransport(use_env_settings=False, connection_verify=cloud.azure.ca)
            scopes = ["https://management.azure.com/.default"]
            async with (
                ManagedIdentityCredential() as credential,
                NetworkManagementClient(
                    credential,
                    OURS,
                    base_url=cloud.azure.arm,
                    credential_scopes=scopes,
                    polling_interval=1,
                    transport=transport,
                ) as client,
            ):
                await story(client)

        cloud.loop.run(play())

    return run


def test_link_services_are_listed_and_decided_through_the_sdk(cloud: Any, network: Any) -> None:
    target = service(cloud, visibility=["*"])
    by_alias(cloud, target)

    async def story(client: Any) -> None:
        services = client.private_link_services
        listed = [one async for one in services.list_by_subscription()]
        assert [(one.name, one.visibility.subscriptions) for one in listed] == [("pls1", ["*"])]
        rows = [one async for one in services.list_private_endpoint_connections("data", "pls1")]
        assert rows[0].private_link_service_connection_state.status == "Pending"
        await services.update_private_endpoint_connection("data", "pls1", rows[0].name, APPROVED)
        one = await services.get_private_endpoint_connection("data", "pls1", rows[0].name)
        assert (one.private_link_service_connection_state.status, one.link_identifier.isdigit()) == ("Approved", True)

    network(story)


def test_gateways_are_listed_and_decided_through_the_sdk(cloud: Any, network: Any) -> None:
    cloud.endpoint(cloud.target(GATEWAY, "gw1"), "frontend")

    async def story(client: Any) -> None:
        calls = client.application_gateway_private_endpoint_connections
        rows = [one async for one in calls.list("data", "gw1")]
        assert rows[0].private_link_service_connection_state.status == "Pending"
        await (await calls.begin_update("data", "gw1", rows[0].name, APPROVED)).result()
        one = await calls.get("data", "gw1", rows[0].name)
        assert (one.private_link_service_connection_state.status, one.provisioning_state) == ("Approved", "Succeeded")

    network(story)
