"""Chunks of predictions: the arrays that files and uploads become and metrics accumulate.

They are checked once, where they are made. What names their labels stands here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.records.weights import Weights, check_weights

Codes = NDArray[np.integer]
Scores = NDArray[np.floating]

MAX_LABELS = 2048  # a dense confusion matrix of this many labels takes 32 MiB
MAX_LABEL_CHARS = 1_024  # characters of one class label

# (negative, positive); a pair of unlike cases, such as no/YES, is not obvious.
OBVIOUS_PAIRS = (
    ("0", "1"),
    ("false", "true"),
    ("False", "True"),
    ("FALSE", "TRUE"),
    ("no", "yes"),
    ("No", "Yes"),
    ("NO", "YES"),
)


def obvious_positive(labels: Sequence[str]) -> str | None:
    """Return the positive one if labels are one of OBVIOUS_PAIRS, or part of it; else None."""
    seen = set(labels)
    for negative, positive in OBVIOUS_PAIRS:
        if seen and seen <= {negative, positive}:
            return positive
    return None


@dataclass(frozen=True, kw_only=True)
class ClassificationChunk:
    """Rows of a classifier: label codes, and the probabilities if there are any.

    labels      the table that codes point into; no duplicates
    fixed       True: this is the declared label set; False: labels are whatever was observed
    true        (n,) integer codes into labels
    predicted   (n,) integer codes into labels
    scores      None, or (columns, n) float32 | float64 in [0, 1], one row per column
    score_labels  the label each score column is the probability of: all of `labels` in their
                order, or the positive label alone (which need not occur in the chunk)
    weights     None, or (n,) millionths
    """

    labels: tuple[str, ...]
    fixed: bool
    true: Codes
    predicted: Codes
    scores: Scores | None = None
    score_labels: tuple[str, ...] = ()
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("the label table holds a label twice")
        if len(self.labels) > MAX_LABELS:
            raise ValueError(f"{len(self.labels)} labels; at most {MAX_LABELS} are supported")
        for name, codes in (("true", self.true), ("predicted", self.predicted)):
            _check_codes(name, codes, self.rows, len(self.labels))
        if self.scores is not None:
            self._check_scores(self.scores)
        if self.weights is not None:
            check_weights(self.weights, self.rows)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.true)

    @property
    def lone(self) -> bool:
        """Whether the only score is the positive label's."""
        return len(self.score_labels) == 1

    @property
    def score_kind(self) -> str:
        """Which scores there are: "none", "positive" (the lone one) or "classes"."""
        if self.scores is None:
            return "none"
        return "positive" if self.lone else "classes"

    @cached_property
    def hits(self) -> Codes:
        """(n,) the score column that belongs to each row's truth; for a lone column 0, else 1."""
        if not self.lone:
            return self.true
        positive = self.score_labels[0]
        code = self.labels.index(positive) if positive in self.labels else len(self.labels)
        other: NDArray[np.bool_] = self.true != code
        return other.astype(np.uint8)

    @cached_property
    def truth_ranks(self) -> NDArray[np.integer]:
        """(n,) how many labels stand before the true one, by score and then by label order.

        0 is the label that argmax finds. There are score columns for all labels.
        """
        scores = self.scores
        if scores is None or self.lone:
            raise ValueError("ranks need a score column per label")
        kind = np.uint8 if len(scores) <= 256 else np.uint16
        ranks: NDArray[np.integer] = np.zeros(self.rows, dtype=kind)
        ours = self._scores_of_truth(scores)
        for place, column in enumerate(scores):
            np.add(ranks, column > ours, out=ranks)
            np.add(ranks, (column == ours) & (self.true > place), out=ranks)
        return ranks

    @cached_property
    def truth_probabilities(self) -> NDArray[np.float64]:
        """(n,) the probability given to each row's true label, in float64; not to be changed."""
        scores = self.scores
        if scores is None:
            raise ValueError("the chunk has no scores")
        if self.lone:
            positive = scores[0].astype(np.float64)
            p: NDArray[np.float64] = np.where(self.hits == 0, positive, 1.0 - positive)
            return p
        return self._scores_of_truth(scores).astype(np.float64, copy=False)

    def _scores_of_truth(self, scores: Scores) -> Scores:
        """Return (n,) each row's score of its true label."""
        if not scores.flags.c_contiguous:
            return scores[self.true, np.arange(self.rows)]
        flat = self.true.astype(np.intp)
        flat *= self.rows
        flat += np.arange(self.rows)
        taken: Scores = scores.reshape(-1).take(flat)
        return taken

    def _check_scores(self, scores: Scores) -> None:
        if scores.dtype not in (np.float32, np.float64):
            raise ValueError(f"scores are float32 or float64, not {scores.dtype}")
        if scores.shape != (len(self.score_labels), self.rows):
            raise ValueError(
                f"scores have shape {scores.shape}, expected {(len(self.score_labels), self.rows)}"
            )
        if not self.lone and not (self.fixed and self.score_labels == self.labels):
            raise ValueError(
                "score columns are the fixed labels in their order, or the positive one"
            )
        if scores.size and not _within_unit(scores):
            raise ValueError("scores must lie in [0, 1]")


@dataclass(frozen=True, kw_only=True)
class RegressionChunk:
    """Rows of a regressor: truth and prediction, both (n,) and finite, as float64."""

    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    weights: Weights | None = None  # (n,) millionths

    def __post_init__(self) -> None:
        if self.weights is not None:
            check_weights(self.weights, self.rows)
        if self.true.ndim != 1 or self.true.shape != self.predicted.shape:
            raise ValueError(f"shapes {self.true.shape} and {self.predicted.shape} differ")

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.true)


def _within_unit(scores: Scores) -> bool:
    """Tell whether all scores lie in [0, 1], in one pass over them.

    As unsigned integers floats in [0, 1] are at most the bits of 1.0; NaN and what is above 1 or
    negative are more. -0.0 is too, so a first no is looked at again.
    """
    bits = scores.view(f"u{scores.itemsize}")
    one = scores.dtype.type(1).view(bits.dtype)
    return bool(bits.max() <= one) or (float(scores.min()) >= 0.0 and float(scores.max()) <= 1.0)


def _check_codes(name: str, codes: Codes, rows: int, labels: int) -> None:
    if codes.ndim != 1 or len(codes) != rows or codes.dtype.kind not in "iu":
        raise ValueError(f"{name} must be {rows} integer codes, got {codes.dtype}{codes.shape}")
    if rows and (int(codes.max()) >= labels or (codes.dtype.kind == "i" and int(codes.min()) < 0)):
        raise ValueError(f"{name} holds a code outside the {labels} labels")


Predictions = ClassificationChunk | RegressionChunk
