"""Approvals that are too many at once, released over HTTP by whoever may decide."""

from __future__ import annotations

from typing import Any

import pytest

from functions import requests
from tests.azure.test_http import ask, person
from tests.azure.test_policy_changes import approved, changed, team, waiting
from tests.world import World

APPROVER, READER = "Linkkeeper.Approver", "Linkkeeper.Reader"


@pytest.fixture
def capped(w: World) -> tuple[World, list[str], str]:
    targets = waiting(w)
    w.set_policy(team("caps: {approvals_per_policy_change: 2}"))
    w.watch()
    w.settle_all()
    return w, targets, str(changed(w)[0]["waitsForRelease"])


def release(w: World, mark: Any, **more: Any) -> tuple[int, Any]:
    return ask(w, requests.settle, "POST", {"fingerprint": mark}, **more)[:2]


def test_the_fingerprint_of_a_held_connection_releases_all_of_them(capped: Any) -> None:
    w, targets, mark = capped
    assert mark in str(w.held()[0]["reasons"])
    status, body = release(w, mark)
    w.settle_all()
    assert (status, body["status"], sorted(body["targets"])) == (200, "released", sorted(targets))
    assert approved(w, targets) == 3


def test_health_names_what_waits_for_a_release(capped: Any) -> None:
    w, _, mark = capped
    health = w.health()
    assert (health["status"], health["waitsForRelease"][0]["fingerprint"]) == ("degraded", mark)
    release(w, mark)
    assert w.health()["waitsForRelease"] == []


@pytest.mark.parametrize(
    ("mark", "status"), [("0" * 16, 404), ("../x", 400), (7, 400), ("", 400)], ids=["unknown", "odd", "number", "none"]
)
def test_any_other_fingerprint_releases_nothing(capped: Any, mark: Any, status: int) -> None:
    w, targets, _ = capped
    assert release(w, mark)[0] == status
    w.settle_all()
    assert approved(w, targets) == 0


def test_it_is_released_once_and_the_journal_says_by_whom(capped: Any) -> None:
    w, _, mark = capped
    assert [release(w, mark)[0], release(w, mark)[0]] == [200, 409]
    rows = ask(w, requests.journal)[1]["value"]
    assert [row["by"] for row in rows if row["kind"] == "release"] == ["function key"]
    assert [row["policy"] for row in rows if row["kind"] == "policy"]


@pytest.mark.parametrize(("role", "status"), [(READER, 403), (APPROVER, 200)])
def test_only_an_approver_may_release(capped: Any, role: str, status: int) -> None:
    w, _, mark = capped
    w.restart(WEBSITE_AUTH_ENABLED="true", LINKKEEPER_DECISIONS_BY="entra")
    assert release(w, mark, headers=person(role))[0] == status
