"""What differs between two policies, one line for each thing. Pure.

Compares what the files mean, not how they are written: vendors and defaults have become parts of rules by then.
Refuses to say what follows from it (consequences.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .hub import Hub
from .ids import Scope
from .policy import Policy
from .rules import Rule

Facts = dict[str, frozenset[str]]


def diff(old: Policy, new: Policy) -> tuple[str, ...]:
    """One line for each thing that differs; none where both mean the same."""
    shared = (_shared(old), _shared(new))
    rules = (
        {rule.name: _rule(rule, shared[0]) for rule in old.rules},
        {rule.name: _rule(rule, shared[1]) for rule in new.rules},
    )
    hubs = ({hub.name: _hub(hub) for hub in old.hubs}, {hub.name: _hub(hub) for hub in new.hubs})
    return (
        *_named("rule", *rules),
        *(["rules stand in another order, and the first one that matches counts"] if _reordered(old, new) else []),
        *_named("hub", *hubs),
        *_parts("", _whole(old, shared[0]), _whole(new, shared[1])),
        *([f"records marked '{old.owner}' no longer count as ours"] if old.owner not in _marks(new) else []),
    )


def _reordered(old: Policy, new: Policy) -> bool:
    """Which of several matching rules counts shows only in their limits and modes."""
    orders = [[r.name for r in p.rules if r.name in old.named and r.name in new.named] for p in (old, new)]
    return orders[0] != orders[1] and any(rule.limit or rule.mode for rule in (*old.rules, *new.rules))


def _marks(policy: Policy) -> tuple[str, ...]:
    return (policy.owner, *policy.previous_owners)


def _named(kind: str, old: Mapping[str, Facts], new: Mapping[str, Facts]) -> Iterator[str]:
    for name in (*new, *(name for name in old if name not in new)):
        if name not in old:
            yield f"{kind} '{name}' is new ({_said(new[name])})"
        elif name not in new:
            yield f"{kind} '{name}' is gone ({_said(old[name])})"
        else:
            yield from _parts(f"{kind} '{name}': ", old[name], new[name])


def _parts(prefix: str, old: Facts, new: Facts) -> Iterator[str]:
    for part in old:
        before, after = old[part], new[part]
        if before == after:
            continue
        if len(before) < 2 and len(after) < 2:
            yield f"{prefix}{part} {_list(before)} -> {_list(after)}"
        else:
            added, gone = sorted(after - before), sorted(before - after)
            yield f"{prefix}{part} {', '.join([f'+ {item}' for item in added] + [f'- {item}' for item in gone])}"


def _list(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"


def _said(facts: Facts) -> str:
    return "; ".join(f"{part} {_list(items)}" for part, items in facts.items() if items)


def _one(value: object) -> frozenset[str]:
    return frozenset() if value is None or value == "" else frozenset({str(value)})


def _each(kind: str, items: Iterable[object]) -> frozenset[str]:
    return frozenset(f"{kind} {item}" for item in items)


def _shared(policy: Policy) -> frozenset[str]:
    return frozenset(subscription for rule in policy.rules for subscription in rule.requesters.shared)


def _rule(rule: Rule, shared: frozenset[str]) -> Facts:
    who, where, by = rule.requesters, rule.targets, rule.managed_by
    own = who.shared if who.shared != shared else frozenset()  # a file shares them with all of its approve rules
    until = rule.approve_until.isoformat() if rule.approve_until else None
    return {
        "verdict": _one(rule.verdict.value),
        "requesters": _each("subscription", who.subscriptions)
        | _each("resource group", who.resource_groups)
        | _each("endpoint", who.endpoints)
        | _each("guid", who.guids)
        | _each("link identifier", who.link_identifiers)
        | _each("management group", who.management_groups)
        | _each("but only exact endpoints of", own)
        | (frozenset({"anybody"}) if who.all else frozenset()),
        "targets": (_each("", where.scopes) | _each("type", where.types) | _tags(where.tags))
        or frozenset({"anywhere"}),
        "groups": frozenset({"any"}) if rule.groups is None else rule.groups,
        "usual": frozenset(f"{kind} {_list(groups)}" for kind, groups in rule.usual),
        "approve_until": _one(until),
        "approvals": _one(rule.approvals or None),
        "limit": _one(rule.limit),
        "tenants": rule.tenants if rule.tenants is not None else frozenset({"any"}),
        "managed_by": _each("", by.services) | {f"within {by.within}", f"nonce {by.nonce}"} if by else frozenset(),
        "mode": _one(rule.mode),
        "reason": _one(rule.reason),
        "ticket": _one(rule.ticket),
    }


def _tags(tags: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(f"tag {key}={value}" for key, value in tags)


def _hub(hub: Hub) -> Facts:
    who = hub.serves
    serves = frozenset({"every endpoint"}) if who.all else frozenset()
    return {
        "zones": _one(hub.zones) if isinstance(hub.zones, Scope) else _each("", hub.zones),
        "serves": serves
        | who.subscriptions
        | _each("management group", who.management_groups)
        | _each("network", who.networks),
        "only": _each("region", who.regions) | _tags(who.tags),
        "region": _one(hub.region),
        "networks": _each("", hub.networks),
        "resolvers": frozenset(hub.resolvers),
        "records": _one("upsert-only" if hub.upsert_only else "sync"),
        "adopt": _one("yes" if hub.adopt else None),
        "ttl": _one(hub.ttl),
        "modes": frozenset(f"{kind} {mode}" for kind, mode in hub.modes),
    }


def _whole(policy: Policy, shared: frozenset[str]) -> Facts:
    caps, grants = policy.caps, policy.grants
    return {
        "owner": _one(policy.owner),
        "previous_owners": frozenset(policy.previous_owners),
        "scope": frozenset({"everywhere"}) if policy.scope is None else policy.scope,
        "modes": frozenset(f"{kind} {mode}" for kind, mode in policy.modes),
        "ttl": _one(policy.ttl),
        "ttls": frozenset(f"{zone} {seconds}" for zone, seconds in policy.ttls.items()),
        "names": frozenset(
            f"{one.service} {', '.join(one.records)} in {one.zone}{f' ttl {one.ttl}' if one.ttl else ''}"
            for one in policy.service_names
        ),
        "owners": frozenset(f"{name} {one.endpoint or one.target}" for one in policy.owners for name in one.names),
        "shared subscriptions": shared,
        "caps": frozenset(
            {
                f"policy change {caps.approvals_per_policy_change}",
                f"sweep {caps.approvals_per_sweep}",
                f"deletions per settle {caps.deletions_per_settle}",
                f"deletions per sweep {caps.deletions_per_sweep}",
            }
        ),
        "grants": frozenset({f"approvals {grants.approvals}", f"days {grants.days}"}),
    }
