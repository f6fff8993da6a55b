"""The HTTP surface: see what waits, decide, look again, see the plan, follow what was asked for, read the journal."""

from __future__ import annotations

from datetime import timedelta

import azure.functions as func

from functions.answers import answers, body, ok, wait_of
from shared import blocking, byhand
from shared.app import App
from shared.callers import Caller, Problem

blueprint = func.Blueprint()


@blueprint.function_name("connections")
@blueprint.route(route="connections", methods=["GET"])
@answers
async def connections(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("read")
    return ok({"value": await byhand.waiting(app, req.params.get("state", "held"))})


@blueprint.function_name("decisions")
@blueprint.route(route="decisions", methods=["POST"])
@answers
async def decisions(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("decide", app.settings.decisions_by)
    asked = body(req, {"connectionId", "verdict", "reason", "expires", "endpointId", "guid"})
    if asked.get("verdict") == "revoke":
        return ok(await byhand.revoke(app, asked, caller))
    operation = await byhand.grant(app, asked, caller)
    return await _answer(app, operation, wait_of(req))


@blueprint.function_name("settle")
@blueprint.route(route="settle", methods=["POST"])
@answers
async def settle(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("settle")
    asked = body(req, {"target", "endpoint", "fingerprint"})
    if "fingerprint" in asked:
        return ok(await byhand.release(app, asked["fingerprint"], caller))
    operation = await byhand.ask(app, "settle", asked, caller)
    return await _answer(app, operation, wait_of(req))


@blueprint.function_name("plan")
@blueprint.route(route="plan", methods=["POST"])
@answers
async def plan(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("plan")
    operation = await byhand.ask(app, "plan", body(req, {"target", "endpoint"}), caller)
    return await _answer(app, operation, wait_of(req, default=25), plan_only=True)


@blueprint.function_name("operation")
@blueprint.route(route="operations/{id}", methods=["GET"])
@answers
async def operation(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("read")
    return ok(await byhand.operation(app, req.route_params.get("id", "")))


@blueprint.function_name("journal")
@blueprint.route(route="journal", methods=["GET"])
@answers
async def journal(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("read")
    since = req.params.get("since")
    start = byhand.moment("since", since) if since else app.now() - timedelta(days=7)
    return ok({"value": await byhand.journal(app, start, req.params.get("target"))})


@blueprint.function_name("blocks")
@blueprint.route(route="blocks", methods=["GET"])
@answers
async def blocks(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("read")
    return ok(await blocking.blocks(app, req.params.get("resource")))


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"])
@answers
async def health(req: func.HttpRequest, app: App, caller: Caller) -> func.HttpResponse:
    caller.may("read")
    found = await byhand.health(app)
    return ok(found, 503 if found["status"] == "unhealthy" else 200)


async def _answer(app: App, number: str, wait: int, plan_only: bool = False) -> func.HttpResponse:
    """202 with the operation's address, or its result when it ended within `wait` seconds."""
    found = await byhand.wait_for(app, number, wait)
    address = f"/api/operations/{number}"
    if found["status"] == "running":
        return ok({**found, "operation": address}, 202, Location=address)
    if found["status"] == "failed" and found["result"].get("conflict"):
        text = f"{found['result']['detail']}. Look at it again before you decide."
        raise Problem(409, "Not the same any more", text, operation=address)
    if plan_only and "plan" in found.get("result", {}):
        return ok({**found["result"]["plan"], "operation": address})
    return ok({**found, "operation": address})
