"""The smoke alarm: the worker swallows import errors and reports no functions, so the bindings are a golden file."""

import json
from pathlib import Path

import function_app
from tests.indexed import functions

GOLDEN = Path(__file__).with_name("bindings.json")


def test_the_bindings_are_as_agreed() -> None:
    """Changed on purpose? python -m tests.test_app writes the golden file."""
    assert functions() == json.loads(GOLDEN.read_text())


def test_function_app_is_about_a_dozen_lines() -> None:
    assert len(Path(function_app.__file__).read_text().splitlines()) <= 15


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(functions(), indent=1, sort_keys=True) + "\n")
