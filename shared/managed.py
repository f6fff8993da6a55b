"""After an approval that rests on a managed endpoint of ours: is ours Approved now? If not, somebody else's request was
taken for it, and that is a critical alert.

Refuses to reject: access that exists is a person's to end (law 4). One row for each approval, until it is answered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .azure.memory import TARGETS, when
from .azure.notify import MISMATCH
from .azure.surroundings import Wants
from .azure.tables import Row
from .core.around import NOTHING_READ, Around
from .core.ids import ResourceId
from .core.model import Status
from .core.plan import Change, Snapshot, completed, explained
from .errors import Lasting, Passing
from .outcome import Work
from .telemetry import Event, alert, log

if TYPE_CHECKING:
    from .settle import Report

_PATIENCE = timedelta(minutes=10)
_AGAIN = timedelta(minutes=1)
_CHECK = "w!"


async def expect(work: Work, change: Change) -> bool:
    """Before the call: which endpoint of ours has to become Approved by it. False: it cannot be named, so no call."""
    decision = change.decision
    rule = work.policy.named.get(decision.rule or "") if decision else None
    if decision is None or rule is None or rule.managed_by is None or change.kind != "approve":
        return True
    answer = rule.managed_by.correlate(decision.connection, work.plan.target, work.app.now(), _around(work))
    if answer[2] is None:
        return False
    if decision.connection.endpoint is not None:
        data = {
            "connection": str(change.subject),
            "endpoint": str(decision.connection.endpoint),
            "managed": str(answer[2].id),
            "service": str(_service(answer[2].id, rule.managed_by.services)),
            "at": work.app.now(),
        }
        await work.app.tables.put(TARGETS, Row(work.plan.target.hash, f"{_CHECK}{change.subject.hash}", data))
        await work.app.surroundings.spend(answer[2].id, decision.connection.endpoint)
    return True


async def check(work: Work, report: Report) -> None:
    """Answer what can be answered, alert what was wrong, look again at the rest."""
    where = "PartitionKey eq @pk and RowKey ge @low and RowKey lt @high"
    rows = await work.app.tables.query(TARGETS, where, pk=work.plan.target.hash, low=_CHECK, high="w~")
    for row in rows:
        if await _is_answered(work, row):
            await work.app.tables.delete(TARGETS, row.pk, row.rk)
        else:
            report.later.setdefault(work.plan.target, work.app.now() + _AGAIN)


async def _is_answered(work: Work, row: Row) -> bool:
    app, data = work.app, row.data
    connection, service = ResourceId.parse(data["connection"]), ResourceId.parse(data["service"])
    late = app.now() - when(data["at"]) >= _PATIENCE
    listing = work.view.listing
    now = next((c for c in work.view.connections if c.id == connection), None)
    if listing is not None and listing.complete and (now is None or now.status is not Status.APPROVED) and late:
        return True  # it never came to be, or is over
    found = await app.surroundings.read(work.plan.target, Wants(services=frozenset({service})), fresh=True)
    ours = [one for one in found.around.managed.get(service, ()) if str(one.id) == data["managed"]]
    if any(one.status is Status.APPROVED and one.target == work.plan.target for one in ours):
        log(Event.CHANGE, f"{data['managed']} is Approved", target=work.plan.target, connection=connection)
        return True
    if not late:
        return False
    await _alert(work, connection, data["endpoint"], data["managed"], found.notes)
    return True


async def _alert(work: Work, connection: ResourceId, endpoint: str, managed: str, notes: tuple[str, ...]) -> None:
    minutes = round(_PATIENCE.total_seconds() / 60)
    why = f" ({'; '.join(notes)})" if notes else " (a Grafana workspace shows it only after a refresh)"
    text = f"approved {endpoint} for our {managed}, which is not Approved after {minutes} minutes{why}"
    alert(f"{text}: if it is not ours, reject {connection.name} by hand", connection=connection, endpoint=endpoint)
    data = {"connectionId": str(connection), "approved": endpoint, "decided": managed}
    try:
        await work.app.notifier.send(MISMATCH, str(connection), data)
    except (Passing, Lasting) as error:
        log(Event.FAILED, f"news not sent: {error}")


def _around(work: Work) -> Around:
    view = work.view
    around = view.found.around if view.found else NOTHING_READ
    seen = Snapshot(
        target=work.plan.target,
        grants=tuple(work.memory.grants),
        around=around,
        endpoints=view.seen,
        incomplete=view.incomplete,
    )
    known = [
        completed(connection, view.seen.get(connection.endpoint) if connection.endpoint else None, work.plan.target)
        for connection in view.connections
    ]
    return explained(known, seen, work.policy, work.app.now())


def _service(managed: ResourceId, services: tuple[ResourceId, ...]) -> ResourceId:
    return next(service for service in services if managed.key.startswith(service.key + "/"))
