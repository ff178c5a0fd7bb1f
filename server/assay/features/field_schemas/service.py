"""Field schemas: create, read, list, change, delete, and infer one from a dataset's entries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from assay.extraction.schema import FieldSchema, SchemaError
from assay.extraction.schema_inference import SchemaGuess
from assay.features.evaluations.upload import Offload
from assay.features.field_schemas.model import NewUserSchema, UserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.errors import FailedPrecondition
from assay.kernel.idempotency import Once, once
from assay.kernel.rpc.paging import Counted, counted, place_of
from assay.kernel.storage.store import Store

PAGE_DOCUMENTS = 1_000  # entries that one compute call looks at
MAX_LOOKED_AT = 10_000  # entries that a schema is inferred from while somebody waits for it

Guess = Callable[[Sequence[str], SchemaGuess | None], Awaitable[SchemaGuess]]


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
            definition=b"" if self.definition is None else self.definition.to_json(),
        )


@dataclass(frozen=True, kw_only=True)
class DatasetSchema:
    """The schema by which a dataset's documents are compared."""

    user_schema: UserSchema | None  # the one that the dataset names; None: inferred
    definition: FieldSchema
    documents: int = 0  # entries that it was inferred from; 0: it was not inferred
    reasons: Mapping[str, str] = field(default_factory=dict)  # path → why it has its type


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
        body = asdict(replace(new, created_by="")) | {"definition": new.definition.decode()}
        with self._store.write() as uow:
            return once(
                uow,
                organization_id,
                Once(method="CreateFieldSchema", request_id=request_id, body=body),
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
        return counted(page, scope, lambda one: one, total=total, limit=limit)

    def update(self, organization_id: str, user_schema_id: str, change: SchemaChange) -> UserSchema:
        """Change a schema; benchmarks that were made keep what they were made with.

        Raises:
            NotFound: no such schema.
            InvalidArgument: a value is not allowed.
        """
        with self._store.write() as uow:
            schema = uow[UserSchemas].get(organization_id, user_schema_id)
            definition = change.definition or FieldSchema.from_json(schema.definition)
            if change.distinct_empties is not None:
                definition = replace(definition, distinct_empties=change.distinct_empties)
            changed = replace(
                schema,
                name=schema.name if change.name is None else change.name,
                description=(
                    schema.description if change.description is None else change.description
                ),
                definition=definition.to_json(),
            )
            return uow[UserSchemas].update(organization_id, changed)

    def delete(self, organization_id: str, user_schema_id: str) -> None:
        """Delete a schema.

        Raises:
            NotFound: no such schema.
            ResourceInUse: a dataset names it.
        """
        with self._store.write() as uow:
            uow[UserSchemas].delete(organization_id, user_schema_id)


class DatasetSchemas:
    """The schemas of datasets, named or inferred; async, as compute children infer them."""

    def __init__(self, store: Store, *, guess: Guess, offload: Offload) -> None:
        self._store = store
        self._guess = guess
        self._offload = offload

    async def of(self, organization_id: str, dataset_id: str) -> DatasetSchema:
        """Return the schema that a dataset names, else the one that its entries seem to have.

        The first MAX_LOOKED_AT entries by document id are looked at.

        Raises:
            NotFound: no such dataset.
            FailedPrecondition: it names none, and none can be inferred of its entries.
        """
        named = await self._offload(lambda: self._named(organization_id, dataset_id))
        if named is not None:
            return DatasetSchema(
                user_schema=named, definition=FieldSchema.from_json(named.definition)
            )
        found: SchemaGuess | None = None
        documents = 0
        after = ""
        while documents < MAX_LOOKED_AT:
            texts = await self._offload(self._page(organization_id, dataset_id, after))
            if not texts:
                break
            found = await self._guess([text for _, text in texts], found)
            documents += len(texts)
            after = texts[-1][0]
        if found is None:
            raise _none(dataset_id, "it has no entries")
        guess = found
        return await self._offload(lambda: _told(dataset_id, guess, documents))

    def _named(self, organization_id: str, dataset_id: str) -> UserSchema | None:
        with self._store.read() as uow:
            key = uow[GroundTruthDatasets].get(organization_id, dataset_id).user_schema_id
            return None if key is None else uow[UserSchemas].get(organization_id, key)

    def _page(
        self, organization_id: str, dataset_id: str, after: str
    ) -> Callable[[], Sequence[tuple[str, str]]]:
        def read() -> Sequence[tuple[str, str]]:
            with self._store.read() as uow:
                entries = uow[Entries].by_document(
                    organization_id, dataset_id, limit=PAGE_DOCUMENTS, after=after
                )
            return [(entry.document_id, entry.expected) for entry in entries]

        return read


def _told(dataset_id: str, guess: SchemaGuess, documents: int) -> DatasetSchema:
    try:
        return DatasetSchema(
            user_schema=None,
            definition=guess.schema(),
            documents=documents,
            reasons=guess.reasons(),
        )
    except SchemaError as error:
        raise _none(dataset_id, f"what its entries seem to have {error.message}") from error


def _none(dataset_id: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"The dataset '{dataset_id}' names no field schema, and none can be inferred: {why}. "
        "Add entries with the fields that count, or set its user_schema_id.",
        metadata={"dataset_id": dataset_id},
    )
