"""Verbs that need Azure, and the app's settings in the environment. They take the app's own route, leases included."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from .. import app as composition
from .. import blocking, byhand, settings
from .. import settle as route
from ..callers import BY_KEY, Problem, keep_refusal
from ..core import render
from ..core.ids import ResourceId
from ..core.model import Connection
from ..core.plan import completed
from ..errors import Conflict, Lasting, Passing
from ..estate import line
from ..sweep import sweep as run_sweep
from .frame import Json, cli, err, fail, out, print_json


@cli.command()
def plan(resource: Annotated[str, typer.Argument(help="A target or an endpoint.")], as_json: Json = False) -> None:
    """What would be done about a target, without doing it. Exit code 2 when changes are pending."""
    found = _run(lambda app: _ask(app, "plan", resource))
    body = found.get("result", {}).get("plan", {})
    if as_json or not sys.stdout.isatty():
        print_json(body or found)
    else:
        out.print(render.text_of(body) if body else f"{found['status']}: {ResourceId.parse(found['target']).name}")
    raise typer.Exit(2 if body.get("changes") else 0)


@cli.command()
def settle(resource: Annotated[str, typer.Argument(help="A target or an endpoint.")], as_json: Json = False) -> None:
    """Look again at a target and do what the policy says, now. Exit code 1 when something failed."""
    found = _run(lambda app: _ask(app, "settle", resource))
    if as_json or not sys.stdout.isatty():
        print_json(found)
    else:
        outcomes = found.get("result", {}).get("outcomes", [])
        out.print(f"{found['status']}: {len(outcomes)} change(s)")
        for outcome in outcomes:
            out.print(f"  {outcome['kind']:<8} {outcome['result']:<8} {outcome['subject']} {outcome['detail']}")
    raise typer.Exit(1 if found["status"] == "failed" else 0)


@cli.command()
def decide(
    connection: Annotated[str, typer.Argument(help="The id of a connection that waits.")],
    verdict: Annotated[str, typer.Argument(help="approve, reject or revoke (take back what is not carried out yet).")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the journal.")],
    endpoint: Annotated[str, typer.Option(help="The endpoint you saw; another one by now is refused.")] = "",
    guid: Annotated[str, typer.Option(help="Its resourceGuid.")] = "",
    expires: Annotated[str, typer.Option(help="ISO 8601; else as long as the policy's grants.days says.")] = "",
    as_json: Json = False,
) -> None:
    """Decide about one connection as POST /api/decisions does, where a key may. Exit code 1 when it failed."""
    asked = {"connectionId": connection, "verdict": verdict, "reason": reason, "expires": expires}
    asked |= {"endpointId": endpoint, "guid": guid}
    found = _run(lambda app: _decide(app, {name: value for name, value in asked.items() if value}))
    if as_json or not sys.stdout.isatty():
        print_json(found)
    else:
        out.print(f"{found['status']}: {found.get('result', {}).get('detail') or found.get('reason', '')}")
    raise typer.Exit(1 if found["status"] == "failed" else 0)


@cli.command()
def release(
    fingerprint: Annotated[str, typer.Argument(help="As the held connections and health name it.")],
    as_json: Json = False,
) -> None:
    """Let approvals go ahead that a change of policy, or a sweep, would bring about at once: too many to be trusted."""
    found = _run(lambda app: byhand.release(app, fingerprint, BY_KEY))
    if as_json or not sys.stdout.isatty():
        print_json(found)
    else:
        out.print(f"released: {len(found['targets'])} target(s) will be settled")


@cli.command()
def sweep(
    report_only: Annotated[bool, typer.Option("--report-only", help="Put nothing on the worklist.")] = False,
    as_json: Json = False,
) -> None:
    """Run the drift audit now; suspects go on the worklist. Exit code 2 when there are suspects."""
    found = _run(lambda app: run_sweep(app, dry=report_only, thorough=True))
    report = found.report()
    if as_json or not sys.stdout.isatty():
        print_json(report)
    else:
        counted = ", ".join(f"{count} {what}" for what, count in sorted(found.counted.items())) or "nothing there"
        out.print(f"looked at {counted}{'' if found.complete else ' (not everything could be read)'}")
        for (target, subject), why in sorted(found.suspects.items()):
            out.print(f"  suspect  {subject} of {target.name}: {why}")
        for text in found.findings:
            out.print(f"  finding  {text}")
    raise typer.Exit(2 if found.suspects else 0)


@cli.command()
def estate() -> None:
    """Every connection in scope as Azure shows it now: JSON lines, for `policy diff` and `policy draft`."""
    if _run(_estate) > 0:
        raise typer.Exit(1)


async def _estate(app: Any) -> int:
    """How many targets could not be read; they are named on standard error."""
    unread = 0
    policy = (await app.policy()).policy
    for subscription in sorted(policy.scope or await app.inventory.subscriptions()):
        async for found in app.inventory.targets(subscription):
            listing = await app.arm.connections(found.target)
            if not listing.complete:
                err.print(f"{found.target}: {listing.why}", markup=False)
                unread += 1
            for connection in listing.connections:
                print(line(found.target, await _whole(app, found.target, connection)), flush=True)
    return unread


async def _whole(app: Any, target: ResourceId, connection: Connection) -> Connection:
    """Groups and guid that the target does not show, where the endpoint may be read."""
    if connection.endpoint is not None and (connection.groups is None or connection.guid is None):
        return completed(connection, await app.arm.endpoint(connection.endpoint), target)
    return connection


@cli.command()
def blocks(
    resource: Annotated[str, typer.Argument(help="A target, a virtual network or a subnet.")], as_json: Json = False
) -> None:
    """What is in the way of deleting it: the private endpoints that hang on it. Exit code 2 when there are any."""
    found = _run(lambda app: blocking.blocks(app, resource))
    if as_json or not sys.stdout.isatty():
        print_json(found)
    else:
        out.print(found["detail"], markup=False)
        for row in found["value"]:
            out.print(f"  {row['status']:<12} {row['endpointId']}: {row['doThis']}", markup=False)
    if not found["complete"]:
        raise typer.Exit(1)
    raise typer.Exit(2 if found["value"] else 0)


@cli.command()
def approvals(switch: Annotated[str, typer.Argument(help="on, off, or nothing to see.")] = "") -> None:
    """Stop or resume deciding, in all workers, within seconds. Names are kept right all the same."""
    if switch not in ("", "on", "off"):
        fail("say on or off")

    async def act(app: Any) -> bool:
        if switch:
            await app.desk.switch_approvals(switch == "on")
        return bool((await app.desk.control()).approvals)

    out.print(f"approvals are {'on' if _run(act) else 'off'}")


@cli.command()
def replay(
    resource: Annotated[str, typer.Argument(help="One parked target or endpoint; omitted: all.")] = "",
    show: Annotated[bool, typer.Option("--list", help="Only show what is parked.")] = False,
) -> None:
    """Give parked work another chance (it was parked after repeated failures, or after a day)."""
    work = ResourceId.read(resource) if resource else None
    if resource and work is None:
        fail(f"{resource!r} is not a resource id")

    async def act(app: Any) -> list[tuple[str, str, str]]:
        parked: list[tuple[str, str, str]] = await app.worklist.parked()
        if not show:
            await app.worklist.replay(work)
        return [row for row in parked if work is None or ResourceId.read(row[0]) == work]

    rows = _run(act)
    out.print(f"{'parked' if show else 'replayed'}: {len(rows)}")
    for item, subject, why in rows:
        out.print(f"  {item} ({ResourceId.parse(subject).name}): {why}")


async def _ask(app: Any, kind: str, resource: str) -> dict[str, Any]:
    """The same operation as over HTTP; this process does the work unless another worker has the lease."""
    work = await byhand.work_of(app, resource)
    number = await byhand.ask(app, kind, {"target": str(work)}, byhand.Caller(name="command line", person=False))
    await route.work(work, app)
    return await byhand.wait_for(app, number, 60)


async def _decide(app: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Nobody signs in here, so it counts as a key: never as one of two people."""
    try:
        if asked["verdict"] == "revoke":
            return await byhand.revoke(app, asked, BY_KEY)
        number = await byhand.grant(app, asked, BY_KEY)
    except Problem as wrong:
        await keep_refusal(app, BY_KEY, "command line", wrong)
        raise
    await route.work(ResourceId.parse((await byhand.operation(app, number))["target"]), app)
    return await byhand.wait_for(app, number, 60)


def _run(act: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        app = composition.build(settings.read())
        try:
            return await act(app)
        finally:
            await app.close()

    try:
        return asyncio.run(run())
    except settings.BadSettings as wrong:
        fail(f"settings:\n{wrong}")
    except (Problem, Passing, Lasting, Conflict) as wrong:
        fail(str(wrong))
