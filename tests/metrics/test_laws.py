"""Laws that hold for every metric of the registry."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.metrics.counts import ConfusionCounts
from assay.metrics.reasons import Reason
from assay.metrics.registry import METRICS, live
from assay.metrics.spec import Task, classification_spec, regression_spec
from assay.metrics.statistics import ClassificationStatistic, merge_statistics
from assay.records.arrays import encode
from tests.support.metric_rows import STREAMS, Rows, binary, measure, merged, multiclass

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("stream", STREAMS)
def test_any_order_and_sharding_gives_the_same_measures_and_bytes(stream):
    """Permuted, resharded and range-split rows give equal metrics and an equal encoded statistic."""
    rng = np.random.default_rng(1)
    rows = STREAMS[stream](rng, 700)
    whole, encoded = measure(rows), encode(merged(rows))
    for _ in range(5):
        assert measure(rows, rng) == whole
        assert encode(merged(rows, rng)) == encoded


@pytest.mark.parametrize("stream", STREAMS)
def test_merging_is_associative_and_commutative(stream):
    """(a + b) + c and c + (b + a) are the same bytes."""
    rows = STREAMS[stream](np.random.default_rng(2), 300)
    a, b, c = (rows.take(slice(s, s + 100)).statistic() for s in (0, 100, 200))

    def add(*both):
        return merge_statistics(both)

    assert encode(add(add(a, b), c)) == encode(add(c, add(b, a)))


@pytest.mark.parametrize("stream", STREAMS)
def test_values_lie_in_the_declared_range_and_every_metric_is_answered(stream):
    """Each metric of the task has a value in its range, or a reason; never NaN, never both."""
    for n in (0, 1, 2, 3, 50):
        rows = STREAMS[stream](np.random.default_rng(n), n)
        measures = measure(rows)
        expected = {m.name for m in METRICS if rows.spec.task in m.tasks}
        assert set(measures.metrics) | set(measures.undefined) == expected
        assert not set(measures.metrics) & set(measures.undefined)
        assert set(measures.zero_divisions) <= set(measures.metrics)
        for metric in METRICS:
            if metric.name in measures.metrics:
                value = measures.metrics[metric.name]
                assert math.isfinite(value)
                assert metric.low <= value <= metric.high


@pytest.mark.parametrize("stream", STREAMS)
def test_no_rows_means_no_value(stream):
    """Without rows every metric is undefined, as EMPTY or for want of scores."""
    measures = measure(STREAMS[stream](np.random.default_rng(0), 0))
    assert not measures.metrics
    assert set(measures.undefined.values()) <= {Reason.EMPTY, Reason.NO_SCORES}


def test_renaming_labels_changes_no_number():
    """Metrics depend on labels only through their order."""
    rows = multiclass(np.random.default_rng(3), 400)
    renamed = replace(rows, spec=replace(rows.spec, labels=("w", "x", "y", "z")))
    assert measure(rows).metrics == measure(renamed).metrics


@pytest.mark.parametrize("stream", ["multiclass", "labels_only"])
def test_another_order_of_classes_moves_metrics_by_rounding_only(stream):
    """Relabelling classes leaves every metric within 1e-12."""
    rows = STREAMS[stream](np.random.default_rng(4), 400)
    k = len(rows.spec.labels)
    order = np.random.default_rng(5).permutation(k)
    place = np.argsort(order).astype(np.uint8)
    moved = replace(
        rows,
        spec=replace(rows.spec, labels=tuple(rows.spec.labels[c] for c in order)),
        true=place[rows.true],
        predicted=place[rows.predicted],
        scores=None if rows.scores is None else rows.scores[order],
    )
    assert measure(moved).metrics == pytest.approx(measure(rows).metrics, rel=1e-12)


@pytest.mark.parametrize("stream", STREAMS)
def test_perfect_predictions_have_the_best_value(stream):
    """Predicting the truth gives each metric its best value, but for the log loss's clip."""
    rows = STREAMS[stream](np.random.default_rng(6), 200)
    perfect = replace(rows, predicted=rows.true)
    if rows.lone:
        perfect = replace(perfect, scores=rows.true[np.newaxis].astype(np.float64))
    elif rows.scores is not None:
        perfect = replace(perfect, scores=np.eye(len(rows.spec.labels))[:, rows.true].copy())
    measures = measure(perfect)
    for metric in METRICS:
        if metric.name in measures.metrics:
            slack = 1e-15 if metric.name == "log_loss" else 0
            assert abs(measures.metrics[metric.name] - metric.best) <= slack, metric.name


@pytest.mark.parametrize("stream", STREAMS)
def test_live_metrics_are_the_final_ones_that_need_no_sorting(stream):
    """Live values equal the final ones, and only ranked metrics wait for the end."""
    rows = STREAMS[stream](np.random.default_rng(7), 300)
    now, final = live(merged(rows), rows.spec), measure(rows)
    waiting = {metric.name for metric in METRICS if metric.needs_ranks}
    assert now.metrics == {k: v for k, v in final.metrics.items() if k not in waiting}
    assert now.ranking is None
    assert not waiting & (set(now.metrics) | set(now.undefined))


def one_class(rows: Rows, code: int) -> Rows:
    return rows.take(np.flatnonzero(rows.true == code))


def test_a_single_class_has_no_area_and_no_correlation():
    """With one class in the truth ROC AUC is SINGLE_CLASS, and so are MCC and kappa if all is it."""
    rows = one_class(binary(np.random.default_rng(8), 300), 0)
    measures = measure(replace(rows, predicted=rows.true))
    assert measures.undefined == {
        **dict.fromkeys(("mcc", "kappa", "roc_auc"), Reason.SINGLE_CLASS),
        "average_precision": Reason.NO_POSITIVES,
    }
    assert measures.zero_divisions == {
        "precision": Reason.NO_PREDICTED,
        "recall": Reason.NO_POSITIVES,
        "f1_score": Reason.NO_SUPPORT,
    }
    assert measures.metrics["f1_score"] == 0.0
    assert measures.ranking is not None
    assert measures.ranking.undefined == {"0": Reason.NO_NEGATIVES, "1": Reason.NO_POSITIVES}


def test_a_class_without_rows_is_left_out_of_the_macro_area():
    """The headline area averages the defined classes and says how many they are."""
    rows = multiclass(np.random.default_rng(9), 500)
    rows = rows.take(np.flatnonzero(rows.true != 2))
    measures = measure(rows)
    ranking = measures.ranking
    assert ranking is not None
    assert ranking.defined_classes == 3
    assert ranking.undefined == {"class 2": Reason.NO_POSITIVES}
    assert (
        measures.metrics["roc_auc"]
        == ranking.macro
        == pytest.approx(np.mean(list(ranking.per_class.values())))
    )


def test_without_scores_what_reads_them_says_so():
    """Labels alone leave ROC AUC, log loss and all that reads scores undefined as NO_SCORES."""
    rows = STREAMS["labels_only"](np.random.default_rng(1), 50)
    measures = measure(rows)
    reading = [metric for metric in METRICS if metric.needs is not ConfusionCounts]
    names = {metric.name for metric in reading if rows.spec.task in metric.tasks}
    assert {"roc_auc", "log_loss", "brier", "ece", "top_1_accuracy"} <= names
    assert measures.undefined == dict.fromkeys(names, Reason.NO_SCORES)


def test_regression_reasons():
    """One row is TOO_FEW_ROWS for R², a constant truth is CONSTANT_TARGET, 1e300 squared OVERFLOW."""
    rows = STREAMS["regression"](np.random.default_rng(2), 5)
    names = {"r2", "explained_variance"}
    assert measure(rows.take([0])).undefined == dict.fromkeys(names, Reason.TOO_FEW_ROWS)
    flat = replace(rows, true=np.full(5, 3.0))
    assert measure(flat).undefined == dict.fromkeys(names, Reason.CONSTANT_TARGET)
    zeros = measure(replace(rows, true=np.zeros(5)))
    assert zeros.undefined["mape"] is Reason.NO_NONZERO_TARGET
    assert zeros.zero_targets == 5
    huge = measure(replace(rows, predicted=rows.true + 1e300))
    assert huge.undefined["mse"] is Reason.OVERFLOW
    assert huge.metrics["rmse"] == 1e300


def test_a_pair_without_a_positive_label_is_averaged():
    """Two classes of which none is positive get weighted headlines and the macro area."""
    rows = multiclass(np.random.default_rng(3), 300, 2)
    spec = classification_spec(declared=("cat", "dog"))
    assert spec.task is Task.BINARY
    assert spec.headline == "weighted"
    rows = replace(rows, spec=spec)
    measures = measure(rows)
    assert measures.ranking is not None
    assert measures.metrics["roc_auc"] == measures.ranking.macro
    positive = replace(rows, spec=replace(spec, positive_label="dog"))
    ranked = measure(positive)
    assert ranked.ranking is not None
    assert ranked.metrics["roc_auc"] == ranked.ranking.per_class["dog"]
    assert ranked.metrics["brier"] == pytest.approx(measures.metrics["brier"], rel=1e-12)


def test_float32_scores_are_measured_as_the_float64_values_they_are():
    """Widening float32 scores changes no metric."""
    rows = multiclass(np.random.default_rng(4), 400)
    assert rows.scores is not None
    narrow = replace(rows, scores=rows.scores.astype(np.float32))
    wide = replace(rows, scores=rows.scores.astype(np.float32).astype(np.float64))
    assert measure(narrow).metrics == measure(wide).metrics


def test_negative_zero_is_zero():
    """A score of -0.0 ties with 0.0."""
    rows = binary(np.random.default_rng(5), 100, digits=1)
    assert rows.scores is not None
    zeros = np.where(rows.scores < 0.3, 0.0, rows.scores)
    signed = np.where((zeros == 0) & (np.arange(100) % 2 == 0), -0.0, zeros)
    first, second = (measure(replace(rows, scores=s)) for s in (zeros, signed))
    assert first.metrics == second.metrics


def test_clipped_rows_are_counted():
    """Rows whose probability of the truth the log loss clips are counted, at both ends."""
    rows = binary(np.random.default_rng(6), 10)
    scores = np.full((1, 10), 0.5)
    scores[0, :3] = rows.true[:3]
    scores[0, 3] = 1 - rows.true[3]
    statistic = merged(replace(rows, scores=scores))
    assert isinstance(statistic, ClassificationStatistic)
    assert statistic.clipped_rows == 4


def test_every_metric_and_reason_has_its_paragraph():
    """docs/metrics.md has a heading for every metric and names every reason."""
    text = DOCS.read_text(encoding="utf-8")
    for metric in METRICS:
        assert f"\n### `{metric.name}`" in text, metric.name
    for reason in Reason:
        assert f"`{reason}`" in text, reason


def test_regression_spec_has_no_labels():
    """A regression measures numbers and has no headline class."""
    assert regression_spec().headline == "none"
