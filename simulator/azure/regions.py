"""Knows the regions of a Cosmos account: how rows look, which wishes are refused, how rows change over time.

Refuses to know endpoints and operations. Shape: recording cosmos-account-get. The states of rows while regions come
and go, and the codes of the refusals: assumed; that regions and priorities cannot change together: documented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.azure.catalog import region
from simulator.azure.errors import ArmError, bad
from simulator.azure.groups import REGIONS

Row = dict[str, Any]


def row(name: str, given: Mapping[str, Any], position: int) -> Row:
    """One region of the account `name`; recorded: the id is exactly `{account}-{region}`."""
    place = region(given.get("locationName"))
    return {
        "id": f"{name}-{place}",
        "locationName": REGIONS.get(place, str(given.get("locationName"))),
        "documentEndpoint": f"https://{name}-{place}.documents.azure.com:443/",
        "provisioningState": "Succeeded",
        "failoverPriority": int(given.get("failoverPriority", position)),
        "isZoneRedundant": bool(given.get("isZoneRedundant", False)),
    }


def asked(name: str, given: object) -> list[Row]:
    """The rows that a request wants, in order of priority; raises what Azure answers to odd ones."""
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise refused("A database account needs at least one location.")
    if any(not one.get("locationName") for one in given):
        raise refused("Every location needs a locationName.")
    rows = [row(name, one, position) for position, one in enumerate(given)]
    for what, values in (
        ("region", [one["id"] for one in rows]),
        ("failover priority", [one["failoverPriority"] for one in rows]),
    ):
        if len(set(values)) != len(values):
            raise refused(f"Every location must have a {what} of its own.")
    return sorted(rows, key=lambda one: one["failoverPriority"])


def check(old: Sequence[Row], new: Sequence[Row]) -> None:
    """Documented: regions come and go in one request, priorities change in another. Moving up because another
    region left is no change."""
    stay = {one["id"] for one in old} & {one["id"] for one in new}
    if same_set(old, new) or order(old, stay) == order(new, stay):
        return
    raise refused(
        "Adding or removing regions and changing failover priorities in one operation is not supported. "
        "Do one of them at a time."
    )


def same_set(old: Sequence[Row], new: Sequence[Row]) -> bool:
    return {one["id"] for one in old} == {one["id"] for one in new}


def order(rows: Sequence[Row], among: set[str]) -> list[str]:
    ordered = sorted(rows, key=lambda one: one["failoverPriority"])
    return [one["id"] for one in ordered if one["id"] in among]


def between(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """While the change is under way: old rows as they are, leaving ones Deleting, new ones Creating at the end."""
    staying, there = {one["id"] for one in new}, {one["id"] for one in old}
    rows = [dict(one) if one["id"] in staying else {**one, "provisioningState": "Deleting"} for one in old]
    return rows + [{**one, "provisioningState": "Creating"} for one in new if one["id"] not in there]


def kept(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The wanted rows; a region that was offline stays offline."""
    states = {one["id"]: one["provisioningState"] for one in old}
    return [{**one, "provisioningState": states.get(one["id"], "Succeeded")} for one in new]


def refused(message: str) -> ArmError:
    return bad("BadRequest", message)
