"""Child processes. Knows how to start one, wait until its port answers, and end it by its own id.

Refuses to end anything it did not start.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")  # what Python and node need to run


class ChildDied(Exception):
    """A child ended before it was asked to; the message says which and how."""


@dataclass
class Child:
    name: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, chatty: bool = False
    ) -> "Child":
        """Its output goes to our stderr (of a chatty one only the errors). It has its own session, so that
        Ctrl-C in the terminal reaches us alone.
        """
        output = asyncio.subprocess.DEVNULL if chatty else sys.stderr.fileno()
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *map(str, command),
                cwd=cwd,
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=sys.stderr.fileno(),
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        )
        try:
            return cls(name, await asyncio.shield(starting))
        except asyncio.CancelledError:  # told to stop just now: it must not stay behind
            (await starting).kill()
            raise

    async def ready(self, answers: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until `answers` says yes; raise when the child dies or the time is over."""
        for _ in range(int(seconds / 0.05)):
            if self.process.returncode is not None:
                raise ChildDied(f"{self.name} ended with code {self.process.returncode} while starting")
            if await answers():
                return
            await asyncio.sleep(0.05)
        raise ChildDied(f"{self.name} (process {self.process.pid}) did not answer within {seconds:g} s")

    async def died(self) -> str:
        """Returns only when it ended, with a sentence about it."""
        code = await self.process.wait()
        return f"{self.name} (process {self.process.pid}) ended with code {code}"

    async def stop(self, seconds: float = 8.0) -> None:
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def end_with_parent() -> Callable[[], object] | None:
    """Even when we are killed with -9, nothing stays behind. Only Linux can promise that."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def plain_environment() -> dict[str, str]:
    """The little of our own environment that a child needs to run at all."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


async def port_answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def taken(ports: Sequence[int]) -> list[int]:
    """Which of these ports somebody else listens on (TCP, loopback)."""
    return [port for port in ports if not _free(port)]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_base(start: int, count: int) -> int:
    """The first base at or after `start`, in steps of 20, with `count` free ports in a row."""
    for base in range(start, 60_000, 20):
        if not taken(range(base, base + count)):
            return base
    raise OSError("no free ports on this machine")
