"""What a result has no place for: calibration, curves and areas by class."""

from __future__ import annotations

from assay.domain.evaluation_details import AreaDetails, EvaluationDetails
from assay.jobs.evaluating.results import Measured
from assay.metrics.curves import Curve
from assay.metrics.reading import Ranking


def evaluation_details(measured: Measured) -> EvaluationDetails:
    """Return the details of an evaluation: the same however its rows were cut."""
    measures = measured.measures
    return EvaluationDetails(
        calibration=measures.calibration,
        curves=_curves(measured),
        roc_auc=_areas(measures.ranking),
        average_precision=_areas(measures.average_precision),
    )


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
