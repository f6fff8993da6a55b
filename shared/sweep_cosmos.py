"""The sweep at Cosmos DB accounts: endpoints that do not map all regions, accounts that are open or nearly full, and
records that would break a region about to come. Refuses to read more than the lists that were read already, and each
of their virtual networks once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from .app import App
from .azure.inventory import Found
from .azure.memory import Known
from .core import cosmos
from .core.cosmos import Account
from .core.ids import ResourceId, fold
from .core.model import Connection, Endpoint, Name, RecordSet, Status
from .core.places import REGIONS
from .errors import Lasting, Passing
from .swept import Sweep

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def account(swept: Sweep, found: Found, connections: Iterable[Connection]) -> None:
    """What the account says for itself, and which endpoints it wants made again; those of others are reported."""
    if found.account is None or not swept.policy.covers(found.target):
        return
    listed = list(connections)
    for text in cosmos.findings(found.account, listed):
        swept.find(text)
    for connection in listed:
        endpoint = connection.endpoint
        if not connection.recreate or connection.status is not Status.APPROVED or endpoint is None:
            continue
        swept.recreating.add((found.target, endpoint))
        if not swept.policy.knows(endpoint):
            text = f"it lies in subscription {endpoint.subscription}, so its owner has to repeat its PUT"
            swept.find(f"{found.target.name}: Azure asks for {endpoint.name} to be made again; {text}")


def expected(swept: Sweep, endpoint: Endpoint, target: ResourceId) -> frozenset[str]:
    """The public names that its account has; empty where the target tells of none."""
    found, link = swept.accounts.get(target), endpoint.link_to(target)
    names = found.names(link.groups[0]) if found and link and link.groups else None
    return names or frozenset()


def place(swept: Sweep, endpoint: Endpoint, target: ResourceId) -> None:
    """The subnets in which endpoints of accounts lie."""
    if target in swept.accounts and endpoint.network is not None and endpoint.subnet is not None:
        swept.networks.setdefault(endpoint.network, set()).add((endpoint.id, endpoint.subnet))


def differs(swept: Sweep, endpoint: Endpoint, target: ResourceId, row: Known) -> str:
    """Why it is worth a look beside its account; one whose names the list does not show was seen to fit, or not."""
    found, link = swept.accounts.get(target), endpoint.link_to(target)
    if found is None or link is None or not found.settled or not (endpoint.provisioned or endpoint.failed):
        return ""
    if link.recreate or (target, endpoint.id) in swept.recreating:
        return f"Azure asks for {endpoint.id.name} to be made again"
    names = expected(swept, endpoint, target)
    if not names:
        return ""
    if endpoint.pairs is None:
        fits = row.fits == cosmos.digest(names)
    else:
        fits = {fold(fqdn) for fqdn, _ in endpoint.pairs} == names
    return "" if fits else f"{endpoint.id.name} does not map the regions of {target.name}"


def is_told(swept: Sweep, endpoint: Endpoint, target: ResourceId, row: Known, now: datetime) -> bool:
    """A settle saw it just so and told people; nothing will be done about it."""
    since = row.differs.partition(" ")[0]
    if row.told and row.told == cosmos.digest(expected(swept, endpoint, target)):
        return True
    late = bool(since) and now - datetime.fromisoformat(since) >= swept.policy.drift.after
    here = since and row.differs.endswith(cosmos.digest(expected(swept, endpoint, target)))
    return bool(here) and late and not swept.policy.refreshes_drift


async def subnets(swept: Sweep, app: App) -> None:
    """Where network policies hold for the endpoints of accounts, they may cut clients off (one read a network)."""
    for network in sorted(swept.networks):
        if swept.late(app.now()):
            return
        try:
            policed = await app.inventory.policed(network)
        except Passing as wrong:
            swept.incomplete(str(wrong))
            continue
        except Lasting as wrong:
            swept.find(f"whether network policies are in the way of endpoints cannot be told: {wrong}")
            continue
        for subnet, said in sorted(policed.items()):
            names = sorted(endpoint.name for endpoint, at in swept.networks[network] if at == subnet)
            if names:
                text = "its NSG and routes decide who reaches them; direct mode needs TCP 0 to 65535"
                swept.find(f"network policies ({said}) hold for {', '.join(names)} in {subnet.name}: {text}")


def strange_record(swept: Sweep, name: Name, present: RecordSet) -> None:
    """Not ours and claimed by nobody, in a zone of accounts: a stale one breaks the region that gets such a name (the
    seed's "Private DNS zone integration limitations")."""
    here = [found for found in swept.accounts.values() if fold(name.zone.name) in _zones(found)]
    owner = next((found for found in here if name.record in (_label(found), *found.labels)), None)
    if owner is not None:
        what = f"was written for an endpoint of {owner.id.name} that is gone" if _is_orphan(swept, present) else ""
    else:
        label, _, region = name.record.rpartition("-")
        owner = next((found for found in here if _label(found) == label and region in REGIONS), None)
        what = f"stands for a region that {owner.id.name} does not have" if owner else ""
    if what:
        listed = ", ".join(present.addresses)
        swept.find(f"{name} -> {listed} {what}: delete it by hand before clients are led there")


def _label(account: Account) -> str:
    return account.host.partition(".")[0]


def _is_orphan(swept: Sweep, present: RecordSet) -> bool:
    """A zone group's record names its endpoint's guid; only where every endpoint was listed does that prove much."""
    found = _GUID.search(present.label("creator") or "")
    return found is not None and swept.complete and fold(found[0]) not in swept.guids


def _zones(found: Account) -> set[str]:
    names = (fqdn for group in cosmos.GROUPS for fqdn in found.names(group) or ())
    return {f"privatelink.{fqdn.partition('.')[2]}" for fqdn in names}
