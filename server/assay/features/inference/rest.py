"""The REST views of inference jobs: the receipt of a submission, and a job's details."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from assay.features.inference import convert
from assay.features.inference.model import WORDS, InferenceJob
from assay.features.inference.opened_service import OpenedJobs
from assay.features.inference.service import InferenceUseCases
from assay.features.inference.storage_service import StorageInputs
from assay.features.inference.submission_service import InferenceSubmissions
from assay.kernel.clock import Clock
from assay.kernel.rpc import polls, rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, Count, Instant
from assay.kernel.rpc.uploads import file_parts, first_of
from assay.kernel.rpc.values import offset_millis
from assay.learning.rows import TaskType
from assay.records import Record
from assay.v1 import inference_job_service_pb2 as pb

LARGE = 500  # inputs from which on a reply is built in a thread

Status = Annotated[str, Meta(extra_json_schema={"enum": list(WORDS.values())})]


class JobModelView(Record, rename="camel"):
    """What a job runs."""

    identifier: str  # The model.
    version: str  # The version as people call it: its label, or N.0.0.
    name: str  # The model's name when the job was submitted.


class TeamView(Record, rename="camel"):
    """The organization that owns a job."""

    identifier: str  # The organization.


class AccessKeyView(Record, rename="camel"):
    """An API key."""

    prefix: str  # Its public half.
    is_default: bool  # Always true: one key made the call.


class JobUserView(Record, rename="camel"):
    """Who submitted a job."""

    identifier: str  # The subject of the credential.
    external_identifier: str  # The same.
    first_name: str  # Empty: names of people are not kept.
    last_name: str  # Empty, likewise.
    email: str  # The subject where that is an address, else empty.
    access_keys: tuple[AccessKeyView, ...]  # The key of the call; none for a token.
    status: str  # Always active.
    title: str  # Empty.


class InputNamesView(Record, rename="camel"):
    """The inputs of a job that was submitted."""

    identifier: tuple[str, ...]  # Their names.


class InputNameView(Record, rename="camel"):
    """An input of a job."""

    identifier: str  # Its name.


class JobReceiptView(Record, rename="camel"):
    """The receipt of a submission."""

    model: JobModelView
    status: Status  # SUBMITTED, or OPEN of a job whose inputs come later.
    total_inputs: Count
    job_identifier: str  # A UUID.
    access_key: str  # The public prefix of the key; empty for a token.
    explain: bool  # Whether each output is explained.
    job_type: str  # How the inputs came: text, embedded or file.
    account_identifier: str  # The organization.
    team: TeamView
    user: JobUserView
    job_inputs: InputNamesView
    input_byte_amount: Count  # Bytes of all inputs as they were sent.
    submitted_at: Instant
    hours_delete_input: Count  # Hours for which inputs are kept after the end: 0.
    image_classification_model: bool
    timeout: Count  # Milliseconds after which the job ends; 0: no limit.


class JobDetailsView(Record, rename="camel"):
    """Where a job stands."""

    job_identifier: str  # A UUID.
    submitted_by: str  # The subject of the credential.
    account_identifier: str  # The organization.
    model: JobModelView
    status: Status
    created_at: Instant
    updated_at: Instant  # When the job or one of its inputs changed last.
    submitted_at: Instant | None  # When its inputs were complete; null of an OPEN job.
    total: Count  # Inputs.
    pending: Count  # Inputs that have not finished.
    completed: Count  # Inputs that succeeded.
    failed: Count  # Inputs that failed.
    elapsed_time: Count  # Milliseconds from the submission to the end, or until now.
    queue_time: Count  # Milliseconds from the submission until it began to run, or until now.
    timeout: Count  # Milliseconds after which the job ends; 0: no limit.
    user: JobUserView
    job_inputs: tuple[InputNameView, ...]
    explain: bool
    team: TeamView
    hours_delete_input: Count  # Hours for which inputs are kept after the end: 0.
    input_byte_amount: Count  # Bytes of all inputs as they were sent.
    image_classification_model: bool


class ReceivedInputView(Record, rename="camel"):
    """What has come of one content of an input."""

    job_identifier: str  # The job.
    input_name: str  # The input.
    item_name: str  # The content's name.
    size: Count  # Bytes of the content, all chunks together.


class InferenceJobRestService:
    """Inference jobs of the caller's organization, for REST callers."""

    def __init__(
        self,
        jobs: InferenceUseCases,
        submissions: InferenceSubmissions,
        opened: OpenedJobs,
        storages: StorageInputs,
        clock: Clock,
    ) -> None:
        self._jobs, self._submissions, self._clock = jobs, submissions, clock
        self._opened = opened
        self._storages = storages

    async def SubmitInferenceJob(
        self, request: pb.SubmitInferenceJobRequest, call: Call
    ) -> Body[JobReceiptView]:
        """Submit inputs to a version of a model."""
        asked = await self._storages.resolved(
            await call.run_in_thread(lambda: convert.request(request, call))
        )
        return await call.run_in_thread(
            lambda: rest.body(receipt(self._submissions.submit(call.organization_id, asked)))
        )

    async def GetInferenceJob(
        self, request: pb.GetInferenceJobRequest, call: Call
    ) -> Body[JobDetailsView]:
        """Return a job's details."""
        job = await polls.answer(
            call,
            lambda: self._jobs.get(call.organization_id, request.job_id),
            lambda found: found.is_finished,
        )
        return await self._details(job, call)

    async def CancelInferenceJob(
        self, request: pb.CancelInferenceJobRequest, call: Call
    ) -> Body[JobDetailsView]:
        """Cancel a job and return its details."""
        return await self._details(
            await self._jobs.cancel(call.organization_id, request.job_id), call
        )

    async def AddInferenceInput(
        self, requests: AsyncIterator[pb.AddInferenceInputRequest], call: Call
    ) -> Body[ReceivedInputView]:
        """Append a chunk to an input of an open job."""
        first = await first_of(requests)
        received = await self._opened.add_chunk(
            call.organization_id, first.job_id, convert.chunk(first, requests, call)
        )
        return rest.body(
            ReceivedInputView(
                job_identifier=received.job_id,
                input_name=received.input_name,
                item_name=received.item_name,
                size=received.size,
            )
        )

    async def AddInferenceRows(
        self, requests: AsyncIterator[pb.AddInferenceRowsRequest], call: Call
    ) -> Body[JobDetailsView]:
        """Add the rows of a file to an open job and return its details."""
        first = await first_of(requests)
        job = await self._opened.add_rows(
            call.organization_id,
            first.job_id,
            convert.rows_format(first, call),
            file_parts(first, requests, "job_id"),
        )
        return await self._details(job, call)

    async def CloseInferenceJob(
        self, request: pb.CloseInferenceJobRequest, call: Call
    ) -> Body[JobDetailsView]:
        """Submit an open job and return its details."""
        job = await call.run(self._submissions.close, call.organization_id, request.job_id)
        return await self._details(job, call)

    async def _details(self, job: InferenceJob, call: Call) -> Body[JobDetailsView]:
        now = self._clock.now()
        return await call.build(lambda: rest.body(details(job, now)), is_large=job.total > LARGE)


def receipt(job: InferenceJob) -> JobReceiptView:
    """Return the receipt of a submission."""
    return JobReceiptView(
        model=model(job),
        status=job.status,
        total_inputs=job.total,
        job_identifier=job.job_id,
        access_key=job.key_prefix or "",
        explain=job.explain,
        job_type=job.input_type.value,
        account_identifier=job.organization_id,
        team=TeamView(identifier=job.organization_id),
        user=user(job),
        job_inputs=InputNamesView(identifier=job.names),
        input_byte_amount=job.input_bytes,
        submitted_at=offset_millis(job.submitted_at or job.created_at),
        hours_delete_input=0,
        image_classification_model=job.task_type is TaskType.IMAGE_CLASSIFICATION,
        timeout=job.timeout_ms or 0,
    )


def details(job: InferenceJob, now: datetime) -> JobDetailsView:
    """Return the details of a job as they are now."""
    return JobDetailsView(
        job_identifier=job.job_id,
        submitted_by=job.submitted_by,
        account_identifier=job.organization_id,
        model=model(job),
        status=job.status,
        created_at=offset_millis(job.created_at),
        updated_at=offset_millis(job.changed_at),
        submitted_at=None if job.submitted_at is None else offset_millis(job.submitted_at),
        total=job.total,
        pending=job.pending,
        completed=job.completed,
        failed=job.failed,
        elapsed_time=job.elapsed_ms(now),
        queue_time=job.queue_ms(now),
        timeout=job.timeout_ms or 0,
        user=user(job),
        job_inputs=tuple(InputNameView(identifier=name) for name in job.names),
        explain=job.explain,
        team=TeamView(identifier=job.organization_id),
        hours_delete_input=0,
        input_byte_amount=job.input_bytes,
        image_classification_model=job.task_type is TaskType.IMAGE_CLASSIFICATION,
    )


def model(job: InferenceJob) -> JobModelView:
    """Return what a job runs."""
    return JobModelView(identifier=job.model_id, version=job.version_label, name=job.model_name)


def user(job: InferenceJob) -> JobUserView:
    """Return who submitted a job."""
    subject = job.submitted_by
    keys = (
        () if job.key_prefix is None else (AccessKeyView(prefix=job.key_prefix, is_default=True),)
    )
    return JobUserView(
        identifier=subject,
        external_identifier=subject,
        first_name="",
        last_name="",
        email=subject if "@" in subject else "",
        access_keys=keys,
        status="active",
        title="",
    )
