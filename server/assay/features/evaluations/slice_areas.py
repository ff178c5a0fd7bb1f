"""Rank counts of slices, which need scores in order: a task holds one score column at a time, and its slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations.second_pass import too_many_values
from assay.features.evaluations.stored_rows import Manifest, ScoreReader, read_values
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.slices import MOST_VALUES, SliceColumn, TooManyValues, Value
from assay.tabular.chunk import Floats
from assay.tabular.stored import stored_slices

MAX_ROWS = 8_000_000  # of an evaluation; a column of them takes 72 MB, and as much to be sorted
MAX_CELLS = 40_000_000  # rows × score columns × slice columns: each is sorted once
TASK_CELLS = 4_000_000  # of one task, unless one column has more


def area_groups(
    manifest: Manifest, max_cells: int = MAX_CELLS, shard_cells: int = TASK_CELLS
) -> list[tuple[int, int]]:
    """Return groups (first, last + 1) of score columns; of a regression one, for its residuals.

    There are none without slices or scores, and none of too many rows.
    """
    regression = manifest.rules.regression
    columns = 1 if regression else len(manifest.score_labels)
    work = manifest.rows * columns * len(manifest.slices)
    if not work or manifest.rows > MAX_ROWS or work > max_cells:
        return []
    step = max(1, shard_cells // (manifest.rows * len(manifest.slices)))
    return [(first, min(first + step, columns)) for first in range(0, columns, step)]


def slice_ranks(manifest: Manifest, piece: Sequence[int], blobs: JobBlobs) -> SliceRanks:
    """Count the score columns of one of `area_groups`, or rank a regression's residuals.

    Raises BadPredictions when a slice column has too many values.
    """
    slices = _slices(manifest, blobs)
    if manifest.rules.regression:
        return SliceRanks.of_numbers(*_numbers(manifest, blobs), slices)
    reader = ScoreReader(manifest, blobs)
    return SliceRanks.merge_all(
        [_column(manifest, reader, column, slices) for column in range(*piece)]
    )


def _numbers(manifest: Manifest, blobs: JobBlobs) -> tuple[Floats, Floats]:
    """Return (rows,) truth and prediction."""
    true, predicted = np.empty(manifest.rows), np.empty(manifest.rows)
    start = 0
    for ours, theirs in read_values(manifest, blobs):
        stop = start + len(ours)
        true[start:stop], predicted[start:stop] = ours, theirs
        start = stop
    return true, predicted


def _column(
    manifest: Manifest, reader: ScoreReader, column: int, slices: dict[str, SliceColumn]
) -> SliceRanks:
    positive = np.empty(manifest.rows, np.bool_)
    scores = np.empty(manifest.rows, np.float64)
    weights = np.empty(manifest.rows, np.int64) if manifest.weighted else None
    start = 0
    for hits, values, *heavy in reader.read(column):
        stop = start + len(hits)
        positive[start:stop], scores[start:stop] = hits, values
        if weights is not None:
            weights[start:stop] = heavy[0]
        start = stop
    return SliceRanks.of_scores(column, positive, scores, slices, weights)


def _slices(manifest: Manifest, blobs: JobBlobs) -> dict[str, SliceColumn]:
    """Return the slice columns of all rows, a byte a row."""
    tables: dict[str, dict[Value, int]] = {name: {} for name in manifest.slices}
    codes: dict[str, NDArray[np.uint8]] = {
        name: np.empty(manifest.rows, np.uint8) for name in manifest.slices
    }
    start = 0
    for place in manifest.stored:
        for name, found in stored_slices(blobs.view(place.blob), manifest.slices).items():
            table = tables[name]
            moved = [table.setdefault(value, len(table)) for value in found.values]
            if len(table) > MOST_VALUES:
                raise too_many_values(TooManyValues(name, len(table)))
            codes[name][start : start + place.rows] = np.array(moved, np.uint8)[found.indices]
        start += place.rows
    return {
        name: SliceColumn(codes=codes[name], table=tuple(tables[name])) for name in manifest.slices
    }
