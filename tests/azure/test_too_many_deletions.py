"""Too many deletions at once are shown and wait: only a person, by the plan's fingerprint, lets them go ahead."""

from __future__ import annotations

import pytest

from shared.callers import Problem
from shared.sweep import sweep
from tests.world import KEY, TEAM, World, rules

GROUPS = ("blob", "file", "queue", "table")
TEAM_RULE = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"


def many(w: World, caps: str) -> list[str]:
    """One account with four endpoints, each with its record."""
    w.fresh(rules(TEAM_RULE, extra=f"caps: {{{caps}}}"))
    target = w.storage()
    endpoints = []
    for group in GROUPS:
        w.zone(zone_of(group))
        endpoints.append(w.asks(target, f"pe-{group}", group=group))
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    assert left(w) == 4
    return endpoints


def zone_of(group: str) -> str:
    return f"privatelink.{group}.core.windows.net"


def left(w: World) -> int:
    return sum(w.record("acct1", zone_of(group)) is not None for group in GROUPS)


def releases(w: World, mark: str) -> dict[str, object]:
    from shared import byhand

    return w.run(byhand.release(w.app, mark, KEY))


def shown(w: World) -> dict[str, object]:
    return w.operation(plan_number(w))["result"]["plan"]


def plan_number(w: World) -> str:
    number = w.by_hand("ask", {"target": w.storage_id()}, "plan")
    w.work()
    return number


def test_a_target_that_loses_everything_at_once_keeps_its_records_until_a_person_agrees(w: World) -> None:
    many(w, "deletions_per_settle: 3")
    w.removes(w.storage_id())
    w.sweep()
    assert left(w) == 4
    assert "4 deletions at once, more than 3" in w.journal("delete")[0]["detail"]
    plan = shown(w)
    assert all(plan["fingerprint"] in change["blocked"] for change in plan["changes"])
    assert releases(w, plan["fingerprint"])["targets"] == [w.storage_id()]
    w.settle_all()
    assert left(w) == 0


def test_as_many_as_the_cap_allows_need_nobody(w: World) -> None:
    many(w, "deletions_per_settle: 4")
    w.removes(w.storage_id())
    w.sweep()
    assert left(w) == 0


def test_health_names_what_waits_for_a_release(w: World) -> None:
    many(w, "deletions_per_settle: 0")
    w.removes(w.storage_id())
    w.sweep()
    waits = w.health()["waitsForRelease"]
    assert [entry["fingerprint"] for entry in waits] == [shown(w)["fingerprint"]]


def test_a_release_is_for_the_records_that_were_shown_and_for_no_others(w: World) -> None:
    endpoints = many(w, "deletions_per_settle: 1")
    for endpoint in endpoints[:2]:
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.signal(w.storage_id(), w.storage_id())
    mark = shown(w)["fingerprint"]
    for endpoint in endpoints[2:]:
        w.removes(endpoint)
    releases(w, mark)
    w.settle_all()
    assert left(w) == 2
    assert "at once, more than 1" in w.journal("delete")[0]["detail"]


def test_nobody_releases_twice_or_what_does_not_wait(w: World) -> None:
    many(w, "deletions_per_settle: 1")
    w.removes(w.storage_id())
    w.sweep()
    mark = shown(w)["fingerprint"]
    releases(w, mark)
    with pytest.raises(Problem, match="released already"):
        releases(w, mark)
    with pytest.raises(Problem, match="Nothing waits"):
        releases(w, "0123456789abcdef")


def test_a_release_is_journalled_with_who_gave_it(w: World) -> None:
    many(w, "deletions_per_settle: 1")
    w.removes(w.storage_id())
    w.sweep()
    releases(w, shown(w)["fingerprint"])
    general = w.run(w.app.journal.general(w.clock.start))
    assert [(row["kind"], row["by"]) for row in general if row["kind"] == "release"] == [("release", "function key")]


def test_what_a_sweep_finds_gone_in_masses_waits_for_a_person(w: World) -> None:
    """Every event was lost, or somebody narrowed the app's rights: a sweep must not empty the zones by itself."""
    endpoints = many(w, "deletions_per_sweep: 3")
    for endpoint in endpoints:
        w.removes(endpoint)
    w.azure.outbox.clear()
    found = w.sweep()
    assert left(w) == 4
    assert any("would delete 4 records at once" in finding for finding in found.findings)
    (waits,) = w.health()["waitsForRelease"]
    releases(w, waits["fingerprint"])
    w.settle_all()
    assert left(w) == 0


def test_the_same_loss_told_by_events_needs_nobody(w: World) -> None:
    for endpoint in many(w, "deletions_per_sweep: 3"):
        w.removes(endpoint)
    w.settle_all()
    assert left(w) == 0


def test_a_policy_that_would_empty_a_hub_waits_for_a_person(w: World) -> None:
    """Somebody wrote another resource group into the hub: every record of the old one seems to be for nobody."""
    many(w, "deletions_per_sweep: 3")
    w.set_policy(w.policy_path.read_text().replace("/resourceGroups/dns", "/resourceGroups/dns2"))
    found = w.sweep()
    assert left(w) == 4
    assert any("would delete 4 records at once" in finding for finding in found.findings)


def test_a_policy_that_takes_few_names_away_is_carried_out(w: World) -> None:
    many(w, "deletions_per_sweep: 4")
    w.set_policy(w.policy_path.read_text().replace("/resourceGroups/dns", "/resourceGroups/dns2"))
    w.sweep()
    w.sweep()
    assert left(w) == 0


# --- how long a release is good, and what a sweep that saw little does to it ------------------------------------


@pytest.mark.parametrize(("hours", "kept"), [(23.9, 0), (24, 4)])
def test_a_release_for_one_target_is_good_for_a_day(w: World, hours: float, kept: int) -> None:
    many(w, "deletions_per_settle: 1")
    w.removes(w.storage_id())
    w.sweep()
    releases(w, shown(w)["fingerprint"])
    w.clock.skip(hours=hours)
    w.settle_all()
    assert left(w) == kept


def test_what_was_released_in_vain_is_offered_and_released_again(w: World) -> None:
    many(w, "deletions_per_settle: 1")
    w.removes(w.storage_id())
    w.sweep()
    mark = shown(w)["fingerprint"]
    releases(w, mark)
    w.clock.skip(days=1)
    assert w.health()["waitsForRelease"] == []
    w.settle_all()
    assert [entry["fingerprint"] for entry in w.health()["waitsForRelease"]] == [mark]
    releases(w, mark)
    w.settle_all()
    assert left(w) == 0


def test_an_offer_that_nobody_took_for_a_day_is_no_offer(w: World) -> None:
    many(w, "deletions_per_settle: 1")
    w.removes(w.storage_id())
    w.sweep()
    mark = shown(w)["fingerprint"]
    w.clock.skip(days=1)
    with pytest.raises(Problem, match="Nothing waits"):
        releases(w, mark)


def gone_in_masses(w: World) -> str:
    """Four records for nobody, one more than a sweep may delete; the word that releases them."""
    for endpoint in many(w, "deletions_per_sweep: 3"):
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.sweep()
    (waits,) = w.health()["waitsForRelease"]
    return str(waits["fingerprint"])


def sees_little(w: World) -> None:
    """A sweep that has to leave most zones unread."""
    w.azure.switch(throttle=True, dns_read_budget=4)
    assert w.run(sweep(w.app)).zones_left
    w.azure.switch(throttle=False)


def edits(w: World) -> None:
    w.set_policy(w.policy_path.read_text() + "# a comment\n")


@pytest.mark.parametrize("edited", [False, True], ids=["same policy", "a comment edited"])
def test_a_sweep_that_left_zones_unread_forgets_nothing_that_an_older_one_held(w: World, edited: bool) -> None:
    mark = gone_in_masses(w)
    if edited:
        edits(w)
    sees_little(w)
    w.settle_all()
    assert left(w) == 4
    (waits,) = w.health()["waitsForRelease"]
    assert edited or waits["fingerprint"] == mark
    releases(w, waits["fingerprint"])
    w.settle_all()
    assert left(w) == 0


def test_a_release_outlives_an_edited_comment(w: World) -> None:
    releases(w, gone_in_masses(w))
    edits(w)
    w.sweep()
    assert left(w) == 0


def test_a_release_outlives_a_sweep_that_saw_too_little_to_tell_that_all_is_done(w: World) -> None:
    releases(w, gone_in_masses(w))
    sees_little(w)
    w.sweep()
    assert left(w) == 0
