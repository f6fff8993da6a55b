"""The example policies do what their comments say: each is proved by its cases, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import casefile, policyfile
from shared.casefile import Case
from shared.commands import casefiles
from shared.core.model import Verdict
from shared.core.policy import Policy
from shared.core.rules import Match, Mode, Rule

from .build import NOW

EXAMPLES = Path(__file__).resolve().parents[2] / "policy" / "examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


def loaded(name: str) -> tuple[Policy, tuple[Case, ...]]:
    return policyfile.load(EXAMPLES / name, Mode.APPLY), casefile.load(EXAMPLES / "tests" / name, NOW).cases


def exercises(case: Case, rule: Rule, policy: Policy) -> bool:
    """The case names the rule, every part of the rule says yes to it, and the rule is what decides."""
    answers = rule.consult(case.connection, case.target, case.now, case.around(policy))
    held = case.asked.expect == "hold" and rule.approvals > 0
    decides = held or case.asked.expect == rule.verdict.value
    return case.asked.rule == rule.name and decides and set(answers.values()) == {Match.YES}


@pytest.mark.parametrize("result", casefiles.run(EXAMPLES / "tests"), ids=lambda result: result.path.name)
def test_every_case_of_the_examples_is_decided_as_expected(result: casefiles.Tested) -> None:
    assert result.mistakes == []
    assert [(case.line, case.name, decision.reasons) for case, decision in result.failed] == []
    assert result.policy.resolve() == EXAMPLES / result.path.name, "the cases of a policy carry its name"


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_every_example_is_exercised_by_a_case(name: str) -> None:
    policy, cases = loaded(name)
    idle = [rule.name for rule in policy.rules if not any(exercises(case, rule, policy) for case in cases)]
    assert idle == []


@pytest.mark.parametrize("name", NAMES)
def test_every_example_shows_somebody_whom_it_keeps_out(name: str) -> None:
    policy, cases = loaded(name)
    assert {case.decide(policy).verdict for case in cases} & {Verdict.HOLD, Verdict.REJECT}


@pytest.mark.parametrize("name", NAMES)
def test_every_case_file_names_its_schema(name: str) -> None:
    first = (EXAMPLES / "tests" / name).read_text("utf-8").splitlines()[0]
    assert (EXAMPLES / "tests" / first.partition("$schema=")[2]).resolve() == EXAMPLES.parent / "tests.schema.json"


def test_every_example_is_explained_before_it_begins() -> None:
    for name in NAMES:
        before = (EXAMPLES / name).read_text("utf-8").partition("version:")[0].splitlines()
        assert len(before) >= 2, name
        assert all(line.startswith("#") for line in before), name
