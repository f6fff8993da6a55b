"""After a refusal for too many private DNS calls, this worker's queue up, one after the other, until it has passed.

A call sent before Retry-After has elapsed is not even looked at (reference/arm-limits.md section 2), and thirty that
wake in the same moment waste twenty. Knows no budget: whatever other workers do, Azure's own refusals set the pace.
Refuses to delay what decisions about connections rest on: it would grow old (law 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import ServiceRequestTimeoutError
from azure.core.pipeline.policies import AsyncHTTPPolicy

_CALM = timedelta(seconds=10)
_LONGEST = 5.0  # seconds; who has to wait longer gives the work back instead
_IN_LINE = 20.0  # seconds; less than a call may take in all
_FIRST = datetime.min.replace(tzinfo=UTC)
Clock = Callable[[], datetime]


@dataclass(slots=True)
class _Lane:
    """`until`: nothing is looked at before; `slow`: one at a time before."""

    until: datetime = _FIRST
    slow: datetime = _FIRST
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Queue(AsyncHTTPPolicy):  # type: ignore[type-arg]
    def __init__(self, now: Clock) -> None:
        self._now = now
        self._lanes: dict[tuple[str, str], _Lane] = {}

    async def send(self, request: Any) -> Any:
        lane = self._lane(request.http_request)
        if lane is None:
            return await self.next.send(request)
        if self._now() >= lane.slow:
            return self._noted(lane, await self.next.send(request))
        try:
            async with asyncio.timeout(_IN_LINE):
                await lane.lock.acquire()
        except TimeoutError:  # never sent: the work goes back, and nothing is in doubt
            raise ServiceRequestTimeoutError("too many calls wait for their turn") from None
        try:
            pause = (lane.until - self._now()).total_seconds()
            if 0 < pause <= _LONGEST:
                await request.context.transport.sleep(pause)
            return self._noted(lane, await self.next.send(request))
        finally:
            lane.lock.release()

    def _lane(self, request: Any) -> _Lane | None:
        """By subscription and kind: Azure counts reads, writes and deletes apart, and private DNS on its own."""
        url = str(request.url).lower()
        if "/privatednszones" not in url:
            return None
        subscription = url.partition("/subscriptions/")[2].partition("/")[0]
        return self._lanes.setdefault((subscription, request.method), _Lane())

    def _noted(self, lane: _Lane, response: Any) -> Any:
        if response.http_response.status_code == 429:
            text = response.http_response.headers.get("Retry-After", "")
            seconds = float(text) if text.isdecimal() else 1.0
            lane.until = max(lane.until, self._now() + timedelta(seconds=seconds))
            lane.slow = lane.until + _CALM
        return response
