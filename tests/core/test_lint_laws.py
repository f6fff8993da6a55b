"""Laws of second thoughts: what is called useless decides nothing, and what covers a rule matches wherever it does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from typer.testing import CliRunner

from shared.__main__ import cli
from shared.core.covers import covers
from shared.core.decide import decide
from shared.core.lint import lint
from shared.core.policy import Policy
from shared.core.rules import Match

from . import drawn
from .build import NOW, examples
from .test_language import file


@examples(80)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_where_a_rule_matches_every_rule_that_covers_it_matches(some: Policy, case: Any, around: Any) -> None:
    target, one = case
    for a in some.rules:
        for b in some.rules:
            if covers(a, b) and set(b.consult(one, target, NOW, around).values()) == {Match.YES}:
                assert set(a.consult(one, target, NOW, around).values()) == {Match.YES}, (a, b)


@examples(120)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_a_rule_that_is_called_useless_decides_nothing(some: Policy, case: Any, around: Any) -> None:
    target, one = case
    notes = [note for note in lint(some, NOW) if "covers all of it" in note]
    for name in {re.findall(r"rule '(\w+)'", note)[0] for note in notes}:
        fewer = replace(some, rules=tuple(rule for rule in some.rules if rule.name != name))
        both = [decide(one, target=target, policy=p, now=NOW, around=around) for p in (some, fewer)]
        assert both[0].verdict is both[1].verdict, name


def test_the_draws_hold_rules_that_cover_each_other() -> None:
    """Else the two laws above say nothing."""
    found = []

    @examples(50)
    @given(drawn.policies)
    def look(some: Policy) -> None:
        found.extend(note for note in lint(some, NOW) if "covers all of it" in note)

    look()
    assert len(found) > 20


@pytest.fixture
def bold(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    anybody = {"name": "open", "verdict": "approve", "requesters": {"all": True}, "targets": {"all": True}}
    path.write_bytes(file(rules=[anybody]))
    return str(path)


def check(*args: str) -> Any:
    return CliRunner().invoke(cli, ["policy", "check", *args])


def test_a_check_warns_and_passes_unless_it_is_strict(bold: str) -> None:
    for args, code in (([bold], 0), ([bold, "--strict"], 1)):
        done = check(*args)
        assert (done.exit_code, "rule 'open' approves anybody" in done.output) == (code, True)


def test_a_check_as_json_lists_its_warnings(bold: str) -> None:
    done = check(bold, "--json", "--strict")
    (warning,) = json.loads(done.stdout)["warnings"]
    assert (done.exit_code, warning.startswith("rule 'open' approves anybody")) == (1, True)
