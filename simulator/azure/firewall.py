"""Knows who reaches a Cosmos account from public networks, and when and why that changed.

Refuses to know regions. The rule: reference cosmos 1 and 5 (documented): without any other rule, an account is open
to all networks until an endpoint is Approved, and open again when the last one is rejected or removed;
publicNetworkAccess Disabled overrides everything.
"""

from __future__ import annotations

from typing import Any

from simulator.azure import apis, connections
from simulator.azure.ids import Path
from simulator.azure.world import Resource, World, stamp

OPEN, CLOSED, RULES, DISABLED = "open", "closed by endpoint", "rules", "disabled"


def exposure(world: World, account: Resource) -> str:
    """Who gets in from public networks: everybody, nobody because of an endpoint, whom rules name, nobody at all."""
    properties: dict[str, Any] = account.body.get("properties") or {}
    if str(properties.get("publicNetworkAccess", "Enabled")).lower() != "enabled":
        return DISABLED  # SecuredByPerimeter too (assumed)
    if properties.get("ipRules"):
        return RULES
    if properties.get("isVirtualNetworkFilterEnabled") and properties.get("virtualNetworkRules"):
        return RULES
    links = connections.of_target(world, account.path).values()
    return CLOSED if any(one.state.status == "Approved" for one in links) else OPEN


def note(world: World, target: Path, why: str) -> None:
    """Something happened to this target: log it if other people get in now. The first state is no change."""
    account = world.get(target)
    if account is None or not apis.is_account(account):
        return
    before, after = world.exposed.get(target.key), exposure(world, account)
    world.exposed[target.key] = after
    if before not in (None, after):
        row = {"at": stamp(), "account": account.path.id, "before": before, "after": after, "why": why}
        world.exposures.append(row)


def forget(world: World, target: Path) -> None:
    """The account is gone; one of the same name starts anew."""
    world.exposed.pop(target.key, None)
