"""Extraction runs as a target of imports."""

from __future__ import annotations

from collections.abc import Sequence

from assay.features.extraction_runs.model import EXTRACTION_ROWS, NewExtraction
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.imports.model import StagedRow
from assay.features.imports.service import ImportTarget
from assay.kernel.storage.unit_of_work import UnitOfWork


def _find(uow: UnitOfWork, organization_id: str, run_id: str) -> None:
    uow[ExtractionRuns].get(organization_id, run_id)


def _add(
    uow: UnitOfWork, organization_id: str, run_id: str, rows: Sequence[StagedRow]
) -> tuple[int, ...]:
    extractions = [
        NewExtraction(document_id=row.document_id, data=row.data, confidence=row.more)
        for row in rows
    ]
    return uow[Extractions].add_many(organization_id, run_id, extractions)


EXTRACTIONS = ImportTarget(kind="extractions", shape=EXTRACTION_ROWS, find=_find, add=_add)
