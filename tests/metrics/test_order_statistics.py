"""Order statistics and histograms of residuals, found without sorting all rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.metrics.order_statistics import (
    HISTOGRAM_BINS,
    QUANTILES,
    ResidualCounts,
    count_residuals,
    residual_ranges,
)
from assay.metrics.reasons import Reason
from assay.metrics.registry import evaluate
from assay.metrics.residuals import ordered_keys, value_of
from assay.metrics.statistics import RegressionStatistic
from tests.support.metric_rows import Rows, measure, merged, regression

VALUE = st.one_of(
    st.floats(-1e300, 1e300),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310]),
)


def errors(values) -> Rows:
    """Rows whose residuals are the values."""
    values = np.array(values, dtype=np.float64)
    return replace(
        regression(np.random.default_rng(0), len(values)),
        true=values,
        predicted=np.zeros(len(values)),
    )


@given(st.lists(VALUE, min_size=1, max_size=60), st.sampled_from([1, 3, 20, 1000]))
@settings(max_examples=200, deadline=None)
def test_quantiles_and_median_are_numpys_whatever_the_memory(values, max_rows):
    """With ties, subnormals and any memory limit the order statistics are those of all rows."""
    rows = errors(values)
    statistic = merged(rows)
    assert isinstance(statistic, RegressionStatistic)
    counts = rows.count_residuals(statistic, max_rows)
    measures = evaluate(statistic, None, rows.spec, residual_counts=counts)
    summary = measures.residuals
    assert summary is not None
    assert measures.metrics["median_absolute_error"] == np.median(np.abs(values))
    for name in QUANTILES:
        below, above = (np.quantile(values, float(name), method=m) for m in ("lower", "higher"))
        assert below <= summary.quantiles[name] <= above
    assert summary.quantiles["0.5"] == np.median(values)
    assert (summary.minimum, summary.maximum) == (min(values), max(values))
    assert sum(summary.counts) == len(values)


@pytest.mark.parametrize("n", [1, 2, 99, 100, 101, 5000])
def test_quantiles_are_interpolated_as_numpy_does(n):
    """Every quantile is numpy's linear one within rounding."""
    rows = regression(np.random.default_rng(n), n)
    summary = measure(rows, np.random.default_rng(n)).residuals
    assert summary is not None
    theirs = np.quantile(rows.true - rows.predicted, [float(name) for name in QUANTILES])
    assert list(summary.quantiles.values()) == pytest.approx(theirs, rel=1e-12, abs=1e-15)


def test_the_histogram_is_numpys():
    """Fifty bins of equal width between the extremes hold what numpy counts in them."""
    rows = regression(np.random.default_rng(1), 4000)
    summary = measure(rows, np.random.default_rng(1)).residuals
    assert summary is not None
    residuals = rows.true - rows.predicted
    assert len(summary.counts) == HISTOGRAM_BINS
    assert np.array(summary.edges) == pytest.approx(
        np.histogram_bin_edges(residuals, HISTOGRAM_BINS), rel=1e-12
    )
    assert list(summary.counts) == np.histogram(residuals, bins=summary.edges)[0].tolist()


def test_equal_residuals_have_one_bin():
    """Where all residuals are equal the histogram is one bin that holds all rows."""
    summary = measure(errors([2.5] * 7), np.random.default_rng(0)).residuals
    assert summary is not None
    assert (summary.edges, summary.counts) == ((2.5, 2.5), (7,))
    assert set(summary.quantiles.values()) == {2.5}


def test_residuals_beyond_float64_have_no_median_and_no_summary():
    """An infinite residual makes the largest error OVERFLOW and leaves the summary out."""
    rows = replace(errors([1.0, 1.7e308]), predicted=np.array([0.0, -1.7e308]))
    measures = measure(rows)
    assert measures.undefined["max_error"] is Reason.OVERFLOW
    assert measures.undefined["median_absolute_error"] is Reason.OVERFLOW
    assert measures.undefined["mape"] is Reason.OVERFLOW
    assert measures.residuals is None


def test_zero_targets_are_left_out_of_mape_and_counted():
    """Relative errors are averaged over rows with a truth other than 0."""
    rows = replace(errors([0.0, 2.0, -4.0, 0.0]), predicted=np.array([1.0, 1.0, -5.0, 0.0]))
    measures = measure(rows)
    assert measures.metrics["mape"] == (0.5 + 0.25) / 2
    assert measures.zero_targets == 2


def test_concentrated_residuals_are_cut_within_the_memory_limit():
    """A bin too full is read again and again, and never are more keys held than allowed."""
    rng = np.random.default_rng(2)
    rows = errors(1 + rng.integers(0, 1000, 3000) * 2.0**-52)
    statistic = merged(rows)
    assert isinstance(statistic, RegressionStatistic)
    ranges = residual_ranges(statistic.residuals, max_rows=50)
    assert all(bucket.rows == 3000 for each in ranges for bucket in each.buckets)
    counts = ResidualCounts.merge_all(
        count_residuals(rows.pairs, each, max_rows=50) for each in ranges
    )
    measures = evaluate(statistic, None, rows.spec, residual_counts=counts)
    assert measures.metrics["median_absolute_error"] == np.median(rows.true)


def test_counts_that_do_not_cover_what_was_planned_are_refused():
    """Missing ranks, a missing histogram, lost rows and readings that differ raise ValueError."""
    rows = regression(np.random.default_rng(3), 300)
    statistic = merged(rows)
    assert isinstance(statistic, RegressionStatistic)
    counts = rows.count_residuals(statistic, 10**6)
    with pytest.raises(ValueError, match="not counted"):
        evaluate(statistic, None, rows.spec, residual_counts=ResidualCounts(values={}))
    with pytest.raises(ValueError, match="histogram counted 0"):
        bare = ResidualCounts(values=counts.values)
        evaluate(statistic, None, rows.spec, residual_counts=bare)
    target = residual_ranges(statistic.residuals)[0]
    for max_rows in (1, 1000):
        with pytest.raises(ValueError, match="histogram counted"):
            count_residuals(rows.take(slice(0, 200)).pairs, target, max_rows=max_rows)
    rank, value = next(iter(counts.values.items()))
    with pytest.raises(ValueError, match="rank"):
        ResidualCounts.merge_all([counts, ResidualCounts(values={rank: value + 1})])
    with pytest.raises(ValueError, match="twice"):
        ResidualCounts.merge_all([counts, ResidualCounts(values={}, histogram=(300,))])


def test_without_the_second_phase_order_statistics_are_left_out():
    """An evaluation without residual counts has no median, and does not call it undefined."""
    rows = regression(np.random.default_rng(4), 50)
    measures = evaluate(merged(rows), None, rows.spec)
    assert "median_absolute_error" not in {*measures.metrics, *measures.undefined}
    assert measures.residuals is None


@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_keys_are_ordered_as_the_values_are(values):
    """Sorting keys sorts the values, infinities included, and each key gives its value back."""
    array = np.array(values) + 0.0
    keys = ordered_keys(array)
    assert np.array_equal(np.argsort(keys, kind="stable"), np.argsort(array, kind="stable"))
    assert [value_of(key) for key in keys.tolist()] == array.tolist()
