"""What a policy file may say about names: each key to its value, each mistake with its place."""

from __future__ import annotations

import pytest

from shared import policyfile
from shared.core.ids import ResourceId
from shared.core.policy import Policy

from .build import DNS, TEAM, endpoint_id

VNET = f"/subscriptions/{DNS}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub"
GROUP = f"/subscriptions/{DNS}/resourceGroups/dns"
ZONE = f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
ALIAS = "click.0a1b2c3d-0000-4000-8000-0000000000aa.westeurope.azure.privatelinkservice"


def text(*hubs: str, more: str = "") -> str:
    listed = "".join(f"  - {hub}\n" for hub in hubs)
    return f"version: 1\nowner: contoso-hub\n{more}\n" + (f"hubs:\n{listed}" if hubs else "")


def hub(name: str = "west", zones: str = GROUP, serves: str = "{all: true}", more: str = "") -> str:
    return f"{{name: {name}, zones: {zones}, serves: {serves}{more}}}"


def parsed(*hubs: str, more: str = "", cloud: str | None = None) -> Policy:
    return policyfile.parse(text(*hubs, more=more).encode(), cloud=cloud)


def mistakes(*hubs: str, more: str = "") -> str:
    with pytest.raises(policyfile.BadPolicy) as wrong:
        parsed(*hubs, more=more)
    return "\n".join(f"{path}: {what}" for _, path, what in wrong.value.mistakes)


def test_a_hub_may_say_whom_it_serves_in_every_way() -> None:
    serves = f"{{subscriptions: [{TEAM}], management_groups: [Corp], networks: [{VNET}]"
    serves += ", regions: [West Europe], tags: {Env: prod}}"
    (found,) = parsed(hub(serves=serves)).hubs
    assert found.serves.subscriptions == {TEAM}
    assert found.serves.management_groups == {"corp"}
    assert found.serves.networks == {ResourceId.parse(VNET)}
    assert found.serves.regions == {"westeurope"}
    assert found.serves.tags == (("env", "prod"),)


def test_a_hub_may_have_a_place_networks_resolvers_and_a_dial_of_its_own() -> None:
    more = f", region: East US, networks: [{VNET}], resolvers: ['10.0.0.4', '10.0.0.5:5353']"
    more += ", records: upsert-only, adopt: true, ttl: 60"
    (found,) = parsed(hub(more=more)).hubs
    assert (found.region, found.networks, found.ttl) == ("eastus", {ResourceId.parse(VNET)}, 60)
    assert found.resolvers == ("10.0.0.4", "10.0.0.5:5353")
    assert (found.upsert_only, found.adopt) == (True, True)


def test_what_a_hub_does_not_say_is_as_the_policy_says() -> None:
    (found,) = parsed(hub(), more="records: upsert-only\nadopt: true").hubs
    assert (found.upsert_only, found.adopt) == (True, True)


def test_exact_zones_are_a_list_of_ids() -> None:
    (found,) = parsed(hub(zones=f"[{ZONE}]")).hubs
    assert found.zones == (ResourceId.parse(ZONE),)
    assert found.zone("privatelink.blob.core.windows.net") == ResourceId.parse(ZONE)
    assert found.zone("privatelink.file.core.windows.net") is None


def test_hubs_of_another_cloud_are_not_this_installations() -> None:
    china = hub("china", zones=f"{GROUP}-cn", more=", cloud: AzureChinaCloud")
    assert [one.name for one in parsed(hub(), china, cloud="AzureCloud").hubs] == ["west"]
    assert [one.name for one in parsed(hub(), china, cloud="AzureChinaCloud").hubs] == ["west", "china"]


def test_names_owners_and_times_to_live() -> None:
    owner = f"owners: [{{names: [API.monitor.azure.com.], endpoint: {endpoint_id()}}}]"
    named = f"names: [{{service: {ALIAS}, zone: a.clickhouse.cloud, records: ['*', '@', db.x], ttl: 300}}]"
    found = parsed(hub(), more=f"{owner}\n{named}\nttls: {{Privatelink.Blob.core.windows.net: 60}}")
    assert found.owners[0].names == {"api.monitor.azure.com"}
    assert found.service_names[0].records == ("*", "@", "db.x")
    assert found.ttl_of(ResourceId.parse(ZONE)) == 60


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("names: [{service: x, zone: a.b.c, records: [a]}]", "alias"),
        (f"names: [{{service: {ALIAS}, zone: a.b.c, records: []}}]", "records"),
        (f"names: [{{service: {ALIAS}, zone: a.b.c, records: ['a.*.b']}}]", "label '*'"),
        (f'names: [{{service: {ALIAS}, zone: a.b.c, records: ["a\\r\\nb"]}}]', "plain letter"),
        (f"names: [{{service: {ALIAS}, zone: a.b.c, records: [{'a' * 64}]}}]", "label"),
        (f"names: [{{service: {ALIAS}, zone: 10.0.0.4, records: [a]}}]", "no name that DNS takes"),
        (f"names: [{{service: {ALIAS}, zone: a.b.c, records: [a, A]}}]", "given to this service in this zone already"),
        ("owners: [{names: [a.b.c]}]", "name an endpoint or a target"),
        (
            f"owners: [{{names: [a.b.c], endpoint: {endpoint_id()}}}, {{names: [A.b.c.], endpoint: {endpoint_id()}}}]",
            "has an owner already",
        ),
        ("ttls: {a.b.c: 60, A.B.C: 70}", "given twice"),
        ("caps: {deletions_per_settle: -1}", "deletions_per_settle"),
        ("records: delete", "records"),
    ],
)
def test_a_mistake_is_told_with_its_place(more: str, said: str) -> None:
    assert said in mistakes(hub(), more=more)


@pytest.mark.parametrize(
    ("hubs", "said"),
    [
        ((hub(), hub("east", zones=f"{GROUP}/")), "another hub has the same resource group (west)"),
        ((hub(zones=f"[{ZONE}]"), hub("east", zones=f"[{ZONE}]")), "belongs to another hub already: west"),
        ((hub(), hub("east", zones=f"[{ZONE}]")), "lies in the resource group of hub west"),
        ((hub(zones=f"[{ZONE}, {ZONE.replace('/dns/', '/dns2/')}]"),), "has a zone of that name already"),
        ((hub(serves="{regions: [westeurope]}"),), "or say all: true"),
        ((hub(serves=f"{{all: true, subscriptions: [{TEAM}]}}"),), "not both"),
        ((hub(more=", resolvers: [dns.contoso.com]"),), "not a name"),
        ((hub(more=f", networks: [{GROUP}]"),), "networks"),
        ((hub(zones="[]"),), "at least one zone"),
        ((hub(zones=f"[{VNET}]"),), "the id of a Microsoft.Network/privateDnsZones is needed"),
    ],
)
def test_a_mistake_between_hubs_is_told_with_its_place(hubs: tuple[str, ...], said: str) -> None:
    assert said in mistakes(*hubs)
