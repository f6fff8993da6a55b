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
from shared.core.plan import ORDER, Plan, Snapshot, completed, plan

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
