"""The allow-list, the hubs and the limits as one value. Pure.

Refuses to know files (policyfile.py reads them) and how a rule matches (rules.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .ids import ResourceId, Scope, fold
from .lookup import Lookup
from .model import Verdict
from .rules import Mode, Rule


def digest_of(raw: bytes) -> str:
    """The name of exactly these bytes of a policy file."""
    return hashlib.sha256(raw).hexdigest()[:16]


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
class Caps:
    """How many approvals one cause may bring about before a person has to release them, by fingerprint."""

    approvals_per_policy_change: int = 100
    approvals_per_sweep: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """What decisions by hand need where no rule says more."""

    approvals: int = 1
    days: int = 7


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
    caps: Caps = field(default_factory=Caps)
    grants: Grants = field(default_factory=Grants)
    hash: str = ""
    approving: Lookup = field(init=False, repr=False, compare=False)
    rejecting: Lookup = field(init=False, repr=False, compare=False)
    named: Mapping[str, Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", {rule.name: rule for rule in self.rules})
        for name, verdict in (("approving", Verdict.APPROVE), ("rejecting", Verdict.REJECT)):
            object.__setattr__(self, name, Lookup([rule for rule in self.rules if rule.verdict is verdict]))

    @property
    def management_groups(self) -> frozenset[str]:
        return frozenset(group for rule in self.rules for group in rule.requesters.management_groups)

    @property
    def services(self) -> frozenset[ResourceId]:
        """Services of ours whose managed endpoints some rule asks about."""
        return frozenset(one for rule in self.rules if rule.managed_by for one in rule.managed_by.services)

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
        rule = self.named.get(name or "")
        return (rule.mode if rule else None) or self.mode(verdict)
