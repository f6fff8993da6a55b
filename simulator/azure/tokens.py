"""Knows bearer tokens: makes and checks them, and answers as the managed identity endpoint of App Service.

Refuses to know what a principal may do. Wording of refusals: documented by ARM (AuthenticationFailed,
InvalidAuthenticationToken, ...Audience, ExpiredAuthenticationToken).
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Any

import jwt
from aiohttp import web

from simulator.azure.errors import ArmError
from simulator.azure.tenancy import TENANT

ARM_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")
LIFETIME = 24 * 3600  # documented: tokens of managed identities live a day


def oid(principal: str) -> str:
    """The object id of a principal: stable, and obviously made up."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{principal}.principal.invalid"))


class Tokens:
    """Signs tokens with a key that lives and dies with this simulator."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(32)
        self.header = secrets.token_hex(16)
        self._known: dict[str, dict[str, Any]] = {}

    def make(self, principal: str, audience: str, seconds: int = LIFETIME) -> str:
        now = int(time.time())
        return jwt.encode(
            {
                "aud": audience,
                "iss": f"https://sts.windows.net/{TENANT}/",
                "iat": now,
                "nbf": now - 300,
                "exp": now + seconds,
                "tid": TENANT,
                "oid": oid(principal),
                "sub": oid(principal),
                "appid": oid(principal),
                "idtyp": "app",
                "principal": principal,
                "ver": "1.0",
            },
            self.secret,
            algorithm="HS256",
        )

    def principal(self, header: str | None, audiences: tuple[str, ...] = ARM_AUDIENCES, *, tenant: str = TENANT) -> str:
        """Who signed in; raises the 401 that ARM would answer. It names the tenant of what was asked for."""
        if not header:
            raise refused(
                tenant,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
                "The authentication failed because of missing 'Authorization' header.",
            )
        scheme, _, text = header.partition(" ")
        claims = self._claims(text) if scheme.lower() == "bearer" else None
        if claims is None:
            raise refused(tenant, "InvalidAuthenticationToken", "The access token is invalid.")
        if claims["exp"] < time.time():
            raise refused(
                tenant,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.",
            )
        if str(claims["aud"]).rstrip("/") not in audiences:
            raise refused(
                tenant,
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong "
                f"audience or resource '{claims['aud']}'. It should exactly match with one of the allowed "
                f"audiences '{', '.join(audiences)}'.",
            )
        return str(claims["principal"])

    def _claims(self, text: str) -> dict[str, Any] | None:
        if text not in self._known:
            try:
                self._known[text] = jwt.decode(
                    text, self.secret, algorithms=["HS256"], options={"verify_exp": False, "verify_aud": False}
                )
            except jwt.PyJWTError:
                return None
        return self._known[text]

    async def identity(self, request: web.Request) -> web.Response:
        """GET /msi/token?api-version=2019-08-01&resource=... (reference: azure-cli, runtime 4)."""
        if not secrets.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header):
            return web.json_response(
                {"statusCode": 401, "message": "Unauthorized: X-IDENTITY-HEADER is missing or wrong."}, status=401
            )
        resource = request.query.get("resource", "")
        if not resource:
            return web.json_response({"statusCode": 400, "message": "The parameter 'resource' is missing."}, status=400)
        chosen = request.query.get("client_id") or request.query.get("mi_res_id") or request.query.get("object_id")
        principal = "operator" if chosen in ("operator", oid("operator")) else "app"
        token = self.make(principal, resource)
        return web.json_response(
            {
                "access_token": token,
                "expires_on": str(int(time.time()) + LIFETIME),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": oid(principal),
            }
        )


def wrong_tenant(tenant: str) -> ArmError:
    """Documented: a token of one tenant for a subscription of another."""
    return refused(
        tenant,
        "InvalidAuthenticationTokenTenant",
        f"The access token is from the wrong issuer 'https://sts.windows.net/{TENANT}/'. It must match the tenant "
        f"'https://sts.windows.net/{tenant}/' associated with this subscription. Please use the authority (URL) "
        f"'https://login.windows.net/{tenant}' to get the token. Note, if the subscription is transferred to another "
        "tenant there is no impact to the services, but information about new tenant could take time to propagate "
        "(up to an hour). If you just transferred your subscription and see this error message, please try back later.",
    )


def refused(tenant: str, code: str, message: str, description: str = "") -> ArmError:
    """A 401. The challenge names the tenant of the subscription that was asked for (documented)."""
    challenge = (
        f'Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token", '
        f'error_description="{description or message}"'
    )
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge, "x-ms-failure-cause": "gateway"})
