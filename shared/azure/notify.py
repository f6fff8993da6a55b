"""News to the Event Grid custom topic: held, approved, rejected, an endpoint to be made again. At least once; only
news, never the same hold twice.

Knows azure-eventgrid. Refuses to carry what the requester wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError

from ..settings import Settings
from .clients import Clients
from .failures import failure

HELD = "Linkkeeper.Connection.Held"
APPROVED = "Linkkeeper.Connection.Approved"
REJECTED = "Linkkeeper.Connection.Rejected"
POLICY_CHANGED = "Linkkeeper.Policy.Changed"
REFRESH_NEEDED = "Linkkeeper.Refresh.Needed"
MISMATCH = "Linkkeeper.Connection.Mismatch"


class Notifier:
    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._publisher: Any = None

    async def send(self, kind: str, subject: str, data: Mapping[str, Any]) -> bool:
        """A CloudEvent; False when no topic is configured. Raises Passing or Lasting."""
        if not self._settings.topic:
            return False
        from azure.core.messaging import CloudEvent

        event = CloudEvent(
            source=f"/linkkeeper/{self._settings.deployment}", type=kind, subject=subject, data=dict(data)
        )
        try:
            await (await self._client()).send(event)
        except (AzureError, TimeoutError) as error:
            raise failure(error, f"publish {kind}") from error
        return True

    async def close(self) -> None:
        if self._publisher is not None:
            await self._publisher.close()

    async def _client(self) -> Any:
        if self._publisher is None:
            from azure.eventgrid.aio import EventGridPublisherClient

            credential = await self._clients.credential()
            self._publisher = EventGridPublisherClient(str(self._settings.topic), credential, retry_total=2)
        return self._publisher
