"""`given` and `when`: what people and Azure do in a story. Every docstring is the sentence that is shown."""

import time
from collections.abc import Callable
from typing import Any

from simulator.stories import cosmos, happenings, names
from simulator.stories.world import DATA, LOCATION, NotAsTold, World, must, network_of, subscription

TYPES = {
    "storage account": "Microsoft.Storage/storageAccounts",
    "key vault": "Microsoft.KeyVault/vaults",
    "SQL server": "Microsoft.Sql/servers",
    "PostgreSQL server": "Microsoft.DBforPostgreSQL/flexibleServers",
    "Private Link service": "Microsoft.Network/privateLinkServices",
    "application gateway": "Microsoft.Network/applicationGateways",
    "Grafana workspace": "Microsoft.Dashboard/grafana",
}
PROPERTIES: dict[str, dict[str, Any]] = {
    "SQL server": {"administratorLogin": "clerk", "version": "12.0"},
    "Private Link service": {"visibility": {"subscriptions": ["*"]}, "autoApproval": {"subscriptions": []}},
}


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


def ask(
    world: World,
    name: str,
    to: str,
    by: str,
    groups: list[str] | None = None,
    message: str = "",
    group: str = "apps",
    region: str = LOCATION,
    network: str = "",
    tags: dict[str, str] | None = None,
) -> None:
    """the {by} asks for a private endpoint {name} to {to}[ ({groups})][ in {region}][ in the network {network}]\
[ with the tags {tags}][, saying "{message}"]"""
    home = f"/subscriptions/{subscription(by)}/resourceGroups/{group}/providers/Microsoft.Network"
    path = f"{home}/privateEndpoints/{name}"
    link: dict[str, Any] = {"privateLinkServiceId": world.target_id(to), "groupIds": groups or []}
    if message:
        link["requestMessage"] = message
    place = network_of(subscription(by), network or "vnet", group)
    if network:
        world.networks[network] = place
    body = {
        "location": region,
        **({"tags": tags} if tags else {}),
        "properties": {
            "subnet": {"id": f"{place}/subnets/endpoints"},
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
    world.wire.gone(path)


def make_endpoint_again(world: World, name: str) -> None:
    """the endpoint {name} is deleted and made again, under the same id and to the same target"""
    path = world.endpoint_id(name)
    old = must(world.wire.arm("GET", path), f"reading the endpoint {name}")
    given = old["properties"]
    links = {
        kind: [
            {
                "name": row["name"],
                "properties": {
                    key: row["properties"][key]
                    for key in ("privateLinkServiceId", "groupIds", "requestMessage")
                    if key in row["properties"]
                },
            }
            for row in given.get(kind) or []
        ]
        for kind in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
    }
    delete_endpoint(world, name)
    body = {"location": old["location"], "tags": old.get("tags"), "properties": {"subnet": given["subnet"], **links}}
    must(world.wire.arm("PUT", path, body), f"making the endpoint {name} again")


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


def reject_in_portal(world: World, endpoint: str) -> None:
    """the owner of the target rejects {endpoint} in the portal, though it was connected"""
    connection = world.connection(endpoint)
    if connection is None:
        raise NotAsTold(f"{endpoint} has no connection to reject")
    state = {"status": "Rejected", "description": "not any more"}
    body = {"properties": {"privateLinkServiceConnectionState": state}}
    must(world.wire.arm("PUT", connection["id"], body), f"rejecting {endpoint} in the portal")


def remove_connection(world: World, endpoint: str) -> None:
    """the owner of the target removes the connection of {endpoint}; the endpoint stays"""
    connection = world.connection(endpoint)
    if connection is None:
        raise NotAsTold(f"{endpoint} has no connection to remove")
    must(world.wire.arm("DELETE", connection["id"]), f"removing the connection of {endpoint}")


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


def pause(world: World, seconds: float) -> None:
    """{seconds} seconds pass"""
    time.sleep(seconds)


GIVEN: dict[str, Callable[..., Any]] = {
    **{kind: _target(kind) for kind in TYPES},
    **names.GIVEN,
    **cosmos.GIVEN,
    "tags": tags,
    "management group": management_group,
}
WHEN: dict[str, Callable[..., Any]] = {
    **names.WHEN,
    **happenings.WHEN,
    **cosmos.WHEN,
    "private endpoint": ask,
    "endpoint deleted": delete_endpoint,
    "endpoint made again": make_endpoint_again,
    "endpoint moved": move_endpoint,
    "decision": decide,
    "managed endpoint": ask_managed,
    "approved in the portal": approve_in_portal,
    "rejected in the portal": reject_in_portal,
    "connection removed": remove_connection,
    "tags": tags,
    "time passes": pause,
}
