"""What decides beside the connection itself: tags, tenants, management groups, our own managed endpoints. Pure values.

Whatever is absent here was not read, and what was not read is unknown: it can hold a connection, never approve one.
Refuses to know who reads it (surroundings.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .cosmos import Barrier
from .ids import ResourceId
from .model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """One managed endpoint of a service of ours (Grafana, Data Factory …), as that service shows it."""

    id: ResourceId
    target: ResourceId | None
    groups: tuple[str, ...] = ()
    status: Status = Status.UNKNOWN
    created: datetime | None = None
    """When it was made, or first seen by us where the service does not say."""
    nonce: str | None = None
    spent_on: ResourceId | None = None
    """The endpoint whose approval it explained already; services may go on calling it Pending for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    tags: Mapping[str, str] | None = None
    """The target's tags, keys folded (Azure compares them so); values as they are."""
    tenants: Mapping[str, str] = field(default_factory=dict)
    """Subscription to its tenant."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Management group to all subscriptions below it."""
    managed: Mapping[ResourceId, tuple[Managed, ...]] = field(default_factory=dict)
    """Service of ours to its managed endpoints."""
    unexplained: int | None = None
    """How many Pending connections of the target no rule explains without looking at managed endpoints."""
    barrier: Barrier | None = None
    """Of a Cosmos DB account: what keeps the public out now; None where nobody looked."""
    full: frozenset[str] = frozenset()
    """Rules whose limit is reached: another one that matches may still approve."""
    afterwards: bool = False
    """The question is what covers a connection approved before: the managed endpoint has long stopped waiting."""


NOTHING_READ = Around()
