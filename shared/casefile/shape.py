"""The shape of a case file. The one definition: its checks, JSON Schema and hover texts come from it.

Words are those of a policy file (policyfile/texts.py). Strict: unknown keys are mistakes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ..core.ids import ResourceId
from ..policyfile.texts import GuidText, LinkText, Long, ManagementGroupText, ResourceText, Text, UntilText, Word

_ENDPOINTS = "Microsoft.Network/privateEndpoints"


def _endpoint(found: ResourceId) -> ResourceId:
    if not found.is_a(_ENDPOINTS):
        raise ValueError(f"the id of a private endpoint is needed: …/providers/{_ENDPOINTS}/<name>")
    return found


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _utc(found: date | datetime) -> date | datetime:
    try:
        return found.astimezone(UTC) if isinstance(found, datetime) else found
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


MomentText = Annotated[UntilText, AfterValidator(_utc)]
NameText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.()-]{1,90}$")]
NonceText = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]


class ManagedCase(_Strict):
    """A managed endpoint of one of your services, as the service shows it: it waits to be approved."""

    service: ResourceText
    """The Grafana workspace, data factory … that asked."""
    target: ResourceText | None = None
    """What it asked for; omitted: the target of the case."""
    groups: list[Word] = []
    """The sub-resources it asked for."""
    created: MomentText | None = None
    """When it was made; omitted: nobody knows, and the connection is held."""
    nonce: NonceText | None = None
    """The nonce in its request message: 32 hex digits."""


class GivenCase(_Strict):
    """The request, and what lies around it. What is not said is not known."""

    endpoint: Annotated[ResourceText, AfterValidator(_endpoint)] | None = None
    """Who asks: the private endpoint's full id."""
    subscription: GuidText | None = None
    """Who asks, in short: any private endpoint in this subscription."""
    resource_group: NameText | None = None
    """The endpoint's resource group, beside subscription; omitted: any."""
    name: NameText | None = None
    """The endpoint's name, beside subscription; omitted: any."""
    target: ResourceText | None = None
    """What it wants to connect to."""
    groups: Annotated[list[Word], Field(min_length=1)] | None = None
    """The sub-resources asked for, such as blob."""
    guid: GuidText | None = None
    """The endpoint's resourceGuid."""
    link_identifier: LinkText | None = None
    """The endpoint's linkIdentifier, as Private Link Services and application gateways show it."""
    nonce: NonceText | None = None
    """The nonce that the request message holds."""
    status: Literal["Pending", "Approved", "Rejected", "Disconnected"] = "Pending"
    """The connection's state; only what is Pending is decided."""
    answer: dict[str, Any] | None = None
    """Instead of all that: the connection as Azure answers it, in JSON or YAML."""
    type: Text | None = None
    """The target's type, where its id is not that of the resource itself."""
    tags: dict[str, str] | None = None
    """All tags of the target; {}: it has none."""
    tenant: GuidText | None = None
    """The tenant of the requester's subscription."""
    management_groups: list[ManagementGroupText] | None = None
    """All management groups that the requester's subscription is in; []: in none of those the policy names."""
    managed: list[ManagedCase] | None = None
    """What your services wait for; []: for nothing."""
    unexplained: Annotated[int, Field(ge=0, strict=True)] | None = None
    """How many requests wait at the target that nothing but a managed endpoint could explain, this one included."""
    unknown: list[
        Literal["groups", "guid", "link_identifier", "tags", "tenant", "management_groups", "managed", "unexplained"]
    ] = []
    """What nobody can tell here, although the file says it for the other cases."""


class GrantCase(_Strict):
    """A decision that people made about this connection."""

    people: Annotated[list[Text], Field(min_length=1)]
    """Who agreed; `function key` is nobody in particular."""
    verdict: Literal["approve", "reject"] = "approve"
    """What they decided."""
    reason: Text = "by hand"
    """Their reason."""
    expires: MomentText | None = None
    """Omitted: still good."""


class OneCase(_Strict):
    name: Text
    """What is expected, as a sentence."""
    given: GivenCase = GivenCase()
    """The request, and what lies around it."""
    grants: list[GrantCase] = []
    """What people decided about it before."""
    at: MomentText | None = None
    """The moment of the decision (a date: its first moment, UTC); omitted: the file's, else now."""
    expect: Literal["approve", "reject", "hold", "leave"]
    """What Linkkeeper has to decide; leave: it is not its business."""
    rule: Text | None = None
    """The rule that decides; of a connection that is held: the nearest rule."""
    because: Long | None = None
    """Words that one of the reasons holds."""


class CaseFile(_Strict):
    """Cases that `python -m shared policy test` puts to a policy."""

    policy: Text | None = None
    """The policy file, seen from this file; omitted: policy/policy.yaml. The option --policy goes first."""
    at: MomentText | None = None
    """The moment of all decisions that do not say their own."""
    given: GivenCase = GivenCase()
    """What holds for every case that does not say it itself."""
    cases: Annotated[list[OneCase], Field(min_length=1)]
    """The questions."""
