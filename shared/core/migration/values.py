"""The words of a migration: what is asked for, what is there, what moves, the gap, the steps. Values only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..hub import Hub
from ..ids import ResourceId
from ..model import Claim, Name, RecordSet

MOST_ZONES = 5
"""Of one zone group (documented)."""
GROUP_TTL = 10
"""Of the records that zone groups write (recorded)."""
EVENT_SECONDS = 10
"""From the deletion of a group to Linkkeeper's record, where the event arrives (assumed)."""
SWEEP_SECONDS = 1800
"""The same where it is lost: until the next sweep, by the default schedule."""
NEGATIVE_SECONDS = 10
"""For which clients remember that a name is not there: the SOA minimum of private zones (recorded; 300 in 2019)."""
MARK = "created by private endpoint"
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
GROUP_TYPE = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"

ZONE_GROUP = "network private-endpoint dns-zone-group"
RIGHTS = "whoever makes the group needs rights on the endpoint and to join each zone"
REMADE = (
    "Linkkeeper cannot see who made the zone group: an Azure Policy (deployIfNotExists), Terraform or Bicep may make "
    "it again, and then Azure and Linkkeeper take turns"
)


class State(StrEnum):
    READY = "ready"
    BLOCKED = "blocked"
    NOTHING = "nothing to do"


class Owner(StrEnum):
    """Whose the present record is."""

    NOBODY = "no record"
    OURS = "Linkkeeper"
    GROUP = "its zone group"
    OTHER = "somebody else"
    UNREAD = "not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A zone group as one read showed it. `zones`: the name of each configuration and its zone."""

    id: ResourceId
    zones: tuple[tuple[str, ResourceId], ...] = ()
    records: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Network links of a zone: those where public DNS answers for what the zone does not hold, and those without."""

    public: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The names of an endpoint as if it had no zone group. `custom`: such that a zone group never writes, and why."""

    targets: tuple[ResourceId, ...] = ()
    claims: tuple[Claim, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()
    serving: tuple[Hub, ...] = ()
    unsure: tuple[Hub, ...] = ()
    custom: Mapping[Name, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read beside the endpoint. A name that is not among `records` was not read; `unread` says why.

    `rivals`: other endpoints that claim the name; `own`: Linkkeeper itself depends on the target (law 11).
    """

    groups: tuple[Group, ...] = ()
    records: Mapping[Name, RecordSet | None] = field(default_factory=dict)
    unread: Mapping[Name, str] = field(default_factory=dict)
    rivals: Mapping[Name, tuple[ResourceId, ...]] = field(default_factory=dict)
    links: Mapping[ResourceId, Links] = field(default_factory=dict)
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """When a name has no record. Seconds: usually, at most (event lost), and for which clients keep what they heard."""

    begins: str
    ends: str
    why: str
    usually: int
    at_most: int
    old_answer: int
    negative: int
    meanwhile: str
    """What clients get: public (the public address), nothing (NXDOMAIN), both (by network) or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One name: wanted addresses, who has it now, and the time without it."""

    name: Name
    fqdn: str
    addresses: tuple[str, ...]
    owner: Owner
    present: tuple[str, ...] = ()
    detail: str = ""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    do: str
    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """`undo`: the commands that make things as they were. Steps only where nothing stands in the way."""

    endpoint: ResourceId
    targets: tuple[ResourceId, ...]
    back: bool
    state: State
    why: str
    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    undo: tuple[str, ...] = ()
    names: tuple[Moved, ...] = ()

    @property
    def gaps(self) -> tuple[Moved, ...]:
        return tuple(one for one in self.names if one.gap)
