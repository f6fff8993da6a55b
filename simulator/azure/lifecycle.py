"""Knows the life of an endpoint: created, put again, deleted; and what the target is told of it.

Refuses to know how either side looks. Events and their order: reference events 2.
"""

from __future__ import annotations

from simulator.azure import (
    again,
    apis,
    catalog,
    connections,
    endpoints,
    exposure,
    firewall,
    interfaces,
    operations,
    sides,
    zonegroups,
)
from simulator.azure.calls import Call, Reply
from simulator.azure.connections import Connection, LinkState
from simulator.azure.durations import AGAIN, COSMOS_AGAIN, COSMOS_CREATED, CREATED, DELETED, LISTED
from simulator.azure.endpoints import AWAITING, Endpoint, Wanted
from simulator.azure.errors import ArmError, busy
from simulator.azure.ids import Path
from simulator.azure.quirks import quirk
from simulator.azure.world import Resource, World


def put(call: Call) -> Reply:
    """PUT of an endpoint: 201 and slow when new, 200 and slow when it was there."""
    world, old = call.world, call.world.get(call.path)
    again.matches(call, old)
    wanted = endpoints.understand(call)
    target = endpoints.find_target(world, wanted, call.path.subscription)
    path = Path(call.path.subscription, call.path.group, "Microsoft.Network", ("privateEndpoints",), call.path.names)
    if old:
        again.check(world, old, wanted, target)
    resource = again.replace(world, old, wanted, target) if old else _create(world, path, wanted, target)
    own: Endpoint = resource.item
    own.provisioning = "Updating"
    own.planned = [one.name for one in endpoints.wanted_members(target, own.groups)]
    endpoints.touch(world, resource)
    world.put(resource)
    if old is None:
        sides.tell(world, resource, "validate")
        sides.tell(world, resource, "write")  # documented: may come before the connection is listed
        world.later.after(LISTED, lambda: _list(world, resource, target))
    first, repeated = (COSMOS_CREATED, COSMOS_AGAIN) if apis.is_account(target) else (CREATED, AGAIN)
    operation = operations.begin(
        world,
        path,
        first if old is None else repeated,
        lambda: _ready(world, resource, call.principal, old is not None),
        style="network",
        result=lambda: endpoints.render(world, resource),
    )
    headers = operations.links(call, operation, location=wanted.location)
    return Reply(200 if old else 201, endpoints.render(world, resource), headers, event=False)


def _create(world: World, path: Path, wanted: Wanted, target: Resource) -> Resource:
    apis.admit(world, target, wanted.groups, catalog.groups(target.path))
    guid = world.guid()
    nic = Path(
        path.subscription,
        path.group,
        "Microsoft.Network",
        ("networkInterfaces",),
        (wanted.nic_name or f"{path.name}.nic.{world.guid()}",),
    )
    own = Endpoint(
        guid,
        wanted.manual,
        wanted.link,
        wanted.service,
        target.path.key,
        wanted.groups,
        wanted.message,
        wanted.subnet,
        nic,
        wanted.nic_name,
        wanted.static,
        wanted.kept,
        _first_state(world, path, wanted, target),
        world.guid(),
        reference=wanted.reference,
    )
    members = endpoints.wanted_members(target, wanted.groups)
    own.addresses = interfaces.assign(world, wanted.subnet, members, wanted.static, [])
    resource = Resource(path, {"location": wanted.location, **wanted.top}, own)
    endpoints.write_nic(world, resource)
    return resource


def _first_state(world: World, path: Path, wanted: Wanted, target: Resource) -> LinkState:
    """Automatic: Approved without ever being Pending; a link service may also approve by subscription, and another
    endpoint's approval may be inherited."""
    row = quirk(target.path.type)
    approved = not wanted.manual or exposure.approves(target, path.subscription)
    if not approved and not _inherits(world, wanted.reference, target):
        return LinkState("Pending", AWAITING)
    return LinkState("Approved", row.automatic if row.consumer is None else row.consumer)


def _inherits(world: World, reference: str, target: Resource) -> bool:
    """Documented: the state is inherited from an approved endpoint. That it must be one of the same target, and
    that anything else leaves the request Pending: assumed."""
    other = world.get(reference) if reference else None
    if other is None or not isinstance(other.item, Endpoint) or other.item.target != target.path.key:
        return False
    link = connections.of_endpoint(world, target.path.key, other.item.guid)
    return link is not None and link.state.status == "Approved"


def _list(world: World, resource: Resource, target: Resource) -> None:
    """The connection appears at the target."""
    own: Endpoint = resource.item
    if world.get(resource.path) is not resource or world.get(target.path) is not target:
        return
    approved = own.state.status == "Approved"
    row = quirk(target.path.type)
    state = LinkState("Approved", row.automatic) if approved else LinkState("Pending", own.message or "")
    name = connections.new_name(world, target, own.link, resource.path, own.guid)
    replaced = connections.of_target(world, target.path).get(name.lower())
    connections.open_one(
        world,
        target,
        Connection(
            name,
            target.path,
            resource.path,
            own.guid,
            list(own.groups),
            state,
            row.settled,
            world.guid(),
            str(520_000_000 + world.random.randrange(10_000_000)),
            str(target.body.get("location", "")),
            own.subnet,
            resource.body["location"],
        ),
    )
    if replaced:
        sides.disconnect(world, replaced)
    firewall.note(world, target.path, f"connection {name} is {state.status}")


def _ready(world: World, resource: Resource, principal: str, update: bool) -> None:
    own: Endpoint = resource.item
    if world.get(resource.path) is not resource or own.provisioning == "Deleting":
        return
    try:
        world.failures.strike("endpoint")
        again.settle(world, resource)
    except ArmError:
        own.provisioning = "Failed"
        endpoints.touch(world, resource)
        raise
    endpoints.write_nic(world, resource)
    own.provisioning, own.born = "Succeeded", True
    if own.state.status == "Pending" and world.switches["pending_text"] == "request":
        own.state.description = own.message
    endpoints.touch(world, resource)
    sides.tell(world, resource, "write")
    zonegroups.sync(world, resource)
    world.grid.write(resource.path, principal, update=update)
    world.grid.write(own.nic, principal, update=update)


def delete(call: Call) -> Reply:
    """DELETE of an endpoint: its connection goes away, its records stay unless a zone group wrote them."""
    world, resource = call.world, call.world.get(call.path)
    if resource is None:
        return Reply(204, event=False)
    if resource.item.provisioning == "Deleting":
        raise busy(resource.path)
    resource.item.provisioning = "Deleting"
    operation = operations.begin(
        world, resource.path, DELETED, lambda: remove(world, resource, call.principal), style="network"
    )
    headers = operations.links(call, operation, location=resource.body["location"], result=True)
    return Reply(202, None, headers, event=False)


def remove(world: World, resource: Resource, principal: str) -> None:
    """The endpoint, its interface, its zone group with its records, and its connection are gone."""
    own: Endpoint = resource.item
    if world.get(resource.path) is not resource:
        return
    zonegroups.clear(world, resource)
    for child in world.below(resource.path.key):
        world.drop(child.path.key)
    pool = interfaces.subnet(world, own.subnet)
    for one in own.addresses:
        pool.give_back(one.address)
    world.drop(own.nic.key)
    world.drop(resource.path.key)
    link = connections.of_endpoint(world, own.target, own.guid)
    if link:
        connections.close(world, link)
        firewall.note(world, link.target, f"the endpoint of connection {link.name} was deleted")
    sides.tell(world, resource, "delete")
    world.grid.delete(resource.path, principal)
