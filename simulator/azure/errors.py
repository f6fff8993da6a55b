"""Knows how Azure words its refusals. Refuses to know when they are due.

ARM's gateway wraps errors in `error`; the private DNS provider answers them flat (reference: dns-records 3).
"""

from __future__ import annotations

from typing import Any

from simulator.azure.ids import Path


class ArmError(Exception):
    """An answer that is no success."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        flat: bool = False,
        headers: dict[str, str] | None = None,
        details: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.flat = status, code, message, flat
        self.headers, self.details = headers or {}, details
        self.instead: Any = None  # a planted fault's own body

    @property
    def body(self) -> Any:
        if self.instead is not None:
            return self.instead
        plain: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            plain["details"] = [{"code": code, "message": message} for code, message in self.details]
        return plain if self.flat else {"error": plain}


def gateway(status: int, code: str, message: str) -> ArmError:
    """ARM's front door says no before any provider saw the call (recorded: dns-records 3)."""
    return ArmError(status, code, message, headers={"x-ms-failure-cause": "gateway"})


def bad(code: str, message: str) -> ArmError:
    return ArmError(400, code, message)


def group_missing(group: str) -> ArmError:
    return gateway(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def resource_missing(path: Path) -> ArmError:
    shown = "/".join((path.namespace, *(part for pair in zip(path.types, path.names, strict=False) for part in pair)))
    return gateway(
        404,
        "ResourceNotFound",
        f"The Resource '{shown}' under resource group '{path.group}' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_missing(path: Path) -> ArmError:
    """Recorded for a record set in a zone that does not exist (reference: dns-records 3)."""
    return gateway(
        404,
        "ParentResourceNotFound",
        "Failed to perform 'write' on resource(s) of type "
        f"'{path.type}', because the parent resource '{path.parent.id}' could not be found.",
    )


def subscription_missing(subscription: str) -> ArmError:
    return gateway(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def forbidden(oid: str, action: str, scope: str) -> ArmError:
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{oid}' with object id '{oid}' does not have "
        f"authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If "
        "access was recently granted, please refresh your credentials.",
    )


def busy(path: Path) -> ArmError:
    return ArmError(
        409,
        "AnotherOperationInProgress",
        f"Another operation on this or dependent resource is in progress. Resource: {path.id}",
        headers={"Retry-After": "1"},
    )
