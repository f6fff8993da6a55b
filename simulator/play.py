"""`make play`: everything up and staying up, with commands to try by hand, real values filled in."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from simulator.session import DidNotStart, Session, simulator
from simulator.stories.wire import Wire

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


def _pages(facts: dict[str, Any]) -> list[str]:
    """The pages for people that this version of the app has."""
    wire = Wire(facts)
    return [page for page in ("dashboard", "health") if wire.app("GET", f"/api/{page}").status != 404]


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
    env = facts["env"]
    pages = "\n".join(f"  {page:<11} {host}/api/{page}?code={key}" for page in _pages(facts))
    return f"""Everything is up. Ctrl-C stops it; the log is {log}.

{pages}

1. Make a storage account and a zone, and ask for a private endpoint, as the team that the policy allows:

  export TOKEN={facts["token"]}
  {curl} -X PUT '{arm}{account}?api-version=2023-05-01' -d '{{"location":"westeurope","properties":{{}}}}'
  {curl} -X PUT '{arm}{zone}?api-version=2024-06-01' -d '{{"location":"global"}}'
  {curl} -X PUT '{arm}{network}/privateEndpoints/mine-pe?api-version=2024-05-01' -d '{endpoint}'

2. See that it is approved, and that its name resolves:

  curl -sS '{host}/api/journal?code={key}'
  dig @{server} -p {port} +short mine.privatelink.blob.core.windows.net

3. The same with Azure CLI, if you have it (a folder of its own keeps your real sign-in untouched):

  export AZURE_CONFIG_DIR=$(mktemp -d) REQUESTS_CA_BUNDLE={ca} \\
    IDENTITY_ENDPOINT={env["IDENTITY_ENDPOINT"]} IDENTITY_HEADER={env["IDENTITY_HEADER"]}
  az cloud register -n small --endpoint-resource-manager {arm} && az cloud set -n small && az login --identity
  az network private-endpoint-connection list --id {account} -o table
"""
