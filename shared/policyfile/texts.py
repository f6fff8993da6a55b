"""The words of a policy file one by one: GUIDs, ids, globs, types, dates. Each says what it wants instead.

Everything that becomes part of a comparison is folded here, once. Look-alikes from other alphabets are refused: a
subscription or group that only looks like yours is not yours.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from ..core.hub import region_of
from ..core.ids import NotAnId, ResourceId, Scope, fold, is_guid
from ..core.rules import EndpointPattern
from ..core.vantage import parse_resolver
from ..core.zones import NotAHostName, host_name

_SHAPE = "/subscriptions/<guid>/resourceGroups/<glob>/providers/Microsoft.Network/privateEndpoints/<glob>"
_WORD = re.compile(r"[A-Za-z0-9_.*?()-]{1,90}", re.ASCII)
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9_.()-]{1,90}", re.ASCII)
_TYPE = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)+(/[A-Za-z0-9]+)+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_STARS = 10


def _guid(value: object) -> object:
    if not is_guid(value):
        raise ValueError("a GUID is needed, such as aaaaaaaa-0000-4000-8000-000000000001")
    return fold(str(value))


def _ascii(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text is needed")
    odd = next((letter for letter in value if not " " <= letter <= "~"), None)
    if odd is not None:
        raise ValueError(f"holds {odd!a}, which is no plain letter: it may only look like the right one")
    if value != value.strip():
        raise ValueError("begins or ends with a space: Azure's names never do, so it would never match")
    return value


def whole_number(value: object) -> object:
    """For Literal, which takes true and 1.0 for 1."""
    if type(value) is not int:
        raise ValueError("a whole number is needed")
    return value


def _scope(value: object) -> object:
    try:
        return Scope.parse(_ascii(value))
    except NotAnId as wrong:
        raise ValueError(str(wrong)) from None


def _group_scope(value: object) -> object:
    scope = _scope(value)
    if not isinstance(scope, Scope) or len(scope.segments) != 4:
        raise ValueError("a resource group is needed: /subscriptions/<guid>/resourceGroups/<name>")
    return scope


def _resource(value: object) -> object:
    try:
        found = ResourceId.parse(_ascii(value))
    except NotAnId as wrong:
        raise ValueError(str(wrong)) from None
    if not is_guid(found.subscription):
        raise ValueError("the subscription must be a GUID")
    return found


def _pattern(value: object) -> object:
    parts = _ascii(value).strip("/").split("/")
    words = [fold(part) for part in parts]
    fixed = [words[i] if len(words) == 8 else "" for i in (0, 2, 4, 5, 6)]
    if fixed != ["subscriptions", "resourcegroups", "providers", "microsoft.network", "privateendpoints"]:
        raise ValueError(f"expected {_SHAPE}")
    if not is_guid(parts[1]):
        raise ValueError("the subscription must be a literal GUID, never a glob")
    if not all(_WORD.fullmatch(part) for part in (parts[3], parts[7])):
        raise ValueError("a glob may hold letters, digits, . _ - ( ) and the wildcards * and ?, at most 90")
    if sum(parts[at].count("*") for at in (3, 7)) > _STARS:
        raise ValueError(f"a glob may hold {_STARS} stars")
    return EndpointPattern(fold(parts[1]), parts[3], parts[7])


def _type(value: object) -> object:
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise ValueError("a resource type is needed, such as Microsoft.Storage/storageAccounts")
    return fold(value)


def _owner(value: object) -> object:
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise ValueError("letters, digits, '.', '_' and '-', at most 63: it is written into every record")
    return value


def _management_group(value: object) -> object:
    if not isinstance(value, str) or not _GROUP.fullmatch(value):
        raise ValueError("the management group's id is needed (not its display name): letters, digits, . _ - ( )")
    return fold(value)


def _link_identifier(value: object) -> object:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{1,20}", text, re.ASCII):
        raise ValueError("a linkIdentifier is needed: up to 20 digits")
    return text


def _typed(kind: str) -> Any:
    def check(value: object) -> object:
        found = _resource(value)
        if not isinstance(found, ResourceId) or not found.is_a(kind):
            raise ValueError(f"the id of a {kind} is needed")
        return found

    return check


def _zones(value: object) -> object:
    """A resource group, or the exact ids of zones."""
    if not isinstance(value, list):
        return _group_scope(value)
    if not value:
        raise ValueError("name a resource group, or at least one zone")
    return tuple(_typed("Microsoft.Network/privateDnsZones")(item) for item in value)


def _host(value: object) -> object:
    try:
        return host_name(_ascii(value))
    except NotAHostName as wrong:
        raise ValueError(f"is no name that DNS takes: {wrong}") from None


def _zone(value: object) -> object:
    """A private DNS zone: Azure takes two labels or more, and a wildcard only as a record."""
    name = str(_host(value))
    if name.startswith("*"):
        raise ValueError("is no zone: '*' can only be a record in one")
    if "." not in name:
        raise ValueError("is no private DNS zone: it needs two labels or more, such as contoso.internal")
    return name


def _record(value: object) -> object:
    """Left of the zone: labels, `*` alone or first, `@` for the zone itself."""
    text = fold(_ascii(value))
    if text not in ("@", "*"):
        _host(f"{text}.example.net")
    return text


def _service(value: object) -> object:
    """A Private Link Service by its id or by its alias, such as name.guid.region.azure.privatelinkservice."""
    text = _ascii(value)
    if text.startswith("/"):
        return _typed("Microsoft.Network/privateLinkServices")(text)
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2,}", text, re.ASCII):
        raise ValueError("the id of a Private Link Service is needed, or its alias: name.guid.region.azure…")
    return fold(text)


def _region(value: object) -> object:
    text = region_of(_ascii(value))
    if not text.isalnum():
        raise ValueError("a region is needed, such as westeurope")
    return text


def _resolver(value: object) -> object:
    parse_resolver(_ascii(value))
    return value


def _until(value: object) -> object:
    text = value if isinstance(value, str) else ""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a date is needed, such as 2027-06-30, or a time with its zone") from None
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2027-06-30T12:00:00Z (a plain date ends with that day, UTC)")
    return moment


def _as(kind: str, **more: Any) -> Any:
    return Field(json_schema_extra={"type": kind, **more})


GuidText = Annotated[str, BeforeValidator(_guid), Field(json_schema_extra={"format": "uuid"})]
ScopeText = Annotated[Any, BeforeValidator(_scope), _as("string")]
GroupText = Annotated[Any, BeforeValidator(_group_scope), _as("string")]
ResourceText = Annotated[Any, BeforeValidator(_resource), _as("string")]
PatternText = Annotated[Any, BeforeValidator(_pattern), _as("string")]
ZonesText = Annotated[
    Any,
    BeforeValidator(_zones),
    Field(json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
NetworkText = Annotated[Any, BeforeValidator(_typed("Microsoft.Network/virtualNetworks")), _as("string")]
EndpointText = Annotated[Any, BeforeValidator(_typed("Microsoft.Network/privateEndpoints")), _as("string")]
ServiceText = Annotated[Any, BeforeValidator(_service), _as("string")]
HostText = Annotated[str, BeforeValidator(_host)]
ZoneText = Annotated[str, BeforeValidator(_zone)]
RecordText = Annotated[str, BeforeValidator(_record)]
RegionText = Annotated[str, BeforeValidator(_region)]
ResolverText = Annotated[str, BeforeValidator(_resolver)]
TypeText = Annotated[str, BeforeValidator(_type)]
OwnerText = Annotated[str, BeforeValidator(_owner)]
ManagementGroupText = Annotated[str, BeforeValidator(_management_group)]
LinkText = Annotated[str, BeforeValidator(_link_identifier)]
UntilText = Annotated[Any, BeforeValidator(_until), _as("string")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Word = Annotated[str, BeforeValidator(_ascii), StringConstraints(min_length=1, max_length=200)]
"""A name of Azure's, such as a group: a look-alike would never match, and a rejection would silently not happen."""
Long = Annotated[str, StringConstraints(max_length=500)]
Seconds = Annotated[int, Field(ge=1, le=2_147_483_647, strict=True)]
