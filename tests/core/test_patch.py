"""The rule that is offered for a connection that waits: it approves that one endpoint there, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core import reading
from shared.core.decide import decide
from shared.core.model import Connection, Status, Verdict
from shared.core.patch import patch

from . import drawn
from .build import (
    ENDPOINT,
    GUID,
    NOW,
    OTHER,
    TARGET,
    TEAM,
    body,
    connection,
    endpoint_id,
    examples,
    json_with,
    mutations,
    rid,
    target_id,
)
from .test_reading import KEYS

HEAD = "version: 1\nowner: hub\nrules:\n"
TEXT = patch(connection(), TARGET, NOW)


def decided(text: str, one: Connection, target: Any = TARGET) -> Verdict:
    return decide(one, target=target, policy=policyfile.parse((HEAD + text).encode()), now=NOW).verdict


def test_it_says_exactly_the_endpoint_the_target_and_the_groups() -> None:
    (rule,) = yaml.safe_load(HEAD + TEXT)["rules"]
    assert rule["requesters"] == {"endpoints": [str(ENDPOINT)]}
    assert (rule["targets"], rule["groups"]) == ({"ids": [str(TARGET)]}, ["blob"])
    assert (str(rule["approve_until"]), rule["reason"]) == ("2027-02-19", "TODO: why")


@pytest.mark.parametrize(
    ("other", "target"),
    [
        (connection(endpoint=OTHER), TARGET),
        (connection(endpoint=endpoint_id("pe10")), TARGET),
        (connection(endpoint=endpoint_id(group="net2")), TARGET),
        (connection(groups=("dfs",)), TARGET),
        (drawn.asked(target_id("acct2")), target_id("acct2")),
    ],
    ids=["its neighbour", "a longer name", "another group", "another sub-resource", "another target"],
)
def test_it_approves_nothing_else(other: Connection, target: Any) -> None:
    assert decided(TEXT, connection()) is Verdict.APPROVE
    assert decided(TEXT, other, target) is Verdict.HOLD


def test_groups_that_nobody_saw_are_not_in_it() -> None:
    text = patch(connection(groups=None), TARGET, NOW)
    assert "groups" not in text
    assert decided(text, connection(groups=None)) is Verdict.APPROVE


@pytest.mark.parametrize(
    "nobody",
    [
        connection(endpoint=None),
        connection(endpoint=endpoint_id("pe\u212a")),
        connection(endpoint=endpoint_id("a" * 91)),
        connection(endpoint=endpoint_id("pe,1")),
        connection(endpoint=rid(str(ENDPOINT).replace(TEAM, "team"))),
        connection(groups=("bl\u00f6b",)),
    ],
    ids=["unknown", "no plain letters", "too long", "letters of no endpoint", "no subscription", "no plain group"],
)
def test_where_no_rule_can_name_exactly_this_endpoint_a_comment_says_so(nobody: Connection) -> None:
    text = patch(nobody, TARGET, NOW)
    assert text.startswith("  # no rule can be written for ")
    assert (text.count("\n"), text.isascii()) == (1, True)


def test_rules_for_several_endpoints_and_targets_have_different_names() -> None:
    texts = [patch(connection(endpoint=e), t, NOW) for e in (ENDPOINT, OTHER) for t in (TARGET, target_id("acct2"))]
    assert len(policyfile.parse((HEAD + "".join(texts)).encode()).rules) == 4


HOSTILE = st.sampled_from(
    (
        'pe"}]',
        "pe'1",
        "pe: {all: true}",
        "pe\\n",
        "pe#1",
        "*",
        "pe?",
        "- x",
        "!!python",
        "&a",
        "null",
        "~",
        "1e3",
        "0x1",
    )
)
NAMES = st.text(alphabet="abAB019_.()-$~,'=+@:{}", min_size=1, max_size=12) | HOSTILE


@examples(300)
@given(NAMES, NAMES, NAMES, st.none() | st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3))
def test_whatever_the_names_it_is_one_rule_for_one_endpoint_or_none(
    group: str, name: str, account: str, groups: Any
) -> None:
    target = str(TARGET).replace("acct1", account)
    asking = str(ENDPOINT).replace("/net/", f"/{group}/").replace("pe1", name)
    seen = reading.connection(
        {
            "id": f"{target}/privateEndpointConnections/c1",
            "name": "c1",
            "properties": {
                "privateEndpoint": {"id": asking},
                "groupIds": groups,
                "privateLinkServiceConnectionState": {"status": "Pending"},
            },
        }
    )
    _good_or_none(seen)


@examples(200)
@given(mutations(body(), KEYS) | json_with(KEYS))
def test_whatever_azure_answers_it_is_one_rule_for_one_endpoint_or_none(answer: Any) -> None:
    _good_or_none(reading.connection(answer))


def _good_or_none(seen: Connection) -> None:
    target = (seen.id.parent if seen.id else None) or TARGET
    text = patch(seen, target, NOW)
    if seen.endpoint is None or text.lstrip().startswith("#"):
        assert (text.count("\n"), yaml.safe_load(HEAD + text)["rules"]) == (1, None)
        return
    (rule,) = policyfile.parse((HEAD + text).encode()).rules
    assert (rule.requesters.all, len(rule.requesters.endpoints), rule.targets.scopes[0].contains(target)) == (
        False,
        1,
        True,
    )
    ready = connection(id=target.child("privateEndpointConnections", "c"), endpoint=seen.endpoint, groups=seen.groups)
    neighbour = endpoint_id("other-name-altogether", subscription=seen.endpoint.subscription, group=seen.endpoint.group)
    assert decided(text, ready, target) is Verdict.APPROVE
    assert decided(text, connection(id=ready.id, endpoint=neighbour, groups=seen.groups), target) is Verdict.HOLD


def test_the_status_of_the_connection_does_not_matter_to_the_text() -> None:
    assert patch(connection(status=Status.APPROVED, guid=GUID), TARGET, NOW) == TEXT
