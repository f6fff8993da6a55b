"""What covers access that exists: Approved connections that no rule covers any more, or that somebody else approved.

Findings with what an auditor needs, never a change: a person decides what becomes of access (law 4). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .around import Around
from .decide import decide
from .ids import ResourceId
from .model import Connection, Decision, Grant, Seen, Status, Verdict
from .policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The connections of one target, with what was seen around them."""

    target: ResourceId
    decisions: tuple[Decision, ...]
    endpoints: Mapping[ResourceId, Seen]
    grants: tuple[Grant, ...]
    around: Around
    approved: frozenset[tuple[ResourceId, ResourceId]] = frozenset()
    """(connection, endpoint) of the approvals that our own journal proves; Azure's text can be anybody's."""

    def by_us(self, connection: Connection) -> bool:
        return (connection.id, connection.endpoint) in self.approved


def findings(access: Access, policy: Policy, now: datetime) -> Iterable[tuple[str, str]]:
    """(connection, text). What cannot be told is no finding that something is wrong."""
    around = replace(access.around, afterwards=True)
    for decision in access.decisions:
        connection = decision.connection
        if connection.status is not Status.APPROVED or connection.id is None or not policy.covers(access.target):
            continue
        granted = any(g.connection == connection.id and g.endpoint == connection.endpoint for g in access.grants)
        asked = replace(connection, status=Status.PENDING)
        again = decide(asked, target=access.target, policy=policy, now=now, around=around)
        who = connection.endpoint.name if connection.endpoint else "an unknown endpoint"
        if not granted and not again.missing and again.verdict is not Verdict.APPROVE:
            why = f"nothing covers it now: {again.reasons[0]}"
            yield str(connection.id), f"{who} is approved, but {why}; {_evidence(connection, access)}"
        elif not access.by_us(connection):
            why = again.reasons[0] if again.verdict is Verdict.APPROVE else "whether a rule covers it cannot be told"
            text = f"{who} was approved, but not by Linkkeeper ({why})"
            yield str(connection.id), f"{text}; {_evidence(connection, access)}"


def _evidence(connection: Connection, access: Access) -> str:
    """What an auditor needs to go and ask: how it came to be approved, and whose it is."""
    seen = access.endpoints.get(connection.endpoint) if connection.endpoint else None
    link = seen.endpoint.link_to(access.target) if seen and seen.endpoint else None
    how = "approved by Linkkeeper" if access.by_us(connection) else "approved by somebody else"
    if connection.by_us and not access.by_us(connection):
        how = "approved with Linkkeeper's own words, but its journal knows nothing of it"
    if link is not None and link.approval_reference is not None:
        how = f"approval inherited from {link.approval_reference}"
    elif link is not None and not link.manual and not access.by_us(connection):
        how = "approved automatically, by a right of the requester's own on the target"
    facts = {"endpoint": connection.endpoint, "guid": connection.guid, "link": connection.link_identifier}
    groups = ", ".join(connection.groups or ())
    said = [how, *(f"{name} {fact}" for name, fact in facts.items() if fact), f"groups {groups or 'not shown'}"]
    return ", ".join(said)
