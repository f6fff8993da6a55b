"""Route templates of HTTP triggers. Knows ASP.NET's template syntax as far as functions use it."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from simulator.host.errors import AppRefused

_PART = re.compile(r"\{(\*{0,2})([A-Za-z_][A-Za-z0-9_]*)((?::[a-z]+(?:\([^)]*\))?)*)(\?)?\}")


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


_CONSTRAINTS: dict[str, Callable[[str], bool]] = {
    "int": lambda text: re.fullmatch(r"-?\d+", text) is not None,
    "long": lambda text: re.fullmatch(r"-?\d+", text) is not None,
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "bool": lambda text: text.lower() in ("true", "false"),
    "guid": _is_guid,
    "required": bool,
}


@dataclass(frozen=True)
class Segment:
    literal: str | None = None
    name: str = ""
    constraints: tuple[str, ...] = ()
    optional: bool = False
    rest: bool = False

    @property
    def weight(self) -> int:
        """Literal before constrained before plain before catch-all, as ASP.NET orders routes."""
        if self.literal is not None:
            return 1
        return (4 if self.rest else 2) + (0 if self.constraints else 1)


@dataclass(frozen=True)
class Route:
    template: str
    segments: tuple[Segment, ...]

    @property
    def precedence(self) -> tuple[int, ...]:
        return tuple(segment.weight for segment in self.segments)

    def match(self, raw_path: str) -> dict[str, str] | None:
        """Route values of a still percent-encoded path, or None. %2F stays as it is, as Kestrel does it."""
        given = [part for part in raw_path.strip("/").split("/") if part] if raw_path.strip("/") else []
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.rest:
                values[segment.name] = _decoded("/".join(given[index:]))
                return values
            if index >= len(given):
                if segment.optional:
                    continue
                return None
            text = _decoded(given[index])
            if segment.literal is not None:
                if segment.literal.lower() != text.lower():
                    return None
                continue
            if not all(_CONSTRAINTS[name](text) for name in segment.constraints):
                return None
            values[segment.name] = text
        return values if len(given) <= len(self.segments) else None


def _decoded(text: str) -> str:
    return unquote(re.sub("%2f", "%252F", text, flags=re.IGNORECASE))


def parse_route(template: str, function: str) -> Route:
    """Raises AppRefused where the real host would not start the function."""
    if template.startswith("/") or template.startswith("~"):
        raise AppRefused(f"function {function!r}: route {template!r} must not start with '/' or '~'")
    segments = tuple(_segment(part, template, function) for part in template.split("/") if part)
    names = [segment.name for segment in segments if segment.name]
    if len(set(names)) != len(names):
        raise AppRefused(f"function {function!r}: route {template!r} uses one parameter name twice")
    for segment in segments[:-1]:
        if segment.rest or segment.optional:
            raise AppRefused(
                f"function {function!r}: route {template!r}: only the last part may be optional or a catch-all"
            )
    if segments and segments[0].literal in ("admin", "runtime"):
        raise AppRefused(f"function {function!r}: route {template!r} begins with a reserved word")
    return Route(template, segments)


def _segment(part: str, template: str, function: str) -> Segment:
    match = _PART.fullmatch(part)
    if match is None:
        if "{" in part or "}" in part or "?" in part or "*" in part:
            raise AppRefused(f"function {function!r}: route {template!r} is not valid at {part!r}")
        return Segment(literal=part)
    constraints = tuple(match.group(3).split(":")[1:])
    for name in constraints:
        if name not in _CONSTRAINTS:
            raise AppRefused(
                f"function {function!r}: route {template!r}: constraint {name!r} is not "
                f"known here; known are {', '.join(_CONSTRAINTS)}"
            )
    return Segment(
        name=match.group(2), constraints=constraints, optional=match.group(4) == "?", rest=bool(match.group(1))
    )
