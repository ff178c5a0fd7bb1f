"""Jobs and inferences of the edge API, and the requests for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from assay.features.edge.model import INPUT_NAME, MAX_NAMES_BYTES, MAX_TAGS_BYTES, WORDS
from assay.features.inference import convert, history_query
from assay.features.inference.history_query import HistoryQuery
from assay.features.inference.model import MAX_ITEMS, InferenceJob, check_count
from assay.features.inference.submission_service import InferenceRequest
from assay.foreign.edge import common_pb2, inferences_pb2, jobs_pb2
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.states import JobState
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.numbered_pages import MAX_PER_PAGE, NumberedPage
from assay.v1 import inference_job_pb2
from assay.v1 import inference_job_service_pb2 as pb

STATUSES = {  # of receipts, which spell one word otherwise than details do
    state: jobs_pb2.CANCELED if word == "CANCELLED" else jobs_pb2.JobStatus.Value(word)
    for state, word in WORDS.items()
}


def submission(sent: jobs_pb2.JobSubmission, call: Call) -> InferenceRequest:
    """Return what a caller asks for; raises InvalidArgument."""
    given = sent.input
    if sent.HasField("input"):
        check_count("input.sources", len(given.sources))  # before they are copied
    for field in ("storageAccount", "storageAccountKey"):
        if getattr(given, field):
            raise InvalidArgument.of(
                f"input.{field}", "Azure is not read; send contents, or type aws-s3"
            )
    asked = pb.SubmitInferenceJobRequest(
        model=_model(sent.model), explain=sent.explain, timeout=given.timeout
    )
    if sent.HasField("input"):
        asked.input.CopyFrom(
            inference_job_pb2.InferenceSources(
                type=given.type,
                sources=given.sources,
                access_key_id=given.accessKeyID,
                secret_access_key=given.secretAccessKey,
                region=given.region,
                endpoint=given.endpoint,
            )
        )
    return convert.request(asked, call)


def inference_request(sent: inferences_pb2.InferenceRequest, call: Call) -> InferenceRequest:
    """Return an inference as a job of one input; raises InvalidArgument."""
    tags = sum(len(name.encode()) + len(value.encode()) for name, value in sent.tags.items())
    if tags > MAX_TAGS_BYTES:
        raise InvalidArgument.of(
            "tags", f"{tags} bytes were sent; at most {MAX_TAGS_BYTES} are allowed"
        )
    asked = pb.SubmitInferenceJobRequest(model=_model(sent.model), explain=sent.explain)
    if len(sent.inputs) > MAX_ITEMS:
        raise InvalidArgument.of(
            "inputs", f"{len(sent.inputs)} were sent; at most {MAX_ITEMS} are allowed"
        )
    items = asked.inputs.add(name=INPUT_NAME).items
    for at, source in enumerate(sent.inputs):
        kind = source.WhichOneof("source")
        if kind not in {"text", "data"}:
            raise InvalidArgument.of(
                f"inputs[{at}]",
                f"{kind or 'nothing'} was sent; text or data is allowed. Submit a job of type "
                "aws-s3 for objects of a storage",
            )
        if source.key in items:
            raise InvalidArgument.of(f"inputs[{at}].key", f"'{clip(source.key)}' is given twice")
        content = {kind: getattr(source, kind)}
        items[source.key].CopyFrom(inference_job_pb2.InferenceItem(**content))
    return convert.request(asked, call)


def receipt(job: InferenceJob) -> jobs_pb2.JobSubmissionReceipt:
    """Return the receipt of a submission."""
    return jobs_pb2.JobSubmissionReceipt(
        job_identifier=job.job_id,
        model=model(job),
        access_key=job.key_prefix or "",
        total_inputs=job.total,
        job_inputs=jobs_pb2.JobSubmissionReceipt.JobInputs(identifier=_names(job)),
        input_byte_amount=uint32(job.input_bytes),
        submitted_at=values.instant(job.submitted_at or job.created_at),
        status=STATUSES[job.state],
        explain=job.explain,
    )


def details(job: InferenceJob, now: datetime) -> jobs_pb2.JobDetails:
    """Return the details of a job as they are now."""
    return jobs_pb2.JobDetails(
        job_identifier=job.job_id,
        model=model(job),
        status=WORDS[job.state],
        created_at=values.instant(job.created_at),
        updated_at=values.instant(job.changed_at),
        submitted_at=None if job.submitted_at is None else values.instant(job.submitted_at),
        total=job.total,
        pending=job.pending,
        completed=job.completed,
        failed=job.failed,
        elapsed_time=uint32(job.elapsed_ms(now)),
        job_inputs=[jobs_pb2.JobDetails.JobInputs(identifier=name) for name in _names(job)],
    )


def _names(job: InferenceJob) -> tuple[str, ...]:
    """Return the names of a job's inputs; none where the answer would be too large for a client.

    Refusing it would keep the identifier of a job from who has just submitted it.
    """
    fits = sum(len(name.encode()) + 8 for name in job.names) <= MAX_NAMES_BYTES
    return job.names if fits else ()


def query(sent: jobs_pb2.JobFilter, now: datetime) -> HistoryQuery:
    """Return which jobs a filter asks for, as many as one page may have; raises InvalidArgument."""
    start, end = history_query.period(sent.start_date, sent.end_date, now)
    return HistoryQuery(
        user=history_query.terms("user", sent.user),
        access_key=history_query.terms("access_key", sent.access_key),
        model=history_query.terms("model", sent.model),
        states=_states(sent.status),
        start=start,
        end=end,
        page=NumberedPage(size=MAX_PER_PAGE),
    )


def summaries(jobs: Iterable[InferenceJob], *, has_more: bool) -> jobs_pb2.JobSummaryList:
    """Return a listing; how many there are in all is told where these are all."""
    listed = jobs_pb2.JobSummaryList(page_number=1, page_size=MAX_PER_PAGE)
    for job in jobs:
        listed.jobs.add(job_identifier=job.job_id, status=WORDS[job.state], model=model(job))
    if not has_more:
        listed.total_count, listed.page_count = len(listed.jobs), 1
    return listed


def model(job: InferenceJob) -> common_pb2.ModelIdentifier:
    """Return what a job runs."""
    return common_pb2.ModelIdentifier(
        identifier=job.model_id, version=job.version_label, name=job.model_name
    )


def _model(sent: common_pb2.ModelIdentifier) -> inference_job_pb2.InferenceModel:
    return inference_job_pb2.InferenceModel(identifier=sent.identifier, version=sent.version)


def _states(sent: str) -> frozenset[JobState] | None:
    """Return the states of a word of the edge API; of others, those that the history knows."""
    found = frozenset(state for state, word in WORDS.items() if word == sent.strip().upper())
    return found or history_query.states(sent)


def uint32(value: int) -> int:
    """Return a count as a field of 32 bits holds it, the largest at most."""
    return min(value, 2**32 - 1)
