"""The whole language of policies against a cloud that changes at any moment: nobody is decided on who must not be.

Endpoints of several subscriptions ask, go, come back under another requester's name and move; tags, tenants and
management groups change; policies are random ones of the whole language; people agree and take it back; caps close and
are released. The notary inside the small Azure judges every decision at the moment it is sent (laws 1, 4, 9, 10). At
the end, all trouble over, everything is decided that the oracle decides, and nothing else (law 7).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from functions import events as event_function
from shared import byhand, policychange, settle, sweep
from shared.azure.tables import Tables
from shared.byhand import Caller, Problem
from shared.errors import Conflict, Passing
from simulator.azure import connections
from simulator.azure.tenancy import TENANT
from tests.laws import permits
from tests.laws.effort import effort
from tests.laws.permits import Facts, Grant, Request
from tests.laws.witness import Notary, Told, completed
from tests.mortal import Killed, Mortal
from tests.world import DATA, STRANGER, TEAM, World, as_event

VENDOR, OTHER, FAR = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("e", 5), ("f", 6), ("9", 8)))
ASKING = (TEAM, STRANGER, VENDOR, OTHER)
ELSEWHERE = "66666666-0000-4000-8000-000000000006"
TREE = {"teams": None, "lake": "teams", "vendors": None}
GROUPS = "/providers/Microsoft.Management/managementGroups"
STORAGE, COSMOS, VAULT = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.DocumentDB/databaseAccounts",
    "Microsoft.KeyVault/vaults",
)
SEARCH = "Microsoft.Search/searchServices"
TARGETS = {  # name: (type, subscription, groups that can be asked for)
    "acct1": (STORAGE, DATA, ("blob", "file")),
    "acct2": (STORAGE, DATA, ("blob",)),
    "cosmos": (COSMOS, DATA, ("Sql",)),
    "vault": (VAULT, DATA, ("vault",)),
    "search": (SEARCH, DATA, ("searchService",)),
    "far": (STORAGE, FAR, ("blob",)),
}
PEOPLE = [
    *(
        Caller(
            name=f"person 00000000-0000-4000-8000-00000000000{n}", person=True, roles=frozenset({"Linkkeeper.Approver"})
        )
        for n in (1, 2)
    ),
    Caller(name="function key", person=False),
]
APP: dict[str, Any] = {"principal": "app"}
READS: tuple[dict[str, Any], ...] = (
    {**APP, "method": "GET", "path": "/tags/default"},
    {**APP, "method": "POST", "path": "ResourceGraph"},
    {"principal": "anonymous", "method": "GET", "path": "/subscriptions/"},
    {**APP, "method": "GET", "path": "/privateEndpoints/"},
    {**APP, "method": "GET", "path": "privateEndpointConnections"},
)
REFUSALS: tuple[dict[str, Any], ...] = (
    {"status": 403, "code": "AuthorizationFailed"},
    {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "7"}},
    {"status": 503},
    {"status": 404, "code": "SubscriptionNotFound"},
)
LOST: tuple[dict[str, Any], ...] = (
    {"drop": True, "after": True},
    {"status": 503, "after": True},
    {"drop": True},
    {"status": 403, "code": "AuthorizationFailed"},
    {"status": 409, "code": "AnotherOperationInProgress"},
)
CHANGES = (
    *("replaced", "again", "tags", "transferred", "placed"),
    *("policy", "broken", "off", "taken back", "by hand", "gone"),
)
INVALID = "version: 1\nowner: contoso-hub\nrules: [{name: broken, verdict: aprove}]\n"

askers = st.sampled_from(ASKING)
targets = st.sampled_from(["acct1", "acct1", "acct2", "cosmos", "cosmos", "vault", "search", "far"])
names = st.sampled_from(["pe1", "pe2"])
places = st.sampled_from(["net", "net2"])
seconds = st.sampled_from([0, 6])
follows = st.sampled_from(["", "events", "both", "both", "both"])
numbers = st.integers(0, 9)
trees = st.sampled_from(["teams", "lake", "vendors", "", ""])
tags = st.sampled_from([{}, {"stage": "open"}, {"Stage": "closed"}, {"STAGE": "open", "tier": "1"}])


# --- policies -----------------------------------------------------------------------------------------


def place(subscription: str, group: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def pattern(subscription: str, group: str, name: str) -> str:
    return f"{place(subscription, group)}/providers/Microsoft.Network/privateEndpoints/{name}"


def some(values: Any, most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


def _who(subscriptions: tuple[str, ...], vendors: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from(subscriptions)
    exact = st.builds(
        pattern, st.sampled_from(ASKING), st.sampled_from(["net", "NET2"]), st.sampled_from(["pe1", "PE2"])
    )
    glob = st.builds(pattern, one, st.sampled_from(["net", "n*", "*"]), st.sampled_from(["pe?", "*", "pe1"]))
    kinds = {
        "subscriptions": st.just(list(subscriptions)) | some(subscriptions, 3),
        "resource_groups": st.lists(
            st.builds(place, one, st.sampled_from(["net", "Net2"])), min_size=1, max_size=2, unique=True
        ),
        "endpoints": st.lists(exact | glob, min_size=1, max_size=2, unique=True),
        "guids": some(range(6)),
        "management_groups": some(["teams", "Lake", "vendors"]),
    }
    named = st.sampled_from(["subscriptions", "subscriptions", *kinds]).flatmap(
        lambda kind: kinds[kind].map(lambda v: {kind: v})
    )
    both = st.tuples(named, named).map(lambda pair: {**pair[0], **pair[1]})
    ways = [named, named, both, st.just({"all": True})]
    if vendors:
        ways.append(some(vendors).map(lambda v: {"vendors": v}))
    return st.sampled_from(ways).flatmap(lambda way: way)


WHAT = st.sampled_from(
    [
        {"all": True},
        {"all": True},
        {"scopes": [f"/subscriptions/{DATA}"]},
        {"scopes": [f"/subscriptions/{DATA.upper()}/resourceGroups/DATA"]},
        {"types": [STORAGE, "microsoft.documentdb/databaseaccounts"]},
        {"ids": [f"{place(DATA, 'data')}/providers/{STORAGE}/acct1"]},
        {"tags": {"stage": "open"}},
        {"scopes": [f"/subscriptions/{DATA}"], "tags": {"Stage": "open"}},
        {"types": [COSMOS, VAULT, SEARCH, STORAGE], "tags": {"tier": "1", "stage": "open"}},
    ]
)
USUAL = {STORAGE: ["blob"], COSMOS: ["Sql"], SEARCH: []}


@st.composite
def vendors(draw: st.DrawFn) -> list[dict[str, Any]]:
    if not draw(st.booleans()):
        return []
    shared = draw(st.booleans())
    ids = st.builds(pattern, st.just(VENDOR), st.sampled_from(["net", "net2"]), st.sampled_from(["pe1", "pe2"]))
    found: dict[str, Any] = {
        "name": "Vendor",
        "shared": shared,
        "endpoints": draw(st.lists(ids, min_size=1, max_size=2, unique=True)),
    }
    if draw(st.booleans()):
        found["subscriptions"] = [VENDOR]
    if draw(st.booleans()):
        found["usual"] = USUAL
    return [found]


@st.composite
def rules(draw: st.DrawFn, name: str, known: list[dict[str, Any]]) -> dict[str, Any]:
    rejects = draw(st.integers(0, 5)) == 0
    closed = any(vendor["shared"] for vendor in known) and not rejects  # `policy check` refuses its subscription there
    whose = tuple(one for one in ASKING if not (closed and one == VENDOR))
    named = ["VENDOR"] if known else []
    found: dict[str, Any] = {"name": name, "verdict": "reject" if rejects else "approve"}
    found["requesters"] = draw(_who(whose if not rejects else ASKING[1:], named))
    if rejects and found["requesters"].get("all"):
        found["requesters"] = {"subscriptions": [STRANGER]}  # else nothing is left to approve
    found["targets"] = draw(WHAT)
    usual = {kind.lower() for vendor in known for kind in vendor.get("usual", {})}
    if "vendors" in found["requesters"] and usual:
        found["targets"] = {"scopes": [f"/subscriptions/{DATA}"]}
    if draw(st.integers(0, 3)) == 0:
        found["groups"] = draw(st.sampled_from([["blob"], ["Blob", "Sql"], ["blob", "file", "SQL", "vault"], ["file"]]))
    if draw(st.integers(0, 3)) == 0:
        found["tenants"] = draw(st.sampled_from([[TENANT], [TENANT.upper()], [TENANT, ELSEWHERE], [ELSEWHERE]]))
    if draw(st.integers(0, 19)) == 0:
        found["mode"] = draw(st.sampled_from(["plan", "off", "apply"]))
    if not rejects:
        found |= draw(_approval())
    return found


@st.composite
def _approval(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        found["approvals"] = draw(st.integers(0, 2))
    elif draw(st.integers(0, 2)) == 0:
        found["limit"] = draw(st.integers(1, 2))
    if draw(st.integers(0, 5)) == 0:
        found["approve_until"] = draw(st.sampled_from(["2020-02-29", "2099-12-31", "2020-01-01T00:00:00Z", "soon"]))
    return found


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Valid policies; guids are numbers of endpoints, `soon` is a time that comes soon: the machine fills them in."""
    known = draw(vendors())
    count = draw(st.integers(1, 4))
    found: dict[str, Any] = {
        "version": 1,
        "owner": "contoso-hub",
        "scope": {"subscriptions": [DATA]},
        "vendors": known,
        "rules": [draw(rules(f"rule {number}", known)) for number in range(count)],
    }
    if known and draw(st.booleans()):
        found["rules"][0] |= {
            "verdict": "approve",
            "requesters": {"all": True},
        }
    if draw(st.integers(0, 3)) == 0:
        caps = st.sampled_from([0, 1, 2, 100])
        found["caps"] = {"approvals_per_policy_change": draw(caps), "approvals_per_sweep": draw(caps)}
    if draw(st.integers(0, 4)) == 0:
        found["grants"] = {"approvals": 2}
    if draw(st.integers(0, 7)) == 0:
        found["defaults"] = draw(
            st.sampled_from([{"limit": 2}, {"tenants": [TENANT]}, {"mode": "plan"}, {"approvals": 1}])
        )
        if found["defaults"].get("approvals"):
            found["rules"] = [{key: value for key, value in one.items() if key != "limit"} for one in found["rules"]]
    return found


OPEN: dict[str, Any] = {
    "version": 1,
    "owner": "contoso-hub",
    "scope": {"subscriptions": [DATA]},
    "rules": [
        {"name": "open", "verdict": "approve", "requesters": {"all": True}, "targets": {"tags": {"stage": "open"}}},
        {
            "name": "team",
            "verdict": "approve",
            "requesters": {"subscriptions": [TEAM]},
            "targets": {"all": True},
            "limit": 2,
        },
    ],
}
ALL = {**OPEN, "rules": [{"name": "all", "verdict": "approve", "requesters": {"all": True}, "targets": {"all": True}}]}
NOBODY = {**OPEN, "rules": [{**ALL["rules"][0], "requesters": {"guids": [99]}, "targets": {"types": [SEARCH]}}]}


# --- the machine ----------------------------------------------------------------------------------------


class Approvals(RuleBasedStateMachine):
    world: World
    totals: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.w = self.world.fresh(INVALID)
        self.notary = Notary(self.w.azure, self.w.clock, self.open_rows)
        self.notary.watch()
        self.number = 0
        self.doc: dict[str, Any] | None = None
        self.faulty = self.died = False
        self.doom: int | None = None
        self.door = (self.w.app, Tables(self.w.app.clients, self.w.app.settings))
        self.mortal = Mortal(self.w.app)
        for group, parent in TREE.items():
            details = {"parent": {"id": f"{GROUPS}/{parent}"}} if parent else {}
            assert self.w.arm("PUT", f"{GROUPS}/{group}", {"properties": {"details": details}}).status_code < 300
        for name, (kind, subscription, _) in TARGETS.items():
            self.w.target(kind, name, subscription=subscription)
            self.tagged(name, {"Stage": "open", "tier": "1"} if name in ("acct1", "cosmos", "vault") else {})
        for who, group in ((TEAM, "lake"), (STRANGER, "vendors"), (OTHER, "teams")):
            self.placed(who, group)

    @initialize(doc=documents() | st.just(OPEN), stranger=st.booleans())
    def begins(self, doc: dict[str, Any], stranger: bool) -> None:
        if stranger:
            self.w.azure.subscription(STRANGER, tenant=ELSEWHERE)
        self.policy_is(doc)

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

    async def open_rows(self, connection: str) -> list[Mapping[str, Any]]:
        """Read past the app's own door to its tables: this is no step of the app's."""
        if self.door[0] is not self.w.app:
            self.door = (self.w.app, Tables(self.w.app.clients, self.w.app.settings))
        found: list[Mapping[str, Any]] = []
        for month in sorted({f"{at:%Y%m}" for at in (self.w.clock(), self.w.clock() - timedelta(hours=1))}):
            rows = await self.door[1].query(f"journal{month}", "result eq 'started'")
            found += [
                {**row.data, "place": f"{row.pk} {row.rk}"} for row in rows if row.data["subject"].lower() == connection
            ]
        return found

    # --- the app's side ---------------------------------------------------------------------------------

    def alive(self, work: Any) -> Any:
        before = self.mortal.steps
        self.mortal.dies_at(self.doom)
        self.died = False
        try:
            return self.w.run(work)
        except Killed:
            self.w.run(self.mortal.buried())
            self.doom, self.died = None, True
            self.restart()
        except Passing:
            self.died = True  # a timer or Event Grid tries again
        finally:
            self.mortal.dies_at(None)
            if self.doom is not None:
                self.doom = max(0, self.doom - (self.mortal.steps - before))
            self.notary.looked(whole=not (self.died or self.faulty))
        return None

    def work(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            ripe = self.w.ripe()
            if not ripe:
                return
            for item in ripe:
                self.alive(settle.work(item, self.w.app))

    def deliver(self, batch: list[dict[str, Any]]) -> None:
        for event in batch:
            self.alive(event_function.events(as_event(event)))
            if self.died:
                self.alive(event_function.events(as_event(event)))

    def follow(self, how: str) -> None:
        if how in ("events", "both"):
            self.events_arrive(0, False, False)
        if how in ("watch", "both"):
            self.the_watch_runs()

    # --- endpoints ----------------------------------------------------------------------------------------

    @rule(
        who=askers, at=targets, name=names, group=places, which=numbers,
        manual=st.sampled_from([True] * 9 + [False]), then=follows,
    )  # fmt: skip
    def somebody_asks(self, who: str, at: str, name: str, group: str, which: int, manual: bool, then: str) -> None:
        self.ask(who, at, name, group, which, manual)
        self.follow(then)

    @rule(at=targets, which=numbers, then=follows)
    def everybody_asks(self, at: str, which: int, then: str) -> None:
        for who in ASKING:
            self.ask(who, at, "pe1", "net", which)
        self.follow(then)

    def ask(self, who: str, target: str, name: str, group: str, which: int = 0, manual: bool = True) -> None:
        kind, subscription, groups = TARGETS[target]
        path = pattern(who, group, name)
        if self.cloud.get(path.lower()) is None:
            wanted = groups[which % len(groups)]
            self.w.asks(self.w.id(kind, target, subscription), name, who, wanted, manual=manual, resource_group=group)

    def endpoint(self, number: int) -> Any:
        found = sorted(self.cloud.of_type("Microsoft.Network/privateEndpoints"), key=lambda one: one.path.key)
        return found[number % len(found)] if found else None

    def connection(self, number: int) -> connections.Connection | None:
        found = [one for rows in self.cloud.connections.values() for one in rows.values()]
        found.sort(key=lambda one: one.path.key)
        waits = [one for one in found if one.state.status == "Pending"] or found
        return waits[number % len(waits)] if waits else None

    @rule(number=numbers, who=askers)
    def an_endpoint_is_replaced(self, number: int, who: str) -> None:
        """Gone, and the same name asks again: often the same connection id, and another requester behind it."""
        own = self.endpoint(number)
        if own is not None:
            _, target, group = own.path, own.item.target.split("/")[-1], own.path.group
            self.w.removes(own.path.id)
            self.ask(who, target, own.path.name, group)

    @rule(number=numbers)
    def an_endpoint_is_made_again(self, number: int) -> None:
        own = self.endpoint(number)
        if own is not None:
            self.an_endpoint_is_replaced(number, own.path.subscription)

    @rule(number=numbers)
    def an_endpoint_goes(self, number: int) -> None:
        own = self.endpoint(number)
        if own is not None:
            self.w.removes(own.path.id)

    @rule(number=numbers)
    def an_endpoint_moves(self, number: int) -> None:
        own = self.endpoint(number)
        if own is None:
            return
        other = "net2" if own.path.group.lower() == "net" else "net"
        if self.cloud.get(pattern(own.path.subscription, other, own.path.name).lower()) is None:
            self.w.moves(own.path.id, other)

    @rule(number=numbers, what=st.sampled_from(["Approved", "Rejected", "gone"]))
    def the_owner_acts_by_hand(self, number: int, what: str) -> None:
        one = self.connection(number)
        if one is None:
            return
        if what == "gone":
            self.w.removes(one.path.id)
        else:
            state = {"status": what, "description": "by hand"}
            self.w.arm("PUT", one.path.id, {"properties": {"privateLinkServiceConnectionState": state}})

    # --- what lies around -----------------------------------------------------------------------------------

    @rule(at=targets, tags=tags, skip=seconds, then=follows)
    def tags_change(self, at: str, tags: dict[str, str], skip: int, then: str) -> None:
        self.tagged(at, tags)
        self.w.clock.skip(seconds=skip)
        self.follow(then)

    def tagged(self, at: str, tags: dict[str, str]) -> None:
        kind, subscription, _ = TARGETS[at]
        path = f"{self.w.id(kind, at, subscription)}/providers/Microsoft.Resources/tags/default"
        assert self.w.arm("PUT", path, {"properties": {"tags": tags}}).status_code == 200

    @rule(who=askers, tenant=st.sampled_from([TENANT, TENANT, ELSEWHERE]), skip=seconds, then=follows)
    def a_subscription_is_transferred(self, who: str, tenant: str, skip: int, then: str) -> None:
        self.w.azure.subscription(who, tenant=tenant)
        self.w.clock.skip(seconds=skip)
        self.follow(then)

    @rule(who=askers, group=trees, skip=seconds, then=follows)
    def a_subscription_changes_its_management_group(self, who: str, group: str, skip: int, then: str) -> None:
        self.placed(who, group)
        self.w.clock.skip(seconds=skip)
        self.follow(then)

    def placed(self, who: str, group: str) -> None:
        if self.cloud.is_foreign(who):
            return
        for one in TREE if not group else [group]:
            path = f"{GROUPS}/{one}/subscriptions/{who}"
            answer = self.w.arm("PUT" if group else "DELETE", path)
            assert answer.status_code < 500, answer.text

    @rule(who=askers, readable=st.booleans())
    def rights_come_and_go(self, who: str, readable: bool) -> None:
        self.w.azure.subscription(who, readable=readable)

    # --- the policy -----------------------------------------------------------------------------------------

    @rule(doc=documents(), skip=seconds, then=st.sampled_from(["", "watch", "watch", "sweep"]))
    def the_policy_changes(self, doc: dict[str, Any], skip: int, then: str) -> None:
        self.policy_is(doc)
        self.w.clock.skip(seconds=skip)
        if then == "watch":
            self.the_watch_runs()
        elif then == "sweep":
            self.the_sweep_runs()

    def policy_is(self, doc: dict[str, Any]) -> None:
        """The file is written; each text is new, so that each is a change."""
        self.number += 1
        guids = [
            one.item.guid
            for one in sorted(self.cloud.of_type("Microsoft.Network/privateEndpoints"), key=lambda o: o.path.key)
        ]
        soon = (self.w.clock() + timedelta(minutes=3)).isoformat()
        filled: dict[str, Any] = {**doc, "rules": [self.filled(one, guids, soon) for one in doc["rules"]]}
        filled["rules"][0]["ticket"] = f"CHG-{self.number}"
        first = self.doc is None
        self.doc = filled
        self.notary.docs.append(Told(at=self.w.clock(), what=filled))
        self.notary.capped.clear()
        if not first:
            self.cap("approvals_per_policy_change", self.waiting(), "the change approves too many")
        self.w.set_policy(permits.text(filled))
        assert self.w.valid(permits.text(filled)), "a policy of this test is not valid"

    @staticmethod
    def filled(one: dict[str, Any], guids: list[str], soon: str) -> dict[str, Any]:
        who = dict(one["requesters"])
        if "guids" in who:
            known = [
                guids[one] if one < len(guids) else f"00000000-0000-4000-8000-{one:012}"
                for one in who["guids"]
                if isinstance(one, int)
            ]
            who["guids"] = [one.upper() for one in known] or who["guids"]
        until = {"approve_until": soon} if one.get("approve_until") == "soon" else {}
        return {**one, "requesters": who, **until}

    @rule(skip=seconds, mended=st.sampled_from([True, True, False]))
    def the_policy_breaks(self, skip: int, mended: bool) -> None:
        self.policy_is_broken()
        self.w.clock.skip(seconds=skip)
        self.follow("both")
        if mended:
            self.policy_is_mended()

    def policy_is_broken(self) -> None:
        self.notary.docs.append(Told(at=self.w.clock(), what=None))
        self.w.set_policy(INVALID)

    def policy_is_mended(self) -> None:
        if self.doc is not None and self.notary.docs[-1].what is None:
            self.policy_is(self.doc)

    @rule(skip=seconds, again=st.sampled_from([True, True, False]))
    def approvals_are_switched_off(self, skip: int, again: bool) -> None:
        self.switched(False)
        self.w.clock.skip(seconds=skip)
        self.follow("both")
        if again:
            self.switched(True)

    @rule()
    def all_is_well_again(self) -> None:
        self.policy_is_mended()
        self.switched(True)
        self.trouble_is_over()
        self.follow("both")

    def switched(self, on: bool) -> None:
        self.notary.approvals_on.append(Told(at=self.w.clock(), what=on))
        self.w.run(self.w.app.desk.switch_approvals(on))

    # --- caps -------------------------------------------------------------------------------------------------

    def waiting(self) -> list[tuple[connections.Connection, str]]:
        """Held and known to the app as waiting: the connection in the cloud, and the endpoint that the app saw."""
        rows = {one.path.key: one for found in self.cloud.connections.values() for one in found.values()}
        held = ((rows.get(row["connection"].lower()), row["endpoint"]) for row in self.w.held())
        return [(one, who) for one, who in held if one is not None and one.endpoint.id.lower() == who.lower()]

    def cap(self, kind: str, found: list[tuple[connections.Connection, str]], why: str) -> None:
        """Those whom the policy approves whatever is true around them, where they are more than its cap."""
        assert self.doc is not None
        sure = []
        for one, who in found:
            request = Request(connection=one.path.key, target=one.target.key, endpoint=who)
            if (
                one.state.status == "Pending"
                and permits.judge(self.doc, request, Facts(), self.w.clock()).verdict == "approve"
            ):
                sure.append(one)
        if len(sure) > self.doc.get("caps", {}).get(kind, 100):
            self.notary.count(f"cap closed: {kind}")
            self.notary.capped += [(one, why) for one in sure]

    @rule(who=st.sampled_from(PEOPLE))
    def a_person_releases(self, who: Caller) -> None:
        self.release(who.name)
        self.work()

    def release(self, who: str) -> None:
        for cap in self.w.run(self.w.app.stored.read()).caps:
            if cap.closed:
                self.notary.capped.clear()
                self.notary.count("cap released")
                with suppress(Conflict):
                    self.alive(policychange.release(self.w.app, cap.fingerprint, who))

    @rule(most=st.integers(0, 3), at=st.sampled_from(["acct2", "search"]), sweeps=st.booleans(), released=st.booleans())
    def too_many_at_once(self, most: int, at: str, sweeps: bool, released: bool) -> None:
        """Four ask, and either a new policy or a sweep that nobody's event preceded would approve them all."""
        self.all_is_well_again()
        kind = "approvals_per_sweep" if sweeps else "approvals_per_policy_change"
        everybody = {**ALL, "caps": {kind: most}}
        self.policy_is(everybody if sweeps else NOBODY)
        for who in ASKING:
            self.ask(who, at, "pe4", "net")
        if sweeps:
            self.w.azure.outbox.clear()
        else:
            self.follow("both")
            self.policy_is(everybody)
        self.the_sweep_runs()
        self.follow("both")
        if released:
            self.a_person_releases(PEOPLE[0])

    @rule(at=st.sampled_from(["acct1", "cosmos"]), what=st.sampled_from(["tags", "tenant", "group"]), skip=seconds)
    def what_decided_a_moment_ago_changes(self, at: str, what: str, skip: int) -> None:
        """What was remembered approves nobody: one is approved, the fact changes, the next one asks."""
        self.all_is_well_again()
        facts: dict[str, tuple[dict[str, Any], Callable[[], Any], Callable[[], Any]]] = {
            "tags": (
                {"targets": {"tags": {"stage": "open"}}},
                lambda: self.tagged(at, {"stage": "open"}),
                lambda: self.tagged(at, {"stage": "closed"}),
            ),
            "tenant": (
                {"tenants": [TENANT]},
                lambda: self.w.azure.subscription(OTHER, tenant=TENANT),
                lambda: self.w.azure.subscription(OTHER, tenant=ELSEWHERE),
            ),
            "group": (
                {"requesters": {"management_groups": ["teams"]}},
                lambda: (self.w.azure.subscription(OTHER, tenant=TENANT, readable=True), self.placed(OTHER, "lake")),
                lambda: self.placed(OTHER, "vendors"),
            ),
        }
        part, before, after = facts[what]
        self.policy_is({**ALL, "rules": [{**ALL["rules"][0], **part}]})
        before()
        self.ask(OTHER, at, "pe6", "net")
        self.follow("both")
        after()
        self.w.clock.skip(seconds=skip)
        self.ask(OTHER, at, "pe7", "net")
        self.follow("both")

    @rule(at=st.sampled_from(["acct1", "cosmos"]), who=st.sampled_from(["all", "group"]))
    def a_shared_vendor_asks(self, at: str, who: str) -> None:
        """Its subscription serves others, too: whatever a rule names, only the exact endpoint is approved."""
        self.all_is_well_again()
        self.w.azure.subscription(VENDOR, tenant=TENANT, readable=True)
        self.placed(VENDOR, "vendors")
        shared = {"name": "Vendor", "shared": True, "endpoints": [pattern(VENDOR, "net", "pe10")]}
        whom = {"all": True} if who == "all" else {"management_groups": ["vendors"]}
        self.policy_is({**ALL, "vendors": [shared], "rules": [{**ALL["rules"][0], "requesters": whom}]})
        self.ask(VENDOR, at, "pe11", "net")
        self.follow("both")

    @rule(at=st.sampled_from(["acct1", "cosmos"]), tagged=st.booleans(), who=st.sampled_from(PEOPLE))
    def a_rule_asks_two_people_and_one_agrees(self, at: str, tagged: bool, who: Caller) -> None:
        """Another rule would approve it; tags may be unknown."""
        self.all_is_well_again()
        asks = {**ALL["rules"][0], "name": "asks", "approvals": 2}
        self.policy_is(
            {**ALL, "rules": [*ALL["rules"], {**asks, "targets": {"tags": {"stage": "open"}}} if tagged else asks]}
        )
        self.ask(OTHER, at, "pe8", "net")
        self.follow("both")
        place = next((n for n, row in enumerate(self.w.held()) if pattern(OTHER, "net", "pe8") == row["endpoint"]), 0)
        self.decide(place, who, "approve")
        self.work()

    # --- people ---------------------------------------------------------------------------------------------

    @rule(
        number=numbers,
        who=st.sampled_from(PEOPLE),
        verdict=st.sampled_from(["approve", "approve", "approve", "reject"]),
        works=st.booleans(),
    )
    def a_person_decides(self, number: int, who: Caller, verdict: str, works: bool) -> None:
        self.decide(number, who, verdict)
        if works:
            self.work()

    @rule(number=numbers, verdict=st.sampled_from(["approve", "approve", "approve", "reject"]))
    def two_people_decide(self, number: int, verdict: str) -> None:
        for who in PEOPLE[:2]:
            self.decide(number, who, verdict)
        self.work()

    @rule(at=st.sampled_from(["cosmos", "vault"]), who=st.sampled_from([STRANGER, VENDOR]))
    def granted_once_and_made_again(self, at: str, who: str) -> None:
        """Nobody can tell the second request from the first but by the grant that is spent."""
        self.all_is_well_again()
        self.policy_is(NOBODY)
        self.w.azure.subscription(who, readable=False)
        self.ask(who, at, "pe5", "net")
        self.follow("both")
        place = next((n for n, row in enumerate(self.w.held()) if pattern(who, "net", "pe5") == row["endpoint"]), 0)
        self.two_people_decide(place, "approve")
        self.swap(who, at, who, "pe5")
        self.follow("both")

    def decide(self, number: int, who: Caller, verdict: str) -> None:
        held = self.w.held()
        if not held:
            return
        row = held[number % len(held)]
        body = {"connectionId": row["connection"], "verdict": verdict, "reason": "seen", "endpointId": row["endpoint"]}
        self.doom, now = None, self.w.clock()
        try:
            self.alive(byhand.grant(self.w.app, body, who))
        except Problem:
            return
        self.granted(row, who, verdict, self.w.remembered(row["target"]).grants, now)

    def granted(self, row: dict[str, Any], who: Caller, verdict: str, stored: list[Any], now: Any) -> None:
        """A second person joins the first who said the same of the same request; anything else replaces."""
        key, guid = row["connection"].lower(), row["guid"].lower() or None
        old = self.notary.grants.get(key)
        days = timedelta(days=7)
        live = old is not None and not (old.spent or old.gone) and now < old.expires
        same = (
            live
            and (old.endpoint, old.verdict) == (row["endpoint"].lower(), verdict)
            and len({old.guid, guid} - {None}) < 2
        )
        one = self.connection_at(key)
        if same and old is not None:
            old.people.add(who.name)
            old.guid = guid or old.guid
            return
        self.notary.grants[key] = Grant(
            connection=key, endpoint=row["endpoint"].lower(), guid=guid, verdict=verdict, people={who.name},
            expires=self.w.clock() + days, made=one,
        )  # fmt: skip

    def connection_at(self, key: str) -> connections.Connection | None:
        return next((r for rows in self.cloud.connections.values() for r in rows.values() if r.path.key == key), None)

    @rule(number=numbers)
    def a_person_takes_it_back(self, number: int) -> None:
        keys = sorted(key for key, grant in self.notary.grants.items() if not grant.spent)
        if keys:
            self.doom = None
            self.take_back(keys[number % len(keys)])

    def take_back(self, key: str) -> None:
        body = {"connectionId": key, "reason": "by mistake"}
        try:
            self.w.run(byhand.revoke(self.w.app, body, PEOPLE[0]))
        except (Problem, Passing):
            return
        self.notary.grants.pop(key, None)

    # --- events, clocks, trouble ----------------------------------------------------------------------------

    @rule(seed=numbers, lost=st.booleans(), twice=st.booleans())
    def events_arrive(self, seed: int, lost: bool, twice: bool) -> None:
        batch = list(self.w.azure.outbox)
        self.w.azure.outbox.clear()
        if seed:
            random.Random(seed).shuffle(batch)
        if lost:
            batch = batch[: len(batch) // 2]
        self.deliver(batch + batch[:2] if twice else batch)
        self.work()

    @rule(skip=st.sampled_from([3, 30, 160, 700]))
    def time_passes(self, skip: int) -> None:
        self.w.clock.skip(seconds=skip)
        self.work()

    @rule()
    def the_watch_runs(self) -> None:
        self.notary.looked(whole=False)
        self.alive(sweep.watch(self.w.app))
        self.work()

    @rule()
    def the_sweep_runs(self) -> None:
        self.swept()
        self.work()

    def swept(self) -> None:
        clear = not self.faulty and self.doom is None and self.notary.docs[-1].what is not None
        fresh = self.never_seen() if clear else []
        if clear:  # a sweep that sees everything counts anew: whoever is few enough by now may pass
            self.recount()
        if self.alive(sweep.sweep(self.w.app)) is not None and clear:
            self.cap("approvals_per_sweep", fresh, "the sweep would approve too many")

    def recount(self) -> None:
        """Every request that waits, known or not; too many of them stay where they are."""
        assert self.doc is not None
        rows = [one for found in self.cloud.connections.values() for one in found.values()]
        waiting = [one for one in rows if one.state.status == "Pending"]
        if len(waiting) <= self.doc.get("caps", {}).get("approvals_per_sweep", 100):
            self.notary.capped = [told for told in self.notary.capped if "sweep" not in told[1]]

    def never_seen(self) -> list[tuple[connections.Connection, str]]:
        found = []
        for target, rows in self.cloud.connections.items():
            known = self.w.remembered(target).known if rows else {}
            found += [(one, one.endpoint.id) for one in rows.values() if self.w.resource(one.endpoint.id) not in known]
        return found

    @rule(
        where=st.sampled_from(READS),
        what=st.sampled_from(REFUSALS),
        times=st.sampled_from([1, 3, 0]),
        number=numbers,
        over=st.booleans(),
    )
    def a_read_fails(self, where: dict[str, Any], what: dict[str, Any], times: int, number: int, over: bool) -> None:
        self.faulty = True
        self.w.azure.fault(**where, **what, times=times)
        self.ask(ASKING[number % 4], ("acct1", "cosmos")[number % 2], "pe3", "net", number)
        self.follow("both")
        if over:
            self.trouble_is_over()

    @rule(what=st.sampled_from(LOST), times=st.sampled_from([1, 1, 2]), number=numbers)
    def a_decision_fails(self, what: dict[str, Any], times: int, number: int) -> None:
        self.faulty = True
        self.w.azure.fault(**APP, method="PUT", path="privateEndpointConnections", **what, times=times)
        self.ask(ASKING[number % 4], ("acct1", "cosmos")[number % 2], "pe3", "net", number)
        self.follow("both")
        self.trouble_is_over()

    def trouble_is_over(self) -> None:
        self.faulty = False
        self.w.azure.forget_faults()

    @rule(step=st.integers(0, 60), dies=st.booleans())
    def a_worker_dies(self, step: int, dies: bool) -> None:
        """At once, or at one of its next steps."""
        self.doom = step if dies else None
        if not dies:
            self.restart()

    def restart(self) -> None:
        self.w.restart()
        self.mortal = Mortal(self.w.app)

    # --- in the middle of work --------------------------------------------------------------------------------

    @rule(
        who=askers, at=targets, step=st.integers(0, 30), skip=seconds, number=numbers, doc=documents(),
        change=st.sampled_from(CHANGES),
    )  # fmt: skip
    def meanwhile(self, who: str, at: str, step: int, skip: int, number: int, doc: dict[str, Any], change: str) -> None:
        """Somebody asks, and something happens between two steps of the worker that decides about it."""
        self.doom = None
        self.ask(who, at, "pe2", "net", number)
        acts: dict[str, Callable[[], Any]] = {
            "replaced": lambda: self.swap(who, at, ASKING[(ASKING.index(who) + 1) % 4]),
            "again": lambda: self.swap(who, at, who),
            "tags": lambda: self.tagged(at, {"stage": "closed"}),
            "transferred": lambda: self.w.azure.subscription(who, tenant=ELSEWHERE),
            "placed": lambda: self.placed(who, "vendors"),
            "policy": lambda: self.policy_is(doc),
            "broken": self.policy_is_broken,
            "off": lambda: self.switched(False),
            "taken back": lambda: self.a_person_takes_it_back(number),
            "by hand": lambda: self.the_owner_acts_by_hand(number, "Rejected"),
            "gone": lambda: self.an_endpoint_goes(number),
        }
        self.deliver(self.w.azure.outbox[:])
        self.w.azure.outbox.clear()
        self.interrupted(step, acts[change], skip)

    @rule(
        at=st.sampled_from(["cosmos", "vault"]), step=st.sampled_from([6, 7, 8, 9, 11, 14]),
        change=st.sampled_from(["another", "another", "off", "broken", "policy"]),
    )  # fmt: skip
    def at_the_last_moment(self, at: str, step: int, change: str) -> None:
        """Between the read and the call: what is approved by mistake there is undone, what is forbidden not sent."""
        self.all_is_well_again()
        self.policy_is({**ALL, "rules": [{**ALL["rules"][0], "requesters": {"subscriptions": [TEAM]}}]})
        self.follow("both")
        if self.cloud.get(pattern(OTHER, "net", "pe9").lower()) is not None:
            self.w.removes(pattern(OTHER, "net", "pe9"))
        self.swap(TEAM, at, TEAM, "pe9")
        self.w.azure.outbox.clear()
        place = self.w.resource(self.w.id(TARGETS[at][0], at))
        self.w.run(self.w.app.worklist.signal(place, place, "by hand"))
        acts: dict[str, Callable[[], Any]] = {
            "another": lambda: self.swap(TEAM, at, OTHER, "pe9"),
            "off": lambda: self.switched(False),
            "broken": self.policy_is_broken,
            "policy": lambda: self.policy_is(NOBODY),
        }
        self.interrupted(step, acts[change], 0 if change == "another" else 6)

    def swap(self, who: str, target: str, other: str, name: str = "pe2") -> None:
        path = pattern(who, "net", name)
        if self.cloud.get(path.lower()) is not None:
            self.w.removes(path)
        self.ask(other, target, name, "net")

    def interrupted(self, step: int, act: Callable[[], Any], skip: int) -> None:
        mortal = Mortal(self.w.app, only_storage=True)

        async def elsewhere() -> None:
            await asyncio.to_thread(act)
            self.w.clock.skip(seconds=skip)

        mortal.before_step(step, elsewhere)
        self.work()
        self.restart()
        self.policy_is_mended()
        self.switched(True)

    # --- what must hold after every rule ------------------------------------------------------------------------

    @invariant()
    def nothing_forbidden_was_sent(self) -> None:
        if self.notary.broken:
            raise AssertionError("\n".join(self.notary.broken))

    # --- the end ------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if self.doc is not None:
                self.ends()
        finally:
            self.notary.leave()
            self.totals.update(self.notary.counted)

    def ends(self) -> None:
        self.doom = None
        self.trouble_is_over()
        self.policy_is_mended()
        self.switched(True)
        self.w.run(self.w.app.worklist.replay())
        for _ in range(2):
            self.w.clock.skip(minutes=61)  # past what is remembered, and past the patience with lasting refusals
            self.events_arrive(0, False, False)
            self.swept()
            self.release("person 1")
            for _ in range(6):
                self.work()
                self.events_arrive(0, False, False)
                self.w.clock.skip(seconds=155)
        self.nothing_forbidden_was_sent()
        assert not self.notary.mistaken, f"law 1: approved by mistake and left so: {self.notary.mistaken}"
        self.everything_is_decided()

    def everything_is_decided(self) -> None:
        pending = [
            one
            for rows in self.cloud.connections.values()
            for one in rows.values()
            if one.state.status == "Pending" and permits.covers(self.doc or {}, one.target.id)
        ]
        for one in pending:
            self.waits_rightly(one)
        held, waits = {row["connection"].lower() for row in self.w.held()}, {one.path.key for one in pending}
        assert held == waits, f"held {held - waits}, not held {waits - held}, due {self.w.rows('due')}"

    def waits_rightly(self, one: connections.Connection) -> None:
        assert self.doc is not None
        request, facts = self.truth(one)
        listed = {row["connectionId"].lower() for row in self.w.run(byhand.waiting(self.w.app, "granted"))}
        grants = [g for g in self.notary.grants.values() if g.made is one and not g.tried and g.connection in listed]
        said = permits.judge(self.doc, request, facts, self.w.clock(), grants)
        self.notary.count(f"at the end: {said.verdict}")
        if said.verdict == "hold":
            return
        matching = [said.rule] if said.rule else []
        if said.rule and said.verdict == "approve":  # the first that has room
            now = self.w.clock()
            known = [rule for rule in self.doc["rules"] if rule["verdict"] == "approve"]
            matching = [rule for rule in known if permits.answer(rule, self.doc, request, facts, now) == permits.YES]
        idle = any(permits.mode(rule, self.doc) != "apply" for rule in matching)
        full = bool(matching) and said.verdict == "approve" and all(map(self.is_full, matching))
        assert idle or full, f"{self.why(one)}\n{request} {facts} waits, the policy says {said}"

    def why(self, one: connections.Connection) -> str:
        return "\n".join(row["reasons"] for row in self.w.held() if row["connection"].lower() == one.path.key)

    def truth(self, one: connections.Connection) -> tuple[Request, Facts]:
        """All that the app may read."""
        subscription = one.endpoint.subscription.lower()
        shown = tuple(one.groups) if one.quirk.groups.startswith("groupId") else None
        request = Request(connection=one.path.key, target=one.target.key, endpoint=one.endpoint.id, groups=shown)
        if self.cloud.tenancy.readable("app", subscription):
            request = completed(request, (one.endpoint_guid.lower(), one.target.key, tuple(one.groups)))
        target = self.cloud.get(one.target)
        below = {group: found for group in TREE if (found := self.notary.below(group))}
        facts = Facts(
            tags=dict(target.body.get("tags") or {}), tenant=self.cloud.tenancy.tenant_of(subscription), below=below
        )
        return request, facts

    def is_full(self, limited: Mapping[str, Any]) -> bool:
        """Places are taken by what the rule approved, and by what is approved and it covers."""
        assert self.doc is not None
        most, taken = permits.limit(limited, self.doc), 0
        for rows in self.cloud.connections.values():
            for one in rows.values():
                ours = any(
                    approval.made is one and approval.rule == limited["name"] for approval in self.notary.approved
                )
                request, facts = self.truth(one)
                covers = permits.answer(limited, self.doc, request, facts, self.w.clock()) != permits.NO
                taken += one.state.status == "Approved" and (ours or covers)
        return most is not None and taken >= most


def test_whatever_is_true_and_whatever_changes_only_what_the_policy_permits_is_decided(the_world: World) -> None:
    Approvals.world, Approvals.totals = the_world, Counter()
    run_state_machine_as_test(Approvals, settings=effort(8, stateful_step_count=25))
