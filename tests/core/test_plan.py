"""A plan is a value: sorted, with a fingerprint, with every reason why a change is not done."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model import Connection, Status, Verdict
from shared.core.names import Mark
from shared.core.plan import ORDER, Change, Plan, Snapshot, capped, completed, is_too_much, plan

from .build import (
    ENDPOINT,
    GUID,
    GUID2,
    MARK,
    NOW,
    OTHER,
    STRANGER,
    TARGET,
    claim,
    connection,
    connection_id,
    endpoint,
    endpoint_id,
    examples,
    foreign,
    grant,
    hub,
    link,
    name,
    policy,
    record,
    reject,
    rule,
    seen,
    snapshot,
    state,
    target_id,
)

BAD = endpoint_id(subscription=STRANGER)
POLICY = policy(rule(), reject(requesters=reject().requesters.__class__(subscriptions=frozenset({STRANGER}))))
ALL = snapshot(
    connection("a.ok"),
    connection("z.bad", endpoint=BAD),
    names=(
        state(claim(name=name("new")), name=name("new")),
        state(name=name("gone"), present=record(claim(name=name("gone")))),
    ),
)


def planned(what: Snapshot, **changed: Any) -> Plan:
    return plan(what, changed.get("policy", POLICY), changed.get("mark", MARK), NOW)


def kinds(found: Plan) -> list[str]:
    return [change.kind for change in found.changes]


def test_what_takes_away_comes_last_so_that_a_name_never_vanishes_in_between() -> None:
    assert kinds(planned(ALL)) == ["reject", "approve", "put", "delete"]
    assert ORDER == ("reject", "approve", "refresh", "put", "delete")


def test_every_change_carries_what_is_needed_to_do_it() -> None:
    rejected, approved, put, delete = planned(ALL).changes
    assert rejected.decision is not None
    assert rejected.decision.verdict is Verdict.REJECT
    assert (approved.subject, approved.why) == (connection_id("a.ok"), "rule 'team' approves it")
    assert put.record is not None
    assert (put.subject, put.if_match) == (name("new").id, None)
    assert (delete.subject, delete.if_match) == (name("gone").id, "e1")


def test_nothing_to_do_is_an_empty_plan_with_a_fingerprint() -> None:
    found = planned(snapshot(connection(status=Status.APPROVED)))
    assert (bool(found), found.changes) == (False, ())
    assert found.fingerprint == planned(snapshot()).fingerprint != planned(snapshot(target=target_id("b"))).fingerprint


def test_what_waits_for_a_person_is_a_decision_and_no_change() -> None:
    found = planned(snapshot(connection()), policy=policy())
    assert [decision.verdict for decision in found.decisions] == [Verdict.HOLD]
    assert not found


def test_a_grant_in_the_snapshot_is_heard() -> None:
    assert kinds(planned(snapshot(connection(), grants=(grant(),)), policy=policy())) == ["approve"]


def test_a_request_that_shows_no_id_is_held_and_makes_no_change() -> None:
    assert not planned(snapshot(connection(id=None)))


def test_two_different_requests_under_one_id_cannot_be_told_apart_and_are_held() -> None:
    found = planned(snapshot(connection(), connection(endpoint=OTHER)))
    assert not found
    assert all("another connection has the same id" in decision.reasons[0] for decision in found.decisions)


def test_a_request_that_a_list_shows_twice_is_one_request() -> None:
    assert kinds(planned(snapshot(connection(), connection()))) == ["approve"]


# --- facts taken from the endpoint ------------------------------------------------------------------


def test_groups_and_guid_that_the_target_hides_are_taken_from_the_endpoint_itself() -> None:
    found = completed(connection(guid=None, groups=None), seen(endpoint()), TARGET)
    assert (found.groups, found.guid) == (("blob",), GUID)


def test_what_the_target_shows_is_not_overwritten() -> None:
    shown = connection(guid=GUID2, groups=("dfs",))
    assert completed(shown, seen(endpoint()), TARGET) == shown


@pytest.mark.parametrize(
    "read",
    [
        None,
        seen(None),
        seen(endpoint("pe2")),
        seen(endpoint(guid=None, links=(link(target=target_id("acct2")),))),
        seen(endpoint(guid=None, links=(link(groups=()),))),
    ],
    ids=["not read", "gone", "another endpoint", "linked elsewhere", "shows no groups"],
)
def test_facts_of_anything_else_are_not_taken(read: Any) -> None:
    hidden = connection(guid=None, groups=None)
    assert completed(hidden, read, TARGET) == hidden


def test_a_rule_about_groups_is_decided_by_what_the_endpoint_shows() -> None:
    hidden = connection(guid=None, groups=None)
    for groups, expected in ((("blob",), ["approve"]), (("dfs",), [])):
        read = {ENDPOINT: seen(endpoint(links=(link(groups=groups),)))}
        found = planned(snapshot(hidden, endpoints=read), policy=policy(rule(groups=frozenset({"blob"}))))
        assert kinds(found) == expected


# --- what is not done, and why ----------------------------------------------------------------------


def blocked(what: Snapshot) -> dict[str, str]:
    return {change.kind: change.blocked for change in planned(what).changes}


def test_nothing_is_blocked_without_a_reason() -> None:
    assert set(blocked(ALL).values()) == {""}


def test_a_kind_that_is_suspended_stays_visible_with_the_reason() -> None:
    why = "the policy file is invalid"
    found = blocked(replace(ALL, suspended={"approve": why, "reject": why, "delete": why}))
    assert found == {"approve": why, "reject": why, "delete": why, "put": ""}


def test_nothing_is_deleted_before_a_full_sweep_has_seen_every_claim() -> None:
    found = blocked(replace(ALL, deletes_allowed=False))
    assert (found["delete"], found["put"]) == ("no deletes before a full sweep has seen every claim", "")


def test_a_change_that_failed_before_waits_with_its_error() -> None:
    (approved,) = [change for change in planned(ALL).changes if change.kind == "approve"]
    found = blocked(replace(ALL, failed={approved.id: "403 RequestDisallowedByPolicy"}))
    assert (found["approve"], found["put"]) == ("403 RequestDisallowedByPolicy", "")


def test_what_the_app_itself_depends_on_is_report_only() -> None:
    assert set(blocked(replace(ALL, ours=True)).values()) == {"the app itself depends on this resource: report only"}


def test_a_change_in_flight_is_not_repeated() -> None:
    (first, *rest) = planned(ALL).changes
    assert planned(replace(ALL, in_flight=frozenset({first.id}))).changes == tuple(rest)


def test_a_change_is_another_one_when_it_would_do_something_else() -> None:
    put = planned(snapshot(names=(state(claim()),))).changes[0]
    other = planned(snapshot(names=(state(claim(address="10.0.0.9")),))).changes[0]
    approve = planned(snapshot(connection())).changes[0]
    anew = planned(snapshot(connection(endpoint=endpoint_id("pe9")))).changes[0]
    assert len({put.id, other.id, approve.id, anew.id}) == 4


def test_a_decision_is_the_same_one_when_the_guid_becomes_known() -> None:
    blind, seeing = (planned(snapshot(connection(guid=guid))).changes[0] for guid in (None, GUID2))
    assert blind.id == seeing.id


def test_of_one_connection_only_one_decision_is_under_way() -> None:
    asked = connection()
    assert asked.id is not None
    assert planned(snapshot(asked, in_flight=frozenset({asked.id.key}))).changes == ()


def test_a_name_that_could_not_be_read_is_a_finding() -> None:
    found = planned(snapshot(names=(state(read=False, unreadable="no right to read the zone"),)))
    assert found.findings == ((str(name()), "not decided: no right to read the zone"),)


def test_notes_and_findings_are_sorted_and_told_once() -> None:
    notes = (("b", "two"), ("a", "one"), ("b", "two"))
    found = planned(snapshot(notes=notes, names=(state(claim(), present=foreign()),)))
    assert [subject for subject, _ in found.findings] == ["a", str(name()), "b"]


# --- the fingerprint --------------------------------------------------------------------------------

connections = st.lists(
    st.builds(
        connection,
        st.sampled_from(("a", "b", "c", "d")),
        endpoint=st.sampled_from((ENDPOINT, OTHER, BAD, None)),
        guid=st.sampled_from((GUID, GUID2, None)),
        status=st.sampled_from((Status.PENDING, Status.PENDING, Status.APPROVED, Status.UNKNOWN)),
    ),
    max_size=6,
)
names = st.lists(st.sampled_from(("n1", "N2", "n3", "@", "*")), unique=True, max_size=5).map(
    lambda found: (
        [state(claim(name=name(one)), name=name(one)) for one in found[:2]]
        + [state(name=name(one), present=record(claim(name=name(one)))) for one in found[2:]]
    )
)


@examples(150)
@given(connections, names, st.integers())
def test_the_same_snapshot_in_any_order_is_the_same_plan(some: list[Connection], states: Any, seed: int) -> None:
    one = planned(snapshot(*some, names=tuple(states)))
    random.Random(seed).shuffle(some)
    random.Random(seed).shuffle(states)
    again = planned(snapshot(*some, names=tuple(states)))
    assert (again, again.fingerprint) == (one, one.fingerprint)


@examples(150)
@given(connections, names)
def test_the_changes_of_any_plan_stand_in_the_one_order(some: list[Connection], states: Any) -> None:
    places = [ORDER.index(kind) for kind in kinds(planned(snapshot(*some, names=tuple(states))))]
    assert places == sorted(places)


@examples(150)
@given(connections)
def test_no_id_is_decided_twice_in_one_plan(some: list[Connection]) -> None:
    subjects = [change.subject for change in planned(snapshot(*some)).changes]
    assert len(subjects) == len(set(subjects))


def test_the_fingerprint_changes_with_what_would_be_done_and_with_what_is_blocked() -> None:
    prints = {
        planned(what).fingerprint
        for what in (
            ALL,
            replace(ALL, connections=ALL.connections[:1]),
            replace(ALL, names=ALL.names[:1]),
            replace(ALL, deletes_allowed=False),
            replace(ALL, ours=True),
        )
    }
    assert len(prints) == 5
    assert planned(ALL, mark=Mark(owner="x", deployment="y")).fingerprint not in prints


def test_an_incomplete_look_adds_but_never_deletes_or_hands_over() -> None:
    """Law 6."""
    given_up = record()
    heir = claim(endpoint_id("pe2"), "10.0.0.5", guid=GUID2)
    for one, blocked_ in (
        (state(heir, present=given_up), True),
        (state(present=given_up), True),
        (state(claim()), False),
    ):
        (change,) = planned(snapshot(names=(one,), incomplete="pe3 is not ready")).changes
        assert change.blocked == ("not everything could be read: pe3 is not ready" if blocked_ else "")


@pytest.mark.parametrize("near", [(1, 3), (2, 3), (1, 2), (0, 1)], ids=str)
def test_a_nearer_endpoint_takes_a_name_over_and_only_after_a_complete_look(near: tuple[int, int]) -> None:
    holds = claim(near=near[1])
    nearer = claim(endpoint_id("pe2"), "10.0.0.5", guid=GUID2, near=near[0])
    contested = snapshot(names=(state(holds, nearer, present=record(holds)),))
    (change,) = planned(contested).changes
    assert (change.kind, change.hands_over, change.blocked) == ("put", True, "")
    (waits,) = planned(replace(contested, incomplete="pe3 is not ready")).changes
    assert waits.blocked == "not everything could be read: pe3 is not ready"
    farther = snapshot(names=(state(holds, nearer, present=record(nearer)),))
    assert not planned(farther)


# --- brakes on deletions ----------------------------------------------------------------------------


def losing(number: int, kept: int = 0) -> Snapshot:
    """So many records that nobody claims any more, and so many names that are wanted and not there."""
    gone = (name(f"gone{n}") for n in range(number))
    new = (name(f"new{n}") for n in range(kept))
    return snapshot(
        connection("z.bad", endpoint=BAD),
        names=(
            *(state(name=one, present=record(claim(name=one))) for one in gone),
            *(state(claim(name=one), name=one) for one in new),
        ),
    )


def deletions(found: Plan) -> list[Change]:
    return [change for change in found.changes if change.kind == "delete"]


@pytest.mark.parametrize(("number", "most", "waits"), [(3, 3, False), (4, 3, True), (1, 0, True), (0, 0, False)])
def test_as_many_deletions_as_the_cap_says_need_nobody_and_one_more_stops_them_all(
    number: int, most: int, waits: bool
) -> None:
    made = planned(losing(number))
    assert is_too_much(made, most) is waits
    found = deletions(capped(made, set(), most))
    assert [(change.capped, bool(change.blocked)) for change in found] == [(waits, waits)] * number


def test_the_cap_stops_nothing_but_deletions() -> None:
    found = capped(planned(losing(3, kept=3)), set(), 0)
    assert kinds(found) == ["reject", "put", "put", "put", "delete", "delete", "delete"]
    assert [change.blocked for change in found.changes if change.kind != "delete"] == [""] * 4
    assert not any(change.for_good for change in found.changes), "a person may release them"


def test_what_waits_says_how_many_how_to_release_them_and_by_which_fingerprint() -> None:
    made = planned(losing(4))
    for change in deletions(capped(made, set(), 3)):
        assert change.blocked.startswith("4 deletions at once, more than 3;")
        assert f"POST /api/settle and fingerprint {made.fingerprint}" in change.blocked


def test_a_plan_that_waits_has_the_fingerprint_that_releases_it() -> None:
    made = planned(losing(4))
    once = capped(made, set(), 3)
    assert once.fingerprint == made.fingerprint
    assert capped(once, set(), 3) == once
    assert planned(losing(5)).fingerprint != made.fingerprint


def test_released_deletions_go_and_those_that_came_since_then_wait() -> None:
    made = planned(losing(4))
    released = {change.subject for change in deletions(made)}
    assert capped(made, released, 3) == made
    more = capped(planned(losing(5)), released, 3)
    assert {change.subject for change in deletions(more) if not change.blocked} == released
    assert [change.capped for change in deletions(more) if change.subject not in released] == [True]


def test_deletions_that_are_blocked_for_another_reason_do_not_count() -> None:
    blocked_ = planned(replace(losing(4), deletes_allowed=False))
    assert not is_too_much(blocked_, 3)
    assert capped(blocked_, set(), 3) == blocked_


@examples(100)
@given(st.integers(0, 6), st.integers(0, 6), st.sets(st.integers(0, 5)))
def test_more_unreleased_deletions_than_the_cap_are_never_done_at_once(
    number: int, most: int, released: set[int]
) -> None:
    agreed = {name(f"gone{n}").id for n in released}
    found = capped(planned(losing(number)), agreed, most)
    doing = {change.subject for change in deletions(found) if not change.blocked}
    assert len(doing - agreed) <= most
    assert agreed & {change.subject for change in deletions(found)} <= doing
    assert found.fingerprint == planned(losing(number)).fingerprint


def test_what_a_sweep_holds_back_stays_with_the_reason_and_the_rest_goes() -> None:
    why = "one of 7 deletions that a sweep would bring about"
    found = deletions(planned(replace(losing(2), capped={name("gone0").id: why})))
    assert {change.subject: change.blocked for change in found} == {name("gone0").id: why, name("gone1").id: ""}


def test_what_a_sweep_holds_back_holds_no_other_kind_of_change() -> None:
    why = {name("new0").id: "x", connection_id("z.bad"): "x"}
    found = planned(replace(losing(0, kept=1), capped=why)).changes
    assert [(change.kind, change.blocked) for change in found] == [("reject", ""), ("put", "")]


# --- upsert-only --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "careful",
    [
        policy(hubs=(hub(upsert_only=True),)),
        policy(hubs=(), upsert_only=True),
    ],
    ids=["the hub says so", "no hub has the zone any more, and the policy says so"],
)
def test_where_records_are_upsert_only_deletions_are_shown_and_never_done(careful: Any) -> None:
    (change,) = deletions(planned(losing(1), policy=careful))
    assert change.blocked == "records are upsert-only here: kept; delete it by hand, or set records: sync"
    assert change.for_good
    assert not is_too_much(planned(losing(9), policy=careful), 0), "what is never done needs no release"


def test_the_dial_of_a_hub_goes_before_that_of_the_policy() -> None:
    (change,) = deletions(planned(losing(1), policy=policy(hubs=(hub(upsert_only=False),), upsert_only=True)))
    assert change.blocked == ""


def test_upsert_only_still_writes_and_hands_over() -> None:
    careful = policy(hubs=(hub(upsert_only=True),))
    heir = claim(endpoint_id("pe2"), "10.0.0.5", guid=GUID2)
    for one in (state(claim()), state(heir, present=record())):
        (change,) = planned(snapshot(names=(one,)), policy=careful).changes
        assert (change.kind, change.blocked) == ("put", "")


def test_no_reason_for_later_hides_that_a_record_is_kept_for_good() -> None:
    careful = policy(hubs=(hub(upsert_only=True),))
    troubled = replace(losing(1), incomplete="pe3", deletes_allowed=False, suspended={"delete": "x"})
    assert deletions(planned(troubled, policy=careful))[0].for_good


def test_adoption_is_planned_only_in_the_hub_that_says_so_and_is_told_as_such() -> None:
    nobodys = foreign("10.0.0.4", metadata=())
    found = planned(snapshot(names=(state(claim(), present=nobodys),)), policy=policy(hubs=(hub(adopt=True),)))
    (change,) = found.changes
    assert (change.kind, change.adopts, change.if_match) == ("put", True, "f1")
    without = planned(snapshot(names=(state(claim(), present=nobodys),)))
    assert without.changes == ()
    assert without.findings == ((str(name()), "foreign but correct: it carries no owner mark"),)


def test_a_record_takes_the_time_to_live_of_its_service_then_its_zone_then_its_hub_then_the_policy() -> None:
    zone = name().zone.name
    for ttl, own, whole in (
        (60, claim(ttl=60), policy(ttl=20, ttls={zone: 30}, hubs=(hub(ttl=40),))),
        (30, claim(), policy(ttl=20, ttls={zone: 30}, hubs=(hub(ttl=40),))),
        (40, claim(), policy(ttl=20, hubs=(hub(ttl=40),))),
        (20, claim(), policy(ttl=20)),
    ):
        (change,) = planned(snapshot(names=(state(own),)), policy=whole).changes
        assert change.record is not None
        assert change.record.ttl == ttl
