"""Somebody or something acts inside the small Azure at the very moment of a call of the app."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.azure import gateway
from simulator.azure.calls import Call, Reply


@contextmanager
def meddling(method: str, path: str, act: Callable[[Call, Reply], None]) -> Iterator[list[Call]]:
    """`act(call, reply)` just after Azure did what such a call of the app asks; the calls are kept."""
    inner, seen = gateway.route, []

    def route(call: Call) -> Reply:
        fits = call.principal == "app" and call.method == method and path.lower() in call.path.id.lower()
        reply = inner(call)
        if fits:
            seen.append(call)
            act(call, reply)
        return reply

    gateway.route = route
    try:
        yield seen
    finally:
        gateway.route = inner
