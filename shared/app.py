"""The composition root: settings to one App, shared by all functions of the process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import settings as settings_module
from .azure.arm import Arm
from .azure.bell import Bell
from .azure.blobfile import BlobFile
from .azure.clients import Clients
from .azure.desk import Desk
from .azure.dns import Dns
from .azure.dnsbudget import DnsBudget, Remaining
from .azure.hourly import Hourly
from .azure.inventory import Inventory
from .azure.journal import Entry, Journal
from .azure.memory import load
from .azure.notify import Notifier
from .azure.policies import Policies
from .azure.repeats import Repeats
from .azure.slots import Slots
from .azure.surroundings import Surroundings
from .azure.tables import Tables
from .azure.wire import Wire
from .azure.worklist import Clock, OnPark, Worklist
from .core.ids import ResourceId
from .core.names import Mark
from .core.policy import Policy
from .policysource import File, PolicySource, PolicyState
from .settings import Settings
from .telemetry import Event, alert, log


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    settings: Settings
    clients: Clients
    tables: Tables
    worklist: Worklist
    journal: Journal
    desk: Desk
    arm: Arm
    dns: Dns
    inventory: Inventory
    surroundings: Surroundings
    slots: Slots
    repeats: Repeats
    hourly: Hourly
    notifier: Notifier
    policies: PolicySource
    stored: Policies
    now: Clock = field(default=utc_now)

    def mark(self, policy: Policy) -> Mark:
        return Mark(owner=policy.owner, deployment=self.settings.deployment, previous=policy.previous_owners)

    async def policy(self, confirm: bool = False) -> PolicyState:
        """The policy as of now; a change of it is announced to the other workers before it is used.

        `confirm`: ask its origin, whatever was known a moment ago.
        """
        state = await self.policies.current(confirm)
        if state.hash != self.policies.announced:
            await self.desk.announce_policy(state.hash, state.valid, state.mistakes)
            self.policies.announced = state.hash
            log(Event.POLICY, f"policy {state.hash}{'' if state.valid else ': ' + state.mistakes}")
        return state

    async def close(self) -> None:
        await self.notifier.close()
        await self.clients.close()


def on_park(tables: Tables, journal: Journal, desk: Desk) -> OnPark:
    """Work that is given up is told to people: an alert, a journal row, and an end to what was asked by hand."""

    async def parked(work: ResourceId, why: str) -> None:
        alert(f"parked {work.name} {why}; see `python -m shared replay --list`", target=work)
        await journal.note(
            work, Entry(change="parked", kind="parked", subject=work, details={"why": why}), "noted", why
        )
        for operation in (await load(tables, work)).operations:
            await desk.finish(work, operation.id, "failed", {"detail": f"parked {why}"})

    return parked


def build(settings: Settings, now: Clock = utc_now) -> App:
    remaining = Remaining(now)
    clients = Clients(settings, now, remaining)
    tables = Tables(clients, settings)
    arm = Arm(clients, settings.arm)
    journal, desk = Journal(tables, now), Desk(tables, now)
    stored = Policies(tables, now)
    origin = BlobFile(clients, settings) if settings.policy_blob else File(settings.policy)
    return App(
        settings=settings,
        clients=clients,
        tables=tables,
        worklist=Worklist(tables, Bell(clients, settings), now, on_park(tables, journal, desk)),
        journal=journal,
        desk=desk,
        arm=arm,
        dns=Dns(clients, DnsBudget(remaining, tables, now)),
        inventory=Inventory(arm, clients),
        surroundings=Surroundings(Wire(clients, settings.arm), tables, now),
        slots=Slots(tables),
        repeats=Repeats(Wire(clients, settings.arm)),
        hourly=Hourly(tables, now),
        notifier=Notifier(clients, settings),
        policies=PolicySource(origin, settings.mode, stored, now, settings.cloud),
        stored=stored,
        now=now,
    )


_apps: dict[asyncio.AbstractEventLoop, App] = {}


def app() -> App:
    """The App of the running loop, built on first use: a client belongs to the loop that first used it."""
    loop = asyncio.get_running_loop()
    if loop not in _apps:
        _apps[loop] = build(settings_module.read())
    return _apps[loop]
