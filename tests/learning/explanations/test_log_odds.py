"""The scale of explanations: log-odds as sums over decision values."""

import numpy as np
import pytest

from assay.learning.calibration import Sigmoids, log_odds
from assay.learning.explanations.log_odds import class_log_odds, settled

RECORD_OF = np.array([0, 0, 1, 2, 2, 2], np.int32)
START = np.array([0.3, -0.2, -1.0])


def record_log_odds(values):
    """Log-odds of records of chunks of decision values, by the words of the module."""
    shares = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    means = np.array([shares[record == RECORD_OF].mean(axis=0) for record in range(3)])
    return np.log(means / (1 - means))


@pytest.fixture
def values():
    """Decision values of six chunks of three records, in three classes."""
    return START + np.random.default_rng(5).normal(0, 2, (6, 3))


def test_gradients_are_averages_on_the_straight_way(values):
    """Each gradient is the mean of finite differences along the way from the base to the record."""
    found = class_log_odds(values, START, RECORD_OF, None, 3)
    expected = np.zeros((6, 3, 3))
    step = 1e-5
    places = (np.arange(400) + 0.5) / 400
    for place in places:
        for chunk in range(6):
            for by in range(3):
                shift = np.zeros((6, 3))
                shift[chunk, by] = step
                there = START + place * (values - START)
                change = record_log_odds(there + shift) - record_log_odds(there - shift)
                expected[chunk, :, by] += change[RECORD_OF[chunk]] / (2 * step)
    own = np.take_along_axis(expected / 400, found.classes[RECORD_OF][..., np.newaxis], axis=1)
    assert np.allclose(found.gradients, own, atol=1e-4)


def test_gradients_times_ways_are_the_difference_of_log_odds(values):
    """What a few points miss of the difference between base and total is small."""
    found = class_log_odds(values, START, RECORD_OF, None, 2)
    parts = (found.gradients * (values - START)[:, np.newaxis]).sum(axis=2)
    sums = np.array([parts[record == RECORD_OF].sum(axis=0) for record in range(3)])
    assert np.allclose(sums, found.totals - found.bases, atol=1e-3)
    assert np.allclose(
        found.totals, np.take_along_axis(record_log_odds(values), found.classes, 1), atol=1e-12
    )


def test_a_calibrated_class_has_its_slope_and_intercept(values):
    """Bases, totals and gradients are those of what the class's sigmoid is taken of."""
    sigmoids = Sigmoids(slopes=np.array([2.0, 0.5, 1.0]), intercepts=np.array([0.1, 0.0, -0.4]))
    plain = class_log_odds(values, START, RECORD_OF, None, 3)
    found = class_log_odds(values, START, RECORD_OF, sigmoids, 3)
    for record in range(3):
        for place, code in enumerate(found.classes[record]):
            before = plain.classes[record].tolist().index(code)
            expected = sigmoids.slopes[code] * plain.totals[record, before]
            assert found.totals[record, place] == pytest.approx(
                expected + sigmoids.intercepts[code]
            )
            mine = plain.gradients[record == RECORD_OF][:, before]
            assert np.allclose(
                found.gradients[record == RECORD_OF][:, place], sigmoids.slopes[code] * mine
            )


def test_decision_values_far_apart_are_finite():
    """Certain classes have log-odds as far as calibration takes them, and finite gradients."""
    values = np.array([[800.0, 0.0, -800.0], [-900.0, 900.0, 0.0]])
    found = class_log_odds(values, np.zeros(3), np.array([0, 1]), None, 3)
    assert np.isfinite(found.gradients).all()
    assert np.allclose(found.totals[:, 0], log_odds(np.array([1.0])))


@pytest.mark.parametrize("far", [1e3, 1e6, 1e30])
def test_gradients_reach_what_is_far_away(far):
    """However far values go, the gradients tell which of them make the difference."""
    values = np.array([[far, 0.0, -far / 2]])
    found = class_log_odds(values, np.zeros(3), np.zeros(1, np.int64), None, 3)
    parts = found.gradients[0] * values
    assert found.classes[0].tolist() == [0, 1, 2]
    assert parts[0, 0] > 10
    assert parts[2, 0] < -10
    assert (np.abs(parts) < 1e4).all()


def test_what_is_missing_is_spread_in_proportion():
    """Scores that do not add up to a difference are changed in proportion to their size."""
    scores = settled(np.array([[3.0, -1.0, 0.0]]), np.array([0, 0, 1]), np.array([[4.0], [0.0]]))
    assert scores.tolist() == [[4.5, -0.5, 0.0]]
