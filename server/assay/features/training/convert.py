"""Jobs of models on the wire, and the requests for them."""

from __future__ import annotations

from google.protobuf import struct_pb2

from assay.features.training.metrics_service import JobMetrics
from assay.features.training.model import Counted, ModelJob, Setting
from assay.features.training.service import KnownJob
from assay.features.training.submission_service import JobRequest
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of, value_of
from assay.v1 import job_pb2, training_pb2
from assay.v1 import training_service_pb2 as pb

_COUNTS = ("done", "total", "rows")  # of a job's progress


def request(sent: pb.SubmitModelJobRequest, call: Call) -> JobRequest:
    """Return what a caller asks for."""
    return value_of(
        JobRequest,
        sent,
        hyperparams=values.from_struct("hyperparams", sent.hyperparams),
        request_id=call.idempotency_key(sent.request_id),
        created_by=call.caller.subject,
    )


def model_job(known: KnownJob) -> training_pb2.ModelJob:
    """Return a job as a message."""
    job = known.job
    counts = known.progress
    return message_of(
        training_pb2.ModelJob,
        job,
        state=job.phase,
        msg=message(job),
        hyperparams=values.struct(plain(job.facts.settings)),
        warnings=job.facts.warnings,
        progress=job_pb2.JobProgress(**{name: counts.get(name, 0) for name in _COUNTS}),
        job_status=job.state.value.lower(),
    )


def metrics(found: JobMetrics) -> training_pb2.ModelMetrics:
    """Return a job's metrics as a message."""
    job, facts = found.job, found.job.facts
    return training_pb2.ModelMetrics(
        status=job.status,
        state=job.phase,
        msg=message(job),
        metrics=[
            training_pb2.MetricTable(
                title=one.title,
                subtitle=one.subtitle,
                headers=one.headers,
                rows=[_list(row) for row in one.rows],
                show=one.show if isinstance(one.show, bool) else None,
            )
            for one in found.tables
        ],
        platform_version=facts.platform_version,
        ibformers_version=facts.learning_version,
        train_count=counts(facts.train.counts),
        train_total=facts.train.total,
        train_datasets=facts.train.datasets,
        test_count=counts(facts.test.counts),
        test_total=facts.test.total,
        test_datasets=facts.test.datasets,
        hyperparams=values.struct(plain(facts.settings)),
        warnings=facts.warnings,
    )


def message(job: ModelJob) -> str | None:
    """Return why a job ended without a result."""
    return None if job.error is None or job.ended_at is None else job.error.message


def counts(counted: tuple[Counted, ...]) -> dict[str, int]:
    """Return the records of each class, in order."""
    return {one.label: one.records for one in counted}


def plain(settings: tuple[Setting, ...]) -> dict[str, object]:
    """Return hyperparameters by name, in order."""
    return {one.name: one.value for one in settings}


def _list(row: tuple[str | int | float, ...]) -> struct_pb2.ListValue:
    cells = struct_pb2.ListValue()
    cells.extend(row)
    return cells
