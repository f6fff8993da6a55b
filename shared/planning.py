"""From what a look brought home to the plan that people see and that runs: the snapshot, the modes, what is too much.

Refuses to decide: core/plan.py does. Refuses to act: apply.py does.
"""

from __future__ import annotations

from . import limits, policychange, recording, refreshing, regions
from .app import App
from .apply import mode_of, without_off
from .azure import releases
from .azure.desk import Control
from .azure.memory import Memory
from .azure.releases import Release
from .core import plan as core
from .core.model import Status
from .core.plan import Change, Plan, Snapshot
from .core.rules import Mode
from .deciding import suspensions
from .policysource import PolicyState
from .view import View


async def plan(view: View, memory: Memory, state: PolicyState, control: Control, app: App) -> Plan:
    asked = [c.id for c in view.connections if c.status is Status.PENDING and c.id is not None]
    asked += [name.id for name, one in view.states.items() if not one.claims]
    full = await limits.counted(view, memory, state.policy, app)
    view.full = frozenset(full)
    seen = Snapshot(
        target=view.look.target,
        connections=view.connections,
        endpoints=view.seen,
        names=tuple(view.states.values()),
        grants=tuple(memory.grants),
        around=view.around,
        notes=tuple(view.notes),
        approved=frozenset(memory.approved),
        ours=app.settings.depends_on(view.look.target),
        incomplete=view.incomplete,
        in_flight=frozenset(part for i in memory.intents for part in (i.change, i.subject.key)),
        failed=recording.still_failed(memory, app.now()),
        deletes_allowed=control.claims_complete,
        full=full,
        account=view.account,
        fits=tuple(view.fits[endpoint] for endpoint in sorted(view.fits)),
        unseen=regions.unseen(view, state.policy),
        capped_refreshes=await capped_refreshes(view, state, app),
        capped=await policychange.held_back(asked, state, app) if asked else {},
        suspended=suspensions(control.approvals, control.policy_valid, control.policy, state),
    )
    made = without_off(core.plan(seen, state.policy, app.mark(state.policy), app.now()), state.policy)
    return await _capped(made, state, app)


async def capped_refreshes(view: View, state: PolicyState, app: App) -> str:
    """Why no more endpoints are refreshed for now: a power like this one is used a little at a time."""
    most = state.policy.caps.refreshes_per_hour
    if not any(fit.is_due(state.policy.drift, app.now()) for fit in view.fits.values()):
        return ""
    return refreshing.too_many(most) if await app.hourly.taken(refreshing.WHAT) >= most else ""


def _is_done(change: Change, state: PolicyState) -> bool:
    """What is only shown needs nobody's release, and must not get one for later."""
    return change.kind == "delete" and mode_of(change, state.policy) is Mode.APPLY


async def _capped(plan: Plan, state: PolicyState, app: App) -> Plan:
    """Too many deletions at once wait for a person, who releases what the plan shows."""
    most = state.policy.caps.deletions_per_settle
    if not core.is_too_much(plan, most) or not any(_is_done(change, state) for change in plan.changes):
        return plan
    agreed = await releases.released(app.tables, plan.target, app.now())
    made = core.capped(plan, agreed, most)
    waits = [change for change in made.changes if change.capped]
    if waits:
        records = frozenset(change.subject for change in waits)
        offer = Release(
            fingerprint=made.fingerprint, target=made.target, records=records, why=waits[0].blocked, at=app.now()
        )
        await releases.offer(app.tables, offer)
    return made
