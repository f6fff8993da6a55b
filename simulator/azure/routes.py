"""Knows which handler serves which ARM path. Refuses to know what handlers do.

Special types come first, everything else is a generic resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.azure import (
    cosmos,
    decisions,
    endpoints,
    generic,
    graph,
    groups,
    lifecycle,
    linkservices,
    managed,
    managedkinds,
    managementgroups,
    moves,
    networks,
    operations,
    records,
    tags,
    zonegroups,
    zones,
)
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError, gateway

Handler = Callable[[Call], Reply]
_VERBS = ("GET", "PUT", "PATCH", "DELETE", "POST", "HEAD")

generic.SHAPES[endpoints.TYPE.lower()] = endpoints.render
generic.SHAPES[zones.TYPE.lower()] = zones.render

# (kind, method) -> handler; kinds: item, list. Missing methods fall back to the generic handler.
_TYPES: Mapping[str, Mapping[tuple[str, str], Handler]] = {
    endpoints.TYPE.lower(): {("item", "PUT"): lifecycle.put, ("item", "DELETE"): lifecycle.delete},
    zonegroups.TYPE.lower(): {
        ("item", "PUT"): zonegroups.put,
        ("item", "GET"): zonegroups.get,
        ("item", "DELETE"): zonegroups.delete,
        ("list", "GET"): zonegroups.list_,
    },
    zones.TYPE.lower(): {("item", "PUT"): zones.put, ("item", "PATCH"): zones.put, ("item", "DELETE"): zones.delete},
    f"{zones.TYPE}/{zones.LINKS}".lower(): {
        ("item", "PUT"): zones.put_link,
        ("item", "PATCH"): zones.put_link,
        ("item", "GET"): zones.get_link,
        ("item", "DELETE"): zones.delete_link,
        ("list", "GET"): zones.list_links,
    },
    cosmos.TYPE.lower(): {
        ("item", "PUT"): cosmos.put_account,
        ("item", "PATCH"): cosmos.patch_account,
        ("item", "DELETE"): cosmos.delete,
    },
    f"{cosmos.TYPE}/failoverPriorityChange".lower(): {("list", "POST"): cosmos.failover},
    f"{cosmos.TYPE}/offlineRegion".lower(): {("list", "POST"): cosmos.offline},
    f"{cosmos.TYPE}/onlineRegion".lower(): {("list", "POST"): cosmos.online},
    "microsoft.documentdb/databaseaccountnames": {("item", "HEAD"): cosmos.name_exists},
    "microsoft.network/locations/availableprivateendpointtypes": {("list", "GET"): groups.endpoint_types},
    networks.TYPE.lower(): {("item", "PUT"): networks.put},
    f"{networks.TYPE}/usages".lower(): {("list", "GET"): networks.usages},
    **{kind.lower(): {("item", "PUT"): managed.put} for kind in managedkinds.KINDS},
    managed.REFRESH.lower(): {("list", "POST"): managed.refresh},
    linkservices.TYPE.lower(): {},
    managementgroups.TYPE.lower(): {
        ("item", "PUT"): managementgroups.put,
        ("item", "GET"): managementgroups.get,
        ("item", "DELETE"): managementgroups.delete,
        ("list", "GET"): managementgroups.list_,
    },
    f"{managementgroups.TYPE}/subscriptions".lower(): {
        ("item", "PUT"): managementgroups.put_subscription,
        ("item", "GET"): managementgroups.get_subscription,
        ("item", "DELETE"): managementgroups.delete_subscription,
        ("list", "GET"): managementgroups.list_subscriptions,
    },
    f"{managementgroups.TYPE}/descendants".lower(): {("list", "GET"): managementgroups.descendants},
    graph.TYPE.lower(): {("list", "POST"): graph.query},
}
_CONNECTIONS: Mapping[tuple[str, str], Handler] = {
    ("list", "GET"): decisions.list_,
    ("item", "GET"): decisions.get,
    ("item", "PUT"): decisions.put,
    ("item", "DELETE"): decisions.delete,
}
_RECORDS: Mapping[tuple[str, str], Handler] = {
    ("list", "GET"): records.list_,
    ("item", "GET"): records.get,
    ("item", "PUT"): records.put,
    ("item", "PATCH"): records.put,
    ("item", "DELETE"): records.delete,
}
_TAGS: Mapping[str, Handler] = {"GET": tags.get, "PUT": tags.put, "PATCH": tags.patch, "DELETE": tags.delete}
_GENERIC: Mapping[tuple[str, str], Handler] = {
    ("item", "GET"): generic.get,
    ("item", "PUT"): generic.put,
    ("item", "PATCH"): generic.patch,
    ("item", "DELETE"): generic.delete,
    ("item", "HEAD"): generic.head,
    ("list", "GET"): generic.list_,
    ("list", "POST"): generic.action,
}
_GROUP: Mapping[str, Handler] = {
    "GET": groups.get,
    "PUT": groups.put,
    "PATCH": groups.patch,
    "HEAD": groups.head,
    "DELETE": groups.delete,
}


def route(call: Call) -> Reply:
    """Answer a call, or raise what ARM would."""
    path, kind = call.path, "item" if call.path.is_item else "list"
    if call.method == "GET" and path.name in call.world.operations:
        return operations.poll(call, call.world.operations[path.name])
    if tags.is_tags(path):
        handler = _TAGS.get(call.method)
    else:
        handler = _around(call) if not path.namespace or not path.types else _inside(call, kind)
    if handler is None:
        raise ArmError(405, "MethodNotAllowed", f"The requested resource does not support http method '{call.method}'.")
    return handler(call)


def _inside(call: Call, kind: str) -> Handler | None:
    path = call.path
    last = path.types[-1].lower()
    if last == "privateendpointconnections":
        return _CONNECTIONS.get((kind, call.method))
    if last == "privateendpointconnectionproxies":  # an operation of Azure itself, see events
        raise ArmError(403, "RequestDisallowed", "Private endpoint connection proxies are written by Azure only.")
    if last == "privatelinkresources" and call.method == "GET":
        return decisions.link_resources
    full = path.type.lower()
    if full.startswith(zones.TYPE.lower() + "/") and len(path.types) == 2 and records.is_kind(last):
        return _RECORDS.get((kind, call.method))
    return _TYPES.get(full, {}).get((kind, call.method)) or _GENERIC.get((kind, call.method))


def _around(call: Call) -> Handler | None:
    """Tenant, subscription and group level."""
    path, parts, get = call.path, [part.lower() for part in call.path.types], call.method == "GET"
    if not path.subscription:
        tenant = {"subscriptions": groups.subscriptions, "tenants": groups.tenants, "providers": groups.providers}
        return tenant.get(parts[0]) if get and len(parts) == 1 else None
    if path.namespace:
        if call.method == "POST":
            return groups.provider
        return groups.provider if get else None
    if path.group:
        if not parts:
            return _GROUP.get(call.method)
        if parts == ["moveresources"] and call.method == "POST":
            return moves.move
        return generic.resources if parts == ["resources"] and get else None
    if not parts:
        return groups.subscription if get else None
    inner = {
        "resourcegroups": groups.list_,
        "resources": generic.resources,
        "locations": groups.locations,
        "providers": groups.providers,
    }
    found = inner.get(parts[0]) if get and len(parts) == 1 and not path.names else None
    if found is None and get:
        raise gateway(404, "InvalidResourceType", f"The path '{path.id}' is not known.")
    return found
