"""The command line: `python -m shared …`. Mirrors the app and takes the same route, leases included.

Exit codes: 0 nothing to do, 2 changes pending or suspects found, 1 error. People get text on a terminal; a pipe (or
--json) gets JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from .core import reading, render, zones
from .core.decide import decide
from .core.ids import ResourceId
from .core.model import Connection
from .core.policy import Mode, Policy

cli = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
policy_cli = typer.Typer(help="Check the policy file, or print its JSON Schema.", no_args_is_help=True)
cli.add_typer(policy_cli, name="policy")

Json = Annotated[bool, typer.Option("--json", help="JSON even on a terminal.")]
PolicyPath = Annotated[Path, typer.Option("--policy", help="The policy file.")]
DEFAULT_POLICY = Path("policy/policy.yaml")
_err = Console(stderr=True, soft_wrap=True)
_out = Console(soft_wrap=True, highlight=False, markup=False)


# --- without Azure ----------------------------------------------------------------------------------


@cli.command("dns-name")
def dns_name() -> None:
    """Zone and record of host names: JSON lines in, JSON lines {"zone","record"} out, null where no rule knows."""
    wrong = False
    for line in filter(str.strip, sys.stdin):
        try:
            place = _locate(json.loads(line))
        except (ValueError, TypeError, KeyError) as why:
            _err.print(f"{type(why).__name__}: {why}", markup=False)
            wrong = wrong or not isinstance(why, zones.NotAHostName)
            place = None
        print(
            json.dumps({"zone": place.zone if place else None, "record": place.record if place else None}), flush=True
        )
    raise typer.Exit(1 if wrong else 0)


def _locate(asked: dict[str, Any]) -> zones.ZoneRecord | None:
    siblings = asked.get("siblingFqdns") or ()
    return zones.locate(
        asked["fqdn"],
        cloud=str(asked.get("cloud") or "AzureCloud"),
        resource_type=str(asked.get("resourceType") or ""),
        group=str(asked.get("groupId") or ""),
        siblings=[siblings] if isinstance(siblings, str) else list(siblings),
    )


@cli.command()
def connection(
    type_: Annotated[
        str, typer.Option("--type", help="The target's resource type, where the answer does not show it.")
    ] = "",
) -> None:
    """What Linkkeeper understands of one ARM answer of a connection (standard input)."""
    _print_json(render.connection_json(_read_connection(_stdin_json(), None, type_)))


@cli.command()
def explain(
    target: Annotated[str, typer.Option(help="The target's id; else the connection's parent.")] = "",
    type_: Annotated[str, typer.Option("--type", help="The target's resource type.")] = "",
    policy: PolicyPath = DEFAULT_POLICY,
    group: Annotated[
        list[str] | None, typer.Option(help="A group the provider does not show; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Would this connection (standard input, as ARM answers it) be approved? With rule and reasons; changes nothing."""
    rules = _policy(policy)
    place = ResourceId.read(target) if target else None
    if target and place is None:
        _fail("--target is not a resource id")
    found = _read_connection(_stdin_json(), place, type_)
    place = place or (found.id.parent if found.id else None)
    if place is None:
        _fail("the connection shows no target: give --target")
    found = _completed(found, place, type_, group or [])
    decision = decide(found, target=place, policy=rules, now=datetime.now(UTC))
    if as_json or not sys.stdout.isatty():
        _print_json({**render.decision_json(decision), "target": str(place), "policy": rules.hash})
        return
    _out.print(f"{decision.verdict.value}  {found.name}")
    for reason in decision.reasons:
        _out.print(f"  {reason}")


def _completed(found: Connection, target: ResourceId, type_: str, groups: list[str]) -> Connection:
    from dataclasses import replace

    from .azure.providers import provider

    if provider(type_ or target.type) is None:
        problem = f"type {type_ or target.type} is not in the table of resource types"
        found = replace(found, problems=(*found.problems, problem))
    return replace(found, groups=found.groups or tuple(sorted(groups)) or None)


@policy_cli.command()
def check(
    path: Annotated[Path, typer.Argument(help="The policy file.")] = DEFAULT_POLICY, as_json: Json = False
) -> None:
    """Every mistake at once, with line and path. Exit code 1 when there is one."""
    from . import policyfile

    try:
        good = policyfile.load(path, Mode.PLAN)
    except policyfile.BadPolicy as wrong:
        if as_json:
            rows = [{"line": line, "path": place, "message": what} for line, place, what in wrong.mistakes]
            _print_json({"valid": False, "mistakes": rows})
        else:
            _err.print(f"{path} is not a valid policy:\n{wrong}", markup=False)
        raise typer.Exit(1) from None
    if as_json:
        _print_json({"valid": True, "hash": good.hash, "rules": len(good.rules), "hubs": len(good.hubs)})
    else:
        _out.print(f"{path} is valid: {len(good.rules)} rule(s), {len(good.hubs)} hub(s), hash {good.hash}")


@policy_cli.command()
def schema() -> None:
    """The JSON Schema for editors (policy/policy.schema.json is this)."""
    from . import policyfile

    print(json.dumps(policyfile.schema(), indent=1))


# --- with Azure: needs the app's settings in the environment ------------------------------------------


@cli.command()
def plan(resource: Annotated[str, typer.Argument(help="A target or an endpoint.")], as_json: Json = False) -> None:
    """What would be done about a target, without doing it. Exit code 2 when changes are pending."""
    found = _run(lambda app: _ask(app, "plan", resource))
    body = found.get("result", {}).get("plan", {})
    if as_json or not sys.stdout.isatty():
        _print_json(body or found)
    else:
        _out.print(render.text_of(body) if body else f"{found['status']}: {ResourceId.parse(found['target']).name}")
    raise typer.Exit(2 if body.get("changes") else 0)


@cli.command()
def settle(resource: Annotated[str, typer.Argument(help="A target or an endpoint.")], as_json: Json = False) -> None:
    """Look again at a target and do what the policy says, now. Exit code 1 when something failed."""
    found = _run(lambda app: _ask(app, "settle", resource))
    if as_json or not sys.stdout.isatty():
        _print_json(found)
    else:
        outcomes = found.get("result", {}).get("outcomes", [])
        _out.print(f"{found['status']}: {len(outcomes)} change(s)")
        for outcome in outcomes:
            _out.print(f"  {outcome['kind']:<8} {outcome['result']:<8} {outcome['subject']} {outcome['detail']}")
    raise typer.Exit(1 if found["status"] == "failed" else 0)


@cli.command()
def sweep(
    report_only: Annotated[bool, typer.Option("--report-only", help="Put nothing on the worklist.")] = False,
    as_json: Json = False,
) -> None:
    """Run the drift audit now; suspects go on the worklist. Exit code 2 when there are suspects."""
    from .sweep import sweep as run_sweep

    found = _run(lambda app: run_sweep(app, dry=report_only))
    report = found.report()
    if as_json or not sys.stdout.isatty():
        _print_json(report)
    else:
        counted = ", ".join(f"{count} {what}" for what, count in sorted(found.counted.items())) or "nothing there"
        _out.print(f"looked at {counted}{'' if found.complete else ' (not everything could be read)'}")
        for (target, subject), why in sorted(found.suspects.items()):
            _out.print(f"  suspect  {subject} of {target.name}: {why}")
        for text in found.findings:
            _out.print(f"  finding  {text}")
    raise typer.Exit(2 if found.suspects else 0)


@cli.command()
def approvals(switch: Annotated[str, typer.Argument(help="on, off, or nothing to see.")] = "") -> None:
    """Stop or resume deciding, in all workers, within seconds. Names are kept right all the same."""
    if switch not in ("", "on", "off"):
        _fail("say on or off")

    async def act(app: Any) -> bool:
        if switch:
            await app.desk.switch_approvals(switch == "on")
        return bool((await app.desk.control()).approvals)

    _out.print(f"approvals are {'on' if _run(act) else 'off'}")


@cli.command()
def replay(
    resource: Annotated[str, typer.Argument(help="One parked target or endpoint; omitted: all.")] = "",
    show: Annotated[bool, typer.Option("--list", help="Only show what is parked.")] = False,
) -> None:
    """Give parked work another chance (it was parked after repeated failures, or after a day)."""
    work = ResourceId.read(resource) if resource else None
    if resource and work is None:
        _fail(f"{resource!r} is not a resource id")

    async def act(app: Any) -> list[tuple[str, str, str]]:
        parked: list[tuple[str, str, str]] = await app.worklist.parked()
        if not show:
            await app.worklist.replay(work)
        return [row for row in parked if work is None or ResourceId.read(row[0]) == work]

    rows = _run(act)
    _out.print(f"{'parked' if show else 'replayed'}: {len(rows)}")
    for item, subject, why in rows:
        _out.print(f"  {item} ({ResourceId.parse(subject).name}): {why}")


async def _ask(app: Any, kind: str, resource: str) -> dict[str, Any]:
    """The same operation as over HTTP; this process does the work unless another worker has the lease."""
    from . import byhand
    from . import settle as route

    work = await byhand.work_of(app, resource)
    number = await byhand.ask(app, kind, {"target": str(work)}, byhand.Caller(name="command line", person=False))
    await route.work(work, app)
    return await byhand.wait_for(app, number, 60)


def _run(act: Callable[[Any], Awaitable[Any]]) -> Any:
    from . import app as composition
    from . import settings
    from .byhand import Problem
    from .errors import Conflict, Lasting, Passing

    async def run() -> Any:
        app = composition.build(settings.read())
        try:
            return await act(app)
        finally:
            await app.close()

    try:
        return asyncio.run(run())
    except settings.BadSettings as wrong:
        _fail(f"settings:\n{wrong}")
    except (Problem, Passing, Lasting, Conflict) as wrong:
        _fail(str(wrong))


# --- small parts ----------------------------------------------------------------------------------------


def _policy(path: Path) -> Policy:
    from . import policyfile

    try:
        return policyfile.load(path, Mode.APPLY)
    except policyfile.BadPolicy as wrong:
        _fail(f"{path} is not a valid policy:\n{wrong}")


def _read_connection(body: object, target: ResourceId | None, type_: str) -> Connection:
    from .azure.providers import provider

    identity = ResourceId.read(body.get("id")) if isinstance(body, dict) else None
    parent = target or (identity.parent if identity else None)
    kind = provider(type_ or (parent.type if parent else ""))
    return reading.connection(body, target=target, guid_in_name=bool(kind and kind.guid_in_name))


def _stdin_json() -> object:
    try:
        return json.load(sys.stdin)
    except ValueError as wrong:
        _fail(f"standard input is not JSON: {wrong}")


def _print_json(body: object) -> None:
    print(json.dumps(body, indent=1 if sys.stdout.isatty() else None, default=str))


def _fail(text: str) -> NoReturn:
    _err.print(text, markup=False, style="red")
    raise typer.Exit(1)


if __name__ == "__main__":
    cli(prog_name="python -m shared")
