"""The worklist's bell: a Storage queue whose messages say "look at this work item", and may be lost or come twice."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError

from ..core.ids import ResourceId
from ..settings import WORK_QUEUE, Settings
from .clients import Clients
from .failures import failure


class Bell:
    """The Storage queue. Messages are base64 JSON, as the Functions host expects; they never expire."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._queue: Any = None

    async def ring(self, work: ResourceId, after: float = 1.0) -> None:
        """A message for `work`, visible in `after` seconds (whole ones: the service takes no fractions)."""
        text = base64.b64encode(json.dumps({"v": 1, "work": str(work)}).encode()).decode()
        options = {"visibility_timeout": max(0, min(round(after), 600_000)), "time_to_live": -1}
        queue = await self._client()
        try:
            try:
                await queue.send_message(text, **options)
            except ResourceNotFoundError:
                await self._create(queue)
                await queue.send_message(text, **options)
        except (AzureError, TimeoutError) as error:
            raise failure(error, "ring the worklist's bell") from error

    async def ping(self) -> None:
        queue = await self._client()
        try:
            await queue.get_queue_properties()
        except ResourceNotFoundError:
            await self._create(queue)
        except (AzureError, TimeoutError) as error:
            raise failure(error, "reach the queue") from error

    async def _create(self, queue: Any) -> None:
        with suppress(ResourceExistsError):
            await queue.create_queue()

    async def _client(self) -> Any:
        if self._queue is None:
            from azure.storage.queue.aio import QueueClient

            options: dict[str, Any] = {"transport": await self._clients.transport(), "retry_total": 2}
            if self._settings.connection_string:
                self._queue = QueueClient.from_connection_string(
                    self._settings.connection_string, WORK_QUEUE, **options
                )
            else:
                credential = await self._clients.credential()
                self._queue = QueueClient(self._settings.queues, WORK_QUEUE, credential=credential, **options)
        return self._queue
