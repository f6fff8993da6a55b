"""The signed-in person, where App Service authentication really is on; else whoever has the key.

The header is only trusted then, because only App Service removes it from requests that come from outside. One that
cannot be read in exactly one way is refused, never guessed at. Names and e-mail addresses in it are not looked at.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from shared.app import App
from shared.azure.tenant import own_tenant
from shared.callers import BY_KEY, Caller, Problem
from shared.core.ids import fold, is_guid

_LONGEST, _MOST = 32_768, 1_000
_CLAIMS = "http://schemas.microsoft.com/identity/claims/"
_OID = {"oid", f"{_CLAIMS}objectidentifier"}
_TENANT = {"tid", f"{_CLAIMS}tenantid"}
_ROLE = {"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}


async def caller(headers: Mapping[str, str], app: App) -> Caller:
    """Raises Problem 401 for a principal that is not clear, 403 for one of another tenant."""
    header = headers.get("x-ms-client-principal")
    if not app.settings.signed_in or header is None:
        return BY_KEY
    claims = _claims(header)
    oid, tenant = _one(claims, _OID, "object id"), _one(claims, _TENANT, "tenant")
    person = f"person {oid}"
    if tenant != await own_tenant(app.clients, app.settings):
        raise Problem(403, "Another tenant", "Sign in with an account of the tenant that this app is in.", who=person)
    return Caller(name=person, person=True, roles=frozenset(value for kind, value in claims if kind in _ROLE))


def _claims(header: str) -> list[tuple[str, str]]:
    if len(header) > _LONGEST:
        raise _unclear("is too large")
    try:
        found = json.loads(base64.b64decode(header, validate=True))
        provider, claims = found["auth_typ"], [(claim["typ"], claim["val"]) for claim in found["claims"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unclear("cannot be read") from None
    if provider != "aad":
        raise _unclear("is not of Microsoft Entra ID")
    if len(claims) > _MOST or not all(isinstance(part, str) for claim in claims for part in claim):
        raise _unclear("cannot be read")
    return claims


def _one(claims: list[tuple[str, str]], kinds: set[str], what: str) -> str:
    found = {fold(value) for kind, value in claims if kind in kinds}
    if len(found) != 1:
        raise _unclear(f"has {'several' if found else 'no'} {what}{'s' if found else ''}")
    (value,) = found
    if not is_guid(value):
        raise _unclear(f"has an odd {what}")
    return value


def _unclear(what: str) -> Problem:
    return Problem(401, "Not signed in", f"The principal {what}; sign in again.", who="an unclear principal")
