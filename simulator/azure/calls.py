"""Knows one call to ARM and its answer, and counts calls per principal. Refuses to know what they mean."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.azure.errors import bad, group_missing, resource_missing
from simulator.azure.ids import Path
from simulator.azure.world import Resource, World, stamp

KINDS = ("arm_reads", "arm_writes", "arm_deletes", "dns_reads", "dns_writes", "dns_deletes")
THROTTLED = "throttled"  # calls answered 429, by a budget or by a planted fault; also in arm_*, but not in dns_*


@dataclass(slots=True)
class Call:
    """What a handler gets: a call that is signed in and well formed."""

    world: World
    method: str
    path: Path
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    principal: str
    base: str  # https://host:port as the caller wrote it; absolute URLs of answers start with it

    @property
    def version(self) -> str:
        return self.query.get("api-version", "")

    @property
    def content(self) -> dict[str, Any]:
        """The body, which must be an object."""
        if not isinstance(self.body, dict):
            raise bad(
                "InvalidRequestContent",
                "The request content was invalid and could not be deserialized: 'The body must be a JSON object.'.",
            )
        if not isinstance(self.body.get("properties") or {}, dict):
            raise bad("InvalidRequestContent", "The request content was invalid: 'properties' must be an object.")
        return self.body


@dataclass(slots=True)
class Reply:
    """What a handler answers. `event` False: no event now, a slow operation raises it at its end."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    event: bool = True
    update: bool = False  # the resource was there before


def is_dns(path: Path) -> bool:
    kind = path.types[0].lower() if path.types else ""
    return path.namespace.lower() == "microsoft.network" and kind.startswith("privatedns") and kind != ""


def is_network(path: Path) -> bool:
    """Microsoft.Network, but not its private DNS, which counts for itself."""
    return path.namespace.lower() == "microsoft.network" and not is_dns(path)


def is_graph(path: Path) -> bool:
    """Queries of Resource Graph are reads, though they are POSTs."""
    return path.namespace.lower() == "microsoft.resourcegraph"


def kind_of(method: str, path: Path) -> str:
    """Which counter a call belongs to. Calls to private DNS are counted apart from the rest of ARM."""
    verb = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get("GET" if is_graph(path) else method, "writes")
    return f"{'dns' if is_dns(path) else 'arm'}_{verb}"


def demand(world: World, path: Path) -> Resource:
    """The resource, or the 404 that ARM words differently for a missing group."""
    found = world.get(path)
    if found is None:
        raise resource_missing(path) if world.has_group(path) else group_missing(path.group)
    return found


class Counter:
    """The newest 10,000 calls, and totals per principal."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.totals: dict[str, dict[str, int]] = {}
        self.recent: deque[dict[str, Any]] = deque(maxlen=10_000)

    def note(self, principal: str, method: str, path: Path, raw: str, version: str, status: int) -> None:
        totals = self.totals.setdefault(principal, dict.fromkeys((*KINDS, THROTTLED), 0))
        refused, kind = status == 429, kind_of(method, path)
        totals[THROTTLED] += refused
        totals[kind] += not (refused and kind.startswith("dns_"))
        self.recent.append(
            {
                "at": stamp(),
                "principal": principal,
                "method": method,
                "path": raw,
                "apiVersion": version,
                "status": status,
            }
        )

    def seen(self) -> dict[str, Any]:
        return {"totals": {who: dict(row) for who, row in self.totals.items()}, "recent": list(self.recent)}
