"""One endpoint's case: its names beside their records, and what stands in the way in both directions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..ids import ResourceId, fold
from ..model import Claim, Endpoint, Name, RecordSet, Status
from ..names import Mark
from ..policy import Policy
from .values import (
    EVENT_SECONDS,
    MARK,
    NEGATIVE_SECONDS,
    SWEEP_SECONDS,
    Asked,
    Facts,
    Gap,
    Links,
    Migration,
    Moved,
    Owner,
    State,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that one plan is made of."""

    endpoint: Endpoint
    wanted: Asked
    facts: Facts
    policy: Policy
    mark: Mark
    back: bool

    @property
    def covered(self) -> frozenset[ResourceId]:
        """The zones that its group names."""
        return frozenset(zone for group in self.facts.groups for _, zone in group.zones)

    @property
    def listed(self) -> frozenset[Name]:
        """What the group says it has written."""
        return frozenset(name for group in self.facts.groups for name in group.records)

    @property
    def written(self) -> list[Name]:
        """The same, and what the mark on the record says."""
        return sorted(self.listed | {name for name in self.facts.records if self.owner(name) is Owner.GROUP})

    @property
    def known(self) -> Iterator[tuple[Claim, Name, Owner, RecordSet | None]]:
        for claim in self.wanted.claims:
            yield claim, claim.name, self.owner(claim.name), self.facts.records.get(claim.name)

    def owner(self, name: Name) -> Owner:
        if name in self.facts.unread or name not in self.facts.records:
            return Owner.UNREAD
        record = self.facts.records[name]
        if record is None:
            return Owner.NOBODY
        if self.mark.owns(record):
            return Owner.OURS
        creator = fold(record.label("creator") or "").strip()
        if record.foreign or not creator.startswith(MARK):
            return Owner.OTHER
        mine = self.endpoint.guid is not None and self.endpoint.guid in creator
        old = creator == MARK and name in self.listed  # groups of old wrote no guid (recorded)
        return Owner.GROUP if mine or old else Owner.OTHER

    def plan(self, state: State, why: str, **more: Any) -> Migration:
        names = tuple(_moved(self, *one) for one in self.known)
        at, targets = self.endpoint.id, self.wanted.targets
        return Migration(endpoint=at, targets=targets, back=self.back, state=state, why=why, names=names, **more)

    def outcome(self, blockers: Iterable[str], warnings: Iterable[str], why: str, **ready: Any) -> Migration:
        """Steps only where nothing stands in the way."""
        wrong, odd = tuple(dict.fromkeys(blockers)), tuple(dict.fromkeys(warnings))
        if wrong:
            return self.plan(State.BLOCKED, f"{len(wrong)} thing(s) stand in the way", blockers=wrong, warnings=odd)
        return self.plan(State.READY, why, warnings=odd, **ready)


def _moved(case: Case, claim: Claim, name: Name, owner: Owner, record: RecordSet | None) -> Moved:
    goes = not case.back and name.zone in case.covered and (owner is Owner.GROUP or name in case.listed)
    return Moved(
        name=name,
        fqdn=claim.fqdn or str(name),
        addresses=claim.addresses,
        owner=owner,
        present=record.addresses if record else (),
        detail=case.facts.unread.get(name, "") if owner is Owner.UNREAD else creator(record),
        gap=_gap(record, case.facts.links.get(name.zone, Links())) if goes and record else None,
    )


def _gap(record: RecordSet, links: Links) -> Gap:
    meanwhile = "unknown"
    if links.public or links.silent:
        meanwhile = "both" if links.public and links.silent else "public" if links.public else "nothing"
    return Gap(
        begins="when Azure carries out the deletion of the zone group: its records go with it, at once",
        ends="when Linkkeeper has heard of it (the event, a settle by hand, or the next sweep) and writes the record",
        why="Azure removes the records of a group with the group, and Linkkeeper never writes beside a group",
        usually=EVENT_SECONDS,
        at_most=SWEEP_SECONDS,
        old_answer=max(0, record.ttl),
        negative=NEGATIVE_SECONDS,
        meanwhile=meanwhile,
    )


def unfit(case: Case) -> Iterator[str]:
    """Why Linkkeeper has nothing to say about its names, now or ever."""
    wanted = case.wanted
    if not wanted.targets:
        yield "its target lies outside the policy's scope: Linkkeeper never looks there"
    for target in wanted.targets:
        link = case.endpoint.link_to(target)
        if link is None or link.status is not Status.APPROVED:
            status = link.status.value if link else Status.UNKNOWN.value
            yield f"its connection to {target.name} is {status}, not Approved: Linkkeeper would keep no record of it"
    if case.facts.own:
        yield "Linkkeeper itself depends on its target, and never changes records of such"
    if not wanted.complete:
        yield f"its names cannot be told: {'; '.join(wanted.notes) or 'it was not read completely'}"
    for hub in wanted.unsure:
        yield f"whether hub {hub.name} serves it cannot be told: its management group may not have been read"


def shared_names(case: Case, outcome: str) -> Iterator[str]:
    for claim in case.wanted.claims:
        if others := [one for one in case.facts.rivals.get(claim.name, ()) if one != claim.endpoint]:
            yield f"{claim.name} is also claimed by {', '.join(map(str, sorted(others)))}: {outcome}"


def unread(case: Case, name: Name) -> str:
    return f"the record {name} could not be read: {case.facts.unread.get(name, 'nobody looked')}"


def answers(claim: Claim, record: RecordSet, when: str) -> str:
    return (
        f"{claim.name} answers {', '.join(record.addresses) or 'nothing'} now, and {', '.join(claim.addresses)} {when}"
    )


def of_hub(note: str) -> bool:
    """A hub that keeps no such zone: another may, and what the group wrote is checked name by name."""
    return note.startswith("hub ")


def creator(record: RecordSet | None) -> str:
    if record is None:
        return ""
    text = record.label("creator") or record.label("owner") or "; ".join(record.foreign)
    return repr(text[:160]) if text else "no owner mark"
