"""Times as people write and read them: ISO 8601, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from .callers import Problem


def moment(name: str, value: object) -> datetime:
    """A date or time, UTC unless it says otherwise. Raises Problem 400."""
    try:
        return utc(datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError):
        raise Problem(400, "No date", f"{name} is an ISO 8601 time, such as 2027-01-31T12:00:00Z.") from None


def utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def iso(value: datetime) -> str:
    return datetime.fromtimestamp(value.timestamp(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
