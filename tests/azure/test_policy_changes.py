"""A changed policy is shown before it acts, asks first where it is too much at once, never acts when broken."""

from __future__ import annotations

from typing import Any

import pytest

from shared import policychange
from shared.errors import Conflict
from tests.world import DATA, STRANGER, TEAM, World, rules

SCOPE = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
NOBODY = rules(f"{{name: other, verdict: approve, requesters: {{subscriptions: [{STRANGER}]}}, {SCOPE}}}")


def team(extra: str = "") -> str:
    return rules(f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, {SCOPE}}}", extra=extra)


def waiting(w: World, number: int = 3) -> list[str]:
    """Requests that nobody approves."""
    w.fresh(NOBODY)
    targets = [w.storage(f"acct{n}") for n in range(number)]
    for n, target in enumerate(targets):
        w.asks(target, f"pe{n}")
    w.settle_all()
    return targets


def approved(w: World, targets: list[str]) -> int:
    states = [c["properties"]["privateLinkServiceConnectionState"] for t in targets for c in w.connections(t)]
    return sum(state["status"] == "Approved" for state in states)


def changed(w: World) -> list[dict[str, Any]]:
    return [event["data"] for event in w.news() if event["type"] == "Linkkeeper.Policy.Changed"]


def test_a_new_rule_approves_those_who_wait_within_one_watch(w: World) -> None:
    targets = waiting(w)
    w.set_policy(team())
    w.watch()
    w.settle_all()
    assert approved(w, targets) == 3


def test_the_change_is_told_with_what_differs_and_what_follows_before_anything_is_done(w: World) -> None:
    targets = waiting(w)
    w.set_policy(team())
    w.run(policychange.show(w.app, w.run(w.app.policy())))
    (news,) = changed(w)
    assert approved(w, targets) == 0
    assert any("team" in line for line in news["diff"])
    assert any("other" in line for line in news["diff"])
    assert (len(news["approves"]), news["rejects"], news["waitsForRelease"]) == (3, [], None)


def test_a_change_is_told_once_and_a_first_policy_not_at_all(w: World) -> None:
    waiting(w)
    assert changed(w) == []
    w.set_policy(team())
    for _ in range(3):
        w.watch()
        w.settle_all()
    assert len(changed(w)) == 1


def test_more_approvals_than_the_cap_wait_for_a_person(w: World) -> None:
    targets = waiting(w)
    w.set_policy(team("caps: {approvals_per_policy_change: 2}"))
    w.watch()
    w.settle_all()
    w.sweep()
    assert approved(w, targets) == 0
    assert "would approve 3 connections at once, more than 2" in str(w.held())
    mark = changed(w)[0]["waitsForRelease"]
    assert w.run(policychange.release(w.app, mark, "person 1")) is not None
    w.settle_all()
    assert approved(w, targets) == 3


def test_the_cap_stays_open_for_whoever_was_not_counted(w: World) -> None:
    targets = waiting(w)
    w.set_policy(team("caps: {approvals_per_policy_change: 2}"))
    w.watch()
    w.asks(targets[0], "new")
    w.settle_all()
    assert approved(w, targets) == 1


def test_a_wrong_fingerprint_releases_nothing_and_the_same_one_only_once(w: World) -> None:
    waiting(w)
    w.set_policy(team("caps: {approvals_per_policy_change: 0}"))
    w.watch()
    mark = changed(w)[0]["waitsForRelease"]
    assert w.run(policychange.release(w.app, "0" * 16, "person 1")) is None
    assert w.run(policychange.release(w.app, mark, "person 1")) is not None
    with pytest.raises(Conflict):
        w.run(policychange.release(w.app, mark, "person 2"))


def test_a_sweep_that_would_approve_too_many_asks_first(w: World) -> None:
    """Requests that raised no event at all: the watch finds them."""
    w.fresh(team("caps: {approvals_per_sweep: 2}"))
    targets = [w.storage(f"acct{n}") for n in range(3)]
    for n, target in enumerate(targets):
        w.asks(target, f"pe{n}")
    w.azure.outbox.clear()
    found = w.sweep()
    assert approved(w, targets) == 0
    (text,) = [text for text in found.findings if "this sweep would approve 3" in text]
    assert w.run(policychange.release(w.app, text.split()[-1], "person 1")) is not None
    w.settle_all()
    assert approved(w, targets) == 3
    w.sweep()
    assert approved(w, targets) == 3


def test_a_rejection_is_no_approval_and_needs_no_release(w: World) -> None:
    targets = waiting(w)
    text = f"{{name: no, verdict: reject, requesters: {{subscriptions: [{TEAM}]}}, {SCOPE}}}"
    w.set_policy(rules(text, extra="caps: {approvals_per_policy_change: 0}"))
    w.watch()
    w.settle_all()
    assert w.connections(targets[0])[0]["properties"]["privateLinkServiceConnectionState"]["status"] == "Rejected"


def test_the_last_good_policy_keeps_names_right_also_after_a_restart(w: World) -> None:
    w.fresh(team())
    w.connected()
    w.set_policy("version: 1\nrules: nonsense")
    w.restart()
    w.writes("acct1", "10.9.9.9", metadata=w.record()["metadata"])  # changed by hand
    w.sweep()
    assert w.addresses() == w.address_of(w.endpoint_id())
    assert w.health()["policy"]["valid"] is False


def test_rules_that_decide_are_remembered_as_used(w: World) -> None:
    w.fresh(team())
    w.connected()
    assert set(w.run(w.app.stored.used())) == {"team"}
    assert [row.data["rule"] for row in w.rows("control") if row.pk == "rules used"] == ["team"]


def test_news_of_a_change_wait_for_the_topic_and_keep_nobody_from_working(w: World) -> None:
    targets = waiting(w, 1)
    w.azure.fault(path="/api/events", status=503, times=0)
    w.set_policy(team())
    w.watch()
    w.settle_all()
    assert (approved(w, targets), changed(w)) == (1, [])
    w.azure.faults.forget()
    w.watch()
    assert len(changed(w)) == 1


def test_a_large_policy_is_kept_whole_for_the_next_comparison(w: World) -> None:
    waiting(w)
    filler = [
        f"{{name: filler {n}, verdict: reject, requesters: {{subscriptions: [{STRANGER}]}}, {SCOPE}}}"
        for n in range(4_000)
    ]
    w.set_policy(rules(*filler))
    w.run(policychange.show(w.app, w.run(w.app.policy())))
    assert w.run(w.app.stored.text()) == w.policy_path.read_bytes()
    w.set_policy(team("caps: {approvals_per_policy_change: 0}"))
    w.watch()
    assert changed(w)[-1]["waitsForRelease"]


def test_a_watch_does_not_open_the_cap_that_a_sweep_closed(w: World) -> None:
    """It lists only what shows in parents' bodies: what it does not see is not gone."""
    w.fresh(team("caps: {approvals_per_sweep: 2}"))
    targets = [w.target("Microsoft.Search/searchServices", f"search{n}") for n in range(3)]
    for n, target in enumerate(targets):
        w.asks(target, f"pe{n}", group="searchService")
    w.azure.outbox.clear()
    w.sweep()
    w.watch()
    for target in targets:
        w.signal(target, target)
    assert approved(w, targets) == 0


def test_a_request_made_again_under_its_endpoints_id_is_found_without_any_event(w: World) -> None:
    w.fresh(NOBODY)
    w.azure.foreign([TEAM])
    target = w.storage()
    endpoint = w.asks(target)
    w.watch()
    w.removes(endpoint)
    w.asks(target)
    w.azure.outbox.clear()
    w.sweep()
    assert [row["connection"].lower() for row in w.held()] == [w.connection_of(target, endpoint)["id"].lower()]
