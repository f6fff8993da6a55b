"""`policy diff` and `policy draft`: what a change of policy means, and a first policy from what is approved today.

Need no Azure: an estate is a file (estate.py says how it looks).
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from .. import estate as estates
from .. import policyfile
from ..core import draft as drafts
from ..core import policydiff
from ..core.consequences import consequences
from ..core.policy import Policy
from ..core.rules import Mode
from . import difftext
from .frame import Json, fail, policy_cli, print_json

EstatePath = Annotated[
    Path | None, typer.Option("--estate", help="Connections that exist: JSON lines, a JSON array, or - to read them.")
]


@policy_cli.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The policy as it is.")],
    new: Annotated[Path, typer.Argument(help="The policy as it would be.")],
    estate: EstatePath = None,
    as_json: Json = False,
) -> None:
    """What differs between two policies, and with --estate what follows from it: Markdown for a pull request."""
    before, after = _policy(old), _policy(new)
    lines = policydiff.diff(before, after)
    found = None
    if estate is not None:
        all_of_it = _estate(estate)
        arounds = all_of_it.arounds(before, after)
        found = consequences(before, after, all_of_it.pairs, datetime.now(UTC), arounds)
    if as_json:
        print_json(difftext.body(lines, found))
    else:
        print(difftext.markdown(lines, found), end="")


@policy_cli.command()
def draft(
    estate: EstatePath = Path("-"),
    owner: Annotated[str, typer.Option(help="The mark in the records.")] = "linkkeeper",
    policy: Annotated[
        Path | None, typer.Option("--policy", help="A policy whose shared vendors count: exact endpoint ids there.")
    ] = None,
) -> None:
    """Rules for what is approved today, for a person to review: never anybody, exact endpoints where only one asks."""
    good = _policy(policy) if policy else None
    shared = {one for rule in (good.rules if good else ()) for one in rule.requesters.shared}
    text = drafts.draft(_estate(estate or Path("-")).pairs, datetime.now(UTC), owner=owner, shared=shared)
    try:
        policyfile.parse(text.encode())
    except policyfile.BadPolicy as wrong:
        fail(f"the draft would not be valid:\n{wrong}")
    print(text, end="")


def _policy(path: Path) -> Policy:
    try:
        return policyfile.load(path, Mode.APPLY)
    except policyfile.BadPolicy as wrong:
        fail(f"{path} is not a valid policy:\n{wrong}")


def _estate(path: Path) -> estates.Estate:
    try:
        return estates.parse(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except OSError as wrong:
        fail(f"{path}: cannot be read: {wrong.strerror}")
    except estates.BadEstate as wrong:
        fail(f"{path} is not an estate:\n{wrong}")
