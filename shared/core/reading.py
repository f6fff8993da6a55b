"""ARM bodies to values. Knows the shapes that providers answer with, tolerates what is missing, invents nothing.

Source: reference/private-endpoint-connections.md sections 1 to 3, reference/dns-records.md section 1.
A missing or odd key becomes a problem (the connection is then held), never an exception and never a default
that could approve.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .ids import ResourceId, fold, is_guid
from .model import DESCRIPTIONS, Connection, Endpoint, Link, Name, Pair, Status, Verdict, ordered
from .shapes import objects

_STATUSES = {fold(status.value): status for status in Status if status is not Status.UNKNOWN}
_SETTLED = {"succeeded", "ready"}
_ENDPOINT_TYPE = "Microsoft.Network/privateEndpoints"
_DIGITS = re.compile(r"[0-9]{1,20}")
_NONCE = re.compile(r"linkkeeper-nonce:([0-9a-f]{32})(?![0-9a-fA-F])")


def connection(body: object, *, target: ResourceId | None = None, guid_in_name: bool = False) -> Connection:
    """One `privateEndpointConnections` item. `guid_in_name`: Private Link Services put the endpoint's
    resourceGuid behind the last dot of the connection's name (recorded); others put other GUIDs there."""
    problems: list[str] = []
    if not isinstance(body, Mapping):
        return Connection(id=None, name="", endpoint=None, problems=("the connection is not an object",))
    properties = _mapping(body, "properties", problems)
    state = _mapping(properties, "privateLinkServiceConnectionState", problems)
    identity = ResourceId.read(body.get("id"))
    name = _name(body, identity, problems)
    if identity is None:
        problems.append("its id is missing or no ARM id")
    elif fold(identity.path[-1][0]) != "privateendpointconnections":
        problems.append("its id is not that of a connection")
        identity = None
    elif target is not None and identity.parent != target:
        problems.append("its id does not lie under the target")
        identity = None
    if identity is None and target is not None and name:
        # Held all the same, and people need something to point at.
        identity = ResourceId.read(f"{target}/privateEndpointConnections/{name}")
    endpoint = _endpoint_id(properties, problems)
    status = _status(state.get("status"))
    if status is Status.UNKNOWN:
        problems.append("its status is missing or unknown")
    guid = name.rpartition(".")[2] if guid_in_name else None
    return Connection(
        id=identity,
        name=name,
        endpoint=endpoint,
        guid=fold(guid) if guid and is_guid(guid) else None,
        link_identifier=_link_identifier(properties.get("linkIdentifier")),
        nonce=_nonce(state.get("description")) if status is Status.PENDING else None,
        status=status,
        by_us=status is Status.APPROVED and state.get("description") == DESCRIPTIONS[Verdict.APPROVE],
        settled=_is_settled(properties.get("provisioningState"), problems),
        groups=_groups(properties, problems),
        recreate=_recreate(state),
        problems=tuple(problems),
    )


def endpoint(body: object) -> Endpoint | None:
    """One `Microsoft.Network/privateEndpoints` object; None when it is not one."""
    identity = ResourceId.read(body.get("id")) if isinstance(body, Mapping) else None
    if identity is None or not identity.is_a(_ENDPOINT_TYPE) or not isinstance(body, Mapping):
        return None
    properties = _mapping(body, "properties", [])
    guid, subnet = properties.get("resourceGuid"), _subnet(properties.get("subnet"))
    state = fold(str(properties.get("provisioningState", "")))
    return Endpoint(
        id=identity,
        guid=fold(guid) if is_guid(guid) else None,
        location=str(body.get("location") or ""),
        provisioned=state == "succeeded",
        failed=state == "failed",
        links=(
            *_links(properties.get("privateLinkServiceConnections"), manual=False),
            *_links(properties.get("manualPrivateLinkServiceConnections"), manual=True),
        ),
        network=subnet.parent if subnet else None,
        subnet=subnet,
        static=_members(properties.get("ipConfigurations")),
        tags=_tags(body.get("tags")),
        # Filled configs prove that no zone group is attached (reference/dns-records.md section 1).
        pairs=_config_pairs(properties.get("customDnsConfigs")),
        interfaces=tuple(
            found for item in objects(properties.get("networkInterfaces")) if (found := ResourceId.read(item.get("id")))
        ),
    )


def interface_pairs(body: object) -> tuple[Pair, ...] | None:
    """The (fqdn, address) pairs of an endpoint's network interface; pairs are per entry, never by index.

    None: a name shows no address, so the list is not the whole truth.
    """
    properties = _mapping(body, "properties", []) if isinstance(body, Mapping) else {}
    found: list[tuple[object, object]] = []
    for config in objects(properties.get("ipConfigurations")):
        inner = _mapping(config, "properties", [])
        link = inner.get("privateLinkConnectionProperties")
        fqdns = link.get("fqdns") if isinstance(link, Mapping) else None
        for fqdn in fqdns if isinstance(fqdns, list) else ():
            if not _is_address(inner.get("privateIPAddress")):
                return None
            found.append((fqdn, [inner.get("privateIPAddress")]))
    return _pairs(found)


def interface_addresses(bodies: Iterable[object]) -> tuple[str, ...]:
    """Every address of an endpoint's interfaces, for services whose names Azure does not publish."""
    found: list[str] = []
    for body in bodies:
        properties = _mapping(body, "properties", []) if isinstance(body, Mapping) else {}
        for config in objects(properties.get("ipConfigurations")):
            address = _mapping(config, "properties", []).get("privateIPAddress")
            found += [address] if isinstance(address, str) and _is_ipv4(address) else []
    return ordered(found)


def zone_group(bodies: Iterable[object]) -> tuple[tuple[ResourceId, ...], tuple[Name, ...]]:
    """The zones that the zone groups of an endpoint write to, and the names they say they have written."""
    found: set[ResourceId] = set()
    written: set[Name] = set()
    for body in bodies:
        properties = _mapping(body, "properties", []) if isinstance(body, Mapping) else {}
        for config in objects(properties.get("privateDnsZoneConfigs")):
            inner = _mapping(config, "properties", [])
            zone = ResourceId.read(inner.get("privateDnsZoneId"))
            if zone is None:
                continue
            found.add(zone)
            for row in objects(inner.get("recordSets")):
                record = row.get("recordSetName")
                written |= {Name(zone=zone, record=fold(record))} if isinstance(record, str) and record else set()
    return tuple(sorted(found)), tuple(sorted(written))


def _subnet(value: object) -> ResourceId | None:
    found = ResourceId.read(value.get("id")) if isinstance(value, Mapping) else None
    return found if found is not None and found.is_a("Microsoft.Network/virtualNetworks/subnets") else None


def _tags(value: object) -> tuple[tuple[str, str], ...]:
    pairs = value.items() if isinstance(value, Mapping) else ()
    return tuple(sorted((fold(str(name)), str(text)) for name, text in pairs))


def _name(body: Mapping[str, Any], identity: ResourceId | None, problems: list[str]) -> str:
    # Items nested in the parent carry no name (SQL, MySQL, Key Vault, Machine Learning): take the id's last one.
    name = body.get("name")
    if name is None and identity is not None:
        return identity.name
    if not isinstance(name, str) or not name:
        problems.append("it has no name")
        return ""
    if identity is not None and fold(identity.name) != fold(name):
        problems.append("its name and its id disagree")
    return name


def _endpoint_id(properties: Mapping[str, Any], problems: list[str]) -> ResourceId | None:
    inner = properties.get("privateEndpoint")
    found = ResourceId.read(inner.get("id")) if isinstance(inner, Mapping) else None
    if found is None or not found.is_a(_ENDPOINT_TYPE):
        problems.append("it names no private endpoint")
        return None
    return found


def _groups(properties: Mapping[str, Any], problems: list[str]) -> tuple[str, ...] | None:
    """None when the provider does not show groups (Storage, Key Vault, Private Link Services)."""
    value = properties.get("groupIds") or properties.get("groupId")
    if value is None or value == []:
        return None
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) and item for item in values):
        problems.append("its group ids are not text")
        return None
    return tuple(sorted(values))


def _link_identifier(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**20:
        value = str(value)
    return value if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def _nonce(text: object) -> str | None:
    """The only thing ever taken from what a requester wrote: one nonce. Several are none: whose would it be?"""
    found = _NONCE.findall(text) if isinstance(text, str) else []
    return found[0] if len(found) == 1 else None


def _is_settled(state: object, problems: list[str]) -> bool:
    if state is None:
        return True
    if not isinstance(state, str):
        problems.append("its provisioning state is not text")
        return False
    return fold(state) in _SETTLED


def _links(items: object, *, manual: bool) -> Iterable[Link]:
    for item in objects(items):
        properties = _mapping(item, "properties", [])
        service = properties.get("privateLinkServiceId")
        target = ResourceId.read(service)
        groups = properties.get("groupIds")
        state = properties.get("privateLinkServiceConnectionState")
        yield Link(
            target=target,
            alias=service if target is None and isinstance(service, str) else None,
            groups=tuple(sorted(g for g in groups if isinstance(g, str))) if isinstance(groups, list) else (),
            status=_status(state.get("status") if isinstance(state, Mapping) else None),
            manual=manual,
            approval_reference=_reference(properties.get("approvalReference")),
            recreate=_recreate(state),
        )


def _recreate(state: object) -> bool:
    """The provider wants the endpoint's PUT repeated (reference/cosmos.md section 1)."""
    return isinstance(state, Mapping) and fold(str(state.get("actionsRequired"))) == "recreate"


def _members(value: object) -> tuple[str, ...]:
    """The members for which an endpoint states its addresses."""
    inner = (_mapping(one, "properties", []).get("memberName") for one in objects(value))
    return tuple(sorted(fold(name) for name in inner if isinstance(name, str)))


def _reference(value: object) -> ResourceId | None:
    found = ResourceId.read(value.get("privateEndpointId")) if isinstance(value, Mapping) else None
    return found if found is not None and found.is_a(_ENDPOINT_TYPE) else None


def _config_pairs(value: object) -> tuple[Pair, ...] | None:
    """None when nothing is there or when a name shows no address: a name we failed to read is not a name given up."""
    configs = objects(value)
    pairs = _pairs((config.get("fqdn"), config.get("ipAddresses")) for config in configs)
    named = {_undotted(fqdn) for config in configs if isinstance(fqdn := config.get("fqdn"), str) and fqdn}
    return pairs if configs and len(pairs) == len(named) else None


def _undotted(fqdn: str) -> str:
    """One dot at the end is spelling; two are no name, and whoever derives the zone refuses them."""
    name = fold(fqdn)
    return name if name.endswith("..") else name.removesuffix(".")


def _pairs(found: Iterable[tuple[object, object]]) -> tuple[Pair, ...]:
    merged: dict[str, set[str]] = {}
    for fqdn, addresses in found:
        if isinstance(fqdn, str) and fqdn and isinstance(addresses, list):
            merged.setdefault(_undotted(fqdn), set()).update(a for a in addresses if _is_ipv4(a))
    return tuple((fqdn, ordered(ips)) for fqdn, ips in sorted(merged.items()) if ips)


def _is_ipv4(text: object) -> bool:
    return _is_address(text) and ":" not in str(text)


def _is_address(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _status(value: object) -> Status:
    return _STATUSES.get(fold(value), Status.UNKNOWN) if isinstance(value, str) else Status.UNKNOWN


def _mapping(body: Mapping[str, Any], key: str, problems: list[str]) -> Mapping[str, Any]:
    value = body.get(key)
    if isinstance(value, Mapping):
        return value
    problems.append(f"it has no {key}")
    return {}
