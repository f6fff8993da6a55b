"""What a client sees when it asks a resolver for a public name, and what is wrong when it is not what we wrote. Pure.

Knows that `name.suffix CNAME name.privatelink.suffix`, and that a private zone answers for the latter only where the
resolver asks Azure DNS in a network that the zone is linked to. Refuses to ask (resolving.py) and to mend.
Source: the vendors' guides (their nslookup step), reference/dns-records.md sections 2 and 5.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

_RESOLVER = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::(.*))?", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class Verdict(StrEnum):
    OK = "as written"
    NO_CNAME = "no CNAME"
    NOT_FORWARDED = "not forwarded"
    NOT_LINKED = "zone not linked"
    STALE = "stale"
    MISSING = "record not seen"
    SILENT = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`private`: record and zone; `addresses` empty: no private record any more; `linked`: None when not known."""

    fqdn: str
    private: str
    zone: str
    addresses: tuple[str, ...]
    linked: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`chain`: CNAME targets in order; `silent`: why nobody answered; `private_zone`: the zone's SOA is Azure's."""

    chain: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    missing: bool = False
    silent: str = ""
    private_zone: bool | None = None


def parse_resolver(text: str) -> tuple[str, int]:
    """An address and a port, such as 10.0.0.4, 10.0.0.4:5353 or [fd00::4]:53. Raises ValueError."""
    found = _RESOLVER.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        six, four, port = found.groups()
        address = ipaddress.IPv6Address(six) if six else ipaddress.IPv4Address(four)
    except ValueError:
        text = "a resolver is an address and perhaps a port, such as 10.0.0.4, 10.0.0.4:53 or [fd00::4]:53, not a name"
        raise ValueError(text) from None
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= 65_535):
        raise ValueError("the port of a resolver is a number from 1 to 65535")
    return str(address), int(port or 53)


def diagnose(expected: Expectation, answer: Answer) -> tuple[Verdict, str]:
    """What it means, in words that say what to do. Total."""
    if answer.silent:
        return Verdict.SILENT, f"no answer ({answer.silent}): is the resolver there, and may the app reach it?"
    seen, wanted = sorted(set(answer.addresses)), sorted(set(expected.addresses))
    shown = ", ".join(seen) or "no address"
    private = [address for address in seen if _is_private(address)]
    if not wanted:
        if private:
            return Verdict.STALE, f"still answers {shown}, though the record is gone: a cache, or another copy"
        return Verdict.OK, "no private address any more"
    if seen == wanted:
        return Verdict.OK, f"leads to {shown}"
    if expected.private not in (expected.fqdn, *answer.chain):
        text = f"public DNS does not lead to {expected.private} ({shown}): has the target a private endpoint at all?"
        return Verdict.NO_CNAME, text
    if private or set(seen) & set(wanted):  # networks may have public addresses, too
        return Verdict.STALE, f"answers {shown}, the record says {', '.join(wanted)}: a cache, or another zone copy"
    if answer.private_zone:
        hint = "another copy of the zone answers, or the record is not there yet"
        return Verdict.MISSING, f"{shown}: the resolver sees a private zone {expected.zone}, but {hint}"
    if expected.linked is False:
        return Verdict.NOT_LINKED, f"{shown}: zone {expected.zone} is not linked to the networks that it should serve"
    forward = f"the resolver does not ask Azure DNS (168.63.129.16) for {expected.zone}"
    if expected.linked is None:
        forward += ", or the zone is not linked to its network"
    return Verdict.NOT_FORWARDED, f"{shown}: {forward}"


def _is_private(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False
