"""Knows how ARM lists are cut into pages: `nextLink` with a `$skipToken`. Refuses to know what is listed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from simulator.azure.calls import Call, Reply
from simulator.azure.errors import bad


def page(call: Call, rows: Sequence[dict[str, Any]], size: int | None = None) -> Reply:
    """One page. Without a size of the call's own, the switch page_size rules (page sizes of ARM: U)."""
    size = call.world.switches["page_size"] if size is None else size
    begin = start(call.query.get("$skipToken") or call.query.get("$skiptoken") or "")
    chosen = list(rows[begin : begin + size] if size else rows[begin:])
    body: dict[str, Any] = {"value": chosen}
    if size and begin + size < len(rows):
        query = {name: value for name, value in call.query.items() if name.lower() != "$skiptoken"}
        query["$skipToken"] = token(begin + size)
        body["nextLink"] = f"{call.base}{quote(call.path.id)}?{urlencode(query, safe='$')}"
    return Reply(200, body)


def token(after: int) -> str:
    """What leads to the rows after so many."""
    return base64.urlsafe_b64encode(f"after:{after}".encode()).decode()


def start(text: str) -> int:
    """After how many rows a page starts."""
    if not text:
        return 0
    try:
        return int(base64.urlsafe_b64decode(text).decode().removeprefix("after:"))
    except ValueError as error:
        raise bad("InvalidSkipToken", "The $skipToken is not valid.") from error
