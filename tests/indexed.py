"""The app as the worker indexes it. An app can be indexed once in a process, so everybody asks here."""

import json
from functools import cache
from typing import Any

import function_app


@cache
def functions() -> dict[str, Any]:
    """Function name to its bindings."""
    return {
        f.get_function_name(): json.loads(f.get_function_json())["bindings"] for f in function_app.app.get_functions()
    }
