"""One of our own services must just have asked: every way in which that cannot be told or is not so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.around import Around, Managed
from shared.core.decide import decide
from shared.core.model import Status, Verdict
from shared.core.rules import ManagedBy, Match, Requesters

from .build import ENDPOINT, NOW, OTHER, TARGET, connection, policy, rule, target_id
from .drawn import NONCE, OTHER_SERVICE, SERVICE

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
OURS = Managed(
    id=SERVICE.child("managedPrivateEndpoints", "m1"),
    target=TARGET,
    groups=("blob",),
    status=Status.PENDING,
    created=NOW - timedelta(minutes=10),
)
BY = ManagedBy(services=(SERVICE,))


def around(*found: Managed, unexplained: int | None = 1, **changed: Any) -> Around:
    return Around(managed={SERVICE: found}, unexplained=unexplained, **changed)


def answer(by: ManagedBy, seen: Around, **facts: Any) -> tuple[Match, str]:
    match, why, rests_on = by.correlate(connection(**facts), TARGET, NOW, seen)
    assert (rests_on is not None) == (match is YES), "a yes names what it rests on, nothing else does"
    assert (why == "") == (match is YES)
    return match, why


@pytest.mark.parametrize(
    ("seen", "expected", "why"),
    [
        (Around(), UNKNOWN, "cannot tell what g1 asked for"),
        (Around(managed={OTHER_SERVICE: (OURS,)}, unexplained=1), UNKNOWN, "cannot tell what g1 asked for"),
        (around(OURS, unexplained=None), UNKNOWN, "cannot tell what its services asked for"),
        (around(), NO, "none of our managed endpoints waits for this"),
        (around(OURS, OURS), NO, "2 of our managed endpoints waits for this"),
        (around(replace(OURS, target=target_id("acct2"))), NO, "none of our"),
        (around(replace(OURS, target=None)), NO, "none of our"),
        (around(replace(OURS, groups=("dfs",))), NO, "none of our"),
        (around(replace(OURS, status=Status.APPROVED)), NO, "none of our"),
        (around(replace(OURS, status=Status.UNKNOWN)), NO, "none of our"),
        (around(OURS, unexplained=2), NO, "2 requests here are unexplained"),
        (around(OURS, unexplained=0), NO, "0 requests here are unexplained"),
        (around(replace(OURS, created=None)), UNKNOWN, "cannot tell when m1 was made"),
        (around(replace(OURS, created=NOW - timedelta(minutes=61))), NO, "m1 was not made within 1:00:00 before"),
        (around(replace(OURS, created=NOW + timedelta(minutes=6))), NO, "m1 was not made within"),
        (around(replace(OURS, nonce=NONCE)), NO, "does not carry the nonce of m1"),
        (around(replace(OURS, spent_on=OTHER)), NO, "none of our"),
        (around(replace(OURS, spent_on=ENDPOINT)), YES, ""),
        (around(OURS), YES, ""),
        (around(replace(OURS, created=NOW + timedelta(minutes=4))), YES, ""),
        (around(replace(OURS, groups=("BLOB",))), YES, ""),
        (around(OURS, replace(OURS, target=target_id("acct2"))), YES, ""),
    ],
)
def test_only_one_fresh_request_of_ours_that_nothing_else_may_be_is_a_yes(
    seen: Around, expected: Match, why: str
) -> None:
    match, said = answer(BY, seen)
    assert (match, why in said) == (expected, True), said


@pytest.mark.parametrize(
    ("made", "carried", "expected"),
    [(NONCE, NONCE, YES), (NONCE, None, NO), (None, NONCE, NO), (None, None, NO), (NONCE, "f" * 32, NO)],
)
def test_a_nonce_that_the_rule_wants_must_be_in_both(made: Any, carried: Any, expected: Match) -> None:
    assert answer(replace(BY, nonce=True), around(replace(OURS, nonce=made)), nonce=carried)[0] is expected


def test_a_target_that_does_not_show_groups_leaves_the_rest_to_tell() -> None:
    assert answer(BY, around(OURS), groups=None)[0] is YES


def test_every_service_of_the_rule_has_to_be_read() -> None:
    assert answer(replace(BY, services=(SERVICE, OTHER_SERVICE)), around(OURS))[0] is UNKNOWN


def test_requests_of_two_services_for_one_target_are_two() -> None:
    both = Around(managed={SERVICE: (OURS,), OTHER_SERVICE: (OURS,)}, unexplained=1)
    assert answer(replace(BY, services=(SERVICE, OTHER_SERVICE)), both)[0] is NO


def test_a_managed_endpoint_alone_never_approves_somebody_the_rule_does_not_name() -> None:
    narrow = rule(requesters=Requesters(subscriptions=frozenset({"somebody else"})), managed_by=BY)
    assert decide(connection(), target=TARGET, policy=policy(narrow), now=NOW, around=around(OURS)).verdict is (
        Verdict.HOLD
    )


def test_what_is_not_read_of_our_services_is_missing_and_holds() -> None:
    found = decide(connection(), target=TARGET, policy=policy(rule(managed_by=BY)), now=NOW)
    assert (found.verdict, found.missing) == (Verdict.HOLD, {"managed"})


def test_of_what_was_approved_before_nobody_asks_for_the_managed_endpoint_again() -> None:
    seen = Around(afterwards=True)
    found = decide(connection(), target=TARGET, policy=policy(rule(managed_by=BY)), now=NOW, around=seen)
    assert found.verdict is Verdict.APPROVE
