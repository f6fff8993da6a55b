"""Do what a plan says, and only that. Modes are applied here and nowhere else.

An outcome is done, skipped, failed, refused, unknown, conflict (look again) or open (sent, not read back yet). The
order is the plan's: reject, approve, refresh, put, delete.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from . import deciding, refreshing, writing
from .core.plan import Change, Plan
from .core.policy import Policy
from .core.rules import Mode
from .outcome import Outcome, Work


async def apply(work: Work) -> None:
    """Fills `work.outcomes`. `work.passing` is the first passing failure, raised by the caller after recording."""
    for kind, group in groupby(work.plan.changes, key=lambda change: change.kind):
        todo = [change for change in group if _may(work, change)]
        if kind in ("approve", "reject"):
            for change in todo:
                if work.passing is None and not work.late():
                    work.outcomes.append(await deciding.send(work, change))
        elif kind == "refresh":
            for change in sorted(todo, key=lambda change: change.id in work.memory.failures):  # who failed comes last
                if work.passing is None and not work.late():
                    work.outcomes.append(await refreshing.send(work, change))
        elif kind == "delete" and work.approving:
            work.waits += todo  # what was just approved may claim the name: it must not vanish in between
        elif todo and work.passing is None and not work.late():
            work.outcomes += await writing.write(work, todo)


def without_off(plan: Plan, policy: Policy) -> Plan:
    """`off` means not even planned."""
    return replace(plan, changes=tuple(c for c in plan.changes if mode_of(c, policy) is not Mode.OFF))


def mode_of(change: Change, policy: Policy) -> Mode:
    if change.decision is not None:
        return policy.mode_of_rule(change.kind, change.decision.rule)
    hub = policy.hub_of(change.record.name.zone) if change.record else None
    return policy.mode(change.kind, hub)


def _may(work: Work, change: Change) -> bool:
    mode = mode_of(change, work.policy)
    if mode is Mode.APPLY and not change.blocked:
        return True
    why = change.blocked or f"mode of {change.kind} is {mode.value}"
    work.outcomes.append(Outcome(change=change, result="skipped", detail=why))
    return False
