"""How many connections a rule may approve, over all targets together."""

from __future__ import annotations

import asyncio
from typing import Any

from shared import settle
from tests.world import DATA, STRANGER, TEAM, World, rules


def limited(number: int = 1) -> str:
    scope = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
    return rules(f"{{name: few, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, {scope}, limit: {number}}}")


MORE = f"requesters: {{subscriptions: [{TEAM}]}}, targets: {{scopes: [/subscriptions/{DATA}]}}"


def statuses(w: World, target: str) -> list[str]:
    return sorted(c["properties"]["privateLinkServiceConnectionState"]["status"] for c in w.connections(target))


def test_a_rule_approves_as_many_as_its_limit_and_holds_the_next(w: World) -> None:
    w.fresh(limited(2))
    target = w.storage()
    for name in ("pe1", "pe2", "pe3"):
        w.asks(target, name)
    w.settle_all()
    assert statuses(w, target) == ["Approved", "Approved", "Pending"]
    assert "may approve 2 connection(s), and all its places are taken" in str(w.held())


def test_the_limit_counts_over_all_targets(w: World) -> None:
    w.fresh(limited())
    one, two = w.storage("acct1"), w.storage("acct2")
    w.asks(one, "pe1")
    w.settle_all()
    w.asks(two, "pe2")
    w.settle_all()
    assert (statuses(w, one), statuses(w, two)) == (["Approved"], ["Pending"])


def test_two_targets_at_once_cannot_exceed_it_together(w: World) -> None:
    w.fresh(limited(3))
    targets = [w.storage(f"acct{number}") for number in range(6)]
    for number, target in enumerate(targets):
        w.asks(target, f"pe{number}")
    w.deliver()

    async def all_at_once() -> None:
        await asyncio.gather(*(settle.work(w.resource(target), w.app) for target in targets))

    w.run(all_at_once())
    w.settle_all()
    assert [status for target in targets for status in statuses(w, target)].count("Approved") == 3


def test_a_place_is_free_again_when_its_connection_is_gone(w: World) -> None:
    w.fresh(limited())
    one, two = w.storage("acct1"), w.storage("acct2")
    first, _ = w.asks(one, "pe1"), w.settle_all()
    w.asks(two, "pe2")
    w.settle_all()
    w.removes(first)
    w.settle_all()
    w.sweep()
    assert statuses(w, two) == ["Approved"]


def test_what_was_approved_before_takes_a_place_too(w: World) -> None:
    w.fresh(limited(9))
    one, two = w.storage("acct1"), w.storage("acct2")
    w.asks(one, "pe1")
    w.settle_all()
    w.set_policy(limited(1).replace("name: few", "name: fewer"))
    w.sweep()
    w.asks(two, "pe2")
    w.settle_all()
    assert (statuses(w, one), statuses(w, two)) == (["Approved"], ["Pending"])


def test_a_plan_shows_that_the_limit_is_reached_and_takes_no_place(w: World) -> None:
    w.fresh(limited(), mode="plan")
    target = w.storage()
    w.asks(target)
    w.settle_all()
    assert w.rows("slots") == []


def test_a_refused_approval_gives_its_place_back(w: World) -> None:
    w.fresh(limited())
    one, two = w.storage("acct1"), w.storage("acct2")
    w.azure.fault(
        method="PUT", path="acct1/privateEndpointConnections", status=403, code="AuthorizationFailed", times=0
    )
    w.asks(one, "pe1")
    w.settle_all()
    w.watch()
    w.settle_all()
    w.asks(two, "pe2")
    w.settle_all()
    assert statuses(w, two) == ["Approved"]


def test_the_places_are_told_by_rule(w: World) -> None:
    w.fresh(limited())
    w.asks(w.storage())
    w.settle_all()
    rows: list[Any] = [row.data for row in w.rows("slots")]
    assert [(row["rule"], row["target"]) for row in rows] == [("few", w.storage_id().lower())]


def test_where_one_rule_is_full_another_that_matches_approves(w: World) -> None:
    w.fresh(limited().replace("hubs:", f"  - {{name: more, verdict: approve, {MORE}}}\nhubs:"))
    target = w.storage()
    for name in ("pe1", "pe2"):
        w.asks(target, name)
        w.settle_all()
    assert statuses(w, target) == ["Approved", "Approved"]
    assert {row["rule"] for row in w.journal("approve")} == {"few", "more"}


OPEN = "{name: open, verdict: approve, requesters: {all: true}, targets: {tags: {stage: open}}}"


def one_place_taken(w: World) -> str:
    """The team's only place is taken at acct1; acct2 is open to everybody by its tag."""
    w.fresh(rules(OPEN, f"{{name: team, verdict: approve, {MORE}, limit: 1}}"))
    one, two = w.storage("acct1"), w.storage("acct2")
    w.asks(one, "pe1")
    w.settle_all()
    tag(w, two, stage="open")
    return two


def tag(w: World, target: str, **tags: str) -> None:
    path = f"{target}/providers/Microsoft.Resources/tags/default"
    assert w.arm("PUT", path, {"properties": {"tags": tags}}).status_code == 200


def test_a_full_limit_does_not_hide_a_rule_whose_tags_nobody_has_read(w: World) -> None:
    two = one_place_taken(w)
    w.asks(two, "pe2")
    w.settle_all()
    assert statuses(w, two) == ["Approved"]


def test_what_another_rule_approves_at_the_last_moment_is_another_decision(w: World) -> None:
    """The tags were remembered for minutes; read afresh, only the rule whose places are taken still says yes."""
    two = one_place_taken(w)
    w.asks(two, "pe2", subscription=STRANGER)
    w.settle_all()
    tag(w, two)
    w.clock.skip(seconds=6)
    endpoint = w.asks(two, "pe3")
    w.settle_all()
    assert w.status(two, endpoint) == "Pending"
