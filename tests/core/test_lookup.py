"""The index: it may only save questions. Whatever the policy, asking every rule comes to the same decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.around import Around
from shared.core.decide import decide
from shared.core.ids import ResourceId
from shared.core.lookup import Lookup
from shared.core.model import Connection, Verdict
from shared.core.policy import Policy
from shared.core.rules import EndpointPattern, Match, Requesters, Rule

from . import drawn
from .build import NOW, TARGET, TEAM, connection, endpoint_id, examples, policy, rule

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
            return Verdict.HOLD, None, self.missing(unsure[:1])
        possible = self.of(Verdict.APPROVE, Match.YES, Match.UNKNOWN)
        asking = [rule for rule in possible if rule.approvals]
        if asking:
            strictest = sorted(asking, key=lambda rule: (-rule.approvals, self.answer(rule) is not Match.YES))
            return Verdict.HOLD, None, self.missing(strictest[:1])
        if sure := self.of(Verdict.APPROVE, Match.YES):
            return Verdict.APPROVE, sure[0].name, frozenset()
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
