"""The table of resource types: api-versions, where their connections are listed, what is special. Data, not code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

from ..core.ids import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    type: str
    version: str
    parent_version: str
    list_via_parent: bool = False
    nested: bool = False
    segment: str = "privateEndpointConnections"
    guid_in_name: bool = False
    client: str = "arm"
    preview: bool = False
    """No GA version has the connections."""
    retired: date | None = None
    """When the service ends or ended, as announced; `instead` is what to use, where there is something."""
    instead: str = ""
    basis: str = "assumed"


def provider(resource_type: str) -> Provider | None:
    """None: a type the table does not know; its connections are held with that reason."""
    return table().get(fold(resource_type))


@cache
def table() -> dict[str, Provider]:
    data = json.loads(resources.files(__package__).joinpath("providers.json").read_text("utf-8"))
    rows = (
        Provider(
            type=row["type"],
            version=row["apiVersion"],
            parent_version=row.get("parentApiVersion", row["apiVersion"]),
            list_via_parent=row.get("list") == "parent",
            nested=row.get("nested", False),
            segment=row.get("segment", "privateEndpointConnections"),
            guid_in_name=row.get("guidInName", False),
            client=row.get("client", "arm"),
            preview=row.get("preview", False),
            retired=date.fromisoformat(row["retired"]) if "retired" in row else None,
            instead=row.get("instead", ""),
            basis=row["basis"],
        )
        for row in data["types"]
    )
    return {fold(row.type): row for row in rows}
