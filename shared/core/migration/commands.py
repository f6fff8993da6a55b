"""Command lines made of parsed ids only, quoted for a POSIX shell. Source: reference/azure-cli.md. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from ..ids import ResourceId
from ..model import SERVICE, Name
from .case import Case
from .values import ZONE_GROUP


def az(verb: str, *options: tuple[str, str]) -> str:
    """Azure CLI reads a value that begins with @ from a file; what begins with - it takes for an option."""
    words = ["az", *verb.split()]
    for option, value in options:
        if value.startswith("@") and len(value) > 1:
            return ""
        words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return shlex.join(words)


def _place_of(resource: ResourceId) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("--subscription", resource.subscription), ("--resource-group", resource.group)


def at(group: ResourceId) -> tuple[tuple[str, str], ...]:
    endpoint = group.parent or group
    return (*_place_of(group), ("--endpoint-name", endpoint.name), ("--name", group.name))


def create_group(group: ResourceId, zones: Iterable[tuple[str, ResourceId]]) -> Iterator[str]:
    """One command makes the group with its first zone, each other zone is added."""
    for number, (word, zone) in enumerate(zones):
        yield az(
            f"{ZONE_GROUP} {'add' if number else 'create'}",
            *at(group),
            ("--zone-name", word),
            ("--private-dns-zone", str(zone)),
        )


def shows(names: Iterable[Name]) -> Iterator[str]:
    for name in names:
        at = (*_place_of(name.zone), ("--zone-name", name.zone.name), ("--name", name.record))
        yield az("network private-dns record-set a show", *at)


def line(*words: str) -> str:
    return shlex.join(("python", "-m", "shared", *words))


def on_targets(verb: str, case: Case) -> tuple[str, ...]:
    """Services elsewhere have no id of their own: their endpoint stands for them."""
    works = {case.endpoint.id if target.is_a(SERVICE) else target for target in case.wanted.targets}
    return tuple(line(verb, str(work)) for work in sorted(works))
