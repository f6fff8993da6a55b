"""What is worth a second thought in a valid policy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from .policy import Policy


def lint(policy: Policy, now: datetime, used: Mapping[str, datetime] | None = None) -> list[str]:
    return [f"rule '{rule.name}' has expired" for rule in policy.rules if not rule.is_open(now)]
