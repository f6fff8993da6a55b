"""The clocks: the drift audit, and the watch for requests that raised no event."""

from __future__ import annotations

import azure.functions as func

from shared.app import app
from shared.errors import Passing
from shared.settings import schedule
from shared.sweep import sweep as run_sweep
from shared.sweep import watch as run_watch
from shared.telemetry import Event, log

blueprint = func.Blueprint()


@blueprint.function_name("sweep")
@blueprint.timer_trigger(arg_name="timer", schedule=schedule("LINKKEEPER_SWEEP_SCHEDULE"))
async def sweep(timer: func.TimerRequest) -> None:
    try:
        await run_sweep(app())
    except Passing as wrong:
        log(Event.LATER, f"sweep cut short, the next one starts over: {wrong}")


@blueprint.function_name("watch")
@blueprint.timer_trigger(arg_name="timer", schedule=schedule("LINKKEEPER_WATCH_SCHEDULE"))
async def watch(timer: func.TimerRequest) -> None:
    try:
        await run_watch(app())
    except Passing as wrong:
        log(Event.LATER, f"watch cut short, the next one starts over: {wrong}")
