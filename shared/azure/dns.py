"""A record sets of private DNS zones, through azure-mgmt-privatedns, always under an ETag.

Knows paths, preconditions and the flat errors. Refuses to write without If-Match or If-None-Match, and to read sets it
does not fully know as ours. Source: reference/dns-records.md section 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from ..core.ids import ResourceId, Scope, fold
from ..core.model import Name, RecordSet, ordered
from ..errors import Lasting
from .clients import CALL_SECONDS, Clients, code_of, failure, write_failure

_KNOWN = {"ttl", "metadata", "fqdn", "aRecords", "isAutoRegistered", "provisioningState"}


class Dns:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def read(self, name: Name) -> RecordSet | None:
        """None: there is no such set. Raises Passing or Lasting (403, or the zone itself is missing)."""
        client = await self._clients.private_dns(name.zone.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = await client.record_sets.get(name.zone.group, name.zone.name, "A", name.record)
        except HttpResponseError as error:
            if error.status_code == 404 and code_of(error) not in ("ParentResourceNotFound", "ResourceGroupNotFound"):
                return None
            raise _explained(error, name, "read") from error
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"read record {name}") from error
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
        try:
            async with asyncio.timeout(CALL_SECONDS):
                body = await client.record_sets.create_or_update(
                    name.zone.group,
                    name.zone.name,
                    "A",
                    name.record,
                    {"properties": properties},
                    headers=headers,
                    retry_total=0,
                )
        except (AzureError, TimeoutError) as error:
            raise _explained(error, name, "put") from error
        return record_set(name, body)

    async def delete(self, name: Name, if_match: str) -> None:
        """Delete exactly what was seen; a set that is gone already is no error. Raises as `put`."""
        client = await self._clients.private_dns(name.zone.subscription)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await client.record_sets.delete(
                    name.zone.group, name.zone.name, "A", name.record, headers={"If-Match": if_match}, retry_total=0
                )
        except (AzureError, TimeoutError) as error:
            if getattr(error, "status_code", None) != 404:
                raise _explained(error, name, "delete") from error

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

    async def zones(self, hub: Scope) -> list[ResourceId]:
        """The zones of a hub's resource group; none when the group itself is not there."""
        _, subscription, _, group = hub.segments
        client = await self._clients.private_dns(subscription)
        try:
            found = [zone async for zone in client.private_zones.list_by_resource_group(group)]
        except (AzureError, TimeoutError) as error:
            if isinstance(error, HttpResponseError) and code_of(error) == "ResourceGroupNotFound":
                return []
            raise failure(error, f"list the zones of {group}") from error
        return [zone for item in found if (zone := ResourceId.read(item.id))]

    async def records(self, zone: ResourceId) -> list[RecordSet]:
        """Every A record set of a zone: one read for each hundred sets."""
        client = await self._clients.private_dns(zone.subscription)
        try:
            found = [item async for item in client.record_sets.list_by_type(zone.group, zone.name, "A")]
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


def _explained(error: Exception, name: Name, verb: str) -> Exception:
    wrong = (failure if verb == "read" else write_failure)(error, f"{verb} record {name}")
    if isinstance(wrong, Lasting) and wrong.code == "ParentResourceNotFound":
        text = f"zone {name.zone.name} does not exist in resource group {name.zone.group}: create it and link it"
        return Lasting(f"{verb} record {name}: {text}", wrong.code)
    return wrong
