"""Stands inside the small Azure and judges every write of a record when it happens, against Azure's own state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import settle
from simulator.azure import gateway
from simulator.azure.calls import Call, Counter, Reply
from simulator.azure.errors import ArmError
from simulator.azure.world import World as Cloud
from simulator.azure.zones import Record
from tests.laws import names_oracle as oracle
from tests.laws.names_oracle import Claim, Doc, Key

_ROUTE, _NOTE, _SETTLE = gateway.route, Counter.note, settle.settle
PROOF = ("ResourceNotFound", "ResourceGroupNotFound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one read of an endpoint showed; `claims` by policy, in the order of `Witness.docs`."""

    guid: str = ""
    claims: tuple[dict[Key, Claim], ...] = ()
    covered: frozenset[str] = frozenset()


@dataclass(slots=True)
class Witness:
    cloud: Cloud
    now: Callable[[], datetime]
    docs: list[Doc]
    """The policy; while it is invalid, any that may be the last good one."""
    valid: bool = True
    swept: bool = False
    released: dict[str, datetime] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    deleted: int = 0
    counted: dict[str, int] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    """Of this piece of work: endpoint to what its reads showed."""
    soon: list[tuple[tuple[str, str, Key], Doc]] = field(default_factory=list)
    last: dict[str, set[Key]] = field(default_factory=dict)
    """Endpoint to the names that its last read showed."""
    known: dict[tuple[str, str, Key], list[Doc]] = field(default_factory=dict)
    """(endpoint, guid, name) to the policies under which a read ever showed that claim."""
    ranks: dict[Key, tuple[str, int]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    target: str = ""
    gone: list[str] = field(default_factory=list)
    _proved: str = ""

    def watch(self) -> None:
        witness = self

        def route(call: Call) -> Reply:
            if call.principal != "app":
                return _ROUTE(call)
            if call.method != "GET":
                witness._write(call)
            try:
                reply = _ROUTE(call)
            except ArmError as error:
                if call.method == "GET" and error.code in PROOF:
                    witness._read(call, missing=True)
                raise
            if call.method == "GET":
                witness._read(call)
            return reply

        def note(counter: Counter, principal: str, method: str, path: Any, raw: str, *rest: Any) -> None:
            if principal == "app" and method == "GET":
                key = raw.lower()
                (witness.failed.discard if witness._proved == key else witness.failed.add)(key)
            witness._proved = ""
            _NOTE(counter, principal, method, path, raw, *rest)

        async def settling(item: Any, *rest: Any) -> Any:
            witness.target, witness.gone = item.work.key, []
            witness.failed.clear()
            return await _SETTLE(item, *rest)

        gateway.route, Counter.note, settle.settle = route, note, settling  # type: ignore[method-assign, assignment]

    @staticmethod
    def leave() -> None:
        gateway.route, Counter.note, settle.settle = _ROUTE, _NOTE, _SETTLE  # type: ignore[method-assign]

    def begin(self) -> None:
        """A worker begins something new; what was read before is known by now."""
        for one, doc in self.soon:
            self.known.setdefault(one, []).append(doc)
        self.soon.clear()
        self.reads.clear()
        self.failed.clear()
        self.target, self.gone = "", []

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    # --- what the app is told ---------------------------------------------------------------------

    def _read(self, call: Call, missing: bool = False) -> None:
        self._proved = call.path.key
        if [kind.lower() for kind in call.path.types] != ["privateendpoints"] or not call.path.is_item:
            return
        own = None if missing else self.cloud.get(call.path)
        row = Read()
        if own is not None:
            row = Read(
                guid=own.item.guid,
                claims=tuple(oracle.claims_of(self.cloud, doc, own) for doc in self.docs),
                covered=frozenset(oracle.covered(self.cloud, own)),
            )
            self.soon += [((own.path.key, own.item.guid, key), self.docs[-1]) for key in row.claims[-1]]
        self.reads.setdefault(call.path.key, []).append(row)
        self.last[call.path.key] = set(row.claims[-1]) if row.claims else set()

    # --- what it writes ---------------------------------------------------------------------------

    def _write(self, call: Call) -> None:
        kinds = [kind.lower() for kind in call.path.types]
        graph = call.path.namespace.lower() == "microsoft.resourcegraph"
        if graph or (kinds[-1:] == ["privateendpointconnections"] and call.method == "PUT"):
            return
        if kinds != ["privatednszones", "a"]:
            self.broken.append(f"law 2: the app has no business with {call.method} {call.path.id}")
            return
        match, none = call.headers.get("If-Match"), call.headers.get("If-None-Match")
        if (match or "*") == "*" and (none != "*" or call.method == "DELETE"):
            self.broken.append(f"law 2: {call.method} of {call.path.id} without a precondition")
        zone = self.cloud.get(call.path.parent)
        record = zone.item.records.get(("A", call.path.name.lower())) if zone else None
        if zone is None or (record is None and match) or (record is not None and none == "*"):
            return  # Azure refuses it
        if record is not None and (match or "").strip('"') not in ("*", "", record.etag):
            return
        key = (zone.path.key, call.path.name.lower())
        if call.method == "DELETE":
            self.broken += (
                [f"{why}: DELETE of {key}, {record}; {self._context()}" for why in self._removal(key, record)]
                if record
                else []
            )
            return
        found = [self._put(call.body["properties"], key, record, number) for number in range(len(self.docs))]
        if all(found):
            self.broken += [
                f"{why}: PUT of {key}: {call.body['properties']}, was {record}; {self._context()}" for why in found[-1]
            ]
        mark = call.body["properties"].get("metadata") or {}
        claim = next((c for r in self._of(mark) for row in r.claims if (c := row.get(key))), None)
        self.ranks[key] = (mark.get("guid", ""), claim.rank if claim else 9)

    def _context(self) -> str:
        return f"settling {self.target}, read {sorted(self.reads)}, not read {sorted(self.failed)}"

    def _of(self, mark: dict[str, str]) -> list[Read]:
        return self.reads.get(mark.get("endpoint", "").lower(), [])

    def _put(self, body: dict[str, Any], key: Key, record: Record | None, number: int) -> list[str]:
        doc, mark = self.docs[number], body.get("metadata") or {}
        hub = oracle.hub_of(doc, key[0])
        if hub is None:
            return ["law 2: no hub has this zone"]
        why = []
        if oracle.mode(doc, hub, "put") != "apply":
            why.append(f"modes: put is {oracle.mode(doc, hub, 'put')}")
        asked = (mark.get("managedBy"), mark.get("owner"), mark.get("deployment"))
        if asked != ("linkkeeper", doc["owner"], "local"):
            why.append(f"law 2: carries the mark {asked}")
        if body["ttl"] != oracle.ttl(doc, key[0]):
            why.append(f"ttl: should be {oracle.ttl(doc, key[0])}")
        found = tuple(sorted(row["ipv4Address"] for row in body["aRecords"]))
        shown = [row for row in self._of(mark) if row.guid == mark.get("guid")]
        fitting = [row for row in shown if number < len(row.claims) and key in row.claims[number]]
        fitting = [row for row in fitting if row.claims[number][key].addresses == found]
        if any(key[0] in row.covered for row in shown[-1:]):
            why.append("zone group: the endpoint's zone group covers this zone")
        elif not shown:
            why.append("law 6: for an endpoint that was not read in this settle")
        elif not fitting:
            why.append("claims: the endpoint, as read in this settle, does not claim this name with these addresses")
        if record is not None:
            why += self._over(doc, hub, key, record, mark, found, fitting, number)
        return why

    def _over(
        self,
        doc: Doc,
        hub: Doc,
        key: Key,
        record: Record,
        mark: dict[str, str],
        found: tuple[str, ...],
        fitting: list[Read],
        number: int,
    ) -> list[str]:
        why, old = [], record.metadata or {}
        if not oracle.ours(doc, record):
            right = oracle.addresses(record) == found and oracle.nobodys(record)
            if not (right and oracle.adopts(doc, hub)):
                why.append("law 2: the record is not ours, nor to be adopted")
            elif number == len(self.docs) - 1:
                self.count("adopted")
                self.adopted.append(f"{key[0]}/a/{key[1]}")
        if any(mark.get(name) != value for name, value in old.items() if name not in _OURS):
            why.append("unknown metadata was lost")
        if not oracle.ours(doc, record) or (old.get("endpoint", "").lower(), old.get("guid")) == (
            mark["endpoint"].lower(),
            mark["guid"],
        ):
            return why
        if number == len(self.docs) - 1:
            self.count("handed over")
        mine = min((row.claims[number][key].rank for row in fitting), default=9)
        claims = oracle.claims(self.cloud, doc).get(key, {})
        was = claims.get(old.get("endpoint", "").lower())
        if was is not None and was.guid == old.get("guid") and was.rank <= mine:
            why.append(f"contest: taken from {was}, a live claimant that is as near")
        before = self.ranks.get(key, ("", 9))
        nearer = before[0] == old.get("guid") and mine < before[1]
        if was is None and key in self.last.get(old.get("endpoint", "").lower(), ()) and not nearer:
            why.append(f"law 3, 6: taken from {old.get('endpoint')}, which nobody saw go")
        if why_not := self._unread(key, record):
            why += [why_not] * (not nearer)
        return why

    def _proven(self, mark: dict[str, str]) -> bool:
        return mark.get("endpoint", "").lower() in self.reads or not mark.get("endpoint")

    def _unread(self, key: Key, record: Record) -> str:
        """Law 6: what of this target could not be read in this settle, of all that may concern this name."""
        hub = oracle.hub_of(self.docs[-1], key[0]) or {}
        mine = {self.target, (record.metadata or {}).get("endpoint", "").lower()}
        for one in self.cloud.connections.get(self.target, {}).values():
            own = self.cloud.get(one.endpoint)
            if own is not None and oracle.serves(self.docs[-1], hub, self.cloud, own) != oracle.NO:
                mine.add(own.path.key)
        bad = [one for one in self.failed if one in mine or one.startswith(f"{self.target}/privateendpointconnections")]
        return f"law 6: {bad} could not be read" if bad else ""

    def _removal(self, key: Key, record: Record) -> list[str]:
        doc, mark = self.docs[-1], record.metadata or {}
        hub = oracle.hub_of(doc, key[0])
        if not self.valid:
            return ["policy: deleted while it is invalid"]
        if not oracle.ours(doc, record):
            return ["law 2: the record is not ours"]
        why = []
        if not self.swept:
            why.append("record memory: before the first sweep")
        if hub is not None and oracle.upsert_only(doc, hub):
            why.append("upsert-only")
        if (mode := oracle.mode(doc, hub or {}, "delete")) != "apply":
            why.append(f"modes: delete is {mode}")
        live = oracle.claims(self.cloud, doc).get(key, {})
        told = [one for one in live.values() if self._told(one, key, mark)]
        if told:
            why.append(f"law 3: {told} have a right to it")
        if not self._proven(mark):
            why.append("law 3: the endpoint that had it was not read in this settle")
        why += [text] if (text := self._unread(key, record)) else []
        return why + self._cap(doc, key)

    def _told(self, claim: Claim, key: Key, mark: dict[str, str]) -> bool:
        """Claims of other targets are known only once they were read, under this policy."""
        same = claim.target in (self.target, mark.get("target", "").lower())
        return same or self.docs[-1] in self.known.get((claim.endpoint, claim.guid, key), ())

    def _cap(self, doc: Doc, key: Key) -> list[str]:
        self.deleted += 1
        self.count("deleted")
        self.gone.append("/a/".join(key))
        most = doc.get("caps", {}).get("deletions_per_settle", 50)
        fresh = {one for one, at in self.released.items() if self.now() - at < timedelta(days=1)}
        waits = [one for one in self.gone if one not in fresh]
        return [f"caps: {self.gone} in one settle, {waits} not released"] if len(self.gone) > most and waits else []


_OURS = ("managedBy", "owner", "deployment", "endpoint", "target", "guid")
