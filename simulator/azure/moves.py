"""Knows moving resources to another resource group. Refuses to move targets that have connections.

An endpoint keeps its guid and gets a new id; its target hears of it (documented: private-endpoint-connections 6).
"""

from __future__ import annotations

from simulator.azure import connections, endpoints, ids, operations, sides
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.errors import ArmError, bad
from simulator.azure.ids import Path
from simulator.azure.world import Resource, World

SECONDS = 1.0


def move(call: Call) -> Reply:
    """POST .../moveResources {resources: [...], targetResourceGroup: id}."""
    world = call.world
    try:
        goal = ids.parse(str(call.content.get("targetResourceGroup")))
    except ids.BadPath as error:
        raise bad("InvalidRequestContent", "targetResourceGroup is not the id of a resource group.") from error
    chosen = [_movable(world, text) for text in call.content.get("resources") or []]
    if not chosen or not goal.group:
        raise bad("InvalidRequestContent", "The request needs resources and targetResourceGroup.")

    def done() -> None:
        for resource in chosen:
            _move(world, resource, goal)
        world.grid.action(Path(call.path.subscription, call.path.group), "moveResources", call.principal)

    operation = operations.begin(world, Path(call.path.subscription, call.path.group), SECONDS, done, style="tenant")
    headers = operations.links(call, operation, status=False, result=True)
    return Reply(202, None, headers, event=False)


def _movable(world: World, text: object) -> Resource:
    path = ids.resource(text)
    if path is None:
        raise bad("InvalidResourceId", f"'{text}' is not a resource id.")
    resource = demand(world, path)
    if connections.of_target(world, resource.path):
        raise ArmError(
            409,
            "ResourceMoveProviderValidationFailed",
            "Resource move validation failed: the resource has private endpoint connections.",
        )
    return resource


def _move(world: World, resource: Resource, goal: Path) -> None:
    if world.get(resource.path) is not resource:
        return
    for one in [resource, *world.below(resource.path.key)]:
        _rename(world, one, goal)
    if resource.path.type.lower() != endpoints.TYPE.lower():
        return
    nic = world.get(resource.item.nic)
    resource.item.nic = resource.item.nic.under(goal.subscription, goal.group)
    if nic:
        _rename(world, nic, goal)
    endpoints.write_nic(world, resource)
    endpoints.touch(world, resource)
    link = connections.of_endpoint(world, resource.item.target, resource.item.guid)
    if link:
        link.endpoint = resource.path
    sides.tell(world, resource, "updatePrivateEndpointProperties")


def _rename(world: World, resource: Resource, goal: Path) -> None:
    world.drop(resource.path.key)
    resource.path = resource.path.under(goal.subscription, goal.group)
    if "id" in resource.body:
        resource.body["id"] = resource.path.id
    world.put(resource)
