"""Knows how Event Grid delivers: subscriptions, handshakes, both schemas, retries, dead letters, and chaos.

Refuses to know why an event was raised. Documented behaviour: reference events 5 and 6; the retry delays are
Azure's schedule squeezed to seconds (ours), times the pace.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from simulator.azure import filters, handshake
from simulator.azure.world import World, stamp

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # Azure: 10 s, 30 s, 1 min, 5 min ... (documented)
ATTEMPTS = 30  # documented default
FATAL = (400, 401, 413)  # documented for webhooks: never tried again
LOST, TWICE, LATE, LATEST = 0.1, 0.2, 0.5, 3.0  # chaos (ours): shares of events, and seconds at most
LOWER = 0.2  # documented: ids in events may be spelled 'resourcegroups'


@dataclass(slots=True)
class Subscription:
    """One event subscription."""

    name: str
    url: str
    schema: str
    event_types: Sequence[str]
    filters: Sequence[Mapping[str, Any]]
    batch: int = 1
    queue: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    worker: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Delivery:
    """One event on its way to one subscription, and what became of every try."""

    event: dict[str, Any]
    epoch: int
    note: dict[str, Any]
    attempts: int = 0


class Post:
    """Takes every raised event and brings it to whoever subscribed."""

    def __init__(self, world: World, mode: str) -> None:
        self.world, self.mode, self.epoch = world, mode, 0
        self.subscriptions: dict[str, Subscription] = {}
        self.http: aiohttp.ClientSession | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.asked: handshake.Asked = {}
        self.forget()

    def forget(self) -> None:
        self.epoch += 1
        self.dice = random.Random(self.world.seed)
        self.pending = self.lose = 0
        self.raised: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.outbox: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []

    async def subscribe(self, subscription: Subscription, base: str) -> None:
        """Shake hands, then deliver. A subscription of the same name is replaced."""
        filters.check(subscription.filters)
        assert self.http is not None
        await handshake.shake(self.http, self.asked, subscription.name, subscription.url, subscription.schema, base)
        await self.unsubscribe(subscription.name)
        subscription.worker = asyncio.create_task(self._work(subscription))
        self.subscriptions[subscription.name] = subscription

    async def unsubscribe(self, name: str) -> None:
        old = self.subscriptions.pop(name, None)
        if old and old.worker:
            old.worker.cancel()
            await asyncio.gather(old.worker, return_exceptions=True)

    def receive(self, event: dict[str, Any], foreign: bool) -> None:
        """Called for every event raised."""
        note: dict[str, Any] = {"at": stamp(), "event": event, "foreign": foreign, "deliveries": []}
        self.raised.append(note)
        if foreign:
            return
        if self.mode == "manual":
            self.outbox.append(event)
            return
        for subscription in self.subscriptions.values():
            shaped = shape(event, subscription.schema)
            if event["eventType"] in subscription.event_types and filters.matches(
                shaped, subscription.schema, subscription.filters
            ):
                self._send_off(subscription, event, note)

    def _send_off(self, subscription: Subscription, event: dict[str, Any], note: dict[str, Any]) -> None:
        entry: dict[str, Any] = {"subscription": subscription.name, "outcome": "waiting", "attempts": []}
        note["deliveries"].append(entry)
        dice, chaos = self.dice, self.mode == "chaotic"
        if self.lose > 0 or (chaos and dice.random() < LOST):
            self.lose = max(0, self.lose - 1)
            entry["outcome"] = "lost"
            return
        if chaos and dice.random() < LOWER:
            event = lowered(event)
        for _ in range(2 if chaos and dice.random() < TWICE else 1):
            late = dice.random() * LATEST if chaos and dice.random() < LATE else 0.0
            self._enqueue(subscription, Delivery(event, self.epoch, entry), late)

    def _enqueue(self, subscription: Subscription, delivery: Delivery, seconds: float) -> None:
        self.pending += 1
        if seconds <= 0:
            subscription.queue.put_nowait(delivery)
            return
        task = asyncio.get_running_loop().create_task(
            self._later(subscription, delivery, max(0.02, seconds * self.world.later.pace))
        )
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _later(self, subscription: Subscription, delivery: Delivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        subscription.queue.put_nowait(delivery)

    async def _work(self, subscription: Subscription) -> None:
        while True:
            batch = [await subscription.queue.get()]
            while len(batch) < subscription.batch and not subscription.queue.empty():
                batch.append(subscription.queue.get_nowait())
            batch = [delivery for delivery in batch if delivery.epoch == self.epoch]
            if not batch:
                continue
            try:
                status = await self._post(subscription, batch)
            except Exception as error:  # whatever goes wrong with one webhook, the next delivery must come
                status = type(error).__name__
            for delivery in batch:
                self._settle(subscription, delivery, status)

    async def _post(self, subscription: Subscription, batch: Sequence[Delivery]) -> int:
        shaped = [shape(delivery.event, subscription.schema) for delivery in batch]
        cloud = subscription.schema != "EventGridSchema"
        alone = cloud and subscription.batch == 1
        kind = (
            "application/json"
            if not cloud
            else "application/cloudevents+json"
            if alone
            else "application/cloudevents-batch+json"
        )
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": subscription.name.upper(),
            "aeg-delivery-count": str(batch[0].attempts),
            "aeg-data-version": "2",
            "aeg-metadata-version": "1",
        }
        body = json.dumps(shaped[0] if alone else shaped).encode()
        return await self.post_raw(subscription.url, body, headers)

    async def post_raw(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post bytes to a subscriber and say the status; Event Grid waits 30 s (documented)."""
        assert self.http is not None
        async with self.http.post(url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as answer:
            await answer.read()
            return answer.status

    def _settle(self, subscription: Subscription, delivery: Delivery, status: int | str) -> None:
        if delivery.epoch != self.epoch:
            return
        self.pending -= 1
        delivery.attempts += 1
        delivery.note["attempts"].append({"at": stamp(), "answer": status})
        if isinstance(status, int) and 200 <= status <= 204:
            delivery.note["outcome"] = "delivered"
        elif status in FATAL or delivery.attempts >= ATTEMPTS:
            delivery.note["outcome"] = "dead-lettered"
            self.dead.append(
                {
                    **delivery.event,
                    "deadLetterReason": "MaxDeliveryAttemptsExceeded"
                    if status not in FATAL
                    else "UndeliverableDueToHttpStatus",
                    "deliveryAttempts": delivery.attempts,
                    "lastDeliveryOutcome": str(status),
                    "lastDeliveryAttemptTime": stamp(),
                    "subscription": subscription.name,
                }
            )
        else:
            delivery.note["outcome"] = "trying again"
            self._enqueue(subscription, delivery, DELAYS[min(delivery.attempts, len(DELAYS)) - 1])

    async def close(self) -> None:
        for name in list(self.subscriptions):
            await self.unsubscribe(name)
        for task in list(self.tasks):
            task.cancel()
        if self.http:
            await self.http.close()


def lowered(event: dict[str, Any]) -> dict[str, Any]:
    """The same event with another spelling of its ids."""
    names = {"resourceUri": event["data"]["resourceUri"].replace("/resourceGroups/", "/resourcegroups/")}
    return event | {"subject": names["resourceUri"], "data": event["data"] | names}


def shape(event: Mapping[str, Any], schema: str) -> dict[str, Any]:
    """The event in the schema of a subscription (mapping: reference events 3)."""
    if schema == "EventGridSchema":
        return dict(event)
    return {
        "id": event["id"],
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "specversion": "1.0",
        "data": event["data"],
    }
