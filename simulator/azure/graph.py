"""Knows Resource Graph: which subscriptions a query sees, the rows of its tables, and how answers are paged.

Refuses to know the language (kql.py). Documented: request, answer, fewer rows instead of errors where rights are
missing, 403 when none of the subscriptions asked for is readable, paging only with the column id and without limit,
types and groups in lower case. Error bodies: reported. It lags behind the management groups by the switch graph_lag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from simulator.azure import kql, paging
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError
from simulator.azure.generic import render
from simulator.azure.groups import shown
from simulator.azure.hierarchy import Tree
from simulator.azure.managementgroups import chain
from simulator.azure.world import World, stamp

TYPE = "Microsoft.ResourceGraph/resources"
MOST = 1000  # documented: rows of one page
_GROUP_NAME = re.compile(r"^[-\w().]{1,90}$")
_EMPTY: dict[str, Any] = dict.fromkeys(("sku", "plan", "identity", "zones", "extendedLocation"))
_CHILDREN = ("virtualnetworklinks",)  # documented: of the children we know, the table has only these


def query(call: Call) -> Reply:
    """POST /providers/Microsoft.ResourceGraph/resources."""
    world, body = call.world, call.content
    tree = world.hierarchy.seen(float(world.switches["graph_lag"]))
    try:
        asked = kql.read(str(body.get("query") or ""))
        if asked.table not in _TABLES:
            raise kql.Unclear(f"the table {asked.table}")
        rows = [row for one in _scope(call, tree, body) for row in _TABLES[asked.table](world, tree, one)]
        found = asked.run(rows)
    except kql.Unclear as error:
        raise _refusal(
            400,
            "BadRequest",
            (
                "InvalidQuery",
                "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix "
                "the error before retrying.",
            ),
            ("ParserFailure", f"ParserFailure ({error})"),
        ) from error
    return _page(call, found, pageable=asked.limit is None)


def _scope(call: Call, tree: Tree, body: dict[str, Any]) -> list[str]:
    """The subscriptions in scope that the caller may read; nothing given: all (documented)."""
    world = call.world
    groups, subscriptions = (body.get(name) or [] for name in ("managementGroups", "subscriptions"))
    for group in groups:
        if not _GROUP_NAME.match(str(group)):  # reported
            raise _refusal(
                400,
                "BadRequest",
                ("ManagementGroupsContainInvalidIds", f"The management groups must be valid. Given: '{group}'."),
            )
    asked = {str(one).lower() for one in subscriptions}
    chosen = [
        one
        for one in world.subscriptions()
        if one.lower() in asked
        or any(tree.contains(str(group), one) for group in groups if not world.is_foreign(one))
        or not (groups or subscriptions)
    ]
    found = [one for one in chosen if world.tenancy.readable(call.principal, one)]
    if not found and asked and not groups:
        raise _refusal(403, "AccessDenied", ("AccessDenied", "Access to the requested subscriptions is denied."))
    if not found and world.switches["graph_unknown"] == "refuse":  # reported code; for groups: assumed
        text = "There must be at least one subscription that is eligible to contain resources. Given: ''."
        raise _refusal(400, "BadRequest", ("NoValidSubscriptionsInQueryRequest", text))
    return found


def _refusal(status: int, code: str, *details: tuple[str, str]) -> ArmError:
    text = f"Please provide below info when asking for support: timestamp = {stamp()}, correlationId = (none)."
    return ArmError(status, code, text, details=details)


def _page(call: Call, found: list[kql.Row], *, pageable: bool) -> Reply:
    options = call.content.get("options") or {}
    top = options.get("$top", MOST)
    if not isinstance(top, int) or not 1 <= top <= MOST or options.get("resultFormat", "objectArray") != "objectArray":
        raise _refusal(400, "BadRequest", ("InvalidOptions", "$top is 1 to 1000; resultFormat here: objectArray."))
    size = min(top, call.world.switches["page_size"] or MOST)
    start = paging.start(str(options.get("$skipToken") or "")) or int(options.get("$skip") or 0)
    rows = found[start : start + size]
    more = start + size < len(found)
    pageable = pageable and all("id" in row for row in rows)
    body: dict[str, Any] = {
        "totalRecords": len(found),
        "count": len(rows),
        "data": rows,
        "facets": [],
        "resultTruncated": "true" if more and not pageable else "false",
    }
    if more and pageable:
        body["$skipToken"] = paging.token(start + size)
    return Reply(200, body, event=False)


def _containers(world: World, tree: Tree, subscription: str) -> Iterator[kql.Row]:
    """A subscription and its resource groups."""
    tenant = world.tenancy.tenant_of(subscription)
    common = {"tenantId": tenant, "kind": "", "subscriptionId": subscription, "managedBy": "", **_EMPTY}
    yield {
        "id": f"/subscriptions/{subscription}",
        "name": shown(subscription),
        "type": "microsoft.resources/subscriptions",
        "location": "",
        "resourceGroup": "",
        "tags": None,
        "properties": {
            "managementGroupAncestorsChain": chain(tree.chain(subscription)),
            "state": "Enabled",
            "subscriptionPolicies": {"quotaId": "Internal_2014-09-01", "spendingLimit": "Off"},
        },
        **common,
    }
    for group in world.groups.values():
        if group.subscription.lower() == subscription.lower():
            yield {
                "id": group.id,
                "name": group.name,
                "type": "microsoft.resources/subscriptions/resourcegroups",
                "location": group.location,
                "resourceGroup": group.name.lower(),
                "tags": group.tags,
                "properties": {"provisioningState": "Succeeded"},
                **common,
            }


def _resources(world: World, tree: Tree, subscription: str) -> Iterator[kql.Row]:
    prefix = f"/subscriptions/{subscription}/".lower()
    for key, one in list(world.resources.items()):
        if not key.startswith(prefix) or (len(one.path.types) > 1 and one.path.last not in _CHILDREN):
            continue
        body = render(world, one)
        yield {
            "id": one.path.id,
            "name": one.path.name,
            "type": one.path.type.lower(),
            "tenantId": world.tenancy.tenant_of(subscription),
            "kind": body.get("kind", ""),
            "location": str(body.get("location") or "global"),
            "resourceGroup": one.path.group.lower(),
            "subscriptionId": subscription,
            "managedBy": "",
            **{name: body.get(name) for name in _EMPTY},
            "tags": body.get("tags"),
            "properties": body.get("properties") or {},
        }


_TABLES = {"resources": _resources, "resourcecontainers": _containers}
