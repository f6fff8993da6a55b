"""`given`, `when` and `then` about Cosmos accounts: regions, failover, endpoints that must be PUT again.

Every docstring is the sentence that is shown. Refuses to know what the app makes of it.
"""

from collections.abc import Callable
from typing import Any

from simulator.stories.world import DATA, LOCATION, NotAsTold, World, must, subscription

TYPE = "Microsoft.DocumentDB/databaseAccounts"
APIS = ("Sql", "MongoDB", "Cassandra", "Gremlin", "Table")
COMPUTED = ("provisioningState", "resourceGuid", "networkInterfaces", "customDnsConfigs")
READ_ONLY = ("provisioningState", "privateLinkServiceConnectionState")


def account(
    world: World,
    name: str,
    group: str = "data",
    owner: str = "",
    regions: list[str] | None = None,
    api: str = "Sql",
    public: bool = False,
) -> None:
    """there is a Cosmos account {name}[ ({api})][ in the regions {regions}][ in resource group {group}]\
[, which belongs to a {owner}][; it is open to the public: {public}]"""
    if api not in APIS:
        raise NotAsTold(f"no account speaks {api!r}; there are {', '.join(APIS)}")
    home = f"/subscriptions/{subscription(owner)}/resourceGroups" if owner else DATA
    path = f"{home}/{group}/providers/{TYPE}/{name}"
    special = {"capabilities": [{"name": f"Enable{api}"}]} if api in ("Cassandra", "Gremlin", "Table") else {}
    body = {
        "location": LOCATION,
        "kind": "MongoDB" if api == "MongoDB" else "GlobalDocumentDB",
        "properties": {
            "databaseAccountOfferType": "Standard",
            "publicNetworkAccess": "Enabled" if public else "Disabled",
            "locations": _rows(regions or [LOCATION]),
            **special,
        },
    }
    must(world.wire.arm("PUT", path, body), f"creating {name}")
    world.wire.settled(path)
    world.targets[name] = path


def change_regions(world: World, account: str, are: list[str]) -> None:
    """the regions of {account} are {are} from now on"""
    path = world.target_id(account)
    must(world.wire.arm("PATCH", path, {"properties": {"locations": _rows(are)}}), f"changing regions of {account}")
    world.wire.settled(path)


def fail_over(world: World, account: str, to: str) -> None:
    """{account} is failed over to {to}"""
    path = world.target_id(account)
    found = must(world.wire.arm("GET", path), f"reading {account}")["properties"]["locations"]
    places = [row["locationName"] for row in found]
    first = [place for place in places if _plain(place) == _plain(to)]
    if not first:
        raise NotAsTold(f"{account} has no region {to}, only {', '.join(places)}")
    body = {"failoverPolicies": _rows([*first, *(place for place in places if place not in first)])}
    must(world.wire.arm("POST", f"{path}/failoverPriorityChange", body), f"failing over {account}")
    world.wire.settled(path)


def region_offline(world: World, account: str, region: str) -> None:
    """the region {region} of {account} is taken offline"""
    _region(world, account, region, "offlineRegion")


def region_online(world: World, account: str, region: str) -> None:
    """the region {region} of {account} is brought back online"""
    _region(world, account, region, "onlineRegion")


def put_again(world: World, endpoint: str) -> None:
    """the owner of {endpoint} PUTs it again, with its own payload"""
    path = world.endpoint_id(endpoint)
    old = must(world.wire.arm("GET", path), f"reading the endpoint {endpoint}")
    properties = {key: value for key, value in old["properties"].items() if key not in COMPUTED}
    for name in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
        properties[name] = [
            {
                "name": row["name"],
                "properties": {key: value for key, value in row["properties"].items() if key not in READ_ONLY},
            }
            for row in properties.get(name) or []
        ]
    body = {"location": old["location"], "tags": old.get("tags"), "properties": properties}
    must(world.wire.arm("PUT", path, body), f"putting {endpoint} again")
    world.wire.settled(path)


def has_addresses(world: World, endpoint: str, number: int) -> None:
    """{endpoint} has {number} addresses"""
    found = world.addresses(endpoint)
    if len(found) != number:
        raise NotAsTold(f"it has {len(found)}: {sorted(found)}")


def requires(world: World, endpoint: str, action: str) -> None:
    """Azure requires of the owner of {endpoint}: {action}"""
    connection = world.connection(endpoint)
    if connection is None:
        raise NotAsTold("the target shows no connection of it")
    found = connection["properties"]["privateLinkServiceConnectionState"].get("actionsRequired")
    if found != action:
        raise NotAsTold(f"it requires {found}")


def exposed(world: World, account: str, state: str) -> None:
    """from public networks, {account} is: {state}"""
    found = must(world.wire.control("GET", "/exposures"), "asking who gets in")["now"][world.target_id(account)]
    if found != state:
        raise NotAsTold(f"it is {found}")


def records_kept(world: World, account: str) -> None:
    """no record of {account} was ever deleted"""
    raised = must(world.wire.control("GET", "/events"), "reading the events")["raised"]
    names = [
        note["event"]["subject"].rsplit("/", 1)[-1]
        for note in raised
        if note["event"]["data"]["operationName"].lower() == "microsoft.network/privatednszones/a/delete"
    ]
    gone = [name for name in names if name.lower() == account.lower() or name.lower().startswith(f"{account}-".lower())]
    if gone:
        raise NotAsTold(f"these were: {', '.join(gone)}")


def _region(world: World, account: str, region: str, action: str) -> None:
    path = world.target_id(account)
    must(world.wire.arm("POST", f"{path}/{action}", {"region": region}), f"{action} of {account}")
    world.wire.settled(path)


def _rows(regions: list[str]) -> list[dict[str, Any]]:
    return [{"locationName": region, "failoverPriority": number} for number, region in enumerate(regions)]


def _plain(region: str) -> str:
    return region.replace(" ", "").lower()


GIVEN: dict[str, Callable[..., Any]] = {"Cosmos account": account}
WHEN: dict[str, Callable[..., Any]] = {
    "regions": change_regions,
    "failover": fail_over,
    "region offline": region_offline,
    "region online": region_online,
    "endpoint put again": put_again,
}
THEN: dict[str, Callable[..., Any]] = {
    "addresses": has_addresses,
    "required": requires,
    "public access": exposed,
    "records kept": records_kept,
}
