"""Access keys. Knows which level a presented key gives; refuses to say whether a key was nearly right."""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from aiohttp import web


class Level(IntEnum):
    ANONYMOUS = 0
    FUNCTION = 2
    ADMIN = 4


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The master key, host keys (any function), system keys (webhooks) and keys of single functions."""

    master: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    host: dict[str, str] = field(default_factory=lambda: {"default": secrets.token_urlsafe(32)})
    system: dict[str, str] = field(default_factory=lambda: {"eventgrid_extension": secrets.token_urlsafe(32)})
    functions: dict[str, dict[str, str]] = field(default_factory=dict)

    def level(self, presented: str | None, function: str) -> Level:
        """What this key allows on this function: a key of another function allows nothing."""
        if not presented:
            return Level.ANONYMOUS
        if _same(presented, self.master):
            return Level.ADMIN
        accepted = [*self.host.values(), *self.functions.get(function, {}).values()]
        return Level.FUNCTION if any(_same(presented, key) for key in accepted) else Level.ANONYMOUS

    def opens_webhook(self, presented: str | None, extension: str) -> bool:
        """Webhooks take the extension's own system key or the master key, never a host key."""
        if not presented:
            return False
        accepted = (self.master, self.system.get(extension, ""))
        return any(key and _same(presented, key) for key in accepted)

    def is_master(self, presented: str | None) -> bool:
        return bool(presented) and _same(str(presented), self.master)


def presented_key(request: web.Request) -> str | None:
    """The header wins over the query, as in Azure."""
    return request.headers.get("x-functions-key") or request.query.get("code")


def read_keys(source: str | None) -> Keys:
    """From a JSON text or a file of it; whatever is missing is made up."""
    if not source:
        return Keys()
    text = source if source.lstrip().startswith("{") else Path(source).read_text()
    return Keys(**json.loads(text))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
