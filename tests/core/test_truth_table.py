"""The truth table of records over time: endpoints come, go and come anew; one record, always somebody's who lives.

test_names_truth.py compares one step with an oracle; here the steps are done, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model import Claim, RecordSet
from shared.core.names import Mark, NameState, Step, holder, step
from shared.core.plan import Plan, plan

from .build import (
    ENDPOINT,
    GUID,
    GUID2,
    GUID3,
    MARK,
    NOW,
    OTHER,
    claim,
    endpoint_id,
    examples,
    foreign,
    hub,
    labelled,
    name,
    policy,
    record,
    snapshot,
    state,
)

WHO = [endpoint_id(f"pe{n}") for n in range(4)]
GUIDS = [GUID, GUID2, GUID3]


@dataclass
class Zone:
    """One name in a zone that only Linkkeeper writes; counts what it writes."""

    claims: dict[int, Claim]
    present: RecordSet | None = None
    writes: int = 0
    at: int = 0

    def come(self, who: int, near: int, guid: str, last: int) -> None:
        self.at += 1
        since = NOW + timedelta(seconds=self.at)
        self.claims[who] = claim(WHO[who], f"10.0.{who}.{last}", guid=guid, near=near, since=since)

    def go(self, who: int) -> None:
        self.claims.pop(who, None)

    def settle(self, read: bool, fresh: frozenset[Any] = frozenset(WHO)) -> Step:
        todo = step(
            NameState(
                name=name(),
                claims=tuple(self.claims.values()),
                present=self.present,
                read=read,
                fresh=fresh,
                heirs=fresh,
            ),
            MARK,
            10,
        )
        if todo.do == "put":
            assert todo.if_match == (self.present.etag if self.present else None)
            self.present, self.writes = replace(todo.record, etag=f"e{self.writes}"), self.writes + 1
        elif todo.do == "delete":
            assert todo.if_match == self.present.etag
            self.present, self.writes = None, self.writes + 1
        return todo


events = st.lists(
    st.one_of(
        st.tuples(
            st.just("come"), st.integers(0, 3), st.integers(0, 3), st.sampled_from(GUIDS), st.sampled_from((4, 5))
        ),
        st.tuples(st.just("go"), st.integers(0, 3)),
    ),
    max_size=12,
)


@examples(300)
@given(events, st.booleans())
def test_after_every_event_the_record_is_that_of_one_living_claimant_and_one_write_was_enough(
    story: Any, read: bool
) -> None:
    zone = Zone({})
    for what, *facts in story:
        getattr(zone, what)(*facts)
        before = zone.writes
        zone.settle(read)
        assert zone.writes <= before + 1
        zone.settle(read)
        assert zone.writes <= before + 1, "the second look found more to do"
        who = holder(tuple(zone.claims.values()), zone.present)
        assert (zone.present is None) == (not zone.claims)
        if who is not None:
            assert zone.present.addresses == who.addresses
            assert zone.present.label("endpoint") == str(who.endpoint)
            assert who.near == min(one.near for one in zone.claims.values())


@examples(300)
@given(events)
def test_a_holder_loses_its_name_only_when_it_goes_is_made_anew_or_somebody_nearer_comes(story: Any) -> None:
    zone = Zone({})
    for what, *facts in story:
        before = holder(tuple(zone.claims.values()), zone.present)
        getattr(zone, what)(*facts)
        zone.settle(read=True)
        after = holder(tuple(zone.claims.values()), zone.present)
        now = next((one for one in zone.claims.values() if before and one.endpoint == before.endpoint), None)
        if before and now and after and after.endpoint != before.endpoint:
            assert after.near < now.near or now.guid != before.guid or now.near > before.near


@examples(300)
@given(events, st.frozensets(st.sampled_from(WHO)))
def test_whatever_was_not_read_just_now_nothing_is_written_for_it_and_no_name_vanishes(story: Any, fresh: Any) -> None:
    """Law 3 and law 6: an endpoint that nobody asked keeps what it has."""
    zone = Zone({})
    for what, *facts in story:
        getattr(zone, what)(*facts)
        before = zone.present
        todo = zone.settle(read=True, fresh=fresh)
        if todo.do == "put":
            assert any(zone.present.label("endpoint") == str(one) for one in fresh)
        if todo.do == "delete":
            assert not zone.claims
            assert any(before.label("endpoint") == str(one) for one in fresh)


@examples(200)
@given(events, st.randoms(use_true_random=False))
def test_the_nearest_and_first_holds_a_name_that_nobody_held_in_whatever_order_claims_are_read(
    story: Any, order: Any
) -> None:
    zone = Zone({})
    for what, *facts in story:
        getattr(zone, what)(*facts)
    listed = list(zone.claims.values())
    shuffled = order.sample(listed, len(listed))
    assert holder(shuffled, None) == holder(listed, None)
    if listed:
        assert holder(listed, None) == min(listed, key=lambda one: (one.near, one.since))


# --- who holds what -------------------------------------------------------------------------------------


def near(place: int, who: Any = ENDPOINT, **more: Any) -> Claim:
    return claim(who, near=place, **more)


def test_the_incumbent_counts_among_the_nearest_only() -> None:
    local, remote = near(1), near(3, OTHER, guid=GUID2)
    assert holder([local, remote], record(remote)) == local
    assert holder([local, remote], record(local)) == local
    assert holder([near(3), remote], record(remote)) == remote


def test_a_remote_claim_never_displaces_a_local_holder_however_old_it_is() -> None:
    local, remote = near(1, since=NOW), near(3, OTHER, guid=GUID2, since=NOW - timedelta(days=900))
    found = step(state(local, remote, present=record(local)), MARK, 10)
    assert (found.do, found.finding) == ("", f"also claimed by {OTHER}; pe1 holds it")


def test_an_owner_that_the_policy_names_takes_the_name_and_gives_it_back_when_it_goes() -> None:
    usual, owner = near(1), near(0, OTHER, guid=GUID2)
    taken = step(state(usual, owner, present=record(usual)), MARK, 10)
    assert (taken.do, taken.hands_over, taken.why) == ("put", True, "handed over to pe2")
    back = step(state(usual, present=record(owner)), MARK, 10)
    assert (back.do, back.hands_over, back.why) == ("put", True, "handed over to pe1")


def test_a_displacement_waits_until_the_heir_was_read() -> None:
    local, remote = near(1), near(3, OTHER, guid=GUID2)
    found = step(state(local, remote, present=record(remote), fresh=frozenset({OTHER})), MARK, 10)
    assert (found.do, found.heir) == ("look", ENDPOINT)


def test_of_claims_without_a_date_the_dated_one_came_first_and_guids_decide_the_rest() -> None:
    assert holder([near(3), near(3, OTHER, guid=GUID2, since=NOW)], None).endpoint == OTHER
    assert holder([near(3, guid=GUID3), near(3, OTHER, guid=GUID2)], None).endpoint == OTHER
    assert holder([near(3, guid=None), near(3, OTHER, guid=GUID3)], None).endpoint == OTHER
    assert holder([near(3, OTHER, guid=None), near(3, guid=None)], None).endpoint == ENDPOINT


# --- whose a record is -----------------------------------------------------------------------------------

FORMER = Mark(owner="contoso-hub", deployment=MARK.deployment, previous=("old-hub",))


@pytest.mark.parametrize(
    ("present", "mark", "owned"),
    [
        (record(), MARK, True),
        (labelled(record(), owner="old-hub"), FORMER, True),
        (labelled(record(), owner="old-hub"), MARK, False),
        (labelled(record(), owner="Contoso-Hub"), MARK, False),
        (labelled(record(), deployment="lk-other"), FORMER, False),
        (labelled(record(), deployment=None), MARK, False),
        (labelled(record(), managedBy="terraform"), MARK, False),
        (labelled(record(), endpoint="nonsense"), MARK, True),
        (replace(record(), foreign=("auto-registered",)), MARK, False),
        (foreign(), MARK, False),
    ],
)
def test_ours_is_what_carries_the_owner_or_a_former_one_and_this_deployment(
    present: RecordSet, mark: Mark, owned: bool
) -> None:
    assert mark.owns(present) is owned
    wrong = replace(present, addresses=("10.9.9.9",))
    assert step(state(claim(), present=wrong), mark, 10).do == ("put" if owned else "")


@pytest.mark.parametrize("key", ["creator", "owner", "managedBy", "deployment", "OWNER", "ManagedBy", "Creator"])
def test_a_mark_of_anybodys_in_whatever_case_keeps_a_record_from_adoption(key: str) -> None:
    right = foreign("10.0.0.4", metadata=((key, "x"),))
    assert not Mark.is_nobodys(right)
    assert step(state(claim(), present=right), MARK, 10, adopt=True).do == ""


def test_adoption_takes_exactly_what_was_seen_and_keeps_what_others_wrote() -> None:
    right = foreign("10.0.0.4", metadata=(("ticket", "INC-7"),))
    found = step(state(claim(), present=right), MARK, 10, adopt=True)
    assert (found.do, found.adopts, found.if_match) == ("put", True, "f1")
    assert found.record.label("ticket") == "INC-7"
    assert MARK.owns(found.record)


@pytest.mark.parametrize(
    "changed",
    [{"read": False}, {"fresh": frozenset()}],
    ids=["only remembered", "its endpoint not read just now"],
)
def test_nothing_is_adopted_on_hearsay(changed: Any) -> None:
    right = foreign("10.0.0.4", metadata=())
    assert step(state(claim(), present=right, **changed), MARK, 10, adopt=True).do in ("", "look")


def test_nothing_is_adopted_without_its_etag() -> None:
    right = foreign("10.0.0.4", metadata=(), etag="")
    assert step(state(claim(), present=right), MARK, 10, adopt=True).do == "look"


def test_a_former_owners_mark_is_renewed_once() -> None:
    found = step(state(claim(), present=labelled(record(), owner="old-hub")), FORMER, 10)
    assert (found.do, found.hands_over, found.why) == ("put", False, "time to live or owner mark differ")
    assert step(state(claim(), present=replace(found.record, etag="e2")), FORMER, 10).do == ""


# --- laws 6 and 10, several names at once -------------------------------------------------------------------

NAMES = ("a", "B", "@", "*", "x.y")
ways = st.sampled_from(("new", "right", "wrong", "gone", "moved", "nearer", "theirs", "nobodys", "unknown"))


def one_name(label: str, way: str) -> NameState:
    at = name(label)
    mine, other = claim(name=at), claim(OTHER, "10.0.0.5", name=at, guid=GUID2, near=1)
    known: dict[str, NameState] = {
        "new": state(mine, name=at),
        "right": state(mine, name=at, present=record(mine)),
        "wrong": state(mine, name=at, present=record(mine, ttl=99)),
        "gone": state(name=at, present=record(mine)),
        "moved": state(other, name=at, present=record(mine)),
        "nearer": state(mine, other, name=at, present=record(mine)),
        "theirs": state(mine, name=at, present=foreign(name=at)),
        "nobodys": state(mine, name=at, present=foreign(name=at, metadata=())),
        "unknown": state(name=at, read=False, unreadable="403"),
    }
    return known[way]


estates = st.dictionaries(st.sampled_from(NAMES), ways).map(
    lambda found: [one_name(label, way) for label, way in found.items()]
)


def planned(states: list[NameState], **more: Any) -> Plan:
    return plan(snapshot(names=tuple(states), **more), policy(hubs=(hub(adopt=True),)), MARK, NOW)


@examples(200)
@given(estates)
def test_law_6_an_incomplete_look_does_what_a_complete_one_does_but_for_taking_away(states: list[NameState]) -> None:
    complete, partial = planned(states), planned(states, incomplete="pe9 could not be read")
    assert [change.id for change in partial.changes] == [change.id for change in complete.changes]
    for change in partial.changes:
        assert bool(change.blocked) == (change.kind == "delete" or change.hands_over)


@examples(200)
@given(estates, st.randoms(use_true_random=False))
def test_law_10_the_same_look_is_the_same_plan_in_whatever_order_names_and_claims_come(
    states: list[NameState], order: Any
) -> None:
    shuffled = [replace(one, claims=one.claims[::-1]) for one in order.sample(states, len(states))]
    one, two = planned(states), planned(shuffled)
    assert one == two
    assert one.fingerprint == two.fingerprint


@examples(200)
@given(estates)
def test_law_2_every_change_of_a_plan_says_what_it_expects_to_find(states: list[NameState]) -> None:
    found = {one.name.id: one.present for one in states}
    for change in planned(states).changes:
        present = found[change.subject]
        assert change.if_match == (present.etag if present else None)
        assert present is None or MARK.owns(present) or change.adopts
