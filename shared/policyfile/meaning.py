"""A checked policy file to core values: vendors become requesters, defaults are filled in."""

from __future__ import annotations

from datetime import timedelta

from ..core.hub import Hub, Serves
from ..core.ids import Scope, fold
from ..core.model import Verdict
from ..core.policy import Caps, Grants, NameOwner, Policy, ServiceNames
from ..core.regions import Drift
from ..core.rules import ManagedBy, Mode, Requesters, Rule, Targets
from .checks import is_shared, usual_of
from .hubs import HubFile
from .shape import DefaultsFile, ManagedByFile, PolicyFile, RequestersFile, RuleFile, TargetsFile, VendorFile

_KINDS = ("approve", "reject", "put", "delete", "refresh")
Vendors = dict[str, VendorFile]


def to_core(file: PolicyFile, default: Mode, digest: str, cloud: str | None = None) -> Policy:
    """`cloud`: the installation's; hubs of other clouds are not its own."""
    vendors = {fold(vendor.name): vendor for vendor in file.vendors}
    return Policy(
        owner=file.owner,
        previous_owners=tuple(file.previous_owners),
        scope=frozenset(file.scope.subscriptions) if file.scope else None,
        # A hub's own modes come first, then these; refresh is the most powerful right and needs its own word.
        modes=tuple(
            (kind, getattr(file.modes, kind) or (Mode.OFF if kind == "refresh" else default)) for kind in _KINDS
        ),
        ttl=file.ttl,
        caps=Caps(**file.caps.model_dump()),
        drift=Drift(after=timedelta(minutes=file.refresh.drift_minutes), refresh=file.refresh.on_drift == "refresh"),
        grants=Grants(**file.grants.model_dump()),
        rules=tuple(_rule(rule, vendors, file.defaults) for rule in file.rules),
        hubs=tuple(_hub(hub, file) for hub in file.hubs if not cloud or hub.cloud in (None, cloud)),
        ttls=dict(file.ttls),
        upsert_only=file.records == "upsert-only",
        service_names=tuple(
            ServiceNames(service=one.service, zone=one.zone, records=tuple(one.records), ttl=one.ttl)
            for one in file.names
        ),
        owners=tuple(
            NameOwner(names=frozenset(one.names), endpoint=one.endpoint, target=one.target) for one in file.owners
        ),
        hash=digest,
    )


def _hub(hub: HubFile, file: PolicyFile) -> Hub:
    who = hub.serves
    serves = Serves(
        all=who.all,
        subscriptions=frozenset(who.subscriptions),
        management_groups=frozenset(who.management_groups),
        networks=frozenset(who.networks),
        regions=frozenset(who.regions),
        tags=tuple(sorted((fold(name), value) for name, value in who.tags.items())),
    )
    return Hub(
        name=hub.name,
        zones=hub.zones,
        serves=serves,
        region=hub.region or "",
        networks=frozenset(hub.networks),
        resolvers=tuple(hub.resolvers),
        ttl=hub.ttl,
        upsert_only=(hub.records or file.records) == "upsert-only",
        adopt=file.adopt if hub.adopt is None else hub.adopt,
        modes=tuple((kind, mode) for kind in _KINDS if (mode := getattr(hub.modes, kind))),
    )


def _rule(rule: RuleFile, vendors: Vendors, defaults: DefaultsFile) -> Rule:
    verdict = Verdict(rule.verdict)
    approves = verdict is Verdict.APPROVE
    tenants = rule.tenants or (defaults.tenants if approves else None)
    asked = defaults.approvals if rule.approvals is None else rule.approvals
    return Rule(
        name=rule.name,
        verdict=verdict,
        requesters=_requesters(rule.requesters, vendors, _shared(vendors) if approves else frozenset()),
        targets=_targets(rule.targets),
        groups=None if rule.groups is None else frozenset(fold(group) for group in rule.groups),
        usual=_usual([vendors[fold(name)] for name in rule.requesters.vendors]),
        approve_until=rule.approve_until,
        reason=rule.reason,
        ticket=rule.ticket or "",
        mode=rule.mode or defaults.mode,
        limit=(rule.limit or defaults.limit) if approves else None,
        approvals=asked if approves else 0,
        tenants=frozenset(tenants) if tenants else None,
        managed_by=_managed_by(rule.managed_by) if rule.managed_by else None,
        first_endpoint=rule.first_endpoint == "allow",
    )


def _requesters(who: RequestersFile, vendors: Vendors, shared: frozenset[str]) -> Requesters:
    named = [vendors[fold(name)] for name in who.vendors]
    own = [vendor for vendor in named if not is_shared(vendor.model_dump())]
    return Requesters(
        subscriptions=frozenset((*who.subscriptions, *(s for vendor in own for s in vendor.subscriptions))),
        resource_groups=tuple(who.resource_groups),
        endpoints=(*who.endpoints, *(pattern for vendor in named for pattern in vendor.endpoints)),
        guids=frozenset(who.guids),
        link_identifiers=frozenset(who.link_identifiers),
        management_groups=frozenset(who.management_groups),
        all=who.all,
        shared=shared,
    )


def _shared(vendors: Vendors) -> frozenset[str]:
    shared = [vendor for vendor in vendors.values() if is_shared(vendor.model_dump())]
    listed = (subscription for vendor in shared for subscription in vendor.subscriptions)
    return frozenset((*listed, *(pattern.subscription for vendor in shared for pattern in vendor.endpoints)))


def _usual(vendors: list[VendorFile]) -> tuple[tuple[str, frozenset[str]], ...]:
    both: dict[str, set[str]] = {}
    for vendor in vendors:
        for kind, groups in usual_of(vendor.model_dump()).items():
            both.setdefault(kind, set()).update(fold(group) for group in groups)
    return tuple((kind, frozenset(groups)) for kind, groups in sorted(both.items()))


def _targets(targets: TargetsFile) -> Targets:
    return Targets(
        scopes=(*targets.scopes, *(Scope.parse(str(resource)) for resource in targets.ids)),
        types=frozenset(targets.types),
        tags=tuple(sorted((fold(key), value) for key, value in targets.tags.items())),
    )


def _managed_by(said: ManagedByFile) -> ManagedBy:
    return ManagedBy(services=tuple(said.services), within=timedelta(minutes=said.within_minutes), nonce=said.nonce)
