"""Laws 7 to 10, each for itself: order does not matter, done is done, one row per change, death loses nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import byhand, settle
from shared.byhand import Caller
from tests.laws import oracle
from tests.laws.effort import effort
from tests.laws.test_safety import begin
from tests.mortal import Killed, Mortal
from tests.world import STRANGER, TEAM, World

PERSON = Caller(name="function key", person=False)


def story(w: World) -> list[dict[str, Any]]:
    """Five endpoints, one gone, one moved, one of a stranger, one shared name; all its events."""
    acct1, acct2 = w.storage(), w.storage("acct2")
    w.zone(oracle.ZONES["file"])
    w.asks(acct1, "pe1")
    gone = w.asks(acct2, "pe2")
    moved = w.asks(acct1, "pe3", group="file")
    w.asks(acct2, "pe4", subscription=oracle.OUTLAW)
    w.asks(acct2, "pe5", subscription=STRANGER)
    w.moves(moved, "net2")
    w.removes(gone)
    events = list(w.azure.outbox)
    w.azure.outbox.clear()
    return events


def cloud(w: World) -> dict[str, Any]:
    """All that the app can change: the state of connections, and records without ETags."""
    states = {one.endpoint.id: one.state.status for one in oracle.all_connections(w.azure.world)}
    records = oracle.records(w.azure.world)
    return {**states, **{str(key): (oracle.addresses(r), r.ttl, r.metadata) for key, r in records.items()}}


@pytest.fixture(scope="module")
def expected(the_world: World) -> dict[str, Any]:
    """The cloud after every event came once and in order."""
    w, _ = begin(the_world, oracle.TEAM_ONLY)
    w.deliver(story(w))
    w.settle_all()
    w.sweep()
    found = cloud(w)
    assert {"Approved", "Pending", "Rejected"} <= {one for one in found.values() if isinstance(one, str)}
    return found


@given(
    order=st.randoms(use_true_random=False),
    lost=st.sets(st.integers(0, 40)),
    twice=st.sets(st.integers(0, 40)),
    pause=st.integers(0, 40),
)
@effort(12)
def test_law_7_any_order_doubling_delay_or_loss_of_events_ends_in_the_same_cloud_after_a_sweep(
    the_world: World, expected: dict[str, Any], order: Any, lost: set[int], twice: set[int], pause: int
) -> None:
    w, witness = begin(the_world, oracle.TEAM_ONLY)
    events = story(w)
    kept = [event for n, event in enumerate(events) for _ in range(n not in lost) for _ in range(1 + (n in twice))]
    order.shuffle(kept)
    w.deliver(kept[:pause])
    w.settle_all()
    w.deliver(kept[pause:])
    w.settle_all()
    w.sweep()
    w.sweep()
    assert cloud(w) == expected
    assert not witness.broken


def test_law_8_a_signal_whose_subject_is_unchanged_costs_at_most_one_read_and_no_dns_call(the_world: World) -> None:
    w, _ = begin(the_world, oracle.TEAM_ONLY)
    w.deliver(story(w))
    w.settle_all()
    w.sweep()
    events = [row["event"] for row in w.azure.events()["raised"]]
    for event in events:
        w.azure.forget_calls()
        w.deliver([event])
        w.work()
        calls = w.calls()
        assert calls["arm_reads"] <= 1, (event["data"]["operationName"], w.sent())
        assert sum(calls.values()) == calls["arm_reads"]


@given(late=st.booleans())
@effort(4)
def test_law_8_and_10_after_completion_the_plan_is_empty_and_the_same_in_every_process(
    the_world: World, late: bool
) -> None:
    w, _ = begin(the_world, oracle.TEAM_ONLY)
    w.deliver(story(w))
    w.settle_all()
    w.sweep()
    first = plans(w)
    w.restart()
    if late:
        w.clock.skip(hours=5)
    assert [plan["changes"] for plan in first] == [[], []]
    assert plans(w) == first


def plans(w: World) -> list[dict[str, Any]]:
    numbers = [w.run(byhand.ask(w.app, "plan", {"target": w.storage_id(one)}, PERSON)) for one in ("acct1", "acct2")]
    w.work()
    return [w.run(byhand.operation(w.app, number))["result"]["plan"] for number in numbers]


@given(subscription=st.sampled_from([TEAM, STRANGER, oracle.OUTLAW]), restart=st.booleans())
@effort(6)
def test_law_10_the_same_snapshot_gives_the_same_plan_and_fingerprint(
    the_world: World, subscription: str, restart: bool
) -> None:
    w, _ = begin(the_world, oracle.TEAM_ONLY)
    w.storage("acct2")
    w.asks(w.storage(), subscription=subscription)
    first = plans(w)
    if restart:
        w.restart()
    assert plans(w) == first
    assert bool(first[0]["changes"]) is (subscription != STRANGER)


@given(step=st.integers(0, 110), again=st.none() | st.integers(0, 60))
@effort(16)
def test_law_9_and_10_death_at_any_step_loses_no_signal_and_leaves_no_call_without_its_row(
    the_world: World, step: int, again: int | None
) -> None:
    w, witness = begin(the_world, oracle.TEAM_ONLY)
    w.allow_deletes()
    first = w.asks(w.storage(), "pe1")
    w.settle_all()
    w.removes(first)
    second = w.asks(w.storage_id(), "pe2")
    w.azure.forget_calls()
    for dies_at in (step, again):
        die(w, dies_at)
    w.restart()
    for _ in range(4):
        w.clock.skip(seconds=160)
        w.run(w.app.worklist.watchdog())
        w.settle_all()
    assert w.status(w.storage_id(), second) == "Approved"
    assert w.addresses() == w.address_of(second)
    assert not witness.broken
    rows = Counter(row["kind"] for row in w.changes())
    calls = Counter(call["path"].split("/")[-2] for call in w.sent() if call["method"] != "GET")
    assert calls["privateEndpointConnections"] <= rows["approve"] - 1
    assert calls["A"] <= rows["put"] + rows["delete"] - 1
    assert {str(row["result"]) for row in w.changes()} <= {"done", "failed", "refused", "unknown"}
    assert not [row for row in w.rows("targets") if row.rk.startswith("i!")]


def die(w: World, step: int | None) -> None:
    """Deliver and work until that step, then a new process; undelivered events come again."""
    mortal = Mortal(w.app)
    mortal.dies_at(step)
    waiting = list(w.azure.outbox)
    w.azure.outbox.clear()
    try:
        while waiting:
            w.run(w.event(waiting[0]))
            waiting.pop(0)
        for item in w.ripe():
            w.run(settle.work(item, w.app))
    except Killed:
        w.run(mortal.buried())
    w.restart()
    w.deliver(waiting)
