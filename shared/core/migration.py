"""The move of one endpoint's records from its private DNS zone group to Linkkeeper, and back: what stands in the way,
which steps, and for how long which names do not resolve. Pure: values in, a plan out; total.

Knows what deleting and making a zone group does to records. Refuses to put any text into a command that is not part
of a parsed id. Sources: reference/dns-records.md sections 3 to 6, reference/azure-cli.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from . import claims as core_claims
from . import reading
from .hub import Groups, Hub
from .ids import ResourceId, fold
from .model import SERVICE, Claim, Endpoint, Name, RecordSet, Status
from .names import Mark
from .policy import Policy
from .rules import Match, Mode

MOST_ZONES = 5
"""Of one zone group (documented)."""
GROUP_TTL = 10
"""Of the records that zone groups write (recorded)."""
EVENT_SECONDS = 10
"""From the deletion of a group to Linkkeeper's record, where the event arrives (assumed)."""
SWEEP_SECONDS = 1800
"""The same where it is lost: until the next sweep, by the default schedule."""
NEGATIVE_SECONDS = 10
"""For which clients remember that a name is not there: the SOA minimum of private zones (recorded; 300 in 2019)."""
_MARK = "created by private endpoint"
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
_GROUP_TYPE = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"

_ZONE_GROUP = "network private-endpoint dns-zone-group"
_RIGHTS = "whoever makes the group needs rights on the endpoint and to join each zone"
_REMADE = (
    "Linkkeeper cannot see who made the zone group: an Azure Policy (deployIfNotExists), Terraform or Bicep may make "
    "it again, and then Azure and Linkkeeper take turns"
)


class State(StrEnum):
    READY = "ready"
    BLOCKED = "blocked"
    NOTHING = "nothing to do"


class Owner(StrEnum):
    """Whose the present record is."""

    NOBODY = "no record"
    OURS = "Linkkeeper"
    GROUP = "its zone group"
    OTHER = "somebody else"
    UNREAD = "not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A zone group as one read showed it. `zones`: the name of each configuration and its zone."""

    id: ResourceId
    zones: tuple[tuple[str, ResourceId], ...] = ()
    records: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Network links of a zone: those where public DNS answers for what the zone does not hold, and those without."""

    public: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The names of an endpoint as if it had no zone group. `custom`: such that a zone group never writes, and why."""

    targets: tuple[ResourceId, ...] = ()
    claims: tuple[Claim, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()
    serving: tuple[Hub, ...] = ()
    unsure: tuple[Hub, ...] = ()
    custom: Mapping[Name, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read beside the endpoint. A name that is not among `records` was not read; `unread` says why.

    `rivals`: other endpoints that claim the name; `own`: Linkkeeper itself depends on the target (law 11).
    """

    groups: tuple[Group, ...] = ()
    records: Mapping[Name, RecordSet | None] = field(default_factory=dict)
    unread: Mapping[Name, str] = field(default_factory=dict)
    rivals: Mapping[Name, tuple[ResourceId, ...]] = field(default_factory=dict)
    links: Mapping[ResourceId, Links] = field(default_factory=dict)
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """When a name has no record. Seconds: usually, at most (event lost), and for which clients keep what they heard."""

    begins: str
    ends: str
    why: str
    usually: int
    at_most: int
    old_answer: int
    negative: int
    meanwhile: str
    """What clients get: public (the public address), nothing (NXDOMAIN), both (by network) or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One name: wanted addresses, who has it now, and the time without it."""

    name: Name
    fqdn: str
    addresses: tuple[str, ...]
    owner: Owner
    present: tuple[str, ...] = ()
    detail: str = ""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    do: str
    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """`undo`: the commands that make things as they were. Steps only where nothing stands in the way."""

    endpoint: ResourceId
    targets: tuple[ResourceId, ...]
    back: bool
    state: State
    why: str
    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    undo: tuple[str, ...] = ()
    names: tuple[Moved, ...] = ()

    @property
    def gaps(self) -> tuple[Moved, ...]:
        return tuple(one for one in self.names if one.gap)


# --- what is asked for, and what is there ----------------------------------------------------------


def group_of(body: object) -> Group | None:
    """One zone group as Azure shows it; None when it is not one."""
    identity = ResourceId.read(body.get("id")) if isinstance(body, Mapping) else None
    if identity is None or not identity.is_a(_GROUP_TYPE) or not isinstance(body, Mapping):
        return None
    properties = body.get("properties")
    configs = properties.get("privateDnsZoneConfigs") if isinstance(properties, Mapping) else None
    zones: list[tuple[str, ResourceId]] = []
    used: set[str] = set()
    for config in configs if isinstance(configs, list) else ():
        inner = config.get("properties") if isinstance(config, Mapping) else None
        zone = ResourceId.read(inner.get("privateDnsZoneId")) if isinstance(inner, Mapping) else None
        if zone is not None:
            named = str(config.get("name") or "")
            word = named if _WORD.fullmatch(named) else config_name(zone)
            zones.append((word if word not in used else f"{word}-{len(zones)}", zone))
            used.add(zones[-1][0])
    _, records = reading.zone_group([body])
    return Group(id=identity, zones=tuple(zones), records=records)


def config_name(zone: ResourceId) -> str:
    """What to call a zone inside of a group: what the portal makes of it."""
    return re.sub(r"[^A-Za-z0-9]+", "-", zone.name).strip("-") or "zone"


def asked(
    endpoint: Endpoint, policy: Policy, cloud: str, groups: Groups | None = None, legacy: Collection[ResourceId] = ()
) -> Asked:
    """All names that Linkkeeper would keep for it if it had no zone group."""
    bare = replace(endpoint, group_zones=(), group_records=())
    found: dict[Name, Claim] = {}
    custom: dict[Name, str] = {}
    notes: list[str] = []
    complete = True
    targets = core_claims.targets(endpoint, policy)
    for target in targets:
        wanted = core_claims.wanted(bare, target, policy, cloud, groups, legacy)
        complete = complete and wanted.complete
        notes += wanted.notes
        link = endpoint.link_to(target)
        for claim in wanted.claims:
            found.setdefault(claim.name, claim)
            if link is not None and not link.groups:
                custom[claim.name] = "its target publishes no names, and a group writes none that its owner chose"
            elif claim.name.zone in legacy:
                custom[claim.name] = (
                    "it lies in an older zone than the recommended one, and a group writes nothing there"
                )
    matches = [(hub, hub.serves.match(endpoint, groups or {})) for hub in policy.hubs]
    return Asked(
        targets=tuple(targets),
        claims=tuple(found[name] for name in sorted(found)),
        complete=complete,
        notes=tuple(notes),
        serving=tuple(hub for hub, match in matches if match is Match.YES),
        unsure=tuple(hub for hub, match in matches if match is Match.UNKNOWN),
        custom=custom,
    )


def to_read(wanted: Asked, groups: Iterable[Group]) -> frozenset[Name]:
    """The names whose records a plan needs to see."""
    return frozenset(claim.name for claim in wanted.claims) | {name for group in groups for name in group.records}


def unserved(endpoint: ResourceId, back: bool) -> Migration:
    """An endpoint that was not even read: by its id alone, no hub can serve it."""
    text = "no hub of the policy serves it"
    if back:
        return Migration(endpoint=endpoint, targets=(), back=True, state=State.NOTHING, why=text)
    return Migration(endpoint=endpoint, targets=(), back=False, state=State.BLOCKED, why=text, blockers=(text,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """All that one plan is made of."""

    endpoint: Endpoint
    wanted: Asked
    facts: Facts
    policy: Policy
    mark: Mark
    back: bool

    @property
    def covered(self) -> frozenset[ResourceId]:
        """The zones that its group names."""
        return frozenset(zone for group in self.facts.groups for _, zone in group.zones)

    @property
    def listed(self) -> frozenset[Name]:
        """What the group says it has written."""
        return frozenset(name for group in self.facts.groups for name in group.records)

    @property
    def written(self) -> list[Name]:
        """The same, and what the mark on the record says."""
        return sorted(self.listed | {name for name in self.facts.records if self.owner(name) is Owner.GROUP})

    @property
    def known(self) -> Iterator[tuple[Claim, Name, Owner, RecordSet | None]]:
        for claim in self.wanted.claims:
            yield claim, claim.name, self.owner(claim.name), self.facts.records.get(claim.name)

    def owner(self, name: Name) -> Owner:
        if name in self.facts.unread or name not in self.facts.records:
            return Owner.UNREAD
        record = self.facts.records[name]
        if record is None:
            return Owner.NOBODY
        if self.mark.owns(record):
            return Owner.OURS
        creator = fold(record.label("creator") or "").strip()
        if record.foreign or not creator.startswith(_MARK):
            return Owner.OTHER
        mine = self.endpoint.guid is not None and self.endpoint.guid in creator
        old = creator == _MARK and name in self.listed  # groups of old wrote no guid (recorded)
        return Owner.GROUP if mine or old else Owner.OTHER

    def plan(self, state: State, why: str, **more: Any) -> Migration:
        names = tuple(_moved(self, *one) for one in self.known)
        at, targets = self.endpoint.id, self.wanted.targets
        return Migration(endpoint=at, targets=targets, back=self.back, state=state, why=why, names=names, **more)

    def outcome(self, blockers: Iterable[str], warnings: Iterable[str], why: str, **ready: Any) -> Migration:
        """Steps only where nothing stands in the way."""
        wrong, odd = tuple(dict.fromkeys(blockers)), tuple(dict.fromkeys(warnings))
        if wrong:
            return self.plan(State.BLOCKED, f"{len(wrong)} thing(s) stand in the way", blockers=wrong, warnings=odd)
        return self.plan(State.READY, why, warnings=odd, **ready)


def _moved(case: _Case, claim: Claim, name: Name, owner: Owner, record: RecordSet | None) -> Moved:
    goes = not case.back and name.zone in case.covered and (owner is Owner.GROUP or name in case.listed)
    return Moved(
        name=name,
        fqdn=claim.fqdn or str(name),
        addresses=claim.addresses,
        owner=owner,
        present=record.addresses if record else (),
        detail=case.facts.unread.get(name, "") if owner is Owner.UNREAD else _creator(record),
        gap=_gap(record, case.facts.links.get(name.zone, Links())) if goes and record else None,
    )


def _gap(record: RecordSet, links: Links) -> Gap:
    meanwhile = "unknown"
    if links.public or links.silent:
        meanwhile = "both" if links.public and links.silent else "public" if links.public else "nothing"
    return Gap(
        begins="when Azure carries out the deletion of the zone group: its records go with it, at once",
        ends="when Linkkeeper has heard of it (the event, a settle by hand, or the next sweep) and writes the record",
        why="Azure removes the records of a group with the group, and Linkkeeper never writes beside a group",
        usually=EVENT_SECONDS,
        at_most=SWEEP_SECONDS,
        old_answer=max(0, record.ttl),
        negative=NEGATIVE_SECONDS,
        meanwhile=meanwhile,
    )


# --- zone group to Linkkeeper ----------------------------------------------------------------------


def plan_to(endpoint: Endpoint, wanted: Asked, facts: Facts, policy: Policy, mark: Mark) -> Migration:
    """From the endpoint's zone group to Linkkeeper."""
    case = _Case(endpoint=endpoint, wanted=wanted, facts=facts, policy=policy, mark=mark, back=False)
    if not facts.groups:
        return case.plan(State.NOTHING, "it has no zone group: what a hub serves of it, Linkkeeper keeps already")
    shared = _shared(case, "Linkkeeper writes the address of one of them, by nearness and age")
    return case.outcome(
        (*_unfit(case), *_unserved(case), *_in_the_way(case)),
        (_REMADE, *_worth_knowing(case), *shared),
        f"{len(wanted.claims)} name(s)",
        steps=_steps_to(case),
        undo=tuple(line for group in facts.groups for line in _create(group.id, group.zones)),
    )


def _unserved(case: _Case) -> Iterator[str]:
    wanted = case.wanted
    if not wanted.serving and not wanted.unsure:
        yield "no hub of the policy serves it"
    for hub in wanted.serving:
        mode = case.policy.mode("put", hub)
        if mode is not Mode.APPLY:
            yield f"hub {hub.name}: put is {mode.value}, so Linkkeeper would write nothing: set it to apply first"
    if wanted.complete:
        yield from (note for note in wanted.notes if not _of_hub(note))
    if wanted.serving and wanted.complete and not wanted.claims and not wanted.notes:
        yield "Linkkeeper would keep no name of it"


def _in_the_way(case: _Case) -> Iterator[str]:
    mine = {claim.name for claim in case.wanted.claims}
    for name in case.written:
        if name not in mine and case.wanted.complete:
            yield _elsewhere(name, mine, case.policy)
    for _, name, owner, record in case.known:
        if owner is Owner.UNREAD:
            yield _unread(case, name)
        elif owner is Owner.OTHER and name.zone in case.covered:
            whose = f"neither this group's nor Linkkeeper's ({_creator(record)})"
            yield f"the record {name} is {whose}: it would stay in the way"


def _elsewhere(name: Name, mine: Collection[Name], policy: Policy) -> str:
    hub = policy.hub_of(name.zone)
    whose = f"the zone of hub {hub.name}, which does not keep this name for it" if hub else "a zone that no hub holds"
    place = name.record, fold(name.zone.name)
    copies = [str(one.zone) for one in sorted(mine) if (one.record, fold(one.zone.name)) == place]
    text = "Linkkeeper would write it nowhere, and it would be gone"
    if copies:
        text = f"Linkkeeper would write it to {', '.join(copies)}, and networks linked only to the first lose it"
    return f"the group keeps {name} in {name.zone}, {whose}: {text}"


def _worth_knowing(case: _Case) -> Iterator[str]:
    yield from (note for note in case.wanted.notes if _of_hub(note))
    written = {name.zone for name in case.written}
    if not written:
        yield "the group writes nothing: deleting it removes no record"
    for zone in sorted(case.covered - written if written else ()):
        held = "" if case.policy.hub_of(zone) else ", which no hub holds"
        yield f"the group names {zone}{held}, and writes nothing there"
    for claim, name, owner, record in case.known:
        if owner is Owner.OTHER and name.zone not in case.covered:
            yield f"the record {name} in {name.zone} is somebody else's ({_creator(record)}), and stays so"
        elif owner is Owner.NOBODY and name.zone in case.covered:
            yield f"{name} has no record even now: it begins to resolve with the move"
        elif owner is Owner.GROUP and record is not None and record.addresses != claim.addresses:
            yield _answers(claim, record, "after the move")
        elif owner is Owner.OURS and name in case.listed:
            yield f"Linkkeeper wrote {name} over the group's record: deleting the group removes it all the same"
    for hub in case.wanted.serving:
        mode = case.policy.mode("delete", hub)
        if mode is not Mode.APPLY or hub.upsert_only:
            how = "it only adds and changes" if mode is Mode.APPLY else f"delete is {mode.value}"
            yield f"hub {hub.name}: {how}, so nobody removes the records when the endpoint goes; a zone group did"


def _steps_to(case: _Case) -> tuple[Step, ...]:
    hubs = ", ".join(hub.name for hub in case.wanted.serving)
    find = (
        "Find what made the zone group (an Azure Policy, Terraform, Bicep, a person), and keep it from making it again "
        "for this endpoint: an exemption, or the code without it."
    )
    check = f"Look once more just before: it has to be ready still, with put on apply in {hubs}."
    verify = "Each record is there, with its addresses and managedBy linkkeeper; a plan shows no change."
    again = _shared_command("migrate", "--endpoint", str(case.endpoint.id))
    delete = tuple(_az(f"{_ZONE_GROUP} delete", *_at(group.id)) for group in case.facts.groups)
    show = (*_shows(claim.name for claim in case.wanted.claims), *_on_targets("plan", case))
    settle = "Let Linkkeeper look at once instead of waiting for the event: the gap ends."
    return (
        Step(do="find", text=find),
        Step(do="check", text=check, commands=(again,)),
        Step(do="delete", text="Delete the zone group. Its records are gone now: the gap begins.", commands=delete),
        Step(do="settle", text=settle, commands=_on_targets("settle", case)),
        Step(do="verify", text=verify, commands=show),
    )


# --- Linkkeeper to zone group ----------------------------------------------------------------------


def plan_back(endpoint: Endpoint, wanted: Asked, facts: Facts, policy: Policy, mark: Mark) -> Migration:
    """From Linkkeeper to a zone group of the endpoint."""
    case = _Case(endpoint=endpoint, wanted=wanted, facts=facts, policy=policy, mark=mark, back=True)
    grouped = {fold(zone.name) for zone in case.covered}
    if facts.groups and {fold(claim.name.zone.name) for claim in wanted.claims} <= grouped:
        return case.plan(State.NOTHING, "it has a zone group already, and that names every zone of its names")
    if not wanted.serving and not wanted.unsure:
        return case.plan(State.NOTHING, "no hub of the policy serves it: Linkkeeper keeps none of its names")
    chosen = _chosen(case)
    blockers = (*_unfit(case), *_not_back(case, chosen))
    if not blockers and not wanted.claims:
        return case.plan(State.NOTHING, "Linkkeeper keeps none of its names")
    shared = _shared(case, "a group asks nobody: it writes its own address, and its end removes the record of all")
    group = endpoint.id.child("privateDnsZoneGroups", "default")
    return case.outcome(
        blockers,
        (_RIGHTS, *(note for note in wanted.notes if wanted.complete), *shared, *_differs(case, chosen)),
        f"{len(wanted.claims)} name(s) in {len(chosen)} zone(s), no gap",
        steps=_steps_back(case, group, chosen),
        undo=(_az(f"{_ZONE_GROUP} delete", *_at(group)), *_on_targets("settle", case)),
    )


def _chosen(case: _Case) -> tuple[ResourceId, ...]:
    """One copy of each zone: the hub's that is nearest, then the first in the policy."""
    hubs = [hub.name for hub in case.policy.hubs]
    best: dict[str, tuple[int, int, ResourceId]] = {}
    for claim in case.wanted.claims:
        zone, hub = claim.name.zone, case.policy.hub_of(claim.name.zone)
        rank = (claim.near, hubs.index(hub.name) if hub else len(hubs), zone)
        best[fold(zone.name)] = min(rank, best.get(fold(zone.name), rank))
    return tuple(best[zone][2] for zone in sorted(best))


def _not_back(case: _Case, chosen: Collection[ResourceId]) -> Iterator[str]:
    if case.facts.groups:
        listed = ", ".join(group.id.name for group in case.facts.groups)
        missing = ", ".join(zone.name for zone in chosen)
        yield f"it has the zone group {listed} already, and can have only one: add its zones there by hand ({missing})"
    if len(chosen) > MOST_ZONES:
        yield f"its names lie in {len(chosen)} zones, and a zone group can name {MOST_ZONES}"
    for claim, name, owner, record in case.known:
        if name in case.wanted.custom:
            yield f"{name} cannot move: {case.wanted.custom[name]}"
        elif owner is Owner.UNREAD and name.zone in chosen:
            yield _unread(case, name)
        elif owner is Owner.OTHER and name.zone in chosen and record and record.addresses != claim.addresses:
            yield f"the record {name} is not Linkkeeper's ({_creator(record)}): a group would write over it"


def _differs(case: _Case, chosen: Collection[ResourceId]) -> Iterator[str]:
    for claim, name, owner, record in case.known:
        if name.zone not in chosen:
            text = "a group can name one zone of that name only; Linkkeeper keeps this copy, an orphan once it stops"
            yield f"{name} in {name.zone} stays with Linkkeeper: {text}"
        elif owner is Owner.NOBODY:
            yield f"{name} has no record yet: it begins to resolve with the group"
        elif owner is Owner.OTHER:
            yield f"the record {name} is somebody else's ({_creator(record)}): it becomes the group's"
        elif owner is Owner.OURS and record is not None and record.addresses != claim.addresses:
            yield _answers(claim, record, "with the group")
    lives = {claim.ttl or case.policy.ttl_of(claim.name.zone) for claim in case.wanted.claims}
    if other := sorted(lives - {GROUP_TTL}):
        yield f"its records live {', '.join(map(str, other))} s now, and {GROUP_TTL} s with a group"


def _steps_back(case: _Case, group: ResourceId, chosen: Collection[ResourceId]) -> tuple[Step, ...]:
    again = _shared_command("migrate", "--back", "--endpoint", str(case.endpoint.id))
    create = tuple(_create(group, [(config_name(zone), zone) for zone in chosen]))
    names = (claim.name for claim in case.wanted.claims if claim.name.zone in chosen)
    verify = f"Each record is there, with its addresses, TTL {GROUP_TTL} and creator; a plan shows no change."
    made = "Make the zone group. Azure writes over Linkkeeper's records: no moment without them."
    settle = "Let Linkkeeper look: it cedes these names and only watches from now on."
    keep = "Keep the endpoint in the hub's serves until all is verified; Linkkeeper leaves what a group wrote."
    return (
        Step(do="check", text="Look once more just before: it has to be ready still.", commands=(again,)),
        Step(do="create", text=made, commands=create),
        Step(do="settle", text=settle, commands=_on_targets("settle", case)),
        Step(do="verify", text=verify, commands=(*_shows(names), *_on_targets("plan", case))),
        Step(do="keep", text=keep),
    )


# --- both ways -------------------------------------------------------------------------------------


def _unfit(case: _Case) -> Iterator[str]:
    """Why Linkkeeper has nothing to say about its names, now or ever."""
    wanted = case.wanted
    if not wanted.targets:
        yield "its target lies outside the policy's scope: Linkkeeper never looks there"
    for target in wanted.targets:
        link = case.endpoint.link_to(target)
        if link is None or link.status is not Status.APPROVED:
            status = link.status.value if link else Status.UNKNOWN.value
            yield f"its connection to {target.name} is {status}, not Approved: Linkkeeper would keep no record of it"
    if case.facts.own:
        yield "Linkkeeper itself depends on its target, and never changes records of such"
    if not wanted.complete:
        yield f"its names cannot be told: {'; '.join(wanted.notes) or 'it was not read completely'}"
    for hub in wanted.unsure:
        yield f"whether hub {hub.name} serves it cannot be told: its management group may not have been read"


def _shared(case: _Case, outcome: str) -> Iterator[str]:
    for claim in case.wanted.claims:
        if others := [one for one in case.facts.rivals.get(claim.name, ()) if one != claim.endpoint]:
            yield f"{claim.name} is also claimed by {', '.join(map(str, sorted(others)))}: {outcome}"


def _unread(case: _Case, name: Name) -> str:
    return f"the record {name} could not be read: {case.facts.unread.get(name, 'nobody looked')}"


def _answers(claim: Claim, record: RecordSet, when: str) -> str:
    return (
        f"{claim.name} answers {', '.join(record.addresses) or 'nothing'} now, and {', '.join(claim.addresses)} {when}"
    )


def _of_hub(note: str) -> bool:
    """A hub that keeps no such zone: another may, and what the group wrote is checked name by name."""
    return note.startswith("hub ")


def _creator(record: RecordSet | None) -> str:
    if record is None:
        return ""
    text = record.label("creator") or record.label("owner") or "; ".join(record.foreign)
    return repr(text[:160]) if text else "no owner mark"


# --- commands: parsed ids only, quoted for a POSIX shell -------------------------------------------


def _az(verb: str, *options: tuple[str, str]) -> str:
    """Azure CLI reads a value that begins with @ from a file; what begins with - it takes for an option."""
    words = ["az", *verb.split()]
    for option, value in options:
        if value.startswith("@") and len(value) > 1:
            return ""
        words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return shlex.join(words)


def _place_of(resource: ResourceId) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("--subscription", resource.subscription), ("--resource-group", resource.group)


def _at(group: ResourceId) -> tuple[tuple[str, str], ...]:
    endpoint = group.parent or group
    return (*_place_of(group), ("--endpoint-name", endpoint.name), ("--name", group.name))


def _create(group: ResourceId, zones: Iterable[tuple[str, ResourceId]]) -> Iterator[str]:
    """One command makes the group with its first zone, each other zone is added."""
    for number, (word, zone) in enumerate(zones):
        yield _az(
            f"{_ZONE_GROUP} {'add' if number else 'create'}",
            *_at(group),
            ("--zone-name", word),
            ("--private-dns-zone", str(zone)),
        )


def _shows(names: Iterable[Name]) -> Iterator[str]:
    for name in names:
        at = (*_place_of(name.zone), ("--zone-name", name.zone.name), ("--name", name.record))
        yield _az("network private-dns record-set a show", *at)


def _shared_command(*words: str) -> str:
    return shlex.join(("python", "-m", "shared", *words))


def _on_targets(verb: str, case: _Case) -> tuple[str, ...]:
    """Services elsewhere have no id of their own: their endpoint stands for them."""
    works = {case.endpoint.id if target.is_a(SERVICE) else target for target in case.wanted.targets}
    return tuple(_shared_command(verb, str(work)) for work in sorted(works))
