"""Repeat the PUT of endpoints whose Cosmos DB account gained or lost regions: the most powerful thing we ever do.

Exactly the endpoint's own payload, under its ETag, sent once and never waited for: Azure takes minutes, and the open
journal row is looked at again through the worklist. Refuses whatever the raw endpoint, read just before, does not
carry any more. Source: reference/cosmos.md sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from .azure import backoff
from .azure.memory import TARGETS, Intent, intent_row
from .core import reading
from .core.ids import ResourceId, fold
from .core.model import Presence, Status
from .core.plan import Change
from .core.regions import Fit
from .core.repeat import repeated
from .deciding import suspensions
from .errors import Conflict, Lasting, Passing, Unclear
from .outcome import Outcome, Work, entry, failed

WHAT = "refresh"
IN_FLIGHT = timedelta(minutes=60)
_SETTLES = timedelta(minutes=10)
PATIENCE = timedelta(hours=1)
"""Before an endpoint whose names are right is made again only because a flag stays."""


async def send(work: Work, change: Change) -> Outcome:
    app, fit = work.app, change.fit
    assert fit is not None
    state = await app.policy(confirm=True)
    if (state.hash, state.valid) != (work.state.hash, work.state.valid):
        return Outcome(change=change, result="conflict", detail="the policy changed since it was read")
    control = await app.desk.control()
    stop = suspensions(control.approvals, control.policy_valid, control.policy, work.state).get(change.kind, "")
    if stop:
        return Outcome(change=change, result="skipped", detail=stop)
    try:
        body, etag = await app.repeats.read(change.subject)
    except Passing as wrong:
        return failed(work, change, wrong)
    except Lasting as wrong:
        await app.journal.note(work.plan.target, entry(work, change), "failed", str(wrong))
        await backoff.failed(app.tables, work.memory, change.id, str(wrong), app.now())
        return failed(work, change, wrong)
    if why := _not_any_more(body, fit, work.plan.target):
        return Outcome(change=change, result="conflict", detail=why)
    place = await app.hourly.take(WHAT, work.policy.caps.refreshes_per_hour, change.subject)
    if not place:
        return Outcome(change=change, result="skipped", detail=too_many(work.policy.caps.refreshes_per_hour))
    (intent,) = await app.journal.open(work.plan.target, [entry(work, change)])
    outcome = await _put(work, change, intent, body, etag)
    if outcome.result != "open":
        await app.hourly.give_back(WHAT, place)  # refused: nothing was done to the endpoint
    return outcome


def too_many(most: int) -> str:
    if not most:
        return "caps.refreshes_per_hour is 0: an endpoint is never made again"
    return f"{most} endpoint(s) were refreshed within the last hour, and caps.refreshes_per_hour allows no more"


def _not_any_more(body: Mapping[str, Any], fit: Fit, target: ResourceId) -> str:
    """Why what was planned does not fit what is there now; empty when it does."""
    endpoint = reading.endpoint(body)
    link = endpoint.link_to(target) if endpoint else None
    if endpoint is None or endpoint.id != fit.endpoint or (endpoint.guid or "") != fit.guid:
        return "it is another endpoint than the one that was read"
    if link is None or link.status is not Status.APPROVED or not (endpoint.provisioned or endpoint.failed):
        return "it is not approved, or is being changed by somebody else"
    shown = {fold(fqdn) for fqdn, _ in endpoint.pairs or ()}
    return "its names are right by now" if shown == fit.expected and not link.recreate and not fit.recreate else ""


async def _put(work: Work, change: Change, intent: Intent, body: Mapping[str, Any], etag: str) -> Outcome:
    app, target = work.app, work.plan.target
    try:
        url = await app.repeats.put(change.subject, repeated(body), etag)
    except Unclear as lost:
        return Outcome(change=change, result="open", detail=str(lost), intent=intent)
    except Conflict as wrong:  # somebody else is at it: they have a minute
        await backoff.failed(app.tables, work.memory, change.id, str(wrong), app.now())
        await app.journal.close(target, intent, "refused", str(wrong))
        await app.journal.settled(target, intent)
        return Outcome(change=change, result="conflict", detail=str(wrong), intent=intent)
    except (Passing, Lasting) as wrong:
        outcome = replace(failed(work, change, wrong), intent=intent)
        await app.journal.close(target, intent, outcome.result, outcome.detail)
        return outcome
    remembered = replace(intent, operation=url)
    await app.tables.put(TARGETS, intent_row(target, remembered))
    detail = "sent; Azure takes minutes, its end is looked at again"
    return Outcome(change=change, result="open", detail=detail, intent=remembered)


async def judged(work: Work, intent: Intent) -> tuple[str, str]:
    """What a later look says about a PUT that was sent: (result, detail)."""
    seen = work.view.seen.get(intent.subject)
    if seen is not None and seen.presence is Presence.GONE:
        return "unknown", "the endpoint is gone"
    endpoint = seen.endpoint if seen else None
    if endpoint is None:
        return "open", "the endpoint cannot be read"
    if intent.content.partition("|")[0] != (endpoint.guid or ""):
        return "unknown", "somebody made the endpoint again meanwhile"
    fit = work.view.fits.get(intent.subject)
    if fit is not None and fit.right:
        return "done", ""
    if intent.operation:
        try:
            progress = await work.app.repeats.progress(intent.operation)
        except Passing as wrong:  # a comfort: it must keep nobody else waiting
            return "open", str(wrong)
        if progress.state == "failed":
            return "failed", f"Azure gave up: {progress.detail}"
        if progress.state == "succeeded":
            return _after_success(fit, intent)
        if progress.state == "running":
            return "open", "Azure is still at it"
    if endpoint.provisioned and work.app.now() - intent.opened >= _SETTLES:
        return _after_success(fit, intent)
    return "open", "not seen to be done yet"


def _after_success(fit: Fit | None, intent: Intent) -> tuple[str, str]:
    """Azure is content. With the very names that were asked for still missing, another PUT at once would not help."""
    if fit is not None and fit.digest == intent.content.partition("|")[2]:
        return "failed", f"Azure says that it is done, and yet {fit.says()}"
    return "done", "" if fit is None else f"its account changed meanwhile: {fit.says()}"


def is_only_asked_again(work: Work, intent: Intent) -> bool:
    """Its names are right, and yet one side goes on asking: a flag that lags is not worth a PUT every few minutes."""
    fit = work.view.fits.get(intent.subject)
    return fit is not None and not (fit.missing or fit.surplus or fit.failed)
