"""The store of API keys."""

from __future__ import annotations

from sqlalchemy import Executable, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from assay.features.keys.tables import api_keys
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, NotFound
from assay.kernel.identity import ApiKey
from assay.kernel.storage.keyset import newest_page
from assay.kernel.storage.mapping import RowMapper, values_of
from assay.kernel.storage.sql import POSTGRESQL, Prepared, insert_or_ignore
from assay.kernel.storage.tables import counters
from assay.kernel.storage.unit_of_work import SqlStore

_K = api_keys.c
_C = counters.c

_KEYS = RowMapper(ApiKey, api_keys)
_SELECT = select(*_KEYS.columns)
_ORG = _K.organization_id == bindparam("org")
_BY_PREFIX = Prepared(_SELECT.where(_K.prefix == bindparam("prefix")))
_GET = Prepared(_SELECT.where(_ORG, _K.prefix == bindparam("prefix")))
_INSERT = insert_or_ignore(api_keys)
_REVOKE = Prepared(
    update(api_keys)
    .where(_ORG, _K.prefix == bindparam("key"), _K.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_REVISION = Prepared(select(_C.value).where(_C.name == "api_keys"))


def _raise(engine: str) -> Executable:
    first = {"name": "api_keys", "value": 1}
    if engine == POSTGRESQL:
        added = postgresql.insert(counters).values(first)
        return added.on_conflict_do_update(index_elements=["name"], set_={"value": _C.value + 1})
    put = sqlite.insert(counters).values(first)
    return put.on_conflict_do_update(index_elements=["name"], set_={"value": _C.value + 1})


_RAISE = Prepared(_raise)


class Keys(SqlStore):
    """API keys."""

    def create(self, organization_id: str, key: ApiKey) -> ApiKey:
        """Store a key; a prefix taken in any organization raises AlreadyExists."""
        values = values_of(api_keys, key, organization_id=organization_id)
        if not self._db.run(_INSERT, **values):
            raise AlreadyExists(
                f"The key prefix '{key.prefix}' is taken.",
                metadata={"resource_type": "API key", "resource_id": key.prefix},
            )
        self._db.run(_RAISE)
        return self.get(organization_id, key.prefix)

    def by_prefix(self, prefix: str) -> ApiKey | None:
        """Return the key with this prefix, of whatever organization; None if there is none.

        The one method without an organization: a caller's is not known before its key is.
        """
        row = self._db.one(_BY_PREFIX, prefix=prefix)
        return None if row is None else _KEYS.read(row)

    def get(self, organization_id: str, prefix: str) -> ApiKey:
        """Return a key, or NotFound."""
        row = self._db.one(_GET, org=organization_id, prefix=prefix)
        if row is None:
            raise NotFound.of("API key", prefix)
        return _KEYS.read(row)

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[ApiKey]:
        """Return a page of keys, revoked and expired ones included."""
        statement = _SELECT.where(_K.organization_id == organization_id)
        return newest_page(self._db, statement, _K.prefix, _KEYS.read, limit=limit, after=after)

    def revoke(self, organization_id: str, prefix: str) -> ApiKey:
        """Set `revoked_at` to now; a revoked key keeps its time; NotFound if absent."""
        if self._db.run(_REVOKE, org=organization_id, key=prefix, at=self._db.now()):
            self._db.run(_RAISE)
        return self.get(organization_id, prefix)

    def revision(self) -> int:
        """Return a number that rises with every key made or revoked, in any organization."""
        row = self._db.one(_REVISION)
        return 0 if row is None else int(row.value)
