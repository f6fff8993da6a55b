"""Requests by hand: what became of each, written where the person who asked can read it.

An operation ends when its target was settled; a decision that is in flight stays running until it is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .app import App, PolicyState
from .azure.memory import TARGETS, Memory, Operation
from .azure.tables import unpack
from .core import render
from .core.ids import ResourceId
from .core.model import Verdict

if TYPE_CHECKING:
    from .settle import Report


async def finish(report: Report, memory: Memory, state: PolicyState, app: App) -> None:
    for operation in memory.operations:
        status, result = _outcome(operation, report, memory)
        if status == "running":
            continue
        if operation.kind == "decision" and status == "failed":
            await app.tables.delete(TARGETS, memory.target.hash, f"g!{operation.subject.hash}")
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


def _outcome(operation: Operation, report: Report, memory: Memory) -> tuple[str, dict[str, Any]]:
    if operation.kind == "decision":
        return _decision(operation, report, memory)
    outcomes = [
        {"kind": o.change.kind, "subject": str(o.change.subject), "result": o.result, "detail": o.detail}
        for o in report.outcomes
    ]
    failed = operation.kind == "settle" and any(o.result in ("failed", "refused") for o in report.outcomes)
    body = {"plan": render.plan_json(report.plan), "outcomes": outcomes}
    if report.unreadable:
        body["detail"] = f"not everything could be read: {report.unreadable}"
    return "failed" if failed or report.unreadable else "succeeded", body


def _decision(operation: Operation, report: Report, memory: Memory) -> tuple[str, dict[str, Any]]:
    grant = next((g for g in memory.grants if g.operation == operation.id), None)
    for outcome in reversed(report.outcomes):
        if outcome.change.subject == operation.subject and outcome.change.decision is not None:
            return _of_outcome(outcome.result, outcome.detail)
    if any(intent.subject == operation.subject for intent in memory.intents):
        return "running", {}
    decision = next((d for d in report.plan.decisions if d.connection.id == operation.subject), None)
    if decision is None:
        return "failed", {"detail": "the connection is gone, or the target cannot be read"}
    if decision.verdict is Verdict.LEAVE and grant is not None:
        wanted = "Approved" if grant.verdict is Verdict.APPROVE else "Rejected"
        same = decision.connection.status.value == wanted
        return "succeeded" if same else "failed", {"detail": "; ".join(decision.reasons)}
    return "failed", {"detail": "; ".join(decision.reasons)}


def _of_outcome(result: str, detail: str) -> tuple[str, dict[str, Any]]:
    match result:
        case "done":
            return "succeeded", {"detail": "done and read back"}
        case "open" | "conflict":
            return "running", {}
        case "skipped":
            return "skipped", {"detail": f"{detail}; the grant is kept, nothing was changed"}
        case _:
            return "failed", {"detail": detail}
