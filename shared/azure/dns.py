"""A record sets of private DNS zones, through azure-mgmt-privatedns, always under an ETag.

Knows paths, preconditions and the flat errors. Refuses to write without If-Match or If-None-Match, and to read sets it
does not fully know as ours. Source: reference/dns-records.md section 3.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from ..core.ids import ResourceId, Scope, fold
from ..core.model import Name, RecordSet, ordered
from ..errors import Lasting
from .clients import CALL_SECONDS, LONGEST_WAIT, Clients
from .dnsbudget import DnsBudget
from .failures import code_of, failure, retry_after, write_failure

_FULL = re.compile(r"(maximum|limit).{0,60}record sets|record sets.{0,60}(maximum|limit)", re.IGNORECASE)
_ABSENT = {"", "NotFound", "ResourceNotFound"}  # recorded; any other 404 is of something around it
_KNOWN = {"ttl", "metadata", "fqdn", "aRecords", "isAutoRegistered", "provisioningState"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """`links`, `sets`: how many networks see it, how many record sets it holds, as far as it says."""

    id: ResourceId
    links: int | None = None
    sets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLink:
    """A network whose clients see the zone. `falls_back`: where it has no record, public DNS answers."""

    name: str
    network: ResourceId | None
    falls_back: bool
    linked: bool


class Dns:
    def __init__(self, clients: Clients, budget: DnsBudget) -> None:
        self._clients = clients
        self.budget = budget

    async def read(self, name: Name, waits: bool = False) -> RecordSet | None:
        """None: there is no such set. `waits`: nobody waits for it, so the reads kept for events are not touched.

        Raises Passing or Lasting (403, or the zone itself is missing).
        """
        if waits:
            await self.budget.need(name.zone.subscription)
        client = await self._clients.private_dns(name.zone.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = await client.record_sets.get(name.zone.group, name.zone.name, "A", name.record)
        except HttpResponseError as error:
            if error.status_code == 404 and code_of(error) in _ABSENT:
                return None
            raise _explained(error, name, "read") from error
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"read record {name}") from error
        finally:
            await self.budget.learn(name.zone.subscription)
        return record_set(name, body)

    async def put(self, record: RecordSet, if_match: str | None) -> RecordSet:
        """Create (`if_match` None: only if there is none) or replace what was seen. Returns it with its new ETag.

        Raises Conflict (look again), Unclear (the answer was lost), Passing, Lasting.
        """
        name = record.name
        client = await self._clients.private_dns(name.zone.subscription)
        # Bare: the SDK's match_condition would put the ETag in quotes, the resource's own has none (runtime.md 4).
        headers = {"If-Match": if_match} if if_match else {"If-None-Match": "*"}
        properties = {
            "ttl": record.ttl,
            "aRecords": [{"ipv4Address": address} for address in record.addresses],
            "metadata": dict(record.metadata),
        }
        path = (name.zone.group, name.zone.name, "A", name.record)

        async def call() -> Any:
            put = client.record_sets.create_or_update
            return await put(*path, {"properties": properties}, headers=headers, retry_total=0)

        try:
            return record_set(name, await self._again(call))
        except (AzureError, TimeoutError) as error:
            raise _explained(error, name, "put") from error

    async def delete(self, name: Name, if_match: str) -> None:
        """Delete exactly what was seen; a set that is gone already is no error. Raises as `put`."""
        client = await self._clients.private_dns(name.zone.subscription)
        path = (name.zone.group, name.zone.name, "A", name.record)

        async def call() -> Any:
            return await client.record_sets.delete(*path, headers={"If-Match": if_match}, retry_total=0)

        try:
            await self._again(call)
        except (AzureError, TimeoutError) as error:
            if getattr(error, "status_code", None) != 404:
                raise _explained(error, name, "delete") from error

    @staticmethod
    async def _again(call: Callable[[], Awaitable[Any]]) -> Any:
        """A write that is throttled for a few seconds is sent again here (pacing.py waits): it was certainly not
        carried out, and giving the whole work back would cost its reads again."""
        for last in (False, False, True):
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await call()
            except HttpResponseError as error:
                after = retry_after(error) if error.status_code == 429 else None
                if after is None or after > LONGEST_WAIT or last:
                    raise
        raise AssertionError("unreachable")

    async def exists(self, zone: ResourceId) -> bool:
        """One read. Raises Passing, Lasting."""
        client = await self._clients.private_dns(zone.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await client.private_zones.get(zone.group, zone.name)
        except (AzureError, TimeoutError) as error:
            if getattr(error, "status_code", None) == 404:
                return False
            raise failure(error, f"look for zone {zone.name}") from error
        return True

    async def zones(self, hub: Scope) -> list[Zone]:
        """The zones of a hub's resource group; none when the group itself is not there. Raises Passing, Lasting.

        Does not ask the budget: it is one read for a hub, without it a sweep sees no claim and no finding at all, and
        its answer tells what is left.
        """
        _, subscription, _, group = hub.segments
        client = await self._clients.private_dns(subscription)
        try:
            found = [zone async for zone in client.private_zones.list_by_resource_group(group)]
        except (AzureError, TimeoutError) as error:
            if isinstance(error, HttpResponseError) and code_of(error) == "ResourceGroupNotFound":
                return []
            raise failure(error, f"list the zones of {group}") from error
        return [zone for item in found if (zone := _zone(item.as_dict()))]

    async def links(self, zone: ResourceId) -> list[ZoneLink]:
        """The networks that a zone is linked to: one read. Raises Passing, Lasting."""
        await self.budget.need(zone.subscription)
        client = await self._clients.private_dns(zone.subscription)
        try:
            found = [item async for item in client.virtual_network_links.list(zone.group, zone.name)]
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"list the network links of {zone.name}") from error
        return [link for item in found if (link := _link(item.as_dict()))]

    async def records(self, zone: ResourceId) -> list[RecordSet]:
        """Every A record set of a zone: one read for each hundred sets. Only as many as events can spare.

        Raises Passing, Lasting.
        """
        client = await self._clients.private_dns(zone.subscription)
        found: list[Any] = []
        try:
            pages = client.record_sets.list_by_type(zone.group, zone.name, "A").by_page()
            await self.budget.need(zone.subscription)
            while (page := await anext(pages, None)) is not None:
                found += [item async for item in page]
                if not pages.continuation_token:
                    break
                await self.budget.need(zone.subscription)
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"list the records of {zone.name}") from error
        return [record_set(Name(zone=zone, record=fold(str(item.name))), item) for item in found]


def record_set(name: Name, body: Mapping[str, Any]) -> RecordSet:
    """Whatever the metadata says, a set is foreign when it is auto-registered or has properties we do not know."""
    properties = body.get("properties") or {}
    foreign = [f"unknown property {key}" for key in properties if key not in _KNOWN]
    if properties.get("isAutoRegistered"):
        foreign.append("auto-registered")
    addresses = {str(item.get("ipv4Address", "")) for item in properties.get("aRecords") or []}
    metadata = properties.get("metadata") or {}
    return RecordSet(
        name=name,
        addresses=ordered(addresses),
        ttl=int(properties.get("ttl") or 0),
        metadata=tuple(sorted((str(key), str(value)) for key, value in metadata.items())),
        etag=str(body.get("etag") or ""),
        foreign=tuple(sorted(foreign)),
    )


def _zone(body: Mapping[str, Any]) -> Zone | None:
    identity, properties = ResourceId.read(body.get("id")), body.get("properties") or {}
    links, sets = (properties.get(f"numberOf{what}") for what in ("VirtualNetworkLinks", "RecordSets"))
    return Zone(id=identity, links=links, sets=sets) if identity else None


def _link(body: Mapping[str, Any]) -> ZoneLink | None:
    properties = body.get("properties")
    if not isinstance(properties, Mapping):
        return None
    network = properties.get("virtualNetwork")
    return ZoneLink(
        name=str(body.get("name") or ""),
        network=ResourceId.read(network.get("id")) if isinstance(network, Mapping) else None,
        falls_back=fold(str(properties.get("resolutionPolicy"))) == "nxdomainredirect",
        linked=fold(str(properties.get("virtualNetworkLinkState") or "Completed")) == "completed",
    )


def _explained(error: Exception, name: Name, verb: str) -> Exception:
    wrong = (failure if verb == "read" else write_failure)(error, f"{verb} record {name}")
    if isinstance(wrong, Lasting) and wrong.code == "ParentResourceNotFound":
        text = f"zone {name.zone.name} does not exist in resource group {name.zone.group}: create it and link it"
        return Lasting(f"{verb} record {name}: {text}", wrong.code)
    said = " ".join(str(getattr(error, "message", "")).split())[:300]
    status = getattr(error, "status_code", None)
    if status == 409 and "cname" in fold(said):
        text = f"a CNAME of that name is in the zone, and no A record can stand beside it; remove it ({said})"
        return Lasting(f"{verb} record {name}: {text}", code_of(error))  # type: ignore[arg-type]
    if status == 400 and _FULL.search(said):
        text = "the zone is full (25,000 record sets): remove what is not needed, or use another zone copy"
        return Lasting(f"{verb} record {name}: {text} ({said})", code_of(error))  # type: ignore[arg-type]
    return wrong
