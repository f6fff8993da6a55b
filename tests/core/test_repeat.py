"""The PUT that makes an endpoint again holds all that its owner said, and nothing that Azure computed."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.repeat import repeated

from .build import RECORDINGS, examples


def recorded() -> dict[str, Any]:
    body: dict[str, Any] = json.loads((RECORDINGS / "cosmos-private-endpoint-get.json").read_text("utf-8"))["body"]
    return body


def link(**more: Any) -> dict[str, Any]:
    inner = {
        "privateLinkServiceId": "/subscriptions/x",
        "groupIds": ["Sql"],
        "requestMessage": "please",
        "provisioningState": "Succeeded",
        "privateLinkServiceConnectionState": {"status": "Approved", "actionsRequired": "Recreate"},
        **more,
    }
    return {"name": "link", "id": "…/link", "etag": 'W/"1"', "type": "…", "properties": inner}


def endpoint(**properties: Any) -> dict[str, Any]:
    body = recorded()
    body["properties"] |= properties
    return body


def test_the_recorded_endpoint_asks_for_just_what_it_was_made_with() -> None:
    made = repeated(recorded())
    assert set(made) == {"location", "properties"}
    (one,) = made["properties"]["privateLinkServiceConnections"]
    assert one["name"] == "cli-pec-000006"
    assert set(one["properties"]) == {"privateLinkServiceId", "groupIds"}
    assert made["properties"]["manualPrivateLinkServiceConnections"] == []
    computed = {"provisioningState", "resourceGuid", "networkInterfaces", "customDnsConfigs", "etag"}
    assert not computed & set(made["properties"])


def test_each_connection_stays_in_its_list() -> None:
    made = repeated(endpoint(privateLinkServiceConnections=[], manualPrivateLinkServiceConnections=[link()]))
    assert made["properties"]["privateLinkServiceConnections"] == []
    (manual,) = made["properties"]["manualPrivateLinkServiceConnections"]
    assert manual["properties"]["requestMessage"] == "please"
    assert "privateLinkServiceConnectionState" not in manual["properties"]


def test_what_its_owner_said_is_kept_word_for_word() -> None:
    said = {
        "customNetworkInterfaceName": "nic-carts",
        "applicationSecurityGroups": [{"id": "/subscriptions/x/asg"}],
        "ipVersionType": "IPv4",
        "extendedLocation": {"name": "edge", "type": "EdgeZone"},
    }
    body = {**endpoint(**said), "tags": {"Env": "prod"}, "extendedLocation": {"name": "edge"}, "zones": ["1"]}
    made = repeated(body)
    assert {key: made["properties"][key] for key in said} == said
    assert (made["tags"], made["extendedLocation"], made["zones"]) == ({"Env": "prod"}, {"name": "edge"}, ["1"])


def test_static_addresses_keep_their_members_and_lose_only_what_azure_added() -> None:
    inner = {"groupId": "Sql", "memberName": "carts", "privateIPAddress": "10.0.0.9"}
    given_ = {"name": "ip1", "properties": {**inner}, "etag": "x", "type": "y", "id": "z"}
    assert repeated(endpoint(ipConfigurations=[given_]))["properties"]["ipConfigurations"] == [
        {"name": "ip1", "properties": inner}
    ]


def test_an_expanded_subnet_is_asked_for_by_its_id_alone() -> None:
    made = repeated(
        endpoint(subnet={"id": "/subscriptions/x/subnets/y", "properties": {"addressPrefix": "10.0.0.0/24"}})
    )
    assert made["properties"]["subnet"] == {"id": "/subscriptions/x/subnets/y"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=2),
    max_leaves=4,
)
FUTURE = st.dictionaries(
    st.text("abcXYZ", min_size=1, max_size=6).map(lambda text: f"future{text}"), VALUES, max_size=3
)


@examples(200)
@given(FUTURE, FUTURE, FUTURE)
def test_what_a_later_version_of_azure_puts_in_is_kept_wherever_it_stands(
    top: dict[str, Any], inside: dict[str, Any], in_link: dict[str, Any]
) -> None:
    body = {**endpoint(privateLinkServiceConnections=[link(**in_link)], **inside), **top}
    before = copy.deepcopy(body)
    made = repeated(body)
    assert body == before, "what was read is not changed"
    assert {key: made[key] for key in top} == top
    assert {key: made["properties"][key] for key in inside} == inside
    assert made["properties"]["privateLinkServiceConnections"][0]["properties"].items() >= in_link.items()


@examples(100)
@given(FUTURE)
def test_repeating_what_was_repeated_changes_nothing(more: dict[str, Any]) -> None:
    once = repeated(endpoint(privateLinkServiceConnections=[link()], **more))
    assert repeated(once) == once
