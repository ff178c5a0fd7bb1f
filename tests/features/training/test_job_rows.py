"""Training rows that are held out for validation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa

from assay.features.training.job_rows import BlockPayload, block_payloads, hold_out, rows_of
from assay.features.training.job_spec import TRAIN, VALIDATION, TrainingJob
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.hyperparameters import resolve
from assay.learning.rows import TaskType, canonical_schema
from tests.support.training_rows import Rows, Splits

TEXT = TaskType.TEXT_CLASSIFICATION
LABELS = ("a", "b")


def table(rows: int, groups: int = 0) -> pa.Table:
    """Return rows of two classes, of which b has a fifth."""
    columns = {
        "row_id": [f"row-{row}" for row in range(rows)],
        "pages": [[f"text {row}"] for row in range(rows)],
        "label": [LABELS[row % 5 == 0] for row in range(rows)],
    }
    if groups:
        columns["group"] = [None if row % 7 == 0 else f"g{row % groups}" for row in range(rows)]
    return pa.table(columns, schema=canonical_schema(TEXT, group=bool(groups)))


def cut(folder: Path, splits: Splits, share: float) -> dict[str, list[pa.RecordBatch]]:
    """Return the rows that a training reads for each split."""
    blobs = JobBlobs(open_blobs(folder), "acme")
    stored = Rows(TEXT, splits, blobs)
    job = TrainingJob(
        model_id="m",
        version_id="v",
        manifests={name: one.manifest for name, one in stored.stored.items()},
        labels=LABELS,
        positive_label=None,
        hyperparameters=resolve(TEXT, {}),
        learning_version="1",
    )
    held = hold_out(job, share, blobs)
    found: dict[str, list[pa.RecordBatch]] = {}
    for payload in block_payloads(job, blobs):
        found.setdefault(payload.split, []).append(rows_of(job, payload, held, blobs))
    return found


def column(batches: list[pa.RecordBatch], name: str) -> list[str | None]:
    """Return a column of some batches."""
    return [value for batch in batches for value in batch.column(name).to_pylist()]


def test_a_share_of_each_class_is_held_out(tmp_path: Path) -> None:
    """Of 400 and 100 rows a fifth is held out of each; no row is on both sides, none is lost."""
    found = cut(tmp_path, {TRAIN: table(500)}, 0.2)
    assert Counter(column(found[VALIDATION], "label")) == {"a": 80, "b": 20}
    assert Counter(column(found[TRAIN], "label")) == {"a": 320, "b": 80}
    ids = column(found[TRAIN], "row_id") + column(found[VALIDATION], "row_id")
    assert len(set(ids)) == 500


def test_other_rows_change_no_choice_much(tmp_path: Path) -> None:
    """A row is chosen by its id, so that most choices stay when rows are added."""
    first = set(column(cut(tmp_path, {TRAIN: table(500)}, 0.2)[VALIDATION], "row_id"))
    second = set(column(cut(tmp_path, {TRAIN: table(520)}, 0.2)[VALIDATION], "row_id"))
    assert len(first & second) > 90


def test_groups_are_held_out_whole(tmp_path: Path) -> None:
    """No group has rows on both sides; a row without one stands for itself."""
    found = cut(tmp_path, {TRAIN: table(700, groups=60)}, 0.3)
    groups = [set(column(found[split], "group")) - {None} for split in (TRAIN, VALIDATION)]
    assert not groups[0] & groups[1]
    assert groups[1]
    assert None in column(found[VALIDATION], "group")
    assert None in column(found[TRAIN], "group")


def test_nothing_is_held_out_of_a_dataset_that_has_a_validation_split(tmp_path: Path) -> None:
    """Its own validation rows are read, and all training rows are trained on."""
    blobs = JobBlobs(open_blobs(tmp_path), "acme")
    stored = Rows(TEXT, {TRAIN: table(50), VALIDATION: table(20)}, blobs)
    job = TrainingJob(
        model_id="m",
        version_id="v",
        manifests={name: one.manifest for name, one in stored.stored.items()},
        labels=LABELS,
        positive_label=None,
        hyperparameters=resolve(TEXT, {}),
        learning_version="1",
    )
    assert list(block_payloads(job, blobs)) == [
        BlockPayload(split=split, stored=split, number=0) for split in (TRAIN, VALIDATION)
    ]
