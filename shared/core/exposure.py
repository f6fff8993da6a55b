"""A Private Link Service's own lists beside the policy: whom it approves by itself, and who may ask at all. Pure.

What the service approves by itself never waits, so no rule is asked: a difference is a finding, never a repair.
Source: reference/private-endpoint-connections.md section 6 (automatic approval bypasses the function).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from .decide import decide
from .ids import ResourceId, fold, is_guid
from .model import Connection, Status, Verdict
from .policy import Policy
from .rules import Match, Rule

EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    target: ResourceId
    approves: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    """Empty: only by the role on the service; EVERYBODY: anyone who has the alias."""


def differences(exposure: Exposure, policy: Policy, now: datetime) -> Iterator[str]:
    """One sentence for each difference, sorted by subscription."""
    if not policy.covers(exposure.target):
        return
    name = exposure.target.name
    for who in sorted(map(fold, exposure.approves)):
        decision = decide(_any_endpoint_of(who, exposure.target), target=exposure.target, policy=policy, now=now)
        if decision.verdict is not Verdict.APPROVE:
            whom = "everybody" if who == EVERYBODY else f"subscription {who}"
            yield f"{name} approves {whom} by itself, which the policy does not: {decision.reasons[0]}"
    visible = set(map(fold, exposure.visible))
    if EVERYBODY in visible:
        return
    named = _named(exposure.target, policy, now)
    for who in sorted(named.keys() - visible):
        yield f"{name} is not visible to subscription {who}, which rule '{named[who]}' approves"
    for who in sorted(visible - named.keys()):
        yield f"{name} is visible to subscription {who}, which no rule names"


def _any_endpoint_of(subscription: str, target: ResourceId) -> Connection:
    """Of an endpoint that no exact id or pattern can mean."""
    place = subscription if is_guid(subscription) else "00000000-0000-0000-0000-000000000000"
    endpoint = f"/subscriptions/{place}/resourceGroups/~/providers/Microsoft.Network/privateEndpoints/~"
    return Connection(
        id=target.child("privateEndpointConnections", "~"),
        name="~",
        endpoint=ResourceId.parse(endpoint),
        status=Status.PENDING,
        settled=True,
    )


def _named(target: ResourceId, policy: Policy, now: datetime) -> dict[str, str]:
    """Subscriptions that an open approve rule for this target names, in whatever way, to the rule's name."""
    found: dict[str, str] = {}
    for rule in policy.rules:
        if rule.verdict is Verdict.APPROVE and rule.is_open(now) and rule.targets.match(target) is not Match.NO:
            for subscription in _subscriptions(rule):
                found.setdefault(subscription, rule.name)
    return found


def _subscriptions(rule: Rule) -> Iterator[str]:
    who = rule.requesters
    yield from map(fold, who.subscriptions)
    yield from (fold(scope.segments[1]) for scope in who.resource_groups)
    yield from (fold(pattern.subscription) for pattern in who.endpoints)
