"""Every row of the published zone tables, in every cloud it has, as examples; no rule without an example.

tests/core/zone_cases.json holds them: expected zones and records come from the reference's documentation columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from shared.__main__ import cli
from shared.core import zones
from shared.core.ids import ResourceId, fold
from shared.core.zones import CLOUDS, ZoneRecord, legacy, locate

from .build import DNS, GUID

DATA = json.loads(Path(__file__).with_name("zone_cases.json").read_text())
RULES = json.loads(Path(zones.__file__).with_name("zones.json").read_text())["rules"]
WORKSPACES = [
    f"{GUID}.workspace.eastus.api.azureml.ms",
    f"{GUID}.workspace.usgovvirginia.api.ml.azure.us",
    f"{GUID}.workspace.chinaeast2.api.ml.azure.cn",
]


class Case(NamedTuple):
    type: str
    group: str
    cloud: str
    fqdn: str
    zone: str | None
    record: str | None

    @property
    def expected(self) -> ZoneRecord | None:
        return ZoneRecord(self.zone, self.record) if self.zone and self.record else None

    def locate(self, fqdn: str = "", **changed: Any) -> ZoneRecord | None:
        facts = {"cloud": self.cloud, "resource_type": self.type, "group": self.group, "siblings": WORKSPACES}
        return locate(fqdn or self.fqdn, **{**facts, **changed})


CASES = [Case(*row) for row in DATA["cases"]]
MAPPED = [case for case in CASES if case.expected]
BATCH = "Microsoft.Batch/batchAccounts"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.cloud}-{case.group}-{case.fqdn}")
def test_the_published_tables_say_where_this_name_lies(case: Case) -> None:
    assert case.locate() == case.expected


def test_every_row_is_proven_in_each_of_its_clouds_or_excepted_with_a_reason() -> None:
    proven = {(case.type, case.group, case.cloud) for case in MAPPED}
    excepted = {(kind, group) for kind, group, reason in DATA["excepted"] if reason}
    rows = DATA["rows"]
    missing = [
        (kind, group, cloud)
        for kind, group, _, clouds in rows
        for cloud in clouds
        if (kind, group) not in excepted and (kind, group, cloud) not in proven
    ]
    assert missing == []
    assert (len(rows), sum(len(clouds) for *_, clouds in rows)) == (104, 103 + 64 + 46)


def test_two_variants_of_one_group_are_both_proven() -> None:
    variants = [(kind, group) for kind, group, variant, _ in DATA["rows"] if variant]
    assert len(variants) == 2
    found = {case.zone for case in MAPPED if (case.type, case.group) in variants}
    assert found == {"privatelink.redis.azure.net", "privatelink.redisenterprise.cache.azure.net"}


def hit(case: Case) -> dict[str, Any] | None:
    """The first rule that speaks for a name, read from the table by hand."""
    for rule in RULES:
        if rule["cloud"] not in ("*", case.cloud) or not re.fullmatch(rule["fqdn"], case.fqdn, re.ASCII):
            continue
        if fold(rule.get("type", case.type)) == fold(case.type) and fold(rule.get("group", case.group)) == fold(
            case.group
        ):
            return rule
    return None


def test_no_rule_is_dead() -> None:
    spoke = [hit(case) for case in CASES]
    assert [rule["fqdn"] for rule in RULES if rule not in spoke] == []


def test_every_rule_of_a_kind_has_its_keys_and_nothing_else() -> None:
    known = {"cloud", "fqdn", "zone", "record", "basis", "group", "type", "sibling", "region", "legacy"}
    assert {key for rule in RULES for key in rule} == known
    assert {rule["cloud"] for rule in RULES} == {"*", *CLOUDS}
    assert all((rule["zone"] is None) == (rule["record"] is None) for rule in RULES)


@pytest.mark.parametrize("region", ["antarctica", "East US", "../x", "global"])
def test_the_region_that_somebody_names_never_moves_a_name_that_has_a_place(region: str) -> None:
    assert [case for case in MAPPED if case.locate(region=region) != case.expected] == []


def test_case_and_one_last_dot_change_nothing() -> None:
    def shouted(case: Case) -> ZoneRecord | None:
        return case.locate(
            case.fqdn.upper() + ".", resource_type=case.type.upper(), group=case.group.upper(), cloud=case.cloud.lower()
        )

    assert [case for case in CASES if shouted(case) != case.expected] == []


def test_what_comes_out_can_be_written_as_a_record() -> None:
    for case in MAPPED:
        path = f"/subscriptions/{DNS}/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones/{case.zone}"
        found = ResourceId.parse(f"{path}/A/{case.record}")
        assert (found.parent, found.name) == (ResourceId.parse(path), case.record)


def test_a_cloud_that_nobody_knows_has_no_zones() -> None:
    assert {case.locate(cloud="AzureMars") for case in CASES} == {None}


def test_the_order_of_other_names_does_not_decide_which_workspace_is_meant() -> None:
    """A hub shows its projects' names too: with two GUIDs nobody can tell."""
    other = "22222222-0000-4000-8000-000000000000.workspace.eastus.api.azureml.ms"
    inference = "*.eastus.inference.ml.azure.com"
    assert locate(inference, siblings=[*WORKSPACES, other]) is None
    assert locate(inference, siblings=[other, *WORKSPACES]) is None
    assert locate(inference, siblings=[*WORKSPACES, *WORKSPACES]) is not None


# --- the target's region, where the name shows none --------------------------------------------------


@pytest.mark.parametrize("region", ["westeurope", "West Europe"])
def test_a_container_apps_name_without_a_region_takes_the_targets(region: str) -> None:
    found = ZoneRecord("privatelink.westeurope.azurecontainerapps.io", "env-1")
    assert locate("env-1.azurecontainerapps.io", region=region) == found


@pytest.mark.parametrize("region", ["", "global", "west.europe", "a/b", "é", "westeurope\n", "{r}", "x" * 64])
def test_without_a_region_that_could_be_one_it_is_unmapped(region: str) -> None:
    assert locate("env-1.azurecontainerapps.io", region=region) is None


@pytest.mark.parametrize(
    "fqdn", ["kc.kusto.windows.net", "vault-1.backup.windowsazure.com", "prometheus.monitor.azure.com"]
)
def test_a_region_that_must_come_from_the_name_is_never_taken_from_elsewhere(fqdn: str) -> None:
    assert locate(fqdn, region="eastus") is None


# --- older zones that win where they exist -----------------------------------------------------------


def test_a_batch_account_has_an_older_zone_of_its_region() -> None:
    assert legacy("ACCT.eastus.batch.azure.com.") == ZoneRecord("privatelink.eastus.batch.azure.com", "acct")
    assert locate("acct.eastus.batch.azure.com") == ZoneRecord("privatelink.batch.azure.com", "acct.eastus")


def test_nothing_else_has_an_older_zone() -> None:
    found = {case.fqdn for case in CASES if legacy(case.fqdn, cloud=case.cloud)}
    assert found == {"acct.eastus.batch.azure.com"}


@pytest.mark.parametrize(
    "fqdn",
    [
        "eastus.service.batch.azure.com",
        "acct.batch.azure.com",
        "*.eastus.batch.azure.com",
        "acct.privatelink.eastus.batch.azure.com",
        "x.example.com",
    ],
)
def test_this_name_has_no_older_zone(fqdn: str) -> None:
    assert legacy(fqdn) is None


def test_the_older_zone_is_refused_to_what_is_no_host_name() -> None:
    with pytest.raises(zones.NotAHostName):
        legacy("a/b.eastus.batch.azure.com")


# --- the command --------------------------------------------------------------------------------------


def answers(result: Any) -> Iterator[ZoneRecord | None]:
    for line in result.stdout.splitlines():
        row = json.loads(line)
        assert row.keys() == {"zone", "record"}
        yield ZoneRecord(**row) if row["zone"] else None


def test_the_command_answers_every_case_line_by_line() -> None:
    asked = [
        {"resourceType": c.type, "groupId": c.group, "cloud": c.cloud, "fqdn": c.fqdn, "siblingFqdns": WORKSPACES}
        for c in CASES
    ]
    result = CliRunner().invoke(cli, ["dns-name"], input="\n".join(json.dumps(one) for one in asked))
    assert list(answers(result)) == [case.expected for case in CASES]
    assert (result.exit_code, result.stderr) == (0, "")


GOOD = b'{"fqdn": "acct1.blob.core.windows.net", "region": null, "siblingFqdns": null}'


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        *((b"not json", 1), (b"[1]", 1), (b"{}", 1), (b'{"fqdn": null}', 1), (b"[" * 100_000, 1)),
        (b'{"fqdn": "a.b", "siblingFqdns": 5}', 1),
        (b'{"fqdn": "a/../b.blob.core.windows.net"}', 0),
        (b'{"fqdn": "\xff.blob.core.windows.net"}', 0),
    ],
)
def test_a_bad_line_is_named_and_hides_no_other(bad: bytes, code: int) -> None:
    result = CliRunner().invoke(cli, ["dns-name"], input=b"\n".join([b"\xef\xbb\xbf" + GOOD, b"", bad, GOOD]))
    place = ZoneRecord("privatelink.blob.core.windows.net", "acct1")
    assert list(answers(result)) == [place, None, place]
    assert result.exit_code == code
    assert re.fullmatch(r"line 3: \w+: .{1,120}", result.stderr.strip())


def test_the_command_uses_the_targets_region() -> None:
    line = json.dumps({"fqdn": "env-1.azurecontainerapps.io", "region": "westeurope"})
    (found,) = answers(CliRunner().invoke(cli, ["dns-name"], input=line))
    assert found == ZoneRecord("privatelink.westeurope.azurecontainerapps.io", "env-1")
