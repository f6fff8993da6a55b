"""Stands inside the small Azure and sees every write of the app at the moment it happens, with what was there before.

Checks the safety laws there and then, against Azure's own state and an oracle written a second time, not against
what the app believes. Broken laws are kept in `broken`, so that no `except` of the app can swallow them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from simulator.azure import Azure, connections, gateway
from simulator.azure.calls import Call, Counter, Reply
from simulator.azure.faults import Fault
from simulator.azure.gateway import Gateway
from simulator.azure.quirks import quirk
from simulator.azure.world import World as Cloud
from tests.laws import oracle, permits
from tests.laws.permits import Doc, Facts, Grant, Request

FRESH = timedelta(seconds=5)
VERDICTS = {"Approved": "approve", "Rejected": "reject"}


@dataclass(slots=True)
class Witness:
    cloud: Cloud
    now: Callable[[], datetime]
    policy: oracle.Policy
    granted: set[tuple[str, str, str]] = field(default_factory=set)
    """(connection id, endpoint guid, verdict) of every grant that a person asked for."""
    broken: list[str] = field(default_factory=list)
    decided: list[tuple[str, str]] = field(default_factory=list)
    read: dict[str, datetime] = field(default_factory=dict)

    def watch(self) -> None:
        inner = _ROUTE

        def route(call: Call) -> Reply:
            if call.principal == "app":
                self._see(call)
            return inner(call)

        gateway.route = route

    def _see(self, call: Call) -> None:
        kinds = [kind.lower() for kind in call.path.types]
        if "privateendpointconnections" in kinds:
            self._connection(call)
        elif kinds and kinds[0] == "privatednszones" and call.method != "GET":
            self._record(call)
        elif call.method != "GET":
            self.broken.append(f"law 2: the app has no business with {call.method} {call.path.id}")

    # --- connections ----------------------------------------------------------------------------

    def _connection(self, call: Call) -> None:
        target = call.path.parent.key
        rows = self.cloud.connections.get(target, {})
        if call.method == "GET":
            seen = rows.values() if not call.path.is_item else [r for r in rows.values() if r.name == call.path.name]
            self.read |= {one.path.key: self.now() for one in seen}
            return
        one = rows.get(call.path.name.lower())
        if call.method != "PUT":
            self.broken.append(f"law 4: {call.method} of connection {call.path.name}")
        elif one is not None:
            self._decision(one, str(call.body["properties"]["privateLinkServiceConnectionState"]["status"]))

    def _decision(self, one: connections.Connection, asked: str) -> None:
        verdict = {"Approved": "approve", "Rejected": "reject"}[asked]
        self.decided.append((one.path.key, asked))
        if one.state.status != "Pending":
            self.broken.append(f"law 4: {asked} sent to a connection that is {one.state.status}")
        read = self.read.get(one.path.key)
        if read is None or self.now() - read > FRESH:
            self.broken.append(f"law 1: {asked} sent {self.now() - read if read else 'long'} after the last read")
        said = self.policy.verdict(one.endpoint.subscription, one.groups)
        by_person = (one.path.key, one.endpoint_guid, verdict) in self.granted
        if not self.policy.valid:
            self.broken.append(f"law 1: {asked} sent while the policy is invalid")
        elif said != verdict and not (by_person and said != "reject"):
            self.broken.append(f"law 1: {asked} sent to {one.endpoint.id}, for which the policy says {said}")

    # --- records --------------------------------------------------------------------------------

    def _record(self, call: Call) -> None:
        match, none = call.headers.get("If-Match"), call.headers.get("If-None-Match")
        if (match or "*") == "*" and none != "*":
            self.broken.append(f"law 2: {call.method} of {call.path.id} without a precondition")
        zone = self.cloud.get("/".join(call.path.id.split("/")[:9]))
        record = zone.item.records.get(("A", call.path.name.lower())) if zone else None
        if record is None:
            return
        fits = none != "*" and (match or "").strip('"') == record.etag
        if not fits:
            return  # Azure will refuse it
        if not oracle.ours(record):
            self.broken.append(f"law 2: {call.method} of a record that is not ours: {record}")
        if call.method == "DELETE":
            self._removal(zone.path.name, record.name)

    def _removal(self, zone: str, record: str) -> None:
        if not self.policy.valid:
            self.broken.append(f"design, policy changes: {record} deleted while the policy is invalid")
        if live := oracle.claimants(self.cloud).get((zone, record)):
            self.broken.append(f"law 3: {record}.{zone} deleted, but {sorted(live)} have a right to it")


# --- the whole language of policies: what the app was told, and what may follow from it -----------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that an answer showed the app."""

    at: datetime
    what: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What the app approved: that very connection, by which rule (None: people), and whether that had a limit then."""

    made: connections.Connection
    rule: str | None
    limited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One decision on the wire: the connection as the cloud has it, what is asked, and how the journal explains it."""

    made: connections.Connection
    asked: str
    rule: str | None

    @property
    def verdict(self) -> str:
        return VERDICTS[self.asked]


Rows = Callable[[str], Awaitable[list[Mapping[str, Any]]]]
_PLANT, _NOTE = Gateway._plant, Counter.note


class Notary:
    """Notes every fact at the moment an answer tells it to the app, and judges every decision with those of the last
    five seconds: what was not told is unknown. `rows`: the open journal rows of a connection.

    Refuses to know what the app believes; only which rule its journal names, so that limits can be counted.
    """

    def __init__(self, azure: Azure, now: Callable[[], datetime], rows: Rows) -> None:
        self.azure, self.cloud, self.now, self._rows = azure, azure.world, now, rows
        self.broken: list[str] = []
        self.grants: dict[str, Grant] = {}
        self.docs: list[Told] = []
        """Every policy file since ever, None where it was broken; the last is the current one."""
        self.approvals_on: list[Told] = [Told(at=now(), what=True)]
        self.capped: list[tuple[connections.Connection, str]] = []
        """Those that wait for a person's release, and why."""
        self.approved: list[Approval] = []
        self.mistaken: list[connections.Connection] = []
        """Approved by us though others than those decided on; each has to be rejected by us."""
        self.counted: dict[str, int] = {}
        self._told: dict[tuple[str, str], list[Told]] = {}
        self._journal: dict[str, list[Mapping[str, Any]]] = {}
        self._used: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def watch(self) -> None:
        """Also what never reaches the routes: faults (`_plant`) and what strangers are told (`note`)."""
        notary, inner = self, _ROUTE

        def route(call: Call) -> Reply:
            if call.principal != "app":
                return inner(call)
            notary._before(call)
            reply = inner(call)
            if reply.status < 300:
                notary._after(call, reply)
            return reply

        async def plant(gate: Gateway, principal: str, method: str, raw: str) -> Fault | None:
            if gate.world is notary.cloud and principal == "app" and method == "PUT" and _CONNECTION in raw.lower():
                await notary._open_row(raw)
            return await _PLANT(gate, principal, method, raw)

        def note(counter: Counter, principal: str, method: str, *rest: Any) -> None:
            if counter is notary.azure.counter and principal == "anonymous" and rest[-1] == 401:
                notary._challenged(rest[1])
            _NOTE(counter, principal, method, *rest)

        gateway.route, Gateway._plant, Counter.note = route, plant, note  # type: ignore[method-assign]

    @staticmethod
    def leave() -> None:
        gateway.route, Gateway._plant, Counter.note = _ROUTE, _PLANT, _NOTE  # type: ignore[method-assign]

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    # --- what the app is told -----------------------------------------------------------------------

    def _tell(self, kind: str, key: str, what: Any) -> None:
        now = self.now()
        kept = [one for one in self._told.get((kind, key), ()) if now - one.at <= FRESH]
        self._told[kind, key] = [*kept, Told(at=now, what=what)]

    def _facts(self, kind: str, key: str) -> list[Any]:
        """All that was told of it within five seconds; they may differ."""
        now = self.now()
        found = [one.what for one in self._told.get((kind, key), ()) if now - one.at <= FRESH]
        return [one for at, one in enumerate(found) if one not in found[:at]]

    def _challenged(self, raw: str) -> None:
        parts = raw.lower().strip("/").split("/")
        if parts[0] == "subscriptions":
            self._tell("tenant", parts[1], self.cloud.tenancy.tenant_of(parts[1]))

    def _after(self, call: Call, reply: Reply) -> None:
        path, kinds = call.path, [kind.lower() for kind in call.path.types]
        if call.method == "PUT":
            return
        if path.namespace.lower() == "microsoft.resourcegraph":
            for group in (call.body or {}).get("managementGroups", ()):
                self._tell("below", group.lower(), self.below(group))
        elif kinds and kinds[-1] == "tags":
            owner = path.id.lower().partition("/providers/microsoft.resources/tags")[0]
            self._tell("tags", owner, dict(reply.body["properties"]["tags"]))
        elif kinds == ["privateendpoints"] and path.is_item:
            own = self.cloud.get(path).item
            self._tell("endpoint", path.key, (own.guid.lower(), own.target, tuple(own.groups)))
        elif "privateendpointconnections" in kinds:
            self._connections(path.parent.key, "" if not path.is_item else path.name.lower())
        elif path.is_item and quirk(path.type).nested != "no":
            self._connections(path.key, "")

    def _connections(self, target: str, name: str) -> None:
        rows = self.cloud.connections.get(target, {})
        for one in rows.values():
            if name in ("", one.name.lower()):
                shown = tuple(one.groups) if one.quirk.groups.startswith("groupId") else None
                told = Request(connection=one.path.key, target=target, endpoint=one.endpoint.id, groups=shown)
                self._tell("connection", one.path.key, (told, one.state.status, one))
        for grant in self.grants.values():
            own = grant.connection.startswith(target + "/")
            if name == "" and own and not any(one.path.key == grant.connection for one in rows.values()):
                self._seen.add((grant.connection, "gone"))

    def looked(self, whole: bool) -> None:
        """The app finished what it did; only a `whole` look of which nothing failed has to void grants."""
        for connection, _ in self._seen if whole else ():
            if connection in self.grants:
                self.grants[connection].gone = True
        self._seen.clear()

    def below(self, group: str) -> frozenset[str]:
        """As Resource Graph shows it to the app: only what it may read."""
        tree, tenancy = self.cloud.hierarchy.tree, self.cloud.tenancy
        everybody = (one for one in self.cloud.subscriptions() if not self.cloud.is_foreign(one))
        return frozenset(one.lower() for one in everybody if tree.contains(group, one) and tenancy.readable("app", one))

    # --- decisions on the wire ------------------------------------------------------------------------

    async def _open_row(self, raw: str) -> None:
        """Law 9: no row, no call, also where the call will fail."""
        key = raw.lower()
        self._journal[key] = await self._rows(key)
        if not self._journal[key]:
            self.broken.append(f"law 9: no open row of {raw} before the call")
        if key in self.grants:
            self.grants[key].tried = True

    def _row(self, key: str, verdict: str) -> Mapping[str, Any]:
        """Law 9: exactly one row of each call."""
        own = [row for row in self._journal.get(key, ()) if row["kind"] == verdict]
        if len(own) != 1 or own[0]["place"] in self._used:
            self.broken.append(f"law 9: {verdict} sent to {key}; open rows: {self._journal.get(key)}")
        self._used |= {str(row["place"]) for row in own}
        return own[-1] if own else {"rule": "", "kind": verdict}

    def _before(self, call: Call) -> None:
        kinds = [kind.lower() for kind in call.path.types]
        graph = call.path.namespace.lower() == "microsoft.resourcegraph"
        if call.method == "GET" or graph or (kinds and kinds[0] == "privatednszones"):
            return
        if kinds[-1:] != ["privateendpointconnections"] or call.method != "PUT":
            self.broken.append(f"law 4: {call.method} of {call.path.id}")
            return
        made = self.cloud.connections.get(call.path.parent.key, {}).get(call.path.name.lower())
        if made is None:
            return  # Azure refuses it
        asked = str(call.body["properties"]["privateLinkServiceConnectionState"]["status"])
        row = self._row(call.path.key, VERDICTS[asked])
        self._decision(Case(made=made, asked=asked, rule=str(row["rule"]) or None))

    def _decision(self, case: Case) -> None:
        made = case.made
        if case.asked == "Rejected" and any(one is made for one in self.mistaken):
            self.mistaken = [one for one in self.mistaken if one is not made]
            self.count("undone")
            return  # law 1: our own approval of somebody else
        shown = [what for what in self._facts("connection", made.path.key) if what[1] == "Pending"]
        if not shown:
            self.broken.append(f"law 1, 4: {case.asked} sent to {made.path.id}, not read Pending within {FRESH}")
            return
        objections: list[str] = []
        meant: list[connections.Connection] = []
        for request, _, which in shown:
            if why := self._objection(case, request):
                objections.append(why)
            else:
                meant.append(which)
        if not meant:
            who = f"{made.endpoint.id} at {made.path.id}"
            self.broken.append(f"law 1: {case.asked} sent to {who} by {case.rule or 'people'}: {'; '.join(objections)}")
        elif case.verdict == "approve":
            self._approved(case, meant)
        self.count(f"{case.verdict} by {'rule' if case.rule else 'people'}")
        for part in self._parts(case.rule):
            self.count(f"{case.verdict} with {part}")
        for grant in self.grants.values():
            if grant.connection == made.path.key and case.rule is None:
                grant.spent = True

    def _approved(self, case: Case, meant: list[connections.Connection]) -> None:
        made = case.made
        for why in (why for one, why in self.capped if one is made and case.rule is not None):
            self.broken.append(f"design, caps: {made.path.id} approved, but {why}")
        limited = self._count_out(case)
        if made.state.status == "Pending":
            self.approved.append(Approval(made=made, rule=case.rule, limited=limited))
            if not any(one is made for one in meant):
                self.count("mistaken")
                self.mistaken.append(made)

    def _count_out(self, case: Case) -> bool:
        """Whether the rule has a limit; what it approved while it had none takes no place."""
        docs = [doc for doc in self._current() if doc is not None]
        rules = [rule for doc in docs for rule in doc["rules"] if rule["name"] == case.rule]
        limits = [permits.limit(rule, doc) for doc in docs for rule in rules]
        if case.rule is None or not limits or None in limits:
            return False
        taken = [one for one in self.approved if one.limited and one.rule == case.rule and self.lives(one.made)]
        if len(taken) >= max(one for one in limits if one is not None):
            names = ", ".join(one.made.path.id for one in taken)
            self.broken.append(f"limit {limits} of {case.rule} exceeded by {case.made.path.id}; it approved {names}")
        self.count("approve by a limited rule")
        return True

    def _parts(self, name: str | None) -> set[str]:
        """What the rule was made of, for telling how much was tried."""
        rules = [rule for doc in self._current() if doc for rule in doc["rules"] if rule["name"] == name][-1:]
        return {part for rule in rules for part in (*rule["requesters"], *rule["targets"], *rule)} & _TELLING

    def lives(self, made: connections.Connection) -> bool:
        rows = self.cloud.connections.get(made.target.key, {}).values()
        return made.state.status == "Approved" and any(one is made for one in rows)

    def _current(self) -> list[Doc | None]:
        return [one.what for one in _within(self.docs, self.now())]

    def _objection(self, case: Case, request: Request) -> str:
        """Empty when the decision may rest on some of what was told within five seconds."""
        if not any(one.what for one in _within(self.approvals_on, self.now())):
            return "approvals are switched off"
        docs = [doc for doc in self._current() if doc is not None]
        if not docs:
            return "the policy is invalid"
        why = ""
        for doc in docs:
            for whole, facts in self._told_of(request, doc):
                for now in (self.now(), self.now() - FRESH):
                    why = permits.objection(doc, case.verdict, case.rule, whole, facts, now, self.grants.values())
                    if not why:
                        return ""
                    why = f"{why} (told {whole}, {facts})"
        return why

    def _told_of(self, request: Request, doc: Doc) -> Iterator[tuple[Request, Facts]]:
        groups = sorted(
            {one.lower() for rule in doc["rules"] for one in rule["requesters"].get("management_groups", ())}
        )
        parts = product(
            self._facts("endpoint", request.endpoint.lower()) or [None],
            self._facts("tags", request.target) or [None],
            self._facts("tenant", request.subscription) or [None],
            *(self._facts("below", group) or [None] for group in groups),
        )
        for endpoint, tags, tenant, *below in parts:
            known = {group: found for group, found in zip(groups, below, strict=True) if found is not None}
            yield completed(request, endpoint), Facts(tags=tags, tenant=tenant, below=known)


def completed(request: Request, endpoint: tuple[str, str, tuple[str, ...]] | None) -> Request:
    """With what the endpoint itself shows: its guid, and the groups it asked of that target."""
    if endpoint is None:
        return request
    guid, target, groups = endpoint
    asked = groups if target == request.target else None
    return Request(
        connection=request.connection,
        target=request.target,
        endpoint=request.endpoint,
        guid=guid,
        groups=request.groups or asked,
    )


def _within(told: list[Told], now: datetime) -> list[Told]:
    """What held at some moment of the last five seconds: the newest, and what it replaced since."""
    later = [one for one in told if now - one.at <= FRESH]
    return told[-len(later) - 1 :]


_TELLING = {"guids", "endpoints", "vendors", "management_groups", "resource_groups", "tags", "tenants", "groups"}
_CONNECTION = "/privateendpointconnections/"
_ROUTE = gateway.route
