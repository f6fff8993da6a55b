"""The real Azure SDKs, unchanged, against the small Azure."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.identity.aio import ManagedIdentityCredential
from azure.mgmt.network.aio import NetworkManagementClient
from azure.mgmt.privatedns.aio import PrivateDnsManagementClient

SUBSCRIPTION = "aaaaaaaa-0000-4000-8000-000000000001"


@pytest.fixture
def identity(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.azure.identity.items():
        monkeypatch.setenv(name, value)


def settings(cloud: Any) -> dict[str, Any]:
    return {
        "base_url": cloud.azure.arm,
        "credential_scopes": ["https://management.azure.com/.default"],
        "polling_interval": 1,
        "transport": AioHttpTransport(use_env_settings=False, connection_verify=cloud.azure.ca),
    }


def test_endpoints_through_azure_mgmt_network(cloud: Any, identity: None) -> None:
    target = cloud.target(subscription=SUBSCRIPTION)
    subnet = f"{target.split('/providers')[0]}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
    body = {
        "location": "westeurope",
        "properties": {
            "subnet": {"id": subnet},
            "privateLinkServiceConnections": [
                {"name": "l", "properties": {"privateLinkServiceId": target, "groupIds": ["blob"]}}
            ],
        },
    }

    async def story() -> None:
        async with (
            ManagedIdentityCredential() as credential,
            NetworkManagementClient(credential, SUBSCRIPTION, **settings(cloud)) as client,
        ):
            poller = await client.private_endpoints.begin_create_or_update("net", "pe1", body)
            made = await poller.result()
            assert made["properties"]["customDnsConfigs"][0]["fqdn"] == "acct1.blob.core.windows.net"
            nic = await client.network_interfaces.get(
                "net", made["properties"]["networkInterfaces"][0]["id"].split("/")[-1]
            )
            assert nic["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == "10.0.0.4"
            assert [one.name async for one in client.private_endpoints.list_by_subscription()] == ["pe1"]
            await (await client.private_endpoints.begin_delete("net", "pe1")).result()
            with pytest.raises(ResourceNotFoundError):
                await client.private_endpoints.get("net", "pe1")

    cloud.loop.run(story())
    assert cloud.azure.calls()["totals"]["app"]["arm_writes"] == 1


def test_link_services_through_azure_mgmt_network(cloud: Any, identity: None) -> None:
    target = cloud.target("Microsoft.Network/privateLinkServices", "pls1", subscription=SUBSCRIPTION)
    cloud.endpoint(target, None)
    name = cloud.connection(target)["name"]

    async def story() -> None:
        async with (
            ManagedIdentityCredential() as credential,
            NetworkManagementClient(credential, SUBSCRIPTION, **settings(cloud)) as client,
        ):
            state = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved", "description": "ok"}}}
            services = client.private_link_services
            await services.update_private_endpoint_connection("data", "pls1", name, state)
            rows = [one async for one in services.list_private_endpoint_connections("data", "pls1")]
            assert rows[0]["properties"]["privateLinkServiceConnectionState"]["status"] == "Approved"

    cloud.loop.run(story())


def test_records_through_azure_mgmt_privatedns(cloud: Any, identity: None) -> None:
    body = {"properties": {"ttl": 10, "aRecords": [{"ipv4Address": "10.0.0.4"}], "metadata": {"owner": "me"}}}
    zone = "privatelink.blob.core.windows.net"

    async def story() -> None:
        async with (
            ManagedIdentityCredential() as credential,
            PrivateDnsManagementClient(credential, SUBSCRIPTION, **settings(cloud)) as client,
        ):
            await (await client.private_zones.begin_create_or_update("dns", zone, {"location": "global"})).result()
            sets, where = client.record_sets, ("dns", zone, "A", "acct1")
            made = await sets.create_or_update(*where, body, etag="*", match_condition=MatchConditions.IfMissing)
            with pytest.raises(ResourceExistsError):
                await sets.create_or_update(*where, body, etag="*", match_condition=MatchConditions.IfMissing)
            await sets.create_or_update(*where, body, etag=made.etag, match_condition=MatchConditions.IfNotModified)
            with pytest.raises(ResourceModifiedError):
                await sets.delete(*where, etag=made.etag, match_condition=MatchConditions.IfNotModified)
            assert [one.name async for one in sets.list_by_type("dns", zone, "A")] == ["acct1"]
            await sets.delete(*where)

    cloud.loop.run(story())


@pytest.mark.parametrize("key", [True, False])
def test_news_through_azure_eventgrid(cloud: Any, identity: None, key: bool) -> None:
    async def story() -> None:
        async with ManagedIdentityCredential() as managed:
            credential = AzureKeyCredential(cloud.azure.topic_key) if key else managed
            async with EventGridPublisherClient(
                cloud.azure.topic, credential, connection_verify=cloud.azure.ca
            ) as client:
                await client.send([EventGridEvent(subject="s", event_type="T", data={"n": 1}, data_version="1")])

    cloud.loop.run(story())
    assert cloud.azure.news()[0]["event"]["data"] == {"n": 1}
    assert cloud.azure.news()[0]["principal"] == ("key" if key else "app")
