"""One invocation of one function. Knows the worker's calling convention, threads, time limit, log line.

Refuses to know where the trigger data came from and what becomes of a failure: each listener decides.
"""

import asyncio
import concurrent.futures.thread
import contextvars
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum, get_binding_registry

from simulator.host.loading import Function

log = logging.getLogger("host")
_INNER = (__file__, concurrent.futures.thread.__file__)


class InvocationFailed(Exception):
    """The function raised; the traceback is already in the log."""


class _Context(func.Context):
    """What a function gets that asks for `context`."""

    def __init__(self, function: str, folder: Path) -> None:
        self._function, self._folder = function, folder
        self._id = str(uuid.uuid4())
        self._local = threading.local()
        self._local.invocation_id = self._id

    invocation_id = property(lambda self: self._id)  # type: ignore[assignment]
    function_name = property(lambda self: self._function)  # type: ignore[assignment]
    function_directory = property(lambda self: str(self._folder))  # type: ignore[assignment]
    thread_local_storage = property(lambda self: self._local)  # type: ignore[assignment]
    trace_context = property(lambda self: None)  # type: ignore[assignment]
    retry_context = property(lambda self: None)  # type: ignore[assignment]


def die(reason: str) -> None:
    """The worker process ends at once: nothing is drained, nothing is released, as on Azure."""
    log.critical(reason)
    sys.stderr.flush()
    os._exit(70)


class Invoker:
    """Runs functions: async ones on the one loop, others in a pool of threads."""

    def __init__(self, folder: Path, timeout: float | None, kill: Callable[[str], None] = die) -> None:
        threads = int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or min(32, (os.cpu_count() or 1) + 4))
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")
        self._folder, self._timeout, self._kill = folder, timeout, kill
        self.running: set[asyncio.Future[Any]] = set()

    async def invoke(
        self, function: Function, data: Datum, reason: str, metadata: Mapping[str, Datum] | None = None
    ) -> Datum | None:
        """The encoded return value, or InvocationFailed. Writes one log line either way."""
        context = _Context(function.name, self._folder)
        began = time.monotonic()
        task = asyncio.ensure_future(self._limited(function, data, metadata, context))
        self.running.add(task)
        try:
            result = await asyncio.shield(task)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._line(logging.ERROR, function, context, began, reason, "failed", error)
            raise InvocationFailed(f"{type(error).__name__}: {error}") from error
        finally:
            task.add_done_callback(self.running.discard)
        self._line(logging.INFO, function, context, began, reason, "succeeded", None)
        return result

    async def drain(self, seconds: float) -> int:
        """Wait for what runs; says how many had to be left behind."""
        if self.running:
            await asyncio.wait(set(self.running), timeout=seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return sum(not task.done() for task in self.running)

    async def _limited(
        self, function: Function, data: Datum, metadata: Mapping[str, Datum] | None, context: func.Context
    ) -> Datum | None:
        call = asyncio.ensure_future(self._call(function, data, metadata, context))
        done, _ = await asyncio.wait({call}, timeout=self._timeout)
        if not done:
            self._kill(
                f"Timeout value of {self._timeout:g} s exceeded by function '{function.name}' "
                f"(Id: '{context.invocation_id}'): the worker is killed"
            )
            call.cancel()
            raise TimeoutError("functionTimeout")
        return call.result()

    async def _call(
        self, function: Function, data: Datum, metadata: Mapping[str, Datum] | None, context: func.Context
    ) -> Datum | None:
        registry = get_binding_registry()
        value = registry.get(function.trigger["type"]).decode(data, trigger_metadata=metadata or {})
        arguments: dict[str, Any] = {function.parameter: value}
        if function.wants_context:
            arguments["context"] = context
        if function.is_async:
            result = await function.call(**arguments)
        else:
            copied = contextvars.copy_context()
            result = await asyncio.get_running_loop().run_in_executor(
                self._pool, lambda: copied.run(function.call, **arguments)
            )
        return _encode(function, result, registry)

    def _line(
        self,
        level: int,
        function: Function,
        context: func.Context,
        began: float,
        reason: str,
        outcome: str,
        error: BaseException | None,
    ) -> None:
        took = (time.monotonic() - began) * 1000
        log.log(
            level,
            "Executed %s %s in %.0f ms  reason=%s id=%s",
            function.name,
            outcome,
            took,
            reason,
            context.invocation_id,
            exc_info=_from_the_app(error),
        )


def _from_the_app(error: BaseException | None) -> BaseException | None:
    """The traceback begins in the app's own code; how the host got there interests nobody."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_frame.f_code.co_filename in _INNER:
        trace = trace.tb_next
    return error.with_traceback(trace) if error is not None and trace is not None else error


def _encode(function: Function, result: Any, registry: Any) -> Datum | None:
    if not function.has_return:
        if result is not None:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a non-None value")
        return None
    return None if result is None else registry.get("http").encode(result, expected_type=None)
