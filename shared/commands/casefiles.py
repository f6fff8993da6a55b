"""`policy test`: cases that a policy has to decide as its owners expect. Needs no Azure and changes nothing.

Tells which rules decide, not whether anything is done: modes, limits and caps are the app's, at the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import casefile, policyfile
from ..core.model import Decision, Verdict
from ..core.policy import Policy
from ..core.rules import Mode
from .frame import DEFAULT_POLICY, Json, fail, out, policy_cli, print_json

Mistake = tuple[str, int, str, str]  # file, line, path, what is wrong
_EXAMPLE = """cases:
  - name: a stranger is held
    given:
      subscription: dddddddd-0000-4000-8000-000000000004
      target: /subscriptions/<guid>/resourceGroups/<name>/providers/Microsoft.Storage/storageAccounts/<name>
      groups: [blob]
    expect: hold"""


@dataclass(slots=True, kw_only=True)
class Tested:
    """What came of one file: each case with its decision, or the mistakes that kept it from being put."""

    path: Path
    policy: Path = DEFAULT_POLICY
    decided: list[tuple[casefile.Case, Decision]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def failed(self) -> list[tuple[casefile.Case, Decision]]:
        return [(case, decision) for case, decision in self.decided if case.differs(decision)]


@policy_cli.command("test")
def cases(
    folder: Annotated[Path, typer.Argument(help="A folder of case files (YAML), or one such file.")] = Path(
        "policy/tests"
    ),
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Put all cases to this policy, whatever the files name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put cases to a policy: is each decided as expected? Exit code 1 when one is not, or when a file is not valid."""
    results = run(folder, policy)
    if not results:
        fail(f"{folder} holds no case file (*.yaml). Write one, such as {folder / 'first.yaml'}:\n{_EXAMPLE}")
    if as_json:
        print_json(_json(results))
    else:
        for line in _lines(results):
            out.print(line)
    raise typer.Exit(1 if any(one.failed or one.mistakes for one in results) else 0)


def run(folder: Path, policy: Path | None = None) -> list[Tested]:
    """Every case file of the folder, in the order of their names."""
    now, known = datetime.now(UTC), Policies()
    return [_tested(path, policy, now, known) for path in files(folder)]


def files(folder: Path) -> list[Path]:
    if folder.is_file() or folder.suffix in (".yaml", ".yml"):
        return [folder]
    return sorted(path for ending in ("yaml", "yml") for path in folder.rglob(f"*.{ending}"))


class Policies:
    """Each policy is read once, and its mistakes are told once."""

    def __init__(self) -> None:
        self._known: dict[Path, Policy | None] = {}

    def get(self, path: Path) -> tuple[Policy | None, list[Mistake]]:
        key, mistakes = path.resolve(), []
        if key not in self._known:
            try:
                self._known[key] = policyfile.load(path, Mode.APPLY)
            except policyfile.BadPolicy as wrong:
                self._known[key] = None
                mistakes = [(str(path), *mistake) for mistake in wrong.mistakes]
        return self._known[key], mistakes


def _tested(path: Path, policy: Path | None, now: datetime, known: Policies) -> Tested:
    try:
        found = casefile.load(path, now)
    except casefile.BadFile as wrong:
        return Tested(path=path, mistakes=[(str(path), *mistake) for mistake in wrong.mistakes])
    place = policy or (_beside(path, found.policy) if found.policy else DEFAULT_POLICY)
    rules, mistakes = known.get(place)
    if rules is None:
        why = f"{place} is not a valid policy, so nothing can be put to it"
        return Tested(path=path, policy=place, mistakes=[*mistakes, (str(path), 1, "policy", why)])
    return Tested(path=path, policy=place, decided=[(case, case.decide(rules)) for case in found.cases])


def _beside(path: Path, said: str) -> Path:
    """Without the dots in between, as people would write it."""
    place = (path.parent / said).resolve()
    return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place


def _lines(results: Iterable[Tested]) -> Iterator[str]:
    results = list(results)
    for one in results:
        if one.mistakes:
            yield f"BAD   {one.path}"
            yield from (f"  {file}:{line}: {path}: {what}" for file, line, path, what in one.mistakes)
        elif one.failed:
            yield f"FAIL  {one.path}: {len(one.failed)} of {len(one.decided)} case(s), policy {one.policy}"
        else:
            yield f"ok    {one.path}: {len(one.decided)} case(s), policy {one.policy}"
        for case, decision in one.failed:
            yield f"  {one.path}:{case.line}: {case.name}"
            yield f"    expected  {_expected(case)}"
            yield f"    got       {_got(decision)}"
            yield from (f"    because   {reason}" for reason in decision.reasons)
    cases, failed = sum(len(one.decided) for one in results), sum(len(one.failed) for one in results)
    bad = sum(bool(one.mistakes) for one in results)
    yield f"{cases} case(s) in {len(results)} file(s): {failed} failed" + (f", {bad} file(s) not valid" if bad else "")


def _expected(case: casefile.Case) -> str:
    asked = case.asked
    rule = f", {'nearest ' if asked.expect == 'hold' else ''}rule '{asked.rule}'" if asked.rule else ""
    return f"{asked.expect}{rule}" + (f", because '{asked.because}'" if asked.because else "")


def _got(decision: Decision) -> str:
    rule = decision.rule and f", rule '{decision.rule}'"
    near = decision.nearest and decision.verdict is Verdict.HOLD and f", nearest rule '{decision.nearest}'"
    return f"{decision.verdict.value}{rule or ''}{near or ''}"


def _json(results: Iterable[Tested]) -> dict[str, Any]:
    results = list(results)
    return {
        "passed": not any(one.failed or one.mistakes for one in results),
        "mistakes": [
            {"file": file, "line": line, "path": path, "message": what}
            for one in results
            for file, line, path, what in one.mistakes
        ],
        "cases": [_case(one, case, decision) for one in results for case, decision in one.decided],
    }


def _case(one: Tested, case: casefile.Case, decision: Decision) -> dict[str, Any]:
    asked = case.asked
    return {
        "file": str(one.path),
        "line": case.line,
        "policy": str(one.policy),
        "name": case.name,
        "passed": not case.differs(decision),
        "expected": {"verdict": asked.expect, "rule": asked.rule, "because": asked.because},
        "verdict": decision.verdict.value,
        "rule": decision.rule,
        "nearestRule": decision.nearest,
        "by": decision.by,
        "reasons": list(decision.reasons),
    }
