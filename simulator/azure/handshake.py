"""Knows how Event Grid makes sure that a webhook wants its events. Refuses to know the events themselves.

Event Grid schema: a validation event whose code must come back with status 200 (documented: 202 is refused), or a
GET of the validation URL within the time allowed. CloudEvents: OPTIONS with WebHook-Request-Origin.
Source: reference events 6.
"""

from __future__ import annotations

import asyncio
import json
import secrets

import aiohttp

from simulator.azure.world import stamp

ORIGIN = "eventgrid.azure.net"
PATIENCE = 10.0  # seconds for the validation URL; Azure grants 10 minutes
Asked = dict[str, asyncio.Event]  # validation codes whose URL nobody has opened yet


class Refused(RuntimeError):
    """The webhook did not agree to receive events."""


def confirm(asked: Asked, code: str) -> bool:
    """Somebody opened the validation URL."""
    waiting = asked.get(code)
    if waiting:
        waiting.set()
    return waiting is not None


async def shake(http: aiohttp.ClientSession, asked: Asked, name: str, url: str, schema: str, base: str) -> None:
    """Raise Refused unless the webhook agrees. `base` is where validation URLs lead to."""
    limit = aiohttp.ClientTimeout(total=30)
    if schema != "EventGridSchema":
        headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Rate": "120"}
        async with http.options(url, headers=headers, timeout=limit) as answer:
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
            if answer.status != 200 or allowed not in ("*", ORIGIN):
                raise Refused(f"OPTIONS {url} answered {answer.status}, WebHook-Allowed-Origin {allowed!r}")
        return
    code = secrets.token_hex(16)
    event = {
        "id": secrets.token_hex(16),
        "topic": "/subscriptions/00000000-0000-4000-8000-000000000000",
        "subject": "",
        "data": {"validationCode": code, "validationUrl": f"{base}/validate/{code}"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": stamp(),
        "metadataVersion": "1",
        "dataVersion": "2",
    }
    headers = {
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": name.upper(),
        "Content-Type": "application/json; charset=utf-8",
    }
    opened = asked[code] = asyncio.Event()
    try:
        async with http.post(url, data=json.dumps([event]), headers=headers, timeout=limit) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise Refused(f"POST {url} answered {answer.status} to the validation event, not 200")
        if not _echoed(text, code):
            await asyncio.wait_for(opened.wait(), PATIENCE)
    except TimeoutError as error:
        raise Refused(f"{url} neither echoed the validation code nor opened the validation URL") from error
    finally:
        asked.pop(code, None)


def _echoed(text: str, code: str) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    found = {key.lower(): value for key, value in answer.items()}.get("validationresponse")
    if found is not None and found != code:
        raise Refused("the validation response is not the code that was sent")
    return found == code
