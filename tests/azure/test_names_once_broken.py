"""Names that were once lost, kept or left wrong: each a story that fresh eyes found and that must not come back."""

from __future__ import annotations

import pytest

from shared.azure import claims, pacing
from shared.core.model import Name
from shared.sweep import sweep
from simulator.azure import gateway
from simulator.azure.calls import Call, Reply
from tests.azure import test_service_names as services
from tests.azure import test_too_many_deletions as many
from tests.azure.test_hubs import hub, members, policy
from tests.world import STRANGER, TEAM, World, rules

TEAM_RULE = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"
CORP = policy(hub("west", "{management_groups: [corp]}"))
NEW, OLD = "privatelink.batch.azure.com", "privatelink.westeurope.batch.azure.com"


def hours_later(w: World, sweeps: int = 4) -> None:
    for _ in range(sweeps):
        w.sweep()
        w.later(3700)


def shows(w: World, endpoint: str, *pairs: tuple[str, list[str]]) -> None:
    """What the app reads of the endpoint from now on."""
    w.azure.forget_faults()
    body = w.arm("GET", endpoint).json()
    body["properties"]["customDnsConfigs"] = [{"fqdn": fqdn, "ipAddresses": ips} for fqdn, ips in pairs]
    w.azure.fault(method="GET", path=f"{endpoint.rpartition('/')[2]}$", status=200, body=body, principal="app")


# --- who inherits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["outage", "not listed"])
def test_an_heir_whose_management_group_says_nothing_inherits_all_the_same(w: World, trouble: str) -> None:
    w.fresh(CORP)
    members(w, TEAM)
    w.zone(group="west")
    first = w.asks(w.storage(), "pe1")
    w.settle_all()
    second = w.asks(w.storage_id(), "pe2")
    w.settle_all()
    w.allow_deletes()
    w.clock.skip(hours=1)
    if trouble == "outage":
        w.azure.fault(method="POST", path="ResourceGraph", status=503, times=30)
    else:
        w.arm("DELETE", f"/providers/Microsoft.Management/managementGroups/corp/subscriptions/{TEAM}")
    w.removes(first)
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(second)


@pytest.mark.parametrize("change", ["policy", "tag"])
def test_who_is_not_served_any_more_gives_its_name_to_a_claimant_whose_event_was_lost(w: World, change: str) -> None:
    both = f"{{subscriptions: [{TEAM}, {STRANGER}], tags: {{env: prod}}}}"
    w.fresh(policy(hub("west", both)))
    w.zone(group="west")
    target = w.storage()
    first = w.asks(target, "b2", subscription=STRANGER, tags={"env": "prod"})
    w.settle_all()
    w.allow_deletes()
    second = w.asks(target, "b1", manual=False, tags={"env": "prod"})
    w.azure.outbox.clear()
    if change == "policy":
        w.set_policy(policy(hub("west", f"{{subscriptions: [{TEAM}]}}")))
    else:
        w.asks(target, "b2", subscription=STRANGER)
        w.azure.outbox.clear()
    w.signal(target, first)
    assert w.addresses(group="west") == w.address_of(second)


def test_an_endpoint_made_again_in_a_hub_that_may_not_serve_it_keeps_its_name_with_its_new_address(w: World) -> None:
    w.fresh(CORP)
    members(w, TEAM)
    w.zone(group="west")
    target = w.storage()
    endpoint = w.asks(target, manual=False)
    w.settle_all()
    w.allow_deletes()
    w.arm("DELETE", f"/providers/Microsoft.Management/managementGroups/corp/subscriptions/{TEAM}")
    w.clock.skip(hours=1)
    w.removes(endpoint)
    w.asks(w.storage("acct2"), "other", manual=False)  # gets the old address
    again = w.asks(target, manual=False)
    w.settle_all()
    hours_later(w, 2)
    assert w.addresses(group="west") == w.address_of(again)


@pytest.mark.parametrize("told", ["late event of the old one", "in order"])
def test_an_endpoint_made_again_towards_another_target_of_that_name_keeps_its_record(w: World, told: str) -> None:
    w.fresh(rules(TEAM_RULE))
    endpoint = w.connected()
    w.removes(endpoint)
    w.removes(w.storage_id())
    new = w.storage("acct1", group="data2")
    again = w.asks(new, manual=False)
    if told == "in order":
        w.settle_all()
    else:
        w.azure.outbox.clear()
        w.signal(new, again)
        w.signal(w.storage_id(), endpoint)
    assert w.addresses() == w.address_of(again)
    assert not [row for row in w.journal("delete") if row["result"] == "done"], "it never vanished"
    hours_later(w)
    assert w.addresses() == w.address_of(again)


def test_a_claim_that_was_lost_is_claimed_again_by_the_sweep(w: World) -> None:
    endpoint = w.connected()
    for row in w.rows("names"):
        w.run(w.app.tables.delete("names", row.pk, row.rk))
    w.removes(f"{w.zone_id()}/A/acct1")
    hours_later(w, 2)
    assert w.addresses() == w.address_of(endpoint)


# --- what is still there -----------------------------------------------------------------------------------


def test_a_name_that_has_too_many_addresses_now_keeps_the_record_it_had(w: World) -> None:
    endpoint = w.connected()
    shows(w, endpoint, ("acct1.blob.core.windows.net", [f"10.0.0.{n}" for n in range(4, 25)]))
    w.signal(w.storage_id(), endpoint)
    assert w.addresses()
    assert "has 21 addresses" in w.findings()


def test_a_name_that_cannot_be_placed_any_more_keeps_the_record_it_had(w: World) -> None:
    """A hub workspace got a second project: which of two GUIDs the shared inference name means, nobody can tell."""
    w.fresh(rules(TEAM_RULE))
    zone = w.zone("privatelink.api.azureml.ms").rpartition("/")[2]
    target = w.target("Microsoft.MachineLearningServices/workspaces", "ml1")
    endpoint = w.asks(target, group="amlworkspace", manual=False)
    guids = [f"{letter * 8}-0000-4000-8000-000000000001" for letter in "12"]
    names = [(f"{guid}.workspace.eastus.api.azureml.ms", ["10.0.0.4"]) for guid in guids]
    inference = ("*.eastus.inference.ml.azure.com", ["10.0.0.5"])
    shows(w, endpoint, names[0], inference)
    w.signal(target, endpoint)
    w.allow_deletes()
    assert f"*.{guids[0]}.inference.eastus" in w.records(zone)
    shows(w, endpoint, *names, inference)
    w.signal(target, endpoint)
    assert f"*.{guids[0]}.inference.eastus" in w.records(zone)


def test_upsert_only_holds_for_zones_that_left_the_policy(w: World) -> None:
    w.fresh(policy(hub("dns", "{all: true}"), extra="records: upsert-only"))
    w.connected()
    w.sweep()
    w.set_policy(policy(hub("dns2", "{all: true}"), extra="records: upsert-only"))
    hours_later(w, 3)
    assert w.addresses()


def test_the_old_service_of_an_endpoint_made_again_for_another_one_loses_its_record(w: World) -> None:
    first = services.service(w.fresh(), STRANGER)
    alias = w.arm("GET", first).json()["properties"]["alias"]
    w.set_policy(services.policy(alias, "[one]"))
    w.zone(services.ZONE)
    endpoint = w.asks(alias, group=None)
    w.decides(w.connection_of(first, endpoint)["id"], "Approved")
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    assert list(w.records(services.ZONE)) == ["one"]
    w.removes(endpoint)
    w.asks(w.storage(), "pe1", manual=False)
    w.azure.outbox.clear()
    hours_later(w)
    assert not w.records(services.ZONE)


# --- caps --------------------------------------------------------------------------------------------------


def test_the_sweeps_cap_holds_though_the_zones_could_not_be_read(w: World) -> None:
    for endpoint in many.many(w, "deletions_per_sweep: 3"):
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.azure.switch(throttle=True, dns_read_budget=4)
    found = w.sweep()
    w.azure.switch(throttle=False)
    assert found.zones_left
    assert many.left(w) == 4


def test_names_of_services_count_for_the_sweeps_cap(w: World) -> None:
    caps = "caps: {deletions_per_sweep: 1}\n"
    w.fresh(services.policy(w.id(services.PLS, "pls1"), "[a, b, c]") + caps)
    w.zone(services.ZONE)
    w.asks(services.service(w), group=None)
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    w.set_policy(services.policy(w.id(services.PLS, "pls1"), "[a]") + caps)
    w.sweep()
    assert len(w.records(services.ZONE)) == 3


def test_a_release_of_a_sweeps_deletions_is_for_that_time_only(w: World) -> None:
    for endpoint in many.many(w, "deletions_per_sweep: 3"):
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.sweep()
    (waits,) = w.health()["waitsForRelease"]
    many.releases(w, waits["fingerprint"])
    w.settle_all()
    assert many.left(w) == 0
    again = [w.asks(w.storage_id(), f"pe-{group}", group=group) for group in many.GROUPS]
    w.settle_all()
    w.clock.skip(days=30)
    w.sweep()
    for endpoint in again:
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.sweep()
    assert many.left(w) == 4


def test_what_is_only_planned_offers_no_release_for_later(w: World) -> None:
    many.many(w, "deletions_per_settle: 1")
    text = w.policy_path.read_text()
    w.set_policy(text.replace("rules:", "modes: {delete: plan}\nrules:"))
    w.removes(w.storage_id())
    w.sweep()
    assert w.health()["waitsForRelease"] == []


# --- zones of an older kind --------------------------------------------------------------------------------


def batch(w: World, *zones: str) -> str:
    w.fresh(rules(TEAM_RULE))
    for zone in zones:
        w.zone(zone)
    return w.target("Microsoft.Batch/batchAccounts", "acct")


def test_a_legacy_zone_wins_where_it_is_and_its_names_are_handed_over_there(w: World) -> None:
    target = batch(w, NEW, OLD)
    first, _ = (w.asks(target, name, group="batchAccount", manual=False) for name in ("pe1", "pe2"))
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    assert w.records(OLD)
    assert not w.records(NEW)
    w.removes(first)
    w.settle_all()
    assert w.records(OLD)


def test_a_legacy_zone_that_nobody_may_look_for_stops_nothing(w: World) -> None:
    target = batch(w, NEW)
    w.azure.fault(method="GET", path=f"privateDnsZones/{OLD}$", status=403, code="AuthorizationFailed")
    w.asks(target, "pe0", group="batchAccount", manual=False)
    endpoint = w.asks(target, group="batchAccount")
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    assert w.records(NEW)


def test_a_legacy_zone_that_is_created_later_takes_the_names(w: World) -> None:
    target = batch(w, NEW)
    w.asks(target, group="batchAccount", manual=False)
    w.settle_all()
    w.sweep()
    w.zone(OLD)
    hours_later(w, 3)
    assert w.records(OLD)
    assert not w.records(NEW)


def test_a_legacy_zone_that_is_removed_later_gives_the_names_back_and_leaves_nothing_of_ours(w: World) -> None:
    target = batch(w, NEW, OLD)
    endpoint = w.asks(target, group="batchAccount", manual=False)
    w.settle_all()
    w.sweep()
    w.allow_deletes()
    assert w.records(OLD)
    w.removes(w.zone_id(OLD))
    hours_later(w, 3)
    assert set(w.records(NEW)) == {"acct.westeurope"}
    assert w.addresses("acct.westeurope", NEW) == w.address_of(endpoint)
    assert not [row for row in w.rows("names") if OLD in str(row.data["zone"])]
    assert not [row for row in w.rows("targets") if row.rk.startswith(("n!", "f!")) and OLD in str(row.data)]
    assert not w.run(sweep(w.app)).suspects


# --- nobody waits for DNS, and nothing stays half done --------------------------------------------------------


def test_throttled_dns_reads_hold_back_no_approval(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    w.connected()
    w.writes("acct1", "10.99.0.9", metadata=w.record()["metadata"])
    second = w.asks(w.storage_id(), "pe2")
    w.azure.outbox.clear()
    throttled = {"status": 429, "headers": {"Retry-After": "60"}, "principal": "app"}
    w.azure.fault(method="GET", path="/A/acct1$", **throttled)
    w.run(sweep(w.app))
    w.work()
    assert w.status(w.storage_id(), second) == "Approved"
    w.azure.forget_faults()
    hours_later(w, 2)
    assert w.addresses() != ["10.99.0.9"]


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    [
        ("owner: contoso-hub", "owner: fabrikam-hub\nprevious_owners: [contoso-hub]", ("owner", "fabrikam-hub")),
        ("owner: contoso-hub", "owner: contoso-hub\nttl: 77", ("ttl", 77)),
    ],
)
@pytest.mark.parametrize("trouble", ["refused once", "only planned at first"])
def test_a_new_mark_or_time_to_live_that_was_not_written_is_written_later(
    w: World, old: str, new: str, proof: tuple[str, object], trouble: str
) -> None:
    w.fresh(rules(TEAM_RULE))
    w.connected()
    text = w.policy_path.read_text().replace(old, new)
    if trouble == "refused once":
        w.azure.fault(method="PUT", path="/A/acct1$", status=403, times=1)
    else:
        w.restart("plan")
    w.set_policy(text)
    hours_later(w, 2)
    w.restart("apply")
    hours_later(w)
    found = w.record()
    assert {**found["metadata"], "ttl": found["ttl"]}[proof[0]] == proof[1]


# --- marks, odd answers, preconditions ----------------------------------------------------------------------


def test_an_edited_comment_in_the_policy_releases_no_deletions(w: World) -> None:
    for endpoint in many.many(w, "deletions_per_sweep: 3"):
        w.removes(endpoint)
    w.azure.outbox.clear()
    w.sweep()
    w.set_policy(w.policy_path.read_text() + "# a comment\n")
    w.signal(w.storage_id(), w.storage_id())
    assert many.left(w) == 4


@pytest.mark.parametrize("key", ["managed_by", "managed-by", "createdBy"])
def test_what_another_tool_marks_in_its_own_spelling_is_not_adopted(w: World, key: str) -> None:
    w.fresh(policy(hub("dns", "{all: true}", ", adopt: true")))
    w.zone()
    w.writes("acct1", "10.0.0.4", metadata={key: "terraform"})
    w.asks(w.storage())
    w.settle_all()
    w.sweep()
    assert w.record()["metadata"] == {key: "terraform"}


def test_an_endpoint_that_shows_no_link_at_all_loses_nothing(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    endpoint = w.connected()
    body = w.arm("GET", endpoint).json()
    for kind in ("manualPrivateLinkServiceConnections", "privateLinkServiceConnections"):
        body["properties"][kind] = []
    w.azure.fault(method="GET", path="privateEndpoints/pe1$", status=200, body=body, principal="app")
    w.signal(w.storage_id(), endpoint)
    assert w.record()


def test_every_write_of_a_record_carries_the_etag_of_what_was_seen(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 2, over the wire: created only where there is none, changed and deleted only as it was."""
    sent: list[tuple[str, str | None, str | None]] = []
    inner = gateway.route

    def route(call: Call) -> Reply:
        if call.principal == "app" and call.method != "GET" and "privateDnsZones" in call.path.id:
            sent.append((call.method, call.headers.get("If-None-Match"), call.headers.get("If-Match")))
        return inner(call)

    monkeypatch.setattr(gateway, "route", route)
    first = w.connected()
    second = w.asks(w.storage_id(), "pe2")
    w.settle_all()
    w.removes(first)
    w.settle_all()
    w.removes(second)
    w.settle_all()
    assert [method for method, _, _ in sent] == ["PUT", "PUT", "DELETE"]
    assert sent[0][1:] == ("*", None)
    assert all(none is None and match and match != "*" for _, none, match in sent[1:])


def test_a_write_that_waits_too_long_for_its_turn_was_never_sent(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    w.fresh(rules(TEAM_RULE))
    endpoint = w.connected()
    monkeypatch.setattr(pacing, "_IN_LINE", 0.1)
    w.azure.fault(method="PUT", path="/A/", status=429, headers={"Retry-After": "1"}, times=1)
    w.removes(f"{w.zone_id()}/A/acct1")
    w.run(w.app.worklist.signal(w.resource(w.storage_id()), w.resource(endpoint), "endpoint"))
    hours_later(w, 1)
    assert w.addresses() == w.address_of(endpoint)
    assert not [row for row in w.journal("put") if row["result"] == "unknown"]


def forgets(w: World, target: str, endpoint: str, zone: str) -> None:
    """The tables lose the endpoint's claim on acct1."""
    name = Name(zone=w.resource(zone), record="acct1")
    w.run(claims.unclaim(w.app.tables, w.resource(target), w.resource(endpoint), name))
    w.run(claims.forget_name(w.app.tables, w.resource(target), w.resource(endpoint), name))


@pytest.mark.parametrize("by", ["its own target", "another target"])
def test_a_record_without_claim_goes_only_after_its_own_target_was_listed(w: World, by: str) -> None:
    w.fresh(policy(hub("west", "{all: true}")))
    zone = w.zone(group="west")
    first, second = w.storage(), w.storage(group="other")  # two accounts of one name: one record
    old = w.asks(second, "t1", manual=False)
    w.settle_all()
    w.allow_deletes()
    forgets(w, second, old, zone)
    w.removes(old)
    moved = w.asks(second, "t1", manual=False, resource_group="net2")
    w.azure.outbox.clear()
    w.signal(second if by == "its own target" else first, f"{zone}/A/acct1", "sweep")
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(moved)
    assert not [row for row in w.changes() if row["kind"] == "delete"]


def test_who_could_not_be_read_once_is_asked_before_the_name_goes(w: World) -> None:
    w.fresh(policy(hub("west", "{all: true}")))
    w.zone(group="west")
    target = w.storage()
    first = w.asks(target, "b2", subscription=STRANGER, manual=False)
    w.settle_all()
    w.allow_deletes()
    w.azure.foreign([TEAM])
    second = w.asks(target, "b1", manual=False)
    w.settle_all()
    w.azure.foreign([])
    w.azure.outbox.clear()
    w.removes(first)
    w.settle_all()
    assert w.addresses(group="west") == w.address_of(second)
    assert not [row for row in w.changes() if row["kind"] == "delete"]
