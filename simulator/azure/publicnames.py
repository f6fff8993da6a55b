"""Knows public DNS, as far as private endpoints touch it: a target's public name, its privatelink name, its zone.

Documented: `name.suffix CNAME name.privatelink.suffix`, and a privatelink name resolves publicly too, to an address of
the service. Ours: which address that is. Refuses to know private zones, and names of targets that never had an
endpoint (in Azure they have a public address; here they do not resolve).
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

from simulator.azure import catalog, connections
from simulator.azure.endpoints import wanted_members
from simulator.azure.world import Resource, World

TTL = 60
SOA = {
    "email": "azuredns-hostmaster.microsoft.com",
    "expireTime": 2419200,
    "host": "ns1-01.azure-dns.com",
    "minimumTtl": 300,
    "refreshTime": 3600,
    "retryTime": 300,
    "serialNumber": 1,
}


class PublicNames:
    """The public names of one world, computed again only when the world changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._version = -1
        self._now: dict[str, str] = {}
        self._ever: dict[str, str] = {}
        self._private: set[str] = set()

    def now(self) -> dict[str, str]:
        """Public name -> privatelink name of every target that has a connection."""
        self._renew()
        return self._now

    def ever(self) -> dict[str, str]:
        """The same for every target that has or had one: Azure does not take the CNAME away with the endpoint."""
        self._renew()
        return self._ever

    def address(self, name: str) -> str | None:
        """The public address of a privatelink name."""
        self._renew()
        return public_address(name) if name in self._private else None

    def _renew(self) -> None:
        if self._version == self.world.version:
            return
        self._version = self.world.version
        self._now, self._ever = {}, {}
        for key, rows in self.world.connections.items():
            target = self.world.get(key)
            found = self._names(target) if target else {}
            self._ever |= found
            if rows:
                self._now |= found
        self._private = set(self._ever.values())

    def _names(self, target: Resource) -> dict[str, str]:
        asked = {group for one in connections.of_target(self.world, target.path).values() for group in one.groups}
        groups = dict.fromkeys([*catalog.groups(target.path), *sorted(asked)])
        return {
            name.fqdn.lower(): name.private.lower()
            for group in groups
            for member in wanted_members(target, [group])
            for name in member.names
        }


def public_address(name: str) -> str:
    """Always the same one for the same name, in 20.0.0.0/8."""
    digest = hashlib.sha256(name.lower().encode()).digest()
    return f"20.{digest[0]}.{digest[1]}.{1 + digest[2] % 254}"


def zone_of(name: str) -> str:
    """The public zone that a name lies in: a privatelink zone, else the last two labels of the name."""
    labels = name.split(".")
    zones = _privatelink_zones()
    for cut in range(len(labels)):
        suffix = ".".join(labels[cut:])
        if zones.fullmatch(suffix):
            return suffix
    return ".".join(labels[-2:])


@cache
def _privatelink_zones() -> re.Pattern[str]:
    """Every zone of the table; regions and the like may be anything."""
    texts = {
        text.rpartition(" @ ")[2].lower()
        for row in catalog.entries().values()
        for template in row["groups"].values()
        for part in template
        for text in part["names"]
    } | {zone.lower() for row in catalog.entries().values() for rows in row.get("zones", {}).values() for zone in rows}
    escaped = (re.sub(r"\\\{[^}]*\\\}", "[a-z0-9-]+", re.escape(text)) for text in sorted(texts))
    return re.compile("|".join(escaped))
