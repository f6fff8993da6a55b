"""The queue after a refusal for too many private DNS calls: its order, its limit, and whom it leaves alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestTimeoutError
from azure.core.pipeline import AsyncPipeline
from azure.core.rest import HttpRequest

from shared.azure import pacing

HUB, OTHER = "cccccccc-0000-4000-8000-000000000003", "dddddddd-0000-4000-8000-000000000004"


@dataclass
class Line:
    """Where calls end: what was sent and when, how many at a time, and what is answered (429 while `refuses` lasts)."""

    now: datetime = datetime(2027, 1, 1, tzinfo=UTC)
    refuses: int = 0
    after: str = "2"
    sent: list[tuple[str, float]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    at_once: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.start = self.now
        self.pipeline: AsyncPipeline[Any, Any] = AsyncPipeline(self, [pacing.Queue(lambda: self.now)])  # type: ignore[arg-type]

    async def send(self, request: HttpRequest, **_: Any) -> Any:
        self.sent.append((request.url.rpartition("/")[2], (self.now - self.start).total_seconds()))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        self.refuses -= 1
        status = 429 if self.refuses >= 0 else 200
        return SimpleNamespace(status_code=status, headers={"Retry-After": self.after} if status == 429 else {})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def call(self, name: str, method: str = "PUT", subscription: str = HUB, kind: str = "privateDnsZones") -> Any:
        url = f"https://arm.test/subscriptions/{subscription}/providers/Microsoft.Network/{kind}/z/A/{name}"
        return self.pipeline.run(HttpRequest(method, url))  # type: ignore[arg-type]

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def run(line: Line, *calls: Any) -> None:
    async def every() -> None:
        await asyncio.gather(*calls)

    asyncio.run(every())


def refused(after: str = "2") -> Line:
    line = Line(refuses=1, after=after)
    run(line, line.call("first"))
    line.sent.clear()
    line.most = 0
    return line


def test_before_any_refusal_calls_go_side_by_side() -> None:
    line = Line()
    run(line, *(line.call(name) for name in "abc"))
    assert (line.most, line.slept) == (3, [])


def test_after_a_refusal_nobody_is_sent_before_its_time_and_then_one_by_one_in_order() -> None:
    line = refused()
    run(line, *(line.call(name) for name in "abcd"))
    assert line.sent == [(name, 2.0) for name in "abcd"]
    assert (line.most, line.slept) == (1, [2.0]), "the first one waits for all"


def test_another_refusal_in_the_line_makes_those_behind_it_wait_again() -> None:
    line = refused()
    line.refuses = 1
    run(line, *(line.call(name) for name in "abc"))
    assert line.sent == [("a", 2.0), ("b", 4.0), ("c", 4.0)]


def test_reads_other_subscriptions_and_other_services_are_not_held_up() -> None:
    line = refused()
    run(line, line.call("get", "GET"), line.call("there", subscription=OTHER), line.call("pe", kind="privateEndpoints"))
    assert dict(line.sent) == {"get": 0.0, "there": 0.0, "pe": 0.0}
    assert line.most == 3


def test_some_seconds_after_the_refusal_is_over_calls_go_side_by_side_again() -> None:
    line = refused()
    line.passes(11.9)
    run(line, line.call("a"), line.call("b"))
    assert line.most == 1
    line.passes(0.1)
    run(line, line.call("c"), line.call("d"))
    assert line.most == 2


@pytest.mark.parametrize(("after", "slept"), [("5", [5.0]), ("6", [])])
def test_nobody_sleeps_for_longer_than_a_few_seconds(after: str, slept: list[float]) -> None:
    """Longer than that, Azure's own refusal gives the work back."""
    line = refused(after)
    run(line, line.call("a"))
    assert line.slept == slept


def test_who_stands_in_line_too_long_was_never_sent_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_IN_LINE", 0.005)
    line = refused()

    async def both() -> None:
        first = asyncio.ensure_future(line.call("a"))
        await asyncio.sleep(0)
        with pytest.raises(ServiceRequestTimeoutError, match="wait for their turn"):
            await line.call("b")
        await first
        await line.call("c")

    asyncio.run(both())
    assert [name for name, _ in line.sent] == ["a", "c"]
