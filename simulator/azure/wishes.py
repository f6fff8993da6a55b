"""Knows what the owner of a small Azure may ask of slow operations and of accounts' firewalls.

Refuses to know doors and how anything works. Callable from any thread, like all of Azure's synchronous methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.azure import firewall
from simulator.azure.world import World


class Wishes:
    """A part of Azure (cloud.py)."""

    world: World

    def _run(self, act: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def hold_time(self) -> None:
        """Time stands still, slow operations take as long as Azure's; a pace or a reset ends that."""
        self._run(self.world.later.hold)

    def advance(self, seconds: float) -> int:
        """Move held time on, do what falls due, in order, and say how many things that were."""
        return self._run(lambda: self.world.later.advance(seconds))

    def pending(self) -> int:
        """How many things wait for their time, held or not."""
        return self._run(lambda: self.world.later.pending)

    def time(self) -> dict[str, Any]:
        """Whether time is held, how much of it passed since, what waits, and when the next thing is due."""
        later = self.world.later
        return self._run(lambda: {"held": later.held, "now": later.now, "pending": later.pending, "next": later.due})

    def fail_next(
        self, kind: str, code: str = "InternalServerError", message: str = "The simulator was told to fail."
    ) -> None:
        """The next operation of this kind (failures.KINDS) is accepted and ends Failed."""
        self._run(lambda: self.world.failures.add(kind, code, message))

    def exposure(self, account: str) -> str:
        """Who reaches this Cosmos account from public networks: firewall.OPEN, CLOSED, RULES or DISABLED."""

        def act() -> str:
            found = self.world.get(account)
            if found is None:
                raise ValueError(f"no such account: {account}")
            return firewall.exposure(self.world, found)

        return self._run(act)

    def exposures(self) -> list[dict[str, str]]:
        """Every time that changed: account, before, after, why."""
        return self._run(lambda: list(self.world.exposures))
