"""Knows managed private endpoints: a service asks for an endpoint in Microsoft's own subscription and shows its state.

Refuses to know the services (managedkinds.py) and refresh policies. Every state follows the connection at once,
but Grafana's stands still until POST refreshManagedPrivateEndpoints (documented).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.azure import generic, lifecycle, operations
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.catalog import groups, region
from simulator.azure.connections import LinkState
from simulator.azure.errors import bad
from simulator.azure.ids import Path
from simulator.azure.managedkinds import KINDS, Asked, Kind, Wish, kind_of
from simulator.azure.tenancy import MANAGED
from simulator.azure.world import Resource, World, stamp

GRAFANA = "Microsoft.Dashboard/grafana"
REFRESH = f"{GRAFANA}/refreshManagedPrivateEndpoints"
REFRESHED = 1.0  # seconds at pace 1
_SUBNET = f"/subscriptions/{MANAGED}/resourceGroups/managed/providers/Microsoft.Network/virtualNetworks/v/subnets/s"


def put(call: Call) -> Reply:
    """Ask the target for a connection, by hand."""
    world, kind = call.world, kind_of(call.path.type)
    wish = kind.wish(call.content.get("properties") or {})
    if wish is None:
        return generic.put(call)
    target = world.target(wish.target)
    if target is None:
        raise bad("InvalidResourceReference", f"Resource {wish.target} was not found.")
    if kind.location:
        call.content.setdefault("location", target.body.get("location"))
    old = world.get(call.path)
    reply = generic.put(call)
    resource = world.resources[call.path.key]
    if kind.etag:
        resource.body["etag"] = world.guid()
    path = _endpoint(call.path, kind)
    body = _body(call.path.name, target, wish)
    lifecycle.put(Call(world, "PUT", path, call.query, {}, body, call.path.namespace, call.base))
    if not isinstance(resource.item, Asked):
        resource.item = Asked(path.key, stamp(), LinkState("Pending", wish.message or ""))
    reply.status, reply.body = 200 if old else kind.create, generic.render(world, resource)
    return reply


def _endpoint(path: Path, kind: Kind) -> Path:
    """The endpoint's id; its resource group is not the customer's."""
    name = kind.name.format(parent=path.names[0], name="-".join((*path.names[2:-1], path.name)))
    group = f"managed-{path.types[0]}-{path.names[0]}".lower()
    return Path(MANAGED, group, "Microsoft.Network", ("privateEndpoints",), (name,))


def _body(name: str, target: Resource, wish: Wish) -> dict[str, Any]:
    link = {
        "privateLinkServiceId": target.path.id,
        "groupIds": wish.groups or groups(target.path)[:1],
        "requestMessage": wish.message,
    }
    return {
        "location": target.body.get("location") or "westeurope",
        "properties": {
            "subnet": {"id": _SUBNET},
            "manualPrivateLinkServiceConnections": [{"name": name, "properties": link}],
        },
    }


def gone(world: World, resource: Resource) -> None:
    """The endpoint goes with it, whether it or what it hangs on is deleted."""
    endpoint = world.get(resource.item.endpoint) if isinstance(resource.item, Asked) else None
    if endpoint:
        lifecycle.remove(world, endpoint, resource.path.namespace)


def refresh(call: Call) -> Reply:
    """POST {workspace}/refreshManagedPrivateEndpoints: 202, then all of the workspace's states are true again."""
    world, workspace = call.world, demand(call.world, call.path.parent)

    def done() -> None:
        for one in world.children.get(workspace.path.key, {}).values():
            if isinstance(one.item, Asked):
                one.item = replace(one.item, shown=_state(world, one.item))
        world.version += 1
        world.grid.action(workspace.path, "refreshManagedPrivateEndpoints", call.principal)

    operation = operations.begin(world, workspace.path, REFRESHED, done)
    links = operations.links(call, operation, location=region(workspace.body.get("location")))
    return Reply(202, None, links, event=False)


def _state(world: World, asked: Asked) -> LinkState:
    """What the endpoint knows; while Pending the text of the request stands for Azure's own words (assumed)."""
    endpoint = world.get(asked.endpoint)
    if endpoint is None:
        return LinkState("Disconnected", "")
    own = endpoint.item
    return LinkState("Pending", own.message or "") if own.state.status == "Pending" else replace(own.state)


def _shape(world: World, resource: Resource) -> dict[str, Any]:
    asked = resource.item
    if not isinstance(asked, Asked):
        return {**resource.body, "properties": dict(resource.body["properties"])}
    kind = kind_of(resource.path.type)
    state = asked.shown if kind.stale else _state(world, asked)
    body = {**resource.body, "properties": kind.show(dict(resource.body["properties"]), state, asked)}
    return body | ({"systemData": _system(resource, asked)} if kind.system else {})


def _system(resource: Resource, asked: Asked) -> dict[str, str]:
    return {
        "createdBy": "operator",
        "createdByType": "User",
        "createdAt": asked.made,
        "lastModifiedBy": "operator",
        "lastModifiedByType": "User",
        "lastModifiedAt": stamp(resource.changed),
    }


for _type in KINDS:
    generic.SHAPES[_type.lower()] = _shape
    generic.GONE[_type.lower()] = gone
