"""Decisions by hand: one person's word about one connection, good for exactly the endpoint that person saw.

Knows who agreed already and what joins, replaces or takes back what. Refuses to act: a decision is a row and a signal;
the worker that settles the target reads again, and decides whether enough people agreed (core/decide.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from . import granting
from .app import App
from .azure import memory as memories
from .azure.desk import new_operation
from .azure.memory import Ended, Memory
from .callers import Caller, Problem
from .core.ids import NotAnId, ResourceId, fold, is_guid
from .core.model import Grant, Verdict
from .core.rules import Mode
from .errors import Conflict
from .times import moment

LONGEST_GRANT = timedelta(days=366)
UNKNOWN = "Linkkeeper knows nothing of that name; GET /api/connections lists what waits."
_TRIES = 5
_LONGEST = 3000  # characters of the reasons of all who agreed
_NO_GRANT = "There is no open decision about that connection; GET /api/connections?state=granted lists them."


async def grant(app: App, asked: Mapping[str, Any], caller: Caller) -> str:
    """Approve or reject one connection that waits. The operation's id."""
    caller.may("decide", app.settings.decisions_by)
    connection, target = await _connection(app, asked.get("connectionId"), Problem(404, "Not known", UNKNOWN))
    verdict = asked.get("verdict")
    if verdict not in ("approve", "reject"):
        raise Problem(400, "Unknown verdict", "verdict is approve, reject or revoke.")
    reason = _reason(asked)
    state = await app.policy()
    expires = _expires(asked.get("expires"), app.now(), timedelta(days=state.policy.grants.days))
    for _ in range(_TRIES):
        memory = await memories.load(app.tables, target)
        endpoint, guid = _seen(asked, await _held(app, memory, connection))
        if not state.valid:
            raise Problem(409, "Policy invalid", "Nothing is decided while the policy is invalid; see GET /api/health.")
        mode = state.policy.mode(verdict)
        if mode is Mode.OFF:
            raise Problem(409, "Switched off", f"modes.{verdict} is off in the policy; set it to plan or apply first.")
        given = Grant(
            connection=connection,
            endpoint=endpoint,
            guid=guid,
            verdict=Verdict(verdict),
            people=(caller.name,),
            reason=reason,
            expires=expires,
            operation=new_operation(),
            mode=mode.value,
        )
        try:
            return await _give(app, memory, given, caller)
        except Conflict:
            continue  # somebody else decided at the same moment: look at what is there now
    raise Problem(503, "Try again", "Others decide about this connection at this very moment.")


async def _give(app: App, memory: Memory, given: Grant, caller: Caller) -> str:
    target, connection = memory.target, given.connection
    for ended in memory.ended:
        if ended.grant.connection == connection:
            await granting.finish(app, target, ended)
    old = _of(memory, connection)
    stored = joined(old, given, app.now())
    number = await app.desk.begin(target, "decision", connection, caller.name, stored)
    if old is not None and not old.spent and stored.people == given.people:
        await granting.tell(app, target, old, "replaced", caller.name, f"{given.verdict.value}: {given.reason}")
    await granting.tell(app, target, stored, "given", caller.name, given.reason)
    await app.worklist.signal(target, connection, "by hand")
    return number


def joined(old: Grant | None, new: Grant, now: datetime) -> Grant:
    """What is stored: a second person's agreement joins the first's, and a rejection replaces an approval.

    Raises Problem 409 for who agreed already, and for an approval while a rejection is open.
    """
    if old is None:
        return new
    fresh = replace(new, etag=old.etag)
    same_request = old.endpoint == new.endpoint and len({old.guid, new.guid} - {None}) < 2
    if old.spent or now >= old.expires or not same_request or old.mode != new.mode:
        return fresh
    if old.verdict is not new.verdict:
        if old.verdict is Verdict.REJECT:
            text = f"{old.by} rejected it: revoke that first (verdict revoke), then approve."
            raise Problem(409, "Rejected already", text, refused=True)
        return fresh
    if set(new.people) <= set(old.people):
        text = "You agreed already; another person is needed where two have to agree. Revoke takes it back."
        raise Problem(409, "Already agreed", text, refused=True)
    return replace(
        fresh,
        guid=new.guid or old.guid,
        people=(*old.people, *new.people),
        reason=f"{old.reason}; {new.reason}"[:_LONGEST],
        expires=min(old.expires, new.expires),
    )


async def revoke(app: App, asked: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Take back a decision that was not carried out yet; what was taken back."""
    caller.may("revoke", app.settings.decisions_by)
    nothing = Problem(404, "Nothing to revoke", _NO_GRANT)
    connection, target = await _connection(app, asked.get("connectionId"), nothing)
    reason = _reason(asked)
    if asked.get("expires") is not None:
        raise Problem(400, "No such date", "A decision is taken back at once: leave expires out.")
    for _ in range(_TRIES):
        memory = await memories.load(app.tables, target)
        old = _of(memory, connection)
        if old is None or (not old.spent and app.now() >= old.expires):
            raise nothing
        if old.spent:
            text = "It was carried out, or is being carried out: there is nothing left to take back."
            raise Problem(409, "Too late", text, refused=True)
        _seen(asked, {"endpoint": str(old.endpoint), "guid": old.guid or ""})
        try:
            await granting.end(app, target, Ended(grant=old, result="revoked", by=caller.name, why=reason))
        except Conflict:
            continue
        await _tell_who_waits(app, memory, connection, f"taken back by {caller.name}: {reason}")
        await app.worklist.signal(target, connection, "revoked")
        return _revoked(old, caller, reason)
    raise Problem(503, "Try again", "Others decide about this connection at this very moment.")


async def _tell_who_waits(app: App, memory: Memory, connection: ResourceId, why: str) -> None:
    for operation in memory.operations:
        if operation.kind == "decision" and operation.subject == connection:
            await app.desk.finish(memory.target, operation.id, "failed", {"detail": why, "conflict": True})


def _revoked(old: Grant, caller: Caller, reason: str) -> dict[str, Any]:
    body = {"connectionId": str(old.connection), "endpointId": str(old.endpoint), "guid": old.guid}
    was = {"verdict": old.verdict.value, "people": list(old.people), "reason": old.reason}
    return {"status": "revoked", **body, "revoked": was, "by": caller.name, "reason": reason}


def _of(memory: Memory, connection: ResourceId) -> Grant | None:
    return next((grant for grant in memory.grants if grant.connection == connection), None)


async def _connection(app: App, text: object, unknown: Problem) -> tuple[ResourceId, ResourceId]:
    """Connection and target. What lies outside the scope is as unknown as what does not exist."""
    try:
        connection = ResourceId.parse(text)
    except NotAnId as wrong:
        raise Problem(400, "Not a connection id", f"connectionId: {wrong}.") from None
    target = connection.parent
    last = connection.path[-1][0].lower()
    policy = (await app.policy()).policy
    if target is None or last != "privateendpointconnections" or not policy.covers(target):
        raise unknown
    return connection, target


async def _held(app: App, memory: Memory, connection: ResourceId) -> dict[str, Any]:
    held = await app.desk.held_one(memory.target, connection)
    if any(i.subject == connection and i.kind in ("approve", "reject") for i in memory.intents):
        raise Problem(409, "Being decided", "A decision about this connection is under way; wait for it to end.")
    if held is not None:
        return held
    known = next(
        (k for k in memory.known.values() if k.connection and ResourceId.read(k.connection) == connection), None
    )
    if known is None or not known.status:
        raise Problem(404, "Not known", UNKNOWN)
    raise Problem(409, "Already decided", f"The connection is {known.status}; only one that waits can be decided.")


def _seen(asked: Mapping[str, Any], held: Mapping[str, Any]) -> tuple[ResourceId, str | None]:
    """The endpoint that the decision is about: the one that waits, which must be the one that the person saw."""
    endpoint = ResourceId.read(held["endpoint"])
    if endpoint is None:
        raise Problem(409, "Not readable", "The connection names no endpoint: there is nothing that could be granted.")
    if asked.get("endpointId") is not None:
        try:
            seen = ResourceId.parse(asked["endpointId"])
        except NotAnId as wrong:
            raise Problem(400, "Not an endpoint id", f"endpointId: {wrong}.") from None
        if seen != endpoint:
            text = f"The connection now belongs to another endpoint: {endpoint}. Look at it again before you decide."
            raise Problem(409, "Another endpoint", text)
    guid = asked.get("guid")
    if guid is not None and not is_guid(guid):
        raise Problem(400, "Not a GUID", "guid is the endpoint's resourceGuid, as GET /api/connections shows it.")
    known = held["guid"] or None
    if guid is not None and known is not None and fold(guid) != fold(known):
        text = "The connection now belongs to another endpoint of the same id. Look at it again before you decide."
        raise Problem(409, "Another endpoint", text)
    return endpoint, known or (fold(guid) if guid is not None else None)


def _reason(asked: Mapping[str, Any]) -> str:
    reason = asked.get("reason")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > 500:
        raise Problem(400, "Reason needed", "reason says why, in 1 to 500 characters; it stays in the journal.")
    return reason.strip()


def _expires(value: object, now: datetime, life: timedelta) -> datetime:
    if value is None:
        return now + life
    found = moment("expires", value)
    if not now < found <= now + LONGEST_GRANT:
        raise Problem(400, "No such date", f"expires lies in the past, or more than {LONGEST_GRANT.days} days ahead.")
    return found
