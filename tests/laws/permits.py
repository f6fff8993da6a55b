"""Who may be approved or rejected, written a second time: from the documentation, asking every rule, with no index and
none of the app's code.

A policy is the document as a person writes it (a dict, see `text`). Facts are what was told; None or absent: nobody
knows, and what nobody knows is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any

Doc = Mapping[str, Any]
YES, NO, UNKNOWN = "yes", "no", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One connection: what its target shows of it, and what its endpoint shows, where anybody may read that."""

    connection: str
    target: str
    endpoint: str
    guid: str | None = None
    groups: tuple[str, ...] | None = None

    @property
    def subscription(self) -> str:
        return self.endpoint.lower().split("/")[2]

    @property
    def type(self) -> str:
        parts = self.target.lower().split("/")
        return f"{parts[6]}/{parts[7]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    tags: Mapping[str, str] | None = None
    tenant: str | None = None
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Management group to the subscriptions below it."""


@dataclass(slots=True, kw_only=True)
class Grant:
    """What people said about one connection, bound to the endpoint that they saw."""

    connection: str
    endpoint: str
    guid: str | None
    verdict: str
    people: set[str]
    expires: datetime
    made: object = None
    """The very connection that they saw, in the cloud."""
    tried: bool = False
    spent: bool = False
    gone: bool = False

    def fits(self, request: Request, now: datetime) -> bool:
        same = (self.connection, self.endpoint) == (request.connection.lower(), request.endpoint.lower())
        return same and self.guid in (None, request.guid) and now < self.expires and not (self.spent or self.gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """approve, reject or hold; by the first rule that says so, or by people (rule None)."""

    verdict: str
    rule: Mapping[str, Any] | None = None
    why: str = ""


def text(doc: Doc) -> str:
    """JSON is YAML."""
    return json.dumps(doc, indent=1)


def covers(doc: Doc, target: str) -> bool:
    scope = doc.get("scope")
    return scope is None or target.lower().split("/")[2] in _folded(scope["subscriptions"])


def judge(doc: Doc, request: Request, facts: Facts, now: datetime, grants: Iterable[Grant] = ()) -> Judgement:
    """Reject beats everything, an unknown reject holds, people beat rules, a rule that asks people beats the others."""
    if not covers(doc, request.target):
        return Judgement(verdict="hold", why="out of scope")
    answers = [(rule, answer(rule, doc, request, facts, now)) for rule in doc.get("rules", ())]
    rejecting = [(rule, said) for rule, said in answers if rule["verdict"] == "reject" and said != NO]
    for rule, said in sorted(rejecting, key=lambda pair: pair[1] != YES):
        return Judgement(verdict="reject" if said == YES else "hold", rule=rule, why=f"{rule['name']} says {said}")
    fitting = [grant for grant in grants if grant.fits(request, now)]
    if any(grant.verdict == "reject" for grant in fitting):
        return Judgement(verdict="reject", why="people")
    if any(enough(grant, doc, request, facts, now) for grant in fitting):
        return Judgement(verdict="approve", why="people")
    for rule, said in answers:
        if rule["verdict"] == "approve" and asks(rule, doc) and said != NO:
            return Judgement(verdict="hold", rule=rule, why=f"{rule['name']} asks people")
    for rule, said in answers:
        if rule["verdict"] == "approve" and said == YES:
            return Judgement(verdict="approve", rule=rule, why=rule["name"])
    return Judgement(verdict="hold", why="no rule says yes")


def objection(
    doc: Doc,
    verdict: str,
    by: str | None,
    request: Request,
    facts: Facts,
    now: datetime,
    grants: Iterable[Grant] = (),
) -> str:
    """Why `verdict` must not be sent, said to be by that rule, or by people (None); empty where it may."""
    if not covers(doc, request.target):
        return "the target lies out of scope"
    rules = {rule["name"]: rule for rule in doc.get("rules", ())}
    rule = rules.get(by) if by is not None else None
    if by is not None and rule is None:
        return f"the policy has no rule {by}"
    if verdict == "approve":
        for other in rules.values():
            said = answer(other, doc, request, facts, now)
            if other["verdict"] == "reject" and said != NO:
                return f"reject rule {other['name']} says {said}"
            if by is not None and other["verdict"] == "approve" and asks(other, doc) and said != NO:
                return f"rule {other['name']} asks people, and says {said}"
    if rule is None:
        fitting = [grant for grant in grants if grant.verdict == verdict and grant.fits(request, now)]
        if verdict == "approve":
            fitting = [grant for grant in fitting if enough(grant, doc, request, facts, now)]
        return "" if fitting else "not enough people said so"
    if rule["verdict"] != verdict:
        return f"rule {by} says {rule['verdict']}"
    if mode(rule, doc) != "apply":
        return f"rule {by} is in mode {mode(rule, doc)}"
    said = answer(rule, doc, request, facts, now)
    return "" if said == YES else f"rule {by} says {said}"


def enough(grant: Grant, doc: Doc, request: Request, facts: Facts, now: datetime) -> bool:
    """As many different people as any rule that may match asks for; a key is nobody where there must be two."""
    needed = [doc.get("grants", {}).get("approvals", 1)]
    for rule in doc.get("rules", ()):
        if rule["verdict"] == "approve" and asks(rule, doc) and answer(rule, doc, request, facts, now) != NO:
            needed.append(asks(rule, doc))
    most = max(needed)
    return most <= 1 or len({one for one in grant.people if one != "function key"}) >= most


def asks(rule: Doc, doc: Doc) -> int:
    return int(rule.get("approvals", doc.get("defaults", {}).get("approvals", 0)))


def limit(rule: Doc, doc: Doc) -> int | None:
    return rule.get("limit") or doc.get("defaults", {}).get("limit")


def mode(rule: Doc, doc: Doc) -> str:
    return str(rule.get("mode") or doc.get("defaults", {}).get("mode") or "apply")


# --- one rule ---------------------------------------------------------------------------------------


def answer(rule: Doc, doc: Doc, request: Request, facts: Facts, now: datetime) -> str:
    """Every part has to say yes; one that says no is enough for no."""
    said = {
        _requester(rule, doc, request, facts),
        _tenant(rule, doc, facts),
        _target(rule, doc, request, facts),
        _groups(rule, doc, request),
        YES if _open(rule, now) else NO,
    }
    return NO if NO in said else UNKNOWN if UNKNOWN in said else YES


def _requester(rule: Doc, doc: Doc, request: Request, facts: Facts) -> str:
    who, named = rule["requesters"], list(_vendors(rule, doc))
    ids = [*who.get("endpoints", ()), *(one for vendor in named for one in vendor.get("endpoints", ()))]
    if any(_exact(one) and one.lower().strip("/") == request.endpoint.lower().strip("/") for one in ids):
        return YES
    if rule["verdict"] == "approve" and request.subscription in _shared(doc):
        return NO
    subscriptions = [*who.get("subscriptions", ())]
    subscriptions += [one for vendor in named if not _is_shared(vendor) for one in vendor.get("subscriptions", ())]
    place = "/".join(request.endpoint.lower().split("/")[:5])
    groups = who.get("management_groups", ())
    if (
        who.get("all")
        or request.subscription in _folded(subscriptions)
        or place in _folded(who.get("resource_groups", ()))
        or any(_glob(one, request.endpoint) for one in ids)
        or any(request.subscription in facts.below.get(one.lower(), ()) for one in groups)
        or request.guid in _folded(who.get("guids", ()))
    ):
        return YES
    hidden = bool(who.get("guids")) and request.guid is None
    return UNKNOWN if hidden or any(one.lower() not in facts.below for one in groups) else NO


def _tenant(rule: Doc, doc: Doc, facts: Facts) -> str:
    default = doc.get("defaults", {}).get("tenants") if rule["verdict"] == "approve" else None
    wanted = rule.get("tenants") or default
    if not wanted:
        return YES
    if facts.tenant is None:
        return UNKNOWN
    return YES if facts.tenant in _folded(wanted) else NO


def _target(rule: Doc, doc: Doc, request: Request, facts: Facts) -> str:
    wanted, target = rule["targets"], request.target.lower()
    places = [one.lower().rstrip("/") for one in (*wanted.get("scopes", ()), *wanted.get("ids", ()))]
    inside = not places or any(target == one or target.startswith(one + "/") for one in places)
    typed = not wanted.get("types") or request.type in _folded(wanted["types"])
    usual = _usual(rule, doc)
    if not inside or not typed or (usual and request.type not in usual):
        return NO
    tags = wanted.get("tags") or {}
    if not tags:
        return YES
    if facts.tags is None:
        return UNKNOWN
    told = {key.lower(): value for key, value in facts.tags.items()}
    return YES if all(told.get(key.lower()) == value for key, value in tags.items()) else NO


def _groups(rule: Doc, doc: Doc, request: Request) -> str:
    wanted = _folded(rule.get("groups") or _usual(rule, doc).get(request.type) or ())
    if not wanted:
        return YES
    if not request.groups:
        return UNKNOWN
    asked = _folded(request.groups)
    hit = asked <= wanted if rule["verdict"] == "approve" else bool(asked & wanted)
    return YES if hit else NO


def _open(rule: Doc, now: datetime) -> bool:
    until = rule.get("approve_until")
    if until is None:
        return True
    if len(until) == 10:
        return now.astimezone(UTC).date() <= date.fromisoformat(until)
    return now < datetime.fromisoformat(until)


# --- vendors ------------------------------------------------------------------------------------------


def _vendors(rule: Doc, doc: Doc) -> Iterator[Doc]:
    named = _folded(rule["requesters"].get("vendors", ()))
    return (vendor for vendor in doc.get("vendors", ()) if vendor["name"].lower() in named)


def _is_shared(vendor: Doc) -> bool:
    return bool(vendor.get("shared", False))


def _shared(doc: Doc) -> set[str]:
    """Subscriptions that serve all customers of some vendor."""
    found: set[str] = set()
    for vendor in filter(_is_shared, doc.get("vendors", ())):
        found |= _folded(vendor.get("subscriptions", ()))
        found |= {one.lower().split("/")[2] for one in vendor.get("endpoints", ())}
    return found


def _usual(rule: Doc, doc: Doc) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for vendor in _vendors(rule, doc):
        for kind, groups in vendor.get("usual", {}).items():
            found.setdefault(kind.lower(), set()).update(groups)
    return found


# --- words ----------------------------------------------------------------------------------------------


def _folded(texts: Iterable[str]) -> set[str]:
    return {one.lower().rstrip("/") for one in texts}


def _exact(pattern: str) -> bool:
    return not set("*?") & set(pattern)


def _glob(pattern: str, endpoint: str) -> bool:
    """Segment by segment: a star never reaches over a slash."""
    wanted, given = (one.lower().strip("/").split("/") for one in (pattern, endpoint))
    return len(wanted) == len(given) and all(map(fnmatchcase, given, wanted))
