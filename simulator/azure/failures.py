"""Knows slow operations that were told to fail at their end. Refuses to know what failing leaves behind.

A fault (faults.py) spoils an answer; this spoils work that was accepted with a 2xx already.
"""

from __future__ import annotations

from simulator.azure.errors import ArmError

KINDS = ("endpoint", "account")  # PUT of an endpoint; change, failover, offlining or onlining of a Cosmos account


class Failures:
    """What is to fail next, per kind of operation, oldest first."""

    def __init__(self) -> None:
        self.rows: dict[str, list[ArmError]] = {}

    def add(self, kind: str, code: str, message: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"no operations of the kind {kind!r} can be told to fail; there are {KINDS}")
        self.rows.setdefault(kind, []).append(ArmError(400, code, message))

    def strike(self, kind: str) -> None:
        """Raise what was planted for the next operation of this kind."""
        if self.rows.get(kind):
            raise self.rows[kind].pop(0)
