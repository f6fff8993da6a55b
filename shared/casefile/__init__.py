"""Cases that a policy has to decide as its owners expect: YAML files to questions, and what was decided instead.

Knows how a case file is read and how a case becomes a question to core/decide.py. Refuses to know Azure and the app:
what a case does not say is not known, exactly as what the app could not read. Only the command line imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.around import Around
from ..core.decide import decide
from ..core.ids import ResourceId, fold
from ..core.model import Connection, Decision, Verdict
from ..core.policy import Policy
from ..policyfile import yamlfile
from ..policyfile.yamlfile import BadFile, Place, path_text
from . import meaning
from .shape import CaseFile, GivenCase, OneCase

__all__ = ["BadFile", "Case", "Cases", "load", "parse", "schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question, and the answer that is expected."""

    line: int
    asked: OneCase
    given: GivenCase
    connection: Connection
    target: ResourceId
    now: datetime

    @property
    def name(self) -> str:
        return self.asked.name

    def decide(self, policy: Policy) -> Decision:
        grants = meaning.grants(self.asked.grants, self.connection)
        return decide(
            self.connection,
            target=self.target,
            policy=policy,
            now=self.now,
            grants=grants,
            around=self.around(policy),
        )

    def around(self, policy: Policy) -> Around:
        return meaning.around(self.given, self.target, self.connection, policy)

    def differs(self, found: Decision) -> bool:
        asked = self.asked
        rule = found.nearest if found.verdict is Verdict.HOLD else found.rule
        return (
            found.verdict.value != asked.expect
            or (asked.rule is not None and asked.rule != rule)
            or (asked.because is not None and not any(asked.because in reason for reason in found.reasons))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    policy: str | None
    """As the file says it, seen from there."""
    cases: tuple[Case, ...]


def load(path: Path, now: datetime) -> Cases:
    """Raises BadFile, also for a file that cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise BadFile([(0, path.name, f"cannot be read: {wrong.strerror}")]) from None
    return parse(raw, now)


def parse(raw: bytes, now: datetime) -> Cases:
    """`now`: the moment of decisions where the file names none."""
    lines: dict[Place, int] = {}
    mistakes: list[tuple[int, str, str]] = []
    data = yamlfile.read(raw, lines, mistakes)
    empty = list(_empty(data))
    mistakes += [_mistake(place, "has no value: write one, or remove the key", lines) for place in empty]
    try:
        file = CaseFile.model_validate(data)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False, include_input=False):
            if error["loc"] not in empty:
                mistakes.append(_mistake(error["loc"], _words(error["type"], error["msg"]), lines))
        raise BadFile(mistakes) from None
    cases = [_case(at, file, lines, mistakes, now) for at in range(len(file.cases))]
    mistakes += _twice(file, lines)
    if mistakes:
        raise BadFile(mistakes)
    return Cases(policy=file.policy, cases=tuple(case for case in cases if case))


def schema() -> dict[str, Any]:
    """The JSON Schema of case files, hover texts included; policy/tests.schema.json is checked against it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CaseFile.model_json_schema()}


def _case(
    at: int, file: CaseFile, lines: dict[Place, int], mistakes: list[tuple[int, str, str]], now: datetime
) -> Case | None:
    asked, place = file.cases[at], ("cases", at)
    given = meaning.both(file.given, asked.given)
    wrong = list(meaning.contradictions(given))
    mistakes += [_mistake((*place, "given"), what, lines) for what in wrong]
    target = meaning.target(given)
    if target is None or wrong:
        return None
    return Case(
        line=lines.get((*place, "name"), lines.get(place, 1)),
        asked=asked,
        given=given,
        connection=meaning.connection(given, target),
        target=target,
        now=meaning.moment(asked.at or file.at) or now,
    )


def _twice(file: CaseFile, lines: dict[Place, int]) -> Iterator[tuple[int, str, str]]:
    seen: set[str] = set()
    for at, case in enumerate(file.cases):
        if fold(case.name) in seen:
            yield _mistake(("cases", at, "name"), f"{case.name!r} is used twice", lines)
        seen.add(fold(case.name))


def _empty(data: object, place: Place = ()) -> Iterator[Place]:
    """Keys without a value; an answer of Azure's may have them."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        if value is None:
            yield (*place, key)
        elif key != "answer":
            yield from _empty(value, (*place, key))


def _words(kind: str, text: str) -> str:
    known = {"extra_forbidden": "is no key of a case file; check the spelling", "missing": "is missing"}
    return known.get(kind, text.removeprefix("Value error, "))


def _mistake(place: Place, what: str, lines: dict[Place, int]) -> tuple[int, str, str]:
    known = place
    while known and known not in lines:
        known = known[:-1]
    return lines.get(known, 1), path_text(place), what
