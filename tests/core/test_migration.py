"""The move of one endpoint's records, there and back: what blocks it, what is said, which steps; total for anything."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import migration
from shared.core.hub import Hub, Serves
from shared.core.ids import ResourceId, Scope
from shared.core.migration import Asked, Facts, Group, Links, Migration, Owner, State
from shared.core.model import Endpoint, Name, RecordSet, Status
from shared.core.policy import Policy, ServiceNames
from shared.core.rules import Mode
from tests.core.build import (
    DNS,
    ENDPOINT,
    GUID,
    GUID2,
    MARK,
    OTHER,
    STRANGER,
    TARGET,
    TEAM,
    ZONE,
    claim,
    endpoint,
    endpoint_id,
    examples,
    foreign,
    hub,
    link,
    mutations,
    name,
    policy,
    record,
    rid,
)

GROUP_ID = ENDPOINT.child("privateDnsZoneGroups", "default")
ELSEWHERE = rid(str(ZONE).replace("/dns/", "/old-dns/"))
FILES = rid(str(ZONE).replace(".blob.", ".file."))
CLOUD = "AzureCloud"
SWITCHED = tuple((kind, Mode.APPLY) for kind in ("approve", "reject", "put", "delete"))


def group(*zones: ResourceId, records: tuple[Name, ...] | None = None) -> Group:
    """The endpoint's group: it keeps acct1 in each of these zones, unless told otherwise."""
    listed = zones or (ZONE,)
    written = tuple(name(zone=zone) for zone in listed) if records is None else records
    return Group(id=GROUP_ID, zones=tuple((migration.config_name(zone), zone) for zone in listed), records=written)


def by_group(
    address: str = "10.0.0.4", zone: ResourceId = ZONE, guid: str = f" pe1 with resource guid {GUID}"
) -> RecordSet:
    creator = (("creator", f"created by private endpoint{guid}"),)
    return foreign(address, name=name(zone=zone), metadata=creator)


def facts(*groups: Group, **changed: Any) -> Facts:
    found: dict[str, Any] = {"groups": groups, "records": {name(): by_group()}}
    return Facts(**{**found, **changed})


def to(
    seen: Facts | None = None,
    who: Endpoint | None = None,
    rules: Policy | None = None,
    legacy: tuple[ResourceId, ...] = (),
) -> Migration:
    who, rules = who or endpoint(), rules or policy()
    wanted = migration.asked(who, rules, CLOUD, legacy=legacy)
    return migration.plan_to(who, wanted, seen or facts(group()), rules, MARK)


def back(
    seen: Facts | None = None,
    who: Endpoint | None = None,
    rules: Policy | None = None,
    legacy: tuple[ResourceId, ...] = (),
) -> Migration:
    who, rules = who or endpoint(), rules or policy()
    wanted = migration.asked(who, rules, CLOUD, legacy=legacy)
    return migration.plan_back(who, wanted, seen or facts(records={name(): record()}), rules, MARK)


def said(plan: Migration) -> str:
    return "\n".join((*plan.blockers, *plan.warnings))


def commands(plan: Migration) -> list[str]:
    return [*(line for step in plan.steps for line in step.commands), *plan.undo]


# --- there ----------------------------------------------------------------------------------------


def test_an_endpoint_with_its_group_in_the_hubs_zone_is_ready() -> None:
    plan = to()
    assert (plan.state, plan.blockers, plan.targets) == (State.READY, (), (TARGET,))
    assert [step.do for step in plan.steps] == ["find", "check", "delete", "settle", "verify"]
    assert plan.steps[2].commands == (
        f"az network private-endpoint dns-zone-group delete --subscription {TEAM} --resource-group net "
        "--endpoint-name pe1 --name default",
    )
    assert plan.steps[3].commands == (f"python -m shared settle {TARGET}",)
    assert plan.undo == (
        f"az network private-endpoint dns-zone-group create --subscription {TEAM} --resource-group net --endpoint-name "
        f"pe1 --name default --zone-name privatelink-blob-core-windows-net --private-dns-zone {ZONE}",
    )


def test_that_something_may_make_the_group_again_is_always_said() -> None:
    assert "Azure Policy" in said(to())
    assert "Azure Policy" in said(to(rules=policy(hubs=())))


def test_the_gap_is_that_of_the_records_that_go_with_the_group() -> None:
    moved = to().names[0]
    assert (moved.owner, moved.gap is not None) == (Owner.GROUP, True)
    assert moved.gap == migration.Gap(
        begins=moved.gap.begins,
        ends=moved.gap.ends,
        why=moved.gap.why,
        usually=10,
        at_most=1800,
        old_answer=10,
        negative=10,
        meanwhile="unknown",
    )


@pytest.mark.parametrize(
    ("links", "meanwhile"),
    [
        (Links(public=("a",)), "public"),
        (Links(silent=("a",)), "nothing"),
        (Links(public=("a",), silent=("b",)), "both"),
        (Links(), "unknown"),
    ],
)
def test_the_links_of_the_zone_say_what_clients_get_meanwhile(links: Links, meanwhile: str) -> None:
    gap = to(facts(group(), links={ZONE: links})).names[0].gap
    assert gap is not None
    assert gap.meanwhile == meanwhile


@pytest.mark.parametrize(
    ("present", "owner", "gap"),
    [
        (by_group(), Owner.GROUP, True),
        (by_group(guid=""), Owner.GROUP, True),
        (by_group(guid=f" pe1 with resource guid {GUID2}"), Owner.OTHER, True),
        (record(), Owner.OURS, True),
        (None, Owner.NOBODY, False),
    ],
    ids=["the group's", "an old group's", "another group's", "ours, over it", "none"],
)
def test_whose_the_present_record_is(present: RecordSet | None, owner: Owner, gap: bool) -> None:
    moved = to(facts(group(), records={name(): present})).names[0]
    assert (moved.owner, moved.gap is not None) == (owner, gap)


def test_a_name_that_lies_in_another_hubs_zone_too_has_no_gap_there() -> None:
    other = hub("north", zones=Scope.parse(f"/subscriptions/{DNS}/resourceGroups/old-dns"))
    found = facts(group(), records={name(): by_group(), name(zone=ELSEWHERE): record(claim(name=name(zone=ELSEWHERE)))})
    plan = to(found, rules=policy(hubs=(hub(), other)))
    assert plan.state is State.READY
    assert {one.name.zone: one.gap is not None for one in plan.names} == {ZONE: True, ELSEWHERE: False}


def test_without_a_group_there_is_nothing_to_do() -> None:
    plan = to(facts(records={}))
    assert (plan.state, plan.steps, plan.names[0].owner) == (State.NOTHING, (), Owner.UNREAD)


BLOCKED: dict[str, tuple[dict[str, Any], str]] = {
    "no hub": ({"rules": policy(hubs=())}, "no hub of the policy serves it"),
    "a hub for others": ({"rules": policy(hubs=(hub(subscriptions=frozenset({STRANGER})),))}, "no hub of the policy"),
    "a group unread": (
        {
            "rules": policy(
                hubs=(Hub(name="mg", zones=hub().zones, serves=Serves(management_groups=frozenset({"corp"}))),)
            )
        },
        "whether hub mg serves it cannot be told",
    ),
    "put is plan": ({"rules": policy(modes=(("put", Mode.PLAN),))}, "put is plan"),
    "put is off here": ({"rules": policy(hubs=(hub(modes=(("put", Mode.OFF),)),))}, "put is off"),
    "no rule": ({"who": endpoint(pairs=(("acct1.example.net", ("10.0.0.4",)),))}, "no rule says which zone"),
    "no names yet": ({"who": endpoint(pairs=None)}, "its names cannot be told"),
    "not provisioned": ({"who": endpoint(provisioned=False)}, "not provisioned"),
    "not approved": ({"who": endpoint(status=Status.PENDING)}, "is Pending, not Approved"),
    "out of scope": ({"rules": policy(scope=frozenset({STRANGER}))}, "outside the policy's scope"),
    "our own": ({"seen": facts(group(), own=True)}, "Linkkeeper itself depends on"),
    "elsewhere": (
        {"seen": facts(group(ELSEWHERE), records={name(): None, name(zone=ELSEWHERE): by_group(zone=ELSEWHERE)})},
        f"{ELSEWHERE}, a zone that no hub holds: Linkkeeper would write it to {ZONE}, and",
    ),
    "elsewhere by mark": (
        {
            "seen": facts(
                group(ELSEWHERE, records=()), records={name(): None, name(zone=ELSEWHERE): by_group(zone=ELSEWHERE)}
            )
        },
        "a zone that no hub holds",
    ),
    "another name": (
        {"seen": facts(group(records=(name(), name("acct1-old"))))},
        "Linkkeeper would write it nowhere",
    ),
    "an older zone wins": (
        {
            "who": endpoint(
                links=(
                    link(groups=("batchAccount",), target=rid(str(TARGET).replace("Storage/storageA", "Batch/batchA"))),
                ),
                pairs=(("b.eastus.batch.azure.com", ("10.0.0.4",)),),
            ),
            "legacy": (rid(str(ZONE).replace("blob.core.windows.net", "eastus.batch.azure.com")),),
            "seen": facts(
                group(records=(name("b.eastus", rid(str(ZONE).replace("blob.core.windows.net", "batch.azure.com"))),))
            ),
        },
        "does not keep this name",
    ),
    "somebody's": (
        {"seen": facts(group(), records={name(): foreign("10.9.9.9", metadata=(("creator", "team b"),))})},
        "neither this group's nor Linkkeeper's ('team b')",
    ),
    "nobody's": ({"seen": facts(group(), records={name(): foreign(metadata=())})}, "no owner mark"),
    "not read": ({"seen": facts(group(), records={})}, "could not be read: nobody looked"),
    "unreadable": ({"seen": facts(group(), records={}, unread={name(): "403"})}, "could not be read: 403"),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_what_blocks_the_move_is_named_and_leaves_no_steps(case: str) -> None:
    given_, text = BLOCKED[case]
    plan = to(**given_)
    assert (plan.state, plan.steps, plan.undo) == (State.BLOCKED, (), ())
    assert text in "\n".join(plan.blockers)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"seen": facts(group(), rivals={name(): (ENDPOINT, OTHER)})}, f"also claimed by {OTHER}:"),
        ({"seen": facts(group(ZONE, FILES, records=(name(),)))}, f"the group names {FILES}, and writes nothing there"),
        ({"seen": facts(group(ZONE, ELSEWHERE, records=(name(),)))}, f"{ELSEWHERE}, which no hub holds, and writes"),
        ({"seen": facts(group(FILES, records=()), records={name(): None})}, "the group writes nothing"),
        ({"seen": facts(group(), records={name(): None})}, "has no record even now"),
        ({"seen": facts(group(), records={name(): by_group("10.0.0.9")})}, "answers 10.0.0.9 now, and 10.0.0.4"),
        ({"seen": facts(group(), records={name(): record()})}, "wrote acct1"),
        ({"rules": policy(hubs=(hub(upsert_only=True),))}, "it only adds and changes"),
        ({"rules": policy(hubs=(hub(modes=(("delete", Mode.PLAN),)),))}, "delete is plan"),
    ],
    ids=[
        "rival",
        "a zone for nothing",
        "a zone of nobody",
        "writes nothing",
        "no record",
        "address",
        "over",
        "adds",
        "delete",
    ],
)
def test_what_is_worth_knowing_blocks_nothing(given_: dict[str, Any], text: str) -> None:
    plan = to(**given_)
    assert plan.state is State.READY
    assert text in "\n".join(plan.warnings)


def test_a_hub_that_keeps_no_such_zone_blocks_nothing_while_another_does() -> None:
    other = hub("north", zones=(FILES,))
    plan = to(rules=policy(hubs=(hub(), other)))
    assert plan.state is State.READY
    assert "hub north lists no zone" in "\n".join(plan.warnings)
    assert to(rules=policy(hubs=(other,))).state is State.BLOCKED


# --- back -----------------------------------------------------------------------------------------


def test_back_the_group_is_made_and_there_is_no_gap() -> None:
    plan = back()
    assert (plan.state, plan.blockers) == (State.READY, ())
    assert [step.do for step in plan.steps] == ["check", "create", "settle", "verify", "keep"]
    assert plan.steps[1].commands == (
        f"az network private-endpoint dns-zone-group create --subscription {TEAM} --resource-group net --endpoint-name "
        f"pe1 --name default --zone-name privatelink-blob-core-windows-net --private-dns-zone {ZONE}",
    )
    assert not any(one.gap for one in plan.names)


def cosmos(regions: int) -> tuple[Endpoint, Facts]:
    """Names in that many zones."""
    kinds = ("blob", "file", "queue", "table", "web", "dfs")[:regions]
    who = endpoint(pairs=tuple((f"acct1.{kind}.core.windows.net", ("10.0.0.4",)) for kind in kinds))
    zones = [rid(str(ZONE).replace(".blob.", f".{kind}.")) for kind in kinds]
    return who, facts(records={name(zone=zone): None for zone in zones})


def test_each_further_zone_is_added_and_five_are_the_most() -> None:
    who, seen = cosmos(5)
    plan = back(seen, who)
    assert [line.split()[4] for line in plan.steps[1].commands] == ["create", "add", "add", "add", "add"]
    who, seen = cosmos(6)
    plan = back(seen, who)
    assert plan.state is State.BLOCKED
    assert "6 zones" in said(plan)


def test_of_two_copies_the_nearer_one_moves_and_the_other_stays_with_linkkeeper() -> None:
    near = hub("north", zones=Scope.parse(f"/subscriptions/{DNS}/resourceGroups/old-dns"), region="westeurope")
    copies = (name(), name(zone=ELSEWHERE))
    plan = back(facts(records={one: record(claim(name=one)) for one in copies}), rules=policy(hubs=(hub(), near)))
    assert plan.state is State.READY
    assert str(ELSEWHERE) in plan.steps[1].commands[0]
    assert f"in {ZONE} stays with Linkkeeper" in said(plan)


def service() -> tuple[Endpoint, Policy]:
    target = rid(str(TARGET).replace("Microsoft.Storage/storageAccounts", "Microsoft.Network/privateLinkServices"))
    who = endpoint(links=(link(target=target, groups=()),), pairs=(), addresses=("10.0.0.4",))
    return who, policy(service_names=(ServiceNames(service=target, zone="corp.example.net", records=("db",)),))


def test_a_name_that_the_policy_chose_cannot_move() -> None:
    who, rules = service()
    plan = back(facts(), who, rules)
    assert plan.state is State.BLOCKED
    assert "its target publishes no names" in said(plan)


BACK: dict[str, tuple[dict[str, Any], State, str]] = {
    "covered": ({"seen": facts(group())}, State.NOTHING, "it has a zone group already"),
    "no hub": ({"rules": policy(hubs=())}, State.NOTHING, "no hub of the policy serves it"),
    "group for another zone": ({"seen": facts(group(FILES, records=()))}, State.BLOCKED, "can have only one"),
    "somebody's": (
        {"seen": facts(records={name(): foreign("10.9.9.9")})},
        State.BLOCKED,
        "a group would write over it",
    ),
    "not read": ({"seen": facts(records={})}, State.BLOCKED, "could not be read"),
    "pending": ({"who": endpoint(status=Status.PENDING)}, State.BLOCKED, "is Pending, not Approved"),
    "somebody's, correct": ({"seen": facts(records={name(): foreign()})}, State.READY, "becomes the group's"),
    "no record": ({"seen": facts(records={name(): None})}, State.READY, "has no record yet"),
    "ttl": ({"rules": policy(ttl=60)}, State.READY, "live 60 s now, and 10 s"),
    "address": (
        {"seen": facts(records={name(): record(addresses=("10.0.0.9",))})},
        State.READY,
        "answers 10.0.0.9 now, and 10.0.0.4",
    ),
    "rival": (
        {"seen": facts(records={name(): record()}, rivals={name(): (OTHER,)})},
        State.READY,
        "a group asks nobody",
    ),
    "no rule": (
        {"who": endpoint(pairs=(("acct1.blob.core.windows.net", ("10.0.0.4",)), ("x.example.net", ("10.0.0.5",))))},
        State.READY,
        "no rule says which zone holds x.example.net",
    ),
}


@pytest.mark.parametrize("case", BACK)
def test_what_the_way_back_says(case: str) -> None:
    given_, state, text = BACK[case]
    plan = back(**given_)
    assert (plan.state, bool(plan.steps)) == (state, state is State.READY)
    assert text in f"{plan.why}\n{said(plan)}"


def test_an_endpoint_that_by_its_id_nobody_serves_is_not_even_read() -> None:
    assert migration.unserved(ENDPOINT, False).state is State.BLOCKED
    assert migration.unserved(ENDPOINT, True).state is State.NOTHING


# --- reading a group ------------------------------------------------------------------------------

BODY: dict[str, Any] = {
    "id": str(GROUP_ID),
    "properties": {
        "privateDnsZoneConfigs": [
            {
                "name": "one",
                "properties": {"privateDnsZoneId": str(ZONE), "recordSets": [{"recordSetName": "acct1"}]},
            }
        ]
    },
}


def test_a_group_as_azure_shows_it() -> None:
    assert migration.group_of(BODY) == Group(id=GROUP_ID, zones=(("one", ZONE),), records=(name(),))


@pytest.mark.parametrize("odd", ["x; rm -rf /", "$(id)", "", "--help", "@file", None, 7])
def test_a_configuration_name_that_is_no_word_never_reaches_a_command(odd: object) -> None:
    config = {"name": odd, "properties": {"privateDnsZoneId": str(ZONE)}}
    found = migration.group_of({"id": str(GROUP_ID), "properties": {"privateDnsZoneConfigs": [config, config]}})
    assert found is not None
    words = [word for word, _ in found.zones]
    assert words == ["7", "7-1"] if odd == 7 else words[0] == "privatelink-blob-core-windows-net"
    assert len(set(words)) == 2


@given(
    st.one_of(mutations(BODY, ("id", "properties", "privateDnsZoneConfigs", "privateDnsZoneId")), st.none() | st.text())
)
@examples(200)
def test_reading_a_group_never_raises(body: object) -> None:
    found = migration.group_of(body)
    assert found is None or found.id.type.lower().endswith("privatednszonegroups")


# --- laws -----------------------------------------------------------------------------------------

odd = st.sampled_from(("pe1", "p$(id)", "p(1)", "p!x", "p{a,b}", "-rf", "@evil", "p~1", "PE'1".replace("'", "+")))
fqdns = st.sampled_from(
    (
        "acct1.blob.core.windows.net",
        "acct1.file.core.windows.net",
        "x.example.net",
        "..",
        "*.blob.core.windows.net",
        "a b",
    )
)
zones = st.sampled_from((ZONE, ELSEWHERE, FILES))
listed = st.builds(lambda zone, label: name(label, zone), zones, st.sampled_from(("acct1", "*", "@", "acct2")))
creators = st.sampled_from(
    (
        "created by private endpoint",
        f"created by private endpoint pe1 with resource guid {GUID}",
        "'; rm -rf / #",
        "team",
    )
)
hubs = st.sampled_from(
    (
        hub(),
        hub("all", all=True, upsert_only=True),
        hub("off", modes=(("put", Mode.OFF),)),
        hub("north", zones=Scope.parse(f"/subscriptions/{DNS}/resourceGroups/old-dns"), region="westeurope"),
        hub("exact", zones=(ZONE, FILES)),
        Hub(name="mg", zones=(ELSEWHERE,), serves=Serves(management_groups=frozenset({"corp"}))),
    )
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Endpoint, Policy, Asked, Facts]:
    identity = endpoint_id(draw(odd), group=draw(odd))
    pairs = draw(st.none() | st.lists(fqdns, max_size=3, unique=True))
    who = replace(
        endpoint(status=draw(st.sampled_from(Status))),
        id=identity,
        guid=draw(st.sampled_from((GUID, GUID2, None))),
        provisioned=draw(st.booleans()),
        links=draw(st.sampled_from(((), (link(),), (link(status=Status.PENDING),), (link(groups=()),)))),
        pairs=None if pairs is None else tuple((fqdn, ("10.0.0.4",)) for fqdn in pairs),
    )
    rules = policy(hubs=tuple(draw(st.lists(hubs, max_size=3, unique_by=lambda one: one.name))), modes=SWITCHED)
    legacy = draw(st.sets(zones, max_size=1))
    wanted = migration.asked(who, rules, CLOUD, {}, legacy)
    some = draw(st.lists(zones, max_size=3, unique=True))
    owned = identity.child("privateDnsZoneGroups", draw(odd))
    named = tuple((migration.config_name(zone), zone) for zone in some)
    groups = draw(
        st.sampled_from(((), (Group(id=owned, zones=named, records=tuple(draw(st.lists(listed, max_size=3)))),)))
    )
    names = sorted(migration.to_read(wanted, groups))
    sets = st.none() | st.builds(
        lambda creator, address: foreign(address, metadata=(("creator", creator),)),
        creators,
        st.sampled_from(("10.0.0.4", "10.9.9.9")),
    )
    records = {one: draw(st.sampled_from((record(claim(name=one)),)) | sets) for one in names if draw(st.booleans())}
    found = Facts(
        groups=groups,
        records=records,
        unread={one: "403" for one in names if one not in records and draw(st.booleans())},
        rivals={one: (OTHER, identity) for one in names if draw(st.booleans())},
        links={ZONE: Links(public=("a",))} if draw(st.booleans()) else {},
        own=draw(st.booleans()),
    )
    return who, rules, wanted, found


@given(worlds())
@examples(500)
def test_plans_are_total_and_have_steps_exactly_when_ready(world: tuple[Endpoint, Policy, Asked, Facts]) -> None:
    who, rules, wanted, found = world
    for plan in (
        migration.plan_to(who, wanted, found, rules, MARK),
        migration.plan_back(who, wanted, found, rules, MARK),
    ):
        assert bool(plan.steps) == (plan.state is State.READY)
        assert bool(plan.blockers) == (plan.state is State.BLOCKED)
        assert plan.why
        if plan.back:
            assert not plan.gaps
        for one in plan.gaps:
            assert any(one.name.zone == zone for each in found.groups for _, zone in each.zones)


@given(worlds())
@examples(500)
def test_commands_hold_parts_of_parsed_ids_only_each_quoted_as_one_word(
    world: tuple[Endpoint, Policy, Asked, Facts],
) -> None:
    who, rules, wanted, found = world
    ids = {who.id, *wanted.targets, *(one.id for one in found.groups)}
    places = {one.name.zone for one in wanted.claims} | {zone for one in found.groups for _, zone in one.zones}
    known = {text for one in (*ids, *places) for text in (one.subscription, one.group, one.name, str(one))}
    known |= {claim.name.record for claim in wanted.claims} | {migration.config_name(zone) for zone in places}
    fixed = (
        "az network private-endpoint dns-zone-group private-dns record-set a create add delete show default python -m"
    )
    fixed += " shared settle plan migrate --back --endpoint --subscription --resource-group --endpoint-name --name"
    fixed += " --zone-name --private-dns-zone"
    for plan in (
        migration.plan_to(who, wanted, found, rules, MARK),
        migration.plan_back(who, wanted, found, rules, MARK),
    ):
        for line in filter(None, commands(plan)):
            words = shlex.split(line)
            assert shlex.join(words) == line
            for word in words:
                option, equals, value = word.partition("=")
                assert word in known or word in fixed.split() or (equals and option in fixed.split() and value in known)
                assert not word.startswith("@") or word == "@"
