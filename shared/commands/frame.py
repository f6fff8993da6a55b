"""What all verbs share: the program, its options, how it answers people and pipes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
policy_cli = typer.Typer(help="Check, compare, test and draft policies; print their JSON Schema.", no_args_is_help=True)
cli.add_typer(policy_cli, name="policy")

Json = Annotated[bool, typer.Option("--json", help="JSON even on a terminal.")]
PolicyPath = Annotated[Path, typer.Option("--policy", help="The policy file.")]
DEFAULT_POLICY = Path("policy/policy.yaml")
err = Console(stderr=True, soft_wrap=True)
out = Console(soft_wrap=True, highlight=False, markup=False)


def print_json(body: object) -> None:
    print(json.dumps(body, indent=1 if sys.stdout.isatty() else None, default=str))


def fail(text: str) -> NoReturn:
    err.print(text, markup=False, style="red")
    raise typer.Exit(1)
