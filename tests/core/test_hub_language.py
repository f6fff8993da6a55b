"""The language of names: what each key means, where each mistake is, and what hostile text meets.

test_hub_files.py has the plain cases; here are lines, look-alikes, several clouds, and files of any shape.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import policyfile
from shared.core.hub import Hub, Serves
from shared.core.ids import ResourceId, Scope
from shared.core.policy import Caps, NameOwner, Policy, ServiceNames
from shared.core.rules import Mode

from .build import DNS, ENDPOINT, STRANGER, TARGET, TEAM, examples, json_with

GROUP = f"/subscriptions/{DNS}/resourceGroups/dns"
ZONES = f"{GROUP}/providers/Microsoft.Network/privateDnsZones"
BLOB, FILE = "privatelink.blob.core.windows.net", "privatelink.file.core.windows.net"
VNET = f"/subscriptions/{DNS}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub"
PLS = f"/subscriptions/{STRANGER}/resourceGroups/x/providers/Microsoft.Network/privateLinkServices/pls"
ALIAS = "click.0a1b2c3d-0000-4000-8000-0000000000aa.westeurope.azure.privatelinkservice"
CLICK = "westeurope.privatelink.azure.clickhouse.cloud"


def hub(name: str = "west", zones: Any = GROUP, **more: Any) -> dict[str, Any]:
    return {"name": name, "zones": zones, "serves": {"all": True}, **more}


def named(service: str = ALIAS, zone: str = CLICK, records: Any = ("*",), **more: Any) -> dict[str, Any]:
    return {"service": service, "zone": zone, "records": list(records), **more}


def parsed(cloud: str | None = None, **keys: Any) -> Policy:
    """JSON is YAML; one line, so that these tests are about paths."""
    return policyfile.parse(json.dumps({"version": 1, "owner": "contoso-hub", **keys}).encode(), cloud=cloud)


def mistakes(**keys: Any) -> dict[str, str]:
    with pytest.raises(policyfile.BadPolicy) as wrong:
        parsed(**keys)
    return {path: what for _, path, what in wrong.value.mistakes}


# --- every key to its value ---------------------------------------------------------------------------------


def test_a_hub_that_says_everything_is_read_word_by_word() -> None:
    said = hub(
        zones=[f"{ZONES}/{BLOB}", f"{ZONES}/{FILE}/"],
        serves={
            "subscriptions": [TEAM.upper()],
            "management_groups": ["Corp"],
            "networks": [VNET],
            "regions": ["West Europe", "eastus"],
            "tags": {"Env": "Prod"},
        },
        cloud="AzureCloud",
        region="West Europe",
        networks=[VNET],
        resolvers=["10.0.0.4"],
        ttl=60,
        records="upsert-only",
        adopt=True,
        modes={"put": "apply", "delete": "off"},
    )
    assert parsed(hubs=[said]).hubs == (
        Hub(
            name="west",
            zones=(ResourceId.parse(f"{ZONES}/{BLOB}"), ResourceId.parse(f"{ZONES}/{FILE}")),
            serves=Serves(
                subscriptions=frozenset({TEAM}),
                management_groups=frozenset({"corp"}),
                networks=frozenset({ResourceId.parse(VNET)}),
                regions=frozenset({"westeurope", "eastus"}),
                tags=(("env", "Prod"),),
            ),
            region="westeurope",
            networks=frozenset({ResourceId.parse(VNET)}),
            resolvers=("10.0.0.4",),
            ttl=60,
            modes=(("put", Mode.APPLY), ("delete", Mode.OFF)),
            upsert_only=True,
            adopt=True,
        ),
    )


def test_a_hub_that_says_little_means_little() -> None:
    assert parsed(hubs=[hub()]).hubs == (Hub(name="west", zones=Scope.parse(GROUP), serves=Serves(all=True)),)


@pytest.mark.parametrize(
    ("whole", "own", "upserts", "adopts"),
    [
        ({}, {}, False, False),
        ({"records": "upsert-only", "adopt": True}, {}, True, True),
        ({"records": "upsert-only", "adopt": True}, {"records": "sync", "adopt": False}, False, False),
        ({"records": "sync"}, {"records": "upsert-only", "adopt": True}, True, True),
    ],
)
def test_a_hubs_own_word_goes_before_the_policys(whole: Any, own: Any, upserts: bool, adopts: bool) -> None:
    found = parsed(**whole, hubs=[hub(**own)])
    assert (found.hubs[0].upsert_only, found.hubs[0].adopt) == (upserts, adopts)
    assert found.only_upserts(ResourceId.parse(f"{ZONES}/{BLOB}")) is upserts
    elsewhere = ResourceId.parse(f"{ZONES}/{BLOB}".replace("/dns/", "/former/"))
    assert found.only_upserts(elsewhere) is (whole.get("records") == "upsert-only")


def test_times_to_live_come_from_the_zone_then_the_hub_then_the_policy() -> None:
    found = parsed(ttl=20, ttls={f"{BLOB.upper()}.": 60}, hubs=[hub(ttl=30), hub("b", f"{GROUP}-b")])
    zones = (f"{ZONES}/{BLOB}", f"{ZONES}/{FILE}", f"{ZONES}/{FILE}".replace("/dns/", "/dns-b/"))
    assert [found.ttl_of(ResourceId.parse(zone)) for zone in zones] == [60, 30, 20]
    assert parsed(hubs=[hub()]).ttl_of(ResourceId.parse(zones[0])) == 10


def test_names_of_services_are_read_by_id_and_by_alias() -> None:
    found = parsed(names=[named(ALIAS.upper(), CLICK.upper(), ["*", "@", "DB.x"], ttl=300), named(PLS)])
    assert found.service_names == (
        ServiceNames(service=ALIAS, zone=CLICK, records=("*", "@", "db.x"), ttl=300),
        ServiceNames(service=ResourceId.parse(PLS), zone=CLICK, records=("*",)),
    )


def test_owners_of_names_are_endpoints_or_targets() -> None:
    found = parsed(
        owners=[
            {"names": ["API.monitor.azure.com.", "*.a.b"], "endpoint": str(ENDPOINT)},
            {"names": ["web.azuresynapse.net"], "target": str(TARGET)},
        ]
    )
    assert found.owners == (
        NameOwner(names=frozenset({"api.monitor.azure.com", "*.a.b"}), endpoint=ENDPOINT),
        NameOwner(names=frozenset({"web.azuresynapse.net"}), target=TARGET),
    )


def test_caps_on_deletions_have_defaults_and_may_be_none_at_all() -> None:
    assert parsed().caps == Caps(deletions_per_settle=50, deletions_per_sweep=100)
    found = parsed(caps={"deletions_per_settle": 0, "deletions_per_sweep": 7}).caps
    assert (found.deletions_per_settle, found.deletions_per_sweep, found.approvals_per_sweep) == (0, 7, 100)


def test_an_owner_that_no_hub_serves_is_no_mistake() -> None:
    """It may be served tomorrow, by another hub or by a management group."""
    narrow = hub(serves={"subscriptions": [DNS]})
    assert parsed(hubs=[narrow], owners=[{"names": ["a.b.c"], "endpoint": str(ENDPOINT)}]).owners
    assert parsed(owners=[{"names": ["a.b.c"], "endpoint": str(ENDPOINT)}]).owners


def test_services_that_share_a_name_are_an_ordinary_contest_and_no_mistake() -> None:
    assert len(parsed(names=[named(), named(PLS)]).service_names) == 2
    assert len(parsed(names=[named(records=["a", "b"]), named(records=["c"]), named(zone="x.y")]).service_names) == 3


# --- clouds -------------------------------------------------------------------------------------------------

CLOUDS = ("AzureCloud", "AzureUSGovernment", "AzureChinaCloud")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_installation_leaves_hubs_of_other_clouds_alone(cloud: str) -> None:
    hubs = [hub(one, f"{GROUP}-{n}", cloud=one) for n, one in enumerate(CLOUDS)] + [hub("any", f"{GROUP}-any")]
    assert [one.name for one in parsed(cloud, hubs=hubs).hubs] == [cloud, "any"]
    assert [one.name for one in parsed(hubs=hubs).hubs] == [*CLOUDS, "any"]


def test_a_hub_of_another_cloud_does_not_serve_what_only_it_would_serve() -> None:
    china = hub("cn", cloud="AzureChinaCloud")
    assert not parsed("AzureCloud", hubs=[china]).may_serve(ENDPOINT)
    assert parsed("AzureChinaCloud", hubs=[china]).may_serve(ENDPOINT)


def test_two_hubs_may_not_share_zones_even_in_different_clouds() -> None:
    """An id exists in one cloud: one of the two is a slip, and nobody knows which."""
    both = [hub(cloud="AzureCloud"), hub("cn", cloud="AzureChinaCloud")]
    assert mistakes(hubs=both) == {"hubs[1].zones": "another hub has the same resource group (west)"}


def test_an_unknown_cloud_is_a_mistake() -> None:
    assert "AzureCloud" in mistakes(hubs=[hub(cloud="azurecloud")])["hubs[0].cloud"]


# --- every mistake with its place -----------------------------------------------------------------------------

FILE_OF_MISTAKES = f"""\
version: 1
owner: contoso-hub
ttls:
  {BLOB}: 60
  {BLOB.upper()}.: 70
hubs:
  - name: west
    zones: {GROUP}
    serves: {{all: true}}
  - name: WEST
    zones: {GROUP.upper().replace("SUBSCRIPTIONS", "subscriptions").replace("RESOURCEGROUPS", "resourceGroups")}/
    serves: {{all: true}}
  - name: exact
    zones:
      - {ZONES}/{BLOB}
      - {ZONES.replace("/dns/", "/other/")}/{FILE}
      - {ZONES.replace("/dns/", "/third/")}/{FILE.upper()}
    serves: {{all: true}}
  - name: again
    zones:
      - {ZONES.replace("/dns/", "/other/")}/{FILE}
    serves: {{all: true}}
names:
  - service: {ALIAS}
    zone: {CLICK}
    records: ["*", db]
  - service: {ALIAS.upper()}
    zone: {CLICK.upper()}.
    records:
      - other
      - DB
owners:
  - names: [api.monitor.azure.com]
    endpoint: {ENDPOINT}
  - names:
      - web.azuresynapse.net
      - API.Monitor.azure.com.
    target: {TARGET}
"""


def test_every_mistake_between_entries_is_told_at_once_with_its_line_and_path() -> None:
    with pytest.raises(policyfile.BadPolicy) as wrong:
        policyfile.parse(FILE_OF_MISTAKES.encode())
    assert wrong.value.mistakes == [
        (5, f"ttls.{BLOB.upper()}.", "is given twice: upper and lower case mean the same here"),
        (10, "hubs[1].name", "'WEST' is used twice"),
        (11, "hubs[1].zones", "another hub has the same resource group (west)"),
        (15, "hubs[2].zones[0]", "lies in the resource group of hub WEST"),
        (17, "hubs[2].zones[2]", "the hub has a zone of that name already"),
        (21, "hubs[3].zones[0]", "belongs to another hub already: exact"),
        (31, "names[1].records[1]", "is given to this service in this zone already"),
        (37, "owners[1].names[1]", "has an owner already: only one can hold it"),
    ]


@pytest.mark.parametrize("pair", [("api.monitor.azure.com", "api.privatelink.monitor.azure.com")])
def test_a_public_name_and_its_record_are_one_name_with_one_owner(pair: tuple[str, str]) -> None:
    for one, other in (pair, pair[::-1]):
        found = mistakes(
            owners=[{"names": [one], "endpoint": str(ENDPOINT)}, {"names": ["x.y", other], "target": str(TARGET)}]
        )
        assert found == {"owners[1].names[1]": "has an owner already: only one can hold it"}
    assert parsed(owners=[{"names": list(pair), "endpoint": str(ENDPOINT)}]).owners
    assert mistakes(owners=[{"names": ["x.y", "X.Y."], "endpoint": str(ENDPOINT)}]).keys() == {"owners[0].names[1]"}


def test_a_trailing_dot_or_slash_hides_no_repetition() -> None:
    for first, second in (
        (named(zone="a.b"), named(zone="A.b.")),
        (named(PLS), named(f"{PLS}/")),
        (named(PLS), named(PLS.upper().replace("PROVIDERS", "providers"))),
        (named(records=["x"]), named(records=["y", "X"])),
    ):
        (what,) = mistakes(names=[first, second]).values()
        assert what == "is given to this service in this zone already"


def test_what_has_no_room_in_dns_is_told_although_each_part_is_fine() -> None:
    zone, record = ".".join(["a" * 60] * 3), "b" * 60
    assert parsed(names=[named(zone=zone, records=[record])])
    long = ".".join([record, "c" * 12])
    assert mistakes(names=[named(zone=zone, records=["@", long])]) == {
        "names[0].records[1]": "is too long in that zone: DNS has room for 253 characters"
    }


def test_a_zone_that_is_too_long_by_itself_is_told_once_and_not_again_at_its_records() -> None:
    long = ".".join(["a" * 60] * 5)
    assert mistakes(names=[named(zone=long, records=["*", "x"])]).keys() == {"names[0].zone"}
    assert mistakes(names=[named(records=[long])]).keys() == {"names[0].records[0]"}


# --- hostile values ---------------------------------------------------------------------------------------------

HOSTILE = (
    *("", " ", ".", "..", "a..b", ".a.b", "a.b..", "-a.b", "a-.b", f"{'a' * 64}.b", ".".join(["a" * 60] * 5)),
    *(
        "a.b\r\nX-Evil: 1",
        "a.b\n",
        "a/b.c",
        "a.b/../c",
        "a b.c",
        "a%2e.b",
        "a.b?x",
        "a.b#",
        "a\x00.b",
        "a.*.b",
        "a.b.*",
    ),
    *("\u212aube.b", "ｂlob.b", "bl\u043eb.b", "münchen.de", "10.0.0.4", "fd00::4", "10.0.0.0/24", "'; drop", "$(x).b"),
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_hostile_text_is_a_zone_or_an_owned_name(text: str) -> None:
    found = mistakes(
        names=[named(zone=text)],
        ttls={text: 60},
        owners=[{"names": [text], "endpoint": str(ENDPOINT)}],
        hubs=[hub(zones=[f"{ZONES}/{text}/x"])],
    )
    told = {path.partition("[")[0].partition(".")[0] for path in found}
    assert told == {"names", "ttls", "owners", "hubs"}
    assert {path for path in found if path.startswith("names")} == {"names[0].zone"}
    assert all("\r" not in what and "\n" not in what for what in found.values())


@pytest.mark.parametrize("text", [one for one in HOSTILE if one not in ("10.0.0.4",)] + ["**", "*a", "@.x", "a.@"])
def test_no_hostile_text_is_a_record(text: str) -> None:
    found = mistakes(names=[named(records=["fine", text])])
    assert set(found) == {"names[0].records[1]"}


def test_digits_alone_are_a_record_but_no_zone() -> None:
    """Left of a zone they are labels like others."""
    assert parsed(names=[named(records=["10.0.0.4", "7"])]).service_names[0].records == ("10.0.0.4", "7")
    assert "an address" in mistakes(names=[named(zone="10.0.0.4")])["names[0].zone"]


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("*.a.b", "'*' can only be a record in one"),
        ("internal", "two labels or more"),
        (7, "text is needed"),
        (True, "text is needed"),
        (["a.b"], "text is needed"),
    ],
)
def test_what_azure_takes_for_no_private_zone_is_refused(zone: Any, said: str) -> None:
    assert said in mistakes(names=[named(zone=zone)])["names[0].zone"]


@pytest.mark.parametrize(
    "service",
    [
        *(
            "click",
            "a.b",
            "",
            "a..b..c",
            "a b.c.d",
            "a.b.c/..",
            "a.b.c\r\n",
            "*.b.c.d",
            "a.b.\u212a.d",
            "https://a.b.c",
        ),
        *(str(TARGET), str(ENDPOINT), f"{PLS}/../x", f"{PLS}/x", PLS.replace(STRANGER, "*"), PLS[1:], f"//{PLS}"),
    ],
)
def test_a_service_is_an_id_of_its_type_or_an_alias_and_nothing_else(service: str) -> None:
    assert set(mistakes(names=[named(service)])) == {"names[0].service"}


@pytest.mark.parametrize(
    "text",
    [
        *("dns.contoso.com", "localhost", "", "10.0.0", "10.0.0.256", "10.0.0.4:0", "10.0.0.4:65536", "10.0.0.4 "),
        *("::1:53x", "10.0.0.4\r\n", "http://10.0.0.4", "10.0.0.4/32", "0x0a.0.0.4", "fd00::4", "[fd00::4"),
        *("１0.0.0.4", 10),
    ],
)
def test_a_resolver_is_an_address_and_never_a_name(text: Any) -> None:
    assert set(mistakes(hubs=[hub(resolvers=["10.0.0.4", text])])) == {"hubs[0].resolvers[1]"}


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"zones": f"/subscriptions/{DNS}"}, "zones"),
        ({"zones": f"{ZONES}/{BLOB}"}, "zones"),
        ({"zones": "/subscriptions/*/resourceGroups/dns"}, "zones"),
        ({"zones": f"{GROUP}/.."}, "zones"),
        ({"zones": [VNET]}, "zones"),
        ({"zones": []}, "zones"),
        ({"zones": 7}, "zones"),
        ({"region": "west/europe"}, "region"),
        ({"region": ""}, "region"),
        ({"networks": [GROUP]}, "networks[0]"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": 2**31}, "ttl"),
        ({"ttl": "60"}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"records": "off"}, "records"),
        ({"adopt": "yes"}, "adopt"),
        ({"modes": {"put": "on"}}, "modes.put"),
        ({"serves": {}}, "serves"),
        ({"serves": {"regions": ["westeurope"]}}, "serves"),
        ({"serves": {"tags": {"env": "prod"}}}, "serves"),
        ({"serves": {"all": True, "networks": [VNET]}}, "serves"),
        ({"serves": {"subscriptions": ["*"]}}, "serves.subscriptions[0]"),
        ({"serves": {"management_groups": ["Contoso Corp"]}}, "serves.management_groups[0]"),
        ({"serves": {"networks": [f"{VNET}/subnets/a"]}}, "serves.networks[0]"),
        ({"serve": {"all": True}}, "serve"),
    ],
)
def test_a_mistake_in_a_hub_is_told_at_its_key(more: Any, place: str) -> None:
    assert set(mistakes(hubs=[hub(**more)])) == {f"hubs[0].{place}"}


KEYS = (
    *("hubs", "names", "owners", "ttls", "name", "zones", "serves", "service", "zone", "records", "names", "endpoint"),
    *("target", "all", "subscriptions", "networks", "resolvers", "version", "owner", "caps"),
)


@examples(300)
@given(st.dictionaries(st.sampled_from(("hubs", "names", "owners", "ttls", "caps")), json_with(KEYS), min_size=1))
def test_a_file_of_any_shape_is_a_policy_or_a_list_of_mistakes(keys: Any) -> None:
    text = json.dumps({"version": 1, "owner": "x", **keys}).encode()
    told: list[tuple[int, str, str]] = [(1, "whole file", "is a policy")]
    try:
        policyfile.parse(text)
    except policyfile.BadPolicy as wrong:
        told = list(wrong.mistakes)
    assert told
    assert all(line >= 1 and path and what for line, path, what in told)
