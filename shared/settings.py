"""App settings to one value, all mistakes reported at once. The only reader of the environment.

Every setting is one row of SETTINGS; the README's table is checked against it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .core.ids import NotAnId, ResourceId
from .core.rules import Mode
from .core.zones import CLOUDS

ROOT = Path(__file__).resolve().parent.parent
WORK_QUEUE = "linkkeeper-work"
_ARM = {
    "AzureCloud": "https://management.azure.com",
    "AzureUSGovernment": "https://management.usgovcloudapi.net",
    "AzureChinaCloud": "https://management.chinacloudapi.cn",
}

# name, default, what it means
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("LINKKEEPER_POLICY", "policy/policy.yaml", "the policy: a file, relative to the app, or a blob's https address"),
    ("LINKKEEPER_MODE", "plan", "what modes not set in the policy mean: off, plan or apply"),
    ("LINKKEEPER_DEPLOYMENT", "the site's name", "marks our records together with the policy's owner"),
    ("LINKKEEPER_CLOUD", "AzureCloud", "AzureCloud, AzureUSGovernment or AzureChinaCloud"),
    ("LINKKEEPER_ARM", "the cloud's", "Resource Manager's address, https only"),
    ("LINKKEEPER_ARM_AUDIENCE", "the cloud's", "the audience of its tokens"),
    ("LINKKEEPER_TOPIC", "none", "Event Grid custom topic for our notifications, https only"),
    ("LINKKEEPER_DECISIONS_BY", "entra", "who may decide by hand: entra (a signed-in person) or key (local default)"),
    ("LINKKEEPER_OWN_RESOURCES", "found from the addresses", "ids the app depends on: report-only, comma separated"),
    ("LINKKEEPER_SWEEP_SCHEDULE", "0 */30 * * * *", "when the drift audit runs"),
    ("LINKKEEPER_WATCH_SCHEDULE", "0 * * * * *", "when requests without any event are looked for"),
    ("LINKKEEPER_WATCHDOG_SCHEDULE", "30 * * * * *", "when forgotten work is rung again"),
    ("AzureWebJobsStorage", "", "storage by connection string (local), or the four below (by identity)"),
    ("AzureWebJobsStorage__tableServiceUri", "", "tables: work, memory, journal"),
    ("AzureWebJobsStorage__queueServiceUri", "", "the bell of the worklist"),
    ("AzureWebJobsStorage__blobServiceUri", "", "the host's own"),
    ("AzureWebJobsStorage__accountName", "", "instead of the three addresses"),
)


class BadSettings(ValueError):
    """One line per mistake, each naming the setting and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    policy: Path
    policy_blob: str
    """The address of the blob, where the policy is one; else empty."""
    mode: Mode
    deployment: str
    cloud: str
    arm: str
    arm_audience: str
    topic: str | None
    decisions_by: str
    tables: str
    queues: str
    connection_string: str | None
    own: frozenset[tuple[str, str]]
    """(type, name) of resources the app depends on, lower case; name may be a full id."""
    signed_in: bool
    """App Service authentication is on, so its principal header can be trusted."""

    def depends_on(self, resource: ResourceId) -> bool:
        kind = resource.type.lower()
        return (kind, resource.name.lower()) in self.own or ("", resource.key) in self.own


def read(env: Mapping[str, str] | None = None) -> Settings:
    """Raises BadSettings with every mistake."""
    env = os.environ if env is None else env
    wrong: list[str] = []
    cloud = _one_of(env, "LINKKEEPER_CLOUD", CLOUDS, "AzureCloud", wrong)
    local = env.get("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
    arm = _https(env, "LINKKEEPER_ARM", _ARM.get(cloud, ""), wrong)
    tables, queues, connection = _storage(env, wrong)
    topic = _https(env, "LINKKEEPER_TOPIC", "", wrong)
    blob = _blob(env, connection, wrong)
    policy = Path("" if blob else env.get("LINKKEEPER_POLICY") or "policy/policy.yaml")
    settings = Settings(
        policy=policy if policy.is_absolute() else ROOT / policy,
        policy_blob=blob,
        mode=Mode(_one_of(env, "LINKKEEPER_MODE", tuple(Mode), "plan", wrong)),
        deployment=env.get("LINKKEEPER_DEPLOYMENT") or env.get("WEBSITE_SITE_NAME") or "local",
        cloud=cloud,
        arm=arm.rstrip("/"),
        arm_audience=env.get("LINKKEEPER_ARM_AUDIENCE") or _ARM.get(cloud, ""),
        topic=topic or None,
        decisions_by=_one_of(env, "LINKKEEPER_DECISIONS_BY", ("entra", "key"), "key" if local else "entra", wrong),
        tables=tables,
        queues=queues,
        connection_string=connection,
        own=_own(env, (tables, queues, topic, blob), wrong),
        signed_in=env.get("WEBSITE_AUTH_ENABLED", "").lower() == "true",
    )
    if wrong:
        raise BadSettings("\n".join(wrong))
    return settings


def schedule(name: str, env: Mapping[str, str] | None = None) -> str:
    """For a timer's binding: `%name%`, which the host reads, or the default where the setting is not there (a
    binding to a missing setting would stop the function from starting)."""
    default = next(default for known, default, _ in SETTINGS if known == name)
    return f"%{name}%" if (os.environ if env is None else env).get(name) else default


def _storage(env: Mapping[str, str], wrong: list[str]) -> tuple[str, str, str | None]:
    connection = env.get("AzureWebJobsStorage")
    if connection:
        return "", "", _spelt_out(connection)
    account = env.get("AzureWebJobsStorage__accountName")
    default = f"https://{account}.{{}}.core.windows.net" if account else ""
    tables = _https(env, "AzureWebJobsStorage__tableServiceUri", default.format("table"), wrong)
    queues = _https(env, "AzureWebJobsStorage__queueServiceUri", default.format("queue"), wrong)
    if not tables or not queues:
        wrong.append("AzureWebJobsStorage: set it, or AzureWebJobsStorage__tableServiceUri and __queueServiceUri")
    return tables, queues, None


def _blob(env: Mapping[str, str], connection: str | None, wrong: list[str]) -> str:
    """https://account/container/name, without a query: the app's identity reads it, no signature does."""
    value = env.get("LINKKEEPER_POLICY") or ""
    if not value.lower().startswith(("https://", "http://")):
        return ""
    local = re.search(r"BlobEndpoint=(http://(?:127\.0\.0\.1|localhost)[^;]*)", connection or "")
    known = value.lower().startswith("https://") or bool(local and value.startswith(local[1].rstrip("/") + "/"))
    path = [part for part in value.split("/")[3:] if part]
    if not known or not _host(value) or set("?#@") & set(value) or len(path) < 2:
        wrong.append(f"LINKKEEPER_POLICY: {value!r} is not the https address of a blob: https://account/container/name")
        return ""
    return value


def _spelt_out(connection: str) -> str:
    """UseDevelopmentStorage=true is a word of the Functions host's; the Python clients want it spelt out."""
    if connection.strip().rstrip(";").lower() != "usedevelopmentstorage=true":
        return connection
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    base = "http://127.0.0.1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
        f"BlobEndpoint={base}:10000/devstoreaccount1;QueueEndpoint={base}:10001/devstoreaccount1;"
        f"TableEndpoint={base}:10002/devstoreaccount1;"
    )


def _own(env: Mapping[str, str], addresses: tuple[str, ...], wrong: list[str]) -> frozenset[tuple[str, str]]:
    suffixes = {
        ".core.windows.net": "microsoft.storage/storageaccounts",
        ".core.usgovcloudapi.net": "microsoft.storage/storageaccounts",
        ".core.chinacloudapi.cn": "microsoft.storage/storageaccounts",
        ".eventgrid.azure.net": "microsoft.eventgrid/topics",
        ".vault.azure.net": "microsoft.keyvault/vaults",
    }
    account = re.search(r"(?:^|;)AccountName=([a-z0-9]+)", env.get("AzureWebJobsStorage") or "", re.IGNORECASE)
    found = {("microsoft.storage/storageaccounts", account[1].lower())} if account else set()
    for address in addresses:
        host = _host(address)
        found |= {(kind, host.split(".")[0]) for suffix, kind in suffixes.items() if host.endswith(suffix)}
    for text in filter(None, (part.strip() for part in env.get("LINKKEEPER_OWN_RESOURCES", "").split(","))):
        try:
            found.add(("", ResourceId.parse(text).key))
        except NotAnId as why:
            wrong.append(f"LINKKEEPER_OWN_RESOURCES: {why}")
    return frozenset(found)


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str, wrong: list[str]) -> str:
    value = env.get(name) or default
    if value in allowed:
        return value
    wrong.append(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return default


def _https(env: Mapping[str, str], name: str, default: str, wrong: list[str]) -> str:
    value = env.get(name) or default
    if value and not (value.lower().startswith("https://") and _host(value) and not set("?#") & set(value)):
        wrong.append(f"{name}: {value!r} is not an https address")
    return value


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
