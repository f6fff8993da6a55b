"""The policy as a blob in a container of its own: read by identity, confirmed by its ETag before each approval."""

from __future__ import annotations

from typing import Any

import pytest

from shared import settings
from tests.world import FIRST, World

GOOD = FIRST.read_text()
CLOSED = "version: 1\nowner: contoso-hub\n"


async def _container(w: World) -> Any:
    from azure.storage.blob.aio import BlobServiceClient

    app = w.app
    service = BlobServiceClient(
        w.azurite.blob, credential=await app.clients.credential(), transport=await app.clients.transport()
    )
    return service.get_container_client("linkkeeper-policy")


def upload(w: World, text: str | None) -> None:
    async def act() -> None:
        container = await _container(w)
        if not await container.exists():
            await container.create_container()
        blob = container.get_blob_client("policy.yaml")
        if text is not None:
            await blob.upload_blob(text.encode(), overwrite=True)
        elif await blob.exists():
            await blob.delete_blob()

    w.run(act())


def started(w: World, text: str | None = GOOD) -> World:
    w.fresh(CLOSED)
    upload(w, text)
    w.restart(LINKKEEPER_POLICY=f"{w.azurite.blob}/linkkeeper-policy/policy.yaml")
    return w


def test_the_policy_is_read_from_the_blob(w: World) -> None:
    endpoint = started(w).connected()
    assert endpoint
    assert w.health()["policy"]["valid"] is True


def test_a_new_blob_counts_within_seconds(w: World) -> None:
    started(w, CLOSED)
    target = w.storage()
    endpoint = w.asks(target)
    w.settle_all()
    assert w.status(target, endpoint) == "Pending"
    upload(w, GOOD)
    w.clock.skip(seconds=6)
    w.watch()
    w.settle_all()
    assert w.status(target, endpoint) == "Approved"


def test_a_policy_taken_away_a_moment_ago_approves_nobody(w: World) -> None:
    """It was read less than five seconds before: the approval asks for the ETag all the same."""
    started(w)
    target = w.storage()
    endpoint = w.asks(target)
    w.deliver()
    w.run(w.app.policy())
    upload(w, CLOSED)
    w.work()
    assert w.status(target, endpoint) == "Pending"


@pytest.mark.parametrize("text", [None, "version: 1\nrules: 7\n"], ids=["gone", "broken"])
def test_a_blob_that_is_gone_or_broken_suspends_approvals_and_says_so(w: World, text: str | None) -> None:
    started(w)
    w.connected()
    upload(w, text)
    w.clock.skip(seconds=6)
    second = w.asks(w.storage_id(), "pe2")
    w.settle_all()
    assert w.status(w.storage_id(), second) == "Pending"
    health = w.health()
    assert (health["status"], health["policy"]["valid"]) == ("degraded", False)
    assert w.addresses() == w.address_of(w.endpoint_id())


def test_an_unchanged_blob_is_not_read_again(w: World) -> None:
    started(w)
    origin, etag = w.app.policies._origin, w.run(w.app.policies._origin.read())[1]
    assert w.run(origin.read(etag)) == (None, etag)


@pytest.mark.parametrize(
    "address",
    [
        "http://acct.blob.core.windows.net/policies/policy.yaml",
        "https://acct.blob.core.windows.net/policy.yaml",
        "https://acct.blob.core.windows.net/policies/policy.yaml?sig=x",
        "https://user@acct.blob.core.windows.net/policies/policy.yaml",
    ],
)
def test_an_address_that_is_no_blob_is_refused_at_start(address: str) -> None:
    env = {"LINKKEEPER_POLICY": address, "AzureWebJobsStorage__accountName": "acct"}
    with pytest.raises(settings.BadSettings, match="LINKKEEPER_POLICY"):
        settings.read(env)


def test_the_account_of_the_blob_is_one_that_the_app_depends_on() -> None:
    env = {
        "LINKKEEPER_POLICY": "https://polacct.blob.core.windows.net/policies/policy.yaml",
        "AzureWebJobsStorage__accountName": "acct",
    }
    assert ("microsoft.storage/storageaccounts", "polacct") in settings.read(env).own


def test_a_blob_larger_than_any_policy_is_not_read_whole_and_refused(w: World) -> None:
    started(w, GOOD + "#" * 6_000_000)
    raw, _ = w.run(w.app.policies._origin.read())
    assert len(raw) == 5_000_001
    assert "larger than 5 MB" in str(w.health()["policy"]["mistakes"])


def test_an_empty_blob_is_an_invalid_policy(w: World) -> None:
    started(w, "")
    assert w.health()["policy"]["valid"] is False
