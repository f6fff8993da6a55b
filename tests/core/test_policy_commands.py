"""`policy diff` and `policy draft` from end to end, on files as people have them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shared import estate, policyfile
from shared.__main__ import cli
from shared.core.model import Status

from .build import OTHER, TARGET, connection, endpoint_id, target_id

FIRST = (Path(__file__).resolve().parents[2] / "policy" / "examples" / "first.yaml").read_text()
EVIL = "pe`|</td>[x](javascript:1)![](http://e)@team<!--*_~"


def run(*args: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(cli, ["policy", *args], input=stdin)


def lines(*connections: Any) -> str:
    return "\n".join(estate.line(TARGET, one) for one in connections)


def waiting(count: int, **facts: Any) -> list[Any]:
    return [connection(f"c{n}", endpoint=endpoint_id(f"pe{n}"), **facts) for n in range(count)]


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = tmp_path / "old.yaml"
    path.write_text(FIRST.replace("groups: [blob] ", "groups: [dfs] "))
    return str(path)


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "new.yaml"
    path.write_text(FIRST)
    return str(path)


@pytest.mark.parametrize(
    ("connections", "first"),
    [
        (waiting(12), "approves 12 held"),
        (waiting(2, status=Status.APPROVED), "covers 2"),
        (waiting(3, groups=("dfs",), status=Status.APPROVED), "uncovers 3"),
        (waiting(1, groups=("dfs",)), "no longer decides 1 held"),
        (waiting(1, groups=("table",)), "nothing changes for anybody known"),
        ([], "nothing changes for anybody known"),
    ],
)
def test_the_first_line_says_who_is_concerned(old: str, new: str, connections: Any, first: str) -> None:
    done = run("diff", old, new, "--estate", "-", stdin=lines(*connections))
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, first)


@pytest.mark.parametrize(("count", "first"), [(1, "unblocks 1 name"), (2, "unblocks 2 names")])
def test_names_are_counted_for_each_hub_that_begins_to_serve(tmp_path: Path, new: str, count: int, first: str) -> None:
    path = tmp_path / "nohub.yaml"
    path.write_text(FIRST.partition("\nhubs:")[0] + "\n")
    approved = waiting(count, status=Status.APPROVED)
    assert run("diff", str(path), new, "--estate", "-", stdin=lines(*approved)).stdout.splitlines()[0] == first
    assert run("diff", new, str(path), "--estate", "-", stdin=lines(*approved)).stdout.startswith("drops ")


def test_a_table_ends_after_fifty_rows_and_counts_the_rest(old: str, new: str) -> None:
    shown = run("diff", old, new, "--estate", "-", stdin=lines(*waiting(53))).stdout
    assert len(re.findall(r"^\| `pe\d+`", shown, re.M)) == 50
    assert "\nand 3 more\n" in shown


def test_nothing_from_outside_leaves_its_cell(old: str, new: str) -> None:
    one = connection(groups=(EVIL + "\n| x |\n# head",))
    shown = run("diff", new, old, "--estate", "-", stdin=lines(one, connection("c2"))).stdout
    rows = [row for row in shown.splitlines() if row.startswith("| `")]
    assert {row.count("|") for row in rows} == {6}
    bare = re.sub(r"`[^`\n]*`", "", shown)
    assert not set("<>[]@!") & set(bare)


def test_as_json_nobody_is_left_out(old: str, new: str) -> None:
    body = json.loads(run("diff", old, new, "--json", "--estate", "-", stdin=lines(*waiting(60))).stdout)
    assert (body["summary"], len(body["approves"])) == ("approves 60 held", 60)
    assert body["approves"][0]["rule"] == "analytics team"


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        ("{\n{}", "line 1: is not JSON"),
        ('[{"connectionId": "x"}, 7]', "entry 2: is no object"),
        (lines(connection()).replace('"Pending"', "null"), "entry 1: its status is none of"),
    ],
)
def test_a_bad_estate_ends_with_all_its_mistakes(new: str, stdin: str, told: str) -> None:
    done = run("diff", new, new, "--estate", "-", stdin=stdin)
    assert (done.exit_code, told in done.output) == (1, True)


def test_a_file_that_is_not_there_is_told(new: str) -> None:
    assert run("diff", new, "nowhere.yaml").exit_code == run("diff", new, new, "--estate", "nowhere").exit_code == 1


def test_a_draft_is_valid_and_covers_the_estate_it_came_from(tmp_path: Path) -> None:
    seen = lines(*waiting(3, status=Status.APPROVED))
    path, empty = tmp_path / "draft.yaml", tmp_path / "empty.yaml"
    done = run("draft", "--estate", "-", "--owner", "hub-7", stdin=seen)
    path.write_text(done.stdout)
    empty.write_text("version: 1\nowner: hub-7\n")
    assert run("check", str(path), "--strict").exit_code == 0
    assert policyfile.parse(done.stdout.encode()).owner == "hub-7"
    assert run("diff", str(empty), str(path), "--estate", "-", stdin=seen).stdout.startswith("covers 3\n")


def test_a_draft_names_exact_endpoints_where_the_policy_says_that_a_vendor_shares(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    vendor = f"vendors: [{{name: Acme, shared: true, endpoints: ['{OTHER}']}}]"
    rule = "{name: r, verdict: approve, requesters: {vendors: [Acme]}, targets: {all: true}}"
    path.write_text(f"version: 1\nowner: hub\n{vendor}\nrules: [{rule}]\n")
    seen = lines(*waiting(2, status=Status.APPROVED))
    assert "resource_groups" in run("draft", "--estate", "-", stdin=seen).stdout
    assert "resource_groups" not in run("draft", "--estate", "-", "--policy", str(path), stdin=seen).stdout


def test_an_owner_that_no_record_could_carry_is_refused() -> None:
    done = run("draft", "--estate", "-", "--owner", "no good", stdin=lines(connection(status=Status.APPROVED)))
    assert (done.exit_code, done.stdout, "owner" in done.output) == (1, "", True)


def test_the_answer_of_the_app_is_an_estate(new: str) -> None:
    item = {**json.loads(lines(connection())), "reasons": ["x"], "ageSeconds": 3, "people": None, "nearestRule": None}
    target = target_id("acct2")
    other = json.loads(estate.line(target, connection(id=target.child("privateEndpointConnections", "c"))))
    body = json.dumps({"value": [item, other]})
    empty = "version: 1\nowner: hub\n"
    Path(new).with_name("empty.yaml").write_text(empty)
    done = run("diff", str(Path(new).with_name("empty.yaml")), new, "--estate", "-", stdin=body)
    assert done.stdout.startswith("approves 2 held")
