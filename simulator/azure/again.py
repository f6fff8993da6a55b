"""Knows what a repeated PUT makes of an endpoint: what it may change, at once and at its end.

Refuses to know what the target is told (lifecycle.py). A PUT is a full replacement (documented); most codes of the
refusals are assumed, see README.
"""

from __future__ import annotations

from simulator.azure import connections, endpoints, firewall, following, interfaces
from simulator.azure.calls import Call
from simulator.azure.catalog import Member, region
from simulator.azure.connections import LinkState
from simulator.azure.endpoints import AWAITING, Endpoint, Wanted
from simulator.azure.errors import ArmError, bad, busy
from simulator.azure.quirks import quirk
from simulator.azure.world import Resource, World


def matches(call: Call, old: Resource | None) -> None:
    """If-Match (documented for Microsoft.Network): nothing happens to another version than the caller's."""
    wanted = call.headers.get("If-Match")
    if not wanted or (wanted.strip() == "*" and old):
        return
    if old is None or wanted.strip().removeprefix("W/").strip('"') != old.item.etag:
        raise ArmError(
            412,
            "PreconditionFailed",
            f"Etag provided in if-match header {wanted} does not match the etag of the resource {call.path.id}.",
        )


def check(world: World, old: Resource, wanted: Wanted, target: Resource) -> None:
    """Refuse what cannot be; nothing has changed then."""
    own: Endpoint = old.item
    if own.provisioning == "Updating" and world.switches["updating_refusal"] == "retryable":
        raise ArmError(429, "RetryableError", "A retryable error occurred.", headers={"Retry-After": "10"})
    if own.provisioning in ("Deleting", "Updating"):
        raise busy(old.path)
    if target.path.key != own.target or [g.lower() for g in wanted.groups] != [g.lower() for g in own.groups]:
        raise bad(
            "CannotChangePrivateLinkConnectionOnPrivateEndpoint",
            "Cannot change the private link service connection of a private endpoint after it was created.",
        )
    if wanted.nic_name and wanted.nic_name.lower() != own.nic.name.lower():
        raise bad(
            "CannotChangeCustomNetworkInterfaceName",
            "Cannot change the name of a private endpoint's network interface after it was created.",
        )
    if wanted.subnet.lower() != own.subnet.lower():
        raise bad(
            "CannotChangeSubnetOfPrivateEndpoint", "Cannot change a private endpoint's subnet after it was created."
        )
    if region(wanted.location) != region(old.body["location"]):
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{old.path.name}' already exists in location '{old.body['location']}'. "
            f"A resource with the same name cannot be created in location '{wanted.location}'.",
        )
    interfaces.check(world, own.subnet, endpoints.wanted_members(target, own.groups), wanted.static, own.addresses)


def replace(world: World, old: Resource, wanted: Wanted, target: Resource) -> Resource:
    """What shows at once: everything but guid, interface, addresses and names."""
    own: Endpoint = old.item
    moved = own.manual != wanted.manual
    own.manual, own.link, own.service, own.groups = wanted.manual, wanted.link, wanted.service, wanted.groups
    own.message, own.static, own.kept = wanted.message, wanted.static, wanted.kept
    own.nic_name, own.reference = wanted.nic_name, wanted.reference
    old.body = {"location": wanted.location, **wanted.top}
    if moved and world.switches["list_move_resets"]:
        _decided_anew(world, old, target)
    return old


def _decided_anew(world: World, resource: Resource, target: Resource) -> None:
    """U: the other list, the other way of deciding. A rejection stands (documented: it is final)."""
    own: Endpoint = resource.item
    link, row = connections.of_endpoint(world, own.target, own.guid), quirk(target.path.type)
    if link is None or link.state.status not in ("Pending", "Approved"):
        return
    actions = link.state.actions
    if own.manual:
        link.state, own.state = (
            LinkState("Pending", own.message or "", actions),
            LinkState("Pending", AWAITING, actions),
        )
    else:
        link.state = LinkState("Approved", row.automatic, actions)
        own.state = LinkState("Approved", row.automatic if row.consumer is None else row.consumer, actions)
    firewall.note(world, target.path, f"connection {link.name} moved to the other list and is {link.state.status}")


def settle(world: World, resource: Resource) -> None:
    """The end of a PUT: addresses for the regions that count, the others stay as they are; Recreate is done with."""
    own: Endpoint = resource.item
    target = world.get(own.target)
    if target is None:
        return
    members = endpoints.wanted_members(target, own.groups)
    if world.switches["cosmos_read"] == "start":
        members = _as_planned(own, members)
    own.addresses = interfaces.assign(world, own.subnet, members, own.static, own.addresses)
    following.mark(world, resource, "None")
    if not following.covers(resource, target):
        following.lagging(world, resource, target)


def _as_planned(own: Endpoint, members: list[Member]) -> list[Member]:
    """U: what the account had when the PUT came; a region that left meanwhile keeps its address until the next."""
    here = {one.name: one for one in [*(address.member for address in own.addresses), *members]}
    return [here[name] for name in own.planned if name in here]
