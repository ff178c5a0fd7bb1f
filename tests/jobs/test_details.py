"""The details of an evaluation: written once, named by the result, equal to scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from tests.jobs.conftest import House
from tests.jobs.in_process import InProcess, result
from tests.jobs.test_evaluation import CANCER, CLASSES, cancer, cut, digits


def test_curves_are_scikit_learns(tmp_path: Path) -> None:
    """On breast cancer the kept ROC points lie on scikit-learn's curve, and AP equals its own."""
    run = InProcess(tmp_path)
    data = run.chunks(CANCER, cut(cancer(), [100, 101]))
    details = run.details(data)
    true = np.array(cancer()["y_true"]) == "malignant"
    score = np.array(cancer()["score"])
    fpr, tpr, _ = metrics.roc_curve(true, score, drop_intermediate=False)
    curve = details.curves["malignant"]
    assert {point[:2] for point in curve.roc()} <= set(zip(fpr, tpr, strict=True))
    assert details.average_precision is not None
    expected = metrics.average_precision_score(true, score)
    assert result(data).metrics["average_precision"] == pytest.approx(expected, rel=1e-12)
    assert details.average_precision.per_class["malignant"] == pytest.approx(expected, rel=1e-12)


def test_areas_by_class_are_scikit_learns(tmp_path: Path) -> None:
    """On digits every class has a curve, and ROC AUC is averaged in three ways as scikit-learn's."""
    run = InProcess(tmp_path)
    details = run.details(run.chunks(CLASSES, cut(digits(), [500])))
    true = np.array(digits()["y_true"])
    scores = np.column_stack([np.array(digits()[f"score:{label}"]) for label in range(10)])
    assert sorted(details.curves) == [str(label) for label in range(10)]
    areas = details.roc_auc
    assert areas is not None
    for average in ("macro", "weighted", "micro"):
        expected = metrics.roc_auc_score(true, scores, multi_class="ovr", average=average)
        assert getattr(areas, average) == pytest.approx(expected, rel=1e-12)


def test_calibration_covers_all_rows(tmp_path: Path) -> None:
    """The bins of the headline and of every class hold each row once."""
    run = InProcess(tmp_path)
    details = run.details(run.chunks(CLASSES, cut(digits(), [])))
    assert details.calibration is not None
    tables = [details.calibration.headline, *details.calibration.per_class.values()]
    assert len(tables) == 11
    assert {sum(one.count for one in table.bins) for table in tables} == {digits().num_rows}


def test_what_does_not_apply_is_absent(tmp_path: Path) -> None:
    """Labels alone have no calibration and no curves; a regression has neither."""
    run = InProcess(tmp_path)
    plain = pa.table({"y_true": ["a", "b"], "y_pred": ["a", "a"]})
    details = run.details(run.chunks(CLASSES, cut(plain, [])))
    assert (details.calibration, details.curves, details.roc_auc) == (None, {}, None)


def test_details_are_not_collected(house: House) -> None:
    """The details of a stored result are among the blobs that rows name, which the keeper keeps."""
    asked = house.evaluation(CANCER)
    house.runner()
    house.upload(asked, cut(cancer(), [300]))
    job = house.job_of(asked)
    house.signals.wait("ended", job)
    with house.store.read() as tx:
        found = tx.evaluations.get(job.organization_id, asked.evaluation_id).result
        referenced = set(tx.jobs.referenced_blobs())
    assert found is not None
    assert found.details is not None
    assert (job.organization_id, found.details) in referenced
    assert house.blobs.read(job.organization_id, found.details)
