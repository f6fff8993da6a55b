"""`make bench`, names under the enforced budgets: many endpoints created and deleted at once, in virtual time.

The real app and the real SDKs over HTTPS; the small Azure enforces ARM's and private DNS's budgets. Beside ours, two
other strategies that exist only here: look through all zones at every delete, and look at everything every minute.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.conftest import AUTHORITY
from tests.virtual import NAMES, Bench, Row
from tests.world import HUB, TEAM, running

MONITOR = tuple(
    f"privatelink.{name}"
    for name in (
        "monitor.azure.com",
        "oms.opinsights.azure.com",
        "ods.opinsights.azure.com",
        "agentsvc.azure-automation.net",
        "blob.core.windows.net",
    )
)


def create_and_delete(bench: Bench, count: int) -> list[Row]:
    """Ours: every event five times, shuffled."""
    bench.fresh()
    endpoints = bench.create(count)
    batch = bench.events("privateendpoints/write", 5)
    rows = [bench.measure("ours: created at once", count, NAMES, lambda: bench.ours(batch))]
    assert bench.records() == NAMES * count, f"{bench.records()} records of {NAMES * count}"
    bench.w.allow_deletes()
    bench.delete(endpoints)
    gone = bench.events("privateendpoints/delete", 5)
    rows.append(bench.measure("ours: deleted at once", count, NAMES, lambda: bench.ours(gone)))
    assert not bench.records(), f"{bench.records()} records are left"
    return rows


def others(bench: Bench, count: int) -> list[Row]:
    """The two other strategies over what ours has written; each event once, which flatters them."""
    rows = []
    for name, strategy in (("all zones at every delete", scan), ("everything every minute", poll)):
        bench.fresh()
        endpoints = bench.create(count)
        bench.w.run(bench.ours(bench.events("privateendpoints/write", 1)), timeout=1_800)
        bench.delete(endpoints)
        bench.w.azure.outbox.clear()
        rows.append(bench.measure(name, count, NAMES, lambda s=strategy, e=endpoints: s(bench, e)))  # type: ignore[misc]
        assert not bench.records(), f"{name}: {bench.records()} records are left"
    return rows


async def scan(bench: Bench, endpoints: list[str]) -> None:
    """At every delete, all records of all zones, for those that name the endpoint."""
    for endpoint in endpoints:
        for record in await everything(bench):
            if record["properties"].get("metadata", {}).get("endpoint") == endpoint:
                await ask(bench, "DELETE", record["id"])


async def poll(bench: Bench, endpoints: list[str]) -> None:
    """Every minute for half an hour: all endpoints, all records, and then what differs."""
    for _ in range(30):
        started = bench.virtual.seconds
        listed = await ask(bench, "GET", f"/subscriptions/{TEAM}/providers/Microsoft.Network/privateEndpoints")
        alive = {item["id"] for item in listed["value"]}
        for record in await everything(bench):
            if record["properties"].get("metadata", {}).get("endpoint") not in alive:
                await ask(bench, "DELETE", record["id"])
        bench.virtual.seconds = max(bench.virtual.seconds, started + 60)


async def everything(bench: Bench) -> list[dict[str, Any]]:
    """Every A record of every zone of the hub."""
    found: list[dict[str, Any]] = []
    zones = f"/subscriptions/{HUB}/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones"
    for zone in (await ask(bench, "GET", zones))["value"]:
        page = await ask(bench, "GET", f"{zone['id']}/A")
        found += page["value"]
        while link := page.get("nextLink"):
            page = await ask(bench, "GET", link)
            found += page["value"]
    return found


async def ask(bench: Bench, method: str, path: str) -> Any:
    """One call with the app's own token; after a refusal, again when Azure says."""
    url = path if path.startswith("https://") else f"{bench.w.azure.arm}{path}?api-version=2020-06-01"
    credential = await bench.w.app.clients.credential()
    token = (await credential.get_token("https://management.azure.com/.default")).token
    while True:
        call = partial(bench.w.http.request, method, url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        answer = await asyncio.to_thread(call)
        if answer.status_code != 429:
            return answer.json() if answer.content else None
        bench.virtual.skip(seconds=float(answer.headers["Retry-After"]))


def hot(bench: Bench, count: int) -> list[Row]:
    """One Monitor scope with many endpoints that all claim the same global names: what one event then costs."""
    w = bench.w
    bench.fresh()
    for zone in MONITOR:
        w.zone(zone)
    scope = w.target("Microsoft.Insights/privateLinkScopes", "scope1")
    made = [w.asks(scope, f"pe{number}", group="azuremonitor", manual=False) for number in range(count)]
    w.run(bench.ours(bench.events("privateendpoints/write", 1)), timeout=1_800)
    w.allow_deletes()
    holder = w.record("api", MONITOR[0])["metadata"]["endpoint"]
    other = next(one for one in made if one != holder)
    rows = []
    for job, endpoint in (("another of them is deleted", other), ("the holder is deleted", holder)):
        bench.delete([endpoint])
        gone = bench.events("privateendpoints/delete", 1)
        rows.append(bench.measure(job, count, 0, lambda gone=gone: bench.ours(gone)))  # type: ignore[misc]
    w.asks(scope, "onemore", group="azuremonitor", manual=False)
    new = bench.events("privateendpoints/write", 1)
    rows.append(bench.measure("one more is created", count, 0, lambda: bench.ours(new)))
    return rows


def main() -> int:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with running(Path(tempfile.mkdtemp(prefix="linkkeeper-bench-")), AUTHORITY) as w:
        bench = Bench(w)
        rows = [row for count in (50, 100, large) for row in create_and_delete(bench, count)]
        rows += [row for count in (100, 300) for row in others(bench, count)]
        table("names under the enforced budgets, 3 names each, every event five times (virtual seconds)", rows)
        hots = [row for count in (50, large // 2) for row in hot(bench, count)]
        table("one event at a target that so many endpoints share (11 shared names)", hots)
    over = [f"{row.strategy} ({row.endpoints})" for row in rows if row.strategy.startswith("ours") and not row.within]
    over += [f"{row.strategy} ({row.endpoints})" for row in hots if row.reads > 3 or row.calls["dns_reads"]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {peak:.0f} MiB; over the bound: {', '.join(over) or 'none'}")
    return 1 if over else 0


def table(title: str, rows: list[Row]) -> None:
    made = Table(title=title, title_justify="left")
    titles = ("strategy", "endpoints", "ARM reads", "DNS reads", "DNS writes", "refused", "seconds", "bound", "CPU s")
    for name in titles:
        made.add_column(name, justify="left" if name == "strategy" else "right", no_wrap=name == "strategy")
    for row in rows:
        counted = (row.reads, row.calls["dns_reads"], row.writes, row.calls.get("throttled", 0))
        times = (f"{row.seconds:,.0f}", f"{row.bound:,.0f}", f"{row.processor:.1f}")
        made.add_row(row.strategy, f"{row.endpoints:,}", *(f"{number:,}" for number in counted), *times)
    Console(width=140).print(made)


if __name__ == "__main__":
    sys.exit(main())
