"""Knows which APIs a Cosmos account speaks, and so which groups it offers to endpoints, and to how many.

Refuses to know regions. Groups per API: reference cosmos 2; the codes of the refusals are assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.azure import connections
from simulator.azure.errors import bad
from simulator.azure.world import Resource, World

TYPE = "Microsoft.DocumentDB/databaseAccounts"
_CAPABLE = {"enablecassandra": "Cassandra", "enablegremlin": "Gremlin", "enabletable": "Table"}
_OFFERED = {
    "MongoDB": ("MongoDB", "Analytical"),
    "Cassandra": ("Cassandra", "Analytical"),
    "Gremlin": ("Gremlin", "Sql", "Analytical"),
    "Table": ("Table", "Sql", "Analytical"),
    "Sql": ("Sql", "SqlDedicated", "Analytical"),
}
OLD_MONGO = "3.2"  # seed: its names are in documents.azure.com, and endpoints are not supported


def is_account(target: Resource) -> bool:
    return target.path.type.lower() == TYPE.lower()


def api(body: dict[str, Any]) -> str:
    """The account's API: its kind, else its capabilities, else NoSQL."""
    if str(body.get("kind", "")).lower() == "mongodb":
        return "MongoDB"
    rows = (body.get("properties") or {}).get("capabilities") or []
    names = [str(row.get("name", "")).lower() for row in rows if isinstance(row, dict)]
    return next((_CAPABLE[name] for name in names if name in _CAPABLE), "Sql")


def enabled(body: dict[str, Any]) -> str:
    """EnabledApiTypes (recorded: Sql; the other texts are general knowledge)."""
    found = api(body)
    return f"{found}, Sql" if found in ("Gremlin", "Table") else found


def offered(target: Resource, groups: Sequence[str]) -> list[str]:
    """Those of a type's groups that this target offers; other types than Cosmos accounts offer all."""
    if not is_account(target):
        return list(groups)
    body = target.body
    version = ((body.get("properties") or {}).get("apiProperties") or {}).get("serverVersion")
    if api(body) == "MongoDB" and version == OLD_MONGO:
        return []
    return [group for group in groups if group in _OFFERED[api(body)]]


def admit(world: World, target: Resource, groups: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a new endpoint that asks an account for a group of another API, or that is one too many."""
    if not is_account(target):
        return
    there = {name.lower() for name in offered(target, known)}
    wrong = [group for group in groups if group.lower() not in there]
    if wrong:
        raise bad(
            "InvalidGroupId",
            f"The group id '{wrong[0]}' is not offered by the account {target.path.name} (API {enabled(target.body)}).",
        )
    limit = int(world.switches["cosmos_endpoints"])
    if len(connections.of_target(world, target.path)) >= limit:
        raise bad(
            "PrivateEndpointQuotaExceeded", f"The account {target.path.name} has {limit} private endpoints already."
        )
