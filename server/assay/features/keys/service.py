"""API keys: make, list, revoke."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from assay.features.keys.store import Keys
from assay.kernel.clock import Clock
from assay.kernel.errors import InvalidArgument, PermissionDenied, clip
from assay.kernel.identity import VIEWER, ApiKey, Permission, Principal
from assay.kernel.ids import Ids
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.store import Store

MAX_NAME = 200
GRANTABLE = frozenset({*Permission, VIEWER})


@dataclass(frozen=True, kw_only=True)
class MadeKey:
    """A new key and the only sight of its secret."""

    key: ApiKey
    credential: str  # `prefix.secret`


class KeyUseCases:
    """The API keys of an organization."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    def create(
        self,
        maker: Principal,
        *,
        name: str,
        permissions: tuple[str, ...],
        expires_at: datetime | None,
    ) -> MadeKey:
        """Make a key that may do no more than its maker.

        Raises:
            InvalidArgument: a bad name, an unknown permission or an expiry in the past.
            PermissionDenied: a permission that the maker lacks.
        """
        if not 1 <= len(name) <= MAX_NAME:
            raise InvalidArgument.of("name", f"{len(name)} characters; 1 to {MAX_NAME} are allowed")
        _check_permissions(maker, permissions)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidArgument.of("expires_at", "lies in the past; send a time to come")
        made = self._new(
            maker.organization_id,
            name,
            permissions=permissions,
            expires_at=expires_at,
            created_by=maker.subject,
        )
        with self._store.write() as uow:
            uow[Keys].create(maker.organization_id, made.key)
        return made

    def bootstrap(self, organization_id: str, credential: str | None) -> MadeKey | None:
        """Make an admin key while the store holds none at all; None when it holds one.

        Args:
            organization_id: the organization that the key acts in.
            credential: `prefix.secret`, or None to have one made.
        """
        made = self._new(
            organization_id,
            "bootstrap",
            permissions=(Permission.ADMIN.value,),
            credential=credential,
        )
        with self._store.write() as uow:
            if uow[Keys].revision():
                return None
            uow[Keys].create(organization_id, made.key)
        return made

    def list(self, organization_id: str, size: int, token: str) -> Listing[ApiKey]:
        """Return a page of keys, newest first."""
        scope = self._store.scope(f"keys/{organization_id}")
        with self._store.read() as uow:
            page = uow[Keys].list(
                organization_id, limit=page_size(size), after=cursor(token, scope)
            )
        return listing(page, scope, lambda key: key)

    def revoke(self, organization_id: str, prefix: str) -> ApiKey:
        """Revoke a key, again if need be; raises NotFound."""
        with self._store.write() as uow:
            return uow[Keys].revoke(organization_id, prefix)

    def find(self, prefix: str) -> ApiKey | None:
        """Return the key with this prefix, of whatever organization; for authentication."""
        with self._store.read() as uow:
            return uow[Keys].by_prefix(prefix)

    def _new(
        self,
        organization_id: str,
        name: str,
        *,
        permissions: tuple[str, ...],
        expires_at: datetime | None = None,
        created_by: str = "",
        credential: str | None = None,
    ) -> MadeKey:
        made = credential or f"{self._ids.new_key_prefix()}.{self._ids.new_key_secret()}"
        prefix, _, secret = made.partition(".")
        key = ApiKey(
            prefix=prefix,
            organization_id=organization_id,
            name=name,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            permissions=frozenset(permissions),
            created_at=self._clock.now(),
            expires_at=expires_at,
            created_by=created_by,
        )
        return MadeKey(key=key, credential=made)


def _check_permissions(maker: Principal, permissions: tuple[str, ...]) -> None:
    allowed = ", ".join(sorted(GRANTABLE))
    for permission in permissions:
        if permission not in GRANTABLE:
            raise InvalidArgument.of(
                "permissions", f"'{clip(permission)}' was sent; {allowed} are allowed"
            )
        if not maker.allows(permission):
            raise PermissionDenied(
                f"A key cannot be given {permission}, which its maker lacks.",
                metadata={"permissions": permission},
            )
