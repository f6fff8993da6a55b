"""Knows the network interface of an endpoint: addresses from a subnet, one per required member.

Refuses to know link states. Shapes: recordings nic-get-cosmos-schema-built, dns-nic-acr, dns-nic-aml.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from simulator.azure.catalog import Member
from simulator.azure.errors import ArmError, bad
from simulator.azure.ids import Path, resource
from simulator.azure.world import Resource, World

RESERVED = 4  # documented: Azure keeps the first four addresses of every subnet


@dataclass(slots=True)
class Subnet:
    """Free addresses. The lowest free one is given out: a stale record soon points at somebody else."""

    network: IPv4Network
    next: int = RESERVED
    freed: list[int] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many addresses can be given out at all."""
        return max(0, self.network.num_addresses - RESERVED - 1)

    def take(self, wanted: str = "") -> str:
        number = self._wanted(wanted) if wanted else self._lowest()
        self.taken.add(number)
        return str(self.network[number])

    def give_back(self, address: str) -> None:
        number = self._number(address)
        if number in self.taken:
            self.taken.remove(number)
            heapq.heappush(self.freed, number)

    def _number(self, address: str) -> int:
        return int.from_bytes(bytes(map(int, address.split("."))), "big") - int(self.network.network_address)

    def _wanted(self, address: str) -> int:
        number = self._number(address)
        if not RESERVED <= number < self.network.num_addresses - 1:
            raise bad(
                "PrivateIPAddressNotInSubnet",
                f"Private static IP address {address} does not belong to the range of subnet prefix {self.network}.",
            )
        if number in self.taken:
            raise bad(
                "PrivateIPAddressInUse",
                f"IP configuration uses the private IP address {address} which is already in use.",
            )
        return number

    def _lowest(self) -> int:
        while self.freed:
            number = heapq.heappop(self.freed)
            if number not in self.taken:
                return number
        while self.next in self.taken:
            self.next += 1
        if self.next >= self.network.num_addresses - 1:
            raise bad("SubnetIsFull", f"Subnet with address prefix {self.network} does not have enough capacity.")
        return self.next


@dataclass(slots=True)
class Address:
    """One ip configuration of the interface."""

    name: str
    member: Member
    address: str
    static: bool = False


def subnet(world: World, text: str) -> Subnet:
    """The subnet's addresses. A network that nobody made gets 10.n.0.0/16 (ours); a prefix may grow later."""
    key, prefix = text.lower(), _prefix(world, text)
    known = world.subnets.get(key)
    if known is None:
        known = world.subnets[key] = Subnet(prefix or IPv4Network(f"10.{len(world.subnets) % 256}.0.0/16"))
    elif prefix and prefix != known.network:
        if not known.taken:
            known = world.subnets[key] = Subnet(prefix)
        elif prefix.network_address == known.network.network_address:
            known.network = prefix
    return known


def _prefix(world: World, text: str) -> IPv4Network | None:
    path = resource(text)
    known = world.get(path) if path else None
    properties = known.body.get("properties", {}) if known else {}
    prefix = properties.get("addressPrefix") or next(iter(properties.get("addressPrefixes") or []), None)
    try:
        return IPv4Network(prefix, strict=False) if prefix else None
    except ValueError:
        return None


def assign(
    world: World, where: str, members: Sequence[Member], static: Sequence[Mapping[str, Any]], old: Sequence[Address]
) -> list[Address]:
    """An address per member: the one it has, else the static one asked for, else the lowest free one.

    What no member needs any more goes back last, so a new member never gets the address of one that goes away with
    the same PUT (assumed). When it is refused nothing has changed.
    """
    pool, taken, spare = subnet(world, where), [], []
    rows = _static(members, static)
    kept = {one.member.name: one for one in old}
    found = []
    try:
        for member in members:
            row, before = rows.get(member.name), kept.get(member.name)
            fixed = str(row["properties"].get("privateIPAddress", "")) if row else ""
            if before and fixed in ("", before.address):
                found.append(Address(before.name, member, before.address, bool(fixed)))
                continue
            address = pool.take(fixed)
            taken.append(address)
            name = str(row.get("name")) if row else f"privateEndpointIpConfig.{world.guid()}"
            found.append(Address(name, member, address, bool(fixed)))
            spare += [before.address] if before else []
    except ArmError:
        for address in taken:
            pool.give_back(address)
        raise
    for address in [*spare, *(kept[name].address for name in set(kept) - {member.name for member in members})]:
        pool.give_back(address)
    return found


def check(
    world: World, where: str, members: Sequence[Member], static: Sequence[Mapping[str, Any]], old: Sequence[Address]
) -> None:
    """Raise what `assign` would, and change nothing."""
    pool, rows = subnet(world, where), _static(members, static)
    has, taken = {one.member.name: one.address for one in old}, []
    try:
        for member in members:
            fixed = str(rows[member.name]["properties"].get("privateIPAddress", "")) if member.name in rows else ""
            if member.name not in has or fixed not in ("", has[member.name]):
                taken.append(pool.take(fixed))
    finally:
        for address in taken:
            pool.give_back(address)


def _static(members: Sequence[Member], static: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Member -> its static row. All members have one or none has (reference cosmos 4, K; the code is assumed)."""
    if not static:
        return {}
    if len(static) == len(members) == 1:
        return {members[0].name: static[0]}
    wanted = {str(row.get("properties", {}).get("memberName", "")).lower(): row for row in static}
    found = {member.name: wanted[member.name.lower()] for member in members if member.name.lower() in wanted}
    if len(found) != len(members) or len(static) != len(members):
        raise bad(
            "PrivateEndpointIpConfigurationsCountMismatch",
            f"The endpoint has {len(static)} IP configurations, its target wants one for each of "
            f"{', '.join(member.name for member in members)}.",
        )
    return found


def write(
    world: World, nic: Path, endpoint: Path, location: str, where: str, group: str, addresses: Sequence[Address]
) -> None:
    """Make or refresh the interface."""
    etag = f'W/"{world.guid()}"'
    old = world.get(nic)
    body = {
        "name": nic.name,
        "id": nic.id,
        "etag": etag,
        "type": "Microsoft.Network/networkInterfaces",
        "location": location,
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": old.body["properties"]["resourceGuid"] if old else world.guid(),
            "ipConfigurations": [
                _configuration(nic, etag, where, group, one, first=position == 0)
                for position, one in enumerate(addresses)
            ],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "privateEndpoint": {"id": endpoint.id},
            "hostedWorkloads": [],
            "tapConfigurations": [],
            "nicType": "Standard",
        },
    }
    world.put(Resource(nic, body))


def _configuration(nic: Path, etag: str, where: str, group: str, one: Address, *, first: bool) -> dict[str, Any]:
    names = [name.fqdn for name in one.member.names]
    return {
        "name": one.name,
        "id": f"{nic.id}/ipConfigurations/{one.name}",
        "etag": etag,
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": {
            "provisioningState": "Succeeded",
            "privateIPAddress": one.address,
            "privateIPAllocationMethod": "Static" if one.static else "Dynamic",
            "subnet": {"id": where},
            "primary": first,
            "privateIPAddressVersion": "IPv4",
            "privateLinkConnectionProperties": {
                "groupId": group,
                "requiredMemberName": one.member.name,
                "fqdns": names,
            },
        },
    }
