"""Looking from outside: what a client sees after a change and in the audit, and whose job it is when it is wrong."""

from __future__ import annotations

import pytest

from shared import sweep, verifying
from tests.world import HUB, TEAM, World, rules

TEAM_RULE = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"


def watched(w: World, *resolvers: str) -> World:
    text = rules(TEAM_RULE).replace("serves:", f"resolvers: [{', '.join(repr(one) for one in resolvers)}], serves:")
    return w.fresh(text)


def looks(w: World) -> list[tuple[str, str]]:
    return [(row["verdict"], row["result"]) for row in w.journal("verify")]


def test_a_record_just_written_is_looked_at_once_old_answers_are_forgotten(w: World) -> None:
    watched(w, w.azure.dns)
    w.connected()
    assert not looks(w)
    w.later(60)
    assert looks(w) == [("as written", "done")]
    assert "acct1.blob.core.windows.net" in w.journal("verify")[0]["detail"]


def test_without_resolvers_nobody_looks(w: World) -> None:
    w.connected()
    w.later(60)
    assert not looks(w)


def test_a_resolver_that_says_nothing_is_told_and_asked_again_a_few_times(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_ANSWER", 0.2)
    watched(w, "127.0.0.1:9")
    w.connected()
    for seconds in (60, 61, 601, 3600):
        w.later(seconds)
    assert {verdict for verdict, _ in looks(w)} == {"no answer"}
    assert len(looks(w)) == 3


def test_a_look_from_outside_costs_azure_nothing(w: World) -> None:
    watched(w, w.azure.dns)
    w.connected()
    w.azure.forget_calls()
    w.later(60)
    assert looks(w)
    assert not any(w.calls().values())


def test_an_old_address_is_stale(w: World) -> None:
    watched(w, w.azure.dns)
    w.connected()
    w.writes("acct1", "10.99.0.9", metadata=w.record()["metadata"])
    w.later(60)
    assert looks(w)[0] == ("stale", "noted")
    assert "answers 10.99.0.9, the record says 10.0.0.4" in w.journal("verify")[0]["detail"]


def test_the_audit_looks_too_and_says_what_is_wrong(w: World) -> None:
    watched(w, w.azure.dns)
    w.connected()
    w.azure.switch(dns_view=f"/subscriptions/{HUB}/resourcegroups/elsewhere")
    found = w.run(sweep.sweep(w.app))
    assert found.counted["resolved"] == 1
    assert any("acct1.blob.core.windows.net asked at" in finding for finding in found.findings)


@pytest.mark.parametrize(("most", "parts"), [(1, [1, 1, 1, 1]), (2, [2, 1, 2, 1]), (3, [3, 3, 3, 3])])
def test_large_hubs_are_audited_in_parts_and_every_name_has_its_turn(
    w: World, monkeypatch: pytest.MonkeyPatch, most: int, parts: list[int]
) -> None:
    monkeypatch.setattr(verifying, "_AT_ONCE", most)
    watched(w, "127.0.0.1:9")  # nobody answers, so that each name that was asked is a finding
    monkeypatch.setattr(verifying, "_ANSWER", 0.05)
    w.connected()
    for name in ("acct2", "acct3"):
        w.asks(w.storage(name), f"pe-{name}")
    w.settle_all()
    asked = [_asked(w) for _ in parts]
    assert [len(names) for names in asked] == parts
    assert set().union(*asked[: -(-3 // most)]) == {"acct1", "acct2", "acct3"}


def _asked(w: World) -> set[str]:
    """The accounts whose names an audit looked up."""
    found = w.run(sweep.sweep(w.app)).findings
    return {text.split(": ")[1].partition(".")[0] for text in found if " asked at " in text}


# --- from inside a network: whose job it is ---------------------------------------------------------------


def from_inside(w: World, *, linked: bool, forwards: bool = True, redirect: bool = False) -> None:
    """A hub whose one resolver lives in a network; its zone may be linked to it, the resolver may ask Azure DNS."""
    network = w.network("spoke")
    address = w.run(w.azure.vantage(network, forwards=forwards))
    text = rules(TEAM_RULE).replace("serves:", f"networks: [{network}], resolvers: ['{address}'], serves:")
    assert w.valid(text)
    w.set_policy(text)
    if linked:
        policy = {"resolutionPolicy": "NxDomainRedirect"} if redirect else {}
        body = {"location": "global", "properties": {"virtualNetwork": {"id": network}, **policy}}
        assert w.arm("PUT", f"{w.zone_id()}/virtualNetworkLinks/spoke", body).status_code in (200, 201, 202)
    w.clock.skip(hours=7)


def seen(w: World) -> str:
    found = w.run(sweep.sweep(w.app))
    assert found.counted["resolved"] == 1
    return "\n".join(text for text in found.findings if "asked at" in text)


def test_a_linked_zone_and_a_resolver_that_asks_azure_is_as_written(w: World) -> None:
    w.fresh(rules(TEAM_RULE)).connected()
    from_inside(w, linked=True)
    assert seen(w) == ""


def test_a_zone_that_is_not_linked_is_told_as_such(w: World) -> None:
    w.fresh(rules(TEAM_RULE)).connected()
    from_inside(w, linked=False)
    assert "zone privatelink.blob.core.windows.net is not linked to the networks that it should serve" in seen(w)


def test_a_resolver_that_does_not_ask_azure_is_told_as_such(w: World) -> None:
    w.fresh(rules(TEAM_RULE)).connected()
    from_inside(w, linked=True, forwards=False)
    assert "the resolver does not ask Azure DNS (168.63.129.16)" in seen(w)


def test_a_resolver_that_sees_another_copy_of_the_zone_is_told_so(w: World) -> None:
    w.fresh(rules(TEAM_RULE)).connected()
    from_inside(w, linked=False)
    other = w.zone(group="elsewhere")
    body = {"location": "global", "properties": {"virtualNetwork": {"id": w.network("spoke")}}}
    assert w.arm("PUT", f"{other}/virtualNetworkLinks/spoke", body).status_code in (200, 201, 202)
    assert "the resolver sees a private zone" in seen(w)


def test_a_public_name_that_leads_nowhere_private_is_told_as_such(w: World) -> None:
    """The endpoint's claim is remembered, its target's connection is gone: public DNS has no CNAME any more."""
    w.fresh(rules(TEAM_RULE)).connected()
    from_inside(w, linked=True)
    w.azure.world.connections.clear()
    w.azure.world.version += 1
    found = seen(w)
    assert "public DNS does not lead to acct1.privatelink.blob.core.windows.net" in found
