"""Private DNS over ARM, and the DNS server that answers from it."""

from __future__ import annotations

from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest


def ask(cloud: Any, name: str, kind: str = "A", *, tcp: bool = False) -> dns.message.Message:
    host, port = cloud.azure.dns.split(":")
    query = dns.query.tcp if tcp else dns.query.udp
    return query(dns.message.make_query(name, kind), host, port=int(port), timeout=5)


def addresses(answer: dns.message.Message) -> list[str]:
    return [item.address for row in answer.answer if row.rdtype == 1 for item in row]


@pytest.mark.parametrize("form", ["{}", '"{}"', 'W/"{}"'])
def test_an_etag_is_accepted_in_every_form(cloud: Any, form: str) -> None:
    zone = cloud.zone()
    etag = cloud.record(zone).json()["etag"]
    assert cloud.record(zone, "acct1", "10.0.0.5", If_Match=form.format(etag)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"If_None_Match": "*"}, 412), ({"If_Match": "other"}, 412), ({"If_Match": "*"}, 200), ({}, 200)],
)
def test_conditions_on_a_set_that_exists(cloud: Any, headers: dict[str, str], status: int) -> None:
    zone = cloud.zone()
    cloud.record(zone)
    answer = cloud.record(zone, "acct1", "10.0.0.5", **headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "PreconditionFailed"


def test_if_match_never_creates(cloud: Any) -> None:
    assert cloud.record(cloud.zone(), If_Match="*").status_code == 412


def test_an_etag_in_the_body_protects_nothing(cloud: Any) -> None:
    zone = cloud.zone()
    etag = cloud.record(zone).json()["etag"]
    answer = cloud.put(f"{zone}/A/acct1", {"etag": etag, "properties": {"ttl": 5}}, If_Match="stale")
    assert answer.status_code == 412


def test_deleting_says_whether_there_was_something(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.record(zone)
    assert cloud.delete(f"{zone}/A/acct1", If_Match="stale").status_code == 412
    assert cloud.delete(f"{zone}/A/acct1").status_code == 200
    assert cloud.delete(f"{zone}/A/acct1", If_Match="stale").status_code == 204


def test_a_put_replaces_metadata_too(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.put(f"{zone}/A/x", {"properties": {"ttl": 5, "metadata": {"owner": "me"}, "aRecords": []}})
    assert cloud.get(f"{zone}/A/x").json()["properties"]["metadata"] == {"owner": "me"}
    cloud.put(f"{zone}/A/x", {"properties": {"ttl": 5}})
    assert "metadata" not in cloud.get(f"{zone}/A/x").json()["properties"]


def test_a_record_without_its_zone_has_no_parent(cloud: Any) -> None:
    answer = cloud.record(cloud.id("Microsoft.Network/privateDnsZones", "nowhere.example"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ParentResourceNotFound")
    assert answer.headers["x-ms-failure-cause"] == "gateway"


def test_a_missing_record_is_a_flat_404(cloud: Any) -> None:
    answer = cloud.get(f"{cloud.zone()}/A/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


@pytest.mark.parametrize(
    "properties",
    [
        {"ttl": 0},
        {"ttl": 5, "aRecords": [{"ipv4Address": "not"}]},
        {"ttl": 5, "metadata": {"n": 1}},
        {"ttl": 5, "aRecords": [{"ipv4Address": f"10.0.0.{n}"} for n in range(21)]},
        {"ttl": 5, "aRecords": [{"ipv4Address": "10.0.0.1"}, {"ipv4Address": "10.0.0.1"}]},
    ],
)
def test_bad_sets_are_refused(cloud: Any, properties: dict[str, Any]) -> None:
    answer = cloud.put(f"{cloud.zone()}/A/x", {"properties": properties})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadRequest")


def test_a_cname_stands_alone(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.put(f"{zone}/CNAME/x", {"properties": {"ttl": 5, "cnameRecord": {"cname": "y.example"}}})
    assert cloud.record(zone, "x").status_code == 409


def test_a_full_zone_takes_no_new_set(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.azure.switch(zone_capacity=3)  # the SOA is one of them
    assert [cloud.record(zone, name).status_code for name in ("a", "b", "c")] == [201, 201, 400]
    assert cloud.record(zone, "c").json()["code"] == "BadRequest"
    assert cloud.record(zone, "a", "10.0.0.9").status_code == 200
    assert cloud.get(zone).json()["properties"]["maxNumberOfRecordSets"] == 3
    cloud.delete(f"{zone}/A/a")
    assert cloud.record(zone, "c").status_code == 201


def test_a_set_holds_twenty_records_and_no_more(cloud: Any) -> None:
    zone, rows = cloud.zone(), [f"10.0.0.{number}" for number in range(1, 22)]
    assert cloud.record(zone, "x", *rows[:20]).status_code == 201
    assert cloud.record(zone, "x", *rows).status_code == 400
    assert len(cloud.get(f"{zone}/A/x").json()["properties"]["aRecords"]) == 20


def test_what_the_platform_registered_stays(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.door("POST", "/autoregister", {"zone": zone, "name": "vm1", "address": "10.1.1.1"})
    assert cloud.get(f"{zone}/A/vm1").json()["properties"]["isAutoRegistered"] is True
    assert cloud.record(zone, "vm1").status_code == 400


def test_lists_come_in_pages(cloud: Any) -> None:
    zone = cloud.zone()
    for number in range(5):
        cloud.record(zone, f"r{number}")
    first = cloud.get(f"{zone}/A?api-version=2024-06-01&$top=2").json()
    second = cloud.get(first["nextLink"]).json()
    third = cloud.get(second["nextLink"]).json()
    assert [row["name"] for page in (first, second, third) for row in page["value"]] == [f"r{n}" for n in range(5)]
    assert "nextLink" not in third


def test_lists_filter_by_the_end_of_the_name(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.record(zone, "a-x")
    cloud.record(zone, "b-y")
    rows = cloud.get(f"{zone}/ALL?api-version=2024-06-01&$recordsetnamesuffix=-y").json()["value"]
    assert [row["name"] for row in rows] == ["b-y"]


def test_a_zone_is_not_made_twice(cloud: Any) -> None:
    zone = cloud.zone()
    assert cloud.put(zone, {"location": "global"}, If_None_Match="*").status_code == 412
    assert cloud.get(zone).json()["properties"]["numberOfRecordSets"] == 1


def test_a_zone_group_of_another_zone_writes_nothing(cloud: Any) -> None:
    zone = cloud.zone("privatelink.file.core.windows.net")
    endpoint = cloud.endpoint(cloud.target(), "blob", manual=False)
    group = {"properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": zone}}]}}
    assert cloud.put(f"{endpoint}/privateDnsZoneGroups/default", group).status_code == 201
    shown = cloud.get(f"{endpoint}/privateDnsZoneGroups/default").json()["properties"]["privateDnsZoneConfigs"]
    assert shown[0]["properties"]["recordSets"] == []
    assert cloud.get(zone).json()["properties"]["numberOfRecordSets"] == 1


def test_a_silent_zone_group_writes_nothing_into_the_right_zone_either(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.azure.switch(group_silent=True)
    endpoint = cloud.endpoint(cloud.target(), "blob", manual=False)
    group = {"properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": zone}}]}}
    assert cloud.put(f"{endpoint}/privateDnsZoneGroups/default", group).status_code == 201
    shown = cloud.get(f"{endpoint}/privateDnsZoneGroups/default").json()["properties"]["privateDnsZoneConfigs"]
    assert shown[0]["properties"]["recordSets"] == []
    assert cloud.get(endpoint).json()["properties"]["customDnsConfigs"] == []
    assert cloud.get(f"{zone}/A/acct1").status_code == 404


def test_zone_groups_steal_each_others_records(cloud: Any) -> None:
    zone, target = cloud.zone(), cloud.target()
    group = {"properties": {"privateDnsZoneConfigs": [{"name": "z", "properties": {"privateDnsZoneId": zone}}]}}
    first = cloud.endpoint(target, manual=False, name="pe1")
    second = cloud.endpoint(target, manual=False, name="pe2")
    cloud.put(f"{first}/privateDnsZoneGroups/default", group)
    cloud.put(f"{second}/privateDnsZoneGroups/default", group)
    assert addresses(ask(cloud, "acct1.blob.core.windows.net")) == ["10.0.0.5"]
    cloud.delete(first)
    assert cloud.get(f"{zone}/A/acct1").status_code == 404


def test_records_stay_when_an_endpoint_without_a_group_goes(cloud: Any) -> None:
    zone = cloud.zone()
    endpoint = cloud.endpoint(cloud.target(), manual=False)
    cloud.record(zone)
    cloud.delete(endpoint)
    assert cloud.get(f"{zone}/A/acct1").status_code == 200


@pytest.mark.parametrize("tcp", [False, True])
def test_a_public_name_leads_to_the_private_address(cloud: Any, tcp: bool) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    cloud.record(zone, "acct1", "10.0.0.4")
    answer = ask(cloud, "ACCT1.blob.core.windows.net", tcp=tcp)
    assert addresses(answer) == ["10.0.0.4"]
    assert answer.answer[0][0].target.to_text() == "acct1.privatelink.blob.core.windows.net."
    assert answer.answer[1].ttl == 10


def test_without_a_record_there_is_no_such_name(cloud: Any) -> None:
    cloud.zone()
    cloud.endpoint(cloud.target())
    answer = ask(cloud, "acct1.blob.core.windows.net")
    assert (answer.rcode(), addresses(answer)) == (dns.rcode.NXDOMAIN, [])
    assert answer.authority[0].rdtype == 6


def test_public_names_of_other_kinds_of_zone(cloud: Any) -> None:
    zone = cloud.zone("privatelink.vaultcore.azure.net")
    cloud.endpoint(cloud.target("Microsoft.KeyVault/vaults", "kv1"), "vault")
    cloud.record(zone, "kv1", "10.0.0.4")
    assert addresses(ask(cloud, "kv1.vault.azure.net")) == ["10.0.0.4"]


def test_wildcards_answer_what_has_no_name_of_its_own(cloud: Any) -> None:
    zone = cloud.zone("westeurope.privatelink.azure.clickhouse.cloud")
    cloud.record(zone, "*", "10.0.0.9")
    cloud.record(zone, "own", "10.0.0.8")
    assert addresses(ask(cloud, "abc.westeurope.privatelink.azure.clickhouse.cloud")) == ["10.0.0.9"]
    assert addresses(ask(cloud, "own.westeurope.privatelink.azure.clickhouse.cloud")) == ["10.0.0.8"]


def test_a_hub_has_a_view_of_its_own(cloud: Any) -> None:
    cloud.record(cloud.zone(group="dns1"), "acct1", "10.0.0.1")
    second = cloud.zone(group="dns2")
    cloud.record(second, "acct1", "10.0.0.2")
    assert addresses(ask(cloud, "acct1.privatelink.blob.core.windows.net")) == ["10.0.0.1"]
    cloud.azure.switch(dns_view=second.rsplit("/providers", 1)[0])
    assert addresses(ask(cloud, "acct1.privatelink.blob.core.windows.net")) == ["10.0.0.2"]


def test_an_empty_set_is_a_name_without_addresses(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.put(f"{zone}/A/x", {"properties": {"ttl": 5, "aRecords": []}})
    answer = ask(cloud, "x.privatelink.blob.core.windows.net")
    assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, [])
