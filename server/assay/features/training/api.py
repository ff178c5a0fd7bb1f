"""TrainingService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from google.api import httpbody_pb2

from assay.features.training import convert
from assay.features.training.metrics_service import MetricsReader
from assay.features.training.rest import asked
from assay.features.training.service import JobQuery, KnownJob, ModelJobUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import Listing
from assay.kernel.rpc.watch import JobWatch
from assay.v1 import training_pb2
from assay.v1 import training_service_pb2 as pb

R = TypeVar("R")
ARTIFACT_PART = 1024 * 1024  # bytes of a message of an artifact


def _watcher(
    watch: Callable[[JobWatch, Call, str, pb.WatchModelJobRequest], AsyncGenerator[R, None]],
) -> Callable[[TrainingService, pb.WatchModelJobRequest, Call], AsyncGenerator[R, None]]:
    """Return the method that streams a job as `watch` does."""

    async def follow(
        self: TrainingService, request: pb.WatchModelJobRequest, call: Call
    ) -> AsyncGenerator[R, None]:
        known = await call.run(self.jobs.get, call.organization_id, request.job_id)
        async with aclosing(watch(self.watch, call, known.job.job_id, request)) as stream:
            async for one in stream:
                yield one

    return follow


class TrainingService:
    """Training, pruning and evaluation jobs of the caller's models."""

    def __init__(self, jobs: ModelJobUseCases, metrics: MetricsReader, watch: JobWatch) -> None:
        self.jobs = jobs
        self.watch = watch
        self._metrics = metrics

    async def SubmitModelJob(
        self, request: pb.SubmitModelJobRequest, call: Call
    ) -> training_pb2.ModelJob:
        """Queue a job."""
        asked_for = convert.request(request, call)
        made = await call.run_in_thread(lambda: self.jobs.submit(call.organization_id, asked_for))
        return convert.model_job(made)

    def _got(self, request: pb.GetModelJobRequest, call: Call) -> KnownJob:
        return self.jobs.get(call.organization_id, request.job_id)

    def _listed(self, request: pb.ListModelJobsRequest, call: Call) -> Listing[KnownJob]:
        return self.jobs.list(call.organization_id, value_of(JobQuery, request))

    def _canceled(self, request: pb.CancelModelJobRequest, call: Call) -> KnownJob:
        return self.jobs.cancel(call.organization_id, request.job_id)

    GetModelJob = handler(_got, convert.model_job)
    ListModelJobs = handler(
        _listed, lambda found: page_of(pb.ListModelJobsResponse, found, convert.model_job)
    )
    CancelModelJob = handler(_canceled, convert.model_job)
    WatchModelJob = _watcher(JobWatch.messages)
    WatchModelJobEvents = _watcher(JobWatch.events)
    WatchModelJobLines = _watcher(JobWatch.lines)

    async def GetModelMetrics(
        self, request: pb.GetModelMetricsRequest, call: Call
    ) -> training_pb2.ModelMetrics:
        """Return the metrics of a job."""
        return convert.metrics(await asked(self._metrics, request, call))

    async def GetVersionArtifact(
        self, request: pb.GetVersionArtifactRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream the artifact of a version."""
        file = await call.run(
            self.jobs.open_artifact, call.organization_id, request.model_id, request.version_id
        )
        with file:
            while data := await call.run_in_thread(lambda: file.read(ARTIFACT_PART)):
                yield httpbody_pb2.HttpBody(content_type="application/octet-stream", data=data)
