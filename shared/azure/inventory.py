"""What exists: subscriptions, targets with the connections their own bodies show, endpoints.

Knows list calls only. What it finds are suspects: settle confirms each by a direct read before anything is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from ..core import reading
from ..core.cosmos import ACCOUNT, Account, Barrier, account, barrier, closed
from ..core.ids import ResourceId, fold, is_guid
from ..core.model import Connection, Endpoint
from ..core.shapes import objects
from ..errors import Lasting, Passing
from .arm import Arm
from .clients import CALL_SECONDS, Clients
from .failures import failure
from .network import read_all
from .providers import Provider, table
from .wire import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One target; `connections` is None when its type does not show them in the parent's body."""

    target: ResourceId
    connections: tuple[Connection, ...] | None
    account: Account | None = None
    """The target itself, where it is a Cosmos DB account that shows its regions."""
    barrier: Barrier | None = None
    """What keeps the public out, where it is an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A type whose list could not be read: nothing is known of its targets, all others are."""

    type: str
    why: str


class Inventory:
    def __init__(self, arm: Arm, clients: Clients) -> None:
        self._arm = arm
        self._clients = clients

    async def subscriptions(self) -> list[str]:
        items = self._arm.pages("/subscriptions", "2022-12-01", "list subscriptions")
        found = [str(item.get("subscriptionId", "")) async for item in items]
        return sorted(fold(subscription) for subscription in found if is_guid(subscription))

    async def targets(self, subscription: str) -> AsyncIterator[Found | Unread]:
        """Every resource of a type in the table: one list to see which types there are, one for each nested type.

        Raises Passing, Lasting when the first list fails; a type whose list fails keeps no other from being seen.
        """
        ids: dict[str, list[ResourceId]] = {}
        async for item in self._arm.pages(
            f"/subscriptions/{subscription}/resources", "2024-11-01", f"list the resources of {subscription}"
        ):
            resource = ResourceId.read(item.get("id"))
            if resource is not None and fold(resource.type) in table():
                ids.setdefault(fold(resource.type), []).append(resource)
        for name, resources in sorted(ids.items()):
            kind = table()[name]
            if kind.nested:
                try:
                    async for found in self._nested(subscription, kind):
                        yield found
                except (Passing, Lasting) as wrong:
                    yield Unread(type=name, why=str(wrong))
            else:
                for resource in resources:
                    yield Found(target=resource, connections=None)

    async def endpoints(self, subscription: str) -> list[Endpoint]:
        """Whole endpoints: the list shows state and customDnsConfigs (reference/arm-limits.md section 3)."""
        client = await self._clients.network(subscription)
        doing = f"list the endpoints of {subscription}"
        bodies = await read_all(client.private_endpoints.list_by_subscription(), doing)
        return [endpoint for body in bodies if (endpoint := reading.endpoint(body))]

    async def policed(self, network: ResourceId) -> dict[ResourceId, str]:
        """Subnet of one virtual network to the network policies that hold for private endpoints there; only those
        where some do (absent or Disabled: none). One read. Raises Passing, Lasting."""
        client = await self._clients.network(network.subscription)
        doing = f"read network {network.name}"
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = (await client.virtual_networks.get(network.group, network.name)).as_dict()
        except (AzureError, TimeoutError) as error:
            raise failure(error, doing) from error
        found: dict[ResourceId, str] = {}
        for row in objects((body.get("properties") or {}).get("subnets")):
            subnet, inner = ResourceId.read(row.get("id")), row.get("properties")
            said = inner.get("privateEndpointNetworkPolicies") if isinstance(inner, Mapping) else None
            if subnet is not None and isinstance(said, str) and fold(said) not in ("", "disabled"):
                found[subnet] = said
        return found

    async def _nested(self, subscription: str, kind: Provider) -> AsyncIterator[Found]:
        bodies = self._services(subscription) if kind.client == "network" else self._parents(subscription, kind)
        async for body in bodies:
            target = ResourceId.read(body.get("id"))
            properties = body.get("properties")
            if target is None or not isinstance(properties, Mapping):
                continue
            items = properties.get("privateEndpointConnections")
            connections = tuple(
                reading.connection(item, target=target, guid_in_name=kind.guid_in_name)
                for item in (items if isinstance(items, list) else ())
            )
            keeps = barrier(closed(body), connections) if target.is_a(ACCOUNT) else None
            yield Found(target=target, connections=connections, account=account(body), barrier=keeps)

    def _parents(self, subscription: str, kind: Provider) -> AsyncIterator[Body]:
        path = f"/subscriptions/{subscription}/providers/{kind.type}"
        return self._arm.pages(path, kind.parent_version, f"list {kind.type}")

    async def _services(self, subscription: str) -> AsyncIterator[Body]:
        """Private Link Services: the only type of azure-mgmt-network whose list shows connections."""
        client = await self._clients.network(subscription)
        doing = f"list the link services of {subscription}"
        for body in await read_all(client.private_link_services.list_by_subscription(), doing):
            yield body
