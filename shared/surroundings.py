"""Which surroundings (tags, tenants, management groups, managed endpoints) the decisions of one look lack, and no more.

Refuses to read: azure/surroundings.py does. Refuses to decide: it only asks core/decide.py what it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .app import App
from .azure.memory import Memory
from .azure.surroundings import Found, Wants
from .core.around import NOTHING_READ, Around
from .core.decide import decide
from .core.ids import ResourceId, fold
from .core.model import Connection, Grant, Status
from .core.plan import completed
from .core.policy import Policy
from .learned import from_memory
from .view import View, connection_facts

_ROUNDS = 3  # a reject rule that cannot tell hides what the approve rules lack


async def look_around(view: View, memory: Memory, policy: Policy, app: App) -> None:
    """Fills view.wants and view.found. Nothing new to decide: only what is remembered, and no read (law 8)."""
    ask = view.news or view.look.full or view.look.thorough
    connections = [_completed(connection, view, memory) for connection in view.connections]
    for _ in range(_ROUNDS):
        around = view.around
        wants = lacking(connections, view.look.target, policy, app.now(), memory.grants, around)
        if not wants or view.wants | wants == view.wants:
            return
        view.wants |= wants
        view.found = await app.surroundings.read(view.look.target, view.wants, ask=ask)


async def again(view: View, app: App) -> Found | None:
    """The same, read afresh: an approval rests on nothing older than it may (law 1)."""
    return await app.surroundings.read(view.look.target, view.wants, fresh=True) if view.wants else None


def lacking(
    connections: Iterable[Connection],
    target: ResourceId,
    policy: Policy,
    now: datetime,
    grants: Iterable[Grant] = (),
    around: Around = NOTHING_READ,
) -> Wants:
    """What would turn somebody's unknown into an answer; Approved ones too, for what covers them now."""
    wants = Wants()
    for connection in connections:
        approved = connection.status is Status.APPROVED
        asked = replace(connection, status=Status.PENDING) if approved else connection
        seen = replace(around, afterwards=approved)
        missing = decide(asked, target=target, policy=policy, now=now, grants=grants, around=seen).missing
        if missing:
            wants |= _wants(missing, connection, policy, around)
    return wants


def _wants(missing: frozenset[str], connection: Connection, policy: Policy, around: Around) -> Wants:
    endpoint = connection.endpoint
    tenant = {fold(endpoint.subscription)} if endpoint and "tenant" in missing else set()
    groups = policy.management_groups - around.groups.keys() if "management groups" in missing else frozenset()
    services = policy.services - around.managed.keys() if "managed" in missing else frozenset()
    return Wants(
        tags="tags" in missing, tenants=frozenset(tenant), groups=frozenset(groups), services=frozenset(services)
    )


def _completed(connection: Connection, view: View, memory: Memory) -> Connection:
    """What was not read now, from memory: a reject rule that cannot tell must not hide what else is lacking."""
    if connection.endpoint is None:
        return connection
    seen, known = view.seen.get(connection.endpoint), memory.known.get(connection.endpoint)
    if seen is None and known is not None and known.facts == connection_facts(connection):
        seen = from_memory(known, view.look.target)
    return completed(connection, seen, view.look.target)
