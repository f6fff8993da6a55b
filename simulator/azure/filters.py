"""Knows the advanced filters of Event Grid for strings. Refuses to know where events come from.

Documented (reference: events 4): filters are ANDed, values ORed, case is ignored, a filter on a key that the event
lacks does not match, except the Not operators, which do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "stringin": lambda text, value: text == value,
    "stringbeginswith": lambda text, value: text.startswith(value),
    "stringendswith": lambda text, value: text.endswith(value),
    "stringcontains": lambda text, value: value in text,
}
NEGATED = {
    "stringnotin": "stringin",
    "stringnotbeginswith": "stringbeginswith",
    "stringnotendswith": "stringendswith",
    "stringnotcontains": "stringcontains",
}
_KEYS = {
    "EventGridSchema": ("id", "topic", "subject", "eventType", "dataVersion"),
    "CloudEventSchemaV1_0": ("id", "source", "subject", "type", "specversion"),
}


def check(filters: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what Event Grid would refuse: unknown operators, and more than 25 filters or values in all."""
    unknown = [row["operatorType"] for row in filters if row["operatorType"].lower() not in {*TESTS, *NEGATED}]
    if unknown:
        raise ValueError(f"unknown filter operators: {unknown}")
    if len(filters) > 25 or sum(len(row["values"]) for row in filters) > 25:
        raise ValueError("an event subscription may have 25 advanced filters and 25 values in all")


def matches(event: Mapping[str, Any], schema: str, filters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an event, in the schema of the subscription, passes every filter."""
    return all(_matches(event, schema, row) for row in filters)


def _matches(event: Mapping[str, Any], schema: str, row: Mapping[str, Any]) -> bool:
    operator = row["operatorType"].lower()
    value = _value(event, schema, row["key"])
    if operator in NEGATED:
        return value is None or not _any(NEGATED[operator], value, row["values"])
    return value is not None and _any(operator, value, row["values"])


def _any(operator: str, value: str, wanted: Sequence[str]) -> bool:
    return any(TESTS[operator](value, str(one).lower()) for one in wanted)


def _value(event: Mapping[str, Any], schema: str, key: str) -> str | None:
    head, dot, rest = key.partition(".")
    if not dot:
        names = {name.lower(): name for name in _KEYS[schema]}
        found: Any = event.get(names.get(key.lower(), ""))
    else:
        found = event.get("data") if head.lower() == "data" else None
        for part in rest.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    return str(found).lower() if isinstance(found, (str, int, float)) else None
