"""The results of inference jobs: read in pages, so that no job is held whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from assay.features.inference.model import InferenceInput, InferenceJob, InputOutput, InputState
from assay.features.inference.results_store import InferenceResults, Latencies
from assay.features.inference.store import InferenceJobs
from assay.features.inference.votes_store import InferenceVotes
from assay.kernel.clock import Clock
from assay.kernel.errors import NotFound, clip
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.sql import Row
from assay.kernel.storage.store import Store

PAGE_INPUTS = 200  # read at once; an output in a row has 16 KiB at most
BLOB_BYTES = 256 * 1024  # of a blob, read at once


@dataclass(frozen=True, kw_only=True)
class JobResults:
    """A job as it was at one moment, and which of its inputs had finished then."""

    job: InferenceJob
    latencies: Latencies
    at: datetime  # the moment
    votes: Mapping[int, tuple[int, int]]  # for and against, by position
    finished: frozenset[int] | None  # positions; None: the job has ended, and all have


class ResultReader:
    """Results of the jobs of an organization; blocking, and safe to share between threads."""

    def __init__(self, store: Store, blobs: BlobStore, clock: Clock) -> None:
        self._store, self._blobs, self._clock = store, blobs, clock

    def results(self, organization_id: str, job_id: str) -> JobResults:
        """Return how a job stands; raises NotFound."""
        with self._store.read() as uow:
            job = uow[InferenceJobs].get(organization_id, job_id)
            results = uow[InferenceResults]
            return JobResults(
                job=job,
                latencies=results.latencies(organization_id, job_id),
                at=self._clock.now(),
                votes=uow[InferenceVotes].counts(organization_id, job_id),
                finished=None
                if job.is_finished
                else results.finished_positions(organization_id, job_id),
            )

    def pages(self, results: JobResults) -> Iterator[list[Row]]:
        """Yield rows of the inputs that had finished, in their order; each page is a read of its own."""
        at, known = -1, results.finished
        while True:
            with self._store.read() as uow:
                rows = uow[InferenceResults].page(
                    results.job.organization_id, results.job.job_id, after=at, limit=PAGE_INPUTS
                )
            if not rows:
                return
            at = rows[-1].position
            yield rows if known is None else [row for row in rows if row.position in known]

    def rows(self, results: JobResults, positions: list[int]) -> Iterator[list[Row]]:
        """Yield rows of the inputs at these positions, in their order."""
        for first in range(0, len(positions), PAGE_INPUTS):
            with self._store.read() as uow:
                yield uow[InferenceResults].at(
                    results.job.organization_id,
                    results.job.job_id,
                    positions[first : first + PAGE_INPUTS],
                )

    def one(self, organization_id: str, job_id: str, name: str) -> tuple[JobResults, Row]:
        """Return how a job stands, and one of its inputs, finished or not; raises NotFound.

        Nothing of the other inputs is read: all of a job may be asked for one by one.
        """
        with self._store.read() as uow:
            job = uow[InferenceJobs].get(organization_id, job_id)
            row = uow[InferenceResults].named(organization_id, job_id, name)
            votes = uow[InferenceVotes].count(organization_id, job_id, row.position)
            return JobResults(
                job=job,
                latencies=uow[InferenceResults].latencies(organization_id, job_id),
                at=self._clock.now(),
                votes={row.position: votes},
                finished=frozenset([row.position]),
            ), row

    def input(self, organization_id: str, job_id: str, name: str) -> InferenceInput:
        """Return one input of a job, finished or not; raises NotFound."""
        with self._store.read() as uow:
            return uow[InferenceJobs].input(organization_id, job_id, name)

    def output(self, organization_id: str, job_id: str, name: str, output_name: str) -> InputOutput:
        """Return an output of an input; raises NotFound."""
        found = self.input(organization_id, job_id, name)
        for output in found.outputs:
            if output.name == output_name:
                return output
        raise NotFound(
            _without_output(found, output_name),
            metadata={"resource_type": "output", "resource_id": output_name, "input": name},
        )

    def data(self, organization_id: str, job_id: str, output: InputOutput) -> Iterator[bytes]:
        """Yield the bytes of an output of a job; raises as `blob`."""
        if output.blob is None:
            yield (output.inline or "").encode()
            return
        yield from self.blob(organization_id, job_id, output.blob)

    def blob(self, organization_id: str, job_id: str, address: str) -> Iterator[bytes]:
        """Yield the bytes of a blob of a job; DataDamaged, which names the job, if it is not as stored."""
        whose = (InferenceJobs.noun, job_id)
        with JobBlobs(self._blobs, organization_id, whose=whose).open(address) as file:
            while block := file.read(BLOB_BYTES):
                yield block


def _without_output(found: InferenceInput, output_name: str) -> str:
    """Return why an input has no output of a name."""
    name = clip(found.name)
    if found.state is InputState.SUCCESSFUL:
        names = ", ".join(output.name for output in found.outputs)
        return f"The input '{name}' has no output '{clip(output_name)}'; it has {names}."
    if found.state is InputState.FAILED:
        return f"The input '{name}' failed and has no output: {found.error}"
    return f"The input '{name}' is {found.state.value} and has no output yet. Ask again later."
