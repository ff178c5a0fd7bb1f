"""Field schemas: create, read, list, change, delete."""

from __future__ import annotations

from dataclasses import dataclass

from assay.extraction.schema import FieldSchema
from assay.features.field_schemas.model import NewUserSchema, UserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.rpc.paging import Counted, counted, place_of
from assay.kernel.storage.store import Store
from assay.records import replace


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """The fields to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    definition: FieldSchema | None = None
    distinct_empties: tuple[str, ...] | None = None  # of the definition that is there

    def __post_init__(self) -> None:
        # What is wrong for every schema is refused before anything is said of this one.
        NewUserSchema(
            name="any" if self.name is None else self.name,
            description=self.description or "",
            definition=b"" if self.definition is None else self.definition.encoded(),
        )


class FieldSchemas:
    """The field schemas of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self, organization_id: str, new: NewUserSchema, *, request_id: str | None = None
    ) -> UserSchema:
        """Create a schema, or return the one that the same request made before.

        Raises:
            RequestIdReused: the request_id came before with another body.
        """
        body = replace(new, created_by="")
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateFieldSchema", request_id=request_id, body=body),
                make=lambda: uow[UserSchemas].create(organization_id, new),
                again=lambda key: uow[UserSchemas].get(organization_id, key),
                key_of=lambda made: made.user_schema_id,
            )

    def get(self, organization_id: str, user_schema_id: str) -> UserSchema:
        """Return one schema; raises NotFound."""
        with self._store.read() as uow:
            return uow[UserSchemas].get(organization_id, user_schema_id)

    def list(self, organization_id: str, limit: int, token: str) -> Counted[UserSchema]:
        """Return a page of schemas, newest first; raises BadPageToken."""
        scope = self._store.scope(f"user_schemas/{organization_id}")
        after = place_of(token, scope)
        with self._store.read() as uow:
            page = uow[UserSchemas].list(organization_id, limit=limit, after=after)
            total = uow[UserSchemas].count(organization_id)
        return counted(page, scope, total=total, limit=limit)

    def update(self, organization_id: str, user_schema_id: str, change: SchemaChange) -> UserSchema:
        """Change a schema; benchmarks that were made keep what they were made with.

        Raises:
            NotFound: no such schema.
            InvalidArgument: a value is not allowed.
        """
        with self._store.write() as uow:
            schema = uow[UserSchemas].get(organization_id, user_schema_id)
            definition = change.definition or FieldSchema.parse(schema.definition)
            if change.distinct_empties is not None:
                definition = FieldSchema(
                    fields=definition.fields, distinct_empties=change.distinct_empties
                )
            changed = replace(
                schema,
                name=schema.name if change.name is None else change.name,
                description=(
                    schema.description if change.description is None else change.description
                ),
                definition=definition.encoded(),
            )
            if changed == schema:
                return schema
            return uow[UserSchemas].update(organization_id, changed)

    def delete(self, organization_id: str, user_schema_id: str) -> None:
        """Delete a schema.

        Raises:
            NotFound: no such schema.
            ResourceInUse: a dataset names it.
        """
        with self._store.write() as uow:
            uow[UserSchemas].delete(organization_id, user_schema_id)
