"""The words of stories about names, played against the small Azure alone: what they do, check and say."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.stories.playing import VOCABULARY
from simulator.stories.reading import _step
from simulator.stories.wire import Wire
from simulator.stories.world import HUB, OWNER, PEOPLE, NotAsTold, World, network_of

ZONE, NAME = "privatelink.blob.core.windows.net", "sales01.privatelink.blob.core.windows.net"
TEAM = "analytics team"


class Teller:
    """Plays one line at a time."""

    def __init__(self, cloud: Any) -> None:
        azure = cloud.azure
        facts = {"arm": azure.arm, "ca": azure.ca, "token": azure.token, "control": azure.control, "dns": azure.dns}
        self.cloud, self.world = cloud, World(Wire(facts))

    def __call__(self, section: str, verb: str, /, **details: Any) -> str:
        step = _step("here", section, {verb: details}, VOCABULARY)
        step.act(self.world, **step.arguments)
        return step.told

    def properties(self, name: str = "pe1") -> dict[str, Any]:
        return self.cloud.get(self.world.endpoint_id(name)).json()["properties"]


@pytest.fixture
def tell(cloud: Any) -> Teller:
    teller = Teller(cloud)
    teller("given", "storage account", name="sales01")
    teller("given", "zone", name=ZONE)
    return teller


def request(tell: Teller, **more: Any) -> str:
    told = tell("when", "private endpoint", name="pe1", to="sales01", by=TEAM, groups=["blob"], **more)
    tell("when", "approved in the portal", endpoint="pe1")
    return told


def test_a_second_hub_has_zones_and_records_of_its_own(tell: Teller) -> None:
    tell("given", "second hub", name="dns-north")
    assert tell("given", "zone", name=ZONE, hub="dns-north") == f"the hub dns-north has the zone {ZONE}"
    tell("when", "record written by hand", name=NAME, address="10.9.9.9", hub="dns-north")
    tell("then", "foreign record", name=NAME, address="10.9.9.9", hub="dns-north")
    tell("then", "no record", name=NAME)
    with pytest.raises(NotAsTold, match="it is there"):
        tell("then", "no record", name=NAME, hub="dns-north")
    with pytest.raises(NotAsTold, match="never mentioned the hub"):
        tell("then", "no record", name=NAME, hub="dns-south")


def test_a_record_by_hand_has_no_mark_and_is_remembered(tell: Teller) -> None:
    told = tell("when", "record written by hand", name=NAME, address="10.9.9.9")
    assert told == f"a record {NAME} with address 10.9.9.9 is written by hand, without any mark"
    assert "metadata" not in tell.world.record(NAME)["properties"]
    tell("then", "record untouched", name=NAME)
    with pytest.raises(NotAsTold, match="it holds"):
        tell("then", "foreign record", name=NAME, address="10.9.9.8")


def test_a_record_with_our_mark_is_not_foreign(tell: Teller) -> None:
    request(tell)
    tell("given", "second hub", name="dns-north")
    tell("given", "zone", name=ZONE, hub="dns-north")
    address = next(iter(tell.world.addresses("pe1")))
    path = f"{tell.world.zone_id(ZONE, 'dns-north')}/A/sales01"
    body = {"ttl": 10, "aRecords": [{"ipv4Address": address}], "metadata": {"owner": OWNER}}
    tell.cloud.put(path, {"properties": body})
    assert tell("then", "record", name=NAME, to="pe1", hub="dns-north").endswith("in the hub dns-north, with our mark")
    with pytest.raises(NotAsTold, match="our mark"):
        tell("then", "foreign record", name=NAME, address=address, hub="dns-north")


def test_an_endpoint_has_region_network_and_tags(tell: Teller) -> None:
    told = request(tell, region="northeurope", network="spoke", tags={"team": "x"}, message="please")
    assert told == (
        "the analytics team asks for a private endpoint pe1 to sales01 (blob) in northeurope in the network spoke"
        """ with the tags {'team': 'x'}, saying "please\""""
    )
    shown = tell.cloud.get(tell.world.endpoint_id("pe1")).json()
    assert (shown["location"], shown["tags"]) == ("northeurope", {"team": "x"})
    assert shown["properties"]["subnet"]["id"] == f"{network_of(PEOPLE[TEAM], 'spoke')}/subnets/endpoints"


@pytest.mark.parametrize(("redirect", "policy"), [(True, "NxDomainRedirect"), (False, "Default")])
def test_a_zone_is_linked_to_a_network(tell: Teller, redirect: bool, policy: str) -> None:
    tell("given", "zone linked", zone=ZONE, network="spoke", of=TEAM, redirect=redirect)
    tell("given", "zone linked", zone=ZONE, network="central")
    request(tell, network="mine")
    tell("when", "zone linked", zone=ZONE, network="mine")
    rows = tell.cloud.get(f"{tell.world.zone_id(ZONE)}/virtualNetworkLinks").json()["value"]
    assert [row["properties"]["virtualNetwork"]["id"] for row in rows] == [
        network_of(PEOPLE[TEAM], "spoke"),
        f"{HUB}/providers/Microsoft.Network/virtualNetworks/central",
        network_of(PEOPLE[TEAM], "mine"),
    ]
    assert [row["properties"]["resolutionPolicy"] for row in rows] == [policy, "Default", "Default"]


def test_a_zone_group_comes_and_goes(tell: Teller) -> None:
    request(tell)
    tell("when", "zone group attached", endpoint="pe1", zone=ZONE)
    assert tell.world.record(NAME)["properties"]["metadata"]["creator"].startswith("created by private endpoint pe1")
    tell("when", "zone group removed", endpoint="pe1")
    tell("then", "no record", name=NAME)
    assert tell.properties()["customDnsConfigs"] != []


def test_an_endpoint_made_again_has_another_guid(tell: Teller) -> None:
    request(tell, tags={"team": "x"})
    before = tell.properties()
    tell("when", "endpoint made again", name="pe1")
    after = tell.properties()
    assert before["resourceGuid"] != after["resourceGuid"]
    assert before["subnet"] == after["subnet"]
    tell("then", "connection", endpoint="pe1", status="Pending")


def test_a_late_event_must_have_been_one(tell: Teller) -> None:
    request(tell)
    with pytest.raises(NotAsTold, match="no delete event of pe1"):
        tell("when", "late event", about="pe1")


@pytest.mark.parametrize(
    ("name", "schema"), [("connections", "EventGridSchema"), ("resources", "CloudEventSchemaV1_0")]
)
def test_a_late_event_is_the_old_one_again(tell: Teller, webhook: Any, name: str, schema: str) -> None:
    azure, loop = tell.cloud.azure, tell.cloud.loop
    deletes = ["Microsoft.Resources.ResourceDeleteSuccess"]
    loop.run(azure.subscribe(name=name, url=webhook.url, schema=schema, event_types=deletes, filters=[]))
    azure.mode("reliable")
    request(tell)
    tell("when", "endpoint made again", name="pe1")
    loop.run(azure.quiet(20))
    before = webhook.events()
    path = tell.world.endpoint_id("pe1")
    assert tell("when", "late event", about="pe1", operation="delete").endswith("arrives once more, late")
    own = [event for event in before if event["data"]["resourceUri"] == path]
    assert [event["id"] for event in webhook.events()[len(before) :]] == [own[-1]["id"]]
