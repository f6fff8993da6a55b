"""Ask a name server what a client would see: a public name's chain and addresses, and whose zone answers.

Knows DNS over UDP and TCP with real time limits, through dnspython. Refuses names that are none, resolvers that are no
addresses, and this machine's own resolver settings; trouble becomes an answer, never an exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .core.vantage import Answer, Expectation, Verdict, diagnose, parse_resolver
from .core.zones import NotAHostName, host_name

_AT_ONCE = 16
_TIMED_OUT = "timed out"
_PATIENCE = 3
"""Names in a row that a resolver may leave unanswered before it is not asked any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    resolver: str
    expectation: Expectation
    verdict: Verdict
    text: str


async def check(
    expectations: Sequence[Expectation], resolvers: Sequence[str], *, timeout: float = 3.0
) -> list[Checked]:
    """Every expectation at every resolver; a dead resolver costs bounded time."""
    found = await asyncio.gather(*(_at(resolver, expectations, timeout) for resolver in resolvers))
    return [checked for part in found for checked in part]


async def _at(resolver: str, expectations: Sequence[Expectation], timeout: float) -> list[Checked]:
    gate, silent = asyncio.Semaphore(_AT_ONCE), 0
    zones: dict[str, asyncio.Task[bool | None]] = {}

    async def one(expected: Expectation) -> Checked:
        nonlocal silent
        async with gate:
            if silent >= _PATIENCE:
                answer = Answer(silent="it did not answer before")
            else:
                try:
                    answer = await ask(resolver, expected.fqdn, timeout=timeout)
                except NotAHostName as wrong:
                    answer = Answer(silent=f"not asked, no host name: {wrong}")
                else:  # who refuses or fails at once costs no time, and may know the next name
                    silent = silent + 1 if answer.silent == _TIMED_OUT else 0
            if not answer.silent and set(answer.addresses) != set(expected.addresses):
                if expected.zone not in zones:
                    zones[expected.zone] = asyncio.create_task(
                        is_private_zone(resolver, expected.zone, timeout=timeout)
                    )
                answer = replace(answer, private_zone=await zones[expected.zone])
        verdict, text = diagnose(expected, answer)
        return Checked(resolver=resolver, expectation=expected, verdict=verdict, text=text)

    return list(await asyncio.gather(*(one(expected) for expected in expectations)))


async def ask(resolver: str, fqdn: str, *, timeout: float = 3.0) -> Answer:
    """The chain and the addresses of one name. Raises ValueError for what is no name or no resolver."""
    import dns.rcode

    name = host_name(fqdn)
    reply, why = await _query(resolver, name, "A", timeout)
    if reply is None:
        return Answer(silent=why)
    chain, addresses = _read(reply, name)
    if chain and not addresses and reply.rcode() == dns.rcode.NOERROR:
        more, why = await _query(resolver, chain[-1], "A", timeout)
        if more is None:
            return Answer(chain=chain, silent=why)
        further, addresses = _read(more, chain[-1])
        chain = (*chain, *further)
    return Answer(chain=chain, addresses=addresses, missing=not addresses)


async def is_private_zone(resolver: str, zone: str, *, timeout: float = 3.0) -> bool | None:
    """Does it see an Azure private zone of that name? Its SOA says so (recorded: host azureprivatedns.net)."""
    zone = host_name(zone)
    reply, _ = await _query(resolver, zone, "SOA", timeout)
    if reply is None:
        return None
    for rrset in (*reply.answer, *reply.authority):
        for row in rrset:
            master = str(getattr(row, "mname", "")).rstrip(".").lower()
            if master:
                return master.endswith("azureprivatedns.net") and str(rrset.name).rstrip(".").lower() == zone
    return False


async def _query(resolver: str, name: str, kind: str, timeout: float):  # type: ignore[no-untyped-def]
    """(reply, "") or (None, why)."""
    import dns.exception
    import dns.message
    import dns.rcode

    address, port = parse_resolver(resolver)
    try:
        query = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        async with asyncio.timeout(2 * timeout):
            try:
                reply = await _once(query, address, port, timeout)
            except dns.exception.Timeout:  # one datagram may be lost
                reply = await _once(query, address, port, timeout)
    except (TimeoutError, dns.exception.Timeout):
        return None, _TIMED_OUT
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as wrong:
        return None, type(wrong).__name__
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None, dns.rcode.to_text(reply.rcode())
    return reply, ""


async def _once(query, address: str, port: int, timeout: float):  # type: ignore[no-untyped-def]
    """Datagrams that are no answer to this question are passed over: anybody could send them."""
    import dns.asyncquery

    reply, _ = await dns.asyncquery.udp_with_fallback(
        query, address, timeout, port, ignore_unexpected=True, ignore_errors=True
    )
    return reply


def _read(reply, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:  # type: ignore[no-untyped-def]
    """Follow the CNAMEs of the answer from the name that was asked, as far as they go and never in a circle."""
    aliases: dict[str, str] = {}
    addresses: dict[str, set[str]] = {}
    for rrset in reply.answer:
        owner = str(rrset.name).rstrip(".").lower()
        for row in rrset:
            if hasattr(row, "target"):
                aliases[owner] = str(row.target).rstrip(".").lower()
            elif hasattr(row, "address"):
                addresses.setdefault(owner, set()).add(str(row.address))
    chain: list[str] = []
    while name in aliases and aliases[name] not in chain and len(chain) < 16:
        name = aliases[name]
        chain.append(name)
    return tuple(chain), tuple(sorted(addresses.get(name, ())))
