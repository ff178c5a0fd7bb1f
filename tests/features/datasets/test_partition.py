"""The partition of rows: exact shares, seeded, by strata and with groups together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features.datasets.partition import RowKeys, assign
from assay.metrics.resampling.bootstrap import mix

EIGHT = (0.8, 0.1, 0.1)


def keys(rows: int, strata=None, groups=None) -> RowKeys:
    return RowKeys(
        ids=mix(np.arange(rows, dtype=np.uint64)),
        strata=np.zeros(rows, np.int64) if strata is None else np.asarray(strata, np.int64),
        groups=None if groups is None else mix(np.asarray(groups, np.uint64)),
    )


def counts(places: np.ndarray, splits: int = 3) -> list[int]:
    return np.bincount(places, minlength=splits).tolist()


def test_shares_are_as_exact_as_whole_rows_allow():
    """A thousand rows are cut into 800, 100 and 100, and ten into 8, 1 and 1."""
    assert counts(assign(keys(1000), EIGHT, 1)) == [800, 100, 100]
    assert counts(assign(keys(10), EIGHT, 1)) == [8, 1, 1]


def test_a_seed_decides_who_goes_where():
    """One seed gives one partition, in any order of the rows, and another seed another one."""
    rows = keys(1000)
    places = assign(rows, EIGHT, 7)
    assert (assign(rows, EIGHT, 7) == places).all()
    back = RowKeys(ids=rows.ids[::-1], strata=rows.strata, groups=None)
    assert (assign(back, EIGHT, 7) == places[::-1]).all()
    assert (assign(rows, EIGHT, 8) != places).any()


def test_each_stratum_is_shared_out():
    """Every class has its share in every split, and a rare one a row in the largest at least."""
    strata = [0] * 900 + [1] * 90 + [2] * 10 + [3]
    places = assign(keys(len(strata), strata), EIGHT, 3)
    found = [counts(places[np.asarray(strata) == code]) for code in range(4)]
    assert found[:3] == [[720, 90, 90], [72, 9, 9], [8, 1, 1]]
    assert found[3] == [1, 0, 0]


def test_what_is_rounded_evens_out_over_strata():
    """Of 100 classes of 5 rows each the small splits get their tenth in all."""
    strata = np.repeat(np.arange(100), 5)
    places = assign(keys(500, strata), EIGHT, 3)
    assert counts(places) == [400, 50, 50]


def test_groups_stay_together():
    """The rows of a group go to one split, and the shares are still about right."""
    groups = np.arange(3000) // 3
    places = assign(keys(3000, groups=groups), EIGHT, 5)
    assert all(len(set(places[groups == one].tolist())) == 1 for one in range(1000))
    assert counts(places) == [2400, 300, 300]


def test_groups_are_shared_out_by_their_commonest_class():
    """With strata and groups, groups of each class are shared out."""
    groups = np.arange(2000) // 4
    strata = np.where(np.arange(2000) % 4 == 3, 1, groups % 2)  # three of four rows decide
    places = assign(keys(2000, strata, groups), EIGHT, 5)
    for code in (0, 1):
        assert counts(places[(groups % 2) == code]) == [800, 100, 100]


@pytest.mark.parametrize("seed", [0, 1, 2**63])
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    fractions=st.lists(st.integers(1, 9), min_size=2, max_size=3),
)
def test_every_row_goes_somewhere(seed, sizes, fractions):
    """No row is lost, and in all no split is more than a row per stratum away from its share."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    shares = np.array(fractions) / sum(fractions)
    found = counts(assign(keys(len(strata), strata), shares, seed), len(fractions))
    assert sum(found) == len(strata)
    assert (np.abs(found - shares * len(strata)) <= len(sizes) + 1).all()
