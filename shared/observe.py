"""Look at one target: the due subjects freshly, the rest from memory, and no more reads than that needs.

Knows which reads a signal calls for. Refuses to decide: what it brings home is material for core/plan.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

from .app import App
from .azure.memory import Known, Memory
from .core.cosmos import Account, digest
from .core.decide import decide
from .core.ids import ResourceId
from .core.model import SERVICE, Connection, Presence, Seen, Status, Verdict
from .core.plan import completed
from .core.policy import Policy
from .core.signals import ENDPOINT, RECORD
from .learned import from_memory
from .surroundings import look_around
from .view import Look, View, connection_facts, endpoint_facts

_SHOWN_BY_ENDPOINT = {"groups", "guid"}


async def observe(look: Look, memory: Memory, policy: Policy, app: App) -> View:
    view = View(look=look)
    await _read_subjects(view, memory, app)
    if _needs_list(view, memory):
        await _list(view, app)
    for _ in range(2):  # what lies around may show that an endpoint has to be read after all
        if view.listing is not None:
            await _read_endpoints(view, _endpoints_to_read(view, memory, policy, app), app)
        view.news = view.news or _news(view, memory)
        await look_around(view, memory, policy, app)
    if view.found is not None:
        view.notes += [(str(look.target), note) for note in view.found.notes]
    return view


async def look_wider(view: View, memory: Memory, policy: Policy, app: App) -> bool:
    """A name is about to go: whoever else asks for it may not have been read yet, or could not be (law 3). True: there
    was more to see."""
    if view.look.target.is_a(SERVICE):
        return False
    listed = view.listing is None
    if listed:
        await _list(view, app)
    before = len(view.seen)
    connected = (c.endpoint for c in view.connections if c.status is Status.APPROVED and c.endpoint)
    known = memory.known
    unread = {e for e in connected if e in known and known[e].link == "unreadable" and policy.may_serve(e)}
    await _read_endpoints(view, _endpoints_to_read(view, memory, policy, app) | unread, app)
    return listed or len(view.seen) > before


async def _read_subjects(view: View, memory: Memory, app: App) -> None:
    look = view.look
    for endpoint, (seen, at) in look.given.items():
        view.seen[endpoint], view.read_at[endpoint] = seen, at
    endpoints = {subject for subject in look.subjects if subject.is_a(ENDPOINT)}
    if look.full and look.target.is_a(SERVICE) and look.target.parent is not None:
        endpoints.add(look.target.parent)
    if look.full:
        endpoints |= memory.known.keys() | memory.names.keys()
    await _read_endpoints(view, endpoints, app)


def _needs_list(view: View, memory: Memory) -> bool:
    """The endpoint's own read is enough while it is Approved; anything else concerns the target's list too."""
    look = view.look
    if look.target.is_a(SERVICE):
        return False  # somebody else's: only its endpoint is ours to see
    if look.full or any(not s.is_a(ENDPOINT) and not s.is_a(RECORD) for s in look.subjects):
        return True
    if memory.operations or any(intent.kind in ("approve", "reject", "refresh") for intent in memory.intents):
        return True
    if any(_recreates(seen, look.target) for seen in view.seen.values()):
        return True  # what its account has, only the account shows
    return any(
        is_changed(seen, endpoint, memory) and not _is_approved(seen, look.target)
        for endpoint, seen in view.seen.items()
    )


async def _list(view: View, app: App) -> None:
    now = app.now()  # before the read: what it shows may be that old
    view.listing = await app.arm.connections(view.look.target)
    for connection in view.listing.connections:
        if connection.id is not None:
            view.read_at[connection.id] = now
    if not view.listing.complete and view.listing.presence is not Presence.GONE:
        view.notes.append((str(view.look.target), view.listing.why))


def _endpoints_to_read(view: View, memory: Memory, policy: Policy, app: App) -> set[ResourceId]:
    wanted: set[ResourceId] = set()
    listed: set[ResourceId] = set()
    for connection in view.connections:
        endpoint = connection.endpoint
        if endpoint is None:
            continue
        listed.add(endpoint)
        known = memory.known.get(endpoint)
        if connection is not view.connection_of(endpoint) and connection.status is not Status.PENDING:
            continue  # a stale row beside the current one
        changed = known is None or known.facts != connection_facts(connection)
        stale = (changed and not _agrees(connection, known)) or view.look.full
        stale = stale or (known is not None and known.policy != policy.hash)
        view.news = view.news or changed
        if connection.status is Status.PENDING:
            if _decision_needs(connection, known, changed, memory, policy, view, app.now()):
                wanted.add(endpoint)
        elif (stale or _lags(connection, known)) and (policy.may_serve(endpoint) or endpoint in memory.names):
            wanted.add(endpoint)
        elif view.account and connection.status is Status.APPROVED and policy.knows(endpoint):
            wanted |= set() if _maps(connection, known, view.account, view) else {endpoint}
    if view.listing is not None and view.listing.complete:
        wanted |= {endpoint for endpoint in memory.names if endpoint not in listed}
        wanted |= {endpoint for endpoint, known in memory.known.items() if known.connection and endpoint not in listed}
    return wanted


def _agrees(connection: Connection, known: Known | None) -> bool:
    """Seen in the target's list for the first time, and just as its endpoint showed it: five hundred endpoints that
    came by events are not read again because somebody lists their target."""
    return (
        known is not None
        and not known.facts
        and bool(known.seen)
        and connection.status is Status.APPROVED
        and known.link == Status.APPROVED.value
        and connection.guid in (None, known.guid)
    )


def _lags(connection: Connection, known: Known | None) -> bool:
    """Approved at the target, not yet seen so at the consumer's side: its names are still to come."""
    return (
        connection.status is Status.APPROVED
        and known is not None
        and known.link not in (Status.APPROVED.value, "unreadable")
    )


def _decision_needs(
    connection: Connection,
    known: Known | None,
    changed: bool,
    memory: Memory,
    policy: Policy,
    view: View,
    now: datetime,
) -> bool:
    """Would reading the endpoint change the decision? What memory tells may hold, but never approve or reject."""
    target = view.look.target
    around = view.around
    bare = decide(connection, target=target, policy=policy, now=now, grants=memory.grants, around=around)
    if not bare.missing & _SHOWN_BY_ENDPOINT:
        return False
    if known is None or changed or known.policy != policy.hash:
        return True
    if known.link == "unreadable":
        return view.look.thorough  # a right may have been given since
    remembered = completed(connection, from_memory(known, target), target)
    again = decide(remembered, target=target, policy=policy, now=now, grants=memory.grants, around=around)
    return again.verdict in (Verdict.APPROVE, Verdict.REJECT)


async def _read_endpoints(view: View, endpoints: Iterable[ResourceId], app: App) -> None:
    missing = sorted(set(endpoints) - view.seen.keys())
    now = app.now()
    for endpoint, seen in zip(missing, await asyncio.gather(*(app.arm.endpoint(e) for e in missing)), strict=True):
        view.seen[endpoint], view.read_at[endpoint] = seen, now
        if seen.presence is Presence.UNKNOWN:
            view.notes.append((str(endpoint), seen.why))


def _news(view: View, memory: Memory) -> bool:
    return any(is_changed(seen, endpoint, memory) for endpoint, seen in view.seen.items())


def is_changed(seen: Seen, endpoint: ResourceId, memory: Memory) -> bool:
    known = memory.known.get(endpoint)
    return known is None or known.seen != endpoint_facts(seen)


def _recreates(seen: Seen, target: ResourceId) -> bool:
    link = seen.endpoint.link_to(target) if seen.endpoint else None
    return link is not None and link.recreate


def _maps(connection: Connection, known: Known | None, account: Account, view: View) -> bool:
    """Was it seen to map just the names that its account has now? One that we may not read cannot tell."""
    if known is None or (known.link == "unreadable" and not view.look.thorough):
        return True
    expected = account.names((connection.groups or known.groups or ("",))[0])
    return expected is None or (known.fits == digest(expected) and not connection.recreate)


def _is_approved(seen: Seen, target: ResourceId) -> bool:
    link = seen.endpoint.link_to(target) if seen.endpoint else None
    return link is not None and link.status is Status.APPROVED
