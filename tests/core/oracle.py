"""When an approval is allowed: written a second time, from the words of the documentation, with none of the core's code
for matching. True, False, or None for what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from shared.core.around import Around
from shared.core.ids import ResourceId
from shared.core.model import Connection, Grant, Status, Verdict
from shared.core.policy import Policy
from shared.core.rules import Rule

Answer = bool | None
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def low(text: object) -> str:
    return "".join(letter.lower() if letter in UPPER else letter for letter in str(text))


def words(resource: object) -> list[str]:
    return low(resource).strip("/").split("/")


def all_of(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    return False if False in found else None if None in found else True


def requester(rule: Rule, one: Connection, around: Around) -> Answer:
    who = rule.requesters
    if one.endpoint is None:
        return None
    _, subscription, _, group, _, _, _, *rest = words(one.endpoint)
    name = rest[0]
    for pattern in who.endpoints:
        told = [low(pattern.subscription), low(pattern.group), low(pattern.name)]
        if not set("*?") & set(told[1] + told[2]) and told == [subscription, group, name]:
            return True
    if subscription in who.shared:
        return False
    yes = [
        who.all,
        subscription in who.subscriptions,
        any(words(scope) == ["subscriptions", subscription, "resourcegroups", group] for scope in who.resource_groups),
        any(
            low(p.subscription) == subscription and fnmatchcase(group, low(p.group)) and fnmatchcase(name, low(p.name))
            for p in who.endpoints
        ),
        any(subscription in around.groups.get(one, ()) for one in who.management_groups),
        one.guid is not None and one.guid in who.guids,
        one.link_identifier is not None and one.link_identifier in who.link_identifiers,
    ]
    if any(yes):
        return True
    shows_links = one.id is None or words(one.id)[5:7] in (
        ["microsoft.network", "privatelinkservices"],
        ["microsoft.network", "applicationgateways"],
    )
    unknown = [
        bool(who.guids) and one.guid is None,
        bool(who.link_identifiers) and one.link_identifier is None and shows_links,
        any(one not in around.groups for one in who.management_groups),
    ]
    return None if any(unknown) else False


def place(rule: Rule, target: ResourceId, around: Around) -> Answer:
    where = words(target)
    kind = "/".join([where[5], *where[6::2]])
    scopes = [words(scope) for scope in rule.targets.scopes]
    if scopes and not any(where[: len(scope)] == scope for scope in scopes):
        return False
    if rule.targets.types and kind not in rule.targets.types:
        return False
    if rule.usual and kind not in [usual for usual, _ in rule.usual]:
        return False
    if not rule.targets.tags:
        return True
    return None if around.tags is None else all(around.tags.get(k) == v for k, v in rule.targets.tags)


def groups(rule: Rule, one: Connection, target: ResourceId) -> Answer:
    where = words(target)
    wanted = rule.groups
    if wanted is None:
        wanted = dict(rule.usual).get("/".join([where[5], *where[6::2]])) or None
    if wanted is None:
        return True
    if not one.groups:
        return None
    asked = {low(group) for group in one.groups}
    return asked <= wanted if rule.verdict is Verdict.APPROVE else bool(asked & wanted)


def dated(rule: Rule, now: datetime) -> bool:
    until = rule.approve_until
    if until is None:
        return True
    return now < until if isinstance(until, datetime) else now.astimezone(UTC).date() <= until


def tenant(rule: Rule, one: Connection, around: Around) -> Answer:
    if rule.tenants is None:
        return True
    known = around.tenants.get(words(one.endpoint)[1]) if one.endpoint else None
    return None if known is None else known in rule.tenants


def managed(rule: Rule, one: Connection, target: ResourceId, now: datetime, around: Around) -> Answer:
    by = rule.managed_by
    if by is None or around.afterwards:
        return True
    if around.unexplained is None or any(service not in around.managed for service in by.services):
        return None
    waiting = [ours for service in by.services for ours in around.managed[service]]
    waiting = [ours for ours in waiting if ours.target == target and ours.status is Status.PENDING]
    waiting = [ours for ours in waiting if ours.spent_on is None or words(ours.spent_on) == words(one.endpoint)]
    asked = {low(group) for group in one.groups or ()}
    waiting = [ours for ours in waiting if not asked or asked == {low(group) for group in ours.groups}]
    if len(waiting) != 1 or around.unexplained != 1:
        return False
    (ours,) = waiting
    if ours.created is None:
        return None
    fresh = timedelta(minutes=-5) <= now - ours.created <= by.within
    return fresh and ours.nonce in (None, one.nonce) and not (by.nonce and (ours.nonce is None))


def matches(rule: Rule, one: Connection, target: ResourceId, now: datetime, around: Around) -> Answer:
    return all_of(
        (
            requester(rule, one, around),
            place(rule, target, around),
            groups(rule, one, target),
            dated(rule, now),
            tenant(rule, one, around),
            managed(rule, one, target, now, around),
        )
    )


def open_to_decision(one: Connection, target: ResourceId, policy: Policy) -> bool:
    in_scope = policy.scope is None or words(target)[1] in policy.scope
    read = one.id is not None and one.endpoint is not None and not one.problems
    return in_scope and read and one.status is Status.PENDING


def may_approve(
    one: Connection, target: ResourceId, policy: Policy, now: datetime, around: Around, by: Iterable[Grant] = ()
) -> bool:
    if not open_to_decision(one, target, policy):
        return False
    answers = {rule.name: matches(rule, one, target, now, around) for rule in policy.rules}
    if any(answers[rule.name] is not False for rule in policy.rules if rule.verdict is Verdict.REJECT):
        return False
    approving = [rule for rule in policy.rules if rule.verdict is Verdict.APPROVE and answers[rule.name] is not False]
    people = max([rule.approvals for rule in approving] + [policy.grants.approvals])
    if any(_good(grant, one, people, now) for grant in by):
        return True
    if any(rule.approvals for rule in approving):
        return False
    return any(answers[rule.name] is True for rule in approving)


def _good(grant: Grant, one: Connection, people: int, now: datetime) -> bool:
    same = grant.connection == one.id and grant.endpoint == one.endpoint and grant.guid in (None, one.guid)
    enough = people <= 1 or len(set(grant.people) - {"function key"}) >= people
    return (
        *(same, enough, not grant.spent, now < grant.expires, grant.verdict is Verdict.APPROVE, grant.mode == "apply"),
    ) == (True,) * 6
