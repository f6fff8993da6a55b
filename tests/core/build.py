"""Values with defaults, so that a test shows only what it is about: one team's endpoint towards one storage account."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.core.hub import Hub, Serves
from shared.core.ids import ResourceId, Scope
from shared.core.model import (
    Claim,
    Connection,
    Decision,
    Endpoint,
    Grant,
    Link,
    Name,
    Presence,
    RecordSet,
    Seen,
    Status,
    Verdict,
    ordered,
)
from shared.core.names import Mark, NameState, desired
from shared.core.plan import Snapshot
from shared.core.policy import Policy
from shared.core.rules import EndpointPattern, Mode, Requesters, Rule, Targets

TEAM = "aaaaaaaa-0000-4000-8000-000000000001"
DATA = "bbbbbbbb-0000-4000-8000-000000000002"
DNS = "cccccccc-0000-4000-8000-000000000003"
STRANGER = "dddddddd-0000-4000-8000-000000000004"
GUID, GUID2, GUID3 = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEPLOYMENT = "lk-test"
MARK = Mark(owner="contoso-hub", deployment=DEPLOYMENT)
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


def rid(text: str) -> ResourceId:
    return ResourceId.parse(text)


def target_id(
    name: str = "acct1", *, group: str = "data", kind: str = "Microsoft.Storage/storageAccounts"
) -> ResourceId:
    return rid(f"/subscriptions/{DATA}/resourceGroups/{group}/providers/{kind}/{name}")


def endpoint_id(name: str = "pe1", *, subscription: str = TEAM, group: str = "net") -> ResourceId:
    return rid(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/privateEndpoints/{name}"
    )


def connection_id(name: str = "acct1.c1") -> ResourceId:
    return TARGET.child("privateEndpointConnections", name)


TARGET = target_id()
ENDPOINT = endpoint_id()
OTHER = endpoint_id("pe2")
ZONE = rid(
    f"/subscriptions/{DNS}/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones/"
    "privatelink.blob.core.windows.net"
)


def connection(name: str = "acct1.c1", **changed: Any) -> Connection:
    """A Pending request of the team's endpoint for the blobs of acct1, fully read."""
    facts: dict[str, Any] = {
        "id": connection_id(name),
        "name": name,
        "endpoint": ENDPOINT,
        "guid": GUID,
        "status": Status.PENDING,
        "settled": True,
        "groups": ("blob",),
    }
    return Connection(**{**facts, **changed})


def body(name: str = "acct1.c1", **properties: Any) -> dict[str, Any]:
    """The same request as Azure's answer shows it."""
    return {
        "id": str(connection_id(name)),
        "name": name,
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpoint": {"id": str(ENDPOINT)},
            "groupIds": ["blob"],
            "privateLinkServiceConnectionState": {"status": "Pending", "description": "", "actionsRequired": "None"},
            **properties,
        },
    }


def link(status: Status = Status.APPROVED, target: ResourceId | None = None, **changed: Any) -> Link:
    return Link(**{"target": target or TARGET, "groups": ("blob",), "status": status, **changed})


def endpoint(name: str = "pe1", *, status: Status = Status.APPROVED, **changed: Any) -> Endpoint:
    """The team's endpoint, Approved and ready, with its one name and address."""
    facts: dict[str, Any] = {
        "id": endpoint_id(name),
        "guid": GUID,
        "location": "westeurope",
        "provisioned": True,
        "links": (link(status),),
        "pairs": (("acct1.blob.core.windows.net", ("10.0.0.4",)),),
    }
    return Endpoint(**{**facts, **changed})


def seen(what: Endpoint | None) -> Seen:
    return Seen(presence=Presence.PRESENT if what else Presence.GONE, endpoint=what)


def rule(name: str = "team", verdict: Verdict = Verdict.APPROVE, **changed: Any) -> Rule:
    """Approves what the team's subscription asks of anything in the group `data`."""
    facts: dict[str, Any] = {
        "requesters": Requesters(subscriptions=frozenset({TEAM})),
        "targets": Targets(scopes=(Scope.parse(f"/subscriptions/{DATA}/resourceGroups/data"),)),
    }
    return Rule(name=name, verdict=verdict, **{**facts, **changed})


def reject(name: str = "nobody", **changed: Any) -> Rule:
    return rule(name, Verdict.REJECT, **changed)


def hub(name: str = "west", **changed: Any) -> Hub:
    facts: dict[str, Any] = {
        "zones": Scope.parse(f"/subscriptions/{DNS}/resourceGroups/dns"),
    }
    whom = {key: changed.pop(key) for key in ("all", "subscriptions") if key in changed}
    facts["serves"] = Serves(**(whom or {"subscriptions": frozenset({TEAM})}))
    return Hub(name=name, **{**facts, **changed})


def policy(*rules: Rule, **changed: Any) -> Policy:
    facts: dict[str, Any] = {"owner": "contoso-hub", "rules": rules, "hubs": (hub(),), "hash": "h1"}
    facts["modes"] = tuple((kind, Mode.APPLY) for kind in ("approve", "reject", "put", "delete"))
    return Policy(**{**facts, **changed})


def grant(verdict: Verdict = Verdict.APPROVE, **changed: Any) -> Grant:
    """Ada's decision about the connection of `connection()`."""
    facts: dict[str, Any] = {
        "connection": connection_id(),
        "endpoint": ENDPOINT,
        "guid": GUID,
        "people": ("ada",),
        "reason": "CHG-7",
        "expires": NOW + timedelta(days=7),
        "operation": "op1",
    }
    return Grant(verdict=verdict, **{**facts, **changed})


def name(record: str = "acct1", zone: ResourceId = ZONE) -> Name:
    return Name(zone=zone, record=record)


def claim(who: ResourceId = ENDPOINT, address: str = "10.0.0.4", **changed: Any) -> Claim:
    facts: dict[str, Any] = {"name": name(), "guid": GUID, "target": TARGET, "addresses": ordered([address])}
    facts["fqdn"] = "acct1.blob.core.windows.net"
    return Claim(endpoint=who, **{**facts, **changed})


def record(of: Claim | None = None, **changed: Any) -> RecordSet:
    """The set that we wrote for this claim, as Azure shows it."""
    written = desired(of or claim(), MARK, 10, None)
    facts: dict[str, Any] = {"addresses": written.addresses, "ttl": 10, "metadata": written.metadata, "etag": "e1"}
    return RecordSet(name=written.name, **{**facts, **changed})


def labelled(record: RecordSet, **labels: str | None) -> RecordSet:
    """The same set with other metadata; None removes a key."""
    both = {**dict(record.metadata), **labels}
    metadata = tuple(sorted((key, value) for key, value in both.items() if value is not None))
    return RecordSet(name=record.name, addresses=record.addresses, ttl=record.ttl, metadata=metadata, etag=record.etag)


def foreign(address: str = "10.0.0.4", **changed: Any) -> RecordSet:
    """A set that a zone group wrote."""
    creator = (("creator", f"created by private endpoint pe9 with resource guid {GUID3}"),)
    facts: dict[str, Any] = {"name": name(), "addresses": (address,), "ttl": 10, "metadata": creator, "etag": "f1"}
    return RecordSet(**{**facts, **changed})


def state(*claims: Claim, present: RecordSet | None = None, **changed: Any) -> NameState:
    """One name as the planner sees it; all claimants, the former one too, were read just now unless `fresh` differs."""
    last = ResourceId.read(present.label("endpoint")) if present else None
    fresh = frozenset(filter(None, (*(claim.endpoint for claim in claims), last)))
    facts: dict[str, Any] = {"name": name(), "fresh": fresh, "read": True}
    facts["heirs"] = changed.get("fresh", fresh)
    return NameState(claims=claims, present=present, **{**facts, **changed})


def snapshot(*connections: Connection, **changed: Any) -> Snapshot:
    return Snapshot(**{"target": TARGET, "connections": connections, **changed})


def shown(decision: Decision) -> str:
    return "\n".join(decision.reasons)


def until(day: str) -> date:
    return date.fromisoformat(day)


def pattern(group: str, endpoint_name: str, subscription: str = TEAM) -> EndpointPattern:
    return EndpointPattern(subscription, group, endpoint_name)


@functools.cache
def recording(file: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads((RECORDINGS / file).read_text("utf-8"))
    return loaded


def part(file: str, *path: str | int) -> Any:
    """A part of a recording: its body, an item of a list, a later answer."""
    found: Any = recording(file)
    for step in path:
        found = found[step]
    return found


def examples(number: int) -> Callable[[Any], Any]:
    """Enough examples to find a mistake, few enough for milliseconds; the same ones on every machine.

    `LINKKEEPER_EXAMPLES` multiplies them, as it does for the laws: 20 before a release, less for `make mutate`."""
    times = float(os.environ.get("LINKKEEPER_EXAMPLES", "1"))
    return hypothesis_settings(
        max_examples=max(1, round(number * times)),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


WORDS = st.sampled_from(
    (
        *("Pending", "Approved", "Succeeded", "", "blob", "None", "a/b", "..", "\r\n", "\u212a", GUID, "*"),
        *(str(TARGET), str(ENDPOINT), str(connection_id()), f"{TARGET}/../x", f"/subscriptions/{DATA}"),
    )
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS


def json_with(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Arbitrary JSON in which the keys that the reader looks for turn up often."""
    names = st.sampled_from(keys) | st.text(max_size=4)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
        max_leaves=12,
    )


def mutations(value: Any, keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """A good body in which one place, anywhere, holds something else or nothing."""
    places = [place for place in _places(value) if place]
    return st.builds(
        lambda place, other, drop: _changed(value, place, other, drop),
        st.sampled_from(places),
        json_with(keys),
        st.booleans(),
    )


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, inner in items for found in _places(inner, (*place, key)))]


def _changed(value: Any, place: tuple[Any, ...], other: Any, drop: bool) -> Any:
    copy = json.loads(json.dumps(value))
    at = copy
    for key in place[:-1]:
        at = at[key]
    if drop:
        del at[place[-1]]
    else:
        at[place[-1]] = other
    return copy
