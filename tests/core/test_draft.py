"""A first policy from what is approved today: it approves all of that, nobody from elsewhere, and passes the check."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core.decide import decide
from shared.core.draft import draft
from shared.core.ids import ResourceId
from shared.core.model import Connection, Status, Verdict
from shared.core.policy import Policy

from . import drawn
from .build import ENDPOINT, NOW, OTHER, STRANGER, TARGET, TEAM, connection, endpoint_id, examples, rid, target_id

Item = tuple[ResourceId, Connection]


def approved(name: str = "c1", target: ResourceId = TARGET, **facts: Any) -> Item:
    return target, connection(
        id=target.child("privateEndpointConnections", name), **{"status": Status.APPROVED, **facts}
    )


def text(*items: Item, **more: Any) -> str:
    return draft(items, NOW, **more)


def rules(*items: Item, **more: Any) -> list[dict[str, Any]]:
    written = text(*items, **more)
    policyfile.parse(written.encode())
    found: list[dict[str, Any]] = yaml.safe_load(written)["rules"]
    return found


def verdict(some: Policy, target: ResourceId, one: Connection) -> Verdict:
    return decide(replace(one, status=Status.PENDING), target=target, policy=some, now=NOW).verdict


def test_one_connection_is_one_rule_for_exactly_that() -> None:
    (rule,) = rules(approved())
    assert (rule["requesters"], rule["targets"]) == ({"endpoints": [str(ENDPOINT)]}, {"ids": [str(TARGET)]})
    assert (rule["groups"], str(rule["approve_until"]), rule["reason"]) == (["blob"], "2027-11-21", "TODO: why")


def test_several_of_one_group_for_several_targets_are_one_rule_for_the_groups() -> None:
    (rule,) = rules(approved(), approved("c2", target_id("acct2"), endpoint=OTHER))
    assert rule["requesters"]["resource_groups"] == [str(ENDPOINT).split("/providers")[0]]
    assert rule["targets"] == {"scopes": [str(TARGET).split("/providers")[0]], "types": [TARGET.type]}


def test_one_endpoint_and_one_target_stay_exact_beside_several_of_the_other() -> None:
    (several,) = rules(approved(), approved("c2", endpoint=OTHER))
    (single,) = rules(approved(), approved("c2", target_id("acct2")))
    assert ("resource_groups" in several["requesters"], several["targets"]) == (True, {"ids": [str(TARGET)]})
    assert (single["requesters"], "scopes" in single["targets"]) == ({"endpoints": [str(ENDPOINT)]}, True)


def test_in_a_subscription_that_a_vendor_shares_only_exact_endpoints_are_written() -> None:
    (rule,) = rules(approved(), approved("c2", endpoint=OTHER), shared=[TEAM.upper()])
    assert rule["requesters"] == {"endpoints": [str(ENDPOINT), str(OTHER)]}


@pytest.mark.parametrize(
    "other",
    [
        approved("c2", endpoint=endpoint_id("pe2", subscription=STRANGER)),
        approved("c2", endpoint=endpoint_id("pe2", group="net2")),
        approved("c2", target_id("acct2", group="lake")),
        approved("c2", target_id("s1", kind="Microsoft.Sql/servers")),
        approved("c2", groups=("dfs",)),
        approved("c2", groups=None),
    ],
    ids=["subscription", "resource group", "target's group", "type", "sub-resource", "not known"],
)
def test_what_differs_in_more_than_the_name_is_a_rule_of_its_own(other: Item) -> None:
    assert len(rules(approved(), other)) == 2


def test_ids_that_differ_in_case_only_are_the_same() -> None:
    assert len(rules(approved(), approved("c2", endpoint=endpoint_id("pe2", group="NET"), groups=("BLOB",)))) == 1


def test_above_each_rule_is_its_count_and_examples() -> None:
    many = [approved(f"c{n}", endpoint=endpoint_id(f"pe{n}")) for n in range(5)]
    assert "  # 5 connections, such as pe0 to acct1, pe1 to acct1, pe2 to acct1\n" in text(*many)
    assert "  # 1 connection: pe1 to acct1\n" in text(approved())


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.APPROVED])
def test_only_what_is_approved_counts(status: Status) -> None:
    found = policyfile.parse(text(approved(status=status), owner="hub-1").encode())
    assert (found.rules, found.scope, found.owner) == ((), None, "hub-1")


@pytest.mark.parametrize(
    "item",
    [
        approved(endpoint=None),
        approved(endpoint=endpoint_id("pe\u212a")),
        approved(endpoint=endpoint_id("pe,1")),
        approved(endpoint=rid(str(ENDPOINT).replace(TEAM, "team"))),
        approved(groups=("bl\u00f6b\n- x: {all: true}",)),
        approved(target=target_id("a", kind="Microsoft.Odd_One/things")),
        (TARGET, connection(id=None, status=Status.APPROVED)),
    ],
)
def test_what_a_policy_cannot_name_is_left_out_and_listed(item: Item) -> None:
    assert policyfile.parse(text(item).encode()).rules == ()
    assert text(item).count("# Left out, ") == 1
    assert text(item).isascii()


def test_the_order_of_the_estate_does_not_matter() -> None:
    items = [approved(f"c{n}", endpoint=endpoint_id(f"pe{n}"), groups=(("blob",), None)[n % 2]) for n in range(6)]
    assert text(*items) == text(*reversed(items))


plain = st.text(alphabet="abAB019_()-", min_size=1, max_size=6)
odd = st.text(alphabet="ab,{}~$=+@\u00fc\u212a", min_size=1, max_size=4) | st.sampled_from(("null", "-", "x" * 91))
words = plain | odd
endpoints = st.builds(lambda s, g, n: endpoint_id(n, subscription=s, group=g), drawn.subscriptions, plain, words)
accounts = st.builds(lambda name, group: target_id(name, group=group), words, words)
asked = st.lists(drawn.groups | plain | st.text(min_size=1, max_size=4), min_size=1, max_size=2).map(tuple)
estates = st.lists(
    st.builds(
        lambda number, target, endpoint, groups: approved(f"c{number}", target, endpoint=endpoint, groups=groups),
        st.integers(0, 99),
        drawn.targets | accounts,
        drawn.endpoints | endpoints,
        st.none() | asked,
    ),
    max_size=8,
)
sharing = st.sampled_from(((), (TEAM,)))


@examples(60)
@given(estates, sharing)
def test_every_approved_connection_would_be_approved_unless_it_is_left_out(items: Any, shared: Any) -> None:
    found = text(*items, shared=shared)
    some = policyfile.parse(found.encode())
    held = [item for item in items if verdict(some, *item) is not Verdict.APPROVE]
    assert all("# Left out, " in text(item) for item in held)
    assert not any(rule.requesters.all or rule.requesters.subscriptions for rule in some.rules)
    assert all(rule.targets.scopes and rule.approve_until for rule in some.rules)


@examples(60)
@given(estates, drawn.cases)
def test_nobody_is_approved_from_a_resource_group_or_for_one_that_is_not_in_the_estate(items: Any, case: Any) -> None:
    target, one = case
    if verdict(policyfile.parse(text(*items).encode()), target, one) is Verdict.APPROVE:
        pairs = {(_place(there.endpoint), _place(at)) for at, there in items}
        assert (_place(one.endpoint), _place(target)) in pairs


def _place(resource: ResourceId) -> str:
    return resource.key.split("/providers")[0]
