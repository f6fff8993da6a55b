"""The edges of a decision: the last minute, the odd value, the number that is just enough, the words for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.around import Around, Managed
from shared.core.decide import decide
from shared.core.model import KEY, Decision, Grant, Status, Verdict
from shared.core.policy import Grants
from shared.core.rules import ManagedBy, Match, Requesters, Rule, Targets

from .build import (
    GUID,
    NOW,
    OTHER,
    STRANGER,
    TARGET,
    TEAM,
    connection,
    endpoint_id,
    grant,
    pattern,
    policy,
    reject,
    rule,
    shown,
    target_id,
)
from .drawn import OTHER_SERVICE, SERVICE

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
APPROVE, REJECT, HOLD, LEAVE = Verdict.APPROVE, Verdict.REJECT, Verdict.HOLD, Verdict.LEAVE
OURS = Managed(
    id=SERVICE.child("managedPrivateEndpoints", "m1"),
    target=TARGET,
    groups=("blob",),
    status=Status.PENDING,
    created=NOW - timedelta(minutes=10),
)
BY = ManagedBy(services=(SERVICE,))
OTHER_TARGET = target_id("acct2")
BY_STRANGER = Requesters(subscriptions=frozenset({STRANGER}))


def decided(
    *rules: Rule, around: Around | None = None, grants: tuple[Grant, ...] = (), people: int = 1, **facts: Any
) -> Decision:
    one, some = connection(**facts), policy(*rules, grants=Grants(approvals=people))
    found = decide(one, target=TARGET, policy=some, now=NOW, around=around or Around(), grants=grants)
    assert found.connection is one
    return found


# --- managed endpoints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=1), YES),
        (timedelta(hours=1, microseconds=1), NO),
        (timedelta(minutes=-5), YES),
        (timedelta(minutes=-5, microseconds=-1), NO),
    ],
)
def test_a_managed_endpoint_is_fresh_for_exactly_as_long_as_the_rule_says(age: timedelta, expected: Match) -> None:
    around = Around(managed={SERVICE: (replace(OURS, created=NOW - age),)}, unexplained=1)
    assert BY.correlate(connection(), TARGET, NOW, around)[0] is expected


@pytest.mark.parametrize(
    ("spent_on", "expected"), [(None, YES), (connection().endpoint, YES), (OTHER, NO)], ids=["not", "here", "elsewhere"]
)
def test_a_managed_endpoint_explains_one_endpoint_and_never_a_second(spent_on: Any, expected: Match) -> None:
    around = Around(managed={SERVICE: (replace(OURS, spent_on=spent_on),)}, unexplained=1)
    assert BY.correlate(connection(), TARGET, NOW, around)[0] is expected


def test_every_unread_service_is_named() -> None:
    both = replace(BY, services=(SERVICE, OTHER_SERVICE))
    assert both.correlate(connection(), TARGET, NOW, Around())[1] == "cannot tell what g1, f1 asked for"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(OURS, created=NOW - timedelta(hours=2)), "m1 was not made within 1:00:00 before"),
        (replace(OURS, nonce="f" * 32), "the request does not carry the nonce of m1"),
    ],
)
def test_people_are_told_why_a_managed_endpoint_does_not_explain_it(seen: Managed, words: str) -> None:
    found = decided(rule("near", managed_by=BY), around=Around(managed={SERVICE: (seen,)}, unexplained=1))
    assert shown(found) == f"no rule matches; nearest is 'near': {words}"


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(OURS, APPROVE), (replace(OURS, target=OTHER_TARGET), HOLD), (replace(OURS, target=None), HOLD)],
    ids=["of this target", "of another", "of nothing that was read"],
)
def test_a_rule_approves_only_where_the_managed_endpoint_is_for_this_very_target(seen: Managed, verdict: Any) -> None:
    found = decided(rule(managed_by=BY), around=Around(managed={SERVICE: (seen,)}, unexplained=1))
    assert found.verdict is verdict


def test_a_rule_that_rests_on_nothing_managed_does_not_speak_of_it() -> None:
    found = decided(rule("near", tenants=frozenset({GUID}), managed_by=BY), around=Around(managed={SERVICE: (OURS,)}))
    assert shown(found).endswith("cannot tell its tenant, cannot tell what its services asked for")


# --- requesters and groups ---------------------------------------------------------------------------


def test_a_link_identifier_is_missed_where_the_connection_has_no_id() -> None:
    assert Requesters(link_identifiers=frozenset({"7"})).match(connection(id=None)) is UNKNOWN


def test_several_groups_are_told_with_commas_in_both_directions() -> None:
    found = decided(rule(groups=frozenset({"queue", "blob"})), groups=("file", "dfs"))
    assert shown(found).endswith("it wants group blob, queue, this asked for file, dfs")


def test_an_exact_id_is_compared_as_it_is() -> None:
    assert not pattern("[n]et", "pe1").matches(endpoint_id())


@pytest.mark.parametrize(("facts", "lacking"), [({"endpoint": None}, "endpoint"), ({"id": None}, "link identifier")])
def test_what_a_requester_lacks_has_a_name(facts: Any, lacking: str) -> None:
    who = Requesters(link_identifiers=frozenset({"7"}))
    assert who.lacks(connection(**facts), Around()) == {lacking}


def test_nobody_has_no_tenant() -> None:
    bound = rule(tenants=frozenset({GUID}))
    assert bound.consult(connection(endpoint=None), TARGET, NOW, Around(tenants={TEAM: GUID}))["tenant"] is UNKNOWN


def test_of_two_rules_that_say_no_once_the_one_that_knows_more_is_nearer() -> None:
    unsure = rule("unsure", requesters=BY_STRANGER, groups=frozenset({"blob"}))
    sure = rule("sure", requesters=BY_STRANGER)
    assert decided(unsure, sure, groups=None).nearest == "sure"


# --- one of several ----------------------------------------------------------------------------------


def test_of_several_rules_that_approve_the_first_with_room_counts_else_the_first() -> None:
    rules = (rule("one"), rule("two"), rule("three"))
    for full, expected in (
        (set(), "one"),
        ({"one"}, "two"),
        ({"one", "two"}, "three"),
        ({"one", "two", "three"}, "one"),
    ):
        assert decided(*rules, around=Around(full=frozenset(full))).rule == expected


def test_of_two_rules_that_ask_for_as_many_the_sure_one_is_named_and_nothing_is_missing() -> None:
    unsure = rule("unsure", approvals=1, groups=frozenset({"blob"}))
    found = decided(unsure, rule("sure", approvals=1), groups=None)
    assert (found.nearest, found.missing, found.needed) == ("sure", frozenset(), 1)


def test_a_grant_that_is_spent_or_of_another_connection_hides_none_behind_it() -> None:
    other = grant(connection=TARGET.child("privateEndpointConnections", "c2"), operation="op0")
    for first in (other, grant(spent=True, operation="op0")):
        assert decided(grants=(first, grant())).verdict is APPROVE


def test_a_key_decides_alone_where_one_is_enough_and_never_where_two_are_needed() -> None:
    by_key = grant(people=(KEY,))
    assert decided(grants=(by_key,)).verdict is APPROVE
    assert decided(grants=(by_key,), people=2).verdict is HOLD


@pytest.mark.parametrize(
    ("rests_on", "verdict"),
    [
        (rule(requesters=Requesters(guids=frozenset({GUID}))), APPROVE),
        (rule(requesters=Requesters(management_groups=frozenset({"corp"}))), APPROVE),
        (rule(requesters=Requesters(management_groups=frozenset({"labs"}))), HOLD),
        (rule(targets=Targets(tags=(("env", "prod"),))), APPROVE),
        (rule(targets=Targets(tags=(("env", "test"),))), HOLD),
        (rule(tenants=frozenset({GUID})), APPROVE),
        (rule(tenants=frozenset({STRANGER})), HOLD),
    ],
)
def test_what_was_read_around_the_connection_decides(rests_on: Rule, verdict: Verdict) -> None:
    groups = {"corp": frozenset({TEAM}), "labs": frozenset({STRANGER})}
    assert (
        decided(rests_on, around=Around(tags={"env": "prod"}, tenants={TEAM: GUID}, groups=groups)).verdict is verdict
    )


def test_people_are_needed_only_where_something_is_held_that_they_could_settle() -> None:
    assert [decided(rule(), people=2).needed, decided(people=2).needed] == [0, 2]
    assert decided(reject("unsure", groups=frozenset({"dfs"})), groups=None, people=2).needed == 0


# --- word for word -----------------------------------------------------------------------------------

BECAUSE = {"reason": "SEC-1", "ticket": "CHG-2"}
EXPIRED = grant(expires=NOW)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda: decided(status=Status.APPROVED), "it is Approved already; only Pending is decided"),
        (lambda: decided(id=None), "cannot be fully read: its id is not known"),
        (lambda: decided(endpoint=None), "cannot be fully read: its endpoint is not known"),
        (lambda: decided(status=Status.UNKNOWN), "cannot be fully read: its status is not known"),
        (lambda: decided(rule(**BECAUSE)), "rule 'team' approves it (SEC-1, CHG-2)"),
        (lambda: decided(reject()), "rule 'nobody' rejects it"),
        (
            lambda: decided(rule("near", tenants=frozenset({GUID})), around=Around(tenants={TEAM: STRANGER})),
            "no rule matches; nearest is 'near': the requester's subscription belongs to another tenant",
        ),
        (
            lambda: decided(grants=(EXPIRED,)),
            "the grant of ada expired on 2026-11-21 12:00 UTC\nthe policy has no approve rule",
        ),
        (
            lambda: decided(rule(), grants=(grant(),), guid=None),
            "cannot tell whether the endpoint is still the one ada saw",
        ),
        (
            lambda: decided(
                rule("near", requesters=Requesters(guids=frozenset({GUID}), management_groups=frozenset({"corp"}))),
                guid=None,
            ),
            "no rule matches; nearest is 'near': cannot tell its requester (guid, management groups)",
        ),
    ],
)
def test_people_are_told_exactly_this(found: Callable[[], Decision], words: str) -> None:
    assert shown(found()) == words


def test_outside_the_scope_people_are_told_so() -> None:
    one = connection()
    found = decide(one, target=TARGET, policy=policy(scope=frozenset({STRANGER})), now=NOW)
    assert (found.verdict, found.connection is one) == (LEAVE, True)
    assert shown(found) == "the target lies outside the configured scope"
