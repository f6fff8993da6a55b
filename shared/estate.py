"""An estate: the connections that exist, as a file for questions about policies. JSON lines, a JSON array, or what
GET /api/connections answers ({"value": [...]}).

One object for each connection: connectionId, endpointId, status (required); target, guid, groups, linkIdentifier; and
where known tags (of the target), tenant and managementGroups (of the requester; all of them). Other keys are left
alone. What is missing is unknown. Refuses to decide, and to guess: every object that cannot be read is a mistake.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .core.around import Around
from .core.ids import ResourceId, fold, is_guid
from .core.model import Connection, Status
from .core.policy import Policy

_STATUSES = {fold(status.value): status for status in Status if status is not Status.UNKNOWN}
_MOST = 200_000_000


class BadEstate(ValueError):
    """`mistakes`: (number of the object, what is wrong)."""

    def __init__(self, mistakes: list[tuple[int, str]]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(f"entry {at}: {what}" if at else what for at, what in mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    target: ResourceId
    connection: Connection
    tags: Mapping[str, str] | None = None
    tenant: str | None = None
    management_groups: frozenset[str] | None = None
    """All that the requester's subscription lies below; None: not known."""

    def around(self, groups: Iterable[str]) -> Around:
        """`groups`: the management groups that some policy asks about."""
        endpoint = self.connection.endpoint
        subscription = fold(endpoint.subscription) if endpoint else ""
        below = self.management_groups
        return Around(
            tags=self.tags,
            tenants={subscription: self.tenant} if self.tenant else {},
            groups={} if below is None else {g: frozenset({subscription} if g in below else ()) for g in groups},
        )


@dataclass(frozen=True, slots=True)
class Estate:
    entries: tuple[Entry, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[ResourceId, Connection], ...]:
        return tuple((entry.target, entry.connection) for entry in self.entries)

    def arounds(self, *policies: Policy) -> dict[ResourceId, Around]:
        groups = {group for policy in policies for group in policy.management_groups}
        return {entry.connection.id: entry.around(groups) for entry in self.entries if entry.connection.id}


def parse(raw: bytes) -> Estate:
    """Raises BadEstate with every mistake."""
    mistakes: list[tuple[int, str]] = []
    entries: list[Entry] = []
    for at, item in enumerate(_objects(raw), 1):
        try:
            entries.append(_entry(item))
        except ValueError as wrong:
            mistakes.append((at, str(wrong)))
    if mistakes:
        raise BadEstate(mistakes)
    return Estate(_told_apart(entries))


def _told_apart(entries: list[Entry]) -> tuple[Entry, ...]:
    """What was listed twice counts once. Two requests under one id are never decided: see plan.py."""
    once = {(entry.connection.id, entry.connection.facts): entry for entry in entries}.values()
    ids = Counter(entry.connection.id for entry in once)
    twice = ("another connection has the same id",)
    return tuple(
        replace(entry, connection=replace(entry.connection, problems=twice)) if ids[entry.connection.id] > 1 else entry
        for entry in once
    )


def line(target: ResourceId, connection: Connection, /, **more: Any) -> str:
    """One connection as one JSON line, as `parse` reads it. `more`: tags, tenant, managementGroups."""
    body = {
        "connectionId": str(connection.id) if connection.id else None,
        "endpointId": str(connection.endpoint) if connection.endpoint else None,
        "target": str(target),
        "status": connection.status.value,
        "guid": connection.guid,
        "groups": list(connection.groups or ()),
        "linkIdentifier": connection.link_identifier,
    }
    return json.dumps({**body, **more})


def _objects(raw: bytes) -> list[Any]:
    if len(raw) > _MOST:
        raise BadEstate([(0, f"larger than {_MOST // 1_000_000} MB")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadEstate([(0, "is not UTF-8")]) from None
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _lines(text)
    if isinstance(whole, dict) and isinstance(whole.get("value"), list):
        whole = whole["value"]
    return whole if isinstance(whole, list) else [whole]


def _lines(text: str) -> list[Any]:
    found, mistakes = [], []
    for number, one in enumerate(text.split("\n"), 1):
        try:
            found += [json.loads(one)] if one.strip() else []
        except (ValueError, RecursionError):
            mistakes.append((0, f"line {number}: is not JSON"))
    if mistakes:
        raise BadEstate(mistakes[:20])
    return found


def _entry(item: object) -> Entry:
    if not isinstance(item, Mapping):
        raise ValueError("is no object")
    identity = ResourceId.parse(item.get("connectionId"))
    target = ResourceId.parse(item["target"]) if item.get("target") else identity.parent
    status = item.get("status")
    found = _STATUSES.get(fold(status)) if isinstance(status, str) else None
    if target is None or identity.parent != target:
        raise ValueError("its connectionId does not lie under its target")
    if found is None:
        raise ValueError("its status is none of Pending, Approved, Rejected, Disconnected")
    guid, link = item.get("guid"), item.get("linkIdentifier")
    if guid and not is_guid(guid):
        raise ValueError("its guid is no GUID")
    tags, below = item.get("tags"), item.get("managementGroups")
    endpoint = ResourceId.parse(item["endpointId"]) if item.get("endpointId") else None
    if endpoint is not None and not endpoint.is_a("Microsoft.Network/privateEndpoints"):
        raise ValueError("its endpointId is not that of a private endpoint")
    if link and not re.fullmatch(r"[0-9]{1,20}", str(link)):
        raise ValueError("its linkIdentifier is no number of up to 20 digits")
    connection = Connection(
        id=identity,
        name=identity.name,
        endpoint=endpoint,
        guid=fold(str(guid)) if guid else None,
        link_identifier=str(link) if link else None,
        status=found,
        settled=True,
        groups=_texts(item.get("groups"), "groups") or None,
    )
    return Entry(
        target=target,
        connection=connection,
        tags=None if tags is None else _tags(tags),
        tenant=fold(_text(item["tenant"], "tenant")) if item.get("tenant") else None,
        management_groups=None if below is None else frozenset(map(fold, _texts(below, "managementGroups"))),
    )


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {what} is no text")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"its {what} are no list")
    return tuple(sorted(_text(item, what) for item in value or ()))


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("its tags are no object")
    return {fold(str(key)): _text(item, "tag") for key, item in value.items()}
