"""A first policy file from what is approved today: text for a person to review, never for use as it is. Pure.

One rule for each group that has the same: the endpoints of one resource group, the targets of one type in one resource
group, the same sub-resources. Where only one endpoint, or one target, is behind a rule, the rule names just that.
Refuses to write `all`, and to name what a policy file cannot name exactly: that is listed, and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from .ids import ResourceId, fold, key_of
from .model import Connection, Status
from .patch import last_day, listed, pattern_of, quoted, unnameable

_DAYS = 365
_TOLD = 3  # examples above a rule
_TYPE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)+(/[A-Za-z0-9]+)+", re.ASCII)
Item = tuple[ResourceId, Connection]
Key = tuple[str, ...]


def draft(estate: Iterable[Item], now: datetime, *, owner: str = "linkkeeper", shared: Iterable[str] = ()) -> str:
    """The whole file; only Approved connections count. `shared`: subscriptions that serve all customers of a vendor,
    where only exact endpoint ids mean anything."""
    approved = sorted(
        ((target, one) for target, one in estate if one.status is Status.APPROVED),
        key=lambda item: (item[0].key, str(item[1].id), str(item[1].facts)),
    )
    left_out = [(one, why) for target, one in approved if (why := _unnameable(target, one))]
    drafted = [item for item in approved if not _unnameable(*item)]
    groups: dict[Key, list[Item]] = {}
    for item in drafted:
        groups.setdefault(_key(*item), []).append(item)
    scope = sorted({fold(target.subscription) for target, _ in drafted})
    exact = frozenset(map(fold, shared))
    lines = [
        f"# A draft of {last_day(now, 0)}, from {_counted(len(drafted), 'approved connection')}. Review each rule:",
        "# that access exists does not mean that it should. Narrow it, say why it is there, or remove it.",
        *[f"# Left out, {why}: {quoted(str(one.id or one.name))}" for one, why in left_out],
        "version: 1",
        f"owner: {quoted(owner)}",
        *([f"scope: {{subscriptions: {listed(scope)}}}"] if scope else []),
        "rules:" if groups else "rules: []",
    ]
    for key in sorted(groups):
        lines += _rule(key, groups[key], key[0] in exact, now)
    return "\n".join(lines) + "\n"


def _unnameable(target: ResourceId, connection: Connection) -> str:
    if connection.id is None:
        return "its id is not known"
    if not _TYPE.fullmatch(target.type):
        return "its target's type is no plain type"
    if connection.problems:
        return connection.problems[0]
    return unnameable(connection.endpoint, target, connection.groups or ())


def _key(target: ResourceId, connection: Connection) -> Key:
    assert connection.endpoint is not None
    who = (connection.endpoint.subscription, connection.endpoint.group)
    what = (target.subscription, target.group, target.type, *sorted(set(map(fold, connection.groups or ()))))
    return tuple(fold(word) for word in (*who, *what))


def _rule(key: Key, items: Sequence[Item], exact: bool, now: datetime) -> Iterable[str]:
    target, first = items[0]
    endpoints = sorted({one.endpoint for _, one in items if one.endpoint})
    asking, place = (f"/subscriptions/{r.subscription}/resourceGroups/{r.group}" for r in (endpoints[0], target))
    examples = [f"{one.endpoint.name} to {other.name}" for other, one in items[:_TOLD] if one.endpoint]
    yield f"  # {_counted(len(items), 'connection')}{', such as' if len(items) > _TOLD else ':'} {', '.join(examples)}"
    yield f"  - name: {quoted(_name(endpoints[0], target, key))}"
    yield "    verdict: approve"
    if exact or len(endpoints) == 1:
        yield f"    requesters: {{endpoints: {listed(str(pattern_of(endpoint)) for endpoint in endpoints)}}}"
    else:
        yield f"    requesters: {{resource_groups: {listed([asking])}}}"
    if all(other == target for other, _ in items):
        yield f"    targets: {{ids: {listed([str(target)])}}}"
    else:
        yield f"    targets: {{scopes: {listed([place])}, types: {listed([target.type])}}}"
    if first.groups:
        yield f"    groups: {listed(sorted(set(first.groups)))}"
    else:
        yield "    # groups: not known here, so any"
    yield f"    approve_until: {last_day(now, _DAYS)}"
    yield '    reason: "TODO: why"'


def _name(endpoint: ResourceId, target: ResourceId, key: Key) -> str:
    """The hash tells rules apart whose words are the same."""
    words = f"{endpoint.group} to {target.group}: {' '.join((target.path[-1][0], *key[5:]))}"
    return f"{words[:180].strip()} {key_of(*key)[:8]}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
