"""Where the policy asks for several people: who counts, who joins, who replaces whom, and at the very same moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared import byhand
from shared.azure.desk import Desk
from shared.byhand import Caller
from tests.azure.test_grants import ADA, ASKS, BEN, EVE, NOBODY, TWO, put_in_between, refused, sent, status, told, waits
from tests.world import KEY, World, rules


@pytest.mark.parametrize("how", ["rule", "everywhere"])
def test_where_two_have_to_agree_the_first_waits_and_the_second_approves(w: World, how: str) -> None:
    connection = waits(w, ASKS) if how == "rule" else waits(w, extra=TWO)
    first = w.grants(connection, caller=ADA)
    w.work()
    assert (status(w), w.operation(first)["status"]) == ("Pending", "succeeded")
    assert w.operation(first)["result"]["approvals"] == 1
    second = w.grants(connection, caller=BEN)
    w.work()
    assert (status(w), w.operation(second)["status"]) == ("Approved", "succeeded")
    assert w.journal("approve")[0]["by"] == f"{ADA.name} and {BEN.name}"


@pytest.mark.parametrize("caller", [ADA, KEY], ids=["person", "key"])
def test_nobody_agrees_twice(w: World, caller: Caller) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection, caller=caller)
    assert refused(w, w.grants, connection, caller=caller) == (409, "Already agreed")
    w.work()
    assert refused(w, w.grants, connection, caller=caller) == (409, "Already agreed")
    assert status(w) == "Pending"


def test_a_key_is_never_one_of_two_people(w: World) -> None:
    connection = waits(w, extra=TWO)
    for caller in (KEY, ADA):
        number = w.grants(connection, caller=caller)
        w.work()
    assert (status(w), w.operation(number)["result"]["approvals"]) == ("Pending", 1)
    w.grants(connection, caller=BEN)
    w.work()
    assert status(w) == "Approved"


def test_two_people_before_any_worker_looks_are_both_told_that_it_is_done(w: World) -> None:
    connection = waits(w, extra=TWO)
    numbers = [w.grants(connection, caller=caller) for caller in (ADA, BEN)]
    w.work()
    assert [w.operation(number)["result"]["detail"] for number in numbers] == ["done and read back"] * 2


def test_of_two_people_at_the_very_same_moment_neither_is_lost(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = waits(w, extra=TWO)
    body = {"connectionId": connection, "verdict": "approve", "reason": "agreed"}
    put_in_between(w, monkeypatch, Desk, "begin", lambda: byhand.grant(w.app, body, BEN))
    w.grants(connection, caller=ADA)
    assert w.remembered(w.storage_id()).grants[0].people == (BEN.name, ADA.name)
    w.work()
    assert status(w) == "Approved"
    assert all(row.data["status"] == "succeeded" for row in w.rows("operations"))


def test_many_people_at_once_are_all_counted_and_the_request_is_approved_once(w: World) -> None:
    connection = waits(w, extra="grants: {approvals: 3}")
    body = {"connectionId": connection, "verdict": "approve", "reason": "agreed"}

    async def all_at_once() -> list[Any]:
        callers = (ADA, BEN, EVE, ADA, BEN, EVE)
        return await asyncio.gather(*(byhand.grant(w.app, body, one) for one in callers), return_exceptions=True)

    answers = w.run(all_at_once())
    assert sum(isinstance(answer, str) for answer in answers) == 3
    w.work()
    assert (status(w), len(w.journal("approve")), sent(w)) == ("Approved", 1, 1)


def test_a_rejection_replaces_an_approval_that_waits(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection, caller=ADA)
    w.work()
    w.grants(connection, "reject", BEN)
    w.work()
    assert status(w) == "Rejected"
    assert told(w) == [("given", ADA.name), ("replaced", BEN.name), ("given", BEN.name)]


def test_who_approved_is_told_when_somebody_rejected_it_before_a_worker_looked(w: World) -> None:
    connection = waits(w)
    approval = w.grants(connection, caller=ADA)
    w.grants(connection, "reject", BEN)
    w.work()
    assert status(w) == "Rejected"
    assert (w.operation(approval)["status"], w.operation(approval)["result"]["conflict"]) == ("failed", True)


def test_an_approval_never_replaces_a_rejection(w: World) -> None:
    connection = waits(w)
    w.grants(connection, "reject", ADA)
    assert refused(w, w.grants, connection, caller=BEN) == (409, "Rejected already")
    w.work()
    assert status(w) == "Rejected"


def test_a_policy_that_asks_for_one_person_less_approves_what_waited(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection, caller=ADA)
    w.work()
    w.set_policy(rules(NOBODY))
    w.signal(w.storage_id(), w.storage_id())
    assert status(w) == "Approved"
