"""Timers, the host's admin API, and restarts."""

import json
from pathlib import Path

import pytest

from tests.host.conftest import Start

pytestmark = pytest.mark.wire
TIMER = """
@app.timer_trigger("t", schedule="%EVERY%", run_on_startup={startup})
def tick(t: func.TimerRequest):
    logging.info("tick past_due=%s", t.past_due)
    {more}
"""


def test_a_timer_takes_its_schedule_from_a_setting(start: Start) -> None:
    app = start(TIMER.format(startup=False, more=""), settings={"EVERY": "*/1 * * * * *"})
    assert app.said("tick past_due=False", times=2)


def test_a_timer_never_runs_twice_at_once(start: Start) -> None:
    more = "logging.info('begun'); time.sleep(2.5); logging.info('over')"
    app = start(TIMER.format(startup=False, more=more), settings={"EVERY": "00:00:01"})
    assert app.said("over", times=2)
    words = [word for word in app.log.read_text().split() if word in ("begun", "over")]
    assert words[:4] == ["begun", "over", "begun", "over"]


def test_run_on_startup_runs_on_startup(start: Start) -> None:
    assert start(TIMER.format(startup=True, more=""), settings={"EVERY": "0 0 0 1 1 *"}).said("tick past_due=False")


def test_a_run_missed_while_the_host_was_down_is_past_due(start: Start, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "timer-tick.json").write_text('{"Next": "2020-01-01T00:00:00+00:00"}')
    app = start(
        TIMER.format(startup=False, more=""),
        settings={"EVERY": "0 0 0 1 1 *"},
        options=("--memory", str(tmp_path / "memory")),
    )
    assert app.said("tick past_due=True")


def test_the_admin_api_lists_functions_and_system_keys_for_the_master_key_only(start: Start) -> None:
    app = start(TIMER.format(startup=False, more=""), settings={"EVERY": "0 0 0 1 1 *"})
    listed = json.loads(app.call("/admin/functions", x_functions_key="the-master").text)
    key = json.loads(app.call("/admin/host/systemkeys/eventgrid_extension?code=the-master").text)
    assert [(one["name"], one["config"]["bindings"][0]["type"]) for one in listed] == [("tick", "timerTrigger")]
    assert (key["name"], key["value"]) == ("eventgrid_extension", "the-system")
    assert json.loads(app.call("/admin/host/status?code=the-master").text)["state"] == "Running"
    assert app.call("/admin/functions", x_functions_key="the-host").status == 401


def test_a_timer_can_be_triggered_by_hand(start: Start) -> None:
    app = start(TIMER.format(startup=False, more=""), settings={"EVERY": "0 0 0 1 1 *"})
    answer = app.call(
        "/admin/functions/tick", "POST", {"input": ""}, x_functions_key="the-master", content_type="application/json"
    )
    assert answer.status == 202
    assert app.said("tick past_due=False")


def test_an_event_can_be_sent_by_hand(start: Start) -> None:
    app = start("@app.event_grid_trigger('e')\ndef on_event(e: func.EventGridEvent): logging.info('got %s', e.id)")
    app.call(
        "/admin/functions/on_event",
        "POST",
        {"input": json.dumps({"id": "by-hand"})},
        x_functions_key="the-master",
        content_type="application/json",
    )
    assert app.said("got by-hand")
