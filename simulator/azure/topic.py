"""Knows a custom Event Grid topic that receives what the app publishes, in both schemas, and keeps it.

Refuses to know what the news mean. Signing in: a topic key (aeg-sas-key) or a bearer token for Event Grid (documented).
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiohttp import web

from simulator.azure.errors import ArmError, bad
from simulator.azure.tokens import Tokens
from simulator.azure.world import stamp

AUDIENCES = ("https://eventgrid.azure.net",)
_NEEDED = {
    "EventGridSchema": ("id", "subject", "eventType", "eventTime", "dataVersion"),
    "CloudEventSchemaV1_0": ("id", "source", "type", "specversion"),
}


class Topic:
    """Everything published so far, oldest first."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.key = secrets.token_urlsafe(32)
        self.kept: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        """POST /api/events."""
        try:
            principal = self._principal(request)
            cloud = "cloudevents" in request.content_type
            events = _read(await request.read(), "CloudEventSchemaV1_0" if cloud else "EventGridSchema")
        except ArmError as error:
            return web.json_response(error.body, status=error.status)
        schema = "CloudEventSchemaV1_0" if cloud else "EventGridSchema"
        self.kept += [{"at": stamp(), "principal": principal, "schema": schema, "event": one} for one in events]
        return web.Response(status=200)

    def _principal(self, request: web.Request) -> str:
        key = request.headers.get("aeg-sas-key")
        if key is None:
            return self.tokens.principal(request.headers.get("Authorization"), AUDIENCES)
        if not secrets.compare_digest(key, self.key):
            raise ArmError(401, "Unauthorized", "The request authorization key is not authorized for this topic.")
        return "key"


def _read(body: bytes, schema: str) -> list[dict[str, Any]]:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise bad("BadRequest", "The body is not valid JSON.") from error
    events = given if isinstance(given, list) else [given]
    for one in events:
        missing = [name for name in _NEEDED[schema] if not isinstance(one, dict) or not one.get(name)]
        if missing:
            raise bad("BadRequest", f"This resource is configured to receive '{schema}' events: {missing} is missing.")
    return events
