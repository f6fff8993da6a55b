"""How many connections a rule may approve: places taken before an approval, counted over all targets.

What is Approved already and the rule covers takes a place, too; where none is left, nothing more is approved. Places
of connections that are gone, or that wait without being decided on, are free again. Refuses to undo an approval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .app import App
from .azure.memory import Memory
from .azure.slots import Slot
from .core.around import NOTHING_READ
from .core.decide import decide
from .core.model import Connection, Decision, Status, Verdict
from .core.policy import Policy
from .core.rules import Rule
from .outcome import Work
from .view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    taken: bool
    why: str = ""


async def take(work: Work, decision: Decision) -> Place | None:
    """None: nothing is counted."""
    rule = work.policy.named.get(decision.rule or "")
    connection = decision.connection
    if decision.verdict is not Verdict.APPROVE or rule is None or rule.limit is None or connection.id is None:
        return None
    place = await _take(work.app, rule, work.view, connection)
    return Place(taken=place, why="" if place else _full(rule))


async def counted(view: View, memory: Memory, policy: Policy, app: App) -> Mapping[str, str]:
    """Rule to why it approves no more, for the limited rules that this target's connections concern."""
    if view.listing is None or not any(rule.limit for rule in policy.rules):
        return {}
    limited = _limited(view, policy)
    if not view.look.dry:
        for slot in await app.slots.at(view.look.target):
            if _is_free(slot, view, memory):
                await app.slots.free(slot)
        for rule in limited.values():
            for connection in _covered(rule, view, policy, app):
                await _take(app, rule, view, connection)
    taken = {name: len(await app.slots.of(name)) for name in limited}
    return {name: _full(rule) for name, rule in limited.items() if taken[name] >= (rule.limit or 0)}


def _limited(view: View, policy: Policy) -> dict[str, Rule]:
    around = view.found.around if view.found else NOTHING_READ
    rules = (
        rule
        for connection in view.connections
        for rule in policy.approving.candidates(connection, view.look.target, around)
    )
    return {rule.name: rule for rule in rules if rule.limit is not None}


async def _take(app: App, rule: Rule, view: View, connection: Connection) -> bool:
    assert rule.limit is not None
    assert connection.id is not None
    return await app.slots.take(rule.name, rule.limit, view.look.target, connection.id, str(connection.endpoint))


def _covered(rule: Rule, view: View, policy: Policy, app: App) -> Iterator[Connection]:
    """Approved, whoever did it, and this rule would have."""
    around = replace(view.found.around if view.found else NOTHING_READ, afterwards=True)
    for connection in view.connections:
        if connection.status is Status.APPROVED and connection.id is not None:
            asked = replace(connection, status=Status.PENDING)
            again = decide(asked, target=view.look.target, policy=policy, now=app.now(), around=around)
            if again.rule == rule.name and again.verdict is Verdict.APPROVE:
                yield connection


def _is_free(slot: Slot, view: View, memory: Memory) -> bool:
    """Only a complete list can tell, and nothing may be in flight."""
    if view.listing is None or not view.listing.complete:
        return False
    if any(intent.subject == slot.connection for intent in memory.intents):
        return False
    return not any(
        c.id == slot.connection and str(c.endpoint) == slot.endpoint and c.status is Status.APPROVED
        for c in view.connections
    )


def _full(rule: Rule) -> str:
    return f"rule '{rule.name}' may approve {rule.limit} connection(s), and all its places are taken"
