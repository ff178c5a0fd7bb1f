"""Ten thousand random cases against the oracles: small, odd and tied streams of every kind."""

from dataclasses import replace

import numpy as np
import pytest

from assay.records.weights import UNIT
from tests.metrics.test_oracle import ORACLES
from tests.support.metric_rows import Rows, binary, labels_only, measure, multiclass, regression

CASES = 10_000
PARTS = 20


def drawn(rng: np.random.Generator) -> Rows:
    """A random stream: kind, length, classes, ties and width of scores by the dice."""
    n = int(rng.integers(1, 60))
    kind = rng.integers(0, 4)
    digits = [None, 1, 2, 3][rng.integers(0, 4)]
    if kind == 0:
        return binary(rng, n, digits)
    if kind == 1:
        return multiclass(rng, n, int(rng.integers(3, 9)), digits)
    if kind == 2:
        return labels_only(rng, n)
    rows = regression(rng, n)
    return (
        rows
        if digits is None
        else replace(
            rows, true=np.round(rows.true, digits), predicted=np.round(rows.predicted, digits)
        )
    )


def nonzero(rows: Rows) -> Rows:
    """The rows whose truth is not 0, on which scikit-learn's relative error is ours."""
    return rows if rows.spec.labels else rows.take(np.flatnonzero(rows.true))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.filterwarnings("ignore")  # scikit-learn warns where Assay gives a reason
def test_ten_thousand_random_cases_equal_their_oracles(part):
    """Every defined metric is its oracle's, and whole weights are repeated rows, in any sharding."""
    rng = np.random.default_rng(part)
    for case in range(CASES // PARTS):
        rows = nonzero(drawn(rng))
        found = measure(rows, rng)
        for name, value in found.metrics.items():
            oracle = ORACLES[name]
            theirs = oracle.value(rows)
            if oracle.bits:
                assert value == theirs, (part, case, name)
            else:
                near = pytest.approx(theirs, rel=1e-12, abs=1e-14)
                assert value == near, (part, case, name)
        if case % 4:
            continue
        times = rng.integers(0, 3, len(rows))
        heavy = measure(replace(rows, weights=times * UNIT), rng)
        repeated = measure(rows.take(np.repeat(np.arange(len(rows)), times)))
        for name in heavy.metrics.keys() - {"max_error", "median_absolute_error"}:
            assert heavy.metrics[name] == repeated.metrics[name], (part, case, name)
