"""When Azure does not do as asked: lasting failures are told once and cause no storm, passing ones wait."""

from collections import Counter
from typing import Any

import pytest

from tests.world import TEAM, World

CONNECTION, ENDPOINT, RECORD = "privateEndpointConnections/", "/privateEndpoints/", "privateDnsZones/.*/A/"
LASTING: dict[str, dict[str, Any]] = {
    "401": {
        "status": 401,
        "code": "InvalidAuthenticationTokenTenant",
        "message": "The token is from the wrong issuer.",
    },
    "403": {
        "status": 403,
        "code": "AuthorizationFailed",
        "message": "does not have authorization to perform action 'x/write'",
    },
    "linked": {
        "status": 403,
        "code": "LinkedAuthorizationFailed",
        "message": "PrivateEndpointConnectionsApproval/action",
    },
    "lock": {"status": 409, "code": "ScopeLocked", "message": "the following scope(s) are locked: '/subscriptions/x'"},
    "policy": {
        "status": 403,
        "code": "RequestDisallowedByPolicy",
        "message": "disallowed by policy 'no-private-links'",
    },
}
PASSING: dict[str, dict[str, Any]] = {
    "429": {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "70"}},
    "429 busy": {"status": 429, "code": "RetryableErrorDueToAnotherOperation", "headers": {"Retry-After": "20"}},
    "409 busy": {"status": 409, "code": "AnotherOperationInProgress"},
    "500": {"status": 500},
    "503": {"status": 503},
    "dropped": {"drop": True},
}
lasting = pytest.mark.parametrize("trouble", LASTING.values(), ids=LASTING)
passing = pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)


def app_fault(w: World, method: str, path: str, trouble: dict[str, Any], times: int = 0) -> None:
    w.azure.fault(principal="app", method=method, path=path, times=times, **trouble)


# --- lasting failures -----------------------------------------------------------------------------


@lasting
def test_a_lasting_refusal_of_a_decision_is_journalled_with_azures_words(w: World, trouble: dict[str, Any]) -> None:
    app_fault(w, "PUT", CONNECTION, trouble)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    (row,) = w.journal("approve")
    assert (row["result"], w.status(target, endpoint)) == ("failed", "Pending")
    assert trouble["code"] in row["detail"]
    assert trouble["message"] in row["detail"]


@lasting
def test_a_lasting_refusal_of_a_record_is_journalled_with_azures_words(w: World, trouble: dict[str, Any]) -> None:
    app_fault(w, "PUT", RECORD, trouble)
    w.zone()
    w.asks(w.storage())
    w.settle_all()
    (row,) = w.journal("put")
    assert row["result"] == "failed"
    assert trouble["message"] in row["detail"]


@lasting
def test_a_lasting_refusal_causes_no_storm(w: World, trouble: dict[str, Any]) -> None:
    """One call at first, then one a minute, two, four … whatever events and sweeps say in between."""
    app_fault(w, "PUT", CONNECTION, trouble)
    target = w.storage()
    w.asks(target)
    for _ in range(20):
        w.watch()
        w.settle_all()
    assert w.azure.calls()["totals"]["app"]["arm_writes"] <= 4


@lasting
def test_after_a_lasting_failure_is_mended_the_sweep_finishes_the_work(w: World, trouble: dict[str, Any]) -> None:
    app_fault(w, "PUT", CONNECTION, trouble)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    w.azure.forget_faults()
    w.clock.skip(hours=1)
    w.sweep()
    assert w.status(target, endpoint) == "Approved"


UNREADABLE = {
    **LASTING,
    "subscription": {"status": 404, "code": "SubscriptionNotFound", "message": "could not be found"},
}


@pytest.mark.parametrize("trouble", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("what", [ENDPOINT, "privateEndpointConnections", "storageAccounts/acct1"])
def test_what_cannot_be_read_is_never_gone(w: World, trouble: dict[str, Any], what: str) -> None:
    endpoint = w.connected()
    before = w.record()
    app_fault(w, "GET", what, trouble)
    w.signal(w.storage_id(), endpoint)
    w.settle_all()
    w.sweep()
    assert w.record() == before
    assert w.status(w.storage_id(), endpoint) == "Approved"


def test_an_endpoint_whose_subscription_left_the_tenant_keeps_its_record(w: World) -> None:
    endpoint = w.connected()
    w.azure.foreign([TEAM])
    for reads in ("forbidden", "notfound"):
        w.azure.switch(foreign_reads=reads)
        w.signal(w.storage_id(), endpoint)
        w.sweep()
    assert w.addresses() == ["10.0.0.4"]


# --- passing failures -------------------------------------------------------------------------------


@passing
@pytest.mark.parametrize(
    "what", ["GET .*privateEndpointConnections$", f"GET {ENDPOINT}", f"PUT {CONNECTION}", f"PUT {RECORD}"]
)
def test_a_passing_failure_goes_back_to_the_worklist_and_ends_well(
    w: World, trouble: dict[str, Any], what: str
) -> None:
    method, path = what.split()
    app_fault(w, method, path, trouble, times=4)
    w.zone()
    target = w.storage()
    endpoint = w.asks(target)
    w.deliver()
    w.work()
    assert w.waits(), "it is due again"
    assert not [row for row in w.rows("due") if row.data.get("parked")]
    for _ in range(8):
        w.clock.skip(seconds=400)
        w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert w.addresses() == w.address_of(endpoint)


def test_retry_after_is_obeyed(w: World) -> None:
    app_fault(w, "PUT", CONNECTION, PASSING["429"], times=1)
    target = w.storage()
    endpoint = w.asks(target)
    w.deliver()
    w.work()
    w.later(60)
    assert w.calls()["arm_writes"] == 1
    w.later(11)
    assert w.status(target, endpoint) == "Approved"
    assert w.calls()["arm_writes"] == 2


def test_delays_grow_while_the_outage_lasts_and_after_a_day_it_is_parked(w: World) -> None:
    app_fault(w, "GET", "privateEndpointConnections", PASSING["503"])
    w.asks(w.storage())
    w.deliver()
    gaps = []
    for _ in range(6):
        w.work()
        gaps.append(max(w.waits()))
        w.clock.skip(seconds=gaps[-1] + 1)
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 100
    w.clock.skip(hours=24)
    w.work()
    assert "for a day" in w.run(w.app.worklist.parked())[0][2]


def test_a_fresh_signal_unparks(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.azure.outbox.clear()
    w.run(w.app.worklist.signal(w.resource(target), w.resource(target), "requested"))
    w.run(w.app.worklist.park(w.resource(target), "by this test"))
    w.work()
    assert not w.sent()
    w.signal(target, target)
    assert w.status(target, endpoint) == "Approved"


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 500}, {"status": 504}], ids=["dropped", "500", "504"])
def test_a_decision_whose_answer_was_lost_is_read_back_not_repeated(w: World, trouble: dict[str, Any]) -> None:
    app_fault(w, "PUT", CONNECTION, {**trouble, "after": True})
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert w.calls()["arm_writes"] == 1
    assert [row["result"] for row in w.journal("approve")] == ["done"]


def test_a_decision_that_a_server_fault_left_pending_is_unknown_and_sent_again_soon(w: World) -> None:
    app_fault(w, "PUT", CONNECTION, {"status": 500}, times=1)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert Counter(row["result"] for row in w.journal("approve")) == {"unknown": 1, "done": 1}


def test_a_decision_that_never_arrived_is_unknown_then_sent_again_once_its_time_is_over(w: World) -> None:
    app_fault(w, "PUT", CONNECTION, {"drop": True}, times=1)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert (w.status(target, endpoint), w.calls()["arm_writes"]) == ("Pending", 1), "in flight, not repeated"
    w.clock.skip(minutes=6)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert Counter(row["result"] for row in w.journal("approve")) == {"unknown": 1, "done": 1}


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 500}], ids=["dropped", "500"])
@pytest.mark.parametrize("after", [True, False], ids=["done", "not done"])
def test_a_record_whose_answer_was_lost_is_read_and_right_at_once(
    w: World, trouble: dict[str, Any], after: bool
) -> None:
    app_fault(w, "PUT", RECORD, {**trouble, "after": after}, times=1)
    w.zone()
    endpoint = w.asks(w.storage())
    w.settle_all()
    assert w.addresses() == w.address_of(endpoint)
    assert [row["result"] for row in w.journal("put")] == (["done"] if after else ["done", "unknown"])


# --- decisions that Azure or somebody else overtakes --------------------------------------------------


def test_a_connection_that_somebody_approved_first_is_done_and_not_decided_again(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.decides(w.connection_of(target, endpoint)["id"], "Approved")
    w.settle_all()
    assert w.calls()["arm_writes"] == 0
    assert not w.journal("approve")


def test_approvals_off_stops_deciding_and_names_are_still_kept_right(w: World) -> None:
    first = w.connected()
    w.run(w.app.desk.switch_approvals(False))
    second = w.asks(w.storage_id(), "pe2")
    w.removes(f"{w.zone_id()}/A/acct1")
    w.sweep()
    assert w.status(w.storage_id(), second) == "Pending"
    assert w.addresses() == w.address_of(first)
    w.run(w.app.desk.switch_approvals(True))
    w.sweep()
    assert w.status(w.storage_id(), second) == "Approved"


# --- the policy ---------------------------------------------------------------------------------------


def test_an_invalid_policy_holds_everything_and_health_says_why(w: World) -> None:
    w.set_policy("version: 1\nowner: contoso-hub\nrules: [{nam: x}]\n")
    w.restart()
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    w.sweep()
    assert w.status(target, endpoint) == "Pending"
    health = w.health()
    assert (health["status"], health["policy"]["valid"]) == ("degraded", False)
    assert any("line 3" in line for line in health["policy"]["mistakes"])


def test_a_policy_that_becomes_invalid_decides_and_deletes_nothing_but_keeps_existing_names_right(w: World) -> None:
    first = w.connected()
    second = w.asks(w.storage("acct2"), "pe2")
    w.settle_all()
    good = w.policy_path.read_text()
    w.set_policy("nonsense")
    w.removes(second)
    w.removes(f"{w.zone_id()}/A/acct1")
    w.asks(w.storage_id("acct2"), "pe3")
    w.sweep()
    assert w.addresses("acct1") == w.address_of(first)
    assert w.addresses("acct2"), "nothing is deleted"
    assert w.status(w.storage_id("acct2"), w.endpoint_id("pe3")) == "Pending"
    w.set_policy(good)
    w.sweep()
    assert w.status(w.storage_id("acct2"), w.endpoint_id("pe3")) == "Approved"


def test_another_workers_newer_policy_suspends_this_one(w: World) -> None:
    w.run(w.app.policy())
    w.run(w.app.desk.announce_policy("of another worker", True, ""))
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert "another worker runs a newer policy" in w.journal("approve")[0]["detail"]
    assert w.health()["status"] == "degraded"
