"""Knows virtual networks with inline subnets, as Azure CLI makes them, and how full they are.

Refuses to know routing. The default of network policies and the shape of usages: documented.
"""

from __future__ import annotations

from typing import Any

from simulator.azure import generic, interfaces
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.paging import page
from simulator.azure.world import Resource, World

TYPE = "Microsoft.Network/virtualNetworks"
POLICIES = {"privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled"}


def put(call: Call) -> Reply:
    """Inline subnets become children of their own, so that both ways of reading them agree."""
    reply = generic.put(call)
    network = demand(call.world, call.path)
    for row in network.body["properties"].pop("subnets", None) or []:
        path = network.path.child("subnets", str(row.get("name")))
        properties = {**POLICIES, **(row.get("properties") or {}), "provisioningState": "Succeeded"}
        body = {"id": path.id, "name": path.name, "type": f"{TYPE}/subnets", "properties": properties}
        call.world.put(Resource(path, body))
    reply.body = generic.render(call.world, network)
    return reply


def _shape(world: World, resource: Resource) -> dict[str, object]:
    rows = [one.body for one in _subnets(world, resource)]
    return {
        **resource.body,
        "properties": {**resource.body["properties"], "subnets": rows, "virtualNetworkPeerings": []},
    }


def _subnets(world: World, network: Resource) -> list[Resource]:
    return [one for one in world.children.get(network.path.key, {}).values() if one.path.last == "subnets"]


def usages(call: Call) -> Reply:
    """GET {network}/usages: taken and usable addresses per subnet; Azure keeps five of them."""
    network = demand(call.world, call.path.parent)
    rows: list[dict[str, Any]] = []
    for one in _subnets(call.world, network):
        pool = interfaces.subnet(call.world, one.path.id)
        row = {"currentValue": float(len(pool.taken)), "limit": float(pool.size), "unit": "Count", "id": one.path.id}
        rows.append(row | {"name": {"value": "SubnetSpace", "localizedValue": "Subnet size and usage"}})
    return page(call, rows)


def _subnet_made(world: World, resource: Resource, given: dict[str, Any]) -> None:
    for name, value in POLICIES.items():
        resource.body["properties"].setdefault(name, value)


generic.MADE[f"{TYPE}/subnets".lower()] = _subnet_made
generic.SHAPES[TYPE.lower()] = _shape
