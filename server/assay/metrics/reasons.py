"""Reasons of undefined metrics, which carry one of these and never NaN or zero."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The reason a metric is undefined, or that a zero division was set to zero."""

    EMPTY = "EMPTY"  # there are no rows
    SINGLE_CLASS = "SINGLE_CLASS"  # truth, or prediction, holds one class only
    NO_POSITIVES = "NO_POSITIVES"  # no row has this class as its truth
    NO_NEGATIVES = "NO_NEGATIVES"  # every row has this class as its truth
    NO_SCORES = "NO_SCORES"  # the metric reads probabilities and none were sent
    NO_PREDICTED = "NO_PREDICTED"  # no row was predicted as this class
    NO_SUPPORT = "NO_SUPPORT"  # the class is in neither truth nor prediction
    TOO_FEW_CLASSES = "TOO_FEW_CLASSES"  # among so few classes the truth always is
    NO_WEIGHT = "NO_WEIGHT"  # the weights of the rows add up to zero
    CONSTANT_TARGET = "CONSTANT_TARGET"  # the truth never varies, so no variance to explain
    NO_NONZERO_TARGET = "NO_NONZERO_TARGET"  # no row has a truth to relate its error to
    TOO_FEW_ROWS = "TOO_FEW_ROWS"  # the metric needs at least two rows
    OVERFLOW = "OVERFLOW"  # the exact value is beyond the range of float64
    # Why a metric has no interval, or a part of the rows lacks it:
    TOO_MANY_ROWS = "TOO_MANY_ROWS"  # more rows than are read again for it
    TOO_MANY_CELLS = "TOO_MANY_CELLS"  # the confusion matrix has more cells than are resampled
    WEIGHTED_ROWS = "WEIGHTED_ROWS"  # the method is one of rows that count alike
    CLUSTERED_ROWS = "CLUSTERED_ROWS"  # the method is one of rows that are independent
    NO_METHOD = "NO_METHOD"  # no method fits the metric
    UNDEFINED_REPLICATE = "UNDEFINED_REPLICATE"  # a replicate of the bootstrap lacks the metric
