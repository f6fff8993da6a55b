"""The drift audit: look at everything with list calls, compare with memory, put suspects on the worklist.

Finds what events missed: requests never announced, records deleted or changed by hand, orphaned records of ours,
endpoints that came or went. Refuses to repair: every suspect is settled by the one route, with its own fresh reads.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from . import granting, policychange, sweep_cosmos, sweep_names, sweep_records, sweep_targets, sweep_zones, verifying
from .app import App
from .azure import claims as names
from .azure import grants as book
from .azure import memory as memories
from .core.lint import lint
from .core.model import SERVICE
from .core.policy import Policy
from .swept import Sweep
from .telemetry import Event, log

_FIRST_SWEEP = timedelta(minutes=5)
_LASTS = timedelta(minutes=3)  # the host ends a function after five


async def sweep(app: App, dry: bool = False, thorough: bool = False) -> Sweep:
    """The whole audit. `dry`: only look and report, put nothing on the worklist. `thorough`: a person asked, so what
    seldom changes is looked at again, too.

    What cannot be read, for now or for good, makes it incomplete and keeps nothing else from being seen. Raises
    Passing when its own tables fail.
    """
    state = await app.policy()
    if not dry:
        await policychange.show(app, state)
    swept = await _started(state.policy, app)
    swept.thorough = thorough
    swept.names = await names.all_names(app.tables)
    for name, (claims, _) in swept.names.items():
        for claim in claims:
            swept.claimed.setdefault(claim.endpoint, {})[name] = claim
    for target, known in swept.known.items():
        for endpoint in known if target.is_a(SERVICE) else ():
            swept.services_of.setdefault(endpoint, set()).add(target)
    await sweep_targets.targets(swept, app, pending_only=False)
    await sweep_records.zones(swept, app)
    await sweep_names.endpoints(swept, app)
    await sweep_cosmos.subnets(swept, app)
    await sweep_records.records(swept, app)
    await sweep_zones.required(swept, app)
    await verifying.audited(swept, app)
    await sweep_targets.services(swept, app)
    used = await app.stored.used()
    notes = await asyncio.to_thread(lint, state.policy, app.now(), used)  # long for thousands of rules
    swept.findings += [f"policy: {note}" for note in notes]
    if not dry:
        await granting.clean(app)
        await _hand_over(swept, app, "sweep")
        if swept.complete and not swept.unclaimed and state.valid:
            await app.desk.claims_complete()
        await app.desk.swept(swept.report())
    text = f"{len(swept.suspects)} suspect(s), {len(swept.findings)} finding(s)"
    log(Event.SWEPT, text + ("" if swept.complete else "; not everything could be read"), count=len(swept.suspects))
    return swept


async def watch(app: App) -> Sweep:
    """The pending watch: requests that raised no event at all. One list call for each type and subscription."""
    state = await app.policy()
    await policychange.show(app, state)
    await policychange.send_owed(app)
    watched = await _started(state.policy, app)
    await sweep_targets.targets(watched, app, pending_only=True)
    await _hand_over(watched, app, "watch")
    control = await app.desk.control()
    if not control.claims_complete and (control.swept is None or app.now() - control.swept > _FIRST_SWEEP):
        return await sweep(app)  # a new deployment may delete nothing before it has seen every claim
    return watched


async def _started(policy: Policy, app: App) -> Sweep:
    grants, _ = await book.everywhere(app.tables)
    return Sweep(
        policy=policy, known=await memories.everything_known(app.tables), grants=tuple(grants), until=app.now() + _LASTS
    )


async def _hand_over(swept: Sweep, app: App, cause: str) -> None:
    caps, full = swept.policy.caps, cause == "sweep"
    approving = ((target, connection.id) for target, connection in swept.approving)
    asked = [("sweep", approving, caps.approvals_per_sweep)]
    if full:
        asked.append(("deletions", ((t, n.id) for t, n in swept.deleting), caps.deletions_per_sweep))
    for kind, ids, most in asked:
        cap = policychange.capped(kind, swept.policy.hash, ids, most)
        cap = await policychange.put(app, cap, most, saw_all=full and swept.complete and not swept.zones_left)
        if cap.closed:
            swept.findings.append(cap.why)
    for (target, subject), why in sorted(swept.suspects.items()):
        log(Event.SIGNAL, f"{subject.name}: {why}", target=target, cause=cause)
        await app.worklist.signal(target, subject, cause)
