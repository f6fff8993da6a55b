"""A running simulator as a child process, for the demo, for play and for tests.

Knows how to start it, read its one line, and end it by its own id. Refuses to look inside.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.children import end_with_parent

ROOT = Path(__file__).resolve().parent.parent
LOG_FOLDER = ROOT / ".run"


class DidNotStart(Exception):
    """With the end of the log, which says why."""


@dataclass
class Session:
    process: "subprocess.Popen[bytes]"
    facts: dict[str, Any]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@contextlib.contextmanager
def simulator(*options: str, log: str = "simulator.log") -> Iterator[Session]:
    """`python -m simulator up --json …` until the block ends; its log is kept in .run/."""
    LOG_FOLDER.mkdir(exist_ok=True)
    path = LOG_FOLDER / log
    with path.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "up", "--json", *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=end_with_parent(),
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.wait()
            tail = "\n".join(path.read_text(errors="replace").splitlines()[-25:])
            raise DidNotStart(f"the simulator ended with code {process.returncode}:\n{tail}")
        yield Session(process, json.loads(line), path)
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
