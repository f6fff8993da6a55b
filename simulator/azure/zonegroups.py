"""Knows DNS zone groups of endpoints: the platform's own way to keep records, which never asks whose they are.

Refuses to know anything of ownership, as Azure does (reference: dns-records 4; recordings dns-a-zonegroup-creator,
dns-pe-with-zone-group).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.azure import ids, operations, records
from simulator.azure.calls import Call, Reply
from simulator.azure.durations import ZONE_GROUP
from simulator.azure.errors import bad, parent_missing, resource_missing
from simulator.azure.ids import Path
from simulator.azure.paging import page
from simulator.azure.world import Resource, World

TTL = 10  # recorded
TYPE = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"


@dataclass(slots=True)
class Written:
    """What a group wrote: (zone key, record) -> address."""

    records: dict[tuple[str, str], str] = field(default_factory=dict)


def _endpoint(call: Call) -> Resource:
    found = call.world.get(call.path.parent)
    if found is None:
        raise parent_missing(call.path)
    return found


def put(call: Call) -> Reply:
    """At most one group per endpoint, at most five zones (documented)."""
    world, endpoint = call.world, _endpoint(call)
    path = endpoint.path.child("privateDnsZoneGroups", call.path.name)
    configs = (call.content.get("properties") or {}).get("privateDnsZoneConfigs") or []
    others = [one for one in world.below(endpoint.path.key) if one.path.key != path.key]
    if others:
        raise bad("PrivateDnsZoneGroupLimitExceeded", "A private endpoint can have one private DNS zone group.")
    if len(configs) > 5:
        raise bad("PrivateDnsZoneConfigLimitExceeded", "A private DNS zone group can have five zones.")
    for config in configs:
        _zone(world, (config.get("properties") or {}).get("privateDnsZoneId"))
    old = world.get(path)
    resource = Resource(path, {"configs": configs}, old.item if old else Written())
    endpoint.item.zone_group = True
    world.put(resource)

    def done() -> None:
        if world.get(path) is resource:
            sync(world, endpoint)
            world.grid.write(path, call.principal, update=old is not None)

    operation = operations.begin(world, path, ZONE_GROUP, done, style="network", result=lambda: render(world, resource))
    headers = operations.links(call, operation, location=endpoint.body["location"])
    return Reply(200 if old else 201, render(world, resource), headers, event=False)


def get(call: Call) -> Reply:
    endpoint = _endpoint(call)
    resource = call.world.get(endpoint.path.child("privateDnsZoneGroups", call.path.name))
    if resource is None:
        raise resource_missing(call.path)
    return Reply(200, render(call.world, resource))


def list_(call: Call) -> Reply:
    endpoint = _endpoint(call)
    return page(call, [render(call.world, one) for one in call.world.below(endpoint.path.key)])


def delete(call: Call) -> Reply:
    world, endpoint = call.world, _endpoint(call)
    resource = world.get(endpoint.path.child("privateDnsZoneGroups", call.path.name))
    if resource is None:
        return Reply(204, event=False)

    def done() -> None:
        clear(world, endpoint)
        if world.drop(resource.path.key):
            endpoint.item.zone_group = False
            world.grid.delete(resource.path, call.principal)

    operation = operations.begin(world, resource.path, ZONE_GROUP, done, style="network")
    headers = operations.links(call, operation, location=endpoint.body["location"], result=True)
    return Reply(202, None, headers, event=False)


def sync(world: World, endpoint: Resource) -> None:
    """Write the records of an approved endpoint; take away those of one that is refused, and old names."""
    for group in world.children.get(endpoint.path.key, {}).values():
        if world.switches["group_silent"]:
            continue
        wanted = _wanted(world, endpoint, group) if endpoint.item.state.status == "Approved" else {}
        if endpoint.item.state.status == "Pending":
            continue
        for key in set(group.item.records) - set(wanted):
            _erase(world, key)
        creator = f"created by private endpoint {endpoint.path.name} with resource guid {endpoint.item.guid}"
        for (zone, record), address in wanted.items():
            found = world.get(zone)
            if found and group.item.records.get((zone, record)) != address:
                records.write(world, found, record, address, TTL, creator)
        group.item.records = wanted


def clear(world: World, endpoint: Resource) -> None:
    """Delete everything the group wrote, even if somebody else wrote over it since (reported)."""
    for group in world.children.get(endpoint.path.key, {}).values():
        for key in group.item.records:
            _erase(world, key)
        group.item.records = {}


def render(world: World, resource: Resource) -> dict[str, Any]:
    properties = {
        "provisioningState": "Succeeded",
        "privateDnsZoneConfigs": [_config(world, resource, config) for config in resource.body["configs"]],
    }
    return {
        "name": resource.path.name,
        "id": resource.path.id,
        "etag": f'W/"{world.guid()}"',
        "type": TYPE,
        "properties": properties,
    }


def _config(world: World, resource: Resource, config: dict[str, Any]) -> dict[str, Any]:
    zone = str((config.get("properties") or {}).get("privateDnsZoneId"))
    sets = [
        {
            "recordType": "A",
            "recordSetName": record,
            "fqdn": f"{record}.{zone.rsplit('/', 1)[-1]}",
            "ttl": TTL,
            "ipAddresses": [address],
            "provisioningState": "Succeeded",
        }
        for (key, record), address in resource.item.records.items()
        if key == zone.lower()
    ]
    return {
        "name": config.get("name"),
        "id": f"{resource.path.id}/privateDnsZoneConfigs/{config.get('name')}",
        "type": f"{TYPE}/privateDnsZoneConfigs",
        "properties": {"provisioningState": "Succeeded", "privateDnsZoneId": zone, "recordSets": sets},
    }


def _wanted(world: World, endpoint: Resource, group: Resource) -> dict[tuple[str, str], str]:
    """A zone of another name than the recommended one gets nothing, silently (recorded)."""
    found = {}
    for config in group.body["configs"]:
        zone = str((config.get("properties") or {}).get("privateDnsZoneId"))
        for one in endpoint.item.addresses:
            for name in one.member.names:
                if name.zone.lower() == zone.rsplit("/", 1)[-1].lower():
                    found[zone.lower(), name.record] = one.address
    return found


def _erase(world: World, key: tuple[str, str]) -> None:
    zone = world.get(key[0])
    if zone:
        records.erase(world, zone, key[1])


def _zone(world: World, text: Any) -> Path:
    path = ids.resource(text)
    if path is None or world.get(path) is None:
        raise bad("InvalidResourceReference", f"The private DNS zone {text} was not found.")
    return path
