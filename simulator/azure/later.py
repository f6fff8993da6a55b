"""Knows what is still under way: slow operations, stretched or squeezed by the pace.

Refuses to know what the work is. With pace 0 nothing waits: work runs right after the answer that promised it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger("simulator")


class Later:
    """A list of things to do, some seconds from now."""

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.loop: asyncio.AbstractEventLoop | None = None
        self.broken: list[str] = []
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: dict[int, tuple[asyncio.TimerHandle, Callable[[], None]]] = {}
        self._count = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do it after so many seconds times the pace; with pace 0 when the caller's answer is written."""
        if self.pace <= 0 or seconds <= 0 or self.loop is None:
            self._ready.append(act)
            return
        self._count += 1
        number = self._count
        handle = self.loop.call_later(seconds * self.pace, self._fire, number)
        self._timers[number] = (handle, act)

    def run(self) -> None:
        """Do everything that is due now, and what follows from it."""
        while self._ready:
            self._guarded(self._ready.popleft())

    def set_pace(self, pace: float) -> None:
        """A pace of 0 also finishes what waits already."""
        self.pace = max(0.0, pace)
        if self.pace == 0:
            for handle, act in list(self._timers.values()):
                handle.cancel()
                self._ready.append(act)
            self._timers.clear()
            self.run()

    def forget(self) -> None:
        for handle, _ in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self._ready.clear()

    @property
    def idle(self) -> bool:
        return not self._timers and not self._ready

    def _fire(self, number: int) -> None:
        entry = self._timers.pop(number, None)
        if entry:
            self._guarded(entry[1])
            self.run()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # a slow operation has no caller left to raise to; GET / shows it
            self.broken.append(repr(error))
            log.exception("a slow operation of the simulator broke")
