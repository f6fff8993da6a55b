"""The policy file: YAML to core values, every mistake at once with line and path, and the JSON Schema for editors.

yamlfile.py reads YAML with lines, texts.py and shape.py say what is allowed, checks.py what no single field can tell,
meaning.py makes core values of it. Nothing else in the app knows pydantic or YAML.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.policy import Policy, digest_of
from ..core.rules import Mode
from . import yamlfile
from .checks import second_look
from .meaning import to_core
from .shape import PolicyFile
from .yamlfile import BadFile, Place, path_text

__all__ = ["BadPolicy", "load", "parse", "schema"]


class BadPolicy(BadFile):
    """Every mistake of a policy file."""


def load(path: Path, default: Mode, cloud: str | None = None) -> Policy:
    """Raises BadPolicy, also for a file that cannot be read. `default`: what modes not set in the file mean."""
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise BadPolicy([(0, str(path.name), f"cannot be read: {wrong.strerror}")]) from None
    return parse(raw, default, cloud)


def parse(raw: bytes, default: Mode = Mode.PLAN, cloud: str | None = None) -> Policy:
    """`cloud`: the installation's; without one, the hubs of every cloud count."""
    with _without_collector():
        return _parse(raw, default, cloud)


def _parse(raw: bytes, default: Mode, cloud: str | None) -> Policy:
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
    mistakes += [_mistake(place, what, "", lines) for place, what in second_look(data)]
    if mistakes or parsed is None:
        raise BadPolicy(mistakes)
    return to_core(parsed, default, digest_of(raw), cloud)


def schema() -> dict[str, Any]:
    """The JSON Schema, hover texts included; policy/policy.schema.json is checked against it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PolicyFile.model_json_schema()}


@contextmanager
def _without_collector() -> Iterator[None]:
    """A large file is a million small values and no garbage: looking through them again and again doubles the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _empty(data: object, place: Place = ()) -> Iterator[Place]:
    """Keys without a value: `groups:` with its lines commented out must not come to mean any group."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        if value is None:
            yield (*place, key)
        yield from _empty(value, (*place, key))


def _mistake(place: Place, what: str, kind: str, lines: dict[Place, int]) -> tuple[int, str, str]:
    known = place
    while known and known not in lines:
        known = known[:-1]
    if kind == "extra_forbidden":
        what = "is no key of this policy version; check the spelling"
    elif kind == "missing":
        what = "is missing"
    return lines.get(known, 1), path_text(place), what.removeprefix("Value error, ")
