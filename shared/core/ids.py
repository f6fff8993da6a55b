"""Azure resource ids: parsed once, compared segment by segment ignoring case, re-assembled for every use.

Knows the shape of an ARM id and of a scope. Refuses to guess: text that is not exactly an id is `NotAnId`,
so that nothing from outside can become part of a URL or a table key unparsed.
"""

from __future__ import annotations

import hashlib
import re
import string
from dataclasses import dataclass, field
from typing import TypeGuard

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SEGMENT = re.compile(r"[\w.(){}~!@+=,:$-]{1,260}")
_RECORD = re.compile(r"@|\*|(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII | re.IGNORECASE)
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class NotAnId(ValueError):
    """The text is no ARM resource id. The message says why, without repeating more than a stub of the text."""


def fold(text: str) -> str:
    """Lower-case ASCII letters only: str.lower() would make the Kelvin sign equal to k, Azure does not."""
    return text.lower() if text.isascii() else text.translate(_LOWER)  # ten times faster; almost every id is ASCII


def is_guid(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and _GUID.fullmatch(text) is not None


def key_of(*parts: str) -> str:
    """A table key: 32 hex digits of the canonical text. Ids hold characters that keys forbid (/ # ?)."""
    return hashlib.sha256("\n".join(fold(part) for part in parts).encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResourceId:
    """/subscriptions/S/resourceGroups/G/providers/P/type/name[/type/name …]"""

    subscription: str
    group: str
    provider: str
    path: tuple[tuple[str, str], ...]
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fold(str(self)))

    def __str__(self) -> str:
        tail = "/".join(f"{kind}/{name}" for kind, name in self.path)
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{self.provider}/{tail}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceId) and self.key == other.key

    def __lt__(self, other: ResourceId) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def type(self) -> str:
        return "/".join((self.provider, *(kind for kind, _ in self.path)))

    @property
    def name(self) -> str:
        return self.path[-1][1]

    @property
    def hash(self) -> str:
        return key_of(self.key)

    @property
    def parent(self) -> ResourceId | None:
        return self._with(self.path[:-1]) if len(self.path) > 1 else None

    def child(self, kind: str, name: str) -> ResourceId:
        return self._with((*self.path, (kind, name)))

    def is_a(self, type_name: str) -> bool:
        return fold(self.type) == fold(type_name)

    def _with(self, path: tuple[tuple[str, str], ...]) -> ResourceId:
        return ResourceId(subscription=self.subscription, group=self.group, provider=self.provider, path=path)

    @staticmethod
    def parse(text: object) -> ResourceId:
        """Raises NotAnId unless the text is exactly one resource id inside a resource group."""
        segments = _segments(text)
        if len(segments) < 8 or len(segments) % 2:
            raise NotAnId(f"not a resource id: {_stub(text)}")
        words = [fold(segment) for segment in segments]
        if (words[0], words[2], words[4]) != ("subscriptions", "resourcegroups", "providers"):
            raise NotAnId(f"not a resource id: {_stub(text)}")
        path = tuple(zip(segments[6::2], segments[7::2], strict=True))
        return ResourceId(subscription=segments[1], group=segments[3], provider=segments[5], path=path)

    @staticmethod
    def read(text: object) -> ResourceId | None:
        """The same, for text whose absence or oddness is an ordinary fact."""
        try:
            return ResourceId.parse(text)
        except NotAnId:
            return None


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A subscription, a resource group or one resource; contains what lies below it, whole segments only."""

    segments: tuple[str, ...]

    def __str__(self) -> str:
        return "/" + "/".join(self.segments)

    def contains(self, resource: ResourceId) -> bool:
        own = tuple(resource.key.strip("/").split("/"))
        return own[: len(self.segments)] == tuple(fold(segment) for segment in self.segments)

    @staticmethod
    def parse(text: object) -> Scope:
        segments = _segments(text)
        words = [fold(segment) for segment in segments]
        shaped = len(words) in (2, 4) or (len(words) >= 8 and len(words) % 2 == 0)
        keywords = list(zip(words[0:6:2], ("subscriptions", "resourcegroups", "providers"), strict=False))
        if not shaped or any(word != wanted for word, wanted in keywords) or not is_guid(segments[1]):
            raise NotAnId("expected /subscriptions/<guid>[/resourceGroups/<name>[/providers/…]]")
        return Scope(tuple(segments))


def _segments(text: object) -> list[str]:
    if not isinstance(text, str):
        raise NotAnId("not text")
    if not text.startswith("/") or len(text) > 2048:
        raise NotAnId(f"not a resource id: {_stub(text)}")
    segments = text[1:].removesuffix("/").split("/")
    last_is_record = len(segments) == 10 and fold(segments[6]) == "privatednszones"
    for place, segment in enumerate(segments):
        if last_is_record and place == 9 and _RECORD.fullmatch(segment):
            continue
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            raise NotAnId(f"a segment of the id is not a name: {_stub(segment)}")
    return segments


def _stub(text: object) -> str:
    return repr(str(text)[:60])
