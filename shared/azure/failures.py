"""What an SDK's exception means for us: passing, lasting, a conflict, or unclear whether it happened. With Azure's own
code and words, and what to do next. Source: reference/arm-limits.md section 2, reference/runtime.md section 4.
"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from azure.core.exceptions import (
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from ..errors import Conflict, Lasting, Passing, Unclear

_LONGEST_PAUSE = 3600.0
_PASSING = {408, 429, 500, 502, 503, 504}
_HINTS = {
    "AuthorizationFailed": "give the app's identity the right that the message names; the README lists the rights",
    "LinkedAuthorizationFailed": "give the app's identity the right that the message names on the linked resource too; "
    "docs/cosmos.md lists those for endpoints",
    "SubnetIsFull": "give the subnet more addresses: each region of the account needs one",
    "PrivateEndpointIpConfigurationsCountMismatch": "add an ipConfigurations entry for each region by hand",
    "ScopeLocked": "remove the lock that the message names, or keep the resource out of the policy's scope",
    "RequestDisallowedByPolicy": "ask the owner of the Azure Policy that the message names for an exemption",
    "NoRegisteredProviderFound": "the api-version in providers.json does not suit this region; report it",
}
_ANOTHER_OPERATION = {"AnotherOperationInProgress", "RetryableErrorDueToAnotherOperation", "Conflict", "ConflictError"}


def failure(error: Exception, doing: str) -> Exception:
    """What an SDK's exception means for us: Passing or Lasting, with Azure's own code and words.

    A read gives no precondition, so one that failed all the same is somebody's fault on the way, and no conflict.
    """
    if isinstance(error, ServiceRequestError | ServiceResponseError | TimeoutError | asyncio.TimeoutError):
        return Passing(f"{doing}: no answer ({type(error).__name__})")
    if not isinstance(error, HttpResponseError):
        return error
    status = error.status_code or 0
    code, message = code_of(error), " ".join((error.message or "").split())[:400]
    if status in _PASSING or (status == 409 and code in _ANOTHER_OPERATION):
        return Passing(f"{doing}: {status} {code}", retry_after(error))
    hint = _HINTS.get(code) or ("a right is missing; see the README" if status in (401, 403) else "")
    return Lasting(f"{doing}: {status} {code}: {message}{f' -> {hint}' if hint else ''}", code)


def write_failure(error: Exception, doing: str) -> Exception:
    """The same for a write: Conflict when its precondition was refused, Unclear when the answer was lost or was a
    server's fault, because it may have happened all the same."""
    status = getattr(error, "status_code", None)
    lost = isinstance(error, ServiceResponseError | TimeoutError | asyncio.TimeoutError) or _dropped(error)
    if lost or status in (408, 500, 502, 503, 504):
        return Unclear(f"{doing}: no clear answer ({status or type(error).__name__})", answered=not lost)
    code = code_of(error) if isinstance(error, HttpResponseError) else ""
    if status == 412 or (status == 409 and code in {"EntityAlreadyExists", "ResourceExistsError"}):
        return Conflict(f"{doing}: {code or status}")
    return failure(error, doing)


def _dropped(error: Exception) -> bool:
    """azure-core calls a connection that dropped after the request a request error, as if it had never been sent."""
    from aiohttp import ClientConnectorError

    unsent = isinstance(error, ServiceRequestTimeoutError) or isinstance(
        getattr(error, "inner_exception", None), ClientConnectorError
    )
    return isinstance(error, ServiceRequestError) and not unsent


def code_of(error: HttpResponseError) -> str:
    """Wrapped {"error": {"code"}} from the gateway, flat {"code"} from private DNS (recorded)."""
    inner = getattr(error, "error", None)
    code = getattr(inner, "code", None)
    if code:
        return str(code)
    try:
        body = error.response.json() if error.response is not None else {}  # type: ignore[attr-defined]
    except Exception:  # a body that is no JSON has no code
        return ""
    found = body.get("code") or (body.get("error") or {}).get("code") if isinstance(body, dict) else ""
    return str(found or "")


def retry_after(error: HttpResponseError) -> float | None:
    """Seconds, as a number or a date; what is odd is no answer, and nobody waits longer than an hour."""
    text = (error.response.headers if error.response is not None else {}).get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(seconds, _LONGEST_PAUSE) if math.isfinite(seconds) and seconds > 0 else None
