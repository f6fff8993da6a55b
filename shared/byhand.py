"""What people ask for: who waits, decisions, a fresh look, a plan, the journal, health. HTTP and the CLI end here.

Refuses to act: every wish becomes a row (a grant, an operation) and a signal on the one route. Ids outside the scope
are unknown here, and never cost a call to Resource Manager.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .app import App
from .azure import memory as memories
from .azure.desk import new_operation
from .azure.providers import provider
from .azure.tables import unpack
from .core.ids import NotAnId, ResourceId
from .core.model import Grant, Verdict
from .core.rules import Mode
from .core.signals import ENDPOINT
from .errors import Conflict, Lasting, Passing

GRANT_LIFE, LONGEST_GRANT = timedelta(days=7), timedelta(days=366)
_PING = 5  # seconds
_UNKNOWN = "Linkkeeper knows nothing of that name; GET /api/connections lists what waits."


class Problem(Exception):
    """An answer for the person who asked: what is wrong and what to do next."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A signed-in person with roles, or whoever holds a key."""

    name: str
    person: bool
    roles: frozenset[str] = frozenset()

    def may(self, what: str) -> None:
        """read, plan or decide. A key alone may read and plan; `decide` is checked with the settings."""
        wanted = {"Linkkeeper.Approver"} if what == "decide" else {"Linkkeeper.Approver", "Linkkeeper.Reader"}
        if self.person and not (self.roles & wanted):
            raise Problem(403, "Not allowed", f"This needs the app role {' or '.join(sorted(wanted))}.")


async def waiting(app: App) -> list[dict[str, Any]]:
    now = app.now()
    policy = (await app.policy()).policy
    rows = [row for row in await app.desk.held() if policy.covers(ResourceId.parse(row["target"]))]
    return [
        {
            "connectionId": row["connection"],
            "endpointId": row["endpoint"] or None,
            "target": row["target"],
            "status": row["status"],
            "since": _iso(row["since"]),
            "ageSeconds": round((now - _utc(row["since"])).total_seconds()),
            "reasons": unpack("reasons", row),
            "nearestRule": row["nearest"] or None,
        }
        for row in rows
    ]


async def grant(app: App, asked: Mapping[str, Any], caller: Caller) -> str:
    """One person's decision about one held connection, bound to the endpoint that was seen. The operation's id."""
    if not caller.person and app.settings.decisions_by != "key":
        raise Problem(
            403, "A person is needed", "Sign in; a key alone may not decide (setting LINKKEEPER_DECISIONS_BY)."
        )
    caller.may("decide")
    connection, target = await _connection(app, asked.get("connectionId"))
    verdict, reason = asked.get("verdict"), asked.get("reason")
    if verdict not in ("approve", "reject"):
        raise Problem(400, "Unknown verdict", "verdict is approve or reject.")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > 500:
        raise Problem(400, "Reason needed", "reason says why, in 1 to 500 characters; it stays in the journal.")
    expires = _expires(asked.get("expires"), app.now())
    held = await _held(app, target, connection)
    state = await app.policy()
    if not state.valid:
        raise Problem(409, "Policy invalid", "Nothing is decided while the policy is invalid; see GET /api/health.")
    mode = state.policy.mode(verdict)
    if mode is Mode.OFF:
        raise Problem(409, "Switched off", f"modes.{verdict} is off in the policy; set it to plan or apply first.")
    endpoint = ResourceId.read(held["endpoint"])
    if endpoint is None:
        raise Problem(
            409, "Not readable", "The connection names no endpoint, so there is nothing that could be granted."
        )
    given = Grant(
        connection=connection,
        endpoint=endpoint,
        guid=held["guid"] or None,
        verdict=Verdict(verdict),
        people=(caller.name,),
        reason=reason.strip(),
        expires=expires,
        operation=new_operation(),
        mode=mode.value,
    )
    return await _begin(app, target, "decision", connection, caller, given)


async def ask(app: App, kind: str, asked: Mapping[str, Any], caller: Caller) -> str:
    """settle or plan, for a target or an endpoint. The operation's id."""
    texts = [asked[name] for name in ("target", "endpoint") if name in asked]
    if len(texts) != 1:
        raise Problem(400, "What to look at?", "Send either target or endpoint, with a full resource id.")
    work = await work_of(app, texts[0])
    return await _begin(app, work, kind, work, caller, None)


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
            raise Problem(404, "Not known", _UNKNOWN)
        return known[0]
    if not policy.covers(resource) or provider(resource.type) is None:
        raise Problem(404, "Not known", _UNKNOWN)
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
        "at": _iso(row["at"]),
    }
    if row["status"] != "running":
        body |= {"finished": _iso(row["finished"]), "result": unpack("result", row)}
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
            raise Problem(404, "Not known", _UNKNOWN)
    rows = await app.journal.read(since, resource)
    return [_journal_row(row) for row in rows if policy.covers(ResourceId.parse(row["target"]))]


async def health(app: App) -> dict[str, Any]:
    """Each dependency pinged. degraded: it runs, but does not decide; unhealthy: it cannot work."""
    pings = {"tables": app.tables.ping(), "queue": app.worklist.ping(), "resourceManager": app.arm.ping()}
    checks = dict(zip(pings, await asyncio.gather(*map(_ping, pings.values())), strict=True))
    body: dict[str, Any] = {"checks": checks}
    state = app.policies.current()
    body["policy"] = {"valid": state.valid, "hash": state.hash, "mistakes": state.mistakes.splitlines()}
    body["modes"] = {kind: mode.value for kind, mode in state.policy.modes}
    degraded = not state.valid
    if checks["tables"] == "ok":
        control = await app.desk.control()
        due, parked = await app.worklist.waiting()
        degraded = degraded or parked > 0 or not control.approvals or control.policy not in ("", state.hash)
        body |= {
            "approvals": "on" if control.approvals else "off",
            "worklist": {"due": due, "parked": parked},
            "lastSweep": _iso(control.swept) if control.swept else None,
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


async def _begin(
    app: App, target: ResourceId, kind: str, subject: ResourceId, caller: Caller, given: Grant | None
) -> str:
    number = await app.desk.begin(target, kind, subject, caller.name, given)
    await app.worklist.signal(target, subject, "plan" if kind == "plan" else "by hand")
    return number


async def _connection(app: App, text: object) -> tuple[ResourceId, ResourceId]:
    try:
        connection = ResourceId.parse(text)
    except NotAnId as wrong:
        raise Problem(400, "Not a connection id", f"connectionId: {wrong}.") from None
    target = connection.parent
    last = connection.path[-1][0].lower()
    policy = (await app.policy()).policy
    if target is None or last != "privateendpointconnections" or not policy.covers(target):
        raise Problem(404, "Not known", _UNKNOWN)
    return connection, target


async def _held(app: App, target: ResourceId, connection: ResourceId) -> dict[str, Any]:
    held = await app.desk.held_one(target, connection)
    memory = await memories.load(app.tables, target)
    if any(o.subject == connection and o.kind == "decision" for o in memory.operations):
        raise Problem(409, "Being decided", "A decision about this connection is under way; wait for it to end.")
    if held is not None:
        return held
    known = next(
        (k for k in memory.known.values() if k.connection and ResourceId.read(k.connection) == connection), None
    )
    if known is None or not known.status:
        raise Problem(404, "Not known", _UNKNOWN)
    raise Problem(409, "Already decided", f"The connection is {known.status}; only one that waits can be decided.")


def _expires(value: object, now: datetime) -> datetime:
    if value is None:
        return now + GRANT_LIFE
    found = moment("expires", value)
    if not now < found <= now + LONGEST_GRANT:
        raise Problem(400, "No such date", f"expires lies in the past, or more than {LONGEST_GRANT.days} days ahead.")
    return found


def moment(name: str, value: object) -> datetime:
    """An ISO 8601 date or time in UTC. Raises Problem 400."""
    try:
        return _utc(datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError):
        raise Problem(400, "No date", f"{name} is an ISO 8601 time, such as 2027-01-31T12:00:00Z.") from None


def _journal_row(row: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("reasons", "addresses")
    hidden = {"content", "v", *(f"{name}{place}" for name in lists for place in range(1, 15))}
    body = {
        name: _iso(value) if isinstance(value, datetime) else value for name, value in row.items() if name not in hidden
    }
    return {**body, **{name: unpack(name, row) for name in lists if name in row}}


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _iso(value: datetime) -> str:
    return datetime.fromtimestamp(value.timestamp(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
