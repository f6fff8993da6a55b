"""`then`: what must be true, soon. Every check is repeated until it holds or its time is over.

A check raises NotAsTold with how things are instead; that text is what a person reads when a story fails.
"""

import json
from collections.abc import Callable
from typing import Any

from simulator.stories import cosmos
from simulator.stories.world import OWNER, NotAsTold, World, record_addresses


def connection_is(world: World, endpoint: str, status: str) -> None:
    """the connection of {endpoint} is {status}"""
    connection = world.connection(endpoint)
    if status == "gone":
        if connection is not None:
            raise NotAsTold("it is still there")
        return
    if connection is None:
        raise NotAsTold("the target shows no connection of it")
    found = connection["properties"]["privateLinkServiceConnectionState"]["status"]
    if found != status:
        raise NotAsTold(f"it is {found}")


def record_points(world: World, name: str, to: str, hub: str = "") -> None:
    """{name} points to {to}[ in the hub {hub}], with our mark"""
    record = world.record(name, hub)
    if record is None:
        raise NotAsTold("there is no such record")
    addresses, wanted = record_addresses(record), world.addresses(to)
    if not addresses or not addresses <= wanted:
        raise NotAsTold(f"it holds {sorted(addresses)}, the endpoint has {sorted(wanted)}")
    metadata = record["properties"].get("metadata") or {}
    if OWNER not in metadata.values():
        raise NotAsTold(f"its metadata {metadata} does not carry the owner {OWNER}")


def record_absent(world: World, name: str, hub: str = "") -> None:
    """there is no record {name}[ in the hub {hub}]"""
    record = world.record(name, hub)
    if record is not None:
        raise NotAsTold(f"it is there, with {sorted(record_addresses(record))}")


def record_foreign(world: World, name: str, address: str, hub: str = "") -> None:
    """{name} is somebody else's record with address {address}[ in the hub {hub}]"""
    record = world.record(name, hub)
    if record is None:
        raise NotAsTold("there is no such record")
    if record_addresses(record) != {address}:
        raise NotAsTold(f"it holds {sorted(record_addresses(record))}")
    metadata = record["properties"].get("metadata") or {}
    if OWNER in metadata.values():
        raise NotAsTold(f"it carries our mark: {metadata}")


def record_unchanged(world: World, name: str) -> None:
    """the record {name} is untouched"""
    record, before = world.record(name), world.before[name]
    if record is None:
        raise NotAsTold("it is gone")
    if record["etag"] != before["etag"] or record["properties"] != before["properties"]:
        raise NotAsTold(f"it was {before['properties']} and is {record['properties']}")


def name_answers(world: World, name: str, with_address_of: str) -> None:
    """a DNS query for {name} answers with the address of {with_address_of}"""
    found, wanted = set(world.wire.resolve(name)), world.addresses(with_address_of)
    if not found or not found <= wanted:
        raise NotAsTold(f"it answers {sorted(found) or 'nothing'}, the endpoint has {sorted(wanted)}")


def name_silent(world: World, name: str) -> None:
    """a DNS query for {name} finds nothing"""
    found = world.wire.resolve(name)
    if found:
        raise NotAsTold(f"it answers {found}")


def held(world: World, endpoint: str, because: str = "") -> None:
    """{endpoint} is on the list of what waits for a person[, because "{because}"]"""
    row = _held_row(world, endpoint)
    if row is None:
        raise NotAsTold("it is not on the list")
    told = json.dumps([row.get("reasons"), row.get("nearestRule")], ensure_ascii=False)
    if because.lower() not in told.lower():
        raise NotAsTold(f"its reasons are {told}")


def not_held(world: World, endpoint: str) -> None:
    """{endpoint} is not (any more) on the list of what waits"""
    if _held_row(world, endpoint) is not None:
        raise NotAsTold("it is on the list")


def operation_done(world: World, endpoint: str, status: str = "succeeded") -> None:
    """the decision about {endpoint} is reported as done[: {status}]"""
    path = world.before[f"operation for {endpoint}"]
    path = path.removeprefix(world.wire.facts["host"])
    answer = world.wire.app("GET", path)
    if not answer.good or answer.body.get("status") != status:
        raise NotAsTold(f"GET {path} answers {answer.status} {answer.body}")


def journal_shows(world: World, target: str, words: list[str]) -> None:
    """the journal of {target} shows: {words}"""
    answer = world.wire.app("GET", f"/api/journal?target={world.target_id(target)}")
    if not answer.good:
        raise NotAsTold(f"GET /api/journal answers {answer.status} {answer.body}")
    rows = [json.dumps(row, ensure_ascii=False).lower() for row in answer.body["value"]]
    if not any(all(str(word).lower() in row for word in words) for row in rows):
        raise NotAsTold(f"no one of its {len(rows)} rows has all of {words}: {rows[:5]}")


def news(world: World, about: str, kind: str) -> None:
    """the custom topic got news "{kind}" about {about}"""
    answer = world.wire.control("GET", "/topic")
    if not answer.good:
        raise NotAsTold(f"the control door answers {answer.status} {answer.body}")
    wanted = (world.endpoint_id(about) if about in world.endpoints else world.target_id(about)).lower()
    texts = [json.dumps(event).lower() for event in answer.body["events"]]
    if not any(wanted in text and kind.lower() in text for text in texts):
        raise NotAsTold(f"none of the {len(texts)} events on the topic says so")


def _held_row(world: World, endpoint: str) -> dict[str, Any] | None:
    answer = world.wire.app("GET", "/api/connections?state=held")
    if not answer.good:
        raise NotAsTold(f"GET /api/connections answers {answer.status} {answer.body}")
    wanted = world.endpoint_id(endpoint).lower()
    rows = [row for row in answer.body["value"] if str(row.get("endpointId") or "").lower() == wanted]
    return rows[0] if rows else None


THEN: dict[str, Callable[..., Any]] = {
    "connection": connection_is,
    "record": record_points,
    "no record": record_absent,
    "foreign record": record_foreign,
    "record untouched": record_unchanged,
    "DNS": name_answers,
    "no DNS": name_silent,
    "held": held,
    "not held": not_held,
    "operation": operation_done,
    "journal": journal_shows,
    "news": news,
    **cosmos.THEN,
}
