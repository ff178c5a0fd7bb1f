"""Predictions as text: the forms that evaluations and extraction runs take."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from assay.features.training.prediction_rows import Format, RowWriter
from assay.learning.predictions import ClassPredictions, ValuePredictions, WordPredictions

LABELS = ("a,b", "ü")
CLASSES = ClassPredictions(
    row_ids=("1", "2"),
    labels=LABELS,
    probabilities=np.array([[0.75, 0.25], [0.1, 0.9]]),
    chunk_probabilities=np.array([[0.75, 0.25], [0.1, 0.9]]),
    record_of=np.array([0, 1], np.int32),
)
WORDS = WordPredictions(
    row_ids=("inv-1", "inv-2"),
    labels=("O", "total", "vendor"),
    codes=np.array([1, 0, 1, 0], np.int32),
    offsets=np.array([0, 3, 4]),
    confidences=np.array([0.5, 0.9, 1.0, 0.8]),
    fields=({"total": "7 EUR"}, {}),
)


def batch(**columns: list[object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"row_id": ["1", "2"], **columns})


def written(found, rows=None, *, form: Format = Format.JSON_LINES, scores: bool = False) -> str:
    labels = () if isinstance(found, ValuePredictions) else found.labels
    writer = RowWriter(format=form, labels=labels, has_scores=scores)
    rows = batch() if rows is None else rows
    return (writer.header(rows, found) + writer.rows(rows, found)).decode()


def lines(text: str) -> list[object]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_class_is_told_with_its_probability():
    """A row has its id, the most probable class and how probable it is."""
    assert lines(written(CLASSES)) == [
        {"row_id": "1", "y_pred": "a,b", "confidence": 0.75},
        {"row_id": "2", "y_pred": "ü", "confidence": 0.9},
    ]
    assert written(CLASSES, form=Format.CSV) == (
        'row_id,y_pred,confidence\n1,"a,b",0.75\n2,ü,0.9\n'
    )


def test_with_scores_and_labels_it_is_a_file_of_predictions():
    """The truth that rows came with stands beside the class and the scores of all classes."""
    rows = batch(label=["ü", "ü"])
    assert lines(written(CLASSES, rows, scores=True))[0] == {
        "row_id": "1", "y_true": "ü", "y_pred": "a,b", "scores": {"a,b": 0.75, "ü": 0.25},
    }  # fmt: skip  # one row
    assert written(CLASSES, rows, form=Format.CSV, scores=True).splitlines()[:2] == [
        'row_id,y_true,y_pred,"score:a,b",score:ü', '1,ü,"a,b",0.75,0.25',
    ]  # fmt: skip  # two lines


@pytest.mark.parametrize("form", Format)
def test_numbers_are_told_with_every_digit(form: Format):
    """A predicted number reads back as it is."""
    found = ValuePredictions(row_ids=("1", "2"), values=np.array([0.1 + 0.2, -3.0]))
    text = written(found, batch(target=[1.0, 2.0]), form=form)
    if form is Format.CSV:
        assert text == "row_id,y_true,y_pred\n1,1.0,0.30000000000000004\n2,2.0,-3.0\n"
    else:
        assert [row["y_pred"] for row in lines(text)] == [0.1 + 0.2, -3.0]


def test_fields_are_those_of_a_file_of_extractions():
    """A document has the fields that were found, and of each the mean confidence of its words."""
    assert lines(written(WORDS)) == [
        {"document_id": "inv-1", "data": {"total": "7 EUR"}, "confidence": {"total": 0.75}},
        {"document_id": "inv-2", "data": {}, "confidence": {}},
    ]
    assert written(WORDS, form=Format.CSV) == (
        "document_id,total,vendor,confidence:total,confidence:vendor\n"
        "inv-1,7 EUR,,0.75,\ninv-2,,,,\n"
    )
