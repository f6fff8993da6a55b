"""From Linkkeeper to a zone group: blockers, warnings and steps. Pure and total."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..ids import ResourceId, fold
from ..model import Endpoint
from ..names import Mark
from ..policy import Policy
from .asking import config_name
from .case import Case, answers, creator, shared_names, unfit, unread
from .commands import at, az, create_group, line, on_targets, shows
from .values import GROUP_TTL, MOST_ZONES, RIGHTS, ZONE_GROUP, Asked, Facts, Migration, Owner, State, Step


def plan_back(endpoint: Endpoint, wanted: Asked, facts: Facts, policy: Policy, mark: Mark) -> Migration:
    """From Linkkeeper to a zone group of the endpoint."""
    case = Case(endpoint=endpoint, wanted=wanted, facts=facts, policy=policy, mark=mark, back=True)
    grouped = {fold(zone.name) for zone in case.covered}
    if facts.groups and {fold(claim.name.zone.name) for claim in wanted.claims} <= grouped:
        return case.plan(State.NOTHING, "it has a zone group already, and that names every zone of its names")
    if not wanted.serving and not wanted.unsure:
        return case.plan(State.NOTHING, "no hub of the policy serves it: Linkkeeper keeps none of its names")
    chosen = _chosen(case)
    blockers = (*unfit(case), *_not_back(case, chosen))
    if not blockers and not wanted.claims:
        return case.plan(State.NOTHING, "Linkkeeper keeps none of its names")
    shared = shared_names(case, "a group asks nobody: it writes its own address, and its end removes the record of all")
    group = endpoint.id.child("privateDnsZoneGroups", "default")
    return case.outcome(
        blockers,
        (RIGHTS, *(note for note in wanted.notes if wanted.complete), *shared, *_differs(case, chosen)),
        f"{len(wanted.claims)} name(s) in {len(chosen)} zone(s), no gap",
        steps=_steps_back(case, group, chosen),
        undo=(az(f"{ZONE_GROUP} delete", *at(group)), *on_targets("settle", case)),
    )


def _chosen(case: Case) -> tuple[ResourceId, ...]:
    """One copy of each zone: the hub's that is nearest, then the first in the policy."""
    hubs = [hub.name for hub in case.policy.hubs]
    best: dict[str, tuple[int, int, ResourceId]] = {}
    for claim in case.wanted.claims:
        zone, hub = claim.name.zone, case.policy.hub_of(claim.name.zone)
        rank = (claim.near, hubs.index(hub.name) if hub else len(hubs), zone)
        best[fold(zone.name)] = min(rank, best.get(fold(zone.name), rank))
    return tuple(best[zone][2] for zone in sorted(best))


def _not_back(case: Case, chosen: Collection[ResourceId]) -> Iterator[str]:
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
            yield unread(case, name)
        elif owner is Owner.OTHER and name.zone in chosen and record and record.addresses != claim.addresses:
            yield f"the record {name} is not Linkkeeper's ({creator(record)}): a group would write over it"


def _differs(case: Case, chosen: Collection[ResourceId]) -> Iterator[str]:
    for claim, name, owner, record in case.known:
        if name.zone not in chosen:
            text = "a group can name one zone of that name only; Linkkeeper keeps this copy, an orphan once it stops"
            yield f"{name} in {name.zone} stays with Linkkeeper: {text}"
        elif owner is Owner.NOBODY:
            yield f"{name} has no record yet: it begins to resolve with the group"
        elif owner is Owner.OTHER:
            yield f"the record {name} is somebody else's ({creator(record)}): it becomes the group's"
        elif owner is Owner.OURS and record is not None and record.addresses != claim.addresses:
            yield answers(claim, record, "with the group")
    lives = {claim.ttl or case.policy.ttl_of(claim.name.zone) for claim in case.wanted.claims}
    if other := sorted(lives - {GROUP_TTL}):
        yield f"its records live {', '.join(map(str, other))} s now, and {GROUP_TTL} s with a group"


def _steps_back(case: Case, group: ResourceId, chosen: Collection[ResourceId]) -> tuple[Step, ...]:
    again = line("migrate", "--back", "--endpoint", str(case.endpoint.id))
    create = tuple(create_group(group, [(config_name(zone), zone) for zone in chosen]))
    names = (claim.name for claim in case.wanted.claims if claim.name.zone in chosen)
    verify = f"Each record is there, with its addresses, TTL {GROUP_TTL} and creator; a plan shows no change."
    made = "Make the zone group. Azure writes over Linkkeeper's records: no moment without them."
    settle = "Let Linkkeeper look: it cedes these names and only watches from now on."
    keep = "Keep the endpoint in the hub's serves until all is verified; Linkkeeper leaves what a group wrote."
    return (
        Step(do="check", text="Look once more just before: it has to be ready still.", commands=(again,)),
        Step(do="create", text=made, commands=create),
        Step(do="settle", text=settle, commands=on_targets("settle", case)),
        Step(do="verify", text=verify, commands=(*shows(names), *on_targets("plan", case))),
        Step(do="keep", text=keep),
    )
