"""How many private DNS reads are left: the scarcest thing there is (500 in 5 minutes for all workers together).

Knows only what Azure says with every answer (`x-ms-ratelimit-remaining-subscription-resource-requests`, recorded), so
it is right however many workers there are. Keeps the last fifth for events. Refuses to know how large the bucket is:
the largest number that any worker ever saw stands for that, and is kept in storage.
Source: reference/arm-limits.md sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from azure.core.pipeline.policies import SansIOHTTPPolicy

from ..core.ids import fold
from ..errors import Passing
from .memory import CONTROL, when
from .tables import Row, Tables

_HEADER = "x-ms-ratelimit-remaining-subscription-resource-requests"
_SHARE = 5  # the last fifth is for events
_LOOK_AGAIN = timedelta(seconds=60)
_PARTITION = "dns reads"
Clock = Callable[[], datetime]


class Remaining(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Notes what every answer to a private DNS read says of the budget: subscription to (left, when)."""

    def __init__(self, now: Clock) -> None:
        self.now = now
        self.left: dict[str, tuple[int, datetime]] = {}
        self.most: dict[str, int] = {}

    def on_response(self, request: Any, response: Any) -> None:
        url, text = request.http_request.url.lower(), response.http_response.headers.get(_HEADER, "")
        if request.http_request.method != "GET" or "/privatednszones" not in url:
            return
        key = url.partition("/subscriptions/")[2].partition("/")[0]
        if response.http_response.status_code == 429:
            self.left[key] = (0, self.now())
        elif text.isdecimal():
            self.left[key] = (int(text), self.now())
            self.most[key] = max(self.most.get(key, 0), int(text))


class DnsBudget:
    def __init__(self, seen: Remaining, tables: Tables, now: Clock) -> None:
        self._seen, self._tables, self.now = seen, tables, now
        self._most: dict[str, tuple[int, datetime]] = {}
        self._told: dict[str, datetime] = {}

    async def spare(self, subscription: str) -> bool:
        """May a sweep read on, once? Not when that would touch the share of events; then again after a minute."""
        key = fold(subscription)
        left, at = self._seen.left.get(key, (None, None))
        if left is None or at is None or self.now() - at >= _LOOK_AGAIN:
            left, at = await self._of_others(key)
        if left is None or at is None or self.now() - at >= _LOOK_AGAIN:
            return True  # nobody knows: one read will tell
        size = await self._size(key)
        own = self._seen.left.get(key)
        if own is not None and own[1] >= at:
            left, at = own  # others of this worker may have read meanwhile
        if left * _SHARE > size:
            self._seen.left[key] = (left - 1, at)  # many ask at once: its own answer will say it better
            return True
        if self._told.get(key) != at:
            await self._tables.put(CONTROL, Row(_PARTITION, f"left!{key}", {"left": left, "at": at}))
            self._told[key] = at
        return False

    async def need(self, subscription: str) -> None:
        """Raises Passing when the rest is for events."""
        if not await self.spare(subscription):
            text = f"the private DNS reads that are left in {subscription} are kept for events"
            raise Passing(text, _LOOK_AGAIN.total_seconds())

    async def learn(self, subscription: str) -> None:
        """After any read, events' too: a number larger than ever is stored for all workers, and nothing else is."""
        key = fold(subscription)
        if self._seen.most.get(key, 0) > self._most.get(key, (0,))[0]:
            await self._size(key)

    async def _of_others(self, key: str) -> tuple[int | None, datetime | None]:
        """What another worker saw when it stopped."""
        row = await self._tables.get(CONTROL, _PARTITION, f"left!{key}")
        return (int(row.data["left"]), when(row.data["at"])) if row else (None, None)

    async def _size(self, key: str) -> int:
        """Of the bucket: an answer says what is left after it."""
        seen, now = self._seen.most.get(key, 0), self.now()
        known, at = self._most.get(key, (0, now - _LOOK_AGAIN))
        if seen > known or now - at >= _LOOK_AGAIN:
            row = await self._tables.get(CONTROL, _PARTITION, f"most!{key}")
            stored = int(row.data["most"]) if row else 0
            known = max(seen, stored)
            self._most[key] = (known, now)
            if known > stored:
                await self._tables.put(CONTROL, Row(_PARTITION, f"most!{key}", {"most": known}))
        return known + 1
