"""`given` and `when`: what people and Azure do in a story. Every docstring is the sentence that is shown."""

import json
import time
from collections.abc import Callable
from typing import Any

from simulator.stories.wire import Answer
from simulator.stories.world import (
    DATA,
    HUB,
    LOCATION,
    NotAsTold,
    World,
    record_addresses,
    record_path,
    subscription,
)

TYPES = {
    "storage account": "Microsoft.Storage/storageAccounts",
    "key vault": "Microsoft.KeyVault/vaults",
    "SQL server": "Microsoft.Sql/servers",
    "PostgreSQL server": "Microsoft.DBforPostgreSQL/flexibleServers",
    "Private Link service": "Microsoft.Network/privateLinkServices",
    "Cosmos account": "Microsoft.DocumentDB/databaseAccounts",
    "application gateway": "Microsoft.Network/applicationGateways",
    "Grafana workspace": "Microsoft.Dashboard/grafana",
}
PROPERTIES: dict[str, dict[str, Any]] = {
    "SQL server": {"administratorLogin": "clerk", "version": "12.0"},
    "Cosmos account": {
        "databaseAccountOfferType": "Standard",
        "locations": [{"locationName": "West Europe", "failoverPriority": 0}],
    },
    "Private Link service": {"visibility": {"subscriptions": ["*"]}, "autoApproval": {"subscriptions": []}},
}


def must(answer: Answer, what: str) -> Any:
    if not answer.good:
        raise NotAsTold(f"{what}: Azure answered {answer.status} {answer.body}")
    return answer.body


def _target(kind: str) -> Callable[..., None]:
    def exists(world: World, name: str, group: str = "data", owner: str = "") -> None:
        home = f"/subscriptions/{subscription(owner)}/resourceGroups" if owner else DATA
        path = f"{home}/{group}/providers/{TYPES[kind]}/{name}"
        body = {"location": LOCATION, "properties": PROPERTIES.get(kind, {})}
        must(world.wire.arm("PUT", path, body), f"creating {name}")
        world.wire.settled(path)
        world.targets[name] = path

    exists.__doc__ = f"there is a {kind} {{name}}[ in resource group {{group}}][, which belongs to a {{owner}}]"
    return exists


def zone(world: World, name: str) -> None:
    """the hub has the zone {name}"""
    path = f"{HUB}/providers/Microsoft.Network/privateDnsZones/{name}"
    must(world.wire.arm("PUT", path, {"location": "global"}), f"creating the zone {name}")
    world.wire.settled(path)


def ask(
    world: World, name: str, to: str, by: str, groups: list[str] | None = None, message: str = "", group: str = "apps"
) -> None:
    """the {by} asks for a private endpoint {name} to {to}[ ({groups})][, saying "{message}"]"""
    home = f"/subscriptions/{subscription(by)}/resourceGroups/{group}/providers/Microsoft.Network"
    path = f"{home}/privateEndpoints/{name}"
    link: dict[str, Any] = {"privateLinkServiceId": world.target_id(to), "groupIds": groups or []}
    if message:
        link["requestMessage"] = message
    body = {
        "location": LOCATION,
        "properties": {
            "subnet": {"id": f"{home}/virtualNetworks/vnet/subnets/endpoints"},
            "manualPrivateLinkServiceConnections": [{"name": f"{name}-link", "properties": link}],
        },
    }
    must(world.wire.arm("PUT", path, body), f"creating the endpoint {name}")
    world.endpoints[name] = path


def delete_endpoint(world: World, name: str) -> None:
    """the endpoint {name} is deleted"""
    path = world.endpoint_id(name)
    world.before[f"addresses of {name}"] = world.addresses(name)
    must(world.wire.arm("DELETE", path), f"deleting the endpoint {name}")
    until = time.monotonic() + 20
    while world.wire.arm("GET", path).status != 404:
        if time.monotonic() > until:
            raise NotAsTold(f"the endpoint {name} is still there after 20 s")
        time.sleep(0.1)


def move_endpoint(world: World, name: str, to_group: str) -> None:
    """the endpoint {name} is moved to resource group {to_group}"""
    old = world.endpoint_id(name)
    parts = old.split("/")
    source, target = "/".join(parts[:5]), "/".join([*parts[:4], to_group])
    body = {"resources": [old], "targetResourceGroup": target}
    must(world.wire.arm("POST", f"{source}/moveResources", body, version="2021-04-01"), f"moving {name}")
    new = "/".join([*parts[:4], to_group, *parts[5:]])
    world.wire.settled(new)
    world.endpoints[name] = new


def tags(world: World, of: str, set: dict[str, str]) -> None:
    """the tags of {of} are {set}"""
    path = f"{world.target_id(of)}/providers/Microsoft.Resources/tags/default"
    body = {"properties": {"tags": set}}
    must(world.wire.arm("PUT", path, body, version="2021-04-01"), f"tagging {of}")


def management_group(world: World, name: str, members: list[str]) -> None:
    """the management group {name} holds the subscription of {members}"""
    path = f"/providers/Microsoft.Management/managementGroups/{name}"
    must(world.wire.arm("PUT", path, {"properties": {}}, version="2021-04-01"), f"creating the group {name}")
    for person in members:
        member = f"{path}/subscriptions/{subscription(person)}"
        must(world.wire.arm("PUT", member, {}, version="2021-04-01"), f"moving the {person} to {name}")


def ask_managed(world: World, name: str, of: str, to: str, groups: list[str], message: str = "") -> None:
    """the Grafana workspace {of} asks for {to} ({groups}) through its managed endpoint {name}"""
    path = f"{world.target_id(of)}/managedPrivateEndpoints/{name}"
    before = set(_requesters(world, to))
    properties = {"privateLinkResourceId": world.target_id(to), "groupIds": groups, "requestMessage": message}
    body = {"location": LOCATION, "properties": properties}
    must(world.wire.arm("PUT", path, body, version="2024-10-01"), f"creating the managed endpoint {name}")
    until = time.monotonic() + 20
    while not (new := [one for one in _requesters(world, to) if one not in before]):
        if time.monotonic() > until:
            raise NotAsTold(f"{to} shows no request of {name} after 20 s")
        time.sleep(0.1)
    world.endpoints[name] = new[0]


def _requesters(world: World, target: str) -> list[str]:
    answer = world.wire.arm("GET", f"{world.target_id(target)}/privateEndpointConnections")
    rows = answer.body.get("value", []) if answer.good else []
    return [row["properties"]["privateEndpoint"]["id"] for row in rows]


def approve_in_portal(world: World, endpoint: str) -> None:
    """the owner of the target approves {endpoint} in the portal"""
    connection = world.connection(endpoint)
    if connection is None:
        raise NotAsTold(f"{endpoint} has no connection to approve")
    state = {"status": "Approved", "description": "fine with me"}
    body = {"properties": {"privateLinkServiceConnectionState": state}}
    must(world.wire.arm("PUT", connection["id"], body), f"approving {endpoint} in the portal")


def foreign_record(world: World, name: str, address: str) -> None:
    """somebody else has a record {name} with address {address}"""
    body = {
        "properties": {
            "ttl": 3600,
            "aRecords": [{"ipv4Address": address}],
            "metadata": {"createdBy": "the network team's scripts"},
        }
    }
    must(world.wire.arm("PUT", record_path(name), body), f"writing the record {name}")
    world.before[name] = world.record(name)


def change_record(world: World, name: str, address: str) -> None:
    """the address of {name} is changed by hand to {address}"""
    record = world.record(name)
    if record is None:
        raise NotAsTold(f"there is no record {name} to change")
    kept = {key: record["properties"][key] for key in ("ttl", "metadata") if key in record["properties"]}
    body = {"properties": {**kept, "aRecords": [{"ipv4Address": address}]}}
    must(world.wire.arm("PUT", record_path(name), body), f"changing the record {name}")


def delete_record(world: World, name: str) -> None:
    """the record {name} is deleted by hand"""
    record = world.record(name)
    if record is None or not record_addresses(record):
        raise NotAsTold(f"there is no record {name} to delete")
    must(world.wire.arm("DELETE", record_path(name)), f"deleting the record {name}")


def decide(world: World, endpoint: str, verdict: str, reason: str) -> None:
    """a person says {verdict} for {endpoint}: "{reason}\""""
    connection = world.connection(endpoint)
    if connection is None:
        raise NotAsTold(f"{endpoint} has no connection to decide on")
    body = {"connectionId": connection["id"], "verdict": verdict, "reason": reason}
    answer = world.wire.app("POST", "/api/decisions", body)
    if answer.status not in (200, 202):
        raise NotAsTold(f"POST /api/decisions answered {answer.status} {answer.body}")
    operation = (answer.body or {}).get("operation") or answer.headers.get("Location")
    if operation:  # what is taken back is taken back at once
        world.before[f"operation for {endpoint}"] = operation


def lose_events(world: World, count: int) -> None:
    """the next {count} events are lost"""
    must(world.wire.control("POST", "/events/lose", {"times": count}), "losing events")


def repeat_events(world: World, about: str) -> None:
    """every event about {about} arrives once more"""
    name = about.lower()
    for note in must(world.wire.control("GET", "/events"), "reading the events")["raised"]:
        event = note["event"]
        if f"/{name}" not in json.dumps(event).lower():
            continue
        for delivery in note["deliveries"]:
            body = [event] if delivery["subscription"] == "connections" else _as_cloud_event(event)
            must(
                world.wire.control("POST", "/events", {"subscription": delivery["subscription"], "body": body}),
                "sending an event again",
            )


def note_record(world: World, name: str) -> None:
    """(we remember the record {name})"""
    world.before[name] = world.record(name)


def _as_cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "data": event["data"],
    }


def pause(world: World, seconds: float) -> None:
    """{seconds} seconds pass"""
    time.sleep(seconds)


GIVEN: dict[str, Callable[..., Any]] = {
    **{kind: _target(kind) for kind in TYPES},
    "zone": zone,
    "foreign record": foreign_record,
    "tags": tags,
    "management group": management_group,
}
WHEN: dict[str, Callable[..., Any]] = {
    "private endpoint": ask,
    "endpoint deleted": delete_endpoint,
    "endpoint moved": move_endpoint,
    "record changed": change_record,
    "record deleted": delete_record,
    "decision": decide,
    "managed endpoint": ask_managed,
    "approved in the portal": approve_in_portal,
    "tags": tags,
    "time passes": pause,
    "events lost": lose_events,
    "events again": repeat_events,
    "remember": note_record,
}
