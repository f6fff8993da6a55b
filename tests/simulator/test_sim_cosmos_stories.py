"""The words of stories about Cosmos accounts, played against the small Azure alone."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.stories.world import NotAsTold
from tests.simulator.test_sim_stories import TEAM, Teller

ZONE = "privatelink.documents.azure.com"


@pytest.fixture
def tell(cloud: Any) -> Teller:
    teller = Teller(cloud)
    teller("given", "Cosmos account", name="carts", regions=["westeurope", "northeurope"])
    teller("when", "private endpoint", name="pe1", to="carts", by=TEAM, groups=["Sql"])
    teller("when", "approved in the portal", endpoint="pe1")
    return teller


def test_regions_change_and_the_endpoint_is_put_again(tell: Teller) -> None:
    told = tell("when", "regions", account="carts", are=["westeurope", "northeurope", "francecentral"])
    assert told == "the regions of carts are westeurope, northeurope, francecentral from now on"
    tell("then", "required", endpoint="pe1", action="Recreate")
    tell("then", "addresses", endpoint="pe1", number=3)
    tell("when", "endpoint put again", endpoint="pe1")
    tell("then", "addresses", endpoint="pe1", number=4)
    with pytest.raises(NotAsTold, match="requires None"):
        tell("then", "required", endpoint="pe1", action="Recreate")


def test_failover_and_regions_offline_leave_the_addresses_alone(tell: Teller) -> None:
    tell("when", "failover", account="carts", to="North Europe")
    tell("when", "region offline", account="carts", region="westeurope")
    tell("when", "region online", account="carts", region="westeurope")
    tell("then", "addresses", endpoint="pe1", number=3)
    with pytest.raises(NotAsTold, match="no region"):
        tell("when", "failover", account="carts", to="eastus")


def test_public_access_depends_on_the_last_endpoint(tell: Teller) -> None:
    tell("given", "Cosmos account", name="carts", regions=["westeurope", "northeurope"], public=True)
    tell("then", "public access", account="carts", state="closed by endpoint")
    tell("when", "connection removed", endpoint="pe1")
    tell("then", "public access", account="carts", state="open")


def test_a_record_that_was_deleted_is_remembered(tell: Teller) -> None:
    tell("given", "zone", name=ZONE)
    name = f"carts-northeurope.{ZONE}"
    tell("when", "record written by hand", name=name, address="10.9.9.9")
    tell("then", "records kept", account="carts")
    tell("when", "record deleted", name=name)
    with pytest.raises(NotAsTold, match="carts-northeurope"):
        tell("then", "records kept", account="carts")


def test_an_account_speaks_one_api(tell: Teller) -> None:
    assert tell("given", "Cosmos account", name="graph1", api="Gremlin") == "there is a Cosmos account graph1 (Gremlin)"
    assert tell.cloud.get(tell.world.target_id("graph1")).json()["properties"]["EnabledApiTypes"] == "Gremlin, Sql"
    with pytest.raises(NotAsTold, match="no account speaks"):
        tell("given", "Cosmos account", name="other", api="Postgres")
