"""Every type of the table, over the wire: asked for, approved, rejected, and what may go wrong in between.

Generated from shared/azure/providers.json: a new row is tested without anybody writing a test, and fails here while
the small Azure does not know its type. One world for the whole file: each type tells its stories on targets of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.azure.providers import Provider, table
from shared.core.ids import ResourceId
from shared.core.model import Connection, Presence, Status, Verdict
from shared.errors import Lasting
from simulator.azure import catalog
from tests.world import DATA, STRANGER, TEAM, World

RULE = "  - {{name: {}, verdict: {}, requesters: {{subscriptions: [{}]}}, targets: {{scopes: [/subscriptions/{}]}}}}\n"
POLICY = (
    f"version: 1\nowner: contoso-hub\nscope: {{subscriptions: [{DATA}]}}\nrules:\n"
    + RULE.format("team", "approve", TEAM, DATA)
    + RULE.format("no strangers", "reject", STRANGER, DATA)
)
KINDS = sorted(table().values(), key=lambda kind: kind.type)
EACH = pytest.mark.parametrize("kind", KINDS, ids=[kind.type for kind in KINDS])


@pytest.fixture(scope="module")
def w(the_world: World) -> World:
    return the_world.fresh(POLICY)


def known(kind: Provider) -> dict[str, Any]:
    row = catalog.entries().get(kind.type.lower())
    assert row is not None, f"simulator/azure/types.json has no row for {kind.type}"
    return row


def target(w: World, kind: Provider, name: str) -> str:
    frontends = [{"name": "front", "properties": {"privateLinkConfiguration": {"id": "x"}}}]
    more = {"frontendIPConfigurations": frontends} if "frontends" in known(kind) else {}
    return w.target(kind.type, name, **more)


def asks(w: World, kind: Provider, place: str, name: str, subscription: str = TEAM) -> str:
    groups = [group.replace("{slot}", "one") for group in known(kind)["groups"]] or ["front"]
    group = None if kind.type == "Microsoft.Network/privateLinkServices" else groups[0]
    short = kind.type.replace("/", "-").replace("Microsoft.", "").replace("microsoft.", "")
    return w.asks(place, f"{short}-{name}", subscription=subscription, group=group)


def settle(w: World, place: str) -> None:
    """Somebody signals the target; the second looks come, too."""
    w.azure.outbox.clear()
    where = ResourceId.parse(place)
    w.signal(place, place, "requested")
    w.later(150)
    assert where not in w.ripe()


def rows(w: World, place: str) -> list[tuple[str, str]]:
    """What the journal says that was done to the target."""
    found = w.run(w.app.journal.read(w.clock.start, ResourceId.parse(place)))
    return sorted((row["kind"], row["result"]) for row in found if row["kind"] in ("approve", "reject"))


def read(w: World, place: str, endpoint: str) -> Connection:
    """The connection of this endpoint, as the app reads it alone."""
    listing = w.run(w.app.arm.connections(ResourceId.parse(place)))
    assert listing.complete, listing.why
    (found,) = [one for one in listing.connections if one.endpoint == ResourceId.parse(endpoint)]
    alone = w.run(w.app.arm.connection(ResourceId.parse(place), found.name))
    assert alone == found
    return found


@EACH
def test_one_request_is_approved_another_rejected_and_both_are_read_back(w: World, kind: Provider) -> None:
    place = target(w, kind, "both")
    good, bad = asks(w, kind, place, "good"), asks(w, kind, place, "bad", STRANGER)
    assert {read(w, place, who).status for who in (good, bad)} == {Status.PENDING}
    w.azure.forget_calls()
    settle(w, place)
    asked = {call["apiVersion"] for call in w.sent() if call["path"].lower().startswith(f"{place}/private".lower())}
    assert asked == {kind.version}
    for who, status in ((good, Status.APPROVED), (bad, Status.REJECTED)):
        found = read(w, place, who)
        assert (found.status, found.settled, found.problems) == (status, True, ())
    assert rows(w, place) == [("approve", "done"), ("reject", "done")]


@EACH
def test_what_somebody_approves_in_between_ends_well_and_is_approved_once(
    w: World, kind: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = target(w, kind, "twice")
    who = asks(w, kind, place, "twice")
    connection = str(read(w, place, who).id)
    sent = meddled(w, monkeypatch, lambda: w.decides(connection, "Approved"))
    settle(w, place)
    found = read(w, place, who)
    assert (found.status, found.settled) == (Status.APPROVED, True)
    assert rows(w, place) == [("approve", "done")]
    assert len(sent) == 1


@EACH
def test_what_vanishes_between_read_and_decision_leaves_a_clean_end(
    w: World, kind: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = target(w, kind, "gone")
    who = asks(w, kind, place, "gone")
    sent = meddled(w, monkeypatch, lambda: w.removes(who))
    settle(w, place)
    assert w.connection_of(place, who) is None
    assert rows(w, place) == [("approve", "unknown")]
    assert len(sent) == 1
    settle(w, place)
    assert len(sent) == 1, "nothing is left to do"


# --- what the SDK would believe ---------------------------------------------------------------------

NETWORK = [kind for kind in KINDS if kind.client == "network"]
AGAIN = {"value": [], "nextLink": "https://{host}{place}/privateEndpointConnections?api-version=2024-05-01&page=2"}


@pytest.mark.parametrize("odd", [{}, {"value": None}, {"value": {}}, {"value": ["x"]}, {"value": "x"}, [], "x", AGAIN])
@pytest.mark.parametrize("kind", NETWORK, ids=[kind.type for kind in NETWORK])
def test_a_list_that_is_none_or_has_no_end_proves_nothing(w: World, kind: Provider, odd: Any) -> None:
    place = target(w, kind, "odd")
    host = w.azure.arm.removeprefix("https://")
    body = json.dumps(odd).replace("{host}", host).replace("{place}", place)
    w.azure.fault(method="GET", path="privateEndpointConnections", status=200, body=json.loads(body), times=0)
    try:
        found = w.run(w.app.arm.connections(ResourceId.parse(place)))
    finally:
        w.azure.forget_faults()
    assert not found.complete
    assert found.presence is Presence.UNKNOWN


@pytest.mark.parametrize("kind", NETWORK, ids=[kind.type for kind in NETWORK])
def test_the_sdk_keeps_what_its_model_does_not_know(w: World, kind: Provider) -> None:
    place = target(w, kind, "raw")
    found = read(w, place, asks(w, kind, place, "raw"))
    assert found.link_identifier
    assert (found.guid is not None) == kind.guid_in_name


@pytest.mark.parametrize(
    ("code", "gone"), [("ResourceNotFound", True), ("NotFound", True), ("SubscriptionNotFound", False)]
)
@pytest.mark.parametrize("kind", [*NETWORK, table()["microsoft.storage/storageaccounts"]], ids=str)
def test_a_404_of_the_front_door_is_no_proof_that_a_connection_is_gone(
    w: World, kind: Provider, code: str, gone: bool
) -> None:
    place = ResourceId.parse(target(w, kind, "front"))
    w.azure.fault(path="privateEndpointConnections", status=404, body={"error": {"code": code, "message": "no"}})
    if gone:
        assert w.run(w.app.arm.connection(place, "any")) is None
    else:
        with pytest.raises(Lasting, match=code):
            w.run(w.app.arm.connection(place, "any"))


def test_the_long_address_of_a_slow_operation_is_written_nowhere(w: World) -> None:
    kind = table()["microsoft.documentdb/databaseaccounts"]
    place = target(w, kind, "slow")
    who = asks(w, kind, place, "slow")
    address = f"{w.azure.arm}/subscriptions/{DATA}/operationsStatus/canary?api-version=2024-05-01&t={'x' * 3_400}"
    headers = {"Azure-AsyncOperation": address, "Location": address}
    w.azure.fault(
        method="PUT",
        path="privateEndpointConnections",
        status=202,
        headers=headers,
        body={"status": "Enqueued"},
        after=True,
    )
    settle(w, place)
    assert read(w, place, who).status is Status.APPROVED
    assert "operationsStatus" not in repr([w.rows(name) for name in w.run(tables(w))])


async def tables(w: World) -> list[str]:
    return [table.name async for table in (await w._tables()).list_tables()]


def meddled(w: World, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[], None]) -> list[str]:
    """Somebody does something just before a decision is sent; the decisions that were sent."""
    sent: list[str] = []
    real = w.app.arm.decide

    async def late(place: ResourceId, connection: Connection, verdict: Verdict) -> None:
        if not sent:
            await asyncio.to_thread(meddle)
        sent.append(connection.name)
        await real(place, connection, verdict)

    monkeypatch.setattr(w.app.arm, "decide", late)
    return sent
