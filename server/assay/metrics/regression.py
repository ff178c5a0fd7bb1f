"""Metrics of a regression."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

from assay.metrics.arithmetic.exact_sum import rounded_sqrt
from assay.metrics.metric import REGRESSION, Direction, Metric, Outcome, Unit
from assay.metrics.metric_inputs import MetricInputs
from assay.metrics.order_statistics import median_error
from assay.metrics.reasons import Reason
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.residuals import Residuals


def _mae(inputs: MetricInputs) -> Outcome:
    return inputs.regression.absolute_error.mean(inputs.weight)


def _mse(inputs: MetricInputs) -> Outcome:
    return float(inputs.regression.squared_error() / inputs.weight)


def _rmse(inputs: MetricInputs) -> Outcome:
    return rounded_sqrt(inputs.regression.squared_error() / inputs.weight)


def _r2(inputs: MetricInputs) -> Outcome:
    return _explained(inputs, inputs.regression.squared_error())


def _explained_variance(inputs: MetricInputs) -> Outcome:
    return _explained(inputs, inputs.regression.residual_variation())


def _explained(inputs: MetricInputs, left: Fraction) -> Outcome:
    if inputs.rows < 2:
        return Reason.TOO_FEW_ROWS
    whole = inputs.regression.total_variation()
    return float(1 - left / whole) if whole else Reason.CONSTANT_TARGET


def _max_error(inputs: MetricInputs) -> Outcome:
    return inputs.accumulator(Residuals).largest


def _median_absolute_error(inputs: MetricInputs) -> Outcome:
    counts = inputs.residual_counts
    return None if counts is None else median_error(inputs.accumulator(Residuals), counts)


def _mape(inputs: MetricInputs) -> Outcome:
    residuals = inputs.accumulator(Residuals)
    if residuals.overflows:
        return Reason.OVERFLOW
    if not residuals.relative_weight:
        return Reason.NO_NONZERO_TARGET
    return residuals.relative.mean(residuals.relative_weight)


_error = partial(
    Metric, tasks=REGRESSION, high=math.inf, direction=Direction.LOWER, unit=Unit.TARGET
)
_fit = partial(Metric, tasks=REGRESSION, needs=RegressionSums, low=-math.inf)

REGRESSION_METRICS: tuple[Metric, ...] = (
    _error(name="mae", needs=RegressionSums, compute=_mae, description="Mean absolute error"),
    _error(
        name="mse",
        needs=RegressionSums,
        compute=_mse,
        description="Mean squared error",
        unit=Unit.TARGET_SQUARED,
    ),
    _error(name="rmse", needs=RegressionSums, compute=_rmse, description="Root mean squared error"),
    _error(
        name="median_absolute_error",
        compute=_median_absolute_error,
        description="Median absolute error",
        needs=Residuals,
        needs_ranks=True,
    ),
    _error(
        name="max_error", compute=_max_error, description="Largest absolute error", needs=Residuals
    ),
    _error(
        name="mape",
        compute=_mape,
        description="Mean absolute error relative to the target, of the records whose target is "
        "not zero",
        needs=Residuals,
        unit=Unit.RATIO,
    ),
    _fit(name="r2", compute=_r2, description="Coefficient of determination"),
    _fit(
        name="explained_variance",
        compute=_explained_variance,
        description="Share of the target's variance explained",
    ),
)
