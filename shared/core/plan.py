"""What to do about one target: a value that is sorted, printable and has a fingerprint. Pure.

Knows how decisions and names become changes, and the one order of changes: reject, approve, refresh, put, delete, so
that a name never vanishes in between. Refuses to know modes (apply.py) and how anything is done.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from . import cosmos, coverage, regions
from .around import NOTHING_READ, Around
from .cosmos import Account
from .coverage import Access
from .decide import decide
from .ids import ResourceId, fold, key_of
from .model import Connection, Decision, Grant, RecordSet, Seen, Status, Verdict
from .names import Mark, NameState, step
from .policy import Policy
from .regions import Fit

ORDER = ("reject", "approve", "refresh", "put", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step. `kind` is one of ORDER; connections carry a decision, records a set and its precondition."""

    kind: str
    subject: ResourceId
    why: str
    decision: Decision | None = None
    record: RecordSet | None = None
    if_match: str | None = None
    hands_over: bool = False
    adopts: bool = False
    blocked: str = ""
    fit: Fit | None = None
    for_good: bool = False
    """Blocked until people change the policy: nothing to come back for."""
    capped: bool = False
    """One of too many at once: blocked until a person releases the plan by its fingerprint."""

    @property
    def id(self) -> str:
        return key_of(self.kind, str(self.subject), self._content())

    def _content(self) -> str:
        if self.decision is not None:
            return str(self.decision.connection.endpoint)  # the guid may become known later; it is the same change
        if self.fit is not None:
            return f"{self.fit.guid} {self.fit.digest}"
        record = self.record
        return f"{record.addresses} {record.ttl} {record.metadata}" if record and self.kind == "put" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything seen and remembered about one target at one moment, and how complete that is."""

    target: ResourceId
    connections: tuple[Connection, ...] = ()
    endpoints: Mapping[ResourceId, Seen] = field(default_factory=dict)
    names: tuple[NameState, ...] = ()
    grants: tuple[Grant, ...] = ()
    around: Around = NOTHING_READ
    in_flight: frozenset[str] = frozenset()
    """Ids of changes, and subjects of decisions, that were sent and not read back yet."""
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[tuple[str, str], ...] = ()
    incomplete: str = ""
    """Law 6: what could not be read completely; such a look may add, it never deletes or hands over."""
    deletes_allowed: bool = True
    suspended: Mapping[str, str] = field(default_factory=dict)
    """Kind of change to why none of that kind happens now (invalid policy, approvals switched off)."""
    full: Mapping[str, str] = field(default_factory=dict)
    """Rule to why it approves no more (its limit is reached)."""
    capped: Mapping[ResourceId, str] = field(default_factory=dict)
    """Connection or record to why its approval or deletion waits for a person to release it."""
    approved: frozenset[tuple[ResourceId, ResourceId]] = frozenset()
    """(connection, endpoint) of our own approvals, as the journal proves them."""
    account: Account | None = None
    """The target, where it is a Cosmos DB account and its list was read."""
    fits: tuple[Fit, ...] = ()
    """Its approved endpoints beside it."""
    unseen: tuple[tuple[ResourceId, str], ...] = ()
    """Endpoints that want their PUT repeated and are not ours to see, and the words for people."""
    capped_refreshes: str = ""
    """Why no more endpoints are refreshed for now."""
    ours: bool = False
    """Law 11: the app itself depends on this target, so it is report-only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    target: ResourceId
    decisions: tuple[Decision, ...] = ()
    changes: tuple[Change, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    """(subject, text), sorted: what people should know and we do not act on."""
    needs: tuple[tuple[ResourceId, str], ...] = ()
    """Endpoints that want a refresh, and why: news for those who may have to do it by hand."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def fingerprint(self) -> str:
        text = "\n".join(f"{change.id} {'' if change.capped else change.blocked}" for change in self.changes)
        return hashlib.sha256(f"{self.target.key}\n{text}".encode()).hexdigest()[:16]


def completed(connection: Connection, seen: Seen | None, target: ResourceId) -> Connection:
    """Groups and guid that the provider does not show, taken from a fresh read of the very endpoint it names."""
    if seen is None or seen.endpoint is None or seen.endpoint.id != connection.endpoint:
        return connection
    link = seen.endpoint.link_to(target)
    return replace(
        connection,
        groups=connection.groups or (link.groups if link and link.groups else None),
        guid=connection.guid or seen.endpoint.guid,
    )


def plan(snapshot: Snapshot, policy: Policy, mark: Mark, now: datetime) -> Plan:
    """Same snapshot, policy and day: same plan, same fingerprint."""
    connections = [_completed(connection, snapshot) for connection in _told_apart(snapshot.connections)]
    around = explained(connections, snapshot, policy, now)
    decisions = tuple(
        sorted(
            (_decide(connection, snapshot, around, policy, now) for connection in connections),
            key=lambda decision: (fold(str(decision.connection.id)), str(decision.connection.facts)),
        )
    )
    changes = [change for decision in decisions if (change := _connection_change(decision))]
    changes += [_refresh(fit) for fit in snapshot.fits if fit.is_due(policy.drift, now)]
    access = Access(
        target=snapshot.target,
        decisions=decisions,
        endpoints=snapshot.endpoints,
        grants=snapshot.grants,
        around=around,
        approved=snapshot.approved,
    )
    findings = [*snapshot.notes, *coverage.findings(access, policy, now), *_of_account(snapshot, policy, now)]
    for state in sorted(snapshot.names, key=lambda state: state.name):
        change, finding = _record_change(state, policy, mark)
        if change:
            changes.append(change)
        if finding:
            findings.append((str(state.name), finding))
    changes = [_blocked(change, snapshot, policy) for change in changes if not _in_flight(change, snapshot)]
    changes.sort(key=lambda change: (ORDER.index(change.kind), change.subject, change.id))
    found = tuple(sorted(set(findings)))
    needs = (*((c.subject, c.why) for c in changes if c.kind == "refresh"), *snapshot.unseen)
    return Plan(target=snapshot.target, decisions=decisions, changes=tuple(changes), findings=found, needs=needs)


def is_too_much(plan: Plan, most: int) -> bool:
    return sum(change.kind == "delete" and not change.blocked for change in plan.changes) > most


def capped(plan: Plan, released: Container[ResourceId], most: int) -> Plan:
    """Too many deletions at once are all blocked: a mistake in a policy or a scope must not empty a zone.

    `released`: records whose deletion a person has released. The fingerprint stays that of the plan.
    """
    deletes = {change.id for change in plan.changes if change.kind == "delete" and not change.blocked}
    waits = {c.id for c in plan.changes if c.id in deletes and c.subject not in released}
    if not is_too_much(plan, most) or not waits:
        return plan
    why = f"{len(deletes)} deletions at once, more than {most}; look at them, then release them with POST /api/settle"
    why = f"{why} and fingerprint {plan.fingerprint}"
    changes = (replace(c, blocked=why, capped=True) if c.id in waits else c for c in plan.changes)
    return replace(plan, changes=tuple(changes))


def _told_apart(connections: Iterable[Connection]) -> list[Connection]:
    """Two different requests under one id (providers that name connections after endpoints): a decision on that id
    would be a guess, so both are held."""
    once = list(dict.fromkeys(connections))
    ids = Counter(connection.id for connection in once if connection.id)
    twice = "another connection has the same id"
    return [
        replace(connection, problems=(*connection.problems, twice))
        if connection.id and ids[connection.id] > 1
        else connection
        for connection in once
    ]


def _completed(connection: Connection, snapshot: Snapshot) -> Connection:
    seen = snapshot.endpoints.get(connection.endpoint) if connection.endpoint else None
    return completed(connection, seen, snapshot.target)


def explained(connections: Iterable[Connection], snapshot: Snapshot, policy: Policy, now: datetime) -> Around:
    """How many requests no rule explains by itself: a managed endpoint of ours explains one only where it is alone."""
    around = replace(snapshot.around, full=frozenset(snapshot.full))
    if not around.managed or snapshot.incomplete:
        return around
    bare = replace(around, managed={}, unexplained=None)
    pending = (connection for connection in connections if connection.status is Status.PENDING)
    decisions = (_decide(connection, snapshot, bare, policy, now) for connection in pending)
    return replace(around, unexplained=sum(decision.verdict is Verdict.HOLD for decision in decisions))


def _decide(connection: Connection, snapshot: Snapshot, around: Around, policy: Policy, now: datetime) -> Decision:
    target, grants = snapshot.target, snapshot.grants
    return decide(connection, target=target, policy=policy, now=now, grants=grants, around=around)


def _connection_change(decision: Decision) -> Change | None:
    subject = decision.connection.id
    if subject is None or decision.verdict not in (Verdict.APPROVE, Verdict.REJECT):
        return None
    return Change(kind=decision.verdict.value, subject=subject, why="; ".join(decision.reasons), decision=decision)


def _refresh(fit: Fit) -> Change:
    asks = "Azure asks for it to be made again" if fit.recreate else "it does not follow its account"
    return Change(kind="refresh", subject=fit.endpoint, why=f"{asks}: {fit.says()}", fit=fit)


def _of_account(snapshot: Snapshot, policy: Policy, now: datetime) -> Iterable[tuple[str, str]]:
    if snapshot.account is None:
        return
    for text in cosmos.findings(snapshot.account, snapshot.connections):
        yield str(snapshot.target), text
    for fit in snapshot.fits:
        for text in regions.findings(fit, snapshot.account, policy.drift, now):
            yield str(fit.endpoint), text


def _record_change(state: NameState, policy: Policy, mark: Mark) -> tuple[Change | None, str]:
    hub = policy.hub_of(state.name.zone)
    todo = step(state, mark, policy.ttl_of(state.name.zone), hub.adopt if hub else False)
    if todo.do == "look":
        return None, f"not decided: {state.unreadable}" if state.unreadable else ""
    if todo.do and todo.record is not None:
        change = Change(
            kind=todo.do,
            subject=state.name.id,
            why=todo.why,
            record=todo.record,
            if_match=todo.if_match,
            hands_over=todo.hands_over,
            adopts=todo.adopts,
        )
        return change, todo.finding
    return None, todo.finding


def _in_flight(change: Change, snapshot: Snapshot) -> bool:
    """Law 9: not repeated until it is read back. Of one connection only one decision is ever under way."""
    one_at_a_time = change.decision is not None or change.kind == "refresh"
    if one_at_a_time and change.subject.key in snapshot.in_flight:
        return True
    return change.id in snapshot.in_flight


def _counted_out(change: Change, snapshot: Snapshot) -> str:
    rule = change.decision.rule if change.decision else None
    return snapshot.capped.get(change.subject, "") or snapshot.full.get(rule or "", "")


def _blocked(change: Change, snapshot: Snapshot, policy: Policy) -> Change:
    """Why a change stays undone for now; shown with the plan, never silently dropped."""
    blocked = ""
    if snapshot.ours:
        return replace(change, blocked="the app itself depends on this resource: report only", for_good=True)
    if change.kind == "delete" and change.record and policy.only_upserts(change.record.name.zone):
        text = "records are upsert-only here: kept; delete it by hand, or set records: sync"
        return replace(change, blocked=text, for_good=True)
    if change.kind in snapshot.suspended:
        blocked = snapshot.suspended[change.kind]
    elif snapshot.incomplete and (change.kind == "delete" or change.hands_over):
        blocked = f"not everything could be read: {snapshot.incomplete}"
    elif change.fit is not None and change.fit.by_hand:
        return replace(change, blocked=change.fit.by_hand, for_good=True)
    elif change.kind == "refresh" and not policy.caps.refreshes_per_hour:
        return replace(change, blocked=snapshot.capped_refreshes, for_good=True)
    elif change.kind == "refresh" and snapshot.capped_refreshes:
        blocked = snapshot.capped_refreshes
    elif change.kind == "delete" and not snapshot.deletes_allowed:
        blocked = "no deletes before a full sweep has seen every claim"
    elif change.kind in ("approve", "delete") and (why := _counted_out(change, snapshot)):
        blocked = why
    elif change.id in snapshot.failed:
        blocked = snapshot.failed[change.id]
    return replace(change, blocked=blocked)
