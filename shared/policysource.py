"""Where the policy comes from: a file of the deployment, or a blob. An invalid or unreadable one never replaces a
good one, which keeps existing names right, also after a restart.

Refuses to know what a changed policy means (policychange.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from .azure.policies import Policies
from .azure.worklist import Clock
from .core.policy import Policy
from .core.rules import Mode
from .errors import Conflict, Lasting, Passing

_KINDS = ("approve", "reject", "put", "delete", "refresh")
NOTHING = Policy(owner="", modes=tuple((kind, Mode.OFF) for kind in _KINDS))
_RECENT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyState:
    """The last good policy (nothing at all when there never was one), and whether the file is valid right now."""

    policy: Policy
    valid: bool
    mistakes: str = ""
    hash: str = ""
    raw: bytes = b""


class Origin(Protocol):
    async def read(self, etag: str = "") -> tuple[bytes | None, str]: ...


class File:
    """A file of the deployment; its time and size stand for an ETag."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, etag: str = "") -> tuple[bytes | None, str]:
        try:
            stat = self._path.stat()
            stamp = f"{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}"
            return (None, etag) if stamp == etag else (self._path.read_bytes(), stamp)
        except OSError as wrong:
            raise Lasting(f"{self._path.name}: cannot be read: {wrong.strerror}") from wrong


class PolicySource:
    def __init__(self, origin: Origin, default: Mode, good: Policies, now: Clock, cloud: str | None = None) -> None:
        self._origin, self._default, self._good, self._now, self._cloud = origin, default, good, now, cloud
        self._etag = ""
        self._asked: datetime | None = None
        self._state = PolicyState(policy=NOTHING, valid=False, mistakes="not read yet")
        self._lock = asyncio.Lock()
        self.announced = ""

    async def current(self, confirm: bool = False) -> PolicyState:
        """Raises nothing: what cannot be read is an invalid policy. `confirm`: ask the origin now in any case."""
        async with self._lock:
            if confirm or self._asked is None or isinstance(self._origin, File) or self._is_old():
                await self._refresh()
            return self._state

    def _is_old(self) -> bool:
        return self._asked is None or self._now() - self._asked > _RECENT

    async def _refresh(self) -> None:
        try:
            raw, etag = await self._origin.read(self._etag)
        except (Passing, Lasting) as wrong:
            self._etag = ""
            await self._invalid(str(wrong))
            return
        self._asked, self._etag = self._now(), etag
        if raw is not None:
            await self._take(raw)

    async def _take(self, raw: bytes) -> None:
        from . import policyfile  # pydantic is heavy: not before the first decision

        try:
            # Seconds for thousands of rules.
            policy = await asyncio.to_thread(policyfile.parse, raw, self._default, self._cloud)
        except policyfile.BadPolicy as wrong:
            await self._invalid(str(wrong))
            return
        self._state = PolicyState(policy=policy, valid=True, hash=policy.hash, raw=raw)

    async def _invalid(self, mistakes: str) -> None:
        known = self._state
        if known.policy is NOTHING:
            known = await self._stored() or known
        self._state = PolicyState(policy=known.policy, valid=False, mistakes=mistakes, hash="invalid", raw=known.raw)

    async def before(self, raw: bytes) -> Policy | None:
        """An earlier file as a value, for comparing; None when there was none or nobody can read it any more."""
        from . import policyfile

        try:
            return await asyncio.to_thread(policyfile.parse, raw, self._default, self._cloud) if raw else None
        except policyfile.BadPolicy:
            return None

    async def _stored(self) -> PolicyState | None:
        """The last good one of an earlier process."""
        try:
            raw = await self._good.text()
        except (Passing, Lasting, Conflict):
            return None
        policy = await self.before(raw)
        return PolicyState(policy=policy, valid=False, raw=raw) if policy and raw else None
