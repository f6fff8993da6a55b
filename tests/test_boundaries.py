"""The architecture, held by the machine: import contracts, and what contracts cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("azure.mgmt.network", "azure.mgmt.privatedns", "pydantic", "yaml", "typer", "rich", "jinja2", "dns")


def imports(folder: str) -> Iterator[tuple[str, str]]:
    """(file, absolute name of what it imports) for every import statement, also those inside functions."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        package = path.relative_to(ROOT).parent.parts
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                yield from ((where, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
                stem = ".".join(part for part in (base, node.module or "") if part)
                yield from ((where, f"{stem}.{name.name}") for name in node.names)


def test_the_core_imports_the_standard_library_and_itself_only() -> None:
    wrong = [
        (where, name)
        for where, name in imports("shared/core")
        if not name.startswith("shared.core") and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert wrong == []


def test_the_core_has_no_clock_no_environment_and_no_log() -> None:
    forbidden = ("os.environ", "os.getenv", "logging", "time.", "random", "socket", "subprocess", "asyncio")
    wrong = [(where, name) for where, name in imports("shared/core") if f"{name}.".startswith(forbidden)]
    assert wrong == []


def test_azure_clients_are_imported_in_shared_azure_only() -> None:
    wrong = [
        (where, name)
        for where, name in imports("shared")
        if name.split(".")[0] == "azure" and not where.startswith("shared/azure/")
    ]
    assert wrong == []


def test_triggers_know_azure_functions_and_no_other_azure() -> None:
    wrong = [
        (where, name)
        for where, name in imports("functions")
        if name.split(".")[0] == "azure" and not name.startswith("azure.functions")
    ]
    assert wrong == []


@pytest.mark.skipif(not (ROOT / "functions" / "__init__.py").exists(), reason="the triggers are not there yet")
def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not (ROOT / "function_app.py").exists(), reason="the app is not there yet")
def test_a_cold_start_imports_nothing_heavy() -> None:
    code = f"import function_app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
