"""The endpoints of a Cosmos DB account beside the account: compared, told about, and looked at until they fit.

Refuses to decide (core/regions.py) and to send (refreshing.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import refreshing
from .azure.memory import Memory
from .azure.worklist import Item
from .core import regions
from .core.ids import ResourceId
from .core.model import Presence, Status
from .core.policy import Policy
from .outcome import Work
from .view import View

if TYPE_CHECKING:
    from .settle import Report

_AFTER_EVENT = (120, 600)  # seconds: endpoints may lag behind the account's event (reference/cosmos.md section 6)
_LAGS = (30, 120, 300, 600)
_UNDER_WAY = (30, 120, 300, 600)


def compare(view: View, memory: Memory, policy: Policy, now: datetime) -> None:
    """Fills view.fits, from this look's own reads of both sides; of endpoints that are ours to look after."""
    account, target = view.account, view.look.target
    for endpoint, seen in view.seen.items() if account else ():
        assert account is not None
        if seen.endpoint is None or seen.presence is not Presence.PRESENT or not policy.knows(endpoint):
            continue
        fit = regions.fit(seen.endpoint, target, account, view.connection_of(endpoint), now)
        if fit is not None:
            known = memory.known.get(endpoint)
            view.fits[endpoint] = regions.since_before(fit, known.differs if known else "")


def unseen(view: View, policy: Policy) -> tuple[tuple[ResourceId, str], ...]:
    """Endpoints that want their PUT repeated and that are not ours, or may not be read: their owners have to do it."""
    account = view.account
    if account is None or not account.settled:
        return ()
    now = ", ".join(filter(None, map(account.region_of, sorted(account.labels))))
    found = []
    for connection in view.connections:
        endpoint = connection.endpoint
        if not connection.recreate or connection.status is not Status.APPROVED or endpoint is None:
            continue
        seen = view.seen.get(endpoint)
        if seen is None or seen.presence is Presence.UNKNOWN or not policy.knows(endpoint):
            where = f"it lies in subscription {endpoint.subscription}, not ours to do"
            found.append((endpoint, f"Azure asks for it to be made again, for the regions {now}; {where}"))
    return tuple(sorted(found))


def look_again(work: Work, item: Item, report: Report) -> None:
    """Minutes, not seconds: whatever is lost on the way, the sweep finds."""
    target, now, view = work.plan.target, work.app.now(), work.view
    looks = next((due.looks for due in item.due if due.subject == target), 0)
    asked = {cause for due in item.due for cause in due.causes}
    times = []
    if view.account is not None and not view.account.settled:
        times.append(_step(_UNDER_WAY, looks))
    drift = work.policy.drift
    for fit in view.fits.values():
        if fit.since is not None and not fit.drifted(drift, now):
            end = (fit.since + drift.after - now).total_seconds()
            times.append(min(_step(_LAGS, looks), max(1.0, end)))
    if "account" in asked and looks < len(_AFTER_EVENT):
        times.append(_AFTER_EVENT[looks])
    capped = refreshing.too_many(work.policy.caps.refreshes_per_hour)
    if work.policy.caps.refreshes_per_hour and any(outcome.detail == capped for outcome in work.outcomes):
        times.append(600)
    for change in work.plan.changes:
        if change.kind == "refresh" and change.id in work.memory.failures:
            times.append(max(1.0, (work.memory.failures[change.id][1] - now).total_seconds()))
    if times:
        at = now + timedelta(seconds=min(times))
        report.later[target] = min(at, report.later.get(target, at))


def _step(steps: tuple[int, ...], looks: int) -> float:
    return float(steps[min(looks, len(steps) - 1)])
