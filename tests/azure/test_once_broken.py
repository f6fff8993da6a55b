"""What was once broken and must stay mended: each test is one way in which a law or a promise failed."""

from __future__ import annotations

import copy
import time
from datetime import timedelta
from typing import Any

import pytest

from shared import byhand
from tests.world import BLOB, HUB, STRANGER, TEAM, World, rules

ME = byhand.Caller(name="function key", person=False)
ANYTHING = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"
NOBODY = f"{{name: other, verdict: approve, requesters: {{subscriptions: [{STRANGER}]}}, targets: {{all: true}}}}"
CONNECTION = "privateEndpointConnections/"
LIST = "acct1/privateEndpointConnections$"


def asked(w: World, kind: str, **what: str) -> dict[str, Any]:
    number = w.run(byhand.ask(w.app, kind, what, ME))
    w.work()
    return w.run(byhand.operation(w.app, number))


def puts(w: World) -> list[dict[str, Any]]:
    return [call for call in w.sent("PUT") if CONNECTION in call["path"]]


def lose_claims(w: World, *kinds: str) -> None:
    for table in ("names", "targets"):
        for row in w.rows(table):
            if row.rk.startswith(kinds):
                w.run(w.app.tables.delete(table, row.pk, row.rk))


def test_a_plan_of_an_endpoint_that_nobody_knows_yet_changes_nothing(w: World) -> None:
    w.zone()
    target = w.storage()
    endpoint = w.asks(target)
    w.azure.outbox.clear()
    found = asked(w, "plan", endpoint=endpoint)
    assert found["result"]["plan"]["changes"][0]["kind"] == "approve"
    assert (w.status(target, endpoint), w.calls()["arm_writes"]) == ("Pending", 0)


@pytest.mark.parametrize("lost", [("c!",), ("c!", "n!")])
def test_a_record_whose_claim_was_lost_is_claimed_anew_not_deleted(w: World, lost: tuple[str, ...]) -> None:
    endpoint = w.connected()
    lose_claims(w, *lost)
    w.sweep()
    assert (w.addresses(), w.journal("delete")) == (w.address_of(endpoint), [])


def test_many_rules_do_not_break_the_list_of_what_waits(w: World) -> None:
    many = (
        NOBODY.replace("other", f"number {n} of a team with a long name").replace(STRANGER[-4:], f"{n:04}")
        for n in range(400)
    )
    w.fresh(rules(*many))
    w.asks(w.storage())
    w.settle_all()
    (row,) = w.run(byhand.waiting(w.app))
    assert (len(row["reasons"]), row["reasons"][-1]) == (12, "and 389 more rules that do not match")
    assert w.run(byhand.journal(w.app, w.clock() - timedelta(days=1), None))


@pytest.mark.parametrize("said", ["100000000", "inf", "nan", "-5", "soon"])
def test_an_odd_retry_after_never_puts_work_off_for_more_than_an_hour(w: World, said: str) -> None:
    w.azure.fault(principal="app", method="GET", path=LIST, status=429, headers={"Retry-After": said}, times=0)
    w.asks(w.storage())
    w.deliver()
    w.work()
    assert 0 < max(w.waits()) <= 3600


@pytest.mark.parametrize("trouble", [{"status": 429, "headers": {"Retry-After": "20"}}, {"status": 503}])
def test_a_grant_outlives_a_call_that_did_nothing(w: World, trouble: dict[str, Any]) -> None:
    w.fresh(rules(NOBODY))
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    w.azure.fault(principal="app", method="PUT", path=CONNECTION, times=1, **trouble)
    connection = w.connection_of(target, endpoint)
    assert connection is not None
    w.run(byhand.grant(w.app, {"connectionId": connection["id"], "verdict": "approve", "reason": "x"}, ME))
    w.work()
    for _ in range(3):
        w.later(60)
    assert w.status(target, endpoint) == "Approved"


def test_a_decision_in_flight_is_not_sent_again_when_the_guid_becomes_known(w: World) -> None:
    w.fresh(rules(ANYTHING))
    target = w.storage()
    w.asks(target)
    w.azure.fault(principal="app", method="PUT", path=CONNECTION, drop=True, times=1)
    w.signal(target, target)
    asked(w, "settle", target=target)
    assert len(puts(w)) == 1


def test_a_refusal_is_one_row_and_one_call(w: World) -> None:
    w.fresh(rules(ANYTHING))
    w.azure.fault(principal="app", method="PUT", path=CONNECTION, status=403, code="AuthorizationFailed", times=0)
    w.asks(w.storage())
    w.settle_all()
    assert (len(puts(w)), [row["result"] for row in w.journal("approve")]) == (1, ["failed"])


def test_an_operation_whose_target_cannot_be_read_fails_with_the_reason(w: World) -> None:
    target = w.storage()
    w.azure.fault(principal="app", method="GET", path=LIST, status=403, code="AuthorizationFailed", times=0)
    found = asked(w, "settle", target=target)
    assert (found["status"], "AuthorizationFailed" in found["result"]["detail"]) == ("failed", True)


def test_an_answer_that_is_no_list_forgets_nobody_who_waits(w: World) -> None:
    w.fresh(rules(NOBODY))
    target = w.storage()
    w.asks(target)
    w.settle_all()
    w.azure.fault(principal="app", method="GET", path=LIST, status=200, body={"value": [1]}, times=0)
    w.signal(target, target)
    assert len(w.held()) == 1


def test_a_stale_connection_beside_the_approved_one_costs_no_record(w: World) -> None:
    endpoint = w.connected()
    (now,) = w.connections(w.storage_id())
    old = copy.deepcopy(now)
    old["name"] = "acct1.00000000-1111-4222-8333-444444444444"
    old["id"] = f"{w.storage_id()}/privateEndpointConnections/{old['name']}"
    old["properties"]["privateLinkServiceConnectionState"]["status"] = "Disconnected"
    w.azure.fault(principal="app", method="GET", path=LIST, status=200, body={"value": [old, now]}, times=0)
    asked(w, "settle", target=w.storage_id())
    assert w.addresses() == w.address_of(endpoint)


def test_one_read_without_any_names_costs_no_record(w: World) -> None:
    endpoint = w.connected()
    body = w.arm("GET", endpoint).json()
    body["properties"]["customDnsConfigs"] = []
    interface = w.arm("GET", body["properties"]["networkInterfaces"][0]["id"]).json()
    for config in interface["properties"]["ipConfigurations"]:
        config["properties"].pop("privateLinkConnectionProperties")
    w.azure.fault(principal="app", method="GET", path="privateEndpoints/pe1$", status=200, body=body, times=0)
    w.azure.fault(principal="app", method="GET", path="networkInterfaces/", status=200, body=interface, times=0)
    asked(w, "settle", target=w.storage_id())
    assert w.addresses()


def test_an_approved_connection_that_nothing_covers_any_more_is_a_finding(w: World) -> None:
    endpoint = w.connected()
    w.set_policy(rules(NOBODY))
    w.sweep()
    assert "pe1 is approved, but nothing covers it now" in w.findings()
    assert w.status(w.storage_id(), endpoint) == "Approved"


def test_pages_without_an_end_are_given_up(w: World) -> None:
    target = w.storage()
    link = f"{w.azure.arm}{target}/privateEndpointConnections?api-version=2024-01-01"
    w.azure.fault(principal="app", method="GET", path=LIST, status=200, body={"value": [], "nextLink": link}, times=0)
    w.signal(target, target)
    assert len(w.sent("GET")) < 10


def test_an_endpoint_made_again_towards_another_target_is_seen_there(w: World) -> None:
    endpoint = w.connected()
    other = w.storage("acct2")
    w.removes(endpoint)
    again = w.asks(other)
    w.azure.outbox.clear()
    w.signal(again, again)
    w.settle_all()
    assert (w.status(other, again), w.addresses(), w.addresses("acct2")) == ("Approved", [], w.address_of(again))


@pytest.mark.parametrize("theirs", ["dns", "elsewhere"])
def test_a_zone_group_cedes_names_only_in_the_zone_that_it_writes(w: World, theirs: str) -> None:
    hub = f"/subscriptions/{HUB}/resourceGroups/dns2"
    w.fresh(rules(ANYTHING) + f"  - {{name: two, zones: {hub}, serves: {{subscriptions: [{TEAM}]}}}}\n")
    w.zone(group="dns2")
    w.zone(group="elsewhere")
    endpoint = w.connected()
    zone = w.id("Microsoft.Network/privateDnsZones", BLOB, HUB, theirs)
    config = {"name": "one", "properties": {"privateDnsZoneId": zone}}
    group = {"properties": {"privateDnsZoneConfigs": [config]}}
    assert w.arm("PUT", f"{endpoint}/privateDnsZoneGroups/default", group).status_code in (200, 201)
    w.settle_all()
    w.sweep()
    w.sweep()
    assert (bool(w.record()), bool(w.record(group="dns2")), w.journal("delete")) == (True, True, [])


def test_somebody_elses_approval_is_never_rejected(w: World) -> None:
    """Our answer was lost and nothing arrived; the name was taken by a stranger, whom a person approved."""
    w.fresh(rules(ANYTHING))
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "cos1")
    endpoint = w.asks(target, group="Sql")
    w.azure.outbox.clear()
    w.azure.fault(principal="app", method="PUT", path=CONNECTION, drop=True, times=1)
    w.azure.fault(principal="app", method="GET", path=f"{CONNECTION}pe1", status=500, times=4)
    w.signal(target, target)
    w.removes(endpoint)
    taken = w.asks(target, subscription=STRANGER, group="Sql")
    connection = w.connection_of(target, taken)
    assert connection is not None
    w.decides(connection["id"], "Approved")
    w.azure.outbox.clear()
    w.azure.forget_faults()
    w.later(60)
    w.later(60)
    assert (w.status(target, taken), w.journal("reject")) == ("Approved", [])


def test_a_signal_that_comes_while_its_subject_is_worked_on_stays(w: World) -> None:
    """Line 6 of the protocol: rows are deleted only as they were read."""
    work, list_ = w.resource(w.storage()), w.app.worklist
    w.run(list_.signal(work, work, "first"))
    item = w.run(list_.take(work, "me"))
    w.run(list_.signal(work, work, "second"))
    w.run(list_.done(item))
    assert [row.data["causes"] for row in w.rows("due")] == ["second"]


@pytest.mark.parametrize("what", ["/resources$", "providers/Microsoft.Network/privateEndpoints$", "privateDnsZones"])
def test_a_sweep_that_could_not_read_everything_does_not_allow_deletes(w: World, what: str) -> None:
    w.zone()
    w.azure.fault(principal="app", method="GET", path=what, status=403, code="AuthorizationFailed", times=0)
    assert not w.sweep().complete
    assert not w.run(w.app.desk.control()).claims_complete


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_a_hostile_date_is_a_400(since: str) -> None:
    with pytest.raises(byhand.Problem) as wrong:
        byhand.moment("since", since)
    assert wrong.value.status == 400


def test_the_journal_of_all_time_is_no_more_work_than_that_of_a_year(w: World) -> None:
    started = time.monotonic()
    w.run(byhand.journal(w.app, byhand.moment("since", "0001-01-02"), None))
    assert len([name for name in w.app.tables._tables if name.startswith("days")]) <= 15
    assert time.monotonic() - started < 30
