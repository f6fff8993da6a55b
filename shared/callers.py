"""Who asks, what they may do, and the answer when they may not. Every refusal leaves a row in the journal.

Refuses to know how people sign in (functions/answers.py), and names: a person is an object id here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from .app import App
from .core.model import KEY
from .errors import Conflict, Lasting, Passing
from .telemetry import Event, log

APPROVER, READER = "Linkkeeper.Approver", "Linkkeeper.Reader"
_DECIDES = frozenset({"decide", "revoke"})


class Problem(Exception):
    """An answer for the person who asked: what is wrong and what to do next.

    `refused`: somebody asked for what they may not do, which the journal keeps. `who`: where it is not the caller.
    """

    def __init__(
        self, status: int, title: str, detail: str, *, refused: bool = False, who: str = "", operation: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.operation = status, title, detail, operation
        self.refused, self.who = refused or status in (401, 403), who


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A signed-in person with roles, or whoever holds a key."""

    name: str
    person: bool
    roles: frozenset[str] = frozenset()

    def may(self, what: str, decisions_by: str = "entra") -> None:
        """read, plan, settle, decide or revoke. A key decides only where the settings say so."""
        wanted = {APPROVER} if what in _DECIDES else {APPROVER, READER}
        if self.person and not self.roles & wanted:
            raise Problem(403, "Not allowed", f"To {what} needs the app role {' or '.join(sorted(wanted))}.")
        if not self.person and what in _DECIDES and decisions_by != "key":
            text = "Sign in; a key alone may not decide (setting LINKKEEPER_DECISIONS_BY)."
            raise Problem(403, "A person is needed", text)


BY_KEY = Caller(name=KEY, person=False)


async def keep_refusal(app: App, caller: Caller | None, route: str, wrong: Problem) -> None:
    """Only our own words go into the row. The refusal stands whether or not it can be kept."""
    if not wrong.refused:
        return
    who = wrong.who or (caller.name if caller else "nobody we know")
    try:
        await app.journal.refuse(who, route, f"{wrong.status} {wrong.title}")
    except (Passing, Lasting, Conflict) as why:
        log(Event.FAILED, f"a refusal could not be journalled: {why}", logging.WARNING)
