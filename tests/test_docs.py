"""README and docs are true: settings, routes, commands and snippets are compared with the code."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shared import policyfile
from shared.settings import SETTINGS
from tests.indexed import functions

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize(("name", "default", "meaning"), SETTINGS)
def test_every_setting_is_in_the_readme(name: str, default: str, meaning: str) -> None:
    row = next((line for line in README.splitlines() if line.startswith(f"| `{name}` |")), "")
    assert row.replace("`", "") == f"| {name} | {default} | {meaning} |"


def test_the_readme_lists_no_setting_that_the_code_lacks() -> None:
    listed = set(re.findall(r"^\| `((?:LINKKEEPER|AzureWebJobs)\w*)`", README, re.M))
    assert listed == {name for name, _, _ in SETTINGS}


def test_the_readme_lists_exactly_the_routes_of_the_app() -> None:
    listed = set(re.findall(r"^\| `(GET|POST) /api/([\w/{}]+)`", README, re.M))
    assert listed == routes()


def routes() -> set[tuple[str, str]]:
    http = [b for bindings in functions().values() for b in bindings if b["type"] == "httpTrigger"]
    return {(str(method).upper().removeprefix("HTTPMETHOD."), b["route"]) for b in http for method in b["methods"]}


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("make ")])
def test_every_make_target_of_the_readme_exists(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("python -m shared")])
def test_every_command_of_the_readme_is_understood(line: str) -> None:
    words = shlex.split(line.split("<")[0])[3:]
    verbs = [word for word in words if not word.startswith("-") and "/" not in word and word.islower()]
    done = subprocess.run(
        [sys.executable, "-m", "shared", *verbs, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    options = [word for word in words if word.startswith("--")]
    assert done.returncode == 0, done.stderr
    assert all(option in done.stdout for option in options), done.stdout


def test_the_policies_in_the_readme_are_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.S)
    assert len(blocks) == 2
    for block in blocks:
        policyfile.parse((block if "version" in block else f"version: 1\nowner: x\n{block}").encode())


def test_the_readme_shows_the_rules_of_the_first_example() -> None:
    shown = next(yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", README, re.S) if "version" in b)
    example = yaml.safe_load((ROOT / "policy" / "examples" / "first.yaml").read_text())
    assert shown["owner"] == example["owner"]
    assert shown["hubs"] == example["hubs"]
    assert [rule["name"] for rule in shown["rules"]] == [rule["name"] for rule in example["rules"]]


@pytest.mark.parametrize("page", ["README.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))])
def test_links_between_files_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    missing = [
        link
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        if not (ROOT / page).parent.joinpath(link).exists()
    ]
    assert missing == []


def test_the_sample_of_local_settings_names_known_settings_only() -> None:
    values = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert set(values) - {name for name, _, _ in SETTINGS} == {"FUNCTIONS_WORKER_RUNTIME"}


def test_the_snippet_about_refreshing_is_a_valid_part_of_a_policy() -> None:
    (snippet,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "cosmos.md").read_text(), re.S)
    policy = policyfile.parse(f"version: 1\nowner: contoso-hub\n{snippet}".encode())
    assert (policy.mode("refresh").value, policy.caps.refreshes_per_hour) == ("apply", 5)
    assert policy.drift.after.total_seconds() == 45 * 60
