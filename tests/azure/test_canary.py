"""What stays in the tenant: names of rules and vendors, reasons, tickets, approvers never reach Resource Manager.

Every request that the app sends there is written down as it leaves, with its headers and its body.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.azure import clients
from shared.byhand import Caller
from simulator.azure import catalog
from tests.world import DATA, HUB, STRANGER, TEAM, World

CANARY = "kanarienvogel"
PERSON = Caller(name=f"{CANARY}@contoso.com", person=True, roles=frozenset({"Linkkeeper.Approver"}))
ELSE, SHY = (f"{letter * 8}-0000-4000-8000-00000000000{n}" for letter, n in (("e", 5), ("f", 6)))
TARGETS = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
MARKS = f"reason: because of {CANARY}, ticket: CHG-{CANARY}"
POLICY = f"""
version: 1
owner: contoso-hub
scope: {{subscriptions: [{DATA}]}}
vendors:
  - {{name: {CANARY} inc, subscriptions: [{TEAM}], shared: false, contact: {CANARY}@example.com}}
rules:
  - {{name: {CANARY} may, verdict: approve, requesters: {{vendors: [{CANARY} inc]}}, {TARGETS}, {MARKS}}}
  - {{name: no {CANARY}, verdict: reject, requesters: {{subscriptions: [{STRANGER}]}}, {TARGETS}, {MARKS}}}
hubs:
  - name: {CANARY} hub
    zones: /subscriptions/{HUB}/resourceGroups/dns
    serves: {{subscriptions: [{TEAM}]}}
"""
TYPES = {
    "Microsoft.Storage/storageAccounts": ("blob", "privatelink.blob.core.windows.net"),
    "Microsoft.KeyVault/vaults": ("vault", "privatelink.vaultcore.azure.net"),
    "Microsoft.Sql/servers": ("sqlServer", "privatelink.database.windows.net"),
    "Microsoft.DocumentDB/databaseAccounts": ("Sql", "privatelink.documents.azure.com"),
    "Microsoft.Databricks/workspaces": ("databricks_ui_api", "privatelink.azuredatabricks.net"),
    "Microsoft.Network/privateLinkServices": (None, None),
}


@pytest.fixture
def left(w: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that left for Resource Manager, as text."""
    sent: list[str] = []
    real = clients._Shared.send

    async def send(self: Any, request: Any, **options: Any) -> Any:
        if request.url.startswith(w.azure.arm):
            sent.append(f"{request.method} {request.url} {dict(request.headers)} {request.content!r}")
        return await real(self, request, **options)

    monkeypatch.setattr(clients._Shared, "send", send)
    return sent


def held(w: World, target: str, endpoint: str) -> str:
    found = w.connection_of(target, endpoint)
    assert found is not None
    assert found["properties"]["privateLinkServiceConnectionState"]["status"] == "Pending"
    return str(found["id"])


@pytest.mark.parametrize("kind", TYPES, ids=[kind.split("/")[1] for kind in TYPES])
def test_no_word_of_the_policy_or_of_a_person_leaves_for_azure(w: World, left: list[str], kind: str) -> None:
    group, zone = TYPES[kind]
    w.fresh(POLICY)
    if zone:
        w.zone(zone)
    target = w.target(kind, "acct1")
    who = [TEAM, STRANGER, ELSE, SHY]
    asked = [w.asks(target, f"pe{n}", subscription, group=group) for n, subscription in enumerate(who)]
    w.watch()
    w.settle_all()
    for endpoint, verdict in zip(asked[2:], ("approve", "reject"), strict=True):
        w.grants(held(w, target, endpoint), verdict, PERSON, reason=f"said {CANARY}")
        w.settle_all()
    assert [w.status(target, one) for one in asked] == ["Approved", "Rejected", "Approved", "Rejected"]
    assert CANARY not in repr([w.arm("GET", place).json() for place in (*asked, target)])
    assert CANARY not in repr([w.connections(target), w.records(zone) if zone else None])
    assert any("Approved by Linkkeeper." in request for request in left), "bodies are seen"
    assert CANARY not in "\n".join(left)
    assert CANARY in repr(w.journal()), "the owner of the tenant is told, of course"


def test_the_types_here_are_types_of_the_small_azure() -> None:
    assert {kind.lower() for kind in TYPES} <= set(catalog.entries())
