"""Which names Cosmos DB accounts and their endpoints have, and what must be so once everything had its time.

Written a second time: from the design and the small Azure's own state, not from the app's code. One endpoint's place
in a policy, what is live and what a zone group covers are told by names_oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulator.azure import connections, endpoints
from simulator.azure.world import Resource
from simulator.azure.world import World as Cloud
from simulator.azure.zones import Record
from tests.laws import names_oracle
from tests.laws.names_oracle import Doc, Key, addresses, covered, hub_of, live, mode, ours, records, zone_id
from tests.world import DATA, HUB, STRANGER, TEAM

KIND = "Microsoft.DocumentDB/databaseAccounts"
ENDPOINT = "Microsoft.Network/privateEndpoints"
OUTLAW = "eeeeeeee-0000-4000-8000-000000000005"
"""Approved by a rule, served by no hub."""
ZONES = {
    "Sql": "privatelink.documents.azure.com",
    "MongoDB": "privatelink.mongo.cosmos.azure.com",
    "Gremlin": "privatelink.gremlin.cosmos.azure.com",
}
PLACES = ("west", "east")
COPIES = tuple(zone_id(place, zone) for place in PLACES for zone in ZONES.values())
Claims = dict[Key, dict[str, tuple[str, tuple[str, ...]]]]
"""Name to endpoint to its guid and addresses."""
Who = Mapping[str, tuple[str, tuple[str, ...]]]
OPEN_BUG_A_LATE_DELETION_ASKS_THE_ENDPOINT_ALONE = True
OPEN_BUG_A_REJECTION_SEEN_EARLY_KEEPS_ITS_RECORDS = True


def document() -> dict[str, Any]:
    """Everybody is approved; the strangers' endpoints are served in two hubs, the team's in one."""
    rule = {
        "name": "everybody",
        "verdict": "approve",
        "requesters": {"subscriptions": [TEAM, STRANGER, OUTLAW]},
        "targets": {"all": True},
        "first_endpoint": "allow",
    }
    place = f"/subscriptions/{HUB}/resourceGroups"
    return {
        "version": 1,
        "owner": "contoso-hub",
        "scope": {"subscriptions": [DATA]},
        "rules": [rule],
        "modes": {"refresh": "apply"},
        "refresh": {"on_drift": "report", "drift_minutes": 30},
        "caps": {"refreshes_per_hour": 20},
        "hubs": [
            {"name": "west", "zones": f"{place}/west", "serves": {"subscriptions": [TEAM, STRANGER]}},
            {"name": "east", "zones": f"{place}/east", "serves": {"subscriptions": [STRANGER]}},
        ],
    }


def fqdn(key: Key) -> str:
    return f"{key[1]}.{key[0].rsplit('/privatelink.', 1)[1]}"


def has(account: Resource | None, groups: list[str]) -> frozenset[str]:
    """The public names that the account has for these groups, as it stands."""
    if account is None:
        return frozenset()
    return frozenset(name.fqdn for one in endpoints.wanted_members(account, groups) for name in one.names)


def shows(own: Resource) -> frozenset[str]:
    """The public names that an endpoint maps."""
    return frozenset(name.fqdn for one in own.item.addresses for name in one.member.names)


def served(doc: Doc, own: Resource) -> list[Doc]:
    return [hub for hub in doc["hubs"] if own.path.subscription in hub["serves"]["subscriptions"]]


def recreate(cloud: Cloud, own: Resource) -> bool:
    """Azure asks for it, at either side."""
    link = connections.of_endpoint(cloud, own.item.target, own.item.guid)
    return "Recreate" in (own.item.state.actions, link.state.actions if link else "None")


def approved(cloud: Cloud, own: Resource) -> bool:
    """On both sides."""
    link = connections.of_endpoint(cloud, own.item.target, own.item.guid)
    return link is not None and link.state.status == own.item.state.status == "Approved"


def alive(cloud: Cloud, own: Resource) -> bool:
    """Approved, and once ready: also while it is put again, and after that has failed."""
    return approved(cloud, own) and own.item.born and own.item.provisioning != "Deleting"


def claims_of(cloud: Cloud, doc: Doc, own: Resource, counts: Callable[[Cloud, Resource], bool]) -> Claims:
    found: Claims = {}
    if not counts(cloud, own):
        return found
    groups = covered(cloud, own)
    for hub in served(doc, own):
        for copy in COPIES:
            if hub_of(doc, copy) is not hub or copy.lower() in groups or cloud.get(copy) is None:
                continue
            for (zone, record, _), at in names_oracle.names(own).items():
                if copy.lower().endswith(f"/{zone}"):
                    found[copy.lower(), record] = {own.path.key: (own.item.guid, at)}
    return found


def claims(cloud: Cloud, doc: Doc, counts: Callable[[Cloud, Resource], bool] = live) -> Claims:
    found: Claims = {}
    for own in cloud.of_type(ENDPOINT):
        for key, claim in claims_of(cloud, doc, own, counts).items():
            found.setdefault(key, {}).update(claim)
    return found


def wrong(cloud: Cloud, doc: Doc) -> list[str]:
    """What differs from what should be, once Azure is quiet and sweeps have run."""
    present, wanted, maybe = records(cloud), claims(cloud, doc), claims(cloud, doc, alive)
    found = []
    for key in sorted(present.keys() | wanted.keys()):
        why = _wrong(cloud, doc, key, present.get(key), wanted.get(key, {}), maybe.get(key, {}))
        found += [f"{key[1]} in {key[0]}: {why}; record {present.get(key)}; wanted {wanted.get(key)}"] * bool(why)
    return found + [text for own in cloud.of_type(ENDPOINT) if (text := _left_behind(cloud, doc, own))]


def _wrong(cloud: Cloud, doc: Doc, key: Key, record: Record | None, asked: Who, maybe: Who) -> str:
    if record is None:
        return "missing" if asked else ""
    if not ours(doc, record):
        return ""  # a zone group's: the machine writes no others
    mark = record.metadata or {}
    own = names_oracle.endpoint(cloud, mark.get("endpoint", ""))
    if maybe.get(mark.get("endpoint", "").lower()) == (mark.get("guid"), addresses(record)):
        return ""
    if asked:
        return "not what a live endpoint maps"
    if own is not None and (key[0] in covered(cloud, own) or kept(cloud, own, key, record)):
        return ""  # the group writes over it when it likes
    if own is not None and own.item.provisioning == "Failed":
        return ""  # law 6: a look at one that is not ready proves nothing, not even of one before it under its id
    if own is not None and own.item.state.status != "Approved" and OPEN_BUG_A_REJECTION_SEEN_EARLY_KEEPS_ITS_RECORDS:
        return ""
    return f"nobody maps it, {told(cloud, own) if own else 'its endpoint is gone'}"


def kept(cloud: Cloud, own: Resource, key: Key, record: Record) -> bool:
    """Neither side has given it up: the account has the name, its endpoint, which is live, does not map it (again)
    yet. The design keeps such a record (law 3)."""
    same = (record.metadata or {}).get("guid") == own.item.guid and live(cloud, own)
    return same and fqdn(key) in has(cloud.get(own.item.target), own.item.groups) and fqdn(key) not in shows(own)


def told(cloud: Cloud, own: Resource) -> str:
    """An endpoint in a few words, for those who look for a mistake."""
    link, account = connections.of_endpoint(cloud, own.item.target, own.item.guid), cloud.get(own.item.target)
    sides = (own.item.provisioning, own.item.state.status, link.state.status if link else "not listed")
    mode, names = (account.item.busy, sorted(has(account, own.item.groups))) if account else ("gone", [])
    return f"{own.path.name} {own.item.guid} is {sides}, maps {sorted(shows(own))}; its account {mode} has {names}"


def stuck(own: Resource, account: Resource) -> bool:
    """Its addresses are static, and not those that its account wants: only people can state others."""
    stated = {str(row["properties"].get("memberName", "")).lower() for row in own.item.static}
    wanted = {one.name.lower() for one in endpoints.wanted_members(account, own.item.groups)}
    return bool(stated) and wanted != stated


def _left_behind(cloud: Cloud, doc: Doc, own: Resource) -> str:
    """Where refreshing is on, no endpoint that we look after waits for its PUT."""
    account = cloud.get(own.item.target)
    if account is None or not alive(cloud, own) or not served(doc, own) or mode(doc, {}, "refresh") != "apply":
        return ""
    if stuck(own, account):
        return ""
    if recreate(cloud, own):
        return f"waits for its PUT: {told(cloud, own)}"
    differs = has(account, own.item.groups) != shows(own) and doc["refresh"]["on_drift"] == "refresh"
    return f"drifts: {told(cloud, own)}" if differs else ""
