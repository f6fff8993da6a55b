"""Verbs of the command line that ask Azure: the estate as it is, and approvals released."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from shared.commands.frame import cli
from tests.azure.test_decide_command import here
from tests.azure.test_policy_changes import approved, changed, team, waiting
from tests.world import STRANGER, World, rules

__all__ = ["here"]


def say(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(words))
    return done.exit_code, done.output


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_estate_is_what_azure_shows_with_groups_where_the_endpoint_may_be_read(here: World) -> None:
    endpoint = here.connected()
    stranger = here.asks(here.storage_id(), "pe2", subscription=STRANGER)
    code, text = say("estate")
    mine, theirs = sorted(lines(text), key=lambda row: row["endpointId"])
    assert (code, mine["endpointId"], mine["status"], mine["groups"]) == (0, endpoint, "Approved", ["blob"])
    assert (theirs["endpointId"], theirs["status"], theirs["target"]) == (stranger, "Pending", here.storage_id())


def test_a_target_that_cannot_be_read_is_named_and_fails(here: World) -> None:
    here.fresh(rules())
    here.storage()
    here.azure.fault(path="acct1/privateEndpointConnections", status=403, code="AuthorizationFailed", times=0)
    code, text = say("estate")
    assert code == 1
    assert "AuthorizationFailed" in text


def test_approvals_are_released_by_their_fingerprint(here: World) -> None:
    targets = waiting(here)
    here.set_policy(team("caps: {approvals_per_policy_change: 2}"))
    here.watch()
    code, text = say("release", changed(here)[0]["waitsForRelease"])
    here.settle_all()
    assert (code, json.loads(text)["status"], approved(here, targets)) == (0, "released", 3)
    assert say("release", "0" * 16)[0] == 1
