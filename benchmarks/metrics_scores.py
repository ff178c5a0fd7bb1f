"""Metrics of scores against scikit-learn: exact ROC AUC, log loss, and everything at once.

Assay's side is what the service runs: a statistic per 64 Ki rows (for AUC its histogram, the
planned ranges and their sorted counts), not a kernel alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import harness
import numpy as np
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from assay.metrics.classification_report import class_report
from assay.metrics.histogram import RankHistogram
from assay.metrics.losses import LogLossSum
from assay.metrics.ranking import RankCounts, count_range, rank_ranges
from assay.metrics.registry import evaluate
from assay.metrics.spec import classification_spec
from assay.metrics.statistics import ClassificationStatistic
from assay.records.arrays import decode, encode
from assay.records.predictions import ClassificationChunk

CHUNK = 65_536


class Upload:
    """Rows as they reach a computing process: one array of codes and one of scores per chunk."""

    def __init__(self, true: np.ndarray, scores: np.ndarray, labels: tuple[str, ...]) -> None:
        """Cut (n,) codes and (columns, n) scores; a lone column is the last label's."""
        self.labels = labels
        self.score_labels = labels if len(scores) > 1 else labels[1:]
        self.rows = len(true)
        cuts = [slice(start, start + CHUNK) for start in range(0, len(true), CHUNK)]
        self.parts = [(true[cut], np.ascontiguousarray(scores[:, cut])) for cut in cuts]

    def chunks(self) -> Iterator[ClassificationChunk]:
        """Check each chunk and hand it out."""
        for true, scores in self.parts:
            yield ClassificationChunk(
                labels=self.labels,
                fixed=True,
                true=true,
                predicted=true,
                scores=scores,
                score_labels=self.score_labels,
            )

    def read(self, column: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read a stored column again."""
        code = column if len(self.score_labels) > 1 else 1
        return ((true == code, scores[column]) for true, scores in self.parts)

    def count(self, histogram: RankHistogram) -> RankCounts:
        """Sort and count every range of every column: areas, precisions and curves."""
        ranges = rank_ranges(histogram)
        return RankCounts.merge_all(
            count_range(lambda r=each: self.read(r.column), each) for each in ranges
        )


def areas(upload: Upload) -> list[float]:
    """Return the exact area of every score column."""
    parts = [part for chunk in upload.chunks() if (part := RankHistogram.from_chunk(chunk))]
    histogram = RankHistogram.merge_all(parts)
    counts = upload.count(histogram)
    return [float(counts.auc(column) or 0) for column in range(histogram.columns)]


def log_loss(upload: Upload) -> float:
    """Return the log loss with its exact sum."""
    parts = [part for chunk in upload.chunks() if (part := LogLossSum.from_chunk(chunk))]
    return LogLossSum.merge_all(parts).total.mean(upload.rows)


def classifier(upload: Upload) -> object:
    """Return every metric of a classifier, ROC AUC included."""
    partials = [
        encode(
            ClassificationStatistic.from_chunk(
                replace(chunk, predicted=chunk.scores.argmax(axis=0).astype(np.uint8))
            )
        )
        for chunk in upload.chunks()
        if chunk.scores is not None
    ]
    whole = ClassificationStatistic.merge_all(
        decode(ClassificationStatistic, one) for one in partials
    )
    assert whole.histogram is not None
    spec = classification_spec(declared=upload.labels)
    counts = upload.count(whole.histogram)
    return class_report(whole.confusion, spec), evaluate(whole, counts, spec)


def probabilities(n: int, k: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return codes, (k, n) distinct float64 probabilities that sum to 1, and labels."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, k, n).astype(np.uint8)
    logits = rng.normal(size=(k, n))
    logits[true, np.arange(n)] += 2.0
    scores = np.exp(logits)
    scores /= scores.sum(axis=0)
    return true, scores, tuple(f"{label:03}" for label in range(k))


def _binary(n: int) -> harness.Ratio:
    rng = np.random.default_rng(2)
    true = (rng.random(n) < 0.3).astype(np.uint8)
    scores = 1 / (1 + np.exp(-(rng.normal(size=n) + true)))
    upload = Upload(true, scores[np.newaxis], ("0", "1"))
    ours, peer = harness.alternate(lambda: areas(upload), lambda: sk.roc_auc_score(true, scores))
    return harness.Ratio(
        name="exact ROC AUC, binary, distinct float64, 1 M",
        ours=ours,
        peer=peer,
        peer_name="sklearn roc_auc_score",
        at_least=4,
    )


def peer(true: np.ndarray, by_row: np.ndarray) -> object:
    """Measure with scikit-learn what `classifier` does, without its curves and intervals.

    Calibration is that of the top label and of each class against the rest, as Assay's.
    """
    codes = range(by_row.shape[1])
    predicted = by_row.argmax(axis=1)
    return (
        sk.classification_report(true, predicted, output_dict=True),
        sk.confusion_matrix(true, predicted),
        sk.log_loss(true, by_row, labels=codes),
        sk.roc_auc_score(true, by_row, multi_class="ovr", labels=codes),
        calibration_curve(predicted == true, by_row.max(axis=1), n_bins=15),
        [calibration_curve(true == code, by_row[:, code], n_bins=15) for code in codes],
    )


def peer_of_top_label(true: np.ndarray, by_row: np.ndarray) -> object:
    """Measure less than Assay does: calibration of the top label alone."""
    codes = range(by_row.shape[1])
    predicted = by_row.argmax(axis=1)
    return (
        sk.classification_report(true, predicted, output_dict=True),
        sk.confusion_matrix(true, predicted),
        sk.log_loss(true, by_row, labels=codes),
        sk.roc_auc_score(true, by_row, multi_class="ovr", labels=codes),
        calibration_curve(predicted == true, by_row.max(axis=1), n_bins=15),
    )


def _many_classes(n: int, k: int) -> harness.Ratio:
    true, scores, labels = probabilities(n, k)
    upload, by_row = Upload(true, scores, labels), np.ascontiguousarray(scores.T)
    ours, theirs = harness.alternate(
        lambda: areas(upload),
        lambda: sk.roc_auc_score(true, by_row, multi_class="ovr", labels=range(k)),
        runs=3,
    )
    return harness.Ratio(
        name="exact ROC AUC, one-vs-rest, 20 k × 100",
        ours=ours,
        peer=theirs,
        peer_name="sklearn roc_auc_score",
        at_least=4,
    )


def main() -> int:
    """Print the ratios; 1 if a bar is missed."""
    true, scores, labels = probabilities(1_000_000, 10)
    upload = Upload(true, scores, labels)
    by_row = np.ascontiguousarray(scores.T)
    codes = range(10)
    loss = harness.alternate(
        lambda: log_loss(upload),
        lambda: sk.log_loss(true, by_row, labels=codes),
        runs=3,
    )
    area = harness.alternate(
        lambda: areas(upload),
        lambda: sk.roc_auc_score(true, by_row, multi_class="ovr", labels=codes),
        runs=1,
        warm=False,
    )
    every = harness.alternate(
        lambda: classifier(upload), lambda: peer(true, by_row), runs=2, warm=False
    )
    less = harness.alternate(
        lambda: classifier(upload), lambda: peer_of_top_label(true, by_row), runs=2, warm=False
    )
    names = {
        "log loss, exact sum, 1 M × 10": (loss, "sklearn log_loss", 10),
        "exact ROC AUC, one-vs-rest, 1 M × 10": (area, "sklearn roc_auc_score", 4),
        "full classifier evaluation, 1 M × 10": (every, "the same sklearn calls, no Brier", 4),
        "the same again, 1 M × 10": (less, "the same, top label's calibration alone", None),
    }
    ratios = [_binary(1_000_000), _many_classes(20_000, 100)] + [
        harness.Ratio(name=name, ours=ours, peer=theirs, peer_name=against, at_least=bar)
        for name, ((ours, theirs), against, bar) in names.items()
    ]
    return harness.report("Metrics of float64 scores", ratios)


if __name__ == "__main__":
    sys.exit(main())
