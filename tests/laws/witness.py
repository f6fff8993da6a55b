"""Stands inside the small Azure and sees every write of the app at the moment it happens, with what was there before.

Checks the safety laws there and then, against Azure's own state and an oracle written a second time, not against
what the app believes. Broken laws are kept in `broken`, so that no `except` of the app can swallow them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.azure import connections, gateway
from simulator.azure.calls import Call, Reply
from simulator.azure.world import World as Cloud
from tests.laws import oracle

FRESH = timedelta(seconds=5)


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


_ROUTE = gateway.route
