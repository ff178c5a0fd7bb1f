"""Extraction runs and what they hold: created, read, listed and deleted."""

from __future__ import annotations

from dataclasses import asdict, replace

from assay.features.extraction_runs.model import Extraction, ExtractionRun, NewExtractionRun
from assay.kernel.idempotency import Once, once
from assay.kernel.rpc.paging import Counted, counted, place_of
from assay.kernel.storage.store import Store


class Extractions:
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
        body = asdict(replace(new, created_by=""))
        with self._store.write() as tx:
            return once(
                tx,
                organization_id,
                Once(method="CreateExtractionRun", request_id=request_id, body=body),
                make=lambda: tx.extraction_runs.create(organization_id, new),
                again=lambda key: tx.extraction_runs.get(organization_id, key),
                key_of=lambda made: made.run_id,
            )

    def get(self, organization_id: str, run_id: str) -> ExtractionRun:
        """Return one run; raises NotFound."""
        with self._store.read() as tx:
            return tx.extraction_runs.get(organization_id, run_id)

    def list(self, organization_id: str, limit: int, token: str) -> Counted[ExtractionRun]:
        """Return a page of runs, newest first; raises BadPageToken."""
        scope = self._store.scope(f"extraction_runs/{organization_id}")
        after = place_of(token, scope)
        with self._store.read() as tx:
            page = tx.extraction_runs.list(organization_id, limit=limit, after=after)
            total = tx.extraction_runs.count(organization_id)
        return counted(page, scope, lambda one: one, total=total, limit=limit)

    def delete(self, organization_id: str, run_id: str) -> None:
        """Delete a run with its extractions; raises NotFound."""
        with self._store.write() as tx:
            tx.extraction_runs.delete(organization_id, run_id)

    def get_extraction(self, organization_id: str, run_id: str, extraction_id: str) -> Extraction:
        """Return one extraction; raises NotFound."""
        with self._store.read() as tx:
            return tx.extractions.get(organization_id, run_id, extraction_id)

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
        with self._store.read() as tx:
            page = tx.extractions.list(
                organization_id,
                run_id,
                limit=limit,
                after=after,
                document_id=document_id or None,
            )
            total = (
                len(page.items)
                if document_id
                else tx.extraction_runs.get(organization_id, run_id).document_count
            )
        return counted(page, scope, lambda one: one, total=total, limit=limit)
