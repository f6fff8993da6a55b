"""Asking real little name servers on loopback: every way to answer, and every way not to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from shared import resolving
from shared.core.vantage import Answer, Expectation, Verdict
from shared.core.zones import NotAHostName

NAME = "acct1.blob.core.windows.net"
ZONE = "privatelink.blob.core.windows.net"
PRIVATE = f"acct1.{ZONE}"
SHORT = 0.2
Reply = Callable[[dns.message.Message, bool], "list[bytes]"]


class Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Callable[[bytes, bool], list[bytes]]) -> None:
        self.reply = reply

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        for wire in self.reply(data, False):
            self.transport.sendto(wire, addr)


class Server:
    def __init__(self, behave: Reply) -> None:
        self.behave, self.asked, self.at = behave, [], ""

    def reply(self, wire: bytes, tcp: bool) -> list[bytes]:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        self.asked.append((str(question.name).rstrip("."), question.rdtype.name, tcp))
        return self.behave(query, tcp)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        for wire in self.reply(await reader.readexactly(size), True):
            writer.write(len(wire).to_bytes(2, "big") + wire)
        writer.close()


@asynccontextmanager
async def serving(behave: Reply, host: str = "127.0.0.1") -> AsyncIterator[Server]:
    server, loop = Server(behave), asyncio.get_running_loop()
    stream = await asyncio.start_server(server.stream, host, 0)
    port = stream.sockets[0].getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: Udp(server.reply), (host, port))
    server.at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        yield server
    finally:
        transport.close()
        stream.close()


def says(*rows: str, rcode: str = "NOERROR", flags: int = 0) -> Reply:
    """Rows such as `name 10 IN A 10.0.0.4`, whatever is asked."""

    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.from_text(rcode))
        reply.flags |= flags
        for row in rows:
            owner, ttl, kind, rest = row.split(" ", 3)
            reply.answer.append(dns.rrset.from_text(f"{owner}.", int(ttl), "IN", kind, rest))
        return [reply.to_wire()]

    return behave


def nothing(query: dns.message.Message, tcp: bool) -> list[bytes]:
    return []


CHAIN = (f"{NAME} 10 CNAME {PRIVATE}.", f"{PRIVATE} 10 A 10.0.0.4")


def asked(behave: Reply, host: str = "127.0.0.1") -> tuple[Answer, Server]:
    async def run() -> tuple[Answer, Server]:
        async with serving(behave, host) as server:
            return await resolving.ask(server.at, NAME, timeout=SHORT), server

    return bounded(run())


def bounded(work: Coroutine[Any, Any, Any], seconds: float = 10) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(run())


def test_an_address() -> None:
    answer, _ = asked(says(f"{NAME} 10 A 10.0.0.4"))
    assert answer == Answer(addresses=("10.0.0.4",))


def test_a_chain() -> None:
    answer, _ = asked(says(*CHAIN))
    assert (answer.chain, answer.addresses) == ((PRIVATE,), ("10.0.0.4",))


def test_upper_case() -> None:
    answer, _ = asked(says(*(row.replace("acct1", "ACCT1").replace("net", "NET") for row in CHAIN)))
    assert (answer.chain, answer.addresses) == ((PRIVATE,), ("10.0.0.4",))


def test_a_resolver_on_ipv6() -> None:
    try:
        answer, _ = asked(says(*CHAIN), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert answer.addresses == ("10.0.0.4",)


def test_addresses_of_other_names_do_not_count() -> None:
    answer, _ = asked(says(f"{NAME} 10 CNAME {PRIVATE}.", f"{PRIVATE} 10 A 10.0.0.4", "other.example 10 A 10.6.6.6"))
    assert answer.addresses == ("10.0.0.4",)


def test_truncated_answers_come_over_tcp() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        return says(*CHAIN)(query, tcp) if tcp else says(flags=dns.flags.TC)(query, tcp)

    answer, server = asked(behave)
    assert answer.addresses == ("10.0.0.4",)
    assert [tcp for *_, tcp in server.asked] == [False, True]


def test_no_such_name_keeps_the_chain() -> None:
    answer, _ = asked(says(CHAIN[0], rcode="NXDOMAIN"))
    assert (answer.chain, answer.missing, answer.silent) == ((PRIVATE,), True, "")


def test_half_a_chain_is_asked_further() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        first = str(query.question[0].name) == f"{NAME}."
        return says(CHAIN[0] if first else CHAIN[1])(query, tcp)

    answer, server = asked(behave)
    assert (answer.chain, answer.addresses) == ((PRIVATE,), ("10.0.0.4",))
    assert [name for name, *_ in server.asked] == [NAME, PRIVATE]


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_who_cannot_answer_is_silent(rcode: str) -> None:
    answer, _ = asked(says(rcode=rcode))
    assert answer.silent
    assert not answer.missing


@pytest.mark.parametrize("wire", [b"", b"\x00", b"rubbish" * 9], ids=["empty", "a byte", "text"])
def test_rubbish_is_no_answer(wire: bytes) -> None:
    answer, _ = asked(lambda query, tcp: [query.id.to_bytes(2, "big") + wire])
    assert answer.silent


def test_a_loop_ends() -> None:
    answer, _ = asked(says(f"{NAME} 10 CNAME {PRIVATE}.", f"{PRIVATE} 10 CNAME {NAME}."))
    assert answer.addresses == ()
    assert len(answer.chain) <= 32


def test_silence_ends_after_the_time_that_was_given() -> None:
    started = time.monotonic()
    answer, _ = asked(nothing)
    assert answer.silent
    assert SHORT / 2 < time.monotonic() - started < 2 * SHORT + 1.5


@pytest.mark.parametrize("name", ["", "a b.example", "x/../y.example", "10.0.0.4"])
def test_what_is_no_name_is_not_asked(name: str) -> None:
    with pytest.raises(NotAHostName):
        bounded(resolving.ask("127.0.0.1:9", name, timeout=SHORT))


def test_a_resolver_by_name_is_refused() -> None:
    with pytest.raises(ValueError, match="resolver"):
        bounded(resolving.ask("localhost", NAME, timeout=SHORT))


def soa(owner: str, master: str) -> Reply:
    return says(f"{owner} 10 SOA {master}. mail.example. 1 3600 300 2419200 10")


@pytest.mark.parametrize(
    ("behave", "private"),
    [
        (soa(ZONE, "azureprivatedns.net"), True),
        (soa("core.windows.net", "azureprivatedns.net"), False),
        (soa(ZONE, "ns1-01.azure-dns.com"), False),
        (nothing, None),
    ],
    ids=["Azure's", "of another zone", "public", "silent"],
)
def test_whose_zone_it_is(behave: Reply, private: bool | None) -> None:
    async def run() -> bool | None:
        async with serving(behave) as server:
            return await resolving.is_private_zone(server.at, ZONE, timeout=SHORT)

    assert bounded(run()) is private


def expectations(count: int, *addresses: str) -> list[Expectation]:
    names = [f"acct{number}" for number in range(count)]
    return [
        Expectation(fqdn=f"{n}.blob.core.windows.net", private=f"{n}.{ZONE}", zone=ZONE, addresses=addresses)
        for n in names
    ]


async def at(behave: Reply, work: Callable[[Server], Awaitable[Any]]) -> tuple[Any, Server]:
    async with serving(behave) as server:
        return await work(server), server


def test_the_zone_is_asked_once_for_all_its_names() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        question = query.question[0]
        if question.rdtype.name == "SOA":
            return soa(ZONE, "azureprivatedns.net")(query, tcp)
        first = str(question.name).partition(".")[0]
        return says(f"{str(question.name)[:-1]} 10 CNAME {first}.{ZONE}.", rcode="NXDOMAIN")(query, tcp)

    work = lambda server: resolving.check(expectations(9, "10.0.0.4"), [server.at], timeout=2)  # noqa: E731
    found, server = bounded(at(behave, work))
    assert {one.verdict for one in found} == {Verdict.MISSING}
    assert [kind for _, kind, _ in server.asked].count("SOA") == 1


def test_a_dead_resolver_costs_bounded_time_and_spoils_no_other() -> None:
    async def run() -> Any:
        async with serving(nothing) as dead, serving(says(rcode="NXDOMAIN")) as alive:
            found = await resolving.check(expectations(100), [dead.at, alive.at], timeout=SHORT)
            return found, dead, alive

    started = time.monotonic()
    found, dead, alive = bounded(run())
    assert time.monotonic() - started < 5
    assert len(dead.asked) <= 40
    assert {one.verdict for one in found if one.resolver == dead.at} == {Verdict.SILENT}
    assert {one.verdict for one in found if one.resolver == alive.at} == {Verdict.OK}
    assert len(found) == 200


def test_a_reply_with_another_id_is_passed_over() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        good = says(*CHAIN)(query, tcp)[0]
        return [bytes([good[0] ^ 1]) + good[1:], good]

    assert asked(behave)[0].addresses == ("10.0.0.4",)


def test_one_lost_datagram_is_no_silence() -> None:
    lost: list[bool] = []

    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        lost.append(True)
        return says(*CHAIN)(query, tcp) if len(lost) > 1 else []

    assert asked(behave)[0].addresses == ("10.0.0.4",)


def test_silence_about_the_rest_of_a_chain_is_silence() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        return says(CHAIN[0])(query, tcp) if str(query.question[0].name) == f"{NAME}." else []

    answer, _ = asked(behave)
    assert answer.silent
    assert not answer.missing


def test_three_names_that_fail_and_one_that_is_none_spoil_no_other() -> None:
    def behave(query: dns.message.Message, tcp: bool) -> list[bytes]:
        bad = str(query.question[0].name).split(".")[0] in ("acct0", "acct1", "acct2")
        return says(rcode="SERVFAIL" if bad else "NXDOMAIN")(query, tcp)

    none = Expectation(fqdn="a b.example", private=PRIVATE, zone=ZONE, addresses=())
    work = lambda server: resolving.check([*expectations(40), none], [server.at], timeout=2)  # noqa: E731
    found, _ = bounded(at(behave, work))
    assert sum(one.verdict is Verdict.SILENT for one in found) == 4
