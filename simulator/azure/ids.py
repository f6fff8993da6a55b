"""Knows how ARM paths are built and taken apart. Refuses to know what lies behind them.

ARM compares paths without regard to case; answers keep the spelling of creation (reference: dns-records 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote


class BadPath(ValueError):
    """The text is no ARM path."""


@dataclass(frozen=True, slots=True)
class Path:
    """One ARM path: scope, provider namespace, and alternating types and names behind it.

    One type more than names: a collection or an action. No namespace: a group, subscription or tenant.
    """

    subscription: str = ""
    group: str = ""
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_extension(self) -> bool:
        """The path goes on behind a resource: {resource}/providers/{namespace}/{type}/{name}."""
        return len(self.names) > 1 and len(self.types) > 1 and self.types[-2].lower() == "providers"

    @property
    def is_item(self) -> bool:
        return bool(self.names) and len(self.types) == len(self.names)

    @property
    def type(self) -> str:
        """Full type, as spelled: Microsoft.Network/privateDnsZones/A."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""

    @property
    def last(self) -> str:
        """The last type segment, lower case: what a collection or action is called."""
        return self.types[-1].lower() if self.types else ""

    @property
    def id(self) -> str:
        """The path as text, in the spelling given."""
        text = f"/subscriptions/{self.subscription}" if self.subscription else ""
        if self.group:
            text += f"/resourceGroups/{self.group}"
        if self.namespace:
            text += f"/providers/{self.namespace}"
        for position, kind in enumerate(self.types):
            text += f"/{kind}"
            if position < len(self.names):
                text += f"/{self.names[position]}"
        return text

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def parent(self) -> Path:
        """The resource one level up; of a collection or action, the resource it hangs on."""
        names = self.names[:-1] if self.is_item else self.names
        return Path(self.subscription, self.group, self.namespace, self.types[:-1], names)

    def child(self, kind: str, name: str = "") -> Path:
        names = (*self.names, name) if name else self.names
        return Path(self.subscription, self.group, self.namespace, (*self.types, kind), names)

    def under(self, subscription: str, group: str) -> Path:
        """The same resource in another resource group."""
        return Path(subscription, group, self.namespace, self.types, self.names)


def parse(text: str) -> Path:
    """Take an ARM path apart; raises BadPath. Percent signs are decoded segment by segment."""
    if not text.startswith("/"):
        raise BadPath(text)
    parts = [unquote(part) for part in text.strip("/").split("/")]
    if any(not part or "/" in part or part in (".", "..") for part in parts):
        raise BadPath(text)
    subscription = group = namespace = ""
    if parts and parts[0].lower() == "subscriptions" and len(parts) > 1:
        subscription, parts = parts[1], parts[2:]
        if len(parts) > 1 and parts[0].lower() == "resourcegroups":
            group, parts = parts[1], parts[2:]
    if len(parts) > 1 and parts[0].lower() == "providers":
        namespace, parts = parts[1], parts[2:]
    return Path(subscription, group, namespace, tuple(parts[0::2]), tuple(parts[1::2]))


def resource(text: object) -> Path | None:
    """A resource id, or None when the text is none."""
    try:
        path = parse(text) if isinstance(text, str) else None
    except BadPath:
        return None
    return path if path and path.subscription and path.namespace and path.is_item else None
