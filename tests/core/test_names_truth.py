"""The truth table of records (design section 5) and its laws, against an oracle that is written a second time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core import names
from shared.core import plan as planning
from shared.core.ids import ResourceId
from shared.core.model import Claim, RecordSet
from shared.core.names import NameState, step

from .build import GUID, GUID2, MARK, NOW, claim, endpoint_id, examples, hub, name, policy, record, snapshot

ENDPOINTS = [endpoint_id(f"pe{n}") for n in range(3)]
ADDRESSES = [("10.0.0.4",), ("10.0.0.5",), ("10.0.0.4", "10.0.0.5")]
FOREIGN: list[tuple[tuple[str, str], ...]] = [
    (),
    (("ticket", "INC-7"),),
    (("creator", "created by private endpoint pe9 with resource guid x"),),
    (("managedBy", "linkkeeper"), ("owner", "contoso-hub"), ("deployment", "another")),
    (("Owner", "external-dns"),),
    (("managed_by", "terraform"),),
    (("created-by", "external-dns"),),
]

claims = st.lists(
    st.builds(
        lambda who, guid, addresses, near, since: replace(
            claim(ENDPOINTS[who]), guid=guid, addresses=addresses, near=near, since=NOW - timedelta(hours=since)
        ),
        st.integers(0, 2),
        st.sampled_from([GUID, GUID2]),
        st.sampled_from(ADDRESSES),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=3,
    unique_by=lambda one: one.endpoint,
).map(tuple)


@st.composite
def records(draw: st.DrawFn) -> RecordSet | None:
    if draw(st.booleans()) and draw(st.booleans()):
        return None
    addresses, etag = draw(st.sampled_from(ADDRESSES)), draw(st.sampled_from(["e1", "e2"]))
    if draw(st.booleans()):
        of = replace(
            claim(draw(st.sampled_from(ENDPOINTS))), addresses=addresses, guid=draw(st.sampled_from([GUID, GUID2]))
        )
        more = draw(st.sampled_from([(), (("ticket", "INC-7"),)]))
        ours = record(of)
        return replace(
            ours, etag=etag, ttl=draw(st.sampled_from([10, 300])), metadata=tuple(sorted({*ours.metadata, *more}))
        )
    foreign = draw(st.sampled_from([(), (), ("auto-registered",)]))
    marked = draw(st.sampled_from(FOREIGN))
    return RecordSet(name=name(), addresses=addresses, ttl=10, metadata=marked, etag=etag, foreign=foreign)


states = st.builds(
    lambda found, present, fresh, heirs, read, ceded: NameState(
        name=name(),
        claims=found,
        present=present,
        fresh=frozenset(fresh | heirs),
        heirs=frozenset(heirs),
        read=read,
        ceded=ceded,
    ),
    claims,
    records(),
    st.sets(st.sampled_from(ENDPOINTS)),
    st.sets(st.sampled_from(ENDPOINTS)),
    st.booleans(),
    st.booleans(),
)


# --- the oracle -----------------------------------------------------------------------------------------


def ours(present: RecordSet) -> bool:
    labels = dict(present.metadata)
    mark = (labels.get("managedBy"), labels.get("owner"), labels.get("deployment"))
    return not present.foreign and mark == ("linkkeeper", MARK.owner, MARK.deployment)


def unmarked(present: RecordSet) -> bool:
    known = {"creator", "managedby", "owner", "deployment", "createdby"}
    keys = {key.lower().replace("_", "").replace("-", "") for key, _ in present.metadata}
    return not present.foreign and not known & keys


def incumbent(one: Claim, present: RecordSet | None) -> bool:
    labels = dict(present.metadata) if present else {}
    same = ResourceId.read(labels.get("endpoint")) == one.endpoint
    return same and labels.get("guid") in (None, "", one.guid)


def who(state: NameState) -> Claim | None:
    """Nearest; among those the incumbent, then the first, then the lowest guid, then the lowest id."""
    order = lambda one: (one.near, not incumbent(one, state.present), one.since, one.guid, one.endpoint.key)  # noqa: E731
    return min(state.claims, key=order, default=None)


def expected(state: NameState, adopt: bool) -> str:
    """put, delete, look (read first) or nothing, by the table alone."""
    holder, present = who(state), state.present
    if holder is None:
        if state.ceded or (present is not None and not ours(present)):
            return ""
        if present is None:
            return "" if state.read else "look"
        last = ResourceId.read(dict(present.metadata).get("endpoint"))
        return "delete" if last is None or last in state.heirs else "look"
    fresh = "put" if holder.endpoint in state.fresh else "look"
    if present is None:
        return fresh
    if not ours(present):
        right = present.addresses == holder.addresses
        return fresh if right and adopt and unmarked(present) and state.read else ""
    labels = dict(present.metadata)
    mine = incumbent(holder, present) and labels.get("guid") == holder.guid
    if mine and present.addresses == holder.addresses and present.ttl == 10:
        return ""
    if incumbent(holder, present) and holder.endpoint not in state.fresh and not state.read:
        return ""
    return fresh


# --- the table and the laws -----------------------------------------------------------------------------


@examples(800)
@given(states, st.booleans())
def test_every_row_of_the_truth_table(state: NameState, adopt: bool) -> None:
    assert step(state, MARK, 10, adopt).do == expected(state, adopt)


@examples(500)
@given(states, st.booleans())
def test_law_2_what_is_not_ours_is_never_written_but_by_adoption_of_what_is_right(
    state: NameState, adopt: bool
) -> None:
    todo = step(state, MARK, 10, adopt)
    if todo.do in ("put", "delete"):
        assert (todo.if_match is None) == (state.present is None), "every write has its precondition"
    if todo.do in ("put", "delete") and state.present is not None and not ours(state.present):
        assert todo.adopts
        assert adopt
        assert unmarked(state.present)
        assert todo.record.addresses == state.present.addresses
        assert {*state.present.metadata} <= {*todo.record.metadata}


@examples(500)
@given(states, st.booleans())
def test_law_3_nothing_is_deleted_while_anybody_claims_it_or_before_its_last_endpoint_was_read(
    state: NameState, adopt: bool
) -> None:
    if step(state, MARK, 10, adopt).do == "delete":
        assert not state.claims
        last = ResourceId.read(state.present.label("endpoint"))
        assert last is None or last in state.heirs


@examples(500)
@given(states)
def test_a_record_is_only_written_for_an_endpoint_that_was_just_read_and_keeps_unknown_metadata(
    state: NameState,
) -> None:
    todo = step(state, MARK, 10)
    if todo.do == "put":
        assert ResourceId.read(todo.record.label("endpoint")) in state.fresh
        kept = {pair for pair in (state.present.metadata if state.present else ()) if pair[0] == "ticket"}
        assert kept <= {*todo.record.metadata}


@examples(300)
@given(states, st.booleans())
def test_law_6_an_incomplete_look_neither_deletes_nor_hands_over(state: NameState, adopt: bool) -> None:
    made = planned((state,), adopt, incomplete="an endpoint could not be read")
    doing = [change for change in made.changes if not change.blocked]
    assert not [change for change in doing if change.kind == "delete" or change.hands_over]


@examples(300)
@given(states, st.booleans(), st.randoms(use_true_random=False))
def test_law_10_the_same_look_is_the_same_plan_in_whatever_order_claims_come(
    state: NameState, adopt: bool, order: Any
) -> None:
    shuffled = list(state.claims)
    order.shuffle(shuffled)
    one, two = planned((state,), adopt), planned((replace(state, claims=tuple(shuffled)),), adopt)
    assert one.fingerprint == two.fingerprint
    assert one.changes == two.changes


@examples(300)
@given(states, st.booleans())
def test_law_8_after_what_the_plan_says_nothing_is_left_to_do(state: NameState, adopt: bool) -> None:
    todo = step(state, MARK, 10, adopt)
    if todo.do == "put":
        after = replace(state, present=replace(todo.record, etag="new"), read=True)
        assert step(after, MARK, 10, adopt).do == ""
    if todo.do == "delete":
        assert step(replace(state, present=None, read=True), MARK, 10, adopt).do == ""


@examples(300)
@given(states)
def test_a_farther_endpoint_never_takes_the_name_from_a_nearer_one(state: NameState) -> None:
    found = names.holder(state.claims, state.present)
    assert found == who(state)
    assert found is None or found.near == min(one.near for one in state.claims)


def planned(found: tuple[NameState, ...], adopt: bool, **more: Any) -> planning.Plan:
    return planning.plan(snapshot(names=found, **more), policy(hubs=(hub(adopt=adopt),)), MARK, NOW)
