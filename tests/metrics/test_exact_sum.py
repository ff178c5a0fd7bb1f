import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.metrics.arithmetic.exact_sum import (
    UNIT_BITS,
    ExactSum,
    rounded_sqrt,
    sum_groups,
    sum_row_products,
    sum_rows,
)
from assay.records.arrays import decode, encode

FINITE = st.floats(allow_nan=False, allow_infinity=False)  # subnormals and 1.8e308 included
UNIT = st.floats(min_value=0, max_value=1)


def exactly(values) -> Fraction:
    return sum(map(Fraction, values), Fraction())


def products(left, right) -> int:
    """The sum of left * right in units, of two arrays that share nothing."""
    return sum_row_products(np.array([left], float), np.array([right], float))[0]


@given(st.lists(FINITE, max_size=60))
@settings(max_examples=300, deadline=None)
def test_sum_is_exact_over_the_whole_range_of_float64(values):
    """A sum of any finite float64 values has no rounding error at all."""
    assert ExactSum.of(values).fraction() == exactly(values)


@given(st.lists(st.tuples(FINITE, FINITE), max_size=40))
@settings(max_examples=300, deadline=None)
def test_products_are_exact_where_the_split_would_overflow_or_underflow(pairs):
    """A sum of products has no rounding error, from subnormal to huge factors."""
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    expected = sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction())
    assert Fraction(products(left, right), 1 << UNIT_BITS) == expected


@given(st.lists(UNIT, max_size=40))
@settings(max_examples=150, deadline=None)
def test_squares_of_probabilities_are_exact(values):
    """Squares of one array, which share their slices, are summed without rounding error."""
    row = np.array([values])
    assert sum_row_products(row, row)[0] == products(values, list(values))


@given(st.lists(FINITE, max_size=60), st.randoms(use_true_random=False), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_any_order_and_sharding_gives_the_same_bits(values, random, cut):
    """Permuting and cutting the values leaves the encoded sum equal byte for byte."""
    whole = ExactSum.of(values)
    mixed = random.sample(values, len(values))
    halves = [ExactSum.of(mixed[cut:]), ExactSum.of(mixed[:cut])]
    assert encode(ExactSum.merge_all(halves)) == encode(whole)
    assert decode(ExactSum, encode(whole)) == whole


@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 50_000])
@pytest.mark.parametrize("spread", [1, 60, 2000])
def test_long_arrays_are_exact_on_every_path(size, spread):
    """Blocks at and around the block size, narrow and spread over all binades, are exact."""
    rng = np.random.default_rng(size + spread)
    low, high = max(-1074, -spread), min(1020, spread)
    values = np.ldexp(rng.normal(size=size), rng.integers(low, high, size))
    assert ExactSum.of(values).fraction() == exactly(values)
    other = np.ldexp(rng.normal(size=size), rng.integers(low, high, size))[:3000]
    expected = sum(
        (Fraction(a) * Fraction(b) for a, b in zip(values, other, strict=False)), Fraction()
    )
    assert Fraction(products(values[: len(other)], other), 1 << UNIT_BITS) == expected


def test_a_mean_is_correctly_rounded():
    """A sum over one row equals math.fsum, which is correctly rounded."""
    rng = np.random.default_rng(1)
    values = -np.log(rng.random(100_000))
    assert ExactSum.of(values).mean(1) == math.fsum(values)
    assert ExactSum.of(values).mean(7) == float(exactly(values) / 7)


def test_total_beyond_float64_overflows_only_when_read():
    """A total may pass the largest float64 on the way and come back."""
    total = ExactSum.of([1.7e308, 1.7e308])
    with pytest.raises(OverflowError):
        total.mean(1)
    assert ExactSum.merge_all([total, ExactSum.of([-1.7e308])]).mean(1) == 1.7e308


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_is_refused(bad):
    """NaN and infinity raise ValueError in sums and in products."""
    with pytest.raises(ValueError, match="finite"):
        ExactSum.of([1.0, bad])
    with pytest.raises(ValueError, match="finite"):
        products([1.0, 2.0], [bad, 1.0])


def test_rows_and_groups_are_summed_apart():
    """Many short rows, and groups of one row, give the sums that each would give alone."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(300, 131)) * 10.0 ** rng.integers(-9, 9, (300, 1))
    assert sum_rows(matrix) == [ExactSum.of(row).units for row in matrix]
    assert sum_row_products(matrix, matrix) == [products(r, r) for r in matrix]
    codes = rng.integers(0, 5, 20_000)
    values = np.ldexp(rng.random(20_000), rng.integers(-900, 3, 20_000))
    expected = [ExactSum.of(values[codes == group]).units for group in range(6)]
    assert sum_groups(values, codes, 6) == expected


def test_float32_products_skip_the_split_and_stay_exact():
    """Squares of float32 values are exact in float64, and are summed as such."""
    row = np.random.default_rng(3).random((1, 5000)).astype(np.float32)
    assert sum_row_products(row, row)[0] == products(row[0], row[0])


@given(st.fractions(min_value=0, max_denominator=10**30))
@settings(max_examples=200, deadline=None)
def test_square_root_is_correctly_rounded(value):
    """No float64 is nearer to the true root than the one returned."""
    root = rounded_sqrt(value)
    if root:
        below = (Fraction(root) + Fraction(math.nextafter(root, 0))) / 2
        above = (Fraction(root) + Fraction(math.nextafter(root, math.inf))) / 2
        assert below**2 <= value <= above**2
    else:
        assert value == 0
