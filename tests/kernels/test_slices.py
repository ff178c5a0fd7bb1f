"""Slices: each value's statistic is that of its rows, under any order and sharding."""

from dataclasses import replace

import numpy as np
import pytest

from assay.metrics.codec import CodecError
from assay.metrics.registry import live
from assay.metrics.slices import MOST_VALUES, SliceColumn, SliceStatistics, TooManyValues
from tests.kernels.make import STREAMS, binary, chunk_of, merged

TABLE = ("north", None, "south", "unused", "")


def sliced(rows, codes, table=TABLE) -> SliceStatistics:
    column = SliceColumn(codes=codes, table=table)
    return SliceStatistics.of_chunk(chunk_of(rows), {"region": column, "again": column})


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
            assert measures["region"][value] == live(alone, rows.spec)


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
            parts.append(
                SliceStatistics.from_bytes(sliced(rows.take(part), ours, table).to_bytes())
            )
        assert SliceStatistics.merge_all(parts[::-1]).to_bytes() == whole.to_bytes()


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
    other = SliceStatistics.of_chunk(chunk_of(rows), {"x": SliceColumn(codes=codes, table=TABLE)})
    with pytest.raises(ValueError, match="different slice columns"):
        SliceStatistics.merge_all([sliced(rows, codes), other])
    for bad, table in [(codes[1:], TABLE), (codes + 9, TABLE), (codes, ("a", "a"))]:
        with pytest.raises(ValueError, match="slice column"):
            sliced(rows, bad, table)
    with pytest.raises(CodecError):
        SliceStatistics.from_bytes(other.to_bytes()[:-7])


def test_no_rows_have_no_slices():
    """An empty chunk has its columns and no values."""
    rows = binary(np.random.default_rng(5), 0)
    empty = sliced(rows, np.zeros(0, dtype=np.uint8))
    assert empty.columns == {"again": {}, "region": {}}
    filled = replace(binary(np.random.default_rng(5), 3))
    both = SliceStatistics.merge_all([empty, sliced(filled, np.zeros(3, dtype=np.uint8))])
    assert list(both.columns["region"]) == ["north"]
