"""Parts of JSON that somebody else wrote: what is not of the wanted shape is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; empty for whatever is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
