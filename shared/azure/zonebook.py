"""What is remembered of zones between sweeps: when each was read, which networks it is linked to, which targets were
asked what zones they want. Table: control, partitions `zones` and `required`.
"""

from __future__ import annotations

from datetime import datetime

from ..core.ids import ResourceId, key_of
from .memory import CONTROL, when
from .tables import Row, Tables

_ZONES, _LINKS, _ASKED, _VERIFIED = "zones", "zone links", "required", "verified"


async def read_at(tables: Tables) -> dict[str, datetime]:
    """Hash of a zone's id to when all of its records were last read."""
    return {row.rk: when(row.data["at"]) for row in await tables.partition(CONTROL, _ZONES)}


async def was_read(tables: Tables, zone: ResourceId, now: datetime) -> None:
    await tables.put(CONTROL, Row(_ZONES, zone.hash, {"zone": str(zone), "at": now}))


async def findings_of(tables: Tables, zone: ResourceId) -> tuple[tuple[str, ...], bool, datetime] | None:
    """What the last look at its links found, whether it is linked to all that it should be, and when that was."""
    row = await tables.get(CONTROL, _LINKS, zone.hash)
    if row is None:
        return None
    return tuple(str(row.data["text"]).splitlines()), bool(row.data["linked"]), when(row.data["at"])


async def keep_findings(tables: Tables, zone: ResourceId, texts: tuple[str, ...], linked: bool, now: datetime) -> None:
    data = {"zone": str(zone), "text": "\n".join(texts)[:30_000], "linked": linked, "at": now}
    await tables.put(CONTROL, Row(_LINKS, zone.hash, data))


async def verified_until(tables: Tables, hub: str) -> str:
    """Where the last audit of a hub's names by its resolvers ended; empty: at the end."""
    row = await tables.get(CONTROL, _VERIFIED, key_of(hub))
    return str(row.data["last"]) if row else ""


async def keep_verified(tables: Tables, hub: str, last: str) -> None:
    await tables.put(CONTROL, Row(_VERIFIED, key_of(hub), {"hub": hub, "last": last}))


async def asked_at(tables: Tables) -> dict[str, datetime]:
    """Hash of a target's id to when it was last asked which zones it wants."""
    return {row.rk: when(row.data["at"]) for row in await tables.partition(CONTROL, _ASKED)}


async def was_asked(tables: Tables, target: ResourceId, now: datetime) -> None:
    await tables.put(CONTROL, Row(_ASKED, target.hash, {"target": str(target), "at": now}))
