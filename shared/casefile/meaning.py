"""What a checked case means: the connection, what lies around it, the grants. What is not said stays unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time

from ..azure.providers import provider
from ..core import reading
from ..core.around import Around, Managed
from ..core.ids import ResourceId, fold
from ..core.model import Connection, Grant, Status, Verdict
from ..core.policy import Policy
from .shape import GivenCase, GrantCase, ManagedCase

_WHO = {"endpoint", "subscription", "answer"}
_OF_WHO = {"resource_group", "name", "guid", "link_identifier", "nonce"}
_OWN = {"endpoint", "subscription", "resource_group", "name", "link_identifier", "nonce", "status"}
_SHOWN = {"target", "type", "groups", "guid"}  # what an answer may lack, and the case then says beside it
_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def both(file: GivenCase, case: GivenCase) -> GivenCase:
    """What the case says goes first. Naming who asks, it names all of that; an answer replaces the whole request."""
    dropped = {*case.model_fields_set, *case.unknown}
    if case.model_fields_set & _WHO:
        dropped |= _WHO | _OF_WHO
    if "answer" in case.model_fields_set:
        dropped |= _OWN | _SHOWN
    return case.model_copy(update={key: getattr(file, key) for key in file.model_fields_set - dropped})


def contradictions(given: GivenCase) -> Iterator[str]:
    said = given.model_fields_set
    if given.answer is not None:
        if said & _OWN:
            yield f"the answer shows it already: remove {', '.join(sorted(said & _OWN))}"
    elif given.endpoint is None and given.subscription is None:
        yield "who asks? Say endpoint, subscription or answer"
    elif given.endpoint is not None and said & {"subscription", "resource_group", "name"}:
        yield "the endpoint's id shows subscription, resource_group and name: say only one of both"
    if both_ways := said & set(given.unknown):
        yield f"says {', '.join(sorted(both_ways))}, and that it is unknown"
    if target(given) is None:
        yield "what is asked for? Say target"


def target(given: GivenCase) -> ResourceId | None:
    if given.target is not None or given.answer is None:
        return given.target
    identity = ResourceId.read(given.answer.get("id"))
    return identity.parent if identity else None


def connection(given: GivenCase, target: ResourceId) -> Connection:
    """As the app would see it; `groups` and `guid` beside an answer are what the endpoint itself shows."""
    kind = provider(given.type or target.type)
    if given.answer is not None:
        found = reading.connection(given.answer, target=target, guid_in_name=bool(kind and kind.guid_in_name))
        shown = found.groups or (tuple(sorted(given.groups)) if given.groups else None)
        found = replace(found, groups=shown, guid=found.guid or given.guid)
    else:
        found = Connection(
            id=target.child("privateEndpointConnections", "case"),
            name="case",
            endpoint=given.endpoint or _endpoint(given),
            guid=given.guid,
            link_identifier=given.link_identifier,
            nonce=given.nonce,
            status=Status(given.status),
            settled=True,
            groups=tuple(sorted(given.groups)) if given.groups else None,
        )
    if kind is None:
        problem = f"type {given.type or target.type} is not in the table of resource types"
        found = replace(found, problems=(*found.problems, problem))
    return found


def around(given: GivenCase, target: ResourceId, connection: Connection, policy: Policy) -> Around:
    """Management groups and services that the case could have named and did not are known not to be it."""
    subscription = fold(connection.endpoint.subscription) if connection.endpoint else ""
    groups = None if given.management_groups is None else frozenset(given.management_groups)
    asked = [] if given.managed is None else [one.service for one in given.managed]
    services = () if given.managed is None else {*policy.services, *asked}
    return Around(
        tags=None if given.tags is None else {fold(key): value for key, value in given.tags.items()},
        tenants={subscription: given.tenant} if given.tenant else {},
        groups={}
        if groups is None
        else {name: frozenset({subscription} if name in groups else ()) for name in policy.management_groups},
        managed={service: _managed(service, given.managed or (), target) for service in services},
        unexplained=given.unexplained,
    )


def grants(said: list[GrantCase], connection: Connection) -> Iterator[Grant]:
    """Nobody can decide about a connection that shows no id or no endpoint."""
    if connection.id is not None and connection.endpoint is not None:
        yield from (_grant(one, connection, connection.id, connection.endpoint) for one in said)


def _grant(said: GrantCase, connection: Connection, name: ResourceId, endpoint: ResourceId) -> Grant:
    return Grant(
        connection=name,
        endpoint=endpoint,
        guid=connection.guid,
        verdict=Verdict(said.verdict),
        people=tuple(said.people),
        reason=said.reason,
        expires=moment(said.expires) or _FOR_EVER,
        operation="case",
    )


def moment(said: date | datetime | None) -> datetime | None:
    """A date means its first moment, UTC."""
    if said is None or isinstance(said, datetime):
        return said
    return datetime.combine(said, time(), UTC)


def _endpoint(given: GivenCase) -> ResourceId:
    place = f"/subscriptions/{given.subscription}/resourceGroups/{given.resource_group or 'any'}"
    return ResourceId.parse(f"{place}/providers/Microsoft.Network/privateEndpoints/{given.name or 'any'}")


def _managed(service: ResourceId, said: list[ManagedCase] | tuple[()], target: ResourceId) -> tuple[Managed, ...]:
    return tuple(
        Managed(
            id=service.child("managedPrivateEndpoints", f"case{at}"),
            target=one.target or target,
            groups=tuple(one.groups),
            status=Status.PENDING,
            created=moment(one.created),
            nonce=one.nonce,
        )
        for at, one in enumerate(said)
        if one.service == service
    )
