"""What is worth a second thought in a valid policy; and when one rule certainly covers another."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core import lint as lint_module
from shared.core.covers import covers, ends
from shared.core.ids import Scope
from shared.core.lint import lint
from shared.core.policy import Policy
from shared.core.rules import Match, Mode, Requesters, Rule, Targets

from . import drawn
from .build import (
    DATA,
    ENDPOINT,
    NOW,
    STRANGER,
    TARGET,
    TEAM,
    examples,
    pattern,
    policy,
    reject,
    rule,
    target_id,
    until,
)
from .test_language import file, vendor

EVERYBODY = Requesters(all=True)
BUT_TEAM = Requesters(all=True, shared=frozenset({TEAM}))
GROUP = Requesters(resource_groups=(Scope.parse(f"/subscriptions/{TEAM}/resourceGroups/net"),))
RULE = rule("a")


def notes(*rules: Rule, used: Any = None) -> list[str]:
    return lint(policy(*rules), NOW, used)


def by(*patterns: Any, **more: Any) -> Requesters:
    return Requesters(endpoints=patterns, **more)


def at(*ids: Any) -> Targets:
    return Targets(scopes=tuple(Scope.parse(str(one)) for one in ids))


# --- dates, use, whom ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "note"),
    [
        (None, []),
        (until("2026-11-20"), ["rule 'a' has expired (2026-11-20): it approves nobody any more"]),
        (until("2026-11-21"), ["rule 'a' expires soon (2026-11-21)"]),
        (until("2026-12-20"), ["rule 'a' expires soon (2026-12-20)"]),
        (until("2026-12-21"), []),
        (NOW, [f"rule 'a' has expired ({NOW}): it approves nobody any more"]),
        (NOW + timedelta(days=30), [f"rule 'a' expires soon ({NOW + timedelta(days=30)})"]),
        (NOW + timedelta(days=30, seconds=1), []),
        (until("9999-12-31"), []),
    ],
)
def test_a_rule_that_expired_or_soon_will_is_told(end: Any, note: list[str]) -> None:
    assert notes(rule("a", approve_until=end)) == note


@pytest.mark.parametrize(("days", "told"), [(0, False), (89, False), (90, True), (400, True)])
def test_an_approve_rule_without_use_for_90_days_is_told(days: int, told: bool) -> None:
    found = notes(RULE, used={"a": NOW - timedelta(days=days), "gone": NOW - timedelta(days=999)})
    assert found == ([f"rule 'a' has decided nothing for {days} days: is it still needed?"] if told else [])


def test_a_rule_whose_use_is_not_known_or_that_rejects_or_expired_is_not_called_unused() -> None:
    long_ago = {"a": NOW - timedelta(days=400)}
    assert notes(RULE) == notes(RULE, used={}) == notes(reject("a"), used=long_ago) == []
    assert len(notes(rule("a", approve_until=until("2026-01-01")), used=long_ago)) == 1


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (rule("a", requesters=EVERYBODY), True),
        (rule("a", requesters=EVERYBODY, limit=3), True),
        (rule("a", requesters=EVERYBODY, tenants=frozenset({TEAM})), True),
        (rule("a", requesters=EVERYBODY, approvals=1), False),
        (reject("a", requesters=EVERYBODY), False),
        (RULE, False),
    ],
)
def test_a_rule_that_approves_anybody_is_told(one: Rule, told: bool) -> None:
    assert ["approves anybody" in note for note in notes(one)] == [True] * told


def test_a_rule_for_a_shared_vendor_that_names_no_endpoint_of_it_matches_nobody() -> None:
    named = {"name": "a", "verdict": "approve", "requesters": {"vendors": ["Acme"]}, "targets": {"all": True}}
    bare, known = (vendor(shared=True, subscriptions=[TEAM], endpoints=ids) for ids in ([], [str(ENDPOINT)]))
    found = [lint(policyfile.parse(file(rules=[named], vendors=[one])), NOW) for one in (bare, known)]
    assert found == [["rule 'a' matches nobody: it names a shared vendor, and no endpoint of it is known"], []]


# --- covering ------------------------------------------------------------------------------------------

COVERED = [
    (RULE, rule("b")),
    (RULE, rule("b", requesters=GROUP)),
    (RULE, rule("b", requesters=by(pattern("n*", "pe1"), pattern("net", "*")))),
    (RULE, rule("b", targets=at(TARGET))),
    (RULE, rule("b", targets=at(f"/subscriptions/{DATA}/resourceGroups/DATA"))),
    (RULE, rule("b", groups=frozenset({"blob"}))),
    (RULE, rule("b", approve_until=until("2027-01-01"))),
    (RULE, rule("b", limit=5)),
    (RULE, rule("b", tenants=frozenset({TEAM}))),
    (rule("a", requesters=EVERYBODY), rule("b", requesters=Requesters(guids=frozenset({TEAM})))),
    (rule("a", approvals=2), rule("b", approvals=1)),
    (rule("a", requesters=GROUP), rule("b", requesters=by(pattern("NET", "pe?")))),
    (rule("a", requesters=by(pattern("n*", "*"))), rule("b", requesters=by(pattern("net?", "pe*")))),
    (rule("a", approve_until=until("2027-01-01")), rule("b", approve_until=NOW + timedelta(days=1))),
    (rule("a", targets=Targets()), rule("b", targets=Targets(tags=(("env", "prod"),)))),
]
FURTHER = [
    (RULE, rule("b", requesters=EVERYBODY)),
    (RULE, rule("b", targets=at(f"/subscriptions/{DATA}/resourceGroups/data2"))),
    (RULE, rule("b", targets=at(TARGET, target_id("x", group="lake")))),
    (rule("a", groups=frozenset({"blob"})), rule("b")),
    (rule("a", limit=5), rule("b")),
    (rule("a", limit=5), rule("b", limit=4)),
    (RULE, rule("b", approvals=1)),
    (rule("a", tenants=frozenset({TEAM})), rule("b")),
    (rule("a", approve_until=until("2027-01-01")), rule("b", approve_until=until("2027-01-02"))),
    (rule("a", requesters=by(pattern("n?", "*"))), rule("b", requesters=by(pattern("n*", "pe1")))),
    (rule("a", requesters=BUT_TEAM), rule("b", requesters=EVERYBODY)),
    (rule("a", requesters=BUT_TEAM), rule("b", requesters=by(pattern("net", "pe1"), shared=frozenset({TEAM})))),
    (rule("a", targets=Targets(tags=(("env", "prod"),))), rule("b", targets=Targets(tags=(("env", "test"),)))),
    (RULE, rule("b", requesters=Requesters(subscriptions=frozenset({STRANGER})))),
    (RULE, reject("b")),
]


@pytest.mark.parametrize(("outer", "inner"), COVERED)
def test_a_rule_behind_one_that_covers_it_is_told(outer: Rule, inner: Rule) -> None:
    assert covers(outer, inner)
    assert "rule 'b' decides nothing: rule 'a' before it covers all of it" in notes(outer, inner)


@pytest.mark.parametrize(("outer", "inner"), FURTHER)
def test_a_rule_that_reaches_further_than_the_other_is_not_covered(outer: Rule, inner: Rule) -> None:
    assert not covers(outer, inner)
    assert not any(note.startswith("rule 'b'") and "covers" in note for note in notes(outer, inner))


def test_a_later_rule_makes_an_earlier_one_needless_only_where_both_do_the_same() -> None:
    wide, narrow = rule("wide"), rule("n", requesters=GROUP)
    assert notes(narrow, wide) == ["rule 'n' is not needed: rule 'wide' covers all of it"]
    assert notes(replace(narrow, limit=1), wide) == notes(replace(narrow, mode=Mode.PLAN), wide) == []


def test_an_approve_rule_that_a_reject_rule_covers_never_approves() -> None:
    nobody = reject("nobody", requesters=EVERYBODY, groups=frozenset({"blob", "dfs"}))
    found = notes(rule("a", groups=frozenset({"blob"})), rule("b"), nobody)
    assert found[0] == "rule 'a' never approves: reject rule 'nobody' covers all of it"
    assert not any("'b' never" in note for note in found)


def test_of_rules_that_are_alike_the_first_one_stays() -> None:
    assert [note.split("'")[1] for note in notes(rule("a"), rule("b"), rule("c"))] == ["b", "c"]


def test_an_expired_rule_covers_nothing_and_is_told_once() -> None:
    old = rule("old", approve_until=until("2020-01-01"))
    assert [note.split("'")[1] for note in notes(old, RULE)] == ["old"]


def answer(one: Rule, case: Any, around: Any) -> int:
    parts = one.consult(case[1], case[0], NOW, around).values()
    return min({Match.NO: 0, Match.UNKNOWN: 1, Match.YES: 2}[part] for part in parts)


@examples(200)
@given(st.lists(drawn.rule_parts, min_size=2, max_size=5), drawn.cases, drawn.arounds)
def test_whatever_is_asked_a_rule_that_covers_another_says_no_less(parts: Any, case: Any, around: Any) -> None:
    rules = [drawn.as_file_allows(number, part) for number, part in enumerate(parts)]
    for outer, inner in itertools.permutations(rules, 2):
        if covers(outer, inner):
            assert answer(outer, case, around) >= answer(inner, case, around), (outer, inner)


@examples(80)
@given(drawn.rule_lists)
def test_every_rule_covers_itself_and_what_is_cut_out_of_it(rules: Any) -> None:
    for one in rules:
        one = replace(one, limit=None)
        assert covers(one, one)
        if one.groups is None and not one.usual:
            assert covers(one, replace(one, groups=frozenset({"blob"})))


@examples(100)
@given(drawn.policies)
def test_no_rule_that_an_earlier_one_covers_is_missed(some: Policy) -> None:
    told = {note.split("'")[1] for note in lint(some, NOW) if "covers all of it" in note}
    pairs = [(a, b) for a, b in itertools.combinations(some.rules, 2) if a.verdict is b.verdict and b.is_open(NOW)]
    assert {b.name for a, b in pairs if covers(a, b)} <= told


@examples(100)
@given(drawn.policies)
def test_what_is_told_to_be_covered_is_covered(some: Policy) -> None:
    for note in lint(some, NOW):
        if "covers all of it" in note:
            inner, outer = note.split("'")[1::2]
            assert covers(some.named[outer], some.named[inner])


def test_a_day_ends_with_its_last_moment_and_the_last_day_of_all_never() -> None:
    assert ends(rule(approve_until=until("2026-11-21"))) == NOW + timedelta(hours=12)
    assert ends(rule(approve_until=until("9999-12-31"))) == ends(rule())


@pytest.mark.parametrize("alike", [False, True])
def test_how_many_rules_are_compared_has_an_end_and_what_is_left_out_is_said(
    alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = covers
    monkeypatch.setattr(lint_module.covers, "covers", lambda a, b: compared.append(1) or real(a, b))
    monkeypatch.setattr(lint_module, "_PAIRS", 5_000)
    ids = [TARGET if alike else target_id(f"acct{n}") for n in range(1_000)]
    some = policy(*(rule(f"r{n}", targets=at(one), limit=n + 1) for n, one in enumerate(ids)))
    found = lint(some, NOW, {})
    assert len(compared) <= 12_000  # two for each pair, and the pairs of the last rule
    assert any("were not compared" in note for note in found) == alike
