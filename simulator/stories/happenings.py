"""`when` about events: they get lost, come twice, or come late. Every docstring is the sentence that is shown.

Knows how the control door sends an event again. Refuses to know who listens.
"""

import json
from collections.abc import Callable
from typing import Any

from simulator.stories.world import NotAsTold, World, must


def lose_events(world: World, count: int) -> None:
    """the next {count} events are lost"""
    must(world.wire.control("POST", "/events/lose", {"times": count}), "losing events")


def repeat_events(world: World, about: str) -> None:
    """every event about {about} arrives once more"""
    for note in _raised(world):
        if f"/{about.lower()}" in json.dumps(note["event"]).lower():
            _send_again(world, note)


def late_event(world: World, about: str, operation: str = "delete") -> None:
    """the last {operation} event of the endpoint {about} arrives once more, late"""
    path, ending = world.endpoint_id(about).lower(), f"privateendpoints/{operation}".lower()
    found = [
        note
        for note in _raised(world)
        if note["event"]["subject"].lower() == path
        and note["event"]["data"]["operationName"].lower().endswith(ending)
        and note["deliveries"]
    ]
    if not found:
        raise NotAsTold(f"no {operation} event of {about} was ever sent to anybody")
    _send_again(world, found[-1])


def throttled(world: World, provider: str, times: int = 3) -> None:
    """{provider} is throttled: the next {times} calls of ours are answered 429"""
    fault = {"principal": "app", "path": provider, "status": 429, "code": "TooManyRequests", "times": times}
    must(world.wire.control("POST", "/faults", {**fault, "headers": {"Retry-After": "1"}}), "planting a fault")


def _raised(world: World) -> list[dict[str, Any]]:
    return list(must(world.wire.control("GET", "/events"), "reading the events")["raised"])


def _send_again(world: World, note: dict[str, Any]) -> None:
    """To everybody who got it before, or from whom it was lost."""
    event = note["event"]
    for delivery in note["deliveries"]:
        body = [event] if delivery["subscription"] == "connections" else _as_cloud_event(event)
        must(
            world.wire.control("POST", "/events", {"subscription": delivery["subscription"], "body": body}),
            "sending an event again",
        )


def _as_cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "data": event["data"],
    }


WHEN: dict[str, Callable[..., Any]] = {
    "events lost": lose_events,
    "events again": repeat_events,
    "late event": late_event,
    "throttled": throttled,
}
