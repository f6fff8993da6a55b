"""Look at one target: the due subjects freshly, the rest from memory, and no more reads than that needs.

Knows which reads a signal calls for and how claims are kept. Refuses to decide: what it brings home is a Snapshot for
core/plan.py. A look that is not complete keeps every claim (law 6).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .app import App
from .azure import memory as memories
from .azure.arm import Listing
from .azure.memory import Known, Memory
from .core import names
from .core.decide import decide
from .core.ids import ResourceId
from .core.model import Claim, Connection, Endpoint, Link, Name, Presence, RecordSet, Seen, Status, Verdict
from .core.names import NameState, Wanted
from .core.plan import Snapshot, completed
from .core.policy import Policy
from .core.signals import ENDPOINT
from .errors import Lasting

_RECORD = "Microsoft.Network/privateDnsZones/A"


@dataclass(slots=True, kw_only=True)
class Look:
    """What to look at. `full`: everything; `dry`: write no claims; `doubt`: records that memory cannot vouch for."""

    target: ResourceId
    subjects: frozenset[ResourceId]
    full: bool = False
    dry: bool = False
    given: dict[ResourceId, Seen] = field(default_factory=dict)
    doubt: set[Name] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class View:
    """What one look brought home: the snapshot's material, when it was read, and what to remember."""

    look: Look
    listing: Listing | None = None
    seen: dict[ResourceId, Seen] = field(default_factory=dict)
    read_at: dict[ResourceId, datetime] = field(default_factory=dict)
    states: dict[Name, NameState] = field(default_factory=dict)
    given_up: set[tuple[ResourceId, Name]] = field(default_factory=set)
    """Claims refuted by this look; their index rows go once the record is right."""
    waiting: set[ResourceId] = field(default_factory=set)
    """Endpoints whose names are not there yet: look again later."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    news: bool = False
    """Something differs from what we remember."""

    @property
    def connections(self) -> tuple[Connection, ...]:
        return self.listing.connections if self.listing else ()


async def observe(look: Look, memory: Memory, policy: Policy, app: App) -> View:
    view = View(look=look)
    await _read_subjects(view, memory, app)
    if _needs_list(view, memory):
        await _list(view, app)
        wanted = _endpoints_to_read(view, memory, policy, app)
        await _read_endpoints(view, wanted, app)
    view.news = view.news or _news(view, memory)
    await _names(view, memory, policy, app)
    return view


def snapshot(view: View, memory: Memory, policy: Policy, app: App, **more: object) -> Snapshot:
    return Snapshot(
        target=view.look.target,
        connections=view.connections,
        endpoints=view.seen,
        names=tuple(view.states.values()),
        grants=tuple(memory.grants),
        notes=tuple(view.notes),
        ours=app.settings.depends_on(view.look.target),
        **more,  # type: ignore[arg-type]
    )


# --- what to read --------------------------------------------------------------------------------


async def _read_subjects(view: View, memory: Memory, app: App) -> None:
    look = view.look
    for endpoint, seen in look.given.items():
        view.seen[endpoint], view.read_at[endpoint] = seen, app.now()
    endpoints = {subject for subject in look.subjects if subject.is_a(ENDPOINT)}
    if look.full:
        endpoints |= memory.known.keys() | memory.names.keys()
    await _read_endpoints(view, endpoints, app)


def _needs_list(view: View, memory: Memory) -> bool:
    """The endpoint's own read is enough while it is Approved; anything else concerns the target's list too."""
    look = view.look
    if look.full or any(not s.is_a(ENDPOINT) and not s.is_a(_RECORD) for s in look.subjects):
        return True
    if memory.operations or any(intent.kind in ("approve", "reject") for intent in memory.intents):
        return True
    return any(
        _is_changed(seen, endpoint, memory) and not _is_approved(seen, look.target)
        for endpoint, seen in view.seen.items()
    )


async def _list(view: View, app: App) -> None:
    view.listing = await app.arm.connections(view.look.target)
    now = app.now()
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
        changed = known is None or known.facts != connection_facts(connection)
        stale = changed or view.look.full or (known is not None and known.policy != policy.hash)
        view.news = view.news or changed
        if connection.status is Status.PENDING:
            if _decision_needs(connection, known, changed, memory, policy, view.look.target, app.now()):
                wanted.add(endpoint)
        elif stale and (policy.hubs_of(endpoint) or endpoint in memory.names):
            wanted.add(endpoint)
    if view.listing is not None and view.listing.complete:
        wanted |= {endpoint for endpoint in memory.names if endpoint not in listed}
        wanted |= {endpoint for endpoint, known in memory.known.items() if known.connection and endpoint not in listed}
    return wanted


def _decision_needs(
    connection: Connection,
    known: Known | None,
    changed: bool,
    memory: Memory,
    policy: Policy,
    target: ResourceId,
    now: datetime,
) -> bool:
    """Would reading the endpoint change the decision? What memory tells may hold, but never approve or reject."""
    bare = decide(connection, target=target, policy=policy, now=now, grants=memory.grants)
    if not bare.missing:
        return False
    if known is None or changed or known.policy != policy.hash:
        return True
    if known.link == "unreadable":
        return False
    remembered = completed(connection, from_memory(known, target), target)
    again = decide(remembered, target=target, policy=policy, now=now, grants=memory.grants)
    return again.verdict in (Verdict.APPROVE, Verdict.REJECT)


def from_memory(known: Known, target: ResourceId) -> Seen:
    link = Link(target=target, groups=known.groups or ())
    return Seen(presence=Presence.PRESENT, endpoint=Endpoint(id=known.endpoint, guid=known.guid, links=(link,)))


async def _read_endpoints(view: View, endpoints: Iterable[ResourceId], app: App) -> None:
    missing = sorted(set(endpoints) - view.seen.keys())
    for endpoint, seen in zip(missing, await asyncio.gather(*(app.arm.endpoint(e) for e in missing)), strict=True):
        view.seen[endpoint], view.read_at[endpoint] = seen, app.now()
        if seen.presence is Presence.UNKNOWN:
            view.notes.append((str(endpoint), seen.why))


def _news(view: View, memory: Memory) -> bool:
    return any(_is_changed(seen, endpoint, memory) for endpoint, seen in view.seen.items())


def _is_changed(seen: Seen, endpoint: ResourceId, memory: Memory) -> bool:
    known = memory.known.get(endpoint)
    return known is None or known.seen != endpoint_facts(seen)


def _is_approved(seen: Seen, target: ResourceId) -> bool:
    link = seen.endpoint.link_to(target) if seen.endpoint else None
    return link is not None and link.status is Status.APPROVED


# --- names: claims, records, heirs ----------------------------------------------------------------


async def _names(view: View, memory: Memory, policy: Policy, app: App) -> None:
    wanted: dict[ResourceId, Wanted] = {}
    for endpoint, seen in view.seen.items():
        wanted[endpoint] = _wanted(seen, view, policy, app)
        view.notes += [(str(endpoint), note) for note in wanted[endpoint].notes]
        if not wanted[endpoint].complete and seen.presence is Presence.PRESENT:
            view.waiting.add(endpoint)
    touched, given_up = _touched(view, memory, wanted, policy)
    if not touched:
        return
    new = [claim for asked in wanted.values() for claim in asked.claims if claim.name in touched]
    if not view.look.dry:
        await memories.claim(app.tables, new, app.now())
        for endpoint, name in sorted(given_up):
            await memories.unclaim(app.tables, endpoint, name)
    ceded = {name for asked in wanted.values() for name in asked.ceded}
    view.given_up = given_up

    async def look_at(name: Name) -> None:
        kept, present = await memories.claims_on(app.tables, name)
        claims = _merged(kept, [c for c in new if c.name == name], {e for e, n in given_up if n == name})
        state = NameState(name=name, claims=claims, present=present, fresh=frozenset(view.seen), ceded=name in ceded)
        view.states[name] = await _resolve(state, view, policy, app)

    await asyncio.gather(*(look_at(name) for name in sorted(touched)))


def _wanted(seen: Seen, view: View, policy: Policy, app: App) -> Wanted:
    if seen.presence is Presence.GONE:
        return Wanted()
    if seen.endpoint is None:
        return Wanted(complete=False)
    if _sides_differ(seen.endpoint, view):
        return Wanted(complete=False)  # one side follows the other a little later
    connection = next((c for c in view.connections if c.endpoint == seen.endpoint.id), None)
    if connection is not None and connection.status in (Status.REJECTED, Status.DISCONNECTED):
        return Wanted()
    return names.wanted(seen.endpoint, view.look.target, policy, app.settings.cloud)


def _sides_differ(endpoint: Endpoint, view: View) -> bool:
    """Approved here, still Pending there; or gone from the target's list, still Approved at the consumer."""
    link = endpoint.link_to(view.look.target)
    if link is None or view.listing is None or not view.listing.complete:
        return False
    connection = next((c for c in view.connections if c.endpoint == endpoint.id), None)
    if connection is None:
        return link.status is Status.APPROVED and view.listing.presence is Presence.PRESENT
    return connection.status is Status.APPROVED and link.status is Status.PENDING


def _touched(
    view: View, memory: Memory, wanted: Mapping[ResourceId, Wanted], policy: Policy
) -> tuple[set[Name], set[tuple[ResourceId, Name]]]:
    """Names worth a look, and the claims that a complete read has just refuted."""
    touched = set(view.look.doubt)
    given_up: set[tuple[ResourceId, Name]] = set()
    for endpoint, asked in wanted.items():
        had = memory.names.get(endpoint, set())
        asks = {claim.name for claim in asked.claims}
        if asked.complete:
            given_up |= {(endpoint, name) for name in had - asks}
        known = memory.known.get(endpoint)
        unchanged = (
            known is not None and known.seen == endpoint_facts(view.seen[endpoint]) and known.policy == policy.hash
        )
        if view.look.full or not unchanged or (asked.complete and asks != had):
            touched |= asks | set(asked.ceded) | (had if asked.complete else set())
    for subject in view.look.subjects:
        zone = subject.parent
        if subject.is_a(_RECORD) and zone is not None:
            name = Name(zone=zone, record=subject.name)
            touched.add(name)
            view.look.doubt.add(name)
    if view.look.full:
        touched |= {name for had in memory.names.values() for name in had}
    return touched, given_up


def _merged(kept: Iterable[Claim], new: Iterable[Claim], given_up: set[ResourceId]) -> tuple[Claim, ...]:
    """The claims as they are now; on a dry look this is what they would be."""
    since = {claim.endpoint: claim.since for claim in kept}
    merged = {claim.endpoint: claim for claim in kept if claim.endpoint not in given_up}
    for claim in new:
        merged[claim.endpoint] = Claim(
            name=claim.name,
            endpoint=claim.endpoint,
            guid=claim.guid,
            target=claim.target,
            addresses=claim.addresses,
            since=since.get(claim.endpoint),
        )
    return tuple(merged[endpoint] for endpoint in sorted(merged))


async def _resolve(state: NameState, view: View, policy: Policy, app: App) -> NameState:
    """Read what the plan will need to know about this name: its record when in doubt, its heir before a hand-over."""
    mark = app.mark(policy)
    if state.name in view.look.doubt or view.look.full:
        state = await _read_record(state, app)
    for _ in range(len(state.claims) + 2):
        todo = names.step(state, mark, policy.ttl_of(state.name.zone))
        if todo.do != "look" or state.unreadable:
            return state
        if todo.heir is None:
            state = await _read_record(state, app)
        else:
            state = await _read_heir(state, todo.heir, view, policy, app)
    return state


async def _read_record(state: NameState, app: App) -> NameState:
    try:
        present = await app.dns.read(state.name)
    except Lasting as wrong:
        return _with(state, state.present, unreadable=str(wrong))
    return _with(state, present, read=True)


def _with(state: NameState, present: RecordSet | None, read: bool = False, unreadable: str = "") -> NameState:
    return NameState(
        name=state.name,
        claims=state.claims,
        present=present,
        read=read or state.read,
        fresh=state.fresh,
        ceded=state.ceded,
        unreadable=unreadable,
    )


async def _read_heir(state: NameState, heir: ResourceId, view: View, policy: Policy, app: App) -> NameState:
    """An heir may belong to another target: it gets the name only on what its own fresh read shows."""
    await _read_endpoints(view, {heir}, app)
    seen = view.seen[heir]
    old = next(claim for claim in state.claims if claim.endpoint == heir)
    asked = Wanted() if seen.presence is Presence.GONE else Wanted(complete=False)
    if seen.endpoint is not None:
        asked = names.wanted(seen.endpoint, old.target, policy, app.settings.cloud)
    fresh = state.fresh | {heir}
    others = tuple(claim for claim in state.claims if claim.endpoint != heir)
    now = next((claim for claim in asked.claims if claim.name == state.name), None)
    if now is not None:
        renewed = Claim(
            name=now.name, endpoint=heir, guid=now.guid, target=old.target, addresses=now.addresses, since=old.since
        )
        claims = tuple(sorted((*others, renewed), key=lambda claim: claim.endpoint))
        return NameState(name=state.name, claims=claims, present=state.present, read=state.read, fresh=fresh)
    if not asked.complete:
        return _with(
            state,
            state.present,
            unreadable=f"the heir {heir.name} cannot be read completely: {seen.why or 'not ready'}",
        )
    if not view.look.dry:
        await memories.unclaim(app.tables, heir, state.name)
    return NameState(name=state.name, claims=others, present=state.present, read=state.read, fresh=fresh)


# --- memory of what was seen ------------------------------------------------------------------------


def connection_facts(connection: Connection) -> str:
    return _digest(*connection.facts)


def endpoint_facts(seen: Seen) -> str:
    """What has to stay equal for the endpoint to count as unchanged."""
    endpoint = seen.endpoint
    if endpoint is None:
        return seen.presence.value
    return _digest(endpoint.guid, endpoint.provisioned, endpoint.links, endpoint.pairs, endpoint.zone_group)


def learned(view: View, memory: Memory, policy: Policy) -> tuple[list[Known], list[ResourceId]]:
    """What to remember, and which endpoints to forget: gone, and listed no more."""
    known: list[Known] = []
    forget: list[ResourceId] = []
    by_endpoint = {connection.endpoint: connection for connection in view.connections if connection.endpoint}
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


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
