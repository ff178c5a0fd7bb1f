"""The store of field schemas."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, update

from assay.features.field_schemas.model import NewUserSchema, UserSchema, check_schema_fields
from assay.features.field_schemas.tables import user_schemas
from assay.kernel.cursor import Cursor, Page
from assay.kernel.storage.keyset import PAGE_BYTES, newest_first, within
from assay.kernel.storage.mapping import RowMapper, bound, values_of
from assay.kernel.storage.sql import Prepared, moment
from assay.kernel.storage.unit_of_work import Hook, SqlStore, UnitOfWork

_S = user_schemas.c
_ID = _S.user_schema_id

_SCHEMAS = RowMapper(UserSchema, user_schemas, definition=str.encode)
_SELECT = select(*_SCHEMAS.columns)
_HERE = (_S.organization_id == bindparam("org"), _S.user_schema_id == bindparam("id"))
_GET = Prepared(_SELECT.where(*_HERE))
_LOCK = Prepared(select(_S.user_schema_id).where(*_HERE).with_for_update())
_COUNT = Prepared(select(func.count()).where(_S.organization_id == bindparam("org")))
_INSERT = Prepared(insert(user_schemas))
_UPDATE = Prepared(
    update(user_schemas)
    .where(*_HERE)
    .values(bound("name", "description", "definition", "updated_at"))
)
_DELETE = Prepared(delete(user_schemas).where(*_HERE))


class SchemaDeletion(Hook):
    """Asked before a field schema is deleted."""

    def check(self, uow: UnitOfWork, organization_id: str, user_schema_id: str) -> None:
        """Raise a refusal while something names the schema."""


class UserSchemas(SqlStore):
    """Field schemas that people made."""

    noun = "field schema"

    def create(self, organization_id: str, new: NewUserSchema) -> UserSchema:
        """Store a new schema under a new UUID and return it."""
        now = self._db.now()
        user_schema_id = self._db.ids.new_uuid()
        values = values_of(
            user_schemas,
            new,
            organization_id=organization_id,
            user_schema_id=user_schema_id,
            definition=new.definition.decode(),
            created_at=now,
            updated_at=now,
        )
        self._db.run(_INSERT, **values)
        return self.get(organization_id, user_schema_id)

    def get(self, organization_id: str, user_schema_id: str) -> UserSchema:
        """Return a schema, or NotFound."""
        return _SCHEMAS.read(self._existing(_GET, organization_id, user_schema_id))

    def hold(self, organization_id: str, user_schema_id: str) -> None:
        """Keep a schema from being deleted until this transaction ends; NotFound if absent."""
        self._existing(_LOCK, organization_id, user_schema_id)

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[UserSchema]:
        """Return a page of schemas."""
        here = _S.organization_id == organization_id
        sizes = select(
            _S.user_schema_id, _S.created_at, func.length(_S.definition).label("size")
        ).where(here)
        listed = self._db.select(
            newest_first(sizes, _S.created_at, _S.user_schema_id, limit=limit, after=after)
        )
        kept = within(listed, limit, max_bytes, lambda row: row.size)
        keys = [row.user_schema_id for row in listed[:kept]]
        found = {
            row.user_schema_id: row for row in self._db.select(_SELECT.where(here, _ID.in_(keys)))
        }
        last = listed[kept - 1] if kept < len(listed) else None
        return Page(
            items=tuple(_SCHEMAS.read(found[key]) for key in keys),
            next=None
            if last is None
            else Cursor(created_at=moment(last.created_at), id=last.user_schema_id),
        )

    def count(self, organization_id: str) -> int:
        """Return how many schemas the organization has."""
        return int(self._db.value(_COUNT, org=organization_id))

    def update(self, organization_id: str, schema: UserSchema) -> UserSchema:
        """Store name, description and definition of `schema`; all else of it is ignored.

        `updated_at` becomes now. An absent schema raises NotFound, a wrong value
        InvalidArgument.
        """
        check_schema_fields(schema)
        self._change(
            _UPDATE,
            organization_id,
            schema.user_schema_id,
            name=schema.name,
            description=schema.description,
            definition=schema.definition.decode(),
            updated_at=self._db.now(),
        )
        return self.get(organization_id, schema.user_schema_id)

    def delete(self, organization_id: str, user_schema_id: str) -> None:
        """Delete a schema; ResourceInUse while a dataset names it, NotFound if it is absent."""
        self.hold(organization_id, user_schema_id)
        for hook in self._db.hooks(SchemaDeletion):
            hook.check(self._db, organization_id, user_schema_id)
        self._db.run(_DELETE, org=organization_id, id=user_schema_id)
