from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from assay.metrics.arithmetic.exact_sum import UNIT_BITS
from assay.metrics.calibration import BINS, EDGES, CalibrationBins, bins_of
from assay.metrics.reliability import Calibration
from assay.records.predictions import ClassificationChunk
from tests.support.metric_rows import Rows, binary, measure, multiclass

NEAR_EDGES = st.one_of(
    st.floats(0, 1),
    st.sampled_from([float(np.nextafter(e, d)) for e in EDGES[1:-1] for d in (0, 1)]),
    st.sampled_from([*EDGES.tolist(), 5e-324, 1e-300]),
)


def calibration(rows: Rows) -> Calibration:
    found = measure(rows).calibration
    assert found is not None
    return found


@given(st.lists(st.tuples(NEAR_EDGES, st.booleans()), min_size=1, max_size=50))
@settings(max_examples=300, deadline=None)
def test_bins_hold_what_lies_above_their_lower_edge_and_their_sums_are_exact(rows):
    """On and beside every edge, and down to subnormals, counts, hits and sums are exact."""
    scores, hits = (np.array(column) for column in zip(*rows, strict=True))
    chunk = ClassificationChunk(
        labels=("n", "y"),
        fixed=True,
        true=hits.astype(np.uint8),
        predicted=hits.astype(np.uint8),
        scores=scores[np.newaxis],
        score_labels=("y",),
    )
    part = CalibrationBins.from_chunk(chunk)
    assert part is not None
    places = [max(0, sum(p > edge for edge in EDGES) - 1) for p in scores]
    for place in range(BINS):
        inside = [i for i, each in enumerate(places) if each == place]
        assert part.counts.dense()[place] == len(inside)
        assert part.hits.dense()[place] == sum(hits[inside])
        exact = sum((Fraction(float(scores[i])) for i in inside), Fraction())
        assert Fraction(part.confidence[place], 1 << UNIT_BITS) == exact


def test_the_reliability_table_is_scikit_learns_calibration_curve():
    """Accuracy and mean confidence per bin are scikit-learn's, scores on the edges included."""
    rows = binary(np.random.default_rng(1), 3000)
    scores = np.concatenate([rows.scores[0, :2000], np.resize(EDGES, 1000)])
    table = calibration(replace(rows, scores=scores[np.newaxis])).headline
    accuracy, confidence = calibration_curve(rows.true, scores, n_bins=15)
    filled = [each for each in table.bins if each.count]
    assert [each.accuracy for each in filled] == pytest.approx(accuracy, rel=1e-12)
    assert [each.mean_confidence for each in filled] == pytest.approx(confidence, rel=1e-12)
    assert sum(each.count for each in table.bins) == 3000


def test_classes_are_calibrated_one_against_the_rest():
    """A class's table is that of the binary question of being it, and so is its error."""
    rows = multiclass(np.random.default_rng(2), 800, 3)
    found = calibration(rows)
    assert found.target == "top_label"
    for code, label in enumerate(rows.spec.labels):
        one = replace(
            binary(np.random.default_rng(0), 800),
            true=(rows.true == code).astype(np.uint8),
            scores=rows.scores[[code]],
        )
        assert found.per_class[label] == calibration(one).headline


def test_a_lone_score_serves_the_other_label_too():
    """The other label's table is that of 1 - s."""
    rows = binary(np.random.default_rng(3), 500)
    turned = replace(rows, true=1 - rows.true, scores=1.0 - rows.scores)
    first, second = calibration(rows), calibration(turned)
    assert first.target == "positive"
    assert first.headline == first.per_class["1"]
    assert first.per_class["0"].ece == second.headline.ece
    assert first.per_class["0"].bins == second.headline.bins


def test_equal_top_scores_belong_to_the_first_label():
    """A row whose two highest scores are equal is right if the first of the two is its truth."""
    rows = multiclass(np.random.default_rng(4), 4, 4)
    scores = np.repeat([[0.25], [0.25], [0.25], [0.25]], 4, axis=1)
    measures = measure(replace(rows, true=np.array([0, 1, 2, 3]), scores=scores))
    assert measures.metrics["top_1_accuracy"] == 0.25
    assert measures.metrics["top_3_accuracy"] == 0.75
    assert measures.metrics["ece"] == 0.0


def test_the_brier_score_is_the_sum_of_its_parts():
    """Reliability - resolution + uncertainty + within_bin is the Brier score, and all are >= 0."""
    rows = binary(np.random.default_rng(5), 900)
    parts = calibration(rows).headline.brier
    assert parts is not None
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bin
    assert total == pytest.approx(sk.brier_score_loss(rows.true, rows.scores[0]), rel=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0
    base = rows.true.mean()
    assert parts.uncertainty == pytest.approx(base * (1 - base), rel=1e-12)


def test_nothing_is_left_within_bins_of_one_score_each():
    """With one distinct score per bin the Brier score is its three parts exactly."""
    rows = binary(np.random.default_rng(6), 400)
    scores = np.random.default_rng(6).choice([0.03, 0.25, 0.5, 0.96], (1, 400))
    parts = calibration(replace(rows, scores=scores)).headline.brier
    assert parts is not None
    assert parts.within_bin == 0.0


def test_bins_ascend_with_the_score():
    """No score is binned below a smaller one."""
    scores = np.sort(np.random.default_rng(7).random(100_000))
    assert (np.diff(bins_of(scores)) >= 0).all()
    assert np.array_equal(bins_of(scores), np.searchsorted(EDGES[1:-1], scores, side="left"))
