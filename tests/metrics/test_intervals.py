from dataclasses import replace
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from assay.metrics.counts import ConfusionCounts
from assay.metrics.intervals import delong, delong_paired, mcnemar, wilson
from assay.metrics.ranking import RankCounts, rank_ranges
from assay.metrics.registry import live
from assay.metrics.resampling.bootstrap import (
    MOST_CELLS,
    Bootstrap,
    bootstrap_intervals,
    paired_intervals,
    poisson_weights,
    row_clusters,
)
from assay.metrics.sparse_counts import SparseCounts
from assay.metrics.spec import classification_spec
from assay.records import DamagedRecord
from assay.records.arrays import decode, encode
from assay.records.predictions import RegressionChunk
from assay.records.weights import UNIT
from tests.support.metric_rows import (
    Rows,
    binary,
    chunk_of,
    cut_into_chunks,
    labels_only,
    measure,
    merged,
    multiclass,
    regression,
    weighted,
)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=150, deadline=None)
def test_wilson_is_scipys(case):
    """Wilson's interval is scipy's, and holds the share itself, at both ends too."""
    successes, trials = case
    ours = wilson(successes, trials)
    theirs = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= ours.low <= successes / trials <= ours.high <= 1


def test_intervals_refuse_what_makes_no_sense():
    """No trials have no interval; impossible counts and levels raise ValueError."""
    assert wilson(0, 0) is None
    for case in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="successes"):
            wilson(*case)
    for level in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="level"):
            wilson(1, 2, level)


def counts_of(rows: Rows, max_rows: int) -> RankCounts:
    statistic = merged(rows)
    ranges = rank_ranges(statistic.histogram, max_rows=max_rows, weights=statistic.rank_weights)
    return rows.count(ranges, max_rows)


def structural(positive, scores):
    """DeLong's placements by their definition: shares of pairs, per positive and per negative."""
    above, below = scores[positive], scores[~positive]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    return wins.mean(axis=1), wins.mean(axis=0)


@pytest.mark.parametrize("digits", [None, 1])
def test_delongs_variance_is_that_of_the_placements(digits):
    """The interval of an area is DeLong's by definition, whatever ranges it was counted in."""
    rows = binary(np.random.default_rng(1), 400, digits)
    ups, downs = structural(rows.true == 1, rows.scores[0])
    deviation = np.sqrt(np.var(ups, ddof=1) / len(ups) + np.var(downs, ddof=1) / len(downs))
    area = sk.roc_auc_score(rows.true, rows.scores[0])
    expected = area - 1.959963984540054 * deviation, area + 1.959963984540054 * deviation
    intervals = [delong(counts_of(rows, max_rows), 0) for max_rows in (10**6, 90, 7)]
    assert intervals[0] is not None
    assert (intervals[0].low, intervals[0].high) == pytest.approx(expected, rel=1e-9)
    assert intervals[0] == intervals[1] == intervals[2]


def test_areas_without_spread_or_with_weights_have_no_interval():
    """One positive is too few for a variance, and weighted rows have no DeLong interval."""
    rows = binary(np.random.default_rng(2), 50)
    one = replace(rows, true=(np.arange(50) == 7).astype(np.uint8))
    assert delong(counts_of(one, 100), 0) is None
    assert delong(counts_of(replace(rows, weights=np.full(50, UNIT)), 100), 0) is None
    assert delong(RankCounts(), 0) is None


def test_paired_delong_is_its_definition():
    """Difference, variance and p-value of two areas on the same rows follow the placements."""
    rng = np.random.default_rng(3)
    rows = binary(rng, 300, 2)
    positive, first = rows.true == 1, rows.scores[0]
    second = np.round(np.clip(first + rng.normal(size=300) * 0.2, 0, 1), 2)
    ours = delong_paired(positive, first, second)
    assert ours is not None
    assert ours.interval is not None
    (a, b), (c, d) = structural(positive, first), structural(positive, second)
    deviation = np.sqrt(np.var(a - c, ddof=1) / len(a) + np.var(b - d, ddof=1) / len(b))
    difference = a.mean() - c.mean()
    assert ours.difference == pytest.approx(difference, rel=1e-9)
    assert ours.first == pytest.approx(sk.roc_auc_score(positive, first), rel=1e-12)
    assert ours.second == pytest.approx(sk.roc_auc_score(positive, second), rel=1e-12)
    assert ours.p_value == pytest.approx(2 * stats.norm.sf(abs(difference) / deviation), rel=1e-9)
    assert ours.interval.high - ours.interval.low == pytest.approx(
        2 * stats.norm.ppf(0.975) * deviation, rel=1e-9
    )


def test_equal_runs_never_differ():
    """A run compared with itself has difference 0 and p-value 1; one class has no comparison."""
    rows = binary(np.random.default_rng(4), 100)
    positive, scores = rows.true == 1, rows.scores[0]
    same = delong_paired(positive, scores, scores)
    assert same is not None
    assert (same.difference, same.p_value) == (0.0, 1.0)
    assert delong_paired(positive | True, scores, scores) is None
    assert mcnemar(0, 0).p_value == 1.0
    with pytest.raises(ValueError, match="differ"):
        delong_paired(positive, scores, scores[1:])


def binomial_test(first: int, second: int) -> float:
    """Return the exact two-sided p-value, from integers alone."""
    total, fewer = first + second, min(first, second)
    tail = sum(comb(total, count) for count in range(fewer + 1))
    return float(min(Fraction(2 * tail, 2**total), Fraction(1)))


@given(st.integers(0, 3000), st.integers(0, 3000))
@example(10, 1065)  # scipy underflows to 0 here; the value is 2.7e-300
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_exact_binomial_test(first, second):
    """The p-value is that of exact integers, and the order of the runs does not matter."""
    ours = mcnemar(first, second)
    # Subnormal values have fewer digits.
    assert ours.p_value == pytest.approx(binomial_test(first, second), rel=1e-9, abs=1e-307)
    assert mcnemar(second, first).p_value == ours.p_value


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 9), (40, 60), (500, 430)])
def test_mcnemar_is_scipys_binomial_test(first, second):
    """The p-value is scipy's binomial test where that does not underflow."""
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second).p_value == pytest.approx(expected, rel=1e-9)


BARE = {"binary": binary, "multi": multiclass, "labels": labels_only, "numbers": regression}
STREAMS = BARE | {
    f"{name} weighted": lambda rng, n, make=make: weighted(make(rng, n), rng)
    for name, make in BARE.items()
}


@pytest.mark.parametrize("stream", STREAMS)
def test_any_order_and_sharding_gives_the_same_bootstrap(stream):
    """Resharded and permuted rows give the same bytes, and so the same intervals."""
    rng = np.random.default_rng(5)
    rows = STREAMS[stream](rng, 500)
    clusters = row_clusters(0, 500)
    whole = Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=20, seed=7)
    # The clusters travel with their rows as weights do.
    carried = replace(rows, weights=np.arange(500))
    for _ in range(3):
        parts = [
            Bootstrap.from_chunk(
                chunk_of(rows.take(one.weights)), clusters[one.weights], replicates=20, seed=7
            )
            for one in cut_into_chunks(carried, rng)
        ]
        decoded = [decode(Bootstrap, encode(part)) for part in parts]
        assert encode(Bootstrap.merge_all(decoded[::-1])) == encode(whole)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_replicate_is_the_rows_repeated(stream):
    """Each replicate's metrics are those of the rows, each as often as its hash says."""
    rows = STREAMS[stream](np.random.default_rng(6), 300)
    clusters = row_clusters(1000, 300)
    found = Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=3, seed=1)
    for place, ours in enumerate(found.values(rows.spec)):
        times = poisson_weights(clusters, place, 1)
        repeated = live(merged(rows.take(np.repeat(np.arange(300), times))), rows.spec).metrics
        assert ours
        for name, value in ours.items():
            assert value == pytest.approx(repeated[name], rel=1e-12), name


@pytest.mark.parametrize("stream", BARE)
def test_a_row_of_weight_three_is_resampled_as_three_rows(stream):
    """Whole weights give the intervals of as many rows that share a cluster, to the bit."""
    rng = np.random.default_rng(11)
    rows, times = BARE[stream](rng, 200), rng.integers(1, 4, 200)
    heavy = replace(rows, weights=times * UNIT)
    clusters = row_clusters(0, 200)
    many = np.repeat(np.arange(200), times)
    first = Bootstrap.from_chunk(chunk_of(heavy), clusters, replicates=10)
    second = Bootstrap.from_chunk(chunk_of(rows.take(many)), clusters[many], replicates=10)
    assert bootstrap_intervals(first, rows.spec) == bootstrap_intervals(second, rows.spec)


def test_replicates_that_weigh_too_much_are_refused():
    """A replicate whose weights add up to more than sums may hold is a ValueError."""
    rows = binary(np.random.default_rng(12), 9000)
    heavy = replace(rows, weights=np.full(9000, 10**6 * UNIT))
    with pytest.raises(ValueError, match="weights add up"):
        Bootstrap.from_chunk(chunk_of(heavy), row_clusters(0, 9000), replicates=9)


@pytest.mark.slow
def test_cells_are_resampled_as_their_rows_would_be():
    """A cell of n rows is Poisson(n) in each replicate, exactly as scipy's quantiles are."""
    labels = tuple("abcde")
    counts = np.array([1, 2, 40, 1000, 10**9])
    sparse = SparseCounts(size=25, cells=np.array([0, 3, 7, 12, 24]), counts=counts)
    confusion = ConfusionCounts(labels=labels, fixed=True, sparse=sparse)
    found = Bootstrap.of_cells(confusion, replicates=2000)
    spec = classification_spec(declared=labels)
    drawn = np.zeros((2000, 25))
    for place, one in enumerate(found.replicates):
        drawn[place] = one.confusion.matrix.reshape(-1)
        assert one.rows == drawn[place].sum()
    ours = drawn[:, sparse.cells]
    assert ours.sum(axis=0).tolist() == drawn.sum(axis=0)[sparse.cells].tolist()
    for column, mean in zip(ours.T, counts, strict=True):
        places = np.unique(column)
        seen = np.searchsorted(np.sort(column), places, side="right") / 2000
        assert np.abs(seen - stats.poisson.cdf(places, mean)).max() < 0.04
        assert abs(column.mean() - mean) < 5 * np.sqrt(mean / 2000)
        assert column.var() == pytest.approx(mean, rel=0.2)
    assert encode(found) == encode(Bootstrap.of_cells(confusion, replicates=2000))
    assert encode(Bootstrap.of_cells(confusion, replicates=2000, seed=1)) != encode(found)
    assert {"accuracy", "mcc", "f1_score"} <= bootstrap_intervals(found, spec).keys()


def test_a_million_rows_have_intervals_from_their_counts():
    """Intervals from counts alone are about as wide as Wilson's, and hold the value."""
    rows = binary(np.random.default_rng(13), 1_000_000)
    confusion = merged(rows).confusion
    found = bootstrap_intervals(Bootstrap.of_cells(confusion), rows.spec)
    hits = int((rows.true == rows.predicted).sum())
    other = wilson(hits, 1_000_000)
    assert other is not None
    ours = found["accuracy"]
    assert ours.low < hits / 1_000_000 < ours.high
    assert (ours.high - ours.low) / (other.high - other.low) == pytest.approx(1, abs=0.25)


def test_too_many_cells_are_not_resampled():
    """A confusion matrix of more than 10 000 cells that hold rows is a ValueError."""
    cells = np.arange(MOST_CELLS + 1)
    sparse = SparseCounts(size=200 * 200, cells=cells, counts=np.ones_like(cells))
    labels = tuple(map(str, range(200)))
    with pytest.raises(ValueError, match="10001 cells"):
        Bootstrap.of_cells(ConfusionCounts(labels=labels, fixed=True, sparse=sparse))


def test_the_weights_are_poisson_and_depend_on_cluster_replicate_and_seed():
    """A million weights are distributed as Poisson(1), and change with each of the three."""
    clusters = row_clusters(0, 1_000_000)
    weights = poisson_weights(clusters, 0, 0)
    counts = np.bincount(weights)[:8]
    expected = stats.poisson.pmf(np.arange(8), 1) * 1e6
    assert (np.abs(counts - expected) < 6 * np.sqrt(expected)).all()
    for other in (
        poisson_weights(clusters, 1, 0),
        poisson_weights(clusters, 0, 1),
        poisson_weights(clusters + np.uint64(1), 0, 0),
    ):
        assert abs(np.corrcoef(weights, other)[0, 1]) < 0.005
    assert np.array_equal(poisson_weights(clusters[:5], 0, 0), weights[:5])


def test_rows_of_a_cluster_are_resampled_together():
    """Clusters of ten equal rows give intervals about as wide as those of a tenth of the rows."""
    few = binary(np.random.default_rng(7), 200)
    many = few.take(np.repeat(np.arange(200), 10))
    clusters = row_clusters(0, 200)
    alone = Bootstrap.from_chunk(chunk_of(few), clusters)
    together = Bootstrap.from_chunk(chunk_of(many), np.repeat(clusters, 10))
    first, second = (bootstrap_intervals(each, few.spec) for each in (alone, together))
    assert first.keys() == second.keys()
    for name, interval in first.items():
        assert second[name].low == pytest.approx(interval.low, rel=1e-9, abs=1e-12)
        assert second[name].high == pytest.approx(interval.high, rel=1e-9, abs=1e-12)


def test_bootstrap_intervals_hold_the_value_and_are_near_wilsons():
    """The accuracy's bootstrap interval holds the accuracy and is about as wide as Wilson's."""
    rows = binary(np.random.default_rng(8), 2000)
    found = bootstrap_intervals(
        Bootstrap.from_chunk(chunk_of(rows), row_clusters(0, 2000)), rows.spec
    )
    hits = int((rows.true == rows.predicted).sum())
    other = wilson(hits, 2000)
    assert other is not None
    ours = found["accuracy"]
    assert ours.low < hits / 2000 < ours.high
    assert (ours.high - ours.low) / (other.high - other.low) == pytest.approx(1, abs=0.25)
    values = measure(rows).metrics
    assert {"accuracy", "log_loss", "brier", "mcc", "f1_score"} <= found.keys()
    for name, interval in found.items():
        assert interval.low <= values[name] <= interval.high


def test_paired_intervals_are_narrower_than_their_runs():
    """Two runs that err on the same rows differ by less than either varies."""
    rows = binary(np.random.default_rng(9), 1500)
    changed = rows.predicted.copy()
    changed[:30] ^= 1
    clusters = row_clusters(0, 1500)
    first, second = (
        Bootstrap.from_chunk(chunk_of(replace(rows, predicted=p)), clusters)
        for p in (rows.predicted, changed)
    )
    paired = paired_intervals(first, second, rows.spec)["accuracy"]
    alone = bootstrap_intervals(first, rows.spec)["accuracy"]
    difference = np.mean(rows.true == rows.predicted) - np.mean(rows.true == changed)
    assert paired.low <= difference <= paired.high
    assert paired.high - paired.low < (alone.high - alone.low) / 2
    same = paired_intervals(first, first, rows.spec)["accuracy"]
    assert (same.low, same.high) == (0.0, 0.0)


def test_bootstraps_that_do_not_belong_together_are_refused():
    """Other seeds and numbers of replicates, huge values and odd clusters raise ValueError."""
    rows = binary(np.random.default_rng(10), 30)
    clusters = row_clusters(0, 30)
    ours = Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=4)
    for other in (
        Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=5),
        Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=4, seed=1),
    ):
        with pytest.raises(ValueError, match="do not merge"):
            Bootstrap.merge_all([ours, other])
        with pytest.raises(ValueError, match="paired"):
            paired_intervals(ours, other, rows.spec)
    with pytest.raises(ValueError, match="clusters"):
        Bootstrap.from_chunk(chunk_of(rows), clusters[1:])
    with pytest.raises(ValueError, match="replicates"):
        Bootstrap.from_chunk(chunk_of(rows), clusters, replicates=1)
    with pytest.raises(ValueError, match="too large"):
        huge = RegressionChunk(true=np.array([1e200]), predicted=np.array([0.0]))
        Bootstrap.from_chunk(huge, clusters[:1])
    with pytest.raises(DamagedRecord):
        decode(Bootstrap, encode(ours)[:-9])
