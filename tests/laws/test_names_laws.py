"""A state machine about names: several hubs with changing policies, contests, zone groups, foreign records, trouble.

Everybody is approved, so that every step is about names. The witness judges each write of a record when it happens; at
the end faults heal, people release what waits, sweeps run until quiet: then each hub must be what the oracle says.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from functions import events as event_function
from shared import byhand, settle, sweep
from shared.azure import releases
from shared.byhand import Problem
from shared.errors import Passing
from simulator.azure import records as platform
from tests.laws import names_oracle as oracle
from tests.laws.effort import effort
from tests.laws.names_witness import Witness
from tests.mortal import Killed, Mortal
from tests.world import DATA, HUB, KEY, STRANGER, TEAM, World, as_event

BLOB, FILE = oracle.ZONES["blob"], oracle.ZONES["file"]
ACCOUNTS = {"acct1": ("acct1", "data"), "acct2": ("acct2", "data"), "twin": ("acct1", "other")}
SLOTS = {  # endpoint: (requester, target, group, region, network)
    "a1": (TEAM, "acct1", "blob", "westeurope", "vnet"),
    "a2": (TEAM, "acct1", "blob", "eastus", "vnet"),
    "a3": (TEAM, "acct1", "blob", "eastus", "spoke"),
    "s1": (STRANGER, "acct1", "blob", "westeurope", "vnet"),
    "f1": (TEAM, "acct1", "file", "westeurope", "vnet"),
    "b1": (TEAM, "acct2", "blob", "West Europe", "spoke"),
    "b2": (STRANGER, "acct2", "blob", "eastus", "vnet"),
    "t1": (TEAM, "twin", "blob", "westeurope", "vnet"),
}
PLACES = ("net", "net2")
NAMES = (("acct1", BLOB), ("acct1", BLOB), ("acct2", BLOB), ("acct1", FILE))
HUBS = ("west", "east", "one")
ASPECTS: dict[str, tuple[Any, ...]] = {  # of one hub; None: nothing is said
    "serves": (
        {"all": True},
        {"all": True, "regions": ["westeurope"]},
        {"all": True, "regions": ["East US"]},
        {"subscriptions": [TEAM]},
        {"subscriptions": [STRANGER, TEAM]},
        {"subscriptions": [TEAM], "tags": {"env": "prod"}},
        {"networks": [oracle.SPOKE]},
        {"management_groups": [oracle.CORP]},
    ),
    "region": (None, "westeurope", "East US"),
    "networks": (None, [oracle.SPOKE]),
    "ttl": (None, 60),
    "adopt": (None, True, False),
    "records": (None, "upsert-only", "sync"),
    "modes": (None, {"delete": "plan"}, {"put": "plan"}, {"put": "off", "delete": "off"}),
}
A2 = f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/a2"
TWIN = f"/subscriptions/{DATA}/resourceGroups/other/providers/Microsoft.Storage/storageAccounts/acct1"
SHARED = ["acct1.blob.core.windows.net"]
WHOLE: dict[str, tuple[Any, ...]] = {  # of the whole policy
    "owner": ("contoso-hub", "contoso-hub", "new-hub"),
    "previous_owners": (None, ["old-hub"], ["contoso-hub", "old-hub"]),
    "adopt": (None, True),
    "records": (None, "upsert-only"),
    "ttls": (None, {BLOB: 600}),
    "owners": (None, [{"names": SHARED, "endpoint": A2}], [{"names": SHARED, "target": TWIN}]),
    "caps": (None, {"deletions_per_settle": 1, "deletions_per_sweep": 1}, {"deletions_per_settle": 0}),
    "modes": (None, {"put": "plan", "delete": "plan"}, {"delete": "off"}),
}
TROUBLE: tuple[dict[str, Any], ...] = (
    {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "17"}},
    {"status": 500},
    {"status": 503},
    {"drop": True},
    {"status": 403, "code": "AuthorizationFailed", "message": "The client has no right to do this."},
    {"status": 404, "code": "SubscriptionNotFound"},
)
_DNS, _ARM = (
    "privateDnsZones",
    ("privateEndpoints/[^/]+$", "privateEndpointConnections", "privateDnsZoneGroups", "Interfaces"),
)
FAULTS: tuple[dict[str, Any], ...] = (
    *({"path": _DNS, "method": method, **one} for one in TROUBLE for method in ("GET", "PUT", "DELETE")),
    *({"path": path, "method": "GET", **one} for one in TROUBLE for path in _ARM),
    *({"path": "ResourceGraph", **one} for one in TROUBLE[:2]),
    *({"path": _DNS, "method": "PUT", "after": True, **one} for one in ({"drop": True}, {"status": 503})),
    *({"path": _DNS, "method": "DELETE", "after": True, **one} for one in ({"drop": True}, {"status": 503})),
    *({"path": _DNS, "method": one, "status": 412, "code": "PreconditionFailed"} for one in ("PUT", "DELETE")),
)
CLOSED = {"done", "failed", "refused", "unknown"}

slots = st.sampled_from(sorted(SLOTS))
live_slots = st.integers(0, 20)
places = st.sampled_from(PLACES)
copies = st.sampled_from(oracle.COPIES)
names = st.sampled_from(NAMES)
hubs = st.sampled_from(HUBS)


class Names(RuleBasedStateMachine):
    world: World
    total: ClassVar[Counter[str]] = Counter()
    """What was tried, over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.doc = oracle.document()
        self.w = self.world.fresh(oracle.text(self.doc))
        self.witness = Witness(self.w.azure.world, self.w.clock, [copy.deepcopy(self.doc)])
        self.witness.watch()
        self.mortal = Mortal(self.w.app)
        self.doom: int | None = None
        self.late: list[dict[str, Any]] = []
        self.join_corp()
        for account in ACCOUNTS:
            self.comes(account)

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

    @initialize(
        early=st.sampled_from([True, True, True, False]),
        grouped=st.booleans(),
        missing=st.sets(copies, max_size=2),
        now=st.lists(slots, min_size=2, max_size=6, unique=True),
        said=st.lists(st.tuples(hubs, st.sampled_from(sorted(ASPECTS)), st.integers(0, 20)), max_size=3),
        adopt=st.booleans(),
    )
    def begins(
        self,
        early: bool,
        grouped: bool,
        missing: set[str],
        now: list[str],
        said: list[tuple[str, str, int]],
        adopt: bool,
    ) -> None:
        """`early`: a sweep has allowed deletions. `grouped`: one has a zone group from the start. `adopt`: there are
        records from before, and the policy adopts."""
        for hub, what, which in said:
            self.a_hub_changes(hub, what, which)
        self.says(self.doc, "adopt", adopt)
        for zone in oracle.COPIES:
            if zone not in missing:
                self.zone_comes(zone)
        for slot in now:
            self.somebody_asks(slot, "net", False, True)
        for number, hub in enumerate(HUBS if adopt else ()):
            self.a_foreign_record_is_put_in_the_way(("acct1", BLOB), hub, number == 0, "ticket")
        if grouped:
            self.a_zone_group_is_attached(0, set(oracle.COPIES[:4]), False, early)
        self.everything_arrives()
        if early:
            self.the_sweep_runs()

    # --- the app's side: everything it does may end in sudden death -------------------------------

    def alive(self, work: Any) -> bool:
        """Let the app do something; False when it died meanwhile (it is a new process afterwards)."""
        before = self.mortal.steps
        self.mortal.dies_at(self.doom)
        try:
            self.w.run(work)
        except Killed:
            self.w.run(self.mortal.buried())
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
        for event in batch:
            while not self.alive(event_function.events(as_event(event))):
                pass

    def deliver_all(self) -> None:
        self.deliver(self.w.azure.outbox[:])
        self.w.azure.outbox.clear()

    # --- endpoints and targets ----------------------------------------------------------------------

    @rule(slot=slots, place=places, tagged=st.booleans(), manual=st.sampled_from([True, True, False]))
    def somebody_asks(self, slot: str, place: str, tagged: bool, manual: bool) -> None:
        """A new endpoint, or its tags change."""
        subscription, account, group, region, network = SLOTS[slot]
        if self.cloud.get(self.target(account).lower()) is None:
            return
        tags = {"env": "prod"} if tagged else {}
        found = self.cloud.get(self.endpoint(slot, place).lower())
        where = f"{self.w.network(network, subscription, place)}/subnets/default".lower()
        if found is not None and found.item.subnet.lower() != where:
            return  # it was moved here, and its subnet was not: Azure does not change that
        self.w.asks(
            self.target(account),
            slot,
            subscription,
            group,
            manual=found.item.manual if found else manual,
            resource_group=place,
            location=region,
            network=network,
            tags=tags,
        )

    @rule(which=live_slots, told=st.booleans())
    def an_endpoint_goes(self, which: int, told: bool) -> None:
        if found := self.some(which):
            self.w.removes(found.path.id)
            if told:
                self.everything_arrives()

    @rule(which=live_slots)
    def an_endpoint_moves(self, which: int) -> None:
        if found := self.some(which):
            place = PLACES[1 - PLACES.index(found.path.group)]
            if self.cloud.get(found.path.under(found.path.subscription, place)) is None:
                self.w.moves(found.path.id, place)

    @rule(which=live_slots, between=st.sampled_from([None, "a1", "b1"]))
    def an_endpoint_is_made_again(self, which: int, between: str | None) -> None:
        """Gone and back under its id before anybody looks; its address may have gone to another."""
        if found := self.some(which):
            slot, place = found.path.name, found.path.group
            self.w.removes(found.path.id)
            if between:
                self.somebody_asks(between, "net", False, True)
            self.somebody_asks(slot, place, True, True)

    @rule(account=st.sampled_from(sorted(ACCOUNTS)))
    def a_target_goes_or_comes(self, account: str) -> None:
        if self.cloud.get(self.target(account).lower()) is None:
            self.comes(account)
        else:
            self.w.removes(self.target(account))
            self.everything_arrives()

    @rule(which=live_slots, gone=st.booleans())
    def a_connection_is_rejected_by_hand(self, which: int, gone: bool) -> None:
        found = [one for rows in self.cloud.connections.values() for one in rows.values()]
        if found:
            path = found[which % len(found)].path.id
            self.w.removes(path) if gone else self.w.decides(path, "Rejected")

    # --- zones, zone groups, records ------------------------------------------------------------------

    @rule(zone=copies)
    def a_zone_goes_or_comes(self, zone: str) -> None:
        if self.cloud.get(zone.lower()) is None:
            self.zone_comes(zone)
        else:
            self.w.removes(zone)

    @rule(
        which=live_slots,
        zones=st.sets(copies, min_size=1, max_size=3),
        twice=st.sampled_from([False, False, True]),
        silent=st.booleans(),
    )
    def a_zone_group_is_attached(self, which: int, zones: set[str], twice: bool, silent: bool) -> None:
        """`silent`: from now on groups write nothing, and say nothing."""
        self.w.azure.switch(group_silent=silent)
        found, there = self.some(which), [one for one in sorted(zones) if self.cloud.get(one.lower())]
        if found is None or not there:
            return
        configs = [{"name": f"z{n}", "properties": {"privateDnsZoneId": one}} for n, one in enumerate(there)]
        for _ in range(1 + twice):
            body = {"properties": {"privateDnsZoneConfigs": configs}}
            answer = self.w.arm("PUT", f"{found.path.id}/privateDnsZoneGroups/default", body)
            assert answer.status_code in (200, 201), answer.text
            if twice:  # Terraform and a policy fight over it
                self.a_zone_group_is_removed(which)

    @rule(which=live_slots)
    def a_zone_group_is_removed(self, which: int) -> None:
        if found := self.some(which):
            self.w.removes(f"{found.path.id}/privateDnsZoneGroups/default")

    @rule(name=names, zone=st.sampled_from(HUBS))
    def a_record_is_deleted_by_hand(self, name: tuple[str, str], zone: str) -> None:
        if self.cloud.get(oracle.zone_id(zone, name[1]).lower()):
            self.w.removes(self.path(name, zone))

    @rule(name=names, hub=hubs, note=st.booleans(), right=st.booleans())
    def our_record_is_changed_by_hand(self, name: tuple[str, str], hub: str, note: bool, right: bool) -> None:
        """With our mark it stays ours and is healed; what people noted there stays."""
        record = oracle.records(self.cloud).get((oracle.zone_id(hub, name[1]).lower(), name[0]))
        if record is not None and oracle.ours(self.doc, record):
            more = {"ticket": "INC-7"} if note else {}
            at = oracle.addresses(record) if right else ("10.99.0.1",)
            self.writes(name, hub, at, {**(record.metadata or {}), **more})

    @rule(
        name=names,
        hub=hubs,
        right=st.booleans(),
        mark=st.sampled_from(["none", "creator", "deployment", "previous", "auto", "ticket"]),
    )
    def a_foreign_record_is_put_in_the_way(self, name: tuple[str, str], hub: str, right: bool, mark: str) -> None:
        zone = self.cloud.get(oracle.zone_id(hub, name[1]).lower())
        if zone is None:
            return
        held = [
            addresses
            for own in self.cloud.of_type("Microsoft.Network/privateEndpoints")
            for (at_zone, record, _), addresses in oracle.names(own).items()
            if (at_zone, record) == (name[1], name[0])
        ]
        at = held[0] if right and held else ("10.88.0.1",)
        whose = {"managedBy": "linkkeeper", "endpoint": self.endpoint("a1", "net"), "guid": "x", "target": TWIN}
        if mark == "auto":
            platform.register(self.cloud, zone, name[0], at[0])
            return
        metadata = {
            "none": None,
            "ticket": {"ticket": "INC-8"},
            "creator": {"creator": "another team"},
            "deployment": {**whose, "owner": "contoso-hub", "deployment": "other"},
            "previous": {**whose, "owner": "old-hub", "deployment": "local"},
        }[mark]
        self.writes(name, hub, at, metadata)

    # --- people ---------------------------------------------------------------------------------------

    @rule(hub=hubs, what=st.sampled_from(sorted(ASPECTS)), which=st.integers(0, 20))
    def a_hub_changes(self, hub: str, what: str, which: int) -> None:
        row = next(one for one in self.doc["hubs"] if one["name"] == hub)
        self.says(row, what, ASPECTS[what][which % len(ASPECTS[what])])

    @rule(what=st.sampled_from(sorted(WHOLE)), which=st.integers(0, 20))
    def the_policy_changes(self, what: str, which: int) -> None:
        if which == 20:
            self.the_policy_breaks()
            return
        self.says(self.doc, what, WHOLE[what][which % len(WHOLE[what])])

    def the_policy_breaks(self) -> None:
        self.w.set_policy("version: 1\nowner: contoso-hub\nrules: [{name: x, verdict: aprove}]\n")
        self.witness.valid = False

    def the_policy_is_mended(self) -> None:
        self.says(self.doc, "version", 1)

    @rule()
    def a_person_releases(self) -> None:
        self.releases()

    # --- events, clocks, trouble ------------------------------------------------------------------------

    @rule(order=st.randoms(use_true_random=False), lost=st.sampled_from("nly"), twice=st.booleans(), old=st.booleans())
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
        self.time_passes(3)

    @rule()
    def time_goes_by(self) -> None:
        self.everything_arrives()

    @rule(seconds=st.sampled_from([3, 30, 160, 1000, 90000]))
    def time_passes(self, seconds: int) -> None:
        self.w.clock.skip(seconds=seconds)
        self.work()

    @rule()
    def the_sweep_runs(self) -> None:
        quiet = not self.w.rows("due") and self.witness.valid
        before, agreed = self.witness.deleted, len(self.witness.released)
        self.witness.begin()
        self.witness.swept = True
        self.alive(sweep.sweep(self.w.app))
        self.work()
        most = self.doc.get("caps", {}).get("deletions_per_sweep", 100)
        gone = self.witness.deleted - before
        if quiet and not agreed:
            assert gone <= most, f"caps: a sweep deleted {gone}, more than {most}"

    @rule(fault=st.sampled_from(FAULTS), times=st.sampled_from([1, 1, 2, 5, 0]))
    def something_fails(self, fault: dict[str, Any], times: int) -> None:
        self.w.azure.fault(principal="app", times=times, **fault)

    @rule(subscriptions=st.sampled_from([(TEAM,), (STRANGER,), (HUB,)]), how=st.sampled_from(["forbidden", "notfound"]))
    def rights_are_lost(self, subscriptions: tuple[str, ...], how: str) -> None:
        self.w.azure.switch(foreign_reads=how)
        self.w.azure.foreign(subscriptions)

    @rule()
    def trouble_is_over(self) -> None:
        self.w.azure.forget_faults()
        self.w.azure.foreign([])
        self.join_corp()

    @rule(step=st.integers(0, 60))
    def the_worker_will_die(self, step: int) -> None:
        self.doom = step

    # --- what must hold after every rule ------------------------------------------------------------------

    @invariant()
    def no_law_is_broken(self) -> None:
        assert not self.witness.broken, "\n".join(self.witness.broken)
        if self.witness.adopted:
            rows = {str(row["subject"]).lower() for row in self.w.changes() if row.get("adopted") == "yes"}
            assert set(self.witness.adopted) <= rows, f"law 2: {self.witness.adopted} adopted, journalled: {rows}"

    # --- the end ------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if not self.witness.broken:
                self.ends()
        finally:
            self.total.update(self.witness.counted)
            self.witness.leave()

    def ends(self) -> None:
        self.doom = None
        self.trouble_is_over()
        for row in (self.doc, *self.doc["hubs"]):
            row.pop("modes", None)
        self.the_policy_is_mended()
        for zone in oracle.COPIES:
            self.zone_comes(zone)
        self.w.run(self.w.app.worklist.replay())
        self.sweep_until_quiet()
        self.no_law_is_broken()
        wrong = oracle.wrong(self.cloud, self.doc)
        assert not wrong, "\n".join(wrong)
        self.nothing_is_left_to_do()
        self.books_are_closed()

    def sweep_until_quiet(self) -> None:
        for _ in range(10):
            self.w.clock.skip(hours=2)
            self.witness.begin()
            self.witness.swept = True
            found = self.w.run(sweep.sweep(self.w.app))
            released = self.releases()
            for _ in range(12):
                self.deliver_all()
                self.work()
                released = self.releases() or released
                if not self.due():
                    break
                self.w.clock.skip(seconds=155)
            suspects = [subject for _, subject in found.suspects if not self.is_kept(str(subject))]
            if found.complete and not suspects and not self.due() and not released:
                return
        raise AssertionError(
            f"never quiet: {found.suspects} {self.w.rows('due')}; {oracle.wrong(self.cloud, self.doc)}"
        )

    def due(self) -> list[Any]:
        """A dead worker may leave its lease behind: it is in nobody's way."""
        return [row for row in self.w.rows("due") if row.rk != "lease"]

    def nothing_is_left_to_do(self) -> None:
        """Law 8."""
        for account in ACCOUNTS:
            number = self.w.run(byhand.ask(self.w.app, "plan", {"target": self.target(account)}, KEY))
            self.work()
            found = self.w.run(byhand.operation(self.w.app, number))
            assert found["status"] == "succeeded", found
            for change in found["result"]["plan"]["changes"]:
                kept = change["kind"] == "delete" and self.is_kept(change["subject"])
                assert kept, found["result"]["plan"]

    def books_are_closed(self) -> None:
        results = Counter(str(row["result"]) for row in self.w.changes())
        assert set(results) <= CLOSED, f"law 9: rows are {dict(results)}"
        assert not [row for row in self.w.rows("targets") if row.rk.startswith(("i!", "o!"))]

    def is_kept(self, record: str) -> bool:
        """A leftover where nothing is ever deleted."""
        zone, _, name = record.lower().rpartition("/a/")
        hub = oracle.hub_of(self.doc, zone)
        left = hub is not None and oracle.upsert_only(self.doc, hub)
        return left and not oracle.claims(self.cloud, self.doc).get((zone, name))

    # --- words --------------------------------------------------------------------------------------------

    def says(self, row: dict[str, Any], what: str, value: Any) -> None:
        row.pop(what, None)
        if value is not None:
            row[what] = value
        text = oracle.text(self.doc)
        assert self.w.valid(text), text
        self.w.set_policy(text)
        if self.witness.valid:
            self.witness.docs = self.witness.docs[-1:]
        now = copy.deepcopy(self.doc)
        self.witness.docs = [now]
        self.witness.valid = True

    def releases(self) -> bool:
        """What waits is released, by the fingerprints that health names."""
        waits = self.w.health().get("waitsForRelease", [])
        offers = {one.fingerprint: one for one in self.w.run(releases.everything(self.w.app.tables, self.w.clock()))}
        for row in waits:
            try:
                self.w.run(byhand.release(self.w.app, row["fingerprint"], KEY))
            except Problem:
                continue
            self.witness.count("released")
            offer = offers.get(row["fingerprint"])
            records = [str(one).lower() for one in offer.records] if offer else ["a sweep"]
            self.witness.released |= dict.fromkeys(records, self.w.clock())
        return bool(waits)

    def some(self, which: int) -> Any:
        found = sorted(self.cloud.of_type("Microsoft.Network/privateEndpoints"), key=lambda one: one.path.key)
        return found[which % len(found)] if found else None

    def endpoint(self, slot: str, place: str) -> str:
        return self.w.endpoint_id(slot, SLOTS[slot][0], place)

    def target(self, account: str) -> str:
        name, group = ACCOUNTS[account]
        return self.w.id("Microsoft.Storage/storageAccounts", name, DATA, group)

    def comes(self, account: str) -> None:
        self.w.storage(*ACCOUNTS[account])

    def zone_comes(self, zone: str) -> None:
        if self.cloud.get(zone.lower()) is None:
            assert self.w.arm("PUT", zone, {"location": "global"}).status_code in (200, 201, 202)

    def join_corp(self) -> None:
        group = f"/providers/Microsoft.Management/managementGroups/{oracle.CORP}"
        self.w.arm("PUT", group, {"properties": {}})
        self.w.arm("PUT", f"{group}/subscriptions/{TEAM}")

    def path(self, name: tuple[str, str], hub: str) -> str:
        return f"{oracle.zone_id(hub, name[1])}/A/{name[0]}"

    def writes(self, name: tuple[str, str], hub: str, at: tuple[str, ...], metadata: dict[str, str] | None) -> None:
        properties: dict[str, Any] = {"ttl": 300, "aRecords": [{"ipv4Address": one} for one in at]}
        properties |= {"metadata": metadata} if metadata else {}
        self.w.arm("PUT", self.path(name, hub), {"properties": properties})


def test_whatever_happens_no_name_is_lost_and_nobodys_record_is_harmed(the_world: World) -> None:
    Names.world = the_world
    run_state_machine_as_test(Names, settings=effort(15, stateful_step_count=30))
