"""What a change of policy means for connections that exist: what it decides otherwise, and whose names change. Pure.

Nothing is decided here: an Approved connection that nothing covers any more is a finding, never undone. Grants, limits,
caps and modes are not known here; rules alone are asked. Refuses to read an estate (estate.py) and to write Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .around import NOTHING_READ, Around
from .decide import decide
from .hub import Hub
from .ids import ResourceId, Scope, fold
from .model import Connection, Decision, Status, Verdict
from .policy import Policy

_NAMELESS = "Microsoft.Network/privateLinkServices"  # Azure publishes no names for them (names.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One connection that the new policy decides otherwise."""

    target: ResourceId
    connection: Connection
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An Approved endpoint and a hub that begins or stops to keep its names. Which names only a read of it tells."""

    hub: str
    target: ResourceId
    connection: Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """Of those who wait: approves, rejects, holds (no longer decides). Of those approved: covers, uncovers."""

    approves: tuple[Effect, ...] = ()
    rejects: tuple[Effect, ...] = ()
    holds: tuple[Effect, ...] = ()
    covers: tuple[Effect, ...] = ()
    uncovers: tuple[Effect, ...] = ()
    unsure: tuple[Effect, ...] = ()
    """Decided otherwise, perhaps: something that decides is not in the estate."""
    unblocks: tuple[Served, ...] = ()
    drops: tuple[Served, ...] = ()
    looked: int = 0


def consequences(
    old: Policy,
    new: Policy,
    estate: Iterable[tuple[ResourceId, Connection]],
    now: datetime,
    arounds: Mapping[ResourceId, Around] | None = None,
) -> Consequences:
    """`arounds`: connection to what is known of its surroundings; what is not known there is unknown."""
    found: dict[str, list[Effect]] = {}
    served: dict[str, list[Served]] = {"unblocks": [], "drops": []}
    pairs = sorted(estate, key=lambda pair: (pair[0].key, str(pair[1].id), str(pair[1].facts)))
    for target, connection in pairs:
        around = (arounds or {}).get(connection.id, NOTHING_READ) if connection.id else NOTHING_READ
        if connection.status is Status.APPROVED:
            asked, around = replace(connection, status=Status.PENDING), replace(around, afterwards=True)
            for kind, hub in _served(old, new, target, connection):
                served[kind].append(Served(hub=hub, target=target, connection=connection))
        elif connection.status is Status.PENDING:
            asked = connection
        else:
            continue
        if _asks_the_same(old, new, target, asked, around):
            continue
        before, after = (decide(asked, target=target, policy=p, now=now, around=around) for p in (old, new))
        kind = _kind(connection.status, before, after)
        effect = Effect(target=target, connection=connection, before=before, after=after)
        found.setdefault(kind, []).append(effect)
    found.pop("", None)
    return Consequences(
        **{kind: tuple(effects) for kind, effects in found.items()},
        unblocks=tuple(served["unblocks"]),
        drops=tuple(served["drops"]),
        looked=len(pairs),
    )


def _asks_the_same(old: Policy, new: Policy, target: ResourceId, asked: Connection, around: Around) -> bool:
    """The same rules are asked in both, so the answer is the same: most of a large estate, without deciding."""
    return (
        old.covers(target) == new.covers(target)
        and old.grants == new.grants
        and old.approving.candidates(asked, target, around) == new.approving.candidates(asked, target, around)
        and old.rejecting.candidates(asked, target, around) == new.rejecting.candidates(asked, target, around)
    )


def _kind(status: Status, before: Decision, after: Decision) -> str:
    was, now = before.verdict, after.verdict
    if (was, before.missing) == (now, after.missing):
        return ""
    if after.missing:
        return "unsure"
    if status is Status.PENDING:
        if now in (Verdict.APPROVE, Verdict.REJECT):
            return "approves" if now is Verdict.APPROVE else "rejects"
        return "holds" if was in (Verdict.APPROVE, Verdict.REJECT) else ""
    if now is Verdict.APPROVE:
        return "covers"
    known = was in (Verdict.HOLD, Verdict.REJECT) and not before.missing
    return "" if known else "uncovers"


def _served(old: Policy, new: Policy, target: ResourceId, connection: Connection) -> Iterator[tuple[str, str]]:
    if connection.endpoint is None or target.is_a(_NAMELESS):
        return
    before, after = (
        {_place(hub): hub.name for hub in policy.hubs if hub.serves.may(connection.endpoint)}
        if policy.covers(target)
        else {}
        for policy in (old, new)
    )
    yield from (("unblocks", name) for zones, name in after.items() if zones not in before)
    yield from (("drops", name) for zones, name in before.items() if zones not in after)


def _place(hub: Hub) -> str:
    zones = (hub.zones,) if isinstance(hub.zones, Scope) else hub.zones
    return " ".join(sorted(fold(str(zone)) for zone in zones))
