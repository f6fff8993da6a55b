"""What one endpoint, freshly read, asks for: its claims on names, in every hub that serves it. Pure.

Sources in order: the endpoint's own names and addresses, else the policy's `names` (Private Link Services and aliases,
for which Azure publishes none). Refuses to pair names and addresses by place, to guess a zone, and to take nothing
for "no more": empty has innocent causes. Source: reference/dns-records.md sections 1, 2 and 4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from . import zones
from .hub import Groups, Hub
from .ids import ResourceId, fold
from .model import Claim, Endpoint, Link, Name, Status, ordered
from .policy import Policy
from .rules import Match
from .zones import ZoneRecord

MOST = 20
"""Addresses in one record set (documented)."""
_SILENT = (
    "its management groups do not list the endpoint's subscription, or cannot be read: the endpoint's names there stay"
    " as they are, and new ones wait, until a group can be read that lists it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Not `complete`: says nothing about the names it had before. `unsure`: hubs of which the same is true; `unplaced`:
    public names that it still has, and that have no place now."""

    claims: tuple[Claim, ...] = ()
    ceded: tuple[Name, ...] = ()
    complete: bool = True
    unsure: tuple[Hub, ...] = ()
    maybe: tuple[Claim, ...] = ()
    """What it would claim in the unsure hubs: a claim that it had there goes on, with what was just read."""
    unplaced: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    """Public names that its target still has: an endpoint that does not show one for now has not given it up."""
    served: tuple[Hub, ...] = ()
    notes: tuple[str, ...] = ()

    def going_on(self, had: Collection[Name]) -> Wanted:
        """With the claims it had in hubs of which nobody knows whether they serve it."""
        more = tuple(claim for claim in self.maybe if claim.name in had)
        silent = [hub for hub in self.unsure if any(hub.holds(name.zone) for name in had if name not in self.ceded)]
        return replace(
            self,
            claims=tuple(sorted((*self.claims, *more), key=lambda claim: claim.name)),
            notes=(*self.notes, *(f"hub {hub.name}: {_SILENT}" for hub in silent)),
        )

    def keeps(self, name: Name, fqdn: str = "") -> bool:
        """A name that it had and does not ask for now: is that no proof that it gave the name up?"""
        if name in self.ceded:
            return False
        if not self.complete or fqdn in self.unplaced:
            return True
        here = (*self.unsure, *(self.served if fold(fqdn) in self.expected else ()))
        return any(hub.holds(name.zone) for hub in here)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A public name, where its record belongs, its addresses, and a time to live of its own."""

    fqdn: str
    at: ZoneRecord
    addresses: tuple[str, ...]
    ttl: int | None = None


@dataclass(slots=True)
class _Found:
    places: list[Place] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unplaced: set[str] = field(default_factory=set)
    unready: str = ""


def wanted(
    endpoint: Endpoint,
    target: ResourceId,
    policy: Policy,
    cloud: str,
    groups: Groups | None = None,
    legacy: Collection[ResourceId] = (),
    expected: frozenset[str] = frozenset(),
) -> Wanted:
    """The claims of an endpoint on the names of one target. `legacy`: older zones that exist, and so win (Batch);
    `expected`: the public names that the target has, where it tells."""
    link = endpoint.link_to(target)
    if link is not None and link.status is Status.UNKNOWN:
        return Wanted(complete=False, notes=("the state of its link cannot be read",))
    if not endpoint.links:  # an endpoint has one: an answer without any is no answer
        return Wanted(complete=False, notes=("its answer shows no link at all",))
    if link is None or link.status is not Status.APPROVED:
        return Wanted()
    found = _places(endpoint, link, policy, cloud)
    if found.unready:
        return Wanted(complete=False, notes=(found.unready,))
    claims: dict[Name, Claim] = {}
    maybe: dict[Name, Claim] = {}
    notes, unsure, served = found.notes, [], []
    for hub in policy.hubs:
        match = hub.serves.match(endpoint, groups or {})
        if match is Match.UNKNOWN:
            unsure.append(hub)
            _claim(hub, endpoint, target, found, policy, cloud, legacy, maybe)
        if match is Match.YES:
            served.append(hub)
            # One whose last operation failed keeps what it had, as its interface shows it, and claims nothing new.
            into = maybe if endpoint.failed else claims
            notes += _claim(hub, endpoint, target, found, policy, cloud, legacy, into)
    # A group writes whomever a hub serves, so it has also what lies in an unsure hub.
    ceded = tuple(sorted(name for name in {**maybe, **claims} if name.zone in endpoint.group_zones))
    return Wanted(
        claims=tuple(claims[name] for name in sorted(claims) if name not in ceded),
        ceded=ceded,
        unsure=tuple(unsure),
        maybe=tuple(maybe[name] for name in sorted(maybe) if name not in ceded),
        unplaced=frozenset(found.unplaced),
        expected=expected,
        served=tuple(served) if expected else (),
        notes=(*notes, *_of_group(endpoint, ceded, {**maybe, **claims})),
    )


def targets(endpoint: Endpoint, policy: Policy) -> list[ResourceId]:
    """The units of work that an endpoint belongs to: its targets, and services elsewhere that the policy names."""
    found = set()
    for link in endpoint.links:
        if link.target is not None and policy.covers(link.target):
            found.add(link.target)
        elif policy.names_of(link):
            found.add(endpoint.service_of(link))
    return sorted(found)


def _places(endpoint: Endpoint, link: Link, policy: Policy, cloud: str) -> _Found:
    """Where each of its names belongs."""
    found = _Found()
    if not (endpoint.provisioned or endpoint.failed):
        found.unready = "it is not provisioned yet"
    elif not link.groups:  # a Private Link Service: names that its owner chose must never become records of ours
        _configured(endpoint, link, policy, found)
    elif not endpoint.pairs:  # innocent causes: it means "not yet", never "delete"
        found.unready = "its names and addresses are not there yet"
    else:
        _published(endpoint, link, cloud, found)
    return found


def _published(endpoint: Endpoint, link: Link, cloud: str, found: _Found) -> None:
    siblings = [fqdn for fqdn, _ in endpoint.pairs or ()]
    for fqdn, addresses in endpoint.pairs or ():
        try:
            at = zones.locate(
                fqdn,
                cloud=cloud,
                resource_type=link.target.type if link.target else "",
                group=link.groups[0] if len(link.groups) == 1 else "",
                siblings=siblings,
            )
        except zones.NotAHostName as wrong:
            found.notes.append(f"name {fqdn[:80]!r} is refused: {wrong}")
            found.unplaced.add(fqdn)
            continue
        if at is None or len(addresses) > MOST:
            found.unplaced.add(fqdn)
        if at is None:
            found.notes.append(f"no rule says which zone holds {fqdn}")
        elif len(addresses) > MOST:
            found.notes.append(f"{fqdn} has {len(addresses)} addresses; a record set holds at most {MOST}")
        else:
            found.places.append(Place(fqdn=fqdn, at=at, addresses=addresses))


def _configured(endpoint: Endpoint, link: Link, policy: Policy, found: _Found) -> None:
    named = policy.names_of(link)
    if named and not endpoint.addresses:
        found.unready = "its addresses are not there yet"
    for one in named:
        for record in one.records:
            at = ZoneRecord(zone=one.zone, record=record)
            fqdn = one.zone if record == "@" else f"{record}.{one.zone}"
            found.places.append(Place(fqdn=fqdn, at=at, addresses=endpoint.addresses, ttl=one.ttl))


def _claim(
    hub: Hub,
    endpoint: Endpoint,
    target: ResourceId,
    found: _Found,
    policy: Policy,
    cloud: str,
    legacy: Collection[ResourceId],
    claims: dict[Name, Claim],
) -> list[str]:
    """Several names may lie at one place (one name, several addresses): they are one claim, in whatever order."""
    notes: list[str] = []
    at: dict[Name, list[Place]] = {}
    for place in found.places:
        where = _legacy(hub, place, cloud, legacy) or place.at
        zone = hub.zone(where.zone)
        if zone is None:
            notes.append(f"hub {hub.name} lists no zone {where.zone}, so {place.fqdn} has no record there")
        else:
            at.setdefault(Name(zone=zone, record=where.record), []).append(place)
    for name, places in at.items():
        fqdns = sorted((place.fqdn for place in places), key=lambda fqdn: (fold(fqdn) == fold(name.fqdn), fqdn))
        addresses = ordered(address for place in places for address in place.addresses)
        if len(addresses) > MOST:
            notes.append(f"{name} would have {len(addresses)} addresses; a record set holds at most {MOST}")
            found.unplaced |= {*fqdns}
            continue
        claims[name] = Claim(
            name=name,
            endpoint=endpoint.id,
            guid=endpoint.guid,
            target=target,
            addresses=addresses,
            fqdn=fqdns[0],
            near=min(policy.rank(hub, endpoint, target, fqdn, name) for fqdn in fqdns),
            ttl=min((place.ttl for place in places if place.ttl), default=None),
        )
    return notes


def legacy_zones(endpoint: Endpoint, target: ResourceId, policy: Policy, cloud: str) -> frozenset[ResourceId]:
    """Older zones that win where they exist (reference/dns-records.md section 2, Batch): the shell looks for them."""
    link = endpoint.link_to(target)
    if link is None or not link.groups:
        return frozenset()
    asked = [(fqdn, hub) for fqdn, _ in endpoint.pairs or () for hub in policy.hubs if hub.serves.may(endpoint.id)]
    found = [hub.zone(old.zone) for fqdn, hub in asked if (old := _old(fqdn, cloud))]
    return frozenset(zone for zone in found if zone is not None)


def _legacy(hub: Hub, place: Place, cloud: str, exist: Collection[ResourceId]) -> ZoneRecord | None:
    old = _old(place.fqdn, cloud) if exist else None
    return old if old and hub.zone(old.zone) in exist else None


def _old(fqdn: str, cloud: str) -> ZoneRecord | None:
    try:
        return zones.legacy(fqdn, cloud=cloud)
    except zones.NotAHostName:
        return None


def _of_group(endpoint: Endpoint, ceded: Collection[Name], claims: Collection[Name]) -> Iterable[str]:
    """What a zone group does: it writes some zones, and sometimes silently nothing (azure-docs#98098)."""
    if not endpoint.group_zones:
        return
    listed = ", ".join(sorted(zone.name for zone in endpoint.group_zones))
    yield f"a private DNS zone group is attached: Azure writes {listed}, there we only watch"
    for name in sorted(ceded):
        if name not in endpoint.group_records:
            yield f"its zone group covers {name.zone.name}, but writes no record for {name}"
    wanted_zones = {name.zone for name in claims}
    for zone in sorted(set(endpoint.group_zones) - wanted_zones):
        if not any(name.zone == zone for name in endpoint.group_records):
            text = "none of its names belongs there, and Azure writes nothing and says nothing"
            yield f"its zone group names {zone.name}, but {text}"
