"""The job kind `onnx_check`: an ONNX file is checked, opened and run on example rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from assay.features.artifacts.job_spec import ONNX_KIND, CheckedFile, OnnxCheck
from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.artifacts.onnx_files import check_file
from assay.features.artifacts.store import VersionArtifacts
from assay.features.models.versions_store import Versions
from assay.kernel.errors import NotFound
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.jobs.ledger import Cancellation
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.onnx_form import OnnxForm
from assay.records import Record, decode, plain

Asked = JobView[OnnxCheck]


class WholeFile(Record):
    """The payload of the task that reads the file."""


class CheckFile(Stage[WholeFile, OnnxForm]):
    """Checks the file, and finds how rows become its tensors."""

    name: ClassVar[str] = "check"
    payload = WholeFile
    partial = OnnxForm

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[WholeFile]:
        """Plan one task."""
        return [WholeFile()]

    def run(
        self, job: Asked, payload: WholeFile, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[OnnxForm]:
        """Check; raises BadFile."""
        asked = job.spec
        return TaskOutput(
            partial=check_file(asked.blob, asked.declared, asked.known, context.blobs)
        )


class OnnxCheckKind(JobKind[OnnxCheck, CheckedFile]):
    """Makes a version of a file ready, or failed."""

    name: ClassVar[str] = ONNX_KIND
    spec = OnnxCheck
    result = CheckedFile
    stages = (CheckFile(),)

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> CheckedFile:
        """Return what the version runs."""
        form = inputs.partials(CheckFile)[0]
        artifact = Artifact(
            kind=ArtifactKind.ONNX,
            blob=job.spec.blob,
            bytes=job.spec.bytes,
            task_type=form.task_type,
            labels=form.labels,
            onnx=form,
        )
        return CheckedFile(artifact=artifact)

    def result_blobs(self, result: CheckedFile) -> Iterable[str]:
        """Return the address of the file."""
        return (result.artifact.blob,)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Make the version ready with its artifact, or failed; one that was deleted stays away."""
        organization_id, asked = job.organization_id, decode(OnnxCheck, job.spec)
        version = {"model_id": asked.model_id, "version_id": asked.version_id}
        uow[BlobReferences].remove(organization_id, job_owner(job.job_id))
        try:
            uow[Versions].get(organization_id, **version)
        except NotFound:
            return
        if job.result is None:
            why = None if job.error is None else job.error.message
            uow[Versions].mark_failed(organization_id, **version, failure_message=why)
            return
        artifact = decode(CheckedFile, job.result).artifact
        uow[Versions].mark_ready(organization_id, **version)
        if artifact.onnx is not None:
            told = {key: one for key, one in plain(artifact.onnx).items() if one not in (None, [])}
            uow[Versions].set_hyperparameters(organization_id, **version, values=told)
        uow[VersionArtifacts].put(organization_id, **version, job_id=job.job_id, artifact=artifact)
        uow[BlobReferences].add(organization_id, job_owner(job.job_id), (artifact.blob,))


class VersionsOfCanceledChecks(Cancellation):
    """Makes the version failed whose file was to be checked, had that not been canceled before."""

    def canceled(self, uow: UnitOfWork, job: Job) -> None:
        """Mark the version."""
        if job.kind == ONNX_KIND:
            OnnxCheckKind().on_finished(uow, job)
