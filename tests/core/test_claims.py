"""What an endpoint asks for: sources in order, pairs as published, every hub for itself, and never a guess."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.claims import MOST, Wanted, legacy_zones, targets, wanted
from shared.core.hub import Hub, Serves
from shared.core.ids import ResourceId, Scope
from shared.core.model import Link, Name, Status
from shared.core.policy import NameOwner, Policy, ServiceNames

from .build import (
    DATA,
    DNS,
    ENDPOINT,
    OTHER,
    STRANGER,
    TARGET,
    TEAM,
    ZONE,
    claim,
    endpoint,
    endpoint_id,
    examples,
    hub,
    link,
    name,
    policy,
    rid,
    target_id,
)

BLOB, PRIVATE = "acct1.blob.core.windows.net", "acct1.privatelink.blob.core.windows.net"
DFS = "acct1.dfs.core.windows.net"
ALIAS = "click.0a1b2c3d-0000-4000-8000-0000000000aa.westeurope.azure.privatelinkservice"
CLICK = "westeurope.privatelink.azure.clickhouse.cloud"
PLS = target_id("pls", kind="Microsoft.Network/privateLinkServices")
THEIR_PLS = rid(str(PLS).replace(DATA, STRANGER))
CORP = frozenset({"corp"})


def wants(one: Any, target: ResourceId = TARGET, groups: Any = None, legacy: Any = (), **changed: Any) -> Wanted:
    return wanted(one, target, policy(**changed), "AzureCloud", groups, legacy)


def shown(found: Wanted) -> dict[str, tuple[str, ...]]:
    return {str(one.name): one.addresses for one in found.claims}


def zone(of: str, group: str = "dns") -> ResourceId:
    return rid(f"/subscriptions/{DNS}/resourceGroups/{group}/providers/Microsoft.Network/privateDnsZones/{of}")


def many(number: int, net: int = 0) -> tuple[str, ...]:
    return tuple(f"10.0.{net}.{last}" for last in range(number))


def unsure(label: str = "maybe", group: str = "dns") -> Hub:
    zones = Scope.parse(f"/subscriptions/{DNS}/resourceGroups/{group}")
    return Hub(name=label, zones=zones, serves=Serves(management_groups=CORP))


EAST = hub("east", zones=Scope.parse(f"/subscriptions/{DNS}/resourceGroups/dns-east"))


# --- names and addresses -----------------------------------------------------------------------------------


def test_each_name_gets_the_address_that_is_published_beside_it_and_never_the_one_at_the_same_place() -> None:
    """A walkthrough that paired by index wrote the login address of a registry into its data record (recorded)."""
    registry = target_id("reg", kind="Microsoft.ContainerRegistry/registries")
    pairs = (("reg.westeurope.data.azurecr.io", ("10.0.0.7",)), ("reg.azurecr.io", ("10.0.0.8",)))
    one = endpoint(
        links=(link(target=registry, groups=("registry",)),), pairs=pairs, addresses=("10.0.0.8", "10.0.0.7")
    )
    assert shown(wants(one, registry)) == {
        "reg.privatelink.azurecr.io": ("10.0.0.8",),
        "reg.westeurope.data.privatelink.azurecr.io": ("10.0.0.7",),
    }


def test_one_address_may_carry_several_names() -> None:
    one = endpoint(pairs=((BLOB, ("10.0.0.4",)), (DFS, ("10.0.0.4",))))
    assert shown(wants(one)) == {PRIVATE: ("10.0.0.4",), "acct1.privatelink.dfs.core.windows.net": ("10.0.0.4",)}


def test_one_name_may_have_several_addresses() -> None:
    assert shown(wants(endpoint(pairs=((BLOB, ("10.0.0.10", "10.0.0.9")),)))) == {PRIVATE: ("10.0.0.9", "10.0.0.10")}


def test_upper_case_and_a_trailing_dot_make_no_other_name() -> None:
    assert shown(wants(endpoint(pairs=((f"{BLOB.upper()}.", ("10.0.0.4",)),)))) == {PRIVATE: ("10.0.0.4",)}


def test_a_claim_carries_the_public_name_the_guid_and_the_target() -> None:
    assert wants(endpoint()).claims == (claim(),)
    (found,) = wants(endpoint(), hubs=(hub(ttl=300),)).claims
    assert found.ttl is None, "the time to live of zone and hub is said by the policy, not by the claim"


pairs = st.lists(
    st.tuples(
        st.sampled_from((BLOB, PRIVATE, DFS, BLOB.upper(), "db.contoso.com", "..", "a.b.c.d.file.core.windows.net")),
        st.lists(st.sampled_from(many(3) + many(20, 1)), min_size=1, max_size=21, unique=True).map(tuple),
    ),
    max_size=4,
).map(tuple)


@examples(200)
@given(pairs, st.randoms(use_true_random=False))
def test_in_whatever_order_azure_lists_names_the_claims_are_the_same(some: Any, order: Any) -> None:
    shuffled = order.sample(some, len(some))
    owned = policy(owners=(NameOwner(names=frozenset({BLOB}), endpoint=ENDPOINT),), hubs=(hub(), EAST))
    one, two = (wanted(endpoint(pairs=tuple(p)), TARGET, owned, "AzureCloud") for p in (some, shuffled))
    assert [replace(c, fqdn=c.fqdn.lower()) for c in one.claims] == [
        replace(c, fqdn=c.fqdn.lower()) for c in two.claims
    ]
    assert (one.complete, one.unplaced, sorted(one.notes)) == (two.complete, two.unplaced, sorted(two.notes))


@examples(200)
@given(pairs)
def test_no_name_is_lost_in_silence(some: Any) -> None:
    """Each published name is claimed, or noted and kept where there was a record before."""
    found = wants(endpoint(pairs=some))
    assert found.complete == bool(some)
    addresses = {address for one in found.claims for address in one.addresses}
    for fqdn, own in some:
        assert set(own) <= addresses or (fqdn in found.unplaced and found.notes)
    assert all(len(one.addresses) <= MOST for one in found.claims)


@pytest.mark.parametrize(
    "some",
    [
        ((BLOB, many(MOST + 1)),),
        ((BLOB, many(11)), (PRIVATE, many(11, 1))),
    ],
    ids=["one name", "two names for one record"],
)
def test_more_addresses_than_a_record_set_holds_are_noted_and_what_was_there_is_kept(some: Any) -> None:
    found = wants(endpoint(pairs=some))
    assert found.claims == ()
    assert f"a record set holds at most {MOST}" in found.notes[0]
    assert found.keeps(name(), BLOB)


def test_exactly_as_many_addresses_as_a_record_set_holds_are_one_record() -> None:
    assert len(wants(endpoint(pairs=((BLOB, many(MOST)),))).claims[0].addresses) == MOST


@pytest.mark.parametrize("pair", [((BLOB, ("10.0.0.4",)), (PRIVATE, ("10.0.0.9",)))])
def test_of_several_names_for_one_record_the_public_one_stands_for_them(pair: Any) -> None:
    assert {wants(endpoint(pairs=p)).claims[0].fqdn for p in (pair, pair[::-1])} == {BLOB}


# --- when there is nothing to ask for ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.PENDING, Status.REJECTED, Status.DISCONNECTED])
def test_who_is_not_approved_has_no_record_which_is_known_for_certain(status: Status) -> None:
    found = wants(endpoint(status=status))
    assert found == Wanted()
    assert not found.keeps(name(), BLOB)


@pytest.mark.parametrize(
    "not_yet",
    [
        {"pairs": ()},
        {"pairs": None},
        {"provisioned": False},
        {"status": Status.UNKNOWN},
        {"provisioned": False, "pairs": ()},
    ],
)
def test_empty_means_not_yet_and_never_no_more(not_yet: Any) -> None:
    found = wants(endpoint(**not_yet), hubs=(hub(), EAST))
    assert (found.claims, found.complete) == ((), False)
    assert found.keeps(name())
    assert found.notes


def test_an_unmapped_or_hostile_name_is_noted_and_its_former_record_kept() -> None:
    found = wants(endpoint(pairs=(("db.contoso.com", ("10.0.0.4",)), ("a\r\nb.blob.core.windows.net", ("10.0.0.5",)))))
    assert found.claims == ()
    assert found.complete
    assert found.notes[0] == "no rule says which zone holds db.contoso.com"
    assert "\r" not in found.notes[1]
    assert found.keeps(name(), "db.contoso.com")
    assert not found.keeps(name(), BLOB)


# --- several hubs ------------------------------------------------------------------------------------------


def test_every_hub_that_serves_an_endpoint_gets_its_own_claim_with_its_own_nearness() -> None:
    found = wants(endpoint(), hubs=(hub(region="westeurope"), replace(EAST, region="eastus")))
    assert {one.name.zone.group: one.near for one in found.claims} == {"dns": 1, "dns-east": 3}


def test_a_hub_that_does_not_serve_it_hears_nothing_of_it() -> None:
    stranger = hub("east", zones=EAST.zones, subscriptions=frozenset({STRANGER}))
    assert [one.name.zone.group for one in wants(endpoint(), hubs=(hub(), stranger)).claims] == ["dns"]


def test_a_hub_of_exact_zones_that_lacks_the_zone_says_so() -> None:
    exact = hub("exact", zones=(zone("privatelink.file.core.windows.net", "x"),))
    found = wants(endpoint(), hubs=(hub(), exact))
    assert [one.name.zone.group for one in found.claims] == ["dns"]
    assert found.notes == (f"hub exact lists no zone {ZONE.name}, so {BLOB} has no record there",)


@pytest.mark.parametrize("groups", [{}, {"corp": frozenset({STRANGER})}, None])
def test_of_a_hub_of_which_nobody_knows_whether_it_serves_the_endpoint_names_are_kept_and_none_added(
    groups: Any,
) -> None:
    found = wants(endpoint(), groups=groups, hubs=(unsure(), EAST))
    assert [one.name.zone.group for one in found.claims] == ["dns-east"]
    assert found.complete
    assert found.keeps(name())
    assert not found.keeps(name(zone=zone(ZONE.name, "dns-east")))


def test_what_it_had_in_such_a_hub_goes_on_with_the_addresses_of_now() -> None:
    found = wants(endpoint(pairs=((BLOB, ("10.0.0.99",)),)), hubs=(unsure(), EAST))
    assert len(found.going_on([]).claims) == 1
    went = found.going_on([name(), name("other")])
    assert {one.name.zone.group: one.addresses for one in went.claims} == {
        "dns": ("10.0.0.99",),
        "dns-east": ("10.0.0.99",),
    }


def test_a_management_group_that_lists_the_subscription_makes_it_certain() -> None:
    found = wants(endpoint(), groups={"corp": frozenset({TEAM})}, hubs=(unsure(),))
    assert (len(found.claims), found.unsure, found.maybe) == (1, (), ())


def test_the_owner_that_the_policy_names_goes_before_every_region() -> None:
    here = hub(region="westeurope")
    for owner in (
        NameOwner(names=frozenset({BLOB}), endpoint=ENDPOINT),
        NameOwner(names=frozenset({PRIVATE}), endpoint=ENDPOINT),
        NameOwner(names=frozenset({BLOB}), target=TARGET),
    ):
        assert wants(endpoint(), hubs=(here,), owners=(owner,)).claims[0].near == 0
    for stranger in (
        NameOwner(names=frozenset({BLOB}), endpoint=OTHER),
        NameOwner(names=frozenset({DFS}), endpoint=ENDPOINT),
        NameOwner(names=frozenset({BLOB}), target=target_id("acct2")),
    ):
        assert wants(endpoint(), hubs=(here,), owners=(stranger,)).claims[0].near == 1


@pytest.mark.parametrize("order", [1, -1])
def test_an_owner_is_known_by_any_of_the_names_that_share_the_record(order: int) -> None:
    both = ((BLOB, ("10.0.0.4",)), (PRIVATE, ("10.0.0.9",)))[::order]
    owner = NameOwner(names=frozenset({BLOB}), endpoint=ENDPOINT)
    assert wants(endpoint(pairs=both), owners=(owner,)).claims[0].near == 0


# --- zone groups ---------------------------------------------------------------------------------------------


def test_a_group_that_writes_its_record_is_left_alone_without_a_complaint() -> None:
    found = wants(endpoint(group_zones=(ZONE,), group_records=(name(),)))
    assert (found.claims, found.ceded) == ((), (name(),))
    assert len(found.notes) == 1
    assert not found.keeps(name(), BLOB)


def test_a_group_that_writes_no_record_is_told() -> None:
    notes = wants(endpoint(group_zones=(ZONE,))).notes
    assert f"its zone group covers {ZONE.name}, but writes no record for {PRIVATE}" in notes


def test_a_group_with_a_zone_that_no_name_belongs_to_is_told() -> None:
    odd = zone("privatelink.vaultcore.azure.net")
    found = wants(endpoint(group_zones=(odd,)))
    assert len(found.claims) == 1
    assert any("none of its names belongs there" in note for note in found.notes)


def test_a_group_of_one_hubs_copy_cedes_nothing_in_the_copies_of_other_hubs() -> None:
    found = wants(endpoint(group_zones=(ZONE,), group_records=(name(),)), hubs=(hub(), EAST))
    assert [one.name.zone.group for one in found.claims] == ["dns-east"]
    assert [one.zone.group for one in found.ceded] == ["dns"]


def test_a_group_has_its_zone_also_where_nobody_knows_whether_the_hub_serves_the_endpoint() -> None:
    """Otherwise the claim it had there would live on, and its record be written beside Azure's."""
    found = wants(endpoint(group_zones=(ZONE,), group_records=(name(),)), hubs=(unsure(),))
    assert (found.ceded, found.maybe) == ((name(),), ())
    assert not found.keeps(name(), BLOB)
    assert found.going_on([name()]).claims == ()
    assert not any("none of its names" in note for note in found.notes)


# --- names that Azure does not publish -------------------------------------------------------------------------


def aliased(alias: str) -> Link:
    return Link(target=None, alias=alias, status=Status.APPROVED)


def served(service: ResourceId | str = PLS, records: tuple[str, ...] = ("*",), **more: Any) -> Policy:
    named = ServiceNames(service=service, zone=CLICK, records=records, ttl=300)
    return policy(service_names=(named,), **more)


def at_service(**changed: Any) -> Any:
    facts: dict[str, Any] = {"links": (link(target=PLS, groups=()),), "pairs": (), "addresses": ("10.0.0.9",)}
    return endpoint(**{**facts, **changed})


def test_names_of_a_service_come_from_the_policy_with_the_addresses_of_the_interface() -> None:
    found = wanted(at_service(), PLS, served(records=("*", "@", "db.x")), "AzureCloud")
    assert shown(found) == {f"*.{CLICK}": ("10.0.0.9",), CLICK: ("10.0.0.9",), f"db.x.{CLICK}": ("10.0.0.9",)}
    assert {one.ttl for one in found.claims} == {300}
    assert all(str(one.name) == one.fqdn for one in found.claims)


def test_names_that_the_owner_of_a_service_published_never_become_records() -> None:
    found = wanted(at_service(pairs=(("bank.example.com", ("10.0.0.1",)),)), PLS, served(), "AzureCloud")
    assert shown(found) == {f"*.{CLICK}": ("10.0.0.9",)}
    hostile = at_service(pairs=((BLOB, ("10.0.0.1",)),))
    assert wanted(hostile, PLS, policy(), "AzureCloud") == Wanted()


def test_names_in_the_policy_say_nothing_about_a_service_of_azure_that_publishes_its_own() -> None:
    assert shown(wanted(endpoint(), TARGET, served(service=TARGET), "AzureCloud")) == {PRIVATE: ("10.0.0.4",)}


def test_addresses_of_an_interface_that_is_not_there_yet_mean_not_yet() -> None:
    found = wanted(at_service(addresses=()), PLS, served(), "AzureCloud")
    assert (found.claims, found.complete) == ((), False)
    assert wanted(at_service(addresses=()), PLS, policy(), "AzureCloud") == Wanted()


def test_more_addresses_of_an_interface_than_a_record_set_holds_are_noted() -> None:
    found = wanted(at_service(addresses=many(MOST + 1)), PLS, served(), "AzureCloud")
    assert found.claims == ()
    assert f"*.{CLICK} would have 21 addresses" in found.notes[0]
    assert found.keeps(Name(zone=zone(CLICK), record="*"), f"*.{CLICK}")


def test_a_service_known_by_its_alias_alone_is_a_unit_of_work_of_its_endpoint() -> None:
    one = at_service(links=(aliased(ALIAS.upper()),))
    (unit,) = targets(one, served(service=ALIAS))
    assert unit.parent == ENDPOINT
    assert one.link_to(unit) == one.links[0]
    assert shown(wanted(one, unit, served(service=ALIAS), "AzureCloud")) == {f"*.{CLICK}": ("10.0.0.9",)}


def test_a_service_that_another_alias_names_gets_nothing() -> None:
    one = at_service(links=(aliased(f"x{ALIAS}"),))
    assert targets(one, served(service=ALIAS)) == []
    assert wanted(one, one.service_of(one.links[0]), served(service=ALIAS), "AzureCloud") == Wanted()


def test_a_service_outside_of_our_scope_gets_the_names_of_the_policy_and_is_never_touched_itself() -> None:
    asked = served(service=THEIR_PLS, scope=frozenset({DATA}))
    one = at_service(links=(link(target=THEIR_PLS, groups=()),))
    (unit,) = targets(one, asked)
    assert (unit.parent, asked.covers(unit), asked.covers(THEIR_PLS)) == (ENDPOINT, True, False)
    assert shown(wanted(one, unit, asked, "AzureCloud")) == {f"*.{CLICK}": ("10.0.0.9",)}
    assert targets(one, policy(scope=frozenset({DATA}))) == []


def test_such_a_service_may_be_named_as_the_owner_of_a_name() -> None:
    owner = NameOwner(names=frozenset({f"*.{CLICK}"}), target=THEIR_PLS)
    asked = served(service=THEIR_PLS, scope=frozenset({DATA}), owners=(owner,))
    one = at_service(links=(link(target=THEIR_PLS, groups=()),))
    assert wanted(one, targets(one, asked)[0], asked, "AzureCloud").claims[0].near == 0
    by_alias = at_service(links=(aliased(ALIAS),))
    both = served(service=ALIAS, owners=(NameOwner(names=frozenset({f"*.{CLICK}"}), endpoint=OTHER),))
    assert wanted(by_alias, targets(by_alias, both)[0], both, "AzureCloud").claims[0].near == 3


def test_every_target_of_an_endpoint_is_one_unit_of_work() -> None:
    two = endpoint(links=(link(), link(target=target_id("acct2")), link(), aliased(ALIAS)))
    assert targets(two, policy()) == [TARGET, target_id("acct2")]
    assert targets(two, policy(scope=frozenset({STRANGER}))) == []


@examples(200)
@given(
    st.one_of(
        st.text(max_size=220),
        st.sampled_from(
            ("..", ".", "...", "a/b", "../../x", "", "\r\n", "a" * 300, "K" * 3, "a%2fb", "?x", "#", ALIAS)
        ),
    )
)
def test_whatever_an_alias_holds_its_unit_of_work_is_an_id_and_finds_its_link_again(alias: str) -> None:
    one = endpoint(links=(aliased(alias),))
    unit = one.service_of(one.links[0])
    assert ResourceId.parse(str(unit)) == unit
    assert unit.parent == one.id
    assert one.link_to(unit) is one.links[0]


def test_aliases_that_differ_are_different_units_of_work() -> None:
    found = {endpoint().service_of(aliased(alias)) for alias in ("a.b.c", "a.b.d", "a/b/c", "a b c")}
    assert len(found) == 4
    assert endpoint().service_of(aliased("A.b.C")) in found


# --- older zones that win where they exist --------------------------------------------------------------------------

BATCH = target_id("bat", kind="Microsoft.Batch/batchAccounts")
OLD, NEW = "privatelink.westeurope.batch.azure.com", "privatelink.batch.azure.com"


def batch(**changed: Any) -> Any:
    facts: dict[str, Any] = {
        "links": (link(target=BATCH, groups=("batchAccount",)),),
        "pairs": (("bat.westeurope.batch.azure.com", ("10.0.0.4",)),),
    }
    return endpoint(**{**facts, **changed})


def test_the_older_zone_of_a_batch_account_is_looked_for_in_every_hub_that_may_serve_it() -> None:
    stranger = hub("other", zones=unsure("x", "y").zones, subscriptions=frozenset({STRANGER}))
    found = legacy_zones(batch(), BATCH, policy(hubs=(hub(), EAST, stranger)), "AzureCloud")
    assert found == {zone(OLD), zone(OLD, "dns-east")}
    assert legacy_zones(endpoint(), TARGET, policy(), "AzureCloud") == set()
    assert legacy_zones(batch(pairs=None), BATCH, policy(), "AzureCloud") == set()
    assert legacy_zones(batch(), TARGET, policy(), "AzureCloud") == set()


def test_it_wins_in_the_hub_where_it_exists_and_nowhere_else() -> None:
    found = wants(batch(), BATCH, legacy={zone(OLD)}, hubs=(hub(), EAST))
    assert {(one.name.zone.group, str(one.name)) for one in found.claims} == {
        ("dns", f"bat.{OLD}"),
        ("dns-east", f"bat.westeurope.{NEW}"),
    }


def test_hostile_names_have_no_older_zone() -> None:
    odd = batch(pairs=(("a/../b.westeurope.batch.azure.com", ("10.0.0.4",)), ("x", ())))
    assert legacy_zones(odd, BATCH, policy(), "AzureCloud") == set()


def test_an_endpoint_is_asked_only_about_the_target_in_question() -> None:
    other = target_id("acct2")
    one = endpoint(links=(link(target=other),), id=endpoint_id("pe7"))
    assert wants(one) == Wanted()
    assert len(wants(one, other).claims) == 1
