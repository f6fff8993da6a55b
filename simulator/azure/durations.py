"""Knows how long Azure's slow operations take: really, and squeezed for people who watch.

Refuses to know what waits (later.py). Squeezed seconds count with a pace, real ones when time is held. Labels:
recorded, assumed (nobody wrote it down), ours.
"""

from __future__ import annotations

from typing import NamedTuple


class Takes(NamedTuple):
    """One duration, told twice."""

    squeezed: float  # seconds at pace 1
    real: float  # seconds in Azure


LISTED = Takes(0.2, 5)  # ours: until a target shows a new connection
CREATED = Takes(1.5, 90)  # assumed: an endpoint takes a minute or two
AGAIN = Takes(1.0, 60)  # assumed: so does a repeated PUT
COSMOS_CREATED = Takes(3.0, 540)  # recorded: 9 minutes 13 seconds
COSMOS_AGAIN = Takes(1.5, 540)  # assumed: as its creation
DELETED = Takes(0.8, 60)  # assumed
ZONE_GROUP = Takes(1.0, 30)  # assumed
REMOVED = Takes(0.8, 30)  # assumed: a connection removed at its target

ACCOUNT = Takes(1.0, 120)  # assumed: an account made, or changed in anything but its regions
REGIONS = Takes(1.5, 300)  # assumed: regions added or removed, several minutes
FAILOVER = Takes(1.0, 180)  # assumed; offlining and onlining a region too
ACCOUNT_DELETED = Takes(1.0, 300)  # assumed

_DECISIONS = {  # recorded: until a decision is settled
    "microsoft.documentdb/databaseaccounts": 31.0,
    "microsoft.dbformysql/servers": 34.0,
    "microsoft.keyvault/vaults": 38.0,
}


def decision(kind: str, squeezed: float) -> Takes:
    """How long a decision about a connection takes; types nobody recorded need half a minute (assumed)."""
    return Takes(squeezed, _DECISIONS.get(kind.lower(), 30.0) if squeezed else 0.0)
