"""Who may have which name: claims of endpoints, the one holder, and what that means for one record set.

Knows the truth table below and the marks of ownership. Refuses to touch what is not ours, and to remove anything on
the word of an incomplete look. Source of the traps: reference/dns-records.md sections 4 to 6.

| wanted                 | present | whose                    | step                                    |
|------------------------|---------|--------------------------|-----------------------------------------|
| yes                    | nothing | -                        | put, If-None-Match: *                   |
| yes                    | same    | ours                     | nothing                                 |
| yes                    | differs | ours                     | put, If-Match                           |
| yes                    | same    | other's                  | nothing; note "foreign but correct"     |
| yes                    | differs | other's                  | nothing; finding "owned by ..."         |
| claimed, not holder    | yes     | ours, of a live claimant | nothing; report the contest             |
| no                     | yes     | ours, a claim remains    | hand over: the heir read freshly, put   |
| no                     | yes     | ours, no claim remains   | delete, If-Match                        |
| no                     | yes     | other's                  | nothing                                 |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import zones
from .ids import ResourceId
from .model import Claim, Endpoint, Name, RecordSet, Status, ordered
from .policy import Policy

MANAGED_BY = "linkkeeper"
_FIRST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How our records are known: the owner of the policy (or a previous one) and this deployment."""

    owner: str
    deployment: str
    previous: tuple[str, ...] = ()

    def owns(self, record: RecordSet) -> bool:
        return (
            not record.foreign
            and record.label("managedBy") == MANAGED_BY
            and record.label("owner") in (self.owner, *self.previous)
            and record.label("deployment") == self.deployment
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one endpoint, freshly read, asks for. Not `complete`: says nothing about the names it had before."""

    claims: tuple[Claim, ...] = ()
    ceded: tuple[Name, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameState:
    """Everything known about one name. `present` is fresh when `read`, else our memory of the last write."""

    name: Name
    claims: tuple[Claim, ...] = ()
    present: RecordSet | None = None
    read: bool = False
    fresh: frozenset[ResourceId] = frozenset()
    ceded: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do about one name: `put` (with `if_match`, else only if absent), `delete`, `look` or nothing."""

    do: str = ""
    record: RecordSet | None = None
    if_match: str | None = None
    heir: ResourceId | None = None
    hands_over: bool = False
    why: str = ""
    finding: str = field(default="")


def wanted(endpoint: Endpoint, target: ResourceId, policy: Policy, cloud: str) -> Wanted:
    """The claims of an endpoint on the names of one target, in every hub that serves it."""
    link = endpoint.link_to(target)
    if link is not None and link.status is Status.UNKNOWN:
        return Wanted(complete=False, notes=("the state of its link cannot be read",))
    if link is None or link.status is not Status.APPROVED:
        return Wanted()
    if not link.groups:
        # A Private Link Service has no sub-resources. Azure publishes no names for it, and names that its owner chose
        # must never become records in our zones.
        return Wanted()
    if not endpoint.provisioned or not endpoint.pairs:  # empty has innocent causes: it means "not yet", never "delete"
        return Wanted(complete=False, notes=("its names and addresses are not there yet",))
    found: dict[Name, set[str]] = {}
    notes: list[str] = []
    siblings = [fqdn for fqdn, _ in endpoint.pairs]
    for fqdn, addresses in endpoint.pairs:
        try:
            place = zones.locate(
                fqdn, cloud=cloud, resource_type=target.type, group=_group(link.groups), siblings=siblings
            )
        except zones.NotAHostName as wrong:
            notes.append(f"name {fqdn[:80]!r} is refused: {wrong}")
            continue
        if place is None:
            notes.append(f"no rule says which zone holds {fqdn}")
            continue
        for hub in policy.hubs_of(endpoint.id):
            found.setdefault(Name(zone=hub.zone(place.zone), record=place.record), set()).update(addresses)
    ceded = tuple(sorted(name for name in found if name.zone in endpoint.group_zones))
    if endpoint.group_zones:
        zones_ = ", ".join(sorted(zone.name for zone in endpoint.group_zones))
        notes.append(f"a private DNS zone group is attached: Azure writes {zones_}, there we only watch")
    claims = tuple(
        Claim(name=name, endpoint=endpoint.id, guid=endpoint.guid, target=target, addresses=ordered(found[name]))
        for name in sorted(found)
        if name not in ceded
    )
    return Wanted(claims=claims, ceded=ceded, notes=tuple(notes))


def _group(groups: tuple[str, ...]) -> str:
    return groups[0] if len(groups) == 1 else ""


def holder(claims: Collection[Claim], present: RecordSet | None) -> Claim | None:
    """The one claim that has the name: the incumbent while it lives, then first journalled, then lowest guid."""
    if present is not None:
        for claim in claims:
            if _is_of(present, claim):
                return claim
    return min(claims, key=lambda c: (c.since or _FIRST, c.guid or "~", c.endpoint.key), default=None)


def _is_of(record: RecordSet, claim: Claim) -> bool:
    same_guid = not claim.guid or record.label("guid") in (None, "", claim.guid)
    return ResourceId.read(record.label("endpoint")) == claim.endpoint and same_guid


def desired(claim: Claim, mark: Mark, ttl: int, present: RecordSet | None) -> RecordSet:
    """The record set that this claim wants; unknown metadata keys of a set of ours are kept."""
    kept = dict(present.metadata) if present is not None and mark.owns(present) else {}
    ours = {
        "managedBy": MANAGED_BY,
        "owner": mark.owner,
        "deployment": mark.deployment,
        "endpoint": str(claim.endpoint),
        "target": str(claim.target),
        "guid": claim.guid or "",
    }
    metadata = tuple(sorted({**kept, **ours}.items()))
    return RecordSet(name=claim.name, addresses=claim.addresses, ttl=ttl, metadata=metadata)


def step(state: NameState, mark: Mark, ttl: int) -> Step:
    """The truth table of the module's docstring, for one name."""
    claim = holder(state.claims, state.present)
    if claim is None:
        return _without_claim(state, mark)
    target = desired(claim, mark, ttl, state.present)
    present = state.present
    if present is None:
        why = f"{claim.endpoint.name} has this name and there is no record"
        return _for_fresh(state, claim, Step(do="put", record=target, why=why))
    ours = mark.owns(present)
    if present.addresses == target.addresses and not ours:
        return Step(finding=f"foreign but correct: {_owner_text(present)}")
    if not ours:
        return Step(finding=f"the record is in the way of {claim.endpoint.name}: {_owner_text(present)}")
    if (present.addresses, present.ttl, present.metadata) == (target.addresses, target.ttl, target.metadata):
        return Step(finding=_contest(state.claims, claim))
    if _is_of(present, claim) and claim.endpoint not in state.fresh and not state.read:
        return Step(finding=_contest(state.claims, claim))  # only remembered; its own settle keeps it right
    why = _difference(present, target, claim)
    put = Step(do="put", record=target, if_match=present.etag, hands_over=not _is_of(present, claim), why=why)
    return _with_etag(_for_fresh(state, claim, put))


def _without_claim(state: NameState, mark: Mark) -> Step:
    if state.ceded:
        return Step()
    if state.present is None:
        return Step() if state.read else Step(do="look", why="nobody claims it and we do not remember the record")
    if not mark.owns(state.present):
        return Step()
    last = ResourceId.read(state.present.label("endpoint"))
    why = f"no endpoint claims it any more{f' ({last.name} gave it up)' if last else ''}"
    if last is not None and last not in state.fresh:
        return Step(do="look", heir=last, why=why)  # a lost claim is no proof: ask the endpoint itself (law 3)
    return _with_etag(Step(do="delete", record=state.present, if_match=state.present.etag, why=why))


def _with_etag(step: Step) -> Step:
    """Nothing that exists is written or removed without its ETag."""
    return Step(do="look", why=step.why) if step.if_match == "" else step


def _for_fresh(state: NameState, claim: Claim, put: Step) -> Step:
    """A record is only ever written for an endpoint that was read in the same settle."""
    if claim.endpoint in state.fresh:
        return put
    return Step(do="look", heir=claim.endpoint, why=put.why)


def _difference(present: RecordSet, target: RecordSet, claim: Claim) -> str:
    if not _is_of(present, claim):
        return f"handed over to {claim.endpoint.name}"
    if present.addresses != target.addresses:
        return f"address {', '.join(present.addresses) or 'none'} is not {', '.join(target.addresses)}"
    return "time to live or owner mark differ"


def _contest(claims: Iterable[Claim], claim: Claim) -> str:
    others = sorted({str(other.endpoint) for other in claims if other.endpoint != claim.endpoint})
    return f"also claimed by {', '.join(others)}; {claim.endpoint.name} holds it" if others else ""


def _owner_text(record: RecordSet) -> str:
    if record.foreign:
        return f"not ours ({', '.join(record.foreign)})"
    creator = record.label("creator") or record.label("owner")
    return f"owned by {creator!r}" if creator else "it carries no owner mark"
