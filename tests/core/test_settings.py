"""Settings: one value or every mistake at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared import settings
from shared.core.rules import Mode
from shared.settings import BadSettings, Settings

from .build import TARGET, target_id

BASE = {
    "AzureWebJobsStorage__tableServiceUri": "https://lkstore.table.core.windows.net",
    "AzureWebJobsStorage__queueServiceUri": "https://lkstore.queue.core.windows.net",
}


def read(**env: str) -> Settings:
    return settings.read({**BASE, **env})


def mistakes(**env: str) -> list[str]:
    with pytest.raises(BadSettings) as bad:
        settings.read(env)
    return [line.partition(":")[0] for line in str(bad.value).splitlines()]


def test_a_deployment_that_says_nothing_else_watches_only_and_trusts_signed_in_people_only() -> None:
    found = read(WEBSITE_SITE_NAME="lk-prod")
    assert (found.mode, found.decisions_by, found.signed_in, found.topic) == (Mode.PLAN, "entra", False, None)
    assert (found.deployment, found.cloud, found.arm) == ("lk-prod", "AzureCloud", "https://management.azure.com")
    assert found.policy == settings.ROOT / "policy" / "policy.yaml"


@pytest.mark.parametrize(
    ("name", "default"),
    [(name, default) for name, default, _ in settings.SETTINGS if name in ("LINKKEEPER_MODE", "LINKKEEPER_CLOUD")],
)
def test_the_default_in_the_table_is_the_one_in_use(name: str, default: str) -> None:
    assert getattr(read(), name.removeprefix("LINKKEEPER_").lower()) == default


def test_a_local_host_lets_a_key_decide() -> None:
    assert read(AZURE_FUNCTIONS_ENVIRONMENT="Development").decisions_by == "key"
    assert read(AZURE_FUNCTIONS_ENVIRONMENT="Development", LINKKEEPER_DECISIONS_BY="entra").decisions_by == "entra"


@pytest.mark.parametrize(
    ("cloud", "arm"),
    [
        ("AzureUSGovernment", "https://management.usgovcloudapi.net"),
        ("AzureChinaCloud", "https://management.chinacloudapi.cn"),
    ],
)
def test_a_cloud_brings_its_own_resource_manager(cloud: str, arm: str) -> None:
    found = read(LINKKEEPER_CLOUD=cloud)
    assert (found.arm, found.arm_audience) == (arm, arm)


def test_an_address_of_resource_manager_loses_its_last_slash() -> None:
    assert read(LINKKEEPER_ARM="https://127.0.0.1:8443/").arm == "https://127.0.0.1:8443"


def test_a_policy_path_may_be_absolute() -> None:
    assert read(LINKKEEPER_POLICY="/etc/policy.yaml").policy == Path("/etc/policy.yaml")


@pytest.mark.parametrize(("value", "yes"), [("True", True), ("true", True), ("1", False), ("", False)])
def test_the_principal_header_is_trusted_only_where_authentication_is_on(value: str, yes: bool) -> None:
    assert read(WEBSITE_AUTH_ENABLED=value).signed_in is yes


def test_every_mistake_is_reported_at_once() -> None:
    assert mistakes(
        LINKKEEPER_CLOUD="Azure",
        LINKKEEPER_ARM="http://management.azure.com",
        LINKKEEPER_TOPIC="topic1",
        LINKKEEPER_MODE="Apply",
        LINKKEEPER_DECISIONS_BY="anyone",
        LINKKEEPER_OWN_RESOURCES="kv1, kv2",
    ) == [
        "LINKKEEPER_CLOUD",
        "LINKKEEPER_ARM",
        "AzureWebJobsStorage",
        "LINKKEEPER_TOPIC",
        "LINKKEEPER_MODE",
        "LINKKEEPER_DECISIONS_BY",
        *["LINKKEEPER_OWN_RESOURCES"] * 2,
    ]


@pytest.mark.parametrize(
    "address", ["http://a.b", "a.b", "https://", "https://a.b?x=1", "https://a.b#x", "ftp://a.b", "https://[", "//a.b"]
)
def test_a_token_goes_to_a_plain_https_address_only(address: str) -> None:
    assert mistakes(**BASE, LINKKEEPER_ARM=address, LINKKEEPER_TOPIC=address) == ["LINKKEEPER_ARM", "LINKKEEPER_TOPIC"]


# --- storage -----------------------------------------------------------------------------------------


def test_without_any_storage_the_app_says_what_to_set() -> None:
    assert mistakes() == ["AzureWebJobsStorage"]
    assert mistakes(AzureWebJobsStorage__tableServiceUri=BASE["AzureWebJobsStorage__tableServiceUri"]) == [
        "AzureWebJobsStorage"
    ]


def test_an_account_name_is_enough() -> None:
    found = settings.read({"AzureWebJobsStorage__accountName": "lkstore"})
    assert [found.tables, found.queues] == list(BASE.values())


def test_a_connection_string_is_taken_as_it_is() -> None:
    text = "DefaultEndpointsProtocol=https;AccountName=lkstore;AccountKey=x;EndpointSuffix=core.windows.net"
    assert settings.read({"AzureWebJobsStorage": text}).connection_string == text


@pytest.mark.parametrize(
    "word", ["UseDevelopmentStorage=true", "usedevelopmentstorage=TRUE;", " UseDevelopmentStorage=true "]
)
def test_development_storage_is_spelt_out_because_the_python_clients_do_not_know_the_word(word: str) -> None:
    text = settings.read({"AzureWebJobsStorage": word}).connection_string or ""
    assert "AccountName=devstoreaccount1;" in text
    assert "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;" in text


# --- law 11 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"AzureWebJobsStorage__accountName": "lkstore"},
        {"AzureWebJobsStorage": "DefaultEndpointsProtocol=https;AccountName=LKSTORE;AccountKey=x="},
        {"LINKKEEPER_OWN_RESOURCES": f" {target_id('lkstore')} ,"},
    ],
    ids=["by address", "by name", "by connection string", "by id"],
)
def test_the_app_knows_its_own_storage_however_it_is_configured(env: dict[str, Any]) -> None:
    found = read(**env)
    assert found.depends_on(target_id("LkStore"))
    assert not found.depends_on(TARGET)


def test_its_topic_is_its_own_too() -> None:
    found = read(LINKKEEPER_TOPIC="https://lk-news.westeurope-1.eventgrid.azure.net/api/events")
    assert found.depends_on(target_id("lk-news", kind="Microsoft.EventGrid/topics"))
    assert not found.depends_on(target_id("lk-news", kind="Microsoft.EventGrid/domains"))


def test_an_own_resource_given_by_id_is_that_resource_only() -> None:
    found = read(LINKKEEPER_OWN_RESOURCES=str(target_id("kv1", kind="Microsoft.KeyVault/vaults")))
    assert found.depends_on(target_id("KV1", kind="microsoft.keyvault/vaults"))
    assert not found.depends_on(target_id("kv1", group="other", kind="Microsoft.KeyVault/vaults"))


# --- schedules ----------------------------------------------------------------------------------------


def test_a_timer_reads_its_setting_where_there_is_one_and_runs_by_default_where_not() -> None:
    name = "LINKKEEPER_SWEEP_SCHEDULE"
    assert settings.schedule(name, {name: "0 0 * * * *"}) == f"%{name}%"
    assert settings.schedule(name, {}) == "0 */30 * * * *"
