"""Knows virtual networks with inline subnets, as Azure CLI makes them. Refuses to know routing."""

from __future__ import annotations

from simulator.azure import generic
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.world import Resource, World

TYPE = "Microsoft.Network/virtualNetworks"


def put(call: Call) -> Reply:
    """Inline subnets become children of their own, so that both ways of reading them agree."""
    reply = generic.put(call)
    network = demand(call.world, call.path)
    for row in network.body["properties"].pop("subnets", None) or []:
        path = network.path.child("subnets", str(row.get("name")))
        call.world.put(
            Resource(
                path,
                {
                    "id": path.id,
                    "name": path.name,
                    "type": f"{TYPE}/subnets",
                    "properties": {**(row.get("properties") or {}), "provisioningState": "Succeeded"},
                },
            )
        )
    reply.body = generic.render(call.world, network)
    return reply


def _shape(world: World, resource: Resource) -> dict[str, object]:
    rows = [one.body for one in world.children.get(resource.path.key, {}).values() if one.path.last == "subnets"]
    return {
        **resource.body,
        "properties": {**resource.body["properties"], "subnets": rows, "virtualNetworkPeerings": []},
    }


generic.SHAPES[TYPE.lower()] = _shape
