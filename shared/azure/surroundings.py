"""What lies around a connection: tags, tenants, management groups, our services' managed endpoints.

Remembers answers for a while, because many connections share them: such an answer may hold a connection, and an
approval reads afresh (`fresh`). What cannot be read is absent, so unknown; never empty.
Sources: Tags at scope and Resource Graph (documented); a tenant from the challenge of an anonymous GET
(reference/private-endpoint-connections.md section 6, not re-checked by anybody here).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from ..core.around import Around, Managed
from ..core.ids import ResourceId, fold, is_guid
from ..core.services import SERVICES, Service, managed
from ..errors import Conflict, Lasting, Passing
from .memory import when
from .tables import Row, Tables
from .wire import Wire, objects
from .worklist import Clock

_KEPT = timedelta(minutes=10)
_SULKS = timedelta(seconds=20)  # who has just failed is not asked again for every connection that waits
_MOST_KEPT = 20_000
_MANAGED = "managed"
_TENANT = re.compile(r'authorization_uri="https://[a-z0-9.-]+/([0-9a-f-]{36})/?"', re.IGNORECASE)
_SUBSCRIPTIONS = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions' | project id, subscriptionId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a decision lacks: parsed parts only."""

    tags: bool = False
    tenants: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    services: frozenset[ResourceId] = frozenset()

    def __or__(self, other: Wants) -> Wants:
        return Wants(
            tags=self.tags or other.tags,
            tenants=self.tenants | other.tenants,
            groups=self.groups | other.groups,
            services=self.services | other.services,
        )

    def __bool__(self) -> bool:
        return self != Wants()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`at`: when the oldest part was read. `again`: something did not answer, and may if asked again."""

    around: Around
    at: datetime
    again: bool = False
    notes: tuple[str, ...] = ()


class Surroundings:
    def __init__(self, wire: Wire, tables: Tables, now: Clock) -> None:
        self._wire = wire
        self._tables = tables
        self._now = now
        self._kept: dict[tuple[str, str], tuple[Any, datetime]] = {}
        self._failed: dict[tuple[str, str], tuple[Exception, datetime]] = {}
        self._asking: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def read(self, target: ResourceId | None, wants: Wants, *, fresh: bool = False, ask: bool = True) -> Found:
        """Everything wanted, side by side; what fails is absent, with a note.

        `fresh`: nothing remembered. Not `ask`: only what is remembered, whatever its age.
        """
        asked: dict[tuple[str, str], Callable[[], Awaitable[Any]]] = {}
        if wants.tags and target is not None:
            asked["tags", target.key] = lambda: self._tags(target)
        for subscription in sorted(wants.tenants):
            asked["tenants", subscription] = lambda s=subscription: self._tenant(s)  # type: ignore[misc]
        for group in sorted(wants.groups):
            asked["groups", group] = lambda g=group: self._group(g)  # type: ignore[misc]
        for service in sorted(wants.services):
            asked["managed", service.key] = lambda s=service: self._managed(s)  # type: ignore[misc]
        answers = await asyncio.gather(*(self._answer(key, act, fresh, ask) for key, act in asked.items()))
        found = dict(zip(asked, answers, strict=True))
        good = {key: value for key, (value, _, why) in found.items() if value is not None and not why}
        services = {service.key: service for service in wants.services}
        return Found(
            around=Around(
                tags=good.get(("tags", target.key)) if target is not None else None,
                tenants={name: value for (kind, name), value in good.items() if kind == "tenants"},
                groups={name: value for (kind, name), value in good.items() if kind == "groups"},
                managed={services[name]: value for (kind, name), value in good.items() if kind == "managed"},
            ),
            at=min((at for _, at, _ in answers), default=self._now()),
            again=any(isinstance(why, Passing) for _, _, why in answers),
            notes=tuple(sorted({str(why) for _, _, why in answers if why})),
        )

    async def _answer(
        self, key: tuple[str, str], act: Callable[[], Awaitable[Any]], fresh: bool, ask: bool
    ) -> tuple[Any, datetime, Exception | None]:
        """One question is asked once at a time: whoever comes meanwhile shares the answer."""
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:
            return await self._asked(key, act, fresh, ask)

    async def _asked(
        self, key: tuple[str, str], act: Callable[[], Awaitable[Any]], fresh: bool, ask: bool
    ) -> tuple[Any, datetime, Exception | None]:
        value, at = self._kept.get(key, (None, None))
        now = self._now()  # before the read: what it shows may be that old
        if at is not None and not fresh and (now - at < _KEPT or not ask):
            return value, at, None
        if not ask:
            return None, now, None
        why, failed = self._failed.get(key, (None, now))
        if why is not None and not fresh and now - failed < _SULKS:
            return None, now, why
        try:
            value = await act()
        except (Passing, Lasting) as why:
            self._kept.pop(key, None)
            if len(self._failed) >= _MOST_KEPT:
                self._failed.clear()
            self._failed[key] = (why, self._now())
            return None, now, why
        self._failed.pop(key, None)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()  # a worker that lives for weeks must not remember everything it ever saw
        self._kept[key] = (value, now)
        return value, now, None

    async def _tags(self, target: ResourceId) -> Mapping[str, str]:
        doing = f"read the tags of {target.name}"
        body = await self._wire.get(f"{target}/providers/Microsoft.Resources/tags/default", "2021-04-01", doing)
        properties = body.get("properties")
        tags = properties.get("tags") if isinstance(properties, Mapping) else None
        if tags is not None and not isinstance(tags, Mapping):
            raise Lasting(f"{doing}: the answer shows no tags")
        return {fold(str(key)): str(value) for key, value in (tags or {}).items()}

    async def _tenant(self, subscription: str) -> str:
        doing = f"read the tenant of subscription {subscription}"
        found = _TENANT.search(await self._wire.challenge(f"/subscriptions/{subscription}", "2022-12-01", doing))
        if found is None or not is_guid(found[1]):
            raise Lasting(f"{doing}: the answer names none")
        return fold(found[1])

    async def _group(self, group: str) -> frozenset[str]:
        doing = f"expand the management group {group}"
        found: set[str] = set()
        token: str | None = None
        for _ in range(1_000):
            options = {"resultFormat": "objectArray", "$top": 1000, **({"$skipToken": token} if token else {})}
            asked = {"managementGroups": [group], "query": _SUBSCRIPTIONS, "options": options}
            body = await self._wire.post("/providers/Microsoft.ResourceGraph/resources", "2022-10-01", asked, doing)
            found |= {fold(str(row.get("subscriptionId"))) for row in objects(body.get("data"), doing)}
            token = body.get("$skipToken")
            if not token:
                break
        if token or fold(str(body.get("resultTruncated"))) == "true" or not found:
            raise Lasting(f"{doing}: the answer is empty or not complete; may the app's identity read it?")
        return frozenset(found)

    async def _managed(self, service: ResourceId) -> tuple[Managed, ...]:
        kind = SERVICES.get(fold(service.type))
        if kind is None:
            raise Lasting(f"{service.type} shows no managed endpoints to Resource Manager")
        bodies = await self._bodies(service, kind)
        return tuple([await self._remembered(one) for body in bodies for one in managed(body)])

    async def _bodies(self, service: ResourceId, kind: Service) -> list[Mapping[str, Any]]:
        parents = [service]
        found: list[Mapping[str, Any]] = []
        for step in kind.lists:
            doing = f"list {step} of {service.name}"
            found = [item for one in parents async for item in self._wire.pages(f"{one}/{step}", kind.version, doing)]
            parents = [parent for item in found if (parent := ResourceId.read(item.get("id")))]
        return found

    async def spend(self, managed: ResourceId, endpoint: ResourceId) -> None:
        """It explains this endpoint's approval, and none after it."""
        data = {"id": str(managed), "endpoint": str(endpoint), "at": self._now()}
        await self._tables.put(_MANAGED, Row(managed.hash, "spent", data))

    async def _remembered(self, one: Managed) -> Managed:
        """Services that do not say when they made it: when we saw it first; one made again under its name is old.

        One that was made after it was spent is another one.
        """
        rows = {row.rk: row.data for row in await self._tables.partition(_MANAGED, one.id.hash)}
        spent = rows.get("spent")
        if spent is not None and not (one.created is not None and one.created > when(spent["at"])):
            one = replaced(one, spent_on=ResourceId.read(spent["endpoint"]))
        if one.created is not None:
            return one
        if "seen" not in rows:
            row = Row(one.id.hash, "seen", {"id": str(one.id), "at": self._now()})
            try:
                await self._tables.insert(_MANAGED, row)
            except Conflict:
                return await self._remembered(one)
            return replaced(one, created=self._now())
        return replaced(one, created=when(rows["seen"]["at"]))
