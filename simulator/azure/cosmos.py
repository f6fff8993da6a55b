"""Knows Cosmos DB accounts: regions and the names that follow from them. Refuses to know link states.

Recorded: cosmos-account-get; documented and U: reference cosmos 1 (Recreate or not is a switch).
"""

from __future__ import annotations

import copy
from typing import Any

from simulator.azure import connections, endpoints, lifecycle, operations
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.catalog import region
from simulator.azure.generic import MADE, patch, put, render
from simulator.azure.generic import delete as plain_delete
from simulator.azure.groups import REGIONS
from simulator.azure.world import Resource, World

TYPE = "Microsoft.DocumentDB/databaseAccounts"
SECONDS = 1.0


DEFAULTS: dict[str, Any] = {
    "publicNetworkAccess": "Enabled",
    "enableAutomaticFailover": False,
    "enableMultipleWriteLocations": False,
    "isVirtualNetworkFilterEnabled": False,
    "virtualNetworkRules": [],
    "databaseAccountOfferType": "Standard",
    "networkAclBypass": "None",
    "capabilities": [],
    "ipRules": [],
    "cors": [],
}
CONSISTENCY = {"defaultConsistencyLevel": "Session", "maxIntervalInSeconds": 5, "maxStalenessPrefix": 100}


def derive(world: World, resource: Resource, given: dict[str, Any]) -> None:
    """Fill in what Azure derives from the regions asked for, and let the endpoints know of new ones."""
    before = [row["id"] for row in getattr(resource.item, "rows", [])]
    properties, name = resource.body["properties"], resource.path.name
    asked = (
        given.get("locations")
        or getattr(resource.item, "rows", None)
        or [{"locationName": resource.body.get("location"), "failoverPriority": 0}]
    )
    rows = [_row(name, row, position) for position, row in enumerate(asked)]
    rows.sort(key=lambda row: row["failoverPriority"])
    resource.item = _Regions(rows)
    for key, value in DEFAULTS.items():
        properties.setdefault(key, copy.deepcopy(value))
    properties.setdefault("documentEndpoint", f"https://{name}.documents.azure.com:443/")
    properties.setdefault("EnabledApiTypes", "MongoDB" if resource.body.get("kind") == "MongoDB" else "Sql")
    properties["consistencyPolicy"] = CONSISTENCY | (properties.get("consistencyPolicy") or {})
    properties["writeLocations"] = rows if properties["enableMultipleWriteLocations"] else rows[:1]
    properties["readLocations"] = properties["locations"] = rows
    kept = ("id", "locationName", "failoverPriority")
    properties["failoverPolicies"] = [{key: row[key] for key in kept} for row in rows]
    resource.body.setdefault("kind", "GlobalDocumentDB")
    if before and before != [row["id"] for row in rows]:
        world.later.after(SECONDS, lambda: _regions_changed(world, resource))


class _Regions:
    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows


def _row(name: str, given: dict[str, Any], position: int) -> dict[str, Any]:
    place = region(given.get("locationName"))
    shown = REGIONS.get(place, str(given.get("locationName")))
    return {
        "id": f"{name}-{place}",
        "locationName": shown,
        "documentEndpoint": f"https://{name}-{place}.documents.azure.com:443/",
        "provisioningState": "Succeeded",
        "failoverPriority": int(given.get("failoverPriority", position)),
        "isZoneRedundant": bool(given.get("isZoneRedundant", False)),
    }


def _regions_changed(world: World, account: Resource) -> None:
    """U: either the endpoint must be PUT again (Recreate), or Azure refreshes it by itself."""
    for link in connections.of_target(world, account.path).values():
        resource = world.get(link.endpoint)
        if resource is None or resource.item.guid != link.endpoint_guid:
            continue
        if world.switches["cosmos_recreate"]:
            link.state.actions = resource.item.state.actions = "Recreate"
            endpoints.touch(world, resource)
        else:
            lifecycle.refresh(world, resource, account)


def put_account(call: Call) -> Reply:
    """200 and an operation, for new accounts too (what Azure CLI accepts)."""
    return _slow(call, put(call))


def patch_account(call: Call) -> Reply:
    return _slow(call, patch(call))


def _slow(call: Call, done: Reply) -> Reply:
    resource = demand(call.world, call.path)
    operation = operations.begin(
        call.world,
        resource.path,
        SECONDS,
        lambda: call.world.grid.write(resource.path, call.principal, update=done.update),
        style="cosmos",
        result=lambda: render(call.world, resource),
    )
    links = operations.links(call, operation, location=region(resource.body.get("location")), result=True)
    return Reply(200, done.body, links, event=False)


def delete(call: Call) -> Reply:
    """202, never 200 (what Azure CLI accepts)."""
    world, resource = call.world, call.world.get(call.path)
    if resource is None:
        return Reply(204, event=False)

    def done() -> None:
        if plain_delete(call).status == 200:
            world.grid.delete(resource.path, call.principal)

    operation = operations.begin(world, resource.path, SECONDS, done, style="cosmos")
    return Reply(202, {"status": "Enqueued"}, operations.links(call, operation, result=True), event=False)


def failover(call: Call) -> Reply:
    """POST failoverPriorityChange: other order, same regions."""
    account = demand(call.world, call.path.parent)
    wanted = {
        region(row.get("locationName")): int(row.get("failoverPriority", 0))
        for row in call.content.get("failoverPolicies") or []
    }
    rows = [dict(row) for row in account.item.rows]
    for row in rows:
        row["failoverPriority"] = wanted.get(region(row["locationName"]), row["failoverPriority"])
    derive(call.world, account, {"locations": rows})
    operation = operations.begin(
        call.world,
        account.path,
        SECONDS,
        lambda: call.world.grid.action(account.path, "failoverPriorityChange", call.principal),
        style="cosmos",
    )
    return Reply(202, {"status": "Enqueued"}, operations.links(call, operation, result=True), event=False)


def name_exists(call: Call) -> Reply:
    """HEAD /providers/Microsoft.DocumentDB/databaseAccountNames/{name}."""
    taken = any(one.path.name.lower() == call.path.name.lower() for one in call.world.of_type(TYPE))
    return Reply(200 if taken else 404)


MADE[TYPE.lower()] = derive
