"""What the sweep says of zones: missing, not linked, answering NXDOMAIN for strangers' names, other than Azure asks."""

from __future__ import annotations

from tests.world import BLOB, HUB, TEAM, World, rules

TEAM_RULE = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"


def link(w: World, network: str, name: str = "l1", **properties: str) -> None:
    body = {"location": "global", "properties": {"virtualNetwork": {"id": network}, **properties}}
    answer = w.arm("PUT", f"{w.zone_id()}/virtualNetworkLinks/{name}", body)
    assert answer.status_code in (200, 201, 202), answer.text


def said(w: World) -> str:
    w.clock.skip(hours=7)
    return "\n".join(w.sweep().findings)


def test_a_zone_that_names_wait_for_is_told_with_its_hub_and_endpoints(w: World) -> None:
    w.asks(w.storage())
    w.settle_all()
    found = said(w)
    assert f"hub west-europe: zone {BLOB} does not exist in dns: create it and link it" in found
    assert "1 endpoint(s) wait for it (pe1)" in found


def test_when_the_zone_is_created_the_next_sweep_writes_the_record(w: World) -> None:
    w.asks(w.storage())
    w.settle_all()
    w.clock.skip(minutes=1)
    w.zone()
    w.sweep()
    assert w.addresses()


def test_a_zone_created_while_a_failure_is_not_tried_again_has_its_record_when_that_time_is_over(w: World) -> None:
    w.asks(w.storage())
    w.settle_all()
    w.zone()
    w.sweep()
    assert not w.addresses()
    (left,) = w.waits()
    assert 0 < left < 60
    w.later(left - 1)
    assert not w.addresses(), "not a moment too early"
    w.later(2)
    assert w.addresses()
    assert not w.waits()


def test_a_failure_that_nobody_asks_about_wakes_nobody(w: World) -> None:
    w.zone()
    w.azure.fault(method="PUT", path="/A/acct1$", status=403, code="AuthorizationFailed", principal="app")
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.signal(w.storage_id(), endpoint)
    assert not w.waits()


def test_a_failure_that_a_sweep_asks_about_is_tried_once_more_and_then_rests(w: World) -> None:
    w.zone()
    w.azure.fault(method="PUT", path="/A/acct1$", status=403, code="AuthorizationFailed", principal="app")
    w.asks(w.storage())
    w.settle_all()
    for _ in range(3):
        w.sweep()
    w.azure.forget_calls()
    w.later(60)
    for _ in range(5):
        w.later(600)
    assert len(w.sent("PUT")) == 1, "many sweeps, one back-off: one look"
    assert not w.waits()


def test_a_zone_that_no_network_sees_is_told(w: World) -> None:
    w.zone()
    assert f"hub west-europe: zone {BLOB} is linked to no network: nobody resolves by it" in said(w)


def test_a_link_without_fallback_is_told_and_one_with_it_is_not(w: World) -> None:
    w.zone()
    link(w, w.network())
    assert "link(s) l1 without resolutionPolicy NxDomainRedirect" in said(w)
    link(w, w.network(), resolutionPolicy="NxDomainRedirect")
    assert BLOB not in said(w)


def test_a_network_that_the_hub_serves_and_the_zone_is_not_linked_to_is_told(w: World) -> None:
    served = w.network("spoke")
    w.fresh(rules(TEAM_RULE).replace("serves: {sub", f"networks: [{served}], serves: {{sub"))
    w.zone()
    link(w, w.network(), resolutionPolicy="NxDomainRedirect")
    assert f"is not linked to {served}, which the hub serves" in said(w)


def test_links_are_not_read_at_every_sweep(w: World) -> None:
    w.zone()
    link(w, w.network())
    said(w)
    w.azure.forget_calls()
    assert "NxDomainRedirect" in "\n".join(w.sweep().findings), "remembered"
    assert not [call for call in w.sent("GET") if "virtualnetworklinks" in call["path"].lower()]


def test_azure_itself_is_asked_which_zones_a_target_wants_now_and_then(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    w.connected()
    w.sweep()
    w.azure.forget_calls()
    w.sweep()
    assert not [call for call in w.sent("GET") if call["path"].endswith("/privateLinkResources")]
    w.clock.skip(days=8)
    assert "Azure asks for" not in "\n".join(w.sweep().findings)
    assert [call for call in w.sent("GET") if call["path"].endswith("/privateLinkResources")]


def test_a_zone_that_azure_does_not_ask_for_is_a_finding(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    w.connected()
    body = {
        "value": [{"name": "blob", "properties": {"groupId": "blob", "requiredZoneNames": ["privatelink.new.net"]}}]
    }
    w.azure.fault(method="GET", path="/privateLinkResources$", status=200, body=body)
    found = "\n".join(w.sweep().findings)
    assert f"acct1.blob.core.windows.net of acct1 is filed in {BLOB}, but Azure asks for privatelink.new.net" in found


def test_nothing_of_all_this_writes_anything(w: World) -> None:
    w.zone()
    link(w, w.network())
    w.azure.forget_calls()
    said(w)
    assert w.calls()["dns_writes"] == w.calls()["arm_writes"] == 0
    assert HUB in w.zone_id()
