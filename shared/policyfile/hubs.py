"""The shape of what a policy file says about names: hubs, whom they serve, names that Azure does not publish, owners.

Part of shape.py's definition; strict in the same way.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from ..core.rules import Mode
from .texts import (
    EndpointText,
    GuidText,
    HostText,
    ManagementGroupText,
    NetworkText,
    RecordText,
    RegionText,
    ResolverText,
    ResourceText,
    Seconds,
    ServiceText,
    Text,
    ZonesText,
    ZoneText,
)

Dial = Literal["sync", "upsert-only"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ModesFile(Strict):
    """off: not even planned; plan: shown and journalled, not done; apply: done."""

    approve: Mode | None = None
    """Approving connections."""
    reject: Mode | None = None
    """Rejecting connections."""
    put: Mode | None = None
    """Writing records."""
    delete: Mode | None = None
    """Deleting records."""
    refresh: Mode | None = None
    """Repeating the PUT of endpoints whose account changed its regions; off unless set, and not said by hubs."""


class ServesFile(Strict):
    """Subscriptions, management groups, networks: any one is enough. Regions and tags narrow that down."""

    subscriptions: list[GuidText] = []
    """Endpoints in these subscriptions get their names here."""
    management_groups: list[ManagementGroupText] = []
    """Endpoints in every subscription below these management groups, as Resource Graph shows them."""
    networks: list[NetworkText] = []
    """Endpoints whose subnet lies in these virtual networks, by their ids."""
    regions: list[RegionText] = []
    """Only endpoints in these regions, such as westeurope."""
    tags: dict[Annotated[str, Field(min_length=1, max_length=512)], Annotated[str, Field(max_length=256)]] = {}
    """Only endpoints with all of these tags, name to value."""
    all: StrictBool = False
    """Every endpoint that connects to a target in scope."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if self.all == bool(self.subscriptions or self.management_groups or self.networks):
            raise ValueError("name subscriptions, management groups or networks, or say all: true, not both")
        return self


class HubFile(Strict):
    """One place where private DNS zones live. An endpoint may be served by several."""

    name: Text
    """Named in plans and findings."""
    zones: ZonesText
    """The resource group that holds the private DNS zones, or a list of the exact ids of zones."""
    serves: ServesFile
    """Whose endpoints get their names here."""
    cloud: Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"] | None = None
    """The cloud of its zones; an installation in another cloud leaves the hub alone. Omitted: the installation's."""
    region: RegionText | None = None
    """Where its clients are: of several endpoints that claim one name, one in this region holds it."""
    networks: list[NetworkText] = []
    """Networks whose clients resolve here: zones should be linked to them, and endpoints in them go before others."""
    resolvers: list[ResolverText] = []
    """Addresses of name servers in those networks (10.0.0.4 or 10.0.0.4:53): they are asked what clients would see."""
    ttl: Seconds | None = None
    """Time to live of the records, in seconds."""
    records: Dial | None = None
    """sync or upsert-only, for this hub alone; omitted: as the policy says."""
    adopt: StrictBool | None = None
    """Records that are correct and carry nobody's mark become ours. Omitted: as the policy says."""
    modes: ModesFile = ModesFile()
    """Modes of this hub alone, for put and delete; omitted: as the policy says."""


class NamesFile(Strict):
    """Names that Azure does not publish: those of a Private Link Service, your own or a vendor's."""

    service: ServiceText
    """The id of the Private Link Service, or its alias."""
    zone: ZoneText
    """The private DNS zone, such as westeurope.privatelink.azure.clickhouse.cloud."""
    records: Annotated[list[RecordText], Field(min_length=1, max_length=20)]
    """The names left of the zone: a host, "*" for every name, "@" for the zone itself."""
    ttl: Seconds | None = None
    """Time to live of these records, in seconds."""


class NameOwnerFile(Strict):
    """Shared names, such as api.monitor.azure.com, that several targets claim: who is to hold them."""

    names: Annotated[list[HostText], Field(min_length=1)]
    """The public names, or the full names of the records."""
    endpoint: EndpointText | None = None
    """The endpoint that holds them while it claims them."""
    target: ResourceText | None = None
    """Or the target: whichever of its endpoints came first."""

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if (self.endpoint is None) == (self.target is None):
            raise ValueError("name an endpoint or a target, not both")
        return self
