"""Ground truth as a target of imports."""

from __future__ import annotations

from collections.abc import Sequence

from assay.features.ground_truth.model import ENTRY_ROWS, NewEntry
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.features.imports.model import StagedRow
from assay.features.imports.service import ImportTarget
from assay.kernel.storage.unit_of_work import UnitOfWork


def _find(uow: UnitOfWork, organization_id: str, dataset_id: str) -> None:
    uow[GroundTruthDatasets].get(organization_id, dataset_id)


def _add(
    uow: UnitOfWork, organization_id: str, dataset_id: str, rows: Sequence[StagedRow]
) -> tuple[int, ...]:
    entries = [
        NewEntry(document_id=row.document_id, expected=row.data, notes=row.more) for row in rows
    ]
    return uow[Entries].add_many(organization_id, dataset_id, entries)


ENTRIES = ImportTarget(kind="entries", shape=ENTRY_ROWS, find=_find, add=_add)
