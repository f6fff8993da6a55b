"""`make bench`: what a region change of a Cosmos DB account asks of Azure, beside the least it could take.

Least (reference, "ARM limits and call budgets", section 5): one read of the account; of each endpoint one read, one PUT
and one read afterwards; one write for each new name. Ours reads each endpoint once more, raw, just before its PUT, and
the account once more at the end, to know that nothing changed meanwhile. The other strategy, implemented here only, is
the usual runbook: list every endpoint, repeat the PUT of each one that leads to the account, read all, write all names.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import COSMOS, Row, measure, warm_up
from tests.conftest import AUTHORITY
from tests.world import DATA, HUB, TEAM, World, rules, running

TEXT = rules(
    f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}",
).replace("rules:", "modes: {refresh: apply}\ncaps: {refreshes_per_hour: 1000}\nrules:")
REGIONS = ("westeurope", "northeurope", "francecentral")
OTHERS = 10  # endpoints of other accounts beside them, which the runbook lists, too


def account(w: World, *regions: str) -> dict[str, Any]:
    rows = [{"locationName": name, "failoverPriority": place} for place, name in enumerate(regions)]
    return {"locations": rows, "publicNetworkAccess": "Disabled"}


def estate(w: World, endpoints: int) -> str:
    w.fresh(TEXT)
    w.zone(COSMOS)
    target = w.target("Microsoft.DocumentDB/databaseAccounts", "carts", **account(w, *REGIONS))
    for number in range(endpoints):
        w.asks(target, f"pe{number}", group="Sql", manual=False)
    for number in range(OTHERS):
        w.asks(w.storage(f"other{number}"), f"other{number}", manual=False)
    w.settle_all()
    w.allow_deletes()
    w.sweep()
    return target


def changes(w: World, target: str, *regions: str) -> None:
    assert w.arm("PATCH", target, {"properties": account(w, *regions)}).status_code == 200


def added(w: World, endpoints: int) -> list[Row]:
    target = estate(w, endpoints)
    w.azure.outbox.clear()
    changes(w, target, *REGIONS, "eastus")
    least = f"{1 + 2 * endpoints} reads, {endpoints} PUT(s), 1 record"
    most = (1 + 4 * endpoints, endpoints, 0, 1)
    rows = [measure(w, f"region added, {endpoints} endpoint(s)", least, most, w.settle_all)]
    assert "carts-eastus" in w.records(COSMOS)
    changes(w, target, *REGIONS)
    most = (1 + 4 * endpoints, endpoints, 0, 1)
    rows.append(measure(w, f"region removed, {endpoints} endpoint(s)", least, most, w.settle_all))
    assert "carts-eastus" not in w.records(COSMOS)
    rows.append(measure(w, "failover", "1 read", (1, 0, 0, 0), lambda: failover(w, target)))
    return rows


def failover(w: World, target: str) -> None:
    first, second, third = REGIONS
    policies = [{"locationName": name, "failoverPriority": at} for at, name in enumerate((second, first, third))]
    assert w.arm("POST", f"{target}/failoverPriorityChange", {"failoverPolicies": policies}).status_code == 202
    w.deliver()
    w.work()


def runbook(w: World, endpoints: int) -> Row:
    """Every endpoint of the subscription listed, every record written again."""
    target = estate(w, endpoints)
    changes(w, target, *REGIONS, "eastus")
    w.azure.outbox.clear()
    w.azure.forget_calls()
    started = time.process_time()
    w.arm("GET", target)
    listed = w.arm("GET", f"/subscriptions/{TEAM}/providers/Microsoft.Network/privateEndpoints").json()["value"]
    for row in listed:
        body = w.arm("GET", row["id"]).json()
        links = body["properties"]["privateLinkServiceConnections"]
        if links[0]["properties"]["privateLinkServiceId"] != target:
            continue
        kept = ("subnet", "privateLinkServiceConnections", "customNetworkInterfaceName", "ipConfigurations")
        again = {key: body["properties"][key] for key in kept}
        w.arm("PUT", row["id"], {"location": body["location"], "tags": body["tags"], "properties": again})
        for name in w.arm("GET", row["id"]).json()["properties"]["customDnsConfigs"]:
            record = name["fqdn"].partition(".")[0]
            path = f"{w.id('Microsoft.Network/privateDnsZones', COSMOS, HUB, 'dns')}/A/{record}"
            w.arm("GET", path)
            rows = [{"ipv4Address": address} for address in name["ipAddresses"]]
            w.arm("PUT", path, {"properties": {"ttl": 10, "aRecords": rows}})
    spent = (time.process_time() - started) * 1000
    calls = {**w.calls(), **w.azure.calls()["totals"].get("operator", {})}
    return Row(f"  usual runbook, {endpoints} endpoint(s)", calls, "", (9999,) * 4, spent)


def main() -> int:
    with running(Path(tempfile.mkdtemp(prefix="linkkeeper-bench-")), AUTHORITY) as w:
        warm_up(w)
        rows = [row for number in (1, 5, 20) for row in (*added(w, number), runbook(w, number))]
    table = Table(title=f"calls per region change (account in {DATA[:8]}…)", title_justify="left")
    for title in ("job", "ARM reads", "ARM writes", "DNS reads", "DNS writes", "the minimum", "CPU ms"):
        left = title in ("job", "the minimum")
        table.add_column(title, justify="left" if left else "right", no_wrap=left)
    for row in rows:
        style = "" if row.within else "bold red"
        table.add_row(row.job, *map(str, row.counted), row.minimum, f"{row.milliseconds:.0f}", style=style)
    Console(width=140).print(table)
    over = [row.job for row in rows if not row.within]
    print(f"over the bound: {', '.join(over) or 'none'}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
