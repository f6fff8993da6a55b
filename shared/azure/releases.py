"""Deletions that were too many at once for one target: offered under the plan's fingerprint, released by a person.

Table: control, partition `releases`. What is released are exactly the records that were shown, for a day. Refuses to
know when a plan is too large (core/plan.py) and who may release (byhand.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..core.ids import ResourceId
from ..errors import Conflict
from .memory import CONTROL, when
from .tables import Row, Tables, pack, unpack

_PARTITION = "releases"
_GOOD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`records` may be deleted once `released_by` says who agreed."""

    fingerprint: str
    target: ResourceId
    records: frozenset[ResourceId]
    why: str
    at: datetime
    released_by: str = ""
    etag: str = field(default="", compare=False)


async def everything(tables: Tables, now: datetime) -> list[Release]:
    found = [_release(row) for row in await tables.partition(CONTROL, _PARTITION)]
    return [release for release in found if now - release.at < _GOOD]


async def released(tables: Tables, target: ResourceId, now: datetime) -> frozenset[ResourceId]:
    """The records of a target whose deletion somebody has agreed to."""
    mine = [one for one in await everything(tables, now) if one.target == target and one.released_by]
    return frozenset(record for one in mine for record in one.records)


async def offer(tables: Tables, new: Release) -> None:
    """A newer plan of the same target takes the place of what nobody released; what was released stays."""
    for old in [_release(row) for row in await tables.partition(CONTROL, _PARTITION)]:
        if old.target != new.target:
            continue
        if old.fingerprint == new.fingerprint and new.at - old.at < _GOOD:
            return
        if not old.released_by or new.at - old.at >= _GOOD:
            await tables.delete(CONTROL, _PARTITION, old.fingerprint)
    await tables.put(CONTROL, _row(new))


async def release(tables: Tables, fingerprint: str, by: str, now: datetime) -> Release | None:
    """Released now; None when nothing waits under that word. Raises Conflict when it was released already."""
    found = next((one for one in await everything(tables, now) if one.fingerprint == fingerprint), None)
    if found is None:
        return None
    if found.released_by:
        raise Conflict(f"released already by {found.released_by}")
    done = replace(found, released_by=by, at=now)
    await tables.put(CONTROL, _row(done), found.etag)
    return done


def _row(one: Release) -> Row:
    data = {
        "target": str(one.target),
        "why": one.why,
        "at": one.at,
        "released": one.released_by,
        **pack("records", sorted(_texts(one.records))),
    }
    return Row(_PARTITION, one.fingerprint, data)


def _texts(records: Iterable[ResourceId]) -> list[str]:
    return [str(record) for record in records]


def _release(row: Row) -> Release:
    listed = unpack("records", row.data)
    return Release(
        fingerprint=row.rk,
        target=ResourceId.parse(row.data["target"]),
        # Too many to be kept: none is released, rather than any.
        records=frozenset(map(ResourceId.parse, listed)) if isinstance(listed, list) else frozenset(),
        why=str(row.data["why"]),
        at=when(row.data["at"]),
        released_by=str(row.data["released"]),
        etag=row.etag,
    )
