"""The index: it may only save questions. Whatever the policy, asking every rule comes to the same decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.around import Around
from shared.core.decide import decide
from shared.core.ids import ResourceId, Scope, fold
from shared.core.lookup import Lookup
from shared.core.model import Connection, Verdict
from shared.core.policy import Policy
from shared.core.rules import EndpointPattern, Match, Requesters, Rule, Targets

from . import drawn
from .build import GUID2, NOW, STRANGER, TARGET, TEAM, connection, endpoint_id, examples, policy, rule, target_id

OTHERS = Requesters(subscriptions=frozenset({STRANGER}))
ELSEWHERE = Targets(types=frozenset({"microsoft.keyvault/vaults"}))
Answer = tuple[Verdict, str | None, frozenset[str]]


class EveryRule:
    """The reference: no index, each rule is asked, in the order of the file."""

    def __init__(self, one: Connection, target: ResourceId, policy: Policy, around: Around) -> None:
        self.one, self.target, self.policy, self.around = one, target, policy, around

    def answer(self, rule: Rule) -> Match:
        parts = set(rule.consult(self.one, self.target, NOW, self.around).values())
        return Match.NO if Match.NO in parts else Match.UNKNOWN if Match.UNKNOWN in parts else Match.YES

    def missing(self, rules: Iterable[Rule]) -> frozenset[str]:
        lacking: set[str] = set()
        for each in rules:
            parts = each.consult(self.one, self.target, NOW, self.around)
            if Match.NO not in parts.values():
                for part in (part for part, match in parts.items() if match is Match.UNKNOWN):
                    lacking |= each.lacks(part, self.one, self.around)
        return frozenset(lacking)

    def of(self, verdict: Verdict, *wanted: Match) -> list[Rule]:
        return [rule for rule in drawn.rules_of(self.policy, verdict) if self.answer(rule) in wanted]

    def decide(self) -> Answer:
        if not self.policy.covers(self.target):
            return Verdict.LEAVE, None, frozenset()
        if sure := self.of(Verdict.REJECT, Match.YES):
            return Verdict.REJECT, sure[0].name, frozenset()
        if unsure := self.of(Verdict.REJECT, Match.UNKNOWN):
            return Verdict.HOLD, None, self.missing(unsure)
        possible = self.of(Verdict.APPROVE, Match.YES, Match.UNKNOWN)
        asking = [rule for rule in possible if rule.approvals]
        if asking:
            strictest = sorted(asking, key=lambda rule: (-rule.approvals, self.answer(rule) is not Match.YES))
            return Verdict.HOLD, None, self.missing(strictest[:1])
        if sure := self.of(Verdict.APPROVE, Match.YES):
            with_room = [rule for rule in sure if rule.name not in self.around.full]
            chosen = (with_room or sure)[0]
            missing = self.missing(possible) if chosen.limit is not None else frozenset[str]()
            return Verdict.APPROVE, chosen.name, missing
        return Verdict.HOLD, None, self.missing(possible)


@examples(600)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_the_index_never_changes_a_decision(
    policy: Policy, case: tuple[ResourceId, Connection], around: Around
) -> None:
    target, one = case
    found = decide(one, target=target, policy=policy, now=NOW, around=around)
    assert (found.verdict, found.rule, found.missing) == EveryRule(one, target, policy, around).decide()


@examples(300)
@given(drawn.rule_lists, drawn.cases, drawn.arounds)
def test_a_rule_that_is_not_a_candidate_says_no(
    rules: tuple[Rule, ...], case: tuple[ResourceId, Connection], around: Around
) -> None:
    target, one = case
    found = Lookup(rules).candidates(one, target, around)
    for lost in set(rules) - set(found):
        assert Match.NO in lost.consult(one, target, NOW, around).values()
    assert found == [rule for rule in rules if rule in found], "in the order of the file"


@examples(200)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_the_nearest_rule_is_one_of_the_policy(policy: Policy, case: Any, around: Around) -> None:
    target, one = case
    found = decide(one, target=target, policy=policy, now=NOW, around=around)
    assert found.nearest is None or found.nearest in policy.named


def test_of_ten_thousand_rules_only_those_for_this_requester_are_asked() -> None:
    others = [rule(f"r{n}", requesters=Requesters(subscriptions=frozenset({f"s{n}"}))) for n in range(10_000)]
    found = Lookup([*others[:3], rule("first"), *others[4:9000], rule("second")])
    assert [one.name for one in found.candidates(connection(), TARGET, Around())] == ["first", "second"]


def test_what_people_are_told_stays_short_however_many_rules_there_are() -> None:
    many = policy(*(rule(f"r{n}", requesters=Requesters(subscriptions=frozenset({f"s{n}"}))) for n in range(1000)))
    told = decide(connection(), target=TARGET, policy=many, now=NOW).reasons
    assert len(told) == 12
    assert told[-1] == "and 989 more rules that do not match"


@pytest.mark.parametrize("more", [0, 1])
def test_how_many_rules_are_not_told_is_said_where_there_are_any(more: int) -> None:
    others = policy(*(rule(f"r{n}", requesters=Requesters(subscriptions=frozenset({"s"}))) for n in range(11 + more)))
    told = decide(connection(), target=TARGET, policy=others, now=NOW).reasons
    assert told[11:] == (f"and {more} more rules that do not match",)[:more]


@pytest.mark.parametrize(
    "last",
    [rule("mine", targets=ELSEWHERE), rule("mine", requesters=OTHERS, groups=frozenset({"blob"}))],
    ids=["for this requester", "for this target"],
)
def test_the_nearest_rule_is_found_however_late_it_stands(last: Rule) -> None:
    first = [rule(f"r{n}", requesters=OTHERS, targets=ELSEWHERE, groups=frozenset({"dfs"})) for n in range(100)]
    assert decide(connection(), target=TARGET, policy=policy(*first, last), now=NOW).nearest == "mine"


@pytest.mark.parametrize("same", [{"targets": ELSEWHERE}, {"requesters": OTHERS}], ids=["requester", "target"])
def test_only_the_first_rules_of_many_for_one_requester_or_target_are_looked_at(same: Any) -> None:
    other = rule("other", requesters=OTHERS, targets=ELSEWHERE)
    found = Lookup([*([other] * 100), *(rule(f"r{n}", **same) for n in range(100))]).near(
        connection(), TARGET, Around()
    )
    assert len(found) == 50


@pytest.mark.parametrize("kind", ["Microsoft.Storage/storageAccounts", "MICROSOFT.STORAGE/STORAGEACCOUNTS"])
def test_a_rule_for_a_type_alone_is_found(kind: str) -> None:
    wanted = rule(targets=Targets(types=frozenset({fold(kind)})))
    assert Lookup([wanted]).candidates(connection(), TARGET, Around()) == [wanted]


@pytest.mark.parametrize("ends", [3, 5, 9, 11, 13], ids=["subscription", "group", "parent", "child", "itself"])
def test_a_rule_for_any_place_above_a_target_or_for_the_target_itself_is_found(ends: int) -> None:
    target = TARGET.child("Parts", "P1").child("Pieces", "P2")
    wanted = rule(targets=Targets(scopes=(Scope.parse("/".join(str(target).split("/")[:ends])),)))
    assert Lookup([wanted]).candidates(connection(), target, Around()) == [wanted]


@pytest.mark.parametrize(
    "others",
    [
        Requesters(guids=frozenset({GUID2})),
        Requesters(link_identifiers=frozenset({"7"})),
        Requesters(management_groups=frozenset({"corp"})),
        Requesters(subscriptions=frozenset({STRANGER})),
        Requesters(endpoints=(EndpointPattern(TEAM, "net", "pe2"),)),
    ],
)
def test_what_is_known_to_be_somebody_else_is_not_asked_about(others: Requesters) -> None:
    one, around = connection(link_identifier="8"), Around(groups={"corp": frozenset({STRANGER})})
    assert Lookup([rule(requesters=others)]).candidates(one, TARGET, around) == []


@pytest.mark.parametrize("kind", [drawn.PLS, "Microsoft.Network/applicationGateways"])
def test_a_link_identifier_that_azure_could_show_and_did_not_may_be_the_one(kind: str) -> None:
    wanted = rule(requesters=Requesters(link_identifiers=frozenset({"7"})), targets=Targets())
    target = target_id("t1", kind=kind)
    found = decide(drawn.asked(target), target=target, policy=policy(wanted), now=NOW)
    assert (found.nearest, found.missing) == ("team", {"link identifier"})


def test_a_guid_that_is_not_known_matters_only_to_rules_that_name_guids() -> None:
    assert Lookup([rule(requesters=OTHERS)]).candidates(connection(guid=None), TARGET, Around()) == []


def test_an_exact_endpoint_is_found_whatever_the_case_of_its_letters() -> None:
    exact = rule(requesters=Requesters(endpoints=(EndpointPattern(TEAM, "NET", "Pe1"),)))
    found = Lookup([exact]).candidates(connection(endpoint=endpoint_id("PE1", group="Net")), TARGET, Around())
    assert found == [exact]


@examples(100)
@given(st.data())
def test_a_glob_in_either_half_of_an_endpoint_is_found(data: Any) -> None:
    group, name = data.draw(st.sampled_from([("n*", "pe1"), ("net", "pe?"), ("*", "*")]))
    wanted = rule(requesters=Requesters(endpoints=(EndpointPattern(TEAM, group, name),)))
    assert Lookup([wanted]).candidates(connection(), TARGET, Around()) == [wanted]
