"""Ask the resolvers that people use whether a name leads where we wrote it: after a change, and in the audit.

The guides' `nslookup` step, done by itself. Knows what is expected and where to note what was seen; refuses to repair:
a resolver, a forwarder or a network link is somebody's to mend, and the finding says whose. Off without `resolvers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .app import App
from .azure import claims as book
from .azure import zonebook
from .azure.journal import Entry
from .azure.worklist import Due
from .core import names
from .core.hub import Hub
from .core.ids import ResourceId, key_of
from .core.model import Claim, Name, RecordSet
from .core.signals import RECORD
from .core.vantage import Expectation, Verdict
from .errors import Passing
from .outcome import Work
from .swept import Sweep
from .telemetry import Event, log

if TYPE_CHECKING:
    from .resolving import Checked

CAUSE = "verify"
_SPREADS = timedelta(seconds=20)  # until every server of Azure's knows a changed record (assumed)
_LONGEST = timedelta(minutes=10)
_AGAIN = (60, 600)  # seconds, while what is seen is wrong
_ANSWER = 3.0  # seconds for one answer
_PATIENCE = 60  # seconds for all names of a hub
_AT_ONCE = 500  # names in one audit; the next one goes on


async def ask_later(work: Work) -> None:
    """Records that were just written are looked at from outside once old answers are forgotten."""
    app, target = work.app, work.plan.target
    for outcome in work.outcomes:
        record = outcome.change.record
        if outcome.result != "done" or record is None or outcome.change.kind != "put":
            continue
        hub = work.policy.hub_of(record.name.zone)
        if hub is not None and hub.resolvers:
            at = app.now() + min(_SPREADS + timedelta(seconds=record.ttl), _LONGEST)
            await app.worklist.later(target, record.name.id, CAUSE, at)


async def settled(work: ResourceId, due: Sequence[Due], app: App) -> dict[ResourceId, datetime]:
    """Look at the names of these rows; when to look again at those that are not seen as they should be."""
    policy = (await app.policy()).policy
    asked: dict[str, list[tuple[Due, Expectation]]] = {}
    for one in due:
        zone = one.subject.parent
        hub = policy.hub_of(zone) if zone is not None and one.subject.is_a(RECORD) else None
        if hub is None or zone is None or not hub.resolvers:
            continue
        name = Name(zone=zone, record=one.subject.name)
        expected = await _expectation(name, *await book.claims_on(app.tables, name), app)
        if expected is not None:
            asked.setdefault(hub.name, []).append((one, expected))
    wrong: set[str] = set()
    for hub in policy.hubs:
        mine = asked.get(hub.name, [])
        for checked in await _check([expected for _, expected in mine], hub):
            await _note(work, checked, app)
            if checked.verdict is not Verdict.OK:
                wrong.add(checked.expectation.private)
    return {
        one.subject: app.now() + timedelta(seconds=_AGAIN[one.looks])
        for rows in asked.values()
        for one, expected in rows
        if expected.private in wrong and one.looks < len(_AGAIN)
    }


async def _note(work: ResourceId, checked: Checked, app: App) -> None:
    good = checked.verdict is Verdict.OK
    text = f"{checked.expectation.fqdn} asked at {checked.resolver}: {checked.text}"
    record = checked.expectation.private
    details = {"resolver": checked.resolver, "verdict": checked.verdict.value, "record": record}
    entry = Entry(change=key_of(CAUSE, record, checked.resolver), kind=CAUSE, subject=work, details=details)
    await app.journal.note(work, entry, "done" if good else "noted", text)
    if not good:
        log(Event.FINDING, text, target=work, record=record)


async def audited(swept: Sweep, app: App) -> None:
    """All names that somebody holds, from every resolver of their hub; in large estates a part of them at a time."""
    for hub in swept.policy.hubs:
        if not hub.resolvers:
            continue
        mine = sorted((name for name in swept.names if hub.holds(name.zone)), key=lambda name: name.hash)
        start = await zonebook.verified_until(app.tables, hub.name)
        part = [name for name in mine if name.hash > start][:_AT_ONCE]
        found = [await _expectation(name, *swept.names[name], app) for name in part]
        try:
            answers = await _check([one for one in found if one], hub)
        except Passing as slow:
            swept.find(str(slow))
            answers = []
        for checked in answers:
            swept.count("resolved")
            if checked.verdict is not Verdict.OK:
                swept.find(f"hub {hub.name}: {checked.expectation.fqdn} asked at {checked.resolver}: {checked.text}")
        last = part[-1].hash if part and part[-1] != mine[-1] else ""
        await zonebook.keep_verified(app.tables, hub.name, last)


async def _expectation(name: Name, claims: Iterable[Claim], present: RecordSet | None, app: App) -> Expectation | None:
    """What a client should see; None while nobody holds the name, or its public name is not known."""
    holder = names.holder(tuple(claims), present)
    if holder is None or present is None or not holder.fqdn or holder.fqdn.startswith("*."):
        return None
    known = await zonebook.findings_of(app.tables, name.zone)
    return Expectation(
        fqdn=holder.fqdn,
        private=name.fqdn,
        zone=name.zone.name,
        addresses=present.addresses,
        linked=known[1] if known else None,
    )


async def _check(expected: Sequence[Expectation], hub: Hub) -> list[Checked]:
    from . import resolving  # dnspython is heavy: only where somebody asked for it

    if not expected:
        return []
    try:
        async with asyncio.timeout(_PATIENCE):
            return await resolving.check(expected, hub.resolvers, timeout=_ANSWER)
    except TimeoutError:
        raise Passing(
            f"the resolvers of hub {hub.name} need more than {_PATIENCE} s for {len(expected)} names"
        ) from None
