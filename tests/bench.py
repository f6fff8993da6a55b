"""`make bench`: what each job asks of Azure, counted by the simulator, beside the least it could take.

The real app in this process, the real SDKs over HTTPS, events through the real Event Grid function. Minimum: reference,
"ARM limits and call budgets", section 5. The other strategy is the usual script (read endpoint, interface and record,
then write), run side by side. Processor time is this process's, simulator included; read it as a ratio.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conftest import AUTHORITY
from tests.world import BLOB, DATA, HUB, TEAM, World, rules, running

OPEN = rules(f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}")
COSMOS = "privatelink.documents.azure.com"


@dataclass(frozen=True)
class Row:
    job: str
    calls: dict[str, int]
    minimum: str
    most: tuple[int, int, int, int]  # ARM reads, ARM writes, DNS reads, DNS writes and deletes
    milliseconds: float

    @property
    def counted(self) -> tuple[int, int, int, int]:
        c = self.calls
        return c["arm_reads"], c["arm_writes"] + c["arm_deletes"], c["dns_reads"], c["dns_writes"] + c["dns_deletes"]

    @property
    def within(self) -> bool:
        return all(have <= allowed for have, allowed in zip(self.counted, self.most, strict=True))


def measure(w: World, job: str, minimum: str, most: tuple[int, int, int, int], act: Callable[[], object]) -> Row:
    w.azure.forget_calls()
    started = time.process_time()
    act()
    return Row(job, w.calls(), minimum, most, (time.process_time() - started) * 1000)


def events(w: World, suffix: str) -> list[dict[str, object]]:
    """The collected events of one operation; the rest are dropped, as if a filter had."""
    found = [e for e in w.azure.outbox if str(e["data"]["operationName"]).lower().endswith(suffix)]
    w.azure.outbox.clear()
    return found


def approving(w: World) -> list[Row]:
    w.fresh(OPEN)
    w.zone()
    w.asks(w.storage(), "one")
    first = events(w, "proxies/write")[0]

    def once() -> None:
        w.deliver([first])
        w.work()

    rows = [measure(w, "approve, provider-side event", "1 list + 1 PUT, 1 read to confirm", (2, 1, 0, 0), once)]
    w.later(3)  # the second look after an approval registers its names
    rows.append(measure(w, "the same event again", "at most 1 read", (1, 0, 0, 0), once))
    w.fresh(OPEN)
    w.asks(w.storage(), "one")
    burst = events(w, "proxies/write")[:1] * 5
    rows.append(
        measure(w, "burst of 5 events in a second", "one settle", (3, 1, 0, 0), lambda: (w.deliver(burst), w.work()))
    )
    w.fresh(rules())
    w.asks(w.storage(), "one")
    first = events(w, "proxies/write")[0]
    once()
    rows.append(measure(w, "a held request, announced again", "at most 1 read", (1, 0, 0, 0), once))
    return rows


def named(w: World, count: int) -> tuple[str, str]:
    """An approved endpoint with this many names; itself and its zone."""
    w.fresh(OPEN)
    if count == 1:
        w.zone()
        return w.asks(w.storage(), "one", manual=False), BLOB
    w.zone(COSMOS)
    regions = ["westeurope", "northeurope", "eastus"][: count - 1]
    locations = [{"locationName": name, "failoverPriority": place} for place, name in enumerate(regions)]
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "cos1", locations=locations)
    return w.asks(target, "one", group="Sql", manual=False), COSMOS


def naming(w: World, count: int) -> list[Row]:
    pe, zone = named(w, count)
    (event,) = events(w, "privateendpoints/write")

    def once() -> None:
        w.deliver([event])
        w.work()

    least = f"1 read + {count} writes"
    rows = [measure(w, f"register {count} name(s)", least, (2, 0, 0, count), once)]
    assert len(w.records(zone)) == count, w.records(zone)
    rows.append(measure(w, f"the same event again ({count} names)", "at most 1 read", (1, 0, 0, 0), once))
    w.allow_deletes()
    w.removes(pe)
    gone = events(w, "privateendpoints/delete")
    job = f"endpoint with {count} name(s) deleted"
    most = (2, 0, 0, count)
    rows.append(measure(w, job, f"0-1 read + {count} deletes", most, lambda: (w.deliver(gone), w.work())))
    rows.append(measure(w, "  that event again", "at most 1 read", (1, 0, 0, 0), lambda: (w.deliver(gone), w.work())))
    pe, zone = named(w, count)
    w.settle_all()
    return [rows[0], usual(w, pe, zone, count), *rows[1:]]


def usual(w: World, pe: str, zone: str, count: int) -> Row:
    """The usual script: endpoint, interface, each record read, each record written."""
    w.azure.forget_calls()
    started = time.process_time()
    body = w.arm("GET", pe).json()
    for interface in body["properties"]["networkInterfaces"]:
        w.arm("GET", interface["id"])
    for record in list(w.records(zone))[:count]:
        path = f"{w.id('Microsoft.Network/privateDnsZones', zone, HUB, 'dns')}/A/{record}"
        found = w.arm("GET", path).json()
        w.arm("PUT", path, {"properties": {k: found["properties"][k] for k in ("ttl", "aRecords", "metadata")}})
    calls = {**w.calls(), **w.azure.calls()["totals"].get("operator", {})}
    calls["dns_reads"] -= 1  # listing the zone to know what to repeat was ours
    spent = (time.process_time() - started) * 1000
    return Row(
        f"  usual script, {count} name(s)", calls, f"2 reads + {count} DNS reads + {count} writes", (99,) * 4, spent
    )


def growing(w: World, endpoints: int) -> Row:
    """One more endpoint on a target that has many: the others must not be read again."""
    w.fresh(OPEN)
    w.zone()
    target = w.storage()
    for number in range(endpoints):
        w.asks(target, f"pe{number}", manual=False)
    w.settle_all()
    w.asks(target, "onemore", group="file", manual=False)
    (event,) = events(w, "privateendpoints/write")[-1:]
    job = f"one more endpoint beside {endpoints}"
    return measure(w, job, "1 read + 1 write", (2, 0, 0, 1), lambda: (w.deliver([event]), w.work()))


def main() -> int:
    with running(Path(tempfile.mkdtemp(prefix="linkkeeper-bench-")), AUTHORITY) as w:
        warm_up(w)
        rows = [*approving(w), *naming(w, 1), *naming(w, 4)]
        rows += [growing(w, 1), growing(w, 10), growing(w, 40)]
    table = Table(title=f"calls per job (subscription of the targets: {DATA[:8]}…)", title_justify="left")
    for title in ("job", "ARM reads", "ARM writes", "DNS reads", "DNS writes", "the minimum", "CPU ms"):
        left = title in ("job", "the minimum")
        table.add_column(title, justify="left" if left else "right", no_wrap=left)
    for row in rows:
        style = "" if row.within else "bold red"
        table.add_row(row.job, *map(str, row.counted), row.minimum, f"{row.milliseconds:.0f}", style=style)
    Console(width=140).print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    over = [row.job for row in rows if not row.within]
    print(f"peak memory of this process {peak:.0f} MiB; over the bound: {', '.join(over) or 'none'}")
    return 1 if over else 0


def warm_up(w: World) -> None:
    """Imports and connections are paid once per process, not per job."""
    w.fresh(OPEN)
    w.zone()
    w.asks(w.storage(), "warm")
    w.settle_all()


if __name__ == "__main__":
    sys.exit(main())
