"""An endpoint beside its account: does it map all names, does it want its PUT repeated, and when are people told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core import regions
from shared.core.model import Endpoint, Status
from shared.core.plan import Plan, Snapshot, plan
from shared.core.regions import Drift, Fit

from .build import MARK, NOW, endpoint, link, policy
from .test_cosmos import CARTS, approved, body, read

HOUR = timedelta(hours=1)
NAMES = ("carts", "carts-westeurope")


def carts(*labels: str, recreate: bool = False, groups: tuple[str, ...] = ("Sql",), **changed: Any) -> Endpoint:
    pairs = tuple((f"{label}.documents.azure.com", (f"10.0.0.{n}",)) for n, label in enumerate(labels or NAMES, 4))
    own = link(changed.pop("status", Status.APPROVED), CARTS, groups=groups, recreate=recreate)
    return endpoint(links=(own,), **{"pairs": pairs, **changed})


def fitted(one: Endpoint, *has: str, **properties: Any) -> Fit:
    found = regions.fit(one, CARTS, read(*has, **properties), None, NOW)
    assert found is not None
    return found


def test_an_endpoint_that_maps_all_names_fits() -> None:
    assert fitted(carts()).right


def test_names_that_are_missing_and_names_that_are_too_many() -> None:
    found = fitted(carts(), "eastus")
    assert found.missing == {"carts-eastus.documents.azure.com"}
    assert found.surplus == {"carts-westeurope.documents.azure.com"}


@pytest.mark.parametrize(
    "one",
    [
        carts(status=Status.PENDING),
        carts(provisioned=False),
        carts(pairs=None),
        carts(groups=()),
        carts(groups=("Analytical",)),
    ],
    ids=["not approved", "being made", "no names to see", "no group", "names nobody knows"],
)
def test_what_cannot_be_compared_is_no_fit_at_all(one: Endpoint) -> None:
    assert regions.fit(one, CARTS, read("westeurope", "eastus"), None, NOW) is None


def test_either_side_may_ask_for_it_to_be_made_again() -> None:
    assert fitted(carts(recreate=True)).recreate
    found = regions.fit(carts(), CARTS, read(), replace(approved(), recreate=True), NOW)
    assert found is not None
    assert found.recreate


@pytest.mark.parametrize(
    ("recreate", "settled", "on_drift", "hours", "due"),
    [
        (True, True, False, 0, True),
        (True, False, False, 0, False),
        (False, True, False, 9, False),
        (False, True, True, 0, False),
        (False, True, True, 1, True),
    ],
    ids=["asked", "account in the middle of a change", "drift is told", "drift is young", "drift is refreshed"],
)
def test_when_a_put_is_repeated(recreate: bool, settled: bool, on_drift: bool, hours: int, due: bool) -> None:
    state = "Succeeded" if settled else "Updating"
    found = fitted(carts(recreate=recreate), "westeurope", "eastus", provisioningState=state)
    assert found.is_due(Drift(refresh=on_drift), NOW + hours * HOUR) is due


def test_the_clock_of_a_drift_goes_on_and_starts_anew_with_other_names() -> None:
    first, later = fitted(carts(), "westeurope", "eastus"), NOW + HOUR
    again = regions.fit(carts(), CARTS, read("westeurope", "eastus"), None, later)
    other = regions.fit(carts(), CARTS, read("westeurope", "westus"), None, later)
    assert again is not None
    assert other is not None
    assert regions.since_before(again, regions.differs(first)).since == NOW
    assert regions.since_before(other, regions.differs(first)).since == later


def test_static_addresses_without_one_for_the_new_region_are_for_a_person() -> None:
    found = fitted(carts(static=NAMES, recreate=True), "westeurope", "eastus")
    assert found.unstated == {"carts-eastus"}
    (change,) = planned(found).changes
    assert "add an ipConfigurations entry for carts-eastus by hand" in change.blocked
    stated = fitted(carts(static=(*NAMES, "carts-eastus"), recreate=True), "westeurope", "eastus")
    assert planned(stated).changes[0].blocked == ""


def planned(*fits: Fit, **changed: Any) -> Plan:
    snapshot = Snapshot(target=CARTS, connections=(approved(),), account=read("westeurope", "eastus"), fits=fits)
    return plan(replace(snapshot, **changed), policy(), MARK, NOW)


def test_the_plan_says_what_it_will_add_and_drop() -> None:
    (change,) = planned(fitted(carts("carts", "carts-westus", recreate=True), "westeurope", "eastus")).changes
    assert change.kind == "refresh"
    assert "it lacks carts-eastus.documents.azure.com, carts-westeurope.documents.azure.com" in change.why
    assert "it still has carts-westus.documents.azure.com" in change.why


def test_of_one_endpoint_only_one_put_is_under_way() -> None:
    fit = fitted(carts(recreate=True), "westeurope", "eastus")
    assert planned(fit, in_flight=frozenset({fit.endpoint.key})).changes == ()


def test_one_too_many_within_the_hour_waits() -> None:
    fit = fitted(carts(recreate=True), "westeurope", "eastus")
    assert planned(fit, capped_refreshes="20 within the last hour").changes[0].blocked == "20 within the last hour"


def test_a_region_that_cannot_be_failed_over_to_is_told_with_its_endpoint() -> None:
    texts = [text for _, text in planned(fitted(carts(), "westeurope", "eastus")).findings]
    assert "carts cannot fail over to eastus: endpoint pe1 does not map it" in texts


def test_the_same_account_gives_the_same_plan_whatever_order_azure_lists_it_in() -> None:
    one = regions.fit(carts(), CARTS, read("westeurope", "eastus"), None, NOW)
    two = regions.fit(carts(), CARTS, read("eastus", "westeurope"), None, NOW)
    assert one == two
    assert body("a") != body("b")
