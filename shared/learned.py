"""Memory of what was seen: what to keep of a look, and what memory can stand in for.

What memory tells may hold a connection, but never approve or reject one.
"""

from __future__ import annotations

from dataclasses import replace

from .azure.memory import Known, Memory
from .core.ids import ResourceId
from .core.model import Connection, Endpoint, Link, Presence, Seen
from .core.policy import Policy
from .core.regions import Fit, differs
from .core.rules import Mode
from .view import View, connection_facts, endpoint_facts


def learned(view: View, memory: Memory, policy: Policy) -> tuple[list[Known], list[ResourceId]]:
    """What to remember, and which endpoints to forget: gone, and listed no more."""
    known: list[Known] = []
    forget: list[ResourceId] = []
    by_endpoint = {c.endpoint: view.connection_of(c.endpoint) for c in view.connections if c.endpoint}
    complete = view.listing is not None and view.listing.complete
    for endpoint in sorted(view.seen.keys() | by_endpoint.keys()):
        seen, connection, old = view.seen.get(endpoint), by_endpoint.get(endpoint), memory.known.get(endpoint)
        before = old
        if seen is not None and seen.presence is Presence.GONE and connection is None:
            if complete or view.listing is None:
                forget.append(endpoint)
            continue
        if connection is None and complete and old is not None:
            old = replace(old, connection="", facts="", status="")  # not listed any more: once is news
        row = _known(endpoint, seen, connection, old, view.look.target, policy.hash)
        row = _fitted(row, before, view.fits.get(endpoint), policy)
        if row != before and (row.seen or row.facts):
            known.append(row)
    return known, [endpoint for endpoint in forget if endpoint in memory.known]


def _known(
    endpoint: ResourceId,
    seen: Seen | None,
    connection: Connection | None,
    old: Known | None,
    target: ResourceId,
    policy: str,
) -> Known:
    link = seen.endpoint.link_to(target) if seen and seen.endpoint else None
    unreadable = seen is not None and seen.presence is Presence.UNKNOWN
    return Known(
        endpoint=endpoint,
        connection=str(connection.id) if connection else (old.connection if old else ""),
        facts=connection_facts(connection) if connection else (old.facts if old else ""),
        seen=endpoint_facts(seen) if seen else (old.seen if old else ""),
        status=connection.status.value if connection else (old.status if old else ""),
        guid=(seen.endpoint.guid if seen and seen.endpoint else None) or (old.guid if old else None),
        groups=link.groups if link else (old.groups if old else None),
        link="unreadable" if unreadable else (link.status.value if link else (old.link if old else "")),
        policy=policy,
    )


def _is_for_people(fit: Fit, policy: Policy) -> bool:
    """We see what Azure wants and do not do it: not our mode, or not without a person."""
    obstacle = fit.by_hand or not policy.caps.refreshes_per_hour or policy.mode("refresh") is not Mode.APPLY
    return bool(obstacle) and (fit.recreate or policy.drift.refresh)


def _fitted(row: Known, before: Known | None, fit: Fit | None, policy: Policy) -> Known:
    """What was compared with the account, or what is still true of an endpoint that did not change."""
    if fit is not None:
        told = fit.digest if _is_for_people(fit, policy) else ""
        return replace(row, fits=fit.digest if fit.right else "", differs=differs(fit), told=told)
    if before is not None and before.seen == row.seen:
        return replace(row, fits=before.fits, differs=before.differs, told=before.told)
    return row


def from_memory(known: Known, target: ResourceId) -> Seen:
    link = Link(target=target, groups=known.groups or ())
    return Seen(presence=Presence.PRESENT, endpoint=Endpoint(id=known.endpoint, guid=known.guid, links=(link,)))
