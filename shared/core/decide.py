"""One connection, the policy and the open grants: approve, reject, hold or leave, with every reason.

Total and pure: whatever the input, it answers and never raises; what cannot be fully read is held. Reject beats
everything, a person's grant beats the approve rules, nothing matching holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .ids import ResourceId
from .model import Connection, Decision, Grant, Status, Verdict
from .policy import Match, Mode, Policy, Rule

_TOLD = 10  # rules beside the nearest one that are spelt out
_PART = {
    "requester": "the requester is not on its list",
    "target": "it is for other targets",
    "groups": "it is for other groups",
    "date": "it has expired",
}


def decide(
    connection: Connection, *, target: ResourceId, policy: Policy, now: datetime, grants: Iterable[Grant] = ()
) -> Decision:
    """See the module. `connection.groups` may have been completed from the endpoint by the caller."""
    if not policy.covers(target):
        return _decision(connection, Verdict.LEAVE, "the target lies outside the configured scope")
    if connection.status is not Status.PENDING and connection.status is not Status.UNKNOWN:
        return _decision(connection, Verdict.LEAVE, f"it is {connection.status.value} already; only Pending is decided")
    if problems := connection.problems or _unread(connection):
        return _decision(connection, Verdict.HOLD, *(f"cannot be fully read: {problem}" for problem in problems))
    granted, notes = _granted(connection, grants, policy, now)
    return (
        _rejected(connection, target, policy, now)
        or granted
        or _approved(connection, target, policy, now)
        or _held(connection, target, policy, now, notes)
    )


def _unread(connection: Connection) -> tuple[str, ...]:
    """What has to be known before any rule is asked, whoever built the value."""
    status = connection.status if connection.status is not Status.UNKNOWN else None
    facts = {"id": connection.id, "endpoint": connection.endpoint, "status": status}
    return tuple(f"its {name} is not known" for name, fact in facts.items() if fact is None)


def _rejected(connection: Connection, target: ResourceId, policy: Policy, now: datetime) -> Decision | None:
    rules = [(overall(rule, connection, target, now), rule) for rule in policy.open_rules(Verdict.REJECT, now)]
    for rule in (rule for answer, rule in rules if answer is Match.YES):
        return _decision(connection, Verdict.REJECT, f"rule '{rule.name}' rejects it{_because(rule)}", rule=rule.name)
    for rule in (rule for answer, rule in rules if answer is Match.UNKNOWN):
        reason = f"cannot tell whether reject rule '{rule.name}' applies: {_unknown(rule, connection, target, now)}"
        missing = _missing(rule, connection, target, now)
        return _decision(connection, Verdict.HOLD, reason, missing=missing, nearest=rule.name)
    return None


def _granted(
    connection: Connection, grants: Iterable[Grant], policy: Policy, now: datetime
) -> tuple[Decision | None, list[str]]:
    """The decision of a valid grant, else what makes the grants found invalid (for the reasons)."""
    notes: list[str] = []
    for grant in sorted(grants, key=lambda g: (g.verdict is not Verdict.REJECT, g.expires, g.operation)):
        if grant.connection != connection.id or grant.spent:
            continue
        if grant.endpoint != connection.endpoint or (grant.guid and connection.guid and grant.guid != connection.guid):
            notes.append(f"the grant of {grant.by} is void: the connection now belongs to another endpoint")
        elif now >= grant.expires:
            notes.append(f"the grant of {grant.by} expired on {grant.expires:%Y-%m-%d %H:%M} UTC")
        elif grant.mode != Mode.APPLY and policy.mode(grant.verdict) is Mode.APPLY:
            notes.append(f"the grant of {grant.by} was given in {grant.mode} mode: give it again")
        elif grant.guid and not connection.guid:
            reason = f"cannot tell whether the endpoint is still the one {grant.by} saw"
            return _decision(connection, Verdict.HOLD, reason, missing=frozenset({"guid"})), notes
        else:
            reason = f"{grant.verdict.value} granted by {grant.by}: {grant.reason}"
            return _decision(connection, grant.verdict, reason, by=grant.by), notes
    return None, notes


def _approved(connection: Connection, target: ResourceId, policy: Policy, now: datetime) -> Decision | None:
    for rule in policy.open_rules(Verdict.APPROVE, now):
        if overall(rule, connection, target, now) is Match.YES:
            return _decision(
                connection, Verdict.APPROVE, f"rule '{rule.name}' approves it{_because(rule)}", rule=rule.name
            )
    return None


def _held(connection: Connection, target: ResourceId, policy: Policy, now: datetime, notes: list[str]) -> Decision:
    rules = [rule for rule in policy.rules if rule.verdict is Verdict.APPROVE]
    if not rules:
        return _decision(connection, Verdict.HOLD, *notes, "the policy has no approve rule")
    near = min(rules, key=lambda rule: _distance(rule, connection, target, now))
    reasons = [*notes, f"no rule matches; nearest is '{near.name}': {_differences(near, connection, target, now)}"]
    others = [rule for rule in rules if rule is not near]
    reasons += [f"rule '{rule.name}': {_differences(rule, connection, target, now)}" for rule in others[:_TOLD]]
    if len(others) > _TOLD:
        reasons.append(f"and {len(others) - _TOLD} more rules that do not match")
    missing = frozenset().union(*(_missing(rule, connection, target, now) for rule in rules))
    return _decision(connection, Verdict.HOLD, *reasons, nearest=near.name, missing=missing)


def overall(rule: Rule, connection: Connection, target: ResourceId, now: datetime) -> Match:
    """No beats unknown beats yes: one part that says no is enough."""
    answers = rule.consult(connection, target, now).values()
    if Match.NO in answers:
        return Match.NO
    return Match.UNKNOWN if Match.UNKNOWN in answers else Match.YES


def _missing(rule: Rule, connection: Connection, target: ResourceId, now: datetime) -> frozenset[str]:
    """The facts that would turn this rule's unknown into an answer; empty when it says no anyway."""
    parts = rule.consult(connection, target, now)
    if Match.NO in parts.values():
        return frozenset()
    return frozenset(part for part, answer in parts.items() if answer is Match.UNKNOWN)


def _distance(rule: Rule, connection: Connection, target: ResourceId, now: datetime) -> tuple[int, int]:
    answers = list(rule.consult(connection, target, now).values())
    return answers.count(Match.NO), answers.count(Match.UNKNOWN)


def _differences(rule: Rule, connection: Connection, target: ResourceId, now: datetime) -> str:
    said = []
    for part, answer in rule.consult(connection, target, now).items():
        if part == "groups" and answer is not Match.YES:
            said.append(_groups_text(rule, connection))
        elif part == "date" and answer is Match.NO:
            said.append(f"it expired on {rule.approve_until}")
        elif answer is Match.NO:
            said.append(_PART[part])
        elif answer is Match.UNKNOWN:
            said.append(f"cannot tell its {part}")
    return ", ".join(said)


def _unknown(rule: Rule, connection: Connection, target: ResourceId, now: datetime) -> str:
    return _differences(rule, connection, target, now) or "part of it cannot be read"


def _groups_text(rule: Rule, connection: Connection) -> str:
    wanted = ", ".join(sorted(rule.groups or ()))
    if not connection.groups:
        return f"it wants group {wanted}, this connection does not show its groups"
    return f"it wants group {wanted}, this asked for {', '.join(connection.groups)}"


def _because(rule: Rule) -> str:
    return f" ({rule.reason})" if rule.reason else ""


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
