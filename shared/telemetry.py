"""One log vocabulary: the names of what happens, and the few dimensions that describe it.

Knows logging's `extra`, which the Functions worker hands on as custom dimensions. Refuses event claims, callers'
names and request texts: nothing of a person goes into the log.
"""

from __future__ import annotations

import logging
from enum import StrEnum

_log = logging.getLogger("linkkeeper")


class Event(StrEnum):
    IGNORED = "ignored"
    SIGNAL = "signal"
    SETTLED = "settled"
    CHANGE = "change"
    HELD = "held"
    FINDING = "finding"
    LATER = "later"
    PARKED = "parked"
    FAILED = "failed"
    POLICY = "policy"
    SWEPT = "swept"
    ALERT = "alert"


DIMENSIONS = frozenset(
    ("target", "endpoint", "connection", "record", "cause", "change", "outcome", "rule", "fingerprint", "count")
)


def log(event: Event, message: str, level: int = logging.INFO, **dimensions: object) -> None:
    """`dimensions` are `pl.<name>` in the telemetry; an unknown one is a programming error."""
    unknown = dimensions.keys() - DIMENSIONS
    if unknown:
        raise TypeError(f"unknown log dimensions: {', '.join(sorted(unknown))}")
    extra = {f"pl.{name}": _one_line(str(value)) for name, value in dimensions.items() if value is not None}
    _log.log(level, "%s: %s", event.value, _one_line(message), extra={"pl.event": event.value, **extra})


def alert(message: str, **dimensions: object) -> None:
    log(Event.ALERT, message, logging.CRITICAL, **dimensions)


def _one_line(text: str) -> str:
    """Text from outside must not forge log lines."""
    return "".join(char if char.isprintable() else " " for char in text)[:2000]
