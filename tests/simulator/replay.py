"""How to arrange the situation of every recorded exchange, and how to compare the answers. No tests in here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parents[1] / "recordings"


def load(name: str) -> dict[str, Any]:
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def lacks(recorded: Any, ours: Any, where: str = "") -> list[str]:
    """What the recording has and we have not, or have of another kind."""
    if isinstance(recorded, dict):
        if not isinstance(ours, dict):
            return [f"{where}: no object"]
        missing = [f"{where}/{key}" for key in recorded if key not in ours]
        return missing + [
            x for key in recorded if key in ours for x in lacks(recorded[key], ours[key], f"{where}/{key}")
        ]
    if isinstance(recorded, list) and recorded:
        return lacks(recorded[0], ours[0], where + "[]") if ours else [f"{where}: empty"]
    return [] if recorded is None or type(recorded) is type(ours) else [f"{where}: {ours!r}"]


def parts(path: str) -> tuple[str, str]:
    """The target and the last name of a connection's path."""
    target, _, name = re.split(r"/(privateEndpointConnections)(?:/|$)", path, flags=re.IGNORECASE)[:3]
    return target, name


def make(cloud: Any, path: str, location: str = "westus", **properties: Any) -> None:
    answer = cloud.put(path, {"location": location, "properties": properties})
    assert answer.status_code in (200, 201), answer.text


def endpoint_of(recorded: dict[str, Any]) -> str:
    return recorded["properties"]["privateEndpoint"]["id"]


def request_link(cloud: Any, recorded: dict[str, Any], target: str, group: str | None, **more: Any) -> dict[str, Any]:
    """The recorded connection's endpoint asks for its target; answers the connection that came of it."""
    _, _, subscription, _, rg, *_, name = endpoint_of(recorded).split("/")
    cloud.endpoint(target, group, name=name, subscription=subscription, rg=rg, **more)
    return cloud.connection(target)


def connection(group: str | None, **more: Any) -> Callable[[Any, dict[str, Any]], str]:
    """Arrange one target with one connection; the path to call, with the name that the provider chose."""

    def arrange(cloud: Any, recording: dict[str, Any]) -> str:
        path = recording["request"]["path"]
        target, name = parts(path)
        make(cloud, target)
        body = recording["body"]
        sample = body["value"][0] if "value" in body else body if "properties" in body else recording["request"]["body"]
        made = request_link(cloud, sample, target, group, **more)
        return made["id"] if name else path

    return arrange


def decided(status: str, group: str | None, **more: Any) -> Callable[[Any, dict[str, Any]], str]:
    def arrange(cloud: Any, recording: dict[str, Any]) -> str:
        path = connection(group, **more)(cloud, recording)
        one = cloud.connection(parts(path)[0])["id"]
        cloud.decide(one, status, "")
        return path

    return arrange


def sync(arrange: Callable[[Any, dict[str, Any]], str]) -> Callable[[Any, dict[str, Any]], str]:
    """Of two documented answers the published example shows the one without waiting."""

    def arranged(cloud: Any, recording: dict[str, Any]) -> str:
        cloud.azure.switch(sync_decisions=True)
        return arrange(cloud, recording)

    return arranged


def cosmos_endpoint(cloud: Any, recording: dict[str, Any]) -> str:
    body = recording["body"]
    link = body["properties"]["privateLinkServiceConnections"][0]
    make(cloud, link["properties"]["privateLinkServiceId"], "westus")
    properties = {
        "subnet": body["properties"]["subnet"],
        "privateLinkServiceConnections": [
            {
                "name": link["name"],
                "properties": {k: link["properties"][k] for k in ("privateLinkServiceId", "groupIds")},
            }
        ],
    }
    path = recording["request"]["path"] if "request" in recording else body["id"]
    assert cloud.put(path, {"location": body["location"], "properties": properties}).status_code == 201
    return path


def manual_endpoint(cloud: Any, recording: dict[str, Any]) -> str:
    path = recording["request"]["path"]
    target = "/subscriptions/subId/resourceGroups/rg1/providers/Microsoft.DocumentDB/databaseAccounts/abc"
    make(cloud, target)
    static = [
        {"name": f"ip{n}", "properties": {"groupId": "Sql", "memberName": member, "privateIPAddress": ip}}
        for n, (member, ip) in enumerate([("abc", "10.0.0.8"), ("abc-westus", "10.0.0.9")])
    ]
    cloud.endpoint(
        target,
        "Sql",
        name="testPe",
        subscription="subId",
        rg="rg1",
        customNetworkInterfaceName="testPeNic",
        applicationSecurityGroups=[],
        ipConfigurations=static,
    )
    return path


def interface(cloud: Any, recording: dict[str, Any]) -> str:
    path = cosmos_endpoint(cloud, load("cosmos-private-endpoint-get"))
    return cloud.get(path).json()["properties"]["networkInterfaces"][0]["id"]


def link_service(cloud: Any, recording: dict[str, Any]) -> str:
    path = recording["request"]["path"]
    make(cloud, path, "centralus")
    cloud.endpoint(path, None, name="pe1", manual=False)
    return path


def cosmos_account(cloud: Any, recording: dict[str, Any]) -> str:
    make(cloud, recording["request"]["path"], "South Central US", ipRules=recording["body"]["properties"]["ipRules"])
    return recording["request"]["path"]


def zone(cloud: Any, recording: dict[str, Any]) -> str:
    path = recording["request"]["path"]
    cloud.put(path.split("/a/")[0].split("/ALL")[0].split("/virtualNetworkLinks")[0], {"location": "global"})
    return path


def zone_with_record(cloud: Any, recording: dict[str, Any]) -> str:
    path = zone(cloud, recording)
    assert cloud.put(path, {"properties": {"ttl": 3600}}).status_code == 201
    return path


def zone_with_all(cloud: Any, recording: dict[str, Any]) -> str:
    path = zone(cloud, recording)
    base = path.removesuffix("/ALL")
    for row in recording["body"]["value"][1:]:
        kind = row["type"].rsplit("/", 1)[1]
        assert cloud.put(f"{base}/{kind}/{row['name']}", {"properties": row["properties"]}).status_code == 201
    return path


def zone_with_links(cloud: Any, recording: dict[str, Any]) -> str:
    path = zone(cloud, recording)
    for row in recording["body"]["value"]:
        assert cloud.put(f"{path}/{row['name']}", {"location": "global", **row}).status_code == 202
    return path + "?api-version=2024-06-01&$top=1"


def grafana(cloud: Any, recording: dict[str, Any]) -> str:
    path = recording["request"]["path"]
    given = recording["body"]["properties"]
    make(cloud, given["privateLinkResourceId"], "West US")
    make(cloud, path.split("/managedPrivateEndpoints")[0], "West US")
    assert cloud.put(path, {"location": "West US", "properties": given}).status_code == 201
    return path


ROWS = [
    ("ampls-connection-list", connection("azuremonitor"), ()),
    ("cosmos-account-get", cosmos_account, ()),
    ("cosmos-connection-get-approved", connection("Sql", manual=False), ()),
    ("cosmos-connection-put-approve-202", decided("Approved", "Sql", manual=False), ()),
    ("cosmos-private-endpoint-get", cosmos_endpoint, ()),
    ("databricks-connection-put-approve", sync(connection("databricks_ui_api")), ()),
    ("dns-a-put-412-exists", zone_with_record, ()),
    ("dns-a-put-create", zone, ()),
    ("dns-a-put-update", zone_with_record, ()),
    ("dns-all-list", zone_with_all, ()),
    ("dns-pe-cosmos-two-fqdns", cosmos_endpoint, ()),
    ("dns-vnet-links-list", zone_with_links, ()),
    ("dns-zone-get", zone, ()),
    # the id and the type are publisher's mistakes; systemData is not modelled
    ("grafana-managed-private-endpoint-get", grafana, ("/systemData",)),
    ("keyvault-connection-put-approve-after-reject", decided("Rejected", "vault"), ()),
    ("kusto-connection-get-approved", connection("cluster", manual=False), ()),
    ("mysql-server-connection-put-approve-202", connection("mysqlServer"), ()),
    ("mysql-server-connection-put-approve-twice-400", connection("mysqlServer", manual=False), ()),
    ("nic-get-cosmos-schema-built", interface, ()),
    ("postgresql-flexible-connection-put-approve", sync(connection("postgresqlServer")), ()),
    ("private-endpoint-get-manual-pending", manual_endpoint, ()),
    ("private-link-service-get", link_service, ()),
    ("sql-server-connection-put-approve", sync(connection("sqlServer")), ()),
    ("storage-connection-get-approved", connection("blob", manual=False), ()),
    ("storage-connection-list-rejected", decided("Rejected", "blob", manual=False), ()),
    ("storage-connection-put-approve", connection("blob"), ()),
]


def shape_of_header(text: str) -> str:
    """A header without what is made up: host, ids, signatures."""
    text = re.sub(r"https://[^/]+", "", text)
    text = re.sub(r"kv-operation=.*", "kv-operation", text)
    text = re.sub(r"/privateEndpointConnections/[^/?]+", "/privateEndpointConnections/x", text)
    return re.sub(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "guid", text)
