"""The join of predictions with the truth of a stored split: numbers, coverage, refusals."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest

from assay.features.datasets.ingest import SplitFile, ingest_split
from assay.features.evaluations.ingest import ingest_file
from assay.features.evaluations.model import TruthCoverage, TruthSplit
from assay.features.evaluations.truth_join import PredictionFile, TruthJoin
from assay.kernel.errors import BadPredictions, DataMissing
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType
from assay.records import encode, replace
from assay.tabular.chunk import Rules
from assay.tabular.errors import InputError
from assay.tabular.opening import CSV, JSON_LINES
from tests.support.colliding_ids import colliding_ids
from tests.support.dataset_rows import json_lines

ROWS = 3000


@pytest.fixture
def blobs(tmp_path):
    return JobBlobs(open_blobs(tmp_path), "acme")


def truth(blobs, rows: list[dict[str, Any]], task=TaskType.TABULAR_CLASSIFICATION) -> TruthSplit:
    """Store a test split."""
    data = json_lines(rows)
    file = SplitFile(open=lambda: io.BytesIO(data), source=JSON_LINES, task_type=task)
    manifest = blobs.put(encode(ingest_split(file, blobs)))
    return TruthSplit(dataset_id="dst-1", revision=3, split="test", manifest=manifest)


def labelled(count: int) -> list[dict[str, Any]]:
    return [{"row_id": f"r{at}", "v": at, "label": "ab"[at % 3 == 0]} for at in range(count)]


def csv(lines: list[str], header: str = "row_id,y_pred") -> bytes:
    return "\n".join([header, *lines]).encode() + b"\n"


def joined(blobs, split: TruthSplit, data: bytes, **sizes: int) -> tuple[TruthJoin, list[Any]]:
    file = PredictionFile(open=lambda: io.BytesIO(data), source=CSV, rules=Rules())
    join = TruthJoin(file, split, blobs, **sizes)
    return join, list(join.blocks())


@pytest.mark.parametrize("range_rows", [70, 10_000])
def test_each_prediction_gets_the_truth_of_its_id(blobs, range_rows):
    """Predictions in any order are measured with the truths of their ids, however ids are cut."""
    lines = [f"r{at},{'ab'[at % 3 == 0]}" for at in reversed(range(ROWS))]
    join, blocks = joined(blobs, truth(blobs, labelled(ROWS)), csv(lines), range_rows=range_rows)
    for block in blocks:
        table = pa.ipc.open_stream(block.encoded).read_all()
        assert table["y_true"].to_pylist() == table["y_pred"].to_pylist()
    assert sum(block.chunk.rows for block in blocks) == ROWS
    assert join.coverage().matched == ROWS


@pytest.mark.parametrize("range_rows", [7, 10_000])
def test_coverage_names_what_did_not_meet(blobs, range_rows):
    """Predictions without a truth are left out, and both sides' lone ids are counted and named."""
    lines = [f"r{at},a" for at in range(20, ROWS)] + [f"x{at},a" for at in range(12)]
    join, blocks = joined(blobs, truth(blobs, labelled(ROWS)), csv(lines), range_rows=range_rows)
    assert sum(block.chunk.rows for block in blocks) == ROWS - 20
    assert join.coverage() == TruthCoverage(
        dataset_id="dst-1", revision=3, split="test", rows=ROWS, matched=ROWS - 20,
        without_prediction=20, without_truth=12,
        unpredicted_ids=tuple(f"r{at}" for at in range(10)),
        unknown_ids=tuple(f"x{at}" for at in range(10)),
    )  # fmt: skip  # one value


def test_a_joined_file_is_counted_as_one_that_has_the_truth(blobs):
    """The statistic, and the name of the rows, are those of a file that holds the truth itself."""
    split = truth(blobs, labelled(ROWS))
    lines = [f"r{at},{'ab'[at % 5 == 0]}" for at in range(ROWS)]
    own = [f"{line},{'ab'[at % 3 == 0]}" for at, line in enumerate(lines)]
    without, having = blobs.put(csv(lines)), blobs.put(csv(own, "row_id,y_pred,y_true"))
    first = ingest_file(without, CSV, Rules(), blobs, split)
    second = ingest_file(having, CSV, Rules(), blobs)
    assert first.content_hash == second.content_hash
    assert (first.rows, first.statistic.confusion.labels) == (ROWS, ("a", "b"))
    assert first.coverage is not None
    assert second.coverage is None


def test_the_numbers_of_a_regression_are_joined(blobs):
    """The truth of a regression is the split's target, to the bit."""
    rows = [{"row_id": at, "v": 1, "target": at / 7} for at in range(50)]
    split = truth(blobs, rows, TaskType.TABULAR_REGRESSION)
    data = blobs.put(csv([f"{at},{at / 7!r}" for at in range(50)]))
    partial = ingest_file(data, CSV, Rules(regression=True), blobs, split)
    assert partial.rows == 50
    assert partial.coverage is not None
    assert partial.coverage.matched == 50


def test_ids_of_one_hash_are_told_apart(blobs):
    """Two ids of one 64-bit hash get each its own truth, and a third one of it none."""
    one, other = colliding_ids()
    rows = [{"row_id": one, "v": 1, "label": "a"}, {"row_id": other, "v": 1, "label": "b"}]
    join, blocks = joined(blobs, truth(blobs, rows), csv([f"{other},b", f"{one},a"]))
    table = pa.ipc.open_stream(blocks[0].encoded).read_all()
    assert table["y_true"].to_pylist() == ["b", "a"]
    join, _ = joined(blobs, truth(blobs, rows[:1]), csv([f"{other},b", f"{one},a"]))
    assert join.coverage().unknown_ids == (other,)


def test_a_wrong_row_is_named_as_it_stands_in_the_file(blobs):
    """A refusal names row and line of the file, though rows before it were left out."""
    lines = [*(f"x{at},0.5" for at in range(5)), "r1,0.5", "r2,7"]
    data = csv(lines, "row_id,score")
    file = PredictionFile(
        open=lambda: io.BytesIO(data),
        source=CSV,
        rules=Rules(labels=("a", "b"), positive_label="b"),
    )
    with pytest.raises(InputError, match=r"row 6 \(line 8\), column score"):
        list(TruthJoin(file, truth(blobs, labelled(9)), blobs).blocks())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (csv(["x,a"]), "None of the 1 row ids is one of the split test"),
        (csv(["r1,a,b"], "row_id,y_pred,y_true"), "it stands beside a dataset"),
        (csv(["r1,a"], "rowid,y_pred"), "Rename 'rowid' to it"),
        (csv([]), "has a header but no rows"),
        (csv(["r1,a", "r1,a"]), "the id 'r1' is that of row 0 too"),
    ],
)
def test_what_cannot_be_joined_is_refused(blobs, data, told):
    """A file without ids, with truths of its own, or with no id of the split is refused."""
    with pytest.raises(BadPredictions if "header" not in told else Exception) as refused:
        ingest_file(blobs.put(data), CSV, Rules(), blobs, truth(blobs, labelled(9)))
    assert told in str(refused.value)


def test_a_lost_ground_truth_is_told_as_the_datasets(blobs):
    """An evaluation by rows that are gone is not to blame: the error names the dataset."""
    split = truth(blobs, labelled(9))
    lost = replace(split, manifest=f"sha256:{'0' * 64}")
    with pytest.raises(DataMissing) as raised:
        joined(blobs, lost, csv(["r0,a"]))
    again = raised.value.of("evaluation", "evl-1")  # as the job says it of all that it reads
    assert again.published.metadata == {"resource_type": "dataset", "resource_id": "dst-1"}
