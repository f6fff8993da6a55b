"""What a look at one target is asked for and brings home. Values only; nothing here reads or decides."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from .azure.arm import Listing
from .azure.surroundings import Found, Wants
from .core.around import NOTHING_READ, Around
from .core.cosmos import ACCOUNT, Account
from .core.ids import ResourceId
from .core.model import Connection, Name, Presence, Seen, Status
from .core.names import NameState
from .core.regions import Fit

_ALIVE = {Status.APPROVED: 0, Status.PENDING: 1}


@dataclass(slots=True, kw_only=True)
class Look:
    """What to look at. `full`: everything; `thorough`: what may have changed around it, too; `dry`: write nothing;
    `doubt`: records that memory cannot vouch for."""

    target: ResourceId
    subjects: frozenset[ResourceId]
    full: bool = False
    thorough: bool = False
    waits: bool = False
    """Only a sweep asked: events go first."""
    dry: bool = False
    given: dict[ResourceId, tuple[Seen, datetime]] = field(default_factory=dict)
    """Endpoints that were read already, and when."""
    doubt: set[Name] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class View:
    """What one look brought home: the snapshot's material, when it was read, and what to remember."""

    look: Look
    listing: Listing | None = None
    seen: dict[ResourceId, Seen] = field(default_factory=dict)
    heirs: dict[ResourceId, asyncio.Future[Seen]] = field(default_factory=dict)
    """Endpoints read only because a name may pass to them; they may belong to other targets."""
    read_at: dict[ResourceId, datetime] = field(default_factory=dict)
    states: dict[Name, NameState] = field(default_factory=dict)
    elsewhere: set[tuple[ResourceId, Name]] = field(default_factory=set)
    """(target, name): records that nobody claims and that were written for another target."""
    given_up: set[tuple[ResourceId, Name]] = field(default_factory=set)
    """Claims refuted by this look; their index rows go once the record is right."""
    waiting: set[ResourceId] = field(default_factory=set)
    """Endpoints whose names are not there yet: look again later."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    news: bool = False
    """Something differs from what we remember."""
    wants: Wants = field(default_factory=Wants)
    full: frozenset[str] = frozenset()
    """Rules whose limit is reached."""
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Management groups that hubs serve, as far as they are known."""
    legacy: set[ResourceId] = field(default_factory=set)
    """Older zones that exist, and so win."""
    again: bool = False
    """Something did not answer: look again."""
    fits: dict[ResourceId, Fit] = field(default_factory=dict)
    """Approved endpoints of a Cosmos DB account, beside the account."""
    found: Found | None = None
    """What lies around the connections, as far as some decision lacked it."""

    @property
    def unreadable(self) -> str:
        """What Azure would not show us, and why."""
        if self.listing is not None and not self.listing.complete:
            return self.listing.why
        return next((seen.why for _, seen in sorted(self.seen.items()) if seen.presence is Presence.UNKNOWN), "")

    @property
    def incomplete(self) -> str:
        """Why this look proves nothing by absence; empty when it was complete."""
        return self.unreadable or ", ".join(f"{endpoint.name} is not ready" for endpoint in sorted(self.waiting))

    def connection_of(self, endpoint: ResourceId) -> Connection | None:
        return current(self.connections, endpoint)

    @property
    def account(self) -> Account | None:
        return self.listing.account if self.listing else None

    @property
    def around(self) -> Around:
        """What lies around the connections, as far as it was read, with what only their list shows."""
        around = self.found.around if self.found else NOTHING_READ
        if self.listing is None or not self.look.target.is_a(ACCOUNT):
            return around
        return replace(around, barrier=self.listing.barrier)

    @property
    def connections(self) -> tuple[Connection, ...]:
        return self.listing.connections if self.listing else ()


def current(connections: Iterable[Connection], endpoint: ResourceId) -> Connection | None:
    """Its connection; of several (a stale one beside the current one) the one that is Approved, or still waits."""
    own = [connection for connection in connections if connection.endpoint == endpoint]
    return min(own, key=lambda connection: _ALIVE.get(connection.status, len(_ALIVE)), default=None)


def connection_facts(connection: Connection) -> str:
    return _digest(*connection.facts)


def endpoint_facts(seen: Seen) -> str:
    """What has to stay equal for the endpoint to count as unchanged."""
    endpoint = seen.endpoint
    if endpoint is None:
        return seen.presence.value
    names = (endpoint.pairs, endpoint.addresses, endpoint.group_zones, endpoint.group_records)
    place = (endpoint.location, endpoint.network, endpoint.tags)
    return _digest(endpoint.guid, endpoint.provisioned, endpoint.links, *names, *place)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
