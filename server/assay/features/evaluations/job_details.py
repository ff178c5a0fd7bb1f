"""Details of an evaluation: curves, tables, slices, misclassifications and intervals."""

from __future__ import annotations

from assay.features.evaluations.confidence_intervals import intervals
from assay.features.evaluations.details_artifact import (
    AreaDetails,
    EvaluationDetails,
    SliceDetails,
)
from assay.features.evaluations.job_results import Measured
from assay.features.evaluations.misclassifications import mistake_cells
from assay.features.evaluations.second_pass import SecondPassStatistics
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.curves import Curve
from assay.metrics.metric_inputs import Ranking
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.slices import SliceStatistics


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
            else mistake_cells(seen.mistakes, measured.partial.stored, blobs)
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
