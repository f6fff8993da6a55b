"""Rules that ask for people: they speak before rules that approve by themselves, also where they cannot tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from shared.core.around import Around
from shared.core.decide import decide
from shared.core.model import Decision, Grant, Verdict
from shared.core.policy import Grants
from shared.core.rules import Requesters, Rule, Targets

from . import drawn
from .build import GUID2, NOW, STRANGER, TARGET, connection, examples, grant, policy, reject, rule, shown, until

APPROVE, REJECT, HOLD = Verdict.APPROVE, Verdict.REJECT, Verdict.HOLD
ASKS = rule("asks", approvals=1)
BOTH = grant(people=("ada", "bob"))


def decided(*rules: Rule, grants: tuple[Grant, ...] = (), around: Any = None, **facts: Any) -> Decision:
    return decide(
        connection(**facts), target=TARGET, policy=policy(*rules), now=NOW, grants=grants, around=around or Around()
    )


@pytest.mark.parametrize("rules", [(ASKS,), (ASKS, rule()), (rule(), ASKS)], ids=["alone", "first", "last"])
def test_a_rule_that_asks_beats_one_that_approves_wherever_it_stands(rules: tuple[Rule, ...]) -> None:
    found = decided(*rules)
    assert (found.verdict, found.nearest, found.needed) == (HOLD, "asks", 1)
    assert shown(found) == "rule 'asks' says that a person has to agree"


@pytest.mark.parametrize(
    ("unsure", "missing"),
    [
        (rule("asks", approvals=1, targets=Targets(tags=(("env", "prod"),))), {"tags"}),
        (rule("asks", approvals=1, requesters=Requesters(guids=frozenset({GUID2}))), {"guid"}),
        (
            rule("asks", approvals=1, requesters=Requesters(management_groups=frozenset({"corp"}))),
            {"management groups"},
        ),
        (rule("asks", approvals=1, tenants=frozenset({STRANGER})), {"tenant"}),
        (rule("asks", approvals=1, groups=frozenset({"blob"})), {"groups"}),
    ],
)
def test_a_rule_that_perhaps_asks_holds_what_another_would_approve(unsure: Rule, missing: set[str]) -> None:
    found = decided(unsure, rule(), guid=None, groups=None)
    assert (found.verdict, found.missing) == (HOLD, missing)
    assert "(perhaps: cannot tell its" in shown(found) or "does not show its groups" in shown(found)


@pytest.mark.parametrize(
    "not_asking",
    [
        rule("asks", approvals=1, requesters=Requesters(subscriptions=frozenset({STRANGER}))),
        rule("asks", approvals=1, approve_until=until("2026-11-20")),
        rule("asks", approvals=1, groups=frozenset({"dfs"})),
    ],
    ids=["of others", "expired", "other groups"],
)
def test_a_rule_that_does_not_match_asks_nobody(not_asking: Rule) -> None:
    assert decided(not_asking, rule()).verdict is APPROVE


def test_of_two_rules_that_ask_the_stricter_one_counts() -> None:
    found = decided(ASKS, rule("both", approvals=2))
    assert (found.needed, found.nearest) == (2, "both")
    assert "2 people have to agree" in shown(found)


@pytest.mark.parametrize(
    ("people", "verdict", "note"),
    [
        (("ada",), HOLD, "approved by ada: 1 more of 2 people have to agree"),
        (("ada", "function key"), HOLD, "1 more of 2 people"),
        (("ada", "ada"), HOLD, "1 more of 2 people"),
        (("ada", "bob"), APPROVE, "approve granted by ada and bob"),
    ],
)
def test_two_people_are_two_different_people_and_a_key_is_nobody(
    people: tuple[str, ...], verdict: Verdict, note: str
) -> None:
    found = decided(rule("both", approvals=2), grants=(grant(people=people),))
    assert (found.verdict, note in shown(found)) == (verdict, True)


def test_one_person_is_enough_to_refuse_what_two_have_to_approve() -> None:
    assert decided(rule("both", approvals=2), grants=(grant(REJECT),)).verdict is REJECT


def test_people_never_override_a_reject_rule() -> None:
    assert decided(ASKS, reject(), grants=(BOTH,)).verdict is REJECT


def test_a_policy_may_want_two_people_for_every_decision_by_hand() -> None:
    careful = policy(grants=Grants(approvals=2))
    for by, verdict in ((grant(), HOLD), (BOTH, APPROVE)):
        assert decide(connection(), target=TARGET, policy=careful, now=NOW, grants=(by,)).verdict is verdict


@examples(300)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_no_rule_approves_while_another_perhaps_asks(some: Any, case: Any, around: Any) -> None:
    """Fewer people asked is never the result of knowing less."""
    target, one = case
    found = decide(one, target=target, policy=some, now=NOW, around=around)
    if found.verdict is APPROVE:
        assert some.named[found.rule].approvals == 0
