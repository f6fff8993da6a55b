"""What one read of a Cosmos DB account tells: its regions, its names per group, what keeps the public out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.cosmos import Account, Barrier, account, barrier, findings
from shared.core.model import Connection, Status

from .build import RECORDINGS, connection, examples, target_id

KIND = "Microsoft.DocumentDB/databaseAccounts"
CARTS = target_id("carts", kind=KIND)


def row(region: str, **more: Any) -> dict[str, Any]:
    return {"id": f"carts-{region}", "locationName": region, "provisioningState": "Succeeded", **more}


def body(*regions: str, **properties: Any) -> dict[str, Any]:
    """An account in West Europe that is open to all, as Azure's answer shows it."""
    return {
        "id": str(CARTS),
        "properties": {
            "provisioningState": "Succeeded",
            "documentEndpoint": "https://carts.documents.azure.com:443/",
            "publicNetworkAccess": "Enabled",
            "locations": [row(region) for region in regions or ("westeurope",)],
            **properties,
        },
    }


def read(*regions: str, **properties: Any) -> Account:
    found = account(body(*regions, **properties))
    assert found is not None
    return found


def approved(name: str = "c1", group: str | None = "Sql", status: Status = Status.APPROVED) -> Connection:
    identity = CARTS.child("privateEndpointConnections", name)
    return connection(name, id=identity, status=status, groups=(group,) if group else None)


def test_a_recorded_account_shows_its_one_region() -> None:
    found = account(json.loads((RECORDINGS / "cosmos-account-get.json").read_text("utf-8"))["body"])
    assert found is not None
    assert (found.settled, found.closed) == (True, Barrier.RULES)
    name = "cctestcosmosdbc129bfa71a47"
    assert found.names("Sql") == {f"{name}.documents.azure.com", f"{name}-southcentralus.documents.azure.com"}


@pytest.mark.parametrize(
    ("group", "suffix"),
    [
        ("Sql", "documents.azure.com"),
        ("SqlDedicated", "sqlx.cosmos.azure.com"),
        ("MongoDB", "mongo.cosmos.azure.com"),
        ("Cassandra", "cassandra.cosmos.azure.com"),
        ("Gremlin", "gremlin.cosmos.azure.com"),
        ("Table", "table.cosmos.azure.com"),
    ],
)
def test_every_group_has_one_global_name_and_one_for_each_region(group: str, suffix: str) -> None:
    names = read("westeurope", "eastus").names(group)
    assert names == {f"carts.{suffix}", f"carts-westeurope.{suffix}", f"carts-eastus.{suffix}"}


@pytest.mark.parametrize("group", ["Analytical", "", "blob", "MongoCluster", "coordinator"])
def test_of_groups_whose_regional_names_nobody_knows_nothing_is_expected(group: str) -> None:
    assert read().names(group) is None


def test_the_suffix_is_the_accounts_own_in_every_cloud() -> None:
    found = read(documentEndpoint="https://carts.documents.azure.us:443/")
    assert found.names("MongoDB") == {"carts.mongo.cosmos.azure.us", "carts-westeurope.mongo.cosmos.azure.us"}


def test_regions_that_come_or_go_count_and_the_account_is_not_settled() -> None:
    rows = [row("westeurope"), row("eastus", provisioningState="Creating")]
    found = read(locations=rows)
    assert (found.labels, found.settled) == (("carts-eastus", "carts-westeurope"), False)
    assert not read(provisioningState="Updating").settled
    assert read(locations=[row("westeurope", provisioningState="Offline")]).settled


def test_write_and_read_regions_are_one_set() -> None:
    assert read("westeurope", readLocations=[row("eastus")]).labels == ("carts-eastus", "carts-westeurope")


def test_the_region_of_a_name_is_what_stands_behind_the_accounts() -> None:
    found = read("westeurope")
    assert found.region_of("carts-westeurope.documents.azure.com") == "westeurope"
    assert found.region_of("carts.documents.azure.com") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"id": str(CARTS)},
        body(locations=[]),
        body(locations="x"),
        body(locations=[row("westeurope", id="other-westeurope")]),
        body(documentEndpoint="https://[carts"),
        body(documentEndpoint=7),
        {**body(), "id": str(target_id())},
    ],
)
def test_what_does_not_show_its_regions_is_no_account(wrong: Any) -> None:
    assert account(wrong) is None


@examples(200)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda x: st.lists(x, max_size=3)))
def test_no_property_of_an_odd_shape_ends_in_an_exception(odd: Any) -> None:
    for key in ("locations", "documentEndpoint", "ipRules", "capabilities", "publicNetworkAccess", "apiProperties"):
        account(body(**{key: odd}))
    account(body(locations=[row("x", id=odd)]))


RULE = [{"ipAddressOrRange": "10.0.0.1"}]
NETWORK = {"isVirtualNetworkFilterEnabled": True, "virtualNetworkRules": [{"id": "x"}]}


@pytest.mark.parametrize(
    ("properties", "with_endpoint", "without"),
    [
        ({}, Barrier.ENDPOINT, Barrier.OPEN),
        ({"publicNetworkAccess": "Disabled"}, Barrier.DISABLED, Barrier.DISABLED),
        ({"publicNetworkAccess": "SecuredByPerimeter"}, Barrier.DISABLED, Barrier.DISABLED),
        ({"publicNetworkAccess": "Whatever"}, Barrier.UNKNOWN, Barrier.UNKNOWN),
        ({"ipRules": RULE}, Barrier.RULES, Barrier.RULES),
        (NETWORK, Barrier.RULES, Barrier.RULES),
        ({**NETWORK, "virtualNetworkRules": []}, Barrier.ENDPOINT, Barrier.OPEN),
        ({"ipRules": RULE, "publicNetworkAccess": "Disabled"}, Barrier.DISABLED, Barrier.DISABLED),
    ],
)
def test_what_keeps_the_public_out(properties: dict[str, Any], with_endpoint: Barrier, without: Barrier) -> None:
    found = read(**properties)
    assert barrier(found.closed, [approved()]) is with_endpoint
    assert barrier(found.closed, [approved(status=Status.PENDING)]) is without


@pytest.mark.parametrize(
    ("properties", "connections", "told"),
    [
        ({}, [approved()], "only its approved endpoints keep the public out"),
        ({"publicNetworkAccess": "Disabled"}, [approved()], ""),
        ({}, [], ""),
        ({"ipRules": RULE}, [approved(f"c{n}") for n in range(180)], "180 endpoint connections of 200"),
        ({"ipRules": RULE}, [approved(f"c{n}") for n in range(179)], ""),
        ({"ipRules": RULE, "apiProperties": {"serverVersion": "3.2"}}, [], "runs MongoDB 3.2"),
        ({"ipRules": RULE, "apiProperties": {"serverVersion": "3.6"}}, [], ""),
        (
            {"ipRules": RULE, "capabilities": [{"name": "EnableGremlin"}]},
            [approved(group="Gremlin")],
            "no approved endpoint for Sql",
        ),
        (
            {"ipRules": RULE, "capabilities": [{"name": "EnableTable"}]},
            [approved(group="Sql")],
            "no approved endpoint for Table",
        ),
        (
            {"ipRules": RULE, "capabilities": [{"name": "EnableTable"}]},
            [approved(group="Sql"), approved("c2", "Table")],
            "",
        ),
        ({"ipRules": RULE, "capabilities": [{"name": "EnableTable"}]}, [approved(group=None)], ""),
    ],
)
def test_what_people_should_know_of_an_account(
    properties: dict[str, Any], connections: list[Connection], told: str
) -> None:
    found = list(findings(read(**properties), connections))
    assert [told in text for text in found] == ([True] if told else [])
