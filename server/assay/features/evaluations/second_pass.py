"""The second pass over the stored rows, for what would make the partials of single chunks large.

Mistakes, slices and the bootstrap follow from any group of chunks, and merge to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations.ingest import row_hashes
from assay.features.evaluations.stored_rows import Manifest
from assay.kernel.errors import BadPredictions
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.misclassification import Misclassifications
from assay.metrics.resampling.bootstrap import Bootstrap, row_clusters
from assay.metrics.slices import SliceColumn, SliceStatistics, TooManyValues
from assay.records.predictions import ClassificationChunk, RegressionChunk
from assay.tabular.chunk import Chunk
from assay.tabular.labels import slice_codes
from assay.tabular.row_ids import RowIds, row_ids_of
from assay.tabular.stored import stored_chunk, stored_row_ids

BOOTSTRAP_ROWS = 50_000  # of an evaluation; more rows are resampled by the cells of their counts
_MERGE_EVERY = 16  # parts held at a time


@dataclass(frozen=True, kw_only=True)
class SecondPassStatistics:
    """What was seen of some rows."""

    mistakes: Misclassifications | None  # None: a regression
    slices: SliceStatistics | None  # None: no slice columns
    bootstrap: Bootstrap | None  # None: not asked for, or not to be had


NOTHING = SecondPassStatistics(mistakes=None, slices=None, bootstrap=None)


def merge_second_passes(parts: Iterable[SecondPassStatistics]) -> SecondPassStatistics:
    """Merge parts, in any order, to the same bits; raises BadPredictions for too many slices."""
    ours = list(parts)
    if not ours:
        return NOTHING
    mistakes = [one.mistakes for one in ours if one.mistakes is not None]
    slices = [one.slices for one in ours if one.slices is not None]
    bootstraps = [one.bootstrap for one in ours if one.bootstrap is not None]
    try:
        return SecondPassStatistics(
            mistakes=Misclassifications.merge_all(mistakes) if mistakes else None,
            slices=SliceStatistics.merge_all(slices) if slices else None,
            # A chunk that cannot be resampled spoils the intervals of all.
            bootstrap=_merged(bootstraps) if len(bootstraps) == len(ours) else None,
        )
    except TooManyValues as error:
        raise too_many_values(error) from error


def _merged(bootstraps: Sequence[Bootstrap]) -> Bootstrap | None:
    try:
        return Bootstrap.merge_all(bootstraps)
    except ValueError:  # a replicate weighs more than sums may hold: so it does however merged
        return None


def second_pass(manifest: Manifest, group: Sequence[int], blobs: JobBlobs) -> SecondPassStatistics:
    """Read the stored chunks of one of `groups`.

    Raises BadPredictions when a slice column has too many values.
    """
    held: list[SecondPassStatistics] = []
    first, last = group
    for place in manifest.stored[first:last]:
        data = blobs.view(place.blob)
        chunk = stored_chunk(data, manifest.rules, place.first_row)
        held.append(
            _pass_over(chunk, stored_row_ids(data) if manifest.has_row_ids else None, manifest)
        )
        if len(held) == _MERGE_EVERY:
            held = [merge_second_passes(held)]
    return merge_second_passes(held)


def groups(manifest: Manifest, max_rows: int) -> list[tuple[int, int]]:
    """Cut the stored chunks into groups (first, last + 1) of about `max_rows` rows.

    There are none where there is nothing to look for: in a large regression without slices.
    """
    if manifest.rules.regression and not manifest.slices and not _is_resampled(manifest):
        return []
    found: list[tuple[int, int]] = []
    start = rows = 0
    for at, place in enumerate(manifest.stored):
        rows += place.rows
        if rows >= max_rows or at == len(manifest.stored) - 1:
            found.append((start, at + 1))
            start, rows = at + 1, 0
    return found


def _pass_over(chunk: Chunk, row_ids: RowIds | None, manifest: Manifest) -> SecondPassStatistics:
    arrays = chunk.predictions
    mistakes = None
    if isinstance(arrays, ClassificationChunk):
        rows = np.arange(chunk.first_row, chunk.first_row + chunk.rows)
        mistakes = Misclassifications.from_chunk(arrays, rows, _keys(chunk, arrays, row_ids))
    columns = {name: chunk.extras[f"slice:{name}"] for name in manifest.slices}
    slices = None
    if columns:
        coded = {name: slice_codes(column) for name, column in columns.items()}
        try:
            slices = SliceStatistics.from_chunk(
                arrays,
                {n: SliceColumn(codes=c.indices, table=c.values) for n, c in coded.items()},
            )
        except TooManyValues as error:
            raise too_many_values(error) from error
    return SecondPassStatistics(
        mistakes=mistakes, slices=slices, bootstrap=_bootstrap(chunk, arrays, row_ids, manifest)
    )


def _keys(chunk: Chunk, arrays: ClassificationChunk, row_ids: RowIds | None) -> NDArray[np.uint64]:
    """Return (rows,) hashes that order equally confident mistakes; right rows need none."""
    if row_ids is None:
        return row_hashes(chunk)
    keys = np.zeros(chunk.rows, np.uint64)
    wrong = np.flatnonzero(arrays.true != arrays.predicted)
    keys[wrong] = row_ids.some(wrong).hashes
    return keys


def _bootstrap(
    chunk: Chunk,
    arrays: ClassificationChunk | RegressionChunk,
    row_ids: RowIds | None,
    manifest: Manifest,
) -> Bootstrap | None:
    """Resample clusters, else rows by their ids, else by their numbers."""
    if not _is_resampled(manifest):
        return None
    if "cluster_id" in chunk.extras:
        clusters = row_ids_of(chunk.extras["cluster_id"]).hashes
    elif row_ids is not None:
        clusters = row_ids.hashes
    else:
        clusters = row_clusters(chunk.first_row, chunk.rows)
    try:
        return Bootstrap.from_chunk(arrays, clusters)
    except ValueError:  # values near the end of float64, or of weights, cannot be resampled
        return None


def _is_resampled(manifest: Manifest) -> bool:
    return manifest.rows <= BOOTSTRAP_ROWS


def too_many_values(error: TooManyValues) -> BadPredictions:
    """Return the refusal of a slice column."""
    return BadPredictions(
        f"column slice:{error.column}: {error}.",
        metadata={"column": f"slice:{error.column}", "values": error.values},
    )
