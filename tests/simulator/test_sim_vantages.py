"""What a client inside one virtual network sees, and what is seen from outside of all."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from simulator.azure.publicnames import public_address

PUBLIC, PRIVATE = "acct1.blob.core.windows.net", "acct1.privatelink.blob.core.windows.net"
ZONE = "privatelink.blob.core.windows.net"


def ask(address: str, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 5) -> dns.message.Message:
    host, port = address.split(":")
    query = dns.query.tcp if tcp else dns.query.udp
    return query(dns.message.make_query(name, kind), host, port=int(port), timeout=timeout)


def addresses(answer: dns.message.Message) -> list[str]:
    return [item.address for row in answer.answer if row.rdtype == 1 for item in row]


def network(cloud: Any, name: str = "vnet1") -> str:
    return cloud.id("Microsoft.Network/virtualNetworks", name)


def link(cloud: Any, zone: str, where: str, policy: str = "Default", name: str = "l1") -> None:
    body = {"location": "global", "properties": {"virtualNetwork": {"id": where}, "resolutionPolicy": policy}}
    assert cloud.put(f"{zone}/virtualNetworkLinks/{name}", body).status_code == 202


def vantage(cloud: Any, where: str | None, **more: bool) -> str:
    return cloud.loop.run(cloud.azure.vantage(where, **more))


def host_of(answer: dns.message.Message) -> str:
    return (answer.answer or answer.authority)[0][0].mname.to_text()


@pytest.mark.parametrize("tcp", [False, True])
def test_a_linked_network_sees_the_private_address(cloud: Any, tcp: bool) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    cloud.record(zone, "acct1", "10.0.0.4")
    link(cloud, zone, network(cloud))
    answer = ask(vantage(cloud, network(cloud).upper()), PUBLIC, tcp=tcp)
    assert addresses(answer) == ["10.0.0.4"]
    assert answer.answer[0][0].target.to_text() == f"{PRIVATE}."


@pytest.mark.parametrize("name", [PUBLIC, PRIVATE])
def test_a_network_without_the_link_sees_the_public_address(cloud: Any, name: str) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    cloud.record(zone, "acct1", "10.0.0.4")
    link(cloud, zone, network(cloud))
    assert addresses(ask(vantage(cloud, network(cloud, "other")), name)) == [public_address(PRIVATE)]


@pytest.mark.parametrize(
    ("policy", "code", "seen"),
    [
        ("Default", dns.rcode.NXDOMAIN, []),
        ("NxDomainRedirect", dns.rcode.NOERROR, [public_address(PRIVATE)]),
        ("nxdomainredirect", dns.rcode.NOERROR, [public_address(PRIVATE)]),
    ],
)
def test_a_linked_zone_without_the_record(cloud: Any, policy: str, code: int, seen: list[str]) -> None:
    cloud.endpoint(cloud.target())
    link(cloud, cloud.zone(), network(cloud), policy)
    answer = ask(vantage(cloud, network(cloud)), PUBLIC)
    assert (answer.rcode(), addresses(answer)) == (code, seen)


def test_a_redirect_leads_only_where_there_is_something(cloud: Any) -> None:
    link(cloud, cloud.zone(), network(cloud), "NxDomainRedirect")
    answer = ask(vantage(cloud, network(cloud)), f"nobody.{ZONE}")
    assert (answer.rcode(), host_of(answer)) == (dns.rcode.NXDOMAIN, "ns1-01.azure-dns.com.")


def test_an_empty_set_is_not_asked_for_publicly(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    link(cloud, zone, network(cloud), "NxDomainRedirect")
    cloud.put(f"{zone}/A/acct1", {"properties": {"ttl": 5, "aRecords": []}})
    answer = ask(vantage(cloud, network(cloud)), PRIVATE)
    assert (answer.rcode(), addresses(answer)) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("where", ["vnet1", None])
def test_a_resolver_that_does_not_forward_asks_public_dns(cloud: Any, where: str | None) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    cloud.record(zone, "acct1", "10.0.0.4")
    link(cloud, zone, network(cloud))
    door = vantage(cloud, network(cloud) if where else None, forwards=where is None)
    assert addresses(ask(door, PUBLIC)) == [public_address(PRIVATE)]


def test_the_public_name_outlives_the_endpoint(cloud: Any) -> None:
    endpoint = cloud.endpoint(cloud.target())
    cloud.delete(endpoint)
    answer = ask(vantage(cloud, None), PUBLIC)
    assert answer.answer[0][0].target.to_text() == f"{PRIVATE}."
    assert addresses(answer) == [public_address(PRIVATE)]


def test_the_public_name_ends_with_its_target(cloud: Any) -> None:
    target = cloud.target()
    cloud.delete(cloud.endpoint(target))
    cloud.delete(target)
    assert ask(vantage(cloud, None), PUBLIC).rcode() == dns.rcode.NXDOMAIN


def test_public_addresses_are_global_and_stay() -> None:
    assert public_address(PRIVATE) == public_address(PRIVATE.upper()) == "20.183.111.219"
    assert public_address(PRIVATE) != public_address("acct2.privatelink.blob.core.windows.net")


@pytest.mark.parametrize(("linked", "host"), [(True, "azureprivatedns.net."), (False, "ns1-01.azure-dns.com.")])
def test_the_host_of_a_zone_tells_whose_answer_it_is(cloud: Any, linked: bool, host: str) -> None:
    zone = cloud.zone()
    if linked:
        link(cloud, zone, network(cloud))
    assert host_of(ask(vantage(cloud, network(cloud)), ZONE, "SOA")) == host
    assert host_of(ask(vantage(cloud, network(cloud)), f"nobody.{ZONE}", "SOA")) == host


@pytest.mark.parametrize("zone", ["privatelink.northeurope.kusto.windows.net", "privatelink.3.azurestaticapps.net"])
def test_zones_with_a_region_or_a_number_are_public_too(cloud: Any, zone: str) -> None:
    assert host_of(ask(vantage(cloud, None), zone, "SOA")) == "ns1-01.azure-dns.com."


def test_two_networks_see_two_copies(cloud: Any) -> None:
    cloud.endpoint(cloud.target())
    for number in (1, 2):
        zone = cloud.zone(group=f"dns{number}")
        cloud.record(zone, "acct1", f"10.{number}.0.4")
        link(cloud, zone, network(cloud, f"vnet{number}"))
    seen = [addresses(ask(vantage(cloud, network(cloud, f"vnet{number}")), PUBLIC)) for number in (1, 2)]
    assert seen == [["10.1.0.4"], ["10.2.0.4"]]


def test_a_cname_in_a_private_zone_leads_out_again(cloud: Any) -> None:
    zone = cloud.zone()
    cloud.endpoint(cloud.target())
    link(cloud, zone, network(cloud))
    cloud.record(zone, "acct1", "10.0.0.4")
    cloud.put(f"{zone}/CNAME/nick", {"properties": {"ttl": 5, "cnameRecord": {"cname": PUBLIC}}})
    assert addresses(ask(vantage(cloud, network(cloud)), f"nick.{ZONE}")) == ["10.0.0.4"]


def test_a_door_sees_links_and_records_that_come_later(cloud: Any) -> None:
    cloud.endpoint(cloud.target())
    door = vantage(cloud, network(cloud))
    assert addresses(ask(door, PUBLIC)) == [public_address(PRIVATE)]
    zone = cloud.zone()
    link(cloud, zone, network(cloud))
    cloud.record(zone, "acct1", "10.0.0.4")
    assert addresses(ask(door, PUBLIC)) == ["10.0.0.4"]
    cloud.delete(f"{zone}/virtualNetworkLinks/l1")
    assert addresses(ask(door, PUBLIC)) == [public_address(PRIVATE)]


def test_doors_are_opened_from_outside_too(cloud: Any) -> None:
    cloud.endpoint(cloud.target())
    door = cloud.door("POST", "/vantages", {"network": None, "forwards": True})["address"]
    assert addresses(ask(door, PUBLIC)) == [public_address(PRIVATE)]
    assert "network" in cloud.door("POST", "/vantages", {})["error"]
    assert "network" in cloud.door("POST", "/vantages", {"network": 5})["error"]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_deaf_door_answers_nothing(cloud: Any, tcp: bool) -> None:
    cloud.endpoint(cloud.target())
    deaf, other = vantage(cloud, None), vantage(cloud, None)
    cloud.door("POST", "/vantages/deaf", {"address": deaf})
    with pytest.raises(dns.exception.Timeout):
        ask(deaf, PUBLIC, tcp=tcp, timeout=0.3)
    assert addresses(ask(other, PUBLIC)) == [public_address(PRIVATE)]
    assert "no vantage" in cloud.door("POST", "/vantages/deaf", {"address": "127.0.0.1:1"})["error"]


def test_a_reset_closes_the_doors(cloud: Any) -> None:
    door = vantage(cloud, None)
    cloud.azure.reset()
    cloud.loop.run(cloud.azure.quiet())
    with pytest.raises((dns.exception.Timeout, ConnectionError)):
        ask(door, PUBLIC, tcp=True, timeout=0.5)
