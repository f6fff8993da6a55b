"""Knows private endpoints: what a PUT makes of them, and how they look. Requester's side of a link.

Refuses to know decisions. Shapes: recordings cosmos-private-endpoint-get, private-endpoint-get-manual-pending,
dns-pe-acr-customdns, dns-pe-with-zone-group; steps: reference private-endpoint-connections 8, dns-records 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.azure import exposure, interfaces
from simulator.azure.calls import Call
from simulator.azure.catalog import Member, members, region
from simulator.azure.connections import LinkState
from simulator.azure.errors import ArmError, bad
from simulator.azure.ids import Path
from simulator.azure.interfaces import Address
from simulator.azure.world import Resource, World

TYPE = "Microsoft.Network/privateEndpoints"
AWAITING = "Awaiting Approval"  # recorded: what the requester sees while Pending
LISTS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
COMPUTED = (  # everything else that a PUT says is kept and shown
    *LISTS,
    "provisioningState",
    "resourceGuid",
    "networkInterfaces",
    "customDnsConfigs",
    "customNetworkInterfaceName",
    "subnet",
    "ipConfigurations",
)

TOP = ("tags", "extendedLocation")  # beside properties (documented), replaced as a whole


@dataclass(slots=True)
class Endpoint:
    """What the simulator knows about one endpoint beside its place and tags."""

    guid: str
    manual: bool
    link: str
    service: str  # id or alias, as the requester wrote it
    target: str  # key of the target
    groups: list[str]
    message: str | None
    subnet: str
    nic: Path
    nic_name: str
    static: list[dict[str, Any]]
    kept: dict[str, Any]
    state: LinkState
    etag: str
    provisioning: str = "Updating"
    born: bool = False  # its first operation has ended well
    planned: list[str] = field(default_factory=list)  # members at the start of the PUT that is under way
    addresses: list[Address] = field(default_factory=list)
    zone_group: bool = False
    reference: str = ""  # endpoint whose approval this one inherits


@dataclass(frozen=True, slots=True)
class Wanted:
    """The body of a PUT, understood."""

    location: str
    top: dict[str, Any]
    manual: bool
    link: str
    service: str
    groups: list[str]
    message: str | None
    subnet: str
    nic_name: str
    static: list[dict[str, Any]]
    kept: dict[str, Any]
    reference: str


def understand(call: Call) -> Wanted:
    """Read the body of a PUT; raises what ARM answers to a bad one."""
    body, properties = call.content, call.content.get("properties") or {}
    location = body.get("location")
    if not location:
        raise bad("LocationRequired", "The location property is required for this definition.")
    where = (properties.get("subnet") or {}).get("id")
    if not where:
        raise bad("InvalidRequestFormat", "Cannot parse the request: a private endpoint needs properties.subnet.id.")
    automatic, manual = (properties.get(name) or [] for name in LISTS)
    if len(automatic) + len(manual) != 1:
        raise bad(
            "PrivateEndpointMustHaveOnePrivateLinkServiceConnection",
            "A private endpoint needs exactly one private link service connection.",
        )
    row = [*automatic, *manual][0]
    inner = row.get("properties") or {}
    if not row.get("name") or not inner.get("privateLinkServiceId"):
        raise bad("InvalidRequestFormat", "A private link service connection needs name and privateLinkServiceId.")
    return Wanted(
        location=str(location),
        top={name: body[name] for name in TOP if body.get(name) is not None},
        manual=bool(manual),
        link=str(row["name"]),
        service=str(inner["privateLinkServiceId"]),
        groups=list(inner.get("groupIds") or []),
        message=inner.get("requestMessage"),
        subnet=str(where),
        nic_name=str(properties.get("customNetworkInterfaceName") or ""),
        static=list(properties.get("ipConfigurations") or []),
        kept={name: value for name, value in properties.items() if name not in COMPUTED and value is not None},
        reference=str((inner.get("approvalReference") or {}).get("privateEndpointId") or ""),
    )


def find_target(world: World, wanted: Wanted, subscription: str) -> Resource:
    """The target asked for. The codes of the two refusals are assumed."""
    target, alias = world.target(wanted.service), not wanted.service.startswith("/")
    if alias and (target is None or not exposure.visible(world, target, subscription)):
        raise bad("PrivateLinkServiceAliasNotFound", f"No private link service has the alias {wanted.service}.")
    if target is None:
        raise ArmError(
            400,
            "InvalidResourceReference",
            f"Resource {wanted.service} referenced by the private endpoint "
            "was not found. Please make sure that the referenced resource exists.",
        )
    return target


def wanted_members(target: Resource, groups: list[str]) -> list[Member]:
    """One member per address; regions count when they are there. A target that publishes no names still costs one."""
    rows = (target.body.get("properties") or {}).get("locations") or []
    rows = [row for row in rows if isinstance(row, Mapping) and row.get("provisioningState") != "Creating"]
    regions = [region(row.get("locationName")) for row in rows]
    location = target.body.get("location")
    found = [member for group in groups for member in members(target.path, location, regions, group)]
    return found or [Member(groups[0] if groups else "", ())]


def render(world: World, resource: Resource) -> dict[str, Any]:
    """The endpoint as its owner reads it."""
    own: Endpoint = resource.item
    properties: dict[str, Any] = {
        "provisioningState": own.provisioning,
        "resourceGuid": own.guid,
        LISTS[0]: [],
        LISTS[1]: [],
        "customNetworkInterfaceName": own.nic_name,
        "subnet": {"id": own.subnet},
        "ipConfigurations": own.static,
        "networkInterfaces": [{"id": own.nic.id}],
        "customDnsConfigs": _dns(world, own),
        **own.kept,
    }
    properties[LISTS[own.manual]] = [_link(resource)]
    body = {
        "name": resource.path.name,
        "id": resource.path.id,
        "etag": f'W/"{own.etag}"',
        "type": TYPE,
        "location": resource.body["location"],
        "properties": properties,
    }
    return body | {name: resource.body[name] for name in TOP if resource.body.get(name) is not None}


def _link(resource: Resource) -> dict[str, Any]:
    own: Endpoint = resource.item
    shown = LISTS[own.manual]
    inner: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "privateLinkServiceId": own.service,
        "groupIds": own.groups,
    }
    if own.message is not None:
        inner["requestMessage"] = own.message
    if own.reference:
        inner["approvalReference"] = {"privateEndpointId": own.reference}
    inner["privateLinkServiceConnectionState"] = {
        "status": own.state.status,
        "description": own.state.description or "",
        "actionsRequired": own.state.actions,
    }
    return {
        "name": own.link,
        "id": f"{resource.path.id}/{shown}/{own.link}",
        "etag": f'W/"{own.etag}"',
        "properties": inner,
        "type": f"{TYPE}/{shown}",
    }


def _dns(world: World, own: Endpoint) -> list[dict[str, Any]]:
    """Empty while provisioning, with a zone group, and for targets without names (reference: dns-records 1)."""
    shown = own.provisioning == "Succeeded" or (own.born and world.switches["updating_names"] == "kept")
    if not shown or own.zone_group:
        return []
    if own.state.status == "Pending" and not world.switches["pending_names"]:
        return []
    return [{"fqdn": name.fqdn, "ipAddresses": [one.address]} for one in own.addresses for name in one.member.names]


def write_nic(world: World, resource: Resource) -> None:
    """The endpoint's interface as it is now."""
    own: Endpoint = resource.item
    interfaces.write(
        world,
        own.nic,
        resource.path,
        resource.body["location"],
        own.subnet,
        own.groups[0] if own.groups else "",
        own.addresses,
    )


def touch(world: World, resource: Resource) -> None:
    resource.item.etag = world.guid()
