"""The Event Grid webhook `/runtime/webhooks/eventgrid`.

Knows the handshakes and one invocation per event, all side by side. Refuses to know what an event says.
"""

import asyncio
import json
import logging
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from simulator.host.invoking import InvocationFailed, Invoker
from simulator.host.keys import Keys, presented_key
from simulator.host.loading import Function

PATH = "/runtime/webhooks/eventgrid"
_CLOUD = ("application/cloudevents+json", "application/cloudevents-batch+json")


class EventGridWebhook:
    def __init__(self, functions: list[Function], keys: Keys, invoker: Invoker) -> None:
        self._functions = {one.name.lower(): one for one in functions if one.kind == "eventgrid"}
        self._keys, self._invoker = keys, invoker

    async def __call__(self, request: web.Request) -> web.Response:
        if not self._keys.opens_webhook(presented_key(request), "eventgrid_extension"):
            return web.Response(status=401)
        name = request.query.get("functionName", "")
        function = self._functions.get(name.lower())
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _cloud_handshake(request)
        if request.method != "POST":
            return web.Response(status=404)
        try:
            body = json.loads(await request.read())
        except ValueError:
            return _refused("the body is not JSON")
        return await self._post(request, function, body)

    async def _post(self, request: web.Request, function: Function, body: Any) -> web.Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "subscriptionvalidation":
            return _event_grid_handshake(body)
        if kind == "unsubscribe":
            return web.Response(status=202)
        events = body if isinstance(body, list) else [body]
        if not events or not all(isinstance(event, dict) for event in events):
            return _refused("the body is neither an event nor a list of events")
        if kind != "notification" and not _are_cloud_events(request, events):
            return _refused("aeg-event-type: Notification is missing")
        return await self._deliver(function, events)

    async def _deliver(self, function: Function, events: list[dict[str, Any]]) -> web.Response:
        """Any failure fails the whole delivery, so that Event Grid sends all of it again."""
        results = await asyncio.gather(
            *(
                self._invoker.invoke(function, Datum(json.dumps(event), "json"), reason="EventGrid trigger fired")
                for event in events
            ),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, InvocationFailed):
                return web.Response(status=500, text=str(result))
            if isinstance(result, BaseException):
                raise result
        return web.Response(status=202)


def _refused(why: str) -> web.Response:
    """400 is never sent again (reference/events.md section 5), so it is logged here and that is the end of it."""
    logging.getLogger("host").warning("Event Grid delivery refused: %s", why)
    return web.Response(status=400, text=why)


def _are_cloud_events(request: web.Request, events: list[dict[str, Any]]) -> bool:
    return request.content_type in _CLOUD or all("specversion" in event for event in events)


def _cloud_handshake(request: web.Request) -> web.Response:
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=400, text="WebHook-Request-Origin is missing")
    return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})


def _event_grid_handshake(body: Any) -> web.Response:
    """Exactly 200: Event Grid does not take a 202 here. In CloudEvents the data is JSON in a string."""
    try:
        event = body[0] if isinstance(body, list) else body
        data = event["data"]
        code = (json.loads(data) if isinstance(data, str) else data)["validationCode"]
    except (KeyError, IndexError, TypeError, ValueError):
        return web.Response(status=400, text="no validationCode in the body")
    return web.json_response({"validationResponse": code})
