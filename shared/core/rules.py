"""One rule of the allow-list, and how it matches one connection: yes, no or unknown, part by part.

Knows requesters, targets, groups, dates, tenants and managed endpoints. Refuses to know files (policyfile.py reads
them) and Azure. Unknown is an answer: an approve rule needs all yes, and a reject rule that is unknown holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum, StrEnum
from fnmatch import translate
from functools import lru_cache

from .around import NOTHING_READ, Around, Managed
from .ids import ResourceId, Scope, fold
from .model import Connection, Status, Verdict

_SHOW_LINK_IDENTIFIERS = {"microsoft.network/privatelinkservices", "microsoft.network/applicationgateways"}


class Match(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    OFF = "off"
    PLAN = "plan"
    APPLY = "apply"


@lru_cache(maxsize=65_536)
def _glob(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))  # atomic groups inside: many stars cannot blow up


@dataclass(frozen=True, slots=True)
class EndpointPattern:
    """An endpoint id whose resource group and name may be globs; the subscription is always a literal GUID."""

    subscription: str
    group: str
    name: str

    @property
    def is_exact(self) -> bool:
        return not set("*?") & set(self.group + self.name)

    def matches(self, endpoint: ResourceId) -> bool:
        return fold(endpoint.subscription) == fold(self.subscription) and all(
            fold(wanted) == fold(given) if self.is_exact else _glob(fold(wanted)).match(fold(given)) is not None
            for wanted, given in ((self.group, endpoint.group), (self.name, endpoint.name))
        )

    def __str__(self) -> str:
        place = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{place}/providers/Microsoft.Network/privateEndpoints/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requesters:
    """Any one of these is enough; `all` is for rules that say so explicitly."""

    subscriptions: frozenset[str] = frozenset()
    resource_groups: tuple[Scope, ...] = ()
    endpoints: tuple[EndpointPattern, ...] = ()
    guids: frozenset[str] = frozenset()
    link_identifiers: frozenset[str] = frozenset()
    management_groups: frozenset[str] = frozenset()
    all: bool = False
    shared: frozenset[str] = frozenset()
    """Subscriptions that serve all customers of a vendor: whoever asks from there needs an exact endpoint id."""

    def match(self, connection: Connection, around: Around = NOTHING_READ) -> Match:
        endpoint = connection.endpoint
        if endpoint is not None and any(p.is_exact and p.matches(endpoint) for p in self.endpoints):
            return Match.YES
        if endpoint is not None and fold(endpoint.subscription) in self.shared:
            return Match.NO
        if self.all or (endpoint is not None and self._names(endpoint, around)):
            return Match.YES
        if connection.guid in self.guids or connection.link_identifier in self.link_identifiers:
            return Match.YES
        return Match.UNKNOWN if self.lacks(connection, around) else Match.NO

    def lacks(self, connection: Connection, around: Around) -> frozenset[str]:
        """The facts that are not known and might make it a yes."""
        lacking = {
            "endpoint": connection.endpoint is None,
            "guid": bool(self.guids) and connection.guid is None,
            "link identifier": bool(self.link_identifiers) and _hides_link_identifier(connection),
            "management groups": not self.management_groups <= around.groups.keys(),
        }
        return frozenset(fact for fact, lacks in lacking.items() if lacks)

    def _names(self, endpoint: ResourceId, around: Around) -> bool:
        subscription = fold(endpoint.subscription)
        return (
            subscription in self.subscriptions
            or any(scope.contains(endpoint) for scope in self.resource_groups)
            or any(pattern.matches(endpoint) for pattern in self.endpoints)
            or any(subscription in around.groups.get(group, ()) for group in self.management_groups)
        )


def _hides_link_identifier(connection: Connection) -> bool:
    """Only link services and gateways have them: elsewhere their absence is no riddle."""
    target = connection.id.parent if connection.id else None
    may = target is None or fold(target.type) in _SHOW_LINK_IDENTIFIERS
    return may and connection.link_identifier is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Inside one of the scopes, of one of the types and with all of the tags (each where any are given)."""

    scopes: tuple[Scope, ...] = ()
    types: frozenset[str] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()

    def match(self, target: ResourceId, around: Around = NOTHING_READ) -> Match:
        inside = not self.scopes or any(scope.contains(target) for scope in self.scopes)
        typed = not self.types or fold(target.type) in self.types
        if not inside or not typed:
            return Match.NO
        if not self.tags:
            return Match.YES
        if around.tags is None:
            return Match.UNKNOWN
        return Match.YES if all(around.tags.get(key) == value for key, value in self.tags) else Match.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedBy:
    """One of our own services must just have asked for this very connection. A further condition, never the only one:
    somebody else's request may arrive first. Source: reference/vendors.md section 7."""

    services: tuple[ResourceId, ...]
    within: timedelta = timedelta(hours=1)
    nonce: bool = False

    def correlate(
        self, connection: Connection, target: ResourceId, now: datetime, around: Around
    ) -> tuple[Match, str, Managed | None]:
        """The answer, the words for people, and the managed endpoint that it rests on. Anything ambiguous is no."""
        unread = [service.name for service in self.services if service not in around.managed]
        if unread or around.unexplained is None:
            return Match.UNKNOWN, f"cannot tell what {', '.join(unread) or 'its services'} asked for", None
        ours = [
            one
            for service in self.services
            for one in around.managed[service]
            if one.target == target and one.status is Status.PENDING and _same_groups(one, connection)
            if one.spent_on in (None, connection.endpoint)
        ]
        if len(ours) != 1:
            count = "none" if not ours else f"{len(ours)}"
            return Match.NO, f"{count} of our managed endpoints waits for this", None
        if around.unexplained != 1:
            return Match.NO, f"{around.unexplained} requests here are unexplained: which is ours cannot be told", None
        answer, why = self._fits(ours[0], connection, now)
        return answer, why, ours[0] if answer is Match.YES else None

    def _fits(self, ours: Managed, connection: Connection, now: datetime) -> tuple[Match, str]:
        if ours.created is None:
            return Match.UNKNOWN, f"cannot tell when {ours.id.name} was made"
        if not timedelta(minutes=-5) <= now - ours.created <= self.within:  # clocks differ a little
            return Match.NO, f"{ours.id.name} was not made within {self.within} before"
        if (self.nonce or ours.nonce) and ours.nonce != connection.nonce:
            return Match.NO, f"the request does not carry the nonce of {ours.id.name}"
        if self.nonce and ours.nonce is None:
            return Match.NO, f"{ours.id.name} was made without a nonce"
        return Match.YES, ""


def _same_groups(ours: Managed, connection: Connection) -> bool:
    """Storage and others do not show the groups of a connection: then the rest has to tell."""
    asked = {fold(group) for group in connection.groups or ()}
    return not asked or asked == {fold(group) for group in ours.groups}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    name: str
    verdict: Verdict
    requesters: Requesters
    targets: Targets = field(default_factory=Targets)
    groups: frozenset[str] | None = None
    first_endpoint: bool = False
    """It may approve the first endpoint of an account that is open to all, and so cut off its public clients."""
    usual: tuple[tuple[str, frozenset[str]], ...] = ()
    """What the rule's vendors connect to: type to groups (none: the type has none). Where `groups` is not said."""
    approve_until: date | datetime | None = None
    reason: str = ""
    ticket: str = ""
    mode: Mode | None = None
    limit: int | None = None
    """How many connections the rule may approve, over all targets."""
    approvals: int = 0
    """How many people have to agree; 0: none, the rule itself approves."""
    tenants: frozenset[str] | None = None
    managed_by: ManagedBy | None = None

    def consult(
        self, connection: Connection, target: ResourceId, now: datetime, around: Around = NOTHING_READ
    ) -> dict[str, Match]:
        """Every part of the rule with its answer, so that people can be told which part differs."""
        return {
            "requester": self.requesters.match(connection, around),
            "tenant": self._tenant(connection, around),
            "target": self._target(target, around),
            "groups": self._groups(connection, target),
            "date": Match.YES if self.is_open(now) else Match.NO,
            "managed": self._managed(connection, target, now, around),
        }

    def lacks(self, part: str, connection: Connection, around: Around) -> frozenset[str]:
        """The facts without which this part cannot answer."""
        if part == "requester":
            return self.requesters.lacks(connection, around)
        return frozenset({"tags" if part == "target" else part})

    def is_open(self, now: datetime) -> bool:
        """A time is exact; a day lasts until its end, UTC. An expired rule is no rule."""
        until = self.approve_until
        if isinstance(until, datetime):
            return now < until
        return until is None or now.astimezone(UTC).date() <= until

    def wanted_groups(self, target: ResourceId) -> frozenset[str] | None:
        """None: any group."""
        if self.groups is not None or not self.usual:
            return self.groups
        return dict(self.usual).get(fold(target.type)) or None

    def _tenant(self, connection: Connection, around: Around) -> Match:
        if self.tenants is None:
            return Match.YES
        subscription = fold(connection.endpoint.subscription) if connection.endpoint else ""
        tenant = around.tenants.get(subscription)
        if tenant is None:
            return Match.UNKNOWN
        return Match.YES if tenant in self.tenants else Match.NO

    def _managed(self, connection: Connection, target: ResourceId, now: datetime, around: Around) -> Match:
        if self.managed_by is None or around.afterwards:
            return Match.YES
        return self.managed_by.correlate(connection, target, now, around)[0]

    def _target(self, target: ResourceId, around: Around) -> Match:
        if self.usual and fold(target.type) not in dict(self.usual):
            return Match.NO
        return self.targets.match(target, around)

    def _groups(self, connection: Connection, target: ResourceId) -> Match:
        wanted = self.wanted_groups(target)
        if wanted is None:
            return Match.YES
        if not connection.groups:
            return Match.UNKNOWN
        asked = {fold(group) for group in connection.groups}
        # An approve rule must cover all that is asked; a reject rule hits when any of it is named.
        hit = asked <= wanted if self.verdict is Verdict.APPROVE else bool(asked & wanted)
        return Match.YES if hit else Match.NO
