"""Plans and decisions as text and as JSON. The text that people read is the plan that runs."""

from __future__ import annotations

from typing import Any

from .model import Connection, Decision
from .plan import Change, Plan


def text_of(body: dict[str, Any]) -> str:
    """The text of a plan as `plan_json` gives it: the same words wherever the plan was made."""
    lines = [body["target"], f"plan {body['fingerprint']}: {len(body['changes']) or 'no'} change(s)"]
    lines += [f"  {_change_line(change)}" for change in body["changes"]]
    lines += [
        f"  held   {d['connectionId']}: {'; '.join(d['reasons'])}" for d in body["decisions"] if d["verdict"] == "hold"
    ]
    lines += [f"  note   {found['subject']}: {found['text']}" for found in body["findings"]]
    return "\n".join(lines)


def plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "target": str(plan.target),
        "fingerprint": plan.fingerprint,
        "changes": [change_json(change) for change in plan.changes],
        "decisions": [decision_json(decision) for decision in plan.decisions],
        "findings": [{"subject": subject, "text": text} for subject, text in plan.findings],
    }


def change_json(change: Change) -> dict[str, Any]:
    record = change.record
    body: dict[str, Any] = {"kind": change.kind, "subject": str(change.subject), "why": change.why}
    if change.blocked:
        body["blocked"] = change.blocked
    if record is not None:
        body |= {"record": str(record.name), "addresses": list(record.addresses), "ttl": record.ttl}
    return body


def decision_json(decision: Decision) -> dict[str, Any]:
    connection = decision.connection
    return {
        "verdict": decision.verdict.value,
        "rule": decision.rule,
        "by": decision.by,
        "reasons": list(decision.reasons),
        "nearestRule": decision.nearest,
        "connectionId": str(connection.id) if connection.id else None,
        "endpointId": str(connection.endpoint) if connection.endpoint else None,
    }


def connection_json(connection: Connection) -> dict[str, Any]:
    return {
        "endpointId": str(connection.endpoint) if connection.endpoint else None,
        "status": connection.status.value,
        "settled": connection.settled,
        "groupIds": list(connection.groups) if connection.groups else None,
        "name": connection.name or None,
    }


def _change_line(change: dict[str, Any]) -> str:
    what = f"{change['record']} -> {', '.join(change['addresses'])}" if "record" in change else change["subject"]
    blocked = f" [blocked: {change['blocked']}]" if "blocked" in change else ""
    return f"{change['kind']:<6} {what}: {change['why']}{blocked}"
