"""Case files: what a case means, every mistake at once with its line, and what `policy test` says and exits with."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import casefile, policyfile
from shared.casefile import BadFile, Case
from shared.core.model import Decision, Status

from .build import DATA, ENDPOINT, GUID, NOW, STRANGER, TARGET, TEAM, body, examples, target_id

ROOT = Path(__file__).resolve().parents[2]
POLICY = f"""version: 1
owner: hub
rules:
  - name: team
    verdict: approve
    requesters: {{subscriptions: [{TEAM}]}}
    targets: {{scopes: [/subscriptions/{DATA}]}}
"""
MANAGED = (ROOT / "policy" / "examples" / "tests" / "managed.yaml").read_bytes()
ANYTHING = policyfile.parse((ROOT / "policy" / "examples" / "managed.yaml").read_bytes())
HEAD = f"given: {{subscription: {TEAM}, target: {TARGET}}}\ncases:\n"
ONE = f"{HEAD}  - {{name: team, expect: approve}}\n"


def parse(text: str) -> tuple[Case, ...]:
    return casefile.parse(text.encode(), NOW).cases


def case(more: str = "", given: str = "") -> Case:
    (found,) = parse(f"{HEAD}  - {{name: one, given: {{{given}}}, expect: approve{more}}}\n")
    return found


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as bad:
        parse(text)
    return [(line, path) for line, path, _ in bad.value.mistakes]


def policy(requesters: str = "all: true", targets: str = "all: true", more: str = "") -> policyfile.Policy:
    rule = f"{{name: r, verdict: approve, requesters: {{{requesters}}}, targets: {{{targets}}}{more}}}"
    return policyfile.parse(f"version: 1\nowner: hub\nrules: [{rule}]\n".encode())


def decided(given: str, rules: policyfile.Policy, more: str = "") -> Decision:
    return case(more, given).decide(rules)


# --- what a case means -----------------------------------------------------------------------------


def test_a_subscription_alone_stands_for_any_endpoint_in_it() -> None:
    found = case().connection
    assert found.endpoint is not None
    assert (found.endpoint.subscription, found.status, found.problems) == (TEAM, Status.PENDING, ())
    assert case(given=f"subscription: {TEAM}, resource_group: net, name: pe1").connection.endpoint == ENDPOINT


def test_what_a_case_does_not_say_is_not_known() -> None:
    found = case().connection
    assert (found.groups, found.guid, found.link_identifier, found.nonce) == (None, None, None, None)


def test_a_case_goes_before_what_the_file_says_for_all() -> None:
    text = ONE.replace("}\n", f", guid: {GUID}, groups: [blob]}}\n", 1)
    (same,), (other,) = parse(text), parse(text.replace("team,", f"team, given: {{subscription: {STRANGER}}},"))
    assert (same.connection.guid, same.connection.groups) == (GUID, ("blob",))
    assert (other.connection.guid, other.connection.groups) == (None, ("blob",)), "the guid was that of another"


def test_what_the_file_says_may_be_unknown_in_one_case() -> None:
    text = ONE.replace("}\n", ", groups: [blob]}\n", 1).replace("team,", "team, given: {unknown: [groups]},")
    assert parse(text)[0].connection.groups is None


def test_an_answer_of_azures_is_read_as_the_app_reads_it() -> None:
    found = case(given=f"answer: {json.dumps(body())}").connection
    assert (found.endpoint, found.groups, found.status) == (ENDPOINT, ("blob",), Status.PENDING)
    nulls = json.dumps({**body(), "systemData": None})
    assert case(given=f"answer: {nulls}").target == TARGET


def test_an_answer_that_cannot_be_read_is_held_whoever_agreed() -> None:
    found = decided(f"answer: {{id: {TARGET}, name: x}}, target: {TARGET}", policy(), ", grants: [{people: [ada]}]")
    assert found.verdict.value == "hold"
    assert "cannot be fully read" in found.reasons[0]


def test_a_type_that_the_app_does_not_know_is_held_as_in_the_app() -> None:
    unknown = target_id("x", kind="Microsoft.Odd/things")
    assert "not in the table of resource types" in decided(f"target: {unknown}", policy()).reasons[0]


@pytest.mark.parametrize(
    ("given", "verdict"),
    [("", "hold"), ("tags: {}", "hold"), ("tags: {Stage: open}", "approve"), ("tags: {stage: Open}", "hold")],
)
def test_tags(given: str, verdict: str) -> None:
    assert decided(given, policy(targets="tags: {stage: open}")).verdict.value == verdict


@pytest.mark.parametrize(
    ("given", "verdict", "lacks"),
    [
        ("", "hold", True),
        ("management_groups: []", "hold", False),
        ("management_groups: [corp]", "approve", False),
        ("management_groups: [other]", "hold", False),
    ],
)
def test_management_groups_not_named_are_known_not_to_be_it(given: str, verdict: str, lacks: bool) -> None:
    found = decided(given, policy("management_groups: [Corp]"))
    assert (found.verdict.value, bool(found.missing)) == (verdict, lacks)


@pytest.mark.parametrize(("given", "verdict"), [("", "hold"), (f"tenant: {GUID}", "approve")])
def test_tenants(given: str, verdict: str) -> None:
    assert decided(given, policy(more=f", tenants: [{GUID}]")).verdict.value == verdict


@pytest.mark.parametrize(
    ("created", "more", "verdict"),
    [
        ("2026-11-21T11:30:00Z", "unexplained: 1", "approve"),
        ("2026-11-21T11:30:00Z", "unexplained: 2", "hold"),
        ("2026-11-21T10:30:00Z", "unexplained: 1", "hold"),
        ("2026-11-21T11:30:00Z", "groups: [blob]", "hold"),
    ],
)
def test_managed_endpoints(created: str, more: str, verdict: str) -> None:
    service = target_id("g", kind="Microsoft.Dashboard/grafana")
    rules = policy(f"subscriptions: [{TEAM}]", more=f", managed_by: {{services: [{service}]}}")
    given = f"managed: [{{service: {service}, created: '{created}'}}], {more}"
    assert decided(given, rules).verdict.value == verdict


def test_a_date_is_its_first_moment_and_a_case_goes_before_the_file() -> None:
    assert parse("at: 2026-11-20\n" + ONE)[0].now == datetime(2026, 11, 20, tzinfo=UTC)
    assert case(", at: 2026-11-22T10:00:00Z").now == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert case().now == NOW


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        ("approve", False),
        ("approve, rule: r", False),
        ("approve, rule: other", True),
        ("approve, because: rule 'r' approves", False),
        ("approve, because: something else", True),
        ("hold", True),
    ],
)
def test_verdict_rule_and_reason_are_compared(expected: str, differs: bool) -> None:
    (found,) = parse(f"{HEAD}  - {{name: one, expect: {expected}}}\n")
    assert found.differs(found.decide(policy())) is differs


def test_the_rule_of_a_held_connection_is_the_nearest() -> None:
    (found,) = parse(f"{HEAD}  - {{name: one, expect: hold, rule: r}}\n")
    assert not found.differs(found.decide(policy(f"subscriptions: [{STRANGER}]")))


# --- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (ONE + "case: []\n", [(4, "case")]),
        (ONE + "at: 2027-02-30\n", [(4, "at")]),
        ("policy:\n" + ONE, [(1, "policy")]),
        ("cases: []\n", [(1, "cases")]),
        ("policy: x.yaml\n", [(1, "cases")]),
        (ONE.replace("approve", "allow"), [(3, "cases[0].expect")]),
        (ONE + "  - name: Team\n    expect: hold\n", [(4, "cases[1].name")]),
        (ONE + "  - name: two\n", [(4, "cases[1].expect")]),
        (ONE.replace(f"subscription: {TEAM}, ", ""), [(3, "cases[0].given")]),
        (ONE.replace(f", target: {TARGET}", ""), [(3, "cases[0].given")]),
        (ONE.replace("{sub", f"{{endpoint: {ENDPOINT}, sub"), [(3, "cases[0].given")]),
        (ONE.replace(f"subscription: {TEAM}", f"endpoint: {TARGET}"), [(1, "given.endpoint")]),
        (ONE.replace(TEAM, "team"), [(1, "given.subscription")]),
        (ONE.replace("expect", "given: {name: a/b}, expect"), [(3, "cases[0].given.name")]),
        (ONE.replace("expect", "given: {groups: [a], unknown: [groups]}, expect"), [(3, "cases[0].given")]),
        (ONE.replace("expect", "given: {answer: {}, nonce: " + "a" * 32 + "}, expect"), [(3, "cases[0].given")] * 2),
        (ONE.replace("expect", "given: {answer: text}, expect"), [(3, "cases[0].given.answer")]),
        (ONE + "at: '0001-01-01T00:00:00+14:00'\n", [(4, "at")]),
        ("", [(1, "file")]),
    ],
)
def test_a_mistake_has_its_line_and_its_path(text: str, places: list[tuple[int, str]]) -> None:
    assert mistakes(text) == places


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    text = f"{HEAD}  - name: one\n    expect: allow\n    rule:\n  - name: two\n    expects: hold\n"
    assert mistakes(text) == [
        (4, "cases[0].expect"),
        (5, "cases[0].rule"),
        (6, "cases[1].expect"),
        (7, "cases[1].expects"),
    ]


@examples(150)
@given(st.integers(0, 10_000), st.sampled_from([b"", b":", b"- ", b"\n", b"{", b"'", b"*", b"\xc3", b"0", b"[]"]))
def test_a_damaged_file_is_decided_or_is_a_bad_file_and_nothing_else(place: int, other: bytes) -> None:
    place %= len(MANAGED)
    with contextlib.suppress(BadFile):
        for found in casefile.parse(MANAGED[:place] + other + MANAGED[place + 1 :], NOW).cases:
            found.decide(ANYTHING)


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59+00:00"])
def test_the_ends_of_the_calendar_are_moments_like_others(at: str) -> None:
    assert case(f", at: '{at}', grants: [{{people: [ada]}}]").decide(policy()).verdict.value == "approve"


def test_the_schema_for_editors_is_the_one_that_the_code_checks() -> None:
    expected = json.dumps(casefile.schema(), indent=1) + "\n"
    assert (ROOT / "policy" / "tests.schema.json").read_text("utf-8") == expected, "policy schema --tests writes it"


# --- the command -----------------------------------------------------------------------------------


def run(folder: Path, *options: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "shared", "policy", "test", str(folder), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def written(folder: Path, **texts: str) -> Path:
    (folder / "p.yaml").write_text(POLICY)
    (folder / "tests").mkdir()
    for name, text in texts.items():
        (folder / "tests" / f"{name}.yaml").write_text(text)
    return folder / "tests"


def test_cases_that_hold_exit_with_0(tmp_path: Path) -> None:
    done = run(written(tmp_path, good="policy: ../p.yaml\n" + ONE))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith(f"ok    {tmp_path}/tests/good.yaml: 1 case(s)")


def test_a_case_that_fails_is_told_with_file_line_and_reasons(tmp_path: Path) -> None:
    text = (
        f"policy: ../p.yaml\n{ONE}  - name: a stranger\n    given: {{subscription: {STRANGER}}}\n    expect: approve\n"
    )
    done = run(written(tmp_path, some=text))
    assert done.returncode == 1
    assert f"  {tmp_path}/tests/some.yaml:5: a stranger\n    expected  approve\n    got       hold" in done.stdout
    assert "because   no rule matches; nearest is 'team': the requester is not on its list" in done.stdout
    assert done.stdout.endswith("2 case(s) in 1 file(s): 1 failed\n")


def test_mistakes_of_all_files_are_told_and_the_good_files_are_tested(tmp_path: Path) -> None:
    folder = written(tmp_path, a="cases: 7\n", b="given: {}\n", good="policy: ../p.yaml\n" + ONE)
    done = run(folder)
    assert done.returncode == 1
    assert [f"{folder}/{name}.yaml:1: cases: " in done.stdout for name in "ab"] == [True, True]
    assert f"ok    {folder}/good.yaml" in done.stdout


def test_a_policy_with_mistakes_is_told_with_its_lines(tmp_path: Path) -> None:
    folder = written(tmp_path, good="policy: ../p.yaml\n" + ONE)
    (tmp_path / "p.yaml").write_text(POLICY + "color: red\n")
    done = run(folder)
    assert done.returncode == 1
    assert f"{tmp_path}/p.yaml:8: color: is no key" in done.stdout


def test_the_option_goes_before_what_the_files_name(tmp_path: Path) -> None:
    folder = written(tmp_path, good="policy: ../p.yaml\n" + ONE)
    done = run(folder, "--policy", "policy/examples/deny-all.yaml", "--json")
    (found,) = json.loads(done.stdout)["cases"]
    assert (done.returncode, found["passed"], found["verdict"], found["rule"]) == (1, False, "reject", "nobody")


def test_an_empty_folder_says_what_to_write(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert "holds no case file" in done.stderr
    example = done.stderr.partition(":\n")[2].replace("<guid>", DATA).replace("<name>", "acct1")
    assert len(parse(example)) == 1
