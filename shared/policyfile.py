"""The policy file: YAML to core values, every mistake at once with line and path, and the JSON Schema for editors.

The only place that knows pydantic. Strict: unknown and repeated keys are mistakes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from . import yamlfile
from .core.ids import NotAnId, Scope, fold, is_guid
from .core.model import Verdict
from .core.policy import EndpointPattern, Hub, Mode, Policy, Requesters, Rule, Targets
from .yamlfile import BadFile, Place, path_text

_KINDS = ("approve", "reject", "put", "delete", "refresh")
_WORD = re.compile(r"[A-Za-z0-9_.*?()-]+", re.ASCII)
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)


class BadPolicy(BadFile):
    """Every mistake of a policy file."""


def _guid(value: object) -> object:
    if not is_guid(value):
        raise ValueError("a GUID is needed, such as aaaaaaaa-0000-4000-8000-000000000001")
    return fold(str(value))


def _scope(value: object) -> object:
    try:
        return Scope.parse(value)
    except NotAnId as wrong:
        raise ValueError(str(wrong)) from None


def _group_scope(value: object) -> object:
    scope = _scope(value)
    if isinstance(scope, Scope) and len(scope.segments) != 4:
        raise ValueError("the resource group that holds the zones is needed")
    return scope


def _pattern(value: object) -> object:
    shape = "/subscriptions/<guid>/resourceGroups/<glob>/providers/Microsoft.Network/privateEndpoints/<glob>"
    parts = value.strip("/").split("/") if isinstance(value, str) else []
    words = [fold(part) for part in parts]
    fixed = [words[i] if len(words) == 8 else "" for i in (0, 2, 4, 5, 6)]
    if fixed != ["subscriptions", "resourcegroups", "providers", "microsoft.network", "privateendpoints"]:
        raise ValueError(f"expected {shape}")
    if not is_guid(parts[1]):
        raise ValueError("the subscription must be a literal GUID, never a glob")
    if not all(_WORD.fullmatch(part) for part in (parts[3], parts[7])):
        raise ValueError("a glob may hold letters, digits, . _ - ( ) and the wildcards * and ?")
    return EndpointPattern(fold(parts[1]), parts[3], parts[7])


def _type(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]+(\.[A-Za-z]+)+(/[A-Za-z0-9]+)+", value):
        raise ValueError("a resource type is needed, such as Microsoft.Storage/storageAccounts")
    return fold(value)


def _owner(value: object) -> object:
    if not isinstance(value, str) or not _OWNER.fullmatch(value):
        raise ValueError("letters, digits, '.', '_' and '-', at most 63: it is written into every record")
    return value


Guid = Annotated[str, BeforeValidator(_guid)]
GuidText = Annotated[Guid, Field(json_schema_extra={"format": "uuid"})]
ScopeText = Annotated[Any, BeforeValidator(_scope), Field(json_schema_extra={"type": "string"})]
GroupText = Annotated[Any, BeforeValidator(_group_scope), Field(json_schema_extra={"type": "string"})]
PatternText = Annotated[Any, BeforeValidator(_pattern), Field(json_schema_extra={"type": "string"})]
TypeText = Annotated[str, BeforeValidator(_type)]
OwnerText = Annotated[str, BeforeValidator(_owner)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Seconds = Annotated[int, Field(ge=1, le=2_147_483_647, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ScopeFile(_Strict):
    subscriptions: Annotated[list[GuidText], Field(min_length=1)]
    """Subscriptions that hold targets. Targets anywhere else do not exist for Linkkeeper."""


class RequestersFile(_Strict):
    """Whose requests the rule speaks of; any one of these is enough."""

    subscriptions: list[GuidText] = []
    """Every private endpoint in these subscriptions."""
    endpoints: list[PatternText] = []
    """Endpoint ids; resource group and name may be globs, the subscription is always a literal GUID."""
    guids: list[GuidText] = []
    """The endpoint's resourceGuid, where Azure shows it."""
    all: bool = False
    """Anybody. Say it only where you mean it."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if self.all == bool(self.subscriptions or self.endpoints or self.guids):
            raise ValueError("name somebody, or say all: true, not both")
        return self


class TargetsFile(_Strict):
    """What the rule is for: inside one of the scopes and of one of the types."""

    scopes: list[ScopeText] = []
    """Subscriptions, resource groups or single resources."""
    types: list[TypeText] = []
    """Resource types, such as Microsoft.Storage/storageAccounts."""
    all: bool = False
    """Every target. Say it only where you mean it."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if self.all == bool(self.scopes or self.types):
            raise ValueError("name scopes or types, or say all: true, not both")
        return self


class RuleFile(_Strict):
    name: Text
    """Named in every decision that the rule makes."""
    verdict: Literal["approve", "reject"]
    """Reject beats approve; what no rule matches is held for a person."""
    requesters: RequestersFile
    targets: TargetsFile
    groups: Annotated[list[Text], Field(min_length=1)] | None = None
    """Sub-resources such as blob; omitted means any."""
    approve_until: date | None = None
    """The last day (UTC) on which the rule approves. It ends approving, not access."""
    reason: str = Field(default="", max_length=500)
    """A ticket, for the journal; never sent to the requester."""
    mode: Mode | None = None
    """off, plan or apply for this rule alone; omitted: as modes say."""


class ServesFile(_Strict):
    subscriptions: list[GuidText] = []
    """Endpoints in these subscriptions get their names here."""
    all: bool = False
    """Every endpoint that connects to a target in scope."""

    @model_validator(mode="after")
    def _says_whom(self) -> Self:
        if self.all == bool(self.subscriptions):
            raise ValueError("name subscriptions, or say all: true, not both")
        return self


class ModesFile(_Strict):
    """off: not even planned; plan: shown and journalled, not done; apply: done."""

    approve: Mode | None = None
    reject: Mode | None = None
    put: Mode | None = None
    delete: Mode | None = None
    refresh: Mode | None = None


class HubFile(_Strict):
    name: Text
    zones: GroupText
    """The resource group that holds the private DNS zones."""
    serves: ServesFile
    ttl: Seconds | None = None
    """Time to live of the records, in seconds."""
    modes: ModesFile = ModesFile()


class PolicyFile(_Strict):
    """Linkkeeper's policy, version 1."""

    version: Literal[1]
    owner: OwnerText
    """The mark in the metadata of every record that Linkkeeper writes."""
    previous_owners: list[OwnerText] = []
    """Marks this installation used before; their records count as ours."""
    scope: ScopeFile | None = None
    modes: ModesFile = ModesFile()
    ttl: Seconds = 10
    """Time to live of records, in seconds; 10 is what zone groups use."""
    rules: list[RuleFile] = []
    hubs: list[HubFile] = []


def load(path: Path, default: Mode) -> Policy:
    """Raises BadPolicy, also for a file that cannot be read. `default`: what modes not set in the file mean."""
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise BadPolicy([(0, str(path.name), f"cannot be read: {wrong.strerror}")]) from None
    return parse(raw, default)


def parse(raw: bytes, default: Mode = Mode.PLAN) -> Policy:
    lines: dict[Place, int] = {}
    mistakes: list[tuple[int, str, str]] = []
    try:
        data = yamlfile.read(raw, lines, mistakes)
    except BadFile as wrong:
        raise BadPolicy(wrong.mistakes) from None
    empty = list(_empty(data))
    mistakes += [_mistake(place, "has no value: write one, or remove the key", "", lines) for place in empty]
    parsed: PolicyFile | None = None
    try:
        parsed = PolicyFile.model_validate(data)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False, include_input=False):
            if error["loc"] not in empty:
                mistakes.append(_mistake(error["loc"], error["msg"], error["type"], lines))
    mistakes += [_mistake(place, what, "", lines) for place, what in _second_look(data)]
    if mistakes or parsed is None:
        raise BadPolicy(mistakes)
    return _to_core(parsed, default, hashlib.sha256(raw).hexdigest()[:16])


def schema() -> dict[str, Any]:
    """The JSON Schema, hover texts included; policy/policy.schema.json is checked against it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PolicyFile.model_json_schema()}


def _empty(data: object, place: Place = ()) -> Iterator[Place]:
    """Keys without a value: `groups:` with its lines commented out must not come to mean any group."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        if value is None:
            yield (*place, key)
        yield from _empty(value, (*place, key))


def _second_look(data: object) -> Iterator[tuple[Place, str]]:
    """What no single field can tell, told of the file as it was written: repeated names, dates on rejections."""
    for kind in ("rules", "hubs"):
        items = data.get(kind) if isinstance(data, dict) else None
        names: list[str] = []
        groups: list[str] = []
        for place, item in enumerate(items if isinstance(items, list) else ()):
            name = item.get("name") if isinstance(item, dict) else None
            if isinstance(name, str) and fold(name) in names:
                yield (kind, place, "name"), f"{name!r} is used twice"
            names.append(fold(str(name)))
            group = item.get("zones") if isinstance(item, dict) else None
            if isinstance(group, str) and fold(group).strip("/") in groups:
                yield (kind, place, "zones"), "another hub has the same resource group"
            groups.append(fold(str(group)).strip("/"))
            if isinstance(item, dict) and item.get("verdict") == "reject" and item.get("approve_until"):
                yield (kind, place, "approve_until"), "a rejection has no end; remove the rule instead"


def _to_core(file: PolicyFile, default: Mode, digest: str) -> Policy:
    return Policy(
        owner=file.owner,
        previous_owners=tuple(file.previous_owners),
        scope=frozenset(file.scope.subscriptions) if file.scope else None,
        # A hub's own modes come first, then these; refresh is the most powerful right and needs its own word.
        modes=tuple(
            (kind, getattr(file.modes, kind) or (Mode.OFF if kind == "refresh" else default)) for kind in _KINDS
        ),
        ttl=file.ttl,
        rules=tuple(_rule(rule) for rule in file.rules),
        hubs=tuple(
            Hub(
                name=hub.name,
                zones=hub.zones,
                subscriptions=frozenset(hub.serves.subscriptions),
                all=hub.serves.all,
                ttl=hub.ttl,
                modes=tuple((kind, mode) for kind in _KINDS if (mode := getattr(hub.modes, kind))),
            )
            for hub in file.hubs
        ),
        hash=digest,
    )


def _rule(rule: RuleFile) -> Rule:
    return Rule(
        name=rule.name,
        verdict=Verdict(rule.verdict),
        requesters=Requesters(
            subscriptions=frozenset(rule.requesters.subscriptions),
            endpoints=tuple(rule.requesters.endpoints),
            guids=frozenset(rule.requesters.guids),
            all=rule.requesters.all,
        ),
        targets=Targets(scopes=tuple(rule.targets.scopes), types=frozenset(rule.targets.types)),
        groups=None if rule.groups is None else frozenset(fold(group) for group in rule.groups),
        approve_until=rule.approve_until,
        reason=rule.reason,
        mode=rule.mode,
    )


def _mistake(place: Place, what: str, kind: str, lines: dict[Place, int]) -> tuple[int, str, str]:
    known = place
    while known and known not in lines:
        known = known[:-1]
    if kind == "extra_forbidden":
        what = "is no key of this policy version; check the spelling"
    elif kind == "missing":
        what = "is missing"
    return lines.get(known, 1), path_text(place), what.removeprefix("Value error, ")
