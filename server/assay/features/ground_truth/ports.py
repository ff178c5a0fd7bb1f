"""What the stores of extraction quality promise; the rules at the top of ports.py hold here too.

A page of documents or of schemas holds fewer than were asked for when these would have
more than `max_bytes` of JSON, but never none while one is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assay.features.extraction_runs.model import (
    Extraction,
    ExtractionRun,
    NewExtraction,
    NewExtractionRun,
    Pair,
)
from assay.features.field_schemas.model import NewUserSchema, UserSchema
from assay.features.ground_truth.model import Dataset, Entry, NewDataset, NewEntry
from assay.kernel.cursor import Cursor, Page

PAGE_BYTES = 2 * 1024 * 1024  # JSON of the documents of one page


class UserSchemas(Protocol):
    """Field schemas that people made."""

    def create(self, organization_id: str, new: NewUserSchema) -> UserSchema:
        """Store a new schema under a new UUID and return it."""
        ...

    def get(self, organization_id: str, user_schema_id: str) -> UserSchema:
        """Return a schema, or NotFound."""
        ...

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[UserSchema]:
        """Return a page of schemas."""
        ...

    def count(self, organization_id: str) -> int:
        """Return how many schemas the organization has."""
        ...

    def update(self, organization_id: str, schema: UserSchema) -> UserSchema:
        """Store name, description and definition of `schema`; all else of it is ignored.

        `updated_at` becomes now. An absent schema raises NotFound, a wrong value
        InvalidArgument.
        """
        ...

    def delete(self, organization_id: str, user_schema_id: str) -> None:
        """Delete a schema; ResourceInUse while a dataset names it, NotFound if it is absent."""
        ...


class GroundTruth(Protocol):
    """Ground-truth datasets."""

    def create(self, organization_id: str, new: NewDataset) -> Dataset:
        """Store a new, empty dataset under a new UUID; an absent schema raises NotFound."""
        ...

    def get(self, organization_id: str, dataset_id: str) -> Dataset:
        """Return a dataset with the number of its entries, or NotFound."""
        ...

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[Dataset]:
        """Return a page of datasets."""
        ...

    def count(self, organization_id: str) -> int:
        """Return how many datasets the organization has."""
        ...

    def update(self, organization_id: str, dataset: Dataset) -> Dataset:
        """Store name, description and schema of `dataset`; all else of it is ignored.

        `updated_at` becomes now. An absent dataset or schema raises NotFound, a wrong value
        InvalidArgument.
        """
        ...

    def delete(self, organization_id: str, dataset_id: str) -> None:
        """Delete a dataset with its entries; NotFound if it is absent."""
        ...


class Entries(Protocol):
    """Entries of datasets: what is known of single documents."""

    def add(self, organization_id: str, dataset_id: str, new: NewEntry) -> Entry:
        """Store an entry and return it.

        A document that the dataset has raises AlreadyExists, an absent dataset NotFound,
        and an entry more than MAX_DOCUMENTS TooLarge.
        """
        ...

    def add_many(
        self, organization_id: str, dataset_id: str, new: Sequence[NewEntry]
    ) -> tuple[int, ...]:
        """Store entries, all but those of documents that the dataset or an earlier one has.

        The places in `new` of those left out are returned, rising. An absent dataset raises
        NotFound, and more than MAX_DOCUMENTS entries in all TooLarge.
        """
        ...

    def get(self, organization_id: str, dataset_id: str, entry_id: str) -> Entry:
        """Return an entry; NotFound if the dataset or the entry in it is absent."""
        ...

    def list(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        document_id: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Entry]:
        """Return a page of a dataset's entries, of one document if it is given.

        An absent dataset raises NotFound.
        """
        ...

    def delete(self, organization_id: str, dataset_id: str, entry_id: str) -> None:
        """Delete an entry; NotFound if the dataset or the entry in it is absent."""
        ...

    def by_document(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        limit: int,
        after: str = "",
        max_bytes: int = PAGE_BYTES,
    ) -> tuple[Entry, ...]:
        """Return the next entries by rising document id, strictly after the id `after`.

        None are left when none are returned. An absent dataset raises NotFound.
        """
        ...

    def pairs(
        self,
        organization_id: str,
        dataset_id: str,
        *,
        run_id: str | None,
        limit: int,
        after: str = "",
        max_bytes: int = PAGE_BYTES,
    ) -> tuple[Pair, ...]:
        """Return the next entries as `by_document`, each with its document's extraction.

        That is the one of the run `run_id`, and without a run the newest one of all runs.
        An absent dataset or run raises NotFound.
        """
        ...


class ExtractionRuns(Protocol):
    """Extraction runs."""

    def create(self, organization_id: str, new: NewExtractionRun) -> ExtractionRun:
        """Store a new, empty run under a new UUID and return it."""
        ...

    def get(self, organization_id: str, run_id: str) -> ExtractionRun:
        """Return a run with the number of its extractions, or NotFound."""
        ...

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[ExtractionRun]:
        """Return a page of runs."""
        ...

    def count(self, organization_id: str) -> int:
        """Return how many runs the organization has."""
        ...

    def delete(self, organization_id: str, run_id: str) -> None:
        """Delete a run with its extractions; NotFound if it is absent."""
        ...


class Extractions(Protocol):
    """Extractions of runs: what was read from single documents."""

    def add_many(
        self, organization_id: str, run_id: str, new: Sequence[NewExtraction]
    ) -> tuple[int, ...]:
        """Store extractions, all but those of documents that the run or an earlier one has.

        The places in `new` of those left out are returned, rising. An absent run raises
        NotFound, and more than MAX_DOCUMENTS extractions in all TooLarge.
        """
        ...

    def get(self, organization_id: str, run_id: str, extraction_id: str) -> Extraction:
        """Return an extraction; NotFound if the run or the extraction in it is absent."""
        ...

    def list(
        self,
        organization_id: str,
        run_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        document_id: str | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Extraction]:
        """Return a page of a run's extractions, of one document if it is given.

        An absent run raises NotFound.
        """
        ...
