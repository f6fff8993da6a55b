"""The two kinds of failure, and the conflict between them.

Passing: it may work later (throttling, outage, another operation): back to the worklist. Lasting: a person must act
(a right, a lock, a policy): journalled, not retried in a storm. Conflict: somebody was faster; look again.
"""

from __future__ import annotations


class Passing(Exception):
    """`retry_after`: seconds that the service asked for, if it did."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class Lasting(Exception):
    """The message says what is missing and what to do next; `code` is Azure's own error code."""

    def __init__(self, what: str, code: str = "") -> None:
        super().__init__(what)
        self.code = code


class Conflict(Exception):
    """A precondition failed: the thing changed since it was read, or exists already."""


class Unclear(Exception):
    """A write that may have happened: its answer was lost, or (`answered`) a server's fault. Only a read tells."""

    def __init__(self, what: str, answered: bool = False) -> None:
        super().__init__(what)
        self.answered = answered
