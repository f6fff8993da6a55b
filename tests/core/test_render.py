"""What people read is the plan that runs."""

from __future__ import annotations

import json

from shared.core import reading, render
from shared.core.model import Connection, Status
from shared.core.plan import plan

from .build import ENDPOINT, MARK, NOW, TARGET, claim, connection, connection_id, part, policy, rule, snapshot, state

PLAN = plan(
    snapshot(connection(), connection("acct1.c2", groups=None), names=(state(claim()),), notes=(("zone", "odd"),)),
    policy(rule(groups=frozenset({"blob"}))),
    MARK,
    NOW,
)


def test_the_text_of_a_plan_shows_changes_held_requests_and_notes() -> None:
    assert render.text_of(render.plan_json(PLAN)).splitlines() == [
        str(TARGET),
        f"plan {PLAN.fingerprint}: 2 change(s)",
        f"  approve {connection_id()}: rule 'team' approves it",
        "  put    acct1.privatelink.blob.core.windows.net -> 10.0.0.4: pe1 has this name and there is no record",
        f"  held   {connection_id('acct1.c2')}: no rule matches; nearest is 'team': it wants group blob, "
        "this connection does not show its groups",
        "  note   zone: odd",
    ]


def test_a_blocked_change_says_why_in_text_and_json() -> None:
    stopped = plan(snapshot(connection(), suspended={"approve": "approvals are off"}), policy(rule()), MARK, NOW)
    assert "[blocked: approvals are off]" in render.text_of(render.plan_json(stopped))
    assert render.plan_json(stopped)["changes"][0]["blocked"] == "approvals are off"


def test_an_empty_plan_says_no_changes() -> None:
    assert "no change(s)" in render.text_of(render.plan_json(plan(snapshot(), policy(), MARK, NOW)))


def test_a_plan_as_json_survives_the_wire_and_reads_the_same() -> None:
    wire = json.loads(json.dumps(render.plan_json(PLAN)))
    assert render.text_of(wire) == render.text_of(render.plan_json(PLAN))
    assert wire["fingerprint"] == PLAN.fingerprint


def test_a_decision_as_json_names_rule_reasons_and_ids() -> None:
    approved, held = (render.decision_json(decision) for decision in PLAN.decisions)
    assert approved == {
        "verdict": "approve",
        "rule": "team",
        "by": None,
        "reasons": ["rule 'team' approves it"],
        "nearestRule": None,
        "connectionId": str(connection_id()),
        "endpointId": str(ENDPOINT),
    }
    assert (held["verdict"], held["rule"], held["nearestRule"]) == ("hold", None, "team")


def test_a_connection_is_shown_as_the_command_line_promises() -> None:
    found = reading.connection(part("kusto-connection-get-approved.json", "body"))
    assert render.connection_json(found) == {
        "endpointId": str(found.endpoint),
        "status": "Approved",
        "settled": True,
        "groupIds": ["cluster"],
        "name": "privateEndpointTest",
    }


def test_what_could_not_be_read_is_shown_as_null() -> None:
    shown = render.connection_json(Connection(id=None, name="", endpoint=None, status=Status.UNKNOWN))
    assert shown == {"endpointId": None, "status": "Unknown", "settled": False, "groupIds": None, "name": None}
