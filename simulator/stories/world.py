"""What a story talks about: names of resources, people and places, and how to read them from ARM.

Knows the small cast that all stories share. Refuses to remember what Azure can tell.
"""

from dataclasses import dataclass, field
from typing import Any

from simulator.stories.wire import Answer, Wire

PEOPLE = {  # who asks for endpoints: everybody has a subscription of their own
    "analytics team": "aaaaaaaa-0000-4000-8000-000000000001",
    "stranger": "dddddddd-0000-4000-8000-000000000004",
    "vendor": "eeeeeeee-0000-4000-8000-000000000005",
    "banned team": "ffffffff-0000-4000-8000-000000000006",
    "partner": "aaaaaaaa-0000-4000-8000-000000000007",
    "data scientists": "aaaaaaaa-0000-4000-8000-000000000008",
    "Sigma": "aaaaaaaa-0000-4000-8000-000000000009",
}
DATA = "/subscriptions/bbbbbbbb-0000-4000-8000-000000000002/resourceGroups"
HUB = "/subscriptions/cccccccc-0000-4000-8000-000000000003/resourceGroups/dns"
OWNER = "contoso-hub"
LOCATION = "westeurope"


class NotAsTold(Exception):
    """The world is not as the story says; the text says how it is."""


@dataclass
class World:
    wire: Wire
    endpoints: dict[str, str] = field(default_factory=dict)  # name in the story -> id
    targets: dict[str, str] = field(default_factory=dict)
    hubs: dict[str, str] = field(default_factory=dict)  # second hubs: name in the story -> resource group
    networks: dict[str, str] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)  # records as they were when a story noted them

    def endpoint_id(self, name: str) -> str:
        return _known(self.endpoints, name, "endpoint")

    def target_id(self, name: str) -> str:
        return _known(self.targets, name, "target")

    def hub(self, name: str = "") -> str:
        """The resource group of a hub; without a name the hub that all stories share."""
        return _known(self.hubs, name, "hub") if name else HUB

    def zone_id(self, name: str, hub: str = "") -> str:
        return f"{self.hub(hub)}/providers/Microsoft.Network/privateDnsZones/{name}"

    def network_id(self, name: str, of: str = "") -> str:
        """A person's network, or that of an endpoint told of before; any other is one of the hub's own."""
        if of:
            return network_of(subscription(of), name)
        return self.networks.get(name, f"{HUB}/providers/Microsoft.Network/virtualNetworks/{name}")

    def connection(self, endpoint: str) -> dict[str, Any] | None:
        """The connection of this endpoint as its target sees it, or None."""
        wanted = self.endpoint_id(endpoint).lower()
        for target in set(self.targets.values()):
            answer = self.wire.arm("GET", f"{target}/privateEndpointConnections")
            for row in answer.body.get("value", []) if answer.good else []:
                if _endpoint_of(row).lower() == wanted:
                    return dict(row)
        return None

    def addresses(self, endpoint: str) -> set[str]:
        """The private addresses of the endpoint's network interface."""
        answer = self.wire.arm("GET", self.endpoint_id(endpoint))
        found: set[str] = set()
        for interface in answer.body["properties"].get("networkInterfaces", []) if answer.good else []:
            nic = self.wire.arm("GET", interface["id"]).body
            found |= {row["properties"]["privateIPAddress"] for row in nic["properties"]["ipConfigurations"]}
        return found

    def record(self, name: str, hub: str = "") -> dict[str, Any] | None:
        """The A record set of a full private name, or None. Raises when Azure answers anything else."""
        answer = self.wire.arm("GET", record_path(name, self.hub(hub)))
        if answer.status == 404:
            return None
        if not answer.good:
            raise NotAsTold(f"reading the record {name}: {answer.status} {answer.body}")
        return dict(answer.body)


def record_path(name: str, hub: str = HUB) -> str:
    """`acct.privatelink.blob.core.windows.net` lies in the zone that begins with `privatelink`."""
    label, found, rest = name.partition("privatelink.")
    if not found:
        raise NotAsTold(f"{name} is no name in a private link zone")
    zone = f"{hub}/providers/Microsoft.Network/privateDnsZones/privatelink.{rest}"
    return f"{zone}/A/{label.rstrip('.') or '@'}"


def record_addresses(record: dict[str, Any]) -> set[str]:
    return {row["ipv4Address"] for row in record["properties"].get("aRecords", [])}


def must(answer: Answer, what: str) -> Any:
    if not answer.good:
        raise NotAsTold(f"{what}: Azure answered {answer.status} {answer.body}")
    return answer.body


def network_of(subscription: str, name: str, group: str = "apps") -> str:
    home = f"/subscriptions/{subscription}/resourceGroups/{group}"
    return f"{home}/providers/Microsoft.Network/virtualNetworks/{name}"


def subscription(person: str) -> str:
    return _known(PEOPLE, person, "person")


def _endpoint_of(row: dict[str, Any]) -> str:
    return str(((row.get("properties") or {}).get("privateEndpoint") or {}).get("id") or "")


def _known(table: dict[str, str], name: str, kind: str) -> str:
    if name not in table:
        known = ", ".join(table) or "none"
        raise NotAsTold(f"the story never mentioned the {kind} {name!r}; it knows {known}")
    return table[name]
