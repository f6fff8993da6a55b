"""What is kept of those who were refused: who, where and why, and nothing that was sent."""

from __future__ import annotations

import asyncio

import pytest

from functions import requests
from tests.azure.test_http import OID, ask, waiting
from tests.azure.test_roles import APPROVER, ON, READER, as_request, decides, refusals, signed_in
from tests.world import World


def test_refusals_are_journalled_with_who_where_and_why_and_nothing_that_was_sent(w: World) -> None:
    connection = waiting(w)
    w.restart(**ON)
    decides(w, connection, signed_in(READER), reason="<script>")
    (row,) = refusals(w)
    assert (row["by"], row["route"], row["detail"]) == (f"person {OID}", "decisions", "403 Not allowed")
    assert (row["result"], row["count"]) == ("refused", 1)
    assert not [word for word in ("script", "Lovelace", connection) if word in str(row)]


def test_a_flood_of_equal_refusals_is_one_row_with_a_count(w: World) -> None:
    w.restart(**ON)
    w.clock.skip(seconds=62 - w.clock().second)  # not over the turn of a minute

    async def flood() -> None:
        await asyncio.gather(*(requests.decisions(as_request({})) for _ in range(8)))
        for _ in range(12):
            await requests.decisions(as_request({}))

    w.run(flood())
    (row,) = refusals(w)
    assert 12 < row["count"] <= 20
    w.clock.skip(minutes=1)
    w.run(flood())
    assert len(refusals(w)) == 2


@pytest.mark.parametrize(
    ("verdicts", "title"),
    [(("approve", "approve"), "409 Already agreed"), (("reject", "approve"), "409 Rejected already")],
)
def test_a_decision_that_the_earlier_one_forbids_is_journalled_too(
    w: World, verdicts: tuple[str, str], title: str
) -> None:
    connection = waiting(w)
    w.restart(**ON)
    answers = [decides(w, connection, signed_in(APPROVER), verdict)[0] for verdict in verdicts]
    assert (answers, refusals(w)[0]["detail"]) == ([202, 409], title)


def test_taking_back_what_was_done_is_journalled_as_refused(w: World) -> None:
    connection = waiting(w)
    w.restart(**ON)
    decides(w, connection, signed_in(APPROVER))
    w.work()
    assert decides(w, connection, signed_in(APPROVER), "revoke")[0] == 409
    assert refusals(w)[0]["detail"] == "409 Too late"


def test_what_is_merely_unknown_or_wrong_is_no_refusal_and_a_targets_journal_shows_none(w: World) -> None:
    connection = waiting(w)
    w.restart(**ON)
    decides(w, connection.replace("acct1", "none"), signed_in(APPROVER))
    decides(w, connection, signed_in(APPROVER), "maybe")
    assert refusals(w) == []
    decides(w, connection, signed_in(READER))
    rows = ask(w, requests.journal, params={"target": w.storage_id()}, headers=signed_in(READER))[1]["value"]
    assert "refusal" not in {row["kind"] for row in rows}


def test_a_refusal_stands_when_it_cannot_be_journalled(w: World) -> None:
    w.restart(**ON, AzureWebJobsStorage__tableServiceUri="https://127.0.0.1:1/away")
    status = ask(w, requests.connections, headers=signed_in())[0]
    w.restart()
    assert status == 403
