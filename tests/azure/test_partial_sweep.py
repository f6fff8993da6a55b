"""What cannot be read, for now or for good, keeps nothing else from being seen."""

from __future__ import annotations

import pytest

from shared.sweep import sweep
from tests.world import DATA, TEAM, World, rules

OPEN = rules(f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}")


@pytest.mark.parametrize(
    "path", ["redis/sick1/privateEndpointConnections", "providers/Microsoft.KeyVault/vaults$"], ids=["target", "type"]
)
@pytest.mark.parametrize("sweep", [True, False], ids=["sweep", "watch"])
def test_one_list_that_does_not_answer_hides_no_request_elsewhere(w: World, path: str, sweep: bool) -> None:
    w.fresh(OPEN)
    w.target("Microsoft.Cache/redis", "sick1")
    w.target("Microsoft.KeyVault/vaults", "keys1")
    target = w.storage()
    endpoint = w.asks(target)
    w.azure.outbox.clear()  # nobody was told
    w.azure.fault(method="GET", path=path, status=503)
    _ = w.sweep() if sweep else w.watch()
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


def test_a_sweep_that_could_not_read_everything_says_so_and_still_ends(w: World) -> None:
    w.fresh(OPEN)
    w.target("Microsoft.KeyVault/vaults", "keys1")
    w.azure.fault(method="GET", path="providers/Microsoft.KeyVault/vaults$", status=429, headers={"Retry-After": "99"})
    found = w.sweep()
    assert not found.complete
    assert any("429" in finding for finding in found.findings)
    assert w.run(w.app.desk.control()).swept is not None


def test_targets_of_a_type_that_could_not_be_listed_are_not_taken_for_gone(w: World) -> None:
    w.fresh(OPEN)
    w.target("Microsoft.KeyVault/vaults", "keys1")
    vault = w.id("Microsoft.KeyVault/vaults", "keys1", DATA)
    w.asks(vault, group="vault")
    w.settle_all()
    w.azure.fault(method="GET", path="providers/Microsoft.KeyVault/vaults$", status=503)
    found = w.sweep()
    assert not any("not listed any more" in why for why in found.suspects.values())


def test_who_has_just_failed_is_not_asked_again_for_every_request_that_waits(w: World) -> None:
    """A throttled Resource Graph times many strangers must not outlast the function that asks."""
    w.fresh(OPEN)
    target = w.storage()
    for number in range(8):
        w.asks(target, f"s{number}", subscription=f"d{number}dddddd-0000-4000-8000-000000000004")
    w.settle_all()
    assert len(w.held()) == 8
    group = "{name: corp, verdict: approve, requesters: {management_groups: [corp]}, targets: {all: true}}"
    w.azure.fault(method="POST", path="ResourceGraph", status=503)
    w.set_policy(rules(group))
    w.azure.forget_calls()
    w.watch()
    asked = [call for call in w.sent("POST") if "resourcegraph" in call["path"].lower()]
    assert 0 < len(asked) <= 6, "three tries, and once more after a while"


@pytest.mark.parametrize(
    "path",
    ["resourceGroups/dns/providers/Microsoft.Network/privateDnsZones$", "/A$", "privateEndpoints$"],
    ids=["zones", "records", "endpoints"],
)
def test_a_read_whose_precondition_is_refused_though_it_has_none_leaves_the_sweep_incomplete(
    w: World, path: str
) -> None:
    w.fresh(OPEN)
    w.connected()
    w.azure.fault(method="GET", path=path, status=412, code="PreconditionFailed", principal="app")
    found = w.run(sweep(w.app))
    assert not found.complete
    assert any("412 PreconditionFailed" in finding for finding in found.findings)
