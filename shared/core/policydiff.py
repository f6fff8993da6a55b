"""What differs between two policies, as lines for people. Pure."""

from __future__ import annotations

from .policy import Policy


def diff(old: Policy, new: Policy) -> tuple[str, ...]:
    before, after = old.named, new.named
    added = [f"rule '{name}' is new" for name in after if name not in before]
    gone = [f"rule '{name}' is gone" for name in before if name not in after]
    changed = [f"rule '{name}' changed" for name in after if name in before and before[name] != after[name]]
    return (*added, *gone, *changed)
