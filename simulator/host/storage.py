"""From the name of a `connection` to a queue service client, by the rules of Azure Functions settings.

Knows connection strings and identity-based settings (`NAME__queueServiceUri`, `NAME__credential`, …).
"""

from collections.abc import Mapping

from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.queue.aio import QueueServiceClient

from simulator.host.errors import AppRefused

_DEVELOPMENT = (  # the well-known public account of every Azurite
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)


def queue_service(connection: str, settings: Mapping[str, str]) -> QueueServiceClient:
    """Raises AppRefused where the real host would say that the connection does not exist."""
    options = {
        "transport": AioHttpTransport(use_env_settings=False),
        "initial_backoff": 0.3,
        "increment_base": 2,
        "retry_total": 2,
    }
    name = connection or "AzureWebJobsStorage"
    for candidate in (f"AzureWebJobs{name}", name):
        if text := settings.get(candidate):
            text = _DEVELOPMENT if text == "UseDevelopmentStorage=true" else text
            return QueueServiceClient.from_connection_string(text, **options)
        section = _section(candidate, settings)
        if url := _queue_url(section):
            return QueueServiceClient(url, credential=_credential(section), **options)
    raise AppRefused(
        f"connection '{name}' does not exist: set {name} to a connection string, or "
        f"{name}__queueServiceUri (and {name}__credential=managedidentity)"
    )


def _section(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    prefixes = (f"{name}__", f"{name}:")
    return {
        key[len(prefix) :].lower(): value
        for key, value in settings.items()
        for prefix in prefixes
        if key.startswith(prefix)
    }


def _queue_url(section: Mapping[str, str]) -> str | None:
    if url := section.get("queueserviceuri"):
        return url
    account = section.get("accountname")
    return f"https://{account}.queue.core.windows.net" if account else None


def _credential(section: Mapping[str, str]):  # type: ignore[no-untyped-def]
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if section.get("credential", "").lower() == "managedidentity":
        client = section.get("clientid")
        return ManagedIdentityCredential(client_id=client) if client else ManagedIdentityCredential()
    return DefaultAzureCredential()
