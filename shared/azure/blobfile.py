"""One blob that the app only reads: the policy, in a container of its own. Knows azure-storage-blob and ETags."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError

from ..settings import Settings
from .clients import CALL_SECONDS, Clients
from .failures import failure

_MOST = 5_000_001  # one byte more than a policy file may have (policyfile/yamlfile.py): it is then refused as too large


class BlobFile:
    def __init__(self, clients: Clients, settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._client: Any = None

    async def read(self, etag: str = "") -> tuple[bytes | None, str]:
        """(bytes, ETag); no bytes when it still is the one with this ETag. Raises Passing, Lasting."""
        known = {"etag": etag, "match_condition": MatchConditions.IfModified} if etag else {}
        try:
            async with asyncio.timeout(CALL_SECONDS):
                stream = await (await self._blob()).download_blob(offset=0, length=_MOST, **known)
                raw = await stream.readall()
        except HttpResponseError as error:
            if error.status_code == 304:
                return None, etag
            raise failure(error, "read the policy's blob") from error
        except (AzureError, TimeoutError) as error:
            raise failure(error, "read the policy's blob") from error
        return bytes(raw), str(stream.properties.etag)

    async def _blob(self) -> Any:
        if self._client is None:
            from azure.storage.blob.aio import BlobClient

            self._client = BlobClient.from_blob_url(
                self._settings.policy_blob,
                credential=await self._credential(),
                transport=await self._clients.transport(),
                retry_total=2,
            )
        return self._client

    async def _credential(self) -> Any:
        """The app's identity; the key only for the storage that the connection string names (local)."""
        text = self._settings.connection_string or ""
        endpoint, key = re.search(r"BlobEndpoint=([^;]+)", text), re.search(r"AccountKey=([^;]+)", text)
        if endpoint and key and self._settings.policy_blob.startswith(endpoint[1].rstrip("/") + "/"):
            return key[1]
        return await self._clients.credential()
