"""Indexing: from a folder with `function_app.py` to a list of functions.

Knows what the Python worker and the host refuse at start-up. Refuses bindings this host cannot run,
instead of leaving a function that never fires.
"""

import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.decorators.function_app import FunctionRegister
from azure.functions.meta import get_binding_registry

from simulator.host.errors import AppRefused

KINDS = {"httpTrigger": "http", "eventGridTrigger": "eventgrid", "queueTrigger": "queue", "timerTrigger": "timer"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function as indexed: how to call it and what its trigger says."""

    name: str
    kind: str
    call: Callable[..., Any]
    parameter: str
    trigger: dict[str, Any]
    wants_context: bool
    has_return: bool
    bindings: tuple[dict[str, Any], ...]

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.call)


def load(folder: Path) -> list[Function]:
    """All functions of the app in this folder, sorted by name."""
    script = folder / "function_app.py"
    if not script.is_file():
        raise AppRefused(f"{script} is missing: a Python v2 app starts there")
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module("function_app")
    except Exception as error:
        raise AppRefused(f"{script} cannot be imported: {type(error).__name__}: {error}") from error
    app = _only_app(module, script)
    try:
        indexed = app.get_functions()
    except Exception as error:
        raise AppRefused(f"{script}: {error}") from error
    return sorted((_function(one) for one in indexed), key=lambda function: function.name)


def _only_app(module: Any, script: Path) -> FunctionRegister:
    apps = {id(value): value for value in vars(module).values() if isinstance(value, FunctionRegister)}
    if not apps:
        raise AppRefused(f"{script}: could not find a top level FunctionApp object")
    if len(apps) > 1:
        raise AppRefused(f"{script}: more than one FunctionApp object, the worker takes exactly one")
    return next(iter(apps.values()))


def _function(indexed: Any) -> Function:
    name, call = indexed.get_function_name(), indexed.get_user_function()
    if not _NAME.fullmatch(name):
        raise AppRefused(
            f"function {name!r}: a name starts with a letter and holds letters, digits, '-' and '_', 128 at most"
        )
    bindings = [_plain(binding.get_dict_repr()) for binding in indexed.get_bindings()]
    trigger = _plain(indexed.get_trigger().get_dict_repr())
    for binding in bindings:
        _check_binding(name, binding)
    parameters = inspect.signature(call).parameters
    _check_parameters(name, set(parameters), bindings)
    _check_annotation(name, call, trigger)
    return Function(
        name=name,
        kind=KINDS[trigger["type"]],
        call=call,
        parameter=trigger["name"],
        trigger=trigger,
        wants_context="context" in parameters and trigger["name"] != "context",
        has_return=any(binding["name"] == "$return" for binding in bindings),
        bindings=tuple(bindings),
    )


def _plain(binding: dict[str, Any]) -> dict[str, Any]:
    """Enums become the words function.json would hold."""

    def word(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [word(item) for item in value]
        return str(value) if hasattr(value, "name") and hasattr(value, "value") else value

    return {key: word(value) for key, value in binding.items()}


def _check_binding(name: str, binding: dict[str, Any]) -> None:
    if binding["type"] in KINDS or (binding["type"] == "http" and binding["name"] == "$return"):
        return
    raise AppRefused(
        f"function {name!r}: binding {binding['name']!r} is of type {binding['type']!r}, "
        f"which this host does not run; it runs {', '.join(KINDS)} and the HTTP answer"
    )


def _check_parameters(name: str, declared: set[str], bindings: list[dict[str, Any]]) -> None:
    bound = {binding["name"] for binding in bindings} - {"$return"}
    unbound = declared - bound - {"context"}
    if unbound:
        raise AppRefused(
            f"cannot load the {name} function: the following parameters are declared in "
            f"Python but have no binding: {', '.join(sorted(unbound))}"
        )
    missing = bound - declared
    if missing:
        raise AppRefused(
            f"cannot load the {name} function: the following bindings have no parameter "
            f"in Python: {', '.join(sorted(missing))}"
        )


def _check_annotation(name: str, call: Callable[..., Any], trigger: dict[str, Any]) -> None:
    try:
        annotation = typing.get_type_hints(call).get(trigger["name"])
    except Exception as error:
        raise AppRefused(f"cannot load the {name} function: its annotations cannot be read: {error}") from error
    if annotation is None or annotation is func.Context:
        return
    converter = get_binding_registry().get(trigger["type"])
    if not isinstance(annotation, type) or not converter.check_input_type_annotation(annotation):
        raise AppRefused(
            f"cannot load the {name} function: type of {trigger['name']} binding in "
            f"function.json ({trigger['type']}) does not match its Python annotation "
            f"({annotation!r})"
        )
