"""Extraction runs and what they hold: created, read, listed and deleted."""

from __future__ import annotations

from collections.abc import Sequence

from assay.features.extraction_runs.model import (
    EXTRACTION_ROWS,
    Extraction,
    ExtractionRun,
    NewExtraction,
    NewExtractionRun,
)
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.imports.model import StagedRow
from assay.features.imports.service import ImportTarget
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.rpc.paging import Counted, counted, place_of
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace


class ExtractionUseCases:
    """The extraction runs of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self, organization_id: str, new: NewExtractionRun, *, request_id: str | None = None
    ) -> ExtractionRun:
        """Create a run, or return the one that the same request made before.

        Raises:
            RequestIdReused: the request_id came before with another body.
        """
        body = replace(new, created_by="")
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateExtractionRun", request_id=request_id, body=body),
                make=lambda: uow[ExtractionRuns].create(organization_id, new),
                again=lambda key: uow[ExtractionRuns].get(organization_id, key),
                key_of=lambda made: made.run_id,
            )

    def get(self, organization_id: str, run_id: str) -> ExtractionRun:
        """Return one run; raises NotFound."""
        with self._store.read() as uow:
            return uow[ExtractionRuns].get(organization_id, run_id)

    def list(self, organization_id: str, limit: int, token: str) -> Counted[ExtractionRun]:
        """Return a page of runs, newest first; raises BadPageToken."""
        scope = self._store.scope(f"extraction_runs/{organization_id}")
        after = place_of(token, scope)
        with self._store.read() as uow:
            page = uow[ExtractionRuns].list(organization_id, limit=limit, after=after)
            total = uow[ExtractionRuns].count(organization_id)
        return counted(page, scope, total=total, limit=limit)

    def delete(self, organization_id: str, run_id: str) -> None:
        """Delete a run with its extractions; raises NotFound."""
        with self._store.write() as uow:
            uow[ExtractionRuns].delete(organization_id, run_id)

    def get_extraction(self, organization_id: str, run_id: str, extraction_id: str) -> Extraction:
        """Return one extraction; raises NotFound."""
        with self._store.read() as uow:
            return uow[Extractions].get(organization_id, run_id, extraction_id)

    def list_extractions(
        self, organization_id: str, run_id: str, limit: int, token: str, *, document_id: str
    ) -> Counted[Extraction]:
        """Return a page of a run's extractions, newest first, of one document if it is given.

        Raises:
            NotFound: no such run.
            BadPageToken: the token is of another listing.
        """
        scope = self._store.scope(f"extractions/{organization_id}/{run_id}/{document_id}")
        after = place_of(token, scope)
        with self._store.read() as uow:
            page = uow[Extractions].list(
                organization_id,
                run_id,
                limit=limit,
                after=after,
                document_id=document_id or None,
            )
            total = (
                len(page.items)
                if document_id
                else uow[ExtractionRuns].get(organization_id, run_id).document_count
            )
        return counted(page, scope, total=total, limit=limit)


def _add(
    uow: UnitOfWork, organization_id: str, holder_id: str, rows: Sequence[StagedRow]
) -> tuple[int, ...]:
    documents = [
        NewExtraction(document_id=row.document_id, data=row.data, confidence=row.more)
        for row in rows
    ]
    return uow[Extractions].add_many(organization_id, holder_id, documents)


EXTRACTIONS = ImportTarget(
    kind="extractions",
    shape=EXTRACTION_ROWS,
    find=lambda uow, organization_id, key: uow[ExtractionRuns].get(organization_id, key),
    add=_add,
)
