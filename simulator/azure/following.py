"""Knows how endpoints follow the regions of their Cosmos account: told to be PUT again, or followed by Azure itself.

Refuses to know how an account changes (cosmos.py). U: which of both worlds is true, and after how long; switches
cosmos_recreate and cosmos_lag.
"""

from __future__ import annotations

from simulator.azure import connections, endpoints, interfaces, zonegroups
from simulator.azure.errors import ArmError
from simulator.azure.world import Resource, World


def changed(world: World, account: Resource) -> None:
    """The operation that changed an account's regions has ended."""
    world.later.after(float(world.switches["cosmos_lag"]), lambda: _tell(world, account))


def _tell(world: World, account: Resource) -> None:
    if world.get(account.path) is not account:
        return
    for link in list(connections.of_target(world, account.path).values()):
        resource = world.get(link.endpoint)
        if resource is None or resource.item.guid != link.endpoint_guid or covers(resource, account):
            continue
        lagging(world, resource, account)


def lagging(world: World, resource: Resource, account: Resource) -> None:
    """This endpoint has not the names of its account."""
    if world.switches["cosmos_recreate"]:
        mark(world, resource, "Recreate")
    elif resource.item.provisioning not in ("Updating", "Deleting"):  # a PUT brings the names itself
        refresh(world, resource, account)


def covers(resource: Resource, account: Resource) -> bool:
    """Whether the endpoint has exactly the names of the account as it is now."""
    wanted = {one.name for one in endpoints.wanted_members(account, resource.item.groups)}
    return wanted == {one.member.name for one in resource.item.addresses}


def mark(world: World, resource: Resource, actions: str) -> None:
    """actionsRequired, at both sides of the link."""
    link = connections.of_endpoint(world, resource.item.target, resource.item.guid)
    if link:
        link.state.actions = actions
        link.etag = world.guid() if actions != "None" else link.etag
    resource.item.state.actions = actions
    endpoints.touch(world, resource)


def refresh(world: World, resource: Resource, account: Resource) -> None:
    """Azure follows the account's names by itself, without a PUT of the endpoint. Where it cannot (a full subnet,
    static addresses) everything stays as it is (assumed)."""
    own: endpoints.Endpoint = resource.item
    members = endpoints.wanted_members(account, own.groups)
    try:
        own.addresses = interfaces.assign(world, own.subnet, members, own.static, own.addresses)
    except ArmError:
        return
    endpoints.write_nic(world, resource)
    endpoints.touch(world, resource)
    zonegroups.sync(world, resource)
    world.grid.write(resource.path, "Microsoft Azure Network", update=True)
