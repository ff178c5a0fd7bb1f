"""The kind `comparison`: the same bytes however rows are cut, and reasons for what is not tested."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics

from assay.features.comparisons.job import ComparisonKind
from assay.features.comparisons.model import ComparisonJob, PairedTests, Side
from assay.features.evaluations.model import EvaluationSpec
from assay.features.evaluations.second_pass import BOOTSTRAP_ROWS
from assay.features.models.model import TaskType
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import LocalBlobs
from assay.metrics.resampling.bootstrap import Bootstrap, paired_intervals, row_clusters
from assay.metrics.spec import classification_spec
from assay.records import decode, encode
from assay.records.predictions import ClassificationChunk
from assay.tabular.chunk import Rules
from assay.tabular.row_ids import row_ids_of
from assay.tabular.values import encode_values, text_array
from tests.support.colliding_ids import colliding_ids
from tests.support.kind_in_process import run_in_process

LABELS = ("no", "yes")
COLUMNS = {
    "y_true": ["no", "yes", "yes", "no", "yes", "no"],
    "y_pred": ["no", "no", "yes", "yes", "yes", "no"],
    "score": [0.1, 0.4, 0.9, 0.6, 0.8, 0.2],
}
OTHER = {**COLUMNS, "y_pred": ["no", "yes", "yes", "yes", "no", "no"]}
SPEC = EvaluationSpec(task_type=TaskType.CLASSIFICATION, labels=LABELS, positive_label="yes")
NUMBERS = EvaluationSpec(task_type=TaskType.REGRESSION)

TESTS = {"mcnemar", "roc_auc", "differences"}

Columns = Mapping[str, list[Any]]


@pytest.fixture
def blobs(tmp_path: Path) -> JobBlobs:
    return JobBlobs(LocalBlobs(tmp_path), "org")


def side(blobs: JobBlobs, columns: Columns, cuts: list[int], spec: EvaluationSpec = SPEC) -> Side:
    """Store the rows in chunks that end at `cuts`."""
    edges = [0, *cuts, len(columns["y_true"])]
    parts = [
        {name: values[low:high] for name, values in columns.items()}
        for low, high in itertools.pairwise(edges)
    ]
    regression = spec.task_type is TaskType.REGRESSION
    rules = Rules(regression=regression, labels=spec.labels, positive_label=spec.positive_label)
    return Side(
        evaluation_id=f"evl-{cuts}",
        blobs=tuple(blobs.put(encode_values(part, rules)) for part in parts),
        rows=tuple(len(part["y_true"]) for part in parts),
    )


def compared(
    blobs: JobBlobs,
    a: Side,
    b: Side,
    kind: ComparisonKind | None = None,
    spec: EvaluationSpec = SPEC,
) -> bytes:
    asked = ComparisonJob(
        a=a, b=b, spec=spec, labels=spec.labels or (), positive_label=spec.positive_label
    )
    assert decode(ComparisonJob, encode(asked)) == asked
    return run_in_process(kind or ComparisonKind(), asked, blobs).result


def paired(
    blobs: JobBlobs, a: Columns, b: Columns, kind: ComparisonKind | None = None
) -> PairedTests:
    """Return the tests of two sides in one chunk each."""
    return decode(PairedTests, compared(blobs, side(blobs, a, []), side(blobs, b, []), kind))


def many(rows: int, seed: int, *, ids: bool) -> dict[str, list[Any]]:
    """Return rows of one truth, with predictions of their own."""
    true = np.random.default_rng(0).random(rows) < 0.3
    wrong = np.random.default_rng(seed).random(rows) < 0.1 * seed
    found = {
        "y_true": np.where(true, "yes", "no").tolist(),
        "y_pred": np.where(true ^ wrong, "yes", "no").tolist(),
    }
    return found | ({"row_id": [f"row {row}" for row in range(rows)]} if ids else {})


def mixed(columns: Columns, seed: int) -> dict[str, list[Any]]:
    """Return the rows in another order."""
    order = np.random.default_rng(seed).permutation(len(columns["y_true"])).tolist()
    return {name: [values[at] for at in order] for name, values in columns.items()}


def test_chunks_change_no_byte(blobs: JobBlobs):
    """Rows in one chunk and in several give the same tests to the last bit."""
    whole = compared(blobs, side(blobs, COLUMNS, []), side(blobs, OTHER, []))
    cut = compared(blobs, side(blobs, COLUMNS, [1, 4]), side(blobs, OTHER, [3]))
    assert whole == cut
    tests = decode(PairedTests, whole)
    assert encode(tests) == whole
    assert tests.mcnemar is not None
    assert (tests.mcnemar.only_a, tests.mcnemar.only_b, tests.mcnemar.p_value) == (1, 1, 1.0)
    assert tests.roc_auc is not None
    assert tests.roc_auc.difference == 0.0
    assert not TESTS & tests.undefined.keys()
    assert tests.undefined["mcc"] == "UNDEFINED_REPLICATE"  # some replicate holds one class


@pytest.mark.parametrize("ids", [True, False])
def test_many_rows_are_counted_in_pieces(blobs: JobBlobs, ids: bool):
    """Above the rows of one task McNemar and count-derived differences stay exact."""
    rows = BOOTSTRAP_ROWS + 1000
    a, b = many(rows, 1, ids=ids), many(rows, 2, ids=ids)
    moved = mixed(b, 3) if ids else b
    sides = side(blobs, a, [7, 30_000]), side(blobs, moved, [20_000])
    whole = decode(PairedTests, compared(blobs, *sides))
    results = {compared(blobs, *sides, ComparisonKind(max_rows=most)) for most in (9_000, 40_000)}
    [cut] = [decode(PairedTests, one) for one in results]
    right = [np.array(each["y_pred"]) == np.array(each["y_true"]) for each in (a, b)]
    only_a = int((right[0] & ~right[1]).sum())
    assert (cut.rows, cut.mcnemar) == (rows, whole.mcnemar)
    assert cut.mcnemar is not None
    assert (cut.mcnemar.only_a, cut.mcnemar.only_b) == (only_a, int((right[1] & ~right[0]).sum()))
    assert cut.differences == whole.differences
    f1 = [metrics.f1_score(each["y_true"], each["y_pred"], pos_label="yes") for each in (a, b)]
    span = cut.differences["f1_score"]
    assert span.low < f1[1] - f1[0] < span.high < 0
    assert cut.undefined == {"roc_auc": "TOO_MANY_ROWS"}
    assert whole.undefined == {"roc_auc": "NO_SCORES"}


def test_intervals_of_counts_are_those_of_rows(blobs: JobBlobs):
    """Differences resampled by cell are about as wide as those resampled by row."""
    rows = BOOTSTRAP_ROWS + 1
    a, b = many(rows, 1, ids=False), many(rows, 2, ids=False)
    ours = paired(blobs, a, b).differences["accuracy"]
    codes = [
        [np.array([LABELS.index(label) for label in each[name]]) for name in ("y_true", "y_pred")]
        for each in (a, b)
    ]
    first, second = (
        Bootstrap.from_chunk(
            ClassificationChunk(labels=LABELS, fixed=True, true=true, predicted=predicted),
            row_clusters(0, rows),
        )
        for true, predicted in codes
    )
    spec = classification_spec(declared=LABELS, positive_label="yes")
    theirs = paired_intervals(second, first, spec)["accuracy"]
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=0.25)
    assert ours.low == pytest.approx(theirs.low, rel=0.05)


def test_regressions_of_too_many_rows_are_not_read(blobs: JobBlobs):
    """Above its bound a regression is told as TOO_MANY_ROWS, without reading a row."""
    values = {"y_true": [1.0, 2.0, 3.0] * 10, "y_pred": [1.5, 2.0, 2.0] * 10}
    sides = [side(blobs, values, [], NUMBERS) for _ in range(2)]
    tests = compared(blobs, *sides, ComparisonKind(max_rows=2), NUMBERS)
    assert decode(PairedTests, tests) == PairedTests(rows=0, reason="TOO_MANY_ROWS")
    whole = decode(PairedTests, compared(blobs, *sides, spec=NUMBERS))
    assert (whole.undefined, whole.differences["mae"].low) == (
        {"mcnemar": "NO_METHOD", "roc_auc": "NO_METHOD"},
        0.0,
    )


def test_values_beyond_resampling_say_so(blobs: JobBlobs):
    """A regression whose squares leave float64 has no differences, and the reason."""
    values = {"y_true": [1e200, 2.0], "y_pred": [1.5, 2.0]}
    sides = [side(blobs, values, [], NUMBERS) for _ in range(2)]
    tests = decode(PairedTests, compared(blobs, *sides, spec=NUMBERS))
    assert (tests.differences, tests.undefined["differences"]) == ({}, "OVERFLOW")


def test_weighted_rows_are_resampled_with_their_weights(blobs: JobBlobs):
    """Rows of weight 2 have the differences of rows that stand twice in one cluster; no areas."""
    weights = [2.0] * len(COLUMNS["y_true"])
    heavy = paired(blobs, {**COLUMNS, "weight": weights}, {**OTHER, "weight": weights})
    names = [f"c{row}" for row in range(len(weights))]
    twice = [
        {name: values * 2 for name, values in (one | {"cluster_id": names}).items()}
        for one in (COLUMNS, OTHER)
    ]
    clustered = [{**one, "cluster_id": names} for one in (COLUMNS, OTHER)]
    assert paired(blobs, *twice).differences == paired(blobs, *clustered).differences
    assert heavy.undefined["roc_auc"] == "WEIGHTED_ROWS"
    assert heavy.mcnemar is not None
    plain = paired(blobs, COLUMNS, OTHER)
    assert heavy.differences == plain.differences  # equal weights change no metric


def test_clusters_are_what_is_resampled(blobs: JobBlobs):
    """With cluster_id differences resample clusters; McNemar and DeLong say CLUSTERED_ROWS."""
    names = ["x", "x", "x", "y", "y", "z"]
    tests = paired(blobs, {**COLUMNS, "cluster_id": names}, {**OTHER, "cluster_id": names})
    assert tests.undefined["mcnemar"] == tests.undefined["roc_auc"] == "CLUSTERED_ROWS"
    assert (tests.mcnemar, tests.roc_auc) == (None, None)
    true, a, b = (
        np.array([LABELS.index(label) for label in values])
        for values in (COLUMNS["y_true"], COLUMNS["y_pred"], OTHER["y_pred"])
    )
    clusters = row_ids_of(_chunked(names)).hashes
    first, second = (
        Bootstrap.from_chunk(
            ClassificationChunk(labels=LABELS, fixed=True, true=true, predicted=each), clusters
        )
        for each in (a, b)
    )
    spec = classification_spec(declared=LABELS, positive_label="yes")
    expected = paired_intervals(second, first, spec)
    assert {name: (one.low, one.high) for name, one in tests.differences.items()} == {
        name: (one.low, one.high) for name, one in expected.items()
    }
    small = paired(
        blobs,
        {**COLUMNS, "cluster_id": names},
        {**OTHER, "cluster_id": names},
        ComparisonKind(max_rows=4),
    )
    assert small.undefined == {
        "differences": "TOO_MANY_ROWS",
        "mcnemar": "CLUSTERED_ROWS",
        "roc_auc": "TOO_MANY_ROWS",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"y_true": ["yes", *COLUMNS["y_true"][1:]]},
        {"weight": [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]},
        {"cluster_id": list("abcdee")},
        {"row_id": list("abcdeg")},
    ],
)
@pytest.mark.parametrize("most", [10, 2])
def test_rows_that_differ_in_anything_are_not_the_same(
    blobs: JobBlobs, change: dict[str, list[Any]], most: int
):
    """Rows of another truth, weight, cluster or id are DIFFERENT_ROWS, in however many pieces."""
    [name] = change
    beside = {"weight": [1.0] * 6, "cluster_id": list("abcdef"), "row_id": list("abcdef")}
    added = {name: beside[name]} if name in beside else {}
    kind = ComparisonKind(max_rows=most)
    tests = paired(blobs, {**COLUMNS, **added}, {**COLUMNS, **added, **change}, kind)
    assert tests == PairedTests(rows=0, reason="DIFFERENT_ROWS")


def test_ids_of_one_hash_are_told_apart(blobs: JobBlobs):
    """Where 64 bits of hash are equal, the other 64 still match each id with its own row."""
    twins = colliding_ids()
    hashes = row_ids_of(_chunked(twins))
    assert hashes.hashes[0] == hashes.hashes[1]
    assert hashes.second_hashes[0] != hashes.second_hashes[1]
    ids = [*twins, "c", "d", "e", "f"]
    plain = paired(blobs, COLUMNS, OTHER)
    for seed in range(4):  # both orders of the two ids
        moved = mixed({**OTHER, "row_id": ids}, seed)
        assert paired(blobs, {**COLUMNS, "row_id": ids}, moved).mcnemar == plain.mcnemar
    half = {"y_true": ["no", "no"], "y_pred": ["no", "yes"], "row_id": [twins[0], "c"]}
    other = {**half, "row_id": [twins[1], "c"]}
    assert paired(blobs, half, other).reason == "DIFFERENT_ROWS"


def _chunked(texts: list[str]) -> pa.ChunkedArray[Any]:
    return pa.chunked_array([text_array(texts)])
