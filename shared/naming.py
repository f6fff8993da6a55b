"""The names of one target: who claims them, what their records hold, who inherits.

Knows how claims are written, refuted and resolved. Refuses to decide who holds a name and what to do about its record:
that is core/names.py. A look that is not complete keeps every claim (law 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .app import App
from .azure import claims as book
from .azure.memory import Memory
from .azure.surroundings import Wants
from .core import claims, names
from .core.claims import Wanted
from .core.cosmos import ACCOUNT
from .core.ids import ResourceId
from .core.model import SERVICE, Claim, Endpoint, Name, Presence, Seen, Status
from .core.names import NameState
from .core.policy import Policy
from .core.signals import RECORD
from .errors import Lasting, Passing
from .observe import look_wider
from .view import View, endpoint_facts


async def look_at_names(view: View, memory: Memory, policy: Policy, app: App) -> None:
    wanted: dict[ResourceId, Wanted] = {}
    await _look_at_groups(view, policy, app)
    await _look_for_legacy(view, memory, policy, app)
    for endpoint, seen in view.seen.items():
        wanted[endpoint] = _wanted(seen, view, policy, app).going_on(memory.names.get(endpoint, ()))
        view.notes += [(str(endpoint), note) for note in wanted[endpoint].notes]
        if not wanted[endpoint].complete and seen.presence is Presence.PRESENT:
            view.waiting.add(endpoint)
    touched, given_up = _touched(view, memory, wanted, policy)
    if not touched:
        return
    if given_up and view.listing is None and await look_wider(view, memory, policy, app):
        await look_at_names(view, memory, policy, app)
        return
    new = [claim for asked in wanted.values() for claim in asked.claims if claim.name in touched]
    if not view.look.dry:
        await book.claim(app.tables, new, app.now())
        for endpoint, name in sorted(given_up):
            await book.unclaim(app.tables, view.look.target, endpoint, name)
    ceded = {name for asked in wanted.values() for name in asked.ceded}
    view.given_up = given_up
    fresh = frozenset(endpoint for endpoint, seen in view.seen.items() if seen.presence is not Presence.UNKNOWN)

    async def look_at(name: Name) -> None:
        kept, present = await book.claims_on(app.tables, name)
        lost = {c.endpoint for c in kept if (c.endpoint, name) in given_up and c.target == view.look.target}
        merged = _merged(kept, [c for c in new if c.name == name], lost)
        if name in ceded and merged:
            view.look.doubt.add(name)  # a group asks nobody: it has written over what another endpoint has there
        state = NameState(name=name, claims=merged, present=present, fresh=fresh, ceded=name in ceded)
        view.states[name] = _left(await _resolve(state, view, policy, app), view, policy, app)

    await asyncio.gather(*(look_at(name) for name in sorted(touched)))
    gone = any(_step(state, policy, app).do == "delete" for state in view.states.values())
    if gone and await look_wider(view, memory, policy, app):
        await look_at_names(view, memory, policy, app)


def _wanted(seen: Seen, view: View, policy: Policy, app: App) -> Wanted:
    if seen.presence is Presence.GONE:
        return Wanted()
    if seen.endpoint is None:
        return Wanted(complete=False)
    listing = view.listing
    if view.look.target.is_a(ACCOUNT) and listing and not listing.account and listing.presence is not Presence.GONE:
        return Wanted(complete=False)  # which names it still has, nobody can tell
    if _sides_differ(seen.endpoint, view):
        return Wanted(complete=False)  # one side follows the other a little later
    if _is_refused(seen.endpoint.id, view):
        return Wanted()
    return _asked(seen.endpoint, view.look.target, view, policy, app)


def _is_refused(endpoint: ResourceId, view: View) -> bool:
    """Its target says so; the endpoint itself may show it half a minute later."""
    connection = view.connection_of(endpoint)
    return connection is not None and connection.status in (Status.REJECTED, Status.DISCONNECTED)


def _asked(endpoint: Endpoint, target: ResourceId, view: View, policy: Policy, app: App) -> Wanted:
    link = endpoint.link_to(target)
    account = view.account if target == view.look.target else None
    expected = account.names(link.groups[0]) if account and link and link.groups else None
    return claims.wanted(
        endpoint, target, policy, app.settings.cloud, view.groups, view.legacy, expected or frozenset()
    )


async def _look_at_groups(view: View, policy: Policy, app: App) -> None:
    """Which subscriptions the hubs' management groups hold; asked only where there is something new (law 8)."""
    if not policy.serving_groups or not view.seen:
        return
    ask = view.news or view.look.full or view.look.thorough
    found = await app.surroundings.read(view.look.target, Wants(groups=policy.serving_groups), ask=ask)
    view.groups, view.again = found.around.groups, view.again or found.again
    if found.again:
        view.waiting |= {endpoint for endpoint, seen in view.seen.items() if seen.presence is Presence.PRESENT}
    view.notes += [(str(view.look.target), note) for note in found.notes]


async def _look_for_legacy(view: View, memory: Memory, policy: Policy, app: App) -> None:
    had = {name.zone for own in memory.names.values() for name in own}
    ask = view.news or view.look.full or view.look.thorough
    for seen in view.seen.values():
        old = claims.legacy_zones(seen.endpoint, view.look.target, policy, app.settings.cloud) if seen.endpoint else ()
        for zone in sorted(old):
            if await _exists(zone, zone in had, ask, view, app):
                view.legacy.add(zone)


async def _exists(zone: ResourceId, had: bool, ask: bool, view: View, app: App) -> bool:
    """What cannot be told is as it was."""
    try:
        return await app.dns.exists(zone) if ask else had
    except Passing:
        view.again = True
    except Lasting as wrong:
        view.notes.append((str(view.look.target), str(wrong)))
    return had


def _sides_differ(endpoint: Endpoint, view: View) -> bool:
    """Approved here, still Pending there; or gone from the target's list, still Approved at the consumer."""
    link = endpoint.link_to(view.look.target)
    if link is None or view.listing is None or not view.listing.complete:
        return False
    connection = view.connection_of(endpoint.id)
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
        lost = {name for name in had - asks if not asked.keeps(name, memory.fqdns.get((endpoint, name), ""))}
        given_up |= {(endpoint, name) for name in lost}
        known = memory.known.get(endpoint)
        unchanged = (
            known is not None and known.seen == endpoint_facts(view.seen[endpoint]) and known.policy == policy.hash
        )
        told = view.look.thorough and endpoint in view.look.subjects  # a sweep found a claim missing, perhaps
        if view.look.full or told or not unchanged or (asked.complete and (lost or asks - had)):
            touched |= asks | set(asked.ceded) | (had if asked.complete else set())
    for subject in view.look.subjects:
        zone = subject.parent
        if subject.is_a(RECORD) and zone is not None:
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
        merged[claim.endpoint] = replace(claim, since=since.get(claim.endpoint))
    return tuple(merged[endpoint] for endpoint in sorted(merged))


async def _resolve(state: NameState, view: View, policy: Policy, app: App) -> NameState:
    """Read what the plan will need to know about this name: its record when in doubt, its heir before a hand-over."""
    if state.name in view.look.doubt or view.look.full:
        state = await _read_record(state, view, app)
    for _ in range(len(state.claims) + 2):
        todo = _step(state, policy, app)
        if todo.do != "look" or state.unreadable:
            return state
        if todo.heir is None:
            state = await _read_record(state, view, app)
        else:
            state = await _read_heir(state, todo.heir, view, policy, app)
    return state


def _step(state: NameState, policy: Policy, app: App) -> names.Step:
    hub = policy.hub_of(state.name.zone)
    return names.step(state, app.mark(policy), policy.ttl_of(state.name.zone), hub.adopt if hub else False)


def _left(state: NameState, view: View, policy: Policy, app: App) -> NameState:
    """A record that was written for another target goes only when that target was looked at: an endpoint of it that
    nobody has read yet may have the name by now (law 3)."""
    if _step(state, policy, app).do != "delete" or state.present is None:
        return state
    owner = ResourceId.read(state.present.label("target"))
    if owner is None or owner == view.look.target or owner.is_a(SERVICE) or not policy.covers(owner):
        return state
    view.elsewhere.add((owner, state.name))
    return replace(state, unreadable=f"it was written for {owner.name}, which is looked at first")


async def _read_record(state: NameState, view: View, app: App) -> NameState:
    try:
        present = await app.dns.read(state.name, waits=view.look.waits)
    except Passing as wrong:  # other names, and those who wait for an approval, need not wait for this one
        view.again = True
        return replace(state, unreadable=str(wrong))
    except Lasting as wrong:
        return replace(state, unreadable=str(wrong))
    return replace(state, present=present, read=True)


async def _read_heir(state: NameState, heir: ResourceId, view: View, policy: Policy, app: App) -> NameState:
    """Whoever may inherit the name, or had it last, gets it only on what its own fresh read shows (law 3).

    It may belong to another target, and its claim may have been lost: then it is claimed anew.
    """
    seen = view.seen.get(heir)
    if seen is None:
        # Many names may pass to one endpoint at the same moment: it is read once.
        if heir not in view.heirs:
            view.heirs[heir] = asyncio.ensure_future(app.arm.endpoint(heir))
        try:
            seen = await view.heirs[heir]
        except Passing as wrong:
            view.again = True
            return replace(state, unreadable=f"endpoint {heir.name}: {wrong}")
    old = next((claim for claim in state.claims if claim.endpoint == heir), None)
    target = old.target if old else ResourceId.read(state.present.label("target") if state.present else None)
    if seen.endpoint is not None and target is not None:
        await _look_for_its_zone(seen.endpoint, target, state.name.zone, view, policy, app)
    asked = _inherited(seen, target, state, view, policy, app)
    if old is not None:
        asked = asked.going_on([state.name])
    others = tuple(claim for claim in state.claims if claim.endpoint != heir)
    now = next((claim for claim in asked.claims if claim.name == state.name), None)
    if now is None and asked.keeps(state.name, old.fqdn if old else ""):
        why = (
            f"endpoint {heir.name} cannot be read completely: {seen.why or 'not ready, or not known whom a hub serves'}"
        )
        return replace(state, unreadable=why)
    if now is not None and old is None and not view.look.dry:
        await book.claim(app.tables, [now], app.now())
        view.given_up.discard((heir, state.name))  # its index row is wanted again
    if now is None and old is not None and not view.look.dry:
        await book.unclaim(app.tables, old.target, heir, state.name)
    renewed = (replace(now, since=old.since if old else app.now()),) if now else ()
    claims = tuple(sorted((*others, *renewed), key=lambda claim: claim.endpoint))
    ceded = state.ceded or state.name in asked.ceded
    return replace(state, claims=claims, fresh=state.fresh | {heir}, heirs=state.heirs | {heir}, ceded=ceded)


async def _look_for_its_zone(
    endpoint: Endpoint, target: ResourceId, zone: ResourceId, view: View, policy: Policy, app: App
) -> None:
    """Whoever may inherit a name in an older zone: a record that we only remember does not prove that the zone is."""
    leads = {target, *claims.targets(endpoint, policy)}
    old = any(zone in claims.legacy_zones(endpoint, one, policy, app.settings.cloud) for one in leads)
    if old and zone not in view.legacy and await _exists(zone, True, True, view, app):
        view.legacy.add(zone)


def _inherited(seen: Seen, target: ResourceId | None, state: NameState, view: View, policy: Policy, app: App) -> Wanted:
    """For the target that its claim or the record names; else for any that it leads to by now."""
    if seen.presence is Presence.GONE or (target is not None and not policy.covers(target)):
        return Wanted()
    if seen.endpoint is None or target is None:
        return Wanted(complete=False)
    refused = target == view.look.target and _is_refused(seen.endpoint.id, view)
    asked = Wanted() if refused else _asked(seen.endpoint, target, view, policy, app)
    for other in claims.targets(seen.endpoint, policy) if not _has(asked, state.name) and asked.complete else ():
        found = _asked(seen.endpoint, other, view, policy, app)
        if other != target and (_has(found, state.name) or not found.complete):
            return found
    return asked


def _has(asked: Wanted, name: Name) -> bool:
    return name in asked.ceded or any(claim.name == name for claim in asked.claims)
