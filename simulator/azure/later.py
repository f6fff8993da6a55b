"""Knows what is still under way: slow operations, squeezed by the pace, or held until somebody moves the time.

Refuses to know what the work is. With pace 0 nothing waits: work runs right after the answer that promised it.
Held time stands still; `advance` moves it and does what falls due, in order, and what follows from that.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.azure.durations import Takes

log = logging.getLogger("simulator")


@dataclass(order=True, slots=True)
class _Work:
    due: float  # in held time
    number: int  # of scheduling
    takes: Takes = field(compare=False)
    act: Callable[[], None] = field(compare=False)


class Later:
    """A list of things to do, some seconds from now."""

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.loop: asyncio.AbstractEventLoop | None = None
        self.broken: list[str] = []
        self.held, self.now = False, 0.0
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: dict[int, tuple[asyncio.TimerHandle, _Work]] = {}
        self._waiting: list[_Work] = []  # a heap, while time is held
        self._count = 0

    def after(self, seconds: float | Takes, act: Callable[[], None]) -> None:
        """Do it later: squeezed seconds times the pace, or real ones of held time; with pace 0 when the caller's
        answer is written."""
        takes = seconds if isinstance(seconds, Takes) else Takes(seconds, seconds)
        self._count += 1
        self._schedule(_Work(self.now + max(0.0, takes.real), self._count, takes, act))

    def _schedule(self, work: _Work) -> None:
        if self.held:
            heapq.heappush(self._waiting, work)
        elif self.pace <= 0 or work.takes.squeezed <= 0 or self.loop is None:
            self._ready.append(work.act)
        else:
            handle = self.loop.call_later(work.takes.squeezed * self.pace, self._fire, work.number)
            self._timers[work.number] = (handle, work)

    def run(self) -> None:
        """Do everything that is due now, and what follows from it."""
        while self._ready:
            self._guarded(self._ready.popleft())
        if self.held:
            self.advance(0.0)

    def hold(self) -> None:
        """Time stands still from here on. What waits already waits for its real time, counted from now."""
        if self.held:
            return
        self.run()
        self.held, self.now = True, 0.0
        for handle, work in self._timers.values():
            handle.cancel()
            self._schedule(_Work(work.takes.real, work.number, work.takes, work.act))
        self._timers.clear()

    def advance(self, seconds: float) -> int:
        """Move held time on and say how many things were done on the way; ValueError when time is not held."""
        if not self.held:
            raise ValueError("time is not held: call hold_time first")
        if seconds < 0:
            raise ValueError("time does not go back")
        until, done = self.now + seconds, 0
        while self._waiting and self._waiting[0].due <= until:
            work = heapq.heappop(self._waiting)
            self.now, done = max(self.now, work.due), done + 1
            self._guarded(work.act)
        self.now = until
        return done

    def set_pace(self, pace: float) -> None:
        """Time runs (again). A pace of 0 also finishes what waits already, in order."""
        self.pace = max(0.0, pace)
        waiting, self._waiting, self.held = sorted(self._waiting), [], False
        if self.pace == 0:
            for handle, work in list(self._timers.values()):
                handle.cancel()
                self._ready.append(work.act)
            self._timers.clear()
        for work in waiting:
            self._schedule(work)
        if self.pace == 0:
            self.run()

    def forget(self) -> None:
        """Nothing waits any more, and time runs at its pace."""
        for handle, _ in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._ready.clear()
        self.held, self.now = False, 0.0

    @property
    def pending(self) -> int:
        """How many things wait, held ones too."""
        return len(self._timers) + len(self._ready) + len(self._waiting)

    @property
    def due(self) -> float | None:
        """How many seconds of held time until the next thing happens."""
        return max(0.0, self._waiting[0].due - self.now) if self._waiting else None

    @property
    def idle(self) -> bool:
        """Nothing will happen by itself; what is held does not count."""
        return not self._timers and not self._ready and self.due != 0.0

    def _fire(self, number: int) -> None:
        entry = self._timers.pop(number, None)
        if entry:
            self._guarded(entry[1].act)
            self.run()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # a slow operation has no caller left to raise to; GET / shows it
            self.broken.append(repr(error))
            log.exception("a slow operation of the simulator broke")
