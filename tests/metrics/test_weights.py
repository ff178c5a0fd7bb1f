"""Weights: of one they change nothing, whole ones are repeated rows, others are scikit-learn's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from assay.metrics.arithmetic.exact_sum import ExactSum, sum_groups, sum_row_products
from assay.metrics.classification_report import class_report
from assay.metrics.reasons import Reason
from assay.metrics.registry import METRICS
from assay.metrics.statistics import ClassificationStatistic, merge_statistics
from assay.metrics.weighted import weigh_groups, weigh_row_products, weigh_rows
from assay.records.weights import UNIT, WeightError, millionths
from tests.support.metric_rows import (
    STREAMS,
    UNWEIGHTED,
    Rows,
    binary,
    labels_only,
    measure,
    merged,
    multiclass,
    regression,
    weighted,
)

OF_ROWS = {"median_absolute_error", "max_error"}  # these look at rows, whatever their weight


def ones(rows: Rows) -> Rows:
    return replace(rows, weights=np.full(len(rows), UNIT))


@pytest.mark.parametrize("stream", UNWEIGHTED)
@pytest.mark.parametrize("n", [1, 2, 40, 500])
def test_weights_of_one_change_no_bit(stream, n):
    """Every metric, area, precision and table of rows of weight one is that of bare rows."""
    rows = UNWEIGHTED[stream](np.random.default_rng(n), n)
    bare, heavy = measure(rows), measure(ones(rows), np.random.default_rng(n))
    assert heavy.weight == n
    assert replace(heavy, weight=None) == bare


@pytest.mark.parametrize("stream", UNWEIGHTED)
def test_whole_weights_are_repeated_rows(stream):
    """A row of weight 3 counts as three such rows, and one of weight 0 as none, to the bit."""
    rng = np.random.default_rng(1)
    rows = UNWEIGHTED[stream](rng, 300)
    times = rng.integers(0, 5, 300)
    repeated = measure(rows.take(np.repeat(np.arange(300), times)))
    heavy = measure(replace(rows, weights=times * UNIT), rng)
    for name, value in heavy.metrics.items():
        if name not in OF_ROWS:
            assert value == repeated.metrics[name], name
    assert heavy.weight == times.sum()


@pytest.mark.parametrize("stream", UNWEIGHTED)
def test_the_unit_of_weights_moves_metrics_by_rounding_only(stream):
    """Weights a hundred times as small give the same metrics within 1e-12."""
    rng = np.random.default_rng(2)
    rows = replace(UNWEIGHTED[stream](rng, 300), weights=rng.integers(1, 10**6, 300) * 100)
    small = replace(rows, weights=rows.weights // 100)
    assert measure(small).metrics == pytest.approx(measure(rows).metrics, rel=1e-12)


def named(rows: Rows):
    labels = np.array(rows.spec.labels)
    return labels[rows.true], labels[rows.predicted]


@pytest.mark.parametrize("seed", range(5))
def test_weighted_labels_are_scikit_learns(seed):
    """Accuracy, balanced accuracy, averages, MCC and kappa agree with sample_weight."""
    rng = np.random.default_rng(seed)
    rows = weighted(labels_only(rng, 400), rng)
    ours, pair, w = measure(rows).metrics, named(rows), rows.weights / UNIT
    how = {"sample_weight": w, "average": "weighted", "zero_division": 0}
    theirs = {
        "accuracy": sk.accuracy_score(*pair, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(*pair, sample_weight=w),
        "precision": sk.precision_score(*pair, **how),
        "recall": sk.recall_score(*pair, **how),
        "f1_score": sk.f1_score(*pair, **how),
        "mcc": sk.matthews_corrcoef(*pair, sample_weight=w),
        "kappa": sk.cohen_kappa_score(*pair, sample_weight=w),
    }
    assert ours == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("digits", [None, 2])
def test_weighted_scores_are_scikit_learns(digits):
    """ROC AUC, average precision, log loss, Brier and top-k agree with sample_weight."""
    rng = np.random.default_rng(3)
    rows = weighted(binary(rng, 600, digits), rng)
    ours, w, s = measure(rows, rng).metrics, rows.weights / UNIT, rows.scores[0]
    theirs = {
        "roc_auc": sk.roc_auc_score(rows.true, s, sample_weight=w),
        "average_precision": sk.average_precision_score(rows.true, s, sample_weight=w),
        "log_loss": sk.log_loss(rows.true, s, sample_weight=w),
        "brier": sk.brier_score_loss(rows.true, s, sample_weight=w),
    }
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-12)
    rows = weighted(multiclass(rng, 500, 5), rng)
    w = rows.weights / UNIT
    top = sk.top_k_accuracy_score(rows.true, rows.scores.T, k=3, sample_weight=w)
    assert measure(rows).metrics["top_3_accuracy"] == pytest.approx(top, rel=1e-12)
    macro = sk.roc_auc_score(rows.true, rows.scores.T, multi_class="ovr", sample_weight=w)
    assert measure(rows, rng).metrics["roc_auc"] == pytest.approx(macro, rel=1e-12)


def test_weighted_errors_are_scikit_learns():
    """MAE, MSE, R² and explained variance agree with sample_weight."""
    rng = np.random.default_rng(4)
    rows = weighted(regression(rng, 500), rng)
    ours, w = measure(rows).metrics, rows.weights / UNIT
    for name, score in {
        "mae": sk.mean_absolute_error,
        "mse": sk.mean_squared_error,
        "rmse": sk.root_mean_squared_error,
        "r2": sk.r2_score,
        "explained_variance": sk.explained_variance_score,
    }.items():
        theirs = score(rows.true, rows.predicted, sample_weight=w)
        assert ours[name] == pytest.approx(theirs, rel=1e-12), name


def test_support_stays_the_number_of_rows_with_the_weight_beside_it():
    """In a weighted report support and predicted count rows, and the scores follow weights."""
    rng = np.random.default_rng(5)
    rows = weighted(labels_only(rng, 300), rng)
    statistic = merged(rows)
    assert isinstance(statistic, ClassificationStatistic)
    plain = class_report(statistic.confusion, rows.spec)
    heavy = class_report(statistic.confusion, rows.spec, statistic.weighted)
    for code, (row, bare) in enumerate(zip(heavy.per_class, plain.per_class, strict=True)):
        assert (row.support, row.predicted) == (bare.support, bare.predicted)
        assert row.weight == rows.weights[rows.true == code].sum() / UNIT
    recall = sk.recall_score(*named(rows), sample_weight=rows.weights, average=None)
    assert [row.recall for row in heavy.per_class] == pytest.approx(recall, rel=1e-12)


@pytest.mark.parametrize("stream", UNWEIGHTED)
def test_weights_that_add_up_to_zero_say_so(stream):
    """Rows that all weigh nothing have no metrics, for the reason NO_WEIGHT."""
    rows = UNWEIGHTED[stream](np.random.default_rng(6), 20)
    measures = measure(replace(rows, weights=np.zeros(20, dtype=np.int64)))
    assert set(measures.metrics) <= OF_ROWS
    assert set(measures.undefined.values()) <= {Reason.NO_WEIGHT, Reason.NO_SCORES}
    assert len(measures.metrics) + len(measures.undefined) == sum(
        rows.spec.task in metric.tasks for metric in METRICS
    )


def test_a_class_that_weighs_nothing_has_no_area():
    """Where one side's weights are all zero the area is undefined, and so are its neighbours."""
    rows = ones(binary(np.random.default_rng(7), 100))
    rows = replace(rows, weights=rows.weights * (rows.true == 0))
    ranking = measure(rows).ranking
    assert ranking is not None
    assert set(ranking.undefined.values()) == {Reason.NO_WEIGHT}
    assert measure(rows).undefined["average_precision"] is Reason.NO_WEIGHT


def test_weighted_and_bare_chunks_do_not_merge():
    """Weights in some chunks only raise ValueError."""
    rows = binary(np.random.default_rng(8), 20)
    with pytest.raises(ValueError, match="weights"):
        merge_statistics([rows.statistic(), ones(rows).statistic()])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-0.5, "between"),
        (1e6 + 1, "between"),
        (np.nan, "between"),
        (np.inf, "between"),
        (0.1234567, "six decimal"),
        (1e-7, "six decimal"),
        (1 / 3, "six decimal"),
    ],
)
def test_weights_that_are_no_decimals_of_six_places_are_refused(value, why):
    """The first bad weight is named with its row."""
    with pytest.raises(WeightError, match=why) as refused:
        millionths(np.array([1.0, 0.25, value, value]))
    assert refused.value.row == 2


@given(st.lists(st.integers(0, 10**12), max_size=50))
@settings(max_examples=100, deadline=None)
def test_every_decimal_of_six_places_becomes_its_millionths(steps):
    """Whatever decimal of at most six places is written as float64, it is read back exactly."""
    values = np.array([float(f"{s // UNIT}.{s % UNIT:06}") for s in steps])
    assert millionths(values).tolist() == steps


def test_arrays_of_weights_that_break_the_rules_are_refused():
    """Other types, shapes, negative weights and totals beyond 9 billion raise ValueError."""
    rows = binary(np.random.default_rng(9), 10_000)
    for weights, message in [
        (np.ones(10_000), "int64"),
        (np.ones(3, dtype=np.int64), "int64"),
        (np.full(10_000, -1), "between"),
        (np.full(10_000, 10**12), "add up"),
    ]:
        with pytest.raises(ValueError, match=message):
            replace(rows, weights=weights).statistic()
    half = replace(rows, weights=np.full(10_000, 5 * 10**11)).statistic()
    with pytest.raises(ValueError, match="add up"):
        merge_statistics([half, half])


@given(
    st.lists(
        st.tuples(st.floats(-1e290, 1e290), st.floats(-1e5, 1e5), st.integers(0, 10**12)),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=150, deadline=None)
def test_weighted_sums_are_exact(rows):
    """Sums of weight times value, and times two values, have no rounding error."""
    x, y, w = (np.array(column) for column in zip(*rows, strict=True))
    w = w.astype(np.int64)
    repeated = ExactSum.merge_all(
        ExactSum(units=ExactSum.of([v]).units * int(k)) for v, k in zip(x, w, strict=True)
    )
    assert weigh_rows(x[np.newaxis], w)[0] == repeated.units
    squares = sum(
        sum_row_products(np.array([[a]]), np.array([[b]]))[0] * int(k)
        for a, b, k in zip(x, y, w, strict=True)
    )
    assert weigh_row_products(x[np.newaxis], y[np.newaxis], w)[0] == squares
    codes = np.arange(len(x)) % 3
    ours = weigh_groups(x, codes, 3, w)
    assert sum(ours) == repeated.units
    assert weigh_groups(x, codes, 3, np.ones(len(x), dtype=np.int64)) == sum_groups(x, codes, 3)


def test_values_that_weights_carry_beyond_float64_are_refused():
    """A weighted value beyond the largest float64 raises ValueError instead of becoming infinite."""
    rows = regression(np.random.default_rng(0), 2)
    rows = replace(rows, true=np.array([1.7e308, 0.0]), weights=np.array([10**12, UNIT]))
    with pytest.raises(ValueError, match="range of float64"):
        rows.statistic()


def test_weighted_streams_run_through_every_law():
    """Each kind of rows has a weighted stream in the tests of laws."""
    assert {name for name in STREAMS if "weighted" in name} == set(STREAMS) - set(UNWEIGHTED)
