"""The table of resource types, checked against itself and against what is published about private link types."""

from __future__ import annotations

import json
import re
from datetime import date
from importlib import resources
from typing import Any

import pytest

from shared.azure.providers import provider, table

ROWS: list[dict[str, Any]] = json.loads(resources.files("shared.azure").joinpath("providers.json").read_text())["types"]
EACH = pytest.mark.parametrize("row", ROWS, ids=[row["type"] for row in ROWS])
DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(-preview)?")

# reference/provider-versions.json: the Azure CLI's table (2.91.0), and what its maintainers left out of it.
_CLI = """
Microsoft.AgFoodPlatform/farmBeats Microsoft.ApiManagement/service Microsoft.App/managedEnvironments
Microsoft.AppConfiguration/configurationStores Microsoft.Authorization/resourceManagementPrivateLinks
Microsoft.Automation/automationAccounts Microsoft.Batch/batchAccounts Microsoft.BotService/botServices
Microsoft.Cache/Redis Microsoft.Cache/redisEnterprise Microsoft.CognitiveServices/accounts
Microsoft.Compute/diskAccesses Microsoft.ContainerRegistry/registries Microsoft.Dashboard/grafana
Microsoft.Databricks/workspaces Microsoft.DataFactory/factories Microsoft.DBforMariaDB/servers
Microsoft.DBforMySQL/flexibleServers Microsoft.DBforMySQL/servers Microsoft.DBforPostgreSQL/flexibleServers
Microsoft.DBforPostgreSQL/serverGroupsv2 Microsoft.DBforPostgreSQL/servers Microsoft.DesktopVirtualization/hostpools
Microsoft.DesktopVirtualization/workspaces Microsoft.Devices/IotHubs Microsoft.Devices/provisioningServices
Microsoft.DeviceUpdate/accounts Microsoft.DigitalTwins/digitalTwinsInstances Microsoft.DocumentDB/databaseAccounts
Microsoft.DocumentDB/mongoClusters Microsoft.DurableTask/schedulers Microsoft.ElasticSan/elasticSans
Microsoft.EventGrid/domains Microsoft.EventGrid/namespaces Microsoft.EventGrid/partnerNamespaces
Microsoft.EventGrid/topics Microsoft.EventHub/namespaces Microsoft.FluidRelay/fluidRelayServers
Microsoft.HardwareSecurityModules/cloudHsmClusters Microsoft.HardwareSecurityModules/paymentHsmClusters
Microsoft.HDInsight/clusters Microsoft.HealthcareApis/services Microsoft.HealthDataAiservices/deidservices
Microsoft.HorizonDB/clusters Microsoft.HybridCompute/privateLinkScopes microsoft.insights/privateLinkScopes
Microsoft.KeyVault/managedHSMs Microsoft.KeyVault/vaults Microsoft.KubernetesConfiguration/privateLinkScopes
Microsoft.Kusto/clusters Microsoft.MachineLearningServices/registries Microsoft.MachineLearningServices/workspaces
Microsoft.Maps/accounts Microsoft.Media/mediaservices Microsoft.Migrate/assessmentProjects
Microsoft.Migrate/migrateProjects Microsoft.Monitor/accounts Microsoft.Network/applicationGateways
Microsoft.Network/privateLinkServices Microsoft.OffAzure/masterSites Microsoft.OpenEnergyPlatform/energyServices
Microsoft.PowerBI/privateLinkServicesForPowerBI Microsoft.Purview/accounts Microsoft.RecoveryServices/vaults
Microsoft.Search/searchServices Microsoft.Security/privateLinks Microsoft.ServiceBus/namespaces
Microsoft.SignalRService/signalr Microsoft.SignalRService/WebPubSub Microsoft.Sql/managedInstances
Microsoft.Sql/servers Microsoft.Storage/storageAccounts Microsoft.StorageSync/storageSyncServices
Microsoft.Synapse/privateLinkHubs Microsoft.Synapse/workspaces Microsoft.TimeSeriesInsights/environments
Microsoft.VideoIndexer/accounts Microsoft.Web/hostingEnvironments Microsoft.Web/sites
"""
PUBLISHED = _CLI.split()

# reference/dns-zones.json names these too; every type it names has a row now, so there is no list of exceptions.
_ZONES = """
Microsoft.Attestation/attestationProviders Microsoft.ContainerService/managedClusters
Microsoft.Fabric/privateLinkServicesForFabric Microsoft.FileShares/fileShares Microsoft.HealthcareApis/workspaces
Microsoft.IoTCentral/IoTApps Microsoft.Relay/namespaces Microsoft.Web/staticSites
"""
NAMED_BY_ZONES = _ZONES.split()

# No GA version has the connections: Azure's published Bicep types of 2026-08-20, or, where those know no version at
# all (energyServices, registries, accounts of Monitor, privateLinkHubs), the Azure CLI's table.
PREVIEW_ONLY = {
    *("Microsoft.AgFoodPlatform/farmBeats", "Microsoft.FluidRelay/fluidRelayServers", "Microsoft.Maps/accounts"),
    *("Microsoft.HardwareSecurityModules/paymentHsmClusters", "Microsoft.HorizonDB/clusters"),
    *("Microsoft.KubernetesConfiguration/privateLinkScopes", "Microsoft.TimeSeriesInsights/environments"),
    *("Microsoft.MachineLearningServices/registries", "Microsoft.Monitor/accounts", "Microsoft.IoTCentral/IoTApps"),
    *("Microsoft.OpenEnergyPlatform/energyServices", "Microsoft.Synapse/privateLinkHubs"),
}

# As announced in Azure's documentation and updates.
RETIRED = {
    "Microsoft.AgFoodPlatform/farmBeats": "2025-09-01",
    "Microsoft.Cache/Redis": "2028-09-30",
    "Microsoft.DBforMariaDB/servers": "2025-09-19",
    "Microsoft.DBforMySQL/servers": "2024-09-16",
    "Microsoft.DBforPostgreSQL/serverGroupsv2": "2029-03-31",
    "Microsoft.DBforPostgreSQL/servers": "2025-03-28",
    "Microsoft.HealthcareApis/services": "2026-09-30",
    "Microsoft.IoTCentral/IoTApps": "2029-09-20",
    "Microsoft.Media/mediaservices": "2024-06-30",
    "Microsoft.TimeSeriesInsights/environments": "2024-07-07",
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_every_type_of_the_azure_cli_has_a_row_spelled_as_published(kind: str) -> None:
    found = provider(kind)
    assert found is not None
    assert found.type == kind


def test_there_are_79_of_them_and_the_eight_that_only_the_zone_table_names() -> None:
    assert len(PUBLISHED) == 79
    assert sorted(row["type"] for row in ROWS) == sorted([*PUBLISHED, *NAMED_BY_ZONES])


def test_no_type_stands_there_twice_in_whatever_case_and_rows_are_in_order() -> None:
    names = [row["type"].lower() for row in ROWS]
    assert len(set(names)) == len(names) == len(table())
    assert names == sorted(names)


@EACH
def test_a_row_has_the_shape_that_the_reader_expects(row: dict[str, Any]) -> None:
    known = {"type", "apiVersion", "parentApiVersion", "list", "nested", "segment", "guidInName", "client", "preview"}
    assert set(row) <= known | {"retired", "instead", "basis"}
    assert re.fullmatch(r"[Mm]icrosoft\.\w+/\w+", row["type"])
    assert row["basis"] in ("recorded", "documented", "assumed")
    assert row.get("list", "child") in ("child", "parent")
    assert row.get("client", "arm") in ("arm", "network")
    assert all(row[flag] is True for flag in ("nested", "guidInName", "preview") if flag in row)
    assert row.get("segment", "privateEndpointConnections").lower() == "privateendpointconnections"


@EACH
def test_a_type_listed_by_its_parent_is_found_in_its_parents_body(row: dict[str, Any]) -> None:
    assert row.get("nested") or row.get("list") != "parent"
    assert "parentApiVersion" not in row or row.get("list") == "parent"


@EACH
def test_versions_and_days_are_dates(row: dict[str, Any]) -> None:
    for version in (row["apiVersion"], row.get("parentApiVersion", row["apiVersion"])):
        found = DATED.fullmatch(version)
        assert found
        assert date(2014, 1, 1) < date.fromisoformat(found[1]) < date(2027, 1, 1)
    assert date.fromisoformat(row.get("retired", "2024-01-01")) >= date(2024, 1, 1)


@EACH
def test_a_preview_is_used_only_where_nothing_else_has_the_connections_and_says_so(row: dict[str, Any]) -> None:
    used = {row["apiVersion"], row.get("parentApiVersion", "")}
    assert any("preview" in version for version in used) == row.get("preview", False) == (row["type"] in PREVIEW_ONLY)


@EACH
def test_a_service_that_ends_says_when_and_what_to_use_instead(row: dict[str, Any]) -> None:
    assert row.get("retired") == RETIRED.get(row["type"])
    instead = row.get("instead")
    if instead:
        replacement = provider(instead)
        assert "retired" in row
        assert replacement is not None
        assert replacement.retired is None


def test_a_recorded_row_is_one_whose_very_version_was_captured() -> None:
    from .build import RECORDINGS

    captured = set()
    for path in RECORDINGS.glob("*connection*.json"):
        told = json.loads(path.read_text())
        if told["_kind"] == "recording":
            kind = re.search(r"/providers/([\w.]+/\w+)/", told["request"]["path"])
            captured.add((kind[1].lower() if kind else "", told["request"]["apiVersion"]))
    rows = {(row["type"].lower(), row["apiVersion"]) for row in ROWS if row["basis"] == "recorded"}
    assert rows <= captured


def test_an_unknown_type_has_no_row() -> None:
    assert provider("Microsoft.Nowhere/things") is None
    assert provider("Microsoft.Storage/storageAccounts/blobServices") is None
