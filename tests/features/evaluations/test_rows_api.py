"""Typed rows of one request: measured exactly as the same rows of a file."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf import json_format

from tests.support.rpc_service import Caller, binary, csv, message

DATA = binary(60)


def request(model_id: str, version_id: str, rows: list[dict[str, Any]], **fields: Any) -> Any:
    """Return the request as the gateway makes it of a JSON body."""
    body = {"model_id": model_id, "version_id": version_id, "rows": rows, **fields}
    return json_format.ParseDict(body, message("EvaluateRows"))


def evaluate(me: Caller, ids: tuple[str, str], rows: list[dict[str, Any]], **fields: Any) -> Any:
    return me.raw("EvaluateRows", request(*ids, rows, **fields))


def rows() -> list[dict[str, Any]]:
    return [
        {"y_true": true, "y_pred": predicted, "score": score}
        for true, predicted, score in zip(DATA.true, DATA.pred, DATA.score, strict=True)
    ]


def test_rows_are_measured_as_a_file_of_them(me: Caller):
    """Metrics, labels and the version's readiness are those of the same rows in a CSV file."""
    ids = me.pair(labels=["no", "yes"], positive_label="yes")
    evaluation = evaluate(me, ids, rows())
    assert (evaluation.status, evaluation.rows, evaluation.dataset_split) == (
        "succeeded",
        60,
        "test",
    )
    file = me.measure(*ids, DATA.csv)
    assert evaluation.metrics == file.metrics
    assert evaluation.result_hash == file.result_hash
    assert me("GetVersion", model_id=ids[0], version_id=ids[1]).status == "ready"


def test_labels_may_be_numbers_and_booleans(me: Caller):
    """Whole numbers and booleans are labels by their decimal and lower-case words."""
    numbers = [{"y_true": 0, "y_pred": 1}, {"y_true": 1, "y_pred": 1}, {"y_true": "2", "y_pred": 2}]
    assert list(evaluate(me, me.pair(), numbers).labels) == ["0", "1", "2"]
    words = [{"y_true": True, "y_pred": False}, {"y_true": False, "y_pred": False}]
    assert list(evaluate(me, me.pair(), words).labels) == ["false", "true"]


def test_scores_slices_features_and_ids_are_taken(me: Caller):
    """A row may have scores by label, its own id, slices and features."""
    sent = [
        {"y_true": "a", "scores": {"a": 0.75, "b": 0.25}, "row_id": "r1",
         "slices": {"land": "LV"}, "features": {"age": 31, "name": "x"}},
        {"y_true": "b", "scores": {"a": 0.5, "b": 0.5}, "row_id": "r2",
         "slices": {"land": "EE"}, "features": {"age": None}},
    ]  # fmt: skip  # a table
    evaluation = evaluate(me, me.pair(), sent)
    assert evaluation.status == "succeeded"
    assert "log_loss" in evaluation.metrics


def test_a_regression_takes_numbers(me: Caller):
    """Rows of a regression are numbers, whole ones too."""
    ids = me.pair(task_type="regression")
    sent = [{"y_true": 1, "y_pred": 1.5}, {"y_true": 2.25, "y_pred": 2}]
    file = csv(y_true=[1.0, 2.25], y_pred=[1.5, 2.0])
    assert evaluate(me, ids, sent).metrics == me.measure(*ids, file).metrics


def test_a_repeat_answers_with_the_first(me: Caller):
    """The same request_id returns the first evaluation, and other rows are refused."""
    ids = me.pair(labels=["no", "yes"], positive_label="yes")
    first = evaluate(me, ids, rows(), request_id="once")
    again = evaluate(me, ids, rows(), request_id="once")
    assert again.evaluation_id == first.evaluation_id
    refused = me.refused("EvaluateRows", request(*ids, rows()[1:], request_id="once"))
    assert refused.told == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ([{"y_true": "yes", "y_pred": "maybe"}], "row 0"),
        ([{"y_true": "yes", "y_pred": "yes"}, {"y_true": "no"}], "row 1, column y_pred"),
        ([{"y_true": 0.5, "y_pred": "yes"}], "row 0, column y_true"),
        ([{"y_true": ["yes"], "y_pred": "yes"}], "row 0, column y_true: a list"),
        ([{"y_true": None, "y_pred": "yes"}], "row 0, column y_true"),
        ([{"y_true": "yes", "y_pred": "yes", "score": 1.5}], "row 0, column score"),
        ([{"y_true": "yes", "y_pred": "yes", "row_id": "a"}] * 2, "row_id"),
        ([{"y_pred": "yes"}], "y_true"),
    ],
)  # fmt: skip  # a table
def test_wrong_rows_are_refused_by_row_and_column(me: Caller, sent: list[Any], part: str):
    """A row that cannot be measured is named, and nothing of the request stays."""
    ids = me.pair(labels=["no", "yes"], positive_label="yes")
    refused = me.rest().refused("EvaluateRows", request(*ids, sent))
    assert refused.body["statusCode"] == 400
    assert part in refused.message
    assert len(me("ListEvaluations", model_id=ids[0], version_id=ids[1]).evaluations) == 0


def test_numbers_that_json_has_not_are_refused(me: Caller):
    """A NaN score, which only gRPC callers can send, is 400."""
    ids = me.pair(labels=["no", "yes"], positive_label="yes")
    sent = request(*ids, [{"y_true": "yes", "y_pred": "yes", "score": 0.5}])
    for wrong in (math.nan, math.inf):
        sent.rows[0].score = wrong
        assert me.refused("EvaluateRows", sent).told == ("INVALID_ARGUMENT", "BAD_PREDICTIONS")


def test_too_many_rows_or_cells_are_413(me: Caller):
    """More than 10000 rows, and rows that would make a huge table, are refused before they are read."""
    ids = me.pair()
    refused = me.rest().refused("EvaluateRows", request(*ids, [{"y_true": "a"}] * 10_001))
    assert (refused.body["statusCode"], refused.metadata["limit"]) == (413, "10000")
    sparse = [{"y_true": "a", "slices": {f"s{n}": "x"}} for n in range(1500)]
    refused = me.rest().refused("EvaluateRows", request(*ids, sparse))
    assert (refused.body["statusCode"], refused.reason) == (413, "TOO_LARGE")


def test_no_rows_wrong_tasks_and_bad_splits(me: Caller):
    """No rows and a bad split are 400, an extraction model is 422."""
    ids = me.pair()
    assert me.refused("EvaluateRows", request(*ids, [])).violations[0][0] == "rows"
    one = [{"y_true": "a", "y_pred": "a"}]
    refused = me.refused("EvaluateRows", request(*ids, one, dataset_split="dev"))
    assert refused.violations[0][0] == "dataset_split"
    extraction = me.pair(task_type="extraction")
    assert me.refused("EvaluateRows", request(*extraction, one)).reason == "WRONG_TASK_TYPE"
