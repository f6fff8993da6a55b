"""Files made to hurt: whatever is in them, the answer is a policy or its mistakes, soon, and the process lives."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core.rules import EndpointPattern
from shared.policyfile import BadPolicy
from shared.policyfile.yamlfile import MOST

from .build import DATA, DNS, SCALARS, TEAM, endpoint_id, examples
from .test_language import ENDPOINT, mistakes, one, only

HEAD = "version: 1\nowner: hub\n"


def what(text: str | bytes) -> str:
    with pytest.raises(BadPolicy) as bad:
        policyfile.parse(text if isinstance(text, bytes) else text.encode())
    return str(bad.value)


def test_a_billion_laughs_are_refused_at_the_first_alias() -> None:
    bomb = "a0: &a0 [ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    assert what(bomb) == "line 2: file: holds an alias (*name): write it out, aliases are not read"


def test_a_billion_laughs_in_the_keys_are_refused_too() -> None:
    bomb = "? &a0 [ha]\n: 1\n" + "".join(f"? &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n: 1\n" for n in range(1, 40))
    assert "holds an alias" in what(bomb)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("levels", [41, 5_000, 1_000_000])
def test_a_file_of_many_levels_is_refused_and_the_process_lives(opening: str, levels: int) -> None:
    """libyaml would end the process: no exception, no worker."""
    assert "is nested deeper than 40 levels" in what(opening * levels)


def test_the_largest_file_is_read_and_one_byte_more_is_not() -> None:
    full = HEAD.encode() + b"#" * (MOST - len(HEAD))
    assert policyfile.parse(full).owner == "hub"
    assert what(full + b"#") == "line 0: file: larger than 5 MB"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("? [a]\n: 1\n", "has a key that is no plain word"),
        ("? {a: b}\n: 1\n", "has a key that is no plain word"),
        (HEAD + "<<: {ttl: 5}\n", "line 3: <<: is not read: write out what it merges"),
        (HEAD + f"ttl: {'9' * 5000}\n", "is not YAML"),
        (HEAD + "--- \nversion: 1\n", "is not YAML"),
        (HEAD + "ttl: 0123\n", "ttl: Input should be a valid integer"),
        (HEAD + "ttl: 1:30\n", "ttl: Input should be a valid integer"),
        ("version: true\nowner: hub\n", "line 1: version: a whole number is needed"),
        ("version: 1.0\nowner: hub\n", "line 1: version: a whole number is needed"),
    ],
)
def test_yaml_that_could_be_read_in_two_ways_is_refused(text: str, mistake: str) -> None:
    assert mistake in what(text)


def test_a_link_identifier_is_never_an_octal_number() -> None:
    raw = HEAD + "rules:\n- {name: r, verdict: approve, requesters: {link_identifiers: [0123]}, targets: {all: true}}\n"
    assert policyfile.parse(raw.encode()).rules[0].requesters.link_identifiers == {"0123"}


def pattern_of(text: str) -> EndpointPattern:
    return only(one({"endpoints": [text]})).requesters.endpoints[0]


def test_a_glob_has_ten_stars_at_most_over_both_halves() -> None:
    assert pattern_of(ENDPOINT.replace("net/", "*a*a*a*a*/").replace("pe1", "*b*b*b*b*"))
    (found,) = mistakes(one({"endpoints": [ENDPOINT.replace("net/", "*a*a*a*a*/").replace("pe1", "*b*b*b*b*b*")]}))
    assert found.endswith("a glob may hold 10 stars")


def test_a_glob_holds_ninety_letters_at_most() -> None:
    assert pattern_of(ENDPOINT.replace("pe1", "a" * 90))
    assert "at most 90" in mistakes(one({"endpoints": [ENDPOINT.replace("pe1", "a" * 91)]}))[0]


def test_the_most_stars_against_the_longest_name_end() -> None:
    hostile = pattern_of(ENDPOINT.replace("pe1", "*a" * 9 + "*b"))
    assert not hostile.matches(endpoint_id("a" * 260))
    assert hostile.matches(endpoint_id("a" * 89 + "b"))


THIRTY = f"""version: 2
owner: 'two words'
colour: red
previous_owners: [7]
scope: {{subscriptions: [prod]}}
modes: {{put: sometimes, write: plan}}
ttl: 0
defaults: {{limit: 0, mode: on}}
grants: {{approvals: 0, days: 400}}
caps: {{approvals_per_sweep: -1}}
vendors:
  - name: Acme
    kind: oracle
    endpoints: [pe1]
  - name: ACME
    subscriptions: [x]
rules:
  - name: team
    verdict: allow
    requesters: {{subscriptions: [team], link_identifiers: [x]}}
    targets: {{scopes: [/subscriptions/x]}}
    approve_until: 2027-13-01
    groups: []
    limit: 1.5
  - name: Team
    verdict: reject
    requesters: {{vendors: [Nobody]}}
    targets:
    approve_until: 2027-06-30
    managed_by: {{services: []}}
hubs:
  - name: west
    zones: /subscriptions/{DNS}
    serves: {{}}
    ttl: '10'
"""
LINES = [
    1,
    2,
    3,
    4,
    5,
    6,
    6,
    7,
    8,
    8,
    9,
    9,
    10,
    13,
    14,
    15,
    16,
    19,
    20,
    20,
    21,
    22,
    23,
    24,
    25,
    27,
    28,
    29,
    30,
    30,
    33,
    34,
    35,
]


def test_a_file_with_more_than_thirty_mistakes_tells_each_with_its_line() -> None:
    with pytest.raises(BadPolicy) as bad:
        policyfile.parse(THIRTY.encode())
    told = sorted({(line, path) for line, path, _ in bad.value.mistakes})
    assert [line for line, _ in told] == LINES
    assert len(told) == 33


KEYS = st.sampled_from(
    (
        *("version", "owner", "scope", "modes", "rules", "hubs", "vendors", "defaults", "grants", "caps", "name"),
        *("kind", "shared", "usual", "endpoints", "verdict", "requesters", "targets", "subscriptions", "all", "tags"),
        *("groups", "limit", "approvals", "managed_by", "services", "approve_until", "ids", "scopes", "types", "zones"),
    )
)
VALUES = SCALARS | st.sampled_from(("sigma", "approve", "reject", TEAM, DATA, ENDPOINT, "all", 1, True))
ANYTHING = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)
ITEMS = st.lists(st.dictionaries(KEYS, ANYTHING, max_size=6), max_size=3)
FILES = st.fixed_dictionaries(
    {"version": st.just(1), "owner": st.just("hub")},
    optional={"rules": ITEMS | ANYTHING, "vendors": ITEMS | ANYTHING, "hubs": ITEMS | ANYTHING, "defaults": ANYTHING},
)


@examples(120)
@given(FILES | ANYTHING)
def test_whatever_a_file_holds_it_is_a_policy_or_a_list_of_mistakes(body: Any) -> None:
    with contextlib.suppress(BadPolicy):
        policyfile.parse(json.dumps(body).encode())
