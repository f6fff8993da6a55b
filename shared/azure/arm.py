"""Reads and decisions over Resource Manager: connections of every type, endpoints and their interfaces.

Knows URLs, api-versions and what an answer proves. Refuses to take a decision's answer for a connection (providers
answer 200, 201 or 202 with bodies that are none): only a later read tells.
Source: reference/private-endpoint-connections.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.rest import HttpRequest

from ..core import reading
from ..core.cosmos import ACCOUNT, Account, Barrier, account, barrier, closed
from ..core.ids import ResourceId, fold
from ..core.model import DESCRIPTIONS, Connection, Endpoint, Presence, Seen, Status, Verdict
from ..errors import Lasting, Passing
from .clients import CALL_SECONDS, Clients
from .failures import code_of, failure, write_failure
from .network import Network
from .providers import Provider, provider
from .wire import Body, Wire, objects

_GONE = {"ResourceNotFound", "ResourceGroupNotFound"}
# A 404 of the front door itself: we may not see the subscription, or the table is wrong. Nothing is proved.
_UNSEEN = {"SubscriptionNotFound", "InvalidResourceType", "InvalidResourceNamespace"}
_STATUS = {Verdict.APPROVE: Status.APPROVED, Verdict.REJECT: Status.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The connections of one target. Not `complete`: `why` says what could not be read, and nothing is proved."""

    connections: tuple[Connection, ...] = ()
    complete: bool = True
    presence: Presence = Presence.PRESENT
    why: str = ""
    account: Account | None = None
    """The target itself, where it is a Cosmos DB account that shows its regions."""
    closed: Barrier = Barrier.UNKNOWN
    """Of an account: what keeps the public out beside its endpoints."""

    @property
    def barrier(self) -> Barrier:
        return barrier(self.closed, self.connections) if self.complete else Barrier.UNKNOWN


class Arm:
    def __init__(self, clients: Clients, address: str) -> None:
        self._clients = clients
        self._wire = Wire(clients, address)
        self._rest, self._network = _Rest(self._wire), Network(clients)

    # --- the target's side ---------------------------------------------------------------------

    async def connections(self, target: ResourceId) -> Listing:
        """All connections of one target: one read. Raises Passing."""
        kind = provider(target.type)
        if kind is None:
            return _unknown_type(target)
        try:
            if target.is_a(ACCOUNT):
                return await self._account(target, kind)
            items = await self._road(kind).all(target, kind)
        except Lasting as wrong:
            presence = Presence.GONE if wrong.code in _GONE else Presence.UNKNOWN
            return Listing(complete=presence is Presence.GONE, presence=presence, why=str(wrong))
        return Listing(connections=tuple(_connection(item, target, kind) for item in items))

    async def _account(self, target: ResourceId, kind: Provider) -> Listing:
        """One read shows the regions and the connections (no key without any: reference/cosmos.md section 3)."""
        doing = f"read account {target.name}"
        body = await self._wire.get(str(target), kind.parent_version, doing)
        properties = body.get("properties")
        if not isinstance(properties, Mapping):
            raise Lasting(f"{doing}: the answer has no properties")
        items = objects(properties.get("privateEndpointConnections") or [], doing)
        connections = tuple(_connection(item, target, kind) for item in items)
        return Listing(connections=connections, account=account(body), closed=closed(body))

    async def connection(self, target: ResourceId, name: str) -> Connection | None:
        """One connection; None when it is gone (providers differ in the code of that 404). Raises Passing, Lasting."""
        kind = provider(target.type)
        if kind is None:
            raise Lasting(f"type {target.type} is not in the table")
        try:
            body = await self._road(kind).one(target, kind, name)
        except Lasting as wrong:
            status = getattr(wrong.__cause__, "status_code", None)
            if status == 404 and wrong.code not in _UNSEEN:
                return None
            raise
        return _connection(body, target, kind)

    async def decide(self, target: ResourceId, connection: Connection, verdict: Verdict) -> None:
        """Send the decision, once, without SDK retries. The text is a fixed public template.

        Raises Unclear when the answer was lost, Passing, Lasting or Conflict when it was refused.
        """
        kind = provider(target.type)
        if kind is None or connection.id is None:
            raise Lasting(f"type {target.type} is not in the table")
        state = {"status": _STATUS[verdict].value, "description": DESCRIPTIONS[verdict]}
        body = {"properties": {"privateLinkServiceConnectionState": state}}
        doing = f"{verdict.value} connection {connection.id.name}"
        try:
            await self._road(kind).put(target, kind, connection.id.name, body)
        except (AzureError, TimeoutError) as error:
            raise write_failure(error, doing) from error

    def _road(self, kind: Provider) -> _Rest | Network:
        return self._network if kind.client == "network" else self._rest

    # --- the consumer's side -------------------------------------------------------------------

    async def endpoint(self, endpoint: ResourceId) -> Seen:
        """One endpoint, through azure-mgmt-network: one read when its names are in it, else its group and interfaces.

        Only 404 ResourceNotFound or ResourceGroupNotFound on that very id proves that it is gone. Raises Passing.
        """
        client = await self._clients.network(endpoint.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = await client.private_endpoints.get(endpoint.group, endpoint.name)
        except HttpResponseError as error:
            if error.status_code == 404 and code_of(error) in _GONE:
                return Seen(presence=Presence.GONE)
            wrong = failure(error, f"read endpoint {endpoint.name}")
            if isinstance(wrong, Passing):
                raise wrong from error
            return Seen(presence=Presence.UNKNOWN, why=str(wrong))
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"read endpoint {endpoint.name}") from error
        found = reading.endpoint(body.as_dict())
        if found is None or found.id != endpoint:
            return Seen(presence=Presence.UNKNOWN, why="the answer is not this endpoint")
        return await self._with_names(client, found)

    async def _with_names(self, client: Any, found: Endpoint) -> Seen:
        """Empty customDnsConfigs have several innocent causes (reference/dns-records.md section 1): look further."""
        approved = any(link.status is Status.APPROVED for link in found.links)
        if found.pairs is not None or not (found.provisioned or found.failed) or not approved:
            return Seen(presence=Presence.PRESENT, endpoint=found)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                groups = [g async for g in client.private_dns_zone_groups.list(found.id.name, found.id.group)]
                bodies = [await client.network_interfaces.get(i.group, i.name) for i in found.interfaces]
        except (AzureError, TimeoutError) as error:
            wrong = failure(error, f"read the interfaces of endpoint {found.id.name}")
            if isinstance(wrong, Passing):
                raise wrong from error
            return Seen(presence=Presence.UNKNOWN, why=str(wrong))
        read = [reading.interface_pairs(body.as_dict()) for body in bodies]
        pairs = None if None in read else tuple(sorted(pair for part in read for pair in part or ()))
        written, records = reading.zone_group(group.as_dict() for group in groups)
        addresses = reading.interface_addresses(body.as_dict() for body in bodies)
        full = replace(found, pairs=pairs, addresses=addresses, group_zones=written, group_records=records)
        return Seen(presence=Presence.PRESENT, endpoint=full)

    # --- the rest of Resource Manager ----------------------------------------------------------

    async def pages(self, path: str, version: str, doing: str) -> AsyncIterator[Body]:
        """The items of a list call, all pages. `path` is made of parsed parts only."""
        async for item in self._wire.pages(path, version, doing):
            yield item

    async def required_zones(self, target: ResourceId) -> dict[str, frozenset[str]]:
        """Group to the names of the zones that the target itself asks for; empty where its provider does not say.

        One read. Source: reference/dns-records.md section 1. Raises Passing.
        """
        kind = provider(target.type)
        if kind is None:
            return {}
        found: dict[str, frozenset[str]] = {}
        try:
            path = f"{target}/privateLinkResources"
            async for item in self._wire.pages(path, kind.parent_version, f"read what {target.name} offers"):
                properties = item.get("properties")
                inner = properties if isinstance(properties, Mapping) else {}
                zones = inner.get("requiredZoneNames")
                group = fold(str(inner.get("groupId") or item.get("name") or ""))
                found[group] = frozenset(fold(str(zone)) for zone in zones) if isinstance(zones, list) else frozenset()
        except Lasting:
            return {}
        return found

    async def ping(self) -> None:
        await self._wire.get("/subscriptions", "2022-12-01", "reach Resource Manager")


class _Rest:
    """Every type that no mandated management client covers, through the one generic client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def all(self, target: ResourceId, kind: Provider) -> list[Body]:
        if kind.list_via_parent:
            return await self._nested(target, kind)
        doing = f"list {kind.segment}"
        body = await self._wire.get(f"{target}/{kind.segment}", kind.version, doing)
        if "value" not in body and "id" in body:
            return [body]  # some providers answer a bare object (reference section 7)
        return [item async for item in self._wire.follow(body, doing)]

    async def _nested(self, target: ResourceId, kind: Provider) -> list[Body]:
        doing = f"list the connections of {target.name}"
        properties = (await self._wire.get(str(target), kind.parent_version, doing)).get("properties")
        if not isinstance(properties, Mapping):
            raise Lasting(f"{doing}: the answer has no properties")
        return objects(properties.get("privateEndpointConnections") or [], doing)  # absent when there are none

    async def one(self, target: ResourceId, kind: Provider, name: str) -> Body:
        return await self._wire.get(f"{target}/{kind.segment}/{name}", kind.version, f"read connection {name}")

    async def put(self, target: ResourceId, kind: Provider, name: str, body: Body) -> None:
        url = self._wire.url(f"{target}/{kind.segment}/{name}", kind.version)
        await self._wire.send(HttpRequest("PUT", url, json=body), retry_total=0)


def _unknown_type(target: ResourceId) -> Listing:
    """Somebody asks for something that nobody can read: one row that waits, with that reason."""
    why = f"type {target.type} is not in the table of resource types: decide in the portal, or update Linkkeeper"
    waits = Connection(id=target.child("privateEndpointConnections", "~"), name="~", endpoint=None, problems=(why,))
    return Listing(connections=(waits,), complete=False, presence=Presence.UNKNOWN, why=why)


def _connection(body: object, target: ResourceId, kind: Provider) -> Connection:
    return reading.connection(body, target=target, guid_in_name=kind.guid_in_name)
