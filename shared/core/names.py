"""Who may have which name: claims of endpoints, the one holder, and what that means for one record set.

Knows the truth table below and the marks of ownership. Refuses to touch what is not ours, and to remove anything on
the word of an incomplete look. Source of the traps: reference/dns-records.md sections 4 to 6.

| wanted                 | present | whose                    | step                                    |
|------------------------|---------|--------------------------|-----------------------------------------|
| yes                    | nothing | -                        | put, If-None-Match: *                   |
| yes                    | same    | ours                     | nothing                                 |
| yes                    | differs | ours                     | put, If-Match                           |
| yes                    | same    | other's                  | nothing; note "foreign but correct"     |
| yes, policy: adopt     | same    | nobody's                 | put, If-Match: it carries our mark now  |
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

from .ids import ResourceId, fold
from .model import Claim, Name, RecordSet

MANAGED_BY = "linkkeeper"
_GROUP_MARK = "created by private endpoint"
"""What zone groups write into `creator` (recorded)."""
_MARKS = {"creator", "createdby", "managedby", "managed", "owner", "ownedby", "deployment", "heritage", "provider"}
"""Keys, without their punctuation, by which people and tools say that a record is theirs."""
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

    @staticmethod
    def is_nobodys(record: RecordSet) -> bool:
        """No mark of anybody's: neither a zone group, nor another installation, nor another tool claims it."""
        marks = {"".join(filter(str.isalnum, fold(key))) for key, _ in record.metadata}
        return not record.foreign and not marks & _MARKS


@dataclass(frozen=True, slots=True, kw_only=True)
class NameState:
    """Everything known about one name. `present` is fresh when `read`, else our memory of the last write."""

    name: Name
    claims: tuple[Claim, ...] = ()
    present: RecordSet | None = None
    read: bool = False
    fresh: frozenset[ResourceId] = frozenset()
    heirs: frozenset[ResourceId] = frozenset()
    """Endpoints that were asked for this very name, whatever targets they lead to by now."""
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
    adopts: bool = False
    why: str = ""
    finding: str = field(default="")


def holder(claims: Collection[Claim], present: RecordSet | None) -> Claim | None:
    """The one claim that has the name: of the nearest to the hub, the incumbent while it lives, then the first
    journalled, then the lowest guid. So a local endpoint displaces a remote holder, and nobody else does."""
    nearest = min((claim.near for claim in claims), default=0)
    best = [claim for claim in claims if claim.near == nearest]
    if present is not None:
        for claim in best:
            if _is_of(present, claim):
                return claim
    return min(best, key=lambda c: (c.since or _FIRST, c.guid or "~", c.endpoint.key), default=None)


def _is_of(record: RecordSet, claim: Claim) -> bool:
    same_guid = not claim.guid or record.label("guid") in (None, "", claim.guid)
    return ResourceId.read(record.label("endpoint")) == claim.endpoint and same_guid


def desired(claim: Claim, mark: Mark, ttl: int, present: RecordSet | None) -> RecordSet:
    """The record set that this claim wants; unknown metadata keys of a set of ours are kept."""
    keeps = present is not None and (mark.owns(present) or mark.is_nobodys(present))
    kept = dict(present.metadata) if present is not None and keeps else {}
    ours = {
        "managedBy": MANAGED_BY,
        "owner": mark.owner,
        "deployment": mark.deployment,
        "endpoint": str(claim.endpoint),
        "target": str(claim.target),
        "guid": claim.guid or "",
    }
    metadata = tuple(sorted({**kept, **ours}.items()))
    return RecordSet(name=claim.name, addresses=claim.addresses, ttl=claim.ttl or ttl, metadata=metadata)


def step(state: NameState, mark: Mark, ttl: int, adopt: bool = False) -> Step:
    """The truth table of the module's docstring, for one name. `adopt`: the policy says so for its hub."""
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
        if adopt and mark.is_nobodys(present) and state.read:
            why = f"adopted for {claim.endpoint.name}: nobody's record, and correct"
            return _with_etag(
                _for_fresh(state, claim, Step(do="put", record=target, if_match=present.etag, adopts=True, why=why))
            )
        return Step(finding=f"foreign but correct: {_owner_text(present, state.claims)}")
    if not ours:
        text = _owner_text(present, state.claims)
        return Step(finding=f"the record is in the way of {claim.endpoint.name}: {text}")
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
    if last is not None and last not in state.heirs:
        return Step(do="look", heir=last, why=why)  # a lost claim is no proof: ask the endpoint itself (law 3)
    if state.unreadable:
        return Step(do="look", why=why)
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


def _owner_text(record: RecordSet, claims: Iterable[Claim]) -> str:
    if record.foreign:
        return f"not ours ({', '.join(record.foreign)})"
    creator = record.label("creator") or record.label("owner")
    if not creator:
        return "it carries no owner mark"
    guids = [claim.guid for claim in claims if claim.guid]
    if creator.startswith(_GROUP_MARK) and not any(guid in fold(creator) for guid in guids):
        text = "no endpoint that has this name is meant: if its endpoint is gone, nothing will ever remove the record"
        return f"owned by {creator!r}; {text}"
    return f"owned by {creator!r}"
