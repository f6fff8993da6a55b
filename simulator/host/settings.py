"""host.json and app settings. Knows their syntax and defaults; refuses values the real host refuses."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator.host.errors import AppRefused

_TIMESPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?")
_SETTING = re.compile(r"%([^%]*)%")


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    batch_size: int = 16
    new_batch_threshold: int = 8
    max_polling_interval: float = 60.0
    visibility_timeout: float = 0.0
    max_dequeue_count: int = 5
    base64: bool = True


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    function_timeout: float | None = 1800.0
    route_prefix: str = "api"
    queues: QueueSettings = field(default_factory=QueueSettings)


def timespan(text: str) -> timedelta | None:
    """A .NET TimeSpan, or None. Its trap is kept: 24 or more in the first place means days."""
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    if days is None and seconds is not None and int(hours) > 23:
        days, hours, minutes, seconds = hours, minutes, seconds, "0"
    if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59:
        return None
    micro = int((fraction or "0").ljust(7, "0")[:6])
    return timedelta(
        days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0), microseconds=micro
    )


def substitute(text: str, settings: Mapping[str, str], where: str) -> str:
    """`%NAME%` becomes the app setting of that name; a missing one stops the host, as in Azure."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in settings:
            raise AppRefused(f"{where}: '%{name}%' does not resolve to a value: no such app setting")
        return settings[name]

    return _SETTING.sub(value, text)


def read_host_json(folder: Path) -> HostSettings:
    path = folder / "host.json"
    if not path.is_file():
        raise AppRefused(f"{path} is missing: the host starts only where a host.json lies")
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise AppRefused(f"{path} is not JSON: {error}") from None
    if document.get("version") != "2.0":
        raise AppRefused(f'{path}: "version" must be "2.0"')
    extensions = document.get("extensions", {})
    return HostSettings(
        function_timeout=_timeout(document.get("functionTimeout"), path),
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        queues=_queues(extensions.get("queues", {}), path),
    )


def _timeout(value: Any, path: Path) -> float | None:
    if value is None:
        return 1800.0
    if value == "-1":
        return None
    return _seconds(value, f"{path}: functionTimeout")


def _queues(value: Mapping[str, Any], path: Path) -> QueueSettings:
    batch = _number(value.get("batchSize", 16), f"{path}: queues.batchSize", 1, 32)
    encoding = value.get("messageEncoding", "base64")
    if encoding not in ("base64", "none"):
        raise AppRefused(f"{path}: queues.messageEncoding is base64 or none, not {encoding!r}")
    return QueueSettings(
        batch_size=batch,
        new_batch_threshold=_number(
            value.get("newBatchThreshold", batch // 2), f"{path}: queues.newBatchThreshold", 0, 10_000
        ),
        max_polling_interval=max(
            0.1, _seconds(value.get("maxPollingInterval", "00:01:00"), f"{path}: queues.maxPollingInterval")
        ),
        visibility_timeout=_seconds(value.get("visibilityTimeout", "00:00:00"), f"{path}: queues.visibilityTimeout"),
        max_dequeue_count=_number(value.get("maxDequeueCount", 5), f"{path}: queues.maxDequeueCount", 1, 1_000),
        base64=encoding == "base64",
    )


def _number(value: Any, where: str, low: int, high: int) -> int:
    if not isinstance(value, int) or not low <= value <= high:
        raise AppRefused(f"{where} must be a number from {low} to {high}, not {value!r}")
    return value


def _seconds(value: Any, where: str) -> float:
    span = timespan(value) if isinstance(value, str) else None
    if span is None:
        raise AppRefused(f'{where} must be a time like "00:00:02", not {value!r}')
    return span.total_seconds()
