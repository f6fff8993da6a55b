"""Mistakes about names that no single field can tell: zones in two hubs, names given twice, two owners.

As checks.py: reads the file as it was written, and tolerates every shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..core.ids import fold
from ..core.zones import CLOUDS, LONGEST, NotAHostName, host_name, locate
from .yamlfile import Place

Mistake = tuple[Place, str]
_ZONES = "/providers/microsoft.network/privatednszones/"


def names(data: object) -> Iterator[Mistake]:
    yield from _zones(data)
    yield from _services(data)
    yield from _owners(data)
    yield from _ttls(data)


def _zones(data: object) -> Iterator[Mistake]:
    """A zone belongs to one hub, and a hub has one zone of a name."""
    groups: dict[str, str] = {}
    exact: dict[str, str] = {}
    for place, hub in _items(data, "hubs"):
        modes = hub.get("modes")
        if isinstance(modes, Mapping) and modes.get("refresh") is not None:
            yield (
                (*place, "modes", "refresh"),
                "an endpoint is not made again for one hub: say it for the whole policy",
            )
        name, zones = str(hub.get("name")), hub.get("zones")
        if isinstance(zones, str):
            key = fold(zones).strip("/")
            if key in groups:
                yield (*place, "zones"), f"another hub has the same resource group ({groups[key]})"
            groups[key] = name
        seen: set[str] = set()
        for at, text in enumerate(zones if isinstance(zones, list) else ()):
            key = fold(str(text)).strip("/")
            own = key.rpartition("/")[2]
            if key in exact and exact[key] != name:
                yield (*place, "zones", at), f"belongs to another hub already: {exact[key]}"
            if own in seen:
                yield (
                    (*place, "zones", at),
                    "the hub has a zone of that name already",
                )
            exact[key] = name
            seen.add(own)
    for place, hub in _items(data, "hubs"):
        for at, text in enumerate(hub["zones"] if isinstance(hub.get("zones"), list) else ()):
            group = fold(str(text)).strip("/").partition(_ZONES)[0]
            if group in groups:
                yield (*place, "zones", at), f"lies in the resource group of hub {groups[group]}"


def _services(data: object) -> Iterator[Mistake]:
    seen: set[tuple[str, str, str]] = set()
    for place, one in _items(data, "names"):
        records = one.get("records")
        for at, record in enumerate(records if isinstance(records, list) else ()):
            zone = _host(one.get("zone"))
            key = (fold(str(one.get("service"))).removesuffix("/"), zone, fold(str(record)))
            if _has_no_room(str(record), zone):
                yield (*place, "records", at), f"is too long in that zone: DNS has room for {LONGEST} characters"
            if key in seen:
                yield (*place, "records", at), "is given to this service in this zone already"
            seen.add(key)


def _has_no_room(record: str, zone: str) -> bool:
    """Each is a name by itself, and together they are too long; what is wrong by itself is told there alone."""
    with suppress(NotAHostName):
        host_name(zone)
        host_name(f"{record}.example.net")  # never `@`, the zone itself
        return len(f"{record}.{zone}") > LONGEST
    return False


def _owners(data: object) -> Iterator[Mistake]:
    """A public name and the full name of its record are one name; one owner may be given both."""
    seen: dict[str, Place] = {}
    for place, one in _items(data, "owners"):
        listed = one.get("names")
        for at, name in enumerate(listed if isinstance(listed, list) else ()):
            text = _host(name)
            if seen.setdefault(_record_of(text), place) != place or text in map(_host, listed[:at]):
                yield (*place, "names", at), "has an owner already: only one can hold it"


def _record_of(name: str) -> str:
    """The full name of the record of a public name, in whichever cloud; of any other name, the name."""
    for cloud in CLOUDS:
        with suppress(NotAHostName):
            if found := locate(name, cloud=cloud):
                return found.zone if found.record == "@" else f"{found.record}.{found.zone}"
    return name


def _ttls(data: object) -> Iterator[Mistake]:
    found = data.get("ttls") if isinstance(data, Mapping) else None
    seen: set[str] = set()
    for zone in found if isinstance(found, Mapping) else ():
        key = _host(zone)
        if key in seen:
            yield ("ttls", zone), "is given twice: upper and lower case mean the same here"
        seen.add(key)


def _host(text: object) -> str:
    return fold(str(text)).removesuffix(".")


def _items(data: object, kind: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    found = data.get(kind) if isinstance(data, Mapping) else None
    for at, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield (kind, at), item
