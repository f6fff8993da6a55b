"""What should be true, written a second time: from the state of the small Azure, with none of the app's code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simulator.azure import connections
from simulator.azure.world import World as Cloud
from simulator.azure.zones import Record
from tests.world import DATA, HUB, STRANGER, TEAM

OUTLAW = "eeeeeeee-0000-4000-8000-000000000005"
SERVED = (TEAM, STRANGER)
_DATA = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
ZONES = {group: f"privatelink.{group}.core.windows.net" for group in ("blob", "file")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy in two forms: the file, and what it says about a requester and the groups asked for."""

    name: str
    approves: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    rejects: tuple[str, ...] = ()
    valid: bool = True

    @property
    def text(self) -> str:
        if not self.valid:
            return f"version: 1\nowner: contoso-hub\nrules: [{{name: {self.name}, verdict: aprove}}]\n"
        rules = [
            f"{{name: no {n}, verdict: reject, requesters: {_who(one)}, {_DATA}}}" for n, one in enumerate(self.rejects)
        ]
        for number, (one, groups) in enumerate(self.approves):
            only = f", groups: [{', '.join(groups)}]" if groups else ""
            rules.append(f"{{name: yes {number}, verdict: approve, requesters: {_who(one)}, {_DATA}{only}}}")
        hub = f"/subscriptions/{HUB}/resourceGroups/dns"
        return (
            f"version: 1\nowner: contoso-hub\nscope: {{subscriptions: [{DATA}]}}\nrules:\n"
            + "".join(f"  - {rule}\n" for rule in rules)
            + f"hubs:\n  - {{name: hub, zones: {hub}, serves: {{subscriptions: [{', '.join(SERVED)}]}}}}\n"
        )

    def verdict(self, subscription: str, groups: Iterable[str]) -> str:
        if subscription in self.rejects:
            return "reject"
        matching = (only is None or set(groups) <= set(only) for one, only in self.approves if one == subscription)
        return "approve" if any(matching) else "hold"


def _who(subscription: str) -> str:
    return f"{{subscriptions: [{subscription}]}}"


TEAM_ONLY = Policy(name="team only", approves=((TEAM, None),), rejects=(OUTLAW,))
BLOB_ONLY = Policy(name="blob only", approves=((TEAM, ("blob",)),), rejects=(OUTLAW,))
EVERYBODY = Policy(name="everybody", approves=((TEAM, None), (STRANGER, None)), rejects=(OUTLAW,))
NO_STRANGER = Policy(name="no stranger", approves=((TEAM, None),), rejects=(OUTLAW, STRANGER))
INVALID = Policy(name="invalid", valid=False)


def ours(record: Record) -> bool:
    mark = record.metadata or {}
    wanted = {"managedBy": "linkkeeper", "owner": "contoso-hub", "deployment": "local"}
    return all(mark.get(key) == value for key, value in wanted.items())


def claimants(cloud: Cloud) -> dict[tuple[str, str], dict[str, tuple[str, ...]]]:
    """(zone, record) to the live, approved, served endpoints without a zone group that have it: id to addresses."""
    found: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    for resource in list(cloud.of_type("Microsoft.Network/privateEndpoints")):
        own = resource.item
        link = connections.of_endpoint(cloud, own.target, own.guid)
        approved = link is not None and link.state.status == own.state.status == "Approved"
        if not approved or own.zone_group or resource.path.subscription not in SERVED or cloud.get(own.target) is None:
            continue
        for address in own.addresses:
            for name in address.member.names:
                row = found.setdefault((name.zone, name.record), {})
                row[resource.path.id] = tuple(sorted({*row.get(resource.path.id, ()), address.address}))
    return found


def all_connections(cloud: Cloud) -> list[connections.Connection]:
    return [one for rows in cloud.connections.values() for one in rows.values()]


def records(cloud: Cloud) -> dict[tuple[str, str], Record]:
    found = {}
    for zone in cloud.of_type("Microsoft.Network/privateDnsZones"):
        found |= {(zone.path.name, r.name): r for (kind, _), r in zone.item.records.items() if kind == "A"}
    return found


def addresses(record: Record) -> tuple[str, ...]:
    return tuple(sorted(row["ipv4Address"] for row in record.values or []))
