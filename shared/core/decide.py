"""One connection, the policy and the open grants: approve, reject, hold or leave, with every reason.

Total and pure: whatever the input, it answers and never raises; what cannot be fully read is held. Reject beats
everything, a person's grant beats the approve rules, a rule that asks for people beats one that does not, nothing
matching holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .around import NOTHING_READ, Around
from .cosmos import Barrier
from .ids import ResourceId
from .model import Connection, Decision, Grant, Status, Verdict
from .policy import Policy
from .rules import Match, Mode, Rule

_TOLD = 10  # rules beside the nearest one that are spelt out
_PART = {
    "requester": "the requester is not on its list",
    "tenant": "the requester's subscription belongs to another tenant",
    "target": "it is for other targets",
}


def decide(
    connection: Connection,
    *,
    target: ResourceId,
    policy: Policy,
    now: datetime,
    grants: Iterable[Grant] = (),
    around: Around = NOTHING_READ,
) -> Decision:
    """See the module. `connection.groups` may have been completed from the endpoint by the caller."""
    if not policy.covers(target):
        return _decision(connection, Verdict.LEAVE, "the target lies outside the configured scope")
    if connection.status is not Status.PENDING and connection.status is not Status.UNKNOWN:
        return _decision(connection, Verdict.LEAVE, f"it is {connection.status.value} already; only Pending is decided")
    if problems := connection.problems or _unread(connection):
        return _decision(connection, Verdict.HOLD, *(f"cannot be fully read: {problem}" for problem in problems))
    case = _Case(connection=connection, target=target, policy=policy, now=now, around=around)
    rejecting = policy.rejecting.candidates(connection, target, around)
    approving = policy.approving.candidates(connection, target, around)
    asks = [rule for rule in approving if rule.approvals and case.answer(rule) is not Match.NO]
    needed = max([rule.approvals for rule in asks] + [policy.grants.approvals])
    granted, notes = _granted(case, grants, needed)
    decided = _rejected(case, rejecting) or granted
    if decided is not None:
        return decided
    decision = _asked(case, asks, notes) or _first(case, _approved(case, approving)) or _held(case, approving, notes)
    return replace(decision, needed=needed) if decision.verdict is Verdict.HOLD else decision


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One question to many rules."""

    connection: Connection
    target: ResourceId
    policy: Policy
    now: datetime
    around: Around

    def consult(self, rule: Rule) -> dict[str, Match]:
        return rule.consult(self.connection, self.target, self.now, self.around)

    def answer(self, rule: Rule) -> Match:
        """No beats unknown beats yes: one part that says no is enough."""
        answers = self.consult(rule).values()
        if Match.NO in answers:
            return Match.NO
        return Match.UNKNOWN if Match.UNKNOWN in answers else Match.YES

    def missing(self, rule: Rule) -> frozenset[str]:
        """The facts that would turn this rule's unknown into an answer; empty when it says no anyway."""
        parts = self.consult(rule)
        if Match.NO in parts.values():
            return frozenset()
        unknown = (part for part, answer in parts.items() if answer is Match.UNKNOWN)
        return frozenset().union(*(rule.lacks(part, self.connection, self.around) for part in unknown))

    def distance(self, rule: Rule) -> tuple[int, int]:
        answers = list(self.consult(rule).values())
        return answers.count(Match.NO), answers.count(Match.UNKNOWN)

    def differences(self, rule: Rule) -> str:
        said = []
        for part, answer in self.consult(rule).items():
            if answer is Match.YES:
                continue
            if part == "groups":
                said.append(self._groups_text(rule))
            elif part == "managed" and rule.managed_by:
                said.append(rule.managed_by.correlate(self.connection, self.target, self.now, self.around)[1])
            elif part == "date":
                said.append(f"it expired on {rule.approve_until}")
            elif answer is Match.NO:
                said.append(_PART[part])
            else:
                lacking = ", ".join(sorted(rule.lacks(part, self.connection, self.around)))
                said.append(f"cannot tell its {part}{f' ({lacking})' if lacking != part else ''}")
        return ", ".join(said)

    def _groups_text(self, rule: Rule) -> str:
        wanted = ", ".join(sorted(rule.wanted_groups(self.target) or ()))
        if not self.connection.groups:
            return f"it wants group {wanted}, this connection does not show its groups"
        return f"it wants group {wanted}, this asked for {', '.join(self.connection.groups)}"


def _unread(connection: Connection) -> tuple[str, ...]:
    """What has to be known before any rule is asked, whoever built the value."""
    status = connection.status if connection.status is not Status.UNKNOWN else None
    facts = {"id": connection.id, "endpoint": connection.endpoint, "status": status}
    return tuple(f"its {name} is not known" for name, fact in facts.items() if fact is None)


def _rejected(case: _Case, rules: Iterable[Rule]) -> Decision | None:
    answers = [(case.answer(rule), rule) for rule in rules]
    for rule in (rule for answer, rule in answers if answer is Match.YES):
        return _decision(
            case.connection, Verdict.REJECT, f"rule '{rule.name}' rejects it{_because(rule)}", rule=rule.name
        )
    unsure = [rule for answer, rule in answers if answer is Match.UNKNOWN]
    if not unsure:
        return None
    # What any of them lacks: another one may say yes once it is known, though this one never can.
    missing = frozenset().union(*(case.missing(rule) for rule in unsure))
    first = unsure[0]
    reason = f"cannot tell whether reject rule '{first.name}' applies: {case.differences(first)}"
    return _decision(case.connection, Verdict.HOLD, reason, missing=missing, nearest=first.name)


def _granted(case: _Case, grants: Iterable[Grant], needed: int) -> tuple[Decision | None, list[str]]:
    """The decision of a valid grant, else what makes the grants found invalid (for the reasons)."""
    notes: list[str] = []
    connection = case.connection
    for grant in sorted(grants, key=lambda g: (g.verdict is not Verdict.REJECT, g.expires, g.operation)):
        if grant.connection != connection.id or grant.spent:
            continue
        if grant.endpoint != connection.endpoint or (grant.guid and connection.guid and grant.guid != connection.guid):
            notes.append(f"the grant of {grant.by} is void: the connection now belongs to another endpoint")
        elif case.now >= grant.expires:
            notes.append(f"the grant of {grant.by} expired on {grant.expires:%Y-%m-%d %H:%M} UTC")
        elif grant.mode != Mode.APPLY and case.policy.mode(grant.verdict) is Mode.APPLY:
            notes.append(f"the grant of {grant.by} was given in {grant.mode} mode: give it again")
        elif grant.verdict is Verdict.APPROVE and needed > 1 and grant.persons < needed:
            notes.append(f"approved by {grant.by}: {needed - grant.persons} more of {needed} people have to agree")
        elif grant.guid and not connection.guid:
            reason = f"cannot tell whether the endpoint is still the one {grant.by} saw"
            return _decision(connection, Verdict.HOLD, reason, missing=frozenset({"guid"})), notes
        else:
            reason = f"{grant.verdict.value} granted by {grant.by}: {grant.reason}"
            return _decision(connection, grant.verdict, reason, by=grant.by), notes
    return None, notes


def _asked(case: _Case, asks: Iterable[Rule], notes: list[str]) -> Decision | None:
    """A rule that asks for people speaks before one that approves by itself, also where it cannot tell."""
    for rule in sorted(asks, key=lambda rule: (-rule.approvals, case.answer(rule) is not Match.YES)):
        people = "a person has" if rule.approvals == 1 else f"{rule.approvals} people have"
        sure = case.answer(rule) is Match.YES
        doubt = "" if sure else f" (perhaps: {case.differences(rule)})"
        reason = f"rule '{rule.name}' says that {people} to agree{doubt}{_because(rule)}"
        return _decision(case.connection, Verdict.HOLD, *notes, reason, nearest=rule.name, missing=case.missing(rule))
    return None


def _approved(case: _Case, rules: Sequence[Rule]) -> Decision | None:
    matching = (rule for rule in rules if case.answer(rule) is Match.YES)
    rule = min(matching, key=lambda rule: rule.name in case.around.full, default=None)  # the first that has room
    if rule is None:
        return None
    # A rule that cannot tell yet may approve it as well: its place should then not be taken from one that counts.
    missing: frozenset[str] = frozenset()
    if rule.limit is not None:
        missing = missing.union(*(case.missing(one) for one in rules))
    why = f"rule '{rule.name}' approves it{_because(rule)}"
    return _decision(case.connection, Verdict.APPROVE, why, rule=rule.name, missing=missing)


def _first(case: _Case, decision: Decision | None) -> Decision | None:
    """The first endpoint of an account that is open to all closes it to everybody else (reference/cosmos.md 1)."""
    barrier = case.around.barrier
    rule = case.policy.named.get(decision.rule or "") if decision else None
    if decision is None or rule is None or rule.first_endpoint or barrier not in (Barrier.OPEN, Barrier.UNKNOWN):
        return decision
    doubt = (
        "would close public access" if barrier is Barrier.OPEN else "cannot tell whether it would close public access"
    )
    reason = (
        f"{doubt}: no endpoint of {case.target.name} is approved yet, and nothing else closes it. Rule "
        f"'{rule.name}' approves it: say first_endpoint: allow there, or approve it by hand"
    )
    return _decision(case.connection, Verdict.HOLD, reason, nearest=rule.name)


def _held(case: _Case, candidates: Iterable[Rule], notes: list[str]) -> Decision:
    rules = case.policy.approving.near(case.connection, case.target, case.around)
    if not rules:
        return _decision(case.connection, Verdict.HOLD, *notes, "the policy has no approve rule")
    near = min(rules, key=case.distance)
    reasons = [*notes, f"no rule matches; nearest is '{near.name}': {case.differences(near)}"]
    others = [rule for rule in rules if rule is not near]
    reasons += [f"rule '{rule.name}': {case.differences(rule)}" for rule in others[:_TOLD]]
    more = case.policy.approving.count - 1 - _TOLD
    if more > 0:
        reasons.append(f"and {more} more rules that do not match")
    missing: frozenset[str] = frozenset().union(*(case.missing(rule) for rule in candidates))
    return _decision(case.connection, Verdict.HOLD, *reasons, nearest=near.name, missing=missing)


def _because(rule: Rule) -> str:
    said = ", ".join(filter(None, (rule.reason, rule.ticket)))
    return f" ({said})" if said else ""


def _decision(
    connection: Connection,
    verdict: Verdict,
    *reasons: str,
    rule: str | None = None,
    by: str | None = None,
    nearest: str | None = None,
    missing: frozenset[str] = frozenset(),
) -> Decision:
    return Decision(
        verdict=verdict, connection=connection, reasons=reasons, rule=rule, by=by, nearest=nearest, missing=missing
    )
