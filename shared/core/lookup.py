"""Which rules could say yes or unknown to a connection, without asking them all. Pure, built once for a policy.

Two steps of a dictionary: whose request it is, then what it is for. A rule that is not found here says no for its
requester or its target, whatever else is known. Refuses to decide.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice

from .around import Around
from .ids import ResourceId, fold
from .model import Connection
from .rules import Rule, Targets

_NEAR = 25  # rules of one bucket that are worth telling people
_ANY = ("any",)
Key = Hashable


class Lookup:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._both: dict[Key, dict[Key, list[int]]] = {}
        self._by_target: dict[Key, list[int]] = {}
        self._groups = sorted({group for rule in rules for group in rule.requesters.management_groups})
        for place, rule in enumerate(self._rules):
            targets = list(_of_targets(rule.targets))
            for requester in set(_of_requesters(rule)):
                bucket = self._both.setdefault(requester, {})
                for target in targets:
                    bucket.setdefault(target, []).append(place)
            for target in targets:
                self._by_target.setdefault(target, []).append(place)

    @property
    def count(self) -> int:
        return len(self._rules)

    def candidates(self, connection: Connection, target: ResourceId, around: Around) -> list[Rule]:
        """In the order of the file. Grows with the rules found, not with the rules there are."""
        found: set[int] = set()
        targets = list(_keys_of_target(target))
        for requester in self._keys_of(connection, around):
            bucket = self._both.get(requester)
            if bucket:
                for key in targets:
                    found.update(bucket.get(key, ()))
        return [self._rules[place] for place in sorted(found)]

    def near(self, connection: Connection, target: ResourceId, around: Around) -> list[Rule]:
        """Rules worth naming to somebody whom none approves: for this requester, for this target, and the first."""
        found: dict[int, None] = {}
        for requester in self._keys_of(connection, around):
            places = (place for bucket in self._both.get(requester, {}).values() for place in bucket)
            found |= dict.fromkeys(islice(places, _NEAR))
        for key in _keys_of_target(target):
            found |= dict.fromkeys(islice(self._by_target.get(key, ()), _NEAR))
        found |= dict.fromkeys(range(min(_NEAR, len(self._rules))))
        return [self._rules[place] for place in sorted(found)]

    def _keys_of(self, connection: Connection, around: Around) -> Iterator[Key]:
        yield _ANY
        endpoint = connection.endpoint
        if endpoint is not None:
            subscription = fold(endpoint.subscription)
            yield ("subscription", subscription)
            yield ("group", f"{subscription}/{fold(endpoint.group)}")
            yield ("endpoint", endpoint.key)
            for group in self._groups:
                if subscription in around.groups.get(group, (subscription,)):  # unread: it may be among them
                    yield ("management group", group)
        yield ("guid", connection.guid) if connection.guid else ("any guid",)
        yield ("link", connection.link_identifier) if connection.link_identifier else ("any link",)


def _of_requesters(rule: Rule) -> Iterator[Key]:
    who = rule.requesters
    if who.all:
        yield _ANY
    yield from (("subscription", subscription) for subscription in who.subscriptions)
    yield from (("group", f"{fold(scope.segments[1])}/{fold(scope.segments[3])}") for scope in who.resource_groups)
    for pattern in who.endpoints:
        exact = pattern.is_exact
        yield ("endpoint", fold(str(pattern))) if exact else ("subscription", fold(pattern.subscription))
    yield from (("guid", guid) for guid in who.guids)
    yield from (("link", identifier) for identifier in who.link_identifiers)
    yield from (("management group", group) for group in who.management_groups)
    # A guid or link identifier that was not read might be the one.
    yield from [("any guid",)] if who.guids else []
    yield from [("any link",)] if who.link_identifiers else []


def _of_targets(targets: Targets) -> Iterable[Key]:
    if targets.scopes:
        return [("scope", fold(str(scope))) for scope in targets.scopes]
    return [("type", kind) for kind in targets.types] or [_ANY]


def _keys_of_target(target: ResourceId) -> Iterator[Key]:
    yield _ANY
    yield ("type", fold(target.type))
    segments = target.key.split("/")  # "", subscriptions, S, resourceGroups, G, providers, P, type, name …
    yield ("scope", "/".join(segments[:3]))
    yield ("scope", "/".join(segments[:5]))
    yield from (("scope", "/".join(segments[:end])) for end in range(9, len(segments) + 1, 2))
