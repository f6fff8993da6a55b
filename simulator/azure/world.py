"""Knows everything the small Azure holds: resources, groups, zones, and the doors to its parts.

Refuses to know HTTP. One instance per Azure; nothing of it is global.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulator.azure import ids
from simulator.azure.failures import Failures
from simulator.azure.hierarchy import Hierarchy
from simulator.azure.ids import Path
from simulator.azure.later import Later
from simulator.azure.tenancy import SUBSCRIPTION, Tenancy

if TYPE_CHECKING:
    from simulator.azure.connections import Connection
    from simulator.azure.events import Grid
    from simulator.azure.interfaces import Subnet
    from simulator.azure.operations import Operation

SWITCHES: dict[str, Any] = {
    "throttle": False,  # documented: enforce the buckets of arm-limits 1
    "dns_read_budget": 500,  # documented: private DNS reads in one window
    "dns_window": 300,  # documented: seconds of that window
    "foreign_events": False,  # U: a stranger's request raises events in the target's subscription
    "foreign_reads": "forbidden",  # U: "forbidden" = 403, "notfound" = 404, "wrongtenant" = 401 with its tenant
    "pls_events": False,  # U: endpoints of Private Link Services raise proxy events
    "pending_names": True,  # U: customDnsConfigs is filled while the connection is Pending
    "unknown_groups": "",  # U: group ids where no source tells: "", "groupId" or "groupIds"
    "unknown_settled": "Succeeded",  # U: "absent": types nobody recorded show no provisioningState
    "sync_decisions": False,  # S: all are documented: 202 and later, True = 200 and settled, "201" where that is too
    "retry_after": True,  # R: slow operations tell when to ask again; False: they do not
    "long_urls": False,  # R: URLs of slow operations carry about 3,400 characters of signature (since late 2023)
    "pending_text": "awaiting",  # R both: what the requester reads while Pending; "request" = his own text
    "reapprove": False,  # U: a rejected connection can be approved (True: wherever no source says no)
    "name_clash": "suffix",  # U: a connection name is taken: "suffix", "replace" or "refuse"
    "cosmos_recreate": True,  # U: new regions want the endpoint PUT again (Recreate); False: Azure does it
    "cosmos_lag": 1,  # U: seconds from the end of an account's region change until its endpoints are told, or follow
    "cosmos_read": "end",  # U: the regions a repeated PUT gets are those at its "end", or at its "start"
    "cosmos_failover_guard": True,  # seed: no failover to a region that an approved endpoint lacks; newer: not listed
    "cosmos_delete_guard": True,  # seed: an account with endpoints cannot be deleted; newer: not listed
    "cosmos_endpoints": 200,  # documented number: endpoints per account
    "cosmos_offline": "Offline",  # U: what the row of a region that was taken offline shows; "Succeeded" too
    "updating_names": "empty",  # U: customDnsConfigs while a repeated PUT is under way or failed; "kept" = the old
    "updating_refusal": "conflict",  # U: a PUT while another is under way: 409, "retryable" = 429 RetryableError
    "list_move_resets": True,  # U: moving a link to the other list decides anew: manual = Pending again
    "page_size": 0,  # U: page size of ARM lists; 0 = one page
    "graph_lag": 0,  # U: seconds during which Resource Graph does not see changes of management groups
    "graph_unknown": "refuse",  # U: a scope without subscriptions: "refuse" = 400, "empty" = 200 without rows
    "group_silent": False,  # reported for wrong zone names, here for all: zone groups write nothing, without an error
    "zone_capacity": 25000,  # documented: record sets per zone
    "dns_view": "",  # ours: prefix of the ids of the zones that the name server answers from
}


@dataclass(slots=True)
class Resource:
    """One resource as ARM shows it, and what the simulator knows beside it (`item`)."""

    path: Path
    body: dict[str, Any]
    item: Any = None
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class Group:
    """A resource group."""

    subscription: str
    name: str
    location: str
    tags: dict[str, str] | None = None

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.name}"


class World:
    """All state of one small Azure."""

    grid: Grid

    def __init__(self, seed: int, pace: float) -> None:
        self.seed = seed
        self.later = Later(pace)
        self.version = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything but the pace."""
        self.random = random.Random(self.seed)
        self.later.forget()
        self.version += 1  # never back to an old number: readers keep what they built for one
        self.resources: dict[str, Resource] = {}
        self.by_type: dict[str, dict[str, Resource]] = {}
        self.children: dict[str, dict[str, Resource]] = {}
        self.connections: dict[str, dict[str, Connection]] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.operations: dict[str, Operation] = {}
        self.subnets: dict[str, Subnet] = {}
        self.aliases: dict[str, str] = {}
        self.failures = Failures()
        self.exposed: dict[str, str] = {}
        self.exposures: list[dict[str, str]] = []
        self.switches = dict(SWITCHES)
        self.tenancy = Tenancy()
        self.hierarchy = Hierarchy()

    def guid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def put(self, resource: Resource) -> None:
        """Add or replace; the resource group comes into being by use."""
        key = resource.path.key
        self.resources[key] = resource
        self.by_type.setdefault(resource.path.type.lower(), {})[key] = resource
        self.children.setdefault(resource.path.parent.key, {})[key] = resource
        self.need_group(resource.path, resource.body.get("location"))
        self.version += 1

    def drop(self, key: str) -> Resource | None:
        resource = self.resources.pop(key.lower(), None)
        if resource:
            self.by_type[resource.path.type.lower()].pop(key.lower(), None)
            self.children[resource.path.parent.key].pop(key.lower(), None)
            self.version += 1
        return resource

    def get(self, key: str | Path) -> Resource | None:
        return self.resources.get(key.key if isinstance(key, Path) else key.lower())

    def of_type(self, kind: str) -> Iterator[Resource]:
        return iter(list(self.by_type.get(kind.lower(), {}).values()))

    def below(self, key: str) -> list[Resource]:
        """Everything that hangs under a resource."""
        found = list(self.children.get(key.lower(), {}).values())
        return [*found, *(deeper for child in found for deeper in self.below(child.path.key))]

    def need_group(self, path: Path, location: object = None) -> None:
        if not path.group:
            return
        place = str(location) if location and str(location).lower() != "global" else "westeurope"
        where = (path.subscription.lower(), path.group.lower())
        self.groups.setdefault(where, Group(path.subscription, path.group, place))

    def has_group(self, path: Path) -> bool:
        return not path.group or (path.subscription.lower(), path.group.lower()) in self.groups

    def is_foreign(self, subscription: str) -> bool:
        return self.tenancy.is_foreign(subscription)

    def transfer(self, subscription: str, tenant: str) -> None:
        """The subscription is in this tenant from now on, and in no management group of ours unless that is us."""
        self.tenancy.tenants[subscription.lower()] = tenant
        self.leave_strangers()

    def leave_strangers(self) -> None:
        """Subscriptions of other tenants stand in no management group of ours."""
        for one in [one for one in self.hierarchy.tree.places if self.is_foreign(one)]:
            self.hierarchy.displace(one)

    def subscriptions(self) -> list[str]:
        """Every subscription used so far that exists, and the one that is always there."""
        used = {group.subscription.lower(): group.subscription for group in self.groups.values()}
        used = {SUBSCRIPTION: SUBSCRIPTION, **used, **self.hierarchy.spelled}
        return [text for text in used.values() if self.tenancy.exists(text)]

    def target(self, reference: object) -> Resource | None:
        """The target that an endpoint names, by id or by the alias of a Private Link Service."""
        text = str(reference or "")
        key = self.aliases.get(text.lower()) if not text.startswith("/") else None
        path = ids.resource(text)
        return self.get(key or (path.key if path else ""))


def stamp(when: datetime | None = None) -> str:
    """A time as ARM writes it."""
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
