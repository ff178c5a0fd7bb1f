"""The job kinds that make splits: from a file that was uploaded, and from a split that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from assay.features.datasets.job_partition import AssignRows, WriteSplits
from assay.features.datasets.job_spec import (
    PARTITION_KIND,
    UPLOAD_KIND,
    SplitPartition,
    SplitsResult,
    SplitUpload,
)
from assay.features.datasets.job_upload import FindRepeatedIds, ReadRows
from assay.features.datasets.model import StoredSplit
from assay.features.datasets.store import Datasets
from assay.features.datasets.stored_split import SplitManifest
from assay.kernel.errors import BadRows
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    StageInputs,
)
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode, encode, sha256_hex
from assay.tabular import repeated_ids

Spec = TypeVar("Spec", SplitUpload, SplitPartition)


class RevisionKind(JobKind[Spec, SplitsResult]):
    """A kind whose jobs end with a new revision of a dataset."""

    result = SplitsResult

    def result_blobs(self, result: SplitsResult) -> tuple[str, ...]:
        """Return the addresses of the manifests, which no task has named."""
        return tuple(one.manifest for one in result.splits.values())

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the revision; let the file and all that came of it go when there is none.

        Raises FailedPrecondition when the dataset was changed meanwhile so that the splits do
        not fit together, and QuotaExceeded.
        """
        uow[BlobReferences].remove(job.organization_id, job_owner(job.job_id))
        if job.state is not JobState.SUCCEEDED or job.result is None:
            return
        asked: SplitUpload | SplitPartition = decode(self.spec, job.spec)
        result = decode(SplitsResult, job.result)
        uow[Datasets].add_revision(
            job.organization_id,
            asked.dataset_id,
            result.splits,
            blobs=result.blobs,
            job_id=job.job_id,
            created_by=asked.created_by,
        )


class UploadKind(RevisionKind[SplitUpload]):
    """Stores a file as a split of a dataset."""

    name: ClassVar[str] = UPLOAD_KIND
    spec = SplitUpload

    def __init__(self, *, max_rows: int = repeated_ids.MAX_ROWS) -> None:
        self.stages = (ReadRows(), FindRepeatedIds(max_rows=max_rows))

    def finish(
        self, job: JobView[SplitUpload], inputs: StageInputs, context: ComputeContext
    ) -> SplitsResult:
        """Return the split; raises BadRows for ids that occur twice."""
        with input_refused(rows=BadRows):
            repeated_ids.refuse(inputs.partials(FindRepeatedIds), "a split")
        (manifest,) = inputs.partials(ReadRows)
        return _result({job.spec.split: manifest}, context.blobs)


class PartitionKind(RevisionKind[SplitPartition]):
    """Makes splits of a dataset from one of them."""

    name: ClassVar[str] = PARTITION_KIND
    spec = SplitPartition

    def __init__(self) -> None:
        self.stages = (AssignRows(), WriteSplits())

    def finish(
        self, job: JobView[SplitPartition], inputs: StageInputs, context: ComputeContext
    ) -> SplitsResult:
        """Return the splits."""
        names = sorted(job.spec.fractions)
        manifests = dict(zip(names, inputs.partials(WriteSplits), strict=True))
        return _result(manifests, context.blobs)


def _result(manifests: Mapping[str, SplitManifest], blobs: JobBlobs) -> SplitsResult:
    splits = {
        name: StoredSplit(
            manifest=blobs.put(encode(manifest)),
            rows=manifest.rows,
            bytes=sum(block.bytes for block in manifest.blocks),
            schema_hash=sha256_hex(encode([(one.name, one.kind) for one in manifest.features])),
        )
        for name, manifest in manifests.items()
    }
    held = {address for one in manifests.values() for address in one.addresses}
    return SplitsResult(
        splits=splits, blobs=(*sorted(held), *(one.manifest for one in splits.values()))
    )
