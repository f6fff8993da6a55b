"""What one sweep found: suspects worth a settle, findings for people, and how complete the look was. A value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .azure.dns import Zone
from .azure.memory import Known
from .core.cosmos import Account
from .core.ids import ResourceId
from .core.model import Claim, Connection, Grant, Name, RecordSet
from .core.policy import Policy

Memory = dict[ResourceId, dict[ResourceId, Known]]


@dataclass(slots=True, kw_only=True)
class Sweep:
    """What one sweep found. Not `complete` when anything could not be read: it then proves nothing."""

    policy: Policy
    known: Memory
    grants: tuple[Grant, ...] = ()
    complete: bool = True
    suspects: dict[tuple[ResourceId, ResourceId], str] = field(default_factory=dict)
    """(target, subject) to why it is worth a settle."""
    findings: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    unclaimed: int = 0
    until: datetime
    """A sweep ends before the host ends it: what was not read by then is left to the next one."""
    services: set[ResourceId] = field(default_factory=set)
    approving: list[tuple[ResourceId, Connection]] = field(default_factory=list)
    """Pending connections that the policy approves: too many at once wait for a person."""

    gone: set[tuple[ResourceId, ResourceId]] = field(default_factory=set)
    """(target, endpoint) that seem to be connected no more."""
    names: Mapping[Name, tuple[tuple[Claim, ...], RecordSet | None]] = field(default_factory=dict)
    """Every name that is remembered: its claims, and what was last written."""
    claimed: dict[ResourceId, dict[Name, Claim]] = field(default_factory=dict)
    """Endpoint to the names it is remembered to claim."""
    networks: dict[ResourceId, set[tuple[ResourceId, ResourceId]]] = field(default_factory=dict)
    """Virtual network to the (endpoint, subnet) of Cosmos DB accounts in it."""
    recreating: set[tuple[ResourceId, ResourceId]] = field(default_factory=set)
    """(account, endpoint) that the account wants made again."""
    guids: set[str] = field(default_factory=set)
    """Of every endpoint that was listed."""
    accounts: dict[ResourceId, Account] = field(default_factory=dict)
    """Cosmos DB accounts, as their list showed them."""
    services_of: dict[ResourceId, set[ResourceId]] = field(default_factory=dict)
    """Endpoint to the services elsewhere that it is remembered to lead to; no list of theirs tells."""
    lost: set[tuple[ResourceId, Name]] = field(default_factory=set)
    """(endpoint, name): claimed, and not asked for any more, such as under a changed policy."""
    zones: dict[str, list[Zone]] = field(default_factory=dict)
    """Hub to its zones; a hub whose zones could not be listed is missing."""
    zones_read: set[ResourceId] = field(default_factory=set)
    zones_left: list[ResourceId] = field(default_factory=list)
    """Zones whose records were left to the next sweep."""
    thorough: bool = False
    """Somebody asked for it: look at everything again, also at what seldom changes."""
    deleting: list[tuple[ResourceId, Name]] = field(default_factory=list)
    """Records that seem to be for nobody: too many at once wait for a person."""

    def suspect(self, target: ResourceId, subject: ResourceId, why: str) -> None:
        if self.policy.covers(target):
            self.suspects.setdefault((target, subject), why)

    def find(self, text: str) -> None:
        if text not in self.findings:
            self.findings.append(text)

    def incomplete(self, why: str) -> None:
        self.complete = False
        self.findings.append(why)

    def late(self, now: datetime) -> bool:
        if now >= self.until and self.complete:
            self.incomplete("out of time: the next sweep goes on")
        return now >= self.until

    def count(self, what: str, more: int = 1) -> None:
        self.counted[what] = self.counted.get(what, 0) + more

    def report(self) -> dict[str, object]:
        return {
            "complete": self.complete,
            "zonesLeft": [str(zone) for zone in sorted(self.zones_left)],
            "counted": self.counted,
            "suspects": [
                {"target": str(target), "subject": str(subject), "why": why}
                for (target, subject), why in sorted(self.suspects.items())
            ],
            "findings": self.findings,
        }
