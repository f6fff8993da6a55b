"""The difference of two policies and its consequences, as Markdown for a pull request and as JSON.

Names come from whoever made an endpoint: each stands in a code span, where nothing is a link, an image or a mention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..core.consequences import Consequences, Effect, Served
from ..core.ids import ResourceId
from ..core.model import Connection

_ROWS = 50  # of one table; the rest is counted
_CHARS = 200
_LINE = 600
_ENDS = "`|\\"
_EFFECTS = (
    ("approves", "Approves of those who wait"),
    ("rejects", "Rejects of those who wait"),
    ("holds", "No longer decides, of those who wait"),
    ("uncovers", "Approved, and no longer covered by a rule (access stays)"),
    ("covers", "Approved, and covered by a rule from now on"),
    ("unsure", "Perhaps decided otherwise: the estate does not show enough"),
)
_SERVED = (("unblocks", "Names kept from now on"), ("drops", "Names no longer kept"))


def code(text: str, most: int = _CHARS) -> str:
    """A code span: nothing in it is a link, a mention or HTML. What could end the span or the cell becomes ?."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return f"`{''.join(letter if letter.isprintable() and letter not in _ENDS else '?' for letter in shown) or '-'}`"


def summary(found: Consequences) -> str:
    """The line that people read first."""
    counted = [
        f"{verb} {text}"
        for kind, verb, text in (
            ("approves", "approves", "{} held"),
            ("rejects", "rejects", "{} held"),
            ("holds", "no longer decides", "{} held"),
            ("uncovers", "uncovers", "{}"),
            ("covers", "covers", "{}"),
            ("unblocks", "unblocks", "{} name{s}"),
            ("drops", "drops", "{} name{s}"),
            ("unsure", "cannot tell of", "{}"),
        )
        if (count := len(getattr(found, kind)))
        for text in [text.format(count, s="" if count == 1 else "s")]
    ]
    return ", ".join(counted) or "nothing changes for anybody known"


def markdown(lines: Sequence[str], found: Consequences | None) -> str:
    changes = [f"* {code(line, _LINE)}" for line in lines[:_ROWS]] or ["* nothing: both mean the same"]
    changes += [f"* and {len(lines) - _ROWS} more"] if len(lines) > _ROWS else []
    first = summary(found) if found else f"{_counted(len(lines), 'difference')}; without an estate nobody is known"
    if found is None:
        return "\n".join([first, "", "### What differs", "", *changes]) + "\n"
    tables = [table for kind, title in _EFFECTS if (table := _effects(title, getattr(found, kind)))]
    tables += [table for kind, title in _SERVED if (table := _hubs(title, getattr(found, kind)))]
    note = (
        f"Of {_counted(found.looked, 'connection')} in the estate. An endpoint counts as one name for each hub, only a "
        "read of it could tell exactly; decisions by hand, limits, caps and modes are not counted."
    )
    return "\n".join([first, "", "### What differs", "", *changes, *tables, "", note]) + "\n"


def body(lines: Iterable[str], found: Consequences | None) -> dict[str, Any]:
    if found is None:
        return {"diff": list(lines)}
    effects = {kind: [_effect_json(effect) for effect in getattr(found, kind)] for kind, _ in _EFFECTS}
    served = {kind: [_served_json(one) for one in getattr(found, kind)] for kind, _ in _SERVED}
    return {"summary": summary(found), "diff": list(lines), "looked": found.looked, **effects, **served}


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _effects(title: str, effects: Sequence[Effect]) -> str:
    def row(effect: Effect) -> tuple[str, ...]:
        why = effect.after.reasons[0]
        return (*_who(effect.connection), _place(effect.target), effect.before.verdict.value, why)

    return _table(title, ("endpoint", "requester", "target", "was", "now"), effects, row)


def _hubs(title: str, served: Sequence[Served]) -> str:
    def row(one: Served) -> tuple[str, ...]:
        return (*_who(one.connection), _place(one.target), one.hub)

    return _table(title, ("endpoint", "requester", "target", "hub"), served, row)


def _table(title: str, heads: Sequence[str], items: Sequence[Any], row: Callable[[Any], tuple[str, ...]]) -> str:
    if not items:
        return ""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(map(code, row(item)))} |" for item in items[:_ROWS]]
    more = [f"\nand {len(items) - _ROWS} more"] if len(items) > _ROWS else []
    return "\n".join(["", f"### {title}: {len(items)}", "", *lines, *more])


def _who(connection: Connection) -> tuple[str, str]:
    endpoint = connection.endpoint
    return (endpoint.name, f"{endpoint.subscription}/{endpoint.group}") if endpoint else ("unknown", "unknown")


def _place(target: ResourceId) -> str:
    return f"{target.group}/{target.name}"


def _effect_json(effect: Effect) -> dict[str, Any]:
    return {
        **_served_facts(effect.target, effect.connection),
        "was": effect.before.verdict.value,
        "now": effect.after.verdict.value,
        "rule": effect.after.rule,
        "reasons": list(effect.after.reasons),
    }


def _served_json(one: Served) -> dict[str, Any]:
    return {**_served_facts(one.target, one.connection), "hub": one.hub}


def _served_facts(target: ResourceId, connection: Connection) -> dict[str, Any]:
    return {
        "connectionId": str(connection.id) if connection.id else None,
        "endpointId": str(connection.endpoint) if connection.endpoint else None,
        "target": str(target),
    }
