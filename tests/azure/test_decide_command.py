"""`python -m shared decide`: the same route as over HTTP, by whoever may run it, who is nobody in particular."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from shared.commands import live  # noqa: F401 registers the verbs
from shared.commands.frame import cli
from tests.azure.test_http import waiting
from tests.world import World


@pytest.fixture
def here(w: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The settings of the world's app, for a command in this process."""
    found = {
        "LINKKEEPER_ARM": w.azure.arm,
        "LINKKEEPER_ARM_AUDIENCE": "https://management.azure.com",
        "LINKKEEPER_POLICY": str(w.policy_path),
        "LINKKEEPER_MODE": "apply",
        "LINKKEEPER_DECISIONS_BY": "key",
        "AzureWebJobsStorage__tableServiceUri": w.azurite.table,
        "AzureWebJobsStorage__queueServiceUri": w.azurite.queue,
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return w


def say(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["decide", *words])
    return done.exit_code, done.output


def decide(*words: str) -> tuple[int, dict[str, Any]]:
    code, text = say(*words, "--json")
    return code, json.loads(text)


@pytest.mark.parametrize(("verdict", "status"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_decision_on_the_command_line_is_done_when_it_returns(here: World, verdict: str, status: str) -> None:
    connection = waiting(here)
    code, found = decide(connection, verdict, "--reason", "CHG-7", "--endpoint", here.endpoint_id())
    assert (code, found["status"], found["by"]) == (0, "succeeded", "function key")
    assert here.status(here.storage_id(), here.endpoint_id()) == status


def test_what_waits_for_another_person_can_be_taken_back(here: World) -> None:
    connection = waiting(here)
    here.set_policy(here.policy_path.read_text().replace("rules:", "grants: {approvals: 2}\nrules:"))
    assert decide(connection, "approve", "--reason", "yes")[1]["result"]["approvals"] == 0
    code, found = decide(connection, "revoke", "--reason", "no")
    assert (code, found["status"], found["revoked"]["people"]) == (0, "revoked", ["function key"])


def test_where_people_decide_the_command_line_may_not_and_that_is_journalled(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = waiting(here)
    monkeypatch.setenv("LINKKEEPER_DECISIONS_BY", "entra")
    code, text = say(connection, "approve", "--reason", "x")
    assert (code, "LINKKEEPER_DECISIONS_BY" in text) == (1, True)
    (row,) = here.run(here.app.journal.general(here.clock.start))
    assert (row["by"], row["route"], row["detail"]) == ("function key", "command line", "403 A person is needed")


@pytest.mark.parametrize(
    "words", [("approve",), ("maybe", "--reason", "x"), ("approve", "--reason", "x", "--guid", "y")]
)
def test_a_wrong_wish_ends_with_an_error_and_changes_nothing(here: World, words: tuple[str, ...]) -> None:
    assert say(waiting(here), *words)[0] != 0
    assert here.status(here.storage_id(), here.endpoint_id()) == "Pending"


def test_its_help_names_the_three_verdicts() -> None:
    assert all(word in say("--help")[1] for word in ("approve", "reject", "revoke", "--reason"))
