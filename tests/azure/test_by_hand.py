"""What people decide by hand, in which mode, and what happens when the ground moves under a decision."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from shared.byhand import Caller, Problem
from simulator.azure.ids import parse
from tests.meddling import meddling
from tests.world import DATA, STRANGER, World, rules


def asked(w: World, **more: Any) -> tuple[str, str]:
    """A stranger waits: (target, endpoint)."""
    target = w.storage()
    endpoint = w.asks(target, subscription=STRANGER, **more)
    w.settle_all()
    return target, endpoint


# --- grants -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_persons_grant_goes_the_same_route(w: World, verdict: str, status: str) -> None:
    target, endpoint = asked(w)
    operation = w.grants(w.held()[0]["connection"], verdict)
    w.work()
    assert w.status(target, endpoint) == status
    assert w.operation(operation)["status"] == "succeeded"
    (row,) = w.journal(verdict)
    assert (row["by"], row["rule"], row["result"]) == ("function key", "", "done")
    assert not w.held()


def test_a_grant_is_good_for_one_transition_only(w: World) -> None:
    target, endpoint = asked(w)
    w.grants(w.held()[0]["connection"])
    w.work()
    w.removes(w.connection_of(target, endpoint)["id"])
    w.removes(endpoint)
    again = w.asks(target, subscription=STRANGER)
    w.settle_all()
    assert w.status(target, again) == "Pending"


def test_a_grant_is_void_when_the_connection_was_made_again_by_the_same_name(w: World) -> None:
    """Cosmos DB names a connection after its endpoint, so the name comes back with another endpoint behind it."""
    nobody = "requesters: {guids: [00000000-0000-4000-8000-00000000000f]}"
    cosmos = "targets: {types: [Microsoft.DocumentDB/databaseAccounts]}"
    w.fresh(rules(f"{{name: nobody, verdict: approve, {nobody}, {cosmos}}}"))
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "acct1")
    endpoint = w.asks(target, subscription=STRANGER, group="Sql")
    w.settle_all()
    connection = w.held()[0]["connection"]
    w.removes(endpoint)
    w.asks(target, subscription=STRANGER, group="Sql")
    assert w.connection_of(target, endpoint)["id"].lower() == connection.lower()
    operation = w.grants(connection)
    w.work()
    assert w.status(target, endpoint) == "Pending"
    assert "is void: the connection now belongs to another endpoint" in w.operation(operation)["result"]["detail"]


def test_a_grant_never_overrides_a_reject_rule(w: World) -> None:
    target, endpoint = asked(w)
    whom = f"requesters: {{subscriptions: [{STRANGER}]}}, targets: {{types: [Microsoft.Storage/storageAccounts]}}"
    w.set_policy(rules(f"{{name: no, verdict: reject, {whom}}}"))
    w.grants(w.held()[0]["connection"])
    w.work()
    assert w.status(target, endpoint) == "Rejected"


def test_an_expired_grant_decides_nothing(w: World) -> None:
    target, endpoint = asked(w)
    w.azure.fault(principal="app", method="GET", path="privateEndpointConnections", status=503, times=0)
    w.grants(w.held()[0]["connection"], expires=(w.clock.now_plus(60)))
    w.work()
    w.azure.forget_faults()
    w.later(700)
    assert w.status(target, endpoint) == "Pending"
    assert "expired" in w.held()[0]["reasons"]


def test_a_connection_already_decided_is_409_and_an_unknown_one_404_without_any_call(w: World) -> None:
    target, _ = asked(w)
    connection = w.held()[0]["connection"]
    w.decides(connection, "Approved")
    w.settle_all()
    w.azure.forget_calls()
    elsewhere = connection.replace(DATA, STRANGER)
    for body, status in [(connection, 409), (f"{target}/privateEndpointConnections/none", 404), (elsewhere, 404)]:
        with pytest.raises(Problem) as problem:
            w.grants(body)
        assert problem.value.status == status
    assert not w.sent()


WRONG = {
    "no id": ({"connectionId": "../..", "verdict": "approve", "reason": "x"}, 400),
    "no verdict": ({"verdict": "maybe", "reason": "x"}, 400),
    "no reason": ({"verdict": "approve", "reason": " "}, 400),
    "past": ({"verdict": "approve", "reason": "x", "expires": "2020-01-01"}, 400),
}


@pytest.mark.parametrize(("body", "status"), WRONG.values(), ids=WRONG)
def test_a_wrong_wish_is_told_what_is_wrong(w: World, body: dict[str, Any], status: int) -> None:
    asked(w)
    with pytest.raises(Problem) as problem:
        w.by_hand("grant", {"connectionId": w.held()[0]["connection"], **body})
    assert (problem.value.status, bool(problem.value.detail)) == (status, True)


def test_a_reader_may_not_decide(w: World) -> None:
    asked(w)
    reader = Caller(name="person 1", person=True, roles=frozenset({"Linkkeeper.Reader"}))
    with pytest.raises(Problem) as problem:
        w.grants(w.held()[0]["connection"], caller=reader)
    assert problem.value.status == 403


# --- modes ----------------------------------------------------------------------------------------------


def test_in_plan_mode_nothing_is_written_and_each_skip_is_journalled_once(w: World) -> None:
    w.restart("plan")
    w.zone()
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    w.sweep()
    w.sweep()
    assert w.status(target, endpoint) == "Pending"
    assert w.calls()["arm_writes"] == w.calls()["dns_writes"] == 0
    assert [row["result"] for row in w.journal("approve")] == ["skipped"]


def test_a_grant_given_in_plan_mode_must_be_given_again_when_it_counts(w: World) -> None:
    w.restart("plan")
    target, endpoint = asked(w)
    operation = w.grants(w.held()[0]["connection"])
    w.work()
    assert w.operation(operation)["status"] == "skipped"
    w.restart("apply")
    w.sweep()
    assert w.status(target, endpoint) == "Pending"
    w.grants(w.held()[0]["connection"])
    w.work()
    assert w.status(target, endpoint) == "Approved"


def test_a_mode_that_is_off_is_not_even_planned(w: World) -> None:
    w.set_policy(w.policy_path.read_text().replace("refresh: off", "approve: off, refresh: off"))
    target = w.storage()
    w.asks(target)
    w.settle_all()
    assert not w.journal("approve")
    assert w.calls()["arm_writes"] == 0


def test_records_have_their_own_modes_per_hub(w: World) -> None:
    w.set_policy(w.policy_path.read_text().replace("    zones:", "    modes: {put: plan}\n    zones:"))
    w.zone()
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert not w.records()
    assert [row["result"] for row in w.journal("put")] == ["skipped"]


def test_a_plan_by_hand_writes_nothing_at_all(w: World) -> None:
    w.zone()
    target = w.storage()
    w.asks(target)
    w.azure.outbox.clear()
    before = {table: len(w.rows(table)) for table in ("names", "held", "index")}
    operation = w.by_hand("ask", {"target": target}, "plan")
    w.work()
    changes = w.operation(operation)["result"]["plan"]["changes"]
    assert [change["kind"] for change in changes] == ["approve"]
    assert w.calls()["arm_writes"] == 0
    assert {table: len(w.rows(table)) for table in before} == before


def test_an_open_plan_wish_never_swallows_an_event(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.by_hand("ask", {"target": target}, "plan")
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


# --- the ground moves ---------------------------------------------------------------------------------------


def taken_over(by: str) -> Callable[..., None]:
    def act(call: Any, reply: Any) -> None:
        for rows in call.world.connections.values():
            for one in rows.values():
                one.endpoint, one.endpoint_guid = parse(by), "99999999-1111-4000-8000-000000000000"

    return act


def once(act: Callable[..., None]) -> Callable[..., None]:
    acts = [act]
    return lambda *given: acts.pop()(*given) if acts else None


def test_an_approval_that_met_another_endpoint_is_a_critical_alert_and_rejected_at_once(
    w: World, caplog: pytest.LogCaptureFixture
) -> None:
    target = w.storage()
    w.asks(target)
    thief = w.endpoint_id("thief", STRANGER)
    w.deliver()
    with meddling("PUT", "privateEndpointConnections", once(taken_over(thief))) as puts:
        w.work()
    asked = [call.body["properties"]["privateLinkServiceConnectionState"]["status"] for call in puts]
    assert asked == ["Approved", "Rejected"]
    assert w.status(target, thief) == "Rejected"
    assert any(r.levelno == logging.CRITICAL and "instead of" in r.message for r in caplog.records)
    assert [row["result"] for row in w.journal("approve")] == ["failed"]
    assert "Linkkeeper.Connection.Mismatch" in [event["type"] for event in w.news()]


def test_the_description_of_a_decision_is_a_fixed_public_text(w: World) -> None:
    endpoint = w.connected(message="tell me your rule")
    state = w.connection_of(w.storage_id(), endpoint)["properties"]["privateLinkServiceConnectionState"]
    assert state["description"] == "Approved by Linkkeeper."


# --- call budgets -----------------------------------------------------------------------------------------------


def test_an_approval_with_an_event_of_the_provider_costs_one_list_one_put_and_one_read_back(w: World) -> None:
    target = w.storage()
    w.asks(target)
    w.azure.forget_calls()
    w.deliver([event for event in w.azure.outbox if "Proxies/write" in event["data"]["operationName"]])
    w.work()
    assert w.calls() | {"arm_reads": 0} == {**dict.fromkeys(w.calls(), 0), "arm_writes": 1}
    lists = [c for c in w.sent("GET") if c["path"].endswith("privateEndpointConnections")]
    backs = [c for c in w.sent("GET") if "privateEndpointConnections/" in c["path"]]
    assert (len(lists), len(backs)) == (1, 1)


def test_a_rule_that_needs_no_group_costs_no_read_of_the_endpoint(w: World) -> None:
    w.set_policy("\n".join(line for line in w.policy_path.read_text().splitlines() if "groups:" not in line))
    target = w.storage()
    w.asks(target)
    w.azure.forget_calls()
    w.deliver([event for event in w.azure.outbox if "Proxies/write" in event["data"]["operationName"]])
    w.work()
    assert (w.calls()["arm_reads"], w.calls()["arm_writes"]) == (2, 1)


NAMES = [("Microsoft.Storage/storageAccounts", "blob", 1), ("Microsoft.DocumentDB/databaseAccounts", "Sql", 3)]


@pytest.mark.parametrize(("kind", "group", "names"), NAMES, ids=["one name", "three names"])
def test_registering_f_names_costs_at_most_two_reads_f_writes_and_no_dns_read(
    w: World, kind: str, group: str, names: int
) -> None:
    w.zone("privatelink.documents.azure.com")
    w.zone()
    regions = [{"locationName": "West Europe"}, {"locationName": "North Europe"}]
    target = w.target(kind, "acct1", **({"locations": regions} if names > 1 else {}))
    endpoint = w.asks(target, group=group, manual=False)
    w.azure.forget_calls()
    w.run(w.app.worklist.signal(w.resource(target), w.resource(endpoint), "endpoint"))
    w.work()
    assert w.calls()["arm_reads"] <= 2
    assert (w.calls()["dns_reads"], w.calls()["dns_writes"]) == (0, names)


def test_a_burst_of_five_events_is_one_settle_and_at_most_one_more_read(w: World) -> None:
    endpoint = w.connected()
    w.azure.outbox.clear()
    for name in ("pe2", "pe3", "pe4", "pe5", "pe6"):
        w.asks(w.storage_id(), name)
    proxies = [event for event in w.azure.outbox if "Proxies/write" in event["data"]["operationName"]]
    w.azure.outbox.clear()
    w.azure.forget_calls()
    w.deliver(proxies)
    assert w.work() == 1
    lists = [c for c in w.sent("GET") if c["path"].endswith("privateEndpointConnections")]
    assert (len(lists), w.calls()["arm_writes"]) == (1, 5)
    assert w.addresses() == w.address_of(endpoint)


def test_a_target_with_many_endpoints_does_not_cost_a_read_of_each_per_event(w: World) -> None:
    w.connected("pe0")
    for n in range(1, 8):
        w.asks(w.storage_id(), f"pe{n}", manual=False)
    w.settle_all()
    w.asks(w.storage_id(), "new")
    w.azure.forget_calls()
    w.settle_all()
    assert w.calls()["arm_reads"] <= 6
