"""Event Grid delivers: handshake, both schemas, retries, dead letters, chaos; and the custom topic receives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.azure.handshake import Refused

WRITES = (
    "Microsoft.Resources.ResourceWriteSuccess",
    "Microsoft.Resources.ResourceDeleteSuccess",
    "Microsoft.Resources.ResourceActionSuccess",
)


def subscribe(cloud: Any, hook: Any, schema: str = "EventGridSchema", mode: str = "reliable", **more: Any) -> None:
    more = {"event_types": WRITES, "filters": []} | more
    cloud.loop.run(cloud.azure.subscribe(name="test", url=hook.url, schema=schema, **more))
    cloud.azure.mode(mode)


def quiet(cloud: Any) -> None:
    cloud.loop.run(cloud.azure.quiet(20))


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
def test_delivery_in_both_schemas(cloud: Any, webhook: Any, schema: str) -> None:
    subscribe(cloud, webhook, schema)
    target = cloud.target()
    quiet(cloud)
    headers, body = webhook.got[0]
    assert headers["aeg-event-type"] == "Notification"
    assert isinstance(json.loads(body), list) is (schema == "EventGridSchema")
    assert webhook.events()[0]["subject"] == target
    assert ("cloudevents" in headers["Content-Type"]) is (schema != "EventGridSchema")


@pytest.mark.parametrize("schema", ["EventGridSchema", "CloudEventSchemaV1_0"])
def test_a_webhook_that_does_not_agree_gets_nothing(cloud: Any, webhook: Any, schema: str) -> None:
    webhook.refuse = True
    with pytest.raises(Refused):
        subscribe(cloud, webhook, schema)
    assert cloud.azure.post.subscriptions == {}


def test_the_subscriptions_of_the_deployment_hear_what_they_should(cloud: Any, webhook: Any) -> None:
    rows = json.loads((Path(__file__).parents[2] / "infra/event-subscriptions.json").read_text())["subscriptions"]
    for row in rows:
        cloud.loop.run(
            cloud.azure.subscribe(
                name=row["name"],
                url=webhook.url,
                schema=row["schema"],
                event_types=row["includedEventTypes"],
                filters=row["advancedFilters"],
            )
        )
    cloud.azure.mode("reliable")
    cloud.endpoint(cloud.target())
    quiet(cloud)
    assert sorted(one["data"]["operationName"].rsplit("/", 2)[1] for one in webhook.events()) == [
        "privateEndpointConnectionProxies",
        "privateEndpointConnectionProxies",
        "privateEndpoints",
    ]


def test_a_failed_delivery_is_tried_again(cloud: Any, webhook: Any) -> None:
    subscribe(cloud, webhook)
    webhook.answers = [500, 503]
    cloud.target()
    quiet(cloud)
    deliveries = cloud.door("GET", "/events")["raised"][0]["deliveries"]
    assert deliveries[0]["outcome"] == "delivered"
    assert [row["answer"] for row in deliveries[0]["attempts"]] == [500, 503, 200]


@pytest.mark.parametrize("status", [400, 401, 413])
def test_some_answers_are_final(cloud: Any, webhook: Any, status: int) -> None:
    subscribe(cloud, webhook)
    webhook.answers = [status]
    cloud.target()
    quiet(cloud)
    assert len(webhook.got) == 1
    assert cloud.door("GET", "/events")["deadLetters"][0]["lastDeliveryOutcome"] == str(status)


def test_events_are_lost_on_request(cloud: Any, webhook: Any) -> None:
    subscribe(cloud, webhook)
    cloud.door("POST", "/events/lose", {"times": 1})
    cloud.target(name="one")
    cloud.target(name="two")
    quiet(cloud)
    assert [one["subject"].rsplit("/", 1)[1] for one in webhook.events()] == ["two"]


def test_chaos_loses_doubles_and_shuffles(cloud: Any, webhook: Any) -> None:
    subscribe(cloud, webhook, mode="chaotic")
    names = [f"acct{n}" for n in range(60)]
    for name in names:
        cloud.target(name=name)
    quiet(cloud)
    got = [one["subject"].rsplit("/", 1)[1] for one in webhook.events()]
    assert 0 < len(set(names) - set(got)) < 30
    assert len(got) > len(set(got))
    assert got != sorted(got, key=names.index)


def test_batches_are_arrays(cloud: Any, webhook: Any) -> None:
    subscribe(cloud, webhook, batch=10)
    cloud.endpoint(cloud.target())
    quiet(cloud)
    assert len(webhook.events()) == 6
    assert len(webhook.got) < 6


def test_hostile_events_reach_a_subscriber_as_they_are(cloud: Any, webhook: Any) -> None:
    subscribe(cloud, webhook)
    assert cloud.door("POST", "/events", {"subscription": "test", "text": "{not json"}) == {"status": 200}
    assert cloud.door("POST", "/events", {"subscription": "test", "body": [{"id": "x"}]}) == {"status": 200}
    assert [body for _, body in webhook.got] == [b"{not json", b'[{"id": "x"}]']


def test_the_validation_url_confirms_too(cloud: Any) -> None:
    assert cloud.http.get(f"{cloud.azure.control}/validate/unknown", timeout=5).status_code == 404


def publish(cloud: Any, body: Any, content: str = "application/json", **headers: str) -> requests.Response:
    given = {"Content-Type": content} | {key.replace("_", "-"): value for key, value in headers.items()}
    return cloud.http.post(cloud.azure.topic, data=json.dumps(body), headers=given, timeout=5)


def test_the_topic_keeps_what_is_published_and_checks_who_does(cloud: Any) -> None:
    row = {"id": "1", "subject": "s", "eventType": "T", "eventTime": "2026-01-01T00:00:00Z", "dataVersion": "1"}
    assert publish(cloud, [row]).status_code == 401
    assert publish(cloud, [row], aeg_sas_key="wrong").status_code == 401
    assert publish(cloud, [{"id": "1"}], aeg_sas_key=cloud.azure.topic_key).status_code == 400
    assert publish(cloud, [row], aeg_sas_key=cloud.azure.topic_key).status_code == 200
    assert [one["event"] for one in cloud.door("GET", "/topic")["events"]] == [row]
