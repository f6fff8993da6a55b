"""Verbs that need no Azure: how Linkkeeper reads names and connections, and what a policy says about them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import casefile, policyfile
from ..azure.providers import provider
from ..core import reading, render, zones
from ..core.decide import decide
from ..core.ids import ResourceId
from ..core.lint import lint
from ..core.model import Connection
from ..core.policy import Policy
from ..core.rules import Mode
from .frame import DEFAULT_POLICY, Json, PolicyPath, cli, err, fail, out, policy_cli, print_json


@cli.command("dns-name")
def dns_name() -> None:
    """Zone and record of host names: JSON lines in, JSON lines {"zone","record"} out, null where no rule knows.

    In: resourceType, groupId, cloud, fqdn, region (the target's), siblingFqdns (the endpoint's other names); only
    fqdn is needed. A line that cannot be read answers null too, standard error names it, and the exit code is 1; a
    name that is no host name is reported there, but it is an answer.
    """
    wrong = False
    if replacing := getattr(sys.stdin, "reconfigure", None):  # one byte that is not UTF-8 must not hide other lines
        replacing(errors="replace")
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            place = _locate(json.loads(line.removeprefix("\ufeff")))
        except (ValueError, TypeError, RecursionError) as why:
            what = f"{why.msg}, character {why.pos + 1}" if isinstance(why, json.JSONDecodeError) else why
            err.print(f"line {number}: {type(why).__name__}: {what}", markup=False)
            wrong = wrong or not isinstance(why, zones.NotAHostName)
            place = None
        print(
            json.dumps({"zone": place.zone if place else None, "record": place.record if place else None}), flush=True
        )
    raise typer.Exit(1 if wrong else 0)


def _locate(asked: dict[str, Any]) -> zones.ZoneRecord | None:
    if not isinstance(asked, dict) or asked.get("fqdn") is None:
        raise TypeError("a line must be a JSON object with at least fqdn")
    siblings = asked.get("siblingFqdns") or ()
    return zones.locate(
        asked["fqdn"],
        cloud=str(asked.get("cloud") or "AzureCloud"),
        resource_type=str(asked.get("resourceType") or ""),
        group=str(asked.get("groupId") or ""),
        siblings=[siblings] if isinstance(siblings, str) else list(siblings),
        region=str(asked.get("region") or ""),
    )


@cli.command()
def connection(
    type_: Annotated[
        str, typer.Option("--type", help="The target's resource type, where the answer does not show it.")
    ] = "",
) -> None:
    """What Linkkeeper understands of one ARM answer of a connection (standard input)."""
    print_json(render.connection_json(_read_connection(_stdin_json(), None, type_)))


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
        fail("--target is not a resource id")
    found = _read_connection(_stdin_json(), place, type_)
    place = place or (found.id.parent if found.id else None)
    if place is None:
        fail("the connection shows no target: give --target")
    found = _completed(found, place, type_, group or [])
    decision = decide(found, target=place, policy=rules, now=datetime.now(UTC))
    if as_json or not sys.stdout.isatty():
        print_json({**render.decision_json(decision), "target": str(place), "policy": rules.hash})
        return
    out.print(f"{decision.verdict.value}  {found.name}")
    for reason in decision.reasons:
        out.print(f"  {reason}")


def _completed(found: Connection, target: ResourceId, type_: str, groups: list[str]) -> Connection:
    if provider(type_ or target.type) is None:
        problem = f"type {type_ or target.type} is not in the table of resource types"
        found = replace(found, problems=(*found.problems, problem))
    return replace(found, groups=found.groups or tuple(sorted(groups)) or None)


@policy_cli.command()
def check(
    path: Annotated[Path, typer.Argument(help="The policy file.")] = DEFAULT_POLICY,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are mistakes: exit code 1.")] = False,
    as_json: Json = False,
) -> None:
    """Every mistake at once, with line and path, and what is worth a second thought. Exit code 1 for mistakes."""
    try:
        good = policyfile.load(path, Mode.PLAN)
    except policyfile.BadPolicy as wrong:
        if as_json:
            rows = [{"line": line, "path": place, "message": what} for line, place, what in wrong.mistakes]
            print_json({"valid": False, "mistakes": rows})
        else:
            err.print(f"{path} is not a valid policy:\n{wrong}", markup=False)
        raise typer.Exit(1) from None
    warnings = lint(good, datetime.now(UTC))
    if as_json:
        facts = {"hash": good.hash, "rules": len(good.rules), "hubs": len(good.hubs)}
        print_json({"valid": True, **facts, "warnings": warnings})
    else:
        out.print(f"{path} is valid: {len(good.rules)} rule(s), {len(good.hubs)} hub(s), hash {good.hash}")
        for warning in warnings:
            err.print(f"warning: {warning}", markup=False)
    raise typer.Exit(1 if strict and warnings else 0)


@policy_cli.command()
def schema(
    tests: Annotated[bool, typer.Option("--tests", help="Of case files (policy/tests.schema.json).")] = False,
) -> None:
    """The JSON Schema for editors (policy/policy.schema.json is this)."""
    print(json.dumps(casefile.schema() if tests else policyfile.schema(), indent=1))


def _policy(path: Path) -> Policy:
    try:
        return policyfile.load(path, Mode.APPLY)
    except policyfile.BadPolicy as wrong:
        fail(f"{path} is not a valid policy:\n{wrong}")


def _read_connection(body: object, target: ResourceId | None, type_: str) -> Connection:
    identity = ResourceId.read(body.get("id")) if isinstance(body, dict) else None
    parent = target or (identity.parent if identity else None)
    kind = provider(type_ or (parent.type if parent else ""))
    return reading.connection(body, target=target, guid_in_name=bool(kind and kind.guid_in_name))


def _stdin_json() -> object:
    try:
        return json.load(sys.stdin)
    except ValueError as wrong:
        fail(f"standard input is not JSON: {wrong}")
