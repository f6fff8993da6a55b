"""What no single field of a policy file can tell: names used twice, unknown vendors, rules that could not be safe.

Reads the file as it was written and tolerates every shape, so that these mistakes are told beside all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.ids import fold
from .namechecks import names
from .vendors import USUAL
from .yamlfile import Place

Mistake = tuple[Place, str]
_ONLY_APPROVE = {
    "approve_until": "a rejection has no end; remove the rule instead",
    "limit": "only approvals are counted",
    "approvals": "a rejection asks nobody; it is the safe side",
    "managed_by": "only an approval can rest on a managed endpoint",
    "first_endpoint": "a rejection cuts nobody off",
}


def second_look(data: object) -> Iterator[Mistake]:
    for kind in ("rules", "hubs", "vendors"):
        yield from _twice(data, kind, "name", "{!r} is used twice")
    yield from names(data)
    vendors = {fold(str(vendor.get("name"))): vendor for _, vendor in _items(data, "vendors")}
    for place, vendor in _items(data, "vendors"):
        yield from _vendor(place, vendor)
        yield from _same(place, vendor, "usual")
    shared = _shared(vendors.values())
    for place, rule in _items(data, "rules"):
        if rule.get("verdict") == "reject":
            yield from (((*place, key), why) for key, why in _ONLY_APPROVE.items() if rule.get(key))
        else:
            yield from _approve(place, rule, data, shared)
        yield from _vendors_of(place, rule, vendors)
        yield from _out_of_scope(place, rule, data)
        yield from _same((*place, "targets"), rule.get("targets"), "tags")


def is_shared(vendor: Mapping[str, Any]) -> bool:
    said = vendor.get("shared")
    return said if isinstance(said, bool) else str(vendor.get("kind")) in USUAL


def _shared(vendors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Subscription to the name of the shared vendor that it belongs to."""
    found: dict[str, str] = {}
    for vendor in filter(is_shared, vendors):
        ids = [_subscription(text) for text in _texts(vendor.get("endpoints"))]
        for subscription in (*_texts(vendor.get("subscriptions")), *ids):
            found[fold(subscription)] = str(vendor.get("name"))
    return found


def _vendor(place: Place, vendor: Mapping[str, Any]) -> Iterator[Mistake]:
    for at, text in enumerate(_texts(vendor.get("endpoints"))):
        if is_shared(vendor) and set("*?") & set(text):
            yield (
                (*place, "endpoints", at),
                "a shared vendor needs exact endpoint ids: others use its subscription too",
            )


def _approve(place: Place, rule: Mapping[str, Any], data: object, shared: Mapping[str, str]) -> Iterator[Mistake]:
    who = _mapping(rule, "requesters")
    why = "belongs to the shared vendor {!r}: name exact endpoint ids, its subscription serves other customers too"
    for key in ("subscriptions", "resource_groups", "endpoints"):
        for at, text in enumerate(_texts(who.get(key))):
            subscription = fold(text if key == "subscriptions" else _subscription(text))
            exact = key == "endpoints" and not set("*?") & set(text)
            if subscription in shared and not exact:
                yield (*place, "requesters", key, at), why.format(shared[subscription])
    said = rule.get("approvals")
    asks = _mapping(data, "defaults").get("approvals") if said is None else said
    if asks and rule.get("limit"):
        yield (*place, "limit"), "counts what the rule approves by itself; here people decide each one"
    if who.get("all") is True and rule.get("managed_by") and not asks:
        text = "a managed endpoint of ours is never enough by itself: name requesters, or set approvals to 1 or more"
        yield (*place, "managed_by"), text


def _vendors_of(place: Place, rule: Mapping[str, Any], vendors: Mapping[str, Mapping[str, Any]]) -> Iterator[Mistake]:
    who = _mapping(rule, "requesters")
    named = _texts(who.get("vendors"))
    for at, name in enumerate(named):
        if fold(name) not in vendors:
            yield (*place, "requesters", "vendors", at), f"there is no vendor {name!r} in the list of vendors"
    if named and any(who.get(key) for key in who if key != "vendors"):
        yield (*place, "requesters"), "name vendors alone: what is usual for them would hold for the others too"
    known = [usual_of(vendors[fold(name)]) for name in named if fold(name) in vendors]
    if any(one != known[0] for one in known):
        yield (*place, "requesters", "vendors"), "usually connect to different things: write a rule for each"
    usual = {kind for one in known for kind in one}
    for at, kind in enumerate(_texts(_mapping(rule, "targets").get("types"))):
        if usual and fold(kind) not in usual:
            text = f"{', '.join(named)} usually does not connect to {kind}; if it does, add it to the vendor's usual"
            yield (*place, "targets", "types", at), text


def usual_of(vendor: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Type to groups: what is known of its kind, and what the file adds."""
    known = {fold(kind): groups for kind, groups in USUAL.get(str(vendor.get("kind")), {}).items()}
    own = vendor.get("usual")
    said = own.items() if isinstance(own, Mapping) else ()
    return {**known, **{fold(str(kind)): tuple(_texts(groups)) for kind, groups in said}}


def _out_of_scope(place: Place, rule: Mapping[str, Any], data: object) -> Iterator[Mistake]:
    inside = {fold(text) for text in _texts(_mapping(data, "scope").get("subscriptions"))}
    targets = _mapping(rule, "targets")
    for key in ("ids", "scopes"):
        for at, text in enumerate(_texts(targets.get(key))):
            if inside and fold(_subscription(text)) not in inside:
                yield (*place, "targets", key, at), "lies outside the policy's scope, so the rule never applies there"


def _twice(data: object, kind: str, key: str, what: str) -> Iterator[Mistake]:
    seen: set[str] = set()
    for place, item in _items(data, kind):
        text = item.get(key)
        if isinstance(text, str):
            if (folded := fold(text).strip("/")) in seen:
                yield (*place, key), what.format(text)
            seen.add(folded)


def _same(place: Place, item: object, key: str) -> Iterator[Mistake]:
    """Azure compares these without case: no resource has both of two such tags; of two such types one would be lost."""
    seen: set[str] = set()
    for name in map(str, _mapping(item, key)):
        if fold(name) in seen:
            yield (*place, key, name), "is given twice: upper and lower case mean the same here"
        seen.add(fold(name))


def _items(data: object, kind: str) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    found = data.get(kind) if isinstance(data, Mapping) else None
    for at, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, Mapping):
            yield (kind, at), item


def _mapping(item: object, key: str) -> Mapping[str, Any]:
    found = item.get(key) if isinstance(item, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _subscription(text: str) -> str:
    parts = text.strip("/").split("/")
    return parts[1] if len(parts) > 1 else ""
