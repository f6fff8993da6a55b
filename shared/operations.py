"""Requests by hand: what became of each, written where the person who asked can read it.

An operation ends when its target was settled; a decision that is in flight stays running until it is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import granting
from .app import App
from .azure.memory import Memory, Operation
from .azure.tables import unpack
from .core import render
from .core.ids import ResourceId
from .core.model import Connection, Decision, Grant, Verdict
from .core.policy import Policy
from .core.rules import Mode
from .outcome import Outcome
from .policysource import PolicyState

if TYPE_CHECKING:
    from .settle import Report

Ended = tuple[str, dict[str, Any]]
"""Status and result; `running`: it has not ended."""


async def finish(report: Report, memory: Memory, state: PolicyState, app: App) -> None:
    for operation in memory.operations:
        status, result = _outcome(operation, report, memory, state.policy, app.now())
        if status == "running":
            continue
        if operation.kind == "decision" and status == "failed":
            await granting.give_up(app, memory.target, operation.subject, operation.id, str(result["detail"]))
        await app.desk.finish(memory.target, operation.id, status, {**result, "policy": state.hash})


async def pass_on(memory: Memory, targets: Sequence[ResourceId], app: App) -> dict[str, list[str]]:
    """What was asked of an endpoint is asked of each of its targets: operation to the operations made of it."""
    passed: dict[str, list[str]] = {}
    for operation in memory.operations:
        passed[operation.id] = []
        for target in targets:
            number = await app.desk.begin(target, operation.kind, target, "an endpoint's request")
            await app.worklist.signal(target, target, "plan" if operation.kind == "plan" else "by hand")
            passed[operation.id].append(number)
    return passed


async def finish_passed_on(endpoint: ResourceId, passed: dict[str, list[str]], app: App) -> None:
    """The endpoint's operation ends with what its targets' had to say by now; a target still busy is named."""
    for number, parts in passed.items():
        rows = [row for part in parts if (row := await app.desk.operation(part))]
        results = [unpack("result", row) or {} for row in rows]
        body: dict[str, Any] = {"operations": [f"/api/operations/{part}" for part in parts]}
        if not parts:
            body["detail"] = "the endpoint leads to no target that Linkkeeper knows"
        if len(results) == 1:
            body |= results[0]
        failed = not parts or any(row["status"] == "failed" for row in rows)
        await app.desk.finish(endpoint, number, "failed" if failed else "succeeded", body)


def _outcome(operation: Operation, report: Report, memory: Memory, policy: Policy, now: datetime) -> Ended:
    if operation.kind == "decision":
        return _decision(operation, report, memory, policy, now)
    outcomes = [
        {"kind": o.change.kind, "subject": str(o.change.subject), "result": o.result, "detail": o.detail}
        for o in report.outcomes
    ]
    failed = operation.kind == "settle" and any(o.result in ("failed", "refused") for o in report.outcomes)
    body = {"plan": render.plan_json(report.plan), "outcomes": outcomes}
    if report.unreadable:
        body["detail"] = f"not everything could be read: {report.unreadable}"
    return "failed" if failed or report.unreadable else "succeeded", body


def _decision(operation: Operation, report: Report, memory: Memory, policy: Policy, now: datetime) -> Ended:
    subject = operation.subject
    for outcome in reversed(report.outcomes):
        if outcome.change.subject == subject and outcome.change.decision is not None:
            return _of_outcome(outcome, outcome.change.decision, operation)
    if any(intent.subject == subject for intent in memory.intents):
        return "running", {}
    decision = next((d for d in report.plan.decisions if d.connection.id == subject), None)
    if decision is None:
        known = not report.unreadable
        return _failed(granting.GONE if known else f"the target cannot be read: {report.unreadable}", conflict=known)
    reasons = "; ".join(decision.reasons)
    if decision.verdict is Verdict.LEAVE:
        wanted = "Rejected" if operation.verdict == "reject" else "Approved"
        same = decision.connection.status.value == wanted
        return ("succeeded", {"detail": reasons}) if same else _failed(reasons, conflict=True)
    grant = next((g for g in memory.grants if g.connection == subject), None)
    if grant is None or grant.verdict.value != operation.verdict:
        other = f": {grant.by} decided to {grant.verdict.value}" if grant else ""
        return _failed(f"somebody took it back or decided otherwise{other}", conflict=True)
    if not granting.fits(grant, decision.connection):
        return _failed(reasons, conflict=True)
    if _waits_for_people(grant, decision, policy, now):
        return "succeeded", {"detail": reasons, "approvals": grant.persons, "needed": decision.needed}
    return _failed(reasons)


def _waits_for_people(grant: Grant, decision: Decision, policy: Policy, now: datetime) -> bool:
    """The grant is good, and `needed` says that nothing but people is missing."""
    good = grant.verdict is Verdict.APPROVE and not grant.spent and now < grant.expires
    counts = grant.mode == Mode.APPLY or policy.mode("approve") is not Mode.APPLY
    return good and counts and decision.needed > 1 and grant.persons < decision.needed


def _of_outcome(outcome: Outcome, decided: Decision, operation: Operation) -> Ended:
    if outcome.result in ("open", "conflict"):
        return "running", {}
    if outcome.change.kind != operation.verdict:
        return _failed(f"{outcome.change.kind} came first ({outcome.result}): {outcome.change.why}", conflict=True)
    if outcome.result == "done":
        return "succeeded", {"detail": "done and read back"}
    if outcome.result == "skipped":
        return "skipped", {"detail": f"{outcome.detail}; the grant is kept, nothing was changed"}
    return _failed(outcome.detail, conflict=_is_another(outcome, decided.connection))


def _is_another(outcome: Outcome, decided: Connection) -> bool:
    """The call was sent, and the read behind it showed somebody else's request, or none."""
    after = outcome.after
    if after is None:
        return outcome.result == "unknown"
    return after.endpoint != decided.endpoint or len({after.guid, decided.guid} - {None}) > 1


def _failed(detail: str, conflict: bool = False) -> Ended:
    """`conflict`: what was decided about is not there any more; look again, then decide again."""
    return "failed", {"detail": detail, **({"conflict": True} if conflict else {})}
