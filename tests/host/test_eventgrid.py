"""The Event Grid webhook over a real socket."""

import json
from typing import Any

import pytest

from tests.host.conftest import Answer, Running

pytestmark = pytest.mark.wire
APP = """
@app.event_grid_trigger("event")
async def on_event(event: func.EventGridEvent):
    logging.info("got %s %s", type(event).__name__, event.id)
    if (event.get_json() or {}).get("fail"):
        raise RuntimeError("not this one")
"""
HOOK = "/runtime/webhooks/eventgrid?functionName=on_event&code=the-system"
NOTIFICATION = {"aeg_event_type": "Notification"}


def event(id: str, **data: Any) -> dict[str, Any]:
    return {
        "id": id,
        "topic": "/t",
        "subject": "/s",
        "eventType": "T",
        "eventTime": "2026-11-21T00:00:00.1234567Z",
        "data": data,
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def cloud(id: str, **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "/t", "type": "T", "time": "2026-11-21T00:00:00Z", "data": data}


def post(app: Running, body: Any, hook: str = HOOK, **headers: str) -> Answer:
    return app.call(hook, "POST", body, **headers)


def test_the_event_grid_handshake_is_answered_with_exactly_200(app: Running) -> None:
    body = [{**event("1"), "data": {"validationCode": "abc"}}]
    answer = post(app, body, aeg_event_type="SubscriptionValidation")
    assert (answer.status, json.loads(answer.text)) == (200, {"validationResponse": "abc"})


def test_the_cloud_events_handshake_allows_the_origin(app: Running) -> None:
    answer = app.call(HOOK, "OPTIONS", WebHook_Request_Origin="eventgrid.azure.net")
    assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")


def test_every_event_of_a_batch_is_one_invocation(app: Running) -> None:
    assert post(app, [event("a"), event("b")], **NOTIFICATION).status == 202
    assert app.said("got EventGridEvent a")
    assert app.said("got EventGridEvent b")


def test_cloud_events_are_known_by_their_content_type_or_their_body(app: Running) -> None:
    assert post(app, cloud("c1"), content_type="application/cloudevents+json").status == 202
    assert post(app, [cloud("c2")], **NOTIFICATION).status == 202
    assert app.said("got CloudEvent c1")
    assert app.said("got CloudEvent c2")


def test_one_failing_event_fails_the_delivery_but_not_its_neighbours(app: Running) -> None:
    assert post(app, [event("bad", fail=True), event("good")], **NOTIFICATION).status == 500
    assert app.said("got EventGridEvent good")


def test_a_body_that_is_no_event_is_400(app: Running) -> None:
    assert post(app, b"{not json", **NOTIFICATION).status == 400
    assert post(app, [], **NOTIFICATION).status == 400
    assert post(app, ["text"], **NOTIFICATION).status == 400
    assert post(app, [event("1")]).status == 400  # no aeg-event-type


@pytest.mark.parametrize(
    ("hook", "status"),
    [
        (HOOK.replace("the-system", "wrong"), 401),
        (HOOK.replace("the-system", "the-host"), 401),
        (HOOK.replace("on_event", "nobody"), 404),
        (HOOK.replace("the-system", "the-master"), 202),
    ],
)
def test_only_the_system_or_master_key_opens_the_webhook(app: Running, hook: str, status: int) -> None:
    assert post(app, [event("1")], hook, **NOTIFICATION).status == status
