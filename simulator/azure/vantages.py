"""Knows where one can stand and ask for names: inside one virtual network, or outside of all; a DNS door for each.

Inside, the private zones that are linked to the network are asked first; where such a zone has no such name, its link's
resolutionPolicy decides between NXDOMAIN and the public answer (documented: dns-records 5). Refuses to know who writes
records. Ours: the doors, which a reset closes, and that a door can be made deaf.
"""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from simulator.azure import publicnames, zones
from simulator.azure.doors import HOST, Closing, serve_dns
from simulator.azure.nameserver import Names, find, soa, soa_text
from simulator.azure.publicnames import PublicNames
from simulator.azure.world import Resource, World

DEEPEST = 8  # CNAMEs that are followed


class Links:
    """Which zones each network sees, and how; computed again only when the world changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._version = -1
        self._seen: dict[str, dict[str, tuple[Resource, bool]]] = {}

    def of(self, network: str) -> dict[str, tuple[Resource, bool]]:
        """Zone name -> the zone, and whether unknown names are asked for publicly."""
        if self._version != self.world.version:
            self._version = self.world.version
            self._seen = {}
            for zone in self.world.of_type(zones.TYPE):
                for link in self.world.children.get(zone.path.key, {}).values():
                    properties = link.body["properties"]
                    where = str((properties.get("virtualNetwork") or {}).get("id") or "").lower()
                    redirect = str(properties.get("resolutionPolicy") or "").lower() == "nxdomainredirect"
                    self._seen.setdefault(where, {}).setdefault(zone.path.name.lower(), (zone, redirect))
        return self._seen.get(network.lower(), {})


class Inside(Names):
    """Answers as a resolver in one network gives them; with network "" as public DNS does."""

    def __init__(self, world: World, links: Links, public: PublicNames, network: str) -> None:
        super().__init__(world, public)
        self.links, self.network = links, network

    def _resolve(self, name: str, kind: int, reply: dns.message.Message, depth: int = 0) -> None:
        zone, redirect = self._linked(name)
        if zone is not None:
            relative = name.removesuffix(zone.path.name.lower()).rstrip(".") or "@"
            record, exists = find(zone, relative, dns.rdatatype.to_text(kind))
            alias = None if record else find(zone, relative, "CNAME")[0]
            if alias and isinstance(alias.values, dict) and depth < DEEPEST:
                return self._follow(name, str(alias.values.get("cname", "")), alias.ttl, kind, reply, depth)
            if exists or not redirect:
                return self._say(name, record, exists, soa(zone), reply)
        return self._publicly(name, kind, reply, depth)

    def _linked(self, name: str) -> tuple[Resource | None, bool]:
        """The linked zone with the longest matching name."""
        seen = self.links.of(self.network) if self.network else {}
        labels = name.split(".")
        for cut in range(len(labels)) if seen else ():
            found = seen.get(".".join(labels[cut:]))
            if found and self.world.get(found[0].path) is found[0]:
                return found
        return None, False

    def _publicly(self, name: str, kind: int, reply: dns.message.Message, depth: int) -> None:
        private, address = self.public.ever().get(name), self.public.address(name)
        if private and depth < DEEPEST:
            return self._follow(name, private, publicnames.TTL, kind, reply, depth)
        zone = publicnames.zone_of(name)
        text = soa_text(publicnames.SOA)
        apex = name == zone and "privatelink" in name
        if address and kind == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(f"{name}.", publicnames.TTL, "IN", "A", address))
        elif apex and kind == dns.rdatatype.SOA:
            reply.answer.append(dns.rrset.from_text(f"{name}.", 3600, "IN", "SOA", text))
        else:
            if not address and not apex:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            reply.authority.append(dns.rrset.from_text(f"{zone}.", publicnames.SOA["minimumTtl"], "IN", "SOA", text))


class Vantages:
    """The doors of one Azure, by address."""

    def __init__(self, world: World, public: PublicNames) -> None:
        self.world, self.public, self.links = world, public, Links(world)
        self.doors: dict[str, tuple[Names, Closing]] = {}

    async def open(self, network: str | None, *, forwards: bool = True) -> str:
        """A resolver in this network. None, or a resolver that does not forward to Azure: public DNS only."""
        if not (network is None or isinstance(network, str)) or not isinstance(forwards, bool):
            raise ValueError("network is the id of a virtual network or null, forwards is true or false")
        closing: Closing = []
        names = Inside(self.world, self.links, self.public, (network or "") if forwards else "")
        address = f"{HOST}:{await serve_dns(names, 0, closing)}"
        self.doors[address] = (names, closing)
        return address

    def deafen(self, address: str) -> None:
        """Nothing is answered at this door any more, as if all packets were lost."""
        if address not in self.doors:
            raise ValueError(f"no vantage at {address!r}; there are {sorted(self.doors)}")
        self.doors[address][0].deaf = True

    def forget(self) -> None:
        """Close all doors soon."""
        for _, closing in self.doors.values():
            for close in closing:
                task = asyncio.ensure_future(close())
                task.add_done_callback(lambda done: done.exception())
        self.doors.clear()

    async def close(self) -> None:
        for _, closing in self.doors.values():
            for close in closing:
                await close()
        self.doors.clear()
