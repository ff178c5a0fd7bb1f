"""Evaluations that another job makes are those that an upload of the same rows makes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from assay.features.evaluations.measurement import (
    MeasuredSplit,
    count_rows,
    measure_split,
    record_evaluation,
)
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.store import Evaluations
from assay.features.models.model import TaskType
from assay.features.models.versions_store import Versions
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import TaskRole
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blobs import open_blobs
from assay.records import decode, encode
from assay.tabular.arrow import encode as arrow_stream
from tests.support.evaluation_in_process import InProcess
from tests.support.store_rows import ORG, add_model, add_version

SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=("cat", "dog"))
VALUES = EvaluationSpec(task_type=TaskType.REGRESSION)
PETS = pa.table(
    {
        "row_id": ["a", "b", "c", "d", "e"],
        "y_true": ["cat", "dog", "dog", "cat", "dog"],
        "y_pred": ["cat", "dog", "cat", "cat", "dog"],
        "score:cat": [0.75, 0.25, 0.5, 0.875, 0.0],
        "score:dog": [0.25, 0.75, 0.5, 0.125, 1.0],
    }
)
NUMBERS = pa.table({"row_id": ["a", "b", "c"], "y_true": [1.0, 2.0, 4.0], "y_pred": [1.5, 2, 3]})


def measured(folder: Path, table: pa.Table, spec: EvaluationSpec) -> MeasuredSplit:
    """Count a table in two parts and measure it."""
    context = ComputeContext(blobs=JobBlobs(open_blobs(folder), ORG))
    parts = [(table.slice(2), 2), (table.slice(0, 2), 0)]
    counted = [count_rows(part, spec, first, context) for part, first in parts]
    return measure_split("test", spec, counted, context)


def test_numbers_are_those_of_an_upload(tmp_path: Path) -> None:
    """The result of rows that a job predicts has the bytes of the result of their upload."""
    for table, spec in ((PETS, SPEC), (NUMBERS, VALUES)):
        chunks = [arrow_stream(table.slice(0, 2)), arrow_stream(table.slice(2))]
        uploaded = InProcess(tmp_path).chunks(spec, chunks)
        assert encode(measured(tmp_path, table, spec).result) == uploaded


def test_an_evaluation_is_recorded_with_a_job_that_is_done(store, tmp_path: Path) -> None:
    """It is served at once; its job has succeeded with the rows and has said so in its log."""
    found = measured(tmp_path, PETS, SPEC)
    with store.write() as uow:
        model_id = add_model(uow).model_id
        version_id = add_version(uow, model_id).version_id
        made = record_evaluation(
            uow, ORG, found, model_id=model_id, version_id=version_id, created_by="ann"
        )
    with store.read() as uow:
        assert uow[Evaluations].current(ORG, model_id, version_id, "test") == made
        assert uow[Versions].get(ORG, model_id, version_id).metrics == made.metrics
        job = uow[Jobs].get(ORG, made.job_id)
        assert (job.state, job.next_row, job.attempts) == (JobState.SUCCEEDED, 5, 0)
        assert decode(dict, job.spec)["evaluation_id"] == made.evaluation_id
        batches = uow[Jobs].tasks(ORG, made.job_id)
        assert [(one.role, one.first_row, one.rows) for one in batches] == [
            (TaskRole.BATCH, 0, 2),
            (TaskRole.BATCH, 2, 3),
        ]
        states = [event.data["to"] for event in uow[Events].after(ORG, made.job_id, 0)]
        assert states == [JobState.QUEUED, JobState.SUCCEEDED]
