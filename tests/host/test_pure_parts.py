"""Routes, schedules, times and keys, without a process."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator.host.keys import Keys, Level
from simulator.host.routing import parse_route
from simulator.host.settings import timespan
from simulator.host.timers import parse_schedule

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("a/{x}", "/a/b", {"x": "b"}),
        ("a/{x}", "/A/b%20c", {"x": "b c"}),
        ("a/{x}", "/a/b%2Fc", {"x": "b%2Fc"}),
        ("a/{x}", "/a", None),
        ("a/{x}", "/a/b/c", None),
        ("a/{x?}", "/a", {}),
        ("a/{x:int}", "/a/7", {"x": "7"}),
        ("a/{x:int}", "/a/seven", None),
        ("a/{*rest}", "/a/b/c", {"rest": "b/c"}),
    ],
)
def test_a_route_matches_as_asp_net_does(template: str, path: str, values: dict[str, str] | None) -> None:
    assert parse_route(template, "f").match(path) == values


def test_a_literal_route_goes_before_one_with_a_parameter() -> None:
    routes = [parse_route(text, "f") for text in ("audits/{*all}", "audits/{id}", "audits/{id:int}", "audits/latest")]
    ordered = sorted(routes, key=lambda route: route.precedence)
    assert [route.template for route in ordered] == ["audits/latest", "audits/{id:int}", "audits/{id}", "audits/{*all}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:15", timedelta(seconds=15)),
        ("1.02:00:00", timedelta(days=1, hours=2)),
        ("24:00:00", timedelta(days=24)),  # the trap of TimeSpan.Parse
        ("00:00:00.5", timedelta(milliseconds=500)),
        ("00:60:00", None),
        ("soon", None),
    ],
)
def test_a_timespan_is_read_as_dot_net_reads_it(text: str, expected: timedelta | None) -> None:
    assert timespan(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 */5 * * * *", NOON + timedelta(minutes=5)),
        ("*/10 * * * * *", NOON + timedelta(seconds=10)),
        ("0 30 9 * * 1-5", datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
        ("0 0 0 1 * 0", datetime(2027, 8, 1, tzinfo=UTC)),  # the first and a Sunday: both, unlike Unix cron
        ("*/5 * * * *", NOON + timedelta(minutes=5)),
        ("00:00:15", NOON + timedelta(seconds=15)),
    ],
)
def test_the_next_run_is_where_ncrontab_puts_it(text: str, expected: datetime) -> None:
    assert parse_schedule(text, "f").after(NOON) == expected


def test_each_key_opens_only_what_it_is_for() -> None:
    keys = Keys(master="m", host={"default": "h"}, system={"eventgrid_extension": "s"}, functions={"f": {"own": "k"}})
    levels = {key: keys.level(key, "f") for key in ("m", "h", "k", "s", "x", "")}
    assert levels == {
        "m": Level.ADMIN,
        "h": Level.FUNCTION,
        "k": Level.FUNCTION,
        "s": Level.ANONYMOUS,
        "x": Level.ANONYMOUS,
        "": Level.ANONYMOUS,
    }
    assert keys.level("k", "another") is Level.ANONYMOUS
    assert [keys.opens_webhook(key, "eventgrid_extension") for key in ("m", "s", "h")] == [True, True, False]
