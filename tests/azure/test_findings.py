"""Access that exists and that Linkkeeper would not have given, or did not give: told with what an auditor needs."""

from __future__ import annotations

import pytest

from shared.core.model import DESCRIPTIONS, Verdict
from tests.world import DATA, STRANGER, TEAM, World, rules

SCOPE = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
PLS = "Microsoft.Network/privateLinkServices"


def policy(*subscriptions: str) -> str:
    listed = ", ".join(subscriptions)
    return rules(f"{{name: team, verdict: approve, requesters: {{subscriptions: [{listed}]}}, {SCOPE}}}")


def test_what_the_policy_approved_and_still_covers_is_no_finding(w: World) -> None:
    w.fresh(policy(TEAM))
    w.connected()
    w.sweep()
    assert w.findings() == ""


def test_an_automatic_approval_is_told_with_its_evidence(w: World) -> None:
    """The requester had the right to approve at the target: the connection never waited."""
    w.fresh(policy(TEAM))
    endpoint = w.asks(w.storage(), manual=False)
    w.settle_all()
    assert "pe1 was approved, but not by Linkkeeper (rule 'team' approves it)" in w.findings()
    assert "approved automatically, by a right of the requester's own" in w.findings()
    assert endpoint in w.findings()
    assert "groups blob" in w.findings()


def test_somebody_elses_approval_of_a_stranger_is_told_and_never_undone(w: World) -> None:
    w.fresh(policy(TEAM))
    target = w.storage()
    endpoint = w.asks(target, subscription=STRANGER)
    w.decides(w.connection_of(target, endpoint)["id"], "Approved")
    w.sweep()
    assert "nothing covers it now: no rule matches" in w.findings()
    assert "approved by somebody else" in w.findings()
    assert w.status(target, endpoint) == "Approved"


def test_an_inherited_approval_names_where_it_came_from(w: World) -> None:
    w.fresh(policy(TEAM))
    first = w.connected()
    target = w.storage_id()
    path = w.endpoint_id("pe2")
    link = {"privateLinkServiceId": target, "groupIds": ["blob"], "approvalReference": {"privateEndpointId": first}}
    subnet = w.id("Microsoft.Network/virtualNetworks", "vnet/subnets/default", TEAM, "net")
    properties = {
        "subnet": {"id": subnet},
        "manualPrivateLinkServiceConnections": [{"name": "link-pe2", "properties": link}],
    }
    assert w.arm("PUT", path, {"location": "westeurope", "properties": properties}).status_code in (200, 201)
    w.settle_all()
    assert w.status(target, path) == "Approved"
    assert f"approval inherited from {first}" in w.findings()


def test_an_approved_endpoint_that_moved_away_from_its_rule_is_told(w: World) -> None:
    group = f"/subscriptions/{TEAM}/resourceGroups/net"
    text = f"{{name: net, verdict: approve, requesters: {{resource_groups: [{group}]}}, {SCOPE}}}"
    w.fresh(rules(text))
    endpoint = w.connected()
    moved = w.moves(endpoint, "elsewhere")
    w.settle_all()
    w.sweep()
    assert w.status(w.storage_id(), moved) == "Approved"
    assert "is approved, but nothing covers it now" in w.findings()
    assert moved in w.findings()


def test_a_finding_is_told_once(w: World) -> None:
    w.fresh(policy(TEAM))
    w.zone()
    w.asks(w.storage(), manual=False)
    w.settle_all()
    for _ in range(3):
        w.sweep()
    assert len(w.journal("finding")) == 1


@pytest.mark.parametrize(
    ("lists", "text"),
    [
        ({"autoApproval": [STRANGER]}, f"svc1 approves subscription {STRANGER} by itself, which the policy does not"),
        ({"autoApproval": ["*"]}, "svc1 approves everybody by itself"),
        ({"visibility": [STRANGER, TEAM]}, f"svc1 is visible to subscription {STRANGER}, which no rule names"),
        ({"visibility": [DATA]}, f"svc1 is not visible to subscription {TEAM}, which rule 'team' approves"),
    ],
)
def test_the_own_lists_of_a_link_service_are_compared_with_the_policy(w: World, lists: dict, text: str) -> None:
    w.fresh(policy(TEAM))
    w.target(PLS, "svc1", **{name: {"subscriptions": listed} for name, listed in lists.items()})
    assert any(text in finding for finding in w.sweep().findings)


def test_lists_that_agree_with_the_policy_are_no_finding(w: World) -> None:
    w.fresh(policy(TEAM))
    w.target(PLS, "svc1", autoApproval={"subscriptions": [TEAM]}, visibility={"subscriptions": [TEAM]})
    assert not [finding for finding in w.sweep().findings if "svc1" in finding]


def test_a_request_to_a_type_that_the_table_lacks_waits_with_that_reason(w: World) -> None:
    w.fresh(policy(TEAM))
    target = w.id("Microsoft.Novelty/things", "thing1")
    operation = "Microsoft.Novelty/things/privateEndpointConnectionProxies/write"
    data = {"operationName": operation, "resourceUri": f"{target}/privateEndpointConnectionProxies/p1"}
    event = {
        "id": "1",
        "topic": f"/subscriptions/{DATA}",
        "subject": data["resourceUri"],
        "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-11-21T12:00:00Z",
        "dataVersion": "2",
        "data": data,
    }
    w.deliver([event])
    w.work()
    (row,) = w.held()
    assert row["target"] == target
    assert "type Microsoft.Novelty/things is not in the table of resource types" in row["reasons"]


def test_a_service_that_is_retired_is_told_once_for_all_its_targets(w: World) -> None:
    w.fresh(policy(TEAM))
    for name in ("old1", "old2"):
        w.target("Microsoft.DBforMySQL/servers", name)
    assert len([text for text in w.sweep().findings if "Microsoft.DBforMySQL/servers is retired" in text]) == 1


def test_an_approval_by_hand_with_our_own_public_words_is_still_somebody_elses(w: World) -> None:
    """Anybody may write that text: only the journal proves that Linkkeeper approved."""
    w.fresh(policy(TEAM))
    target = w.storage()
    endpoint = w.asks(target)
    connection = w.connection_of(target, endpoint)["id"]
    state = {"status": "Approved", "description": DESCRIPTIONS[Verdict.APPROVE]}
    w.arm("PUT", connection, {"properties": {"privateLinkServiceConnectionState": state}})
    w.sweep()
    assert "its journal knows nothing of it" in w.findings()
