"""ARM bodies to values: what Azure was recorded to answer is read right, and what is odd is held, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from shared.__main__ import cli
from shared.core import reading
from shared.core.decide import decide
from shared.core.ids import ResourceId
from shared.core.model import Link, Status, Verdict
from shared.core.rules import Requesters, Targets

from .build import (
    ENDPOINT,
    GUID,
    GUID2,
    NOW,
    RECORDINGS,
    TARGET,
    body,
    connection_id,
    examples,
    json_with,
    mutations,
    part,
    policy,
    recording,
    rid,
    rule,
    target_id,
)

ANYBODY = policy(rule(requesters=Requesters(all=True), targets=Targets()))
KEYS = (
    *("id", "name", "properties", "privateEndpoint", "provisioningState", "groupIds", "groupId", "fqdn", "ipAddresses"),
    *("privateLinkServiceConnectionState", "status", "description", "actionsRequired", "customDnsConfigs", "fqdns"),
    *("privateLinkServiceConnections", "ipConfigurations", "privateLinkConnectionProperties", "privateIPAddress"),
    *("privateLinkServiceId", "networkInterfaces", "resourceGuid", "location", "linkIdentifier"),
    *("approvalReference", "privateEndpointId"),
)

A, P, R = Status.APPROVED, Status.PENDING, Status.REJECTED
CONNECTIONS = [
    # file, place, endpoint's name, status, settled, groups, problem
    ("ampls-connection-list.json", ("body", "value", 0), "private-endpoint-name", A, True, None, "disagree"),
    ("ampls-connection-list.json", ("body", "value", 1), "private-endpoint-name-2", P, True, None, ""),
    ("cosmos-connection-get-approved.json", ("body",), "cli-pe-000005", A, True, ("Sql",), ""),
    ("cosmos-connection-put-approve-202.json", ("then", 2, "body"), "cli-pe-000005", A, True, ("Sql",), ""),
    ("databricks-connection-put-approve.json", ("body",), "myPrivateEndpoint", A, True, None, ""),
    ("keyvault-connection-put-approve-after-reject.json", ("body",), "cli-pe-000005", A, False, None, ""),
    ("keyvault-connection-put-approve-after-reject.json", ("then", 0, "body"), "cli-pe-000005", A, True, None, ""),
    ("kusto-connection-get-approved.json", ("body",), "privateEndpointName", A, True, ("cluster",), ""),
    ("mysql-server-connection-put-approve-202.json", ("then", 0, "body"), "cli-pe-000006", A, False, None, ""),
    ("mysql-server-connection-put-approve-202.json", ("then", 1, "body"), "cli-pe-000006", A, True, None, ""),
    (
        *("postgresql-flexible-connection-put-approve.json", ("body",), "private-endpoint-name", A, True),
        *(("postgresqlServer",), ""),
    ),
    (
        *("private-link-service-get.json", ("body", "properties", "privateEndpointConnections", 0), "pe1", A, True),
        *(None, ""),
    ),
    ("sql-server-connection-put-approve.json", ("body",), "private-endpoint-name", A, True, None, ""),
    ("storage-connection-get-approved.json", ("body",), "cli-pe-000005", A, True, None, ""),
    ("storage-connection-list-rejected.json", ("body", "value", 0), "cli-pe-000005", R, True, None, ""),
    ("storage-connection-put-approve.json", ("body",), "petest01", A, True, None, ""),
]


@pytest.mark.parametrize(
    ("file", "place", "who", "status", "settled", "groups", "problem"),
    CONNECTIONS,
    ids=[f"{row[0]}-{'-'.join(map(str, row[1]))}" for row in CONNECTIONS],
)
def test_every_recorded_connection_is_read_right(
    file: str, place: Any, who: str, status: Status, settled: bool, groups: Any, problem: str
) -> None:
    shown = part(file, *place)
    found = reading.connection(shown, target=rid(shown["id"]).parent)
    assert found.endpoint is not None
    assert found.endpoint.name == who
    assert (found.id, found.name) == (rid(shown["id"]), shown["name"])
    assert (found.status, found.settled, found.groups) == (status, settled, groups)
    assert problem in "".join(found.problems) if problem else found.problems == ()


@pytest.mark.parametrize(
    "file",
    [
        *("cosmos-connection-put-approve-202.json", "mysql-server-connection-put-approve-202.json"),
        *("mysql-server-connection-put-approve-twice-400.json", "private-link-service-get.json"),
        *("dns-zone-get.json", "dns-a-put-update.json", "cosmos-private-endpoint-get.json"),
    ],
)
def test_an_answer_that_is_no_connection_is_never_taken_for_one(file: str) -> None:
    found = reading.connection(recording(file)["body"])
    assert found.problems
    assert found.status is Status.UNKNOWN


def test_the_reference_names_no_recorded_connection_that_is_not_in_the_table() -> None:
    holding = {path.name for path in RECORDINGS.glob("*connection*.json")} - {"private-link-service-get.json"}
    untested = {"mysql-server-connection-put-approve-twice-400.json"}  # an error: the test above
    assert holding - untested == {str(row[0]) for row in CONNECTIONS} - {"private-link-service-get.json"}


# --- one connection --------------------------------------------------------------------------------


def test_an_ordinary_pending_request_has_no_problems() -> None:
    found = reading.connection(body(), target=TARGET)
    assert (found.status, found.settled, found.groups, found.problems) == (Status.PENDING, True, ("blob",), ())
    assert (found.id, found.endpoint) == (connection_id(), ENDPOINT)


@pytest.mark.parametrize("state", ["Ready", "Succeeded", "succeeded", "READY", None])
def test_ready_succeeded_and_an_absent_state_are_settled(state: str | None) -> None:
    assert reading.connection(body(provisioningState=state)).settled


@pytest.mark.parametrize("state", ["Approving", "Updating", "Rejecting", "Dropping", "Failed", "", "Deleting"])
def test_any_other_state_is_not_settled(state: str) -> None:
    assert not reading.connection(body(provisioningState=state)).settled


@pytest.mark.parametrize(
    ("properties", "groups"),
    [
        ({"groupIds": ["table", "blob"]}, ("blob", "table")),
        ({"groupIds": None, "groupId": "Sql"}, ("Sql",)),
        ({"groupIds": []}, None),
        ({"groupIds": None}, None),
    ],
)
def test_groups_are_a_list_or_one_text_or_not_shown(properties: dict[str, Any], groups: object) -> None:
    found = reading.connection(body(**properties))
    assert (found.groups, found.problems) == (groups, ())


def test_an_item_nested_in_its_parent_has_no_name_and_takes_the_one_of_its_id() -> None:
    nested = body()
    del nested["name"]
    found = reading.connection(nested, target=TARGET)
    assert (found.name, found.problems) == ("acct1.c1", ())


def test_the_ids_of_one_answer_may_differ_in_case() -> None:
    loud = body(privateEndpoint={"id": str(ENDPOINT).upper()})
    loud["id"] = str(connection_id()).upper()
    loud["name"] = "ACCT1.C1"
    found = reading.connection(loud, target=TARGET)
    assert (found.endpoint, found.id, found.problems) == (ENDPOINT, connection_id(), ())


def test_private_link_services_show_the_guid_of_the_endpoint_behind_the_last_dot_of_the_name() -> None:
    shown = part("private-link-service-get.json", "body", "properties", "privateEndpointConnections", 0)
    assert reading.connection(shown, guid_in_name=True).guid == "a714b944-8679-4135-a03b-0f05f8144641"


def test_the_guid_in_the_name_of_any_other_provider_is_not_the_one_of_the_endpoint() -> None:
    assert reading.connection(part("storage-connection-get-approved.json", "body")).guid is None


def test_a_name_that_ends_in_no_guid_shows_none() -> None:
    assert reading.connection(body("pe1.not-a-guid"), guid_in_name=True).guid is None


ODD: list[tuple[str, Any]] = [
    ("no private endpoint", body(privateEndpoint=None)),
    ("no private endpoint", body(privateEndpoint={})),
    ("no private endpoint", body(privateEndpoint={"id": f"{ENDPOINT}/../x"})),
    ("no private endpoint", body(privateEndpoint={"id": str(TARGET)})),
    ("no private endpoint", body(privateEndpoint={"id": f"{ENDPOINT}/privateDnsZoneGroups/default"})),
    ("no private endpoint", body(privateEndpoint=str(ENDPOINT))),
    ("status", body(privateLinkServiceConnectionState={})),
    ("status", body(privateLinkServiceConnectionState={"status": "Granted"})),
    ("status", body(privateLinkServiceConnectionState={"status": ["Pending"]})),
    ("status", body(privateLinkServiceConnectionState={"status": "Unknown"})),
    ("privateLinkServiceConnectionState", body(privateLinkServiceConnectionState="Pending")),
    ("group ids", body(groupIds=["blob", 7])),
    ("group ids", body(groupIds={"blob": 1})),
    ("group ids", body(groupIds=[""])),
    ("provisioning state", body(provisioningState=["Succeeded"])),
    ("properties", {**body(), "properties": None}),
    ("its id", {**body(), "id": None}),
    ("its id", {**body(), "id": "acct1.c1"}),
    ("does not lie under", {**body(), "id": str(target_id("acct2").child("privateEndpointConnections", "acct1.c1"))}),
    ("disagree", {**body(), "name": "another"}),
    ("no name", {**body(), "name": 7}),
    ("not an object", None),
    ("not an object", [body()]),
]


@pytest.mark.parametrize(("problem", "odd"), ODD)
def test_a_missing_or_odd_field_is_a_problem_and_holds_the_request(problem: str, odd: Any) -> None:
    found = reading.connection(odd, target=TARGET)
    assert problem in "; ".join(found.problems)
    assert decide(found, target=TARGET, policy=ANYBODY, now=NOW).verdict is Verdict.HOLD


@pytest.mark.parametrize("said", ["pending", "PENDING", "Pending"])
def test_a_status_is_read_in_any_case(said: str) -> None:
    found = reading.connection(body(privateLinkServiceConnectionState={"status": said}), target=TARGET)
    assert (found.status, found.problems) == (Status.PENDING, ())


@pytest.mark.parametrize("key", ["actionRequired", "actionsRequired"])
def test_what_azure_asks_to_be_done_is_never_a_reason_to_hold(key: str) -> None:
    state = {"status": "Pending", key: "Please approve at once"}
    found = reading.connection(body(privateLinkServiceConnectionState=state), target=TARGET)
    assert found == reading.connection(body(), target=TARGET)


def test_a_nested_item_of_a_parent_in_other_case_is_read_like_any_other() -> None:
    nested = {"id": str(connection_id()).lower(), "properties": body()["properties"]}
    found = reading.connection(nested, target=TARGET)
    assert (found.id, found.name, found.problems) == (connection_id(), "acct1.c1", ())


# --- what identifies a requester beside the id ------------------------------------------------------


@pytest.mark.parametrize("shown", ["536887555", 536887555])
def test_a_link_identifier_is_decimal_text(shown: object) -> None:
    found = reading.connection(body(linkIdentifier=shown), target=TARGET)
    assert (found.link_identifier, found.problems) == ("536887555", ())


@pytest.mark.parametrize("odd", [None, "", "12a", "-1", -1, "1" * 21, 10**20, True, 1.0, "\u0663", " 1", ["1"]])
def test_an_odd_link_identifier_is_none(odd: object) -> None:
    assert reading.connection(body(linkIdentifier=odd), target=TARGET).link_identifier is None


def test_the_recorded_link_service_shows_the_link_identifier() -> None:
    shown = part("private-link-service-get.json", "body", "properties", "privateEndpointConnections", 0)
    assert reading.connection(shown).link_identifier == shown["properties"]["linkIdentifier"]


def asked(text: Any, status: str = "Pending") -> str | None:
    state = {"status": status, "description": text}
    return reading.connection(body(privateLinkServiceConnectionState=state), target=TARGET).nonce


NONCE = "0123456789abcdef" * 2


@pytest.mark.parametrize("around", ["{}", "please {} thanks", "{}.", "{}g", "x{}\n"])
def test_our_nonce_is_found_in_a_request_wherever_it_stands(around: str) -> None:
    assert asked(around.format(f"linkkeeper-nonce:{NONCE}")) == NONCE


@pytest.mark.parametrize(
    "text",
    [
        *(
            None,
            7,
            "",
            NONCE,
            f"linkkeeper-nonce:{NONCE[1:]}",
            f"linkkeeper-nonce:{NONCE}0",
            f"linkkeeper-nonce:{NONCE}F",
        ),
        *(f"linkkeeper-nonce:{NONCE.upper()}", f"linkkeeper-nonce: {NONCE}", f"Linkkeeper-Nonce:{NONCE}"),
        f"linkkeeper-nonce:{NONCE} linkkeeper-nonce:{NONCE}",
    ],
)
def test_two_nonces_or_anything_like_one_are_none(text: object) -> None:
    assert asked(text) is None


@pytest.mark.parametrize("status", ["Approved", "Rejected", "Disconnected", "odd"])
def test_a_nonce_counts_in_a_request_only(status: str) -> None:
    assert asked(f"linkkeeper-nonce:{NONCE}", status) is None


def test_nothing_else_that_a_requester_wrote_gets_into_the_value() -> None:
    state = {"status": "Pending", "description": "canary of the requester", "actionsRequired": "canary too"}
    assert "canary" not in repr(reading.connection(body(privateLinkServiceConnectionState=state), target=TARGET))


def test_a_request_whose_id_cannot_be_read_still_has_a_place_to_point_at() -> None:
    assert reading.connection({**body(), "id": None}, target=TARGET).id == connection_id()


def test_every_problem_is_named_at_once() -> None:
    found = reading.connection({"id": "x", "properties": {"groupIds": 7, "provisioningState": 1}}, target=TARGET)
    assert len(found.problems) == 7


@examples(150)
@given(json_with(KEYS))
def test_arbitrary_json_never_raises_and_is_never_approved(odd: Any) -> None:
    found = reading.connection(odd, target=TARGET, guid_in_name=True)
    assert decide(found, target=TARGET, policy=ANYBODY, now=NOW).verdict in (Verdict.HOLD, Verdict.LEAVE)


@examples(300)
@given(mutations(body(), KEYS), st.booleans())
def test_a_good_body_with_one_odd_place_is_approved_only_for_the_endpoint_and_groups_it_shows(
    odd: Any, guid_in_name: bool
) -> None:
    found = reading.connection(odd, target=TARGET, guid_in_name=guid_in_name)
    if decide(found, target=TARGET, policy=ANYBODY, now=NOW).verdict is Verdict.APPROVE:
        assert odd["properties"]["privateLinkServiceConnectionState"]["status"].lower() == "pending"
        assert rid(odd["properties"]["privateEndpoint"]["id"]) == found.endpoint
        assert found.id is not None
        assert found.id.parent == TARGET


# --- endpoints -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "status", "guid", "pairs"),
    [
        (
            "cosmos-private-endpoint-get.json",
            *(Status.APPROVED, "517d9819-82e9-416b-b507-ce8ec2b6d9b0"),
            {
                "cli-test-cosmosdb-pe-000002.documents.azure.com": "10.0.0.4",
                "cli-test-cosmosdb-pe-000002-westus.documents.azure.com": "10.0.0.5",
            },
        ),
        (
            "dns-pe-cosmos-two-fqdns.json",
            *(Status.APPROVED, "95b70f74-7d34-469d-ac32-9ddc10eeed5f"),
            {
                "cli-test-cosmosdb-pe-000002.documents.azure.com": "10.0.0.4",
                "cli-test-cosmosdb-pe-000002-westus.documents.azure.com": "10.0.0.5",
            },
        ),
        (
            "dns-pe-acr-customdns.json",
            *(Status.APPROVED, None),
            {"acrsample22.westeurope.data.azurecr.io": "10.1.0.4", "acrsample22.azurecr.io": "10.1.0.5"},
        ),
        (
            "private-endpoint-get-manual-pending.json",
            *(Status.PENDING, None),
            {"abc.cosmos.com": "192.168.0.4", "abc2.cosmos.com": "192.168.0.5"},
        ),
    ],
)
def test_every_recorded_endpoint_is_read_right(file: str, status: Status, guid: str | None, pairs: Any) -> None:
    found = reading.endpoint(part(file, "body"))
    assert found is not None
    assert found.provisioned
    assert (found.guid, found.links[0].status) == (guid, status)
    assert dict(found.pairs or ()) == {fqdn: (address,) for fqdn, address in pairs.items()}


def test_a_manual_link_is_read_with_its_target_and_groups() -> None:
    found = reading.endpoint(part("private-endpoint-get-manual-pending.json", "body"))
    service = rid("/subscriptions/subId/resourceGroups/rg1/providers/Microsoft.Network/privateLinkServices/testPls")
    assert found is not None
    assert found.link_to(service) == Link(
        target=service, groups=("groupIdFromResource",), status=Status.PENDING, manual=True
    )


def test_a_foreign_service_is_known_by_its_alias_only() -> None:
    alias = f"svc.{GUID}.westeurope.azure.privatelinkservice"
    links = [{"properties": {"privateLinkServiceId": alias}}]
    found = reading.endpoint({"id": str(ENDPOINT), "properties": {"manualPrivateLinkServiceConnections": links}})
    assert found is not None
    assert (found.links[0].target, found.links[0].alias) == (None, alias)


def test_an_approval_that_was_inherited_names_the_endpoint_it_came_from() -> None:
    def link(reference: Any) -> Link:
        one = {"properties": {"privateLinkServiceId": str(TARGET), "approvalReference": reference}}
        found = reading.endpoint({"id": str(ENDPOINT), "properties": {"privateLinkServiceConnections": [one]}})
        assert found is not None
        return found.links[0]

    other = str(ENDPOINT).replace("pe1", "pe2")
    assert link({"privateEndpointId": other}).approval_reference == rid(other)
    for odd in (None, {}, {"privateEndpointId": str(TARGET)}, {"privateEndpointId": 7}, "pe2"):
        assert link(odd).approval_reference is None


def configured(*configs: Any, **properties: Any) -> Any:
    return reading.endpoint({"id": str(ENDPOINT), "properties": {"customDnsConfigs": list(configs), **properties}})


def config(fqdn: Any, *addresses: Any) -> dict[str, Any]:
    return {"fqdn": fqdn, "ipAddresses": list(addresses)}


def test_upper_case_and_a_trailing_dot_are_taken_off_a_name() -> None:
    assert configured(config("Acct1.Blob.Core.Windows.NET.", "10.0.0.4")).pairs == (
        ("acct1.blob.core.windows.net", ("10.0.0.4",)),
    )


def test_the_addresses_of_one_name_are_brought_together_in_one_order() -> None:
    found = configured(config("a.b", "10.0.0.10"), config("A.b.", "10.0.0.9", "10.0.0.10"))
    assert found.pairs == (("a.b", ("10.0.0.9", "10.0.0.10")),)


def test_empty_configs_say_nothing_about_names() -> None:
    assert configured().pairs is None


@pytest.mark.parametrize("odd", [config("b.c"), config("b.c", "fd00::1"), config("b.c", 7), {"fqdn": "b.c"}])
def test_a_name_without_a_readable_address_is_not_a_name_given_up(odd: Any) -> None:
    assert configured(config("a.b", "10.0.0.4"), odd).pairs is None


def test_an_address_without_a_name_is_no_name() -> None:
    found = configured(config("a.b", "10.0.0.4"), config(None, "10.0.0.5"), config("", "10.0.0.6"))
    assert found.pairs == (("a.b", ("10.0.0.4",)),)


def test_ipv6_addresses_beside_ipv4_ones_do_not_get_into_an_a_record() -> None:
    assert configured(config("a.b", "10.0.0.4", "fd00::4")).pairs == (("a.b", ("10.0.0.4",)),)


def test_an_endpoint_that_is_still_being_made_is_not_provisioned() -> None:
    assert not configured(provisioningState="Updating").provisioned


def test_the_guid_of_an_endpoint_is_lower_case_and_a_guid() -> None:
    assert configured(resourceGuid=GUID2.upper()).guid == GUID2
    assert configured(resourceGuid="x").guid is None


@pytest.mark.parametrize("other", [None, [], {}, {"id": str(TARGET)}, {"id": f"{ENDPOINT}/privateDnsZoneGroups/x"}])
def test_what_is_no_private_endpoint_is_none(other: Any) -> None:
    assert reading.endpoint(other) is None


# --- network interfaces ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "pairs"),
    [
        (
            "nic-get-cosmos-schema-built.json",
            {
                "cli-test-cosmosdb-pe-000002.documents.azure.com": "10.0.0.4",
                "cli-test-cosmosdb-pe-000002-westus.documents.azure.com": "10.0.0.5",
            },
        ),
        ("dns-nic-acr.json", None),
        ("dns-nic-aml.json", None),
    ],
)
def test_the_pairs_of_every_recorded_interface_are_read_entry_by_entry(file: str, pairs: Any) -> None:
    shown = part(file, "body")
    expected = pairs or {
        fqdn.lower(): one["properties"]["privateIPAddress"]
        for one in shown["properties"]["ipConfigurations"]
        for fqdn in one["properties"]["privateLinkConnectionProperties"]["fqdns"]
    }
    assert dict(reading.interface_pairs(shown)) == {fqdn: (address,) for fqdn, address in expected.items()}
    assert len(expected) >= 2


def test_one_address_may_carry_several_names_and_one_configuration_none() -> None:
    def entry(address: Any, fqdns: Any) -> dict[str, Any]:
        link = {"groupId": "x", "fqdns": fqdns}
        return {"properties": {"privateIPAddress": address, "privateLinkConnectionProperties": link}}

    odd = [entry("10.0.0.9", None), entry("fd00::1", ["q.r"]), {"properties": {"privateIPAddress": "10.0.0.8"}}, None]
    shown = {"properties": {"ipConfigurations": [entry("10.0.0.5", ["A.B.", "c.d"]), *odd]}}
    assert reading.interface_pairs(shown) == (("a.b", ("10.0.0.5",)), ("c.d", ("10.0.0.5",)))
    shown["properties"]["ipConfigurations"].append(entry(None, ["u.v"]))
    assert reading.interface_pairs(shown) is None, "a name without an address: not the whole truth"


@examples(150)
@given(json_with(KEYS) | mutations(part("cosmos-private-endpoint-get.json", "body"), KEYS))
def test_arbitrary_json_never_raises_as_an_endpoint_or_an_interface(odd: Any) -> None:
    found = reading.endpoint(odd)
    pairs = (*(found.pairs or () if found else ()), *(reading.interface_pairs(odd) or ()))
    assert all(fqdn and addresses and "." in addresses[0] for fqdn, addresses in pairs)


# --- whole recordings -------------------------------------------------------------------------------


def shapes(found: Any) -> Iterator[dict[str, Any]]:
    """Every body of a connection anywhere in a recording: alone, in a list, nested in its parent, in a later answer."""
    if isinstance(found, Mapping):
        segments = str(found.get("id", "")).lower().split("/")
        if segments[-2:-1] == ["privateendpointconnections"] and "properties" in found:
            yield dict(found)
        found = [value for key, value in found.items() if key != "request"]
    for part_of_it in found if isinstance(found, list) else ():
        yield from shapes(part_of_it)


HOLDING = [
    (path.name, kind, shown)
    for path in sorted(RECORDINGS.glob("*.json"))
    for shown in shapes(recording(path.name))
    for kind in ("", rid(shown["id"]).type.rpartition("/")[0])
]


@pytest.mark.parametrize(("file", "kind", "shown"), HOLDING, ids=[f"{file}-{kind}" for file, kind, _ in HOLDING])
def test_the_command_understands_every_connection_in_every_recording(file: str, kind: str, shown: Any) -> None:
    said = CliRunner().invoke(cli, ["connection", "--type", kind], input=json.dumps(shown))
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    assert ResourceId.read(told["endpointId"]) is not None
    assert told["status"] in ("Pending", "Approved", "Rejected")


def test_thirteen_recordings_hold_connections() -> None:
    assert len({file for file, _, _ in HOLDING}) == 13


@examples(150)
@given(st.lists(json_with((*KEYS, "privateDnsZoneConfigs", "privateDnsZoneId"))))
def test_arbitrary_json_never_raises_as_zone_groups(odd: Any) -> None:
    zones, written = reading.zone_group(odd)
    assert {name.zone for name in written} <= set(zones)
