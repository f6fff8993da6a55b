"""What is worth a second thought in a valid policy: one sentence each, in the order of the file. Pure.

Knows the rules, the time, and when each rule last decided something. Refuses to judge what it cannot be sure of: a rule
is called covered only where another one certainly reaches all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from . import covers
from .around import Around
from .ids import ResourceId
from .lookup import Lookup
from .model import Connection, Verdict
from .policy import Policy
from .rules import Requesters, Rule

_SOON = timedelta(days=30)
_UNUSED = timedelta(days=90)
_PAIRS = 200_000  # of rules that are compared with each other; more would take more than seconds
_NOWHERE = "00000000-0000-0000-0000-000000000000"
_NAME = "~"  # of an endpoint, a group or a resource that no policy means


def lint(policy: Policy, now: datetime, used: Mapping[str, datetime] | None = None) -> list[str]:
    """`used`: rule to when it last decided something, or was first seen; a rule that is not in it is not judged."""
    covered = _Covered(policy, now)
    found = [
        f"rule '{rule.name}' {note}"
        for place, rule in enumerate(policy.rules)
        for note in (*_dates(rule, now), *covered.notes(place, rule), *_unused(rule, now, used or {}), *_whom(rule))
    ]
    if covered.left_out:
        found.append(f"{covered.left_out} rules were not compared with the others: too many of them are alike")
    return found


def _dates(rule: Rule, now: datetime) -> Iterator[str]:
    if rule.approve_until is None:
        return
    if not rule.is_open(now):
        yield f"has expired ({rule.approve_until}): it approves nobody any more"
    elif covers.ends(rule) - now <= _SOON:
        yield f"expires soon ({rule.approve_until})"


def _unused(rule: Rule, now: datetime, used: Mapping[str, datetime]) -> Iterator[str]:
    """Approve rules only: a reject rule that never had to reject did what it is there for."""
    last = used.get(rule.name)
    approves = rule.verdict is Verdict.APPROVE and rule.is_open(now)
    if approves and last is not None and now - last >= _UNUSED:
        yield f"has decided nothing for {(now - last).days} days: is it still needed?"


def _whom(rule: Rule) -> Iterator[str]:
    who = rule.requesters
    if rule.verdict is not Verdict.APPROVE:
        return
    if who.all and not rule.approvals:
        yield f"approves anybody{' of its tenants' if rule.tenants else ''}: name the requesters where you can"
    if who == Requesters(shared=who.shared):
        yield "matches nobody: it names a shared vendor, and no endpoint of it is known"


class _Covered:
    """Which rules are covered by another one. Asks the look-up with an example of what a rule matches: whoever covers
    the rule matches its example, too."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        self._place = {rule.name: place for place, rule in enumerate(policy.rules)}
        self._nobody: dict[str, frozenset[str]] = dict.fromkeys(policy.management_groups, frozenset())
        self._left = _PAIRS
        self.left_out = 0

    def notes(self, place: int, rule: Rule) -> Iterator[str]:
        if not rule.is_open(self._now):
            return
        if self._left <= 0:
            self.left_out += 1
            return
        if rule.verdict is Verdict.APPROVE:
            by = self._first(self._policy.rejecting, rule, lambda other: covers.covers(other, rule))
            if by is not None:
                yield f"never approves: reject rule '{by.name}' covers all of it"
                return
        lookup = self._policy.approving if rule.verdict is Verdict.APPROVE else self._policy.rejecting
        by = self._first(lookup, rule, lambda other: self._shadows(other, rule, place))
        if by is not None and self._place[by.name] < place:
            yield f"decides nothing: rule '{by.name}' before it covers all of it"
        elif by is not None:
            yield f"is not needed: rule '{by.name}' covers all of it"

    def _shadows(self, other: Rule, rule: Rule, place: int) -> bool:
        """The first of two rules that match decides: a later one makes this one needless only if it does the same."""
        if other is rule or not covers.covers(other, rule):
            return False
        if self._place[other.name] < place:
            return True
        same = rule.mode is other.mode and rule.limit is None and rule.approvals == other.approvals
        return same and not covers.covers(rule, other)  # of two alike, the later one is named

    def _first(self, lookup: Lookup, rule: Rule, answer: Callable[[Rule], bool]) -> Rule | None:
        connection, target, around = self._example(rule)
        found = lookup.candidates(connection, target, around)
        self._left -= len(found) + len(self._nobody) + 1
        return next(filter(answer, found), None)

    def _example(self, rule: Rule) -> tuple[Connection, ResourceId, Around]:
        who, target = rule.requesters, _target(rule)
        subscription, group, name = _NOWHERE, _NAME, _NAME
        members = self._nobody
        if who.endpoints:
            first = who.endpoints[0]
            subscription, group, name = first.subscription, _plain(first.group), _plain(first.name)
        elif who.resource_groups:
            subscription, group = who.resource_groups[0].segments[1], who.resource_groups[0].segments[3]
        elif who.subscriptions:
            subscription = min(who.subscriptions)
        elif who.management_groups:
            members = {**self._nobody, min(who.management_groups): frozenset({_NOWHERE})}
        path = (("privateEndpoints", name),)
        endpoint = ResourceId(subscription=subscription, group=group, provider="Microsoft.Network", path=path)
        connection = Connection(
            id=target.child("privateEndpointConnections", _NAME),
            name=_NAME,
            endpoint=endpoint,
            guid=min(who.guids, default=_NAME),
            link_identifier=min(who.link_identifiers, default=_NAME),
        )
        return connection, target, Around(groups=members)


def _target(rule: Rule) -> ResourceId:
    """One that the rule is for; below a scope, of the first of its types."""
    scopes = rule.targets.scopes
    scope = scopes[0].segments if scopes else ("subscriptions", _NOWHERE)
    if len(scope) > 4:
        return ResourceId.parse("/" + "/".join(scope))
    provider, *kinds = min(covers.kinds(rule) or (), default=f"{_NAME}/{_NAME}").split("/")
    group = scope[3] if len(scope) == 4 else _NAME
    path = tuple((kind, _NAME) for kind in kinds)
    return ResourceId(subscription=scope[1], group=group, provider=provider, path=path)


def _plain(glob: str) -> str:
    """A text that the glob matches."""
    return glob.replace("*", _NAME).replace("?", _NAME)
