"""What the tests about Cosmos accounts share: builders, in held time."""

from __future__ import annotations

from typing import Any

COSMOS = "Microsoft.DocumentDB/databaseAccounts"
NINE_MINUTES, FIVE_MINUTES = 540, 300
TWO = ["westeurope", "northeurope"]
THREE = [*TWO, "francecentral"]


def locations(*regions: str) -> dict[str, Any]:
    rows = [{"locationName": region, "failoverPriority": number} for number, region in enumerate(regions)]
    return {"properties": {"locations": rows}}


def regions(cloud: Any, account: str, *wanted: str) -> Any:
    return cloud.call("PATCH", account, locations(*wanted))


def account(cloud: Any, *wanted: str, name: str = "cos1", **properties: Any) -> str:
    return cloud.target(COSMOS, name, **locations(*(wanted or TWO))["properties"], **properties)


def held(cloud: Any, *wanted: str, **more: Any) -> tuple[str, str]:
    """An account and an approved endpoint to it; then time stands still."""
    target = account(cloud, *wanted)
    endpoint = cloud.endpoint(target, "Sql", manual=False, **more)
    cloud.azure.hold_time()
    return target, endpoint


def settled(cloud: Any) -> None:
    """The regions are there, and the endpoints were told."""
    cloud.azure.advance(FIVE_MINUTES + 1)


def again(cloud: Any, endpoint: str, change: Any = None, **headers: str) -> Any:
    """PUT the endpoint again with its own payload."""
    old = cloud.get(endpoint).json()
    given = old["properties"]
    body = {"location": old["location"], "tags": old.get("tags"), "properties": dict(given)}
    for name in ("provisioningState", "resourceGuid", "networkInterfaces", "customDnsConfigs"):
        body["properties"].pop(name)
    if change:
        change(body)
    return cloud.put(endpoint, body, **headers)


def properties(cloud: Any, path: str) -> dict[str, Any]:
    return cloud.get(path).json()["properties"]


def names(cloud: Any, endpoint: str) -> dict[str, str]:
    rows = properties(cloud, endpoint)["customDnsConfigs"]
    return {row["fqdn"].split(".")[0]: row["ipAddresses"][0] for row in rows}


def interface(cloud: Any, endpoint: str) -> list[str]:
    nic = properties(cloud, endpoint)["networkInterfaces"][0]["id"]
    return [row["properties"]["privateIPAddress"] for row in properties(cloud, nic)["ipConfigurations"]]


def rows(cloud: Any, account: str) -> list[tuple[str, str]]:
    return [(row["id"], row["provisioningState"]) for row in properties(cloud, account)["locations"]]


def actions(cloud: Any, endpoint: str, account: str) -> tuple[str, str]:
    """actionsRequired at the endpoint and at the account."""
    state = cloud.connection(account)["properties"]["privateLinkServiceConnectionState"]
    return cloud.consumer(endpoint)["actionsRequired"], state["actionsRequired"]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def subnet(cloud: Any, endpoint_subscription: str, prefix: str) -> str:
    network = cloud.id("Microsoft.Network/virtualNetworks", "vnet", endpoint_subscription, "net")
    rows = [{"name": "default", "properties": {"addressPrefix": prefix}}]
    cloud.put(network, {"location": "westeurope", "properties": {"subnets": rows}})
    return network
