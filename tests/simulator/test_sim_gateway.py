"""ARM's front door, what surrounds resources, faults, budgets, strangers, and the control door."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
import requests


def test_a_call_without_a_token_is_refused_and_names_the_tenant(cloud: Any) -> None:
    answer = requests.get(f"{cloud.azure.arm}/subscriptions/x?api-version=2022-12-01", verify=cloud.azure.ca, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")
    assert "https://login.windows.net/" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("seconds", "audience", "code"),
    [
        (-60, "https://management.azure.com", "ExpiredAuthenticationToken"),
        (600, "https://vault.azure.net", "InvalidAuthenticationTokenAudience"),
        (600, "https://management.core.windows.net/", None),
    ],
)
def test_tokens_are_checked(cloud: Any, seconds: int, audience: str, code: str | None) -> None:
    cloud.principal = cloud.azure.tokens.make("operator", audience, seconds)
    answer = cloud.get("/subscriptions")
    assert answer.status_code == (401 if code else 200)
    assert code is None or answer.json()["error"]["code"] == code


def test_a_token_signed_by_somebody_else_is_refused(cloud: Any) -> None:
    claims = jwt.decode(cloud.azure.token, options={"verify_signature": False})
    assert claims["tid"]
    cloud.principal = jwt.encode(claims, "another secret that is long enough", algorithm="HS256")
    assert cloud.get("/subscriptions").json()["error"]["code"] == "InvalidAuthenticationToken"


@pytest.mark.parametrize(
    ("version", "code"),
    [(None, "MissingApiVersionParameter"), ("latest", "InvalidApiVersionParameter"), ("1999-01-01-preview", None)],
)
def test_any_dated_version_will_do(cloud: Any, version: str | None, code: str | None) -> None:
    answer = cloud.get("/subscriptions", version=version)
    assert answer.status_code == (400 if code else 200)
    assert code is None or answer.json()["error"]["code"] == code


def test_paths_do_not_care_about_case(cloud: Any) -> None:
    target = cloud.target()
    answer = cloud.get(target.upper().replace("ACCT1", "Acct1"))
    assert answer.json()["id"] == target


@pytest.mark.parametrize(
    "path", ["/subscriptions/x/..%2f..", "/subscriptions//resourceGroups/x", "/subscriptions/%2e%2e/x"]
)
def test_odd_paths_are_refused(cloud: Any, path: str) -> None:
    session, request = (
        cloud.http,
        requests.Request("GET", cloud.azure.arm + "/x", headers={"Authorization": f"Bearer {cloud.azure.token}"}),
    )
    prepared = session.prepare_request(request)
    prepared.url = f"{cloud.azure.arm}{path}?api-version=2024-05-01"
    assert session.send(prepared, timeout=5).status_code in (400, 404)


def test_missing_things_are_worded_as_arm_does(cloud: Any) -> None:
    lost = cloud.get(cloud.id("Microsoft.Storage/storageAccounts", "acct1"))
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "ResourceGroupNotFound")
    cloud.target(name="other")
    lost = cloud.get(cloud.id("Microsoft.Storage/storageAccounts", "acct1"))
    assert lost.json()["error"] == {
        "code": "ResourceNotFound",
        "message": "The Resource 'Microsoft.Storage/storageAccounts/acct1' under resource "
        "group 'data' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    }


def test_a_group_takes_everything_with_it(cloud: Any) -> None:
    target = cloud.target()
    endpoint = cloud.endpoint(target)
    group = endpoint.split("/providers")[0]
    assert cloud.delete(group).status_code == 202
    assert cloud.call("HEAD", group).status_code == 404
    assert cloud.get(endpoint).json()["error"]["code"] == "ResourceGroupNotFound"
    assert cloud.get(f"{target}/privateEndpointConnections").json()["value"] == []


def test_resources_are_listed_with_and_without_a_filter(cloud: Any) -> None:
    target = cloud.target()
    cloud.target("Microsoft.KeyVault/vaults", "kv1")
    scope = "/".join(target.split("/")[:3])
    everything = cloud.get(f"{scope}/resources?$filter=&$expand=createdTime&api-version=2024-11-01").json()["value"]
    some = cloud.get(
        f"{scope}/resources?api-version=2024-11-01&$filter=resourceType eq 'microsoft.storage/storageaccounts'"
    ).json()["value"]
    assert {row["type"] for row in everything} == {"Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"}
    assert [row["id"] for row in some] == [target]


def test_lists_follow_the_page_size(cloud: Any) -> None:
    for number in range(3):
        cloud.target(name=f"acct{number}")
    cloud.azure.switch(page_size=2)
    path = cloud.target(name="acct0").rsplit("/", 1)[0]
    first = cloud.get(path).json()
    rest = cloud.get(first["nextLink"]).json()
    assert [row["name"] for row in first["value"] + rest["value"]] == ["acct0", "acct1", "acct2"]


@pytest.mark.parametrize(
    "path",
    [
        "/subscriptions",
        "/tenants",
        "/subscriptions/s/locations",
        "/subscriptions/s/providers",
        "/subscriptions/s/providers/Microsoft.Network",
        "/subscriptions/s/resourcegroups",
        "/subscriptions/s/providers/Microsoft.Insights/eventtypes/management/values",
    ],
)
def test_what_the_cli_asks_around_its_commands(cloud: Any, path: str) -> None:
    assert cloud.get(path).status_code == 200


def test_cloud_metadata_needs_no_token(cloud: Any) -> None:
    url = f"{cloud.azure.arm}/metadata/endpoints?api-version=2022-09-01"
    body = requests.get(url, verify=cloud.azure.ca, timeout=5).json()
    assert body["resourceManager"] == cloud.azure.arm
    assert body["authentication"]["audiences"][0] == "https://management.azure.com"


def test_the_identity_endpoint_wants_its_header(cloud: Any) -> None:
    url, header = cloud.azure.identity["IDENTITY_ENDPOINT"], cloud.azure.identity["IDENTITY_HEADER"]
    query = {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}
    assert requests.get(url, params=query, timeout=5).status_code == 401
    answer = requests.get(url, params=query, headers={"X-IDENTITY-HEADER": header}, timeout=5).json()
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (answer["resource"], claims["aud"]) == (query["resource"], query["resource"])
    assert claims["iss"].startswith("https://sts.windows.net/")


def test_slow_operations_are_polled_to_their_end(cloud: Any) -> None:
    cloud.azure.pace(0.2)
    target = cloud.target()
    path = cloud.endpoint(target)
    answer = cloud.delete(path)
    assert cloud.get(answer.headers["Azure-AsyncOperation"]).json()["status"] == "InProgress"
    assert cloud.get(answer.headers["Location"]).status_code == 202
    cloud.azure.pace(0)
    assert cloud.get(answer.headers["Azure-AsyncOperation"]).json()["status"] == "Succeeded"
    assert cloud.get(answer.headers["Location"]).status_code == 204


def test_slow_work_ends_by_itself(cloud: Any) -> None:
    cloud.azure.pace(0.05)
    endpoint = cloud.endpoint(cloud.target("Microsoft.KeyVault/vaults", "kv1"), "vault")
    assert cloud.get(endpoint).json()["properties"]["provisioningState"] == "Updating"
    cloud.loop.run(cloud.azure.quiet(10))
    assert cloud.get(endpoint).json()["properties"]["provisioningState"] == "Succeeded"
