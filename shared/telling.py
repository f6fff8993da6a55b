"""Tell people what a settle saw: who waits and why, findings, and endpoints that somebody has to make again.

Each thing once, not at every look. Refuses to decide, and to touch Azure: only tables, news and the log.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

from .azure.journal import Entry
from .azure.memory import TARGETS
from .azure.notify import HELD, REFRESH_NEEDED
from .azure.tables import Row
from .core.ids import ResourceId, key_of
from .core.model import Decision, Verdict
from .core.rules import Mode
from .news import tell
from .outcome import Outcome, Work, entry
from .telemetry import Event, log

_NOTED = 200  # findings remembered as told
_NEED = "need "
_CODE = re.compile(r"\b[45]\d\d [A-Z]\w+")


async def hold(work: Work) -> None:
    """Who waits, and why: held by the policy, or decided but not done (plan mode, suspended, refused by Azure)."""
    listing, app, target = work.view.listing, work.app, work.plan.target
    if listing is None:
        return
    undone = {o.change.subject: o for o in work.outcomes if o.change.decision and o.result not in ("done", "open")}
    waiting: set[ResourceId] = set()
    for decision in work.plan.decisions:
        connection = decision.connection
        outcome = undone.get(connection.id) if connection.id else None
        off = _is_off(work, decision)
        if connection.id is None or (decision.verdict is not Verdict.HOLD and outcome is None and not off):
            continue
        waiting.add(connection.id)
        shown = _shown(work, decision, outcome)
        news = await app.desk.hold(target, shown, work.state.hash, quiet=outcome is not None or off)
        if news:
            await _news_of_hold(work, shown)
    for row in await app.desk.held_of(target) if listing.complete else ():
        kept = ResourceId.parse(row["connection"])
        if kept not in waiting:
            await app.desk.release(target, kept)


def _is_off(work: Work, decision: Decision) -> bool:
    """Nothing is planned, so there is no outcome; it waits all the same, and a person may decide."""
    decides = decision.verdict in (Verdict.APPROVE, Verdict.REJECT)
    return decides and work.policy.mode_of_rule(decision.verdict.value, decision.rule) is Mode.OFF


def _shown(work: Work, decision: Decision, outcome: Outcome | None) -> Decision:
    if outcome is None and _is_off(work, decision):
        return replace(decision, reasons=(f"mode of {decision.verdict.value} is off", *decision.reasons))
    if outcome is not None:
        return replace(decision, reasons=(f"{decision.verdict.value} is not done: {outcome.detail}", *decision.reasons))
    if not work.state.valid:
        mistake = (work.state.mistakes.splitlines() or ["unknown"])[0]
        return replace(decision, reasons=(f"the policy is invalid: {mistake}", *decision.reasons))
    return decision


async def _news_of_hold(work: Work, decision: Decision) -> None:
    app, target, connection = work.app, work.plan.target, decision.connection
    assert connection.id is not None
    log(Event.HELD, "; ".join(decision.reasons), target=target, connection=connection.id, endpoint=connection.endpoint)
    details = {
        "verdict": "hold",
        "reasons": list(decision.reasons),
        "endpoint": str(connection.endpoint or ""),
        "policy": work.state.hash,
        "by": "policy",
    }
    held = Entry(change=key_of("hold", str(connection.id)), kind="hold", subject=connection.id, details=details)
    data = {"endpointId": str(connection.endpoint or ""), "reasons": list(decision.reasons)}
    if not await tell(app, HELD, connection.id, target, data):
        work.unsent = True
        return
    await app.journal.note(target, held, "held", decision.nearest or "")
    await app.desk.notified(target, connection.id)


async def note(work: Work) -> None:
    """Skipped changes and findings get a row when they are new for the target, not at every look."""
    app, target, memory = work.app, work.plan.target, work.memory
    skipped = [o for o in work.outcomes if o.result == "skipped" and o.change.id not in memory.failures]
    plan = work.plan.fingerprint if skipped else memory.last_plan
    if skipped and plan != memory.last_plan:
        for outcome in skipped:
            await app.journal.note(target, entry(work, outcome.change, Mode.PLAN), "skipped", outcome.detail)
    found = {_digest(finding): finding for finding in work.plan.findings}
    new = {digest: finding for digest, finding in found.items() if digest not in memory.noted}
    for digest, (subject, text) in _needed(work).items():
        if digest in memory.noted or await _tell_need(work, subject, text):
            found[digest] = (str(subject), text)
            new |= {digest: found[digest]} if digest not in memory.noted else {}
    for digest, (about, text) in new.items():
        log(Event.FINDING, f"{about}: {text}", target=target)
        details = {"policy": work.state.hash, "about": about}
        await app.journal.note(
            target, Entry(change=digest, kind="finding", subject=target, details=details), "noted", text
        )
    # A full look sees all findings there are: what is not among them any more is news when it comes back.
    kept = [digest for digest in memory.noted if not digest.startswith(_met(work))]
    needs = [digest for digest in kept if digest.startswith(_NEED) and digest not in found]
    noted = [*needs, *found] if work.view.look.full else [*kept, *new][-_NOTED:]
    if (plan, noted) != (memory.last_plan, memory.noted):
        await app.tables.put(TARGETS, Row(target.hash, "m!", {"plan": plan, "notes": json.dumps(noted)}))


def _needed(work: Work) -> dict[str, tuple[ResourceId, str]]:
    """Endpoints that want a refresh and do not get it from us now: people may have to do it (the seed's notice)."""
    under_way = {o.change.subject for o in work.outcomes if o.change.kind == "refresh" and o.result in ("open", "done")}
    under_way |= {intent.subject for intent in work.memory.intents}
    refused = ("skipped", "failed", "refused")
    waits = {o.change.subject: o.detail for o in work.outcomes if o.change.kind == "refresh" and o.result in refused}
    mode = work.policy.mode("refresh")
    found = {}
    for subject, why in work.plan.needs:
        blocked = waits.get(subject) or ("" if mode is Mode.APPLY else f"modes.refresh is {mode.value}")
        if subject not in under_way:
            text = f"{why}{f' ({blocked})' if blocked else ''}"
            found[f"{_need_of(subject)}{_digest((why, _obstacle(blocked)))}"] = (subject, text)
    return found


def _obstacle(blocked: str) -> str:
    """Without times and ids, which differ at every try."""
    code = _CODE.search(blocked)
    return code[0] if code else blocked.partition(":")[0][:60]


def _need_of(endpoint: ResourceId) -> str:
    return f"{_NEED}{endpoint.hash[:12]} "


def _met(work: Work) -> tuple[str, ...]:
    """Of endpoints that need nothing any more: the same need is news when it comes back."""
    view = work.view
    met = {endpoint for endpoint, fit in view.fits.items() if fit.right}
    if view.account is not None and view.account.settled:  # of those that we may not read, what their account says
        met |= {c.endpoint for c in view.connections if c.endpoint and not c.recreate and c.endpoint not in view.fits}
    return tuple(_need_of(endpoint) for endpoint in met)


async def _tell_need(work: Work, endpoint: ResourceId, text: str) -> bool:
    sent = await tell(work.app, REFRESH_NEEDED, endpoint, work.plan.target, {"why": text}, key="endpointId")
    work.unsent = work.unsent or not sent
    return sent


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
