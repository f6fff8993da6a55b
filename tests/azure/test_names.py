"""Records follow endpoints, and nothing else: deleted, moved, shared, ceded, handed over; foreign ones survive."""

import pytest

from tests.world import STRANGER, TEAM, World, rules

TARGETS = "targets: {scopes: [/subscriptions/bbbbbbbb-0000-4000-8000-000000000002]}"
FOREIGN = {"creator": "another team"}


def test_deleting_the_endpoint_removes_its_record(w: World) -> None:
    w.removes(w.connected())
    w.settle_all()
    assert not w.records()


def test_without_a_full_sweep_nothing_is_deleted_and_the_sweep_then_deletes(w: World) -> None:
    w.zone()
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.removes(endpoint)
    w.settle_all()
    assert w.addresses()
    assert "no deletes before a full sweep" in w.journal("delete")[0]["detail"]
    w.sweep()
    w.sweep()
    assert not w.records()


@pytest.mark.parametrize("what", ["Rejected", "gone", "target gone"])
def test_an_endpoint_that_lost_its_connection_loses_its_record(w: World, what: str) -> None:
    endpoint = w.connected()
    connection = w.connection_of(w.storage_id(), endpoint)["id"]
    if what == "Rejected":
        w.decides(connection, "Rejected")
    else:
        w.removes(connection if what == "gone" else w.storage_id())
    w.settle_all()
    w.sweep()
    assert not w.records()


def test_a_moved_endpoint_keeps_its_record(w: World) -> None:
    endpoint = w.connected()
    address = w.addresses()
    moved = w.moves(endpoint, "net2")
    w.settle_all()
    w.sweep()
    assert w.addresses() == address
    assert w.record()["metadata"]["endpoint"] == moved
    assert not w.journal("delete")


def test_an_endpoint_recreated_with_another_address_gets_the_record_corrected(w: World) -> None:
    endpoint = w.connected()
    w.removes(endpoint)
    w.asks(w.storage_id(), "neighbour", subscription=TEAM, group="file")  # takes the old address
    again = w.asks(w.storage_id())
    w.settle_all()
    assert w.addresses() == w.address_of(again) == ["10.0.0.5"]


# --- records that are not ours ------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark",
    [
        None,
        FOREIGN,
        {"managedBy": "linkkeeper", "owner": "contoso-hub", "deployment": "another installation"},
        {"managedBy": "linkkeeper", "owner": "another hub", "deployment": "local"},
        {"owner": "contoso-hub", "deployment": "local"},
    ],
    ids=["no metadata", "foreign", "another deployment", "another owner", "half a mark"],
)
def test_a_record_that_is_not_ours_survives_everything(w: World, mark: dict[str, str] | None) -> None:
    w.zone()
    w.writes("acct1", "10.77.0.7", metadata=mark)
    before = w.record()
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.sweep()
    w.removes(endpoint)
    w.settle_all()
    w.sweep()
    assert w.record() == before
    assert not [row for row in w.journal("put", "delete") if row["result"] == "done"]


def test_a_foreign_record_in_the_way_is_a_finding_that_names_its_owner(w: World) -> None:
    w.zone()
    w.writes("acct1", "10.77.0.7", metadata=FOREIGN)
    w.asks(w.storage())
    w.settle_all()
    assert "the record is in the way of pe1: owned by 'another team'" in w.findings()


def test_a_foreign_record_that_is_already_correct_is_left_alone(w: World) -> None:
    w.zone()
    w.writes("acct1", "10.0.0.4", metadata=FOREIGN)
    endpoint = w.asks(w.storage())
    w.settle_all()
    assert w.address_of(endpoint) == ["10.0.0.4"]
    assert w.record()["metadata"] == FOREIGN
    assert "foreign but correct" in w.findings()


def test_an_auto_registered_record_is_never_ours(w: World) -> None:
    zone = w.zone()
    w.azure.auto_register(zone, "acct1", "10.77.0.7")
    w.asks(w.storage())
    w.settle_all()
    assert w.addresses() == ["10.77.0.7"]


def test_when_the_foreign_record_goes_the_sweep_writes_ours(w: World) -> None:
    w.zone()
    w.writes("acct1", "10.77.0.7", metadata=FOREIGN)
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.removes(f"{w.zone_id()}/A/acct1")
    w.sweep()
    assert w.addresses() == w.address_of(endpoint)


def test_a_record_of_a_previous_owner_counts_as_ours(w: World) -> None:
    w.connected()
    w.set_policy(
        w.policy_path.read_text().replace("owner: contoso-hub", "owner: fabrikam-hub\nprevious_owners: [contoso-hub]")
    )
    w.sweep()
    assert w.record()["metadata"]["owner"] == "fabrikam-hub"


# --- records changed by hand ----------------------------------------------------------------------


def test_a_record_deleted_by_hand_is_put_back_by_the_sweep(w: World) -> None:
    endpoint = w.connected()
    w.removes(f"{w.zone_id()}/A/acct1")
    w.sweep()
    assert w.addresses() == w.address_of(endpoint)


def test_a_record_changed_by_hand_is_put_right_by_the_sweep_and_keeps_unknown_metadata(w: World) -> None:
    endpoint = w.connected()
    w.writes("acct1", "10.99.0.9", metadata={**w.record()["metadata"], "ticket": "INC-7"})
    w.sweep()
    assert w.addresses() == w.address_of(endpoint)
    assert w.record()["metadata"]["ticket"] == "INC-7"


def test_an_orphaned_record_of_ours_is_deleted_by_the_sweep(w: World) -> None:
    w.connected()
    mark = {**w.record()["metadata"], "endpoint": w.endpoint_id("long-gone"), "target": w.storage_id("acct9")}
    w.writes("acct9", "10.0.0.99", metadata=mark)
    w.sweep()
    w.sweep()
    assert set(w.records()) == {"acct1"}


# --- shared names -----------------------------------------------------------------------------------


def test_two_endpoints_with_one_name_the_first_keeps_it_and_the_contest_is_reported(w: World) -> None:
    first = w.connected("pe1")
    w.asks(w.storage_id(), "pe2")
    w.settle_all()
    assert w.record()["metadata"]["endpoint"] == first
    assert "pe1 holds it" in w.findings()


def test_when_the_holder_goes_the_record_is_handed_over_without_ever_vanishing(w: World) -> None:
    first = w.connected("pe1")
    second = w.asks(w.storage_id(), "pe2")
    w.settle_all()
    w.removes(first)
    w.azure.forget_calls()
    w.settle_all()
    assert w.addresses() == w.address_of(second)
    assert w.calls()["dns_deletes"] == 0
    assert w.calls()["dns_writes"] == 1


def test_when_the_other_goes_the_holder_keeps_its_record_untouched(w: World) -> None:
    first = w.connected("pe1")
    second = w.asks(w.storage_id(), "pe2")
    w.settle_all()
    w.removes(second)
    w.azure.forget_calls()
    w.settle_all()
    assert w.addresses() == w.address_of(first)
    assert w.calls()["dns_writes"] == w.calls()["dns_deletes"] == 0


def test_while_the_heir_cannot_be_read_the_record_stays_as_it_is(w: World) -> None:
    """Law 6: an incomplete look never deletes and never hands over."""
    both = f"{{name: all, verdict: approve, requesters: {{subscriptions: [{TEAM}, {STRANGER}]}}, {TARGETS}}}"
    w.fresh(rules(both).replace(f"serves: {{subscriptions: [{TEAM}]}}", "serves: {all: true}"))
    first = w.connected("pe1")
    second = w.asks(w.storage_id(), "pe2", subscription=STRANGER)
    w.settle_all()
    before = w.record()
    w.azure.foreign([STRANGER])
    w.removes(first)
    w.settle_all()
    w.sweep()
    assert w.record() == before
    w.azure.foreign([])
    w.clock.skip(hours=2)
    w.sweep()
    assert w.addresses() == w.address_of(second)


# --- zone groups --------------------------------------------------------------------------------------


def test_an_endpoint_that_gets_a_zone_group_is_ceded_and_taken_over_again_with_one_write_each(w: World) -> None:
    endpoint = w.connected()
    w.zone_group(endpoint)
    w.settle_all()
    w.sweep()
    assert w.record()["metadata"] != {}
    assert "managedBy" not in w.record()["metadata"], "Azure writes it now"
    w.azure.forget_calls()
    w.removes(f"{endpoint}/privateDnsZoneGroups/default")
    w.settle_all()
    w.sweep()
    assert w.record()["metadata"]["managedBy"] == "linkkeeper"
    assert w.calls()["dns_writes"] == 1


def test_a_zone_group_that_writes_nothing_is_told_and_nothing_is_written_beside_it(
    w: World,
) -> None:
    w.zone()
    w.azure.switch(group_silent=True)
    endpoint = w.asks(w.storage(), manual=False)
    w.zone_group(endpoint)
    w.settle_all()
    w.sweep()
    assert "covers privatelink.blob.core.windows.net, but writes no record for acct1" in w.findings()
    assert not w.records()


def test_a_record_of_ours_beside_a_group_that_writes_nothing_is_looked_at_once_and_then_only_told(w: World) -> None:
    endpoint = w.connected()
    w.azure.switch(group_silent=True)
    w.zone_group(endpoint)
    w.settle_all()
    w.sweep()
    again = w.sweep()
    assert not again.suspects
    assert "zone group covers it and writes nothing, so our record stays" in str(again.findings)
    w.removes(endpoint)
    w.azure.outbox.clear()
    w.sweep()
    w.allow_deletes()
    w.sweep()
    assert not w.addresses()


def test_a_zone_group_of_another_hubs_copy_does_not_keep_us_from_ours(w: World) -> None:
    endpoint = w.connected()
    other = w.zone(group="elsewhere")
    config = {"name": "one", "properties": {"privateDnsZoneId": other}}
    w.arm("PUT", f"{endpoint}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}})
    w.settle_all()
    w.sweep()
    assert w.record()["metadata"]["managedBy"] == "linkkeeper"
    assert w.addresses(group="elsewhere") == w.addresses()


def test_a_late_delete_event_of_an_endpoint_made_again_removes_nothing(w: World) -> None:
    """Same id, another guid: what the event tells is an id, and that id is there."""
    endpoint = w.connected()
    w.removes(endpoint)
    late = [e for e in w.azure.outbox if e["data"]["operationName"].lower().endswith("privateendpoints/delete")]
    again = w.asks(w.storage_id())
    w.settle_all()
    written = w.record()
    w.deliver(late)
    w.settle_all()
    assert w.record() == written
    assert w.addresses() == w.address_of(again)
    assert not w.journal("delete")


def test_an_endpoint_born_with_a_zone_group_is_only_watched(w: World) -> None:
    w.zone()
    endpoint = w.asks(w.storage(), manual=False)
    w.zone_group(endpoint)
    w.settle_all()
    w.sweep()
    assert w.calls()["dns_writes"] == 0
    assert w.addresses()


def test_a_record_is_never_written_for_an_endpoint_that_could_not_be_read(w: World) -> None:
    """It may be gone by now, and its address somebody else's."""
    endpoint = w.connected()
    w.azure.foreign([TEAM])
    w.removes(endpoint)
    w.removes(f"{w.zone_id()}/A/acct1")
    w.azure.outbox.clear()
    w.sweep()
    assert w.addresses() == []
