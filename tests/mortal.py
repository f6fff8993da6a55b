"""Sudden death of the app between any two steps it takes, and pauses there: as kill -9, a frozen host, a slow disk.

Knows the few doors through which every step to the outside goes. Once dead, nothing of that app gets through any more.
Refuses to know what the steps are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from shared.app import App


class Killed(BaseException):
    """As kill -9: no `except Exception` of the app may see it."""


class Mortal:
    """Wraps the doors of one app: tables, the bell, and the clients of Azure."""

    def __init__(self, app: App, only_storage: bool = False) -> None:
        """`only_storage`: leave out the steps just before a call to Azure, after which nothing can be checked."""
        self.steps = 0
        self.dead = self._aside = False
        self._last: int | None = None
        self._before: Callable[[int], Awaitable[None]] | None = None
        self._inside = 0
        self._wrap(app.tables, "_do")
        self._wrap(app.worklist._bell, "ring")
        if not only_storage:
            self._wrap(app.clients, "_client")
            self._wrap(app.notifier, "_client")

    def dies_at(self, step: int | None) -> None:
        """Let that many more steps through; None: lives on."""
        self._last = None if step is None else self.steps + step

    def before_step(self, step: int, act: Callable[[], Awaitable[None]]) -> None:
        """Something else happens just before that step, counted from now; its own steps do not count."""
        wanted = self.steps + step

        async def once(now: int) -> None:
            if now == wanted:
                self._before, self._aside = None, True
                await act()
                self._aside = False

        self._before = once

    def _wrap(self, owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        async def door(*args: Any, **kwargs: Any) -> Any:
            await self._step()
            self._inside += 1
            try:
                return await inner(*args, **kwargs)
            finally:
                self._inside -= 1

        setattr(owner, name, door)

    async def _step(self) -> None:
        if self._aside:
            return
        if self._before is not None:
            await self._before(self.steps)
        if self._last is not None and self.steps >= self._last:
            self.dead = True
        if self.dead:
            raise Killed
        self.steps += 1

    async def buried(self) -> None:
        """What was on the wire when it died has arrived by then."""
        while self._inside:
            await asyncio.sleep(0.001)
