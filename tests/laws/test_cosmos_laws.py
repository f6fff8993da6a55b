"""A state machine about Cosmos DB: regions come and go, fail over, endpoints are made again, and clients do not notice.

Everybody is approved, so that every step is about names. The witness judges each write when it happens; at the end
Azure gets quiet, sweeps run, and the records have to be exactly what the oracle says.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from hypothesis import event as tell
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from shared import sweep
from tests.laws import cosmos_oracle as oracle
from tests.laws.cosmos_app import AppSide
from tests.laws.cosmos_story import ACCOUNTS, FAULTS, REGIONS, SLOTS, WHOLE, WORLDS
from tests.laws.effort import effort
from tests.world import World

accounts = st.sampled_from(sorted(ACCOUNTS))
some_regions = st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4, unique=True)
slots = st.sampled_from(sorted(SLOTS))
which_one = st.integers(0, 20)
payloads = st.sampled_from([0, 1, 2, 3, 3, 5])
then = st.sampled_from([0, 60, 700, 700, 3700])


class Cosmos(AppSide):
    total: ClassVar[Counter[str]] = Counter()
    """What was tried, over all examples."""

    @initialize(
        early=st.sampled_from([True, True, True, False]),
        worlds=st.fixed_dictionaries({name: st.sampled_from(both) for name, both in WORLDS.items()}),
        said=st.fixed_dictionaries({what: st.sampled_from(rows) for what, rows in WHOLE.items()}),
        now=st.lists(st.tuples(slots, st.booleans(), payloads), min_size=2, max_size=5, unique_by=lambda s: s[0]),
        regions=st.fixed_dictionaries(dict.fromkeys(ACCOUNTS, some_regions)),
    )
    def begins(
        self, early: bool, worlds: dict[str, Any], said: dict[str, Any], now: Any, regions: dict[str, list[str]]
    ) -> None:
        """`early`: a sweep has allowed deletions. From then on slow operations take as long as Azure's."""
        for what, value in said.items():
            self.says(what, value)
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
        self.changes(self.story.regions(which, regions), then)

    @rule(which=which_one, region=st.sampled_from(REGIONS), then=then)
    def a_region_comes_or_goes(self, which: int, region: str, then: int) -> None:
        self.changes(self.story.region(which, region), then)

    @rule(which=which_one, regions=st.lists(st.sampled_from(REGIONS), min_size=2, max_size=3), told=st.booleans())
    def a_busy_day(self, which: int, regions: list[str], told: bool) -> None:
        """One after the other comes or goes; endpoints follow or ask for their PUT in between."""
        for region in regions:
            self.changes(self.story.region(which, region), 0)
            self.time_passes(700, told)

    def changes(self, done: bool, then: int) -> None:
        self.witness.count("regions changed" if done else "a change of regions refused")
        if then:
            self.time_passes(then, True)

    @rule(which=which_one, first=st.integers(0, 3))
    def it_fails_over(self, which: int, first: int) -> None:
        self.witness.count("failover" if self.story.fails_over(which, first) else "failover refused")

    @rule(which=which_one, at=st.integers(0, 3), back=st.booleans())
    def a_region_is_taken_offline(self, which: int, at: int, back: bool) -> None:
        self.story.takes_offline(which, at, back)

    @rule(slot=slots, manual=st.booleans(), extra=payloads)
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
        self.pass_time(seconds, told)

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


def test_regions_come_and_go_and_no_client_notices(the_world: World) -> None:
    Cosmos.world = the_world
    run_state_machine_as_test(Cosmos, settings=effort(20, stateful_step_count=25))
    print(Cosmos.total)
