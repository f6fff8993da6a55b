"""Knows managed private endpoints of Grafana: an endpoint in Microsoft's own subscription, asked for by a workspace.

Refuses to know refresh policies. Shape: recording grafana-managed-private-endpoint-get (a published example).
"""

from __future__ import annotations

from typing import Any

from simulator.azure import generic, lifecycle
from simulator.azure.calls import Call, Reply
from simulator.azure.catalog import groups
from simulator.azure.errors import bad
from simulator.azure.ids import Path
from simulator.azure.world import MANAGED, Resource, World

TYPE = "Microsoft.Dashboard/grafana/managedPrivateEndpoints"


def put(call: Call) -> Reply:
    """Ask the target for a connection, by hand; the workspace shows its state as connectionState."""
    given = call.content.get("properties") or {}
    target = call.world.target(given.get("privateLinkResourceId"))
    if target is None:
        raise bad("InvalidResourceReference", f"Resource {given.get('privateLinkResourceId')} was not found.")
    call.content.setdefault("location", target.body.get("location"))
    old = call.world.get(call.path)
    asked = given.get("groupIds") or groups(target.path)[:1]
    generic.put(call)
    workspace, name = call.path.names[-2:]
    path = Path(MANAGED, f"grafana-{workspace}", "Microsoft.Network", ("privateEndpoints",), (f"{workspace}-{name}",))
    body = {
        "location": target.body.get("location") or "westeurope",
        "properties": {
            "subnet": {
                "id": f"/subscriptions/{MANAGED}/resourceGroups/grafana/providers/Microsoft.Network"
                "/virtualNetworks/managed/subnets/managed"
            },
            "manualPrivateLinkServiceConnections": [
                {
                    "name": name,
                    "properties": {
                        "privateLinkServiceId": target.path.id,
                        "groupIds": asked,
                        "requestMessage": given.get("requestMessage"),
                    },
                }
            ],
        },
    }
    lifecycle.put(Call(call.world, "PUT", path, call.query, {}, body, "Microsoft.Dashboard", call.base))
    resource = call.world.resources[call.path.key]
    resource.item = path.key
    return Reply(200 if old else 201, generic.render(call.world, resource), update=old is not None)


def delete(call: Call) -> Reply:
    """The endpoint goes with it."""
    resource = call.world.get(call.path)
    endpoint = call.world.get(resource.item) if resource and resource.item else None
    if endpoint:
        lifecycle.remove(call.world, endpoint, "Microsoft.Dashboard")
    return generic.delete(call)


def _shape(world: World, resource: Resource) -> dict[str, Any]:
    endpoint = world.get(resource.item) if resource.item else None
    state = endpoint.item.state if endpoint else None
    connection = {
        "status": state.status if state else "Disconnected",
        "description": (state.description if state else "") or "",
    }
    return {**resource.body, "properties": {**resource.body["properties"], "connectionState": connection}}


generic.SHAPES[TYPE.lower()] = _shape
