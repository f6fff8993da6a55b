"""What an ARM id is, how ids compare, and what may become a table key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ids import NotAnId, ResourceId, Scope, fold, is_guid, key_of

from .build import DATA, TARGET, connection_id, examples, rid, target_id

GROUP = f"/subscriptions/{DATA}/resourceGroups/data"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults"


@pytest.mark.parametrize(
    "text",
    [
        f"{VAULT}/kv1",
        f"{VAULT}/kv1/",
        f"{VAULT.upper()}/KV1",
        f"{VAULT}/kv1/privateEndpointConnections/kv1.{DATA}",
        "/subscriptions/subId/resourceGroups/rg_1.(x)/providers/Microsoft.Network/privateEndpoints/testPe",
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net/A/@",
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net/A/*",
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/privatelink.api.azureml.ms/A/*.{DATA}.inference.eastus",
        f"{VAULT}/{'n' * 260}",
    ],
)
def test_this_is_a_resource_id(text: str) -> None:
    assert fold(str(ResourceId.parse(text))) == fold(text.removesuffix("/"))


@pytest.mark.parametrize(
    "text",
    [
        *(None, 7, b"/subscriptions", ["/subscriptions"], {}, "", "/", "kv1", "https://management.azure.com" + VAULT),
        VAULT.lstrip("/") + "/kv1",
        GROUP,
        f"/subscriptions/{DATA}",
        VAULT,
        f"{VAULT}/kv1/privateEndpointConnections",
        f"/subs/{DATA}/resourceGroups/data/providers/Microsoft.KeyVault/vaults/kv1",
        f"/subscriptions/{DATA}/groups/data/providers/Microsoft.KeyVault/vaults/kv1",
        f"{GROUP}/provders/Microsoft.KeyVault/vaults/kv1",
        *(
            f"{VAULT}/{name}"
            for name in ("..", ".", "kv1?x=1", "kv1#x", "%2f", "kv%2f..", "a\\b", "*", "a b", "<x>", "'")
        ),
        *(f"{VAULT}/kv1{char}" for char in ("\n", "\r\n", "\0", "\t", "\x7f", "\u2028", "\u200b", "\ud800")),
        f"/{VAULT}/kv1",
        f"{VAULT}//kv1",
        f"{VAULT}/kv1//",
        f"{GROUP}/../{'/'.join(VAULT.split('/')[-3:])}/kv1",
        f"{VAULT}/{'n' * 261}",
        f"{VAULT}/kv1" + f"/a/{'n' * 250}" * 8,
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/zone/A/a.*",
        f"{GROUP}/providers/Microsoft.Network/privateDnsZones/*/A/a",
    ],
)
def test_this_is_no_resource_id(text: object) -> None:
    assert ResourceId.read(text) is None
    with pytest.raises(NotAnId):
        ResourceId.parse(text)


def test_the_refusal_repeats_only_a_stub_of_the_text() -> None:
    with pytest.raises(NotAnId) as refused:
        ResourceId.parse(f"{VAULT}/{'?' * 2000}")
    assert len(str(refused.value)) < 150


@examples(200)
@given(st.text(max_size=40) | st.text(alphabet="/.?#%*@ \n\\abzK\u212a", max_size=40).map(lambda t: f"{VAULT}/{t}"))
def test_whatever_is_parsed_is_reassembled_from_plain_segments(text: str) -> None:
    found = ResourceId.read(text)
    if found is not None:
        assert ResourceId.parse(str(found)) == found
        assert not set(str(found)) & set("?#%\\\r\n\t ")
        assert "//" not in str(found)
        assert "/../" not in f"{found}/"


def test_ids_are_equal_whatever_the_case() -> None:
    one, two = rid(f"{VAULT}/kv1"), rid(f"{VAULT}/kv1".upper())
    assert one == two
    assert hash(one) == hash(two)
    assert one.hash == two.hash
    assert len({one, two}) == 1


def test_ids_keep_the_case_they_came_with() -> None:
    assert str(rid(f"{VAULT}/Kv1")).endswith("/Kv1")


def test_case_is_folded_for_ascii_only_so_that_the_kelvin_sign_is_not_k() -> None:
    assert "\u212a".lower() == "k"
    assert fold("K\u212aÉ") == "k\u212aÉ"
    assert rid(f"{VAULT}/\u212av1") != rid(f"{VAULT}/kv1")


def test_an_id_is_not_equal_to_its_text() -> None:
    assert str(TARGET) != TARGET


def test_a_resource_in_another_group_is_another_resource() -> None:
    assert target_id(group="data") != target_id(group="data1")


def test_a_child_knows_its_parent_and_a_resource_has_none() -> None:
    child = TARGET.child("privateEndpointConnections", "c1")
    assert (child.parent, child.name, TARGET.parent) == (TARGET, "c1", None)
    assert child.type == "Microsoft.Storage/storageAccounts/privateEndpointConnections"


def test_a_type_is_compared_ignoring_case_and_as_a_whole() -> None:
    assert TARGET.is_a("microsoft.storage/STORAGEACCOUNTS")
    assert not TARGET.is_a("Microsoft.Storage/storage")
    assert not connection_id().is_a("Microsoft.Storage/storageAccounts")


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        (f"/subscriptions/{DATA}", True),
        (f"/SUBSCRIPTIONS/{DATA.upper()}/", True),
        (f"/subscriptions/{DATA}/resourceGroups/rg10", True),
        (f"/subscriptions/{DATA}/resourcegroups/RG10", True),
        (f"/subscriptions/{DATA}/resourceGroups/rg1", False),
        (f"/subscriptions/{DATA}/resourceGroups/rg100", False),
        (f"/subscriptions/{DATA[:-1]}3", False),
        (f"/subscriptions/{DATA}/resourceGroups/rg10/providers/Microsoft.Storage/storageAccounts/a", True),
        (f"/subscriptions/{DATA}/resourceGroups/rg10/providers/Microsoft.Storage/storageAccounts/ab", False),
    ],
)
def test_a_scope_contains_by_whole_segments(scope: str, inside: bool) -> None:
    assert Scope.parse(scope).contains(target_id("a", group="rg10")) is inside


def test_a_scope_contains_the_children_of_its_resource() -> None:
    assert Scope.parse(str(TARGET)).contains(connection_id())


@pytest.mark.parametrize(
    "text",
    [
        *(
            None,
            "",
            "/",
            "/subscriptions",
            "/subscriptions/",
            "/subscriptions/team",
            f"/subscriptions/{DATA}/resourceGroups",
        ),
        *(f"/subscriptions/{DATA}/groups/x", f"{GROUP}/providers/Microsoft.Storage", VAULT, f"{GROUP}/.."),
        *(f"/subscriptions/{DATA[:-1]}*", "/subscriptions/*", f"/resourceGroups/{DATA}"),
    ],
)
def test_this_is_no_scope(text: object) -> None:
    with pytest.raises(NotAnId):
        Scope.parse(text)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        (DATA, True),
        (DATA.upper(), True),
        (DATA[:-1], False),
        (DATA + "\n", False),
        (f"{{{DATA}}}", False),
        (None, False),
    ],
)
def test_a_guid_is_the_whole_text_in_its_one_form(text: object, yes: bool) -> None:
    assert is_guid(text) is yes


@examples(200)
@given(st.lists(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Po"])), min_size=1, max_size=3))
def test_any_text_becomes_a_key_that_table_storage_takes(parts: list[str]) -> None:
    assert re.fullmatch("[0-9a-f]{32}", key_of(*parts))


def test_a_key_depends_on_every_part_but_not_on_case() -> None:
    assert key_of("A", "b") == key_of("a", "B")
    assert len({key_of("a", "b"), key_of("b", "a"), key_of("a"), key_of("ab"), key_of("a", "b", "")}) == 5
