"""Knows the calls to a target's connections: list, one, decide, remove; and the groups a target offers.

Refuses to know how connections come to be. Codes, bodies and second decisions per provider: quirks.py.
"""

from __future__ import annotations

from typing import Any

from simulator.azure import apis, catalog, connections, firewall, operations, sides
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.connections import Connection
from simulator.azure.durations import REMOVED, decision
from simulator.azure.endpoints import wanted_members
from simulator.azure.errors import ArmError, bad, busy, resource_missing
from simulator.azure.paging import page
from simulator.azure.quirks import REJECTED, Quirk
from simulator.azure.world import Resource, World, stamp

VERDICTS = {"approved": "Approved", "rejected": "Rejected", "disconnected": "Disconnected"}


def _target(call: Call) -> Resource:
    parent = call.path.parent
    return demand(call.world, parent)


def _connection(call: Call) -> Connection:
    """The connection addressed; a PUT does not create one (reported for SQL and Storage)."""
    target = _target(call)
    found = connections.of_target(call.world, target.path).get(call.path.name.lower())
    if found is None:  # U: the code differs per provider
        raise ArmError(404, "ResourceNotFound", resource_missing(call.path).message)
    return found


def list_(call: Call) -> Reply:
    target = _target(call)
    rows = connections.of_target(call.world, target.path).values()
    return page(call, [connections.render(call.world, one) for one in rows])


def get(call: Call) -> Reply:
    one = _connection(call)
    body = connections.render(call.world, one)
    return Reply(200, body, {"ETag": body["etag"]} if "etag" in body else {})


def put(call: Call) -> Reply:
    """The decision. Whatever the body says, only status and description change."""
    world, one = call.world, _connection(call)
    row = one.quirk
    status, description = _asked(call, one, row)
    _second_decision(world, one, row, status)
    if one.provisioning != row.settled:
        raise busy(one.path)
    one.state.status, one.state.description, one.state.actions = status, description, _actions(call, one, row)
    firewall.note(world, one.target, f"connection {one.name} is {status}")
    one.etag = world.guid()
    sync = world.switches["sync_decisions"] if row.sync else False
    if not row.between or sync:
        sides.follow(world, one)
        code = 201 if row.made and sync == "201" else 200
        return Reply(code, connections.render(world, one), update=True)
    one.provisioning = "Rejecting" if (row.between, status) == ("Approving", "Rejected") else row.between
    operation = operations.begin(
        world,
        one.path,
        decision(one.target.type, row.seconds),
        lambda: _settled(world, one, row, call.principal),
        style=row.style,
        result=lambda: connections.render(world, one),
    )
    return Reply(row.put, _body(world, one, row), _headers(call, one, row, operation), event=False)


def _asked(call: Call, one: Connection, row: Quirk) -> tuple[str, str]:
    state = (call.content.get("properties") or {}).get("privateLinkServiceConnectionState")
    if not isinstance(state, dict):
        raise bad("InvalidRequestContent", "properties.privateLinkServiceConnectionState is missing.")
    if "description" in row.needs and not state.get("description"):  # reported for SQL
        raise bad(
            "InvalidResourceIdSegment",
            "The value of parameters.properties.privateLinkServiceConnectionState is invalid.",
        )
    status = VERDICTS.get(str(state.get("status", "")).lower())
    if status is None or (status == "Disconnected" and "linkIdentifier" not in row.extras):
        raise bad("InvalidParameterValue", f"The status '{state.get('status')}' is not valid here.")
    return status, str(state.get("description") or "")  # recorded for Storage: null becomes an empty text


def _actions(call: Call, one: Connection, row: Quirk) -> str:
    """Link services keep whatever text the approver writes (recorded: free text), the others say None. Deciding does
    not spare the requester the PUT that new regions want (assumed)."""
    if one.state.actions == "Recreate":
        return "Recreate"
    state = call.content["properties"]["privateLinkServiceConnectionState"]
    return str(state.get("actionsRequired") or "None") if "freeActions" in row.extras else "None"


def _second_decision(world: World, one: Connection, row: Quirk, status: str) -> None:
    refusal = row.second.get((one.state.status, status))
    if refusal and refusal is REJECTED and world.switches["reapprove"]:
        return
    if refusal:
        raise bad(*refusal)


def _settled(world: World, one: Connection, row: Quirk, principal: str) -> None:
    if connections.of_target(world, one.target).get(one.name.lower()) is not one:
        return
    one.provisioning = row.settled
    one.etag = world.guid()
    world.grid.write(one.path, principal, update=True)
    if row.follow:
        world.later.after(row.follow, lambda: sides.follow(world, one))
    else:
        sides.follow(world, one)


def _body(world: World, one: Connection, row: Quirk) -> Any:
    word = "Approve" if one.state.status == "Approved" else "Reject"
    return {
        "connection": lambda: connections.render(world, one),
        "enqueued": lambda: {"status": "Enqueued"},
        "operation": lambda: {"operation": f"{word}ElasticServerPrivateEndpointConnection", "startTime": stamp()},
        "none": lambda: None,
    }[row.body]()


def _headers(call: Call, one: Connection, row: Quirk, operation: operations.Operation) -> dict[str, str]:
    place = catalog.region(call.world.resources[one.target.key].body.get("location"))
    headers = operations.links(
        call, operation, location=place, status="async" in row.headers, result="location" in row.headers
    )
    if "self" in row.headers:  # recorded for Key Vault: the URL is the connection itself
        path = catalog.spelled(one.path)
        headers["Azure-AsyncOperation"] = (
            f"{call.base}{path.id}?api-version={call.version}&kv-operation={operation.token}"
        )
    return headers


def delete(call: Call) -> Reply:
    """Remove a connection; its endpoint then shows Disconnected."""
    world = call.world
    target = _target(call)
    one = connections.of_target(world, target.path).get(call.path.name.lower())
    if one is None:
        return Reply(204, event=False)
    row = one.quirk
    if row.delete == 200:
        _remove(world, one)
        return Reply(200)
    if one.provisioning != row.settled:
        raise busy(one.path)
    if row.settled == "Ready":
        one.provisioning = "Dropping"

    def done() -> None:
        _remove(world, one)
        world.grid.delete(one.path, call.principal)

    operation = operations.begin(world, one.path, REMOVED, done, style=row.style)
    headers = operations.links(call, operation, location=catalog.region(target.body.get("location")), result=True)
    body = {"operation": "DropElasticServerPrivateEndpointConnection", "startTime": stamp()}
    return Reply(202, body if row.body == "operation" else None, headers, event=False)


def _remove(world: World, one: Connection) -> None:
    connections.close(world, one)
    firewall.note(world, one.target, f"connection {one.name} was removed")
    sides.disconnect(world, one)


def link_resources(call: Call) -> Reply:
    """GET {target}/privateLinkResources: what one can connect to."""
    target = _target(call)
    rows = [_link_resource(target, group) for group in apis.offered(target, catalog.groups(target.path))]
    if call.path.is_item:
        chosen = [row for row in rows if row["name"].lower() == call.path.name.lower()]
        if not chosen:
            raise resource_missing(call.path)
        return Reply(200, chosen[0])
    return page(call, rows)


def _link_resource(target: Resource, group: str) -> dict[str, Any]:
    path = catalog.spelled(target.path).child("privateLinkResources", group)
    return {
        "id": path.id,
        "name": group,
        "type": f"{catalog.type_name(target.path)}/privateLinkResources",
        "properties": {
            "groupId": group,
            "requiredMembers": [one.name for one in wanted_members(target, [group])],
            "requiredZoneNames": catalog.zones(target.path, target.body.get("location"), group),
        },
    }
