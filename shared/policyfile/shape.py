"""The shape of a policy file, version 1. The one definition: checks, JSON Schema and its hover texts come from it.

With texts.py the only place that knows pydantic. Strict: unknown keys are mistakes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from ..core.rules import Mode
from .hubs import Dial, HubFile, ModesFile, NameOwnerFile, NamesFile, Strict
from .texts import (
    GroupText,
    GuidText,
    LinkText,
    Long,
    ManagementGroupText,
    OwnerText,
    PatternText,
    ResourceText,
    ScopeText,
    Seconds,
    Text,
    TypeText,
    UntilText,
    Word,
    ZoneText,
    whole_number,
)

People = Annotated[int, Field(ge=0, le=5, strict=True)]
Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]


class ScopeFile(Strict):
    subscriptions: Annotated[list[GuidText], Field(min_length=1)]
    """Subscriptions that hold targets. Targets anywhere else do not exist for Linkkeeper."""


class RequestersFile(Strict):
    """Whose requests the rule speaks of; any one of these is enough."""

    subscriptions: list[GuidText] = []
    """Every private endpoint in these subscriptions."""
    resource_groups: list[GroupText] = []
    """Every private endpoint in these resource groups."""
    endpoints: list[PatternText] = []
    """Endpoint ids; resource group and name may be globs, the subscription is always a literal GUID."""
    guids: list[GuidText] = []
    """The endpoint's resourceGuid, where Azure shows it."""
    link_identifiers: list[LinkText] = []
    """The endpoint's linkIdentifier, as Private Link Services and application gateways show it."""
    management_groups: list[ManagementGroupText] = []
    """Every subscription below these management groups, as Resource Graph shows them."""
    vendors: list[Text] = []
    """Names from the list of vendors."""
    all: StrictBool = False
    """Anybody. Say it only where you mean it."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        named = any(getattr(self, name) for name in type(self).model_fields if name != "all")
        if self.all == named:
            raise ValueError("name somebody, or say all: true, not both")
        return self


class TargetsFile(Strict):
    """What the rule is for: inside one of the scopes, of one of the types, with all of the tags."""

    ids: list[ResourceText] = []
    """Single resources, by their full ids."""
    scopes: list[ScopeText] = []
    """Subscriptions, resource groups or single resources."""
    types: list[TypeText] = []
    """Resource types, such as Microsoft.Storage/storageAccounts."""
    tags: dict[Annotated[str, Field(min_length=1, max_length=512)], Annotated[str, Field(max_length=256)]] = {}
    """Tags that the resource must have, name to value. Whoever may change tags may then open the resource."""
    all: StrictBool = False
    """Every target. Say it only where you mean it."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if self.all == bool(self.ids or self.scopes or self.types or self.tags):
            raise ValueError("name ids, scopes, types or tags, or say all: true, not both")
        return self


class ManagedByFile(Strict):
    """One of our own services must just have asked for this connection. A further condition, never the only one."""

    services: Annotated[list[ResourceText], Field(min_length=1)]
    """Ids of Grafana workspaces, data factories, search services, Stream Analytics clusters, Front Door profiles."""
    within_minutes: Annotated[int, Field(ge=1, le=10_080, strict=True)] = 60
    """How old the managed endpoint may be."""
    nonce: StrictBool = False
    """Its request message must hold linkkeeper-nonce: and 32 hex digits, and the request the same."""


class RuleFile(Strict):
    name: Text
    """Named in every decision that the rule makes."""
    verdict: Literal["approve", "reject"]
    """Reject beats approve; what no rule matches is held for a person."""
    requesters: RequestersFile
    """Whose requests the rule speaks of."""
    targets: TargetsFile
    """Which resources the rule is for."""
    groups: Annotated[list[Word], Field(min_length=1)] | None = None
    """Sub-resources such as blob; omitted means any, or what is usual for the rule's vendors."""
    approve_until: UntilText | None = None
    """The last day (UTC) on which the rule approves, or a time with its zone. It ends approving, not access."""
    reason: Long = ""
    """Why, for the journal; never sent to the requester."""
    ticket: Text | None = None
    """The change or request behind it, for the journal; never sent to the requester."""
    mode: Mode | None = None
    """off, plan or apply for this rule alone; omitted: as modes say."""
    limit: Count | None = None
    """How many connections the rule may approve, over all targets together."""
    approvals: People | None = None
    """How many people have to agree before a matching connection is approved; 0: none, the rule approves."""
    tenants: Annotated[list[GuidText], Field(min_length=1)] | None = None
    """The requester's subscription must belong to one of these tenants now; it may have been transferred."""
    managed_by: ManagedByFile | None = None
    """A service of your own that must just have asked for this connection; a further condition."""
    first_endpoint: Literal["hold", "allow"] = "hold"
    """The first endpoint of a Cosmos DB account that is open to all cuts off its public clients: allow it or hold."""


class RefreshFile(Strict):
    """Endpoints whose PUT has to be repeated after their Cosmos DB account gained or lost regions."""

    on_drift: Literal["report", "refresh"] = "report"
    """What to do about names that stay different though Azure asks for nothing. refresh: as if it had asked."""
    drift_minutes: Annotated[int, Field(ge=5, le=10_080, strict=True)] = 30
    """How long names may differ before that."""


class VendorFile(Strict):
    """A requester with a name: a vendor, its endpoints, and what it usually connects to."""

    name: Text
    """What rules call it."""
    kind: Literal["sigma", "dbt", "grafana"] | None = None
    """A vendor whose usual types and groups Linkkeeper knows. These are shared unless said otherwise."""
    shared: StrictBool | None = None
    """Its subscriptions serve all of its customers: only exact endpoint ids count, a subscription says nothing."""
    subscriptions: list[GuidText] = []
    """Its subscriptions. Where it is shared they never match; they only mark what is shared."""
    endpoints: list[PatternText] = []
    """The endpoint ids that the vendor told you; globs only where it is not shared."""
    usual: dict[TypeText, list[Word]] = {}
    """What it connects to: type to groups (none where the type has none). Adds to what is known of its kind."""
    contact: Text | None = None
    """Whom to ask, for people."""

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if not self.subscriptions and not self.endpoints:
            raise ValueError("name its endpoints or its subscriptions")
        return self


class DefaultsFile(Strict):
    """What rules mean that do not say it themselves."""

    mode: Mode | None = None
    """The mode of rules; omitted: as modes say."""
    limit: Count | None = None
    """The limit of each approve rule (not of all together)."""
    approvals: People = 0
    """How many people have to agree where an approve rule says nothing."""
    tenants: Annotated[list[GuidText], Field(min_length=1)] | None = None
    """The tenants that approve rules want."""


class GrantsFile(Strict):
    """Decisions by hand, where no rule says more."""

    approvals: Annotated[int, Field(ge=1, le=5, strict=True)] = 1
    """How many different people have to agree to an approval."""
    days: Annotated[int, Field(ge=1, le=366, strict=True)] = 7
    """How long a decision stays good when it says nothing itself."""


class CapsFile(Strict):
    """What one cause may bring about; more waits until a person releases it by its fingerprint."""

    approvals_per_policy_change: Annotated[int, Field(ge=0, le=100_000, strict=True)] = 100
    """Approvals that a changed policy may bring about by itself; 0: none."""
    approvals_per_sweep: Annotated[int, Field(ge=0, le=100_000, strict=True)] = 100
    """Approvals that one sweep may bring about by itself; 0: none."""
    deletions_per_settle: Annotated[int, Field(ge=0, le=100_000, strict=True)] = 50
    """Records of one target that may be deleted at once; 0: none without a person."""
    deletions_per_sweep: Annotated[int, Field(ge=0, le=100_000, strict=True)] = 100
    """Records that what one sweep finds may delete by itself; 0: none."""
    refreshes_per_hour: Annotated[int, Field(ge=0, le=1_000, strict=True)] = 20
    """Endpoints whose PUT may be repeated within an hour, all together; 0: none."""


class PolicyFile(Strict):
    """Linkkeeper's policy, version 1."""

    version: Annotated[Literal[1], BeforeValidator(whole_number)]
    """The version of this language: 1."""
    owner: OwnerText
    """The mark in the metadata of every record that Linkkeeper writes."""
    previous_owners: list[OwnerText] = []
    """Marks this installation used before; their records count as ours."""
    scope: ScopeFile | None = None
    """Where Linkkeeper looks for targets; omitted: wherever its identity may read."""
    modes: ModesFile = ModesFile()
    """What is done, and what is only shown; omitted ones mean LINKKEEPER_MODE."""
    ttl: Seconds = 10
    """Time to live of records, in seconds; 10 is what zone groups use."""
    ttls: dict[ZoneText, Seconds] = {}
    """Time to live of single zones, by their names; goes before the hub's."""
    records: Dial = "sync"
    """sync: records whose endpoint is gone are deleted; upsert-only: they are kept and shown."""
    adopt: StrictBool = False
    """Records that are correct and carry nobody's mark become ours; from then on they follow their endpoints."""
    defaults: DefaultsFile = DefaultsFile()
    """Said once for all rules; a rule's own word goes first."""
    grants: GrantsFile = GrantsFile()
    """Decisions by hand."""
    caps: CapsFile = CapsFile()
    """How much may happen at once before a person has to release it."""
    refresh: RefreshFile = RefreshFile()
    """Repeating the PUT of endpoints, where modes say so."""
    vendors: list[VendorFile] = []
    """Requesters with names, for rules to use."""
    rules: list[RuleFile] = []
    """The allow-list. Of several approve rules that match, the first with room in its limit counts, with its mode."""
    hubs: list[HubFile] = []
    """Where names are kept; without any, Linkkeeper writes no record."""
    names: list[NamesFile] = []
    """Names that Azure does not publish, for Private Link Services."""
    owners: list[NameOwnerFile] = []
    """Who is to hold names that several endpoints claim; without a word, whoever came first."""
