"""The worklist's bell: one message, one work item. The rows say what is due, so a message may be lost or come twice."""

from __future__ import annotations

import json

import azure.functions as func

from shared import settle
from shared.app import App, app
from shared.core.ids import NotAnId, ResourceId
from shared.settings import schedule
from shared.telemetry import Event, log

blueprint = func.Blueprint()


@blueprint.function_name("work")
@blueprint.queue_trigger(arg_name="message", queue_name="linkkeeper-work", connection="AzureWebJobsStorage")
async def work(message: func.QueueMessage) -> None:
    resource = _resource(message)
    if resource is not None:
        await settle.work(resource, app())


@blueprint.function_name("poison")
@blueprint.queue_trigger(arg_name="message", queue_name="linkkeeper-work-poison", connection="AzureWebJobsStorage")
async def poison(message: func.QueueMessage) -> None:
    resource = _resource(message)
    if resource is not None:
        await app().worklist.park(resource, "its message failed too often: see the log of the work function")
        log(Event.PARKED, "parked after repeated failures", target=resource)


@blueprint.function_name("watchdog")
@blueprint.timer_trigger(arg_name="timer", schedule=schedule("LINKKEEPER_WATCHDOG_SCHEDULE"))
async def watchdog(timer: func.TimerRequest) -> None:
    the_app: App = app()
    await the_app.worklist.watchdog()
    await settle.ring_for_operations(the_app)


def _resource(message: func.QueueMessage) -> ResourceId | None:
    try:
        return ResourceId.parse(json.loads(message.get_body())["work"])
    except (ValueError, KeyError, TypeError, NotAnId) as wrong:
        log(Event.IGNORED, f"a message that is not ours: {type(wrong).__name__}")
        return None
