"""What a move between zone groups and Linkkeeper would take, endpoint by endpoint: reads for core/migration/.

Only reads. Private DNS reads are scarce (500 in 5 minutes for everybody): a zone is listed once where that costs less
than its names one by one, the last fifth is left to events, and what was not read for that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .app import App
from .azure import claims as book
from .azure.surroundings import Wants
from .core import claims, migration
from .core.hub import Groups
from .core.ids import ResourceId, Scope, fold
from .core.migration import Asked, Facts, Group, Links, Migration
from .core.model import Endpoint, Name, Presence, RecordSet
from .core.policy import Policy
from .core.rules import Match
from .core.signals import ENDPOINT
from .errors import Lasting, Passing

_AT_ONCE = 8
_PAGE = 100
"""Record sets, and zones, in one answer of a list (documented)."""
_GROUP_VERSION = "2024-05-01"
Tell = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """`waits`: what the service throttled, with the seconds until it may be tried again; `left`: not planned for that.

    `reads`: of private DNS (`dns`, the scarce ones), and endpoints that were read one by one (`endpoints`).
    """

    back: bool
    plans: list[Migration] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=lambda: {"dns": 0, "endpoints": 0})
    unread: list[tuple[str, str]] = field(default_factory=list)
    waits: list[tuple[str, float | None]] = field(default_factory=list)
    left: list[ResourceId] = field(default_factory=list)
    left_subscriptions: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not (self.unread or self.waits or self.left or self.left_subscriptions)


@dataclass(slots=True)
class _Candidate:
    endpoint: Endpoint
    wanted: Asked
    groups: tuple[Group, ...] = ()

    @property
    def names(self) -> frozenset[Name]:
        return migration.to_read(self.wanted, self.groups)


@dataclass(slots=True)
class _Records:
    """What was read of private DNS. `late`: subscriptions that had no reads left."""

    there: dict[Name, RecordSet | None] = field(default_factory=dict)
    unread: dict[Name, str] = field(default_factory=dict)
    links: dict[ResourceId, Links] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)


async def migrate(
    app: App,
    *,
    back: bool = False,
    endpoints: Collection[ResourceId] = (),
    subscriptions: Collection[str] = (),
    tell: Tell = lambda _: None,
) -> Report:
    """Plans for the named endpoints, for those of the named subscriptions, or for all that some hub serves.

    Raises Lasting when there is no valid policy.
    """
    state = await app.policies.current()  # not announced: nothing is to change by looking
    if not state.valid:
        raise Lasting(f"the policy is not valid: {state.mistakes}")
    run = _Run(app, state.policy, Report(back=back), tell)
    await run.find(endpoints, subscriptions)
    await run.plan()
    return run.report


class _Run:
    def __init__(self, app: App, policy: Policy, report: Report, tell: Tell) -> None:
        self.app, self.policy, self.report, self.tell = app, policy, report, tell
        self.cloud, self.mark = app.settings.cloud, app.mark(policy)
        self.groups: Groups = {}
        self.candidates: dict[ResourceId, _Candidate] = {}
        self.rivals: dict[Name, set[ResourceId]] = {}
        self.legacy: dict[ResourceId, bool] = {}
        self.records = _Records()

    # --- endpoints -----------------------------------------------------------------------------

    async def find(self, endpoints: Collection[ResourceId], subscriptions: Collection[str]) -> None:
        if self.policy.serving_groups:
            found = await self.app.surroundings.read(None, Wants(groups=self.policy.serving_groups))
            self.groups = found.around.groups
            self.report.unread += [("management groups", note) for note in found.notes]
        named = sorted(set(endpoints))
        listed: list[Endpoint] = []
        for subscription in await self._subscriptions(named, subscriptions):
            listed += await self._list(subscription)
        known = {endpoint.id: endpoint for endpoint in listed if endpoint.id not in set(named)}
        # A filled customDnsConfigs proves that there is no zone group (recorded): that list is enough.
        plain = {endpoint.id: endpoint for endpoint in known.values() if endpoint.pairs is not None}
        outside = [one for one in named if not self.policy.may_serve(one) and not self.policy.knows(one)]
        self.report.plans += [migration.unserved(one, self.report.back) for one in outside]
        await self._read([one for one in (*named, *sorted(known)) if one not in outside], plain)

    async def _subscriptions(self, named: Collection[ResourceId], asked: Collection[str]) -> list[str]:
        if named or asked:
            return sorted({fold(one) for one in asked})
        serves = [hub.serves for hub in self.policy.hubs]
        if any(one.all or one.networks or one.management_groups for one in serves):
            try:
                return await self.app.inventory.subscriptions()
            except (Passing, Lasting) as wrong:
                self.report.unread.append(("subscriptions", str(wrong)))
        return sorted({subscription for one in serves for subscription in one.subscriptions})

    async def _list(self, subscription: str) -> list[Endpoint]:
        self.tell(f"listing the endpoints of {subscription}")
        try:
            found = await self.app.inventory.endpoints(subscription)
        except Passing as wrong:
            self.report.waits.append((str(wrong), wrong.retry_after))
            self.report.left_subscriptions.append(subscription)
            return []
        except Lasting as wrong:
            self.report.unread.append((subscription, str(wrong)))
            return []
        return [endpoint for endpoint in found if self._served(endpoint) and claims.targets(endpoint, self.policy)]

    def _served(self, endpoint: Endpoint) -> bool:
        return any(hub.serves.match(endpoint, self.groups) is not Match.NO for hub in self.policy.hubs)

    async def _read(self, endpoints: list[ResourceId], plain: Mapping[ResourceId, Endpoint]) -> None:
        """A few at once; stops when the service throttles."""
        for start in range(0, len(endpoints), _AT_ONCE):
            if start and start % (_AT_ONCE * 5) == 0:
                self.tell(f"looked at {start} of {len(endpoints)} endpoints")
            some = endpoints[start : start + _AT_ONCE]
            answers = await asyncio.gather(*(self._one(one, plain.get(one)) for one in some), return_exceptions=True)
            for one, answer in zip(some, answers, strict=True):
                if isinstance(answer, Passing):
                    self.report.waits.append((str(answer), answer.retry_after))
                    self.report.left.append(one)
                elif isinstance(answer, Lasting):
                    self.report.unread.append((str(one), str(answer)))
                elif isinstance(answer, BaseException):
                    raise answer
            if self.report.left:
                self.report.left += endpoints[start + _AT_ONCE :]
                return

    async def _one(self, identity: ResourceId, plain: Endpoint | None) -> None:
        """`plain`: what the list showed, where that is enough. Raises Passing, Lasting."""
        if plain is not None:
            await self._take(plain, ())
            return
        self.report.reads["endpoints"] += 1
        seen = await self.app.arm.endpoint(identity)
        if seen.endpoint is None:
            why = "there is no such endpoint" if seen.presence is Presence.GONE else seen.why
            self.report.unread.append((str(identity), why))
            return
        path, doing = f"{identity}/privateDnsZoneGroups", f"read the zone group of {identity.name}"
        bodies = [body async for body in self.app.arm.pages(path, _GROUP_VERSION, doing)]
        await self._take(seen.endpoint, tuple(group for body in bodies if (group := migration.group_of(body))))

    async def _take(self, endpoint: Endpoint, groups: tuple[Group, ...]) -> None:
        legacy: set[ResourceId] = set()
        for target in claims.targets(endpoint, self.policy) if groups or self.report.back else ():
            for zone in sorted(claims.legacy_zones(endpoint, target, self.policy, self.cloud)):
                legacy |= {zone} if await self._exists(zone) else set()
        wanted = migration.asked(endpoint, self.policy, self.cloud, self.groups, legacy)
        self.candidates[endpoint.id] = _Candidate(endpoint, wanted, groups)
        for claim in wanted.claims:
            self.rivals.setdefault(claim.name, set()).add(endpoint.id)

    async def _exists(self, zone: ResourceId) -> bool:
        """Raises Passing, Lasting."""
        if zone not in self.legacy:
            await self.app.dns.budget.need(zone.subscription)
            self.report.reads["dns"] += 1
            self.legacy[zone] = await self.app.dns.exists(zone)
        return self.legacy[zone]

    # --- records -------------------------------------------------------------------------------

    async def plan(self) -> None:
        matter = [one for _, one in sorted(self.candidates.items()) if self._matters(one)]
        await self._read_records({name for one in matter for name in one.names})
        if not self.report.back:
            await self._read_links({zone for one in matter for group in one.groups for _, zone in group.zones})
        await self._stored_rivals(matter)
        settings = self.app.settings
        for identity, one in sorted(self.candidates.items()):
            if self._matters(one) and not one.names <= self.records.there.keys() | self.records.unread.keys():
                self.report.left.append(identity)  # throttled before it was its turn
                continue
            facts = Facts(
                groups=one.groups,
                records=self.records.there,
                unread=self.records.unread,
                rivals={name: tuple(sorted(self.rivals.get(name, ()))) for name in one.names},
                links=self.records.links,
                own=any(settings.depends_on(target) for target in one.wanted.targets),
            )
            plan = migration.plan_back if self.report.back else migration.plan_to
            self.report.plans.append(plan(one.endpoint, one.wanted, facts, self.policy, self.mark))
        self.report.plans.sort(key=lambda plan: plan.endpoint)

    def _matters(self, one: _Candidate) -> bool:
        """Scarce reads only where something could move."""
        return bool(one.wanted.claims) and not one.groups if self.report.back else bool(one.groups)

    async def _read_records(self, names: Collection[Name]) -> None:
        zones: dict[ResourceId, list[Name]] = {}
        for name in sorted(names):
            zones.setdefault(name.zone, []).append(name)
        sizes: dict[str, Mapping[ResourceId, int]] = {}
        for number, (zone, wanted) in enumerate(sorted(zones.items()), 1):
            if fold(zone.subscription) in self.records.late:
                continue
            self.tell(f"reading {len(wanted)} name(s) of {zone.name} ({number} of {len(zones)} zones)")
            try:
                await self._read_zone(zone, wanted, sizes)
            except Passing as wrong:
                self.records.late.add(fold(zone.subscription))
                self.report.waits.append((str(wrong), wrong.retry_after))

    async def _read_zone(
        self, zone: ResourceId, wanted: list[Name], sizes: dict[str, Mapping[ResourceId, int]]
    ) -> None:
        """As a list where that is fewer reads. Raises Passing."""
        if len(wanted) > 2:
            pages = -(-(await self._size(zone, sizes)) // _PAGE)
            if 0 < pages < len(wanted):
                try:
                    found = {record.name: record for record in await self.app.dns.records(zone)}
                except Lasting as wrong:
                    self.records.unread |= dict.fromkeys(wanted, str(wrong))
                    return
                self.report.reads["dns"] += max(1, -(-len(found) // _PAGE))
                self.records.there |= {name: found.get(name) for name in wanted}
                return
        for name in wanted:
            try:
                self.records.there[name] = await self.app.dns.read(name, waits=True)
            except Lasting as wrong:
                self.records.unread[name] = str(wrong)
            self.report.reads["dns"] += 1

    async def _size(self, zone: ResourceId, sizes: dict[str, Mapping[ResourceId, int]]) -> int:
        """Its record sets, by one list of the zones around it; 0: not known."""
        around = f"/subscriptions/{zone.subscription}/resourceGroups/{zone.group}"
        if around not in sizes:
            await self.app.dns.budget.need(zone.subscription)
            try:
                found = await self.app.dns.zones(Scope.parse(around))
            except Lasting:
                found = []  # single reads will tell why
            self.report.reads["dns"] += max(1, -(-len(found) // _PAGE))
            sizes[around] = {one.id: max(1, one.sets) for one in found if one.sets is not None}
        return sizes[around].get(zone, 0)

    async def _read_links(self, zones: Collection[ResourceId]) -> None:
        """Who sees a zone, to say what they get meanwhile. Not worth waiting for: without, it is unknown."""
        for zone in sorted(zones):
            if fold(zone.subscription) in self.records.late:
                continue
            try:
                found = await self.app.dns.links(zone)
            except (Passing, Lasting):
                continue
            self.report.reads["dns"] += 1
            there = [link for link in found if link.linked]
            self.records.links[zone] = Links(
                public=tuple(sorted(link.name for link in there if link.falls_back)),
                silent=tuple(sorted(link.name for link in there if not link.falls_back)),
            )

    async def _stored_rivals(self, matter: Iterable[_Candidate]) -> None:
        """Claims that Linkkeeper has on record, also of endpoints that were not looked at now."""
        for name in sorted({claim.name for one in matter for claim in one.wanted.claims}):
            stored, _ = await book.claims_on(self.app.tables, name)
            for claim in stored:
                self.rivals.setdefault(name, set()).add(claim.endpoint)


def parsed(texts: Iterable[str]) -> list[ResourceId]:
    """Ids of private endpoints. Raises ValueError with what is wrong."""
    found = [ResourceId.parse(text.strip()) for text in texts if text.strip()]
    for one in found:
        if not one.is_a(ENDPOINT):
            raise ValueError(f"{one} is not the id of a private endpoint")
    return found
