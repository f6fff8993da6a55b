"""Judges every PUT of an endpoint by the app: the exact payload, asked for, allowed, once, and not too often.

Also is the somebody else who changes the endpoint at that very moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.azure import endpoints, gateway
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError
from simulator.azure.ids import Path
from simulator.azure.operations import Operation
from simulator.azure.world import Resource
from simulator.azure.world import World as Cloud
from tests.laws import cosmos_oracle as oracle
from tests.laws.cosmos_oracle import Doc

ROUTE = gateway.route
FUTURE = {"futureSetting": {"level": 7, "names": ["a"]}}
"""A property that this version of the product has never heard of."""
_UNCLEAR = timedelta(minutes=10)
_HOUR = timedelta(minutes=59)


@dataclass(slots=True)
class Sent:
    """A repeated PUT: of which endpoint, for which names, when, and what Azure made of it."""

    at: datetime
    guid: str
    names: frozenset[str]
    operation: Operation | None = None
    lost: bool = True


@dataclass(slots=True, kw_only=True)
class Refreshes:
    cloud: Cloud
    now: Callable[[], datetime]
    doc: Doc
    meddles: bool = False
    arrived: bool = False
    """The PUT that Azure answers just now reached its endpoint."""
    drifts: dict[tuple[str, str, frozenset[str]], datetime] = field(default_factory=dict)
    """Since when endpoints lag behind their accounts."""
    sent: dict[str, list[Sent]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    def refreshed(self, call: Call) -> Reply:
        own, self.arrived = self.cloud.get(call.path), True
        self.count("refresh sent")
        if call.method != "PUT" or own is None:
            self.broken.append(f"law 2: the app has no business with {call.method} {call.path.id}")
            return ROUTE(call)
        if self.meddles:
            self.meddles = False
            self._meddle(call, own)
        match = call.headers.get("If-Match")
        sent = self._judge(call, own, refused=match is not None and match != f'W/"{own.item.etag}"')
        try:
            reply = ROUTE(call)
        except ArmError as error:
            self.count(f"refresh refused: {error.code}")
            sent.lost = False
            raise
        token = reply.headers["Azure-AsyncOperation"].rpartition("/")[2].partition("?")[0]
        sent.operation, sent.lost = self.cloud.operations[token], False
        self.count("refresh accepted")
        return reply

    def lost(self, path: Path, status: int) -> None:
        """A PUT that never reached its endpoint: dropped on its way, or refused at the door."""
        own = self.cloud.get(path)
        if own is not None and not self.arrived:
            self.count("refresh lost on its way" if status == 0 else f"refresh refused: {status}")
            sent = Sent(self.now(), own.item.guid, oracle.has(self.cloud.get(own.item.target), own.item.groups))
            sent.lost = status == 0
            self._alone(own, sent)
        self.arrived = False

    def _alone(self, own: Resource, sent: Sent) -> None:
        before = self.sent.setdefault(own.path.key, [])
        twice = [one.at for one in before if (one.guid, one.names) == (sent.guid, sent.names) and self._under_way(one)]
        self.broken += [f"refresh: PUT of {own.path.id}, while one is under way since {at}" for at in twice]
        before.append(sent)

    def _meddle(self, call: Call, own: Resource) -> None:
        """Somebody else's PUT of the same endpoint, with a tag more."""
        body = render(own)
        body["tags"] = {**(body.get("tags") or {}), "touched": "just now"}
        ROUTE(Call(self.cloud, "PUT", call.path, call.query, {}, body, "operator", call.base))

    def _judge(self, call: Call, own: Resource, refused: bool = False) -> Sent:
        account = self.cloud.get(own.item.target)
        names, why = oracle.has(account, own.item.groups), []
        young = [one for rows in self.sent.values() for one in rows if self.now() - one.at < _HOUR]
        hour = [one for one in young if one.lost or one.operation is not None]  # what Azure refused is no refresh
        sent = Sent(self.now(), own.item.guid, names)
        self._alone(own, sent)
        if self.doc["modes"]["refresh"] != "apply":
            why.append(f"modes.refresh is {self.doc['modes']['refresh']}")
        if "If-Match" not in call.headers:
            why.append("without If-Match")
        most = self.doc["caps"]["refreshes_per_hour"]
        if len(hour) >= most:
            why.append(f"caps: {len(hour)} within this hour, at most {most}")
        if not refused:
            why += self._unwanted(own, names)
            if call.body != (should := {**render(own, FUTURE), "zones": ["1"]}):
                why.append(f"its payload: sent {call.body}, should be {should}")
        self.broken += [f"refresh: {text}: PUT of {own.path.id}" for text in why]
        return sent

    def _under_way(self, one: Sent) -> bool:
        if one.operation is not None:
            return not one.operation.done
        return one.lost and self.now() - one.at < _UNCLEAR

    def _unwanted(self, own: Resource, names: frozenset[str]) -> list[str]:
        if not oracle.approved(self.cloud, own) or own.item.provisioning not in ("Succeeded", "Failed"):
            return ["of an endpoint that is not approved, or in the middle of a change"]
        if not oracle.served(self.doc, own):
            return ["of an endpoint that nobody here looks after"]
        if oracle.recreate(self.cloud, own):
            return []
        policy = self.doc["refresh"]
        since = self.drifts.get((own.path.key, own.item.guid, names))
        late = since is not None and self.now() - since >= timedelta(minutes=policy["drift_minutes"] - 1)
        if names != oracle.shows(own) and policy["on_drift"] == "refresh" and late:
            self.count("refresh for drift")
            return []
        return ["nobody asked for it"]

    def time_passed(self) -> None:
        found = {}
        for own in self.cloud.of_type(oracle.ENDPOINT):
            names = oracle.has(self.cloud.get(own.item.target), own.item.groups)
            if names and names != oracle.shows(own):
                found[own.path.key, own.item.guid, names] = self.now()
        self.drifts = {key: self.drifts.get(key, at) for key, at in found.items()}


def render(own: Resource, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Exactly the endpoint's own payload, and nothing that Azure computes."""
    item = own.item
    inner: dict[str, Any] = {"privateLinkServiceId": item.service, "groupIds": item.groups}
    if item.message is not None:
        inner["requestMessage"] = item.message
    link = {"name": item.link, "properties": inner}
    properties = {
        "subnet": {"id": item.subnet},
        "customNetworkInterfaceName": item.nic_name,
        "ipConfigurations": item.static,
        **item.kept,
        **(more or {}),
        **{name: [link] if item.manual == number else [] for number, name in enumerate(endpoints.LISTS)},
    }
    return {**{name: value for name, value in own.body.items() if value is not None}, "properties": properties}
