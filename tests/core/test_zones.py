"""From a public name to the zone and record its CNAME points into: reference/dns-records.md section 2, as a table."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ids import ResourceId
from shared.core.zones import CLOUDS, NotAHostName, ZoneRecord, host_name, legacy, locate

from .build import GUID, examples

ML = f"{GUID}.workspace.eastus"
COMMERCIAL = [
    ("acct1.blob.core.windows.net", "privatelink.blob.core.windows.net", "acct1"),
    ("acct-westus.documents.azure.com", "privatelink.documents.azure.com", "acct-westus"),
    ("reg.azurecr.io", "privatelink.azurecr.io", "reg"),
    ("reg.westus.data.azurecr.io", "privatelink.azurecr.io", "reg.westus.data"),
    ("app.scm.azurewebsites.net", "privatelink.azurewebsites.net", "app.scm"),
    ("app-abc123.eastus2-01.azurewebsites.net", "privatelink.azurewebsites.net", "app-abc123.eastus2-01"),
    ("app-abc123.scm.eastus2-01.azurewebsites.net", "privatelink.azurewebsites.net", "app-abc123.scm.eastus2-01"),
    ("name.vault.azure.net", "privatelink.vaultcore.azure.net", "name"),
    ("srv.database.windows.net", "privatelink.database.windows.net", "srv"),
    ("mi.d1e2f3.database.windows.net", "privatelink.d1e2f3.database.windows.net", "mi"),
    ("kc.eastus.kusto.windows.net", "privatelink.eastus.kusto.windows.net", "kc"),
    ("ingest-kc.eastus.kusto.windows.net", "privatelink.eastus.kusto.windows.net", "ingest-kc"),
    ("fac.eastus.datafactory.azure.net", "privatelink.datafactory.azure.net", "fac.eastus"),
    ("acct.eastus.batch.azure.com", "privatelink.batch.azure.com", "acct.eastus"),
    ("name.eastus.afs.azure.net", "privatelink.afs.azure.net", "name.eastus"),
    (f"{ML}.api.azureml.ms", "privatelink.api.azureml.ms", ML),
    (f"{ML}.cert.api.azureml.ms", "privatelink.api.azureml.ms", f"{ML}.cert"),
    (
        f"ml-ws-eastus-{GUID}.eastus.notebooks.azure.net",
        "privatelink.notebooks.azure.net",
        f"ml-ws-eastus-{GUID}.eastus",
    ),
    ("api.monitor.azure.com", "privatelink.monitor.azure.com", "api"),
    ("global.in.ai.monitor.azure.com", "privatelink.monitor.azure.com", "global.in.ai"),
    ("wsid.agentsvc.azure-automation.net", "privatelink.agentsvc.azure-automation.net", "wsid"),
    (f"{GUID}.agentsvc.uks.azure-automation.net", "privatelink.azure-automation.net", f"{GUID}.agentsvc.uks"),
    ("scadvisorcontentpl.blob.core.windows.net", "privatelink.blob.core.windows.net", "scadvisorcontentpl"),
    ("ws.eastus.prometheus.monitor.azure.com", "privatelink.eastus.prometheus.monitor.azure.com", "ws"),
    ("adb-123.4.azuredatabricks.net", "privatelink.azuredatabricks.net", "adb-123.4"),
    ("westus.pl-auth.azuredatabricks.net", "privatelink.azuredatabricks.net", "westus.pl-auth"),
    ("site.3.azurestaticapps.net", "privatelink.3.azurestaticapps.net", "site"),
    ("site.azurestaticapps.net", "privatelink.azurestaticapps.net", "site"),
    ("acct.z13.web.core.windows.net", "privatelink.web.core.windows.net", "acct.z13"),
    ("ns.eastus-1.ts.eventgrid.azure.net", "privatelink.ts.eventgrid.azure.net", "ns.eastus-1"),
    ("ws-f.fhir.azurehealthcareapis.com", "privatelink.azurehealthcareapis.com", "ws-f.fhir"),
    ("adf.azure.com", "privatelink.adf.azure.com", "@"),
    ("acct1.privatelink.blob.core.windows.net", "privatelink.blob.core.windows.net", "acct1"),
    ("host.eastus.privatelink.azure.clickhouse.cloud", "privatelink.azure.clickhouse.cloud", "host.eastus"),
    ("ACCT1.Blob.Core.Windows.Net.", "privatelink.blob.core.windows.net", "acct1"),
]
SOVEREIGN = [
    ("AzureUSGovernment", "acct1.blob.core.usgovcloudapi.net", "privatelink.blob.core.usgovcloudapi.net", "acct1"),
    ("AzureUSGovernment", "name.vault.usgovcloudapi.net", "privatelink.vaultcore.usgovcloudapi.net", "name"),
    ("AzureUSGovernment", "srv.database.usgovcloudapi.net", "privatelink.database.usgovcloudapi.net", "srv"),
    ("AzureUSGovernment", "acct.documents.azure.us", "privatelink.documents.azure.us", "acct"),
    ("AzureUSGovernment", "app.scm.azurewebsites.us", "privatelink.azurewebsites.us", "app.scm"),
    ("AzureUSGovernment", f"{ML}.api.ml.azure.us", "privatelink.api.ml.azure.us", ML),
    ("AzureChinaCloud", "acct1.blob.core.chinacloudapi.cn", "privatelink.blob.core.chinacloudapi.cn", "acct1"),
    ("AzureChinaCloud", "name.vault.azure.cn", "privatelink.vaultcore.azure.cn", "name"),
    ("AzureChinaCloud", "kc.chinaeast2.kusto.windows.cn", "privatelink.chinaeast2.kusto.windows.cn", "kc"),
    ("AzureChinaCloud", "acct.documents.azure.cn", "privatelink.documents.azure.cn", "acct"),
    ("AzureChinaCloud", "hub.service.signalr.azure.cn", "privatelink.signalr.azure.cn", "hub"),
    ("AzureChinaCloud", "app.chinacloudsites.cn", "privatelink.chinacloudsites.cn", "app"),
]


@pytest.mark.parametrize(("fqdn", "zone", "record"), COMMERCIAL)
def test_a_name_of_the_commercial_cloud_is_filed_where_its_cname_points(fqdn: str, zone: str, record: str) -> None:
    assert locate(fqdn) == ZoneRecord(zone, record)


@pytest.mark.parametrize(("cloud", "fqdn", "zone", "record"), SOVEREIGN)
def test_a_name_of_another_cloud_is_filed_by_that_clouds_rules(cloud: str, fqdn: str, zone: str, record: str) -> None:
    assert locate(fqdn, cloud=cloud) == ZoneRecord(zone, record)


@pytest.mark.parametrize(("cloud", "fqdn"), [row[:2] for row in SOVEREIGN])
def test_the_rules_of_one_cloud_are_not_those_of_another(cloud: str, fqdn: str) -> None:
    assert {locate(fqdn, cloud=other) for other in CLOUDS if other != cloud} == {None}


@pytest.mark.parametrize(
    "fqdn",
    [
        *("example.com", "db.contoso.internal", "blob.core.windows.net", "evilblob.core.windows.net"),
        *("acct1.blob.core.windows.net.example.com", "acct1.blob.core.windows.org"),
        *("vault.azure.net", "a.b.vault.azure.net", "x.azure.com", "windows.net", "localhost"),
    ],
)
def test_a_name_that_no_rule_knows_is_reported_and_never_guessed(fqdn: str) -> None:
    assert locate(fqdn) is None


def test_a_name_that_azure_manages_itself_is_left_to_azure() -> None:
    api = "aks-1.8d2f.privatelink.westeurope.azmk8s.io"
    assert locate(api, resource_type="microsoft.containerservice/MANAGEDCLUSTERS") is None
    assert locate(api) == ZoneRecord("privatelink.westeurope.azmk8s.io", "aks-1.8d2f")


def test_the_group_chooses_between_two_zones_of_one_suffix() -> None:
    fqdn = "ws.wvd.microsoft.com"
    assert locate(fqdn, group="GLOBAL") == ZoneRecord("privatelink-global.wvd.microsoft.com", "ws")
    assert locate(fqdn, group="connection") == ZoneRecord("privatelink.wvd.microsoft.com", "ws")


# --- machine learning: the record needs a GUID that only another name of the endpoint shows ----------


@pytest.mark.parametrize(
    ("cloud", "suffix", "inference"),
    [
        ("AzureCloud", "api.azureml.ms", "inference.ml.azure.com"),
        ("AzureUSGovernment", "api.ml.azure.us", "inference.ml.azure.us"),
        ("AzureChinaCloud", "api.ml.azure.cn", "inference.ml.azure.cn"),
    ],
)
@pytest.mark.parametrize("endpoint", ["*", "scoring-1"])
def test_an_inference_name_takes_the_guid_of_its_sibling(
    cloud: str, suffix: str, inference: str, endpoint: str
) -> None:
    siblings = ["ml-ws.eastus.notebooks.azure.net", f"{ML.upper()}.{suffix}."]
    found = locate(f"{endpoint}.eastus.{inference}", cloud=cloud, siblings=siblings)
    assert found == ZoneRecord(f"privatelink.{suffix}", f"{endpoint}.{GUID}.inference.eastus")


@pytest.mark.parametrize(
    "sibling",
    [
        f"{GUID}.workspace.westus.api.azureml.ms",
        f"{GUID}.workspace.eastus.cert.api.azureml.ms",
        "not-a-guid.workspace.eastus.api.azureml.ms",
        f"{GUID}.workspace.eastus.api.azureml.ms.example.com",
    ],
)
def test_an_inference_name_without_its_sibling_is_not_guessed(sibling: str) -> None:
    assert locate("*.eastus.inference.ml.azure.com", siblings=[sibling]) is None
    assert locate("*.eastus.inference.ml.azure.com") is None


# --- what is no host name ----------------------------------------------------------------------------

EMPTY = ["", ".", "..", "a..b", ".a.b", "a.b..", "a.b...", "a. .b"]
SHAPES = ["-a.b", "a-.b", f"{'a' * 64}.b", "*", "a.*.b", "a*.b", "*a.b", "**.b", ".".join(["a" * 49] * 5) + ".abcd"]
SIGNS = ["a b.c", "a/b.c", "a.b?x", "a#b.c", "%2f.b", "../a.b", "{r}.b", "'a'.b", "a:1.b", "a@b.c", "a.b\\c"]
CONTROL = ["a.b\r\n", "a.b\n", "a\r\nx.b", "a\0.b", "a.b\t", "\x1b[31m.b", "a.b\u2028"]
ALPHABETS = ["ümlaut.b", "\u212a.b", "a\u3002b", "\uff41.b", "a\uff0eb.c", "a.\u0661", "\udcff.b", "а.windows.net"]
ADDRESSES = ["10.0.0.4", "10.0.0.4.", "1.2", "0x7f.1", "::1", "[::1]", "acct1.blob.core.windows.123", "7"]


@pytest.mark.parametrize("text", [None, 7, b"a.b", *EMPTY, *SHAPES, *SIGNS, *CONTROL, *ALPHABETS, *ADDRESSES])
def test_this_is_no_host_name(text: object) -> None:
    with pytest.raises(NotAHostName) as refused:
        host_name(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["xn--mnchen-3ya.b", "a.xn--p1ai", "_dmarc.b", "1.a", "*.b", "a.1b", "a" * 63 + ".b"])
def test_this_is_a_host_name(name: str) -> None:
    assert host_name(name) == name


def test_a_name_of_253_characters_is_the_longest_and_a_label_of_63() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert (len(longest), host_name(longest)) == (253, longest)
    with pytest.raises(NotAHostName):
        host_name(longest + "d")


def test_a_name_whose_record_dns_has_no_room_for_is_not_filed() -> None:
    """The private zone is longer than the public suffix."""
    labels = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 31])
    assert len(f"{labels}.blob.core.windows.net") == 245
    assert locate(f"{labels}.blob.core.windows.net") is None


def test_a_hostile_name_is_refused_before_any_rule_is_asked() -> None:
    with pytest.raises(NotAHostName):
        locate("x/../../A/victim.blob.core.windows.net")


labels = st.text("ab-_1*.\u212aK/?\r", min_size=0, max_size=5) | st.sampled_from(
    ["privatelink", "privatelink-global", "eastus", "scm", GUID, "*", "3", "a" * 63, "a" * 64, "\uff41", "xn--a", "%2f"]
)
suffixes = st.sampled_from(
    [row[0].lower().strip(".").partition(".")[2] for row in COMMERCIAL]
    + [row[1].partition(".")[2] for row in SOVEREIGN]
    + ["x", "privatelink.x", "wvd.microsoft.com", "azurecontainerapps.io", "0", "a" * 63 + ".database.windows.net"]
)
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
IN_A_GROUP = f"/subscriptions/{GUID}/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones"


@examples(400)
@given(
    st.lists(labels, max_size=5),
    suffixes,
    st.sampled_from(CLOUDS),
    st.lists(labels, max_size=2),
    st.text(max_size=9),
    st.sampled_from(["", "global", "feed"]),
)
def test_whatever_comes_out_is_a_legal_zone_and_record_or_nothing(
    head: list[str], suffix: str, cloud: str, siblings: list[str], region: str, group: str
) -> None:
    fqdn = ".".join([*head, suffix])
    others = [f"{sibling}.workspace.eastus.api.azureml.ms" for sibling in siblings]
    try:
        places = [
            locate(fqdn, cloud=cloud, siblings=others, region=region, group=group),
            legacy(fqdn, cloud=cloud, group=group),
        ]
    except NotAHostName:
        return
    for found in filter(None, places):
        assert "privatelink" in found.zone
        zone, record = found.zone.split("."), found.record.split(".")
        assert all(LABEL.fullmatch(label) for label in (*zone, *record[1:]))
        assert LABEL.fullmatch(record[0]) or found.record == "@" or record[0] == "*"
        assert len(found.zone if found.record == "@" else f"{found.record}.{found.zone}") <= 253
        parsed = ResourceId.parse(f"{IN_A_GROUP}/{found.zone}/A/{found.record}")
        assert parsed.path == (("privateDnsZones", found.zone), ("A", found.record))


@examples(200)
@given(st.text(max_size=60) | st.text("ab.-*_1\r\n\0/%\u212a", max_size=300))
def test_any_text_is_a_canonical_host_name_or_is_refused(text: str) -> None:
    try:
        name = host_name(text)
    except NotAHostName as wrong:
        reason = str(wrong)
    else:
        reason = ""
        assert (name.lower(), name.isascii(), host_name(name)) == (name, True, name)
        assert not name.rpartition(".")[2].isdigit()
    assert all(" " <= letter <= "~" for letter in reason)


@pytest.mark.parametrize("letter", ["a", "\0", "\U0001f600"])
def test_the_reason_repeats_only_a_stub(letter: str) -> None:
    with pytest.raises(NotAHostName) as refused:
        host_name(letter * 200)
    assert ascii(letter * 30) in str(refused.value)
