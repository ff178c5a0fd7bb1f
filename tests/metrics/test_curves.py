from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from assay.metrics.arithmetic.exact_sum import ExactSum
from assay.metrics.arithmetic.integer_dot import exact_dot
from assay.metrics.curves import MAX_POINTS, STEPS, Curve
from assay.metrics.ranking import RankCounts, RankRange, count_range, rank_ranges
from assay.records.arrays import decode, encode
from tests.support.metric_rows import binary, classification_of, multiclass

SCORE = st.one_of(st.floats(0, 1), st.sampled_from([0.0, -0.0, 1.0, 0.5, 0.25, 5e-324]))


def counted(positive, scores, max_rows=10**6) -> RankCounts:
    """A lone column through histogram, ranges, JSON, bytes and merge, 50 rows a chunk."""
    positive, scores = np.asarray(positive, dtype=bool), np.asarray(scores)
    statistic = classification_of(
        labels=("n", "y"),
        true=positive.astype(np.uint8),
        predicted=positive.astype(np.uint8),
        scores=scores[np.newaxis],
        positive_label="y",
    )
    assert statistic.histogram is not None
    ranges = [
        msgspec.convert(msgspec.to_builtins(each), RankRange)
        for each in rank_ranges(statistic.histogram, max_rows=max_rows)
    ]

    def read():
        return ((positive[i : i + 50], scores[i : i + 50]) for i in range(0, len(scores), 50))

    parts = [count_range(read, each, max_rows=max_rows) for each in ranges]
    return RankCounts.merge_all(decode(RankCounts, encode(each)) for each in parts[::-1])


def table(positive, scores) -> list[tuple[float, int, int]]:
    """(threshold, true positives, false positives) of every threshold, falling."""
    pairs = list(zip(scores, positive, strict=True))
    return [
        (t, sum(hit for s, hit in pairs if s >= t), sum(not hit for s, hit in pairs if s >= t))
        for t in sorted({float(s) + 0.0 for s in scores}, reverse=True)
    ]


@given(
    st.lists(st.tuples(st.booleans(), SCORE), min_size=2, max_size=40),
    st.sampled_from([1, 2, 5, 100]),
)
@settings(max_examples=200, deadline=None)
def test_a_short_curve_has_every_threshold_and_its_sums_are_exact(rows, max_rows):
    """With few rows every threshold is kept; precision, best F1 and squares equal counting all."""
    hits, scores = zip(*rows, strict=True)
    counts = counted(hits, scores, max_rows)
    curve, every = counts.curve(0), table(hits, scores)
    if all(hits) or not any(hits):
        assert curve is None
        return
    assert curve is not None
    points = [(p.threshold, p.true_positives, p.false_positives) for p in curve.points]
    assert points == [(None, 0, 0), *every]
    steps = zip([0] + [tp for _, tp, _ in every], every, strict=False)
    precision = sum((Fraction(tp / (tp + fp)) * (tp - before) for before, (_, tp, fp) in steps))
    assert counts.average_precision(0) == precision / sum(hits)
    best = max(every, key=lambda e: (2 * e[1] / (e[1] + e[2] + sum(hits)), e[0]))
    assert curve.best_f1 == curve.points[1 + every.index(best)]
    placements = counts.placements(0)
    assert placements is not None
    above = [s for s, hit in rows_of(scores, hits) if hit]
    below = [s for s, hit in rows_of(scores, hits) if not hit]
    wins = [sum(2 * (p > n) + (p == n) for n in below) for p in above]
    losses = [sum(2 * (p > n) + (p == n) for p in above) for n in below]
    assert placements.twice_wins == sum(wins)
    assert placements.positive_squares == sum(w * w for w in wins)
    assert placements.negative_squares == sum(w * w for w in losses)


def rows_of(scores, hits):
    return list(zip(scores, hits, strict=True))


@pytest.mark.parametrize("digits", [None, 3, 1])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_ranges_of_any_size_give_the_same_curve(digits, kind):
    """Cut into one or hundreds of ranges, curve, precision and placements are equal to the bit."""
    rows = binary(np.random.default_rng(1), 2000, digits)
    scores = rows.scores[0].astype(kind)
    whole = counted(rows.true, scores)
    for max_rows in (11, 100, 1499):
        parts = counted(rows.true, scores, max_rows)
        assert len(parts.ranges) > 1
        assert parts.curve(0) == whole.curve(0)
        assert parts.average_precision(0) == whole.average_precision(0)
        assert parts.placements(0) == whole.placements(0)
        assert parts.auc(0) == whole.auc(0)


@pytest.fixture(scope="module")
def long() -> tuple[np.ndarray, np.ndarray, Curve]:
    rows = binary(np.random.default_rng(2), 60_000)
    curve = counted(rows.true, rows.scores[0], 9999).curve(0)
    assert curve is not None
    return rows.true, rows.scores[0], curve


def test_every_kept_point_is_on_scikit_learns_curves(long):
    """Kept points are points of the full ROC curve, with their thresholds."""
    true, scores, curve = long
    fpr, tpr, thresholds = sk.roc_curve(true, scores, drop_intermediate=False)
    places = np.searchsorted(-thresholds, [-p.threshold for p in curve.points[1:]])
    ours = np.array(curve.roc()[1:])
    assert np.array_equal(ours[:, 2], thresholds[places])
    assert ours[:, 0] == pytest.approx(fpr[places], rel=1e-12)
    assert ours[:, 1] == pytest.approx(tpr[places], rel=1e-12)


def test_at_most_999_points_are_kept_and_no_step_is_wide(long):
    """Neighbouring points are less than a step of 1/499 plus one row apart, in either rate."""
    true, _, curve = long
    assert len(curve.points) <= MAX_POINTS == 999
    assert (curve.points[0].true_positives, curve.points[0].false_positives) == (0, 0)
    last = curve.points[-1]
    assert (last.true_positives, last.false_positives) == (true.sum(), (1 - true).sum())
    for name, total in (("true_positives", curve.positives), ("false_positives", curve.negatives)):
        steps = np.diff([getattr(point, name) for point in curve.points])
        assert (steps >= 0).all()
        assert steps.max() <= total / STEPS + 1


def test_the_kept_curve_has_nearly_the_area(long):
    """The trapezoids under the kept points differ from the exact area by less than 1/499²."""
    true, scores, curve = long
    fpr, tpr, _ = zip(*curve.roc(), strict=True)
    assert abs(sk.auc(fpr, tpr) - sk.roc_auc_score(true, scores)) < 1 / STEPS**2


@pytest.mark.parametrize("points", [2, 3, 100, 500, 999, 5000])
def test_a_resolution_is_a_subsample_that_keeps_both_ends(long, points):
    """Fewer points are points of the whole curve, in order, with its first and its last."""
    curve = long[2]
    fewer = curve.at_resolution(points)
    assert len(fewer.points) == min(points, len(curve.points))
    assert fewer.points[0] == curve.points[0]
    assert fewer.points[-1] == curve.points[-1]
    assert set(fewer.points) <= set(curve.points)
    assert fewer.best_f1 == curve.best_f1
    with pytest.raises(ValueError, match="at least 2"):
        curve.at_resolution(1)


def test_the_table_adds_up_at_every_threshold(long):
    """Each threshold's four counts are all rows, and precision, recall and F1 follow from them."""
    true, scores, curve = long
    for row in curve.table()[1::97]:
        predicted = scores >= row.threshold
        counts = sk.confusion_matrix(true, predicted).ravel().tolist()
        theirs = (row.true_negative, row.false_positive, row.false_negative, row.true_positive)
        assert list(theirs) == counts
        assert row.precision == sk.precision_score(true, predicted)
        assert row.recall == sk.recall_score(true, predicted)
        assert row.f1_score == sk.f1_score(true, predicted)
    first = curve.table()[0]
    assert (first.threshold, first.precision, first.recall) == (None, None, 0.0)
    assert curve.precision_recall()[0] == (0.0, 1.0, None)


def test_the_best_f1_is_the_best_of_all_thresholds(long):
    """No threshold of the full curve has a better F1 than the one named best."""
    true, scores, curve = long
    precision, recall, _ = sk.precision_recall_curve(true, scores)
    best = (2 * precision * recall / np.maximum(precision + recall, 1e-300)).max()
    assert curve.row(curve.best_f1).f1_score == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("prices", [(1, 1), (10, 1), (1, 25), (0, 1), (1, 0)])
def test_the_least_cost_is_within_a_step_of_the_least_there_is(long, prices):
    """The kept threshold costs at most 1/499 of all possible errors more than the best one."""
    true, scores, curve = long
    row = curve.best_by_cost(false_positive=prices[0], false_negative=prices[1])
    cost = prices[0] * row.false_positive + prices[1] * row.false_negative
    fpr, tpr, _ = sk.roc_curve(true, scores, drop_intermediate=False)
    least = (prices[0] * fpr * curve.negatives + prices[1] * (1 - tpr) * curve.positives).min()
    slack = (prices[0] * curve.negatives + prices[1] * curve.positives) / STEPS
    assert least - 1e-6 <= cost <= least + slack
    with pytest.raises(ValueError, match="costs"):
        curve.best_by_cost(false_positive=-1, false_negative=1)


def test_ranges_that_do_not_know_what_lies_above_have_an_area_and_no_curve():
    """Without `above` an area is counted alone, and traces that do not join give no curve."""
    rows = binary(np.random.default_rng(3), 300)
    counts = counted(rows.true, rows.scores[0], 50)
    bare = RankRange(column=0, low=0.0, high=2.0, rows=300)
    alone = count_range(lambda: rows.column(0), bare)
    assert alone.auc(0) == counts.auc(0)
    assert alone.placements(0) == counts.placements(0)
    assert alone.curve(0) is None
    assert alone.average_precision(0) is None
    assert RankCounts(ranges=counts.ranges[1:]).curve(0) is None


def test_every_column_has_its_own_curve():
    """Of several columns each has the curve of its one-against-the-rest question."""
    rows = multiclass(np.random.default_rng(4), 400, 3)
    statistic = rows.statistic()
    counts = rows.count(rank_ranges(statistic.histogram, max_rows=90, micro=True), 90)
    for column in range(3):
        alone = counted(rows.true == column, rows.scores[column])
        assert counts.curve(column) == alone.curve(0)


@given(st.lists(st.tuples(st.integers(0, 2**53), st.integers(0, 2**53)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_dot_products_of_whole_numbers_are_exact(pairs):
    """Sums of products far beyond int64 are exact."""
    left, right = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (0, 1))
    assert exact_dot(left, right) == sum(a * b for a, b in pairs)
    assert exact_dot(left, left) == sum(a * a for a, _ in pairs)


def test_average_precision_is_rounded_once():
    """The sum of the precisions is exact: it is the correctly rounded sum of its terms."""
    rows = binary(np.random.default_rng(5), 2000)
    hits = rows.true[np.argsort(-rows.scores[0])].astype(bool)
    terms = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
    value = counted(rows.true, rows.scores[0]).average_precision(0)
    assert value is not None
    assert float(value) == ExactSum.of(terms).mean(int(hits.sum()))
