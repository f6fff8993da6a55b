"""The app's side of a story about Cosmos DB: it works, dies, is born again; time passes; sweeps run until all is quiet.

Azure's slow operations take as long as Azure's, in the time of the tests. Refuses to know the story.
"""

from __future__ import annotations

import copy
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from functions import events as event_function
from shared import byhand, settle, sweep
from shared.errors import Passing
from simulator.azure import interfaces
from tests.laws import cosmos_oracle as oracle
from tests.laws import names_oracle
from tests.laws.cosmos_story import ACCOUNTS, Story
from tests.laws.cosmos_witness import Witness
from tests.mortal import Killed, Mortal
from tests.world import KEY, World, as_event

CLOSED = {"done", "failed", "refused", "unknown"}


class AppSide(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.doc = oracle.document()
        self.w = self.world.fresh(names_oracle.text(self.doc))
        self.witness = Witness(cloud=self.cloud, now=self.w.clock, doc=copy.deepcopy(self.doc))
        self.witness.watch()
        self.story = Story(self.w)
        self.mortal = Mortal(self.w.app)
        self.doom: int | None = None
        self.late: list[dict[str, Any]] = []
        self.at: datetime | None = None

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

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

    # --- time -------------------------------------------------------------------------------------------

    def pass_time(self, seconds: int, told: bool) -> None:
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

    # --- the end ------------------------------------------------------------------------------------------

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
            tried = ("refresh sent", "refresh refused")
            done = {what: n for what, n in self.witness.counted.items() if not what.startswith(tried)}
            written = [*written, done][-2:]
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
                assert self.is_left(change), f"law 8: still to do: {change}"

    def is_left(self, change: dict[str, Any]) -> bool:
        if change["kind"] != "refresh":
            return False
        own = self.cloud.get(change["subject"])
        stuck = own is not None and oracle.stuck(own, self.cloud.get(own.item.target))
        return self.doc["modes"]["refresh"] == "plan" or bool(change.get("blocked")) or stuck

    def books_are_closed(self) -> None:
        months = {f"journal{at:%Y%m}" for at in (self.w.clock.start, self.w.clock())}
        sent = [row.data for month in sorted(months) for row in self.w.rows(month) if row.data["kind"] == "refresh"]
        results = Counter(str(row["result"]) for row in (*self.w.changes(), *sent) if row["result"] != "skipped")
        assert set(results) <= CLOSED, f"law 9: rows are {dict(results)}"
        assert not [row for row in self.w.rows("targets") if row.rk.startswith(("i!", "o!"))]

    # --- words --------------------------------------------------------------------------------------------

    def remembered(self, texts: list[str]) -> str:
        """Also shown where the same story does not fail twice."""
        text = "\n".join(texts)
        print(f"FAILED {text}")
        return text

    def says(self, what: str, value: Any) -> None:
        self.doc[what] = {**self.doc[what], **value}
        text = names_oracle.text(self.doc)
        assert self.w.valid(text), text
        self.w.set_policy(text)
        self.witness.doc = copy.deepcopy(self.doc)

    def fill(self, full: bool) -> None:
        """A subnet has no address left, or all that nobody has."""
        for pool in self.cloud.subnets.values():
            pool.next = pool.network.num_addresses if full else interfaces.RESERVED
