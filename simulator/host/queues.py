"""Queue triggers. Knows polling, batches, hiding, release after an exception, and the poison queue.

Refuses to release a message when the process is killed: it stays hidden, as on Azure, until its time is
over. The queue itself is not created here either: the real listener waits until somebody makes it.
"""

import asyncio
import base64
import binascii
import json
import logging
import random
import re
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue.aio import QueueServiceClient

from simulator.host.errors import AppRefused
from simulator.host.invoking import InvocationFailed, Invoker
from simulator.host.loading import Function
from simulator.host.settings import QueueSettings

log = logging.getLogger("host.queues")
SHORTEST_PAUSE = 0.1
_QUEUE_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


class QueueListener:
    """Feeds one function from one queue."""

    def __init__(
        self,
        function: Function,
        queue: str,
        service: QueueServiceClient,
        settings: QueueSettings,
        invoker: Invoker,
        hidden: float,
    ) -> None:
        if not _QUEUE_NAME.fullmatch(queue):
            raise AppRefused(f"function {function.name!r}: {queue!r} is not a queue name")
        self._function, self._settings, self._invoker = function, settings, invoker
        self._name, self._hidden = queue, hidden
        self._queue = service.get_queue_client(queue)
        is_poison = queue.endswith("-poison")
        self._poison = None if is_poison else service.get_queue_client(f"{queue}-poison")
        self._working: set[asyncio.Task[None]] = set()
        self._complaint = ""

    async def create(self) -> None:
        await _create(self._queue)

    async def run(self) -> None:
        """Until cancelled. Messages in work go on; `Invoker.drain` waits for them."""
        quiet = 0
        while True:
            found = await self._receive()
            quiet = 0 if found else quiet + 1
            if not found:
                await asyncio.sleep(self._pause(quiet))
            while len(self._working) > self._settings.new_batch_threshold:
                await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self, seconds: float) -> None:
        """Let the messages in work be deleted or released."""
        if self._working:
            await asyncio.wait(set(self._working), timeout=seconds)

    def _pause(self, quiet: int) -> float:
        backoff = SHORTEST_PAUSE * (2 ** min(quiet - 1, 20)) * random.uniform(0.8, 1.2)
        return min(backoff, self._settings.max_polling_interval)

    async def _receive(self) -> bool:
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._settings.batch_size, visibility_timeout=int(self._hidden)
            ).by_page()
            page = await anext(pages, None)  # an empty queue has no page at all
            batch = [message async for message in page] if page is not None else []
        except ResourceNotFoundError:
            self._complain(f"queue {self._name!r} does not exist yet")
            return False
        except AzureError as error:
            self._complain(f"queue {self._name!r} cannot be read: {error}")
            return False
        self._complaint = ""
        for message in batch:
            task = asyncio.create_task(self._process(message))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return bool(batch)

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            log.warning(text)
        self._complaint = text

    async def _process(self, message: Any) -> None:
        """Azure errors leave the message hidden; it comes back by itself, never lost."""
        try:
            body = self._body(message)
            if body is None or message.dequeue_count > self._settings.max_dequeue_count:
                await self._bury(message, "cannot be decoded" if body is None else "was tried too often")
                return
            await self._run_once(message, body)
        except AzureError as error:
            log.error("queue %r: message %s: %s", self._name, message.id, error)

    async def _run_once(self, message: Any, body: str) -> None:
        renewal = asyncio.create_task(self._keep_hidden(message))
        try:
            await self._invoker.invoke(
                self._function,
                Datum(body, "string"),
                metadata=_metadata(message),
                reason=f"New queue message detected on '{self._name}'.",
            )
        except InvocationFailed:
            renewal.cancel()
            await self._failed(message)
        else:
            renewal.cancel()
            await self._queue.delete_message(message.id, message.pop_receipt)
        finally:
            renewal.cancel()

    async def _failed(self, message: Any) -> None:
        if message.dequeue_count >= self._settings.max_dequeue_count and self._poison is not None:
            await self._bury(message, f"failed {message.dequeue_count} times")
            return
        await self._queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=int(self._settings.visibility_timeout)
        )

    async def _bury(self, message: Any, why: str) -> None:
        """Copy first, then delete: a crash in between leaves two copies, not none."""
        if self._poison is None:
            return
        log.error("queue %r: message %s %s, moved to the poison queue", self._name, message.id, why)
        try:
            await self._poison.send_message(message.content, time_to_live=-1)
        except ResourceNotFoundError:
            await _create(self._poison)
            await self._poison.send_message(message.content, time_to_live=-1)
        await self._queue.delete_message(message.id, message.pop_receipt)

    async def _keep_hidden(self, message: Any) -> None:
        while True:
            await asyncio.sleep(self._hidden / 2)
            try:
                renewed = await self._queue.update_message(
                    message.id, message.pop_receipt, visibility_timeout=int(self._hidden)
                )
                message.pop_receipt = renewed.pop_receipt
            except AzureError as error:
                log.warning("queue %r: message %s cannot be kept hidden: %s", self._name, message.id, error)

    def _body(self, message: Any) -> str | None:
        if not self._settings.base64:
            return str(message.content)
        try:
            return base64.b64decode(message.content, validate=True).decode()
        except (binascii.Error, ValueError):
            return None


async def _create(queue: Any) -> None:
    with suppress(ResourceExistsError):
        await queue.create_queue()


def _metadata(message: Any) -> dict[str, Datum]:
    def moment(value: Any) -> Datum:
        return Datum(json.dumps(value.isoformat(timespec="seconds")), "json")

    return {
        "Id": Datum(message.id, "string"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        "DequeueCount": Datum(message.dequeue_count, "int"),
        "InsertionTime": moment(message.inserted_on),
        "ExpirationTime": moment(message.expires_on),
        "NextVisibleTime": moment(message.next_visible_on),
    }
