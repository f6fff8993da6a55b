"""Knows long-running operations: their URLs, what a poll answers, and when they are done.

Refuses to know what they do. Wordings per provider: recordings cosmos-, mysql-, dns-zone-put-async.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.azure.calls import Call, Reply
from simulator.azure.durations import Takes
from simulator.azure.errors import ArmError
from simulator.azure.ids import Path
from simulator.azure.world import World, stamp


@dataclass(frozen=True, slots=True)
class Style:
    """One provider's wording. {t} token, {s} subscription, {g} group, {n} namespace, {l} region, {id} resource."""

    status_url: str
    result_url: str
    running: str = "InProgress"
    code: int = 200  # of a poll of the status URL while running


STYLES = {
    "generic": Style(
        "/subscriptions/{s}/providers/{n}/locations/{l}/operationStatuses/{t}",
        "/subscriptions/{s}/providers/{n}/locations/{l}/operationResults/{t}",
    ),
    "network": Style(
        "/subscriptions/{s}/providers/Microsoft.Network/locations/{l}/operations/{t}",
        "/subscriptions/{s}/providers/Microsoft.Network/locations/{l}/operationResults/{t}",
    ),
    "cosmos": Style(
        "/subscriptions/{s}/providers/Microsoft.DocumentDB/locations/{l}/operationsStatus/{t}",
        "{id}/operationResults/{t}",
        running="Enqueued",
    ),
    "elastic": Style(
        "/subscriptions/{s}/resourceGroups/{g}/providers/{n}/locations/{l}"
        "/privateEndpointConnectionAzureAsyncOperation/{t}",
        "/subscriptions/{s}/resourceGroups/{g}/providers/{n}/locations/{l}"
        "/privateEndpointConnectionOperationResults/{t}",
    ),
    "dns": Style(
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Network/privateDnsOperationStatuses/{t}",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Network/privateDnsOperationResults/{t}",
        code=202,
    ),
    "management": Style(
        "/providers/Microsoft.Management/operationResults/{t}", "/providers/Microsoft.Management/operationResults/{t}"
    ),
    "tenant": Style("/subscriptions/{s}/operationresults/{t}", "/subscriptions/{s}/operationresults/{t}"),
}


_SIGNATURE = "&t=639000000000000000&c=" + "c" * 3000 + "&s=" + "s" * 342 + "&h=" + "h" * 43  # recorded: sizes


@dataclass(slots=True)
class Operation:
    """One operation; `result` says what the Location URL answers in the end."""

    token: str
    path: Path
    style: Style
    started: str
    done: bool = False
    error: ArmError | None = None
    result: Callable[[], Any] | None = None


def begin(
    world: World,
    path: Path,
    seconds: float | Takes,
    act: Callable[[], None],
    *,
    style: str = "generic",
    result: Callable[[], Any] | None = None,
) -> Operation:
    """Start an operation whose work is done so much later; an ArmError makes it Failed."""
    operation = Operation(world.guid(), path, STYLES[style], stamp(), result=result)
    world.operations[operation.token] = operation

    def finish() -> None:
        try:
            act()
        except ArmError as error:
            operation.error = error
        operation.done = True

    world.later.after(seconds, finish)
    return operation


def links(
    call: Call, operation: Operation, *, location: str = "westeurope", status: bool = True, result: bool = False
) -> dict[str, str]:
    """The headers that lead to an operation, on the host that the caller used."""
    path, style = operation.path, operation.style
    words = {
        "t": operation.token,
        "s": path.subscription,
        "g": path.group,
        "n": path.namespace,
        "l": location,
        "id": path.id,
    }
    switches = call.world.switches
    tail = f"?api-version={call.version}" + (_SIGNATURE if switches["long_urls"] else "")
    headers = {"Retry-After": "1"} if switches["retry_after"] else {}  # documented: whole seconds; else SDKs wait 30 s
    if status:
        headers["Azure-AsyncOperation"] = call.base + style.status_url.format(**words) + tail
    if result:
        headers["Location"] = call.base + style.result_url.format(**words) + tail
    return headers


def poll(call: Call, operation: Operation) -> Reply:
    """Answer a poll of either URL."""
    url = call.path.id.lower()
    if "result" in url.split("/")[-2]:
        return _result(operation)
    if operation.error:
        return Reply(200, {"status": "Failed", "error": operation.error.body.get("error", operation.error.body)})
    if operation.done:
        return Reply(200, _status(operation, "Succeeded"))
    later = {"Retry-After": "1"} if call.world.switches["retry_after"] else {}
    return Reply(operation.style.code, _status(operation, operation.style.running), later)


def _result(operation: Operation) -> Reply:
    if operation.error:
        raise operation.error
    if not operation.done:
        return Reply(202, None, {"Retry-After": "1"})
    body = operation.result() if operation.result else None
    return Reply(200 if body is not None else 204, body)


def _status(operation: Operation, text: str) -> dict[str, Any]:
    if "AzureAsyncOperation" in operation.style.status_url:
        return {"name": operation.token, "status": text, "startTime": operation.started}
    return {"status": text}
