"""The PUT that makes a private endpoint again: exactly its own payload, whatever a later version of Azure puts into it.

Knows what Azure computes, and drops only that; refuses to name what is kept. A full replacement: what is lost here is
lost in Azure. Source: reference/cosmos.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .shapes import objects

_COMPUTED = {"id", "name", "type", "etag", "systemData", "properties"}
_COMPUTED_PROPERTIES = {
    "provisioningState",
    "resourceGuid",
    "networkInterfaces",
    "customDnsConfigs",
    "privateDnsZoneGroups",
    "privateEndpointConnectionProxies",
}
_COMPUTED_PARTS = {"id", "type", "etag", "properties"}
_COMPUTED_OF_LINK = {"provisioningState", "privateLinkServiceConnectionState"}
LISTS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")


def repeated(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the PUT, from the raw answer of a GET. Each connection stays in the list that it was in."""
    properties = body.get("properties")
    given = properties if isinstance(properties, Mapping) else {}
    kept = _without(given, _COMPUTED_PROPERTIES)
    for name in LISTS:
        kept[name] = [_part(link, _COMPUTED_OF_LINK) for link in objects(given.get(name))]
    subnet = given.get("subnet")
    if isinstance(subnet, Mapping):
        kept["subnet"] = {"id": subnet.get("id")}
    if "ipConfigurations" in given:
        kept["ipConfigurations"] = [_part(one, {"provisioningState"}) for one in objects(given["ipConfigurations"])]
    return {**_without(body, _COMPUTED), "properties": kept}


def _part(part: Mapping[str, Any], computed: set[str]) -> dict[str, Any]:
    inner = part.get("properties")
    kept = _without(part, _COMPUTED_PARTS)
    return {**kept, "properties": _without(inner, computed)} if isinstance(inner, Mapping) else kept


def _without(given: Mapping[str, Any], computed: set[str]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in computed}
