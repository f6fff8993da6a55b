"""Event Grid to the worklist. An event only says where to look; anything odd is logged once and acknowledged.

Raises only when the signal could not be stored, so that Event Grid delivers again.
"""

from __future__ import annotations

from typing import Any

import azure.functions as func

from shared.app import app
from shared.core import signals
from shared.telemetry import Event, log

blueprint = func.Blueprint()


@blueprint.function_name("events")
@blueprint.event_grid_trigger(arg_name="event")
async def events(event: func.EventGridEvent) -> None:
    the_app = app()
    try:
        signal = signals.read(payload(event), (await the_app.policies.current()).policy)
    except signals.Ignored as why:
        log(Event.IGNORED, str(why))
        return
    await the_app.worklist.signal(signal.work, signal.subject, signal.cause)
    log(Event.SIGNAL, f"{signal.cause}: {signal.subject.name}", target=signal.work, cause=signal.cause)


def payload(event: Any) -> dict[str, Any]:
    """Only what signals.read needs; claims and callers stay behind. CloudEvents have `source` for `topic`."""
    topic = getattr(event, "topic", None) or getattr(event, "source", None)
    kind = getattr(event, "event_type", None) or getattr(event, "type", None)
    data = event.get_json() if hasattr(event, "get_json") else event.data
    return {"topic": topic, "subject": event.subject, "eventType": kind, "data": data}
