"""A Cosmos DB account as one read showed it: its regions, the names that follow from them, and who is kept out. Pure.

Knows one global name and one for each region per group, built from `locations[].id` and the account's own suffix.
Refuses to build a region's label from its display name, and to take an account in the middle of a change for settled.
Source: reference/cosmos.md sections 1, 2 and 5; recordings/cosmos-account-get.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from .ids import ResourceId, fold, key_of
from .model import Connection, Status
from .shapes import objects

ACCOUNT = "Microsoft.DocumentDB/databaseAccounts"
GROUPS = ("Sql", "SqlDedicated", "MongoDB", "Cassandra", "Gremlin", "Table")
QUOTA = 200
"""Endpoints of one account (documented)."""
_NEAR = 180
_WORDS = {
    "sqldedicated": "sqlx",
    "mongodb": "mongo",
    "cassandra": "cassandra",
    "gremlin": "gremlin",
    "table": "table",
}
"""Group to the word of its suffix, `{word}.cosmos.{rest}`. Sql is `documents.{rest}`; Analytical's regional names are
unknown, so nothing is expected of it."""
_SETTLED = {"succeeded", "failed", "offline", "online", "none"}
"""What is not in the middle of a change; states that nobody listed are (reference/cosmos.md section 3)."""
_TWO_GROUPS = {"enablegremlin": "gremlin", "enabletable": "table"}


class Barrier(Enum):
    """What keeps clients of public networks out (reference/cosmos.md section 5)."""

    OPEN = "nothing"
    ENDPOINT = "an approved endpoint"
    RULES = "rules"
    DISABLED = "public access is disabled"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`labels`: of its regions, `{account}-{region}`, also of those that come or go just now."""

    id: ResourceId
    host: str = ""
    """Of its document endpoint: `{account}.documents.azure.com`."""
    labels: tuple[str, ...] = ()
    settled: bool = False
    closed: Barrier = Barrier.UNKNOWN
    """Without its endpoints: OPEN where nothing else keeps the public out."""
    capabilities: frozenset[str] = frozenset()
    mongo: str = ""
    """Server version of a MongoDB account."""

    def names(self, group: str) -> frozenset[str] | None:
        """The public names that an endpoint of this group has to map; None where nobody can tell."""
        label, _, suffix = self.host.partition(".")
        rest = suffix.removeprefix("documents.")
        word = _WORDS.get(fold(group))
        if not label or rest == suffix or (word is None and fold(group) != "sql"):
            return None
        end = f"{word}.cosmos.{rest}" if word else suffix
        return frozenset(f"{one}.{end}" for one in (label, *self.labels))

    def region_of(self, fqdn: str) -> str:
        """`eastus` of `carts-eastus.documents.azure.com`; empty for the global name."""
        label = fqdn.partition(".")[0]
        return label.removeprefix(f"{self.host.partition('.')[0]}-") if label in self.labels else ""


def barrier(closed: Barrier, connections: Iterable[Connection]) -> Barrier:
    """What keeps the public out, given what does so without endpoints."""
    if closed is not Barrier.OPEN:
        return closed
    return Barrier.ENDPOINT if any(c.status is Status.APPROVED for c in connections) else Barrier.OPEN


def account(body: object) -> Account | None:
    """One `databaseAccounts` object; None when it is not one, or does not show its regions."""
    identity = ResourceId.read(body.get("id")) if isinstance(body, Mapping) else None
    properties = body.get("properties") if isinstance(body, Mapping) else None
    if identity is None or not identity.is_a(ACCOUNT) or not isinstance(properties, Mapping):
        return None
    rows = [row for key in ("locations", "writeLocations", "readLocations") for row in objects(properties.get(key))]
    labels = {fold(label) for row in rows if isinstance(label := row.get("id"), str) and label}
    host = _host(properties.get("documentEndpoint"))
    if not labels or not host or any(not label.startswith(f"{host.partition('.')[0]}-") for label in labels):
        return None
    states = [properties.get("provisioningState"), *(row.get("provisioningState") for row in rows)]
    versions = properties.get("apiProperties")
    return Account(
        id=identity,
        host=host,
        labels=tuple(sorted(labels)),
        settled=all(fold(str(state)) in _SETTLED for state in states),
        closed=closed(body),
        capabilities=frozenset(fold(str(row.get("name"))) for row in objects(properties.get("capabilities"))),
        mongo=str(versions.get("serverVersion") or "") if isinstance(versions, Mapping) else "",
    )


def digest(names: Iterable[str]) -> str:
    """Fingerprint of the names that an endpoint has to map."""
    return key_of(*sorted(names))


def findings(account: Account, connections: Iterable[Connection]) -> Iterator[str]:
    """What people should know of an account whose endpoints we look after."""
    listed = list(connections)
    approved = [connection for connection in listed if connection.status is Status.APPROVED]
    if barrier(account.closed, listed) is Barrier.ENDPOINT:
        yield (
            f"{account.id.name}: only its approved endpoints keep the public out; if the last one goes, it is open to "
            "all networks. Disable its public network access, or give it rules"
        )
    if len(listed) >= _NEAR:
        yield f"{account.id.name} has {len(listed)} endpoint connections of {QUOTA} at most"
    if account.mongo == "3.2":
        yield f"{account.id.name} runs MongoDB 3.2; private endpoints need 3.6 or newer"
    groups = {fold(group) for connection in approved for group in connection.groups or ()}
    if any(connection.groups is None for connection in approved):
        return
    for capability, group in _TWO_GROUPS.items():
        has = groups & {group, "sql"}
        if capability in account.capabilities and len(has) == 1:
            lacks = "Sql" if has == {group} else group.capitalize()
            text = "it needs two, and its clients reach the names of the other one publicly"
            yield f"{account.id.name} has no approved endpoint for {lacks}: {text}"


def _host(url: object) -> str:
    try:
        return fold(urlsplit(url).hostname or "") if isinstance(url, str) else ""
    except ValueError:
        return ""


def closed(body: object) -> Barrier:
    """Of an account whose regions may be unreadable, too: OPEN where nothing but an endpoint could close it."""
    properties = body.get("properties") if isinstance(body, Mapping) else None
    if not isinstance(properties, Mapping):
        return Barrier.UNKNOWN
    access = properties.get("publicNetworkAccess", "Enabled")
    if not isinstance(access, str):
        return Barrier.UNKNOWN
    if fold(access) != "enabled":
        return Barrier.DISABLED if fold(access) in ("disabled", "securedbyperimeter") else Barrier.UNKNOWN
    networks = bool(properties.get("isVirtualNetworkFilterEnabled")) and bool(properties.get("virtualNetworkRules"))
    rules = properties.get("ipRules") or properties.get("ipRangeFilter")
    return Barrier.RULES if rules or networks else Barrier.OPEN
