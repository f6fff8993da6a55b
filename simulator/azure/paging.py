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
    start = _start(call.query.get("$skipToken") or call.query.get("$skiptoken") or "")
    chosen = list(rows[start : start + size] if size else rows[start:])
    body: dict[str, Any] = {"value": chosen}
    if size and start + size < len(rows):
        token = base64.urlsafe_b64encode(f"after:{start + size}".encode()).decode()
        query = {name: value for name, value in call.query.items() if name.lower() != "$skiptoken"}
        query["$skipToken"] = token
        body["nextLink"] = f"{call.base}{quote(call.path.id)}?{urlencode(query, safe='$')}"
    return Reply(200, body)


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after:"))
    except ValueError as error:
        raise bad("InvalidSkipToken", "The $skipToken is not valid.") from error
