"""The policy file: what it means, and every mistake in it at once, with its line and its path."""

from __future__ import annotations

import contextlib
import gc
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core.model import Verdict
from shared.core.rules import EndpointPattern, Mode
from shared.policyfile import BadPolicy

from .build import DATA, DNS, GUID, TEAM, examples

POLICIES = Path(__file__).resolve().parents[2] / "policy"
FIRST = (POLICIES / "examples" / "first.yaml").read_bytes()
HEAD = "version: 1\nowner: hub\n"
RULE = f"""{HEAD}rules:
  - name: team
    verdict: approve
    requesters: {{subscriptions: [{TEAM}]}}
    targets: {{all: true}}
"""
HUB = f"""{HEAD}hubs:
  - name: west
    zones: /subscriptions/{DNS}/resourceGroups/dns
    serves: {{all: true}}
"""


def parse(text: str, default: Mode = Mode.PLAN) -> Any:
    return policyfile.parse(text.encode(), default)


def mistakes(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadPolicy) as bad:
        parse(text)
    return [(line, path) for line, path, _ in bad.value.mistakes]


def what(text: str) -> str:
    with pytest.raises(BadPolicy) as bad:
        parse(text)
    return str(bad.value)


# --- good files ------------------------------------------------------------------------------------


def test_the_smallest_useful_file_means_what_its_comments_say() -> None:
    policy = policyfile.parse(FIRST)
    (rule,) = policy.rules
    (hub,) = policy.hubs
    assert (policy.owner, policy.scope, policy.ttl) == ("contoso-hub", {DATA}, 10)
    assert (rule.name, rule.verdict, rule.groups, rule.reason) == (
        "analytics team",
        Verdict.APPROVE,
        {"blob"},
        "CHG-1042",
    )
    assert (rule.approve_until, rule.requesters.subscriptions) == (date(2027, 6, 30), {TEAM})
    assert rule.targets.types == {"microsoft.storage/storageaccounts"}
    assert [str(scope) for scope in rule.targets.scopes] == [f"/subscriptions/{DATA}/resourceGroups/data"]
    assert (hub.name, hub.serves.subscriptions, hub.serves.all) == ("west-europe", {TEAM}, False)
    assert str(hub.zones) == f"/subscriptions/{DNS}/resourceGroups/dns"


@pytest.mark.parametrize("file", [*sorted((POLICIES / "examples").glob("*.yaml")), POLICIES / "policy.yaml"], ids=str)
def test_every_policy_that_ships_is_valid_and_names_its_schema(file: Path) -> None:
    policyfile.load(file, Mode.PLAN)
    first = file.read_text("utf-8").splitlines()[0]
    assert (file.parent / first.partition("$schema=")[2]).resolve() == POLICIES / "policy.schema.json"


def test_the_policy_of_a_first_deployment_approves_nobody_and_writes_nothing() -> None:
    policy = policyfile.load(POLICIES / "policy.yaml", Mode.PLAN)
    assert (policy.rules, policy.hubs) == ((), ())


def test_the_schema_for_editors_is_the_one_that_the_code_checks() -> None:
    expected = json.dumps(policyfile.schema(), indent=1) + "\n"
    assert (POLICIES / "policy.schema.json").read_text("utf-8") == expected, "write it: see the message's left side"


def test_the_hash_names_exactly_these_bytes() -> None:
    one, two = policyfile.parse(FIRST), policyfile.parse(FIRST + b"\n")
    assert one.hash != two.hash
    assert one.hash == policyfile.parse(FIRST).hash


@pytest.mark.parametrize("default", list(Mode))
def test_modes_that_the_file_does_not_set_mean_the_default_but_refresh_stays_off(default: Mode) -> None:
    policy = parse(HEAD + "modes: {put: plan}", default)
    assert policy.mode("approve") is policy.mode("reject") is policy.mode("delete") is default
    assert (policy.mode("put"), policy.mode("refresh")) == (Mode.PLAN, Mode.OFF)


def test_off_is_a_word_and_no_boolean() -> None:
    policy = parse(HEAD + "modes: {approve: off, refresh: apply}", Mode.APPLY)
    assert (policy.mode("approve"), policy.mode("refresh")) == (Mode.OFF, Mode.APPLY)


def test_a_hub_and_a_rule_may_have_their_own_modes() -> None:
    policy = parse(HUB + "    modes: {put: off}\n" + RULE.removeprefix(HEAD) + "    mode: plan\n", Mode.APPLY)
    assert policy.mode("put", policy.hubs[0]) is Mode.OFF
    assert policy.mode("delete", policy.hubs[0]) is Mode.APPLY
    assert policy.mode_of_rule("approve", "team") is Mode.PLAN


def test_guids_types_and_groups_are_compared_in_lower_case() -> None:
    types = RULE.replace("{all: true}", "{types: [Microsoft.KeyVault/Vaults]}")
    policy = parse(types.replace(TEAM, TEAM.upper()) + "    groups: [Vault]\n")
    (rule,) = policy.rules
    assert (rule.requesters.subscriptions, rule.targets.types) == ({TEAM}, {"microsoft.keyvault/vaults"})
    assert rule.groups == {"vault"}


def test_an_endpoint_may_be_given_by_globs_below_a_literal_subscription() -> None:
    text = f"/subscriptions/{TEAM}/resourceGroups/net-*/providers/Microsoft.Network/privateEndpoints/pe-?"
    policy = parse(RULE.replace(f"subscriptions: [{TEAM}]", f"endpoints: ['{text}'], guids: [{GUID}]"))
    assert policy.rules[0].requesters.endpoints == (EndpointPattern(TEAM, "net-*", "pe-?"),)
    assert policy.rules[0].requesters.guids == {GUID}


def test_an_omitted_group_means_any_and_an_omitted_scope_means_everywhere() -> None:
    policy = parse(RULE)
    assert (policy.rules[0].groups, policy.scope) == (None, None)


# --- bad files -------------------------------------------------------------------------------------

BAD: list[tuple[str, str, list[tuple[int, str]]]] = [
    ("unknown key", HEAD + "rule: []\n", [(3, "rule")]),
    ("unknown key deep inside", RULE + "    requestMessage: please\n", [(8, "rules[0].requestMessage")]),
    ("key given twice", HEAD + "owner: other\n", [(3, "owner")]),
    ("key given twice deep inside", RULE + "    verdict: reject\n", [(8, "rules[0].verdict")]),
    ("nothing at all", "", [(1, "file")]),
    ("only a comment", "# later\n", [(1, "file")]),
    ("a list", "- version: 1\n", [(1, "file")]),
    ("no version, no owner", "rules: []\n", [(1, "owner"), (1, "version")]),
    ("another version", "version: 2\nowner: hub\n", [(1, "version")]),
    ("version as text", "version: '1'\nowner: hub\n", [(1, "version")]),
    ("owner that is no mark", "version: 1\nowner: 'two words'\n", [(2, "owner")]),
    ("owner as number", "version: 1\nowner: 7\n", [(2, "owner")]),
    ("not YAML", HEAD + "rules: [\n", [(4, "file")]),
    ("a tag", HEAD + "ttl: !!python/object/apply:os.system [id]\n", [(3, "file")]),
    ("verdict", RULE.replace("approve", "allow"), [(5, "rules[0].verdict")]),
    ("mode", HEAD + "modes: {put: on}\n", [(3, "modes.put")]),
    ("mode that YAML 1.1 reads as false", HEAD + "modes: {put: no}\n", [(3, "modes.put")]),
    ("kind of change", HEAD + "modes:\n  write: plan\n", [(4, "modes.write")]),
    ("ttl", HEAD + "ttl: 0\n", [(3, "ttl")]),
    ("ttl as text", HEAD + "ttl: '10'\n", [(3, "ttl")]),
    ("empty scope", HEAD + "scope: {subscriptions: []}\n", [(3, "scope.subscriptions")]),
    ("scope by name", HEAD + "scope:\n  subscriptions:\n    - prod\n", [(5, "scope.subscriptions[0]")]),
    ("key without a value", HEAD + "scope:\nrules:\n", [(3, "scope"), (4, "rules")]),
    ("groups without a value", RULE + "    groups:\n", [(8, "rules[0].groups")]),
    ("empty groups", RULE + "    groups: []\n", [(8, "rules[0].groups")]),
    ("no such day", RULE + "    approve_until: 2027-02-30\n", [(8, "rules[0].approve_until")]),
    ("no day", RULE + "    approve_until: next year\n", [(8, "rules[0].approve_until")]),
    (
        "rejection until",
        RULE.replace("approve", "reject") + "    approve_until: 2027-02-03\n",
        [(8, "rules[0].approve_until")],
    ),
    ("nobody", RULE.replace(f"{{subscriptions: [{TEAM}]}}", "{}"), [(6, "rules[0].requesters")]),
    (
        "somebody and everybody",
        RULE.replace(f"[{TEAM}]", f"[{TEAM}], all: true"),
        [(6, "rules[0].requesters")],
    ),
    ("no target", RULE.replace("{all: true}", "{}"), [(7, "rules[0].targets")]),
    ("target that is no scope", RULE.replace("all: true", "scopes: [rg1]"), [(7, "rules[0].targets.scopes[0]")]),
    ("target that is no type", RULE.replace("all: true", "types: [storage]"), [(7, "rules[0].targets.types[0]")]),
    (
        "two rules of one name",
        RULE + RULE.removeprefix(HEAD + "rules:\n").replace("team", "Team"),
        [(8, "rules[1].name")],
    ),
    ("two hubs of one name", HUB + HUB.removeprefix(HEAD + "hubs:\n").replace("/dns", "/dns2"), [(7, "hubs[1].name")]),
    ("zones that are no group", HUB.replace("/resourceGroups/dns", ""), [(5, "hubs[0].zones")]),
    ("hub that serves nobody", HUB.replace("{all: true}", "{}"), [(6, "hubs[0].serves")]),
    ("hub without zones", HUB.replace("    zones", "    zone"), [(4, "hubs[0].zones"), (5, "hubs[0].zone")]),
]


@pytest.mark.parametrize(("text", "places"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_mistake_is_reported_with_its_line_and_its_path(text: str, places: list[tuple[int, str]]) -> None:
    assert mistakes(text) == sorted(places)


def test_every_mistake_of_a_file_is_reported_at_once() -> None:
    text = f"""version: 1
owner: hub
owner: hub2
modes: {{put: sometimes}}
scope:
rules:
  - name: team
    verdict: allow
    requesters: {{subscriptions: [team]}}
    targets: {{scopes: [/subscriptions/x]}}
    approve_until: 2027-13-01
    color: red
  - name: Team
    verdict: reject
    requesters: {{}}
    targets: {{all: true}}
    approve_until: 2027-06-30
hubs:
  - name: west
    zones: /subscriptions/{DNS}
    serves: {{}}
"""
    assert mistakes(text) == [
        (3, "owner"),
        (4, "modes.put"),
        (5, "scope"),
        (8, "rules[0].verdict"),
        (9, "rules[0].requesters.subscriptions[0]"),
        (10, "rules[0].targets.scopes[0]"),
        (11, "rules[0].approve_until"),
        (12, "rules[0].color"),
        (13, "rules[1].name"),
        (15, "rules[1].requesters"),
        (17, "rules[1].approve_until"),
        (20, "hubs[0].zones"),
        (21, "hubs[0].serves"),
    ]


def test_the_text_of_the_error_is_one_line_for_each_mistake() -> None:
    lines = what(HEAD + "rule: []\nttl: 0\n").splitlines()
    assert lines[0] == "line 3: rule: is no key of this policy version; check the spelling"
    assert lines[1].startswith("line 4: ttl: ")


@pytest.mark.parametrize(
    "pattern",
    [
        "/subscriptions/*/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/pe1",
        f"/subscriptions/{TEAM[:-1]}?/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/pe1",
        f"/subscriptions/{TEAM}/resourceGroups/**/providers/Microsoft.Network/privateEndpoints",
        f"/subscriptions/{TEAM}/*",
        f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Storage/storageAccounts/pe1",
        f"/subscriptions/{TEAM}/resourceGroups/net/providers/*/privateEndpoints/pe1",
        f"/subscriptions/{TEAM}/resourceGroups/n[e]t/providers/Microsoft.Network/privateEndpoints/pe1",
        f"/subscriptions/{TEAM}/resourceGroups/../providers/Microsoft.Network/privateEndpoints/a/b",
        f"/subscriptions/{TEAM}/resourceGroups//providers/Microsoft.Network/privateEndpoints/pe1",
        7,
    ],
)
def test_a_glob_can_neither_replace_the_subscription_nor_cross_a_slash(pattern: object) -> None:
    text = RULE.replace(f"subscriptions: [{TEAM}]", f"endpoints: [{json.dumps(pattern)}]")
    assert mistakes(text) == [(6, "rules[0].requesters.endpoints[0]")]


def test_a_file_that_cannot_be_read_is_a_bad_policy(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"gone\.yaml: cannot be read"):
        policyfile.load(tmp_path / "gone.yaml", Mode.PLAN)


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\x00", b"\x00", b"a: &a [*a]", b"? [a]\n: b", b"version: 1\n1: 2\n", b"a: \x07"]
)
def test_bytes_that_are_no_policy_are_a_bad_policy_and_nothing_worse(raw: bytes) -> None:
    with pytest.raises(BadPolicy):
        policyfile.parse(raw)


@examples(60)
@given(st.integers(0, len(FIRST) - 1), st.sampled_from([b"", b":", b"- ", b"\n", b"\t", b"{", b"'", b"*", b"\xc3"]))
def test_a_damaged_file_is_a_policy_or_a_bad_policy_and_nothing_else(place: int, other: bytes) -> None:
    with contextlib.suppress(BadPolicy):
        policyfile.parse(FIRST[:place] + other + FIRST[place + 1 :])


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ('    groups: [" blob"]\n', (8, "rules[0].groups[0]")),
        ('    groups: ["blob "]\n', (8, "rules[0].groups[0]")),
        ("    targets: {tags: {Env: prod, env: test}}\n", (7, "rules[0].targets.tags.env")),
        (
            f"vendors:\n  - {{name: v, subscriptions: [{DNS}], usual: {{A.B/c: [x], a.b/C: [y]}}}}\n",
            (9, "vendors[0].usual.a.b/C"),
        ),
    ],
    ids=["space before", "space after", "tags", "types"],
)
def test_what_would_silently_never_match_is_a_mistake(part: str, place: tuple[int, str]) -> None:
    """A reject rule that never matches lets in whom it should keep out."""
    text = RULE.replace("    targets: {all: true}\n", "") if "targets" in part else RULE
    assert mistakes(text.replace("approve", "reject") + part) == [place]


def test_two_hubs_never_share_a_resource_group() -> None:
    hub = f"zones: /subscriptions/{DNS}/resourceGroups/dns, serves: {{all: true}}"
    text = f"version: 1\nowner: x\nhubs:\n  - {{name: one, {hub}}}\n  - {{name: two, {hub.replace('dns,', 'DNS/,')}}}\n"
    with pytest.raises(BadPolicy) as wrong:
        parse(text)
    assert wrong.value.mistakes == [(5, "hubs[1].zones", "another hub has the same resource group (one)")]


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("text", [RULE, "version: 7"], ids=["good", "bad"])
def test_reading_a_file_leaves_the_garbage_collector_as_it_was(text: str, collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    try:
        with contextlib.suppress(BadPolicy):
            parse(text)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
