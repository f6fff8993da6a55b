"""Knows the calls to management groups: put, get, list, delete, who is below, and which subscriptions are in them.

Refuses to know the tree itself (hierarchy.py) and rights. Shapes: the published examples of Microsoft.Management
2023-04-01 (documented); refusals of odd trees: assumed; 404 for an unknown group: reported, as is 403.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.azure import operations
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError, bad, subscription_missing
from simulator.azure.groups import shown
from simulator.azure.hierarchy import PREFIX, ROOT, ManagementGroup
from simulator.azure.ids import Path
from simulator.azure.paging import page
from simulator.azure.tenancy import TENANT
from simulator.azure.world import World, stamp

TYPE = "Microsoft.Management/managementGroups"
SECONDS = 0.5


def put(call: Call) -> Reply:
    """Make a group under another one (the root unless told), or move and rename it."""
    world, name = call.world, call.path.names[0]
    tree, given = world.hierarchy.tree, call.content.get("properties") or {}
    old = tree.groups.get(name.lower())
    parent = _parent(given) or (old.parent if old else ROOT)
    if old and old.key == ROOT:
        parent = ""
    elif parent not in tree.groups:
        raise _missing(parent)
    elif any(one.key == name.lower() for one in tree.line(parent)):
        raise bad("BadRequest", f"The management group '{name}' cannot be moved below itself.")
    text = str(given.get("displayName") or (old.shown if old else name))
    group = replace(old, shown=text, parent=parent, version=old.version + 1) if old else None
    group = group or ManagementGroup(name, text, parent)
    world.hierarchy.put(group)
    return Reply(200, _render(world, group), event=False)


def _parent(given: dict[str, Any]) -> str:
    parent = (given.get("details") or {}).get("parent") or {}
    return str(parent.get("id") or "").rstrip("/").rsplit("/", 1)[-1].lower()


def get(call: Call) -> Reply:
    expand, world, group = call.query.get("$expand", "").lower(), call.world, _group(call)
    body = _render(world, group)
    if expand == "children":
        deep = call.query.get("$recurse", "").lower() == "true"
        body["properties"]["children"] = _children(world, group, deep)
    if expand == "ancestors":
        body["properties"]["details"]["managementGroupAncestorsChain"] = chain(world.hierarchy.tree.line(group.parent))
    return Reply(200, body)


def list_(call: Call) -> Reply:
    rows = [
        {
            "id": one.id,
            "type": TYPE,
            "name": one.name,
            "properties": {"tenantId": TENANT, "displayName": one.shown},
        }
        for one in call.world.hierarchy.tree.groups.values()
    ]
    return page(call, rows)


def delete(call: Call) -> Reply:
    """Slow, and only when nothing is in it (documented)."""
    world, name = call.world, call.path.names[0].lower()
    group = world.hierarchy.tree.groups.get(name)
    if group is None:
        return Reply(204, event=False)
    if name == ROOT or world.hierarchy.tree.children(name) or name in world.hierarchy.tree.places.values():
        raise bad("BadRequest", f"The management group '{group.name}' has children and cannot be deleted.")
    operation = operations.begin(world, Path(), SECONDS, lambda: world.hierarchy.drop(name), style="management")
    body = {"id": group.id, "type": TYPE, "name": group.name, "status": "NotStarted"}
    return Reply(202, body, operations.links(call, operation, status=False, result=True), event=False)


def descendants(call: Call) -> Reply:
    """Groups and subscriptions, all the way down."""
    world, group = call.world, _group(call)
    tree = world.hierarchy.tree
    rows = [_descendant(one.id, one.name, one.shown, one.parent, world) for one in tree.below(group.key)]
    for one in members(world):
        if tree.contains(group.key, one):
            rows.append(_descendant(f"/subscriptions/{one}", one, shown(one), tree.group_of(one), world))
    top = call.query.get("$top", "")
    return page(call, rows, int(top) if top.isdigit() else None)


def members(world: World) -> list[str]:
    """The subscriptions that stand anywhere in our tenant's tree."""
    return [one for one in world.subscriptions() if not world.is_foreign(one)]


def put_subscription(call: Call) -> Reply:
    """Associate a subscription with the group; it leaves the one it was in."""
    group, subscription = _group(call), call.path.names[1]
    if not call.world.tenancy.exists(subscription) or call.world.is_foreign(subscription):  # foreign: assumed
        raise subscription_missing(subscription)
    call.world.hierarchy.place(subscription, group.key)
    return Reply(200, _membership(group, subscription), event=False)


def get_subscription(call: Call) -> Reply:
    group, subscription = _group(call), call.path.names[1]
    if subscription not in members(call.world) or call.world.hierarchy.tree.group_of(subscription) != group.key:
        raise ArmError(404, "NotFound", f"The subscription '{subscription}' is not in '{group.id}'.")
    return Reply(200, _membership(group, subscription))


def list_subscriptions(call: Call) -> Reply:
    group, tree = _group(call), call.world.hierarchy.tree
    return page(call, [_membership(group, one) for one in members(call.world) if tree.group_of(one) == group.key])


def delete_subscription(call: Call) -> Reply:
    """The subscription goes back to the root (documented)."""
    group, subscription = _group(call), call.path.names[1]
    if call.world.hierarchy.tree.places.get(subscription.lower()) != group.key:
        return Reply(204, event=False)
    call.world.hierarchy.displace(subscription)
    return Reply(200, event=False)


def chain(line: list[ManagementGroup]) -> list[dict[str, str]]:
    """managementGroupAncestorsChain: nearest first, the root last (documented)."""
    return [{"name": one.name, "displayName": one.shown} for one in line]


def _group(call: Call) -> ManagementGroup:
    found = call.world.hierarchy.tree.groups.get(call.path.names[0].lower())
    if found is None:
        raise _missing(call.path.names[0])
    return found


def _missing(name: str) -> ArmError:
    return ArmError(404, "NotFound", f"'{PREFIX}{name}' not found")


def _render(world: World, group: ManagementGroup) -> dict[str, Any]:
    details: dict[str, Any] = {"version": group.version, "updatedTime": stamp(), "updatedBy": "simulator"}
    parent = world.hierarchy.tree.groups.get(group.parent)
    if parent:
        details["parent"] = {"id": parent.id, "name": parent.name, "displayName": parent.shown}
    properties = {"tenantId": TENANT, "displayName": group.shown, "details": details}
    return {"id": group.id, "type": TYPE, "name": group.name, "properties": properties}


def _children(world: World, group: ManagementGroup, deep: bool) -> list[dict[str, Any]]:
    tree = world.hierarchy.tree
    rows: list[dict[str, Any]] = []
    for one in tree.children(group.key):
        row: dict[str, Any] = {"type": TYPE, "id": one.id, "name": one.name, "displayName": one.shown}
        rows.append(row | ({"children": _children(world, one, deep)} if deep else {}))
    for one in members(world):
        if tree.group_of(one) == group.key:
            id_ = f"/subscriptions/{one}"
            rows.append({"type": "/subscriptions", "id": id_, "name": one, "displayName": shown(one)})
    return rows


def _descendant(id_: str, name: str, text: str, parent: str, world: World) -> dict[str, Any]:
    kind = f"{TYPE}/subscriptions" if id_.startswith("/subscriptions/") else TYPE
    above = world.hierarchy.tree.groups[parent].id
    return {"id": id_, "type": kind, "name": name, "properties": {"displayName": text, "parent": {"id": above}}}


def _membership(group: ManagementGroup, subscription: str) -> dict[str, Any]:
    properties = {
        "displayName": shown(subscription),
        "parent": {"id": group.id},
        "state": "Active",
        "tenant": TENANT,
    }
    kind = f"{TYPE}/subscriptions"
    id_ = f"{group.id}/subscriptions/{subscription}"
    return {"id": id_, "type": kind, "name": subscription, "properties": properties}
