"""Decisions by hand are bound to what the person saw: void when that is gone, or is another's by now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared import granting
from shared.byhand import Caller, Problem
from shared.core.ids import ResourceId
from simulator.azure.ids import parse
from tests.azure.test_http import waiting
from tests.meddling import meddling
from tests.world import STRANGER, TEAM, World, rules

NOBODY = f"{{name: other, verdict: approve, requesters: {{subscriptions: [{STRANGER}]}}, targets: {{all: true}}}}"
BY_GUID = (
    "{name: nobody, verdict: approve, requesters: {guids: [00000000-0000-4000-8000-00000000000f]},"
    " targets: {types: [Microsoft.DocumentDB/databaseAccounts]}}"
)
ASKS = NOBODY.replace("name: other", "name: ask two, approvals: 2").replace(STRANGER, TEAM)
TWO = "grants: {approvals: 2}"
LIST = "privateEndpointConnections"
Act = Callable[..., None]


def person(number: int) -> Caller:
    name = f"person 00000000-0000-4000-8000-00000000000{number}"
    return Caller(name=name, person=True, roles=frozenset({"Linkkeeper.Approver"}))


ADA, BEN, EVE = person(1), person(2), person(3)


def waits(w: World, *texts: str, extra: str = "") -> str:
    """A request that nothing approves; its connection's id."""
    w.fresh(rules(*(texts or (NOBODY,)), extra=extra))
    w.asks(w.storage())
    w.settle_all()
    return str(w.held()[0]["connection"])


def cosmos_waits(w: World) -> tuple[str, str, str]:
    """Cosmos DB names a connection after its endpoint: (target, endpoint, connection)."""
    w.fresh(rules(BY_GUID))
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "acct1")
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    return target, endpoint, str(w.held()[0]["connection"])


def refused(w: World, act: Callable[..., Any], *given: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        act(*given, **more)
    return problem.value.status, problem.value.title


def status(w: World) -> str | None:
    return w.status(w.storage_id(), w.endpoint_id())


def sent(w: World) -> int:
    """Decisions that reached Azure."""
    return sum(LIST in call["path"] for call in w.sent("PUT"))


def told(w: World) -> list[tuple[str, str]]:
    """What the journal says of grants, oldest first: (result, by)."""
    return [(row["result"], row["by"]) for row in reversed(w.journal("grant"))]


def put_in_between(w: World, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, act: Any) -> None:
    """`await act()` once, just before the app calls this."""
    inner, acts = getattr(owner, name), [act]

    async def first(*given: Any, **more: Any) -> Any:
        if acts:
            await acts.pop()()
        return await inner(*given, **more)

    monkeypatch.setattr(owner, name, first)


# --- bound to what was seen ---------------------------------------------------------------------------


def test_a_decision_that_names_the_endpoint_it_saw_is_carried_out(w: World) -> None:
    connection = waits(w)
    number = w.grants(connection, endpointId=w.endpoint_id().upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    w.work()
    assert (status(w), w.operation(number)["status"]) == ("Approved", "succeeded")


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        (
            {"endpointId": f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/x"},
            409,
        ),
        ({"endpointId": "../x"}, 400),
        ({"guid": "none"}, 400),
        ({"endpointId": ["x"]}, 400),
    ],
)
def test_a_decision_about_another_endpoint_than_the_one_that_waits_is_refused(
    w: World, seen: dict[str, Any], answer: int
) -> None:
    connection = waits(w)
    assert refused(w, w.grants, connection, **seen)[0] == answer
    assert not w.journal("grant")


def test_another_guid_than_the_one_that_waits_is_409(w: World) -> None:
    _, _, connection = cosmos_waits(w)
    other = "99999999-1111-4000-8000-000000000000"
    assert refused(w, w.grants, connection, guid=other) == (409, "Another endpoint")
    w.grants(connection, guid=w.held()[0]["guid"].upper())


def test_a_decision_is_good_as_long_as_the_policy_says_and_its_end_is_journalled(w: World) -> None:
    connection = waits(w, extra="grants: {approvals: 2, days: 2}")
    w.grants(connection)
    w.work()
    left = w.remembered(w.storage_id()).grants[0].expires - w.clock()
    assert timedelta(days=1, hours=23) < left <= timedelta(days=2)
    w.clock.skip(days=2)
    assert w.run(granting.clean(w.app)) == 1
    assert (w.remembered(w.storage_id()).grants, told(w)[-1]) == ([], ("expired", "Linkkeeper"))


# --- the request goes, or becomes another's ---------------------------------------------------------------


def test_the_same_name_made_again_with_another_guid_voids_the_grant_at_the_next_look(w: World) -> None:
    w.fresh(rules(BY_GUID, extra=TWO))
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "acct1")
    endpoint = w.asks(target, group="Sql")
    w.settle_all()
    w.grants(w.held()[0]["connection"])
    w.work()
    w.removes(endpoint)
    w.asks(target, group="Sql")
    w.settle_all()
    assert (w.remembered(target).grants, told(w)[-1]) == ([], ("void", "Linkkeeper"))
    assert w.status(target, endpoint) == "Pending"


def test_the_same_name_taken_by_another_endpoint_voids_the_grant_and_the_operation_says_so(w: World) -> None:
    target, _, connection = cosmos_waits(w)
    thief = w.endpoint_id("pe1", STRANGER)
    number = w.grants(connection)
    taken_over(w, thief)
    w.work()
    assert w.status(target, thief) == "Pending"
    found = w.operation(number)
    assert (found["status"], found["result"]["conflict"], told(w)[-1][0]) == ("failed", True, "void")
    assert "belongs to another endpoint" in found["result"]["detail"]


def taken_over(w: World, by: str) -> None:
    for rows in w.azure.world.connections.values():
        for one in rows.values():
            one.endpoint, one.endpoint_guid = parse(by), "99999999-1111-4000-8000-000000000000"


def test_a_name_taken_between_the_look_and_the_call_is_undone_and_the_grant_is_gone(w: World) -> None:
    target, _, connection = cosmos_waits(w)
    thief, acts = w.endpoint_id("pe1", STRANGER), [taken_over]
    number = w.grants(connection)
    with meddling("PUT", LIST, lambda *_: acts.pop()(w, thief) if acts else None):
        w.work()
    found = w.operation(number)
    assert (found["status"], found["result"]["conflict"]) == ("failed", True)
    assert (w.status(target, thief), w.remembered(target).grants) == ("Rejected", [])


def test_a_grant_of_a_connection_that_is_gone_is_void(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection)
    w.work()
    w.removes(connection)
    w.signal(w.storage_id(), w.storage_id())
    assert (w.remembered(w.storage_id()).grants, told(w)[-1][0]) == ([], "void")


@pytest.mark.parametrize("trouble", [{"status": 403, "code": "AuthorizationFailed"}, {"status": 200, "body": {"x": 1}}])
def test_a_list_that_cannot_be_read_voids_nothing(w: World, trouble: dict[str, Any]) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection)
    w.work()
    w.azure.fault(principal="app", method="GET", path=f"acct1/{LIST}$", times=0, **trouble)
    w.signal(w.storage_id(), w.storage_id())
    assert len(w.remembered(w.storage_id()).grants) == 1


def test_a_spent_grant_is_forgotten_without_a_word_when_its_connection_is_gone(w: World) -> None:
    connection = waits(w)
    w.grants(connection)
    w.work()
    assert w.remembered(w.storage_id()).grants[0].spent
    w.removes(connection)
    w.signal(w.storage_id(), w.storage_id())
    assert (w.remembered(w.storage_id()).grants, told(w)) == ([], [("given", "function key")])


# --- void, as a pure function ---------------------------------------------------------------------------


def test_only_a_complete_list_proves_that_a_request_is_gone(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection)
    (grant,) = w.remembered(w.storage_id()).grants
    assert granting.void([grant], [], complete=False) == []
    assert granting.void([grant], [], complete=True) == [(grant, granting.GONE)]
    assert grant.connection == ResourceId.parse(connection)


def test_a_decision_that_could_not_be_carried_out_when_it_was_given_is_carried_out_by_the_watch(w: World) -> None:
    connection = waiting(w)
    w.run(w.app.desk.switch_approvals(False))
    w.grants(connection)
    w.settle_all()
    w.run(w.app.desk.switch_approvals(True))
    w.watch()
    w.settle_all()
    assert w.status(w.storage_id(), w.endpoint_id()) == "Approved"
