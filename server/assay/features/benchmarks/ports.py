"""What the store of benchmarks promises; the rules at the top of ports.py hold here too."""

from __future__ import annotations

from typing import Protocol

from assay.features.benchmarks.model import Benchmark, BenchmarkRow, BenchmarkStatus, Scores
from assay.kernel.cursor import Cursor, Page

PAGE_BYTES = 2 * 1024 * 1024  # JSON of the accuracies of one page


class Benchmarks(Protocol):
    """Benchmarks; their state, end and error are always those of their job."""

    def create(self, organization_id: str, new: BenchmarkRow) -> Benchmark:
        """Store a benchmark whose job was submitted before, and return it.

        A taken id raises AlreadyExists.
        """
        ...

    def get(self, organization_id: str, benchmark_id: str) -> Benchmark:
        """Return a benchmark, or NotFound."""
        ...

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        dataset_id: str | None = None,
        status: BenchmarkStatus | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Benchmark]:
        """Return a page of benchmarks, of one dataset and of one status if these are given.

        Dataset and status need not exist: then there are none. A page holds fewer than `limit`
        when their accuracies by field would have more than `max_bytes` of JSON, but never none
        while one is left.
        """
        ...

    def count(
        self,
        organization_id: str,
        *,
        dataset_id: str | None = None,
        status: BenchmarkStatus | None = None,
    ) -> int:
        """Return how many benchmarks a listing with the same arguments has in all."""
        ...

    def finish(self, organization_id: str, benchmark_id: str, scores: Scores) -> Benchmark:
        """Store the scores of a benchmark whose job succeeds in the same commit.

        Its delta is taken against the benchmark that it asked to be compared with, else
        against the newest completed one of its dataset that was created before it. Where that
        one or this one has no overall accuracy, there is neither a delta nor what it is against.
        The same scores once more change nothing. An absent benchmark raises NotFound.
        """
        ...
