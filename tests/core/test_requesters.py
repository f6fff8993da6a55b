"""Whose request it is: every way of naming somebody, and what a shared vendor's subscription is worth: nothing."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.around import Around
from shared.core.ids import Scope
from shared.core.rules import Match, Requesters, Targets

from .build import (
    DATA,
    ENDPOINT,
    GUID,
    NOW,
    STRANGER,
    TARGET,
    TEAM,
    connection,
    endpoint_id,
    pattern,
    rule,
    target_id,
)
from .drawn import PLS, asked

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
SERVICE = target_id("pls1", kind=PLS)
CORP = Requesters(management_groups=frozenset({"corp"}))


def group(name: str, subscription: str = TEAM) -> Requesters:
    return Requesters(resource_groups=(Scope.parse(f"/subscriptions/{subscription}/resourceGroups/{name}"),))


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        (group("net"), YES),
        (group("NET"), YES),
        (group("ne"), NO),
        (group("network"), NO),
        (group("net", STRANGER), NO),
    ],
)
def test_a_resource_group_is_that_group_in_that_subscription(who: Requesters, answer: Match) -> None:
    assert who.match(connection()) is answer


@pytest.mark.parametrize(
    ("target", "shown", "answer"),
    [
        (SERVICE, "536870912", YES),
        (SERVICE, "7", NO),
        (SERVICE, None, UNKNOWN),
        (TARGET, None, NO),
    ],
    ids=["the one", "another", "a link service that does not show it", "a type that never shows it"],
)
def test_a_link_identifier_is_missed_only_where_azure_shows_them(target: Any, shown: str | None, answer: Match) -> None:
    who = Requesters(link_identifiers=frozenset({"536870912"}))
    assert who.match(asked(target, link_identifier=shown)) is answer


@pytest.mark.parametrize(
    ("around", "answer"),
    [
        (Around(), UNKNOWN),
        (Around(groups={"labs": frozenset({TEAM})}), UNKNOWN),
        (Around(groups={"corp": frozenset({STRANGER})}), NO),
        (Around(groups={"corp": frozenset()}), NO),
        (Around(groups={"corp": frozenset({TEAM})}), YES),
    ],
    ids=["not read", "another one read", "read, not below it", "read, empty", "below it"],
)
def test_a_management_group_that_was_not_read_is_unknown(around: Around, answer: Match) -> None:
    assert CORP.match(connection(), around) is answer
    assert CORP.lacks(connection(), around) == ({"management groups"} if answer is UNKNOWN else set())


def test_of_two_management_groups_one_unread_does_not_hide_the_other() -> None:
    both = Requesters(management_groups=frozenset({"corp", "labs"}))
    assert both.match(connection(), Around(groups={"corp": frozenset({TEAM})})) is YES
    assert both.match(connection(), Around(groups={"corp": frozenset()})) is UNKNOWN


SHARED = frozenset({TEAM})


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        (Requesters(shared=SHARED, endpoints=(pattern("net", "pe1"),)), YES),
        (Requesters(shared=SHARED, endpoints=(pattern("NET", "PE1"),)), YES),
        (Requesters(shared=SHARED, endpoints=(pattern("net", "pe*"),)), NO),
        (Requesters(shared=SHARED, subscriptions=SHARED), NO),
        (Requesters(shared=SHARED, guids=frozenset({GUID})), NO),
        (Requesters(shared=SHARED, management_groups=frozenset({"corp"})), NO),
        (Requesters(shared=SHARED, all=True), NO),
        (Requesters(shared=frozenset({STRANGER}), all=True), YES),
    ],
    ids=["exact", "exact, other case", "glob", "subscription", "guid", "management group", "anybody", "of another"],
)
def test_in_a_shared_subscription_only_an_exact_endpoint_id_counts(who: Requesters, answer: Match) -> None:
    around = Around(groups={"corp": frozenset({TEAM})})
    assert who.match(connection(), around) is answer


@pytest.mark.parametrize(
    ("tenants", "answer"),
    [({}, UNKNOWN), ({TEAM: GUID}, YES), ({TEAM: STRANGER}, NO), ({STRANGER: GUID}, UNKNOWN)],
)
def test_the_requesters_tenant_is_the_one_its_subscription_has_now(tenants: dict[str, str], answer: Match) -> None:
    bound = rule(tenants=frozenset({GUID}))
    assert bound.consult(connection(), TARGET, NOW, Around(tenants=tenants))["tenant"] is answer


@pytest.mark.parametrize(
    ("tags", "answer"),
    [
        (None, UNKNOWN),
        ({}, NO),
        ({"env": "prod"}, NO),
        ({"env": "prod", "open": "yes"}, YES),
        ({"env": "Prod", "open": "yes"}, NO),
    ],
    ids=["not read", "none", "one of two", "both", "a value in other case"],
)
def test_all_tags_have_to_be_there_with_exactly_those_values(tags: Any, answer: Match) -> None:
    wanted = Targets(tags=(("env", "prod"), ("open", "yes")))
    assert wanted.match(TARGET, Around(tags=tags)) is answer


def test_tags_are_not_asked_about_where_the_place_says_no_already() -> None:
    elsewhere = Targets(scopes=(Scope.parse(f"/subscriptions/{STRANGER}"),), tags=(("env", "prod"),))
    assert elsewhere.match(TARGET) is NO


USUAL = (
    ("microsoft.storage/storageaccounts", frozenset({"blob"})),
    ("microsoft.network/privatelinkservices", frozenset()),
)


@pytest.mark.parametrize(
    ("target", "groups", "target_answer", "groups_answer"),
    [
        (TARGET, ("blob",), YES, YES),
        (TARGET, ("dfs",), YES, NO),
        (TARGET, None, YES, UNKNOWN),
        (SERVICE, None, YES, YES),
        (target_id("s1", kind="Microsoft.Sql/servers"), ("sqlServer",), NO, YES),
    ],
    ids=["usual", "another group", "group not shown", "a type without groups", "another type"],
)
def test_a_vendor_connects_to_what_is_usual_for_it(
    target: Any, groups: Any, target_answer: Match, groups_answer: Match
) -> None:
    said = rule(usual=USUAL, targets=Targets()).consult(asked(target, groups=groups), target, NOW)
    assert (said["target"], said["groups"]) == (target_answer, groups_answer)


def test_groups_that_the_rule_names_come_before_what_is_usual() -> None:
    wider = rule(usual=USUAL, targets=Targets(), groups=frozenset({"dfs"}))
    assert wider.consult(connection(groups=("dfs",)), TARGET, NOW)["groups"] is YES


def test_subscriptions_are_told_apart_whoever_owns_the_target() -> None:
    assert len({TEAM, STRANGER, DATA, ENDPOINT.subscription}) == 3
    assert Requesters(subscriptions=SHARED).match(connection(endpoint=endpoint_id(subscription=STRANGER))) is NO
