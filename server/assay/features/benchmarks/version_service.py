"""Parts of a benchmark of a version: the version's artifact, and the rows that it predicts."""

from __future__ import annotations

from dataclasses import dataclass

from assay.features.artifacts.model import Artifact
from assay.features.artifacts.store import VersionArtifacts
from assay.features.benchmarks.job_spec import VersionBenchmarkJob
from assay.features.benchmarks.model import BenchmarkJob, NewBenchmark
from assay.features.datasets.model import SPLITS, Dataset
from assay.features.datasets.store import Datasets
from assay.features.datasets.stored_split import read_manifest
from assay.features.extraction_runs.model import NewExtractionRun
from assay.features.imports.model import MAX_DOCUMENTS
from assay.features.models.store import Models
from assay.features.models.versions_store import Versions
from assay.kernel.errors import FailedPrecondition, TooLarge, WrongTaskType
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.learning.rows import TaskType


@dataclass(frozen=True, kw_only=True)
class VersionRun:
    """A version, and the rows of a split that it predicts."""

    model: str  # its name
    version: str  # its label, or its id
    artifact: Artifact
    manifest: str  # address of the split's
    split_blobs: tuple[str, ...]  # addresses of the split's rows

    def new_run(self, name: str, created_by: str) -> NewExtractionRun:
        """Return the extraction run that the version fills."""
        return NewExtractionRun(
            name=name, model=self.model, version=self.version, created_by=created_by
        )

    def spec(self, asked: BenchmarkJob, run_id: str | None) -> VersionBenchmarkJob:
        """Return the spec of a benchmark that fills the run `run_id`."""
        assert run_id is not None
        return VersionBenchmarkJob(
            benchmark_id=asked.benchmark_id,
            schema=asked.schema,
            documents=asked.documents,
            truth=asked.truth,
            blobs=asked.blobs,
            run_id=run_id,
            artifact=self.artifact,
            manifest=self.manifest,
            split_blobs=self.split_blobs,
        )


def version_run(
    uow: UnitOfWork, blobs: BlobStore, organization_id: str, new: NewBenchmark
) -> VersionRun | None:
    """Return what a benchmark predicts with what; None where it names no model.

    Raises:
        NotFound: no such model, version or dataset of documents.
        WrongTaskType: the version, or the dataset, is not of extractions.
        FailedPrecondition: the version runs nothing, or the dataset has no such rows.
        TooLarge: the split has more rows than a run has extractions.
    """
    if new.model_id is None or new.documents is None:
        return None
    model = uow[Models].get(organization_id, new.model_id)
    version = uow[Versions].find(organization_id, model.model_id, new.version or "")
    artifact = uow[VersionArtifacts].of(model, version.version_id).artifact
    _check_task("version", version.version_id, artifact.task_type)
    dataset = uow[Datasets].find(organization_id, new.documents)
    _check_task("dataset", dataset.dataset_id, dataset.task_type)
    stored = dataset.splits[_split(dataset, new.split)]
    if stored.rows > MAX_DOCUMENTS:
        raise TooLarge(
            f"The split has {stored.rows} rows; an extraction run has at most {MAX_DOCUMENTS} "
            "documents. Name another split, or divide the dataset.",
            metadata={"rows": stored.rows, "limit": MAX_DOCUMENTS},
        )
    whose = ("dataset", dataset.dataset_id)
    manifest = read_manifest(stored.manifest, JobBlobs(blobs, organization_id, whose=whose))
    return VersionRun(
        model=model.name,
        version=version.label or version.version_id,
        artifact=artifact,
        manifest=stored.manifest,
        split_blobs=manifest.addresses,
    )


def _check_task(noun: str, key: str, task_type: TaskType) -> None:
    if task_type is not TaskType.EXTRACTION:
        raise WrongTaskType(
            f"The {noun} '{key}' is of the task type {task_type}; a benchmark compares extractions. "
            f"Name a {noun} of {TaskType.EXTRACTION}, or measure the version by an evaluation job.",
            metadata={f"{noun}_id": key, "task_type": task_type},
        )


def _split(dataset: Dataset, wanted: str | None) -> str:
    """Return the split that is predicted: the one that is named, else the last that has rows."""
    there = [name for name in SPLITS if name in dataset.splits and dataset.splits[name].rows]
    if there and wanted is None:
        return there[-1]
    if wanted in there:
        return wanted
    if wanted is None:
        why = "has no rows yet. Upload a split first"
    else:
        why = f"has no rows in its split {wanted}, only in: {', '.join(there) or 'none'}"
    raise FailedPrecondition(
        f"The dataset '{dataset.dataset_id}' {why}.", metadata={"dataset_id": dataset.dataset_id}
    )
