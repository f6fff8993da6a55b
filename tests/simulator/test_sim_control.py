"""The control door: counters, faults, budgets, strangers."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from simulator.azure import Azure, Options, ids
from simulator.azure.throttle import Throttle
from simulator.azure.world import World


def test_calls_are_counted_per_principal_and_dns_apart(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.azure.forget_calls()
    cloud.get(zone)
    cloud.record(zone)
    cloud.delete(f"{zone}/A/acct1")
    cloud.principal = cloud.azure.tokens.make("app", "https://management.azure.com")
    cloud.get("/subscriptions")
    totals = cloud.door("GET", "/calls")["totals"]
    assert totals["operator"] == {
        "arm_reads": 0,
        "arm_writes": 0,
        "arm_deletes": 0,
        "dns_reads": 1,
        "dns_writes": 1,
        "dns_deletes": 1,
        "throttled": 0,
    }
    assert totals["app"]["arm_reads"] == 1


def test_a_planted_fault_answers_so_often_and_no_more(cloud: Any) -> None:
    cloud.door(
        "POST",
        "/faults",
        {
            "method": "GET",
            "path": "/subscriptions$",
            "status": 429,
            "code": "TooMany",
            "headers": {"Retry-After": "7"},
            "times": 2,
        },
    )
    answers = [cloud.get("/subscriptions") for _ in range(3)]
    assert [one.status_code for one in answers] == [429, 429, 200]
    assert (answers[0].headers["Retry-After"], answers[0].json()["error"]["code"]) == ("7", "TooMany")
    assert cloud.door("GET", "/faults")["faults"][0]["used"] == 2


def test_a_lost_answer_comes_after_the_deed(cloud: Any) -> None:
    cloud.azure.fault(method="PUT", path="acct1", drop=True, after=True)
    with pytest.raises(requests.ConnectionError):
        cloud.target()
    assert cloud.get(cloud.id("Microsoft.Storage/storageAccounts", "acct1")).status_code == 200


def test_a_fault_may_only_delay(cloud: Any) -> None:
    cloud.azure.fault(path="subscriptions", delay=0.2)
    started = time.monotonic()
    assert cloud.get("/subscriptions").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_unknown_faults_and_switches_are_refused(cloud: Any) -> None:
    assert "unknown" in cloud.door("POST", "/faults", {"paht": "x"})["error"]
    assert "unknown" in cloud.door("PUT", "/switches", {"nonsense": 1})["error"]


def test_private_dns_reads_run_out_first(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.azure.switch(throttle=True, dns_read_budget=2)
    answers = [cloud.get(zone) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 300
    assert cloud.record(zone).status_code == 201


def test_arm_budgets_refill_by_the_second() -> None:
    world, now = World(0, 0), [0.0]
    world.switches["throttle"] = True
    throttle = Throttle(world, lambda: now[0])
    path = ids.parse("/subscriptions/s/resourceGroups/g")
    left = [throttle.charge("app", "PUT", path)["x-ms-ratelimit-remaining-subscription-writes"] for _ in range(200)]
    assert (left[0], left[-1]) == ("199", "0")
    with pytest.raises(Exception, match="Number of requests") as refused:
        throttle.charge("app", "PUT", path)
    assert refused.value.headers["Retry-After"] == "1"
    now[0] = 1.0
    assert throttle.charge("app", "PUT", path)["x-ms-ratelimit-remaining-subscription-writes"] == "9"


@pytest.mark.parametrize(
    ("how", "status", "code"), [("forbidden", 403, "AuthorizationFailed"), ("notfound", 404, "SubscriptionNotFound")]
)
def test_the_app_cannot_look_into_other_tenants(cloud: Any, how: str, status: int, code: str) -> None:
    endpoint = cloud.endpoint(cloud.target())
    cloud.azure.foreign([endpoint.split("/")[2]])
    cloud.azure.switch(foreign_reads=how)
    assert cloud.get(endpoint).status_code == 200
    cloud.principal = cloud.azure.tokens.make("app", "https://management.azure.com")
    answer = cloud.get(endpoint)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_the_control_door_lists_its_doors_and_all_resources(cloud: Any) -> None:
    target = cloud.target()
    assert "POST /faults" in cloud.door("GET", "/")["doors"]
    assert cloud.door("GET", "/resources")["resources"] == [target]
    assert cloud.door("POST", "/quiet") == {"quiet": True}
    cloud.door("POST", "/reset")
    assert cloud.door("GET", "/resources")["resources"] == []


@pytest.mark.parametrize("path", ["/msi/token", "/api/events"])
def test_the_other_doors_fail_only_when_named(cloud: Any, path: str) -> None:
    cloud.azure.fault(status=500, times=0)
    url = cloud.azure.identity["IDENTITY_ENDPOINT"] if path == "/msi/token" else cloud.azure.topic
    method = "GET" if path == "/msi/token" else "POST"
    assert cloud.http.request(method, url, timeout=5).status_code == 401
    cloud.azure.forget_faults()
    cloud.azure.fault(path=path, status=503)
    assert cloud.http.request(method, url, timeout=5).status_code == 503


def test_a_fault_may_answer_anything(cloud: Any) -> None:
    evil = {"value": [], "nextLink": "https://evil.example/steal"}
    cloud.azure.fault(path="/resources$", status=200, body=evil)
    assert cloud.get("/subscriptions/s/resources").json() == evil


@pytest.mark.parametrize(("dns", "keys"), [(False, {"error"}), (True, {"code", "message"})])
def test_planted_errors_have_the_shape_of_their_provider(cloud: Any, dns: bool, keys: set[str]) -> None:
    path = cloud.zone() + "/A/x" if dns else cloud.target()
    cloud.azure.fault(path=".", status=503)
    assert set(cloud.get(path).json()) == keys


def test_two_clouds_in_one_process_share_nothing(cloud: Any) -> None:
    cloud.target()
    other = cloud.loop.run(Azure.start(Options(events="manual", pace=0), cloud.azure.authority))
    assert (other.resources(), other.outbox, other.calls()["totals"]) == ([], [], {})
    assert (
        requests.get(
            f"{other.arm}/subscriptions?api-version=2022-12-01",
            verify=other.ca,
            timeout=5,
            headers={"Authorization": f"Bearer {cloud.azure.token}"},
        ).status_code
        == 401
    )
    cloud.loop.run(other.stop())
