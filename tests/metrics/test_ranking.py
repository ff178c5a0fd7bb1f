from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.metrics.histogram import BINS, bin_edge, score_bins
from assay.metrics.ranking import (
    MICRO,
    RangeCounts,
    RankCounts,
    RankRange,
    count_range,
    rank_ranges,
)
from assay.metrics.registry import evaluate
from assay.metrics.statistics import ClassificationStatistic
from assay.records.arrays import decode, encode
from tests.support.metric_rows import binary, classification_of, merged, multiclass

TINY = 5e-324
SCORE = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, TINY, 2 * TINY, 1 - 2.0**-53, 2.0**-40, 1 - 2.0**-40]),
)


def brute(positive, scores) -> Fraction | None:
    above = [s for s, hit in zip(scores, positive, strict=True) if hit]
    below = [s for s, hit in zip(scores, positive, strict=True) if not hit]
    if not above or not below:
        return None
    twice = sum(2 * (p > n) + (p == n) for p in above for n in below)
    return Fraction(twice, 2 * len(above) * len(below))


def area(positive, scores, max_rows) -> Fraction | None:
    """The area through histogram, ranges and counts, two rows a chunk."""
    positive, scores = np.asarray(positive, dtype=bool), np.asarray(scores)

    def read():
        return ((positive[i : i + 2], scores[i : i + 2]) for i in range(0, len(scores), 2))

    statistic = classification_of(
        labels=("n", "y"),
        true=positive.astype(np.uint8),
        predicted=positive.astype(np.uint8),
        scores=scores[np.newaxis],
        positive_label="y",
    )
    assert statistic.histogram is not None
    ranges = rank_ranges(statistic.histogram, max_rows=max_rows)
    parts = [count_range(read, each, max_rows=max_rows) for each in ranges]
    return RankCounts.merge_all(reversed(parts)).auc(0)


@given(st.lists(st.tuples(st.booleans(), SCORE), min_size=1, max_size=40), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_area_is_the_exact_rational_over_all_pairs(rows, max_rows):
    """With ties, subnormals, -0.0 and any memory limit the area equals counting every pair."""
    positive, scores = zip(*rows, strict=True)
    assert area(positive, scores, max_rows) == brute(positive, scores)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(1, 10),
)
@settings(max_examples=150, deadline=None)
def test_heavy_ties_are_counted_half(rows, max_rows):
    """Four distinct float32 scores shared by all rows give the exact area."""
    positive, steps = zip(*rows, strict=True)
    scores = np.array(steps, dtype=np.float32) / np.float32(3)
    assert area(positive, scores, max_rows) == brute(positive, scores)


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0, TINY])
def test_all_equal_scores_are_worth_one_half(score):
    """One score for all rows has area 1/2, even where the rows exceed the memory limit."""
    positive = np.arange(1000) % 3 == 0
    assert area(positive, np.full(1000, score), 10) == Fraction(1, 2)


@pytest.mark.parametrize("centre", [1e-12, 0.3, 0.5, 1 - 1e-12])
def test_concentrated_scores_are_cut_within_the_memory_limit(centre):
    """Scores that fall into one bin are cut until no more rows are held than allowed."""
    rng = np.random.default_rng(0)
    scores = np.clip(centre + rng.normal(size=3000) * 1e-13, 0, 1)
    positive = rng.random(3000) < 0.4
    held = []

    def read():
        return [(positive, scores)]

    def spying(target):
        counted = count_range(read, target, max_rows=100)
        for each in counted.ranges:
            inside = (scores >= each.low) & (scores < each.high)
            held.append((int(inside.sum()), len(np.unique(scores[inside]))))
        return counted

    target = RankRange(column=0, low=0.0, high=2.0, rows=3000)
    expected = brute(positive.tolist(), scores.tolist())
    assert spying(target).auc(0) == expected
    assert all(rows <= 100 or distinct == 1 for rows, distinct in held)
    assert sum(rows for rows, _ in held) == 3000


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_bins_ascend_and_their_edges_are_the_smallest_scores(kind):
    """Bins never fall as the score rises, and each edge is where its bin begins."""
    rng = np.random.default_rng(1)
    low = 2.0 ** rng.uniform(-60, -1, 20_000)
    scores = np.concatenate([low, 1 - low, rng.random(20_000), [0, 1, 0.5, TINY]]).astype(kind)
    scores.sort()
    bins = score_bins(scores)
    assert (np.diff(bins) >= 0).all()
    assert bins[0] == 0
    assert bins[-1] == BINS - 1
    edges = np.array([bin_edge(place) for place in range(BINS + 1)])
    assert (np.diff(edges) > 0).all()
    assert (edges[bins] <= scores.astype(float)).all()
    assert (scores.astype(float) < edges[bins + 1]).all()


def test_float32_and_float64_scores_fall_into_the_same_bins():
    """The bin of a float32 score is that of its float64 value."""
    scores = np.random.default_rng(2).random(10_000).astype(np.float32)
    assert np.array_equal(score_bins(scores), score_bins(scores.astype(np.float64)))


@pytest.mark.parametrize("power", [1, 8, 0.1])
def test_ranges_stay_within_the_limit_for_uniform_and_for_saturated_scores(power):
    """No range exceeds a twentieth of the rows, uniform or crowded at either end."""
    rows = binary(np.random.default_rng(3), 20_000)
    assert rows.scores is not None
    scores = np.random.default_rng(4).random((1, 20_000)) ** power
    statistic = merged(replace(rows, scores=scores))
    assert isinstance(statistic, ClassificationStatistic)
    assert statistic.histogram is not None
    ranges = rank_ranges(statistic.histogram, max_rows=1000)
    assert max(each.rows for each in ranges) <= 1000
    assert sum(each.rows for each in ranges) == 20_000
    assert len(ranges) <= 45


def test_a_column_of_one_class_has_nothing_to_count():
    """No range is planned for a column whose truth is always, or never, its label."""
    rows = multiclass(np.random.default_rng(5), 100)
    rows = rows.take(np.flatnonzero(rows.true != 1))
    histogram = merged(rows).histogram
    assert {each.column for each in rank_ranges(histogram, micro=True)} == {0, 2, 3, MICRO}


def test_counts_that_do_not_cover_the_rows_are_refused():
    """Missing, overlapping, short and overfull ranges raise ValueError instead of a wrong area."""
    rows = binary(np.random.default_rng(6), 500)
    statistic = merged(rows)
    ranges = rank_ranges(statistic.histogram, max_rows=100)
    counts = rows.count(ranges, 100)
    partial = RankCounts(ranges=counts.ranges[1:])
    with pytest.raises(ValueError, match="counted"):
        evaluate(statistic, partial, rows.spec)
    with pytest.raises(ValueError, match="counted"):
        evaluate(statistic, None, rows.spec)
    with pytest.raises(ValueError, match="overlap"):
        RankCounts.merge_all([counts, partial])
    for rows_claimed in (ranges[0].rows - 1, ranges[0].rows + 1):
        target = replace(ranges[0], rows=rows_claimed)
        with pytest.raises(ValueError, match="histogram counted"):
            count_range(lambda: rows.column(0), target)


def test_mixed_widths_in_one_column_are_refused():
    """A column that is float32 in one chunk and float64 in another raises ValueError."""
    scores = np.array([0.1, 0.9])
    chunks = [(scores > 0.5, scores), (scores > 0.5, scores.astype(np.float32))]
    with pytest.raises(ValueError, match="widths"):
        count_range(lambda: chunks, RankRange(column=0, low=0.0, high=2.0, rows=4))


def test_merging_ranges_in_any_order_gives_equal_bytes():
    """Counted ranges merge to the same bytes whatever their order."""
    entries = [
        RangeCounts(column=c, low=low, high=low + 0.5, positives=1, negatives=2, twice_wins=3)
        for c in (MICRO, 0, 1)
        for low in (0.0, 0.5)
    ]
    parts = [RankCounts(ranges=(entry,)) for entry in entries]
    forwards = RankCounts.merge_all(parts)
    assert encode(forwards) == encode(RankCounts.merge_all(reversed(parts)))
    assert decode(RankCounts, encode(forwards)) == forwards
