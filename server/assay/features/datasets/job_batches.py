"""Blocks of a split as batches of the job that stores them, which keeps them until it ends."""

from __future__ import annotations

from assay.features.datasets.stored_split import SplitManifest
from assay.kernel.jobs.kind import StoredBatch


def stored_batches(manifest: SplitManifest, first_row: int) -> tuple[StoredBatch, ...]:
    """Return the blocks of a split whose rows begin at `first_row` of the job."""
    batches: list[StoredBatch] = []
    for block in manifest.blocks:
        batches.append(StoredBatch(first_row=first_row, rows=block.rows, blob=block.blob))
        first_row += block.rows
    return tuple(batches)
