"""One rule and one connection: yes, no or unknown, part by part."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared.core.around import Around
from shared.core.ids import Scope
from shared.core.model import Verdict
from shared.core.policy import Grants, digest_of
from shared.core.rules import ManagedBy, Match, Mode, Requesters, Targets

from .build import (
    DATA,
    DNS,
    ENDPOINT,
    GUID,
    GUID2,
    NOW,
    STRANGER,
    TARGET,
    TEAM,
    ZONE,
    connection,
    endpoint_id,
    hub,
    pattern,
    policy,
    rule,
    target_id,
    until,
)
from .drawn import SERVICE

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN


@pytest.mark.parametrize(
    ("group", "name", "endpoint", "matches"),
    [
        ("net", "pe1", ENDPOINT, True),
        ("NET", "PE1", ENDPOINT, True),
        ("*", "*", ENDPOINT, True),
        ("n*", "pe?", ENDPOINT, True),
        ("ne", "pe1", ENDPOINT, False),
        ("n?", "*", ENDPOINT, False),
        ("*", "*e", ENDPOINT, False),
        ("net", "pe", ENDPOINT, False),
        ("net", "pe1", endpoint_id("pe10"), False),
        ("net*", "pe1", endpoint_id(group="net1"), True),
        ("*", "pe1", endpoint_id(subscription=STRANGER), False),
        ("n*1", "*", endpoint_id(group="net"), False),
        ("*pe1", "*", endpoint_id("pe1", group="other"), False),
    ],
)
def test_a_glob_stays_inside_its_segment(group: str, name: str, endpoint: Any, matches: bool) -> None:
    assert pattern(group, name).matches(endpoint) is matches


@pytest.mark.parametrize(
    ("requesters", "seen", "answer"),
    [
        (Requesters(subscriptions=frozenset({TEAM})), connection(), YES),
        (Requesters(subscriptions=frozenset({STRANGER})), connection(), NO),
        (Requesters(subscriptions=frozenset({TEAM})), connection(endpoint=None), UNKNOWN),
        (Requesters(endpoints=(pattern("net", "*"),)), connection(), YES),
        (Requesters(endpoints=(pattern("other", "*"),)), connection(), NO),
        (Requesters(guids=frozenset({GUID})), connection(), YES),
        (Requesters(guids=frozenset({GUID2})), connection(), NO),
        (Requesters(guids=frozenset({GUID})), connection(guid=None), UNKNOWN),
        (Requesters(subscriptions=frozenset({TEAM}), guids=frozenset({GUID2})), connection(guid=None), YES),
        (Requesters(subscriptions=frozenset({STRANGER}), guids=frozenset({GUID2})), connection(), NO),
        (Requesters(all=True), connection(endpoint=endpoint_id(subscription=STRANGER)), YES),
        (Requesters(), connection(), NO),
    ],
)
def test_a_requester_is_on_the_list_is_not_or_cannot_be_told(requesters: Requesters, seen: Any, answer: Match) -> None:
    assert requesters.match(seen) is answer


@pytest.mark.parametrize(
    "who",
    [
        Requesters(subscriptions=frozenset({TEAM})),
        Requesters(endpoints=(pattern("net", "pe1", TEAM.upper()),)),
        Requesters(endpoints=(pattern("N*", "PE?"),)),
        Requesters(resource_groups=(Scope.parse(f"/subscriptions/{TEAM.upper()}/RESOURCEGROUPS/NET"),)),
        Requesters(management_groups=frozenset({"corp"})),
    ],
)
def test_a_requester_is_the_same_however_azure_writes_its_id(who: Requesters) -> None:
    around = Around(groups={"corp": frozenset({TEAM})})
    for given in (endpoint_id("Pe1", group="nEt", subscription=TEAM.upper()), endpoint_id()):
        one = policy(rule(requesters=who))
        assert who.match(connection(endpoint=given), around) is YES
        assert one.approving.candidates(connection(endpoint=given), TARGET, around) == list(one.rules)


@pytest.mark.parametrize(
    ("scopes", "types", "answer"),
    [
        ([], [], YES),
        ([f"/subscriptions/{DATA}"], [], YES),
        ([f"/subscriptions/{DATA}/resourceGroups/dat"], [], NO),
        ([f"/subscriptions/{STRANGER}", f"/subscriptions/{DATA}"], [], YES),
        ([], ["microsoft.storage/storageaccounts"], YES),
        ([], ["microsoft.keyvault/vaults"], NO),
        ([f"/subscriptions/{DATA}"], ["microsoft.keyvault/vaults"], NO),
    ],
)
def test_a_target_lies_in_one_of_the_scopes_and_is_of_one_of_the_types(
    scopes: list[str], types: list[str], answer: Match
) -> None:
    targets = Targets(scopes=tuple(Scope.parse(scope) for scope in scopes), types=frozenset(types))
    assert targets.match(TARGET) is answer


@pytest.mark.parametrize(
    ("verdict", "wanted", "asked", "answer"),
    [
        (Verdict.APPROVE, None, None, YES),
        (Verdict.APPROVE, {"blob"}, ("blob",), YES),
        (Verdict.APPROVE, {"blob"}, ("Blob",), YES),
        (Verdict.APPROVE, {"blob"}, ("dfs",), NO),
        (Verdict.APPROVE, {"blob"}, ("blob", "dfs"), NO),
        (Verdict.APPROVE, {"blob", "dfs"}, ("blob",), YES),
        (Verdict.APPROVE, {"blob"}, None, UNKNOWN),
        (Verdict.APPROVE, {"blob"}, (), UNKNOWN),
        (Verdict.REJECT, {"blob"}, ("blob", "dfs"), YES),
        (Verdict.REJECT, {"blob"}, ("dfs",), NO),
        (Verdict.REJECT, {"blob"}, None, UNKNOWN),
        (Verdict.REJECT, None, None, YES),
    ],
)
def test_an_approval_covers_all_groups_asked_for_and_a_rejection_hits_any(
    verdict: Verdict, wanted: set[str] | None, asked: Any, answer: Match
) -> None:
    one = rule(verdict=verdict, groups=None if wanted is None else frozenset(wanted))
    assert one.consult(connection(groups=asked), TARGET, NOW)["groups"] is answer


@pytest.mark.parametrize(
    ("now", "still"),
    [
        (datetime(2027, 6, 30, 0, 0, tzinfo=UTC), True),
        (datetime(2027, 6, 30, 23, 59, 59, 999999, UTC), True),
        (datetime(2027, 7, 1, 0, 0, tzinfo=UTC), False),
        (datetime(2027, 7, 1, 1, 59, tzinfo=timezone(timedelta(hours=2))), True),
        (datetime(2027, 6, 30, 23, 0, tzinfo=timezone(timedelta(hours=-2))), False),
    ],
)
def test_approve_until_ends_with_that_day_in_utc(now: datetime, still: bool) -> None:
    assert rule(approve_until=until("2027-06-30")).is_open(now) is still


def test_a_time_ends_at_its_very_moment() -> None:
    assert not rule(approve_until=NOW).is_open(NOW)
    assert rule(approve_until=NOW).is_open(NOW - timedelta(microseconds=1))


def test_the_zone_of_this_machine_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setenv("TZ", "XXX-13")
        time.tzset()
        assert rule(approve_until=until("2026-11-21")).is_open(datetime(2026, 11, 21, 23, tzinfo=UTC))
    time.tzset()


def test_the_last_day_there_is_never_ends() -> None:
    assert rule(approve_until=until("9999-12-31")).is_open(NOW)


def test_a_policy_without_a_scope_covers_every_target_and_one_with_a_scope_only_its_subscriptions() -> None:
    assert policy().covers(TARGET)
    assert policy(scope=frozenset({DATA})).covers(TARGET)
    assert not policy(scope=frozenset({STRANGER})).covers(TARGET)


def test_an_endpoint_is_served_by_each_hub_that_names_its_subscription_and_by_hubs_for_all() -> None:
    west, east, everywhere = hub(), hub("east", subscriptions=frozenset({DATA})), hub("all", all=True)
    hubs = policy(hubs=(west, east, everywhere)).hubs
    assert [one for one in hubs if one.serves.may(ENDPOINT)] == [west, everywhere]


def test_a_zone_lies_in_the_hub_of_its_resource_group() -> None:
    assert hub().zone("privatelink.blob.core.windows.net") == ZONE
    assert policy().hub_of(ZONE) == hub()
    assert policy().hub_of(target_id()) is None


@pytest.mark.parametrize(("own", "ttl"), [(None, 10), (300, 300)])
def test_a_hub_may_have_its_own_time_to_live(own: int | None, ttl: int) -> None:
    assert policy(hubs=(hub(ttl=own),)).ttl_of(ZONE) == ttl


def test_what_no_mode_is_said_for_is_only_planned() -> None:
    assert {policy(modes=()).mode(kind) for kind in ("approve", "reject", "put", "delete", "refresh")} == {Mode.PLAN}


@pytest.mark.parametrize(("own", "mode"), [((("put", Mode.APPLY),), Mode.APPLY), ((), Mode.OFF)])
def test_the_mode_of_a_hub_comes_before_the_mode_of_the_whole(own: Any, mode: Mode) -> None:
    assert policy(modes=(("put", Mode.OFF),)).mode("put", hub(modes=own)) is mode


def test_the_mode_of_a_rule_comes_before_the_mode_of_the_whole() -> None:
    careful = policy(rule("careful", mode=Mode.PLAN), rule("usual"))
    assert careful.mode_of_rule("approve", "careful") is Mode.PLAN
    assert careful.mode_of_rule("approve", "usual") is Mode.APPLY
    assert careful.mode_of_rule("approve", None) is Mode.APPLY


def test_zones_and_targets_of_other_subscriptions_are_told_apart() -> None:
    assert ZONE.subscription == DNS != TARGET.subscription


def test_an_event_about_an_endpoint_concerns_us_where_a_hub_serves_it_or_it_lies_in_scope() -> None:
    stranger = endpoint_id(subscription=STRANGER)
    assert policy().knows(endpoint_id())
    assert not policy().knows(stranger)
    assert not policy(hubs=()).knows(endpoint_id())
    assert policy(scope=frozenset({STRANGER})).knows(stranger)
    assert not policy(scope=frozenset({DATA})).knows(stranger)
    assert policy(hubs=(hub(all=True),)).knows(stranger)


def test_what_the_rules_ask_of_their_surroundings_is_gathered_once() -> None:
    asks = policy(
        rule(
            "a", requesters=Requesters(management_groups=frozenset({"corp"})), managed_by=ManagedBy(services=(SERVICE,))
        ),
        rule("b", requesters=Requesters(management_groups=frozenset({"labs"}))),
    )
    assert (asks.management_groups, asks.services) == ({"corp", "labs"}, {SERVICE})


def test_a_rule_without_a_name_is_no_rule_of_the_policy() -> None:
    odd = policy(rule("XXXX", mode=Mode.OFF))
    assert odd.mode_of_rule("approve", None) is odd.mode_of_rule("approve", "gone") is Mode.APPLY


def test_by_hand_one_person_decides_for_a_week_where_nothing_else_is_said() -> None:
    assert policy().grants == Grants(approvals=1, days=7)


def test_a_policy_is_named_by_the_hash_of_its_bytes() -> None:
    assert digest_of(b"version: 1\n") == "09bfcc6a14b83e21"
