"""The one big state machine: whatever happens in whatever order, no safety law breaks, and in the end all is right.

Endpoints come, go, move and come back under the same id; people approve, write records by hand and change the policy;
events are late, doubled, reordered, lost; calls fail; the worker dies between any two of its steps. After every rule
the witness inside the small Azure must have seen nothing forbidden. At the end faults heal and the sweep runs until
quiet: then the cloud must be what the oracle says (laws 1-4, 6-10).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from functions import events as event_function
from shared import byhand, settle, sweep
from shared.byhand import Caller, Problem
from shared.errors import Passing
from tests.laws import oracle
from tests.laws.effort import effort
from tests.laws.witness import Witness
from tests.mortal import Killed, Mortal
from tests.world import HUB, STRANGER, TEAM, World, as_event

PERSON = Caller(name="function key", person=False)
PATHS = ("privateEndpointConnections", "privateEndpoints/", "privateDnsZones", "subscriptions")
TROUBLE: tuple[dict[str, Any], ...] = (
    {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "17"}},
    {"status": 500},
    {"status": 503, "after": True},
    {"drop": True},
    {"drop": True, "after": True},
    {"status": 403, "code": "AuthorizationFailed", "message": "The client has no right to do this."},
    {"status": 404, "code": "SubscriptionNotFound"},
    {"status": 409, "code": "ScopeLocked", "message": "The scope is locked."},
)
SLOTS = {  # endpoint name: (requester, target, group)
    "a1": (TEAM, "acct1", "blob"),
    "a2": (TEAM, "acct1", "blob"),
    "a3": (TEAM, "acct1", "file"),
    "b1": (TEAM, "acct2", "blob"),
    "s1": (STRANGER, "acct1", "blob"),
    "s2": (STRANGER, "acct2", "file"),
    "r1": (oracle.OUTLAW, "acct1", "blob"),
}
PLACES = ("net", "net2")
RECORDS = [("blob", "acct1"), ("file", "acct1"), ("blob", "acct2")]
POLICIES = (oracle.TEAM_ONLY, oracle.BLOB_ONLY, oracle.EVERYBODY, oracle.NO_STRANGER, oracle.INVALID)
CALLS = {"PUT": ("approve", "reject", "put"), "DELETE": ("delete",)}
CLOSED = {"done", "failed", "refused", "unknown"}

slots = st.sampled_from(sorted(SLOTS))
places = st.sampled_from(PLACES)
records = st.sampled_from(RECORDS)


class Converges(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.w = self.world.fresh(oracle.TEAM_ONLY.text)
        self.policy = oracle.TEAM_ONLY
        self.witness = Witness(self.w.azure.world, self.w.clock, self.policy)
        self.witness.watch()
        assert all(self.w.valid(one.text) == one.valid for one in POLICIES), "a policy of this test is not what it says"
        self.mortal = Mortal(self.w.app)
        self.deaths = 0
        self.doom: int | None = None
        self.called: Counter[tuple[str, str]] = Counter()
        for group in oracle.ZONES:
            self.w.zone(oracle.ZONES[group])
        for account in ("acct1", "acct2"):
            self.w.storage(account)

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

    # --- the app's side: everything it does may end in sudden death -------------------------------

    def alive(self, work: Any) -> bool:
        """Let the app do something; False when it died meanwhile (it is a new process afterwards)."""
        before = self.mortal.steps
        self.mortal.dies_at(self.doom)
        try:
            self.w.run(work)
        except Killed:
            self.w.run(self.mortal.buried())
            self.deaths, self.doom = self.deaths + 1, None
            self.reborn()
            return False
        except Passing:
            pass  # a timer or Event Grid tries again
        finally:
            self.mortal.dies_at(None)
        if self.doom is not None:
            self.doom -= self.mortal.steps - before
        return True

    def reborn(self) -> None:
        self.w.restart()
        self.mortal = Mortal(self.w.app)

    def work(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            ripe = self.w.ripe()
            if not ripe:
                return
            for item in ripe:
                self.alive(settle.work(item, self.w.app))

    def deliver(self, batch: list[dict[str, Any]]) -> None:
        for event in batch:
            while not self.alive(event_function.events(as_event(event))):
                pass  # Event Grid had no answer: again

    # --- what happens in Azure --------------------------------------------------------------------

    @rule(slot=slots, place=places, manual=st.sampled_from([True, True, True, False]))
    def somebody_asks(self, slot: str, place: str, manual: bool) -> None:
        subscription, account, group = SLOTS[slot]
        target = self.w.id("Microsoft.Storage/storageAccounts", account)
        if self.cloud.get(target.lower()) is not None and not self.there(slot, place):
            self.w.asks(target, slot, subscription, group, manual=manual, resource_group=place)

    @rule(slot=slots, place=places)
    def an_endpoint_goes(self, slot: str, place: str) -> None:
        if self.there(slot, place):
            self.w.removes(self.endpoint(slot, place))

    @rule(slot=slots, place=places)
    def an_endpoint_moves(self, slot: str, place: str) -> None:
        other = PLACES[1 - PLACES.index(place)]
        if self.there(slot, place) and not self.there(slot, other):
            group = f"/subscriptions/{SLOTS[slot][0]}/resourceGroups"
            body = {"resources": [self.endpoint(slot, place)], "targetResourceGroup": f"{group}/{other}"}
            answer = self.w.arm("POST", f"{group}/{place}/moveResources", body)
            assert answer.status_code in (202, 204), answer.text

    @rule(slot=slots)
    def an_endpoint_is_made_again(self, slot: str) -> None:
        """Gone and back under the same id, before anybody looks: another guid, another address."""
        if self.there(slot, "net"):
            self.an_endpoint_goes(slot, "net")
            self.somebody_asks(slot, "net", True)

    @rule(account=st.sampled_from(["acct1", "acct2"]))
    def a_target_goes_or_comes(self, account: str) -> None:
        target = self.w.id("Microsoft.Storage/storageAccounts", account)
        if self.cloud.get(target.lower()) is None:
            self.w.storage(account)
        else:
            self.w.removes(target)

    @rule(number=st.integers(0, 9), what=st.sampled_from(["Approved", "Rejected", "gone"]))
    def the_owner_acts_by_hand(self, number: int, what: str) -> None:
        found = oracle.all_connections(self.cloud)
        if not found:
            return
        path = found[number % len(found)].path.id
        if what == "gone":
            self.w.removes(path)
            return
        state = {"status": what, "description": "by hand"}
        self.w.arm("PUT", path, {"properties": {"privateLinkServiceConnectionState": state}})

    # --- records by hand --------------------------------------------------------------------------

    @rule(which=records)
    def a_record_is_deleted_by_hand(self, which: tuple[str, str]) -> None:
        self.w.removes(self.path(which))

    @rule(which=records, keep_mark=st.booleans())
    def a_record_is_changed_by_hand(self, which: tuple[str, str], keep_mark: bool) -> None:
        """With our mark it stays ours and is healed; without, it is somebody else's from now on."""
        record = oracle.records(self.cloud).get((oracle.ZONES[which[0]], which[1]))
        if record is not None:
            mark = dict(record.metadata or {}) if keep_mark else {"creator": "a person"}
            self.w.writes(which[1], "10.99.0.1", zone=oracle.ZONES[which[0]], metadata=mark)

    @rule(which=records)
    def a_foreign_record_is_put_in_the_way(self, which: tuple[str, str]) -> None:
        self.w.writes(which[1], "10.88.0.1", zone=oracle.ZONES[which[0]], metadata={"creator": "another team"})

    # --- people -----------------------------------------------------------------------------------

    @rule(number=st.integers(0, 9), verdict=st.sampled_from(["approve", "reject"]))
    def a_person_decides(self, number: int, verdict: str) -> None:
        held = self.w.held()
        if not held:
            return
        connection = held[number % len(held)]["connection"]
        row = next((one for one in oracle.all_connections(self.cloud) if one.path.key == connection.lower()), None)
        if row is not None:
            self.witness.granted.add((row.path.key, row.endpoint_guid, verdict))
        body = {"connectionId": connection, "verdict": verdict, "reason": "asked by telephone"}
        try:
            self.alive(byhand.grant(self.w.app, body, PERSON))
        except Problem:
            return

    @rule(policy=st.sampled_from(POLICIES))
    def the_policy_changes(self, policy: oracle.Policy) -> None:
        self.policy = self.witness.policy = policy
        self.w.set_policy(policy.text)

    # --- events, clocks, trouble --------------------------------------------------------------------

    @rule(order=st.randoms(use_true_random=False), lost=st.booleans(), twice=st.booleans())
    def events_arrive(self, order: Any, lost: bool, twice: bool) -> None:
        batch = list(self.w.azure.outbox)
        self.w.azure.outbox.clear()
        order.shuffle(batch)
        if lost:
            batch = batch[: len(batch) // 2]
        self.deliver(batch + batch[:2] if twice else batch)

    @rule()
    def workers_work(self) -> None:
        self.work()

    @rule(seconds=st.sampled_from([3, 30, 160, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.w.clock.skip(seconds=seconds)
        self.work()

    @rule()
    def the_sweep_runs(self) -> None:
        self.alive(sweep.sweep(self.w.app))
        self.work()

    @rule()
    def the_watch_runs(self) -> None:
        self.alive(sweep.watch(self.w.app))
        self.work()

    @rule(
        trouble=st.sampled_from(TROUBLE),
        path=st.sampled_from(PATHS),
        method=st.sampled_from(["GET", "PUT", "DELETE", ""]),
        times=st.sampled_from([1, 2, 5, 0]),
    )
    def azure_makes_trouble(self, trouble: dict[str, Any], path: str, method: str, times: int) -> None:
        self.w.azure.fault(principal="app", path=path, method=method, times=times, **trouble)

    @rule(subscriptions=st.sampled_from([(TEAM,), (STRANGER,), (TEAM, STRANGER), (HUB,)]), read=st.booleans())
    def rights_are_lost(self, subscriptions: tuple[str, ...], read: bool) -> None:
        """403 or 404 SubscriptionNotFound for everything there, and no events from there."""
        self.w.azure.switch(foreign_reads="forbidden" if read else "notfound")
        self.w.azure.foreign(subscriptions)

    @rule()
    def trouble_is_over(self) -> None:
        self.w.azure.forget_faults()
        self.w.azure.foreign([])

    @rule(step=st.integers(0, 60))
    def the_worker_will_die(self, step: int) -> None:
        self.doom = step

    # --- what must hold after every rule ------------------------------------------------------------

    @invariant()
    def no_safety_law_is_broken(self) -> None:
        assert not self.witness.broken, self.witness.broken

    @invariant()
    def no_call_without_its_row(self) -> None:
        """Law 9: every write of the app has its own row; a row too many only where a worker died in between."""
        for call in self.w.sent():
            if call["method"] in CALLS:
                self.called[(call["method"], call["path"].lower())] += 1
        self.w.azure.forget_calls()
        rows = Counter(
            (method, row["subject"].lower())
            for row in self.w.changes()
            for method, kinds in CALLS.items()
            if row["kind"] in kinds and not row["detail"].startswith("not sent")
        )
        assert not self.called - rows, f"calls without a row: {self.called - rows}"
        assert sum((rows - self.called).values()) <= self.deaths, f"rows without a call: {rows - self.called}"

    # --- the end ------------------------------------------------------------------------------------

    def teardown(self) -> None:
        self.doom = None
        self.trouble_is_over()
        if not self.policy.valid:
            self.the_policy_changes(oracle.TEAM_ONLY)
        self.w.run(self.w.app.worklist.replay())
        self.sweep_until_quiet()
        self.no_safety_law_is_broken()
        self.no_call_without_its_row()
        self.everything_is_right()

    def sweep_until_quiet(self) -> None:
        for _ in range(8):
            self.w.clock.skip(hours=2)
            found = self.w.run(sweep.sweep(self.w.app))
            for _ in range(12):
                self.deliver(self.w.azure.outbox[:])
                self.w.azure.outbox.clear()
                self.work()
                if not self.w.rows("due"):
                    break
                self.w.clock.skip(seconds=155)
            if found.complete and not found.suspects and not self.w.rows("due"):
                return
        raise AssertionError(f"never quiet: {found.suspects} {self.w.rows('due')}")

    def everything_is_right(self) -> None:
        self.decided()
        self.names_are_right()
        self.nothing_is_left_to_do()
        self.books_are_closed()

    def decided(self) -> None:
        pending = {c.path.key: c for c in oracle.all_connections(self.cloud) if c.state.status == "Pending"}
        for one in pending.values():
            said = self.policy.verdict(one.endpoint.subscription, one.groups)
            assert said == "hold", f"{one.endpoint.id} still waits, the policy says {said}"
        assert {row["connection"].lower() for row in self.w.held()} == set(pending)

    def names_are_right(self) -> None:
        live, present = oracle.claimants(self.cloud), oracle.records(self.cloud)
        for key in live.keys() | present.keys():
            record, wanted = present.get(key), live.get(key, {})
            if record is None:
                raise AssertionError(f"{key} has no record; it belongs to {wanted}")
            if oracle.ours(record):
                assert oracle.addresses(record) in wanted.values(), f"{key} is {record}; it belongs to {wanted}"

    def nothing_is_left_to_do(self) -> None:
        """Law 8."""
        for account in ("acct1", "acct2"):
            target = self.w.id("Microsoft.Storage/storageAccounts", account)
            number = self.w.run(byhand.ask(self.w.app, "plan", {"target": target}, PERSON))
            self.work()
            found = self.w.run(byhand.operation(self.w.app, number))
            assert found["status"] == "succeeded", found
            assert found["result"]["plan"]["changes"] == [], found["result"]["plan"]

    def books_are_closed(self) -> None:
        results = Counter(str(row["result"]) for row in self.w.changes())
        assert set(results) <= CLOSED, f"law 9: rows are {dict(results)}"
        assert not [row for row in self.w.rows("targets") if row.rk.startswith(("i!", "o!"))]
        assert not self.w.run(self.w.app.desk.running())

    # --- words --------------------------------------------------------------------------------------

    def endpoint(self, slot: str, place: str) -> str:
        return self.w.endpoint_id(slot, SLOTS[slot][0], place)

    def there(self, slot: str, place: str) -> bool:
        return self.cloud.get(self.endpoint(slot, place).lower()) is not None

    def path(self, which: tuple[str, str]) -> str:
        return f"{self.w.id('Microsoft.Network/privateDnsZones', oracle.ZONES[which[0]], HUB, 'dns')}/A/{which[1]}"


def test_whatever_happens_it_converges_and_never_breaks_a_safety_law(the_world: World) -> None:
    Converges.world = the_world
    run_state_machine_as_test(Converges, settings=effort(25, stateful_step_count=30))
