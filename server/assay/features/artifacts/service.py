"""Versions of ONNX files: received, and made ready by a job that checks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from assay.features.artifacts.job_spec import ONNX_KIND, OnnxCheck
from assay.features.models.model import Model, NewVersion, TaskType, Version
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import FailedPrecondition
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import VersionStatus, is_terminal
from assay.kernel.kernel import Kernel
from assay.learning import rows
from assay.learning.onnx_declaration import MAX_BYTES, Known, OnnxDeclaration
from assay.records import decode, encode, replace

WAIT_SECONDS: Final = 60.0
ALGORITHM: Final = "onnx"
TASK_TYPES: Final = {
    TaskType.CLASSIFICATION: (
        rows.TaskType.TABULAR_CLASSIFICATION,
        rows.TaskType.TEXT_CLASSIFICATION,
        rows.TaskType.IMAGE_CLASSIFICATION,
    ),
    TaskType.REGRESSION: (rows.TaskType.TABULAR_REGRESSION,),
}


@dataclass(frozen=True, kw_only=True)
class OnnxUpload:
    """What a caller says of a file."""

    model_id: str
    new: NewVersion
    declared: OnnxDeclaration
    request_id: str | None  # a repeat returns the first answer
    wait: bool = True  # for the check


@dataclass(frozen=True, kw_only=True)
class UploadedVersion:
    """A version whose file is checked, or was."""

    version: Version
    job: Job  # that checks it

    @property
    def is_checked(self) -> bool:
        """Whether the check has ended."""
        return is_terminal(self.job.state)


class OnnxUseCases:
    """ONNX files that become versions; async, as a body may be long and a check is waited for."""

    def __init__(self, kernel: Kernel) -> None:
        self._store = kernel.store
        self._watches = kernel.watches
        self._run_in_thread = kernel.run_in_thread
        self._max_bytes = min(MAX_BYTES, kernel.limits.max_file_bytes)
        self._receiver = Receiver(
            kernel.blobs, run_in_thread=kernel.run_in_thread, max_bytes=self._max_bytes
        )

    async def upload(
        self, organization_id: str, asked: OnnxUpload, pieces: AsyncIterator[bytes]
    ) -> UploadedVersion:
        """Store a file as a version, and return what came of its check.

        Raises:
            NotFound: no such model.
            FailedPrecondition: the model is of a task that ONNX files do not have.
            AlreadyExists: the version's id is taken.
            TooLarge: the file is over the limit; nothing of it stays.
            BadFile: the file is refused; the version stays, failed, and says why.
            RequestIdReused: the request_id came before with another body.
        """
        known = await self._run_in_thread(lambda: self._known(organization_id, asked))
        counted = _Counted(pieces)
        async with self._receiver.received(organization_id, counted.pieces()) as body:
            spec = OnnxCheck(
                model_id=asked.model_id,
                version_id="",
                blob=body.address,
                bytes=counted.bytes,
                declared=asked.declared,
                known=known,
            )
            job = await self._run_in_thread(lambda: self._submit(organization_id, asked, spec))
        if asked.wait:
            await self._watches.wait(organization_id, job.job_id, WAIT_SECONDS)
        found = await self._run_in_thread(lambda: self._found(organization_id, job.job_id))
        if found.is_checked and found.version.status is not VersionStatus.READY:
            await self._run_in_thread(body.take_back)
        if found.job.error is not None:
            raise found.job.error.refusal(
                model_id=asked.model_id,
                version_id=found.version.version_id,
                job_id=job.job_id,
            )
        return found

    def _known(self, organization_id: str, asked: OnnxUpload) -> Known:
        with self._store.read() as uow:
            model: Model = uow[Models].get(organization_id, asked.model_id)
        task_types = TASK_TYPES.get(model.task_type)
        if task_types is None:
            raise FailedPrecondition(
                f"The model '{model.model_id}' is of the task {model.task_type}; ONNX files are "
                f"versions of models of {' and '.join(TASK_TYPES)}.",
                metadata={"model_id": model.model_id, "task_type": model.task_type},
            )
        return Known(task_types=task_types, labels=model.labels or ())

    def _submit(self, organization_id: str, asked: OnnxUpload, spec: OnnxCheck) -> Job:
        request = CreateRequest(
            method="UploadOnnxVersion",
            request_id=asked.request_id,
            body={"version": replace(asked.new, created_by=""), "check": spec},
        )
        with self._store.write() as uow:

            def submit() -> Job:
                new = replace(asked.new, status=VersionStatus.TRAINING, algorithm=ALGORITHM)
                made = uow[Versions].create(organization_id, asked.model_id, new)
                job = NewJob(
                    kind=ONNX_KIND,
                    spec=encode(replace(spec, version_id=made.version_id)),
                    resource=made.version_id,
                    blobs=(spec.blob,),
                    max_attempts=1,  # a file that ends its process does so each time
                    created_by=asked.new.created_by,
                )
                return uow[Jobs].submit(organization_id, job)

            return create_once(
                uow,
                organization_id,
                request,
                make=submit,
                again=lambda key: uow[Jobs].get(organization_id, key),
                key_of=lambda job: job.job_id,
            )

    def _found(self, organization_id: str, job_id: str) -> UploadedVersion:
        with self._store.read() as uow:
            job = uow[Jobs].get(organization_id, job_id)
            asked = decode(OnnxCheck, job.spec)
            version = uow[Versions].get(organization_id, asked.model_id, asked.version_id)
            return UploadedVersion(version=version, job=job)


class _Counted:
    """Pieces of a body, and their bytes."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        async for piece in self._pieces:
            self.bytes += len(piece)
            yield piece
