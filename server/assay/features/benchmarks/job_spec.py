"""The spec of a benchmark whose extractions a version of a model makes."""

from __future__ import annotations

from assay.features.artifacts.model import Artifact
from assay.features.benchmarks.model import BenchmarkJob

VERSION_BENCHMARK_KIND = "version_benchmark"


class VersionBenchmarkJob(BenchmarkJob):
    """The spec of such a benchmark's job; the documents of its snapshot have no extractions yet."""

    run_id: str  # of the extraction run that the version's extractions are stored in
    artifact: Artifact  # that the version runs
    manifest: str  # address of that of the split whose rows are predicted
    split_blobs: tuple[str, ...]  # addresses of the split's rows

    @property
    def blobs_named(self) -> tuple[str, ...]:
        """The addresses that the spec names."""
        return (
            *super().blobs_named,
            self.manifest,
            *self.split_blobs,
            *self.artifact.blobs,
        )
