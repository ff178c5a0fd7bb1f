"""Typed rows become a chunk with the numbers that the same rows of a file have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.features.evaluations.ingest import rows_to_chunk
from assay.features.evaluations.model import EvaluationSpec
from assay.features.models.model import TaskType
from assay.kernel.errors import BadPredictions
from tests.features.evaluations.test_job import TABLES
from tests.support.evaluation_in_process import InProcess
from tests.support.file_formats import FORMATS, written


@pytest.mark.parametrize("name", TABLES)
def test_rows_say_what_files_say(name: str, tmp_path: Path) -> None:
    """Typed rows give the same bytes as a file of the same values."""
    spec, load = TABLES[name]
    taken = rows_to_chunk(spec, load().to_pydict())
    source = next(iter(FORMATS))
    file = InProcess(tmp_path).file(spec, source, written(load(), source))
    assert InProcess(tmp_path).chunks(spec, [taken]) == file


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ({}, "no rows"),
        ({"y_true": [], "y_pred": []}, "no rows"),
        ({"y_true": ["a"], "y_pred": ["a", "b"]}, "y_true has 1, y_pred has 2"),
        ({"y_true": ["a", None], "y_pred": ["a", "b"]}, "row 1, column y_true: the value is miss"),
        ({"y_true": ["a", "b"], "y_pred": ["a", 0.5]}, "row 1, column y_pred: the number 0.5"),
        ({"y_true": ["0", "1"], "score": [0.5, "x"]}, "row 1, column score: a text is no number"),
        ({"y_true": ["0", "1"], "score": [0.5, 2]}, "row 1, column score: the score is 2.0"),
        ({"y_true": ["a"], "y_pred": ["a"], "age": [3]}, "column age"),
    ],
)
def test_wrong_rows_are_named(columns: dict[str, list[Any]], part: str) -> None:
    """Typed rows that break a rule are refused by row and column before anything is stored."""
    with pytest.raises(BadPredictions) as caught:
        rows_to_chunk(EvaluationSpec(task_type=TaskType.CLASSIFICATION), columns)
    assert part in caught.value.message
