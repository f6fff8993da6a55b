"""The worklist, model-checked on real tables: workers die between any two steps, signals arrive in between.

Invariants: no signal is ever lost (after quiet, every signal was followed by a take that began after it, or it is
parked where people see it); never two workers with live leases on one item; the sixth try parks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.azure.worklist import LEASE, Item, Worklist
from shared.core.ids import ResourceId
from shared.errors import Passing
from tests.laws.effort import effort
from tests.mortal import Killed, Mortal
from tests.world import DATA, World

STORE = f"/subscriptions/{DATA}/resourceGroups/data/providers/Microsoft.Storage/storageAccounts"
ITEMS = [ResourceId.parse(f"{STORE}/acct{n}") for n in (1, 2)]
SUBJECTS = [ResourceId.parse(f"{STORE}/{name}") for name in ("one", "two")]
# Mostly one item, one subject and no death: what matters happens when two act on the same thing.
items, subjects = st.sampled_from([ITEMS[0], *ITEMS]), st.sampled_from([SUBJECTS[0], *SUBJECTS])
steps = st.integers(0, 12)
deaths = st.integers(-30, 12).map(lambda step: None if step < 0 else step)
others = st.none() | st.tuples(steps, items, subjects)
_NEVER = datetime.min.replace(tzinfo=UTC)
CAUSES = st.sampled_from(["endpoint", "decided", "sweep", "plan"])


@dataclass(slots=True)
class Worker:
    """What one living worker holds, and how long its lease lives."""

    number: int
    item: Item
    until: datetime


class Worklists(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.w = self.world.fresh()
        self.sent: dict[tuple[ResourceId, ResourceId, bool], datetime] = {}
        """Item, subject, a plan or not: when the newest signal that was accepted was sent."""
        self.taken: dict[tuple[ResourceId, ResourceId, bool], datetime] = {}
        """The same: the time of the signal that the newest finished work was shown before it began to look."""
        self.at_work: dict[int, Worker] = {}

    @property
    def worklist(self) -> Worklist:
        return self.w.app.worklist

    def mortally(self, work: Any, dies_at: int | None, other: tuple[int, ResourceId, ResourceId] | None = None) -> Any:
        """What it returns, or Killed; the next call finds a new process. `other`: a signal of another one at a step."""
        mortal = Mortal(self.w.app)
        mortal.dies_at(dies_at)
        if other is not None:
            step, item, subject = other

            async def signals() -> None:
                self.sent[(item, subject, False)] = self.w.clock()
                await self.worklist.signal(item, subject, "in between")

            mortal.before_step(step, signals)
        try:
            return self.w.run(work)
        except Killed:
            self.w.run(mortal.buried())
            return Killed
        finally:
            self.w.restart()

    # --- rules ------------------------------------------------------------------------------------

    @rule(item=items, subject=subjects, cause=CAUSES, dies_at=deaths)
    def signal(self, item: ResourceId, subject: ResourceId, cause: str, dies_at: int | None) -> None:
        """Event Grid delivers again what was not acknowledged, so a signal counts only when it returned."""
        at = self.w.clock()
        if self.mortally(self.worklist.signal(item, subject, cause), dies_at) is not Killed:
            self.sent[(item, subject, cause == "plan")] = at

    @rule(item=items, dies_at=deaths, other=others)
    def take(self, item: ResourceId, dies_at: int | None, other: Any = None) -> None:
        number = next(n for n in range(99) if n not in self.at_work)
        found = self.mortally(self.worklist.take(item, f"worker {number}"), dies_at, other)
        if found is not None and found is not Killed:
            self.at_work[number] = Worker(number, found, self.w.clock() + LEASE)

    @precondition(lambda self: self.at_work)
    @rule(
        number=st.integers(0, 9),
        how=st.sampled_from(["done", "done", "done", "look later", "cut short", "passing", "throttled", "bug", "died"]),
        dies_at=deaths,
        other=others,
    )
    def finish(self, number: int, how: str, dies_at: int | None, other: Any = None) -> None:
        workers = sorted(self.at_work)
        held = self.at_work.pop(workers[number % len(workers)])
        item, later = held.item, {held.item.due[0].subject: self.w.clock() + timedelta(seconds=number)}
        ends = {
            "done": lambda: self.worklist.done(item),
            "look later": lambda: self.worklist.done(item, later),
            "cut short": lambda: self.worklist.done(item, rest=True),
            "passing": lambda: self.worklist.failed(item, Passing("an outage")),
            "throttled": lambda: self.worklist.failed(item, Passing("throttled", 30.0)),
            "bug": lambda: self.worklist.failed(item, RuntimeError("a bug")),
        }
        if how in ends:
            self.mortally(ends[how](), dies_at, other)
        if how in ("done", "look later"):
            for due in item.due:
                key = (item.work, due.subject, due.causes == ("plan",))
                self.taken[key] = max(due.at, self.taken.get(key, due.at))

    @rule(seconds=st.sampled_from([1, 40, 151, 700]))
    def time_passes(self, seconds: int) -> None:
        self.w.clock.skip(seconds=seconds)

    @precondition(lambda self: any(row.data.get("parked") for row in self.w.rows("due")))
    @rule(item=st.none() | items)
    def replay(self, item: ResourceId | None) -> None:
        self.mortally(self.worklist.replay(item), None)

    @rule(dies_at=deaths)
    def watchdog(self, dies_at: int | None) -> None:
        self.mortally(self.worklist.watchdog(), dies_at)

    # --- what must hold ------------------------------------------------------------------------------

    @invariant()
    def never_two_live_leases_on_one_item(self) -> None:
        live = [held.item.work for held in self.at_work.values() if held.until > self.w.clock()]
        assert len(live) == len(set(live))

    @invariant()
    def no_signal_is_lost(self) -> None:
        """Whatever nobody finished since its signal is still in the table, and the watchdog would ring for it."""
        rows = [row for row in self.w.rows("due") if row.rk != "lease"]
        kept = {(row.data["work"], row.data["subject"], row.rk.endswith(".plan")) for row in rows}
        for (item, subject, plan), at in self.sent.items():
            done = self.taken.get((item, subject, plan), _NEVER) >= at
            assert done or (str(item), str(subject), plan) in kept, f"{subject.name} of {item.name} is lost"

    @invariant()
    def nobody_is_tried_a_seventh_time(self) -> None:
        for row in self.w.rows("due"):
            if row.rk != "lease":
                assert row.data["tries"] <= 6
                assert bool(row.data["parked"]) or row.data["tries"] < 6

    def teardown(self) -> None:
        """Quiet: no more signals, no more deaths; the watchdog alone must bring everybody to work."""
        self.at_work.clear()
        self.mortally(self.worklist.replay(), None)
        for _ in range(12):
            self.w.clock.skip(seconds=400)
            self.w.run(self.worklist.watchdog())
            for item in self.w.bells():
                self.take(item, None)
                if self.at_work:
                    self.finish(0, "done", None)
        assert not self.w.rows("due")
        for key, at in self.sent.items():
            assert self.taken.get(key, _NEVER) >= at, f"no take after the last signal of {key}"


def test_no_signal_is_ever_lost_whoever_dies_whenever(the_world: World) -> None:
    Worklists.world = the_world
    run_state_machine_as_test(Worklists, settings=effort(20, stateful_step_count=30))
