"""`given` and `when` about names: hubs, zones, their links, zone groups and records that are written by hand.

Every docstring is the sentence that is shown. Refuses to know what the app makes of it.
"""

from collections.abc import Callable
from typing import Any

from simulator.stories.world import HUB, NotAsTold, World, must, record_addresses, record_path

GROUP = "privateDnsZoneGroups/default"


def second_hub(world: World, name: str) -> None:
    """there is a second hub {name}, with zones of its own"""
    path = f"{HUB.rsplit('/', 1)[0]}/{name}"
    must(world.wire.arm("PUT", path, {"location": "westeurope"}, version="2021-04-01"), f"creating the hub {name}")
    world.hubs[name] = path


def zone(world: World, name: str, hub: str = "") -> None:
    """the hub[ {hub}] has the zone {name}"""
    path = world.zone_id(name, hub)
    must(world.wire.arm("PUT", path, {"location": "global"}), f"creating the zone {name}")
    world.wire.settled(path)


def link_zone(world: World, zone: str, network: str, of: str = "", hub: str = "", redirect: bool = False) -> None:
    """the zone {zone}[ of the hub {hub}] is linked to the network {network}[ of the {of}]\
[ (names it does not know are asked for in public DNS: {redirect})]"""
    path = f"{world.zone_id(zone, hub)}/virtualNetworkLinks/{network}"
    properties = {
        "virtualNetwork": {"id": world.network_id(network, of)},
        "registrationEnabled": False,
        "resolutionPolicy": "NxDomainRedirect" if redirect else "Default",
    }
    must(world.wire.arm("PUT", path, {"location": "global", "properties": properties}), f"linking {zone}")
    world.wire.settled(path)


def attach_group(world: World, endpoint: str, zone: str, hub: str = "") -> None:
    """the endpoint {endpoint} gets a zone group for the zone {zone}[ of the hub {hub}]"""
    config = {"name": zone.replace(".", "-"), "properties": {"privateDnsZoneId": world.zone_id(zone, hub)}}
    path = f"{world.endpoint_id(endpoint)}/{GROUP}"
    must(world.wire.arm("PUT", path, {"properties": {"privateDnsZoneConfigs": [config]}}), f"a group for {endpoint}")
    world.wire.settled(path)


def remove_group(world: World, endpoint: str) -> None:
    """the zone group of the endpoint {endpoint} is removed"""
    path = f"{world.endpoint_id(endpoint)}/{GROUP}"
    must(world.wire.arm("DELETE", path), f"removing the group of {endpoint}")
    world.wire.gone(path)


def foreign_record(world: World, name: str, address: str) -> None:
    """somebody else has a record {name} with address {address}"""
    body = {
        "properties": {
            "ttl": 3600,
            "aRecords": [{"ipv4Address": address}],
            "metadata": {"createdBy": "the network team's scripts"},
        }
    }
    must(world.wire.arm("PUT", record_path(name), body), f"writing the record {name}")
    world.before[name] = world.record(name)


def write_record(world: World, name: str, address: str, hub: str = "") -> None:
    """a record {name} with address {address} is written by hand[ in the hub {hub}], without any mark"""
    path = record_path(name, world.hub(hub))
    body = {"properties": {"ttl": 3600, "aRecords": [{"ipv4Address": address}]}}
    must(world.wire.arm("PUT", path, body), f"writing the record {name}")
    world.before[name] = world.record(name, hub)


def change_record(world: World, name: str, address: str) -> None:
    """the address of {name} is changed by hand to {address}"""
    record = world.record(name)
    if record is None:
        raise NotAsTold(f"there is no record {name} to change")
    kept = {key: record["properties"][key] for key in ("ttl", "metadata") if key in record["properties"]}
    body = {"properties": {**kept, "aRecords": [{"ipv4Address": address}]}}
    must(world.wire.arm("PUT", record_path(name), body), f"changing the record {name}")


def delete_record(world: World, name: str) -> None:
    """the record {name} is deleted by hand"""
    record = world.record(name)
    if record is None or not record_addresses(record):
        raise NotAsTold(f"there is no record {name} to delete")
    must(world.wire.arm("DELETE", record_path(name)), f"deleting the record {name}")


def note_record(world: World, name: str) -> None:
    """(we remember the record {name})"""
    world.before[name] = world.record(name)


GIVEN: dict[str, Callable[..., Any]] = {
    "second hub": second_hub,
    "zone": zone,
    "zone linked": link_zone,
    "foreign record": foreign_record,
}
WHEN: dict[str, Callable[..., Any]] = {
    "zone group attached": attach_group,
    "zone group removed": remove_group,
    "record written by hand": write_record,
    "record changed": change_record,
    "record deleted": delete_record,
    "remember": note_record,
}
