"""A state machine about Cosmos DB: regions come and go, fail over, endpoints are made again, and clients do not notice.

Everybody is approved, so that every step is about names. The witness judges each write when it happens; at the end
Azure gets quiet, sweeps run, and the records have to be exactly what the oracle says.
"""

from __future__ import annotations

import copy
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import event as tell
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from functions import events as event_function
from shared import byhand, settle, sweep
from shared.errors import Passing
from simulator.azure import interfaces
from tests.laws import cosmos_oracle as oracle
from tests.laws import names_oracle
from tests.laws.cosmos_story import ACCOUNTS, FAULTS, REGIONS, SLOTS, WHOLE, WORLDS, Story
from tests.laws.cosmos_witness import Witness
from tests.laws.effort import effort
from tests.mortal import Killed, Mortal
from tests.world import KEY, World, as_event

CLOSED = {"done", "failed", "refused", "unknown"}
accounts = st.sampled_from(sorted(ACCOUNTS))
some_regions = st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4, unique=True)
slots = st.sampled_from(sorted(SLOTS))
which_one = st.integers(0, 20)
then = st.sampled_from([0, 0, 60, 600, 3700])


class Cosmos(RuleBasedStateMachine):
    world: World
    total: ClassVar[Counter[str]] = Counter()
    """What was tried, over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.doc = oracle.document()
        self.w = self.world.fresh(names_oracle.text(self.doc))
        self.witness = Witness(self.cloud, self.w.clock, copy.deepcopy(self.doc))
        self.witness.watch()
        self.story = Story(self.w)
        self.mortal = Mortal(self.w.app)
        self.doom: int | None = None
        self.late: list[dict[str, Any]] = []
        self.at: datetime | None = None

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

    @initialize(
        early=st.sampled_from([True, True, True, False]),
        worlds=st.fixed_dictionaries({name: st.sampled_from(both) for name, both in WORLDS.items()}),
        now=st.lists(
            st.tuples(slots, st.booleans(), st.integers(0, 5)), min_size=2, max_size=5, unique_by=lambda s: s[0]
        ),
        regions=st.fixed_dictionaries(dict.fromkeys(ACCOUNTS, some_regions)),
    )
    def begins(self, early: bool, worlds: dict[str, Any], now: Any, regions: dict[str, list[str]]) -> None:
        """`early`: a sweep has allowed deletions. From then on slow operations take as long as Azure's."""
        self.w.azure.switch(**worlds)
        self.story.zones()
        for slot, manual, extra in now:
            self.story.account(SLOTS[slot][1], regions[SLOTS[slot][1]])
            self.story.asks(slot, manual, extra)
        self.everything_arrives()
        if early:
            self.the_sweep_runs()
        self.w.azure.hold_time()
        self.at = self.w.clock()

    # --- the app's side: everything it does may end in sudden death -------------------------------

    def alive(self, work: Any) -> bool:
        """Let the app do something; False when it died meanwhile (it is a new process afterwards)."""
        before = self.mortal.steps
        self.mortal.dies_at(self.doom)
        try:
            self.w.run(work)
        except Killed:
            self.w.run(self.mortal.buried())
            self.witness.count("the worker died")
            self.doom = None
            self.w.restart()
            self.mortal = Mortal(self.w.app)
            return False
        except Passing:
            pass
        finally:
            self.mortal.dies_at(None)
        if self.doom is not None:
            self.doom -= self.mortal.steps - before
        return True

    def work(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            ripe = self.w.ripe()
            if not ripe:
                return
            for item in ripe:
                self.witness.begin()
                self.alive(settle.work(item, self.w.app))

    def deliver(self, batch: list[dict[str, Any]]) -> None:
        for one in batch:
            while not self.alive(event_function.events(as_event(one))):
                pass

    def deliver_all(self) -> None:
        self.deliver(self.w.azure.outbox[:])
        self.w.azure.outbox.clear()

    # --- accounts and endpoints ---------------------------------------------------------------------

    @rule(name=accounts, regions=some_regions, goes=st.sampled_from([False, False, True]))
    def an_account_comes_or_goes(self, name: str, regions: list[str], goes: bool) -> None:
        if not self.story.has(name):
            self.story.account(name, regions)
        elif goes:
            self.story.goes(name)

    @rule(which=which_one, regions=some_regions, then=then)
    def regions_change(self, which: int, regions: list[str], then: int) -> None:
        """Some come, some go; the one that is written to stays. `then`: seconds in which everybody is told."""
        self.story.regions(which, regions)
        self.time_passes(then, True) if then else None

    @rule(which=which_one, region=st.sampled_from(REGIONS), then=then)
    def a_region_comes_or_goes(self, which: int, region: str, then: int) -> None:
        self.story.region(which, region)
        self.time_passes(then, True) if then else None

    @rule(which=which_one, first=st.integers(0, 3))
    def it_fails_over(self, which: int, first: int) -> None:
        self.story.fails_over(which, first)

    @rule(which=which_one, at=st.integers(0, 3), back=st.booleans())
    def a_region_is_taken_offline(self, which: int, at: int, back: bool) -> None:
        self.story.takes_offline(which, at, back)

    @rule(slot=slots, manual=st.booleans(), extra=st.integers(0, 5))
    def somebody_asks(self, slot: str, manual: bool, extra: int) -> None:
        if self.story.has(SLOTS[slot][1]):
            self.story.asks(slot, manual, extra)

    @rule(which=which_one, again=st.booleans(), between=slots)
    def an_endpoint_goes(self, which: int, again: bool, between: str) -> None:
        """`again`: and comes back under its id before anybody looks; another may have its addresses by then."""
        if (slot := self.story.removes(which)) and again:
            self.run_slow(True)
            self.somebody_asks(between, True, 0)
            self.somebody_asks(slot, True, 1)

    @rule(which=which_one)
    def an_endpoint_is_put_by_its_owner(self, which: int) -> None:
        """What people did before there was this app."""
        self.story.puts_again(which)

    @rule(which=which_one, gone=st.sampled_from([None, None, False, True]))
    def a_connection_is_rejected_by_hand(self, which: int, gone: bool | None) -> None:
        if gone is not None:
            self.story.rejects(which, gone)

    @rule(which=which_one, on=st.booleans())
    def a_zone_group_is_attached_or_removed(self, which: int, on: bool) -> None:
        if self.story.zone_group(which, on):
            self.witness.count("zone group")

    @rule(full=st.booleans())
    def a_subnet_is_full(self, full: bool) -> None:
        self.fill(full)

    # --- Azure, people, events, time ----------------------------------------------------------------

    @rule(what=st.sampled_from(sorted(WORLDS)), which=which_one)
    def azure_is_otherwise(self, what: str, which: int) -> None:
        self.w.azure.switch(**{what: WORLDS[what][which % len(WORLDS[what])]})

    @rule(what=st.sampled_from(sorted(WHOLE)), which=which_one)
    def the_policy_changes(self, what: str, which: int) -> None:
        self.says(what, WHOLE[what][which % len(WHOLE[what])])

    @rule(
        order=st.randoms(use_true_random=False),
        lost=st.sampled_from("nly"),
        twice=st.booleans(),
        old=st.booleans(),
    )
    def events_arrive(self, order: Any, lost: str, twice: bool, old: bool) -> None:
        """`lost`: no, some come later (l) or never (y)."""
        batch = list(self.w.azure.outbox) + (self.late if old else [])
        self.w.azure.outbox.clear()
        self.late = [] if old else self.late
        order.shuffle(batch)
        if lost != "n":
            half = len(batch) // 2
            self.late += batch[half:] if lost == "l" else []
            batch = batch[:half]
        self.deliver(batch + batch[:2] if twice else batch)
        self.work()

    @rule()
    def everything_arrives(self) -> None:
        self.deliver_all()
        self.work()
        self.time_passes(3, True)

    @rule(seconds=st.sampled_from([3, 60, 600, 3700]), told=st.sampled_from([True, True, False]))
    def time_passes(self, seconds: int, told: bool) -> None:
        """In the steps in which something happens: an operation ends, a worker looks again."""
        end = self.w.clock() + timedelta(seconds=seconds)
        for _ in range(12):
            self.run_slow()
            if told:
                self.deliver_all()
            self.work()
            dues = [
                row.data["not_before"] for row in self.w.rows("due") if row.rk != "lease" and not row.data["parked"]
            ]
            ahead = [at for at in (*dues, self.slow_next()) if at is not None and at > self.w.clock()]
            if self.w.clock() >= end or not ahead or min(ahead) > end:
                break
            self.w.clock.skipped += max(timedelta(), min(ahead) - self.w.clock())
        self.w.clock.skipped += max(timedelta(), end - self.w.clock())
        self.run_slow()
        self.work()

    @rule()
    def the_sweep_runs(self) -> None:
        self.witness.begin()
        self.witness.swept = True
        self.alive(sweep.sweep(self.w.app))
        self.work()

    @rule(fault=st.sampled_from(FAULTS), times=st.sampled_from([1, 1, 2, 5]))
    def something_fails(self, fault: dict[str, Any], times: int) -> None:
        self.w.azure.fault(principal="app", times=times, **fault)

    @rule(fails=st.booleans())
    def the_next_refresh_goes_wrong(self, fails: bool) -> None:
        """Somebody else is faster, or Azure accepts the next PUT of an endpoint and gives up minutes later."""
        if fails:
            self.w.azure.fail_next("endpoint")
        else:
            self.witness.meddles = True

    @rule(code=st.sampled_from(["InternalServerError", "OperationTimedOut"]))
    def the_next_change_of_an_account_fails(self, code: str) -> None:
        self.w.azure.fail_next("account", code)

    @rule()
    def trouble_is_over(self) -> None:
        self.w.azure.forget_faults()

    @rule(step=st.integers(0, 60))
    def the_worker_will_die(self, step: int) -> None:
        self.doom = step

    # --- what must hold after every rule ------------------------------------------------------------------

    @invariant()
    def no_law_is_broken(self) -> None:
        assert not self.witness.broken, self.remembered(self.witness.broken)
        assert not self.cloud.later.broken, self.remembered(self.cloud.later.broken)

    def remembered(self, texts: list[str]) -> str:
        """Also shown where the same story does not fail twice."""
        text = "\n".join(texts)
        print(f"FAILED {text}")
        return text

    # --- the end ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if not self.witness.broken:
                self.ends()
        finally:
            for what in sorted(self.witness.counted):
                tell(what)
            self.total.update(self.witness.counted)
            self.witness.leave()

    def ends(self) -> None:
        self.doom = None
        self.witness.meddles = False
        self.cloud.failures.rows.clear()
        self.trouble_is_over()
        self.fill(False)
        self.run_slow(True)
        self.w.run(self.w.app.worklist.replay())
        self.sweep_until_quiet()
        self.no_law_is_broken()
        wrong = oracle.wrong(self.cloud, self.doc)
        assert not wrong, self.remembered(wrong)
        self.witness.count(f"ended with refresh: {self.doc['modes']['refresh']}")
        self.nothing_is_left_to_do()
        self.books_are_closed()

    def sweep_until_quiet(self) -> None:
        """What is left to people stays suspect, but nothing is written for it."""
        written = [dict[str, int]()] * 2
        for _ in range(12):
            self.w.clock.skip(hours=2)
            self.run_slow()
            self.witness.begin()
            self.witness.swept = True
            found = self.w.run(sweep.sweep(self.w.app))
            for _ in range(12):
                self.deliver_all()
                self.work()
                if not self.due():
                    break
                self.w.clock.skip(seconds=155)
                self.run_slow()
            written = [*written, dict(self.witness.counted)][-2:]
            if found.complete and not self.due() and (not found.suspects or written[0] == written[1]):
                return
        raise AssertionError(f"never quiet: {found.suspects} {self.due()}; {oracle.wrong(self.cloud, self.doc)}")

    def due(self) -> list[Any]:
        """A dead worker may leave its lease behind: it is in nobody's way."""
        return [row for row in self.w.rows("due") if row.rk != "lease"]

    def nothing_is_left_to_do(self) -> None:
        """Law 8. What is blocked, or only planned, is left to people."""
        for name in ACCOUNTS:
            number = self.w.run(byhand.ask(self.w.app, "plan", {"target": self.story.id(name)}, KEY))
            self.work()
            found = self.w.run(byhand.operation(self.w.app, number))
            assert found["status"] == "succeeded", found
            for change in found["result"]["plan"]["changes"]:
                left = change["kind"] == "refresh" and (self.doc["modes"]["refresh"] == "plan" or change.get("blocked"))
                strange = oracle.OUTLAW in change["subject"]
                left = left or (strange and oracle.OPEN_BUG_BY_HAND_STRANGERS_ENDPOINTS_ARE_REFRESHED)
                assert left, f"law 8: still to do: {change}"

    def books_are_closed(self) -> None:
        rows = self.w.changes() + self.w.journal("refresh")
        results = Counter(str(row["result"]) for row in rows if row["result"] != "skipped")
        assert set(results) <= CLOSED, f"law 9: rows are {dict(results)}"
        assert not [row for row in self.w.rows("targets") if row.rk.startswith(("i!", "o!"))]

    # --- words --------------------------------------------------------------------------------------------

    def says(self, what: str, value: Any) -> None:
        self.doc[what] = {**self.doc[what], **value}
        text = names_oracle.text(self.doc)
        assert self.w.valid(text), text
        self.w.set_policy(text)
        self.witness.doc = copy.deepcopy(self.doc)

    def slow_next(self) -> datetime | None:
        seconds = self.w.azure.time()["next"]
        return self.w.clock() + timedelta(seconds=seconds) if seconds is not None else None

    def run_slow(self, everything: bool = False) -> None:
        """Azure's time follows the clock; `everything`: the clock follows Azure until nothing is under way."""
        if self.at is None:
            return
        self.witness.time_passed()
        while True:
            now = self.w.clock()
            self.w.azure.advance((now - self.at).total_seconds())
            self.at = now
            ahead = self.slow_next()
            if not everything or ahead is None:
                break
            self.w.clock.skipped += ahead - now
        self.witness.time_passed()

    def fill(self, full: bool) -> None:
        """A subnet has no address left, or all that nobody has."""
        for pool in self.cloud.subnets.values():
            pool.next = pool.network.num_addresses if full else interfaces.RESERVED


def test_regions_come_and_go_and_no_client_notices(the_world: World) -> None:
    Cosmos.world = the_world
    run_state_machine_as_test(Cosmos, settings=effort(12, stateful_step_count=30))
    print(Cosmos.total)
