"""The lists that Private Link Services keep themselves: whom they approve alone, who may ask. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError

from ..core.exposure import Exposure
from ..core.ids import ResourceId
from .clients import CALL_SECONDS, Clients
from .failures import failure


async def link_services(clients: Clients, subscription: str) -> list[Exposure]:
    """All of one subscription, through azure-mgmt-network. Raises Passing, Lasting."""
    client = await clients.network(subscription)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            bodies = [item.as_dict() async for item in client.private_link_services.list_by_subscription()]
    except (AzureError, TimeoutError) as error:
        raise failure(error, f"list the link services of {subscription}") from error
    return [found for body in bodies if (found := _exposure(body))]


def _exposure(body: Mapping[str, Any]) -> Exposure | None:
    target = ResourceId.read(body.get("id"))
    properties = body.get("properties")
    if target is None or not isinstance(properties, Mapping):
        return None
    return Exposure(
        target=target,
        approves=_subscriptions(properties.get("autoApproval")),
        visible=_subscriptions(properties.get("visibility")),
    )


def _subscriptions(value: object) -> tuple[str, ...]:
    listed = value.get("subscriptions") if isinstance(value, Mapping) else None
    return tuple(sorted(text for text in listed or () if isinstance(text, str)))
