import random

import numpy as np
import pytest

from assay.metrics.counts import ConfusionCounts
from assay.metrics.environment import numeric_environment
from assay.metrics.rank_counts import MICRO
from assay.metrics.ranking import RankCounts, rank_ranges
from assay.metrics.sparse_counts import SparseCounts
from assay.metrics.statistics import ClassificationStatistic, RegressionStatistic, merge_statistics
from assay.records import DamagedRecord
from assay.records.arrays import decode, encode
from tests.support.metric_rows import STREAMS, binary, classification_of, merged, multiclass


def observed(labels, true, predicted):
    return classification_of(
        labels=labels,
        true=np.array(true, dtype=np.uint8),
        predicted=np.array(predicted, dtype=np.uint8),
        labels_fixed=False,
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_a_statistic_survives_its_bytes(stream):
    """Decoding and encoding again gives the same bytes and an equal statistic."""
    statistic = merged(STREAMS[stream](np.random.default_rng(0), 200))
    decoded = decode(type(statistic), encode(statistic))
    assert encode(decoded) == encode(statistic)
    assert decoded == statistic


@pytest.mark.parametrize("stream", ["binary", "regression", "labels_only"])
def test_corrupt_bytes_are_refused_and_nothing_else_happens(stream):
    """Every truncation, and 500 random mutations, end in DamagedRecord; none is read as a value."""
    statistic = merged(STREAMS[stream](np.random.default_rng(1), 50))
    good, dice = encode(statistic), random.Random(1)
    bad = [good[:size] for size in range(len(good))] + [good + b"\0"]
    for _ in range(500):
        mutated = bytearray(good)
        mutated[dice.randrange(len(good))] ^= dice.randrange(1, 256)
        bad.append(bytes(mutated))
    for data in bad:
        with pytest.raises(DamagedRecord):
            decode(type(statistic), data)


def test_a_statistic_of_another_task_is_refused_by_name():
    """The bytes of a classification are no regression and no rank counts."""
    good = encode(merged(binary(np.random.default_rng(3), 20)))
    for kind in (RegressionStatistic, RankCounts):
        with pytest.raises(DamagedRecord, match=f"no {kind.__name__}: it holds a classification"):
            decode(kind, good)


def test_observed_labels_merge_to_their_sorted_union():
    """Chunks with different observed labels add up over the union, sorted; unused labels drop."""
    one = observed(("dog", "cat", "unused"), [0, 1, 1], [0, 0, 1])
    two = observed(("emu", "cat"), [0, 1], [1, 1])
    both = ClassificationStatistic.merge_all([one, two]).confusion
    assert one.confusion.labels == ("cat", "dog")
    assert both.labels == ("cat", "dog", "emu")
    assert both.matrix.tolist() == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert encode(ClassificationStatistic.merge_all([two, one])) == encode(
        ClassificationStatistic.merge_all([one, two])
    )


def test_declared_labels_keep_their_order_and_do_not_mix():
    """A declared label set keeps its order and merges with nothing but itself."""
    rows = multiclass(np.random.default_rng(4), 30)
    assert merged(rows).confusion.labels == rows.spec.labels
    fixed = ConfusionCounts.of_codes(np.array([0]), np.array([1]), ("b", "a"))
    other = ConfusionCounts.of_codes(np.array([0]), np.array([1]), ("a", "b"))
    loose = ConfusionCounts.of_codes(np.array([0]), np.array([1]), ("b", "a"), fixed=False)
    assert fixed.labels == ("b", "a")
    for stranger in (other, loose):
        with pytest.raises(ValueError, match="merge"):
            ConfusionCounts.merge_all([fixed, stranger])


@pytest.mark.parametrize(
    ("k", "kind"),
    [
        (k, kind)
        for k in (1, 2, 16, 17, 256, 257, 2000)
        for kind in (np.uint8, np.uint16, np.uint32, np.int64)
        if k - 1 <= np.iinfo(kind).max
    ],
)
def test_counts_are_right_at_every_width_of_code(k, kind):
    """The matrix is right on both sides of each code width, and its bytes are small if sparse."""
    rng = np.random.default_rng(k)
    true, predicted = rng.integers(0, k, (2, 500)).astype(kind)
    labels = tuple(map(str, range(k)))
    statistic = classification_of(labels=labels, true=true, predicted=predicted)
    expected = np.zeros((k, k), dtype=np.int64)
    np.add.at(expected, (true, predicted), 1)
    assert np.array_equal(statistic.confusion.matrix, expected)
    assert len(encode(statistic)) < 6 * k + 6 * 500 + 100


@pytest.mark.parametrize("k", [1, 2, 3, 10, 11, 16])
@pytest.mark.parametrize("n", [16_383, 16_384, 16_385, 65_536])
def test_counting_two_rows_at_once_counts_the_same(k, n):
    """Chunks long enough to be counted two rows at a time, even and odd, are counted right."""
    true, predicted = np.random.default_rng(n).integers(0, k, (2, n)).astype(np.uint8)
    labels = tuple(map(str, range(k)))
    statistic = classification_of(labels=labels, true=true, predicted=predicted)
    expected = np.bincount(true.astype(int) * k + predicted, minlength=k * k)
    assert np.array_equal(statistic.confusion.matrix.reshape(-1), expected)


def test_chunks_of_different_shape_do_not_merge():
    """Scores in some chunks only, other score columns and other widths raise ValueError."""
    with_scores = multiclass(np.random.default_rng(5), 30)
    without = STREAMS["labels_only"](np.random.default_rng(5), 30)
    with pytest.raises(ValueError, match="scores"):
        merge_statistics([with_scores.statistic(), without.statistic()])
    lone = binary(np.random.default_rng(5), 30)
    narrow = classification_of(
        labels=("0", "1"),
        true=lone.true,
        predicted=lone.predicted,
        scores=lone.scores.astype(np.float32),
        positive_label="1",
    )
    turned = classification_of(
        labels=("0", "1"),
        true=lone.true,
        predicted=lone.predicted,
        scores=lone.scores,
        positive_label="0",
    )
    for other in (narrow, turned):
        with pytest.raises(ValueError, match="score columns"):
            merge_statistics([lone.statistic(), other])
    with pytest.raises(ValueError, match="nothing"):
        ClassificationStatistic.merge_all([])


GOOD = {
    "labels": ("a", "b"),
    "true": np.array([0, 1], dtype=np.uint8),
    "predicted": np.array([0, 1], dtype=np.uint8),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true": np.array([0, 2])}, "outside the 2 labels"),
        ({"true": np.array([0, -1])}, "outside the 2 labels"),
        ({"predicted": np.array([0])}, "2 integer codes"),
        ({"predicted": np.array([0.0, 1.0])}, "integer codes"),
        ({"labels": ("a", "a")}, "twice"),
        ({"labels": tuple(map(str, range(5000)))}, "at most"),
        ({"scores": np.full((2, 3), 0.5)}, "shape"),
        ({"scores": np.full((3, 2), 0.5)}, "shape"),
        ({"scores": np.full((2, 2), 0.5), "labels_fixed": False}, "fixed labels"),
        ({"scores": np.array([[0.5, np.nan], [0.5, 0.5]])}, "lie in"),
        ({"scores": np.array([[0.5, 1.5], [0.5, 0.5]])}, "lie in"),
        ({"scores": np.array([[0.5, -0.1], [0.5, 0.5]])}, "lie in"),
        ({"scores": np.array([[1, 0], [0, 1]])}, "float32 or float64"),
    ],
)
def test_arrays_that_break_the_rules_are_refused(change, message):
    """Codes outside the table, wrong shapes and types, and bad scores raise ValueError."""
    classification_of(**GOOD)
    with pytest.raises(ValueError, match=message):
        classification_of(**(GOOD | change))


def test_score_columns_may_come_one_by_one_and_strided():
    """A list of columns and a transposed matrix give the bytes of the contiguous one."""
    rows = multiclass(np.random.default_rng(6), 100)
    same = {"labels": rows.spec.labels, "true": rows.true, "predicted": rows.predicted}
    expected = encode(rows.statistic())
    by_row = np.ascontiguousarray(rows.scores.T)
    for scores in (list(rows.scores), by_row.T):
        statistic = classification_of(**same, scores=scores)
        assert encode(statistic) == expected


def test_a_positive_label_need_not_occur_in_a_chunk():
    """A chunk without the positive label in its table counts all its rows as negatives."""
    statistic = classification_of(
        labels=("0",),
        true=np.zeros(3, dtype=np.uint8),
        predicted=np.zeros(3, dtype=np.uint8),
        scores=np.array([[0.1, 0.2, 0.3]]),
        positive_label="1",
        labels_fixed=False,
    )
    assert statistic.histogram.column(0).sum(axis=0).tolist() == [3, 0]


def test_few_rows_of_many_columns_are_counted_as_the_same_histogram():
    """The sparse way of binning, for few rows of many columns, equals the dense one."""
    rng = np.random.default_rng(7)
    rows = multiclass(rng, 4000, 5)
    small = [rows.take(slice(s, s + 40)).statistic() for s in range(0, 4000, 40)]
    assert encode(ClassificationStatistic.merge_all(small)) == encode(rows.statistic())


def test_pooled_histogram_plans_the_micro_area():
    """The pooled column holds every score of every column."""
    rows = multiclass(np.random.default_rng(8), 300)
    histogram = rows.statistic().histogram
    assert int(histogram.pooled().sum()) == 1200
    assert sum(r.rows for r in rank_ranges(histogram, micro=True) if r.column == MICRO) == 1200


def test_large_counts_merge_without_a_dense_array():
    """Counts too large for a dense array merge to the same counts."""
    size = 1 << 40
    parts = [SparseCounts.of_indices(np.array([5, size - 1, 5]), size) for _ in range(3)]
    total = SparseCounts.merge_all(parts)
    assert total.cells.tolist() == [5, size - 1]
    assert total.counts.tolist() == [6, 3]
    with pytest.raises(ValueError, match="sizes"):
        SparseCounts.merge_all([parts[0], SparseCounts.of_indices(np.array([0]), 3)])


def test_environment_names_what_bits_depend_on():
    """The numeric environment holds numpy, libm, architecture and the CPU-feature setting."""
    found = numeric_environment(cpu_features="X86_V4")
    assert found["numpy"] == np.__version__
    assert found["numpy_disabled_cpu_features"] == "X86_V4"
    assert all(found.values())
