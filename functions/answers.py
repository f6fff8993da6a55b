"""HTTP in and out: bodies that are really JSON, RFC 9457 problems that say what to do next, refusals that are kept."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from functions.principal import caller
from shared.app import App, app
from shared.callers import Caller, Problem, keep_refusal
from shared.errors import Lasting, Passing
from shared.telemetry import Event, log

_MOST = 65_536
Handler = Callable[[func.HttpRequest, App, Caller], Awaitable[func.HttpResponse]]


def answers(handler: Handler) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    """Problems become problem+json; nothing else leaves the house in an error."""

    @wraps(handler)
    async def run(req: func.HttpRequest) -> func.HttpResponse:
        the_app, asker = app(), None
        try:
            asker = await caller(req.headers, the_app)
            return await handler(req, the_app, asker)
        except Problem as wrong:
            await keep_refusal(the_app, asker, handler.__name__, wrong)
            return problem(wrong)
        except Passing:
            return problem(
                Problem(503, "Try again", "A service that Linkkeeper needs did not answer; try again shortly.")
            )
        except Lasting as wrong:
            return problem(Problem(500, "Cannot be done", str(wrong)))
        except Exception as wrong:
            log(Event.FAILED, f"{type(wrong).__name__}: {wrong}", logging.ERROR)
            return problem(Problem(500, "Something went wrong", "It is in the log; report it if it happens again."))

    del run.__wrapped__  # the worker must see this function's own signature
    run.__annotations__ = {"req": func.HttpRequest, "return": func.HttpResponse}
    return run


def ok(body: Any, status: int = 200, **headers: str) -> func.HttpResponse:
    text = json.dumps(body, indent=1, default=str)
    return func.HttpResponse(text, status_code=status, mimetype="application/json", headers=headers)


def problem(wrong: Problem) -> func.HttpResponse:
    body = {"type": "about:blank", "title": wrong.title, "status": wrong.status, "detail": wrong.detail}
    if wrong.operation:
        body["operation"] = wrong.operation
    return func.HttpResponse(json.dumps(body), status_code=wrong.status, mimetype="application/problem+json")


def body(req: func.HttpRequest, allowed: set[str]) -> dict[str, Any]:
    """A JSON object with these fields at most. A browser's form, or a page of another origin, is refused."""
    if (req.headers.get("content-type") or "").split(";")[0].strip().lower() != "application/json":
        raise Problem(415, "JSON needed", "Send the body with content-type: application/json.")
    origin = req.headers.get("origin")
    if origin and _host(origin) != (req.headers.get("host") or _host(req.url)):
        raise Problem(403, "Other origin", "A page of another origin may not ask this.")
    raw = req.get_body()
    if len(raw) > _MOST:
        raise Problem(413, "Too large", f"The body may have {_MOST} bytes.")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem(400, "Not JSON", "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Problem(400, "Not an object", f"Send a JSON object with {', '.join(sorted(allowed))}.")
    if unknown := sorted(set(found) - allowed):
        raise Problem(
            400, "Unknown fields", f"Unknown: {', '.join(unknown)[:200]}. Known: {', '.join(sorted(allowed))}."
        )
    return found


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def wait_of(req: func.HttpRequest, default: int = 0) -> int:
    """Prefer: wait=N, at most 30 seconds."""
    found = re.search(r"\bwait=(\d{1,4})\b", req.headers.get("prefer") or "")
    return min(30, int(found.group(1))) if found else default
