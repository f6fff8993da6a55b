"""Knows the faults that tests plant: errors, delays, lost answers, dropped connections. Refuses to know their sense."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """What goes wrong, for whom, and how often (times 0: always)."""

    principal: str = ""  # "" = anybody
    method: str = ""  # "" = any
    path: str = ""  # regular expression, searched in the path, case ignored
    status: int = 0  # 0 = no error of its own (with delay or drop)
    code: str = "InternalServerError"
    message: str = "The simulator was told to fail."
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # answered instead of the error: odd answers, foreign links
    delay: float = 0.0  # seconds before anything happens
    times: int = 1
    drop: bool = False  # close the connection instead of answering
    after: bool = False  # act first, then fail: a lost answer
    used: int = 0

    def fits(self, principal: str, method: str, path: str) -> bool:
        return (
            self.principal in ("", principal)
            and self.method.upper() in ("", "*", method)
            and re.search(self.path, path, re.IGNORECASE) is not None
        )


class Faults:
    """The planted faults, oldest first."""

    def __init__(self) -> None:
        self.rows: list[Fault] = []

    def add(self, **given: Any) -> Fault:
        """Plant one; raises ValueError for unknown fields and bad expressions."""
        unknown = set(given) - set(Fault.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown fields of a fault: {sorted(unknown)}")
        given = {name: value for name, value in given.items() if value is not None}
        try:
            re.compile(str(given.get("path", "")))
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from error
        fault = Fault(**given)
        self.rows.append(fault)
        return fault

    def take(self, principal: str, method: str, path: str) -> Fault | None:
        """The first fault that fits, counted as used."""
        for fault in self.rows:
            if (fault.times == 0 or fault.used < fault.times) and fault.fits(principal, method, path):
                fault.used += 1
                return fault
        return None

    def seen(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.rows]

    def forget(self) -> None:
        self.rows.clear()
