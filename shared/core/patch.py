"""A rule for one connection that waits, ready for the policy file: this one endpoint, at this one target. Pure.

The endpoint's name was chosen by whoever asks: every value is written as a quoted text that YAML cannot misread.
Refuses to write anything wider than the one endpoint, and to name what a policy file cannot name exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from .ids import ResourceId, is_guid
from .model import Connection
from .rules import EndpointPattern

_DAYS = 90
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.()-")


def patch(connection: Connection, target: ResourceId, now: datetime) -> str:
    """The text of one item of `rules`, indented as one; a comment where no rule can name exactly this endpoint."""
    endpoint, groups = connection.endpoint, connection.groups or ()
    if why := unnameable(endpoint, target, groups):
        return f"  # no rule can be written for {quoted(str(connection.id or connection.name))}: {why}\n"
    assert endpoint is not None
    lines = [
        f"  - name: {quoted(_name(endpoint, target))}",
        "    verdict: approve",
        f"    requesters: {{endpoints: [{quoted(str(pattern_of(endpoint)))}]}}",
        f"    targets: {{ids: [{quoted(str(target))}]}}",
        *([f"    groups: {listed(groups)}"] if groups else []),
        f"    approve_until: {last_day(now, _DAYS)}",
        '    reason: "TODO: why"',
    ]
    return "\n".join(lines) + "\n"


def unnameable(endpoint: ResourceId | None, target: ResourceId, groups: Iterable[str]) -> str:
    """Why a policy file cannot say exactly this; empty where it can."""
    if endpoint is None:
        return "its endpoint is not known"
    if not is_guid(endpoint.subscription) or not is_guid(target.subscription):
        return "a subscription is no GUID"
    if not all(set(word) <= _PLAIN and 0 < len(word) <= 90 for word in (endpoint.group, endpoint.name)):
        return "the endpoint's id holds letters that Azure does not allow in its names, or is too long"
    if not _is_plain(str(target)) or not all(_is_plain(group) and 0 < len(group) <= 200 for group in groups):
        return "the target's id or its groups hold letters that are not plain"
    return ""


def pattern_of(endpoint: ResourceId) -> EndpointPattern:
    return EndpointPattern(endpoint.subscription, endpoint.group, endpoint.name)


def last_day(now: datetime, days: int) -> str:
    return (now.astimezone(UTC) + timedelta(days=days)).date().isoformat()


def quoted(text: str) -> str:
    """A JSON text: YAML reads it as exactly that text, whatever is in it, and it never leaves its line."""
    return json.dumps(text)


def listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def _name(endpoint: ResourceId, target: ResourceId) -> str:
    """Names of rules differ: the hashes tell two endpoints, or two targets, of one name apart."""
    return f"{endpoint.name[:90]} to {target.name[:80]} {endpoint.hash[:4]}{target.hash[:4]}"


def _is_plain(text: str) -> bool:
    return all(" " <= letter <= "~" for letter in text)
