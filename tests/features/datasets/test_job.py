"""The jobs that make splits: results, any cut of the work, and refusals."""

from __future__ import annotations

import pytest

from assay.features.datasets import stored_split
from assay.features.datasets.job import PartitionKind, UploadKind
from assay.features.datasets.job_spec import SplitPartition, SplitsResult, SplitUpload
from assay.features.datasets.stored_split import read_manifest
from assay.kernel.errors import BadRows, FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType
from assay.records import decode, encode
from assay.tabular.opening import JSON_LINES
from tests.support.dataset_rows import json_lines, rows_of, stored_texts, text_row
from tests.support.kind_in_process import run_in_process


@pytest.fixture
def blobs(tmp_path):
    return JobBlobs(open_blobs(tmp_path), "acme")


def upload(blobs, rows, **kind) -> SplitsResult:
    spec = SplitUpload(
        dataset_id="dst-1", split="train", task_type=TaskType.TEXT_CLASSIFICATION,
        source=JSON_LINES, blob=blobs.put(json_lines(rows)), like=None, created_by="ann",
    )  # fmt: skip  # one value
    return decode(SplitsResult, run_in_process(UploadKind(**kind), spec, blobs).result)


def partition(blobs, rows, fractions, **more) -> dict[str, list[str]]:
    manifest = blobs.put(encode(stored_texts(rows, blobs)))
    settings = {"seed": 1, "stratified": False, "grouped": False, **more}
    spec = SplitPartition(
        dataset_id="dst-1", source="train", manifest=manifest, fractions=fractions,
        created_by="ann", **settings,
    )  # fmt: skip  # one value
    run = run_in_process(PartitionKind(), spec, blobs)
    found = decode(SplitsResult, run.result)
    return {
        name: [row["row_id"] for row in rows_of(read_manifest(one.manifest, blobs), blobs)]
        for name, one in found.splits.items()
    }


def test_an_upload_stores_its_rows(blobs):
    """The result names a manifest of all rows, and every blob that they need."""
    rows = [text_row(number) for number in range(1000)]
    result = upload(blobs, rows)
    stored = result.splits["train"]
    manifest = read_manifest(stored.manifest, blobs)
    assert rows_of(manifest, blobs) == rows
    assert (stored.rows, stored.bytes) == (1000, sum(one.bytes for one in manifest.blocks))
    assert set(result.blobs) == {stored.manifest, *manifest.addresses}


def test_repeated_ids_far_from_each_other_are_refused(blobs, monkeypatch):
    """An id that rows of different blocks have is refused with both rows, however ids are cut."""
    monkeypatch.setattr("assay.features.datasets.ingest.PIECE_ROWS", 100)
    rows = [text_row(number) for number in range(1000)]
    rows[990] = text_row(5)
    for most in (70, 10_000):
        with pytest.raises(BadRows, match="row 990, column row_id: the id 'r5' is that of row 5"):
            upload(blobs, rows, max_rows=most)
    assert stored_split.BLOCK_ROWS == 50_000


def test_a_partition_keeps_every_row_once(blobs):
    """The splits that a job makes have all rows of the source, in their order and by the seed."""
    rows = [text_row(number) for number in range(100)]
    found = partition(blobs, rows, {"train": 0.8, "validation": 0.1, "test": 0.1})
    assert {name: len(ids) for name, ids in found.items()} == {
        "train": 80, "validation": 10, "test": 10
    }  # fmt: skip  # one value
    assert sorted(one for ids in found.values() for one in ids) == sorted(
        row["row_id"] for row in rows
    )
    assert all(ids == sorted(ids, key=lambda one: int(one[1:])) for ids in found.values())
    assert partition(blobs, rows, {"train": 0.8, "validation": 0.1, "test": 0.1}) == found
    assert partition(blobs, rows, {"train": 0.9, "test": 0.1}, seed=2)["test"] != found["test"]


def test_a_partition_is_stratified_and_grouped_where_that_is_asked(blobs):
    """With strata each class is shared out; with groups none is in two splits, nor a lone row lost."""
    rare = [text_row(at, label="rare" if at < 10 else "often") for at in range(100)]
    found = partition(blobs, rare, {"train": 0.5, "test": 0.5}, stratified=True)
    assert sum(int(one[1:]) < 10 for one in found["test"]) == 5
    grouped = [text_row(at, group=f"g{at // 5}" if at < 90 else None) for at in range(100)]
    found = partition(blobs, grouped, {"train": 0.5, "test": 0.5}, grouped=True)
    owners = [{int(one[1:]) // 5 for one in ids if int(one[1:]) < 90} for ids in found.values()]
    assert not owners[0] & owners[1]
    assert sum(map(len, found.values())) == 100


def test_a_split_without_rows_is_refused(blobs):
    """A fraction that gives a split no row is refused by the split's name."""
    with pytest.raises(FailedPrecondition, match="The split test would have no rows"):
        partition(blobs, [text_row(1), text_row(2)], {"train": 0.9, "test": 0.1})
