"""The calibration of a model on the validation rows, and its error on rows held out of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.features.training.job_course import Course
from assay.features.training.job_events import CalibrationFinished
from assay.features.training.job_features import StoredBlocks
from assay.features.training.job_predictions import calibration_error, words_of_block
from assay.features.training.model import Measured
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.artifact import Artifact
from assay.learning.calibration import Calibration
from assay.learning.errors import DataError
from assay.learning.feature_block import FeatureBlock
from assay.learning.learner import Learner, State
from assay.learning.platt import KIND, MAX_ROWS, fit, held_out
from assay.learning.predictions import ClassPredictions
from assay.learning.word_tagger import WordTagger

FOLDS = 2
Parts = Sequence[Artifact]
_ARRAYS = ("records", "records.targets", "chunks", "chunks.targets")


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A calibration, and what it changes on rows that it was not fitted to."""

    calibration: Calibration | None = None
    measured: tuple[Measured, ...] = ()
    events: tuple[CalibrationFinished, ...] = ()


def calibrated(
    learner: Learner, state: State, course: Course, labels: tuple[str, ...], blobs: JobBlobs
) -> Calibrated:
    """Return the calibration that hyperparameters ask for; none of a regression.

    The errors before and after are of the same validation rows, each by sigmoids that were fitted
    to the other half of them. Raises DataError where there are none.
    """
    if not course.hyperparameters.flag("do_calibration") or not labels:
        return Calibrated()
    refs = [one for one in course.validation if one.blob is not None]
    every = -(-sum(one.chunks for one in refs) // MAX_ROWS) or 1
    blocks = StoredBlocks(refs, blobs)
    parts = [_thinned(part, every, 0) for part in _predicted(learner, state, blocks)]
    calibration = fit(parts)
    unit = "chunks" if isinstance(learner, WordTagger) else "records"
    before = _error(parts, unit, labels, [None] * FOLDS)
    others = [_fold(parts, FOLDS - 1 - fold) for fold in range(FOLDS)]
    try:
        after = _error(parts, unit, labels, [fit(one) for one in others])
    except DataError:  # so few rows that one half has none
        after = before
    return Calibrated(
        calibration=calibration,
        measured=(Measured(measure="ECE", before=before, after=after),),
        events=(CalibrationFinished(ece_before=before, ece_after=after),),
    )


def _predicted(learner: Learner, state: State, blocks: StoredBlocks) -> Iterator[Artifact]:
    for block in blocks:
        if isinstance(learner, WordTagger):
            yield _words(learner.probabilities(state, block), block)
            continue
        found = learner.predict(state, block)
        assert isinstance(found, ClassPredictions)
        yield held_out(found, block)


def _words(probabilities: NDArray[np.float64], block: FeatureBlock) -> Artifact:
    """Return what is fitted to of words, of which both levels have the same."""
    true, _ = words_of_block(block)
    values = (probabilities, true, probabilities, true)
    return Artifact(kind=KIND, arrays=dict(zip(_ARRAYS, values, strict=True)))


def _thinned(part: Artifact, every: int, first: int) -> Artifact:
    """Return each `every`-th row of a part, so that memory does not grow with the rows."""
    taken = {name: part.arrays[name][first::every].copy() for name in _ARRAYS}
    return Artifact(kind=KIND, arrays=taken)


def _fold(parts: Parts, fold: int) -> list[Artifact]:
    return [_thinned(part, FOLDS, fold) for part in parts]


def _error(
    parts: Parts, unit: str, labels: tuple[str, ...], calibrations: Sequence[Calibration | None]
) -> float:
    """Return the calibration error over all folds, each calibrated by its own."""
    probabilities, targets = [], []
    for fold, calibration in enumerate(calibrations):
        for part in _fold(parts, fold):
            found = part.arrays[unit]
            if calibration is not None:
                sigmoids = calibration.chunks if unit == "chunks" else calibration.records
                found = sigmoids.apply(found)
            probabilities.append(found)
            targets.append(part.arrays[f"{unit}.targets"])
    return calibration_error(np.concatenate(probabilities), np.concatenate(targets), labels)
