"""Metrics of a regression."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from assay.metrics.accumulator import Accumulator
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


def _error(
    name: str,
    compute: Callable[[MetricInputs], Outcome],
    description: str,
    *,
    unit: Unit = Unit.TARGET,
    needs: type[Accumulator[Any]] = RegressionSums,
    needs_ranks: bool = False,
) -> Metric:
    return Metric(
        name=name,
        description=description,
        tasks=REGRESSION,
        needs=needs,
        needs_ranks=needs_ranks,
        low=0.0,
        high=math.inf,
        direction=Direction.LOWER,
        unit=unit,
        compute=compute,
    )


def _fit(name: str, compute: Callable[[MetricInputs], Outcome], description: str) -> Metric:
    return Metric(
        name=name,
        description=description,
        tasks=REGRESSION,
        needs=RegressionSums,
        low=-math.inf,
        high=1.0,
        direction=Direction.HIGHER,
        compute=compute,
    )


REGRESSION_METRICS: tuple[Metric, ...] = (
    _error("mae", _mae, "Mean absolute error"),
    _error("mse", _mse, "Mean squared error", unit=Unit.TARGET_SQUARED),
    _error("rmse", _rmse, "Root mean squared error"),
    _error(
        "median_absolute_error",
        _median_absolute_error,
        "Median absolute error",
        needs=Residuals,
        needs_ranks=True,
    ),
    _error("max_error", _max_error, "Largest absolute error", needs=Residuals),
    _error(
        "mape",
        _mape,
        "Mean absolute error relative to the target, of the records whose target is not zero",
        needs=Residuals,
        unit=Unit.RATIO,
    ),
    _fit("r2", _r2, "Coefficient of determination"),
    _fit("explained_variance", _explained_variance, "Share of the target's variance explained"),
)
