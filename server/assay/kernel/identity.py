"""Principals and API keys: who calls, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from assay.kernel.errors import PermissionDenied

VIEWER = "organization:viewer"


class Permission(StrEnum):
    """One thing that a principal may be allowed to do."""

    MODEL_READ = "model:read"
    MODEL_WRITE = "model:write"
    DATASET_READ = "dataset:read"
    DATASET_WRITE = "dataset:write"
    JOB_READ = "job:read"
    JOB_SUBMIT = "job:submit"
    BENCHMARK_READ = "benchmark:read"
    BENCHMARK_WRITE = "benchmark:write"
    ADMIN = "admin"


def allows(granted: frozenset[str], permission: str) -> bool:
    """Return whether `granted` covers `permission`.

    `admin` covers everything and `organization:viewer` covers every `…:read`.
    Words that Assay does not know grant nothing.
    """
    if permission in granted or Permission.ADMIN in granted:
        return True
    return VIEWER in granted and permission.endswith(":read")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Whoever makes a call, once the credential has been checked."""

    organization_id: str  # every row that the call may see belongs to it
    subject: str  # the JWT's `sub`, or `key:<prefix>`
    permissions: frozenset[str]  # as granted, unknown words included
    key_prefix: str | None = None  # public half of the API key; None for a JWT
    job_id: str | None = None  # the one job that a watch token lets it watch; None: no such token

    def allows(self, permission: str) -> bool:
        """Return whether this principal may do what `permission` names."""
        return allows(self.permissions, permission)

    def require(self, *permissions: str) -> None:
        """Raise PermissionDenied, which names them, unless all permissions are granted."""
        lacking = sorted(one for one in permissions if not self.allows(one))
        if lacking:
            words = ", ".join(lacking)
            raise PermissionDenied(
                f"This call needs {words}, which the credential does not grant. "
                "Ask an administrator of your organization for it.",
                metadata={"permissions": words},
            )


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """An API key as it is stored: the secret itself is not."""

    prefix: str  # public half, unique over all organizations
    organization_id: str  # the organization that the key acts in
    name: str  # what the key is for, in its maker's words
    secret_hash: bytes  # SHA-256 of the secret half, 32 bytes
    permissions: frozenset[str]  # what the key may do
    created_at: datetime  # when it was made
    expires_at: datetime | None = None  # refused from then on; None: never
    revoked_at: datetime | None = None  # refused from then on; None: not revoked
    created_by: str = ""  # subject that made it; empty for the bootstrap key
