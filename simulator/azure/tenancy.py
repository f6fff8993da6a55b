"""Knows whose a subscription is: its tenant, whether it exists, whether the app's identity has a role in it.

Refuses to know resources, management groups and HTTP. Any subscription exists, is ours and is readable unless
somebody said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

TENANT = "99999999-0000-4000-8000-000000000009"
FOREIGN_TENANT = "66666666-0000-4000-8000-000000000006"
MICROSOFT = "77777777-0000-4000-8000-000000000007"  # made up: the tenant of Microsoft's own subscription
MANAGED = "eeeeeeee-0000-4000-8000-00000000000e"  # Microsoft's own: managed endpoints live there, nobody can read it
SUBSCRIPTION = "00000000-0000-4000-8000-000000000000"  # always listed, so that a sign-in finds one


@dataclass(slots=True)
class Tenancy:
    """What differs from the rule, by lower-case subscription id."""

    tenants: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)  # ours, but the app's identity has no role there

    def tenant_of(self, subscription: str) -> str:
        key = subscription.lower()
        return MICROSOFT if key == MANAGED else self.tenants.get(key, TENANT)

    def is_foreign(self, subscription: str) -> bool:
        return self.tenant_of(subscription) != TENANT

    def exists(self, subscription: str) -> bool:
        return subscription.lower() not in self.gone

    def readable(self, principal: str, subscription: str) -> bool:
        """The operator reads everything; the app what lies in its tenant and is not closed to it."""
        if not self.exists(subscription):
            return False
        return principal != "app" or not (self.is_foreign(subscription) or subscription.lower() in self.closed)

    def foreign(self) -> list[str]:
        return sorted(one for one, tenant in self.tenants.items() if tenant != TENANT)

    def set_foreign(self, subscriptions: Iterable[str]) -> None:
        """These and no others belong to another tenant."""
        self.tenants = {one.lower(): FOREIGN_TENANT for one in subscriptions}

    def change(self, subscription: str, exists: bool | None, readable: bool | None) -> None:
        """It is there or not, the app has a role in it or not; None: as before."""
        for wanted, kept in ((exists, self.gone), (readable, self.closed)):
            if wanted is not None:
                (kept.discard if wanted else kept.add)(subscription.lower())

    def seen(self) -> dict[str, dict[str, object]]:
        """Every subscription that differs from the rule."""
        return {
            one: {
                "tenant": self.tenant_of(one),
                "exists": one not in self.gone,
                "readable": self.readable("app", one),
            }
            for one in sorted({*self.tenants, *self.gone, *self.closed})
        }
