"""Laws 1 to 6 and 11, each for itself, where the big machine does not press hard enough on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared import settle
from tests.laws import oracle
from tests.laws.effort import effort
from tests.laws.witness import Witness
from tests.mortal import Mortal
from tests.world import HUB, STRANGER, TEAM, World

UNREADABLE = st.sampled_from(
    [
        {"status": 401, "code": "InvalidAuthenticationTokenTenant"},
        {"status": 403, "code": "AuthorizationFailed"},
        {"status": 404, "code": "SubscriptionNotFound"},
        {"status": 404, "code": "NotFound"},
        {"status": 404, "code": ""},
        {"status": 400, "code": "InvalidApiVersionParameter"},
        {"status": 429, "code": "TooManyRequests"},
        {"status": 500},
        {"status": 503},
        {"drop": True},
    ]
)


def begin(world: World, policy: oracle.Policy = oracle.EVERYBODY) -> tuple[World, Witness]:
    w = world.fresh(policy.text)
    witness = Witness(w.azure.world, w.clock, policy)
    witness.watch()
    w.zone()
    return w, witness


@given(step=st.integers(0, 25), seconds=st.sampled_from([4, 6, 30, 59, 90]), slot=st.sampled_from([TEAM, STRANGER]))
@effort(20)
def test_law_1_a_worker_that_is_paused_anywhere_never_decides_on_an_old_read(
    the_world: World, step: int, seconds: int, slot: str
) -> None:
    w, witness = begin(the_world)
    endpoint = w.asks(w.storage(), subscription=slot)
    w.deliver()

    async def pause() -> None:
        w.clock.skip(seconds=seconds)

    Mortal(w.app, only_storage=True).before_step(step, pause)
    w.work()
    assert not witness.broken
    w.settle_all()
    w.later(160)
    w.sweep()
    assert w.status(w.storage_id(), endpoint) == "Approved"


CHANGES = st.sampled_from(
    ["rejected by hand", "approved by hand", "deleted", "made again", "rule gone", "invalid", "off", "new policy"]
)


@given(step=st.integers(0, 25), change=CHANGES)
@effort(30)
def test_law_1_and_4_whatever_changes_at_any_step_nobody_is_decided_against_the_policy_of_then(
    the_world: World, step: int, change: str
) -> None:
    w, witness = begin(the_world)
    target = w.storage()
    endpoint = w.asks(target)
    connection = w.connection_of(target, endpoint)["id"]
    w.deliver()

    def to(policy: oracle.Policy) -> None:
        """As a new worker does it: the file, and the word to all others."""
        witness.policy = policy
        w.set_policy(policy.text)
        w.run(w.app.desk.announce_policy(policy.name, policy.valid, ""))

    acts = {
        "rejected by hand": lambda: w.decides(connection, "Rejected"),
        "approved by hand": lambda: w.decides(connection, "Approved"),
        "deleted": lambda: w.removes(endpoint),
        "made again": lambda: (w.removes(endpoint), w.asks(target)),
        "rule gone": lambda: to(oracle.Policy(name="nobody", rejects=(TEAM,))),
        "invalid": lambda: to(oracle.INVALID),
        "new policy": lambda: w.run(w.app.desk.announce_policy("newer", True, "")),
        "off": lambda: w.run(w.app.desk.switch_approvals(False)),
    }
    interrupted(w, step, acts[change])
    assert not witness.broken


def interrupted(w: World, step: int, act: Callable[[], Any]) -> None:
    """Work, and let `act` happen before that step, then six seconds pass."""

    async def elsewhere() -> None:
        await asyncio.to_thread(act)
        w.clock.skip(seconds=6)

    Mortal(w.app, only_storage=True).before_step(step, elsewhere)
    for item in w.ripe():
        w.run(settle.work(item, w.app))


@given(
    trouble=UNREADABLE,
    path=st.sampled_from(["/privateEndpoints/", "privateEndpointConnections", "privateDnsZones", "/"]),
)
@effort(14)
def test_law_3_and_6_while_anything_cannot_be_read_no_record_is_deleted_that_somebody_has_a_right_to(
    the_world: World, trouble: dict[str, Any], path: str
) -> None:
    w, witness = begin(the_world)
    target = w.storage()
    first, second = w.asks(target, "pe1"), w.asks(target, "pe2", subscription=STRANGER)
    w.settle_all()
    w.allow_deletes()
    w.azure.fault(principal="app", method="GET", path=path, times=0, **trouble)
    w.removes(first)
    w.settle_all()
    assert not witness.broken
    assert w.addresses(), f"{second} has a right to it"


@given(
    mark=st.dictionaries(
        st.sampled_from(["managedBy", "owner", "deployment", "creator"]),
        st.sampled_from(["linkkeeper", "contoso-hub", "local", "x"]),
    )
)
@effort(8)
def test_law_2_only_our_whole_mark_makes_a_record_ours(the_world: World, mark: dict[str, str]) -> None:
    w, witness = begin(the_world)
    w.writes("acct1", "10.77.0.7", metadata=mark)
    before = w.record()
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.sweep()
    ours = (mark.get("managedBy"), mark.get("owner"), mark.get("deployment")) == ("linkkeeper", "contoso-hub", "local")
    assert w.addresses() == (w.address_of(endpoint) if ours else ["10.77.0.7"])
    w.removes(endpoint)
    w.sweep()
    w.sweep()
    assert not witness.broken
    assert w.record() == (None if ours else before)


@given(
    which=st.sampled_from(["approved by rule", "approved by hand", "automatic"]),
    policy=st.sampled_from([oracle.NO_STRANGER]),
)
@effort(6)
def test_law_4_what_is_approved_is_never_rejected_or_deleted_whatever_the_policy_says_later(
    the_world: World, which: str, policy: oracle.Policy
) -> None:
    w, witness = begin(the_world)
    target = w.storage()
    endpoint = w.asks(target, subscription=STRANGER, manual=which != "automatic")
    if which == "approved by hand":
        w.decides(w.connection_of(target, endpoint)["id"], "Approved")
    w.settle_all()
    witness.policy = policy
    w.set_policy(policy.text)
    w.sweep()
    assert not witness.broken
    assert w.status(target, endpoint) == "Approved"
    assert w.record()["metadata"]["endpoint"] == endpoint


SEGMENT = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "a?b",
            "a#b",
            "%2f",
            "%2e%2e",
            "a\\b",
            "a'b",
            "a b",
            "ａ",
            "",
            "a\nb",
            "x" * 300,
            "$(x)",
            "' or 1 eq 1",
        ]
    ),
    st.text(max_size=8),
)


@given(place=st.integers(0, 7), segment=SEGMENT)
@effort(60)
def test_law_5_text_of_an_event_never_becomes_a_url_or_key_unparsed(the_world: World, place: int, segment: str) -> None:
    w = the_world.fresh()
    parts = w.storage_id().strip("/").split("/")
    parts[place] = segment
    w.azure.forget_calls()
    event = {
        "id": "1", "topic": f"/subscriptions/{parts[1]}", "subject": "/" + "/".join(parts), "dataVersion": "2",
        "eventType": "Microsoft.Resources.ResourceWriteSuccess", "eventTime": "2026-11-21T00:00:00Z",
        "data": {
            "resourceUri": "/" + "/".join(parts) + "/privateEndpointConnectionProxies/x",
            "operationName": "Microsoft.Storage/storageAccounts/privateEndpointConnectionProxies/write",
        },
    }  # fmt: skip
    w.run(w.event(event))
    w.work()
    for call in w.sent():
        assert ".." not in call["path"]
        assert "'" not in call["path"]
        assert not set("?#\\ \n") & set(call["path"])


@given(trouble=UNREADABLE)
@effort(8)
def test_law_6_a_hub_that_cannot_be_read_hides_no_claims(the_world: World, trouble: dict[str, Any]) -> None:
    w, witness = begin(the_world)
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.azure.fault(principal="app", path=f"{HUB}", times=0, **trouble)
    w.sweep_quietly()
    w.azure.forget_faults()
    w.clock.skip(hours=2)
    w.sweep()
    assert not witness.broken
    assert w.addresses() == w.address_of(endpoint)


@given(own=st.booleans())
@effort(2)
def test_law_11_what_the_app_itself_depends_on_is_report_only(the_world: World, own: bool) -> None:
    w, _ = begin(the_world)
    w.restart(LINKKEEPER_OWN_RESOURCES=w.storage_id() if own else "")
    endpoint = w.asks(w.storage())
    w.settle_all()
    w.sweep()
    assert w.status(w.storage_id(), endpoint) == ("Pending" if own else "Approved")
    assert bool(w.calls()["arm_writes"] + w.calls()["dns_writes"]) is not own
