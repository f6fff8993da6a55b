"""The two sides of a connection do not change at the same moment: which differences mean "not yet, say nothing"."""

from __future__ import annotations

from typing import Any

import pytest

from shared.azure.arm import Listing
from shared.core.model import Presence, Status
from shared.naming import _sides_differ
from shared.view import Look, View
from tests.core.build import TARGET, connection, endpoint


def differ(link: Status, listing: Listing | None) -> bool:
    view = View(look=Look(target=TARGET, subjects=frozenset()), listing=listing)
    return _sides_differ(endpoint(status=link), view)


def listed(status: Status, **more: Any) -> Listing:
    return Listing(connections=(connection(status=status),), **more)


@pytest.mark.parametrize("here", list(Status))
@pytest.mark.parametrize("there", list(Status))
def test_only_approved_here_and_still_pending_there_is_a_difference(here: Status, there: Status) -> None:
    assert differ(there, listed(here)) is (here is Status.APPROVED and there is Status.PENDING)


@pytest.mark.parametrize("there", list(Status))
def test_gone_from_the_targets_list_and_still_approved_there_is_a_difference(there: Status) -> None:
    assert differ(there, Listing()) is (there is Status.APPROVED)


def test_a_target_that_is_gone_has_no_side_of_its_own() -> None:
    assert not differ(Status.APPROVED, Listing(presence=Presence.GONE))


@pytest.mark.parametrize("listing", [None, Listing(complete=False), listed(Status.APPROVED, complete=False)])
def test_without_a_complete_list_nothing_differs(listing: Listing | None) -> None:
    assert not differ(Status.APPROVED, listing)
    assert not differ(Status.PENDING, listing)


def test_an_endpoint_that_leads_elsewhere_now_does_not_differ() -> None:
    view = View(look=Look(target=TARGET, subjects=frozenset()), listing=listed(Status.APPROVED))
    assert not _sides_differ(endpoint(links=()), view)


def test_of_two_connections_of_one_endpoint_the_living_one_counts() -> None:
    stale = connection("acct1.c0", status=Status.DISCONNECTED)
    both = Listing(connections=(stale, connection(status=Status.APPROVED)))
    assert differ(Status.PENDING, both)
