"""The HTTP surface as its functions answer it: problems that say what to do next, and who may ask what."""

from __future__ import annotations

import base64
import json
from typing import Any

import azure.functions as func
import pytest

from functions import requests
from shared.errors import Lasting, Passing
from simulator.azure.tenancy import TENANT
from tests.world import STRANGER, World, rules

HELD = f"{{name: other, verdict: approve, requesters: {{subscriptions: [{STRANGER}]}}, targets: {{all: true}}}}"
OID = "00000000-0000-4000-8000-0000000000aa"


def ask(w: World, function: Any, method: str = "GET", body: Any = None, **more: Any) -> tuple[int, Any, Any]:
    """Status, JSON and headers of one call."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", "host": "app.example", **more.pop("headers", {})}
    request = func.HttpRequest(
        method=method, url="https://app.example/api/x", headers=headers, body=raw, params=more.pop("params", {}), **more
    )
    answer = w.run(function(request))
    return answer.status_code, json.loads(answer.get_body()), answer.headers


def waiting(w: World) -> str:
    """A stranger's connection that waits; its id."""
    w.fresh(rules(HELD))
    w.asks(w.storage())
    w.settle_all()
    return str(w.held()[0]["connection"])


def person(*roles: str) -> dict[str, str]:
    claims = [{"typ": "oid", "val": OID}, {"typ": "tid", "val": TENANT}]
    claims += [{"typ": "roles", "val": role} for role in roles]
    principal = {"auth_typ": "aad", "claims": claims}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode()}


@pytest.mark.parametrize(
    ("body", "headers", "status", "title"),
    [
        (b"{", {}, 400, "Not JSON"),
        (b"[" * 60_000, {}, 400, "Not JSON"),
        ([], {}, 400, "Not an object"),
        ({"connectionId": "x", "verdikt": "approve"}, {}, 400, "Unknown fields"),
        ({"connectionId": "../..", "verdict": "approve", "reason": "x"}, {}, 400, "Not a connection id"),
        (b" " * 70_000, {}, 413, "Too large"),
        ({}, {"content-type": "text/plain"}, 415, "JSON needed"),
        ({}, {"origin": "https://evil.example"}, 403, "Other origin"),
    ],
)
def test_a_bad_body_gets_a_problem_that_names_what_is_wrong(
    w: World, body: Any, headers: dict[str, str], status: int, title: str
) -> None:
    answer, problem, _ = ask(w, requests.decisions, "POST", body, headers=headers)
    assert (answer, problem["title"], problem["status"]) == (status, title, status)
    assert problem["detail"]


def test_what_waits_is_listed_and_another_state_is_refused(w: World) -> None:
    connection = waiting(w)
    assert ask(w, requests.connections)[1]["value"][0]["connectionId"] == connection
    assert ask(w, requests.connections, params={"state": "all"})[0] == 400


def test_a_decision_is_accepted_with_the_address_of_its_operation(w: World) -> None:
    body = {"connectionId": waiting(w), "verdict": "approve", "reason": "agreed"}
    status, answer, headers = ask(w, requests.decisions, "POST", body)
    assert (status, answer["status"], headers["Location"]) == (202, "running", answer["operation"])
    w.work()
    found = ask(w, requests.operation, route_params={"id": answer["id"]})[1]
    assert (found["status"], found["by"]) == ("succeeded", "function key")


def test_a_key_alone_decides_only_where_the_settings_say_so(w: World) -> None:
    body = {"connectionId": waiting(w), "verdict": "approve", "reason": "agreed"}
    w.restart(LINKKEEPER_DECISIONS_BY="entra")
    assert ask(w, requests.decisions, "POST", body)[0] == 403


@pytest.mark.parametrize(
    ("roles", "status"), [(("Linkkeeper.Approver",), 202), (("Linkkeeper.Reader",), 403), ((), 403)]
)
def test_a_signed_in_person_decides_only_with_the_role(w: World, roles: tuple[str, ...], status: int) -> None:
    body = {"connectionId": waiting(w), "verdict": "approve", "reason": "agreed"}
    w.restart(LINKKEEPER_DECISIONS_BY="entra", WEBSITE_AUTH_ENABLED="True")
    assert ask(w, requests.decisions, "POST", body, headers=person(*roles))[0] == status


def test_the_principal_header_counts_only_where_app_service_authentication_is_on(w: World) -> None:
    body = {"connectionId": waiting(w), "verdict": "approve", "reason": "agreed"}
    w.restart(LINKKEEPER_DECISIONS_BY="entra")
    assert ask(w, requests.decisions, "POST", body, headers=person("Linkkeeper.Approver"))[0] == 403


def test_ids_outside_the_scope_get_the_same_404_as_unknown_ones_without_any_call(w: World) -> None:
    outside = w.id("Microsoft.Storage/storageAccounts", "acct1", STRANGER)
    unknown = f"{w.id('Microsoft.Storage/storageAccounts', 'nobody')}/privateEndpointConnections/x"
    body = {"connectionId": unknown, "verdict": "approve", "reason": "x"}
    answers = [
        ask(w, requests.settle, "POST", {"target": outside}),
        ask(w, requests.plan, "POST", {"target": outside}),
        ask(w, requests.decisions, "POST", {**body, "connectionId": f"{outside}/privateEndpointConnections/x"}),
        ask(w, requests.decisions, "POST", body),
    ]
    assert {(status, problem["detail"]) for status, problem, _ in answers} == {(404, answers[0][1]["detail"])}
    assert not w.sent()


def test_an_unknown_operation_is_404_and_an_odd_date_400(w: World) -> None:
    assert ask(w, requests.operation, route_params={"id": "../x"})[0] == 404
    assert ask(w, requests.journal, params={"since": "yesterday"})[0] == 400


def test_health_is_503_when_a_dependency_does_not_answer(w: World) -> None:
    assert ask(w, requests.health)[0] == 200
    w.restart(AzureWebJobsStorage__queueServiceUri="https://127.0.0.1:1/away")
    status, body, _ = ask(w, requests.health)
    assert (status, body["status"], body["checks"]["tables"]) == (503, "unhealthy", "ok")


@pytest.mark.parametrize("away", ["tableServiceUri", "queueServiceUri"])
def test_with_storage_away_the_event_fails_so_that_it_is_delivered_again(w: World, away: str) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    events = list(w.azure.outbox)
    w.restart(**{f"AzureWebJobsStorage__{away}": "https://127.0.0.1:1/away"})
    with pytest.raises((Passing, Lasting)):
        w.deliver(events)
    w.restart()
    w.deliver(events)
    w.work()
    assert w.status(target, endpoint) == "Approved"
