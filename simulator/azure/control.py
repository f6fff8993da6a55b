"""Knows the control door: plain HTTP and JSON for people and tests outside this process.

Refuses to know how anything works; every door is a method of Azure. GET / lists the doors.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from simulator.azure import apis, connections, handshake
from simulator.azure.records import render
from simulator.azure.world import World
from simulator.azure.zones import TYPE as ZONE

if TYPE_CHECKING:
    from simulator.azure.cloud import Azure

DOORS = {
    "GET /": "this list, and what broke",
    "GET /calls": "totals per principal, newest 10,000 calls",
    "DELETE /calls": "start counting anew",
    "GET /faults": "the planted faults",
    "DELETE /faults": "remove them",
    "POST /faults": "plant one: principal, method, path (regex), status, code, message, headers, body, delay, times "
    "(default 1, 0 = always), drop, after",
    "GET /switches": "how they stand",
    "PUT /switches": "set some: {name: value}",
    "PUT /foreign": "{subscriptions: [...]} belong to other tenants, all others to ours",
    "GET /subscriptions": "those that are foreign, gone or closed to the app",
    "PUT /subscriptions": "{subscription, tenant?, exists?, readable?}: transfer it, end it, take the app's role",
    "GET /events": "what was raised, per delivery what became of it",
    "POST /events": "{subscription, body | text, headers?}: deliver this raw body to a subscriber",
    "PUT /events/mode": "{mode: reliable | chaotic | manual}",
    "POST /events/lose": "{times: n}",
    "GET /topic": "what the app published",
    "DELETE /topic": "forget it",
    "PUT /pace": "{pace: x} stretches slow operations, 0 = done at once",
    "PUT /time": "{held: true} stops time, {advance: seconds} moves it; {held: false} lets it run at its pace",
    "GET /time": "{held, now, pending, next}",
    "POST /failures": "{kind: endpoint | account, code?, message?}: the next such operation ends Failed",
    "GET /exposures": "who reached Cosmos accounts from public networks: {now: {id: state}, changes: [...]}",
    "GET /resources": "all ids",
    "POST /autoregister": "{zone, name, address}: a record of the platform's own",
    "POST /vantages": "{network: id or null, forwards?}: a DNS door there; {address}; without forwards public DNS only",
    "POST /vantages/deaf": "{address}: that door answers nothing any more",
    "POST /quiet": "{timeout?}: answers when nothing is under way",
    "POST /reset": "forget everything",
    "GET /validate/{code}": "the validation URL of an event subscription",
}
Handler = Callable[["Azure", Any], Awaitable[Any]]


def door(azure: Azure) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The HTTP handler of one Azure's control door."""

    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if request.method == "GET" and path.startswith("/validate/"):
            known = handshake.confirm(azure.post.asked, path.rsplit("/", 1)[-1])
            return web.json_response({"validated": known}, status=200 if known else 404)
        act = _ACTS.get((request.method, path))
        if act is None:
            return web.json_response({"error": f"no door {request.method} {path}", "doors": DOORS}, status=404)
        try:
            body = json.loads(await request.read() or b"{}")
            return web.json_response(await act(azure, body))
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        except TimeoutError:
            return web.json_response({"error": "something is still under way"}, status=504)

    return handle


def inventory(world: World) -> list[str]:
    """The ids of all resources, record sets and connections."""
    ids = [one.path.id for one in world.resources.values()]
    for zone in world.of_type(ZONE):
        ids += [render(zone, record)["id"] for record in zone.item.records.values()]
    return ids + [connections.render(world, one)["id"] for rows in world.connections.values() for one in rows.values()]


async def _raw_event(azure: Azure, body: Any) -> Any:
    """Hostile or hand-made events, straight to a subscriber."""
    subscription = azure.post.subscriptions[body["subscription"]]
    text = body["text"] if "text" in body else json.dumps(body.get("body"))
    cloud = subscription.schema != "EventGridSchema"
    headers = {
        "Content-Type": "application/cloudevents+json" if cloud else "application/json",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription.name.upper(),
        **(body.get("headers") or {}),
    }
    try:
        return {"status": await azure.post.post_raw(subscription.url, str(text).encode(), headers)}
    except (aiohttp.ClientError, OSError) as error:
        return {"status": 0, "error": repr(error)}


async def _quiet(azure: Azure, body: Any) -> Any:
    await azure.quiet(float(body.get("timeout", 30)))
    return {"quiet": True}


async def _vantage(azure: Azure, body: Any) -> Any:
    return {"address": await azure.vantage(body["network"], forwards=body.get("forwards", True))}


def _time(azure: Azure, body: Any) -> Any:
    done = 0
    if body.get("held") is True:
        azure.hold_time()
    if body.get("held") is False:
        azure.pace(azure.world.later.pace)
    if "advance" in body:
        done = azure.advance(float(body["advance"]))
    return {**azure.time(), "done": done}


def _exposures(azure: Azure) -> Any:
    accounts = [one.path.id for one in azure.world.of_type(apis.TYPE)]
    return {"now": {one: azure.exposure(one) for one in accounts}, "changes": azure.exposures()}


def _sync(act: Callable[[Azure, Any], Any]) -> Handler:
    async def call(azure: Azure, body: Any) -> Any:
        found = act(azure, body)
        return {"ok": True} if found is None else found

    return call


_ACTS: dict[tuple[str, str], Handler] = {
    ("GET", "/"): _sync(lambda azure, body: {"doors": DOORS, "broken": azure.world.later.broken}),
    ("GET", "/calls"): _sync(lambda azure, body: azure.calls()),
    ("DELETE", "/calls"): _sync(lambda azure, body: azure.forget_calls()),
    ("GET", "/faults"): _sync(lambda azure, body: {"faults": azure.faults.seen()}),
    ("POST", "/faults"): _sync(lambda azure, body: azure.fault(**body)),
    ("DELETE", "/faults"): _sync(lambda azure, body: azure.forget_faults()),
    ("GET", "/switches"): _sync(lambda azure, body: azure.switch()),
    ("PUT", "/switches"): _sync(lambda azure, body: azure.switch(**body)),
    ("GET", "/foreign"): _sync(lambda azure, body: {"subscriptions": azure.world.tenancy.foreign()}),
    ("PUT", "/foreign"): _sync(lambda azure, body: azure.foreign(body["subscriptions"])),
    ("GET", "/subscriptions"): _sync(lambda azure, body: azure.world.tenancy.seen()),
    ("PUT", "/subscriptions"): _sync(lambda azure, body: azure.subscription(**body)),
    ("GET", "/events"): _sync(lambda azure, body: azure.events()),
    ("POST", "/events"): _raw_event,
    ("PUT", "/events/mode"): _sync(lambda azure, body: azure.mode(body["mode"])),
    ("POST", "/events/lose"): _sync(lambda azure, body: azure.lose(int(body["times"]))),
    ("GET", "/topic"): _sync(lambda azure, body: {"events": azure.news()}),
    ("DELETE", "/topic"): _sync(lambda azure, body: azure.forget_news()),
    ("PUT", "/pace"): _sync(lambda azure, body: azure.pace(float(body["pace"]))),
    ("GET", "/time"): _sync(lambda azure, body: azure.time()),
    ("PUT", "/time"): _sync(lambda azure, body: _time(azure, body)),
    ("POST", "/failures"): _sync(lambda azure, body: azure.fail_next(**body)),
    ("GET", "/exposures"): _sync(lambda azure, body: _exposures(azure)),
    ("GET", "/resources"): _sync(lambda azure, body: {"resources": azure.resources()}),
    ("POST", "/autoregister"): _sync(lambda azure, body: azure.auto_register(**body)),
    ("POST", "/vantages"): _vantage,
    ("POST", "/vantages/deaf"): _sync(lambda azure, body: azure.deaf(body["address"])),
    ("POST", "/quiet"): _quiet,
    ("POST", "/reset"): _sync(lambda azure, body: azure.reset()),
}
