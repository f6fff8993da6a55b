"""Knows what surrounds resources: subscriptions, resource groups, providers, locations, cloud metadata.

Refuses to know resources themselves. Wanted by Azure CLI: reference azure-cli.
"""

from __future__ import annotations

from typing import Any

from simulator.azure import catalog, generic, lifecycle, operations, sides
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import bad, group_missing
from simulator.azure.ids import Path
from simulator.azure.paging import page
from simulator.azure.tenancy import TENANT
from simulator.azure.world import Group, World

REGIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "eastus": "East US",
    "eastus2": "East US 2",
    "westus": "West US",
    "westus2": "West US 2",
    "centralus": "Central US",
    "uksouth": "UK South",
    "southcentralus": "South Central US",
    "germanywestcentral": "Germany West Central",
    "francecentral": "France Central",
    "swedencentral": "Sweden Central",
}
NETWORK = (
    "virtualNetworks",
    "networkInterfaces",
    "privateEndpoints",
    "privateDnsZones",
    "privateDnsZones/virtualNetworkLinks",
    "virtualNetworks/subnets",
)
VERSIONS = ["2026-03-01", "2025-01-01", "2024-05-01", "2021-05-01"]


def metadata(base: str) -> dict[str, Any]:
    """GET /metadata/endpoints, for `az cloud register`: one object (api-version 2022-09-01)."""
    return {
        "name": "AzureSimulator",
        "resourceManager": base,
        "portal": "https://portal.azure.com",
        "authentication": {
            "loginEndpoint": "https://login.microsoftonline.com",
            "tenant": "common",
            "audiences": ["https://management.azure.com", "https://management.core.windows.net/"],
            "identityProvider": "AAD",
        },
        "graphAudience": "https://graph.microsoft.com/",
        "graph": "https://graph.microsoft.com/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/",
        "media": "https://rest.media.azure.net",
        "batch": "https://batch.core.windows.net/",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "sqlServerHostname": "database.windows.net",
            "acrLoginServer": "azurecr.io",
            "mysqlServerEndpoint": "mysql.database.azure.com",
            "postgresqlServerEndpoint": "postgres.database.azure.com",
            "mariadbServerEndpoint": "mariadb.database.azure.com",
        },
    }


def subscriptions(call: Call) -> Reply:
    rows = [
        _subscription(call.world, one)
        for one in call.world.subscriptions()
        if call.world.tenancy.readable(call.principal, one)
    ]
    return page(call, rows)


def subscription(call: Call) -> Reply:
    return Reply(200, _subscription(call.world, call.path.subscription))


def shown(subscription: str) -> str:
    return f"Simulated {subscription}"


def _subscription(world: World, text: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{text}",
        "authorizationSource": "RoleBased",
        "subscriptionId": text,
        "tenantId": world.tenancy.tenant_of(text),
        "displayName": shown(text),
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Internal_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def tenants(call: Call) -> Reply:
    return page(call, [{"id": f"/tenants/{TENANT}", "tenantId": TENANT}])


def locations(call: Call) -> Reply:
    return page(
        call,
        [
            {
                "id": f"{call.path.id}/{name}",
                "name": name,
                "displayName": shown,
                "regionalDisplayName": shown,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            }
            for name, shown in REGIONS.items()
        ],
    )


def providers(call: Call) -> Reply:
    names = sorted({row["type"].split("/")[0] for row in catalog.entries().values()} | {"Microsoft.Network"})
    return page(call, [_provider(call.path.subscription, name) for name in names])


def provider(call: Call) -> Reply:
    return Reply(200, _provider(call.path.subscription, call.path.namespace))


def _provider(subscription: str, namespace: str) -> dict[str, Any]:
    own = [row["type"] for row in catalog.entries().values() if row["type"].split("/")[0].lower() == namespace.lower()]
    namespace = own[0].split("/")[0] if own else namespace
    kinds = [one.split("/", 1)[1] for one in own] + (list(NETWORK) if namespace == "Microsoft.Network" else [])
    versions = {one.split("/", 1)[1]: catalog.entries()[one.lower()]["version"] for one in own}
    rows = [
        {
            "resourceType": kind,
            "locations": list(REGIONS.values()),
            "capabilities": "None",
            "apiVersions": list(dict.fromkeys([*VERSIONS, versions.get(kind, VERSIONS[0])])),
        }
        for kind in kinds
    ]
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": "Registered",
        "resourceTypes": rows,
    }


def endpoint_types(call: Call) -> Reply:
    """GET .../locations/{region}/availablePrivateEndpointTypes (recorded: resourceName and the service's version)."""
    rows = [
        {
            "name": row["type"].replace("/", "."),
            "id": f"{call.path.id}/{row['type'].replace('/', '.')}",
            "type": "Microsoft.Network/AvailablePrivateEndpointTypes",
            "resourceName": row["type"],
            "displayName": row["type"],
            "apiVersion": row["version"],
        }
        for row in catalog.entries().values()
        if "viaParent" in row
    ]
    return page(call, rows)


def list_(call: Call) -> Reply:
    rows = [
        _render(one) for one in call.world.groups.values() if one.subscription.lower() == call.path.subscription.lower()
    ]
    return page(call, rows)


def get(call: Call) -> Reply:
    return Reply(200, _render(_group(call)))


def head(call: Call) -> Reply:
    return Reply(204 if call.world.has_group(call.path) else 404)


def put(call: Call) -> Reply:
    path, world = call.path, call.world
    old = world.has_group(path)
    location = call.content.get("location") or (_group(call).location if old else None)
    if not location:
        raise bad("LocationRequired", "The location property is required for this definition.")
    name = _group(call).name if old else path.group
    group = Group(path.subscription, name, str(location), call.content.get("tags"))
    world.groups[path.subscription.lower(), path.group.lower()] = group
    return Reply(200 if old else 201, _render(group), update=old)


def patch(call: Call) -> Reply:
    group = _group(call)
    group.tags = call.content.get("tags", group.tags)
    return Reply(200, _render(group), update=True)


def delete(call: Call) -> Reply:
    """Slow, and takes everything with it."""
    world, path = call.world, call.path
    _group(call)
    operation = operations.begin(world, path, 1.0, lambda: _empty(world, path, call.principal), style="tenant")
    headers = operations.links(call, operation, status=False, result=True)
    return Reply(202, None, headers, event=False)


def _empty(world: World, path: Path, principal: str) -> None:
    prefix = path.key + "/"
    inside = [one for key, one in world.resources.items() if key.startswith(prefix)]
    for one in inside:  # endpoints first: their targets must hear of it
        if one.path.type.lower() == "microsoft.network/privateendpoints":
            lifecycle.remove(world, one, principal)
    for one in inside:
        if generic.vanish(world, one):
            sides.target_deleted(world, one.path)
            world.grid.delete(one.path, principal)
    world.groups.pop((path.subscription.lower(), path.group.lower()), None)


def _group(call: Call) -> Group:
    return find(call.world, call.path)


def find(world: World, path: Path) -> Group:
    found = world.groups.get((path.subscription.lower(), path.group.lower()))
    if found is None:
        raise group_missing(path.group)
    return found


def _render(group: Group) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": {"provisioningState": "Succeeded"},
    }
    return body | ({"tags": group.tags} if group.tags is not None else {})
