"""The allow-list, the hubs and the limits as one value. Pure.

Refuses to know files (policyfile.py reads them) and how a rule matches (rules.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .hub import Hub
from .ids import ResourceId, fold
from .lookup import Lookup
from .model import SERVICE, Endpoint, Link, Name, Verdict
from .regions import Drift
from .rules import Mode, Rule


def digest_of(raw: bytes) -> str:
    """The name of exactly these bytes of a policy file."""
    return hashlib.sha256(raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNames:
    """Names that Azure does not publish: of a Private Link Service, by its id or its alias, in one zone."""

    service: ResourceId | str
    zone: str
    records: tuple[str, ...]
    ttl: int | None = None

    def names(self, link: Link) -> bool:
        if isinstance(self.service, ResourceId):
            return link.target == self.service
        return link.alias is not None and fold(link.alias) == self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class NameOwner:
    """Who is to hold shared names while it claims them: one endpoint, or whichever endpoint of one target."""

    names: frozenset[str]
    endpoint: ResourceId | None = None
    target: ResourceId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much one cause may bring about before a person has to release it, by fingerprint."""

    approvals_per_policy_change: int = 100
    approvals_per_sweep: int = 100
    deletions_per_settle: int = 50
    deletions_per_sweep: int = 100
    refreshes_per_hour: int = 20


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
    ttls: Mapping[str, int] = field(default_factory=dict)
    """Zone name, folded, to time to live."""
    upsert_only: bool = False
    service_names: tuple[ServiceNames, ...] = ()
    owners: tuple[NameOwner, ...] = ()
    caps: Caps = field(default_factory=Caps)
    drift: Drift = field(default_factory=Drift)
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
        """Targets elsewhere do not exist for us; of a service elsewhere, only the names that the policy gives."""
        if target.is_a(SERVICE):
            return target.parent is not None and self.may_serve(target.parent)
        return self.scope is None or fold(target.subscription) in self.scope

    @property
    def serving_groups(self) -> frozenset[str]:
        """Management groups whose endpoints some hub serves."""
        return frozenset(group for hub in self.hubs for group in hub.serves.management_groups)

    def may_serve(self, endpoint: ResourceId) -> bool:
        """Could some hub serve it, as far as its id tells?"""
        return any(hub.serves.may(endpoint) for hub in self.hubs)

    def hub_of(self, zone: ResourceId) -> Hub | None:
        return next((hub for hub in self.hubs if hub.holds(zone)), None)

    def ttl_of(self, zone: ResourceId) -> int:
        """The zone's own word first, then its hub's."""
        hub = self.hub_of(zone)
        return self.ttls.get(fold(zone.name)) or (hub.ttl if hub and hub.ttl else self.ttl)

    def only_upserts(self, zone: ResourceId) -> bool:
        """Of a zone that no hub holds any more, what the policy says as a whole."""
        hub = self.hub_of(zone)
        return hub.upsert_only if hub else self.upsert_only

    @property
    def refreshes_drift(self) -> bool:
        return self.drift.refresh and self.mode("refresh") is Mode.APPLY

    def names_of(self, link: Link) -> tuple[ServiceNames, ...]:
        return tuple(one for one in self.service_names if one.names(link))

    def rank(self, hub: Hub, endpoint: Endpoint, target: ResourceId, fqdn: str, name: Name) -> int:
        """How good a claim is in this hub: 0 for the owner that the policy names, then nearness."""
        link = endpoint.link_to(target)
        leads = {target, link.target if link else None}  # of a service elsewhere, `target` is only what stands for it
        for owner in self.owners:
            mine = endpoint.id == owner.endpoint or (owner.target is not None and owner.target in leads)
            if mine and owner.names & {fold(fqdn), fold(name.fqdn)}:
                return 0
        return hub.near(endpoint)

    def knows(self, endpoint: ResourceId) -> bool:
        """May an event about this endpoint concern us? Only where a hub serves it or the scope names its place."""
        in_scope = self.scope is not None and fold(endpoint.subscription) in self.scope
        return in_scope or self.may_serve(endpoint)

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
