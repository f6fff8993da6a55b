"""`make demo`: starts everything, plays the stories over the wire, shows what happened, ends.

Knows how to tell it to people. Refuses to know what a story means or how the app works.
"""

import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simulator.session import DidNotStart, simulator
from simulator.stories.playing import Told, play, read_stories
from simulator.stories.reading import Story, StoryUnclear
from simulator.stories.wire import Wire
from simulator.stories.world import HUB, record_addresses

STORIES = Path(__file__).resolve().parent.parent / "tests" / "stories"
POLICY = STORIES / "policy" / "stories.yaml"
AUDIT_EVERY = "8"


def run_demo(port_base: int | None, only: str, deadline: float) -> int:
    """The exit code: 0 only when every story ended as told."""
    out, began = Console(highlight=False, soft_wrap=True), time.monotonic()
    if not out.is_terminal:
        out.width = 150  # a log file does not wrap
    out.print(
        "[bold]Linkkeeper, demonstrated.[/] A small Azure, real storage (Azurite) and the real function app "
        "start on this machine;\nthen stories are played: everything you see travelled over HTTP or DNS.\n"
    )
    ports = ("--port-base", str(port_base)) if port_base is not None else ()
    try:
        stories = [story for story in read_stories(STORIES) if only in story.path.name]
        with simulator("--policy", str(POLICY), "--audit-every", AUDIT_EVERY, *ports, log="demo.log") as session:
            wire = Wire(session.facts)
            out.print(
                f"Ready after {time.monotonic() - began:.1f} s: the app answers on {session.facts['host']}, "
                f"Azure on {session.facts['arm']}.\n"
            )
            results = [(story, _show(story, wire, out, deadline)) for story in stories]
            _decisions(wire, out)
            _records(wire, out)
            _calls(wire, out)
            _summary(results, out, time.monotonic() - began)
            failed = not session.alive or any(told[-1].failure for _, told in results)
    except (DidNotStart, StoryUnclear) as error:
        out.print(f"[red]{escape(str(error))}[/]")
        return 1
    if failed:
        out.print(f"The log of everything is in {session.log.relative_to(session.log.parent.parent)}.")
    return 1 if failed else 0


def _show(story: Story, wire: Wire, out: Console, deadline: float) -> list[Told]:
    out.print(f"[bold cyan]{escape(story.title)}[/]")
    if story.because:
        out.print(f"  [dim]{escape(story.because)}[/]")
    last = ""

    def tell(told: Told) -> None:
        nonlocal last
        word = told.step.section if told.step.section != last else "and"
        last = told.step.section
        sign = "[red]✗[/]" if told.failure else ("[green]✓[/]" if told.step.section == "then" else " ")
        out.print(f"  {sign} [dim]{word:>5}[/] {escape(told.step.told)} [dim]{told.seconds:.1f} s[/]")
        if told.failure:
            out.print(f"          [red]but {escape(told.failure)}[/]")

    told = play(story, wire, deadline, tell=tell)
    out.print()
    return told


def _decisions(wire: Wire, out: Console) -> None:
    answer = wire.app("GET", "/api/journal?since=2000-01-01T00:00:00Z")
    rows = answer.body.get("value", []) if answer.good else []
    table = _table(
        "Decisions and changes, from the app's journal", "when", "what", "target", "endpoint", "result", "why"
    )
    for row in sorted(rows, key=lambda row: str(row.get("at"))):
        why = row.get("why") or next(iter(row.get("reasons") or []), "")
        table.add_row(
            str(row.get("at"))[11:19],
            str(row.get("kind")),
            _last(row.get("target")),
            _last(row.get("endpoint")),
            str(row.get("result")),
            escape(str(why)),
        )
    out.print(table if rows else f"The journal shows nothing ({answer.status}).")


def _records(wire: Wire, out: Console) -> None:
    table = _table("Records in the hub, from Azure Resource Manager", "name", "address", "owner", "endpoint")
    zones = wire.arm("GET", f"{HUB}/providers/Microsoft.Network/privateDnsZones").body
    for zone in zones.get("value", []):
        for record in wire.arm("GET", f"{zone['id']}/A").body.get("value", []):
            marks = record["properties"].get("metadata") or {}
            name, addresses = f"{record['name']}.{zone['name']}", ", ".join(sorted(record_addresses(record)))
            table.add_row(name, addresses, marks.get("owner", "somebody else"), _last(marks.get("endpoint")))
    out.print(table)


def _calls(wire: Wire, out: Console) -> None:
    totals = wire.control("GET", "/calls").body.get("totals", {})
    kinds = sorted({kind for counts in totals.values() for kind in counts})
    table = _table("Calls to Azure, counted by the small Azure (operator: the stories themselves)", "who", *kinds)
    for who, counts in totals.items():
        table.add_row(who, *(str(counts.get(kind, 0)) for kind in kinds))
    out.print(table)


def _summary(results: list[tuple[Story, list[Told]]], out: Console, seconds: float) -> None:
    table = _table("The stories", "", "story", "took")
    for story, told in results:
        sign = "[red]✗[/]" if told[-1].failure else "[green]✓[/]"
        table.add_row(sign, escape(story.title), f"{sum(one.seconds for one in told):.1f} s")
    out.print(table)
    good = sum(not told[-1].failure for _, told in results)
    out.print(f"[bold]{good} of {len(results)} stories ended as told[/], after {seconds:.0f} s in all.")


def _table(title: str, *columns: str) -> Table:
    """One line per row: what does not fit ends in an ellipsis."""
    table = Table(title=f"\n{title}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    return table


def _last(id: object) -> str:
    """The end of an ARM id is what a person recognises."""
    return str(id or "").rstrip("/").rsplit("/", 1)[-1]
