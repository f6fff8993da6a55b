"""A decision is taken back, or another joins it, while a worker is about to carry it out: exactly one of them wins."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared import byhand, granting
from shared.azure.journal import Journal
from shared.byhand import Caller
from tests.azure.test_grants import ADA, BEN, LIST, TWO, put_in_between, refused, sent, status, told, waits
from tests.world import KEY, World


def revokes(w: World, connection: str, caller: Caller = KEY, **more: Any) -> dict[str, Any]:
    body = {"connectionId": connection, "verdict": "revoke", "reason": "by mistake", **more}
    return w.run(byhand.revoke(w.app, body, caller))


def test_a_decision_that_waits_can_be_taken_back_by_anybody_who_may_decide(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection, caller=ADA)
    w.work()
    answer = revokes(w, connection, BEN)
    w.work()
    assert (answer["revoked"]["people"], answer["by"]) == ([ADA.name], BEN.name)
    assert (w.remembered(w.storage_id()).grants, told(w)[-1]) == ([], ("revoked", BEN.name))
    assert ADA.name not in str(w.held()[0]["reasons"])


def test_after_taking_back_both_people_have_to_agree_anew(w: World) -> None:
    connection = waits(w, extra=TWO)
    w.grants(connection, caller=ADA)
    revokes(w, connection, ADA)
    w.grants(connection, caller=BEN)
    w.work()
    assert status(w) == "Pending"


def test_what_is_taken_back_before_a_worker_looked_ends_its_operation(w: World) -> None:
    connection = waits(w)
    number = w.grants(connection, caller=ADA)
    revokes(w, connection, BEN)
    w.work()
    found = w.operation(number)
    assert (status(w), found["status"], found["result"]["conflict"]) == ("Pending", "failed", True)
    assert f"taken back by {BEN.name}" in found["result"]["detail"]


def test_there_is_nothing_to_take_back_before_or_after_a_decision(w: World) -> None:
    connection = waits(w)
    assert refused(w, revokes, w, connection) == (404, "Nothing to revoke")
    w.grants(connection)
    w.work()
    assert refused(w, revokes, w, connection) == (409, "Too late")
    assert status(w) == "Approved"


@pytest.mark.parametrize(
    ("more", "answer"), [({"reason": ""}, 400), ({"expires": "2099-01-01"}, 400), ({"connectionId": "x"}, 400)]
)
def test_a_revocation_says_why_and_holds_at_once(w: World, more: dict[str, Any], answer: int) -> None:
    connection = waits(w)
    w.grants(connection)
    assert refused(w, revokes, w, connection, **more)[0] == answer


def test_a_grant_revoked_between_the_look_and_the_call_is_never_spent(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = waits(w)
    w.grants(connection, caller=ADA)
    body = {"connectionId": connection, "reason": "stop"}
    put_in_between(w, monkeypatch, Journal, "open", lambda: byhand.revoke(w.app, body, BEN))
    w.work()
    assert (status(w), sent(w), w.journal("approve")) == ("Pending", 0, [])
    assert not [row for row in w.rows("targets") if row.rk.startswith(("i!", "g!"))]


def test_a_second_person_who_agrees_between_the_look_and_the_call_is_not_overwritten(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = waits(w)
    w.grants(connection, caller=ADA)
    body = {"connectionId": connection, "verdict": "approve", "reason": "me too"}
    put_in_between(w, monkeypatch, Journal, "open", lambda: byhand.grant(w.app, body, BEN))
    w.work()
    assert (status(w), sent(w)) == ("Approved", 1)
    assert w.journal("approve")[0]["by"] == f"{ADA.name} and {BEN.name}"


def test_what_is_being_spent_cannot_be_taken_back(w: World) -> None:
    connection = waits(w)
    w.grants(connection)
    answers: list[Any] = []

    async def too_late(*_: Any) -> None:
        body = {"connectionId": connection, "reason": "stop"}
        answers.extend(await asyncio.gather(byhand.revoke(w.app, body, BEN), return_exceptions=True))

    decide = w.app.arm.decide

    async def slow(*given: Any) -> Any:
        await too_late()
        return await decide(*given)

    w.app.arm.decide = slow  # type: ignore[method-assign]
    w.work()
    assert (answers[0].status, answers[0].title, status(w)) == (409, "Too late", "Approved")


def test_a_revocation_that_died_half_way_is_finished_by_the_next_look(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = waits(w)
    w.grants(connection, caller=ADA)

    async def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as once:
        once.setattr(granting, "tell", dies)
        with pytest.raises(RuntimeError):
            revokes(w, connection, BEN)
    w.work()
    assert (status(w), told(w)) == ("Pending", [("given", ADA.name), ("revoked", BEN.name)])
    assert not [row for row in w.rows("targets") if row.rk.startswith("g!")]


def test_a_grant_that_was_given_back_can_be_spent_again(w: World) -> None:
    connection = waits(w)
    w.azure.fault(principal="app", method="PUT", path=LIST, status=503, times=1)
    w.grants(connection)
    w.work()
    w.later(60)
    w.later(60)
    assert (status(w), w.remembered(w.storage_id()).grants[0].spent) == ("Approved", True)
