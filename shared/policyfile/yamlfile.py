"""YAML with the line of every key: what error messages about a file need. Repeated keys and aliases are mistakes.

Reads YAML 1.2 words: `off` is text, not False (PyYAML's YAML 1.1 would turn `refresh: off` into a boolean), and dates
are text, so that a date that does not exist is a mistake with a line like any other, and 0123 is no octal number.
Aliases are refused: a few lines of them can mean billions of values. So are merge keys: they hide repeated keys.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Place = tuple[str | int, ...]
MOST = 5_000_000  # bytes: some 15,000 rules
_DEEP = 40  # levels; libyaml ends the whole process some way above 10,000


class BadFile(ValueError):
    """`mistakes`: (line, path, what is wrong). The text has one line for each."""

    def __init__(self, mistakes: list[tuple[int, str, str]]) -> None:
        self.mistakes = sorted(mistakes)
        super().__init__("\n".join(f"line {line}: {path}: {what}" for line, path, what in self.mistakes))


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times faster, and not everywhere


class _Yaml(_Base):  # type: ignore[misc]
    """YAML 1.2 booleans and decimal integers only, no dates."""


_OURS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "timestamp", "int")}


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OURS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tfTF"))
_Yaml.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))


def read(raw: bytes, lines: dict[Place, int], mistakes: list[tuple[int, str, str]]) -> Any:
    if len(raw) > MOST:
        raise BadFile([(0, "file", f"larger than {MOST // 1_000_000} MB")])
    try:
        _look_through(raw)
        loader = _Yaml(raw)
        try:
            node = loader.get_single_node()
            if node is None:
                raise BadFile([(1, "file", "is empty")])
            _Walk(lines, mistakes).walk(node, (), node.start_mark.line + 1)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as wrong:
        if isinstance(wrong, BadFile):
            raise
        mark = getattr(wrong, "problem_mark", None)
        what = getattr(wrong, "problem", None) or str(wrong)
        raise BadFile([(mark.line + 1 if mark else 0, "file", f"is not YAML: {what}")]) from None


def _look_through(raw: bytes) -> None:
    """What would blow up while it is put together is refused before: event by event, nothing nested yet."""
    depth = 0
    for event in yaml.parse(raw, Loader=_Yaml):
        line = event.start_mark.line + 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise BadFile([(line, "file", "holds an alias (*name): write it out, aliases are not read")])
        if depth > _DEEP:
            raise BadFile([(line, "file", f"is nested deeper than {_DEEP} levels")])


class _Walk:
    def __init__(self, lines: dict[Place, int], mistakes: list[tuple[int, str, str]]) -> None:
        self._lines, self._mistakes = lines, mistakes

    def walk(self, node: yaml.Node, path: Place, line: int) -> None:
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            for place, item in enumerate(node.value):
                self.walk(item, (*path, place), self._lines[path])
        elif isinstance(node, yaml.MappingNode):
            self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Place) -> None:
        names: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadFile([(line, path_text(path), "has a key that is no plain word")])
            name = str(key.value)
            if name in names:
                self._mistakes.append((line, path_text((*path, name)), "is given twice"))
            if key.tag == "tag:yaml.org,2002:merge":
                self._mistakes.append((line, path_text((*path, name)), "is not read: write out what it merges"))
            names.add(name)
            self.walk(value, (*path, name), line)
            self._lines[(*path, name)] = line


def path_text(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.lstrip(".") or "file"
