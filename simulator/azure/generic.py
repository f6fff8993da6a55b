"""Knows resources of any type: PUT, PATCH, GET, HEAD, DELETE, lists, actions. Refuses to know what they are for.

Targets keep their connections whatever a PUT says. Types with a life of their own (endpoints, zones, Cosmos,
link services) bring a shape of their own, see SHAPES.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from simulator.azure import catalog, connections, sides
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.errors import bad, gateway, group_missing
from simulator.azure.paging import page
from simulator.azure.quirks import quirk
from simulator.azure.world import Resource, World, stamp

SHAPES: dict[str, Callable[[World, Resource], dict[str, Any]]] = {}  # type -> how it is read
MADE: dict[str, Callable[[World, Resource, dict[str, Any]], None]] = {}  # type -> what a PUT or PATCH adds
GONE: dict[str, Callable[[World, Resource], None]] = {}  # type -> what goes with it
TOP = ("tags", "sku", "kind", "identity", "plan", "zones", "managedBy", "extendedLocation", "etag")


def render(world: World, resource: Resource) -> dict[str, Any]:
    """The resource as a GET shows it, with the connections that its provider nests."""
    shape = SHAPES.get(resource.path.type.lower())
    if shape:
        body = shape(world, resource)
    else:
        body = copy.copy(resource.body)
        if isinstance(body.get("properties"), dict):
            body["properties"] = dict(body["properties"])
    connections.nest(world, resource, body)
    return body


def get(call: Call) -> Reply:
    body = render(call.world, demand(call.world, call.path))
    etag = body.get("etag")
    return Reply(200, body, {"ETag": etag} if isinstance(etag, str) else {})


def head(call: Call) -> Reply:
    demand(call.world, call.path)
    return Reply(204)


def put(call: Call) -> Reply:
    """Create or replace. Tracked resources need a location; children and proxies do not."""
    world, old, given = call.world, call.world.get(call.path), call.content
    path = old.path if old else catalog.spelled(call.path)
    if len(path.types) > 1 and path.group:
        demand(world, path.parent)
    elif path.group and not old and not given.get("location"):
        raise bad("LocationRequired", "The location property is required for this definition.")
    properties = {
        name: value for name, value in (given.get("properties") or {}).items() if name != "privateEndpointConnections"
    }
    body: dict[str, Any] = {"id": path.id, "name": path.name, "type": catalog.type_name(path)}
    location = given.get("location") or (old.body.get("location") if old else None)
    if location:
        body["location"] = location
    body |= {name: given[name] for name in TOP if given.get(name) is not None}
    body["properties"] = {**properties, "provisioningState": "Succeeded"}
    resource = old or Resource(path, body)
    resource.body, resource.changed = body, datetime.now(UTC)
    _made(world, resource, properties)
    world.put(resource)
    return Reply(200 if old else quirk(path.type).create, render(world, resource), update=old is not None)


def patch(call: Call) -> Reply:
    resource, given = demand(call.world, call.path), call.content
    properties = {
        name: value for name, value in (given.get("properties") or {}).items() if name != "privateEndpointConnections"
    }
    for name in TOP:
        if given.get(name) is not None:
            resource.body[name] = given[name]
    resource.body["properties"] = _merged(resource.body.get("properties") or {}, properties)
    resource.changed = datetime.now(UTC)
    _made(call.world, resource, properties)
    call.world.version += 1
    return Reply(200, render(call.world, resource), update=True)


def delete(call: Call) -> Reply:
    resource = call.world.get(call.path)
    if resource is None:
        return Reply(204, event=False)
    for one in [*call.world.below(resource.path.key), resource]:
        vanish(call.world, one)
    sides.target_deleted(call.world, resource.path)
    return Reply(200)


def vanish(world: World, resource: Resource) -> bool:
    """The resource is gone, and what only it kept alive; False when it was gone already."""
    hook = GONE.get(resource.path.type.lower())
    if hook:
        hook(world, resource)
    return world.drop(resource.path.key) is not None


def list_(call: Call) -> Reply:
    """A collection in a group, in a subscription, or under a parent resource."""
    path = call.path
    if path.names and path.group:
        demand(call.world, path.parent)
    elif path.group and not call.world.has_group(path):
        raise group_missing(path.group)
    prefix = f"/subscriptions/{path.subscription}/".lower() + (
        f"resourcegroups/{path.group}/".lower() if path.group else ""
    )
    under = path.parent.key + "/" if path.names else prefix
    found = [one for one in call.world.of_type(catalog.spelled(path).type) if one.path.key.startswith(under)]
    return page(call, [render(call.world, one) for one in found])


def resources(call: Call) -> Reply:
    """GET /subscriptions/{s}[/resourceGroups/{g}]/resources, with the usual $filter on the type (an empty one too)."""
    path = call.path
    text = call.query.get("$filter") or ""
    wanted = [kind.lower() for kind in re.findall(r"resourceType\s+eq\s+'([^']+)'", text, re.IGNORECASE)]
    named = re.findall(r"\bname\s+eq\s+'([^']+)'", text, re.IGNORECASE)
    prefix = f"/subscriptions/{path.subscription}/".lower()
    prefix += f"resourcegroups/{path.group}/".lower() if path.group else ""
    rows = [
        _row(one)
        for key, one in call.world.resources.items()
        if key.startswith(prefix)
        and len(one.path.types) == 1
        and (not wanted or one.path.type.lower() in wanted)
        and (not named or one.path.name in named)
    ]
    return page(call, rows)


def action(call: Call) -> Reply:
    """POST of an action nobody models: it succeeds. Names are always free, keys are made up."""
    if call.path.names:
        demand(call.world, call.path.parent)
    if not call.path.subscription:
        raise gateway(404, "InvalidResourceType", f"The path '{call.path.id}' is not known.")
    if call.path.last in ("checknameavailability", "checkmysqlnameavailability"):
        return Reply(200, {"nameAvailable": not _taken(call)}, event=False)
    if call.path.last in ("listkeys", "regeneratekey"):
        return Reply(200, {"keys": [{"keyName": "key1", "value": "bm90LWEta2V5", "permissions": "FULL"}]})
    return Reply(200, {})


def _taken(call: Call) -> bool:
    name = str(call.content.get("name", "")).lower()
    space = call.path.namespace.lower() + "/"
    return any(
        one.path.name.lower() == name and one.path.type.lower().startswith(space)
        for one in call.world.resources.values()
    )


def _row(one: Resource) -> dict[str, Any]:
    row = {
        "id": one.path.id,
        "name": one.path.name,
        "type": catalog.type_name(one.path),
        "location": one.body.get("location", "global"),
        "createdTime": stamp(one.made),
        "changedTime": stamp(one.changed),
        "provisioningState": "Succeeded",
    }
    return row | {name: one.body[name] for name in ("tags", "sku", "kind") if one.body.get(name) is not None}


def _made(world: World, resource: Resource, given: dict[str, Any]) -> None:
    hook = MADE.get(resource.path.type.lower())
    if hook:
        hook(world, resource, given)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
