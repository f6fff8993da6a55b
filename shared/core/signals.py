"""Event bodies to signals: which resource to look at, and why we woke up. A signal carries no facts.

Reads the Event Grid schema, CloudEvents 1.0 and ResourceNotifications (reference/events.md sections 2 and 3).
Refuses whatever is not a plain resource id lying under the event's own topic; claims and callers are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .ids import NotAnId, ResourceId, Scope, fold
from .policy import Policy

ENDPOINT = "Microsoft.Network/privateEndpoints"
RECORD = "Microsoft.Network/privateDnsZones/A"
_PREFIX = "Microsoft.Resources.Resource"
_NOTIFICATIONS = "Microsoft.ResourceNotifications.Resources."
_CHILDREN = {"privateendpointconnectionproxies", "privateendpointconnections"}
_OPERATIONS = {
    "/privateendpointconnectionproxies/write": "requested",
    "/privateendpointconnectionproxies/delete": "withdrawn",
    "/privateendpointconnectionproxies/updateprivateendpointproperties/action": "moved",
    "/privateendpointconnections/write": "decided",
    "/privateendpointconnections/delete": "removed",
    "/privateendpoints/privatednszonegroups/write": "zone group",
    "/privateendpoints/privatednszonegroups/delete": "zone group",
    "/privateendpoints/write": "endpoint",
    "/privateendpoints/delete": "endpoint",
    "/microsoft.documentdb/databaseaccounts/write": "account",
    "/microsoft.documentdb/databaseaccounts/failoverprioritychange/action": "account",
    "/microsoft.documentdb/databaseaccounts/onlineregion/action": "account",
    "/microsoft.documentdb/databaseaccounts/offlineregion/action": "account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """`work` is what is settled (a target, or an endpoint whose target is not known yet); `subject` is what changed."""

    work: ResourceId
    subject: ResourceId
    cause: str

    @property
    def is_endpoint(self) -> bool:
        return self.work.is_a(ENDPOINT)


class Ignored(ValueError):
    """The event needs no work; the message is the one line to log."""


def read(payload: object, policy: Policy) -> Signal:
    """One event. Raises Ignored with the reason: not ours, not known, or not to be trusted."""
    if not isinstance(payload, Mapping):
        raise Ignored("the event is not an object")
    kind = payload.get("eventType", payload.get("type"))
    data = payload.get("data")
    if not isinstance(kind, str) or not isinstance(data, Mapping):
        raise Ignored("the event has no type or no data")
    if kind.startswith(_NOTIFICATIONS):
        return _notification(payload, data, policy)
    if not kind.startswith(_PREFIX) or not kind.endswith("Success"):
        raise Ignored(f"event type {kind[:80]!r} is not one we act on")
    operation = fold(str(data.get("operationName", "")))
    cause = next((why for suffix, why in _OPERATIONS.items() if f"/{operation}".endswith(suffix)), None)
    if cause is None:
        raise Ignored(f"operation {operation[:120]!r} is not one we act on")
    resource = _resource(data.get("resourceUri") or payload.get("subject"), payload)
    return signal(resource, cause, policy)


def signal(resource: ResourceId, cause: str, policy: Policy) -> Signal:
    """Which work item a resource belongs to. Raises Ignored when it lies outside the scope."""
    subject, work = resource, resource
    parent = resource.parent
    if fold(resource.path[-1][0]) in _CHILDREN and parent is not None:
        work = parent
        # A proxy's name says nothing reliable about the connection's: look at the target's whole list.
        subject = parent if fold(resource.path[-1][0]).endswith("proxies") else resource
    elif parent is not None and parent.is_a(ENDPOINT):
        subject = work = parent
    known = policy.knows(work) if work.is_a(ENDPOINT) else policy.covers(work)
    if not known:
        raise Ignored(f"{work} lies outside the configured scope")
    return Signal(work=work, subject=subject, cause=cause)


def _notification(payload: Mapping[str, Any], data: Mapping[str, Any], policy: Policy) -> Signal:
    info = data.get("resourceInfo")
    resource = _resource(info.get("id") if isinstance(info, Mapping) else None, payload)
    if not resource.is_a(ENDPOINT):
        raise Ignored(f"a notification about {resource.type} is not one we act on")
    return signal(resource, "endpoint", policy)


def _resource(text: object, payload: Mapping[str, Any]) -> ResourceId:
    try:
        resource = ResourceId.parse(text)
    except NotAnId as wrong:
        raise Ignored(f"the event names no resource: {wrong}") from None
    topic = payload.get("topic", payload.get("source"))
    try:
        inside = Scope.parse(topic).contains(resource)
    except NotAnId:
        raise Ignored("the event's topic is no subscription, resource group or resource") from None
    if not inside:
        raise Ignored("the event's resource does not lie under its topic")
    return resource
