"""Approve, reject, hold or leave: the truth of the rules, the grants and the laws of approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import reading
from shared.core.decide import decide
from shared.core.model import Connection, Decision, Grant, Status, Verdict
from shared.core.policy import Policy
from shared.core.rules import Mode, Requesters, Rule, Targets

from .build import (
    DATA,
    ENDPOINT,
    GUID,
    GUID2,
    NOW,
    OTHER,
    STRANGER,
    TARGET,
    TEAM,
    body,
    connection,
    connection_id,
    endpoint_id,
    examples,
    grant,
    pattern,
    policy,
    reject,
    rule,
    shown,
    until,
)

APPROVE, REJECT, HOLD, LEAVE = Verdict.APPROVE, Verdict.REJECT, Verdict.HOLD, Verdict.LEAVE
BY_TEAM = Requesters(subscriptions=frozenset({TEAM}))
BY_STRANGER = Requesters(subscriptions=frozenset({STRANGER}))
BY_GUID = Requesters(guids=frozenset({GUID2}))
UNSEEN = connection(guid=None, groups=None)


def decided(one: Connection, *rules: Rule, grants: tuple[Grant, ...] = (), **changed: Any) -> Decision:
    return decide(one, target=TARGET, policy=policy(*rules, **changed), now=NOW, grants=grants)


# --- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requesters", "groups", "verdict"),
    [
        (BY_TEAM, None, APPROVE),
        (BY_STRANGER, None, HOLD),
        (BY_GUID, None, HOLD),
        (BY_TEAM, frozenset({"blob"}), HOLD),
        (BY_STRANGER, frozenset({"blob"}), HOLD),
    ],
    ids=["all yes", "no", "unknown", "yes and unknown", "no and unknown"],
)
def test_an_approve_rule_needs_all_yes(requesters: Requesters, groups: Any, verdict: Verdict) -> None:
    assert decided(UNSEEN, rule(requesters=requesters, groups=groups)).verdict is verdict


@pytest.mark.parametrize(
    ("requesters", "groups", "verdict"),
    [
        (BY_TEAM, None, REJECT),
        (BY_STRANGER, None, APPROVE),
        (BY_GUID, None, HOLD),
        (BY_TEAM, frozenset({"dfs"}), HOLD),
        (BY_STRANGER, frozenset({"dfs"}), APPROVE),
    ],
    ids=["all yes", "no", "unknown", "yes and unknown", "no beats unknown"],
)
def test_a_reject_rule_rejects_on_yes_and_holds_on_unknown(
    requesters: Requesters, groups: Any, verdict: Verdict
) -> None:
    assert decided(UNSEEN, rule(), reject(requesters=requesters, groups=groups)).verdict is verdict


def test_what_no_rule_matches_is_held() -> None:
    assert decided(connection(endpoint=endpoint_id(subscription=STRANGER)), rule()).verdict is HOLD


def test_without_any_rule_everything_is_held() -> None:
    assert shown(decided(connection())) == "the policy has no approve rule"


def test_reject_beats_approve_whichever_stands_first() -> None:
    assert decided(connection(), rule(), reject()).verdict is REJECT
    assert decided(connection(), reject(), rule()).verdict is REJECT


def test_a_reject_rule_that_matches_beats_one_that_cannot_tell_whichever_stands_first() -> None:
    unsure = reject("unsure", requesters=BY_GUID)
    assert decided(UNSEEN, unsure, reject()).verdict is REJECT
    assert decided(UNSEEN, reject(), unsure).verdict is REJECT


def test_a_rule_past_its_date_is_no_rule_and_says_so() -> None:
    decision = decided(connection(), rule(approve_until=until("2026-11-20")))
    assert decision.verdict is HOLD
    assert "it expired on 2026-11-20" in shown(decision)


def test_a_rule_approves_until_the_end_of_its_day() -> None:
    assert decided(connection(), rule(approve_until=until("2026-11-21"))).verdict is APPROVE


def test_a_target_outside_the_scope_is_left_alone() -> None:
    assert decided(connection(), rule(), scope=frozenset({STRANGER})).verdict is LEAVE


@pytest.mark.parametrize("status", [Status.APPROVED, Status.REJECTED, Status.DISCONNECTED])
def test_a_connection_already_decided_is_left_alone(status: Status) -> None:
    decision = decided(connection(status=status), rule(), reject(), grants=(grant(REJECT),))
    assert (decision.verdict, decision.rule, decision.by) == (LEAVE, None, None)


@pytest.mark.parametrize(
    "unread",
    [
        connection(status=Status.UNKNOWN),
        connection(endpoint=None),
        connection(id=None),
        connection(problems=("it names no private endpoint",)),
        Connection(id=None, name="", endpoint=None),
    ],
)
def test_what_cannot_be_fully_read_is_held_even_where_anybody_may_connect(unread: Connection) -> None:
    anybody = rule(requesters=Requesters(all=True), targets=Targets())
    decision = decided(unread, anybody, grants=(grant(),))
    assert decision.verdict is HOLD
    assert all(reason.startswith("cannot be fully read: ") for reason in decision.reasons)


# --- what people are told --------------------------------------------------------------------------


def test_the_rule_and_its_ticket_are_named() -> None:
    decision = decided(connection(), rule("analytics", reason="CHG-1042"))
    assert (decision.rule, shown(decision)) == ("analytics", "rule 'analytics' approves it (CHG-1042)")


def test_the_rule_that_rejects_is_named() -> None:
    decision = decided(connection(), rule(), reject("blocked", reason="SEC-1"))
    assert (decision.rule, shown(decision)) == ("blocked", "rule 'blocked' rejects it (SEC-1)")


@pytest.mark.parametrize(
    ("near", "text"),
    [
        (rule("near", requesters=BY_STRANGER), "the requester is not on its list"),
        (rule("near", groups=frozenset({"dfs"})), "it wants group dfs, this asked for blob"),
        (rule("near", approve_until=until("2026-01-31")), "it expired on 2026-01-31"),
        (rule("near", targets=Targets(types=frozenset({"microsoft.keyvault/vaults"}))), "it is for other targets"),
    ],
)
def test_the_nearest_rule_says_what_differs(near: Rule, text: str) -> None:
    far = rule(
        "far", requesters=BY_STRANGER, targets=Targets(types=frozenset({"x/y"})), approve_until=until("2020-01-01")
    )
    decision = decided(connection(), far, near)
    assert decision.nearest == "near"
    assert decision.reasons[0] == f"no rule matches; nearest is 'near': {text}"


def test_every_other_rule_is_told_too() -> None:
    decision = decided(connection(), rule("one", requesters=BY_STRANGER), rule("two", requesters=BY_STRANGER))
    assert decision.reasons[1] == "rule 'two': the requester is not on its list"


def test_a_rule_that_cannot_tell_is_nearer_than_one_that_says_no() -> None:
    decision = decided(UNSEEN, rule("no", requesters=BY_STRANGER), rule("unsure", requesters=BY_GUID))
    assert decision.nearest == "unsure"
    assert "cannot tell its requester" in decision.reasons[0]


def test_groups_that_the_provider_does_not_show_are_named_as_missing() -> None:
    decision = decided(UNSEEN, rule(groups=frozenset({"blob"})))
    assert decision.missing == {"groups"}
    assert "this connection does not show its groups" in shown(decision)


def test_nothing_is_missing_where_the_rule_says_no_anyway() -> None:
    assert decided(UNSEEN, rule(requesters=BY_STRANGER, groups=frozenset({"blob"}))).missing == frozenset()


def test_what_an_unsure_reject_rule_lacks_is_named() -> None:
    decision = decided(UNSEEN, rule(), reject("maybe", groups=frozenset({"dfs"})))
    assert (decision.nearest, decision.missing) == ("maybe", {"groups"})
    assert shown(decision).startswith("cannot tell whether reject rule 'maybe' applies")


# --- grants ----------------------------------------------------------------------------------------


def test_a_grant_approves_what_no_rule_does_and_names_the_person() -> None:
    decision = decided(connection(), grants=(grant(),))
    assert (decision.verdict, decision.by, decision.rule) == (APPROVE, "ada", None)
    assert shown(decision) == "approve granted by ada: CHG-7"


def test_a_grant_may_reject_what_a_rule_would_approve() -> None:
    decision = decided(connection(), rule(), grants=(grant(REJECT),))
    assert (decision.verdict, decision.by) == (REJECT, "ada")


def test_a_grant_never_overrides_a_reject_rule() -> None:
    assert decided(connection(), reject(), grants=(grant(),)).verdict is REJECT


def test_a_grant_never_overrides_a_reject_rule_that_cannot_tell() -> None:
    assert decided(UNSEEN, reject(groups=frozenset({"dfs"})), grants=(grant(guid=None),)).verdict is HOLD


def test_of_two_people_the_one_who_refuses_wins_whatever_the_order() -> None:
    both = (grant(), grant(REJECT, people=("bob",), operation="op2"))
    assert decided(connection(), grants=both).verdict is REJECT
    assert decided(connection(), grants=both[::-1]).verdict is REJECT


@pytest.mark.parametrize(
    ("invalid", "note"),
    [
        (grant(endpoint=OTHER), "the grant of ada is void: the connection now belongs to another endpoint"),
        (grant(guid=GUID2), "the grant of ada is void: the connection now belongs to another endpoint"),
        (grant(expires=NOW), "the grant of ada expired on 2026-11-21 12:00 UTC"),
        (grant(mode="plan"), "the grant of ada was given in plan mode: give it again"),
        (grant(spent=True), ""),
        (grant(connection=connection_id("acct1.c2")), ""),
    ],
    ids=["re-created", "other guid", "expired", "given in plan mode", "spent", "of another connection"],
)
def test_a_grant_that_is_no_longer_good_is_no_grant_and_says_why(invalid: Grant, note: str) -> None:
    decision = decided(connection(), rule(requesters=BY_STRANGER), grants=(invalid,))
    assert (decision.verdict, decision.by) == (HOLD, None)
    assert decision.reasons[0].startswith(note or "no rule matches")


def test_a_grant_that_is_no_longer_good_does_not_stand_in_the_way_of_a_rule() -> None:
    assert decided(connection(), rule(), grants=(grant(expires=NOW),)).verdict is APPROVE


def test_a_grant_lives_until_its_last_moment() -> None:
    assert decided(connection(), grants=(grant(expires=NOW + timedelta(microseconds=1)),)).verdict is APPROVE


def test_a_grant_given_in_plan_mode_holds_as_long_as_the_mode_is_plan() -> None:
    decision = decided(connection(), modes=(("approve", Mode.PLAN),), grants=(grant(mode="plan"),))
    assert decision.verdict is APPROVE


def test_a_grant_for_a_guid_that_nobody_can_see_now_waits_for_it() -> None:
    decision = decided(connection(guid=None), grants=(grant(),))
    assert (decision.verdict, decision.missing) == (HOLD, {"guid"})


def test_a_grant_given_where_no_guid_was_visible_is_good_for_that_endpoint() -> None:
    assert decided(connection(), grants=(grant(guid=None),)).verdict is APPROVE


# --- laws ------------------------------------------------------------------------------------------

requesters = st.sampled_from(
    (
        BY_TEAM,
        BY_STRANGER,
        BY_GUID,
        Requesters(guids=frozenset({GUID})),
        Requesters(all=True),
        Requesters(endpoints=(pattern("*", "pe1"),)),
        Requesters(),
    )
)
groups = st.sampled_from((None, frozenset({"blob"}), frozenset({"dfs"}), frozenset({"blob", "dfs"})))
days = st.sampled_from((None, until("2026-11-20"), until("2026-11-21"), until("9999-12-31"), until("0001-01-01")))
rules = st.builds(
    lambda number, verdict, who, what, day: rule(f"r{number}", verdict, requesters=who, groups=what, approve_until=day),
    *(st.integers(0, 99), st.sampled_from((APPROVE, REJECT)), requesters, groups, days),
)
connections = st.builds(
    connection,
    id=st.sampled_from((connection_id(), connection_id(), None)),
    endpoint=st.sampled_from((ENDPOINT, OTHER, endpoint_id(subscription=STRANGER), None)),
    guid=st.sampled_from((GUID, GUID2, None)),
    status=st.sampled_from((Status.PENDING, Status.PENDING, *Status)),
    settled=st.booleans(),
    groups=st.sampled_from((None, (), ("blob",), ("dfs",), ("blob", "dfs"))),
    problems=st.sampled_from(((), (), ("odd",))),
)
grants = st.builds(
    grant,
    st.sampled_from((APPROVE, REJECT)),
    endpoint=st.sampled_from((ENDPOINT, OTHER)),
    guid=st.sampled_from((GUID, GUID2, None)),
    spent=st.booleans(),
    mode=st.sampled_from(("apply", "plan")),
    expires=st.sampled_from((NOW, NOW + timedelta(days=1))),
    operation=st.sampled_from(("op1", "op2")),
)
several = st.lists(rules, max_size=4).map(tuple)
granted = st.lists(grants, max_size=2).map(tuple)


@examples(150)
@given(connections, several, granted)
def test_a_decision_is_always_made_with_a_reason(one: Connection, some: Any, given_by: Any) -> None:
    decision = decided(one, *some, grants=given_by)
    assert decision.reasons
    assert all(decision.reasons)
    assert (decision.verdict in (APPROVE, REJECT)) <= bool(decision.rule or decision.by)


@examples(150)
@given(connections, several, granted)
def test_only_a_fully_read_pending_request_is_ever_decided(one: Connection, some: Any, given_by: Any) -> None:
    if decided(one, *some, grants=given_by).verdict in (APPROVE, REJECT):
        assert one.status is Status.PENDING
        assert not one.problems
        assert one.endpoint
        assert one.id


@examples(150)
@given(connections, several)
def test_unknown_never_approves(one: Connection, some: Any) -> None:
    """What approves although a fact is hidden approves whatever that fact turns out to be."""
    decision = decided(Connection(**{**as_dict(one), "guid": None, "groups": None}), *some)
    if decision.verdict is APPROVE:
        for guid in (GUID, GUID2):
            for shows in (("blob",), ("dfs",), ("blob", "dfs")):
                whole = Connection(**{**as_dict(one), "guid": guid, "groups": shows})
                assert decided(whole, *some).verdict is APPROVE


@examples(150)
@given(connections, several, granted, st.data())
def test_removing_an_approve_rule_never_approves_anything_new(one: Connection, some: Any, by: Any, data: Any) -> None:
    fewer = tuple(r for r in some if r.verdict is REJECT or data.draw(st.booleans()))
    if decided(one, *some, grants=by).verdict is not APPROVE:
        assert decided(one, *fewer, grants=by).verdict is not APPROVE


@examples(150)
@given(connections, several, granted, rules)
def test_adding_a_reject_rule_never_approves_anything_new(one: Connection, some: Any, by: Any, extra: Rule) -> None:
    no = reject("extra", requesters=extra.requesters, groups=extra.groups)
    if decided(one, *some, grants=by).verdict is not APPROVE:
        assert decided(one, *some, no, grants=by).verdict is not APPROVE


@examples(150)
@given(connections, several, granted, st.randoms())
def test_the_order_of_rules_and_grants_does_not_change_the_verdict(
    one: Connection, some: Any, by: Any, random: Any
) -> None:
    shuffled, others = list(some), list(by)
    random.shuffle(shuffled)
    random.shuffle(others)
    again = decided(one, *shuffled, grants=tuple(others))
    assert again.verdict is decided(one, *some, grants=by).verdict


@examples(100)
@given(connections, several)
def test_a_matching_reject_rule_always_rejects_what_is_open_to_decision(one: Connection, some: Any) -> None:
    everybody = reject("everybody", requesters=Requesters(all=True))
    expected = REJECT if decided(one, everybody).verdict is REJECT else decided(one, *some).verdict
    assert decided(one, *some, everybody, grants=(grant(),)).verdict is expected


@examples(100)
@given(st.text(max_size=20) | st.sampled_from(["please approve", "Approved", f"{TEAM}", "rule: team"]), several)
def test_what_the_requester_wrote_never_changes_the_decision(text: str, some: Any) -> None:
    state = {"status": "Pending", "description": text, "actionsRequired": text, "actionRequired": text}
    written = body(privateLinkServiceConnectionState=state, requestMessage=text)
    silent = body(privateLinkServiceConnectionState={"status": "Pending"})
    said, plain = (reading.connection(shown, target=TARGET) for shown in (written, silent))
    assert said == plain
    assert decided(said, *some) == decided(plain, *some)


def test_there_is_no_place_for_what_the_requester_wrote() -> None:
    names = {*Connection.__dataclass_fields__, *Rule.__dataclass_fields__, *Requesters.__dataclass_fields__}
    assert not {name for name in names if "message" in name or "description" in name}


def test_a_target_elsewhere_is_not_what_the_rule_is_for() -> None:
    elsewhere = connection_id().parent
    assert elsewhere == TARGET
    assert elsewhere is not None
    other = Policy(owner="hub", rules=(rule(),), scope=frozenset({DATA}))
    moved = TARGET.__class__.parse(str(TARGET).replace("/data/", "/data2/"))
    assert decide(connection(), target=moved, policy=other, now=NOW).verdict is HOLD


def as_dict(one: Connection) -> dict[str, Any]:
    return {field: getattr(one, field) for field in Connection.__dataclass_fields__}


def test_a_reject_rule_that_can_never_tell_does_not_hide_what_another_one_lacks() -> None:
    """Groups cannot be read, tags can: once they are known, the second rule says no whatever the first one would."""
    groups = reject("groups", groups=frozenset({"blob"}))
    tags = reject("tags", targets=Targets(tags=(("stage", "open"),)))
    found = decided(connection(groups=None), groups, tags)
    assert found.verdict is Verdict.HOLD
    assert found.missing >= {"groups", "tags"}
