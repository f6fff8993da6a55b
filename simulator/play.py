"""`make play`: everything up and staying up, with commands to try by hand, real values filled in."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from simulator.session import DidNotStart, Session, simulator

TEAM = "aaaaaaaa-0000-4000-8000-000000000001"
DATA = "bbbbbbbb-0000-4000-8000-000000000002"
HUB = "/subscriptions/cccccccc-0000-4000-8000-000000000003/resourceGroups/dns"


def run_play(port_base: int | None) -> int:
    out = Console(highlight=False, soft_wrap=True)
    ports = ("--port-base", str(port_base)) if port_base is not None else ()
    try:
        with simulator(*ports, log="play.log") as session:
            out.print(escape(_text(session.facts, session.log)))
            return _wait(session, out)
    except DidNotStart as error:
        out.print(f"[red]{escape(str(error))}[/]")
        return 1
    except KeyboardInterrupt:
        return 0


def _wait(session: Session, out: Console) -> int:
    try:
        while session.alive:
            time.sleep(0.3)
    except KeyboardInterrupt:
        out.print("Stopping.")
        return 0
    out.print(f"[red]The simulator ended by itself; its log is {session.log}[/]")
    return 1


def _text(facts: dict[str, Any], log: Path) -> str:
    host, arm, key, ca = (facts[name] for name in ("host", "arm", "key", "ca"))
    curl = f"curl -sS --cacert {ca} -H 'Authorization: Bearer '$TOKEN -H 'Content-Type: application/json'"
    account = f"/subscriptions/{DATA}/resourceGroups/data/providers/Microsoft.Storage/storageAccounts/mine"
    network = f"/subscriptions/{TEAM}/resourceGroups/apps/providers/Microsoft.Network"
    zone = f"{HUB}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net"
    endpoint = (
        f'{{"location":"westeurope","properties":{{"subnet":{{"id":"{network}/virtualNetworks/v/subnets/s"}},'
        f'"manualPrivateLinkServiceConnections":[{{"name":"link","properties":{{"privateLinkServiceId":"{account}",'
        f'"groupIds":["blob"]}}}}]}}}}'
    )
    server, port = str(facts["dns"]).rsplit(":", 1)
    return f"""Everything is up. Ctrl-C stops it; the log is {log}.

  dashboard   {host}/api/dashboard?code={key}
  health      {host}/api/health?code={key}

1. Make a storage account and a zone, and ask for a private endpoint, as the team that the policy allows:

  export TOKEN={facts["token"]}
  {curl} -X PUT '{arm}{account}?api-version=2023-05-01' -d '{{"location":"westeurope","properties":{{}}}}'
  {curl} -X PUT '{arm}{zone}?api-version=2024-06-01' -d '{{"location":"global"}}'
  {curl} -X PUT '{arm}{network}/privateEndpoints/mine-pe?api-version=2024-05-01' -d '{endpoint}'

2. See that it is approved, and that its name resolves:

  curl -sS '{host}/api/journal?code={key}'
  dig @{server} -p {port} +short mine.privatelink.blob.core.windows.net

3. The same with Azure CLI, if you have it:

  az rest --skip-authorization-header --headers Authorization="Bearer $TOKEN" --method get \\
    --url '{arm}{account}/privateEndpointConnections?api-version=2023-05-01'   # REQUESTS_CA_BUNDLE={ca}
"""
