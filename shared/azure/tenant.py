"""Our own tenant: whose identity the app has. Read from the token that the identity endpoint gives us.

Refuses to judge a token of anybody else: this one is ours, and nobody but its issuer handed it over.
"""

from __future__ import annotations

import base64
import json

from azure.core.exceptions import AzureError

from ..core.ids import fold, is_guid
from ..errors import Lasting, Passing
from ..settings import Settings
from .clients import Clients


async def own_tenant(clients: Clients, settings: Settings) -> str:
    """A GUID in lower case. The credential keeps its token, so this asks nobody most of the time."""
    try:
        token = await (await clients.credential()).get_token(f"{settings.arm_audience.rstrip('/')}/.default")
    except (AzureError, TimeoutError) as error:
        raise Passing(f"no token of our own: {type(error).__name__}") from error
    try:
        part = token.token.split(".")[1]
        tenant = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["tid"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Lasting("our own token names no tenant, so nobody can be known to belong to it") from error
    if not is_guid(tenant):
        raise Lasting("our own token names no tenant, so nobody can be known to belong to it")
    return fold(tenant)
