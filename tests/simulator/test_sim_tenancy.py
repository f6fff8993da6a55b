"""Whose subscription is it: strangers are told the tenant, transfers, subscriptions that are gone."""

from __future__ import annotations

from typing import Any

import pytest
import requests

THEIRS = "bbbbbbbb-0000-4000-8000-000000000002"
OTHER = "12345678-0000-4000-8000-000000000000"


def stranger(cloud: Any, path: str) -> requests.Response:
    url = f"{cloud.azure.arm}{path}?api-version=2022-12-01"
    return requests.get(url, verify=cloud.azure.ca, timeout=5)


def test_a_stranger_is_told_the_tenant_of_a_subscription(cloud: Any) -> None:
    cloud.door("PUT", "/subscriptions", {"subscription": THEIRS, "tenant": OTHER})
    answer = stranger(cloud, f"/subscriptions/{THEIRS}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer authorization_uri="https://login.windows.net/{OTHER}", error="invalid_token", '
        "error_description=\"The authentication failed because of missing 'Authorization' header.\""
    )


def test_outside_subscriptions_no_tenant_is_told(cloud: Any) -> None:
    assert 'authorization_uri="https://login.windows.net/",' in stranger(cloud, "/tenants").headers["WWW-Authenticate"]


def test_a_subscription_that_is_gone_is_a_404_for_everybody(cloud: Any) -> None:
    cloud.door("PUT", "/subscriptions", {"subscription": THEIRS, "exists": False})
    for answer in (stranger(cloud, f"/subscriptions/{THEIRS}"), cloud.get(f"/subscriptions/{THEIRS}/resourceGroups")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")
    cloud.door("PUT", "/subscriptions", {"subscription": THEIRS, "exists": True})
    assert cloud.get(f"/subscriptions/{THEIRS}").status_code == 200


def test_the_tenant_is_shown_and_changes_with_a_transfer(cloud: Any) -> None:
    cloud.endpoint(cloud.target())
    ours = cloud.get(f"/subscriptions/{THEIRS}").json()["tenantId"]
    assert cloud.azure.subscription(THEIRS, tenant=OTHER)[THEIRS]["tenant"] == OTHER
    rows = {row["subscriptionId"]: row["tenantId"] for row in cloud.get("/subscriptions").json()["value"]}
    assert (rows[THEIRS], cloud.get(f"/subscriptions/{THEIRS}").json()["tenantId"]) == (OTHER, OTHER)
    assert ours != OTHER


def test_a_transferred_subscription_is_a_strangers(cloud: Any) -> None:
    cloud.azure.subscription(THEIRS, tenant=OTHER)
    cloud.principal = cloud.azure.tokens.make("app", "https://management.azure.com")
    assert cloud.get(f"/subscriptions/{THEIRS}").status_code == 403
    cloud.azure.switch(foreign_reads="wrongtenant")
    answer = cloud.get(f"/subscriptions/{THEIRS}/resourceGroups")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationTokenTenant")
    assert OTHER in answer.headers["WWW-Authenticate"]


def test_foreign_and_tenant_are_one_thing(cloud: Any) -> None:
    cloud.door("PUT", "/foreign", {"subscriptions": [THEIRS]})
    assert cloud.door("GET", "/subscriptions")[THEIRS]["readable"] is False
    cloud.door("PUT", "/foreign", {"subscriptions": []})
    assert cloud.door("GET", "/subscriptions") == {}


@pytest.mark.parametrize("status", [429, 503])
def test_a_fault_may_meet_the_stranger_too(cloud: Any, status: int) -> None:
    cloud.azure.fault(principal="anonymous", path="/subscriptions/", status=status)
    assert stranger(cloud, f"/subscriptions/{THEIRS}").status_code == status
    assert stranger(cloud, f"/subscriptions/{THEIRS}").status_code == 401
    assert cloud.azure.calls()["totals"]["anonymous"]["arm_reads"] == 2
