"""Knows the tree of management groups, who stands where in it, and how the tree looked some seconds ago.

Refuses to know HTTP (managementgroups.py) and queries (graph.py). Documented: one root per tenant with the tenant's
id; a subscription is in exactly one group, new ones in the root.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.azure.tenancy import TENANT

ROOT = TENANT.lower()
PREFIX = "/providers/Microsoft.Management/managementGroups/"


@dataclass(frozen=True, slots=True)
class ManagementGroup:
    """One group; `parent` is the lower-case name of another, empty for the root."""

    name: str
    shown: str
    parent: str
    version: int = 1

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def id(self) -> str:
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Tree:
    """The groups by lower-case name, and the group that each placed subscription is in."""

    groups: Mapping[str, ManagementGroup] = field(
        default_factory=lambda: {ROOT: ManagementGroup(TENANT, "Tenant Root Group", "")}
    )
    places: Mapping[str, str] = field(default_factory=dict)

    def line(self, group: str) -> list[ManagementGroup]:
        """The group and its ancestors, the root last."""
        found: list[ManagementGroup] = []
        while group in self.groups:
            found.append(self.groups[group])
            group = found[-1].parent
        return found

    def group_of(self, subscription: str) -> str:
        return self.places.get(subscription.lower(), ROOT)

    def chain(self, subscription: str) -> list[ManagementGroup]:
        """The subscription's group and all above it."""
        return self.line(self.group_of(subscription))

    def contains(self, group: str, subscription: str) -> bool:
        return any(one.key == group.lower() for one in self.chain(subscription))

    def children(self, group: str) -> list[ManagementGroup]:
        return [one for one in self.groups.values() if one.parent == group.lower()]

    def below(self, group: str) -> list[ManagementGroup]:
        """All groups under this one, nearest first."""
        near = self.children(group)
        return [*near, *(deeper for one in near for deeper in self.below(one.key))]


class Hierarchy:
    """The tree now, and its past for readers that lag behind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.past: list[tuple[float, Tree]] = [(float("-inf"), Tree())]
        self.spelled: dict[str, str] = {}  # of subscriptions that were placed

    @property
    def tree(self) -> Tree:
        return self.past[-1][1]

    def seen(self, lag: float) -> Tree:
        """The newest tree that is at least so many seconds old."""
        until = self.clock() - lag
        return next(tree for when, tree in reversed(self.past) if lag <= 0 or when <= until)

    def change(self, **given: Any) -> None:
        self.past.append((self.clock(), replace(self.tree, **given)))

    def put(self, group: ManagementGroup) -> None:
        self.change(groups={**self.tree.groups, group.key: group})

    def drop(self, group: str) -> None:
        self.change(groups={key: one for key, one in self.tree.groups.items() if key != group.lower()})

    def place(self, subscription: str, group: str) -> None:
        """Into this group, and out of the one it was in."""
        self.spelled[subscription.lower()] = subscription
        self.change(places={**self.tree.places, subscription.lower(): group.lower()})

    def displace(self, subscription: str) -> None:
        """Back to the root."""
        if subscription.lower() in self.tree.places:
            self.change(places={one: at for one, at in self.tree.places.items() if one != subscription.lower()})
