"""Knows the calls to record sets of a private zone: ETags, whole replacement, flat errors.

Refuses to know who owns a set. Recorded: dns-a-put-create, dns-a-put-update, dns-a-put-412-exists, dns-all-list;
documented: limits and rules of dns-records 3.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from simulator.azure import zones
from simulator.azure.calls import Call, Reply
from simulator.azure.errors import ArmError
from simulator.azure.paging import page
from simulator.azure.world import Resource, World
from simulator.azure.zones import Record

FIELDS = {
    "A": "aRecords",
    "AAAA": "aaaaRecords",
    "CNAME": "cnameRecord",
    "MX": "mxRecords",
    "PTR": "ptrRecords",
    "SOA": "soaRecord",
    "SRV": "srvRecords",
    "TXT": "txtRecords",
}
MOST = 20  # records per set (documented)
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$", re.IGNORECASE)


def is_kind(segment: str) -> bool:
    return segment.upper() in FIELDS or segment.upper() in ("ALL", "RECORDSETS")


def flat(status: int, code: str, message: str) -> ArmError:
    return ArmError(status, code, message, flat=True)


def render(zone: Resource, record: Record) -> dict[str, Any]:
    name = zone.path.name if record.name == "@" else f"{record.name}.{zone.path.name}"
    properties: dict[str, Any] = {"metadata": record.metadata} if record.metadata is not None else {}
    properties |= {
        "fqdn": f"{name}.",
        "ttl": record.ttl,
        FIELDS[record.kind]: record.values,
        "isAutoRegistered": record.auto,
    }
    return {
        "id": f"{zone.path.id}/{record.kind}/{record.name}",
        "name": record.name,
        "type": f"{zones.TYPE}/{record.kind}",
        "etag": record.etag,
        "properties": properties,
    }


def get(call: Call) -> Reply:
    zone = zones.find(call.world, call.path)
    record = zone.item.records.get(_key(call))
    if record is None:
        raise flat(
            404,
            "NotFound",
            f"The resource record '{call.path.name}' does not exist in resource group "
            f"'{call.path.group}' of subscription '{call.path.subscription}'.",
        )
    return Reply(200, render(zone, record), {"etag": record.etag})


def put(call: Call) -> Reply:
    """Replace the whole set, metadata included. PATCH keeps what it does not name."""
    world, zone = call.world, zones.find(call.world, call.path)
    key = _key(call)
    old = zone.item.records.get(key)
    zones.preconditions(call, f"Record set {call.path.name}", old.etag if old else None)
    if old and old.auto:
        raise flat(400, "BadRequest", f"The record set {old.name} was registered automatically and cannot be changed.")
    given = call.content.get("properties") or {}
    if call.method == "PATCH" and old:
        given = {"ttl": old.ttl, "metadata": old.metadata, FIELDS[old.kind]: old.values} | given
    if old is None:
        _check_name(call.path.name)
        _check_clash(zone, *key)
        most = int(world.switches["zone_capacity"])
        if len(zone.item.records) >= most:  # documented: the limit; assumed: the code
            raise flat(400, "BadRequest", f"The zone holds its maximum number of record sets ({most}).")
    record = Record(
        key[0], old.name if old else call.path.name, _ttl(given), _values(key[0], given), world.guid(), _metadata(given)
    )
    zone.item.records[key] = record
    return Reply(200 if old else 201, render(zone, record), {"etag": record.etag}, update=old is not None)


def delete(call: Call) -> Reply:
    zone = zones.find(call.world, call.path)
    record = zone.item.records.get(_key(call))
    zones.preconditions(call, f"Record set {call.path.name}", record.etag if record else None)
    if record is None:
        return Reply(204, event=False)
    if record.kind == "SOA":
        raise flat(400, "BadRequest", "The SOA record set of a zone cannot be deleted.")
    del zone.item.records[_key(call)]
    return Reply(200)


def list_(call: Call) -> Reply:
    """`.../A` or `.../ALL`, 100 a page unless $top says otherwise (documented)."""
    zone = zones.find(call.world, call.path)
    kind = call.path.types[1].upper()
    suffix = (call.query.get("$recordsetnamesuffix") or call.query.get("$recordSetNameSuffix") or "").lower()
    try:
        top = int(call.query.get("$top") or 100)
    except ValueError as error:
        raise flat(400, "BadRequest", "The value of $top is not a number.") from error
    chosen = [
        record
        for record in zone.item.records.values()
        if kind in ("ALL", "RECORDSETS", record.kind) and record.name.lower().endswith(suffix)
    ]
    return page(call, [render(zone, record) for record in chosen], max(1, top))


def write(world: World, zone: Resource, name: str, address: str, ttl: int, creator: str) -> None:
    """What a zone group does: write over whatever is there, without asking (reported: dns-records 4)."""
    zone.item.records["A", name.lower()] = Record(
        "A", name, ttl, [{"ipv4Address": address}], world.guid(), {"creator": creator}
    )
    world.grid.write(zone.path.child("A", name), "Azure Traffic Manager and DNS")


def erase(world: World, zone: Resource, name: str) -> None:
    """What a zone group does at its end: the set goes, whoever wrote it last."""
    if zone.item.records.pop(("A", name.lower()), None):
        world.grid.delete(zone.path.child("A", name), "Azure Traffic Manager and DNS")


def register(world: World, zone: Resource, name: str, address: str) -> None:
    """A virtual machine's record, written by the platform (isAutoRegistered)."""
    zone.item.records["A", name.lower()] = Record("A", name, 10, [{"ipv4Address": address}], world.guid(), auto=True)


def _key(call: Call) -> tuple[str, str]:
    return call.path.types[1].upper(), call.path.name.lower()


def _check_name(name: str) -> None:
    labels = name.split(".")
    if name == "@" or all(
        _LABEL.match(label) or (label == "*" and position == 0) for position, label in enumerate(labels)
    ):
        return
    raise flat(400, "BadRequest", f"The domain name '{name}' is not valid.")


def _check_clash(zone: Resource, kind: str, name: str) -> None:
    """A CNAME stands alone (documented; the code is assumed)."""
    others = {other for other, text in zone.item.records if text == name} - {kind}
    if others and (kind == "CNAME" or "CNAME" in others):
        raise flat(
            409,
            "Conflict",
            f"The record could not be created because a {'CNAME ' if kind != 'CNAME' else ''}"
            f"record with the same name '{name}' already exists in this zone.",
        )


def _ttl(given: dict[str, Any]) -> int:
    ttl = given.get("ttl", given.get("TTL", 3600))
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 1 <= ttl <= 2_147_483_647:
        raise flat(400, "BadRequest", "The TTL of a record set must be between 1 and 2147483647.")
    return ttl


def _metadata(given: dict[str, Any]) -> dict[str, str] | None:
    metadata = given.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    ):
        raise flat(400, "BadRequest", "The metadata of a record set must be a map of texts.")
    return metadata


def _values(kind: str, given: dict[str, Any]) -> Any:
    """The set's data; for A sets checked, an absent one is empty (recorded)."""
    values = given.get(FIELDS[kind], given.get(FIELDS[kind].replace("Records", "records")))
    if not FIELDS[kind].endswith("Records"):
        return values
    rows = values or []
    if len(rows) > MOST:
        raise flat(400, "BadRequest", f"A record set holds at most {MOST} records.")
    if kind == "A":
        seen = [str(row.get("ipv4Address", "")) for row in rows]
        for address in seen:
            try:
                IPv4Address(address)
            except AddressValueError as error:
                raise flat(400, "BadRequest", f"'{address}' is not a valid IPv4 address.") from error
        if len(set(seen)) < len(seen):
            raise flat(400, "BadRequest", "The record set holds the same record twice.")
    return rows
