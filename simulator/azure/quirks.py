"""Knows, as data, in what each provider's private endpoint connections differ.

One row per type; every other type gets PLAIN. Source of each row: reference private-endpoint-connections.md
sections 2 to 4 and the recordings named there (R recorded, S published spec, D documented, I issue, A assumed).
Refuses to know how a connection is stored or decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Refusal = tuple[str, str]  # error code, message
Second = Mapping[tuple[str, str], Refusal]  # (status now, status wanted) -> refused with 400

_NOT_PENDING = ("PrivateEndpointConnectionStatusNotPending", "Private Endpoint Connection Status is not Pending")
_STORAGE_AGAIN = (
    "InvalidValuesForRequestParameters",
    "Values for request parameters are invalid: privateLinkServiceConnectionState.status.",
)
_COSMOS_REJECTED = ("BadRequest", "Approving rejected private endpoint connections is not supported.")
REJECTED = (
    "BadRequest",
    "A rejected private endpoint connection cannot be approved. Delete and recreate the private endpoint.",
)

SQL_FAMILY: Second = {
    (now, wanted): _NOT_PENDING for now in ("Approved", "Rejected") for wanted in ("Approved", "Rejected")
}  # R: MySQL; the rule is the engine's
STAYS_REJECTED: Second = {("Rejected", "Approved"): REJECTED}  # I: "not possible in general"; code A


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """How one provider's connections look and what its decision PUT does. The defaults are the common core (S)."""

    name: str = "{endpoint}.{guid}"  # form of the connection's name
    groups: str = "?"  # "", "groupId", "groupIds"; "?" = not known, see switch unknown_groups
    actions: str = "actionsRequired"
    settled: str = "Succeeded"
    child: str = "privateEndpointConnections"
    automatic: str | None = "Auto-Approved"  # description after automatic approval; None = the key is missing
    consumer: str | None = None  # description at the endpoint after automatic approval, if different
    extras: tuple[str, ...] = ()  # etag, hexEtag, location, linkIdentifier, endpointLocation, subnet, ampls,
    # freeActions, lowerGroup
    nested: str = "no"  # in the parent: "no", "always", "filled" (key absent when empty)
    nested_without: tuple[str, ...] = ()  # keys that nested items lack
    put: int = 200
    body: str = "connection"  # "connection", "operation", "enqueued", "none"
    headers: tuple[str, ...] = ()  # "async", "location", "self"
    style: str = "generic"  # wording of the operation, see operations.py
    between: str = ""  # provisioningState until settled; "" = settled at once
    seconds: float = 0.0  # until settled, at pace 1
    follow: float = 0.0  # until the endpoint shows it, at pace 1, after settling
    second: Second = field(default_factory=lambda: STAYS_REJECTED)
    needs: tuple[str, ...] = ()  # "description", "status"
    delete: int = 200
    create: int = 201  # what a PUT of a new target answers
    sync: bool = False  # S: 200 at once is documented too, see switch sync_decisions
    made: bool = False  # S: so is 201


PLAIN = Quirk()
_SQL = Quirk(
    name="{endpoint}-{guid}",
    groups="",
    settled="Ready",
    nested="always",
    nested_without=("name", "type"),
    put=202,
    body="operation",
    headers=("async", "location"),
    style="elastic",
    between="Approving",
    seconds=2.0,
    second=SQL_FAMILY,
    delete=202,
)  # R: MySQL single server
_FLEXIBLE = replace(
    _SQL,
    name="{endpoint}.{guid}",
    groups="groupIds",
    settled="Succeeded",
    second=STAYS_REJECTED,
    style="generic",
    between="Updating",
    nested_without=(),
    body="connection",
    sync=True,
    made=True,
)
_LISTED = replace(PLAIN, nested="always")

QUIRKS: Mapping[str, Quirk] = {
    "microsoft.storage/storageaccounts": Quirk(  # R, second I
        name="{target}.{guid}",
        groups="",
        actions="actionRequired",
        nested="always",
        create=200,
        second={("Approved", "Approved"): _STORAGE_AGAIN, **STAYS_REJECTED},
    ),
    "microsoft.documentdb/databaseaccounts": Quirk(  # R
        name="{endpoint}",
        groups="groupId",
        automatic=None,
        consumer="",
        nested="filled",
        put=202,
        body="enqueued",
        headers=("async", "location"),
        style="cosmos",
        between="Updating",
        seconds=2.0,
        second={("Rejected", "Approved"): _COSMOS_REJECTED},
        delete=202,
        create=200,
    ),
    "microsoft.documentdb/mongoclusters": replace(
        PLAIN, groups="groupIds", put=202, headers=("async",), between="Updating", seconds=1.0, sync=True, made=True
    ),  # S
    "microsoft.sql/servers": replace(
        _SQL, groups="groupIds", body="none", style="generic", sync=True, needs=("description", "status")
    ),  # S; nested R
    "microsoft.sql/managedinstances": replace(
        _SQL, body="none", style="generic", sync=True, nested="no", needs=("description", "status")
    ),  # S
    "microsoft.dbformysql/servers": _SQL,  # R
    "microsoft.dbforpostgresql/servers": _SQL,  # R: same engine
    "microsoft.dbformariadb/servers": _SQL,  # R: same engine
    "microsoft.dbforpostgresql/flexibleservers": replace(_FLEXIBLE, settled="Ready"),  # S
    "microsoft.dbformysql/flexibleservers": _FLEXIBLE,  # S
    "microsoft.keyvault/vaults": Quirk(  # R
        name="{link}",
        groups="",
        extras=("hexEtag", "location"),
        nested="always",
        nested_without=("name", "type"),
        headers=("self",),
        between="Updating",
        seconds=2.0,
        second={},
        delete=202,
    ),
    "microsoft.network/privatelinkservices": Quirk(  # R
        name="{endpoint}.{endpointGuid}",
        groups="",
        automatic="Auto Approved",
        extras=("etag", "linkIdentifier", "endpointLocation", "freeActions"),
        nested="always",
        headers=("async",),
        style="network",
        between="Updating",
        seconds=0.5,
        follow=2.0,
        delete=202,
    ),
    "microsoft.network/applicationgateways": Quirk(  # S
        name="{endpoint}.{endpointGuid}",
        groups="",
        extras=("etag", "linkIdentifier"),
        nested="filled",
        put=202,
        headers=("async",),
        style="network",
        between="Updating",
        seconds=1.0,
        delete=202,
        sync=True,
    ),
    "microsoft.databricks/workspaces": Quirk(  # S
        name="{target}.{guid}",
        groups="groupIds",
        child="PrivateEndpointConnections",
        needs=("status",),
        put=202,
        headers=("async",),
        between="Updating",
        seconds=1.0,
        nested="filled",
        sync=True,
    ),
    "microsoft.kusto/clusters": Quirk(  # S
        name="{endpoint}-{guid}",
        groups="groupId",
        automatic="Auto-approved",
        sync=True,
        put=201,
        headers=("async",),
        between="Updating",
        seconds=1.0,
        nested="filled",
    ),
    "microsoft.dashboard/grafana": Quirk(  # S
        name="{endpoint}-{guid}",
        groups="groupIds",
        put=201,
        headers=("async",),
        between="Updating",
        seconds=1.0,
        nested="filled",
    ),
    "microsoft.insights/privatelinkscopes": Quirk(  # S
        name="{endpoint}-{guid}",
        groups="",
        automatic="Auto-approved",
        extras=("ampls",),
        put=202,
        headers=("async",),
        between="Updating",
        seconds=1.0,
        nested="filled",
        sync=True,
    ),
    "microsoft.eventgrid/topics": replace(_LISTED, groups="groupIds"),  # R
    "microsoft.eventgrid/domains": replace(_LISTED, groups="groupIds"),  # R
    "microsoft.eventgrid/partnernamespaces": replace(_LISTED, groups="groupIds"),  # A: as domains
    "microsoft.eventgrid/namespaces": replace(_LISTED, groups="groupIds"),  # A: as domains
    "microsoft.appconfiguration/configurationstores": replace(  # R
        _LISTED, name="{endpoint}", groups="", extras=("lowerGroup",)
    ),
    "microsoft.machinelearningservices/workspaces": replace(  # R
        _LISTED, name="{target}.{guid}", groups="", extras=("subnet",), nested_without=("name", "type"), create=200
    ),
    "microsoft.signalrservice/signalr": replace(_LISTED, name="{target}.{guid}"),  # R
    "microsoft.signalrservice/webpubsub": replace(_LISTED, name="{target}.{guid}"),  # A: as SignalR
    "microsoft.containerregistry/registries": replace(_LISTED, name="{target}.{hex}", groups=""),  # R: the name
    "microsoft.search/searchservices": replace(_LISTED, name="{endpoint}.{guid}"),  # A
    "microsoft.web/sites": replace(_LISTED, name="{endpoint}-{guid}", create=200),  # A
    "microsoft.powerbi/privatelinkservicesforpowerbi": _LISTED,  # A: CLI lists by parent
    "microsoft.fabric/privatelinkservicesforfabric": _LISTED,  # A: as Power BI
    "microsoft.migrate/migrateprojects": _LISTED,  # A: CLI lists by parent
    "microsoft.migrate/assessmentprojects": _LISTED,  # A: CLI lists by parent
    "microsoft.offazure/mastersites": _LISTED,  # A: CLI lists by parent
    "microsoft.datafactory/factories": replace(PLAIN, create=200),  # S: create answers 200
    "microsoft.batch/batchaccounts": replace(PLAIN, create=200),  # S: create answers 200
}


def quirk(kind: str) -> Quirk:
    """The row of a target's type, in any casing."""
    return QUIRKS.get(kind.lower(), PLAIN)
