"""Does one rule reach everything that another one reaches? Pure. True is certain, False is not.

Certain means: whatever the connection, its surroundings and the time, where the inner rule says yes the outer one says
yes, and where the inner one cannot tell, the outer one does not say no. Knows the two rules alone; refuses to know
tags, tenants and management groups as they are just now.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from re import Pattern, compile

from .ids import Scope, fold
from .model import Verdict
from .rules import EndpointPattern, Requesters, Rule, Targets

Kinds = frozenset[str] | None
_NEVER_ENDS = datetime.max.replace(tzinfo=UTC)


def covers(outer: Rule, inner: Rule) -> bool:
    """Of an approving rule: also when a rejecting one reaches all of it. Neither order nor modes are asked.

    A rule with a limit covers nothing: once it is full, the next one speaks."""
    if outer.verdict is Verdict.REJECT:
        return reaches(outer, inner)
    if inner.verdict is Verdict.REJECT:
        return False
    return outer.limit is None and outer.approvals >= inner.approvals and reaches(outer, inner)


def reaches(outer: Rule, inner: Rule) -> bool:
    """All parts that match; what each rule then does with whom it matches is left out."""
    return (
        ends(outer) >= ends(inner)
        and (outer.managed_by is None or outer.managed_by == inner.managed_by)
        and _within(inner.tenants, outer.tenants)
        and _targets(outer.targets, inner.targets)
        and _types_and_groups(outer, inner)
        and _requesters(outer.requesters, inner.requesters)
    )


def ends(rule: Rule) -> datetime:
    """The first moment at which the rule is expired; a day lasts until its end, UTC."""
    until = rule.approve_until
    if until is None or until == date.max:
        return _NEVER_ENDS
    if isinstance(until, datetime):
        return until
    return datetime(until.year, until.month, until.day, tzinfo=UTC) + timedelta(days=1)


def _within(inner: Kinds, outer: Kinds) -> bool:
    """None: any."""
    return outer is None or (inner is not None and inner <= outer)


def _targets(outer: Targets, inner: Targets) -> bool:
    scoped = not outer.scopes or (bool(inner.scopes) and all(_in_scopes(one, outer.scopes) for one in inner.scopes))
    return scoped and set(outer.tags) <= set(inner.tags)


def _in_scopes(inner: Scope, outer: Iterable[Scope]) -> bool:
    segments = _folded(inner)
    return any(segments[: len(one.segments)] == _folded(one) for one in outer)


def _types_and_groups(outer: Rule, inner: Rule) -> bool:
    """Vendors' usual types narrow both, and may ask for other groups of each type."""
    types = kinds(inner)
    if not _within(types, kinds(outer)):
        return False
    return all(_within(_groups(inner, kind), _groups(outer, kind)) for kind in types or ("",))


def kinds(rule: Rule) -> Kinds:
    """The types of targets that the rule can match; None: any."""
    said = rule.targets.types
    if not rule.usual:
        return said or None
    usual = frozenset(kind for kind, _ in rule.usual)
    return usual & said if said else usual


def _groups(rule: Rule, kind: str) -> Kinds:
    if rule.groups is not None or not rule.usual:
        return rule.groups
    return dict(rule.usual).get(kind) or None


def _requesters(outer: Requesters, inner: Requesters) -> bool:
    """Everybody that the inner one names. Subscriptions that vendors share count exact endpoint ids only."""
    if not outer.shared <= inner.shared:
        return False
    if not all(_endpoint(outer, pattern) for pattern in inner.endpoints):
        return False
    if outer.all:
        return True
    groups = {_folded(scope) for scope in outer.resource_groups}
    return (
        not inner.all
        and inner.subscriptions <= outer.subscriptions
        and all(fold(s.segments[1]) in outer.subscriptions or _folded(s) in groups for s in inner.resource_groups)
        and inner.guids <= outer.guids
        and inner.link_identifiers <= outer.link_identifiers
        and inner.management_groups <= outer.management_groups
    )


def _endpoint(outer: Requesters, inner: EndpointPattern) -> bool:
    subscription, group = fold(inner.subscription), fold(inner.group)
    if inner.is_exact:
        if any(one.is_exact and fold(str(one)) == fold(str(inner)) for one in outer.endpoints):
            return True
        if subscription in outer.shared:
            return False
    return (
        outer.all
        or subscription in outer.subscriptions
        or any(
            _folded(scope) == ("subscriptions", subscription, "resourcegroups", group)
            for scope in outer.resource_groups
        )
        or any(_pattern(one, inner) for one in outer.endpoints)
    )


def _pattern(outer: EndpointPattern, inner: EndpointPattern) -> bool:
    words = ((outer.group, inner.group), (outer.name, inner.name))
    return fold(outer.subscription) == fold(inner.subscription) and all(_word(fold(o), fold(i)) for o, i in words)


def _word(outer: str, inner: str) -> bool:
    """Read as plain text, the inner glob stands for itself: a star takes what a star takes, a ? never takes a star."""
    return outer == inner or (not ("?" in outer and "*" in inner) and _glob(outer).match(inner) is not None)


@lru_cache(maxsize=65_536)
def _glob(text: str) -> Pattern[str]:
    return compile(translate(text))


def _folded(scope: Scope) -> tuple[str, ...]:
    return tuple(map(fold, scope.segments))
