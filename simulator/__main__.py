"""The simulator's command line: `up`, `demo`, `play`."""

import asyncio
import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.up import ROOT, UpOptions, foreground

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


class Mode(StrEnum):
    plan = "plan"
    apply = "apply"


class Events(StrEnum):
    reliable = "reliable"
    chaotic = "chaotic"


PortBase = Annotated[
    int | None,
    typer.Option(min=1024, max=65_527, help="First of 9 ports in a row; by default the first free ones from 18400 on."),
]
Policy = Annotated[Path, typer.Option(help="The policy file the app reads.")]


@cli.command()
def up(
    as_json: Annotated[bool, typer.Option("--json", help="Print the one JSON line and no table.")] = False,
    port_base: PortBase = None,
    policy: Policy = ROOT / "policy" / "examples" / "first.yaml",
    mode: Annotated[Mode, typer.Option(help="What modes not set in the policy mean.")] = Mode.apply,
    events: Annotated[Events, typer.Option(help="chaotic: some twice, out of order, late, lost.")] = Events.reliable,
    seed: Annotated[int, typer.Option(help="Chance is repeatable with the same seed.")] = 0,
    audit_every: Annotated[int, typer.Option(min=1, help="Seconds between drift audits.")] = 15,
    app: Annotated[Path, typer.Option(hidden=True)] = ROOT,
) -> None:
    """Start Azurite, the small Azure and the functions host; print where everything is; stay until Ctrl-C."""
    options = UpOptions(
        app=app.resolve(),
        port_base=port_base,
        policy=policy,
        mode=mode.value,
        events=events.value,
        seed=seed,
        audit_every=audit_every,
    )

    def announce(facts: dict[str, Any]) -> None:
        print(json.dumps(facts), flush=True)
        if not as_json:
            _table(facts)

    raise typer.Exit(asyncio.run(foreground(options, announce)))


@cli.command()
def demo(
    port_base: PortBase = None,
    only: Annotated[str, typer.Option(help="Only stories whose file name contains this.")] = "",
    deadline: Annotated[float, typer.Option(help="Seconds that a `then` may take.")] = 45.0,
) -> None:
    """Start everything, play all stories, show what happened, end."""
    from simulator.demo import run_demo

    _clean_up_when_told_to_stop()

    raise typer.Exit(run_demo(port_base, only, deadline))


@cli.command()
def play(port_base: PortBase = None) -> None:
    """Start everything, print what to try by hand, stay until Ctrl-C."""
    from simulator.play import run_play

    _clean_up_when_told_to_stop()

    raise typer.Exit(run_play(port_base))


def _clean_up_when_told_to_stop() -> None:
    """SIGTERM ends us as Ctrl-C does, also where a shell started us in the background (SIGINT ignored)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def _table(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Linkkeeper's small Azure is up; Ctrl-C stops it", show_header=False)
    for name, value in facts.items():
        if name not in ("env", "token"):
            table.add_row(name, str(value))
    Console(file=sys.stderr).print(table)


if __name__ == "__main__":
    cli()
