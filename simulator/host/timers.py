"""Timer triggers. Knows NCRONTAB and TimeSpan schedules, past-due starts, and that one timer never
runs twice at once. Refuses what NCRONTAB refuses, though croniter would take it.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.functions.meta import Datum
from croniter import croniter

from simulator.host.errors import AppRefused
from simulator.host.invoking import InvocationFailed, Invoker
from simulator.host.loading import Function
from simulator.host.settings import substitute, timespan

log = logging.getLogger("host.timers")
_FIELD = re.compile(r"[0-9A-Za-z*,/-]+")
_NOT_NCRONTAB = re.compile(r"[LW#?@R]|\b7\b")
_WORTH_KEEPING = timedelta(minutes=1)  # the real host keeps no schedule status for faster timers


@dataclass(frozen=True)
class Schedule:
    """Either a cron expression with seconds first, or a fixed interval."""

    cron: str | None = None
    interval: timedelta | None = None

    def after(self, now: datetime) -> datetime:
        if self.interval is not None:
            return now + self.interval
        times = croniter(str(self.cron), now, second_at_beginning=True, day_or=False)
        found: datetime = times.get_next(datetime)
        return found


def parse_schedule(text: str, function: str) -> Schedule:
    fields = text.split()
    if len(fields) in (5, 6) and all(_FIELD.fullmatch(part) for part in fields):
        cron = " ".join(fields if len(fields) == 6 else ["0", *fields])
        if not _NOT_NCRONTAB.search(fields[-1]) and _valid(cron):
            return Schedule(cron=cron)
    span = timespan(text)
    if span is not None and span > timedelta(0):
        return Schedule(interval=span)
    raise AppRefused(
        f"function {function!r}: the schedule expression {text!r} was not recognized as a "
        "valid cron expression (six fields, seconds first) or timespan string (00:00:15)"
    )


def _valid(cron: str) -> bool:
    return bool(croniter.is_valid(cron, second_at_beginning=True))


class Timer:
    """Runs one function by the clock; the next time is counted from the end of the last run."""

    def __init__(self, function: Function, settings: Mapping[str, str], invoker: Invoker, memory: Path | None) -> None:
        text = substitute(str(function.trigger["schedule"]), settings, f"function {function.name!r}")
        self._function, self._invoker = function, invoker
        self._schedule = parse_schedule(text, function.name)
        monitored = function.trigger.get("useMonitor") is not False
        self._memory = memory / f"timer-{function.name}.json" if memory and monitored else None
        self._busy = asyncio.Lock()
        self._last: datetime | None = None

    async def run(self) -> None:
        """Until cancelled."""
        due = self._remembered()
        if due is not None and due < datetime.now(UTC):
            await self.fire(past_due=True)
        elif self._function.trigger.get("runOnStartup"):
            await self.fire(past_due=False)
        while True:
            now = datetime.now(UTC)
            due = self._schedule.after(now)
            self._remember(due)
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                await asyncio.sleep(min(left, 3600))
            await self.fire(past_due=False)

    async def fire(self, *, past_due: bool) -> None:
        async with self._busy:
            now = datetime.now(UTC)
            data = {
                "Schedule": {"AdjustForDST": True},
                "IsPastDue": past_due,
                "ScheduleStatus": {
                    "Last": (self._last or now).isoformat(),
                    "Next": self._schedule.after(now).isoformat(),
                    "LastUpdated": now.isoformat(),
                },
            }
            self._last = now
            with suppress(InvocationFailed):  # logged; the next tick comes anyway
                await self._invoker.invoke(
                    self._function,
                    Datum(json.dumps(data), "json"),
                    reason=f"Timer fired at {now.isoformat(timespec='milliseconds')}",
                )

    def _remembered(self) -> datetime | None:
        if self._memory is None or not self._memory.is_file():
            return None
        return datetime.fromisoformat(json.loads(self._memory.read_text())["Next"])

    def _remember(self, due: datetime) -> None:
        now = datetime.now(UTC)
        if self._memory is None or self._schedule.after(now) - now < _WORTH_KEEPING:
            return
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        self._memory.write_text(json.dumps({"Next": due.isoformat(), "LastUpdated": now.isoformat()}))
