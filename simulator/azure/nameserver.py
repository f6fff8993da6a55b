"""Knows how names resolve inside a network that is linked to every private zone: a DNS server over UDP and TCP.

Refuses to know public DNS (publicnames.py): public names exist only for targets that have an endpoint, as a CNAME
into the privatelink zone. What one single network sees is vantages.py.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from simulator.azure import zones
from simulator.azure.publicnames import TTL, PublicNames
from simulator.azure.records import FIELDS
from simulator.azure.world import Resource, World
from simulator.azure.zones import Record


class Names:
    """Answers from the zones of one world."""

    def __init__(self, world: World, public: PublicNames | None = None) -> None:
        self.world, self.public = world, public or PublicNames(world)
        self.deaf = False

    def answer(self, wire: bytes, *, stream: bool = False) -> bytes | None:
        """The answer to one query, or None for rubbish."""
        if self.deaf:
            return None
        try:
            query = dns.message.from_wire(wire)
            reply = dns.message.make_response(query, recursion_available=True)
        except dns.exception.DNSException:
            return None
        if len(query.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
            return reply.to_wire()
        question = query.question[0]
        self._resolve(question.name.to_text().rstrip(".").lower(), question.rdtype, reply)
        size = 65535 if stream else max(512, query.payload or 512)
        try:
            return reply.to_wire(max_size=size)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()

    def _resolve(self, name: str, kind: int, reply: dns.message.Message, depth: int = 0) -> None:
        public = self.public.now().get(name) if depth == 0 else None
        if public:
            return self._follow(name, public, TTL, kind, reply, depth)
        zone, record, exists = self._find(name, dns.rdatatype.to_text(kind))
        alias = None if record else self._find(name, "CNAME")[1]
        if alias and isinstance(alias.values, dict) and depth < 8:
            return self._follow(name, str(alias.values.get("cname", "")), alias.ttl, kind, reply, depth)
        return self._say(name, record, exists, soa(zone), reply)

    def _follow(self, name: str, goal: str, ttl: int, kind: int, reply: dns.message.Message, depth: int) -> None:
        """A CNAME, and what it leads to."""
        goal = goal.rstrip(".").lower()
        reply.answer.append(dns.rrset.from_text(f"{name}.", ttl, "IN", "CNAME", f"{goal}."))
        self._resolve(goal, kind, reply, depth + 1)

    def _say(
        self, name: str, record: Record | None, exists: bool, authority: dns.rrset.RRset, reply: dns.message.Message
    ) -> None:
        """The record, or whose word it is that there is none."""
        texts = _texts(record) if record else []
        if record and texts:
            reply.answer.append(dns.rrset.from_text_list(f"{name}.", record.ttl, "IN", record.kind, texts))
            return
        if not exists:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(authority)

    def _find(self, name: str, kind: str) -> tuple[Resource | None, Record | None, bool]:
        """The nearest zone's record, a wildcard if no such name exists, and whether the name exists at all."""
        nearest: Resource | None = None
        exists = False
        for zone, relative in self._zones(name):
            nearest = nearest or zone
            record, there = find(zone, relative, kind)
            exists = exists or there
            if record:
                return zone, record, True
        return nearest, None, exists

    def _zones(self, name: str) -> Iterable[tuple[Resource, str]]:
        """All copies of the zone with the longest matching name, in order of their making."""
        labels = name.split(".")
        view = str(self.world.switches["dns_view"]).lower()
        for cut in range(len(labels)):
            suffix = ".".join(labels[cut:])
            found = [zone for zone in zones.all_named(self.world, suffix) if zone.path.key.startswith(view)]
            if found:
                return [(zone, ".".join(labels[:cut]) or "@") for zone in found]
        return []


def find(zone: Resource, relative: str, kind: str) -> tuple[Record | None, bool]:
    """The record of this kind in one zone, a wildcard if no such name exists, and whether the name exists at all."""
    records = zone.item.records
    for candidate in _candidates(relative):
        if any((other, candidate) in records for other in FIELDS):
            return records.get((kind, candidate)), True
    return None, False


def _candidates(relative: str) -> list[str]:
    labels = relative.split(".")
    wild = ["*." + ".".join(labels[cut:]) for cut in range(1, len(labels))]
    return [relative] if relative == "@" else [relative, *wild, "*"]


def _texts(record: Record) -> list[str]:
    values: Any = record.values or []
    if record.kind == "A":
        return [str(row["ipv4Address"]) for row in values]
    if record.kind == "AAAA":
        return [str(row["ipv6Address"]) for row in values]
    if record.kind == "TXT":
        return [" ".join(f'"{text}"' for text in row["value"]) for row in values]
    return [soa_text(values)] if record.kind == "SOA" else []


def soa(zone: Resource | None) -> dns.rrset.RRset:
    name = zone.path.name if zone else ""
    record = zone.item.records.get(("SOA", "@")) if zone else None
    values = record.values if record else zones.SOA
    return dns.rrset.from_text(f"{name}.", values.get("minimumTtl") or 10, "IN", "SOA", soa_text(values))


def soa_text(row: dict[str, Any]) -> str:
    return (
        f"{row['host'].rstrip('.')}. {row['email'].rstrip('.')}. {row['serialNumber']} {row['refreshTime']} "
        f"{row['retryTime']} {row['expireTime']} {row.get('minimumTtl') or 10}"
    )


class Udp(asyncio.DatagramProtocol):
    """One query, one answer."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        answer = self.names.answer(data)
        if answer:
            self.transport.sendto(answer, address)  # type: ignore[attr-defined]


async def tcp(names: Names, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Queries with a length in front, until the client goes."""
    try:
        while True:
            size = struct.unpack("!H", await reader.readexactly(2))[0]
            answer = names.answer(await reader.readexactly(size), stream=True)
            if names.deaf:
                continue
            if answer is None:
                return
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()
