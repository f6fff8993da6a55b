"""What people ask for: who waits, a fresh look, a plan, the journal, health. HTTP and the CLI end here, decisions too
(decisions.py).

Refuses to act: every wish becomes a row (a grant, an operation) and a signal on the one route. Ids outside the scope
are unknown here, and never cost a call to Resource Manager.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Any

from . import policychange
from .app import App
from .azure import memory as memories
from .azure import releases
from .azure.providers import provider
from .azure.tables import unpack
from .callers import Caller, Problem
from .core.ids import NotAnId, ResourceId
from .core.signals import ENDPOINT
from .decisions import UNKNOWN, grant, revoke
from .errors import Conflict, Lasting, Passing
from .times import iso, moment
from .waiting import waiting

__all__ = ["Caller", "Problem", "grant", "moment", "revoke", "waiting"]
_PING = 5  # seconds


async def ask(app: App, kind: str, asked: Mapping[str, Any], caller: Caller) -> str:
    """settle or plan, for a target or an endpoint. The operation's id."""
    texts = [asked[name] for name in ("target", "endpoint") if name in asked]
    if len(texts) != 1:
        raise Problem(400, "What to look at?", "Send either target or endpoint, with a full resource id.")
    work = await work_of(app, texts[0])
    number = await app.desk.begin(work, kind, work, caller.name)
    await app.worklist.signal(work, work, "plan" if kind == "plan" else "by hand")
    return number


async def release(app: App, fingerprint: object, caller: Caller) -> dict[str, Any]:
    """Let approvals or deletions go ahead that were too many at once. Whoever may decide may do that."""
    caller.may("decide", app.settings.decisions_by)
    if not isinstance(fingerprint, str) or not fingerprint.isalnum() or len(fingerprint) > 64:
        raise Problem(400, "Not a fingerprint", "fingerprint is the word that the held connections and health name.")
    try:
        cap = await policychange.release(app, fingerprint, caller.name)
        targets = list(cap.targets) if cap else await _release_deletions(app, fingerprint, caller)
    except Conflict as wrong:
        raise Problem(409, "Released already", f"{wrong}.", refused=True) from None
    if not targets:
        text = "Nothing waits under that fingerprint (any more): what waits may have changed; see GET /api/health."
        raise Problem(404, "Nothing to release", text)
    return {"status": "released", "fingerprint": fingerprint, "targets": targets, "by": caller.name}


async def _release_deletions(app: App, fingerprint: str, caller: Caller) -> list[str]:
    """Records of one target, exactly those that its plan showed. Raises Conflict."""
    done = await releases.release(app.tables, fingerprint, caller.name, app.now())
    if done is None:
        return []
    await app.journal.announce("release", caller.name, done.why, {"fingerprint": fingerprint})
    await app.worklist.signal(done.target, done.target, "by hand")
    return [str(done.target)]


async def work_of(app: App, text: object) -> ResourceId:
    """A target in scope, or the target of an endpoint that we know. Raises Problem 400 or 404, without any ARM call."""
    try:
        resource = ResourceId.parse(text)
    except NotAnId as wrong:
        raise Problem(400, "Not a resource id", f"{wrong}.") from None
    policy = (await app.policy()).policy
    if resource.is_a(ENDPOINT):
        targets = await memories.targets_of(app.tables, resource)
        known = [target for target in targets if policy.covers(target)]
        if not known and policy.knows(resource):
            return resource
        if not known:
            raise Problem(404, "Not known", UNKNOWN)
        return known[0]
    if not policy.covers(resource) or provider(resource.type) is None:
        raise Problem(404, "Not known", UNKNOWN)
    return resource


async def operation(app: App, number: str) -> dict[str, Any]:
    row = await app.desk.operation(number) if number.isalnum() and len(number) == 32 else None
    if row is None:
        raise Problem(404, "Not known", "There is no operation of that number.")
    body = {
        "id": row["id"],
        "kind": row["kind"],
        "status": row["status"],
        "target": row["target"],
        "subject": row["subject"],
        "by": row["by"],
        "at": iso(row["at"]),
    }
    if row["status"] != "running":
        body |= {"finished": iso(row["finished"]), "result": unpack("result", row)}
    return body


async def wait_for(app: App, number: str, seconds: int) -> dict[str, Any]:
    end = app.now() + timedelta(seconds=seconds)
    found = await operation(app, number)
    while found["status"] == "running" and app.now() < end:
        await asyncio.sleep(0.3)
        found = await operation(app, number)
    return found


async def journal(app: App, since: datetime, target: str | None) -> list[dict[str, Any]]:
    resource = None
    policy = (await app.policy()).policy
    if target:
        try:
            resource = ResourceId.parse(target)
        except NotAnId as wrong:
            raise Problem(400, "Not a resource id", f"{wrong}.") from None
        if not policy.covers(resource):
            raise Problem(404, "Not known", UNKNOWN)
    rows = [row for row in await app.journal.read(since, resource) if policy.covers(ResourceId.parse(row["target"]))]
    if resource is None:
        rows += await app.journal.general(since)
    return [_journal_row(row) for row in sorted(rows, key=lambda row: row["at"], reverse=True)]


async def health(app: App) -> dict[str, Any]:
    """Each dependency pinged. degraded: it runs, but does not decide; unhealthy: it cannot work."""
    pings = {"tables": app.tables.ping(), "queue": app.worklist.ping(), "resourceManager": app.arm.ping()}
    checks = dict(zip(pings, await asyncio.gather(*map(_ping, pings.values())), strict=True))
    body: dict[str, Any] = {"checks": checks}
    state = await app.policies.current()
    body["policy"] = {"valid": state.valid, "hash": state.hash, "mistakes": state.mistakes.splitlines()}
    body["modes"] = {kind: mode.value for kind, mode in state.policy.modes}
    degraded = not state.valid
    if checks["tables"] == "ok":
        control = await app.desk.control()
        due, parked = await app.worklist.waiting()
        caps = [cap for cap in (await app.stored.read()).caps if cap.closed and cap.policy == state.hash]
        offers = [one for one in await releases.everything(app.tables, app.now()) if not one.released_by]
        waits = [(one.fingerprint, one.why) for one in (*caps, *offers)]
        stale = control.policy not in ("", state.hash)
        degraded = degraded or bool(waits) or parked > 0 or not control.approvals or stale
        body |= {
            "waitsForRelease": [{"fingerprint": mark, "why": why} for mark, why in waits],
            "approvals": "on" if control.approvals else "off",
            "worklist": {"due": due, "parked": parked},
            "lastSweep": iso(control.swept) if control.swept else None,
            "deletesAllowed": control.claims_complete,
        }
    healthy = all(answer == "ok" for answer in checks.values())
    return {"status": ("degraded" if degraded else "healthy") if healthy else "unhealthy", **body}


async def _ping(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(_PING):
            await check
        return "ok"
    except TimeoutError:
        return f"no answer within {_PING} seconds"
    except (Passing, Lasting, Conflict) as wrong:
        return str(wrong)[:300]


def _journal_row(row: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("reasons", "addresses", "diff")
    hidden = {"content", "v", *(f"{name}{place}" for name in lists for place in range(1, 15))}
    body = {
        name: iso(value) if isinstance(value, datetime) else value for name, value in row.items() if name not in hidden
    }
    return {**body, **{name: unpack(name, row) for name in lists if name in row}}
