"""Who may ask what over HTTP, and which principals are believed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from functions import requests
from shared.errors import Passing
from simulator.azure.tenancy import TENANT
from tests.azure.test_http import OID, ask, waiting
from tests.world import World, rules

APPROVER, READER = "Linkkeeper.Approver", "Linkkeeper.Reader"
CLAIMS = "http://schemas.microsoft.com/identity/claims/"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
OTHER = "00000000-0000-4000-8000-0000000000bb"
OFF = {"LINKKEEPER_DECISIONS_BY": "entra"}
ON = {**OFF, "WEBSITE_AUTH_ENABLED": "True"}
NAME = "Ada Lovelace ada@contoso.example"


def claims(*roles: str, oid: str = OID, tenant: str = TENANT) -> list[dict[str, str]]:
    """What App Service says of a signed-in person."""
    pairs = [(f"{CLAIMS}objectidentifier", oid), (f"{CLAIMS}tenantid", tenant), ("name", NAME)]
    return [{"typ": kind, "val": value} for kind, value in (*pairs, *(("roles", role) for role in roles))]


def header(found: Any, provider: str = "aad") -> dict[str, str]:
    body = json.dumps({"auth_typ": provider, "claims": found}).encode()
    return {"x-ms-client-principal": base64.b64encode(body).decode()}


def signed_in(*roles: str, **who: str) -> dict[str, str]:
    return header(claims(*roles, **who))


def refusals(w: World) -> list[dict[str, Any]]:
    """As a reader sees them."""
    _, body, _ = ask(w, requests.journal, headers=signed_in(READER))
    return [row for row in body["value"] if row["kind"] == "refusal"]


def decides(w: World, connection: str, headers: dict[str, str], verdict: str = "approve", **more: Any) -> Any:
    body = {"connectionId": connection, "verdict": verdict, "reason": "agreed", **more}
    return ask(w, requests.decisions, "POST", body, headers=headers)


def as_request(body: Any, **headers: str) -> Any:
    import azure.functions as func

    given = {"content-type": "application/json", "host": "app.example", **headers}
    url = "https://app.example/api/x"
    return func.HttpRequest(method="POST", url=url, headers=given, body=json.dumps(body).encode(), params={})


# --- roles ----------------------------------------------------------------------------------------------

READS = [requests.connections, requests.journal, requests.health]
WISHES = [requests.settle, requests.plan]


@pytest.mark.parametrize(("role", "status"), [(APPROVER, 200), (READER, 200), ("Linkkeeper.Owner", 403)])
def test_whoever_has_a_role_reads_and_nobody_else(w: World, role: str, status: int) -> None:
    w.restart(**ON)
    assert {ask(w, function, headers=signed_in(role))[0] for function in READS} == {status}


@pytest.mark.parametrize(("role", "status"), [(APPROVER, 202), (READER, 202), ("", 403)])
def test_readers_and_approvers_may_ask_for_a_look_and_a_plan(w: World, role: str, status: int) -> None:
    w.restart(**ON)
    body, headers = {"target": w.storage()}, {**signed_in(role), "prefer": "wait=0"}
    assert {ask(w, function, "POST", body, headers=headers)[0] for function in WISHES} == {status}


@pytest.mark.parametrize(("role", "answers"), [(APPROVER, (202, 200)), (READER, (403, 403)), ("", (403, 403))])
def test_only_approvers_decide_and_take_back(w: World, role: str, answers: tuple[int, int]) -> None:
    connection = waiting(w)
    w.restart(**ON)
    given = decides(w, connection, signed_in(role))[0], decides(w, connection, signed_in(role), "revoke")[0]
    assert given == answers


def test_a_key_without_a_person_reads_and_plans_and_decides_only_where_the_settings_say_so(w: World) -> None:
    connection = waiting(w)
    w.restart(**ON)
    assert {ask(w, function)[0] for function in READS} == {200}
    assert ask(w, requests.settle, "POST", {"target": w.storage_id()})[0] == 202
    assert {decides(w, connection, {}, verdict)[0] for verdict in ("approve", "reject", "revoke")} == {403}


def test_the_role_may_come_under_the_long_name_too_and_the_journal_knows_the_object_id_only(w: World) -> None:
    connection = waiting(w)
    w.restart(**ON)
    headers = header([*claims(), {"typ": ROLE, "val": APPROVER}])
    assert decides(w, connection, headers)[0] == 202
    w.work()
    assert w.journal("approve")[0]["by"] == f"person {OID}"
    assert not [row for table in ("targets", "operations") for row in w.rows(table) if "Lovelace" in str(row.data)]


def test_two_people_over_http_are_two_object_ids_however_they_are_spelt(w: World) -> None:
    w.fresh(rules("{name: r, verdict: reject, requesters: {all: true}, targets: {all: true}, groups: [file]}"))
    w.set_policy(w.policy_path.read_text().replace("rules:", "grants: {approvals: 2}\nrules:"))
    w.asks(w.storage())
    w.settle_all()
    connection = w.held()[0]["connection"]
    w.restart(**ON)
    given = [decides(w, connection, signed_in(APPROVER, oid=oid))[0] for oid in (OTHER, OTHER.upper(), OID)]
    assert given == [202, 409, 202]
    w.work()
    assert w.status(w.storage_id(), w.endpoint_id()) == "Approved"


# --- which principals are believed ------------------------------------------------------------------------

TWO_IDS = [*claims(APPROVER), {"typ": "oid", "val": OTHER}]
UNCLEAR = {
    "no base64": {"x-ms-client-principal": "%%%"},
    "empty": {"x-ms-client-principal": ""},
    "no JSON": {"x-ms-client-principal": base64.b64encode(b"{").decode()},
    "a list": {"x-ms-client-principal": base64.b64encode(b"[]").decode()},
    "twice": {"x-ms-client-principal": ",".join([signed_in(APPROVER)["x-ms-client-principal"]] * 2)},
    "huge": header([*claims(APPROVER), {"typ": "groups", "val": "x" * 40_000}]),
    "several oids": header(TWO_IDS),
    "several tenants": header([*claims(APPROVER), {"typ": "tid", "val": OTHER}]),
    "no oid": header(claims(APPROVER)[1:]),
    "no tenant": header([claims(APPROVER)[0], *claims(APPROVER)[2:]]),
    "odd oid": signed_in(APPROVER, oid="admin' or 1 eq 1"),
    "claims no list": header("roles"),
    "a number for a value": header([*claims(APPROVER), {"typ": "age", "val": 7}]),
    "of another provider": header(claims(APPROVER), provider="google"),
}


@pytest.mark.parametrize("headers", UNCLEAR.values(), ids=UNCLEAR)
def test_a_principal_that_is_not_clear_is_401_and_says_so(w: World, headers: dict[str, str]) -> None:
    w.restart(**ON)
    status, problem, _ = ask(w, requests.connections, headers=headers)
    assert (status, problem["title"]) == (401, "Not signed in")
    (row,) = refusals(w)
    assert (row["by"], row["route"]) == ("an unclear principal", "connections")


def test_a_person_of_another_tenant_is_403_whatever_the_roles(w: World) -> None:
    w.restart(**ON)
    status, problem, _ = ask(w, requests.connections, headers=signed_in(APPROVER, READER, tenant=OTHER))
    assert (status, problem["title"]) == (403, "Another tenant")
    assert refusals(w)[0]["by"] == f"person {OID}"


@pytest.mark.parametrize("headers", [signed_in(APPROVER), *UNCLEAR.values()])
def test_forged_principals_have_no_effect_while_app_service_authentication_is_off(
    w: World, headers: dict[str, str]
) -> None:
    w.restart(**OFF)
    assert ask(w, requests.connections, headers=headers)[0] == 200
    body = {"connectionId": f"{w.storage_id()}/privateEndpointConnections/x", "verdict": "approve", "reason": "x"}
    status, problem, _ = ask(w, requests.decisions, "POST", body, headers=headers)
    assert (status, problem["title"]) == (403, "A person is needed")


def test_a_forged_principal_that_decides_with_a_key_is_journalled_as_the_key(w: World) -> None:
    connection = waiting(w)
    assert decides(w, connection, signed_in(APPROVER))[0] == 202
    w.work()
    assert w.journal("approve")[0]["by"] == "function key"


def test_without_a_token_of_our_own_nobody_signed_in_is_let_in(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    w.restart(**ON)
    monkeypatch.setattr("functions.principal.own_tenant", away)
    assert ask(w, requests.connections, headers=signed_in(APPROVER))[0] == 503


async def away(*_: Any) -> str:
    raise Passing("the identity endpoint does not answer")
