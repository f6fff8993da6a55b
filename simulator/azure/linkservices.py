"""Knows Private Link Services: their alias and what a PUT of one adds. Recorded: private-link-service-get.

Refuses to know requests, which are connections like any other, and who may make them (exposure.py).
"""

from __future__ import annotations

from typing import Any

from simulator.azure.catalog import region
from simulator.azure.generic import MADE
from simulator.azure.world import Resource, World

TYPE = "Microsoft.Network/privateLinkServices"


def made(world: World, resource: Resource, given: dict[str, Any]) -> None:
    """Alias and guid are made once and stay."""
    if resource.item is None:
        place = region(resource.body.get("location"))
        resource.item = {
            "alias": f"{resource.path.name}.{world.guid()}.{place}.azure.privatelinkservice",
            "resourceGuid": world.guid(),
        }
        world.aliases[resource.item["alias"].lower()] = resource.path.key
    resource.body["etag"] = f'W/"{world.guid()}"'
    properties = resource.body["properties"]
    properties |= resource.item
    for name, value in {
        "fqdns": [],
        "enableProxyProtocol": False,
        "visibility": {"subscriptions": []},
        "autoApproval": {"subscriptions": []},
        "loadBalancerFrontendIpConfigurations": [],
        "ipConfigurations": [],
        "networkInterfaces": [],
    }.items():
        properties.setdefault(name, value)


MADE[TYPE.lower()] = made
