"""The field schema of a ground-truth dataset: the one that it names, else inferred of its entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from assay.extraction.schema import FieldSchema, SchemaError
from assay.extraction.schema_inference import SchemaInference
from assay.features.field_schemas.model import UserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.features.imports import documents
from assay.kernel.errors import FailedPrecondition
from assay.kernel.kernel import Compute
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

PAGE_DOCUMENTS = 1_000  # entries that one compute call looks at
MAX_LOOKED_AT = 10_000  # entries that a schema is inferred from while somebody waits for it


@dataclass(frozen=True, kw_only=True)
class DatasetSchema:
    """The schema by which a dataset's documents are compared."""

    user_schema: UserSchema | None  # the one that the dataset names; None: inferred
    definition: FieldSchema
    documents: int = 0  # entries that it was inferred from; 0: it was not inferred
    reasons: Mapping[str, str] = field(default_factory=dict)  # path → why it has its type


def guess_schema(texts: Sequence[str], known: SchemaInference | None) -> SchemaInference:
    """Return what the documents with these canonical texts, and those before, seem to have."""
    guess = SchemaInference.of(documents.read(text) for text in texts)
    return guess if known is None else known.merge(guess)


class DatasetSchemas:
    """The schemas of datasets, named or inferred; async, as compute children infer them."""

    def __init__(self, store: Store, *, compute: Compute, run_in_thread: RunInThread) -> None:
        self._store = store
        self._compute = compute
        self._run_in_thread = run_in_thread

    async def of(self, organization_id: str, dataset_id: str) -> DatasetSchema:
        """Return the schema that a dataset names, else the one that its entries seem to have.

        The first MAX_LOOKED_AT entries by document id are looked at.

        Raises:
            NotFound: no such dataset.
            FailedPrecondition: it names none, and none can be inferred of its entries.
        """
        named = await self._run_in_thread(lambda: self._named(organization_id, dataset_id))
        if named is not None:
            return DatasetSchema(user_schema=named, definition=FieldSchema.parse(named.definition))
        found: SchemaInference | None = None
        documents = 0
        after = ""
        while documents < MAX_LOOKED_AT:
            texts = await self._run_in_thread(self._page(organization_id, dataset_id, after))
            if not texts:
                break
            found = await self._compute.run(guess_schema, [text for _, text in texts], found)
            documents += len(texts)
            after = texts[-1][0]
        if found is None:
            raise _none(dataset_id, "it has no entries")
        guess = found
        return await self._run_in_thread(lambda: _inferred(dataset_id, guess, documents))

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


def _inferred(dataset_id: str, guess: SchemaInference, documents: int) -> DatasetSchema:
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
