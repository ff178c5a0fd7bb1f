"""The end of an inference job: its inputs are settled, and what was sent is forgotten."""

from __future__ import annotations

from assay.features.inference.job_spec import InferenceSpec
from assay.features.inference.model import KIND, STORAGE_KIND
from assay.features.inference.store import InferenceJobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.ledger import Cancellation
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import DamagedRecord, decode, encode


class InputsOfCanceledJobs(Cancellation):
    """Fails the inputs of a job that was canceled before it ran."""

    def canceled(self, uow: UnitOfWork, job: Job) -> None:
        """Settle the job."""
        if job.kind in (KIND, STORAGE_KIND):
            settle(uow, job)


def settle(uow: UnitOfWork, job: Job) -> None:
    """Write what the end of a job means for its inputs; what was sent is not kept any longer."""
    if job.state is not JobState.SUCCEEDED:
        reason = "The job ended." if job.error is None else job.error.message
        uow[InferenceJobs].fail_unfinished(job.organization_id, job.job_id, reason)
    uow[Jobs].set_spec(job, _without_inputs(job.spec))
    uow[BlobReferences].remove(job.organization_id, job_owner(job.job_id))


def _without_inputs(spec: bytes) -> bytes:
    """Return a specification without what was sent, and without secrets."""
    try:
        known = decode(InferenceSpec, spec)
    except DamagedRecord:
        return b"{}"  # nobody can run it, and what it holds is not kept either
    return encode(known.without_inputs)
