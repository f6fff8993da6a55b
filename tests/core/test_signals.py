"""Events to signals: the samples of the reference, every operation, and everything that must cost no call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from shared.core import signals
from shared.core.ids import ResourceId
from shared.core.signals import Ignored, Signal

from .build import (
    DATA,
    ENDPOINT,
    GUID,
    STRANGER,
    TARGET,
    TEAM,
    endpoint_id,
    examples,
    json_with,
    mutations,
    policy,
    rid,
)

POLICY = policy(scope=frozenset({DATA}))
PROXY = f"{TARGET}/privateEndpointConnectionProxies/acct1.{GUID}"
CONNECTION = f"{TARGET}/privateEndpointConnections/acct1.{GUID}"
GROUP = f"{ENDPOINT}/privateDnsZoneGroups/default"
STORAGE = "Microsoft.Storage/storageAccounts"
KEYS = (
    *("topic", "source", "subject", "eventType", "type", "data", "resourceUri", "operationName", "resourceInfo", "id"),
    *("claims", "status"),
)


def event(operation: str, resource: str, **changed: Any) -> dict[str, Any]:
    """The Event Grid schema of reference/events.md section 3."""
    verb = {"write": "Write", "delete": "Delete", "action": "Action"}.get(operation.rpartition("/")[2], "Write")
    return {
        "topic": "/".join(resource.split("/")[:3]),
        "subject": resource,
        "eventType": f"Microsoft.Resources.Resource{verb}Success",
        "id": "4db48cba-50a2-455a-93b4-de41a3b5b7f6",
        "eventTime": "2025-06-01T10:00:00.0000000Z",
        "data": {
            "authorization": {"scope": resource, "action": operation, "evidence": {"role": "Contributor"}},
            "claims": {"name": "Eve", "appid": GUID},
            "resourceUri": resource,
            "operationName": operation,
            "status": "Succeeded",
        },
        "dataVersion": "2",
        "metadataVersion": "1",
        **changed,
    }


def as_cloud_event(classic: dict[str, Any]) -> dict[str, Any]:
    kept = {key: classic[key] for key in ("id", "subject", "data")}
    return {
        **kept,
        "source": classic["topic"],
        "type": classic["eventType"],
        "time": classic["eventTime"],
        "specversion": "1.0",
    }


def notification(kind: str, resource: str, resource_type: str = "Microsoft.Network/privateEndpoints") -> dict[str, Any]:
    info = {"id": resource, "name": resource.rpartition("/")[2], "type": resource_type}
    return {
        "topic": "/".join(resource.split("/")[:3]),
        "subject": resource,
        "eventType": f"Microsoft.ResourceNotifications.Resources.{kind}",
        "data": {"apiVersion": "2020-03-01", "resourceInfo": info},
    }


def ignored(payload: object) -> str:
    with pytest.raises(Ignored) as why:
        signals.read(payload, POLICY)
    return str(why.value)


OPERATIONS = [
    (f"{STORAGE}/privateEndpointConnectionProxies/write", PROXY, TARGET, TARGET, "requested"),
    (f"{STORAGE}/privateEndpointConnectionProxies/delete", PROXY, TARGET, TARGET, "withdrawn"),
    (
        f"{STORAGE}/privateEndpointConnectionProxies/updatePrivateEndpointProperties/action",
        *(PROXY, TARGET, TARGET, "moved"),
    ),
    (f"{STORAGE}/privateEndpointConnections/write", CONNECTION, TARGET, rid(CONNECTION), "decided"),
    (f"{STORAGE}/privateEndpointConnections/delete", CONNECTION, TARGET, rid(CONNECTION), "removed"),
    ("Microsoft.Network/privateEndpoints/write", str(ENDPOINT), ENDPOINT, ENDPOINT, "endpoint"),
    ("Microsoft.Network/privateEndpoints/delete", str(ENDPOINT), ENDPOINT, ENDPOINT, "endpoint"),
    ("Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write", GROUP, ENDPOINT, ENDPOINT, "zone group"),
    ("Microsoft.Network/privateEndpoints/privateDnsZoneGroups/delete", GROUP, ENDPOINT, ENDPOINT, "zone group"),
]


@pytest.mark.parametrize(("operation", "resource", "work", "subject", "cause"), OPERATIONS)
@pytest.mark.parametrize("schema", [dict, as_cloud_event])
def test_every_operation_of_the_reference_names_what_to_settle_in_both_schemas(
    schema: Any, operation: str, resource: str, work: ResourceId, subject: ResourceId, cause: str
) -> None:
    assert signals.read(schema(event(operation, resource)), POLICY) == Signal(work=work, subject=subject, cause=cause)


@pytest.mark.parametrize(("operation", "resource", "work", "subject", "cause"), OPERATIONS)
def test_the_casing_of_operations_and_ids_does_not_matter(
    operation: str, resource: str, work: ResourceId, subject: ResourceId, cause: str
) -> None:
    loud = event(operation.upper(), resource.replace("resourceGroups", "resourcegroups").replace("acct1", "ACCT1"))
    loud["eventType"] = event(operation, resource)["eventType"]
    assert signals.read(loud, POLICY) == Signal(work=work, subject=subject, cause=cause)


def test_a_connection_of_a_private_link_service_is_settled_at_the_service() -> None:
    service = f"/subscriptions/{DATA}/resourceGroups/data/providers/Microsoft.Network/privateLinkServices/pls1"
    operation = "Microsoft.Network/privateLinkServices/privateEndpointConnections/write"
    found = signals.read(event(operation, f"{service}/privateEndpointConnections/pe1.{GUID}"), POLICY)
    assert (found.work, found.is_endpoint) == (rid(service), False)


@pytest.mark.parametrize("kind", ["CreatedOrUpdated", "Deleted"])
@pytest.mark.parametrize("schema", ["topic", "source"])
def test_a_notification_about_an_endpoint_is_a_signal(kind: str, schema: str) -> None:
    payload = notification(kind, str(ENDPOINT))
    if schema == "source":
        payload |= {"source": payload.pop("topic"), "type": payload.pop("eventType"), "specversion": "1.0"}
    found = signals.read(payload, POLICY)
    assert found == Signal(work=ENDPOINT, subject=ENDPOINT, cause="endpoint")
    assert found.is_endpoint


def test_the_subject_serves_where_the_resource_uri_is_missing() -> None:
    payload = event(f"{STORAGE}/privateEndpointConnections/write", CONNECTION)
    del payload["data"]["resourceUri"]
    assert signals.read(payload, POLICY).subject == rid(CONNECTION)


def test_a_topic_may_be_a_resource_group() -> None:
    payload = event(f"{STORAGE}/privateEndpointConnectionProxies/write", PROXY)
    payload["topic"] = f"/subscriptions/{DATA}/resourceGroups/data"
    assert signals.read(payload, POLICY).work == TARGET


def test_a_signal_carries_no_facts() -> None:
    assert set(Signal.__dataclass_fields__) == {"work", "subject", "cause"}


# --- what is not acted on --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        f"{STORAGE}/privateEndpointConnectionProxies/validate/action",
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "Microsoft.Network/networkInterfaces/write",
        "Microsoft.Dashboard/grafana/managedPrivateEndpoints/write",
        "Microsoft.Synapse/workspaces/managedVirtualNetworks/managedPrivateEndpoints/write",
        "",
    ],
)
def test_any_other_operation_is_ignored_by_name(operation: str) -> None:
    assert f"operation {operation.lower()!r} is not one we act on" == ignored(event(operation, str(TARGET)))


@pytest.mark.parametrize(
    "kind",
    [
        *("Microsoft.Resources.ResourceWriteFailure", "Microsoft.Resources.ResourceDeleteCancel", "Linkkeeper.Held"),
        *("Microsoft.EventGrid.SubscriptionValidationEvent", "Microsoft.Storage.BlobCreated", ""),
        "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged",
    ],
)
def test_an_event_of_an_unknown_type_is_ignored_by_name(kind: str) -> None:
    payload = event(f"{STORAGE}/privateEndpointConnections/write", CONNECTION, eventType=kind)
    assert f"event type {kind!r}" in ignored(payload)


@pytest.mark.parametrize("payload", [None, "", 7, [], [{}], {}, {"eventType": 7, "data": {}}, {"eventType": "x"}])
def test_what_is_no_event_is_ignored(payload: object) -> None:
    assert ignored(payload).startswith(("the event is not an object", "the event has no type or no data"))


@pytest.mark.parametrize(
    "uri",
    [
        *(
            f"{TARGET}/..",
            f"{TARGET}/../../x/y",
            f"{PROXY}?api-version=1",
            f"{PROXY}#x",
            f"{PROXY}%2f..",
            f"{PROXY}\r\nx",
        ),
        *("https://evil.example/", str(TARGET).removeprefix("/"), f"/{TARGET}", f"{TARGET}/privateEndpointConnections"),
        *(7, ["x"], {"id": PROXY}, "x" * 5000, f"/subscriptions/{DATA}"),
    ],
)
def test_a_hostile_resource_uri_is_refused_and_not_repeated_at_length(uri: Any) -> None:
    payload = event(f"{STORAGE}/privateEndpointConnectionProxies/write", PROXY)
    payload["data"]["resourceUri"] = uri
    why = ignored(payload)
    assert why.startswith("the event names no resource")
    assert len(why) < 200
    assert why.isprintable()


@pytest.mark.parametrize(
    "topic",
    [
        *(
            None,
            "",
            "/",
            "/subscriptions",
            "/subscriptions/",
            7,
            f"/subscriptions/{DATA[:8]}",
            f"/subscriptions/{TEAM}",
        ),
        *(f"/subscriptions/{DATA}/resourceGroups/dat", f"/subscriptions/{DATA}/..", f"subscriptions/{DATA}"),
    ],
)
@pytest.mark.parametrize("schema", [dict, as_cloud_event])
def test_a_resource_that_does_not_lie_under_its_topic_is_forged(schema: Any, topic: Any) -> None:
    payload = schema(event(f"{STORAGE}/privateEndpointConnectionProxies/write", PROXY, topic=topic))
    assert "topic" in ignored(payload)


def test_a_target_outside_the_scope_does_not_exist_for_us() -> None:
    foreign = PROXY.replace(DATA, STRANGER)
    assert "outside the configured scope" in ignored(
        event(f"{STORAGE}/privateEndpointConnectionProxies/write", foreign)
    )


def test_an_endpoint_that_no_hub_serves_does_not_exist_for_us() -> None:
    stranger = str(endpoint_id(subscription=STRANGER))
    assert "outside" in ignored(event("Microsoft.Network/privateEndpoints/write", stranger))
    assert "outside" in ignored(notification("Deleted", stranger))


def test_an_endpoint_in_the_scope_is_known_without_a_hub() -> None:
    inside = str(endpoint_id(subscription=DATA))
    assert signals.read(event("Microsoft.Network/privateEndpoints/write", inside), POLICY).is_endpoint


def test_without_a_scope_every_target_exists() -> None:
    foreign = event(f"{STORAGE}/privateEndpointConnections/write", CONNECTION.replace(DATA, STRANGER))
    assert signals.read(foreign, policy()).work.subscription == STRANGER


def test_a_notification_about_anything_else_is_ignored() -> None:
    assert "storageAccounts" in ignored(notification("CreatedOrUpdated", str(TARGET), STORAGE))


GOOD = event(f"{STORAGE}/privateEndpointConnectionProxies/write", PROXY)


@examples(250)
@given(json_with(KEYS) | mutations(GOOD, KEYS) | mutations(as_cloud_event(GOOD), KEYS))
def test_arbitrary_json_is_ignored_or_is_a_signal_inside_the_scope(payload: Any) -> None:
    try:
        found = signals.read(payload, POLICY)
    except Ignored:
        pass
    else:
        assert found.work.subscription in (DATA, TEAM)
        assert found.subject in (found.work, *([found.subject] if found.subject.parent == found.work else ()))
