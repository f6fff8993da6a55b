"""Managed endpoints as the services of ours show them: Grafana, Data Factory, Search, Stream Analytics, Front Door.

Knows where each keeps target, group, state and message. Invents nothing: what cannot be read is left out or unknown.
Source: reference/vendors.md section 7 (Grafana, specification); the others from their published specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .around import Managed
from .ids import ResourceId, fold
from .model import Status

NONCE = re.compile(r"linkkeeper-nonce:([0-9a-f]{32})(?![0-9a-f])", re.ASCII)
_STATUSES = {fold(status.value): status for status in Status if status is not Status.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`lists`: the child collections from the service down to its managed endpoints, and the fixed names between."""

    type: str
    version: str
    lists: tuple[str, ...]


SERVICES = {
    fold(service.type): service
    for service in (
        Service(type="Microsoft.Dashboard/grafana", version="2024-10-01", lists=("managedPrivateEndpoints",)),
        Service(
            type="Microsoft.DataFactory/factories",
            version="2018-06-01",
            lists=("managedVirtualNetworks/default/managedPrivateEndpoints",),
        ),
        Service(type="Microsoft.Search/searchServices", version="2023-11-01", lists=("sharedPrivateLinkResources",)),
        Service(type="Microsoft.StreamAnalytics/clusters", version="2020-03-01", lists=("privateEndpoints",)),
        Service(type="Microsoft.Cdn/profiles", version="2023-05-01", lists=("originGroups", "origins")),
    )
}
"""Synapse shows its managed endpoints only through each workspace's own address, where no token of ours may go."""


def managed(body: object) -> tuple[Managed, ...]:
    """What one item of such a list asks for; several for a Stream Analytics endpoint with several links."""
    identity = ResourceId.read(body.get("id")) if isinstance(body, Mapping) else None
    properties = body.get("properties") if isinstance(body, Mapping) else None
    if identity is None or not isinstance(body, Mapping) or not isinstance(properties, Mapping):
        return ()
    created = _moment(_inner(body, "systemData").get("createdAt")) or _moment(properties.get("createdDate"))
    return tuple(_one(identity, asked, created) for asked in _links(properties))


def _links(properties: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    manual = properties.get("manualPrivateLinkServiceConnections")
    if isinstance(manual, list):
        return [_inner(item, "properties") for item in manual if isinstance(item, Mapping)]
    shared = properties.get("sharedPrivateLinkResource")
    return [shared] if isinstance(shared, Mapping) else [properties]


def _one(identity: ResourceId, asked: Mapping[str, Any], created: datetime | None) -> Managed:
    target = asked.get("privateLinkResourceId") or asked.get("privateLinkServiceId")
    target = target or _inner(asked, "privateLink").get("id")
    groups = asked.get("groupIds") or asked.get("groupId")
    state = _inner(asked, "connectionState") or _inner(asked, "privateLinkServiceConnectionState") or asked
    found = NONCE.findall(str(asked.get("requestMessage") or ""))
    return Managed(
        id=identity,
        target=ResourceId.read(target),
        groups=tuple(sorted(g for g in ([groups] if isinstance(groups, str) else groups or ()) if isinstance(g, str))),
        status=_status(state.get("status")),
        created=created,
        nonce=found[0] if len(found) == 1 else None,
    )


def _status(value: object) -> Status:
    return _STATUSES.get(fold(value), Status.UNKNOWN) if isinstance(value, str) else Status.UNKNOWN


def _inner(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value)[:19]) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found else None
