"""Azurite: real Table, Queue and Blob storage on loopback, over HTTPS, for bearer tokens.

Knows its command line. Refuses to keep anything: it lives in memory, a new start is a new account.
"""

from dataclasses import dataclass
from pathlib import Path

from simulator.children import Child, plain_environment, port_answers
from simulator.tls import Authority

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "node_modules" / ".bin" / "azurite"
ACCOUNT = "devstoreaccount1"


@dataclass
class Azurite:
    child: Child
    blob: str
    queue: str
    table: str
    ports: tuple[int, ...]

    @classmethod
    async def start(cls, authority: Authority, folder: Path, *, blob: int, queue: int, table: int) -> "Azurite":
        """The process runs when this returns; `ready` waits until it answers."""
        if not PROGRAM.exists():
            raise FileNotFoundError("Azurite is not installed: run `make setup`")
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            PROGRAM,
            "--silent",
            "--inMemoryPersistence",
            "--disableTelemetry",
            "--skipApiVersionCheck",
            "--oauth",
            "basic",
            "--cert",
            authority.cert,
            "--key",
            authority.key,
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            str(blob),
            "--queueHost",
            "127.0.0.1",
            "--queuePort",
            str(queue),
            "--tableHost",
            "127.0.0.1",
            "--tablePort",
            str(table),
        ]
        child = await Child.start("Azurite", command, env=plain_environment(), cwd=folder, chatty=True)
        ports = (blob, queue, table)
        return cls(child, *(f"https://127.0.0.1:{port}/{ACCOUNT}" for port in ports), ports=ports)

    async def ready(self, seconds: float = 60) -> None:
        async def answers() -> bool:
            return all([await port_answers(port) for port in self.ports])

        await self.child.ready(answers, seconds)

    async def stop(self) -> None:
        await self.child.stop()
