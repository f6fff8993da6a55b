"""What is in the way of deleting a target, a virtual network or a subnet: the endpoints that hang on it, by name.

Refuses to delete anything. That a Cosmos DB account with endpoints cannot be deleted was documented in 2019 and is not
listed any more (reference/cosmos.md section 1): the answer says what hangs there, Azure decides.
"""

from __future__ import annotations

from typing import Any

from .app import App
from .azure.providers import provider
from .callers import Problem
from .core.hub import Hub
from .core.ids import NotAnId, ResourceId, fold
from .core.model import Endpoint, Presence
from .core.policy import Policy
from .errors import Lasting

NETWORK, SUBNET = "Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/subnets"

_UNKNOWN = (
    "Name a target inside the scope of the policy, or a virtual network or subnet whose endpoints a hub serves, "
    "by its full id."
)


async def blocks(app: App, text: object) -> dict[str, Any]:
    """Raises Problem 400 or 404 (without any ARM call), Passing."""
    try:
        resource = ResourceId.parse(text)
    except NotAnId as wrong:
        raise Problem(400, "Not a resource id", f"{wrong}.") from None
    policy = (await app.policy()).policy
    if resource.is_a(NETWORK) or resource.is_a(SUBNET):
        return await _of_network(app, resource, policy)
    if not policy.covers(resource) or provider(resource.type) is None:
        raise Problem(404, "Not known", _UNKNOWN)
    return await _of_target(app, resource)


async def _of_target(app: App, target: ResourceId) -> dict[str, Any]:
    listing = await app.arm.connections(target)
    if listing.presence is Presence.GONE:
        raise Problem(404, "Not there", f"{target.name} does not exist there; check the id.")
    found = [
        {
            "endpointId": str(connection.endpoint) if connection.endpoint else None,
            "connectionId": str(connection.id) if connection.id else None,
            "status": connection.status.value,
            "doThis": "delete the endpoint, or this connection",
        }
        for connection in listing.connections
    ]
    return _answer(target, found, listing.why if not listing.complete else "")


async def _of_network(app: App, place: ResourceId, policy: Policy) -> dict[str, Any]:
    """An endpoint lies in the subscription of its network (documented), so one list shows them all."""
    if not _knows(policy, place):
        raise Problem(404, "Not known", _UNKNOWN)
    try:
        listed = await app.inventory.endpoints(place.subscription)
    except Lasting as wrong:
        return _answer(place, [], str(wrong))
    found = [
        {
            "endpointId": str(endpoint.id),
            "targets": sorted(str(link.target or link.alias) for link in endpoint.links),
            "status": ", ".join(sorted({link.status.value for link in endpoint.links})),
            "subnet": str(endpoint.subnet),
            "doThis": "delete the endpoint, or move it to another subnet by making it again",
        }
        for endpoint in listed
        if _lies_in(endpoint, place)
    ]
    return _answer(place, found, "")


def _answer(resource: ResourceId, found: list[dict[str, Any]], unread: str) -> dict[str, Any]:
    text = f"{len(found)} private endpoint(s) hang on {resource.name}" if found else "no private endpoint hangs on it"
    detail = f"not everything could be read: {unread}" if unread else text
    rows = sorted(found, key=lambda row: fold(str(row["endpointId"])))
    return {"resource": str(resource), "complete": not unread, "detail": detail, "value": rows}


def _lies_in(endpoint: Endpoint, place: ResourceId) -> bool:
    return place in (endpoint.network, endpoint.subnet)


def _knows(policy: Policy, place: ResourceId) -> bool:
    in_scope = policy.scope is None or fold(place.subscription) in policy.scope
    return in_scope or any(_serves(hub, place) for hub in policy.hubs)


def _serves(hub: Hub, place: ResourceId) -> bool:
    serves = hub.serves
    network = place.parent if place.is_a(SUBNET) else place
    return serves.all or fold(place.subscription) in serves.subscriptions or network in serves.networks
