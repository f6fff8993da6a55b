"""Knows which events ARM raises for a write, and in whose subscription. Refuses to know who receives them.

Field set and rules: reference events 1 to 3. The personal data in `claims` is made up on purpose: whoever logs it
is found out by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.azure import catalog
from simulator.azure.ids import Path
from simulator.azure.tenancy import TENANT
from simulator.azure.tokens import oid
from simulator.azure.world import World, stamp

_CHILDREN = {
    name.lower(): name
    for name in (
        "privateEndpointConnections",
        "privateEndpointConnectionProxies",
        "privateDnsZoneGroups",
        "virtualNetworkLinks",
        "subnets",
        "managedPrivateEndpoints",
        "managedVirtualNetworks",
        "sharedPrivateLinkResources",
        "privateEndpoints",
        "originGroups",
        "origins",
    )
}


def operation(path: Path, verb: str) -> str:
    """The operation's name in the provider's own casing: '.../write', '.../delete' or '.../<what>/action'."""
    tail = verb if verb in ("write", "delete") else f"{verb}/action"
    if not path.namespace:
        return f"Microsoft.Resources/subscriptions/resourceGroups/{tail}"
    if path.is_extension:
        return f"{path.names[-2]}/{path.types[-1]}/{tail}"
    spelled = catalog.type_name(path).split("/")
    spelled = [*spelled[:2], *(_CHILDREN.get(part.lower(), part) for part in spelled[2:])]
    row = catalog.entries().get("/".join(spelled[:2]).lower())
    if row and "operations" in row:  # Monitor's operation list writes every segment with a capital (documented)
        rest = [*spelled[2:], *tail.split("/")]
        return "/".join([row["operations"], *(part[:1].upper() + part[1:] for part in rest)])
    return "/".join([*spelled, tail])


class Grid:
    """Raises events and hands them to one receiver, which delivers or keeps them."""

    def __init__(self, world: World, receive: Callable[[dict[str, Any], bool], None]) -> None:
        self.world = world
        self.receive = receive

    def write(self, path: Path, principal: str = "operator", *, update: bool = False) -> None:
        self.raise_event(path, "write", "Write", "PUT", principal, update)

    def delete(self, path: Path, principal: str = "operator") -> None:
        self.raise_event(path, "delete", "Delete", "DELETE", principal, True)

    def action(self, path: Path, what: str, principal: str = "operator") -> None:
        self.raise_event(path, what, "Action", "POST", principal, False)

    def raise_event(self, path: Path, verb: str, kind: str, method: str, principal: str, request: bool) -> None:
        """One event of Microsoft.Resources. A foreign subscription's events are noted, never delivered."""
        world, path = self.world, catalog.spelled(path)
        foreign = world.is_foreign(path.subscription)
        name, subject = operation(path, verb), path.id
        data: dict[str, Any] = {
            "authorization": {"scope": subject, "action": name, "evidence": _evidence(principal)},
            "claims": _claims(principal),
            "correlationId": world.guid(),
            "resourceProvider": name.split("/")[0],
            "resourceUri": subject,
            "operationName": name,
            "status": "Succeeded",
            "subscriptionId": path.subscription,
            "tenantId": world.tenancy.tenant_of(path.subscription),
        }
        if request:  # documented: only for updates of what existed, and for deletes
            data["httpRequest"] = {
                "clientRequestId": world.guid(),
                "clientIpAddress": "192.0.2.10",
                "method": method,
                "url": f"https://management.azure.com{subject}?api-version=2024-05-01",
            }
        self.receive(
            {
                "topic": f"/subscriptions/{path.subscription}",
                "subject": subject,
                "eventType": f"Microsoft.Resources.Resource{kind}Success",
                "id": world.guid(),
                "eventTime": stamp(),
                "data": data,
                "dataVersion": "2",
                "metadataVersion": "1",
            },
            foreign,
        )


def _evidence(principal: str) -> dict[str, str]:
    """Documented: either only the role, or the role assignment."""
    if principal == "operator":
        return {"role": "Subscription Admin"}
    return {
        "role": "Contributor",
        "roleAssignmentScope": f"/providers/Microsoft.Management/managementGroups/{TENANT}",
        "roleAssignmentId": "00000000000040008000000000000a55",
        "roleDefinitionId": "b24988ac618042a0ab8820f7382dd24c",
        "principalId": oid(principal).replace("-", ""),
        "principalType": "ServicePrincipal",
    }


def _claims(principal: str) -> dict[str, str]:
    base = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
    return {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "appid": oid(principal),
        "ipaddr": "192.0.2.10",
        "name": "Fake Person (made up)",
        f"{base}/emailaddress": "fake.person@example.invalid",
        f"{base}/givenname": "Fake",
        f"{base}/surname": "Person",
        f"{base}/upn": "fake.person@example.invalid",
        "http://schemas.microsoft.com/identity/claims/objectidentifier": oid(principal),
        "http://schemas.microsoft.com/identity/claims/tenantid": TENANT,
    }
