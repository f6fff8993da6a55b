"""What the real host or worker refuses at start-up, this one refuses too, in clear words."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.host.errors import AppRefused
from simulator.host.running import Host, HostOptions
from tests.host.conftest import write_app

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusal]:
    monkeypatch.setattr(sys, "path", list(sys.path))

    def build(source: str, settings: dict[str, str] | None = None, **host: Any) -> str:
        sys.modules.pop("function_app", None)
        write_app(tmp_path, source, **host)
        with pytest.raises(AppRefused) as caught:
            Host(HostOptions(app=tmp_path, port=1), settings or {})
        return str(caught.value)

    yield build
    sys.modules.pop("function_app", None)


def test_a_module_that_cannot_be_imported_takes_the_whole_app_down(refusal: Refusal) -> None:
    assert "No module named 'nowhere'" in refusal("import nowhere")


def test_an_app_file_without_an_app_is_refused(refusal: Refusal) -> None:
    assert "could not find a top level FunctionApp" in refusal("del app")


def test_two_apps_in_one_file_are_refused(refusal: Refusal) -> None:
    assert "more than one FunctionApp" in refusal("other = func.FunctionApp()")


def test_two_functions_of_one_name_are_refused(refusal: Refusal) -> None:
    assert "unique" in refusal("""
        @app.route("a")
        def one(req): ...
        @app.function_name("one")
        @app.route("b")
        def two(req): ...
        """)


def test_a_parameter_without_a_binding_is_named(refusal: Refusal) -> None:
    said = refusal("@app.route('a')\ndef one(req, stranger): ...")
    assert "have no binding: stranger" in said


def test_a_binding_without_a_parameter_is_named(refusal: Refusal) -> None:
    said = refusal("@app.route('a', trigger_arg_name='request')\ndef one(): ...")
    assert "have no parameter in Python: request" in said


def test_an_annotation_that_does_not_fit_the_trigger_is_refused(refusal: Refusal) -> None:
    said = refusal("@app.route('a')\ndef one(req: func.QueueMessage): ...")
    assert "does not match its Python annotation" in said


def test_a_binding_that_this_host_cannot_run_is_refused(refusal: Refusal) -> None:
    said = refusal("""
        @app.blob_trigger("blob", path="c/n", connection="AzureWebJobsStorage")
        def one(blob): ...
        """)
    assert "blobTrigger" in said
    assert "does not run" in said


@pytest.mark.parametrize("schedule", ["every minute", "* * * *", "61 * * * * *", "0 0 0 1 * 7", "24:61:00", "0"])
def test_a_bad_schedule_is_refused(refusal: Refusal, schedule: str) -> None:
    assert "was not recognized" in refusal(f"@app.timer_trigger('t', schedule='{schedule}')\ndef one(t): ...")


def test_a_schedule_from_a_missing_setting_is_refused(refusal: Refusal) -> None:
    assert "'%WHEN%' does not resolve" in refusal("@app.timer_trigger('t', schedule='%WHEN%')\ndef one(t): ...")


@pytest.mark.parametrize("route", ["/a", "a/{x", "a/{x}/{x}", "{*rest}/a", "a/{x:colour}", "admin/x"])
def test_a_bad_route_is_refused(refusal: Refusal, route: str) -> None:
    assert "route" in refusal(f"@app.route('{route}')\ndef one(req): ...")


def test_two_functions_on_one_route_and_method_are_refused(refusal: Refusal) -> None:
    said = refusal("@app.route('a')\ndef one(req): ...\n@app.route('A', methods=['GET'])\ndef two(req): ...")
    assert "same route" in said


def test_a_queue_whose_connection_is_not_set_is_refused(refusal: Refusal) -> None:
    said = refusal("@app.queue_trigger('m', queue_name='work', connection='Elsewhere')\ndef one(m): ...")
    assert "connection 'Elsewhere' does not exist" in said


def test_host_json_with_a_batch_that_azure_does_not_allow_is_refused(refusal: Refusal) -> None:
    assert "batchSize must be a number from 1 to 32" in refusal("", queues={"batchSize": 33})


def test_host_json_with_an_odd_time_is_refused(refusal: Refusal) -> None:
    assert "functionTimeout must be a time" in refusal("", functionTimeout="5 minutes")
