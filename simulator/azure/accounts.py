"""Knows a Cosmos account as it is read: its regions, what follows from them, and whether it is being changed.

Refuses to know calls (cosmos.py) and endpoints. Recorded: cosmos-account-get.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from simulator.azure import apis, firewall, regions
from simulator.azure.errors import ArmError
from simulator.azure.generic import GONE, MADE
from simulator.azure.regions import Row
from simulator.azure.world import Resource, World

DEFAULTS: dict[str, Any] = {
    "publicNetworkAccess": "Enabled",
    "enableAutomaticFailover": False,
    "enableMultipleWriteLocations": False,
    "isVirtualNetworkFilterEnabled": False,
    "virtualNetworkRules": [],
    "databaseAccountOfferType": "Standard",
    "networkAclBypass": "None",
    "capabilities": [],
    "ipRules": [],
    "cors": [],
}
CONSISTENCY = {"defaultConsistencyLevel": "Session", "maxIntervalInSeconds": 5, "maxStalenessPrefix": 100}


@dataclass(slots=True)
class Account:
    """What the simulator knows of an account beside its body."""

    rows: list[Row]
    kind: str
    busy: str = ""  # provisioningState while something is under way that allows nothing else


def derive(world: World, resource: Resource, given: dict[str, Any]) -> None:
    """After every PUT and PATCH: what Azure derives. New regions of an account that exists take time (cosmos.py)."""
    properties, name = resource.body["properties"], resource.path.name
    if resource.item is None:
        first = given.get("locations") or [{"locationName": resource.body.get("location"), "failoverPriority": 0}]
        resource.item = Account(regions.asked(name, first), resource.body.get("kind") or "GlobalDocumentDB")
    resource.body.setdefault("kind", resource.item.kind)
    resource.item.kind = resource.body["kind"]
    for key, value in DEFAULTS.items():
        if properties.get(key) is None:
            properties[key] = copy.deepcopy(value)
    properties["documentEndpoint"] = f"https://{name}.documents.azure.com:443/"
    properties["EnabledApiTypes"] = apis.enabled(resource.body)
    properties["consistencyPolicy"] = CONSISTENCY | (properties.get("consistencyPolicy") or {})
    show(resource)
    firewall.note(world, resource.path, "the account was changed")


def show(resource: Resource) -> None:
    """Put the regions, in all the ways Azure tells them, and the state into the body."""
    own: Account = resource.item
    properties = resource.body["properties"]
    rows = sorted((dict(row) for row in own.rows), key=lambda row: row["failoverPriority"])
    there = [row for row in rows if row["provisioningState"] != "Creating"]
    properties["provisioningState"] = own.busy or "Succeeded"
    properties["writeLocations"] = rows if properties["enableMultipleWriteLocations"] else there[:1]
    properties["readLocations"] = properties["locations"] = rows
    kept = ("id", "locationName", "failoverPriority")
    properties["failoverPolicies"] = [{key: row[key] for key in kept} for row in rows]


def change(world: World, resource: Resource, rows: list[Row], busy: str) -> None:
    """Other regions, or another state, from now on."""
    resource.item.rows, resource.item.busy = rows, busy
    show(resource)
    world.version += 1


def alone(resource: Resource) -> None:
    """Refuse what would meet another operation on the account (wording: general knowledge; the code is assumed)."""
    if resource.item.busy:
        raise ArmError(
            412,
            "PreconditionFailed",
            "There is already an operation in progress which requires exclusive lock on this service "
            f"{resource.path.name}. Please retry the operation after sometime.",
        )


MADE[apis.TYPE.lower()] = derive
GONE[apis.TYPE.lower()] = lambda world, resource: firewall.forget(world, resource.path)
