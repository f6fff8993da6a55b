"""The allow-list as values, and how one rule matches one connection: yes, no or unknown.

Knows requesters, targets, groups and dates. Refuses to know files (policyfile.py reads them) and Azure. Unknown is
an answer: an approve rule needs all yes, and a reject rule that is unknown holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum, StrEnum
from fnmatch import fnmatchcase

from .ids import ResourceId, Scope, fold
from .model import Connection, Verdict


class Match(Enum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    OFF = "off"
    PLAN = "plan"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class EndpointPattern:
    """An endpoint id whose resource group and name may be globs; the subscription is always a literal GUID."""

    subscription: str
    group: str
    name: str

    def matches(self, endpoint: ResourceId) -> bool:
        return (
            fold(endpoint.subscription) == fold(self.subscription)
            and fnmatchcase(fold(endpoint.group), fold(self.group))
            and fnmatchcase(fold(endpoint.name), fold(self.name))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Requesters:
    """Any one of these is enough; `all` is for rules that say so explicitly."""

    subscriptions: frozenset[str] = frozenset()
    endpoints: tuple[EndpointPattern, ...] = ()
    guids: frozenset[str] = frozenset()
    all: bool = False

    def match(self, connection: Connection) -> Match:
        endpoint = connection.endpoint
        if self.all:
            return Match.YES
        if endpoint is not None and (
            fold(endpoint.subscription) in self.subscriptions or any(p.matches(endpoint) for p in self.endpoints)
        ):
            return Match.YES
        if connection.guid in self.guids:
            return Match.YES
        unread = endpoint is None or (self.guids and connection.guid is None)
        return Match.UNKNOWN if unread else Match.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Inside one of the scopes (if any are given) and of one of the types (if any are given)."""

    scopes: tuple[Scope, ...] = ()
    types: frozenset[str] = frozenset()

    def match(self, target: ResourceId) -> Match:
        inside = not self.scopes or any(scope.contains(target) for scope in self.scopes)
        typed = not self.types or fold(target.type) in self.types
        return Match.YES if inside and typed else Match.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    name: str
    verdict: Verdict
    requesters: Requesters
    targets: Targets = field(default_factory=Targets)
    groups: frozenset[str] | None = None
    approve_until: date | None = None
    reason: str = ""
    mode: Mode | None = None

    def consult(self, connection: Connection, target: ResourceId, now: datetime) -> dict[str, Match]:
        """Every part of the rule with its answer, so that people can be told which part differs."""
        return {
            "requester": self.requesters.match(connection),
            "target": self.targets.match(target),
            "groups": self._groups(connection),
            "date": Match.YES if self.is_open(now) else Match.NO,
        }

    def is_open(self, now: datetime) -> bool:
        """Until the end of that day, UTC. An expired rule is no rule."""
        return self.approve_until is None or now.astimezone(UTC).date() <= self.approve_until

    def _groups(self, connection: Connection) -> Match:
        if self.groups is None:
            return Match.YES
        if not connection.groups:
            return Match.UNKNOWN
        asked = {fold(group) for group in connection.groups}
        # An approve rule must cover all that is asked; a reject rule hits when any of it is named.
        hit = asked <= self.groups if self.verdict is Verdict.APPROVE else bool(asked & self.groups)
        return Match.YES if hit else Match.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """One place where zones live, and the endpoints it serves."""

    name: str
    zones: Scope
    subscriptions: frozenset[str] = frozenset()
    all: bool = False
    ttl: int | None = None
    modes: tuple[tuple[str, Mode], ...] = ()

    def serves(self, endpoint: ResourceId) -> bool:
        return self.all or fold(endpoint.subscription) in self.subscriptions

    def zone(self, name: str) -> ResourceId:
        return ResourceId.parse(f"{self.zones}/providers/Microsoft.Network/privateDnsZones/{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One valid policy file. `hash` names exactly these bytes in every decision row."""

    owner: str
    rules: tuple[Rule, ...] = ()
    hubs: tuple[Hub, ...] = ()
    scope: frozenset[str] | None = None
    modes: tuple[tuple[str, Mode], ...] = ()
    previous_owners: tuple[str, ...] = ()
    ttl: int = 10
    hash: str = ""

    def covers(self, target: ResourceId) -> bool:
        """Targets outside the scope do not exist for us."""
        return self.scope is None or fold(target.subscription) in self.scope

    def hubs_of(self, endpoint: ResourceId) -> tuple[Hub, ...]:
        return tuple(hub for hub in self.hubs if hub.serves(endpoint))

    def hub_of(self, zone: ResourceId) -> Hub | None:
        return next((hub for hub in self.hubs if hub.zones.contains(zone)), None)

    def ttl_of(self, zone: ResourceId) -> int:
        hub = self.hub_of(zone)
        return hub.ttl if hub and hub.ttl else self.ttl

    def knows(self, endpoint: ResourceId) -> bool:
        """May an event about this endpoint concern us? Only where a hub serves it or the scope names its place."""
        in_scope = self.scope is not None and fold(endpoint.subscription) in self.scope
        return in_scope or bool(self.hubs_of(endpoint))

    def mode(self, kind: str, hub: Hub | None = None) -> Mode:
        """approve, reject, put, delete or refresh; a hub may be stricter or looser than the whole."""
        for name, mode in (*(hub.modes if hub else ()), *self.modes):
            if name == kind:
                return mode
        return Mode.PLAN

    def mode_of_rule(self, verdict: str, name: str | None) -> Mode:
        """A rule may be stricter or looser than the whole, too."""
        own = next((rule.mode for rule in self.rules if rule.name == name), None)
        return own or self.mode(verdict)

    def open_rules(self, verdict: Verdict, now: datetime) -> Iterable[Rule]:
        return (rule for rule in self.rules if rule.verdict is verdict and rule.is_open(now))
