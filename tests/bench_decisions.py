"""Decisions a second, with few rules and with many, beside asking every rule; and what a large policy costs once.

Processor time of this process; read it as ratios. The connections are the same for every policy: most are of a
requester with a rule, some of one that is rejected, some of a stranger (held, the dearest: people are told why).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared import policyfile
from shared.core.decide import decide
from shared.core.ids import ResourceId
from shared.core.lookup import Lookup
from shared.core.model import Connection, Status, Verdict
from shared.core.policy import Policy
from shared.core.rules import Rule

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIZES = (10, 1_000, 10_000)
CONNECTIONS = 10_000
SAMPLE = 50  # connections for which every rule is asked
GROWTH = 3  # a thousand times the rules may cost this many times as much a decision
STEP = 15  # ten times the rules may take this many times as long to load (garbage collection made it 20 once)
GAIN = 100  # asking every one of the most rules costs at least this many times as much


@dataclass(frozen=True)
class Measured:
    rules: int
    microseconds: float
    every: float
    """Of one decision that asks every rule."""
    index: float
    load: float
    """Milliseconds: the index, and the whole file from its bytes."""
    verdicts: dict[str, int]


def subscription(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def target(number: int) -> ResourceId:
    group = f"/subscriptions/bbbbbbbb-0000-4000-8000-{number % 40:012d}/resourceGroups/data{number % 97}"
    return ResourceId.parse(f"{group}/providers/Microsoft.Storage/storageAccounts/acct{number}")


def text(rules: int) -> bytes:
    """One rule in ten rejects; the others name a subscription, a resource group, or one endpoint."""
    lines = ["version: 1", "owner: bench", "rules:"]
    for number in range(rules):
        who, where = subscription(number), target(number)
        group = f"/subscriptions/{who}/resourceGroups/net"
        asks = (
            f"{{subscriptions: [{who}]}}",
            f"{{resource_groups: [{group}]}}",
            f"{{endpoints: ['{group}/providers/Microsoft.Network/privateEndpoints/pe{number}']}}",
        )[number % 3]
        place = f"/subscriptions/{where.subscription}/resourceGroups/{where.group}"
        lines += [
            f"  - name: rule {number}",
            f"    verdict: {'reject' if number % 10 == 9 else 'approve'}",
            f"    requesters: {asks}",
            f"    targets: {{scopes: [{place}], types: [Microsoft.Storage/storageAccounts]}}",
            "    groups: [blob, dfs]",
            f"    reason: CHG-{number}",
        ]
    return "\n".join(lines).encode() + b"\n"


def asked(rules: int, count: int) -> Iterator[tuple[ResourceId, Connection]]:
    for at in range(count):
        number = at * 7 % rules if at % 5 else rules + at  # every fifth is a stranger's
        where, path = target(number), (("privateEndpoints", f"pe{number}"),)
        endpoint = ResourceId(subscription=subscription(number), group="net", provider="Microsoft.Network", path=path)
        identity = where.child("privateEndpointConnections", f"c{at}")
        facts: dict[str, Any] = {"status": Status.PENDING, "settled": True, "groups": ("blob",)}
        yield where, Connection(id=identity, name=f"c{at}", endpoint=endpoint, **facts)


class EveryRule(Lookup):
    """The other way, for this comparison only: no index."""

    def __init__(self, rules: list[Rule]) -> None:
        super().__init__(())
        self._rules = tuple(rules)

    def candidates(self, *_: object) -> list[Rule]:
        return list(self._rules)


def without_index(policy: Policy) -> Policy:
    copy = Policy(owner=policy.owner)
    object.__setattr__(copy, "rules", policy.rules)
    for name, verdict in (("approving", Verdict.APPROVE), ("rejecting", Verdict.REJECT)):
        object.__setattr__(copy, name, EveryRule([rule for rule in policy.rules if rule.verdict is verdict]))
    return copy


def spent(act: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    found = act()
    return time.process_time() - started, found


def decided(policy: Policy, cases: list[tuple[ResourceId, Connection]]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for where, one in cases:
        verdict = decide(one, target=where, policy=policy, now=NOW).verdict.value
        counted[verdict] = counted.get(verdict, 0) + 1
    return counted


def measure(rules: int) -> Measured:
    raw = text(rules)
    load, policy = spent(lambda: policyfile.parse(raw))
    index, _ = spent(lambda: Lookup(policy.rules))
    cases = list(asked(rules, CONNECTIONS))
    decided(policy, cases[:100])  # what is cached for good is paid once
    each, verdicts = spent(lambda: decided(policy, cases))
    few = cases[:SAMPLE]
    every, same = spent(lambda: decided(without_index(policy), few))
    assert same == decided(policy, few), "the index changed a verdict"
    return Measured(
        rules, each / CONNECTIONS * 1e6, every / SAMPLE * 1e6, index * 1000, load * 1000, dict(sorted(verdicts.items()))
    )


def over(found: list[Measured]) -> list[str]:
    """What is over its bound; each is a ratio, since machines differ."""
    least, some, most = found
    wrong = []
    if most.microseconds > GROWTH * least.microseconds:
        wrong.append(f"{most.rules} rules cost {most.microseconds / least.microseconds:.0f} times {least.rules} rules")
    if most.load > STEP * some.load:
        wrong.append(f"{most.rules} rules take {most.load / some.load:.0f} times as long to load as {some.rules}")
    if most.every < GAIN * most.microseconds:
        wrong.append(f"asking every rule costs only {most.every / most.microseconds:.0f} times as much")
    return wrong


def run() -> bool:
    """The table, and what is over its bound; True: nothing is."""
    found = [measure(rules) for rules in SIZES]
    print(f"decisions on {CONNECTIONS:,} connections (processor time; asking every rule: {SAMPLE} of them)")
    print(f"{'rules':>7} {'a second':>10} {'each':>9} {'every rule':>12} {'index':>9} {'load':>9}  verdicts")
    for one in found:
        told = ", ".join(f"{count} {verdict}" for verdict, count in one.verdicts.items())
        print(
            f"{one.rules:>7,} {1e6 / one.microseconds:>10,.0f} {one.microseconds:>6.0f} µs {one.every:>9,.0f} µs "
            f"{one.index:>6.0f} ms {one.load:>6.0f} ms  {told}"
        )
    wrong = over(found)
    print(f"over the bound: {'; '.join(wrong) or 'none'}")
    return not wrong


if __name__ == "__main__":
    sys.exit(not run())
