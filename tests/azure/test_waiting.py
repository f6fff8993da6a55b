"""What waits, as it is shown, and the answers to those who wait for a decision."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from functions import requests
from shared import settle
from tests.azure.test_http import ask, waiting
from tests.azure.test_roles import as_request, decides
from tests.world import DATA, STRANGER, TEAM, World, rules


def with_a_worker(w: World, function: Any, body: Any, **headers: str) -> tuple[int, Any, str]:
    """One POST while a worker is there: status, JSON, content type."""

    async def both() -> Any:
        answer = asyncio.ensure_future(function(as_request(body, **headers)))
        while not answer.done():
            await asyncio.sleep(0.1)
            await settle.work(w.resource(w.storage_id()), w.app)
        return answer.result()

    answer = w.run(both())
    return answer.status_code, json.loads(answer.get_body()), answer.mimetype


def test_what_waits_shows_who_asks_for_what_and_how_many_people_agreed(w: World) -> None:
    connection = waiting(w)
    w.set_policy(w.policy_path.read_text().replace("rules:", "grants: {approvals: 2}\nrules:"))
    w.signal(w.storage_id(), w.storage_id(), "sweep")
    (before,) = ask(w, requests.connections)[1]["value"]
    assert (before["people"], before["grant"]) == ({"needed": 2, "agreed": []}, None)
    assert ask(w, requests.connections, params={"state": "granted"})[1]["value"] == []
    decides(w, connection, {}, expires=w.clock.now_plus(600))
    w.work()
    (after,) = ask(w, requests.connections, params={"state": "granted"})[1]["value"]
    assert after["people"] == {"needed": 2, "agreed": ["function key"]}
    assert (after["grant"]["verdict"], after["grant"]["reason"]) == ("approve", "agreed")
    w.clock.skip(seconds=601)
    assert ask(w, requests.connections, params={"state": "granted"})[1]["value"] == []


def test_the_groups_and_the_guid_of_what_waits_are_shown_where_they_were_read(w: World) -> None:
    w.fresh(
        rules(f"{{name: r, verdict: approve, requesters: {{subscriptions: [{STRANGER}]}}, targets: {{all: true}}}}")
    )
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "acct1")
    w.asks(target, group="Sql")
    w.settle_all()
    (row,) = ask(w, requests.connections)[1]["value"]
    assert (row["groups"], row["endpointId"]) == (["Sql"], w.endpoint_id())


def test_who_waits_for_a_decision_whose_request_is_gone_gets_409_naming_the_operation(w: World) -> None:
    connection = waiting(w)
    w.removes(connection)
    body = {"connectionId": connection, "verdict": "approve", "reason": "agreed"}
    status, problem, kind = with_a_worker(w, requests.decisions, body, prefer="wait=20")
    assert (status, problem["status"], kind) == (409, 409, "application/problem+json")
    found = ask(w, requests.operation, route_params={"id": problem["operation"].rsplit("/", 1)[1]})[1]
    assert (found["status"], found["result"]["conflict"]) == ("failed", True)


def test_who_waits_for_a_decision_gets_its_result(w: World) -> None:
    body = {"connectionId": waiting(w), "verdict": "approve", "reason": "agreed"}
    status, found, _ = with_a_worker(w, requests.decisions, body, prefer="wait=20")
    assert (status, found["status"]) == (200, "succeeded")


def test_taking_back_over_http_is_200_with_what_was_taken_back(w: World) -> None:
    connection = waiting(w)
    decides(w, connection, {})
    status, body, _ = decides(w, connection, {}, "revoke", endpointId=w.endpoint_id())
    assert (status, body["status"], body["revoked"]["verdict"]) == (200, "revoked", "approve")
    assert decides(w, connection, {}, "revoke")[0] == 404


def test_whom_a_rule_in_mode_off_would_approve_is_on_the_list_and_a_person_may(w: World) -> None:
    scope = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
    w.fresh(rules(f"{{name: team, verdict: approve, mode: 'off', requesters: {{subscriptions: [{TEAM}]}}, {scope}}}"))
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    (row,) = w.held()
    assert "mode of approve is off" in row["reasons"]
    w.grants(row["connection"])
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


def test_each_one_that_waits_comes_with_a_rule_that_would_approve_just_that(w: World) -> None:
    w.fresh(rules())
    target = w.storage()
    endpoint, other = w.asks(target), w.asks(target, "pe2")
    w.settle_all()
    row = next(row for row in ask(w, requests.connections)[1]["value"] if row["endpointId"] == endpoint)
    w.set_policy(rules().replace("rules:\n", f"rules:\n{row['patch']}"))
    w.watch()
    w.settle_all()
    assert (w.status(target, endpoint), w.status(target, other)) == ("Approved", "Pending")
