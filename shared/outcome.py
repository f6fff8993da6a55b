"""What applying a plan needs, and what became of each change. Values, and the words of a change's journal row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .app import App
from .azure.journal import Entry
from .azure.memory import Intent, Memory
from .core.model import Connection, RecordSet
from .core.plan import Change, Plan
from .core.policy import Policy
from .core.rules import Mode
from .errors import Passing
from .policysource import PolicyState
from .view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    change: Change
    result: str
    detail: str = ""
    intent: Intent | None = None
    after: Connection | None = None


@dataclass(slots=True, kw_only=True)
class Work:
    """What applying needs: the view the plan was made from, the policy, the memory and the deadline."""

    plan: Plan
    view: View
    memory: Memory
    state: PolicyState
    app: App
    deadline: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    passing: Passing | None = None
    cut: bool = False
    waits: list[Change] = field(default_factory=list)
    """Deletes held back because what was just approved may claim the name."""
    capped_refreshes: str = ""
    """Why no more endpoints are refreshed for now."""
    unsent: bool = False
    """News could not be sent yet."""

    @property
    def policy(self) -> Policy:
        return self.state.policy

    @property
    def approving(self) -> bool:
        """Was something approved in this settle, or is an approval still in flight?"""
        sent = any(o.change.kind == "approve" and o.result in ("done", "open") for o in self.outcomes)
        return sent or any(intent.kind == "approve" for intent in self.memory.intents)

    def late(self) -> bool:
        self.cut = self.cut or self.app.now() >= self.deadline
        return self.cut


def failed(work: Work, change: Change, wrong: Exception) -> Outcome:
    if isinstance(wrong, Passing):
        work.passing = work.passing or wrong
    return Outcome(change=change, result="failed", detail=str(wrong))


def entry(work: Work, change: Change, mode: Mode = Mode.APPLY) -> Entry:
    """What the journal says of a change."""
    decision, record = change.decision, change.record
    details: dict[str, object] = {
        "why": change.why,
        "policy": work.state.hash,
        "mode": mode.value,
        "content": content(change),
    }
    grant = None
    if decision is not None:
        details |= {
            "verdict": change.kind,
            "rule": decision.rule or "",
            "by": decision.by or "policy",
            "reasons": list(decision.reasons),
            "endpoint": str(decision.connection.endpoint),
            "guid": decision.connection.guid or "",
        }
        if decision.by and decision.verdict.value == change.kind:
            grant = next((g for g in work.memory.grants if g.connection == change.subject and not g.spent), None)
    if record is not None:
        details |= {
            "record": str(record.name),
            "addresses": list(record.addresses),
            "endpoint": record.label("endpoint") or "",
            **({"adopted": "yes"} if change.adopts else {}),
        }
    if change.fit is not None:
        names = {"adds": change.fit.missing, "drops": change.fit.surplus}
        details |= {"endpoint": str(change.subject), **{key: sorted(value) for key, value in names.items()}}
    return Entry(change=change.id, kind=change.kind, subject=change.subject, details=details, grant=grant)


def content(change: Change) -> str:
    """Enough to tell from a later read whether the change happened."""
    if change.fit is not None:
        return f"{change.fit.guid}|{change.fit.digest}"
    if change.decision is not None:
        return f"{change.decision.connection.endpoint}|{change.decision.connection.guid or ''}"
    return record_content(change.record) if change.record and change.kind == "put" else ""


def record_content(record: RecordSet | None) -> str:
    return f"{record.addresses}|{record.ttl}|{record.metadata}" if record else ""
