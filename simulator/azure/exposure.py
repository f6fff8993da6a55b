"""Knows to whom a Private Link Service shows itself, and whom it approves at once.

Refuses to know requests. Documented: both lists and `*`; the refusal of an alias that is not visible (as if it did
not exist): assumed.
"""

from __future__ import annotations

from simulator.azure.world import Resource, World


def approves(target: Resource, subscription: str) -> bool:
    """autoApproval: requests from these subscriptions are Approved at once (documented; `*` is everybody)."""
    return _listed(target, "autoApproval", subscription)


def visible(world: World, service: Resource, subscription: str) -> bool:
    """Whether the alias works from this subscription. Documented: listed ones and `*`; with an empty list only
    whoever holds a role on the service, here: whoever is in its tenant."""
    rows = (service.body["properties"].get("visibility") or {}).get("subscriptions") or []
    if service.path.subscription.lower() == subscription.lower():
        return True
    if not rows:
        tenants = world.tenancy
        return tenants.tenant_of(subscription) == tenants.tenant_of(service.path.subscription)
    return _listed(service, "visibility", subscription)


def _listed(service: Resource, name: str, subscription: str) -> bool:
    rows = ((service.body.get("properties") or {}).get(name) or {}).get("subscriptions") or []
    return any(str(one).lower() in ("*", subscription.lower()) for one in rows)
