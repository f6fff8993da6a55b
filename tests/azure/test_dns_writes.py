"""What Azure answers to writes of records, and what becomes of it: throttled, full, in the way, hostile."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Passing
from shared.sweep import sweep
from tests.world import HUB, TEAM, World, rules

TEAM_RULE = f"{{name: team, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, targets: {{all: true}}}}"
A_RECORD = "/A/acct1$"


def failures(w: World) -> str:
    return "\n".join(row["detail"] for row in w.journal("put") if row["result"] == "failed")


def test_a_write_that_is_throttled_for_seconds_is_sent_again_without_reading_anything_twice(w: World) -> None:
    w.zone()
    w.azure.fault(method="PUT", path=A_RECORD, status=429, headers={"Retry-After": "1"}, times=2)
    w.asks(w.storage(), manual=False)
    w.azure.forget_calls()
    w.settle_all()
    assert w.addresses()
    assert w.calls()["dns_reads"] == 0
    assert [row["result"] for row in w.journal("put")] == ["done"]


def test_a_write_that_is_throttled_for_longer_goes_back_to_the_worklist(w: World) -> None:
    w.zone()
    w.azure.fault(method="PUT", path=A_RECORD, status=429, headers={"Retry-After": "40"}, times=1)
    w.asks(w.storage(), manual=False)
    w.settle_all()
    assert not w.addresses()
    w.later(60)
    w.settle_all()
    assert w.addresses()


def test_a_cname_of_that_name_is_a_failure_that_says_what_to_do(w: World) -> None:
    zone = w.zone()
    body = {"properties": {"ttl": 60, "cnameRecord": {"cname": "elsewhere.contoso.com"}}}
    assert w.arm("PUT", f"{zone}/CNAME/acct1", body).status_code == 201
    w.asks(w.storage(), manual=False)
    w.settle_all()
    assert "a CNAME of that name is in the zone, and no A record can stand beside it" in failures(w)


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "wrapped"])
def test_a_full_zone_is_a_failure_that_says_what_to_do(w: World, flat: bool) -> None:
    w.zone()
    error = {"code": "BadRequest", "message": "The zone holds its maximum number of record sets (25000)."}
    w.azure.fault(method="PUT", path=A_RECORD, status=400, body=error if flat else {"error": error})
    w.asks(w.storage(), manual=False)
    w.settle_all()
    assert "the zone is full (25,000 record sets)" in failures(w)


def test_a_zone_that_is_not_there_is_a_failure_that_names_it(w: World) -> None:
    w.asks(w.storage(), manual=False)
    w.settle_all()
    assert "zone privatelink.blob.core.windows.net does not exist in resource group dns: create it" in failures(w)


@pytest.mark.parametrize(
    "name",
    [
        "..blob.core.windows.net",
        f"{'a' * 64}.blob.core.windows.net",
        f"{'a.' * 120}blob.core.windows.net",
        "acct1.blob.core.windows.net..",
        "acct1.*.blob.core.windows.net",
        "acct1\r\nX-Evil: 1.blob.core.windows.net",
        "acct1/../../x.blob.core.windows.net",
        "acct%2F1.blob.core.windows.net",
        "acct1?x=1.blob.core.windows.net",
        "ａcct1.blob.core.windows.net",
        "acct1.blob.core.windows.net\x00",
    ],
)
def test_a_hostile_name_is_refused_with_a_reason_and_never_reaches_a_url(w: World, name: str) -> None:
    w.zone()
    endpoint = w.asks(w.storage(), manual=False)
    body = w.arm("GET", endpoint).json()
    body["properties"]["customDnsConfigs"] = [{"fqdn": name, "ipAddresses": ["10.0.0.4"]}]
    w.azure.fault(method="GET", path="privateEndpoints/pe1$", status=200, body=body, principal="app")
    w.azure.forget_calls()
    w.settle_all()
    assert "is refused" in w.findings()
    assert not [call for call in w.sent() if "privatednszones" in call["path"].lower()]


def test_an_upper_case_name_with_a_dot_at_its_end_is_an_ordinary_one(w: World) -> None:
    w.zone()
    endpoint = w.asks(w.storage(), manual=False)
    body = w.arm("GET", endpoint).json()
    body["properties"]["customDnsConfigs"] = [{"fqdn": "ACCT1.Blob.Core.Windows.Net.", "ipAddresses": ["10.0.0.4"]}]
    w.azure.fault(method="GET", path="privateEndpoints/pe1$", status=200, body=body, principal="app")
    w.settle_all()
    assert w.addresses() == ["10.0.0.4"]


# --- the reads that are left ------------------------------------------------------------------------------


def few_reads(w: World, size: int) -> None:
    w.azure.switch(throttle=True, dns_read_budget=size)


def test_a_sweep_leaves_the_last_fifth_of_the_reads_to_events(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    for number in range(12):
        w.zone(f"zone{number}.example.net")
    few_reads(w, 10)
    w.azure.forget_calls()
    found = w.sweep()
    assert w.calls()["dns_reads"] == 8
    assert found.zones_left
    assert found.complete, "every claim was seen"
    assert any("kept for events" in finding for finding in found.findings)


def test_the_next_sweep_goes_on_with_the_zones_that_were_left(w: World) -> None:
    w.fresh(rules(TEAM_RULE))
    for number in range(12):
        w.zone(f"zone{number}.example.net")
    few_reads(w, 10)
    left = set(w.sweep().zones_left)
    assert left
    w.azure.switch(dns_read_budget=11)  # a new window
    w.clock.skip(minutes=6)
    assert not left & set(w.sweep().zones_left)


def test_what_only_a_sweep_wants_read_waits_and_an_event_does_not(w: World) -> None:
    """The budget is Azure's own number in each answer, so it is right with any number of workers."""
    w.fresh(rules(TEAM_RULE))
    endpoint = w.connected()
    w.removes(f"{w.zone_id()}/A/acct1")
    few_reads(w, 10)
    w.azure.forget_calls()
    for _ in range(9):  # another worker's, or a person's with the app's identity
        w.run(w.app.dns.read(w.app_name()))
    before = w.calls()["dns_reads"]
    w.run(w.app.worklist.signal(w.resource(w.storage_id()), w.resource(f"{w.zone_id()}/A/acct1"), "sweep"))
    w.work()
    assert w.calls()["dns_reads"] == before
    w.signal(w.storage_id(), f"{w.zone_id()}/A/acct1", "record")
    assert w.calls()["dns_reads"] == before + 1
    w.azure.switch(throttle=False)
    assert w.addresses() == w.address_of(endpoint)


def test_another_worker_knows_that_the_reads_are_nearly_spent_without_asking(w: World) -> None:
    """Nothing about the budget lives in a process: the one that stopped left what Azure had told it."""
    w.fresh(rules(TEAM_RULE))
    for number in range(12):
        w.zone(f"zone{number}.example.net")
    few_reads(w, 10)
    assert w.sweep().zones_left
    w.restart()
    w.azure.forget_calls()
    assert w.sweep().zones_left
    assert w.calls()["dns_reads"] == 1, "the list of zones"


def spares(w: World) -> bool:
    return w.run(w.app.dns.budget.spare(HUB))


def reads(w: World, times: int = 1) -> None:
    """Somebody reads because of an event."""
    for _ in range(times):
        w.run(w.app.dns.read(w.app_name()))


def test_exactly_a_fifth_of_the_reads_is_kept(w: World) -> None:
    w.zone()
    few_reads(w, 10)
    reads(w, 7)
    assert spares(w), "three are left, and one may go"
    reads(w)
    assert not spares(w), "two are left"


def test_many_who_ask_at_once_do_not_all_take_the_last_read(w: World) -> None:
    w.zone()
    few_reads(w, 10)
    reads(w, 5)

    async def ask() -> list[bool]:
        return await asyncio.gather(*(w.app.dns.budget.spare(HUB) for _ in range(8)))

    assert sum(w.run(ask())) == 3, "five are left, two of them for events"


def test_a_worker_that_only_serves_events_tells_the_others_how_many_reads_there_are(w: World) -> None:
    w.zone()
    few_reads(w, 10)
    reads(w, 7)
    w.restart()  # a new worker, which has seen no answer yet
    assert spares(w), "it cannot know yet; one read will tell"
    w.run(w.app.dns.read(w.app_name(), waits=True))
    assert not spares(w), "two of ten"


def test_what_events_teach_of_the_size_is_written_once_and_not_for_each_answer(w: World) -> None:
    w.zone()
    few_reads(w, 10)
    reads(w)
    (row,) = [row for row in w.rows("control") if row.rk.startswith("most!")]
    reads(w, 6)
    (again,) = [row for row in w.rows("control") if row.rk.startswith("most!")]
    assert again.etag == row.etag


def test_a_smaller_number_of_one_worker_does_not_replace_the_larger_one_of_another(w: World) -> None:
    w.zone()
    few_reads(w, 10)
    reads(w)
    w.restart()
    reads(w)
    (row,) = [row for row in w.rows("control") if row.rk.startswith("most!")]
    assert row.data["most"] == 9


def test_the_links_of_a_zone_are_read_only_when_events_can_spare_it(w: World) -> None:
    zone = w.resource(w.zone())
    few_reads(w, 10)
    reads(w, 8)
    w.azure.forget_calls()
    with pytest.raises(Passing, match="kept for events"):
        w.run(w.app.dns.links(zone))
    assert w.calls()["dns_reads"] == 0


def test_the_list_of_zones_is_read_all_the_same(w: World) -> None:
    """Without it a sweep proves nothing: which of two zones a name belongs to depends on it."""
    w.zone()
    few_reads(w, 10)
    reads(w, 8)
    assert w.run(sweep(w.app)).complete
