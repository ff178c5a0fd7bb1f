"""Datasets by the Python client and the command line, against the running service."""

from __future__ import annotations

import json
from uuid import uuid4

import pyarrow as pa
import pytest

from assay.client import BadInput, InvalidRequest, NotFound
from tests.support.dataset_rows import json_lines, text_row

ROWS = [text_row(number) for number in range(40)]


@pytest.fixture
def name() -> str:
    return f"letters {uuid4()}"


def test_rows_come_as_mappings_tables_and_files(client, name, tmp_path):
    """Mappings, an Arrow table and a file of the same rows make the same revision."""
    dataset = client.datasets.create(name, "text_classification")
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json_lines(ROWS))
    hashes = {
        client.datasets.upload(dataset.dataset_id, "train", rows).revision.content_hash
        for rows in (ROWS, iter(ROWS), pa.Table.from_pylist(ROWS), path, str(path))
    }
    assert len(hashes) == 1
    assert [one.revision for one in client.datasets.revisions(name)] == [5, 4, 3, 2, 1]
    client.datasets.delete(dataset.dataset_id, cascade=True)
    with pytest.raises(NotFound):
        client.datasets.get(name)


def test_bytes_are_images(client, name):
    """Bytes in rows are sent as images; what is none is refused by its row."""
    client.datasets.create(name, "image_classification")
    with pytest.raises(InvalidRequest, match="column image: the 3 bytes are no image"):
        client.datasets.upload(name, "train", [{"row_id": 1, "image": b"GIF", "label": "x"}])


def test_splits_are_made(client, name):
    """Splits are made of one, and the profile tells of them."""
    client.datasets.create(name, "text_classification")
    client.datasets.upload(name, "train", ROWS)
    made = client.datasets.make_splits(name, {"validation": 0.25, "test": 0.25}, seed=4)
    assert {key: one.rows for key, one in made.revision.splits.items()} == {
        "train": 20, "validation": 10, "test": 10
    }  # fmt: skip  # one value
    profile = client.datasets.profile(name)
    assert [one.split for one in profile.splits] == ["train", "validation", "test"]
    assert made.warnings == profile.warnings == ()


def test_what_are_no_rows_is_refused_before_anything_is_sent(client, name):
    """A mapping, a number and a row that is none are refused by the client."""
    for rows in ({"row_id": [1]}, 5, [("a", "b")]):
        with pytest.raises(BadInput):
            client.datasets.upload(name, "train", rows)


def test_the_commands_store_and_show(assay, name, tmp_path):
    """`assay datasets` creates, fills, splits, lists, shows and deletes a dataset."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json_lines(ROWS))
    assert assay("datasets", "create", name, "--task", "text_classification").returncode == 0
    shown = assay("datasets", "upload", name, "train", str(path))
    assert (shown.returncode, "40 train" in shown.stdout) == (0, True)
    shown = assay("datasets", "split", name, "test=0.25", "--seed", "3", "--json")
    assert json.loads(shown.stdout)["revision"]["splits"]["test"]["rows"] == 10
    assert name in assay("datasets", "list", "--json").stdout
    shown = assay("datasets", "show", name)
    assert "revision 2 of 2" in shown.stdout
    assert "characters" in shown.stdout
    assert assay("datasets", "revisions", name).stdout.count("train") == 2
    assert assay("datasets", "delete", name).returncode == 2
    assert assay("datasets", "delete", name, "--cascade").returncode == 0
    assert assay("datasets", "show", name).returncode == 2


def test_the_commands_tell_of_leakage(assay, name, tmp_path):
    """An upload of rows that another split has ends with a warning on stderr."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(json_lines(ROWS[:5]))
    assay("datasets", "create", name, "--task", "text_classification")
    assay("datasets", "upload", name, "train", str(path))
    shown = assay("datasets", "upload", name, "test", str(path))
    assert shown.returncode == 0
    assert "Leakage between train and test: 5 row(s)" in shown.stderr


def test_a_stored_split_is_the_truth(client, assay, name, fresh, tmp_path):
    """Predictions by row_id are measured on a dataset, by the client and by `evaluate --truth`."""
    client.datasets.create(name, "text_classification")
    client.datasets.upload(name, "test", ROWS)
    model, version = fresh()
    rows = [{"row_id": row["row_id"], "y_pred": row["label"]} for row in ROWS[1:]]
    done = client.evaluate(model, version, "test", rows, truth=name)
    assert (done.rows, done.metrics["accuracy"]) == (39, 1.0)
    assert done.truth is not None
    assert done.truth.unpredicted_ids == ("r0",)
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(json_lines(rows))
    shown = assay(
        "evaluate", path, "--model", model, "--version", version, "--truth", f"{name}:test"
    )
    assert shown.returncode == 0, shown.stderr
    assert "39 of 40 rows" in shown.stdout
    assert "1 row without a prediction: r0" in shown.stdout
