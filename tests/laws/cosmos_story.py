"""What people do to Cosmos DB accounts and their endpoints, by plain ARM calls, as far as Azure allows it."""

from __future__ import annotations

from typing import Any

from simulator.azure import interfaces
from simulator.azure.catalog import region as folded
from simulator.azure.world import Resource
from tests.laws import cosmos_oracle as oracle
from tests.laws.cosmos_refreshes import render
from tests.world import DATA, STRANGER, TEAM, World

REGIONS = ("westeurope", "northeurope", "francecentral", "eastus", "East US 2")
ACCOUNTS: dict[str, dict[str, Any]] = {
    "carts": {},
    "shop": {"capabilities": [{"name": "EnableGremlin"}]},
    "docs": {"kind": "MongoDB"},
}
SLOTS = {  # endpoint: (requester, account, group, network)
    "c1": (TEAM, "carts", "Sql", "vnet"),
    "c2": (TEAM, "carts", "Sql", "spoke"),
    "c3": (STRANGER, "carts", "Sql", "vnet"),
    "o1": (oracle.OUTLAW, "carts", "Sql", "vnet"),
    "g1": (TEAM, "shop", "Gremlin", "vnet"),
    "g2": (TEAM, "shop", "Sql", "vnet"),
    "m1": (STRANGER, "docs", "MongoDB", "vnet"),
}
WHOLE: dict[str, tuple[dict[str, Any], ...]] = {
    "modes": (*({"refresh": "apply"},) * 4, {"refresh": "plan"}, {"refresh": "off"}),
    "refresh": ({"on_drift": "report"}, {"on_drift": "refresh"}),
    "caps": ({"refreshes_per_hour": 1}, {"refreshes_per_hour": 2}, {"refreshes_per_hour": 20}),
}
WORLDS: dict[str, tuple[Any, ...]] = {  # what nobody knows about Azure
    "cosmos_recreate": (True, True, True, True, True, False),
    "cosmos_lag": (1, 240),
    "cosmos_read": ("end", "start"),
    "cosmos_failover_guard": (True, False),
    "cosmos_delete_guard": (False, False, True),
    "cosmos_offline": ("Offline", "Succeeded"),
    "updating_names": ("empty", "kept"),
    "updating_refusal": ("conflict", "retryable"),
}
_ENDPOINT, _ACCOUNT, _DNS = "privateEndpoints/[^/]+$", "databaseAccounts/[^/]+$", "privateDnsZones"
_SLOW_DOWN = {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "17"}}
FAULTS: tuple[dict[str, Any], ...] = (
    *(
        {"path": path, "method": "GET", **how}
        for path in (_ENDPOINT, _ACCOUNT)
        for how in (_SLOW_DOWN, {"status": 503})
    ),
    {"path": _ENDPOINT, "method": "GET", "status": 403, "code": "AuthorizationFailed", "message": "No right."},
    {"path": _ENDPOINT, "method": "PUT", **_SLOW_DOWN},
    {"path": _ENDPOINT, "method": "PUT", "status": 403, "code": "LinkedAuthorizationFailed", "message": "No right."},
    *({"path": _ENDPOINT, "method": "PUT", "drop": True} for _ in range(3)),  # the most interesting one
    {"path": _ENDPOINT, "method": "PUT", "drop": True, "after": True},
    {"path": _ENDPOINT, "method": "PUT", "status": 503, "after": True},
    *({"path": _DNS, "method": method, **_SLOW_DOWN} for method in ("GET", "PUT", "DELETE")),
    *({"path": _DNS, "method": method, "drop": True, "after": True} for method in ("PUT", "DELETE")),
    {"path": "ResourceGraph", **_SLOW_DOWN},
    {"path": "operations/", "method": "GET", "status": 503},
)
REFUSED = (400, 409, 412, 429)


class Story:
    """`w` and the words for what may be done to it. What Azure refuses does not happen."""

    def __init__(self, w: World) -> None:
        self.w = w

    @property
    def cloud(self) -> Any:
        return self.w.azure.world

    def zones(self) -> None:
        for zone in oracle.COPIES:
            self.calls("PUT", zone, {"location": "global"})

    def calls(self, method: str, path: str, body: Any = None) -> bool:
        """True when Azure does it."""
        answer = self.w.arm(method, path, body)
        assert answer.status_code < 300 or answer.status_code in REFUSED, answer.text
        return answer.status_code < 300

    # --- accounts -------------------------------------------------------------------------------------

    def id(self, name: str) -> str:
        return self.w.id(oracle.KIND, name, DATA, "data")

    def has(self, name: str) -> bool:
        return self.cloud.get(self.id(name)) is not None

    def account(self, name: str, regions: list[str]) -> None:
        if self.has(name):
            return
        given = dict(ACCOUNTS[name])
        body = {"location": regions[0], **({"kind": given.pop("kind")} if "kind" in given else {})}
        body["properties"] = {"locations": _rows(regions), "publicNetworkAccess": "Disabled", **given}
        self.calls("PUT", self.id(name), body)

    def goes(self, name: str) -> None:
        if len(list(self.cloud.of_type(oracle.KIND))) > 1:
            self.calls("DELETE", self.id(name))

    def some(self, which: int) -> Resource | None:
        """Rather one with endpoints."""
        found = sorted(self.cloud.of_type(oracle.KIND), key=lambda one: one.path.key)
        found = [one for one in found if self.cloud.connections.get(one.path.key)] or found
        return found[which % len(found)] if found else None

    def now(self, account: Resource) -> list[str]:
        return [folded(row["locationName"]) for row in account.body["properties"]["locations"]]

    def regions(self, which: int, regions: list[str]) -> bool:
        """Those that stay keep their order, and the one that is written to stays."""
        account = self.some(which)
        if account is None:
            return False
        listed, wanted = self.now(account), {folded(one): one for one in regions}
        stay = [one for at, one in enumerate(listed) if at == 0 or one in wanted]
        rows = _rows([*stay, *(one for key, one in wanted.items() if key not in listed)][:4])
        return self.calls("PATCH", account.path.id, {"properties": {"locations": rows}})

    def region(self, which: int, region: str) -> bool:
        """One comes, or goes when it is there."""
        if account := self.some(which):
            _, *rest = self.now(account)
            there = folded(region) in rest
            return self.regions(which, [one for one in rest if folded(region) != one] if there else [*rest, region])
        return False

    def fails_over(self, which: int, first: int) -> bool:
        if account := self.some(which):
            listed = self.now(account)
            at = first % len(listed)
            rows = _rows([listed[at], *listed[:at], *listed[at + 1 :]])
            return self.calls("POST", f"{account.path.id}/failoverPriorityChange", {"failoverPolicies": rows})
        return False

    def takes_offline(self, which: int, at: int, back: bool) -> None:
        if account := self.some(which):
            listed = self.now(account)
            what = "onlineRegion" if back else "offlineRegion"
            self.calls("POST", f"{account.path.id}/{what}", {"region": listed[at % len(listed)]})

    # --- endpoints ------------------------------------------------------------------------------------

    def endpoint(self, slot: str) -> str:
        return self.w.endpoint_id(slot, SLOTS[slot][0], "net")

    def asks(self, slot: str, manual: bool, extra: int) -> None:
        """A new endpoint; `extra`: what else its payload carries."""
        subscription, account, group, network = SLOTS[slot]
        if self.cloud.get(self.endpoint(slot)) is not None:
            return
        subnet = f"{self.w.network(network, subscription, 'net')}/subnets/default"
        link = {"privateLinkServiceId": self.id(account), "groupIds": [group], "requestMessage": "please"}
        which = "manualPrivateLinkServiceConnections" if manual else "privateLinkServiceConnections"
        properties: dict[str, Any] = {"subnet": {"id": subnet}, which: [{"name": f"link-{slot}", "properties": link}]}
        body: dict[str, Any] = {"location": "westeurope", "properties": properties}
        if extra & 1:
            body["tags"] = {"cost": "42", "Owner": "Team A"}
            properties["customNetworkInterfaceName"] = f"nic-{slot}"
        if extra & 2:
            asg = self.w.id("Microsoft.Network/applicationSecurityGroups", "asg1", subscription, "net")
            properties["applicationSecurityGroups"] = [{"id": asg}]
            properties["ipVersionType"] = "IPv4"
        if extra & 4:
            properties["ipConfigurations"] = self._static(slot, subnet)
        self.calls("PUT", self.endpoint(slot), body)

    def _static(self, slot: str, subnet: str) -> list[dict[str, Any]]:
        """Stated addresses for all that its account has now; nobody else has them."""
        _, account, group, _ = SLOTS[slot]
        pool = interfaces.subnet(self.cloud, subnet)
        members = [one.name for one in oracle.endpoints.wanted_members(self.cloud.get(self.id(account)), [group])]
        numbers = {name: number for number, name in enumerate((account, *(f"{account}-{folded(r)}" for r in REGIONS)))}
        base = 1000 + 10 * sorted(SLOTS).index(slot)
        return [
            {
                "name": f"ip-{name}",
                "properties": {
                    "groupId": group,
                    "memberName": name,
                    "privateIPAddress": str(pool.network[base + numbers[name]]),
                },
            }
            for name in members
        ]

    def some_endpoint(self, which: int) -> Resource | None:
        found = sorted(self.cloud.of_type(oracle.ENDPOINT), key=lambda one: one.path.key)
        return found[which % len(found)] if found else None

    def removes(self, which: int) -> str:
        own = self.some_endpoint(which)
        return own.path.name if own and self.calls("DELETE", own.path.id) else ""

    def puts_again(self, which: int) -> None:
        own = self.some_endpoint(which)
        if own is not None and self.cloud.get(own.item.target) is not None:
            self.calls("PUT", own.path.id, render(own))

    def rejects(self, which: int, gone: bool) -> None:
        """The last one that is approved stays, so that the story goes on."""
        found = [one for rows in self.cloud.connections.values() for one in rows.values()]
        if sum(one.state.status == "Approved" for one in found) > 1:
            path = found[which % len(found)].path.id
            state = {"privateLinkServiceConnectionState": {"status": "Rejected", "description": "by hand"}}
            self.calls("DELETE", path) if gone else self.calls("PUT", path, {"properties": state})

    def zone_group(self, which: int, on: bool) -> bool:
        own = self.some_endpoint(which)
        if own is None:
            return False
        path = f"{own.path.id}/privateDnsZoneGroups/default"
        if not on:
            self.calls("DELETE", path)
            return False
        zone = oracle.zone_id("west", oracle.ZONES[own.item.groups[0]])
        config = {"name": "z", "properties": {"privateDnsZoneId": zone}}
        return self.calls("PUT", path, {"properties": {"privateDnsZoneConfigs": [config]}})


def _rows(regions: list[str]) -> list[dict[str, Any]]:
    return [{"locationName": region, "failoverPriority": at} for at, region in enumerate(regions)]
