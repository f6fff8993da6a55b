"""Knows the tags of a resource or resource group as a resource of their own: .../providers/Microsoft.Resources/tags.

Refuses to know what else a resource is made of, and tags of subscriptions. Documented: the three operations of a
PATCH, names without regard to case, 50 tags at most; the event of a write: assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.azure import groups
from simulator.azure.calls import Call, Reply, demand
from simulator.azure.errors import bad
from simulator.azure.ids import Path
from simulator.azure.world import Group, Resource

MOST = 50
_OPERATIONS = ("merge", "replace", "delete")


def is_tags(path: Path) -> bool:
    """Whether a path leads to the tags of a resource or of a resource group."""
    if path.last != "tags" or path.name.lower() != "default":
        return False
    if path.is_extension:
        return path.names[-2].lower() == "microsoft.resources"
    return bool(path.group) and path.type.lower() == "microsoft.resources/tags"


def get(call: Call) -> Reply:
    return _answer(call, _owner(call))


def put(call: Call) -> Reply:
    """These tags and no others."""
    return _write(call, "replace")


def patch(call: Call) -> Reply:
    operation = str(call.content.get("operation", "")).lower()
    if operation not in _OPERATIONS:
        raise bad("InvalidTagsPatchOperation", "The operation must be one of 'Merge', 'Replace' and 'Delete'.")
    return _write(call, operation)


def delete(call: Call) -> Reply:
    owner = _owner(call)
    _keep(call, owner, {})
    return Reply(200, update=True)


def _write(call: Call, operation: str) -> Reply:
    owner, given = _owner(call), (call.content.get("properties") or {}).get("tags") or {}
    if not isinstance(given, Mapping) or not all(isinstance(one, str) for one in given.values()):
        raise bad("InvalidRequestContent", "properties.tags must be an object of texts.")
    folded = {str(name).lower() for name in given}
    others = {name: text for name, text in _tags(owner).items() if name.lower() not in folded}
    wanted = {"merge": {**others, **given}, "replace": dict(given), "delete": others}[operation]
    if len(wanted) > MOST:
        raise bad("TagsLimitExceeded", f"A resource has at most {MOST} tags, not {len(wanted)}.")
    _keep(call, owner, wanted)
    reply = _answer(call, owner)
    reply.update = True
    return reply


def _owner(call: Call) -> Resource | Group:
    """What the tags belong to; 404 when it is not there."""
    path = call.path
    if not path.is_extension:
        return groups.find(call.world, path)
    return demand(call.world, Path(path.subscription, path.group, path.namespace, path.types[:-2], path.names[:-2]))


def _tags(owner: Resource | Group) -> dict[str, str]:
    return dict((owner.tags if isinstance(owner, Group) else owner.body.get("tags")) or {})


def _keep(call: Call, owner: Resource | Group, tags: dict[str, str]) -> None:
    if isinstance(owner, Group):
        owner.tags = tags
    else:
        owner.body["tags"], owner.changed = tags, datetime.now(UTC)
    call.world.version += 1


def _answer(call: Call, owner: Resource | Group) -> Reply:
    place = owner.id if isinstance(owner, Group) else owner.path.id
    body: dict[str, Any] = {
        "id": f"{place}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": _tags(owner)},
    }
    return Reply(200, body)
