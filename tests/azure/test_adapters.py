"""Each adapter alone, through the real SDK against the small Azure and Azurite: what answers mean, what is sent."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.azure import claims
from shared.azure.journal import Entry
from shared.azure.tables import Row, Write
from shared.core.ids import ResourceId
from shared.core.model import Claim, Name, Presence, RecordSet, Verdict
from shared.errors import Conflict, Lasting, Passing, Unclear
from tests.meddling import meddling
from tests.mortal import Killed, Mortal
from tests.world import STRANGER, TEAM, World

CONNECTIONS = "privateEndpointConnections"
PASSING: list[dict[str, Any]] = [{"status": status} for status in (408, 429, 500, 502, 503, 504)] + [{"drop": True}]
LASTING = [(400, "NoRegisteredProviderFound"), (401, "ExpiredAuthenticationToken"), (403, "AuthorizationFailed")]


def fault(w: World, method: str, path: str, **trouble: Any) -> None:
    w.azure.fault(principal="app", method=method, path=path, **{"times": 0, **trouble})


def listing(w: World) -> Any:
    return w.run(w.app.arm.connections(w.resource(w.storage_id())))


def seen(w: World, endpoint: str) -> Any:
    return w.run(w.app.arm.endpoint(w.resource(endpoint)))


def decide(w: World, verdict: Verdict = Verdict.APPROVE) -> None:
    w.run(w.app.arm.decide(w.resource(w.storage_id()), listing(w).connections[0], verdict))


# --- Resource Manager: what an answer proves --------------------------------------------------------------


def test_a_list_shows_every_page(w: World) -> None:
    w.azure.switch(page_size=2)
    for n in range(5):
        w.asks(w.storage(), f"pe{n}")
    assert len(listing(w).connections) == 5


def test_a_target_that_is_not_there_is_gone(w: World) -> None:
    found = listing(w)
    assert (found.presence, found.complete) == (Presence.GONE, True)


@pytest.mark.parametrize("trouble", [*LASTING, (404, "SubscriptionNotFound"), (404, "")])
def test_a_list_that_is_refused_proves_nothing(w: World, trouble: tuple[int, str]) -> None:
    w.asks(w.storage())
    fault(w, "GET", CONNECTIONS, status=trouble[0], code=trouble[1])
    found = listing(w)
    assert (found.presence, found.complete, found.connections) == (Presence.UNKNOWN, False, ())


@pytest.mark.parametrize("code", ["ResourceNotFound", "ResourceGroupNotFound"])
def test_only_these_two_codes_say_that_an_endpoint_is_gone(w: World, code: str) -> None:
    fault(w, "GET", "/privateEndpoints/", status=404, code=code)
    assert seen(w, w.endpoint_id()).presence is Presence.GONE


@pytest.mark.parametrize("trouble", [*LASTING, (404, "SubscriptionNotFound"), (404, "NotFound"), (404, "")])
def test_any_other_refusal_leaves_an_endpoint_unknown(w: World, trouble: tuple[int, str]) -> None:
    fault(w, "GET", "/privateEndpoints/", status=trouble[0], code=trouble[1])
    found = seen(w, w.endpoint_id())
    assert (found.presence, found.endpoint) == (Presence.UNKNOWN, None)
    assert str(trouble[0]) in found.why


@pytest.mark.parametrize("trouble", PASSING, ids=lambda one: str(next(iter(one.values()))))
def test_an_outage_is_passing_after_a_few_tries_of_the_sdk(w: World, trouble: dict[str, Any]) -> None:
    w.storage()
    fault(w, "GET", CONNECTIONS, **trouble)
    with pytest.raises(Passing):
        listing(w)
    assert len(w.sent("GET")) == 3


def test_a_short_retry_after_is_waited_for_and_a_long_one_given_back_at_once(w: World) -> None:
    w.storage()
    fault(w, "GET", CONNECTIONS, status=429, headers={"Retry-After": "2"}, times=1)
    assert listing(w).complete
    w.azure.forget_calls()
    fault(w, "GET", CONNECTIONS, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(Passing) as wrong:
        listing(w)
    assert (wrong.value.retry_after, len(w.sent())) == (3600, 1)


LYING = [
    "https://evil.example/list",
    "http://localhost/list",
    "https://localhost:1/list",
    "https://localhost.evil.example/",
    "//evil.example/",
]


@pytest.mark.parametrize("link", LYING)
def test_a_next_link_to_another_host_never_gets_the_token(w: World, link: str) -> None:
    w.asks(w.storage())
    with meddling("GET", CONNECTIONS, lambda call, reply: reply.body.update(nextLink=link)):
        found = listing(w)
    assert not found.complete
    assert "refused" in found.why


def test_a_redirect_is_not_followed(w: World) -> None:
    w.storage()
    fault(w, "GET", CONNECTIONS, status=307, headers={"Location": "https://evil.example/"})
    assert not listing(w).complete


@pytest.mark.parametrize("body", [[], "text", None, {}, {"value": None}, {"value": "x"}], ids=str)
def test_an_answer_that_is_no_list_proves_nothing(w: World, body: Any) -> None:
    w.storage()
    with meddling("GET", CONNECTIONS, lambda call, reply: setattr(reply, "body", body)):
        found = listing(w)
    assert not found.complete


@pytest.mark.parametrize("item", [1, None, "x", {}, {"id": "/x"}, {"id": 7, "properties": []}], ids=str)
def test_nothing_of_an_odd_connection_can_be_approved(w: World, item: Any) -> None:
    w.storage()
    with meddling("GET", CONNECTIONS, lambda call, reply: setattr(reply, "body", {"value": [item]})):
        found = listing(w)
    assert not found.complete or all(connection.problems for connection in found.connections)


# --- Resource Manager: decisions ----------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", PASSING, ids=lambda one: str(next(iter(one.values()))))
def test_a_decision_is_sent_once_and_never_repeated_by_the_sdk(w: World, trouble: dict[str, Any]) -> None:
    w.asks(w.storage())
    fault(w, "PUT", CONNECTIONS, **trouble)
    with pytest.raises(Passing if trouble.get("status") == 429 else Unclear):
        decide(w)
    assert len(w.sent("PUT")) == 1


@pytest.mark.parametrize("trouble", PASSING, ids=lambda one: str(next(iter(one.values()))))
def test_a_decision_about_a_private_link_service_is_sent_once_too(w: World, trouble: dict[str, Any]) -> None:
    service = w.target("Microsoft.Network/privateLinkServices", "pls1")
    w.asks(service, group=None)
    fault(w, "PUT", CONNECTIONS, **trouble)
    connection = w.run(w.app.arm.connections(w.resource(service))).connections[0]
    with pytest.raises(Passing if trouble.get("status") == 429 else Unclear):
        w.run(w.app.arm.decide(w.resource(service), connection, Verdict.APPROVE))
    assert len(w.sent("PUT")) == 1


def test_the_body_of_a_decision_has_the_state_and_a_text_and_nothing_else(w: World) -> None:
    w.asks(w.storage(), message="secret words")
    with meddling("PUT", CONNECTIONS, lambda *_: None) as puts:
        decide(w, Verdict.REJECT)
    state = puts[0].body["properties"].pop("privateLinkServiceConnectionState")
    assert puts[0].body == {"properties": {}}
    assert (set(state), state["status"]) == ({"status", "description"}, "Rejected")


def test_a_connection_that_is_gone_is_none_whatever_the_code_of_its_404(w: World) -> None:
    w.storage()
    assert w.run(w.app.arm.connection(w.resource(w.storage_id()), "nothing")) is None
    fault(w, "GET", CONNECTIONS, status=403, code="AuthorizationFailed", message="no right")
    with pytest.raises(Lasting, match="no right"):
        w.run(w.app.arm.connection(w.resource(w.storage_id()), "nothing"))


# --- private DNS ------------------------------------------------------------------------------------------------


def name(w: World, record: str = "acct1") -> Name:
    return Name(zone=w.resource(w.zone_id()), record=record)


def record(w: World, *addresses: str) -> RecordSet:
    return RecordSet(name=name(w), addresses=addresses, ttl=10, metadata=(("owner", "x"),))


def test_a_record_is_created_only_where_there_is_none(w: World) -> None:
    w.zone()
    with meddling("PUT", "/A/", lambda *_: None) as puts:
        written = w.run(w.app.dns.put(record(w, "10.0.0.1"), None))
        with pytest.raises(Conflict):
            w.run(w.app.dns.put(record(w, "10.0.0.2"), None))
    assert [call.headers.get("If-None-Match") for call in puts] == ["*"]
    assert (w.addresses(), bool(written.etag)) == (["10.0.0.1"], True)


def test_a_record_is_changed_and_deleted_only_as_it_was_seen(w: World) -> None:
    w.zone()
    first = w.run(w.app.dns.put(record(w, "10.0.0.1"), None))
    second = w.run(w.app.dns.put(record(w, "10.0.0.2"), first.etag))
    for stale in (w.app.dns.put(record(w, "10.0.0.3"), first.etag), w.app.dns.delete(name(w), first.etag)):
        with pytest.raises(Conflict):
            w.run(stale)
    assert w.addresses() == ["10.0.0.2"]
    w.run(w.app.dns.delete(name(w), second.etag))
    assert w.run(w.app.dns.read(name(w))) is None


def test_deleting_what_is_gone_already_is_no_error(w: World) -> None:
    w.zone()
    w.run(w.app.dns.delete(name(w), "0"))


def test_a_missing_zone_says_what_to_do(w: World) -> None:
    with pytest.raises(Lasting, match="does not exist in resource group dns: create it and link it"):
        w.run(w.app.dns.put(record(w, "10.0.0.1"), None))
    with pytest.raises(Lasting):
        w.run(w.app.dns.read(name(w)))


def test_a_set_with_properties_that_nobody_knows_is_foreign(w: World) -> None:
    w.zone()
    w.writes("acct1", "10.0.0.1")
    with meddling("GET", "/A/", lambda call, reply: reply.body["properties"].update(trafficManager={})):
        found = w.run(w.app.dns.read(name(w)))
    assert found.foreign == ("unknown property trafficManager",)


def test_all_records_of_all_zones_of_a_hub_over_many_pages(w: World) -> None:
    zone = w.zone()
    for n in range(103):
        w.writes(f"r{n}", f"10.1.0.{n + 1}")
    assert len(w.run(w.app.dns.records(w.resource(zone)))) == 103


@pytest.mark.parametrize("trouble", [{"status": 500}, {"drop": True}, {"status": 429}], ids=["500", "drop", "429"])
def test_a_record_write_is_sent_once_too(w: World, trouble: dict[str, Any]) -> None:
    w.zone()
    fault(w, "PUT", "/A/", **trouble)
    with pytest.raises((Unclear, Passing)):
        w.run(w.app.dns.put(record(w, "10.0.0.1"), None))
    assert len(w.sent("PUT")) == 1


# --- tables --------------------------------------------------------------------------------------------------------


def test_a_table_is_made_on_first_use_and_an_absent_one_is_empty(w: World) -> None:
    tables = w.app.tables
    assert w.run(tables.query("nowhere")) == []
    assert w.run(tables.get("nowhere", "a", "b")) is None
    w.run(tables.insert("nowhere", Row("a", "b", {"x": 1})))
    assert w.run(tables.get("nowhere", "a", "b")).data["v"] == 1


def test_the_second_insert_and_every_stale_etag_conflict(w: World) -> None:
    tables = w.app.tables
    old = w.run(tables.insert("rows", Row("a", "b")))
    w.run(tables.put("rows", Row("a", "b", {"x": 2}), old))
    for work in (
        tables.insert("rows", Row("a", "b")),
        tables.put("rows", Row("a", "b"), old),
        tables.delete("rows", "a", "b", old),
    ):
        with pytest.raises(Conflict):
            w.run(work)
    w.run(tables.delete("rows", "a", "gone"))


def test_a_batch_is_all_or_nothing_and_may_be_long(w: World) -> None:
    tables = w.app.tables
    w.run(tables.insert("rows", Row("p", "taken")))
    with pytest.raises(Conflict):
        w.run(tables.batch("rows", [Write("put", Row("p", "new")), Write("insert", Row("p", "taken"))]))
    assert [row.rk for row in w.run(tables.partition("rows", "p"))] == ["taken"]
    w.run(tables.batch("rows", [Write("put", Row("q", f"{n:03}")) for n in range(230)]))
    assert len(w.run(tables.partition("rows", "q"))) == 230


def test_a_filter_takes_values_as_parameters_never_as_text(w: World) -> None:
    w.run(w.app.tables.insert("rows", Row("it's", "x")))
    assert w.run(w.app.tables.partition("rows", "' or PartitionKey ne '")) == []
    assert len(w.run(w.app.tables.partition("rows", "it's"))) == 1


# --- the worklist, line by line ---------------------------------------------------------------------------------------


def item(w: World) -> ResourceId:
    return w.resource(w.storage_id())


def signal(w: World, subject: str = "", cause: str = "endpoint") -> None:
    w.run(w.app.worklist.signal(item(w), w.resource(subject or w.storage_id()), cause))


def take(w: World, who: str = "me") -> Any:
    return w.run(w.app.worklist.take(item(w), who))


def test_line_1_a_signal_is_a_row_and_a_bell(w: World) -> None:
    signal(w)
    (row,) = w.rows("due")
    assert (row.data["causes"], row.data["tries"], row.data["v"]) == ("endpoint", 0, 1)
    w.run(asyncio.sleep(1.1))
    assert w.bells() == [item(w)]


def test_line_2_nothing_ripe_is_nothing_to_do(w: World) -> None:
    assert take(w) is None
    assert not w.rows("due")


def test_line_3_a_live_lease_keeps_others_away_and_an_expired_one_is_taken_over(w: World) -> None:
    signal(w)
    assert take(w) is not None
    assert take(w, "another") is None
    w.clock.skip(seconds=151)
    assert take(w, "another") is not None


def test_line_4_the_sixth_failure_parks_and_says_why(w: World) -> None:
    signal(w)
    for _ in range(6):
        w.run(w.app.worklist.failed(take(w), ValueError("a bug")))
        w.clock.skip(seconds=70)
    assert take(w) is None
    assert "after 6 tries: ValueError: a bug" in w.run(w.app.worklist.parked())[0][2]


def test_line_4_dying_six_times_at_work_parks_too(w: World) -> None:
    signal(w)
    for _ in range(7):
        take(w)
        w.clock.skip(seconds=151)
    assert take(w) is None
    assert "its worker died" in w.run(w.app.worklist.parked())[0][2]


def test_line_6_a_signal_that_came_meanwhile_is_left_alone(w: World) -> None:
    signal(w)
    held = take(w)
    signal(w, cause="decided")
    w.run(w.app.worklist.done(held))
    assert take(w).due[0].causes == ("decided",)


def test_line_6_look_later_keeps_the_row_for_then(w: World) -> None:
    signal(w)
    w.run(w.app.worklist.done(take(w), {item(w): w.clock() + timedelta(seconds=60)}))
    assert take(w) is None
    w.clock.skip(seconds=61)
    assert take(w).due[0].looks == 1


def test_line_7_what_came_meanwhile_is_rung_for_at_once(w: World) -> None:
    signal(w)
    held = take(w)
    signal(w, subject=w.storage_id("other"))
    w.run(asyncio.sleep(1.1))
    w.bells()
    w.run(w.app.worklist.done(held))
    assert w.bells() == [item(w)]


def test_line_8_the_watchdog_rings_for_what_is_forgotten_and_for_nothing_else(w: World) -> None:
    signal(w)
    assert w.run(w.app.worklist.watchdog()) == 0
    w.clock.skip(seconds=61)
    assert w.run(w.app.worklist.watchdog()) == 1
    take(w)
    assert w.run(w.app.worklist.watchdog()) == 0
    w.clock.skip(seconds=151)
    assert w.run(w.app.worklist.watchdog()) == 1


def test_line_9_passing_failures_are_no_tries(w: World) -> None:
    signal(w)
    for _ in range(10):
        w.run(w.app.worklist.failed(take(w), Passing("later", 5)))
        w.clock.skip(seconds=6)
    assert take(w).due[0].row.data["tries"] == 0


def test_line_10_replay_brings_parked_work_back(w: World) -> None:
    signal(w)
    w.run(w.app.worklist.park(item(w), "why"))
    assert w.run(w.app.worklist.waiting()) == (0, 1)
    assert w.run(w.app.worklist.replay(item(w))) == 1
    assert take(w) is not None


def test_a_wish_for_a_plan_does_not_overwrite_an_event(w: World) -> None:
    signal(w, cause="decided")
    signal(w, cause="plan")
    assert {due.causes for due in take(w).due} == {("decided",), ("plan",)}


# --- journal, claims, inventory, notifier -----------------------------------------------------------------


def entry(w: World) -> Entry:
    return Entry(change="c1", kind="put", subject=item(w), details={"why": "x", "addresses": ["10.0.0.1"]})


def test_a_journal_row_is_there_before_the_call_and_closed_once(w: World) -> None:
    (intent,) = w.run(w.app.journal.open(item(w), [entry(w)]))
    assert [row["result"] for row in w.changes()] == ["started"]
    w.run(w.app.journal.close(item(w), intent, "done", ""))
    w.run(w.app.journal.close(item(w), intent, "failed", "too late"))
    assert [row["result"] for row in w.changes()] == ["done"]
    assert [row["result"] for row in w.journal()] == ["done"]


def test_a_worker_that_dies_at_the_call_leaves_a_started_row(w: World) -> None:
    w.asks(w.storage())
    w.deliver()
    mortal = Mortal(w.app)

    async def dies(*_: object) -> None:
        mortal.dead = True
        raise Killed

    w.app.arm.decide = dies
    with pytest.raises(Killed):
        w.work()
    w.restart()
    assert [(row["kind"], row["result"]) for row in w.changes()] == [("approve", "started")]
    assert w.calls()["arm_writes"] == 0


def test_the_journal_reads_newest_first_by_target_and_for_all(w: World) -> None:
    for n in range(3):
        w.run(w.app.journal.note(item(w), Entry(change=f"c{n}", kind="hold", subject=item(w), details={}), "held"))
    rows = w.run(w.app.journal.read(w.clock(), item(w)))
    assert rows == []
    since = w.clock.start
    assert [row["change"] for row in w.run(w.app.journal.read(since, item(w)))] == ["c2", "c1", "c0"]
    assert [row["change"] for row in w.run(w.app.journal.read(since))] == ["c2", "c1", "c0"]


def test_the_first_claim_keeps_its_date_and_a_recreated_endpoint_starts_anew(w: World) -> None:
    endpoint, tables = w.resource(w.endpoint_id()), w.app.tables
    one = Claim(name=name(w), endpoint=endpoint, guid="g1", target=item(w), addresses=("10.0.0.1",))
    first, later = w.clock(), w.clock.start.replace(year=2030)
    w.run(claims.claim(tables, [one], first))
    w.run(claims.claim(tables, [one], later))
    (kept,), _ = w.run(claims.claims_on(tables, name(w)))
    assert kept.since == first
    w.run(
        claims.claim(tables, [Claim(name=name(w), endpoint=endpoint, guid="g2", target=item(w), addresses=())], later)
    )
    assert w.run(claims.claims_on(tables, name(w)))[0][0].since == later


def test_the_inventory_finds_targets_and_endpoints_with_list_calls_only(w: World) -> None:
    w.asks(w.storage())
    w.target("Microsoft.Search/searchServices", "search1")
    w.azure.forget_calls()

    async def found() -> list[Any]:
        return [one async for one in w.app.inventory.targets("bbbbbbbb-0000-4000-8000-000000000002")]

    nested = {one.target.name: one.connections for one in w.run(found())}
    assert [len(nested["acct1"] or ()), nested["search1"]] == [1, None]
    assert [endpoint.id.name for endpoint in w.run(w.app.inventory.endpoints(TEAM))] == ["pe1"]
    assert set(w.run(w.app.inventory.subscriptions())) >= {TEAM}
    assert all("/privateEndpointConnections" not in call["path"] for call in w.sent())


def test_news_says_who_and_never_what_the_requester_wrote(w: World) -> None:
    w.asks(w.storage(), subscription=STRANGER, message="secret words")
    w.settle_all()
    (event,) = w.news()
    assert event["data"]["endpointId"] == w.endpoint_id(subscription=STRANGER)
    assert "secret words" not in str(event)


def test_without_a_topic_nothing_is_sent(w: World) -> None:
    w.restart(LINKKEEPER_TOPIC="")
    assert w.run(w.app.notifier.send("kind", "subject", {})) is False


def test_while_the_topic_is_away_decisions_go_on_and_the_news_comes_later(w: World) -> None:
    w.azure.fault(path="/api/events", status=503, times=0)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"
    w.azure.forget_faults()
    w.later(700)
    w.sweep()
    assert "Linkkeeper.Connection.Approved" in [event["type"] for event in w.news()]
