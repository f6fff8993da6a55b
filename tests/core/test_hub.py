"""Whose endpoints a hub serves, which zones are its own, and how near an endpoint is: silence is never a no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.hub import NETWORK, REGION, REMOTE, Hub, Serves, region_of
from shared.core.ids import NotAnId, Scope
from shared.core.rules import Match

from .build import DATA, DNS, ENDPOINT, STRANGER, TEAM, ZONE, endpoint, endpoint_id, examples, hub, policy, rid

YES, NO, UNKNOWN = Match.YES, Match.NO, Match.UNKNOWN
NET = rid(f"/subscriptions/{DNS}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub")
SPOKE = rid(f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/spoke")
CORP = frozenset({"corp"})
BELOW = {"corp": frozenset({TEAM})}
EMPTY: dict[str, frozenset[str]] = {"corp": frozenset()}
PROD = endpoint(tags=(("env", "prod"), ("team", "a")), network=SPOKE)
FILE = "privatelink.file.core.windows.net"


def zone_id(name: str, group: str = "dns", subscription: str = DNS) -> Any:
    return rid(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/privateDnsZones/{name}"
    )


# --- whom it serves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("serves", "groups", "answer"),
    [
        (Serves(), {}, NO),
        (Serves(all=True), {}, YES),
        (Serves(subscriptions=frozenset({TEAM})), {}, YES),
        (Serves(subscriptions=frozenset({STRANGER})), {}, NO),
        (Serves(networks=frozenset({SPOKE})), {}, YES),
        (Serves(networks=frozenset({NET})), {}, NO),
        (Serves(management_groups=CORP), BELOW, YES),
        (Serves(management_groups=CORP), EMPTY, UNKNOWN),
        (Serves(management_groups=CORP), {}, UNKNOWN),
        (Serves(management_groups=frozenset({"labs"})), BELOW, UNKNOWN),
        (Serves(subscriptions=frozenset({STRANGER}), networks=frozenset({SPOKE})), {}, YES),
        (Serves(subscriptions=frozenset({STRANGER}), management_groups=CORP), BELOW, YES),
        (Serves(subscriptions=frozenset({TEAM}), management_groups=CORP), {}, YES),
        (Serves(networks=frozenset({NET}), management_groups=CORP), {}, UNKNOWN),
    ],
)
def test_any_one_of_subscriptions_management_groups_and_networks_is_enough(
    serves: Serves, groups: Any, answer: Match
) -> None:
    assert serves.match(PROD, groups) is answer


@pytest.mark.parametrize(
    ("narrow", "answer"),
    [
        ({"regions": frozenset({"westeurope"})}, YES),
        ({"regions": frozenset({"eastus", "westeurope"})}, YES),
        ({"regions": frozenset({"eastus"})}, NO),
        ({"tags": (("env", "prod"),)}, YES),
        ({"tags": (("env", "prod"), ("team", "a"))}, YES),
        ({"tags": (("env", "prod"), ("team", "b"))}, NO),
        ({"tags": (("env", "Prod"),)}, NO),
        ({"tags": (("missing", ""),)}, NO),
        ({"regions": frozenset({"eastus"}), "tags": (("env", "prod"),)}, NO),
        ({"regions": frozenset({"westeurope"}), "tags": (("env", "test"),)}, NO),
    ],
)
@pytest.mark.parametrize(
    "whom", [{"all": True}, {"subscriptions": frozenset({TEAM})}, {"networks": frozenset({SPOKE})}]
)
def test_regions_and_tags_narrow_and_never_widen(whom: Any, narrow: Any, answer: Match) -> None:
    assert Serves(**whom, **narrow).match(PROD, {}) is answer
    assert Serves(subscriptions=frozenset({STRANGER}), **narrow).match(PROD, {}) is NO


def test_what_regions_and_tags_rule_out_is_a_no_although_the_management_group_is_unknown() -> None:
    assert Serves(management_groups=CORP, regions=frozenset({"eastus"})).match(PROD, {}) is NO
    assert Serves(management_groups=CORP, tags=(("env", "test"),)).match(PROD, {}) is NO
    assert Serves(management_groups=CORP, regions=frozenset({"westeurope"})).match(PROD, {}) is UNKNOWN


def test_an_endpoint_without_a_known_network_lies_in_none() -> None:
    assert Serves(networks=frozenset({SPOKE})).match(endpoint(network=None), {}) is NO


@pytest.mark.parametrize("text", ["West Europe", "westeurope", "WESTEUROPE", "west europe"])
def test_a_region_is_the_same_place_however_it_is_written(text: str) -> None:
    assert region_of(text) == "westeurope"
    assert Serves(all=True, regions=frozenset({"westeurope"})).match(endpoint(location=text), {}) is YES
    assert hub(region="westeurope").near(endpoint(location=text)) == REGION


def test_a_subscription_is_the_same_however_azure_writes_it() -> None:
    shouted = endpoint(id=endpoint_id(subscription=TEAM.upper()))
    assert Serves(subscriptions=frozenset({TEAM})).match(shouted, {}) is YES
    assert Serves(management_groups=CORP).match(shouted, BELOW) is YES
    assert Serves(subscriptions=frozenset({TEAM})).may(shouted.id)


places = st.sampled_from(("westeurope", "East US", ""))
serving = st.builds(
    Serves,
    all=st.booleans(),
    subscriptions=st.frozensets(st.sampled_from((TEAM, STRANGER))),
    management_groups=st.frozensets(st.sampled_from(("corp", "labs"))),
    networks=st.frozensets(st.sampled_from((NET, SPOKE))),
    regions=st.frozensets(st.sampled_from(("westeurope", "eastus"))),
    tags=st.lists(st.sampled_from((("env", "prod"), ("env", "test"))), max_size=2).map(tuple),
)
endpoints = st.builds(
    lambda subscription, network, tags, location: endpoint(
        id=endpoint_id(subscription=subscription), network=network, tags=tags, location=location
    ),
    st.sampled_from((TEAM, TEAM.upper(), STRANGER, DATA)),
    st.sampled_from((NET, SPOKE, None)),
    st.lists(st.sampled_from((("env", "prod"), ("env", "test"), ("x", "y"))), max_size=2).map(tuple),
    places,
)
known = st.dictionaries(
    st.sampled_from(("corp", "labs", "other")), st.frozensets(st.sampled_from((TEAM, STRANGER))), max_size=3
)


@examples(300)
@given(serving, endpoints, known)
def test_whoever_is_served_or_perhaps_served_may_be_served_as_far_as_its_id_tells(
    serves: Serves, one: Any, groups: Any
) -> None:
    """So that an event about it is never thrown away on the strength of its id alone."""
    if serves.match(one, groups) is not NO:
        assert serves.may(one.id)
        assert policy(hubs=(replace(hub(), serves=serves),)).knows(one.id)


@examples(300)
@given(serving, endpoints, known)
def test_a_management_group_that_lists_less_turns_a_yes_into_unknown_and_never_into_a_no(
    serves: Serves, one: Any, groups: Any
) -> None:
    before, after = serves.match(one, groups), serves.match(one, {})
    assert (before is NO) == (after is NO)
    assert after is not YES or before is YES


# --- which zones are its own -------------------------------------------------------------------------------


def test_a_resource_group_holds_its_copy_of_every_zone() -> None:
    assert hub().zone(ZONE.name) == ZONE
    assert hub().zone(FILE) == zone_id(FILE)
    assert hub().holds(ZONE)


@pytest.mark.parametrize(
    ("other", "held"),
    [
        (zone_id(ZONE.name, "DNS"), True),
        (zone_id(ZONE.name, "dns2"), False),
        (zone_id(ZONE.name, "dn"), False),
        (zone_id(ZONE.name, subscription=DNS.upper()), True),
        (zone_id(ZONE.name, subscription=DATA), False),
    ],
)
def test_only_that_very_resource_group_is_the_hubs(other: Any, held: bool) -> None:
    assert hub().holds(other) is held


def test_exact_zones_are_the_listed_ones_and_no_others() -> None:
    exact = hub(zones=(ZONE, zone_id(FILE, "elsewhere")))
    assert exact.zone("PrivateLink.Blob.core.windows.net") == ZONE
    assert exact.zone(FILE) == zone_id(FILE, "elsewhere")
    assert exact.zone("privatelink.vaultcore.azure.net") is None
    assert exact.holds(zone_id(ZONE.name.upper(), "DNS"))
    assert not exact.holds(zone_id(FILE))


def test_of_several_hubs_each_zone_lies_in_one() -> None:
    west, east = hub(), hub("east", zones=(zone_id(FILE, "east"),))
    found = policy(hubs=(west, east))
    assert [found.hub_of(zone) for zone in (ZONE, zone_id(FILE, "east"), zone_id(FILE, "other"))] == [west, east, None]


@pytest.mark.parametrize("name", ["../x", "a/b", "a\r\nb", "", ".."])
def test_a_hostile_zone_never_becomes_part_of_an_id(name: str) -> None:
    with pytest.raises(NotAnId):
        hub().zone(name)
    assert hub(zones=(ZONE,)).zone(name) is None


# --- how near an endpoint is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "network", "near"),
    [
        ("westeurope", NET, REGION),
        ("westeurope", SPOKE, REGION),
        ("eastus", NET, NETWORK),
        ("eastus", SPOKE, REMOTE),
        ("eastus", None, REMOTE),
        ("", NET, NETWORK),
        ("", None, REMOTE),
    ],
)
def test_same_region_goes_before_same_network_and_that_before_remote(place: str, network: Any, near: int) -> None:
    west = hub(region="westeurope", networks=frozenset({NET}))
    assert west.near(endpoint(location=place, network=network)) == near
    assert REGION < NETWORK < REMOTE


def test_to_a_hub_that_says_nothing_of_its_place_all_endpoints_are_equally_remote() -> None:
    found = {hub().near(endpoint(location=place, network=NET)) for place in ("westeurope", "", "eastus")}
    assert found == {REMOTE}


def test_a_hub_is_a_plain_value() -> None:
    group = Scope.parse(f"/subscriptions/{DNS}/resourceGroups/dns")
    assert Hub(name="west", zones=group) == Hub(name="west", zones=group)
    assert Hub(name="west", zones=group).serves.match(endpoint(), {}) is NO
    assert not Serves().may(ENDPOINT)
