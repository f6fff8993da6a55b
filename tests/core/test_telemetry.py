"""One log vocabulary, one line each, nothing of a person."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import telemetry
from shared.telemetry import DIMENSIONS, Event

from .build import TARGET, examples


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.rows.append(record)


def logged(*args: Any, **dimensions: Any) -> logging.LogRecord:
    kept, logger = Kept(), logging.getLogger("linkkeeper")
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    try:
        telemetry.log(*args, **dimensions)
    finally:
        logger.removeHandler(kept)
        logger.setLevel(before)
    (row,) = kept.rows
    return row


def dimensions(row: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(row).items() if key.startswith("pl.")}


def test_a_line_begins_with_its_event_and_carries_its_dimensions() -> None:
    row = logged(Event.SETTLED, "two changes", target=TARGET, count=2, rule=None)
    assert row.getMessage() == "settled: two changes"
    assert dimensions(row) == {"pl.event": "settled", "pl.target": str(TARGET), "pl.count": "2"}


def test_an_unknown_dimension_is_a_programming_error_and_nothing_is_logged() -> None:
    with pytest.raises(TypeError, match="unknown log dimensions: caller, claims"):
        logged(Event.SIGNAL, "x", caller="eve", claims={}, target=TARGET)


def test_no_dimension_is_about_a_person_or_what_a_requester_wrote() -> None:
    assert not DIMENSIONS & {"caller", "claims", "ip", "user", "by", "description", "message", "token"}


def test_an_alert_is_critical() -> None:
    kept, logger = Kept(), logging.getLogger("linkkeeper")
    logger.addHandler(kept)
    try:
        telemetry.alert("approved another endpoint", target=TARGET)
    finally:
        logger.removeHandler(kept)
    assert (kept.rows[0].levelno, kept.rows[0].getMessage()) == (logging.CRITICAL, "alert: approved another endpoint")


@examples(150)
@given(st.text(st.characters(), max_size=50) | st.text("\r\n\t\0\x1b\x7f\x85\u2028\u2029%sd", max_size=20))
def test_whatever_comes_from_outside_stays_on_one_line_without_control_characters(text: str) -> None:
    row = logged(Event.IGNORED, text, cause=text)
    assert row.getMessage().isprintable()
    assert dimensions(row)["pl.cause"].isprintable()
    assert len(row.getMessage().splitlines()) == 1


def test_a_long_text_is_cut() -> None:
    row = logged(Event.IGNORED, "x" * 9000, cause="y" * 9000)
    assert len(row.getMessage()) < 2100
    assert len(dimensions(row)["pl.cause"]) == 2000
