"""Details of an evaluation: curves, tables, slices, misclassifications and intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.features.evaluations.confidence_intervals import intervals
from assay.features.evaluations.details_artifact import (
    NO_FEATURES,
    AreaDetails,
    EvaluationDetails,
    KeptMistakes,
    MistakeCell,
    SliceDetails,
)
from assay.features.evaluations.job_results import Measured
from assay.features.evaluations.partial_aggregate import Stored
from assay.features.evaluations.second_pass import SecondPassStatistics
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.curves import Curve
from assay.metrics.metric_inputs import Ranking
from assay.metrics.misclassification import Misclassifications
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.slices import SliceStatistics
from assay.records import encode
from assay.tabular.stored import stored_rows

Texts = NDArray[np.object_]  # (m,) of str or None


def evaluation_details(
    measured: Measured, seen: SecondPassStatistics, ranks: SliceRanks | None, blobs: JobBlobs
) -> EvaluationDetails:
    """Return the details of an evaluation: the same however its rows were cut.

    `ranks` are those of its slices; None without slices or scores, and of too many rows.
    """
    measures = measured.measures
    lies = intervals(measured, seen.bootstrap)
    return EvaluationDetails(
        calibration=measures.calibration,
        curves=_curves(measured),
        roc_auc=_areas(measures.ranking),
        average_precision=_areas(measures.average_precision),
        residuals=measures.residuals,
        slices=_slices(measured, seen.slices, ranks),
        mistakes=(
            None
            if seen.mistakes is None
            else _mistakes(seen.mistakes, measured.partial.stored, blobs)
        ),
        intervals=lies.found,
        without_interval={name: reason.value for name, reason in lies.undefined.items()},
    )


def _slices(
    measured: Measured, slices: SliceStatistics | None, ranks: SliceRanks | None
) -> dict[str, tuple[SliceDetails, ...]]:
    if slices is None:
        return {}
    known = ranks or SliceRanks()
    measures = slices.measures(measured.settled, known.ranks, known.residuals)
    return {
        name: tuple(
            SliceDetails(
                value=value,
                rows=slices.columns[name][value].rows,
                weight=one.weight,
                metrics=dict(one.metrics),
                undefined={metric: reason.value for metric, reason in one.undefined.items()},
            )
            for value, one in values.items()
        )
        for name, values in measures.items()
    }


def _curves(measured: Measured) -> dict[str, Curve]:
    """Return the curve of each score column that has one; a lone column's is the positive's."""
    found = {
        label: measured.ranks.curve(column)
        for column, label in enumerate(measured.partial.shape.score_labels)
    }
    return {label: curve for label, curve in found.items() if curve is not None}


def _areas(ranking: Ranking | None) -> AreaDetails | None:
    if ranking is None:
        return None
    return AreaDetails(
        per_class=dict(ranking.per_class),
        undefined={label: reason.value for label, reason in ranking.undefined.items()},
        defined_classes=ranking.defined_classes,
        macro=ranking.macro,
        weighted=ranking.weighted,
        micro=ranking.micro,
    )


def _mistakes(
    mistakes: Misclassifications, stored: tuple[Stored, ...], blobs: JobBlobs
) -> tuple[MistakeCell, ...]:
    """Return the cells that hold mistakes, in the order of labels.

    Works by column: hundreds of labels make tens of thousands of cells and millions of rows.
    """
    labels, sparse = mistakes.totals.labels, mistakes.totals.sparse
    row_ids, features = _ids_and_features(mistakes.rows, stored, blobs)
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


def _ids_and_features(
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
