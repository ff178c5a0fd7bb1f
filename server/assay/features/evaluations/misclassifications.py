"""The kept mistakes of an evaluation, with the ids and features of their rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations.details_artifact import NO_FEATURES, KeptMistakes, MistakeCell
from assay.features.evaluations.partial_aggregate import Stored
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.misclassification import Misclassifications
from assay.records import encode
from assay.tabular.stored import stored_rows

Texts = NDArray[np.object_]  # (m,) of str or None


def mistake_cells(
    mistakes: Misclassifications, stored: tuple[Stored, ...], blobs: JobBlobs
) -> tuple[MistakeCell, ...]:
    """Return the cells that hold mistakes, in the order of labels.

    Works by column: hundreds of labels make tens of thousands of cells and millions of rows.
    """
    labels, sparse = mistakes.totals.labels, mistakes.totals.sparse
    row_ids, features = _shown(mistakes.rows, stored, blobs)
    starts = np.searchsorted(mistakes.cells, sparse.cells, side="left").tolist()
    ends = np.searchsorted(mistakes.cells, sparse.cells, side="right").tolist()
    return tuple(
        MistakeCell(
            true_label=labels[cell // len(labels)],
            predicted_label=labels[cell % len(labels)],
            total=total,
            kept=KeptMistakes(
                rows=tuple(mistakes.rows[start:end].tolist()),
                row_ids=None if row_ids is None else tuple(row_ids[start:end]),
                confidence=(
                    tuple(mistakes.confidence[start:end].tolist()) if mistakes.scored else None
                ),
                features=None if features is None else tuple(features[start:end]),
            ),
        )
        for cell, total, start, end in zip(
            sparse.cells.tolist(), sparse.counts.tolist(), starts, ends, strict=True
        )
    )


def _shown(
    rows: NDArray[np.int64], stored: tuple[Stored, ...], blobs: JobBlobs
) -> tuple[Texts | None, Texts | None]:
    """Return ids and features as JSON of (m,) rows, None where no row has any.

    Every chunk that holds one of the rows is read once.
    """
    firsts = np.array([place.first_row for place in stored], np.int64)
    order = np.argsort(rows, kind="stable")
    chunks = np.searchsorted(firsts, rows[order], side="right") - 1
    ids, features = np.full(len(rows), None, object), np.full(len(rows), NO_FEATURES, object)
    has_ids = has_features = False
    for at in np.unique(chunks).tolist():
        low, high = np.searchsorted(chunks, [at, at + 1])
        ours = order[low:high]
        found = stored_rows(blobs.view(stored[at].blob), rows[ours] - firsts[at])
        if found.row_ids is not None:
            ids[ours], has_ids = found.row_ids, True
        if found.features is not None:
            features[ours] = [encode(values).decode() for values in found.features]
            has_features = True
    return ids if has_ids else None, features if has_features else None
