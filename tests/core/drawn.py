"""Random policies, connections and surroundings over small alphabets, so that rules match often and in every way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from shared.core.around import Around, Managed
from shared.core.ids import ResourceId, Scope, fold
from shared.core.model import Connection, Status, Verdict
from shared.core.policy import Grants, Policy
from shared.core.rules import EndpointPattern, ManagedBy, Requesters, Rule, Targets

from .build import (
    DATA,
    GUID,
    GUID2,
    GUID3,
    NOW,
    STRANGER,
    TEAM,
    connection,
    endpoint_id,
    grant,
    policy,
    rid,
    target_id,
    until,
)

PLS = "Microsoft.Network/privateLinkServices"
SERVICE = rid(f"/subscriptions/{DATA}/resourceGroups/ops/providers/Microsoft.Dashboard/grafana/g1")
OTHER_SERVICE = rid(f"/subscriptions/{DATA}/resourceGroups/ops/providers/Microsoft.DataFactory/factories/f1")
NONCE = "0123456789abcdef" * 2

subscriptions = st.sampled_from((TEAM, STRANGER))
USUAL = (
    ("microsoft.network/privatelinkservices", frozenset()),
    ("microsoft.storage/storageaccounts", frozenset({"blob"})),
)
names = st.sampled_from(("pe1", "pe2", "PE1", "pe10"))
resource_groups = st.sampled_from(("net", "Net", "net2"))
globs = st.sampled_from(("*", "n*", "pe?", "pe1", "net", "*1", "?e*"))
guids = st.sampled_from((GUID, GUID2))
identifiers = st.sampled_from(("536870912", "7"))
management_groups = st.sampled_from(("corp", "labs"))
tenants = st.sampled_from((GUID3, GUID))
targets = st.sampled_from(
    (
        target_id(),
        target_id("ACCT1"),
        target_id("acct2", group="lake"),
        target_id("pls1", kind=PLS),
        target_id("s1", kind="Microsoft.Sql/servers"),
    )
)
scopes = st.sampled_from(
    [
        Scope.parse(text)
        for text in (
            f"/subscriptions/{DATA}",
            f"/subscriptions/{DATA}/resourceGroups/DATA",
            f"/subscriptions/{DATA}/resourceGroups/lake",
            f"/subscriptions/{TEAM}",
            str(target_id()),
            str(target_id("pls1", kind=PLS)),
        )
    ]
)
types = st.sampled_from(
    tuple(fold(kind) for kind in ("Microsoft.Storage/storageAccounts", PLS, "Microsoft.Sql/servers"))
)
tags = st.sampled_from((("env", "prod"), ("env", "test"), ("open", "yes")))
groups = st.sampled_from(("blob", "dfs", "sqlServer"))
days = st.sampled_from(
    (None, None, None, None, until("2026-11-20"), until("2026-11-21"), NOW, NOW + timedelta(minutes=1))
)

patterns = st.builds(EndpointPattern, subscriptions, resource_groups | globs, names | globs)
requesters = st.builds(
    Requesters,
    subscriptions=st.frozensets(subscriptions, max_size=1),
    resource_groups=st.lists(
        st.builds(lambda s, g: Scope.parse(f"/subscriptions/{s}/resourceGroups/{g}"), subscriptions, resource_groups),
        max_size=1,
    ).map(tuple),
    endpoints=st.lists(patterns, max_size=2).map(tuple),
    guids=st.frozensets(guids, max_size=1),
    link_identifiers=st.frozensets(identifiers, max_size=1),
    management_groups=st.frozensets(management_groups, max_size=1),
    all=st.sampled_from((False, False, False, True)),
    shared=st.frozensets(subscriptions, max_size=1),
)
one_requester = st.one_of(  # one way only: those are the ones that an index can lose
    subscriptions.map(lambda s: Requesters(subscriptions=frozenset({s}))),
    patterns.map(lambda p: Requesters(endpoints=(p,))),
    guids.map(lambda g: Requesters(guids=frozenset({g}))),
    identifiers.map(lambda i: Requesters(link_identifiers=frozenset({i}))),
    management_groups.map(lambda g: Requesters(management_groups=frozenset({g}))),
    st.builds(
        lambda s, g: Requesters(resource_groups=(Scope.parse(f"/subscriptions/{s}/resourceGroups/{g}"),)),
        subscriptions,
        resource_groups,
    ),
)
wanted_targets = st.one_of(
    st.just(Targets()),
    scopes.map(lambda scope: Targets(scopes=(scope,))),
    st.builds(
        Targets,
        scopes=st.lists(scopes, max_size=2).map(tuple),
        types=st.frozensets(types, max_size=2),
        tags=st.lists(tags, max_size=2, unique=True).map(lambda some: tuple(sorted(some))),
    ),
)
managed_bys = st.builds(
    ManagedBy,
    services=st.sampled_from(((SERVICE,), (OTHER_SERVICE,), (SERVICE, OTHER_SERVICE))),
    within=st.sampled_from((timedelta(minutes=5), timedelta(hours=1))),
    nonce=st.booleans(),
)
wanted_groups = st.none() | st.frozensets(groups.map(fold), min_size=1, max_size=2)


def rarely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), st.none(), strategy)


simple_parts = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from((Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT)),
        "requesters": one_requester | st.just(Requesters(all=True)),
        "targets": st.just(Targets()) | scopes.map(lambda scope: Targets(scopes=(scope,))),
        "groups": st.none() | wanted_groups,
    }
)
"""Rules that know what they want: of those with everything in them few say yes."""
rule_parts = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from((Verdict.APPROVE, Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT)),
        "requesters": one_requester | requesters,
        "targets": wanted_targets,
        "groups": st.none() | st.none() | wanted_groups,
        "usual": st.sampled_from(((), (), (), USUAL)),
        "approve_until": days,
        "approvals": st.sampled_from((0, 0, 0, 0, 0, 1, 2)),
        "tenants": rarely(st.frozensets(tenants, min_size=1, max_size=1)),
        "managed_by": rarely(managed_bys),
    }
)


def as_file_allows(number: int, parts: dict[str, Any]) -> Rule:
    """What only approve rules may say, and their names told apart."""
    if parts["verdict"] is Verdict.REJECT:
        parts = {**parts, "approve_until": None, "approvals": 0, "managed_by": None}
        parts["requesters"] = Requesters(
            **{k: getattr(parts["requesters"], k) for k in Requesters.__dataclass_fields__ if k != "shared"}
        )
    return Rule(name=f"r{number}", **parts)


rule_lists = st.lists(simple_parts | rule_parts, max_size=6).map(
    lambda found: tuple(as_file_allows(number, parts) for number, parts in enumerate(found))
)
policies = st.builds(
    lambda rules, people, scope: policy(*rules, grants=Grants(approvals=people), scope=scope),
    rule_lists,
    st.sampled_from((1, 1, 2)),
    st.sampled_from((None, None, None, frozenset({DATA}), frozenset({DATA}), frozenset({STRANGER}))),
)
endpoints = st.builds(lambda s, g, n: endpoint_id(n, subscription=s, group=g), subscriptions, resource_groups, names)


def asked(target: ResourceId, **facts: Any) -> Connection:
    return connection(id=target.child("privateEndpointConnections", "c1"), **facts)


connection_facts = st.fixed_dictionaries(
    {
        "endpoint": endpoints,
        "guid": st.none() | guids,
        "link_identifier": st.none() | identifiers,
        "nonce": st.sampled_from((None, None, NONCE)),
        "groups": st.none() | st.lists(groups, min_size=1, max_size=2, unique=True).map(tuple),
    }
)
"""Of a fully read request."""
cases = st.builds(lambda target, facts: (target, asked(target, **facts)), targets, connection_facts)

managed = st.builds(
    Managed,
    id=st.just(SERVICE.child("managedPrivateEndpoints", "m1")),
    target=targets | st.none(),
    groups=st.lists(groups, max_size=1).map(tuple),
    status=st.sampled_from((Status.PENDING, Status.PENDING, Status.APPROVED, Status.UNKNOWN)),
    created=st.sampled_from((None, NOW, NOW - timedelta(minutes=10), NOW - timedelta(days=1))),
    nonce=st.sampled_from((None, NONCE)),
    spent_on=st.none() | st.none() | endpoints,
)
arounds = st.builds(
    Around,
    tags=st.none() | st.dictionaries(st.sampled_from(("env", "open")), st.sampled_from(("prod", "test", "yes"))),
    tenants=st.dictionaries(subscriptions, tenants),
    groups=st.dictionaries(management_groups, st.frozensets(subscriptions)),
    managed=st.dictionaries(
        st.sampled_from((SERVICE, OTHER_SERVICE)), st.lists(managed, max_size=2).map(tuple), max_size=2
    ),
    unexplained=st.sampled_from((None, 0, 1, 1, 2)),
    full=st.frozensets(st.sampled_from(("r0", "r1", "r2")), max_size=2),
    afterwards=st.booleans(),
)


def grant_for(target: ResourceId, one: Connection) -> st.SearchStrategy[Any]:
    return st.builds(
        grant,
        st.sampled_from((Verdict.APPROVE, Verdict.REJECT)),
        connection=st.just(one.id),
        endpoint=st.just(one.endpoint) | endpoints,
        guid=st.just(one.guid) | guids,
        people=st.sampled_from((("ada",), ("ada", "bob"), ("function key",))),
        spent=st.sampled_from((False, False, True)),
        mode=st.sampled_from(("apply", "apply", "plan")),
        expires=st.sampled_from((NOW, NOW + timedelta(days=1), NOW + timedelta(days=2))),
    )


def rules_of(policy: Policy, verdict: Verdict) -> list[Rule]:
    return [rule for rule in policy.rules if rule.verdict is verdict]
