"""Slices: each value's numbers are those of its rows, under any order and sharding."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.metrics.reasons import Reason
from assay.metrics.registry import METRICS, live
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.slices import MOST_VALUES, SliceColumn, SliceStatistics, TooManyValues
from assay.records import DamagedRecord
from assay.records.arrays import decode, encode
from tests.support.metric_rows import STREAMS, Rows, binary, chunk_of, measure, merged, multiclass

TABLE = ("north", None, "south", "unused", "")


def sliced(rows, codes, table=TABLE) -> SliceStatistics:
    column = SliceColumn(codes=codes, table=table)
    return SliceStatistics.from_chunk(chunk_of(rows), {"region": column, "again": column})


@pytest.mark.parametrize("stream", STREAMS)
def test_a_slice_is_measured_as_its_rows_alone(stream):
    """Each value has the live metrics of its own rows; values that do not occur are absent."""
    rng = np.random.default_rng(1)
    rows, codes = STREAMS[stream](rng, 400), rng.choice([0, 1, 2, 4], 400)
    measures = sliced(rows, codes).measures(rows.spec)
    assert list(measures) == ["again", "region"]
    assert list(measures["region"]) == [None, "", "north", "south"]
    for code, value in enumerate(TABLE):
        if value != "unused":
            alone = merged(rows.take(np.flatnonzero(codes == code)))
            ours = measures["region"][value]
            theirs = live(alone, rows.spec)
            assert ours == replace(theirs, undefined=ours.undefined)
            more = {
                name: why for name, why in ours.undefined.items() if name not in theirs.undefined
            }
            assert set(more.values()) <= {Reason.TOO_MANY_ROWS, Reason.NO_SCORES}
            assert more.keys() == {
                metric.name
                for metric in METRICS
                if metric.needs_ranks and rows.spec.task in metric.tasks
            }


def ranked(rows: Rows, codes, table=TABLE) -> SliceRanks:
    """Sort the scores of each value, a column at a time, each through its bytes."""
    used = np.unique(codes)
    column = SliceColumn(
        codes=np.searchsorted(used, codes).astype(np.uint8),
        table=tuple(table[code] for code in used),
    )
    slices = {"region": column, "again": column}
    if not rows.spec.labels:
        return SliceRanks.of_numbers(rows.true, rows.predicted, slices)
    parts = []
    for place, scores in enumerate(() if rows.scores is None else rows.scores):
        label = 1 if rows.lone else place
        found = SliceRanks.of_scores(place, rows.true == label, scores, slices, rows.weights)
        parts.append(decode(SliceRanks, encode(found)))
    return SliceRanks.merge_all(parts[::-1])


@pytest.mark.parametrize("stream", STREAMS)
def test_areas_and_medians_of_a_slice_are_those_of_its_rows_alone(stream):
    """Sorted by value, each slice has every metric that its rows have when they are sent alone."""
    rng = np.random.default_rng(7)
    rows, codes = STREAMS[stream](rng, 600), rng.choice([0, 1, 2, 4], 600)
    ranks = ranked(rows, codes)
    measures = sliced(rows, codes).measures(rows.spec, ranks.ranks, ranks.residuals)
    for code, value in enumerate(TABLE):
        if value == "unused":
            continue
        alone = measure(rows.take(np.flatnonzero(codes == code)))
        for name in ("region", "again"):
            assert measures[name][value].metrics == alone.metrics
            assert measures[name][value].undefined == alone.undefined


def test_areas_of_a_slice_are_scikit_learns():
    """On the rows of a value ROC AUC and average precision equal scikit-learn, one against the rest."""
    rng = np.random.default_rng(8)
    codes = rng.choice([0, 1], 3000)
    for rows in (binary(rng, 3000), binary(rng, 3000, 2), multiclass(rng, 3000, digits=2)):
        ranks = ranked(rows, codes, ("a", "b"))
        found = sliced(rows, codes, ("a", "b")).measures(rows.spec, ranks.ranks)
        for code, value in enumerate(("a", "b")):
            some = rows.take(np.flatnonzero(codes == code))
            labels = [1] if rows.lone else range(len(rows.scores))
            columns = list(zip(labels, some.scores, strict=True))
            areas = [sk.roc_auc_score(some.true == label, score) for label, score in columns]
            precisions = [
                sk.average_precision_score(some.true == label, score) for label, score in columns
            ]
            ours = found["region"][value].metrics
            assert ours["roc_auc"] == pytest.approx(np.mean(areas), rel=1e-12)
            assert ours["average_precision"] == pytest.approx(np.mean(precisions), rel=1e-12)


def test_any_order_gives_the_same_slice_ranks():
    """Permuted rows give equal bytes, and damaged bytes are refused."""
    rng = np.random.default_rng(9)
    rows, codes = STREAMS["binary_weighted"](rng, 300), rng.choice([0, 1, 2], 300)
    whole = ranked(rows, codes)
    order = rng.permutation(300)
    assert encode(ranked(rows.take(order), codes[order])) == encode(whole)
    with pytest.raises(DamagedRecord):
        decode(SliceRanks, encode(whole)[:-7])
    with pytest.raises(ValueError, match="overlap"):
        SliceRanks.merge_all([whole, whole])


def test_a_slice_of_one_class_has_no_area():
    """Values whose rows are all positive or all negative say so, as their rows alone would."""
    rows = binary(np.random.default_rng(10), 200)
    codes = rows.true.astype(np.intp)
    ranks = ranked(rows, codes, ("negative", "positive"))
    found = sliced(rows, codes, ("negative", "positive")).measures(rows.spec, ranks.ranks)
    for code, value in enumerate(("negative", "positive")):
        alone = measure(rows.take(np.flatnonzero(codes == code)))
        assert found["region"][value].undefined == alone.undefined
        assert found["region"][value].undefined["roc_auc"] == "SINGLE_CLASS"


@pytest.mark.parametrize("stream", STREAMS)
def test_any_order_and_sharding_gives_the_same_slices(stream):
    """Permuted and resharded rows, with other tables, give equal bytes."""
    rng = np.random.default_rng(2)
    rows, codes = STREAMS[stream](rng, 300), rng.choice([0, 1, 2, 4], 300)
    whole = sliced(rows, codes)
    turned = TABLE[::-1]
    for _ in range(3):
        order = rng.permutation(300)
        parts = []
        for place, part in enumerate(np.split(order, np.sort(rng.integers(0, 300, 3)))):
            ours, table = (codes[part], TABLE) if place % 2 else (4 - codes[part], turned)
            parts.append(decode(SliceStatistics, encode(sliced(rows.take(part), ours, table))))
        assert encode(SliceStatistics.merge_all(parts[::-1])) == encode(whole)


def test_more_than_200_values_are_refused_with_their_number():
    """Too many values are refused in one chunk, and when chunks are merged."""
    rows = binary(np.random.default_rng(3), 402)
    table = tuple(map(str, range(402)))
    with pytest.raises(TooManyValues, match="402") as refused:
        sliced(rows, np.arange(402), table)
    assert (refused.value.column, refused.value.values) == ("again", 402)
    half = np.flatnonzero(np.arange(402) % 2)[:MOST_VALUES]
    rest = np.flatnonzero(np.arange(402) % 2 == 0)[:MOST_VALUES]
    first, second = (sliced(rows.take(part), part, table) for part in (half, rest))
    assert len(first.columns["region"]) == MOST_VALUES
    with pytest.raises(TooManyValues, match="400"):
        SliceStatistics.merge_all([first, second])


def test_slices_that_do_not_fit_are_refused():
    """Other columns, short codes, codes outside the table and doubled values raise ValueError."""
    rows = binary(np.random.default_rng(4), 10)
    codes = np.zeros(10, dtype=np.uint8)
    other = SliceStatistics.from_chunk(chunk_of(rows), {"x": SliceColumn(codes=codes, table=TABLE)})
    with pytest.raises(ValueError, match="different slice columns"):
        SliceStatistics.merge_all([sliced(rows, codes), other])
    for bad, table in [(codes[1:], TABLE), (codes + 9, TABLE), (codes, ("a", "a"))]:
        with pytest.raises(ValueError, match="slice column"):
            sliced(rows, bad, table)
    with pytest.raises(DamagedRecord):
        decode(SliceStatistics, encode(other)[:-7])


def test_no_rows_have_no_slices():
    """An empty chunk has its columns and no values."""
    rows = binary(np.random.default_rng(5), 0)
    empty = sliced(rows, np.zeros(0, dtype=np.uint8))
    assert empty.columns == {"again": {}, "region": {}}
    filled = replace(binary(np.random.default_rng(5), 3))
    both = SliceStatistics.merge_all([empty, sliced(filled, np.zeros(3, dtype=np.uint8))])
    assert list(both.columns["region"]) == ["north"]
