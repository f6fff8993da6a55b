"""`make setup`: checks the machine first, then installs into `.venv` and `node_modules`, nothing else.

Knows only the standard library, because it runs before anything is installed. Refuses to start a
download on a machine where the rest cannot work, and says everything that is missing at once.
"""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON_FILES = ("requirements.txt", "requirements-dev.txt")
NODE_FILES = ("package.json", "package-lock.json")
FREE_DISK = 1_000_000_000
PORTS_NEEDED = 9
PORTS_FROM = 18_400


def main() -> int:
    python_stamp = _stamp(PYTHON_FILES, sys.version)
    node_stamp = _stamp(NODE_FILES, "")
    python_stale = _read(VENV / ".stamp") != python_stamp
    node_stale = _read(ROOT / "node_modules" / ".stamp") != node_stamp
    if not python_stale and not node_stale:
        return 0
    troubles = list(_troubles())
    if troubles:
        print("This machine is not ready:", *(f"  - {trouble}" for trouble in troubles), sep="\n")
        return 1
    _announce(python_stale, node_stale)
    if python_stale:
        _install_python()
        (VENV / ".stamp").write_text(python_stamp)
    if node_stale:
        _install_node()
        (ROOT / "node_modules" / ".stamp").write_text(node_stamp)
    print("Ready. `make demo` shows what it does, `make test` proves it, `make help` lists the rest.")
    return 0


def _stamp(names: tuple[str, ...], more: str) -> str:
    digest = hashlib.sha256(more.encode())
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _troubles() -> Iterator[str]:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        yield (
            f"Python 3.11, 3.12 or 3.13 is needed as `python3`; this one is {sys.version_info[0]}.{sys.version_info[1]}"
        )
    if not VENV.exists() and not _module("ensurepip"):
        yield "Python's venv module is missing (Debian and Ubuntu: apt install python3-venv)"
    node = _version("node")
    if node is None:
        yield "Node.js 18 or later is needed for Azurite (real Table and Queue storage on this machine)"
    elif node < 18:
        yield f"Node.js 18 or later is needed, `node` is version {node}"
    if _version("npm") is None:
        yield "npm is needed beside Node.js (Debian and Ubuntu: apt install npm)"
    free = shutil.disk_usage(ROOT).free
    if free < FREE_DISK:
        yield f"1 GB of free disk is needed here, there are {free / 1e9:.1f} GB"
    if not _ports():
        yield (
            f"the simulator needs {PORTS_NEEDED} free ports in a row on 127.0.0.1, "
            f"and none are free from {PORTS_FROM} on"
        )


def _module(name: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode == 0


def _version(program: str) -> int | None:
    path = shutil.which(program)
    if path is None:
        return None
    answer = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"(\d+)\.", answer)
    return int(match.group(1)) if match else None


def _ports() -> bool:
    return any(
        all(_free(port) for port in range(base, base + PORTS_NEEDED))
        for base in range(PORTS_FROM, PORTS_FROM + 2_000, 20)
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _announce(python_stale: bool, node_stale: bool) -> None:
    print(f"Installing into {ROOT.name}/, nothing outside it:")
    if python_stale:
        print("  .venv/          Azure SDKs and test tools          about 50 MB to download, 260 MB on disk")
    if node_stale:
        print("  node_modules/   Azurite: storage on this machine   about 30 MB to download, 190 MB on disk")


def _install_python() -> None:
    if not (VENV / "bin" / "python").exists():
        with _progress("making .venv"):
            _run([sys.executable, "-m", "venv", str(VENV)])
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--no-input",
        "--progress-bar",
        "off",
        "-r",
        "requirements-dev.txt",
    ]
    with _progress("Python packages"):
        _run(command)


def _install_node() -> None:
    cache = ROOT / ".run" / "npm-cache"  # the usual one would lie outside the checkout
    with _progress("Azurite"):
        _run(["npm", "ci", "--no-progress", "--loglevel", "error", "--cache", str(cache)])
    shutil.rmtree(cache, ignore_errors=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        print(f"\n\n{' '.join(command)}\nfailed with code {done.returncode}:\n{done.stdout[-4000:]}")
        raise SystemExit(1)


@contextmanager
def _progress(what: str) -> Iterator[None]:
    """Seconds and megabytes so far: on one line in a terminal, a line each 15 s elsewhere."""
    began, over, alive = time.monotonic(), threading.Event(), sys.stdout.isatty()

    def tell() -> None:
        while not over.wait(1 if alive else 15):
            line = f"  {what}: {time.monotonic() - began:.0f} s, {_installed() / 1e6:.0f} MB on disk so far"
            print(f"\r{line}   " if alive else line, end="" if alive else "\n", flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    print(f"{chr(13) if alive else ''}  {what}: done in {time.monotonic() - began:.0f} s{' ' * 30}")


def _installed() -> int:
    total = 0
    for folder in (VENV, ROOT / "node_modules"):
        for path, _, files in os.walk(folder):
            for name in files:
                with suppress(OSError):
                    total += os.lstat(os.path.join(path, name)).st_size
    return total


if __name__ == "__main__":
    sys.exit(main())
