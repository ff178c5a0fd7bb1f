"""Metrics of a regression."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from assay.metrics.accumulator import Accumulator
from assay.metrics.exact_sum import rounded_sqrt
from assay.metrics.metric import REGRESSION, Direction, Metric, Outcome, Unit
from assay.metrics.metric_inputs import Reading
from assay.metrics.order_statistics import median_error
from assay.metrics.reasons import Reason
from assay.metrics.regression import RegressionSums
from assay.metrics.residuals import Residuals


def _mae(reading: Reading) -> Outcome:
    return reading.regression.absolute_error.mean(reading.weight)


def _mse(reading: Reading) -> Outcome:
    return float(reading.regression.squared_error() / reading.weight)


def _rmse(reading: Reading) -> Outcome:
    return rounded_sqrt(reading.regression.squared_error() / reading.weight)


def _r2(reading: Reading) -> Outcome:
    return _explained(reading, reading.regression.squared_error())


def _explained_variance(reading: Reading) -> Outcome:
    return _explained(reading, reading.regression.residual_variation())


def _explained(reading: Reading, left: Fraction) -> Outcome:
    if reading.rows < 2:
        return Reason.TOO_FEW_ROWS
    whole = reading.regression.total_variation()
    return float(1 - left / whole) if whole else Reason.CONSTANT_TARGET


def _max_error(reading: Reading) -> Outcome:
    return reading.accumulator(Residuals).largest


def _median_absolute_error(reading: Reading) -> Outcome:
    counts = reading.residual_counts
    return None if counts is None else median_error(reading.accumulator(Residuals), counts)


def _mape(reading: Reading) -> Outcome:
    residuals = reading.accumulator(Residuals)
    if residuals.overflows:
        return Reason.OVERFLOW
    if not residuals.relative_weight:
        return Reason.NO_NONZERO_TARGET
    return residuals.relative.mean(residuals.relative_weight)


def _error(
    name: str,
    compute: Callable[[Reading], Outcome],
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


def _fit(name: str, compute: Callable[[Reading], Outcome], description: str) -> Metric:
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
