"""Knows how names resolve inside a network that is linked to every private zone: a DNS server over UDP and TCP.

Refuses to know public DNS: public names exist only for targets that have an endpoint (CNAME into the privatelink zone).
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

from simulator.azure import catalog, connections, zones
from simulator.azure.endpoints import wanted_members
from simulator.azure.world import Resource, World
from simulator.azure.zones import Record

PUBLIC_TTL = 60


class Names:
    """Answers from the zones of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._public: dict[str, str] = {}
        self._version = -1

    def answer(self, wire: bytes, *, stream: bool = False) -> bytes | None:
        """The answer to one query, or None for rubbish."""
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
        public = self._publics().get(name) if depth == 0 else None
        if public:
            reply.answer.append(dns.rrset.from_text(f"{name}.", PUBLIC_TTL, "IN", "CNAME", f"{public}."))
            return self._resolve(public, kind, reply, depth + 1)
        zone, record, exists = self._find(name, dns.rdatatype.to_text(kind))
        alias = None if record else self._find(name, "CNAME")[1]
        if alias and isinstance(alias.values, dict) and depth < 8:
            goal = str(alias.values.get("cname", "")).rstrip(".").lower()
            reply.answer.append(dns.rrset.from_text(f"{name}.", alias.ttl, "IN", "CNAME", f"{goal}."))
            return self._resolve(goal, kind, reply, depth + 1)
        texts = _texts(record) if record else []
        if record and texts:
            reply.answer.append(dns.rrset.from_text_list(f"{name}.", record.ttl, "IN", record.kind, texts))
            return None
        if not exists:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.authority.append(_soa(zone))
        return None

    def _find(self, name: str, kind: str) -> tuple[Resource | None, Record | None, bool]:
        """The nearest zone's record, a wildcard if no such name exists, and whether the name exists at all."""
        nearest: Resource | None = None
        exists = False
        for zone, relative in self._zones(name):
            nearest = nearest or zone
            records = zone.item.records
            for candidate in _candidates(relative):
                held = [key for key in records if key[1] == candidate]
                if held:
                    exists = True
                    if (kind, candidate) in records:
                        return zone, records[kind, candidate], True
                    break
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

    def _publics(self) -> dict[str, str]:
        """Public name -> privatelink name of every target that has a connection."""
        if self._version != self.world.version:
            self._version = self.world.version
            self._public = {
                name.fqdn.lower(): name.private.lower()
                for key, rows in self.world.connections.items()
                if rows
                for target in [self.world.get(key)]
                if target
                for group in self._groups(target)
                for member in wanted_members(target, [group])
                for name in member.names
            }
        return self._public

    def _groups(self, target: Resource) -> list[str]:
        asked = {group for one in connections.of_target(self.world, target.path).values() for group in one.groups}
        return list(dict.fromkeys([*catalog.groups(target.path), *sorted(asked)]))


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
    return [_soa_text(values)] if record.kind == "SOA" else []


def _soa(zone: Resource | None) -> dns.rrset.RRset:
    name = zone.path.name if zone else ""
    record = zone.item.records.get(("SOA", "@")) if zone else None
    values = record.values if record else zones.SOA
    return dns.rrset.from_text(f"{name}.", values.get("minimumTtl") or 10, "IN", "SOA", _soa_text(values))


def _soa_text(row: dict[str, Any]) -> str:
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
            if answer is None:
                return
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()
