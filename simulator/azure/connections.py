"""Knows connections as the target sees them: how they come to be, what they are called, how they look.

Refuses to know decisions (decisions.py) and endpoints' own data (endpoints.py). Looks: quirks.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.azure import catalog
from simulator.azure.errors import ArmError
from simulator.azure.ids import Path
from simulator.azure.quirks import Quirk, quirk
from simulator.azure.world import Resource, World


@dataclass(slots=True)
class LinkState:
    """The state of a link, as either side tells it. A description of None is a missing key."""

    status: str
    description: str | None
    actions: str = "None"


@dataclass(slots=True)
class Connection:
    """One request to a target. Everything but state, provisioning and etag is read-only for callers."""

    name: str
    target: Path
    endpoint: Path
    endpoint_guid: str
    groups: list[str]
    state: LinkState
    provisioning: str
    etag: str
    identifier: str
    location: str
    subnet: str
    endpoint_location: str

    @property
    def quirk(self) -> Quirk:
        return quirk(self.target.type)

    @property
    def path(self) -> Path:
        return self.target.child(self.quirk.child, self.name)


def of_target(world: World, target: Path) -> dict[str, Connection]:
    return world.connections.get(target.key, {})


def of_endpoint(world: World, target: str, endpoint_guid: str) -> Connection | None:
    """The connection that an endpoint has at a target."""
    rows = world.connections.get(target.lower(), {}).values()
    return next((one for one in rows if one.endpoint_guid == endpoint_guid), None)


def open_one(world: World, target: Resource, connection: Connection) -> None:
    """Enter a new connection under its target; it must have a name already."""
    world.connections.setdefault(target.path.key, {})[connection.name.lower()] = connection
    world.version += 1


def close(world: World, connection: Connection) -> None:
    rows = world.connections.get(connection.target.key, {})
    if rows.get(connection.name.lower()) is connection:
        del rows[connection.name.lower()]
        world.version += 1


def new_name(world: World, target: Resource, link: str, endpoint: Path, guid: str) -> str:
    """The connection's name in the provider's form; what happens when it is taken is a switch (U)."""
    row, own = quirk(target.path.type), world.guid()
    name = row.name.format(
        target=target.path.name,
        endpoint=endpoint.name,
        endpointGuid=guid,
        link=link,
        guid=own,
        hex=own.replace("-", ""),
    )
    if name.lower() not in of_target(world, target.path):
        return name
    if world.switches["name_clash"] == "refuse":
        raise ArmError(409, "PrivateEndpointConnectionConflict", f"A connection named '{name}' exists already.")
    return name if world.switches["name_clash"] == "replace" else f"{name}-{own[:8]}"


def render(world: World, one: Connection, *, nested: bool = False) -> dict[str, Any]:
    """The connection in its provider's dialect."""
    row = one.quirk
    properties: dict[str, Any] = {"provisioningState": one.provisioning, "privateEndpoint": {"id": one.endpoint.id}}
    if row.groups == "?" and world.switches["unknown_settled"] == "absent":
        del properties["provisioningState"]
    groups = world.switches["unknown_groups"] if row.groups == "?" else row.groups
    if groups == "groupId" and one.groups:
        properties["groupId"] = one.groups[0]
    elif groups == "groupIds":
        properties["groupIds"] = list(one.groups)
    state: dict[str, Any] = {"status": one.state.status}
    if one.state.description is not None:
        state["description"] = one.state.description
    state[row.actions] = one.state.actions
    properties["privateLinkServiceConnectionState"] = state
    path = catalog.spelled(one.path)
    if "lowerGroup" in row.extras:  # recorded for App Configuration: not as the target spells its group
        path = path.under(path.subscription, path.group.lower())
    kind = "/".join((catalog.type_name(one.target), row.child))
    body = {"id": path.id, "name": one.name, "type": kind, "properties": properties}
    _extras(one, row, body)
    if nested:
        for key in row.nested_without:
            body.pop(key, None)
    return body


def _extras(one: Connection, row: Quirk, body: dict[str, Any]) -> None:
    properties = body["properties"]
    if "etag" in row.extras:
        body["etag"] = f'W/"{one.etag}"'
    if "hexEtag" in row.extras:
        body["etag"] = one.etag.replace("-", "")
    if "location" in row.extras:
        body["location"] = one.location
    if "linkIdentifier" in row.extras:
        properties["linkIdentifier"] = one.identifier
    if "endpointLocation" in row.extras:
        properties["privateEndpointLocation"] = one.endpoint_location
    if "subnet" in row.extras:
        properties["privateEndpoint"]["subnetArmId"] = one.subnet
    if "ampls" in row.extras:
        properties |= {"queryOnlyPrivateLinkResources": False, "ingestOnlyToPrivateLinkResources": True}


def nest(world: World, target: Resource, body: dict[str, Any]) -> None:
    """Put the connections into the parent's properties, where the provider does so."""
    row = quirk(target.path.type)
    found = [render(world, one, nested=True) for one in of_target(world, target.path).values()]
    if row.nested == "always" or (row.nested == "filled" and found):
        body.setdefault("properties", {})["privateEndpointConnections"] = found
