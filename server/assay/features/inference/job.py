"""The job kind of inference: inputs are predicted in tasks of growing size, each input told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from assay.features.catalogue.engine import engine_key
from assay.features.inference.events import InputFinished
from assay.features.inference.job_end import settle
from assay.features.inference.job_prediction import predict_inputs
from assay.features.inference.job_spec import (
    InferenceResult,
    InferenceSpec,
    Manifest,
    PredictTask,
    tasks_of,
)
from assay.features.inference.model import KIND, FinishedInput, InputState
from assay.features.inference.store import InferenceJobs
from assay.kernel.clock import Clock
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode

KILLED = (
    "The compute process ended twice, without a word, on this input; it is not tried again. Check "
    "that the input is whole and correct, and send less of it if it is large."
)
NO_ENGINE = "none"  # of an input whose processes ended


class Predicted(Record):
    """What a task leaves in the ledger; what became of its inputs is in their rows."""

    inputs: int


class PredictStage(Stage[PredictTask, Predicted]):
    """The prediction of all inputs."""

    name = "predict"
    payload = PredictTask
    partial = Predicted

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()

    def waits(self, job: JobView[Any]) -> bool:
        """Say whether the version is called elsewhere."""
        spec: InferenceSpec = job.spec
        return spec.artifact.waits

    def reserved(self, job: JobView[Any]) -> tuple[str, ...]:
        """Return the key of the engines that may be kept for the version."""
        spec: InferenceSpec = job.spec
        return engine_key(job.organization_id, spec.model_id, spec.version_id)

    def plan(
        self, job: JobView[Any], inputs: StageInputs, context: ComputeContext
    ) -> Iterable[PredictTask]:
        """Return tasks of consecutive inputs."""
        del inputs
        manifest = manifest_of(job.spec, context.blobs)
        return tasks_of(manifest.inputs, explain=job.spec.explain)

    def run(
        self,
        job: JobView[Any],
        payload: PredictTask,
        inputs: StageInputs,
        context: ComputeContext,
    ) -> TaskOutput[Predicted]:
        """Predict the inputs of a task."""
        del inputs
        return _output(predict_inputs(payload, job.spec, context, self._clock))

    def apart(self, payload: PredictTask) -> Sequence[PredictTask]:
        """Return a task of each input."""
        return [
            PredictTask(first=position, inputs=(one,))
            for position, one in enumerate(payload.inputs, start=payload.first)
        ]

    def together(self, partials: Sequence[Predicted]) -> Predicted:
        """Add up."""
        return Predicted(inputs=sum(one.inputs for one in partials))

    def given_up(self, payload: PredictTask) -> TaskOutput[Predicted]:
        """Fail the one input that ended each process."""
        now = self._clock.now()
        return _output(
            tuple(
                FinishedInput(
                    position=position,
                    name=one.name,
                    state=InputState.FAILED,
                    engine=NO_ENGINE,
                    started_at=now,
                    ended_at=now,
                    elapsed_ms=0,
                    error=KILLED,
                )
                for position, one in enumerate(payload.inputs, start=payload.first)
            )
        )


def _output(finished: tuple[FinishedInput, ...]) -> TaskOutput[Predicted]:
    return TaskOutput(
        partial=Predicted(inputs=len(finished)),
        events=tuple(map(InputFinished.of, finished)),
        rows=len(finished),
        writes=finished,
    )


class InferenceKind(JobKind[InferenceSpec, InferenceResult]):
    """Inputs in, predictions out."""

    name = KIND
    spec = InferenceSpec
    result = InferenceResult
    events: ClassVar[tuple[type[InputFinished], ...]] = (InputFinished,)
    stages: tuple[Stage[Any, Any], ...] = (PredictStage(),)

    def finish(
        self, job: JobView[InferenceSpec], inputs: StageInputs, context: ComputeContext
    ) -> InferenceResult:
        """Count the inputs that came to be predicted."""
        del job, context
        return InferenceResult(inputs=sum(one.inputs for one in inputs.partials(PredictStage)))

    def on_tasks_started(self, uow: UnitOfWork, job: Job, payloads: Sequence[Record]) -> None:
        """Make the inputs of tasks PROCESSING."""
        spans = [(one.first, one.last) for one in payloads if isinstance(one, PredictTask)]
        uow[InferenceJobs].start_inputs(job.organization_id, job.job_id, spans)

    def on_tasks_finished(self, uow: UnitOfWork, job: Job, writes: Sequence[Record]) -> None:
        """Store what became of inputs."""
        finished = [one for one in writes if isinstance(one, FinishedInput)]
        uow[InferenceJobs].finish_inputs(job.organization_id, job.job_id, finished)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Fail what did not finish, and let what was sent go."""
        settle(uow, job)


def manifest_of(spec: InferenceSpec, blobs: JobBlobs) -> Manifest:
    """Return the inputs of a job, wherever they rest."""
    if spec.manifest is not None:
        return spec.manifest
    assert spec.manifest_blob is not None, "a job that runs has inputs"
    return decode(Manifest, blobs.read(spec.manifest_blob))
