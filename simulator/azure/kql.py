"""Knows a small part of the Kusto Query Language: where, project, order, limit over one table.

Refuses to know rows and HTTP, and says so of all the rest of the language: Unclear. Documented: `==` minds case and
`=~` does not, `order by` is descending unless told, `project a.b` makes a column `a_b`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"""\s*(?: (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
             | (?P<number>-?\d+(?:\.\d+)?)
             | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\s*'[^']*'\s*\])*)
             | (?P<sign>==|=~|!=|!~|[~=(),|]))""",
    re.VERBOSE,
)


class Unclear(ValueError):
    """The query is none, or uses more of the language than is known here."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, understood. `columns` are (name, path); no columns: all."""

    table: str
    tests: tuple[Test, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # path, descending
    limit: int | None = None

    def run(self, rows: Sequence[Row]) -> list[Row]:
        found = [row for row in rows if all(test(row) for test in self.tests)]
        known = dict(self.columns)
        for path, down in reversed(self.order):
            at = known.get(path, path)
            found.sort(key=lambda row, at=at: str(value(row, at) or ""), reverse=down)
        found = found if self.limit is None else found[: self.limit]
        return [{name: value(row, path) for name, path in self.columns} for row in found] if self.columns else found


def value(row: Row, path: str) -> Any:
    """What stands at a path; None where the rest is missing, Unclear where the column is."""
    names = [one for one in re.split(r"\.|\[\s*'|'\s*\]", path) if one]
    column = next((key for key in row if key.lower() == names[0].lower()), None)
    if column is None:
        raise Unclear(f"no column {names[0]}")
    found = row[column]
    for name in names[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


class _Reader:
    """The tokens of one query."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at, text = 0, text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise Unclear(text[at : at + 20])
            self.tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()
            while at < len(text) and text[at].isspace():
                at += 1

    def take(self, kind: str) -> str:
        if not self.tokens or self.tokens[0][0] != kind:
            raise Unclear(f"expected a {kind}, not {self.tokens[:1]}")
        return self.tokens.pop(0)[1]

    def has(self, *words: str) -> bool:
        """The next tokens are these words; then they are taken."""
        if [one.lower() for _, one in self.tokens[: len(words)]] != list(words):
            return False
        del self.tokens[: len(words)]
        return True

    def literal(self) -> str:
        kind = self.tokens[0][0] if self.tokens else ""
        if kind == "number":
            return self.take("number")
        return re.sub(r"\\(.)", r"\1", self.take("text")[1:-1])


def read(text: str) -> Query:
    """Understand a query; raises Unclear."""
    reader = _Reader(text)
    table = reader.take("name").lower()
    tests: list[Test] = []
    parts: dict[str, Any] = {}
    while reader.tokens:
        if not reader.has("|"):
            raise Unclear(f"a pipe is missing before {reader.tokens[:1]}")
        if not parts and reader.has("where"):
            tests.append(_test(reader))
            while reader.has("and"):
                tests.append(_test(reader))
        elif "columns" not in parts and reader.has("project"):
            parts["columns"] = _columns(reader)
        elif "limit" not in parts and (reader.has("limit") or reader.has("take")):
            parts["limit"] = int(reader.take("number"))
        elif "limit" not in parts and (reader.has("order", "by") or reader.has("sort", "by")):
            parts["order"] = _order(reader)
        else:
            raise Unclear(f"not known here: {reader.tokens[:2]}")
    return Query(table, tuple(tests), **parts)


def _test(reader: _Reader) -> Test:
    path = reader.take("name")
    if reader.has("in", "~"):
        return _among(path, _literals(reader), fold=True)
    if reader.has("in"):
        return _among(path, _literals(reader), fold=False)
    sign = reader.take("sign")
    if sign not in ("==", "=~", "!=", "!~"):
        raise Unclear(f"the operator {sign}")
    among = _among(path, [reader.literal()], fold="~" in sign)
    return (lambda row: not among(row)) if sign.startswith("!") else among


def _among(path: str, wanted: Sequence[str], *, fold: bool) -> Test:
    chosen = {one.lower() if fold else one for one in wanted}

    def test(row: Row) -> bool:
        found = value(row, path)
        text = "" if found is None else str(found)
        return (text.lower() if fold else text) in chosen

    return test


def _literals(reader: _Reader) -> list[str]:
    if not reader.has("("):
        raise Unclear("a list is missing after in")
    found = [reader.literal()]
    while reader.has(","):
        found.append(reader.literal())
    if not reader.has(")"):
        raise Unclear("a list does not end")
    return found


def _columns(reader: _Reader) -> tuple[tuple[str, str], ...]:
    found = []
    while True:
        name = path = reader.take("name")
        if reader.has("="):
            path = reader.take("name")
        else:
            name = re.sub(r"\W+", "_", name).strip("_")
        found.append((name, path))
        if not reader.has(","):
            return tuple(found)


def _order(reader: _Reader) -> tuple[tuple[str, bool], ...]:
    found = []
    while True:
        path = reader.take("name")
        up = reader.has("asc")
        found.append((path, not up))
        if not up:
            reader.has("desc")
        if not reader.has(","):
            return tuple(found)
