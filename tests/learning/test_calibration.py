"""Platt scaling against scikit-learn, and on what cannot be fitted."""

import numpy as np
import pytest
from sklearn.calibration import _sigmoid_calibration

from assay.learning import platt
from assay.learning.artifact import decode, encode
from assay.learning.calibration import Calibration, Sigmoids, log_odds
from assay.learning.class_scores import class_predictions, softmax
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.feature_block import FeatureBlock
from assay.metrics.calibration import CalibrationBins
from assay.metrics.reliability import ReliabilityBins
from assay.records.predictions import ClassificationChunk

LABELS = ("a", "b", "c")


def block_of(targets, record_of=None):
    """A block without features."""
    rows = len(targets) if record_of is None else int(record_of[-1]) + 1
    return FeatureBlock(
        row_ids=tuple(map(str, range(rows))),
        features=np.empty((len(targets), 0), np.float32),
        record_of=np.arange(rows, dtype=np.int32) if record_of is None else record_of,
        targets=targets,
    )


def rows_of(count, classes=3, seed=1):
    """Classes, and probabilities that are far too sure of them."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(count, classes))
    chances = softmax(logits)
    targets = (chances.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1).astype(np.int32)
    return softmax(logits * 4 + [0.8, 0, 0][:classes]), targets


def fitted(probabilities, targets, labels=LABELS):
    """The calibration of single-chunk records."""
    block = block_of(targets)
    return platt.fit(
        [
            platt.held_out(
                class_predictions(labels, probabilities, block.row_ids, block.record_of), block
            )
        ]
    )


def top_ece(probabilities, targets):
    """The calibration error of the most probable class, as evaluations have it."""
    chunk = ClassificationChunk(
        labels=LABELS,
        fixed=True,
        true=targets,
        predicted=probabilities.argmax(axis=1),
        scores=np.ascontiguousarray(probabilities.T),
        score_labels=LABELS,
    )
    return ReliabilityBins.of(CalibrationBins.from_chunk(chunk), 0).ece()


@pytest.mark.parametrize("code", range(3))
def test_sigmoids_are_those_of_scikit_learn(code):
    """Each class has the slope and intercept of scikit-learn's sigmoid calibration."""
    probabilities, targets = rows_of(3000)
    ours = fitted(probabilities, targets).records
    a, b = _sigmoid_calibration(log_odds(probabilities)[:, code], targets == code)
    assert (ours.slopes[code], ours.intercepts[code]) == pytest.approx((-a, -b), rel=1e-4, abs=1e-4)


def test_calibration_makes_the_error_smaller():
    """On rows that it was not fitted to, the calibration error falls to a fraction."""
    calibration = fitted(*rows_of(3000))
    probabilities, targets = rows_of(3000, seed=2)
    after = calibration.records.apply(probabilities)
    assert np.allclose(after.sum(axis=1), 1)
    assert top_ece(probabilities, targets) > 0.15
    assert top_ece(after, targets) < 0.05


def test_two_classes_are_calibrated():
    """A binary classifier has two sigmoids that mirror each other."""
    calibration = fitted(*rows_of(2000, classes=2), labels=("no", "yes")).records
    assert calibration.slopes[0] == pytest.approx(calibration.slopes[1], rel=1e-6)
    assert calibration.intercepts[0] == pytest.approx(-calibration.intercepts[1], abs=1e-6)


def test_how_rows_are_cut_changes_no_bit():
    """Parts of any size, in their order, give the sigmoids of the whole."""
    probabilities, targets = rows_of(900)
    whole = fitted(probabilities, targets)
    parts = []
    for rows in (slice(0, 1), slice(1, 500), slice(500, None)):
        block = block_of(targets[rows])
        parts.append(
            platt.held_out(
                class_predictions(LABELS, probabilities[rows], block.row_ids, block.record_of),
                block,
            )
        )
    assert encode(platt.fit(parts).artifact()) == encode(whole.artifact())


def test_of_many_rows_some_are_enough():
    """Beyond the limit every k-th row counts, whatever the parts are."""
    probabilities, targets = rows_of(900)
    parts = []
    for rows in (slice(0, 100), slice(100, None)):
        block = block_of(targets[rows])
        parts.append(
            platt.held_out(
                class_predictions(LABELS, probabilities[rows], block.row_ids, block.record_of),
                block,
            )
        )
    some = platt.fit(parts, most_rows=300)
    third = fitted(probabilities[::3], targets[::3])
    assert encode(some.artifact()) == encode(third.artifact())


def test_records_and_chunks_have_their_own_sigmoids():
    """Records of several chunks are calibrated by their means, chunks by themselves."""
    probabilities, targets = rows_of(1200)
    record_of = np.repeat(np.arange(400, dtype=np.int32), 3)
    targets = np.repeat(targets[::3], 3)
    block = block_of(targets, record_of)
    calibration = platt.fit(
        [
            platt.held_out(
                class_predictions(LABELS, probabilities, block.row_ids, block.record_of), block
            )
        ]
    )
    means = probabilities.reshape(400, 3, 3).mean(axis=1)
    assert np.allclose(calibration.records.slopes, fitted(means, targets[::3]).records.slopes)
    assert np.allclose(calibration.chunks.slopes, fitted(probabilities, targets).chunks.slopes)
    found = class_predictions(LABELS, probabilities, block.row_ids, block.record_of, calibration)
    assert np.allclose(found.probabilities, calibration.records.apply(means))
    assert np.allclose(found.chunk_probabilities, calibration.chunks.apply(probabilities))


def test_classes_without_held_out_rows_keep_their_probabilities():
    """A class that no held-out row has is left as it is, before the sum is made 1."""
    probabilities, targets = rows_of(600)
    calibration = fitted(probabilities, np.where(targets == 2, 0, targets)).records
    assert (calibration.slopes[2], calibration.intercepts[2]) == (1.0, 0.0)
    assert calibration.slopes[0] != 1.0


@pytest.mark.parametrize("targets", [[], [-1, -1, -1]])
def test_no_held_out_rows_are_refused(targets):
    """Without a held-out row of a known class there is nothing to fit."""
    targets = np.array(targets, np.int32)
    with pytest.raises(DataError, match="calibration needs held-out rows"):
        fitted(rows_of(len(targets))[0], targets)


def test_perfect_and_certain_probabilities_are_finite():
    """Probabilities of 0 and 1, right every time, give finite sigmoids and sums of 1."""
    probabilities = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    calibration = fitted(probabilities, np.array([0, 1, 2, 0, 1, 2], np.int32)).records
    after = calibration.apply(probabilities)
    assert np.isfinite(after).all()
    assert np.array_equal(after.argmax(axis=1), probabilities.argmax(axis=1))
    nothing = Sigmoids(slopes=np.full(3, 1e6), intercepts=np.full(3, -1e9))
    assert np.array_equal(nothing.apply(probabilities), probabilities)


def test_calibrations_come_back():
    """A calibration is read as it was written, and half of one is refused."""
    made = fitted(*rows_of(100)).artifact()
    read = Calibration.read(decode(encode(made), "calibration"))
    assert encode(read.artifact()) == encode(made)
    del made.arrays["chunks.slopes"]
    with pytest.raises(DamagedArtifact, match="lacks"):
        Calibration.read(made)
