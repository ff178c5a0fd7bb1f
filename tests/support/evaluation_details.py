"""Evaluations with details of a test's own making, stored as a job would store them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from assay import records
from assay.features.evaluations.details_artifact import EvaluationDetails
from assay.features.evaluations.store import Evaluations
from assay.metrics.curves import Curve, CurvePoint
from tests.support.rpc_service import Caller, Running, csv


def store(rpc: Running, me: Caller, details: EvaluationDetails, *, of: tuple[str, str]) -> str:
    """Give the newest test evaluation of (model, version) details; return its new revision."""
    model_id, version_id = of
    blobs, durable = rpc.backend.blobs, rpc.backend.store
    with durable.read() as uow:
        current = uow[Evaluations].serving(me.organization, model_id, version_id, "test").evaluation
    assert current is not None
    assert current.result is not None
    address = blobs.put(me.organization, details.write())
    again = me("CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test")
    with durable.write() as uow:
        result = records.replace(current.result, details=address)
        uow[Evaluations].finish(me.organization, again.evaluation_id, result)
    return again.evaluation_id


def curve(positive: Sequence[bool], scores: Sequence[float]) -> Curve:
    """Return the curve of a few rows, with a point at every score."""
    truth, values = np.asarray(positive), np.asarray(scores)
    points = [CurvePoint(threshold=None, true_positives=0, false_positives=0)]
    for threshold in sorted(set(scores), reverse=True):
        found = truth[values >= threshold]
        points.append(
            CurvePoint(
                threshold=threshold,
                true_positives=int(found.sum()),
                false_positives=int((~found).sum()),
            )
        )
    whole = Curve(
        points=tuple(points),
        positives=int(truth.sum()),
        negatives=int((~truth).sum()),
        best_f1=points[0],
    )
    best = max(points, key=lambda point: whole.row(point).f1_score)
    return dataclasses.replace(whole, best_f1=best)


def store_bare(rpc: Running, me: Caller, *, of: tuple[str, str], task: str) -> None:
    """Measure (model, version) on the test split as a release without details did."""
    data = {
        "classification": csv(y_true=list("abab"), y_pred=list("abbb")),
        "regression": csv(y_true=[1.0, 2.0], y_pred=[1.0, 2.5]),
    }[task]
    me.measure(*of, data)
    with rpc.backend.store.read() as uow:
        current = uow[Evaluations].serving(me.organization, *of, "test").evaluation
    assert current is not None
    assert current.result is not None
    again = me("CreateEvaluation", model_id=of[0], version_id=of[1], dataset_split="test")
    with rpc.backend.store.write() as uow:
        result = records.replace(current.result, details=None)
        uow[Evaluations].finish(me.organization, again.evaluation_id, result)
