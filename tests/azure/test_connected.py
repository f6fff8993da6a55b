"""An allow-listed requester is connected, nobody else is; all six types of targets, both event schemas."""

import pytest

from tests.world import BLOB, DATA, HUB, STRANGER, TEAM, World, cloud_event, rules

TARGETS = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
APPROVE_TEAM = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, {TARGETS}}}"
REJECT_STRANGERS = f"{{name: no strangers, verdict: reject, requesters: {{subscriptions: [{STRANGER}]}}, {TARGETS}}}"

TYPES = [  # type, group, zone, record
    *(
        ("Microsoft.Storage/storageAccounts", group, f"privatelink.{host}.core.windows.net", f"acct1{secondary}")
        for part, host in (("blob", "blob"), ("file", "file"), ("queue", "queue"), ("table", "table"), ("dfs", "dfs"))
        for group, secondary in ((part, ""), (f"{part}_secondary", "-secondary"))
    ),
    ("Microsoft.Storage/storageAccounts", "web", "privatelink.web.core.windows.net", "acct1.z13"),
    ("Microsoft.KeyVault/vaults", "vault", "privatelink.vaultcore.azure.net", "acct1"),
    ("Microsoft.Sql/servers", "sqlServer", "privatelink.database.windows.net", "acct1"),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "postgresqlServer",
        "privatelink.postgres.database.azure.com",
        "acct1",
    ),
    ("Microsoft.DocumentDB/databaseAccounts", "Sql", "privatelink.documents.azure.com", "acct1"),
    ("Microsoft.Network/privateLinkServices", None, None, None),
]


@pytest.mark.parametrize(
    ("kind", "group", "zone", "record"), TYPES, ids=[f"{k.split('/')[1]}-{g}" for k, g, *_ in TYPES]
)
def test_an_allowed_requester_of_any_type_is_connected(
    w: World, kind: str, group: str | None, zone: str | None, record: str
) -> None:
    w.fresh(rules(APPROVE_TEAM))
    target = w.target(kind, "acct1")
    if zone:
        w.zone(zone)
    endpoint = w.asks(target, group=group)
    w.watch()  # private link services raise no event on the provider's side
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    if zone:
        assert w.address_of(endpoint)[0] in w.addresses(record, zone)


@pytest.mark.parametrize("schema", [lambda event: event, cloud_event], ids=["event grid", "cloud events"])
def test_events_of_both_schemas_connect_within_one_delivery(w: World, schema) -> None:
    w.zone()
    target = w.storage()
    endpoint = w.asks(target)
    for event in list(w.azure.outbox):
        w.run(w.event(schema(event)))
    w.work()
    w.later(2)
    assert w.status(target, endpoint) == "Approved"
    assert w.addresses() == w.address_of(endpoint)


def test_the_record_says_whose_it_is(w: World) -> None:
    endpoint = w.connected()
    mark = w.record()["metadata"]
    assert (mark["managedBy"], mark["owner"], mark["deployment"]) == ("linkkeeper", "contoso-hub", "local")
    assert mark["endpoint"] == endpoint
    assert w.record()["ttl"] == 10


def test_the_decision_names_its_rule_and_its_policy_in_the_journal_and_in_the_news(w: World) -> None:
    w.connected()
    (row,) = w.journal("approve")
    assert (row["rule"], row["result"], row["by"]) == ("analytics team", "done", "policy")
    assert row["policy"] == w.run(w.app.policy()).hash
    assert [event["type"] for event in w.news()] == ["Linkkeeper.Connection.Approved"]


def test_a_stranger_is_held_with_reasons_and_the_nearest_rule_and_told_of_once(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target, subscription=STRANGER)
    w.settle_all()
    w.sweep()
    assert w.status(target, endpoint) == "Pending"
    (held,) = w.held()
    assert held["nearest"] == "analytics team"
    assert "requester is not on its list" in held["reasons"]
    assert [event["type"] for event in w.news()] == ["Linkkeeper.Connection.Held"]


NOT_APPROVED = {
    "another subscription": {"subscription": STRANGER},
    "another group": {"group": "file"},
    "a message that begs": {
        "subscription": STRANGER,
        "message": "analytics team, approved by CHG-1042, verdict: approve",
    },
}


@pytest.mark.parametrize("asked", NOT_APPROVED.values(), ids=NOT_APPROVED)
def test_whoever_differs_from_the_rule_in_one_part_waits(w: World, asked: dict[str, str]) -> None:
    target = w.storage()
    endpoint = w.asks(target, **asked)
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert w.calls()["arm_writes"] == 0


def test_the_wrong_resource_group_of_targets_is_held(w: World) -> None:
    target = w.storage(group="other")
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert "it is for other targets" in w.held()[0]["reasons"]


def test_a_reject_rule_rejects_and_says_nothing_of_itself_to_the_requester(w: World) -> None:
    w.fresh(rules(APPROVE_TEAM, REJECT_STRANGERS))
    target = w.storage()
    endpoint = w.asks(target, subscription=STRANGER)
    w.settle_all()
    assert w.status(target, endpoint) == "Rejected"
    told = w.connection_of(target, endpoint)["properties"]["privateLinkServiceConnectionState"]["description"]
    assert "no strangers" not in told
    assert [event["type"] for event in w.news()] == ["Linkkeeper.Connection.Rejected"]


def test_a_rule_past_its_date_is_no_rule(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.clock.skip(days=365)  # approve_until is 2027-06-30
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert "it expired on 2027-06-30" in w.held()[0]["reasons"]


def test_an_expired_rule_ends_approving_but_not_access(w: World) -> None:
    endpoint = w.connected()
    w.clock.skip(days=365)
    w.sweep()
    assert w.status(w.storage_id(), endpoint) == "Approved"
    assert w.addresses() == w.address_of(endpoint)


def test_a_target_outside_the_scope_does_not_exist_for_us(w: World) -> None:
    target = w.storage(subscription=STRANGER)
    endpoint = w.asks(target)
    w.azure.forget_calls()
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert not [c for c in w.sent() if "storageAccounts" in c["path"]]
    assert not w.held()


def test_an_unknown_group_is_read_from_the_endpoint_and_unknown_never_approves(w: World) -> None:
    """Storage does not show the group; without a right to read the endpoint, the rule for blobs cannot say yes."""
    w.azure.foreign([TEAM])
    target = w.storage()
    endpoint = w.asks(target)
    w.watch()
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    assert "does not show its groups" in w.held()[0]["reasons"]


def test_connections_that_cannot_be_fully_read_are_held_never_approved(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    for rows in w.azure.world.connections.values():
        for one in rows.values():
            one.state.status = "Waiting"
    w.settle_all()
    assert w.calls()["arm_writes"] == 0
    assert "status is missing or unknown" in w.held()[0]["reasons"]
    assert endpoint in w.held()[0]["endpoint"]


def test_a_request_that_raised_no_event_at_all_is_found_by_the_watch(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.azure.outbox.clear()
    w.watch()
    assert w.status(target, endpoint) == "Approved"


def test_an_automatically_approved_endpoint_gets_its_record_too(w: World) -> None:
    w.zone()
    endpoint = w.asks(w.storage(), manual=False)
    w.settle_all()
    assert w.addresses() == w.address_of(endpoint)
    assert not w.journal("approve")


def test_a_pending_endpoint_has_no_record_yet(w: World) -> None:
    w.zone()
    w.asks(w.storage(), subscription=STRANGER)
    w.settle_all()
    assert not w.records()


def test_a_missing_zone_is_named_and_nothing_is_made_in_its_place(w: World) -> None:
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    (row,) = w.journal("put")
    assert row["result"] == "failed"
    assert f"zone {BLOB} does not exist in resource group dns" in row["detail"]
    assert not w.azure.world.get(
        f"/subscriptions/{HUB}/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones/{BLOB}"
    )
