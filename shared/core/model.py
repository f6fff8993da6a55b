"""The nouns: what was seen of Azure, and what was decided. Frozen values, no behaviour beyond reading themselves.

Words as in the README. Whatever the requester wrote (request message, description while Pending) has no field here,
so nothing can match on it; only a nonce of our own making is recognised in it, and may narrow a match.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .ids import ResourceId, fold, key_of

SERVICE = "Microsoft.Network/privateEndpoints/services"
"""The type of the ids that `Endpoint.service_of` makes; Azure knows no such thing, and never hears of it."""
_ALIAS = re.compile(r"[a-z0-9_.-]{3,200}", re.ASCII)


class Status(StrEnum):
    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    DISCONNECTED = "Disconnected"
    UNKNOWN = "Unknown"


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    HOLD = "hold"
    LEAVE = "leave"


DESCRIPTIONS = {
    Verdict.APPROVE: "Approved by Linkkeeper.",
    Verdict.REJECT: "Rejected by Linkkeeper. Please contact the owner of the resource.",
}
"""The fixed public text sent with a decision: rule names, tickets and approvers never leave the tenant."""


KEY = "function key"
"""Who decided, where nobody signed in."""


class Presence(StrEnum):
    """What one read proved. Only GONE is proof of absence (404 ResourceNotFound on that very id)."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One request as the target sees it. `problems` says what could not be read; with any, it is held."""

    id: ResourceId | None
    name: str
    endpoint: ResourceId | None
    guid: str | None = None
    link_identifier: str | None = None
    """Decimal text that link services and gateways give an endpoint (reference, section 6: set by Azure)."""
    nonce: str | None = None
    """32 hex digits that a managed endpoint of ours put into its request message; anybody may have copied it."""
    status: Status = Status.UNKNOWN
    settled: bool = False
    by_us: bool = False
    """It is Approved with the text that we send. Anybody may write that text: it proves nothing by itself."""
    groups: tuple[str, ...] | None = None
    recreate: bool = False
    """Its target wants the endpoint's PUT repeated."""
    problems: tuple[str, ...] = ()

    @property
    def facts(self) -> tuple[object, ...]:
        """What has to stay equal for the connection to count as unchanged."""
        parts = (self.name, str(self.endpoint), self.guid, self.status.value, self.settled, self.groups)
        return (*parts, self.link_identifier, self.nonce, self.recreate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link connection of an endpoint: its target (by id or alias) and the consumer's view of the state."""

    target: ResourceId | None
    alias: str | None = None
    groups: tuple[str, ...] = ()
    status: Status = Status.UNKNOWN
    manual: bool = False
    approval_reference: ResourceId | None = None
    """Another endpoint whose approval this one inherited."""
    recreate: bool = False


Pair = tuple[str, tuple[str, ...]]  # (fqdn, addresses)


def ordered(addresses: Iterable[str]) -> tuple[str, ...]:
    """Addresses in the one order in which they are compared and written."""
    return tuple(sorted(set(addresses), key=lambda text: (_number(text), text)))


def _number(text: str) -> int:
    try:
        return int(ipaddress.ip_address(text))
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A private endpoint as one read showed it. `pairs` is None while nobody could tell its names."""

    id: ResourceId
    guid: str | None = None
    location: str = ""
    provisioned: bool = False
    failed: bool = False
    """The last operation on it failed: it stands, and wants another PUT."""
    links: tuple[Link, ...] = ()
    network: ResourceId | None = None
    """The virtual network of its subnet."""
    subnet: ResourceId | None = None
    tags: tuple[tuple[str, str], ...] = ()
    """Names folded: Azure compares them without case."""
    pairs: tuple[Pair, ...] | None = None
    addresses: tuple[str, ...] = ()
    """Of its interfaces, read where Azure publishes no names."""
    interfaces: tuple[ResourceId, ...] = ()
    static: tuple[str, ...] = ()
    """Members whose addresses it states itself, folded."""
    group_zones: tuple[ResourceId, ...] = ()
    """The zones that a private DNS zone group of the endpoint writes: there Azure keeps its records."""
    group_records: tuple[Name, ...] = ()
    """The names that the group says it has written."""

    def link_to(self, target: ResourceId) -> Link | None:
        return next((link for link in self.links if target in (link.target, self.service_of(link))), None)

    def service_of(self, link: Link) -> ResourceId:
        """What stands for a service that lies outside our scope, or is known by its alias alone: a unit of work."""
        name = link.target.hash if link.target else fold(link.alias or "")
        return self.id.child("services", name if _ALIAS.fullmatch(name) else key_of(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The outcome of looking at one endpoint: what is there, or proof that it is gone, or why we cannot tell."""

    presence: Presence
    endpoint: Endpoint | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One person's decision about one connection; good for one transition of exactly what that person saw."""

    connection: ResourceId
    endpoint: ResourceId
    guid: str | None
    verdict: Verdict
    people: tuple[str, ...]
    """Who agreed, in that order; KEY for whoever held the function key."""
    reason: str
    expires: datetime
    operation: str
    spent: bool = False
    mode: str = "apply"
    etag: str = field(default="", compare=False)
    """Of its row: a grant that somebody revokes or spends meanwhile is not spent again."""

    @property
    def by(self) -> str:
        return " and ".join(self.people)

    @property
    def persons(self) -> int:
        """A key is nobody in particular: it never makes up one of two people."""
        return len({person for person in self.people if person != KEY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about one connection, by which rule or grant, for which reasons (every rule consulted)."""

    verdict: Verdict
    connection: Connection
    reasons: tuple[str, ...]
    rule: str | None = None
    by: str | None = None
    nearest: str | None = None
    missing: frozenset[str] = frozenset()
    needed: int = 0
    """Of a connection that is held, and that a decision by hand would settle: how many people have to agree."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Name:
    """One name in one hub's zone: the zone's full id and the record left of the zone's suffix."""

    zone: ResourceId
    record: str

    @property
    def id(self) -> ResourceId:
        return self.zone.child("A", self.record)

    @property
    def fqdn(self) -> str:
        return self.zone.name if self.record == "@" else f"{self.record}.{self.zone.name}"

    @property
    def hash(self) -> str:
        return self.id.hash

    def __str__(self) -> str:
        return self.fqdn


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An endpoint's right to a name, with the addresses its own read showed.

    `fqdn`: the public name; `near`: 0 where the policy names it the owner, then same region, same network, remote.
    """

    name: Name
    endpoint: ResourceId
    guid: str | None
    target: ResourceId
    addresses: tuple[str, ...]
    fqdn: str = ""
    near: int = 3
    ttl: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSet:
    """An A record set: as read from Azure, or as we remember writing it."""

    name: Name
    addresses: tuple[str, ...]
    ttl: int
    metadata: tuple[tuple[str, str], ...] = ()
    etag: str = ""
    foreign: tuple[str, ...] = field(default=())
    """Why the set cannot be ours whatever its metadata says: auto-registered, or properties we do not know."""
    ceded: bool = False
    """Remembered: a zone group has this name and wrote nothing, so our record stays until it does, or is removed."""

    def label(self, key: str) -> str | None:
        return dict(self.metadata).get(key)
