"""A hub: one place where zones live, whose endpoints it serves, and how near an endpoint is to it. Pure.

Knows that a hub is a resource group or a list of exact zones. Refuses to take silence for a no: a management group that
does not list a subscription (Resource Graph may lag, rights may be missing) proves nothing, so names are kept then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .ids import ResourceId, Scope, fold
from .model import Endpoint
from .rules import Match, Mode

Groups = Mapping[str, frozenset[str]]
"""Management group to the subscriptions below it, as far as they are known."""
REGION, NETWORK, REMOTE = 1, 2, 3


def region_of(text: str) -> str:
    """`West Europe` and `westeurope` are the same place."""
    return fold(text).replace(" ", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """Subscriptions, management groups and networks say whose endpoints, any one is enough; regions and tags narrow."""

    all: bool = False
    subscriptions: frozenset[str] = frozenset()
    management_groups: frozenset[str] = frozenset()
    networks: frozenset[ResourceId] = frozenset()
    regions: frozenset[str] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()

    def may(self, endpoint: ResourceId) -> bool:
        """By its id alone: what only a read of the endpoint shows may still say no."""
        anywhere = self.all or bool(self.management_groups or self.networks)
        return anywhere or fold(endpoint.subscription) in self.subscriptions

    def match(self, endpoint: Endpoint, groups: Groups) -> Match:
        if self.regions and region_of(endpoint.location) not in self.regions:
            return Match.NO
        if not set(self.tags) <= set(endpoint.tags):
            return Match.NO
        subscription = fold(endpoint.id.subscription)
        if self.all or subscription in self.subscriptions or endpoint.network in self.networks:
            return Match.YES
        if any(subscription in groups.get(group, ()) for group in self.management_groups):
            return Match.YES
        return Match.UNKNOWN if self.management_groups else Match.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """`zones`: the resource group that holds them, or the exact ids of the zones."""

    name: str
    zones: Scope | tuple[ResourceId, ...]
    serves: Serves = field(default_factory=Serves)
    region: str = ""
    networks: frozenset[ResourceId] = frozenset()
    """Networks whose clients resolve by this hub's zones: each zone has to be linked to them."""
    resolvers: tuple[str, ...] = ()
    """Name servers of those networks, to ask what their clients see."""
    ttl: int | None = None
    modes: tuple[tuple[str, Mode], ...] = ()
    upsert_only: bool = False
    adopt: bool = False

    def zone(self, name: str) -> ResourceId | None:
        """The hub's copy of the zone of that name; None where exact zones are listed and it is not among them."""
        if isinstance(self.zones, Scope):
            return ResourceId.parse(f"{self.zones}/providers/Microsoft.Network/privateDnsZones/{name}")
        return next((zone for zone in self.zones if fold(zone.name) == fold(name)), None)

    def holds(self, zone: ResourceId) -> bool:
        return self.zones.contains(zone) if isinstance(self.zones, Scope) else zone in self.zones

    def near(self, endpoint: Endpoint) -> int:
        """Same region, then same network, then remote (reference/dns-records.md section 6: one copy per hub)."""
        if self.region and region_of(endpoint.location) == self.region:
            return REGION
        if endpoint.network is not None and endpoint.network in self.networks:
            return NETWORK
        return REMOTE
