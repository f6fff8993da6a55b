"""Knows private DNS zones and their network links. Refuses to know the calls to record sets (records.py).

Recorded: dns-zone-get, dns-zone-put-async; documented: limits in dns-records 3, links in dns-vnet-links-list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.azure import operations
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.errors import ArmError, parent_missing, resource_missing
from simulator.azure.ids import Path
from simulator.azure.paging import page
from simulator.azure.world import Resource, World

TYPE = "Microsoft.Network/privateDnsZones"
LINKS = "virtualNetworkLinks"
SECONDS = 1.0  # at pace 1; recorded: 30 s
SOA = {
    "email": "azureprivatedns-host.microsoft.com",
    "expireTime": 2419200,
    "host": "azureprivatedns.net",
    "minimumTTL": None,
    "minimumTtl": 10,
    "refreshTime": 3600,
    "retryTime": 300,
    "serialNumber": 1,
}


@dataclass(slots=True)
class Record:
    """One record set. `values` is the property that holds its data, as given."""

    kind: str
    name: str
    ttl: int
    values: Any
    etag: str
    metadata: dict[str, str] | None = None
    auto: bool = False


@dataclass(slots=True)
class Zone:
    """What a zone holds."""

    etag: str
    records: dict[tuple[str, str], Record] = field(default_factory=dict)


def all_named(world: World, name: str) -> Iterator[Resource]:
    """Every zone of this name: hubs hold copies."""
    return (one for one in world.of_type(TYPE) if one.path.name.lower() == name)


def find(world: World, path: Path) -> Resource:
    """The zone that a record set or link lies in (recorded: ParentResourceNotFound)."""
    zone = world.get(Path(path.subscription, path.group, path.namespace, path.types[:1], path.names[:1]))
    if zone is None:
        raise parent_missing(path)
    return zone


def etag_of(text: str) -> str:
    """ETags are accepted bare, in quotes, or weak (recorded bare; azure-mgmt-privatedns 2.0 sends quotes)."""
    return text.strip().removeprefix("W/").strip('"')


def preconditions(call: Call, what: str, etag: str | None) -> None:
    """If-Match and If-None-Match; `etag` None means that there is nothing (recorded: dns-a-put-412-exists)."""
    none, match = call.headers.get("If-None-Match"), call.headers.get("If-Match")
    if none is not None and none.strip() == "*" and etag is not None and call.method == "PUT":
        raise ArmError(
            412, "PreconditionFailed", f"The {what} exists already and hence cannot be created again.", flat=True
        )
    if match is None or (call.method == "DELETE" and etag is None):
        return
    if etag is None:  # documented: If-Match means "only if it exists"
        raise ArmError(412, "PreconditionFailed", f"The {what} does not exist and hence cannot be updated.", flat=True)
    if match.strip() != "*" and etag_of(match) != etag:
        raise ArmError(
            412,
            "PreconditionFailed",
            f"The condition '{match}' in the If-Match header was not satisfied: etag mismatch.",
            flat=True,
        )


def render(world: World, resource: Resource) -> dict[str, Any]:
    links = [one.body for one in world.children.get(resource.path.key, {}).values()]
    registering = [one for one in links if one["properties"].get("registrationEnabled")]
    body = {
        "id": resource.path.id,
        "name": resource.path.name,
        "type": TYPE,
        "etag": resource.item.etag,
        "location": "global",
        "properties": {
            "maxNumberOfRecordSets": world.switches["zone_capacity"],
            "maxNumberOfVirtualNetworkLinks": 1000,
            "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
            "numberOfRecordSets": len(resource.item.records),
            "numberOfVirtualNetworkLinks": len(links),
            "numberOfVirtualNetworkLinksWithRegistration": len(registering),
            "provisioningState": "Succeeded",
        },
    }
    if resource.body.get("tags") is not None:
        body["tags"] = resource.body["tags"]
    return body


def put(call: Call) -> Reply:
    """A zone comes into being some seconds later (recorded)."""
    world, old = call.world, call.world.get(call.path)
    preconditions(call, f"Zone {call.path.name}", old.item.etag if old else None)
    path = Path(call.path.subscription, call.path.group, "Microsoft.Network", ("privateDnsZones",), call.path.names)
    world.need_group(path)
    tags = call.content.get("tags")

    def done() -> None:
        resource = world.get(path) or Resource(path, {}, Zone(world.guid()))
        resource.body = {"location": "global", "tags": tags}
        resource.item.etag = world.guid()
        if not resource.item.records:
            resource.item.records["SOA", "@"] = Record("SOA", "@", 3600, dict(SOA), world.guid())
        world.put(resource)
        world.grid.write(path, call.principal, update=old is not None)

    operation = operations.begin(
        world, path, SECONDS, done, style="dns", result=lambda: render(world, demand(world, path))
    )
    return Reply(202, {}, operations.links(call, operation, result=True), event=False)


def delete(call: Call) -> Reply:
    world, resource = call.world, call.world.get(call.path)
    if resource is None:
        return Reply(204, event=False)
    preconditions(call, f"Zone {call.path.name}", resource.item.etag)
    if world.children.get(resource.path.key):
        raise ArmError(
            409, "CannotDeleteResource", "Can not delete resource before nested resources are deleted.", flat=True
        )

    def done() -> None:
        if world.drop(resource.path.key):
            world.grid.delete(resource.path, call.principal)

    operation = operations.begin(world, resource.path, SECONDS, done, style="dns")
    return Reply(202, None, operations.links(call, operation, result=True), event=False)


def put_link(call: Call) -> Reply:
    """A network link: whoever is in that network resolves by this zone."""
    world, zone = call.world, find(call.world, call.path)
    path = zone.path.child(LINKS, call.path.name)
    old = world.get(path)
    preconditions(call, f"Virtual network link {path.name}", old.body["etag"] if old else None)
    given = call.content.get("properties") or {}
    properties = {
        "provisioningState": "Succeeded",
        "registrationEnabled": bool(given.get("registrationEnabled")),
        "resolutionPolicy": given.get("resolutionPolicy") or "Default",
        "virtualNetwork": given.get("virtualNetwork"),
        "virtualNetworkLinkState": "Completed",
    }
    body = {
        "name": path.name,
        "type": f"{TYPE}/{LINKS}",
        "etag": world.guid(),
        "id": path.id,
        "location": "global",
        "properties": properties,
        "tags": call.content.get("tags") or {},
    }

    def done() -> None:
        world.put(Resource(path, body))
        zone.item.etag = world.guid()
        world.grid.write(path, call.principal, update=old is not None)

    operation = operations.begin(world, path, SECONDS, done, style="dns", result=lambda: body)
    return Reply(202, {}, operations.links(call, operation, result=True), event=False)


def delete_link(call: Call) -> Reply:
    world = call.world
    resource = world.get(find(world, call.path).path.child(LINKS, call.path.name))
    if resource is None:
        return Reply(204, event=False)

    def done() -> None:
        if world.drop(resource.path.key):
            world.grid.delete(resource.path, call.principal)

    operation = operations.begin(world, resource.path, SECONDS, done, style="dns")
    return Reply(202, None, operations.links(call, operation, result=True), event=False)


def list_links(call: Call) -> Reply:
    zone = find(call.world, call.path)
    rows = [one.body for one in call.world.children.get(zone.path.key, {}).values()]
    return page(call, rows, _top(call))


def get_link(call: Call) -> Reply:
    resource = call.world.get(find(call.world, call.path).path.child(LINKS, call.path.name))
    if resource is None:
        raise ArmError(404, "NotFound", resource_missing(call.path).message, flat=True)
    return Reply(200, resource.body, {"etag": resource.body["etag"]})


def _top(call: Call) -> int:
    return int(call.query.get("$top") or 100)
