"""`migrate`: the move between zone groups and Linkkeeper, planned and printed; nothing is changed."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..core.ids import NotAnId, ResourceId, is_guid
from ..core.migration import Gap, Migration, Moved, State
from ..migrate import Report, parsed
from ..migrate import migrate as look
from .frame import Json, cli, err, fail, out, print_json
from .live import _run

_wide = Console(width=400, soft_wrap=True, highlight=False, markup=False)
"""Names are to be copied, not cut: the terminal wraps long lines."""
_FEW = 5
"""Endpoints that are named one by one in the command that goes on."""


@cli.command()
def migrate(
    back: Annotated[bool, typer.Option("--back", help="From Linkkeeper to zone groups.")] = False,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="The id of one private endpoint; may be repeated; -: ids on standard input."),
    ] = None,
    subscription: Annotated[
        list[str] | None, typer.Option(help="Only endpoints of this subscription; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Plan the move from private DNS zone groups to Linkkeeper, or back: steps and gap, endpoint by endpoint.

    Changes nothing: the steps are for you. Looks at every endpoint that a hub serves, or at the named ones. See
    docs/migrate.md. Exit code 2 when something could move or is blocked, 1 when not everything could be looked at.

    JSON: direction (to, back), complete, counted, reads {dns, endpoints}, unread [{subject, why}], stopped (null, or
    {why, retryAfter, subscriptions, endpoints, next}: what was not planned, and how to go on), migrations: endpoint,
    targets, direction, state (ready, blocked, nothing to do), why, blockers, warnings, steps [{do, text, commands}],
    undo, names [{fqdn, record, zone, addresses, owner, present, detail, gap}]. gap is null or {begins, ends, why,
    usuallySeconds, atMostSeconds, oldAnswerSeconds, negativeSeconds, meanwhile (public, nothing, both, unknown)}.
    """
    endpoints = _endpoints(endpoint or [])
    subscriptions = subscription or []
    for one in subscriptions:
        if not is_guid(one):
            fail(f"{one!r} is not the GUID of a subscription")

    def tell(text: str) -> None:
        err.print(text, markup=False, style="dim")

    found: Report = _run(lambda app: look(app, back=back, endpoints=endpoints, subscriptions=subscriptions, tell=tell))
    if as_json or not sys.stdout.isatty():
        print_json(report_json(found))
    else:
        _show(found)
    _say_what_is_left(found)
    if not found.complete:
        raise typer.Exit(1)
    raise typer.Exit(2 if any(plan.state is not State.NOTHING for plan in found.plans) else 0)


def _endpoints(texts: list[str]) -> list[ResourceId]:
    lines = [line for line in sys.stdin.read().splitlines() if line.strip()] if "-" in texts else []
    if "-" in texts and not lines:
        fail("standard input names no endpoint")
    try:
        return parsed([*(text for text in texts if text != "-"), *lines])
    except (NotAnId, ValueError) as wrong:
        fail(f"--endpoint: {wrong}")


def report_json(found: Report) -> dict[str, Any]:
    counted = Counter(plan.state.value for plan in found.plans)
    return {
        "direction": "back" if found.back else "to",
        "complete": found.complete,
        "counted": {state.value: counted[state.value] for state in State},
        "reads": found.reads,
        "unread": [{"subject": subject, "why": why} for subject, why in found.unread],
        "stopped": _stopped(found),
        "migrations": [migration_json(plan) for plan in found.plans],
    }


def migration_json(plan: Migration) -> dict[str, Any]:
    return {
        "endpoint": str(plan.endpoint),
        "targets": [str(target) for target in plan.targets],
        "direction": "back" if plan.back else "to",
        "state": plan.state.value,
        "why": plan.why,
        "blockers": list(plan.blockers),
        "warnings": list(plan.warnings),
        "steps": [{"do": step.do, "text": step.text, "commands": list(step.commands)} for step in plan.steps],
        "undo": list(plan.undo),
        "names": [_name_json(one) for one in plan.names],
    }


def _name_json(one: Moved) -> dict[str, Any]:
    return {
        "fqdn": one.fqdn,
        "record": one.name.record,
        "zone": str(one.name.zone),
        "addresses": list(one.addresses),
        "owner": one.owner.value,
        "present": list(one.present),
        "detail": one.detail,
        "gap": _gap_json(one.gap) if one.gap else None,
    }


def _gap_json(gap: Gap) -> dict[str, Any]:
    return {
        "begins": gap.begins,
        "ends": gap.ends,
        "why": gap.why,
        "usuallySeconds": gap.usually,
        "atMostSeconds": gap.at_most,
        "oldAnswerSeconds": gap.old_answer,
        "negativeSeconds": gap.negative,
        "meanwhile": gap.meanwhile,
    }


def _stopped(found: Report) -> dict[str, Any] | None:
    if not (found.waits or found.left or found.left_subscriptions):
        return None
    return {
        "why": [why for why, _ in found.waits],
        "retryAfter": max((after for _, after in found.waits if after), default=None),
        "subscriptions": found.left_subscriptions,
        "endpoints": [str(one) for one in found.left],
        "next": _next(found),
    }


def _next(found: Report) -> str:
    """How to go on, without looking again at what is planned already."""
    if not found.left and not found.left_subscriptions:
        return ""
    few = len(found.left) <= _FEW
    words = ["python -m shared migrate", *(["--back"] if found.back else [])]
    words += [f"--subscription {one}" for one in found.left_subscriptions]
    words += [f"--endpoint {shlex.quote(str(one))}" for one in found.left] if few else ["--endpoint - < left.txt"]
    return " ".join(words)


def _say_what_is_left(found: Report) -> None:
    for subject, why in found.unread:
        err.print(f"{subject}: {why}", markup=False)
    stopped = _stopped(found)
    if stopped is None:
        return
    after = f"; it says to wait {stopped['retryAfter']:.0f} s" if stopped["retryAfter"] else ""
    err.print(f"Azure throttles{after}: {'; '.join(dict.fromkeys(stopped['why']))}", markup=False, style="yellow")
    if stopped["next"]:
        text = f"not planned: {len(found.left)} endpoint(s), {len(found.left_subscriptions)} subscription(s)"
        err.print(f"{text}. Go on later with: {stopped['next']}", markup=False)
        if len(found.left) > _FEW:
            err.print("left.txt: the ids in stopped.endpoints of the JSON, one to a line", markup=False)


# --- text ------------------------------------------------------------------------------------------


def _show(found: Report) -> None:
    for plan in found.plans:
        if plan.state is not State.NOTHING or len(found.plans) == 1:
            _show_plan(plan)
    counted = Counter(plan.state for plan in found.plans)
    texts = ", ".join(f"{counted[state]} {state.value}" for state in State)
    reads = f"{found.reads['dns']} private DNS read(s), {found.reads['endpoints']} endpoint(s) read"
    out.print(f"{len(found.plans)} endpoint(s): {texts}; {reads}; nothing was changed")


def _show_plan(plan: Migration) -> None:
    style = {State.READY: "green", State.BLOCKED: "red", State.NOTHING: "dim"}[plan.state]
    out.print(f"{plan.state.value}  {plan.endpoint}", style=f"bold {style}")
    out.print(f"  {plan.why}")
    for text in plan.blockers:
        out.print(f"  blocked  {text}", style="red")
    for text in plan.warnings:
        out.print(f"  warning  {text}", style="yellow")
    if plan.names:
        _wide.print(_table(plan))
    for gap in sorted({_gap_text(one.gap) for one in plan.names if one.gap}):
        out.print(f"  gap      {gap}")
    for number, step in enumerate(plan.steps, 1):
        out.print(f"  {number}. {step.text}")
        for command in step.commands:
            out.print(f"     {command}", style="cyan")
    if plan.undo:
        out.print("  To go back to what was:")
        for command in plan.undo:
            out.print(f"     {command}", style="cyan")
    out.print()


def _table(plan: Migration) -> Table:
    table = Table("  name", "zone", "has now", "whose", "then", "gap", box=None, padding=(0, 2, 0, 0))
    for one in plan.names:
        gap = f"{one.gap.usually} s to {one.gap.at_most // 60} min" if one.gap else "none"
        place = f"{one.name.zone.group}/{one.name.zone.name}"
        table.add_row(f"  {one.fqdn}", place, ", ".join(one.present), one.owner.value, ", ".join(one.addresses), gap)
    return table


_MEANWHILE = {
    "public": "get the public address",
    "nothing": "are told that the name does not exist",
    "both": "get the public address, or are told that the name does not exist, by the link of their network",
    "unknown": "get the public address or nothing (the zone's links could not be read)",
}


def _gap_text(gap: Gap) -> str:
    return (
        f"begins {gap.begins}; ends {gap.ends}. Usually {gap.usually} s, at most {gap.at_most // 60} min if the event "
        f"is lost. Who asked before keeps the old answer for up to {gap.old_answer} s, who asks meanwhile keeps the "
        f"miss for {gap.negative} s more. Clients {_MEANWHILE[gap.meanwhile]}."
    )
