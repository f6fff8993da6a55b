"""Whatever is asked, under whatever policy: an answer, and an approval only where a second opinion allows one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core import reading
from shared.core.around import Around
from shared.core.decide import decide
from shared.core.model import Connection, Decision, Status, Verdict
from shared.core.policy import Policy

from . import drawn, oracle
from .build import NOW, TARGET, TEAM, body, examples, json_with, mutations, rid
from .test_reading import KEYS

LARGE = "/".join(["sub/x"] * 20)
ODD_IDS = st.sampled_from(
    [
        rid(text)
        for text in (
            f"/subscriptions/{TEAM}/resourceGroups/net/providers/Microsoft.Network/privateEndpoints/pe1",
            "/subscriptions/x/resourceGroups/y/providers/z/a/b",
            f"/subscriptions/{TEAM}/resourceGroups/n\u212at/providers/Microsoft.Network/privateEndpoints/pe1",
            f"/subscriptions/{TEAM.upper()}/resourceGroups/NET/providers/Microsoft.Network/privateEndpoints/PE1",
            f"{TARGET}/privateEndpointConnections/c1",
            f"{TARGET}/{LARGE}",
        )
    ]
)
WORDS = st.none() | st.text(max_size=4) | drawn.guids | drawn.identifiers
ANY_CONNECTION = st.builds(
    Connection,
    id=st.none() | ODD_IDS,
    name=st.text(max_size=5),
    endpoint=st.none() | drawn.endpoints,
    guid=WORDS,
    link_identifier=WORDS,
    nonce=WORDS,
    status=st.sampled_from(Status) | st.just(Status.PENDING),
    settled=st.booleans(),
    by_us=st.booleans(),
    groups=st.none() | st.lists(st.text(max_size=4) | drawn.groups, max_size=3).map(tuple),
    problems=st.just(()) | st.lists(st.text(max_size=5), max_size=2).map(tuple),
)


def checked(one: Connection, target: Any, some: Policy, around: Around, by: Any) -> Decision:
    found = decide(one, target=target, policy=some, now=NOW, grants=by, around=around)
    assert found.reasons
    assert found.connection is one
    if found.verdict is Verdict.APPROVE:
        assert oracle.may_approve(one, target, some, NOW, around, by)
    return found


@examples(300)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_rules_approve_exactly_where_a_second_opinion_does(some: Policy, case: Any, around: Around) -> None:
    target, one = case
    found = checked(one, target, some, around, ())
    assert (found.verdict is Verdict.APPROVE) is oracle.may_approve(one, target, some, NOW, around)


@examples(200)
@given(drawn.policies, drawn.cases, drawn.arounds, st.data())
def test_people_approve_only_where_a_second_opinion_lets_them(
    some: Policy, case: Any, around: Around, data: Any
) -> None:
    target, one = case
    by = data.draw(st.lists(drawn.grant_for(target, one), max_size=2))
    checked(one, target, some, around, by)


@examples(200)
@given(ANY_CONNECTION, drawn.targets | ODD_IDS, drawn.policies, drawn.arounds, st.data())
def test_any_value_of_a_connection_is_answered(
    one: Connection, target: Any, some: Policy, around: Around, data: Any
) -> None:
    by = data.draw(st.lists(drawn.grant_for(target, one), max_size=2)) if one.id and one.endpoint else ()
    checked(one, target, some, around, by)


@examples(200)
@given(mutations(body(), KEYS) | json_with(KEYS), drawn.policies, drawn.arounds)
def test_whatever_azure_answers_is_answered(answer: Any, some: Policy, around: Around) -> None:
    for one in (reading.connection(answer), reading.connection(answer, target=TARGET, guid_in_name=True)):
        checked(one, TARGET, some, around, ())


@examples(300)
@given(drawn.policies, drawn.cases, drawn.arounds)
def test_what_is_not_known_never_helps(some: Policy, case: Any, around: Around) -> None:
    """An approval with nothing read of the surroundings stands whatever they turn out to be."""
    target, one = case
    if decide(one, target=target, policy=some, now=NOW).verdict is Verdict.APPROVE:
        assert decide(one, target=target, policy=some, now=NOW, around=around).verdict is Verdict.APPROVE


def test_the_draws_approve_often_enough_to_mean_something() -> None:
    found = []

    @examples(200)
    @given(drawn.policies, drawn.cases, drawn.arounds)
    def look(some: Policy, case: Any, around: Around) -> None:
        found.append(decide(case[1], target=case[0], policy=some, now=NOW, around=around).verdict)

    look()
    counted = {verdict: found.count(verdict) for verdict in Verdict}
    assert min(counted.values()) > 10, counted
