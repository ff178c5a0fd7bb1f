"""The kind `comparison`: the same bytes however rows are cut, and a bound on what it reads."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from assay.domain.comparison import ComparisonJob, PairedTests, Side
from assay.domain.evaluation import EvaluationSpec
from assay.domain.model import TaskType
from assay.jobs.blobs import JobBlobs
from assay.jobs.kinds.comparison import Comparison
from assay.jobs.kinds.kind import JobView
from assay.storage.blobs import LocalBlobs
from assay.storage.columns import Rules, encode_values

LABELS = ("no", "yes")
COLUMNS = {
    "y_true": ["no", "yes", "yes", "no", "yes", "no"],
    "y_pred": ["no", "no", "yes", "yes", "yes", "no"],
    "score": [0.1, 0.4, 0.9, 0.6, 0.8, 0.2],
}
OTHER = {**COLUMNS, "y_pred": ["no", "yes", "yes", "yes", "no", "no"]}


@pytest.fixture
def blobs(tmp_path: Path) -> JobBlobs:
    return JobBlobs(LocalBlobs(tmp_path), "org")


def side(blobs: JobBlobs, columns: dict[str, list[object]], cuts: list[int]) -> Side:
    """Store the rows in chunks that end at `cuts`."""
    edges = [0, *cuts, len(columns["y_true"])]
    parts = [
        {name: values[low:high] for name, values in columns.items()}
        for low, high in itertools.pairwise(edges)
    ]
    rules = Rules(labels=LABELS, positive_label="yes")
    return Side(
        evaluation_id=f"evl-{cuts}",
        blobs=tuple(blobs.put(encode_values(part, rules)) for part in parts),
    )


def compared(blobs: JobBlobs, a: Side, b: Side, kind: Comparison | None = None) -> bytes:
    spec = EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=LABELS, positive_label="yes")
    asked = ComparisonJob(a=a, b=b, spec=spec, labels=LABELS, positive_label="yes")
    assert ComparisonJob.from_json(asked.to_json()) == asked
    job = JobView(organization_id="org", job_id=asked.job_id, spec=asked.to_json(), rows=0)
    chosen = kind or Comparison()
    (shard,) = chosen.plan(job, {}, blobs)
    return chosen.run(job, shard, blobs).partial


def test_chunks_change_no_byte(blobs: JobBlobs):
    """Rows in one chunk and in several give the same tests to the last bit."""
    whole = compared(blobs, side(blobs, COLUMNS, []), side(blobs, OTHER, []))
    cut = compared(blobs, side(blobs, COLUMNS, [1, 4]), side(blobs, OTHER, [3]))
    assert whole == cut
    tests = PairedTests.from_json(whole)
    assert tests.to_json() == whole
    assert tests.mcnemar is not None
    assert (tests.mcnemar.only_a, tests.mcnemar.only_b, tests.mcnemar.p_value) == (1, 1, 1.0)
    assert tests.areas is not None
    assert tests.areas.difference == 0.0


def test_too_many_rows_are_not_held(blobs: JobBlobs):
    """Above its bound the kind reads no further and says TOO_MANY_ROWS."""
    small = Comparison(max_rows=5)
    tests = compared(blobs, side(blobs, COLUMNS, [2]), side(blobs, OTHER, []), small)
    assert PairedTests.from_json(tests) == PairedTests(rows=0, reason="TOO_MANY_ROWS")


def test_weighted_rows_have_no_bootstrap(blobs: JobBlobs):
    """Rows with weights are tested by McNemar and DeLong, and have no resampled intervals."""
    weights = [1.5] * len(COLUMNS["y_true"])
    sides = [side(blobs, {**one, "weight": weights}, []) for one in (COLUMNS, OTHER)]
    tests = PairedTests.from_json(compared(blobs, *sides))
    assert tests.differences == {}
    assert tests.mcnemar is not None
