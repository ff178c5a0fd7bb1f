"""Datasets over gRPC: splits in, revisions and profiles out, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.usage import Usages
from tests.support.dataset_rows import json_lines, text_row
from tests.support.lost_blobs import lost_blobs
from tests.support.rpc_service import Caller, Running, message

ROWS = [text_row(number) for number in range(100)]
JSON = "application/x-ndjson"


def dataset(me: Caller, task_type: str = "text_classification", **fields: Any) -> str:
    name = fields.pop("name", f"d {task_type} {fields}")
    return me("CreateDataset", name=name, task_type=task_type, **fields).dataset_id


def parts(
    dataset_id: str, split: str, data: bytes, content_type: str = JSON, **fields: Any
) -> Iterator[Any]:
    """Yield a file in pieces as the gateway sends it: only the first says where it goes."""
    for start in range(0, max(1, len(data)), 1 << 16):
        head = {"dataset_id": dataset_id, "split": split, **fields} if start == 0 else {}
        file = {"content_type": content_type, "data": data[start : start + (1 << 16)]}
        yield message("UploadSplit", **head, file=file)


def upload(me: Caller, dataset_id: str, split: str, rows: list[Any], **fields: Any) -> Any:
    return me.raw("UploadSplit", parts(dataset_id, split, json_lines(rows), **fields))


def test_a_split_is_stored_in_one_call(me: Caller):
    """The answer to an upload is the revision that it made, and the dataset shows it."""
    dataset_id = dataset(me)
    made = upload(me, dataset_id, "train", ROWS)
    assert (made.dataset_id, made.status, made.revision.revision) == (dataset_id, "succeeded", 1)
    assert made.revision.splits["train"].rows == 100
    assert list(made.warnings) == []
    found = me("GetDataset", dataset_id=dataset_id)
    assert (found.revision, found.content_hash) == (1, made.revision.content_hash)
    assert found.splits["train"] == made.revision.splits["train"]
    assert me("GetDataset", dataset_id=found.name) == found
    assert found in me("ListDatasets").datasets
    job = me("GetJob", job_id=made.job_id)
    assert (job.kind, job.resource_id, job.status) == ("dataset_upload", dataset_id, "succeeded")


def test_an_upload_through_the_gateway_answers_201(me: Caller):
    """A stored split answers 201 over REST, and one that is not waited for 202 with its job."""
    dataset_id = dataset(me)
    rest = me.rest()
    upload(rest, dataset_id, "train", ROWS)
    assert rest.headers["x-http-status"] == "201"
    begun = upload(rest, dataset_id, "test", ROWS[:5], no_wait=True)
    if begun.status in ("queued", "running"):
        assert rest.headers["x-http-status"] == "202"
        assert rest.headers["location"] == f"/api/v1/jobs/{begun.job_id}"


def test_equal_rows_have_equal_hashes(me: Caller):
    """The same rows from another format make a revision with the same content hash."""
    dataset_id = dataset(me)
    rows = [{"row_id": str(at), "text": f"t{at}", "label": "ab"[at % 2]} for at in range(50)]
    first = upload(me, dataset_id, "train", rows).revision
    lines = [
        "row_id,label,text",
        *(f"{one['row_id']},{one['label']},{one['text']}" for one in rows),
    ]
    data = "\n".join(lines).encode()
    second = me.raw("UploadSplit", parts(dataset_id, "train", data, "text/csv")).revision
    assert (first.revision, second.revision) == (1, 2)
    assert first.content_hash == second.content_hash
    third = upload(me, dataset_id, "train", rows[1:]).revision
    assert third.content_hash != first.content_hash
    listed = me("ListDatasetRevisions", dataset_id=dataset_id, page_size=2)
    assert [one.revision for one in listed.revisions] == [3, 2]
    rest = me("ListDatasetRevisions", dataset_id=dataset_id, page_token=listed.next_page_token)
    assert list(rest.revisions) == [first]
    assert me("GetDatasetRevision", dataset_id=dataset_id, revision=1) == first


def test_leakage_is_told_with_the_upload_and_in_the_profile(me: Caller):
    """Rows that stand in two splits are warned of, in the answer and in the revision's profile."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    copies = [{**row, "row_id": f"c{row['row_id']}"} for row in ROWS[:3]]
    made = upload(me, dataset_id, "test", [*copies, text_row(1000, label="new")])
    assert len(made.warnings) == 2
    assert "3 row(s) of test have the content of rows of train" in made.warnings[0]
    profile = me("GetDatasetProfile", dataset_id=dataset_id)
    assert list(profile.warnings) == list(made.warnings)
    assert (profile.revision, [one.split for one in profile.splits]) == (2, ["train", "test"])
    assert [(one.label, one.rows) for one in profile.splits[0].labels] == [("a", 50), ("b", 50)]
    (overlap,) = profile.overlaps
    assert (overlap.first, overlap.second, overlap.equal_rows) == ("train", "test", 3)
    assert list(overlap.examples) == ["cr0", "cr1", "cr2"]
    lengths = {one.unit: one for one in profile.splits[0].lengths}
    assert (lengths["pages"].least, lengths["pages"].mean) == (1, 1)
    older = me("GetDatasetProfile", dataset_id=dataset_id, revision=1)
    assert (len(older.splits), list(older.warnings)) == (1, [])


def test_a_profile_tells_of_features(me: Caller):
    """The profile of tabular rows names each feature with its kind, range and missing values."""
    dataset_id = dataset(me, "tabular_regression")
    rows = [{"row_id": at, "age": at or None, "town": "Ulm", "target": 0.5} for at in range(5)]
    upload(me, dataset_id, "train", rows)
    (split,) = me("GetDatasetProfile", dataset_id=dataset_id).splits
    age, town = split.features
    assert (age.name, age.kind, age.missing, age.least, age.most) == ("age", "number", 1, 1, 4)
    assert (town.name, town.kind, town.HasField("least")) == ("town", "category", False)


def test_whoever_reads_lost_rows_is_told_the_dataset(rpc: Running, me: Caller):
    """Splits of rows that are gone, and an upload beside them, name the dataset."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    with lost_blobs(rpc, me.organization):
        found = [
            me.refused("MakeSplits", dataset_id=dataset_id, fractions={"test": 0.2}),
            me.refused("UploadSplit", parts(dataset_id, "test", json_lines(ROWS[:9]))),
        ]
    for refused in found:
        assert refused.reason == "DATA_MISSING"
        assert refused.metadata["resource_type"] == "dataset"
        assert refused.metadata["resource_id"] == dataset_id
        assert f"Stored data of the dataset '{dataset_id}' are missing." in refused.message


def test_rows_that_are_sent_again_are_whole_again(rpc: Running, me: Caller):
    """A split whose rows are gone is stored again by an upload of the same rows."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    with lost_blobs(rpc, me.organization):
        upload(me, dataset_id, "train", ROWS)
        made = me("MakeSplits", dataset_id=dataset_id, fractions={"test": 0.2})
    assert made.status == "succeeded"


def test_splits_are_made_of_one(me: Caller):
    """One request shares the rows of a split out, and the same request is the same revision."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    asked: dict[str, Any] = {"dataset_id": dataset_id, "request_id": "one", "seed": 3}
    made = me("MakeSplits", fractions={"validation": 0.1, "test": 0.2}, **asked)
    rows = {name: one.rows for name, one in made.revision.splits.items()}
    assert rows == {"train": 70, "validation": 10, "test": 20}
    assert list(made.warnings) == []
    assert me("MakeSplits", fractions={"validation": 0.1, "test": 0.2}, **asked) == made
    refused = me.refused("MakeSplits", fractions={"test": 0.3}, **asked)
    assert refused.reason == "REQUEST_ID_REUSED"


def test_splits_are_not_replaced_unasked(me: Caller):
    """Making a split that is there is refused, unless replace is sent."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    upload(me, dataset_id, "test", [text_row(500)])
    refused = me.refused("MakeSplits", dataset_id=dataset_id, fractions={"test": 0.5})
    assert refused.reason == "ALREADY_EXISTS"
    made = me("MakeSplits", dataset_id=dataset_id, fractions={"test": 0.5}, replace=True)
    assert made.revision.splits["test"].rows == 50


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"fractions": {"test": 1.5}}, "more than 0 and less than 1"),
        ({"fractions": {"test": float("nan")}}, "more than 0 and less than 1"),
        ({"fractions": {"tset": 0.5}}, "did you mean 'test'?"),
        ({"fractions": {"train": 0.5, "test": 0.4}}, "they sum to 0.9"),
        ({"fractions": {"validation": 0.5, "test": 0.5}}, "they sum to 1"),
        ({"fractions": {}}, "fractions"),
        ({"fractions": {"test": 0.5}, "source": "all"}, "'all' is not a split"),
        ({"fractions": {"test": 0.5}, "source": "validation"}, "has no split validation"),
        (
            {"fractions": {"test": 0.5}, "grouped": True},
            "grouped is possible where rows have groups",
        ),
        ({"fractions": {"test": 0.001}}, "The split test would have no rows"),
    ],
)
def test_wrong_shares_are_refused(me: Caller, fields: dict[str, Any], told: str):
    """A share that cannot be made is refused by name, with what is allowed."""
    dataset_id = dataset(me, name=f"wrong {told} {fields}")
    rows = [{key: value for key, value in row.items() if key != "group"} for row in ROWS]
    upload(me, dataset_id, "train", rows)
    assert told in me.refused("MakeSplits", dataset_id=dataset_id, **fields).message


@pytest.mark.parametrize(
    ("split", "data", "content_type", "reason"),
    [
        ("train", b"", JSON, "BAD_FILE"),
        ("train", b"{}\n", JSON, "BAD_ROWS"),
        ("train", json_lines([ROWS[0], ROWS[1], ROWS[0]]), JSON, "BAD_ROWS"),
        ("train", json_lines(ROWS), "application/json", "BAD_CONTENT_TYPE"),
        ("train", b"PAR1", JSON, "BAD_FILE"),
        ("trian", json_lines(ROWS), JSON, "INVALID_VALUE"),
    ],
)
def test_a_wrong_file_leaves_nothing_behind(me, rpc, split, data, content_type, reason):
    """A refused file makes no revision, and none of its bytes are kept."""
    dataset_id = dataset(me, name=f"refused {split} {content_type} {data[:9]!r} {len(data)}")
    with rpc.backend.store.read() as uow:
        before = uow[Usages].of(me.organization)
    refused = me.refused("UploadSplit", parts(dataset_id, split, data, content_type))
    assert refused.reason == reason
    assert me("GetDataset", dataset_id=dataset_id).revision == 0
    with rpc.backend.store.read() as uow:
        assert uow[Usages].of(me.organization) == before


def test_a_refused_row_is_named(me: Caller):
    """The refusal names row, line and column, and the job that found it ends FAILED with it."""
    dataset_id = dataset(me)
    wrong = [*ROWS, {**text_row(200), "label": None}]
    refused = me.refused("UploadSplit", parts(dataset_id, "train", json_lines(wrong)))
    assert refused.message.startswith("row 100 (line 101), column label: the value is missing")
    assert refused.metadata["row"] == "100"
    job = me("GetJob", job_id=refused.metadata["job_id"])
    assert (job.status, job.error.reason) == ("failed", "BAD_ROWS")


def test_a_split_of_other_features_is_refused(me: Caller):
    """The features of a split are those of the splits that stay, by name and kind."""
    dataset_id = dataset(me, "tabular_classification")
    upload(me, dataset_id, "train", [{"row_id": 1, "zip": "01", "label": "x"}])
    other = [{"row_id": 2, "zipp": "01", "label": "x"}]
    refused = me.refused("UploadSplit", parts(dataset_id, "test", json_lines(other)))
    assert "Rename it to 'zip'" in refused.message
    data = b"row_id,zip,label\n2,02,x\n"
    me.raw("UploadSplit", parts(dataset_id, "test", data, "text/csv"))
    (_, split) = me("GetDatasetProfile", dataset_id=dataset_id).splits
    assert split.features[0].kind == "category"


def test_a_repeated_upload_is_answered_once(me: Caller):
    """The same file with the same request id is one revision; another file is refused."""
    dataset_id = dataset(me)
    first = upload(me, dataset_id, "train", ROWS, request_id="r1")
    assert upload(me, dataset_id, "train", ROWS, request_id="r1") == first
    other = parts(dataset_id, "train", json_lines(ROWS[:5]), request_id="r1")
    assert me.refused("UploadSplit", other).reason == "REQUEST_ID_REUSED"
    assert me("GetDataset", dataset_id=dataset_id).revision == 1


def test_a_dataset_is_created_once_a_name(me: Caller):
    """A taken name is refused, or answered with if_absent; a misspelt task type is told the nearest."""
    first = me("CreateDataset", name="twice", task_type="extraction")
    refused = me.refused("CreateDataset", name="twice", task_type="extraction")
    assert (refused.reason, refused.metadata["resource_id"]) == ("ALREADY_EXISTS", first.dataset_id)
    again = me("CreateDataset", name="twice", task_type="extraction", if_absent=True)
    assert again == first
    misspelt = me.refused("CreateDataset", name="x", task_type="text_clasification")
    assert "did you mean 'text_classification'?" in misspelt.message


def test_a_dataset_with_rows_is_deleted_by_cascade(me: Caller, rpc: Running):
    """Without cascade a dataset with rows stays; with it nothing of the dataset is kept."""
    dataset_id = dataset(me)
    with rpc.backend.store.read() as uow:
        before = uow[Usages].of(me.organization)
    upload(me, dataset_id, "train", ROWS)
    assert me.refused("DeleteDataset", dataset_id=dataset_id).reason == "RESOURCE_IN_USE"
    me("DeleteDataset", dataset_id=dataset_id, cascade=True)
    assert me.refused("GetDataset", dataset_id=dataset_id).reason == "NOT_FOUND"
    with rpc.backend.store.read() as uow:
        assert uow[Usages].of(me.organization) == before
        assert uow[Jobs].list(me.organization, limit=1).items


def test_who_may_read_may_not_write(me: Caller, rpc: Running):
    """Reads need dataset:read, changes dataset:write, and another organization sees nothing."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "train", ROWS)
    stranger = rpc.organization("datasets-stranger")
    for name in ("GetDataset", "GetDatasetProfile", "ListDatasetRevisions", "DeleteDataset"):
        assert stranger.refused(name, dataset_id=dataset_id).reason == "NOT_FOUND"
    refused = stranger.refused("UploadSplit", parts(dataset_id, "train", json_lines(ROWS)))
    assert refused.reason == "NOT_FOUND"
    reader = rpc.organization("datasets-reader", ("dataset:read",))
    assert reader("ListDatasets").datasets == []
    assert reader.refused("CreateDataset", name="n", task_type="extraction").reason == (
        "PERMISSION_DENIED"
    )


def measured(me: Caller, lines: list[str], **fields: Any) -> Iterator[Any]:
    """Yield a CSV file of predictions whose truth is that of a dataset."""
    data = "\n".join(["row_id,y_pred", *lines]).encode()
    model_id, version_id = me.pair()
    yield message(
        "UploadEvaluationFile",
        model_id=model_id,
        version_id=version_id,
        file={"content_type": "text/csv", "data": data},
        **fields,
    )


def test_predictions_are_measured_on_a_stored_split(me: Caller):
    """Predictions without truth are measured on a dataset's split, and the answer tells what met."""
    dataset_id = dataset(me)
    upload(me, dataset_id, "test", ROWS)
    lines = [f"{row['row_id']},a" for row in ROWS[2:]] + ["stranger,b"]
    done = me.raw("UploadEvaluationFile", measured(me, lines, truth_dataset=dataset_id))
    assert (done.status, done.rows, done.metrics["accuracy"]) == ("succeeded", 98, 0.5)
    truth = done.truth
    assert (truth.dataset_id, truth.revision, truth.split) == (dataset_id, 1, "test")
    assert (truth.rows, truth.matched, truth.without_prediction) == (100, 98, 2)
    assert list(truth.unpredicted_ids) == ["r0", "r1"]
    assert (truth.without_truth, list(truth.unknown_ids)) == (1, ["stranger"])
    assert me("GetEvaluation", evaluation_id=done.evaluation_id) == done


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"truth_dataset": "nothing"}, "NOT_FOUND"),
        ({"truth_revision": 2}, "NOT_FOUND"),
        ({"truth_split": "tset"}, "INVALID_VALUE"),
        ({"truth_split": "validation"}, "FAILED_PRECONDITION"),
        ({"truth_dataset": "", "truth_split": "test"}, "INVALID_VALUE"),
    ],
)
def test_a_truth_that_is_not_there_is_refused(me: Caller, fields: dict[str, Any], reason: str):
    """A dataset, revision or split that is absent is refused before anything is measured."""
    dataset_id = dataset(me, name=f"truth {fields}")
    upload(me, dataset_id, "test", ROWS[:5])
    asked = {"truth_dataset": dataset_id, **fields}
    assert me.refused("UploadEvaluationFile", measured(me, ["r1,a"], **asked)).reason == reason


def test_a_truth_needs_the_right_to_read_it(me: Caller, rpc: Running):
    """Who may measure but not read datasets cannot measure on one."""
    writer = rpc.organization("datasets-writer", ("model:write", "model:read"))
    refused = writer.refused("UploadEvaluationFile", measured(writer, ["r1,a"], truth_dataset="d"))
    assert refused.reason == "PERMISSION_DENIED"
