"""YAML with the line of every key: what error messages about a file need. Repeated keys are mistakes.

Reads YAML 1.2 words: `off` is text, not False (PyYAML's YAML 1.1 would turn `refresh: off` into a boolean), and dates
are text, so that a date that does not exist is a mistake with a line like any other.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Place = tuple[str | int, ...]


class BadFile(ValueError):
    """`mistakes`: (line, path, what is wrong). The text has one line for each."""

    def __init__(self, mistakes: list[tuple[int, str, str]]) -> None:
        self.mistakes = sorted(mistakes)
        super().__init__("\n".join(f"line {line}: {path}: {what}" for line, path, what in self.mistakes))


class _Yaml(yaml.SafeLoader):
    """YAML 1.2 booleans only, no dates."""


_OURS = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OURS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tfTF"))


def read(raw: bytes, lines: dict[Place, int], mistakes: list[tuple[int, str, str]]) -> Any:
    if len(raw) > 1_000_000:
        raise BadFile([(0, "file", "larger than 1 MB")])
    try:
        node = yaml.compose(raw, Loader=_Yaml)
        if node is None:
            raise BadFile([(1, "file", "is empty")])
        _walk(node, (), lines, mistakes)
        return yaml.load(raw, Loader=_Yaml)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as wrong:
        if isinstance(wrong, BadFile):
            raise
        mark = getattr(wrong, "problem_mark", None)
        what = getattr(wrong, "problem", None) or str(wrong)
        raise BadFile([(mark.line + 1 if mark else 0, "file", f"is not YAML: {what}")]) from None


def _walk(node: yaml.Node, path: Place, lines: dict[Place, int], mistakes: list[Any]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            _walk(item, (*path, place), lines, mistakes)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                mistakes.append((key.start_mark.line + 1, path_text((*path, name)), "is given twice"))
            seen.add(name)
            _walk(value, (*path, name), lines, mistakes)
            lines[(*path, name)] = key.start_mark.line + 1


def path_text(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.lstrip(".") or "file"
