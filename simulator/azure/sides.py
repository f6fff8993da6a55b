"""Knows what one side of a link tells the other: proxy events, states that follow, links that are cut.

Refuses to know why. Events: reference events 2; what strangers' requests raise is a switch (U).
"""

from __future__ import annotations

from typing import Any

from simulator.azure import connections, endpoints, zonegroups
from simulator.azure.connections import Connection, LinkState
from simulator.azure.endpoints import Endpoint
from simulator.azure.ids import Path
from simulator.azure.world import Resource, World

OWN_TARGETS = ("microsoft.network/privatelinkservices", "microsoft.network/applicationgateways")


def tell(world: World, resource: Resource, what: str) -> None:
    """Raise the proxy event in the target's subscription, unless nobody would hear of it (U, switches)."""
    target = world.get(resource.item.target)
    if target is None or (target.path.type.lower() in OWN_TARGETS and not world.switches["pls_events"]):
        return
    stranger = world.is_foreign(resource.path.subscription)
    if stranger and not world.switches["foreign_events"]:
        return
    proxy = target.path.child("privateEndpointConnectionProxies", f"{resource.path.name}.{resource.item.guid}")
    if what in ("write", "delete"):
        raise_event: Any = world.grid.write if what == "write" else world.grid.delete
        raise_event(proxy, "Microsoft Azure Network")
    else:
        world.grid.action(proxy, what, "Microsoft Azure Network")


def follow(world: World, connection: Connection) -> None:
    """The endpoint learns the state of its connection."""
    resource = world.get(connection.endpoint)
    if resource is None or resource.item.guid != connection.endpoint_guid:
        return
    if connections.of_endpoint(world, connection.target.key, connection.endpoint_guid) is not connection:
        return
    own: Endpoint = resource.item
    own.state = LinkState(connection.state.status, connection.state.description, connection.state.actions)
    endpoints.touch(world, resource)
    zonegroups.sync(world, resource)


def disconnect(world: World, connection: Connection) -> None:
    """The connection is gone at the target; its endpoint shows Disconnected from now on."""
    resource = world.get(connection.endpoint)
    if resource is None or resource.item.guid != connection.endpoint_guid:
        return
    resource.item.state = LinkState("Disconnected", "", "None")
    endpoints.touch(world, resource)
    zonegroups.sync(world, resource)


def target_deleted(world: World, target: Path) -> None:
    """A target goes away with its connections; their endpoints show Disconnected."""
    for one in list(connections.of_target(world, target).values()):
        connections.close(world, one)
        disconnect(world, one)
    world.connections.pop(target.key, None)
