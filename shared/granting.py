"""What becomes of grants that nobody spends: taken back, void or expired. Each end has one row in the journal.

Connection names come back (some are chosen by the requester), so a grant without its connection, or whose connection
belongs to another endpoint by now, must not wait for the next one. Refuses to decide (core/decide.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from .app import App
from .azure import grants as book
from .azure.journal import Entry
from .azure.memory import Ended
from .core.ids import ResourceId, key_of
from .core.model import Connection, Grant
from .errors import Conflict

if TYPE_CHECKING:
    from .outcome import Work

_US = "Linkkeeper"
GONE, ANOTHER = "the connection is gone", "the connection now belongs to another endpoint"


def fits(grant: Grant, connection: Connection) -> bool:
    """Is this still the request that people saw? What cannot be seen does not speak against it."""
    if connection.endpoint is None:
        return True
    guids = {grant.guid, connection.guid} - {None}
    return grant.endpoint == connection.endpoint and len(guids) < 2


def void(grants: Iterable[Grant], listed: Iterable[Connection], complete: bool) -> list[tuple[Grant, str]]:
    """Grants without the request they are about, and why. Only a `complete` list proves that one is gone."""
    shown = list(listed)
    found = []
    for grant in grants:
        own = [connection for connection in shown if connection.id == grant.connection]
        if own and not any(fits(grant, connection) for connection in own):
            found.append((grant, ANOTHER))
        elif complete and not own:
            found.append((grant, GONE))
    return found


def expired(grants: Iterable[Grant], now: datetime) -> list[tuple[Grant, str]]:
    """A spent one stays: it tells why its connection is approved."""
    return [(g, f"it expired on {g.expires:%Y-%m-%d %H:%M} UTC") for g in grants if not g.spent and now >= g.expires]


async def void_gone(work: Work) -> None:
    """After a look: end the grants that it refuted, and finish what an earlier worker left half ended."""
    app, target, memory, listing = work.app, work.plan.target, work.memory, work.view.listing
    for ended in memory.ended:
        await finish(app, target, ended)
    busy = {intent.subject for intent in memory.intents} | {o.change.subject for o in work.outcomes if o.intent}
    grants = [grant for grant in memory.grants if grant.connection not in busy]
    ends = {grant.connection: ("expired", grant, why) for grant, why in expired(grants, app.now())}
    if listing is not None:
        listed = [decision.connection for decision in work.plan.decisions]
        ends |= {grant.connection: ("void", grant, why) for grant, why in void(grants, listed, listing.complete)}
    for result, grant, why in ends.values():
        with suppress(Conflict):  # somebody changed it meanwhile: the next look tells
            if grant.spent:
                await book.forget(app.tables, target, grant)
            else:
                await end(app, target, Ended(grant=grant, result=result, by=_US, why=why))


async def clean(app: App) -> int:
    """Expired grants of targets that nobody looks at, and half ended ones; how many. For the sweep."""
    grants, over = await book.everywhere(app.tables)
    ends = [Ended(grant=grant, result="expired", by=_US, why=why) for grant, why in expired(grants, app.now())]
    for ended in (*over, *ends):
        target = ended.grant.connection.parent
        assert target is not None
        with suppress(Conflict):
            await (finish if ended in over else end)(app, target, ended)
    return len(over) + len(ends)


async def end(app: App, target: ResourceId, ended: Ended) -> None:
    """Conflict, and nothing done, when the grant was spent or changed since it was read."""
    await book.mark(app.tables, target, ended)
    await finish(app, target, ended)


async def give_up(app: App, target: ResourceId, connection: ResourceId, operation: str, why: str) -> None:
    """An operation failed: its grant goes with it, unless somebody gave another one since."""
    grant = await book.find(app.tables, target, connection)
    if grant is None or grant.operation != operation:
        return
    with suppress(Conflict):
        if grant.spent:  # the journal row of its change tells what happened
            await book.forget(app.tables, target, grant)
        else:
            await end(app, target, Ended(grant=grant, result="void", by=_US, why=why))


async def finish(app: App, target: ResourceId, ended: Ended) -> None:
    await tell(app, target, ended.grant, ended.result, ended.by, ended.why)
    await book.forget_ended(app.tables, target, ended)


async def tell(app: App, target: ResourceId, grant: Grant, result: str, by: str, why: str) -> None:
    """The journal's row: given, revoked, void or expired."""
    details = {
        "verdict": grant.verdict.value,
        "by": by,
        "people": grant.by,
        "reasons": [grant.reason],
        "endpoint": str(grant.endpoint),
        "guid": grant.guid or "",
        "expires": grant.expires.isoformat(timespec="seconds"),
        "operation": grant.operation,
    }
    change = key_of("grant", str(grant.connection), grant.operation, result)
    entry = Entry(change=change, kind="grant", subject=grant.connection, details=details)
    await app.journal.note(target, entry, result, why)
