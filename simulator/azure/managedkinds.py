"""Knows, as data, the services that make private endpoints of their own in Microsoft's subscription.

One row per type: what its PUT asks for, and how it shows the state. Refuses to know how an endpoint is made
(managed.py). Published examples and models of each service (documented); what nobody published is labelled here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.connections import LinkState

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a managed endpoint asks for: target, groups, text."""

    target: object
    groups: list[str]
    message: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a managed endpoint beside its body."""

    endpoint: str  # key of the endpoint in Microsoft's subscription
    made: str
    shown: LinkState  # as last refreshed, where the service must be told to refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One service. `wish` gives None when a body asks for no endpoint."""

    wish: Callable[[Given], Wish | None]
    show: Callable[[dict[str, Any], LinkState, Asked], dict[str, Any]]  # properties as given -> as shown
    name: str = "{parent}-{name}"  # of the endpoint; assumed
    location: bool = False  # takes the target's location when it has none of its own
    create: int = 200
    stale: bool = False  # the state stands still until somebody refreshes
    system: bool = False  # shows systemData
    etag: bool = False


def _list(one: object) -> list[str]:
    return [str(one)] if one else []


def _grafana(given: Given) -> Wish:
    return Wish(given.get("privateLinkResourceId"), list(given.get("groupIds") or []), given.get("requestMessage"))


def _single(given: Given) -> Wish:
    return Wish(given.get("privateLinkResourceId"), _list(given.get("groupId")), given.get("requestMessage"))


def _stream(given: Given) -> Wish:
    rows = given.get("manualPrivateLinkServiceConnections") or [{}]
    inner = rows[0].get("properties") or {}
    return Wish(inner.get("privateLinkServiceId"), list(inner.get("groupIds") or []), inner.get("requestMessage"))


def _door(given: Given) -> Wish | None:
    inner = given.get("sharedPrivateLinkResource")
    if not inner:
        return None
    target = (inner.get("privateLink") or {}).get("id")
    return Wish(target, _list(inner.get("groupId")), inner.get("requestMessage"))


def _show_grafana(body: dict[str, Any], state: LinkState, _: Asked) -> dict[str, Any]:
    return {**body, "connectionState": {"status": state.status, "description": state.description or ""}}


def _show_factory(body: dict[str, Any], state: LinkState, _: Asked) -> dict[str, Any]:
    shown = {"status": state.status, "description": state.description or "", "actionsRequired": state.actions}
    return {"fqdns": [], "isReserved": False, **body, "connectionState": shown}


def _show_search(body: dict[str, Any], state: LinkState, _: Asked) -> dict[str, Any]:
    return {**body, "status": state.status}


def _show_stream(body: dict[str, Any], state: LinkState, asked: Asked) -> dict[str, Any]:
    """The published model says Approved, Rejected or Removed; Pending before that, and the portal's words: U."""
    inner = dict(body["manualPrivateLinkServiceConnections"][0].get("properties") or {})
    inner["privateLinkServiceConnectionState"] = {
        "status": "Removed" if state.status == "Disconnected" else state.status,
        "description": state.description or "",
        "actionsRequired": state.actions,
    }
    shown = {name: value for name, value in body.items() if name != "provisioningState"}
    return {**shown, "createdDate": asked.made, "manualPrivateLinkServiceConnections": [{"properties": inner}]}


def _show_door(body: dict[str, Any], state: LinkState, _: Asked) -> dict[str, Any]:
    return {**body, "sharedPrivateLinkResource": {**body["sharedPrivateLinkResource"], "status": state.status}}


KINDS: Mapping[str, Kind] = {
    "Microsoft.Dashboard/grafana/managedPrivateEndpoints": Kind(
        wish=_grafana, show=_show_grafana, location=True, create=201, stale=True, system=True
    ),
    "Microsoft.DataFactory/factories/managedVirtualNetworks/managedPrivateEndpoints": Kind(
        wish=_single, show=_show_factory, name="{parent}.{name}", etag=True
    ),
    "Microsoft.Search/searchServices/sharedPrivateLinkResources": Kind(wish=_single, show=_show_search),
    "Microsoft.StreamAnalytics/clusters/privateEndpoints": Kind(wish=_stream, show=_show_stream, create=201, etag=True),
    "Microsoft.Cdn/profiles/originGroups/origins": Kind(wish=_door, show=_show_door, create=201),
}
_BY_KEY = {name.lower(): kind for name, kind in KINDS.items()}


def kind_of(type_: str) -> Kind:
    return _BY_KEY[type_.lower()]
