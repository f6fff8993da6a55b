"""Zone copies in several hubs: who is served where, and which endpoint holds a name in which copy."""

from __future__ import annotations

import pytest

from tests.world import BLOB, DATA, HUB, STRANGER, TEAM, World

EVERYBODY = (
    f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}, {STRANGER}]}}, targets: {{all: true}}}}"
)


def policy(*hubs: str, extra: str = "") -> str:
    head = f"version: 1\nowner: contoso-hub\nscope: {{subscriptions: [{DATA}]}}\n{extra}\nrules:\n  - {EVERYBODY}\n"
    return f"{head}hubs:\n" + "".join(f"  - {hub}\n" for hub in hubs)


def hub(name: str, serves: str, more: str = "") -> str:
    zones = f"/subscriptions/{HUB}/resourceGroups/{name}"
    return f"{{name: {name}, zones: {zones}, serves: {serves}{more}}}"


WEST = hub("west", "{all: true, regions: [westeurope]}")
EAST = hub("east", "{all: true, regions: [East US]}")


def test_each_region_has_its_own_copy_of_the_zone(w: World) -> None:
    w.fresh(policy(WEST, EAST))
    w.zone(group="west")
    w.zone(group="east")
    target = w.storage()
    west = w.asks(target, "pe1", location="westeurope")
    east = w.asks(target, "pe2", location="eastus")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(west)
    assert w.addresses(group="east") == w.address_of(east)
    assert w.address_of(west) != w.address_of(east)


def test_an_endpoint_that_several_hubs_serve_has_its_record_in_each(w: World) -> None:
    w.fresh(policy(hub("west", "{all: true}"), hub("east", f"{{subscriptions: [{TEAM}]}}")))
    w.zone(group="west")
    w.zone(group="east")
    endpoint = w.asks(w.storage())
    w.settle_all()
    assert w.addresses(group="west") == w.addresses(group="east") == w.address_of(endpoint)


def test_a_local_endpoint_displaces_a_remote_holder_and_never_the_other_way_round(w: World) -> None:
    w.fresh(policy(hub("west", "{all: true}", ", region: westeurope")))
    w.zone(group="west")
    target = w.storage()
    far = w.asks(target, "far", location="eastus")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(far)
    near = w.asks(target, "near", location="West Europe")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(near)
    w.signal(target, far)
    w.sweep()
    assert w.addresses(group="west") == w.address_of(near)
    w.allow_deletes()
    w.removes(near)
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(far), "the remote one takes over again"
    assert not w.journal("delete")


def test_an_endpoint_in_a_network_of_the_hub_goes_before_others_and_after_the_region(w: World) -> None:
    network = w.network("spoke")
    w.fresh(policy(hub("west", "{all: true}", f", region: westeurope, networks: [{network}]")))
    w.zone(group="west")
    target = w.storage()
    w.asks(target, "remote", location="eastus")
    linked = w.asks(target, "linked", location="eastus", network="spoke")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(linked)
    local = w.asks(target, "local", location="westeurope")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(local)


def test_tags_and_networks_say_whose_endpoints_a_hub_serves(w: World) -> None:
    network = w.network("spoke")
    w.fresh(
        policy(hub("prod", "{all: true, tags: {env: prod}}"), hub("spoke", f"{{networks: [{network}]}}")),
    )
    for group in ("prod", "spoke"):
        w.zone(group=group)
    one, two = w.storage(), w.storage("acct2")
    w.asks(one, "pe1", tags={"Env": "prod"})
    w.asks(two, "pe2", network="spoke")
    w.settle_all()
    assert w.addresses(group="prod")
    assert not w.addresses(group="spoke")
    assert w.addresses("acct2", group="spoke")
    assert not w.addresses("acct2", group="prod")


def test_a_hub_of_exact_zones_writes_there_and_nowhere_else(w: World) -> None:
    zone = w.id("Microsoft.Network/privateDnsZones", BLOB, HUB, "one")
    w.fresh(policy(f"{{name: one, zones: [{zone}], serves: {{all: true}}}}"))
    w.zone(group="one")
    w.zone("privatelink.file.core.windows.net", group="one")
    endpoint = w.asks(w.storage())
    other = w.asks(w.storage("acct2"), "pe2", group="file")
    w.settle_all()
    assert w.addresses(group="one") == w.address_of(endpoint)
    assert not w.addresses("acct2", "privatelink.file.core.windows.net", "one")
    assert "lists no zone privatelink.file.core.windows.net" in w.findings()
    w.sweep()
    assert w.address_of(other)


def test_a_hub_of_another_cloud_is_left_alone(w: World) -> None:
    w.fresh(policy(hub("west", "{all: true}", ", cloud: AzureChinaCloud")))
    w.zone(group="west")
    w.asks(w.storage())
    w.settle_all()
    assert not w.addresses(group="west")


# --- management groups ---------------------------------------------------------------------------------


def members(w: World, *subscriptions: str) -> None:
    group = "/providers/Microsoft.Management/managementGroups/corp"
    assert w.arm("PUT", group, {"properties": {}}).status_code in (200, 201, 202)
    for subscription in subscriptions:
        w.arm("PUT", f"{group}/subscriptions/{subscription}")


def leaves(w: World, subscription: str) -> None:
    path = f"/providers/Microsoft.Management/managementGroups/corp/subscriptions/{subscription}"
    assert w.arm("DELETE", path).status_code in (200, 202, 204)


def test_a_hub_serves_the_endpoints_below_a_management_group(w: World) -> None:
    w.fresh(policy(hub("west", "{management_groups: [corp]}")))
    members(w, TEAM)
    w.zone(group="west")
    inside = w.asks(w.storage())
    w.asks(w.storage("acct2"), "pe2", subscription=STRANGER)
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(inside)
    assert not w.addresses("acct2", group="west")


def test_a_management_group_that_does_not_list_the_subscription_any_more_deletes_nothing(w: World) -> None:
    """Law 3: Resource Graph proves nothing; rights may be missing, or it lags."""
    w.fresh(policy(hub("west", "{management_groups: [corp]}")))
    members(w, TEAM, STRANGER)
    w.zone(group="west")
    endpoint = w.asks(w.storage())
    other = w.asks(w.storage("acct2"), "pe2", subscription=STRANGER)
    w.settle_all()
    w.allow_deletes()
    leaves(w, TEAM)
    w.clock.skip(hours=1)
    w.sweep()
    w.signal(w.storage_id(), endpoint)
    assert w.addresses(group="west") == w.address_of(endpoint)
    assert w.addresses("acct2", group="west") == w.address_of(other), "the group answers, with one member less"


@pytest.mark.parametrize("trouble", ["not listed", "outage"])
def test_names_that_are_kept_because_a_management_group_is_silent_are_told_once(w: World, trouble: str) -> None:
    w.fresh(policy(hub("west", "{management_groups: [corp]}")))
    members(w, TEAM, STRANGER)
    w.zone(group="west")
    endpoint = w.asks(w.storage())
    w.settle_all()
    assert "management groups" not in w.findings()
    w.clock.skip(hours=1)
    if trouble == "outage":
        w.azure.fault(method="POST", path="ResourceGraph", status=503, times=300)
    leaves(w, TEAM)
    w.by_hand("ask", {"target": w.storage_id()}, "settle")
    w.work()
    w.later(700)
    (told,) = [row for row in w.journal("finding") if "management groups do not list" in row["detail"]]
    assert told["about"] == endpoint
    assert told["detail"].startswith("hub west: ")
    assert "names there stay as they are" in told["detail"]


def test_an_endpoint_that_never_had_a_name_in_a_hub_is_no_finding_there(w: World) -> None:
    w.fresh(policy(hub("west", "{management_groups: [corp]}"), hub("east", f"{{subscriptions: [{TEAM}]}}")))
    members(w, STRANGER)
    w.zone(group="east")
    w.asks(w.storage())
    w.settle_all()
    w.sweep()
    assert w.addresses(group="east")
    assert "management groups" not in w.findings()


@pytest.mark.parametrize("times", [6, 30], ids=["for a while", "longer than anybody looks again"])
def test_a_management_group_that_cannot_be_read_is_asked_again_and_its_names_appear_then(w: World, times: int) -> None:
    w.fresh(policy(hub("west", "{management_groups: [corp]}")))
    members(w, TEAM)
    w.zone(group="west")
    w.azure.fault(method="POST", path="ResourceGraph", status=503, times=times)
    endpoint = w.asks(w.storage())
    for _ in range(8):
        w.settle_all()
        w.later(600)
    for _ in range(6):
        w.sweep()
        w.later(60)
    assert w.addresses(group="west") == w.address_of(endpoint)


# --- owners and adoption ---------------------------------------------------------------------------------


def test_the_owner_that_the_policy_names_holds_a_shared_name(w: World) -> None:
    w.fresh(policy(hub("west", "{all: true}")))
    w.zone(group="west")
    target = w.storage()
    first = w.asks(target, "pe1")
    w.settle_all()
    second = w.asks(target, "pe2")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(first)
    owners = f"owners: [{{names: [acct1.blob.core.windows.net], endpoint: {second}}}]"
    w.set_policy(policy(hub("west", "{all: true}"), extra=owners))
    w.sweep()
    assert w.addresses(group="west") == w.address_of(second)
    w.allow_deletes()
    w.removes(second)
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(first), "the name goes on while its owner is away"


def test_a_correct_record_without_any_mark_is_adopted_only_where_the_policy_says_so(w: World) -> None:
    w.fresh(policy(hub("dns", "{all: true}")))
    w.zone()
    w.writes("acct1", "10.0.0.4", metadata={"ticket": "INC-7"})
    endpoint = w.asks(w.storage())
    w.settle_all()
    assert w.record()["metadata"] == {"ticket": "INC-7"}
    w.set_policy(policy(hub("dns", "{all: true}", ", adopt: true")))
    w.sweep()
    assert w.record()["metadata"]["managedBy"] == "linkkeeper"
    assert w.record()["metadata"]["ticket"] == "INC-7"
    assert w.journal("put")[0]["adopted"] == "yes"
    w.allow_deletes()
    w.removes(endpoint)
    w.settle_all()
    assert w.record() is None, "from then on it follows its endpoint"


def test_neither_a_wrong_record_nor_anybody_elses_is_adopted(w: World) -> None:
    w.fresh(policy(hub("dns", "{all: true}", ", adopt: true")))
    w.zone()
    w.writes("acct1", "10.77.0.7")
    w.writes("acct2", "10.0.0.5", metadata={"owner": "external-dns"})
    w.asks(w.storage())
    w.asks(w.storage("acct2"), "pe2")
    w.settle_all()
    w.sweep()
    assert w.addresses() == ["10.77.0.7"]
    assert w.record("acct2")["metadata"] == {"owner": "external-dns"}
    assert not [row for row in w.journal("put") if row["result"] == "done"]


# --- the dial ------------------------------------------------------------------------------------------


def test_upsert_only_keeps_and_shows_what_would_be_deleted(w: World) -> None:
    w.fresh(policy(hub("dns", "{all: true}"), extra="records: upsert-only"))
    endpoint = w.connected()
    w.removes(endpoint)
    w.settle_all()
    assert w.addresses()
    assert "upsert-only" in w.journal("delete")[0]["detail"]


def test_a_zone_may_have_a_time_to_live_of_its_own(w: World) -> None:
    w.fresh(policy(hub("dns", "{all: true}", ", ttl: 60"), extra=f"ttls: {{{BLOB}: 600}}"))
    w.connected()
    assert w.record()["ttl"] == 600
