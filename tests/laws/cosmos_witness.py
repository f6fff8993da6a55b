"""Stands inside the small Azure and judges every write about Cosmos DB endpoints when it happens.

It sees what each read told the app, and Azure's own state beside it. Refuses to judge the PUTs of endpoints
(cosmos_refreshes.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.azure import endpoints, gateway
from simulator.azure.calls import Call, Counter, Reply
from simulator.azure.errors import ArmError
from simulator.azure.zones import Record
from tests.laws import cosmos_oracle as oracle
from tests.laws.cosmos_oracle import Key
from tests.laws.cosmos_refreshes import FUTURE, ROUTE, Refreshes

NOTE = Counter.note
PROOF = ("ResourceNotFound", "ResourceGroupNotFound")
_DECIDES = "privateendpointconnections"


@dataclass(slots=True)
class Read:
    """What one read of an endpoint told."""

    guid: str = ""
    approved: bool = False
    ready: bool = False
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Witness(Refreshes):
    swept: bool = False
    reads: dict[str, list[Read]] = field(default_factory=dict)
    accounts: dict[str, set[str]] = field(default_factory=dict)
    """Of this piece of work: account to the region labels that its last read showed."""
    shown: dict[str, set[str]] = field(default_factory=dict)
    """Endpoint's guid to the names that any read of it ever showed."""
    given_up: set[tuple[str, str]] = field(default_factory=set)
    """(guid, name) of which one settle had seen that neither side has it any more."""

    def watch(self) -> None:
        def route(call: Call) -> Reply:
            kinds = [kind.lower() for kind in call.path.types]
            if call.principal != "app":
                return ROUTE(call)
            if call.method == "GET":
                return self._reads(call, kinds)
            if kinds == ["privateendpoints"]:
                return self.refreshed(call)
            self._writes(call, kinds)
            return ROUTE(call)

        def note(counter: Counter, principal: str, method: str, path: Any, raw: str, version: str, status: int) -> None:
            if (principal, method) == ("app", "PUT") and [kind.lower() for kind in path.types] == ["privateendpoints"]:
                self.lost(path, status)
            NOTE(counter, principal, method, path, raw, version, status)

        gateway.route, Counter.note = route, note  # type: ignore[method-assign]

    @staticmethod
    def leave() -> None:
        gateway.route, Counter.note = ROUTE, NOTE  # type: ignore[method-assign]

    def begin(self) -> None:
        """A worker begins something new; what the last one saw is known."""
        for endpoint, rows in self.reads.items():
            own, last = self.cloud.get(endpoint), rows[-1]
            if own is None or not last.ready or not last.approved:
                continue
            ever = self.shown.setdefault(last.guid, set())
            ever.update(last.names)
            self.given_up -= {(last.guid, name) for name in last.names}
            if (labels := self.accounts.get(own.item.target)) is not None:
                lost = {name for name in ever - last.names.keys() if name.partition(".")[0] not in labels}
                self.given_up |= {(last.guid, name) for name in lost}
        self.reads.clear()
        self.accounts.clear()

    # --- what the app is told ---------------------------------------------------------------------

    def _reads(self, call: Call, kinds: list[str]) -> Reply:
        endpoint = kinds == ["privateendpoints"] and call.path.is_item
        try:
            reply = ROUTE(call)
        except ArmError as error:
            if endpoint and error.code in PROOF:
                self.reads.setdefault(call.path.key, []).append(Read())
            raise
        if endpoint:
            given = reply.body["properties"]
            links = [link for name in endpoints.LISTS for link in given[name]]
            state = links[0]["properties"]["privateLinkServiceConnectionState"]["status"]
            row = Read(given["resourceGuid"], state == "Approved", given["provisioningState"] == "Succeeded")
            for config in given["customDnsConfigs"]:
                row.names[config["fqdn"].lower()] = tuple(sorted(config["ipAddresses"]))
            self.reads.setdefault(call.path.key, []).append(row)
            reply.body = {**reply.body, "zones": ["1"], "properties": {**given, **FUTURE}}
        elif kinds == ["networkinterfaces"] and call.path.is_item:
            self._interface(reply.body["properties"])
        elif kinds == ["databaseaccounts"] and call.path.is_item:
            rows = reply.body["properties"]["locations"]
            self.accounts[call.path.key] = {row["id"].lower() for row in rows} | {call.path.name.lower()}
        return reply

    def _interface(self, given: dict[str, Any]) -> None:
        rows = self.reads.get(given["privateEndpoint"]["id"].lower(), [])
        for one in given["ipConfigurations"] if rows else ():
            inner = one["properties"]
            for name in inner["privateLinkConnectionProperties"]["fqdns"]:
                rows[-1].names[name.lower()] = (inner["privateIPAddress"],)

    # --- records ------------------------------------------------------------------------------------

    def _writes(self, call: Call, kinds: list[str]) -> None:
        graph = call.path.namespace.lower() == "microsoft.resourcegraph"
        if graph or (kinds == ["databaseaccounts", _DECIDES] and call.method == "PUT"):
            return
        if kinds != ["privatednszones", "a"]:
            self.broken.append(f"law 2: the app has no business with {call.method} {call.path.id}")
            return
        match, none = call.headers.get("If-Match"), call.headers.get("If-None-Match")
        zone = self.cloud.get(call.path.parent)
        key = (call.path.parent.key, call.path.name.lower())
        record = zone.item.records.get(("A", key[1])) if zone else None
        if zone is None or (record is None and match) or (record is not None and none == "*"):
            return  # Azure refuses it
        if record is not None and (match or "").strip('"') not in ("*", "", record.etag):
            return
        if call.method == "DELETE" and record is not None:
            self.count("record deleted")
            self.broken += [
                f"{why}: DELETE of {key}, {record}; {self._context()}" for why in self._removal(key, record)
            ]
        elif call.method == "PUT":
            self.count("record put over another" if record else "record put")
            body = call.body["properties"]
            self.broken += [f"{why}: PUT of {key}: {body}; {self._context()}" for why in self._put(key, body)]

    def _context(self) -> str:
        return f"read {self.reads} and {self.accounts}"

    def _put(self, key: Key, body: dict[str, Any]) -> list[str]:
        mark = body.get("metadata") or {}
        found = tuple(sorted(row["ipv4Address"] for row in body["aRecords"]))
        rows = [row for row in self.reads.get(mark.get("endpoint", "").lower(), []) if row.guid == mark.get("guid")]
        held = [row for row in rows if row.approved and row.names.get(oracle.fqdn(key)) == found]
        why = [] if held else ["an address that no read of this settle held"]
        own = self.cloud.get(mark.get("endpoint", "").lower())
        if own is not None and key[0] in oracle.covered(self.cloud, own):
            why.append("its zone group covers this zone")
        hub = oracle.hub_of(self.doc, key[0])
        if own is not None and hub not in oracle.served(self.doc, own):
            why.append("no hub with this zone serves the endpoint")
        return why

    def _removal(self, key: Key, record: Record) -> list[str]:
        mark = record.metadata or {}
        name, endpoint, target = oracle.fqdn(key), mark.get("endpoint", "").lower(), mark.get("target", "").lower()
        if not oracle.ours(self.doc, record):
            return ["law 2: the record is not ours"]
        why = [] if self.swept else ["record memory: before the first sweep"]
        if valid := sorted(oracle.claims(self.cloud, self.doc, oracle.alive).get(key, {})):
            why.append(f"a name vanished while {valid} map it")
        rows = self.reads.get(endpoint)
        if not rows:
            return [*why, "law 3: its endpoint was not read in this settle"]
        last, own = rows[-1], self.cloud.get(endpoint)
        if last.guid != mark.get("guid") or own is None:
            self.count("... its endpoint is gone")
            return why
        link = oracle.connections.of_endpoint(self.cloud, target, last.guid)
        if not last.approved or link is None or link.state.status != "Approved":
            self.count("... its endpoint is not approved")
            return why
        if not last.ready:
            return [*why, "its endpoint was in the middle of a change"]
        if name in last.names:
            return [*why, "its endpoint, as read in this settle, still maps it"]
        self.count("... its region is gone")
        labels = self.accounts.get(target)
        late = (last.guid, name) in self.given_up and (labels is None or key[1] in labels)
        if late and oracle.OPEN_BUG_A_LATE_DELETION_ASKS_THE_ENDPOINT_ALONE:
            self.count("... on the endpoint's word alone")
            return why
        if labels is None:
            return [*why, "its account was not read in this settle"]
        return [*why, "its account, as read in this settle, still has it"] if key[1] in labels else why
