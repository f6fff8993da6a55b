"""docs/policy.md is true: its tables are the schemas' hover texts, its snippets are valid, its commands exist.

`python -m tests.test_policy_docs` writes the tables again.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared import casefile, policyfile

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "policy.md"
TABLES = {"policy": policyfile.schema, "cases": casefile.schema}
Schema = Mapping[str, Any]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.S)


CASES = [block for block in blocks("yaml") if "cases:" in block]
PIPELINES = [block for block in blocks("yaml") if "steps:" in block]
POLICIES = [block for block in blocks("yaml") if block not in (*CASES, *PIPELINES)]
COMMANDS = sorted(
    {
        found.strip()
        for block in (*blocks("sh"), *PIPELINES, *re.findall(r"`(python -m [^`]*)`", PAGE.read_text("utf-8")))
        for found in re.findall(r"python -m shared[^\n>|]*", block)
    }
)


# --- the tables ------------------------------------------------------------------------------------


def table(schema: Schema) -> str:
    rows = [f"| `{path}` | {what} | {text} |" for path, what, text in keys(schema, schema, "", {})]
    return "\n".join(["| key | value | meaning |", "|---|---|---|", *rows])


def keys(schema: Schema, node: Schema, before: str, told: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    """Every key below this object in the order of the definition: its path, what it may hold, its hover text. What a
    key holds is told once (`told`: definition to the first key that holds it)."""
    for name, said in node["properties"].items():
        inner, what = value(schema, said)
        again = f" as in `{told[id(inner)]}`" if id(inner) in told else ""
        must = ", required" if name in node.get("required", ()) else ""
        default = said.get("default")
        usual = f", else {default}" if isinstance(default, int | str) and default not in (False, "") else ""
        text = said["description"].replace("|", "\\|").replace("\n", " ")
        yield before + name, f"{what}{again}{must}{usual}", text
        if "properties" in inner and not again:
            told[id(inner)] = before + name
            yield from keys(schema, inner, f"{before}{name}{'[]' if what.startswith('list') else ''}.", told)


def value(schema: Schema, said: Schema) -> tuple[Schema, str]:
    """The definition that the value has to follow, and in words what it is."""
    options = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        return value(schema, options[0])
    if "$ref" in said:
        return value(schema, schema["$defs"][said["$ref"].rpartition("/")[2]])
    if said.get("type") == "array":
        inner, what = value(schema, said["items"])
        return inner, f"list of {what}"
    if "enum" in said or "const" in said:
        return said, ", ".join(f"`{one}`" for one in said.get("enum", [said.get("const")]))
    if said.get("type") == "integer":
        return said, f"{said['minimum']} to {said['maximum']}" if "maximum" in said else "number"
    if said.get("type") == "string":
        return said, "GUID" if said.get("format") == "uuid" else "text"
    if said.get("type") == "boolean":
        return said, "true or false"
    return said, "keys" if "properties" in said else "map"


def written(page: str) -> str:
    for name, schema in TABLES.items():
        marked = re.compile(rf"(<!-- keys of (?:the )?{name} -->\n).*?(<!-- end -->)", re.S)
        page, count = marked.subn(lambda found, s=schema: f"{found[1]}{table(s())}\n{found[2]}", page)
        assert count == 1, name
    return page


def test_the_tables_are_what_the_schemas_say() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), "python -m tests.test_policy_docs writes it"


@pytest.mark.parametrize("name", TABLES)
def test_every_key_has_a_hover_text(name: str) -> None:
    schema = TABLES[name]()
    shapes = [schema, *schema["$defs"].values()]
    bare = [key for shape in shapes for key, said in shape.get("properties", {}).items() if "description" not in said]
    assert bare == []


# --- the snippets ----------------------------------------------------------------------------------


def test_the_page_shows_policies_cases_and_pipelines() -> None:
    assert (len(POLICIES), len(CASES), len(PIPELINES)) == (5, 1, 2)


@pytest.mark.parametrize("block", POLICIES)
def test_every_policy_of_the_page_is_valid(block: str) -> None:
    policyfile.parse(f"version: 1\nowner: x\n{block}".encode())


@pytest.mark.parametrize("block", CASES)
def test_the_cases_of_the_page_hold_for_its_first_policy(block: str) -> None:
    policy = policyfile.parse(f"version: 1\nowner: x\n{POLICIES[0]}".encode())
    cases = casefile.parse(block.encode(), datetime.now(UTC)).cases
    assert [case.name for case in cases if case.differs(case.decide(policy))] == []


@pytest.mark.parametrize("block", PIPELINES)
def test_the_pipelines_of_the_page_are_yaml_and_name_files_that_exist(block: str) -> None:
    assert yaml.safe_load(block)
    assert (ROOT / "requirements.txt").exists()
    assert (ROOT / "policy" / "policy.yaml").exists()


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_understood(line: str) -> None:
    words = shlex.split(line)[3:]
    verbs = [word for word in words if re.fullmatch(r"[a-z]+", word)]
    done = subprocess.run(
        [sys.executable, "-m", "shared", *verbs, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words if word.startswith("--")), done.stdout


def test_every_example_is_listed_on_the_page() -> None:
    listed = set(re.findall(r"\(\.\./policy/examples/(\w[\w-]*\.yaml)\)", PAGE.read_text("utf-8")))
    assert listed == {path.name for path in (ROOT / "policy" / "examples").glob("*.yaml")}


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
