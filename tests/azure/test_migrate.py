"""`python -m shared migrate`: what it plans is what then happens, there and back; it changes nothing by itself."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from shared.commands import migrating
from shared.commands.frame import cli
from shared.migrate import migrate as look
from tests.azure.test_decide_command import here
from tests.world import BLOB, DATA, HUB, STRANGER, TEAM, World, rules

__all__ = ["here"]
DFS = "privatelink.dfs.core.windows.net"
TARGETS = f"targets: {{scopes: [/subscriptions/{DATA}]}}"
ALL = f"{{name: all, verdict: approve, requesters: {{subscriptions: [{TEAM}]}}, {TARGETS}}}"


def say(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["migrate", *words])
    return done.exit_code, done.stdout, done.stderr


def migrate(w: World, *words: str) -> tuple[int, dict[str, Any]]:
    """The command, which must not change anything."""
    w.azure.forget_calls()
    code, text, _ = say(*words, "--json")
    calls = w.calls()
    writes = {kind: calls[kind] for kind in calls if kind.endswith(("_writes", "_deletes"))}
    assert not any(writes.values()), writes
    return code, json.loads(text)


def only(w: World, *words: str) -> dict[str, Any]:
    code, body = migrate(w, *words)
    assert len(body["migrations"]) == 1, body
    found: dict[str, Any] = body["migrations"][0]
    assert code == (0 if found["state"] == "nothing to do" else 2)
    return found


def grouped(w: World, name: str = "pe1", zone: str = BLOB) -> str:
    """An endpoint whose records Azure keeps, as before anybody had heard of Linkkeeper."""
    w.zone()
    endpoint = w.asks(w.storage(), name, manual=False)
    w.zone_group(endpoint, zone)
    w.settle_all()
    return endpoint


def shell(w: World, command: str) -> None:
    """Carry out one command of a plan, as Azure CLI and the app would (reference/azure-cli.md)."""
    words = shlex.split(command)
    if words[:3] == ["python", "-m", "shared"]:
        assert CliRunner().invoke(cli, words[3:]).exit_code in (0, 2)
        return
    verb = words[1 : next(at for at, word in enumerate(words) if word.startswith("--"))]
    options = dict(zip(words[len(verb) + 1 :: 2], words[len(verb) + 2 :: 2], strict=True))
    place = f"/subscriptions/{options['--subscription']}/resourceGroups/{options['--resource-group']}/providers"
    if "record-set" in verb:
        path = f"{place}/Microsoft.Network/privateDnsZones/{options['--zone-name']}/A/{options['--name']}"
        assert w.arm("GET", path).status_code == 200
        return
    endpoint = f"{place}/Microsoft.Network/privateEndpoints/{options['--endpoint-name']}"
    path = f"{endpoint}/privateDnsZoneGroups/{options['--name']}"
    if "delete" in verb:
        w.removes(path)
        return
    configs = []
    if "add" in verb:
        configs = w.arm("GET", path).json()["properties"]["privateDnsZoneConfigs"]
    config = {"name": options["--zone-name"], "properties": {"privateDnsZoneId": options["--private-dns-zone"]}}
    answer = w.arm("PUT", path, {"properties": {"privateDnsZoneConfigs": [*configs, config]}})
    assert answer.status_code in (200, 201), answer.text


def do(w: World, plan: dict[str, Any], *steps: str) -> None:
    for step in plan["steps"]:
        if not steps or step["do"] in steps:
            for command in step["commands"]:
                shell(w, command)


# --- there ----------------------------------------------------------------------------------------


def test_the_steps_of_a_plan_end_with_linkkeepers_record_and_the_stated_gap(here: World) -> None:
    endpoint = grouped(here)
    before = here.addresses()
    plan = only(here)
    assert (plan["endpoint"], plan["state"], plan["blockers"]) == (endpoint, "ready", [])
    assert [step["do"] for step in plan["steps"]] == ["find", "check", "delete", "settle", "verify"]
    name = plan["names"][0]
    assert (name["fqdn"], name["owner"]) == ("acct1.blob.core.windows.net", "its zone group")
    assert name["present"] == name["addresses"] == before
    do(here, plan, "check", "delete")
    assert not here.records(), "the gap begins"
    assert name["gap"]["atMostSeconds"] == 1800
    do(here, plan, "settle")
    assert here.addresses() == before, "the gap ends"
    assert here.record()["metadata"]["managedBy"] == "linkkeeper"
    do(here, plan, "verify")
    assert only(here)["state"] == "nothing to do"


def test_without_a_settle_by_hand_the_event_ends_the_gap_and_without_the_event_the_sweep(here: World) -> None:
    for arrives in (True, False):
        here.fresh()
        grouped(here)
        do(here, only(here), "delete")
        assert not here.records()
        if arrives:
            here.settle_all()
        else:
            here.azure.outbox.clear()
            here.clock.skip(seconds=1800)
            here.sweep()
        assert here.record()["metadata"]["managedBy"] == "linkkeeper"


def test_what_undoes_the_move_makes_the_same_group_again(here: World) -> None:
    endpoint = grouped(here)
    plan, before = only(here), here.records()
    path = f"{endpoint}/privateDnsZoneGroups/default"
    configs = here.arm("GET", path).json()["properties"]["privateDnsZoneConfigs"]
    do(here, plan)
    for command in plan["undo"]:
        shell(here, command)
    here.settle_all()
    again = here.arm("GET", path).json()["properties"]["privateDnsZoneConfigs"]
    assert [one["name"] for one in again] == [one["name"] for one in configs]
    assert {name: one["metadata"] for name, one in here.records().items()} == {
        name: one["metadata"] for name, one in before.items()
    }


def test_what_clients_get_meanwhile_is_what_the_links_of_the_zone_say(here: World) -> None:
    grouped(here)
    link = f"{here.zone_id()}/virtualNetworkLinks/one"
    found = []
    for policy in ("Default", "NxDomainRedirect"):
        properties = {"virtualNetwork": {"id": here.network()}, "resolutionPolicy": policy}
        here.arm("PUT", link, {"location": "global", "properties": properties})
        found.append(only(here)["names"][0]["gap"]["meanwhile"])
    assert found == ["nothing", "public"]


def test_an_endpoint_without_a_group_costs_no_dns_read(here: World) -> None:
    here.connected()
    code, body = migrate(here)
    assert (code, body["migrations"][0]["state"], body["reads"]) == (0, "nothing to do", {"dns": 0, "endpoints": 0})
    assert here.calls()["dns_reads"] == 0


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (rules(ALL, extra="modes: {put: plan}"), "hub hub: put is plan"),
        (rules(ALL).replace(f"serves: {{subscriptions: [{TEAM}", f"serves: {{subscriptions: [{STRANGER}"), "no hub of"),
        (
            rules()
            .replace("rules:\n", "")
            .replace(f"scope: {{subscriptions: [{DATA}", f"scope: {{subscriptions: [{STRANGER}"),
            "outside the",
        ),
    ],
    ids=["mode", "hub", "scope"],
)
def test_what_stands_in_the_way_is_named_and_there_are_no_steps(here: World, policy: str, text: str) -> None:
    endpoint = grouped(here)
    here.set_policy(policy)
    plan = only(here, "--endpoint", endpoint)
    assert (plan["state"], plan["steps"]) == ("blocked", [])
    assert text in "\n".join(plan["blockers"])


def test_a_group_that_writes_a_zone_elsewhere_is_blocked_and_both_zones_are_named(here: World) -> None:
    here.zone()
    elsewhere = here.zone(group="old-dns")
    endpoint = here.asks(here.storage(), manual=False)
    config = {"name": "one", "properties": {"privateDnsZoneId": elsewhere}}
    here.arm("PUT", f"{endpoint}/privateDnsZoneGroups/default", {"properties": {"privateDnsZoneConfigs": [config]}})
    here.settle_all()
    plan = only(here)
    text = "\n".join(plan["blockers"])
    assert plan["state"] == "blocked"
    assert elsewhere in text
    assert here.zone_id() in text


def test_a_record_that_somebody_else_wrote_over_the_groups_is_blocked(here: World) -> None:
    grouped(here)
    here.writes("acct1", "10.77.0.7", metadata={"creator": "another team"})
    plan = only(here)
    assert plan["state"] == "blocked"
    assert "'another team'" in "\n".join(plan["blockers"])
    assert plan["names"][0]["owner"] == "somebody else"


def test_another_endpoint_with_the_same_name_is_a_warning(here: World) -> None:
    here.connected("pe1")
    second = here.asks(here.storage_id(), "pe2", manual=False)
    here.zone_group(second)
    here.settle_all()
    _, body = migrate(here)
    plan = next(one for one in body["migrations"] if one["endpoint"] == second)
    assert f"also claimed by {here.endpoint_id('pe1')}" in "\n".join(plan["warnings"])


def test_a_group_that_writes_nothing_is_told(here: World) -> None:
    here.zone(DFS)
    plan_of = grouped(here, zone=DFS)
    plan = only(here, "--endpoint", plan_of)
    assert "the group writes nothing" in "\n".join(plan["warnings"])
    assert not any(name["gap"] for name in plan["names"])


# --- and back -------------------------------------------------------------------------------------


def test_the_way_back_ends_with_the_groups_record_and_without_any_gap(here: World) -> None:
    here.connected()
    before = here.addresses()
    plan = only(here, "--back")
    assert (plan["state"], plan["names"][0]["owner"], plan["names"][0]["gap"]) == ("ready", "Linkkeeper", None)
    for step in plan["steps"]:
        for command in step["commands"]:
            shell(here, command)
            assert here.addresses() == before, f"no gap after {command}"
    here.settle_all()
    here.sweep()
    assert here.record()["metadata"]["creator"].startswith("created by private endpoint pe1")
    assert here.addresses() == before
    assert only(here, "--back")["state"] == "nothing to do"
    assert only(here)["state"] == "ready", "and there again"


def test_an_endpoint_with_a_group_for_another_zone_cannot_get_a_second_one(here: World) -> None:
    here.zone(DFS)
    grouped(here, zone=DFS)
    plan = only(here, "--back")
    assert plan["state"] == "blocked"
    assert "it has the zone group default already" in plan["blockers"][0]


def test_a_private_link_services_name_cannot_go_back(here: World) -> None:
    zone = "corp.example.net"
    service = here.id("Microsoft.Network/privateLinkServices", "pls1")
    extra = f"names: [{{service: {service}, zone: {zone}, records: [db]}}]"
    here.set_policy(rules(ALL, extra=extra))
    here.restart()
    here.zone(zone)
    here.target("Microsoft.Network/privateLinkServices", "pls1")
    here.asks(service, group=None)
    here.settle_all()
    assert here.records(zone)
    plan = only(here, "--back")
    assert plan["state"] == "blocked"
    assert "publishes no names" in plan["blockers"][0]


# --- reading --------------------------------------------------------------------------------------


def test_many_names_of_one_zone_are_read_as_one_list(here: World) -> None:
    here.zone()
    for number in range(6):
        here.zone_group(here.asks(here.storage(f"acct{number}"), f"pe{number}", manual=False))
    here.settle_all()
    code, body = migrate(here)
    assert (code, body["counted"]["ready"], body["reads"]["endpoints"]) == (2, 6, 6)
    assert here.calls()["dns_reads"] == body["reads"]["dns"] == 3  # the zones, the zone, its links


def throttled(w: World, path: str = "/privateDnsZones/") -> None:
    w.azure.fault(path=path, status=429, code="TooManyRequests", times=0, headers={"Retry-After": "77"})


def test_many_that_are_left_go_on_from_standard_input(here: World) -> None:
    here.zone()
    for number in range(7):
        here.zone_group(here.asks(here.storage(f"acct{number}"), f"pe{number}", manual=False))
    here.settle_all()
    throttled(here)
    _, text, told = say("--json")
    left = json.loads(text)["stopped"]["endpoints"]
    assert (len(left), "--endpoint - < left.txt" in told) == (7, True)
    here.azure.forget_faults()
    here.clock.skip(minutes=5)
    done = CliRunner().invoke(cli, ["migrate", "--json", "--endpoint", "-"], input="\n".join(left))
    body = json.loads(done.stdout)
    assert (done.exit_code, body["counted"]["ready"], body["complete"]) == (2, 7, True)


def test_a_subscription_whose_list_is_throttled_is_named(here: World) -> None:
    grouped(here)
    throttled(here, "providers/Microsoft.Network/privateEndpoints$")
    code, body = migrate(here)
    assert (code, body["stopped"]["subscriptions"]) == (1, [TEAM])
    assert body["stopped"]["next"] == f"python -m shared migrate --subscription {TEAM}"


def test_throttled_it_says_what_is_left_and_how_to_go_on(here: World) -> None:
    endpoint = grouped(here)
    throttled(here)
    code, text, told = say("--json")
    body = json.loads(text)
    assert (code, body["complete"], body["migrations"]) == (1, False, [])
    assert body["stopped"]["endpoints"] == [endpoint]
    assert body["stopped"]["retryAfter"] == 77
    assert f"--endpoint {endpoint}" in body["stopped"]["next"] in " ".join(told.split())


def test_an_endpoint_that_cannot_be_read_is_named_and_the_others_are_planned(here: World) -> None:
    endpoint = grouped(here)
    code, body = migrate(here, "--endpoint", endpoint, "--endpoint", here.endpoint_id("gone"))
    assert (code, [one["state"] for one in body["migrations"]]) == (1, ["ready"])
    assert body["unread"] == [{"subject": here.endpoint_id("gone"), "why": "there is no such endpoint"}]


def test_a_zone_that_is_not_there_blocks_with_what_to_do(here: World) -> None:
    here.connected()
    here.removes(f"{here.zone_id()}/A/acct1")
    here.removes(here.zone_id())
    plan = only(here, "--back")
    assert "create it and link it" in "\n".join(plan["blockers"])


@pytest.mark.parametrize("words", [["--endpoint", "pe1"], ["--subscription", "mine"], ["--endpoint", HUB]])
def test_what_is_no_id_is_refused_before_any_call(here: World, words: list[str]) -> None:
    here.azure.forget_calls()
    assert say(*words)[0] == 1
    assert not any(here.calls().values())


def test_an_invalid_policy_plans_nothing(here: World) -> None:
    grouped(here)
    here.set_policy("version: 1\nowner: [")
    code, _, told = say()
    assert code == 1
    assert "the policy is not valid" in told


def test_people_get_a_table_the_gap_and_the_commands(here: World, capsys: pytest.CaptureFixture[str]) -> None:
    grouped(here)
    migrating._show(here.run(look(here.app)))
    text = capsys.readouterr().out
    for part in (
        "ready  /sub",
        "acct1.blob.core.windows.net",
        "10 s to 30 min",
        "az network private-endpoint",
        "1 ready",
    ):
        assert part in text


def test_looking_leaves_no_trace_in_the_journal_or_the_worklist(here: World) -> None:
    grouped(here)
    rows = len(here.journal()), here.rows("due")
    migrate(here)
    assert (len(here.journal()), here.rows("due")) == rows
