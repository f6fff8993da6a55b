"""Private Link Services and aliases: Azure publishes no names for them, so the policy says which records there are."""

from __future__ import annotations

import pytest

from tests.world import DATA, HUB, STRANGER, TEAM, World

ZONE = "westeurope.privatelink.azure.clickhouse.cloud"
PLS = "Microsoft.Network/privateLinkServices"
ALIAS = "clickhouse.0a1b2c3d-0000-4000-8000-0000000000aa.westeurope.azure.privatelinkservice"


def policy(service: str, records: str = '["*"]', zone: str = ZONE) -> str:
    hub = f"/subscriptions/{HUB}/resourceGroups/dns"
    return f"""version: 1
owner: contoso-hub
scope: {{subscriptions: [{DATA}]}}
rules:
  - {{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}
hubs:
  - {{name: hub, zones: {hub}, serves: {{subscriptions: [{TEAM}]}}}}
names:
  - {{service: {service}, zone: {zone}, records: {records}, ttl: 300}}
"""


def service(w: World, subscription: str = DATA) -> str:
    frontend = w.id("Microsoft.Network/loadBalancers", "lb/frontendIPConfigurations/f", subscription)
    subnet = w.id("Microsoft.Network/virtualNetworks", "v/subnets/s", subscription)
    return w.target(
        PLS,
        "pls1",
        subscription=subscription,
        visibility={"subscriptions": ["*"]},
        autoApproval={"subscriptions": []},
        loadBalancerFrontendIpConfigurations=[{"id": frontend}],
        ipConfigurations=[{"name": "ip", "properties": {"subnet": {"id": subnet}, "primary": True}}],
    )


def interface_address(w: World, endpoint: str) -> list[str]:
    nic = w.arm("GET", endpoint).json()["properties"]["networkInterfaces"][0]["id"]
    configs = w.arm("GET", nic).json()["properties"]["ipConfigurations"]
    return sorted(config["properties"]["privateIPAddress"] for config in configs)


def test_the_names_of_our_own_service_are_written_with_the_address_of_the_interface(w: World) -> None:
    w.fresh(policy(w.id(PLS, "pls1")))
    w.zone(ZONE)
    endpoint = w.asks(service(w), group=None)
    w.settle_all()
    w.sweep()
    assert w.addresses("*", ZONE) == interface_address(w, endpoint)
    assert w.record("*", ZONE)["ttl"] == 300


def test_a_service_that_the_policy_does_not_name_gets_no_record(w: World) -> None:
    w.fresh(policy(w.id(PLS, "another")))
    w.zone(ZONE)
    w.asks(service(w), group=None)
    w.settle_all()
    w.sweep()
    assert not w.records(ZONE)


@pytest.mark.parametrize("records", ['["*"]', "[db, web, '@']"])
def test_a_vendors_service_known_by_its_alias_alone_gets_its_records(w: World, records: str) -> None:
    """A service of another tenant: only the endpoint is ours to see."""
    target = service(w.fresh(), STRANGER)
    alias = w.arm("GET", target).json()["properties"]["alias"]
    w.set_policy(policy(alias, records))
    w.zone(ZONE)
    endpoint = w.asks(alias, group=None)
    w.settle_all()
    assert not w.records(ZONE), "Pending: no record yet"
    w.decides(w.connection_of(target, endpoint)["id"], "Approved")
    w.clock.skip(seconds=5)
    w.settle_all()
    w.sweep()
    names = [name.strip(" '\"") for name in records.strip("[]").split(",")]
    assert sorted(w.records(ZONE)) == sorted(names)
    assert all(w.addresses(name, ZONE) == interface_address(w, endpoint) for name in names)
    assert all(row["target"].startswith(endpoint) for row in w.journal("put"))


def test_the_records_of_a_vendors_service_go_with_the_endpoint(w: World) -> None:
    target = service(w.fresh(), STRANGER)
    alias = w.arm("GET", target).json()["properties"]["alias"]
    w.set_policy(policy(alias))
    w.zone(ZONE)
    endpoint = w.asks(alias, group=None)
    w.decides(w.connection_of(target, endpoint)["id"], "Approved")
    w.settle_all()
    w.sweep()
    assert w.records(ZONE)
    w.allow_deletes()
    w.removes(endpoint)
    w.settle_all()
    w.sweep()
    assert not w.records(ZONE)


def test_a_name_taken_out_of_the_policy_is_deleted(w: World) -> None:
    w.fresh(policy(w.id(PLS, "pls1"), "[db, web]"))
    w.zone(ZONE)
    w.asks(service(w), group=None)
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    assert sorted(w.records(ZONE)) == ["db", "web"]
    w.set_policy(policy(w.id(PLS, "pls1"), "[db]"))
    w.sweep()
    w.sweep()
    assert sorted(w.records(ZONE)) == ["db"]
