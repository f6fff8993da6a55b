"""`python -m simulator up` as a process: what it prints, how it ends, what it leaves behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulator.children import free_base
from tests.host.conftest import ROOT, soon, write_app

pytestmark = pytest.mark.wire
FACTS = {"arm", "ca", "host", "dns", "table", "queue", "blob", "control", "token", "key", "env"}
Up = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def base(worker_base: int) -> int:
    return free_base(worker_base + 300, 9)


@pytest.fixture
def up(tmp_path: Path, base: int) -> Iterator[Up]:
    write_app(tmp_path, "@app.event_grid_trigger('e')\ndef on_event(e: func.EventGridEvent): ...")
    (tmp_path / "infra").mkdir()
    shutil.copy(ROOT / "infra" / "event-subscriptions.json", tmp_path / "infra")
    (tmp_path / "policy.yaml").write_text("version: 1\n")
    started: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "simulator",
            "up",
            "--json",
            "--app",
            str(tmp_path),
            "--policy",
            str(tmp_path / "policy.yaml"),
            "--port-base",
            str(base),
            *options,
        ]
        started.append(
            subprocess.Popen(
                command, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


def children(process: "subprocess.Popen[str]") -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in found]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def answers(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_prints_one_line_of_facts_and_ends_with_0_leaving_nothing_behind(up: Up) -> None:
    process = up("--audit-every", "90", "--mode", "plan")
    facts = json.loads(process.stdout.readline())  # type: ignore[union-attr]
    pids = children(process)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)
    assert set(facts) == FACTS
    assert (facts["env"]["LINKKEEPER_SWEEP_SCHEDULE"], facts["env"]["LINKKEEPER_MODE"]) == ("00:01:30", "plan")
    assert (process.returncode, rest, len(pids)) == (0, "", 2)
    assert soon(lambda: all(map(gone, pids)), within=5)
    assert not Path(facts["ca"]).exists()


def test_when_azurite_dies_everything_ends_with_1_and_says_which(up: Up) -> None:
    process = up()
    process.stdout.readline()  # type: ignore[union-attr]
    azurite, *others = sorted(children(process), key=lambda pid: "simulator.host" in command_of(pid))
    os.kill(azurite, signal.SIGKILL)
    said = process.communicate(timeout=30)[1]
    assert (process.returncode, "Azurite" in said) == (1, True), said
    assert all(soon(lambda pid=pid: gone(pid)) for pid in others)  # type: ignore[misc]


def test_a_killed_functions_host_is_started_again_as_azure_does(up: Up) -> None:
    process = up()
    facts = json.loads(process.stdout.readline())  # type: ignore[union-attr]
    (host,) = (pid for pid in children(process) if "simulator.host" in command_of(pid))
    os.kill(host, signal.SIGKILL)
    assert soon(lambda: host not in children(process) and len(children(process)) == 2)
    assert soon(lambda: answers(facts["host"]))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_even_kill_9_leaves_nothing_behind(up: Up) -> None:
    process = up()
    process.stdout.readline()  # type: ignore[union-attr]
    pids = children(process)
    process.kill()
    process.communicate(timeout=20)
    assert soon(lambda: all(map(gone, pids)), within=10)


def test_a_taken_port_is_named(up: Up, base: int) -> None:
    with socket.create_server(("127.0.0.1", base + 5)):
        process = up()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"port {base + 5} is taken" in said


def test_a_missing_policy_is_named(up: Up, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").unlink()
    process = up()
    assert "there is no policy file" in process.communicate(timeout=20)[1]
    assert process.returncode == 1


def test_being_told_to_stop_while_starting_is_no_failure(up: Up) -> None:
    process = up()
    assert soon(lambda: bool(children(process)), within=10)
    pids = children(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert soon(lambda: all(map(gone, pids)), within=5)
