"""Does an endpoint map what its Cosmos account has? And what to do where it does not: wait, refresh, or tell people.

Two worlds, and nobody knows which one Azure lives in today: an endpoint says `Recreate` and wants its PUT repeated, or
the platform follows by itself and only takes its time. Pure. Refuses to send anything, and to touch what is not ours.
Source: reference/cosmos.md sections 1 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .cosmos import Account, digest
from .ids import ResourceId, fold
from .model import Connection, Endpoint, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What to do about names that stay different though Azure asks for nothing."""

    after: timedelta = timedelta(minutes=30)
    refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One approved endpoint beside its account, both freshly read. `since`: when the names were first seen to differ
    while Azure asked for nothing."""

    endpoint: ResourceId
    guid: str = ""
    expected: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    surplus: frozenset[str] = frozenset()
    recreate: bool = False
    failed: bool = False
    """The last operation on it failed, so it may show no names."""
    settled: bool = True
    unstated: frozenset[str] = frozenset()
    """Members for which it has no static address, though all its addresses are static."""
    overstated: frozenset[str] = frozenset()
    """Members with a static address that its account has no more."""
    since: datetime | None = None

    @property
    def right(self) -> bool:
        return not (self.missing or self.surplus or self.recreate or self.failed)

    @property
    def digest(self) -> str:
        return digest(self.expected)

    def says(self) -> str:
        parts = (("lacks", self.missing), ("still has", self.surplus))
        said = [f"it {word} {', '.join(sorted(names))}" for word, names in parts if names]
        said += ["the last operation on it failed"] if self.failed else []
        return "; ".join(said) or (
            "it is asked for again, though its names are right" if self.recreate else "all is right"
        )

    @property
    def by_hand(self) -> str:
        """What a person has to do before a PUT can help; empty when nothing."""
        said = [f"add an ipConfigurations entry for {name} by hand" for name in sorted(self.unstated)]
        said += [f"remove the ipConfigurations entry for {name} by hand" for name in sorted(self.overstated)]
        return f"its addresses are static: {'; '.join(said)}" if said else ""

    def is_due(self, drift: Drift, now: datetime) -> bool:
        """Does it want its PUT repeated now?"""
        return self.settled and not self.right and (self.recreate or (drift.refresh and self.drifted(drift, now)))

    def drifted(self, drift: Drift, now: datetime) -> bool:
        late = self.since is not None and now - self.since >= drift.after
        return late and not self.recreate and not self.right


def fit(
    endpoint: Endpoint, target: ResourceId, account: Account, connection: Connection | None, now: datetime
) -> Fit | None:
    """None where nothing can be compared: not approved, being made just now, no names to see, an unknown group."""
    link = endpoint.link_to(target)
    if link is None or link.status is not Status.APPROVED or len(link.groups) != 1:
        return None
    expected = account.names(link.groups[0])
    recreate = link.recreate or (connection is not None and connection.recreate)
    shows = endpoint.provisioned and endpoint.pairs is not None
    if expected is None or not (shows or endpoint.failed):
        return None
    shown = expected if endpoint.pairs is None else frozenset(fold(fqdn) for fqdn, _ in endpoint.pairs)
    differs = shown != expected or endpoint.failed
    return Fit(
        endpoint=endpoint.id,
        guid=endpoint.guid or "",
        expected=expected,
        missing=expected - shown,
        surplus=shown - expected,
        recreate=recreate,
        settled=account.settled,
        failed=endpoint.failed,
        unstated=_unstated(endpoint, expected, shown),
        overstated=frozenset(set(endpoint.static) - {fqdn.partition(".")[0] for fqdn in expected}),
        since=now if differs and not recreate and account.settled else None,
    )


def _unstated(endpoint: Endpoint, expected: frozenset[str], shown: frozenset[str]) -> frozenset[str]:
    """Where all that it shows is static (after a failure it may show nothing), the rest has to be stated, too."""
    static = set(endpoint.static)
    wanted, old = ({fqdn.partition(".")[0] for fqdn in names} for names in (expected, shown))
    all_static = bool(static) and (endpoint.pairs is None or old <= static)
    return frozenset(wanted - static) if all_static else frozenset()


def differs(fit: Fit) -> str:
    """As it is remembered: since when, and from which names."""
    return f"{fit.since.isoformat()} {fit.digest}" if fit.since else ""


def since_before(fit: Fit, remembered: str) -> Fit:
    """The clock goes on while the same names are expected."""
    since, _, expected = remembered.partition(" ")
    return replace(fit, since=datetime.fromisoformat(since)) if fit.since and since and expected == fit.digest else fit


def findings(fit: Fit, account: Account, drift: Drift, now: datetime) -> Iterator[str]:
    """What people should know of it, while the account is not in the middle of a change."""
    if not fit.settled:
        return
    for region in sorted(filter(None, map(account.region_of, fit.missing))):
        yield f"{account.id.name} cannot fail over to {region}: endpoint {fit.endpoint.name} does not map it"
    if fit.drifted(drift, now):
        minutes = int(drift.after.total_seconds() // 60)
        yield f"its names do not follow its account since more than {minutes} minutes, and Azure asks for nothing"
