"""From a zone group to Linkkeeper: blockers, warnings, steps and the gap. Pure and total."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..ids import fold
from ..model import Endpoint, Name
from ..names import Mark
from ..policy import Policy
from ..rules import Mode
from .case import Case, answers, creator, of_hub, shared_names, unfit, unread
from .commands import at, az, create_group, line, on_targets, shows
from .values import REMADE, ZONE_GROUP, Asked, Facts, Migration, Owner, State, Step


def plan_to(endpoint: Endpoint, wanted: Asked, facts: Facts, policy: Policy, mark: Mark) -> Migration:
    """From the endpoint's zone group to Linkkeeper."""
    case = Case(endpoint=endpoint, wanted=wanted, facts=facts, policy=policy, mark=mark, back=False)
    if not facts.groups:
        return case.plan(State.NOTHING, "it has no zone group: what a hub serves of it, Linkkeeper keeps already")
    shared = shared_names(case, "Linkkeeper writes the address of one of them, by nearness and age")
    return case.outcome(
        (*unfit(case), *_unserved(case), *_in_the_way(case)),
        (REMADE, *_worth_knowing(case), *shared),
        f"{len(wanted.claims)} name(s)",
        steps=_steps_to(case),
        undo=tuple(line for group in facts.groups for line in create_group(group.id, group.zones)),
    )


def _unserved(case: Case) -> Iterator[str]:
    wanted = case.wanted
    if not wanted.serving and not wanted.unsure:
        yield "no hub of the policy serves it"
    for hub in wanted.serving:
        mode = case.policy.mode("put", hub)
        if mode is not Mode.APPLY:
            yield f"hub {hub.name}: put is {mode.value}, so Linkkeeper would write nothing: set it to apply first"
    if wanted.complete:
        yield from (note for note in wanted.notes if not of_hub(note))
    if wanted.serving and wanted.complete and not wanted.claims and not wanted.notes:
        yield "Linkkeeper would keep no name of it"


def _in_the_way(case: Case) -> Iterator[str]:
    mine = {claim.name for claim in case.wanted.claims}
    for name in case.written:
        if name not in mine and case.wanted.complete:
            yield _elsewhere(name, mine, case.policy)
    for _, name, owner, record in case.known:
        if owner is Owner.UNREAD:
            yield unread(case, name)
        elif owner is Owner.OTHER and name.zone in case.covered:
            whose = f"neither this group's nor Linkkeeper's ({creator(record)})"
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


def _worth_knowing(case: Case) -> Iterator[str]:
    yield from (note for note in case.wanted.notes if of_hub(note))
    written = {name.zone for name in case.written}
    if not written:
        yield "the group writes nothing: deleting it removes no record"
    for zone in sorted(case.covered - written if written else ()):
        held = "" if case.policy.hub_of(zone) else ", which no hub holds"
        yield f"the group names {zone}{held}, and writes nothing there"
    for claim, name, owner, record in case.known:
        if owner is Owner.OTHER and name.zone not in case.covered:
            yield f"the record {name} in {name.zone} is somebody else's ({creator(record)}), and stays so"
        elif owner is Owner.NOBODY and name.zone in case.covered:
            yield f"{name} has no record even now: it begins to resolve with the move"
        elif owner is Owner.GROUP and record is not None and record.addresses != claim.addresses:
            yield answers(claim, record, "after the move")
        elif owner is Owner.OURS and name in case.listed:
            yield f"Linkkeeper wrote {name} over the group's record: deleting the group removes it all the same"
    for hub in case.wanted.serving:
        mode = case.policy.mode("delete", hub)
        if mode is not Mode.APPLY or hub.upsert_only:
            how = "it only adds and changes" if mode is Mode.APPLY else f"delete is {mode.value}"
            yield f"hub {hub.name}: {how}, so nobody removes the records when the endpoint goes; a zone group did"


def _steps_to(case: Case) -> tuple[Step, ...]:
    hubs = ", ".join(hub.name for hub in case.wanted.serving)
    find = (
        "Find what made the zone group (an Azure Policy, Terraform, Bicep, a person), and keep it from making it again "
        "for this endpoint: an exemption, or the code without it."
    )
    check = f"Look once more just before: it has to be ready still, with put on apply in {hubs}."
    verify = "Each record is there, with its addresses and managedBy linkkeeper; a plan shows no change."
    again = line("migrate", "--endpoint", str(case.endpoint.id))
    delete = tuple(az(f"{ZONE_GROUP} delete", *at(group.id)) for group in case.facts.groups)
    show = (*shows(claim.name for claim in case.wanted.claims), *on_targets("plan", case))
    settle = "Let Linkkeeper look at once instead of waiting for the event: the gap ends."
    return (
        Step(do="find", text=find),
        Step(do="check", text=check, commands=(again,)),
        Step(do="delete", text="Delete the zone group. Its records are gone now: the gap begins.", commands=delete),
        Step(do="settle", text=settle, commands=on_targets("settle", case)),
        Step(do="verify", text=verify, commands=show),
    )
