"""Every recorded or published ARM exchange, replayed: same status, same headers, same shape of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.replay import RECORDINGS, ROWS, lacks, load, shape_of_header


@pytest.mark.parametrize(("name", "arrange", "not_modelled"), ROWS, ids=[row[0] for row in ROWS])
def test_a_recorded_exchange_happens_again(
    cloud: Any, name: str, arrange: Callable[[Any, dict[str, Any]], str], not_modelled: tuple[str, ...]
) -> None:
    recording = load(name)
    path = arrange(cloud, recording)
    request = recording.get("request", {})
    headers = {key.replace("-", "_"): value for key, value in request.get("headers", {}).items()}
    answer = cloud.call(
        request.get("method", "GET"),
        path,
        request.get("body"),
        version=request.get("apiVersion", "2022-01-01"),
        **headers,
    )
    assert answer.status_code == recording["status"], answer.text
    for header, value in recording["headers"].items():
        if header.lower().startswith("x-ms-ratelimit"):
            assert answer.headers[header].isdigit(), header
        else:
            assert shape_of_header(answer.headers[header]) == shape_of_header(value), header
    assert [row for row in lacks(recording["body"], answer.json()) if row not in not_modelled] == []


@pytest.mark.parametrize(
    "name",
    [
        "cosmos-connection-put-approve-202",
        "keyvault-connection-put-approve-after-reject",
        "mysql-server-connection-put-approve-202",
    ],
)
def test_what_follows_a_recorded_decision_follows_again(cloud: Any, name: str) -> None:
    recording = load(name)
    arrange = {row[0]: row[1] for row in ROWS}[name]
    path = arrange(cloud, recording)
    assert cloud.put(path, recording["request"]["body"]).status_code == recording["status"]
    final = recording["then"][-1]["body"]
    assert lacks(final, cloud.get(path).json()) == []
    state = cloud.get(path).json()["properties"]
    assert state["provisioningState"] == final["properties"]["provisioningState"]
    assert state["privateLinkServiceConnectionState"] == final["properties"]["privateLinkServiceConnectionState"]


def test_a_zone_is_made_slowly_as_recorded(cloud: Any) -> None:
    cloud.azure.pace(0.3)
    first, running, done = load("dns-zone-put-async")["exchange"]
    path = first["request"]["path"].split("?")[0]
    answer = cloud.put(path, first["request"]["body"], If_None_Match="*", version="2018-09-01")
    assert (answer.status_code, answer.json()) == (202, {})
    where = answer.headers["azure-asyncoperation"]
    assert "/privateDnsOperationResults/" in answer.headers["location"]
    poll = cloud.get(where)
    assert (poll.status_code, poll.json()) == (running["response"]["status"], running["response"]["body"])
    cloud.azure.pace(0)
    assert cloud.get(where).json() == done["response"]["body"]
    assert poll.headers["x-ms-ratelimit-remaining-subscription-resource-requests"] == "499"


def test_a_registry_lists_its_data_endpoint_first(cloud: Any) -> None:
    recorded = load("dns-pe-acr-customdns")["body"]["properties"]
    target = cloud.target("Microsoft.ContainerRegistry/registries", "acrsample22")
    endpoint = cloud.endpoint(target, "registry", manual=False)
    ours = cloud.get(endpoint).json()["properties"]
    assert [row["fqdn"] for row in ours["customDnsConfigs"]] == [row["fqdn"] for row in recorded["customDnsConfigs"]]
    assert lacks(recorded, ours) == []


@pytest.mark.parametrize(
    ("name", "kind", "group"),
    [
        ("dns-nic-acr", "Microsoft.ContainerRegistry/registries", "registry"),
        ("dns-nic-aml", "Microsoft.MachineLearningServices/workspaces", "amlworkspace"),
    ],
)
def test_interfaces_carry_names_per_address(cloud: Any, name: str, kind: str, group: str) -> None:
    endpoint = cloud.endpoint(cloud.target(kind, "thing", "eastus"), group)
    nic = cloud.get(cloud.get(endpoint).json()["properties"]["networkInterfaces"][0]["id"]).json()
    recorded = load(name)["body"]
    assert lacks(recorded, nic) == []
    counts = [
        [
            len(row["properties"]["privateLinkConnectionProperties"]["fqdns"])
            for row in body["properties"]["ipConfigurations"]
        ]
        for body in (recorded, nic)
    ]
    assert counts[0] == counts[1]


def test_a_zone_group_writes_what_was_exported(cloud: Any) -> None:
    recorded = load("dns-pe-with-zone-group")
    zone_id = cloud.zone("privatelink.file.core.windows.net")
    target = cloud.target(name="mlwsstoragesample")
    endpoint = cloud.endpoint(target, "file", manual=False, name="pe_managed")
    group = {"properties": {"privateDnsZoneConfigs": [{"name": "file", "properties": {"privateDnsZoneId": zone_id}}]}}
    assert cloud.put(f"{endpoint}/privateDnsZoneGroups/default", group).status_code == 201
    record = cloud.get(f"{zone_id}/A/mlwsstoragesample").json()
    assert lacks(recorded["recordWritten"], record) == []
    guid = cloud.get(endpoint).json()["properties"]["resourceGuid"]
    assert record["properties"]["metadata"] == {
        "creator": f"created by private endpoint pe_managed with resource guid {guid}"
    }
    assert cloud.get(endpoint).json()["properties"]["customDnsConfigs"] == []
    shown = cloud.get(f"{endpoint}/privateDnsZoneGroups/default").json()
    assert lacks(recorded["privateDnsZoneGroup"], shown) == []


def test_no_recording_is_left_out() -> None:
    replayed = {row[0] for row in ROWS} | {
        "dns-zone-put-async",
        "dns-pe-acr-customdns",
        "dns-nic-acr",
        "dns-nic-aml",
        "dns-pe-with-zone-group",
        "dns-a-zonegroup-creator",
    }  # the last holds the same records as dns-pe-with-zone-group
    assert {path.stem for path in RECORDINGS.glob("*.json")} - replayed == set()
