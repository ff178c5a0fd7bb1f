"""The canonical rows of each task type: a schema of Arrow that stored splits and learners share.

Every row has a `row_id`, unique in its split, and may have a `group`; rows of one group stay in
one split. What is learned from them depends on the task type:

text_classification      `pages` list<large_string>, `label` string
image_classification     `image` large_binary (the bytes of a PNG or JPEG file), `label` string
extraction               `words` list<string>, `labels` list<string>, one a word ("O" = no field),
                         maybe `boxes` list<fixed_size_list<float32, 4>>, one a word
tabular_classification   `label` string; every other column is a feature
tabular_regression       `target` float64; every other column is a feature

A feature is float64, where null and NaN are missing, or string, a category, where null is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import pyarrow as pa

from assay.learning.errors import DataError, shortened

ROW_ID = "row_id"
GROUP = "group"
PAGES = "pages"
PAGE_BREAK = "\f"  # between the pages of a text that is sent whole
MAX_PAGES = 10_000  # of a text; the last one has the rest
LABEL = "label"
TARGET = "target"
IMAGE = "image"
WORDS = "words"
LABELS = "labels"
BOXES = "boxes"
OUTSIDE = "O"  # the label of a word that belongs to no field

NUMBER = pa.float64()
CATEGORY = pa.string()


class TaskType(StrEnum):
    """What is learned from the rows of a dataset."""

    TABULAR_CLASSIFICATION = "tabular_classification"
    TABULAR_REGRESSION = "tabular_regression"
    TEXT_CLASSIFICATION = "text_classification"
    IMAGE_CLASSIFICATION = "image_classification"
    EXTRACTION = "extraction"

    @property
    def is_tabular(self) -> bool:
        """Say whether the columns of a row are features."""
        return self in {TaskType.TABULAR_CLASSIFICATION, TaskType.TABULAR_REGRESSION}

    @property
    def has_label(self) -> bool:
        """Say whether a row has one class."""
        return self not in {TaskType.TABULAR_REGRESSION, TaskType.EXTRACTION}


_REQUIRED = pa.field(ROW_ID, pa.string(), nullable=False)
_OPTIONAL = (pa.field(GROUP, pa.string()),)
_CONTENT: dict[TaskType, tuple[pa.Field[Any], ...]] = {
    TaskType.TEXT_CLASSIFICATION: (
        pa.field(PAGES, pa.list_(pa.large_string()), nullable=False),
        pa.field(LABEL, pa.string(), nullable=False),
    ),
    TaskType.IMAGE_CLASSIFICATION: (
        pa.field(IMAGE, pa.large_binary(), nullable=False),
        pa.field(LABEL, pa.string(), nullable=False),
    ),
    TaskType.EXTRACTION: (
        pa.field(WORDS, pa.list_(pa.string()), nullable=False),
        pa.field(LABELS, pa.list_(pa.string()), nullable=False),
    ),
    TaskType.TABULAR_CLASSIFICATION: (pa.field(LABEL, pa.string(), nullable=False),),
    TaskType.TABULAR_REGRESSION: (pa.field(TARGET, pa.float64(), nullable=False),),
}
_BOXES = pa.field(BOXES, pa.list_(pa.list_(pa.float32(), 4)))
ANSWERS = frozenset({LABEL, TARGET, LABELS})  # what a model predicts: absent where it is asked to


def canonical_schema(
    task_type: TaskType,
    features: Iterable[pa.Field[Any]] = (),
    *,
    group: bool = False,
    boxes: bool = False,
    answers: bool = True,
) -> pa.Schema:
    """Return the schema of rows of `task_type`: row_id, group, features, content, answer.

    Args:
        task_type: What is learned.
        features: The feature columns of a tabular task type, float64 or string.
        group: Whether rows have a group.
        boxes: Whether words have boxes; of extraction alone.
        answers: Whether rows have what a model predicts.
    """
    content = [one for one in _CONTENT[task_type] if answers or one.name not in ANSWERS]
    fields = [_REQUIRED, *(_OPTIONAL if group else ()), *features, *content]
    return pa.schema(fields + [_BOXES] * boxes)


def features_of(schema: pa.Schema) -> tuple[pa.Field[Any], ...]:
    """Return the feature columns of tabular rows, in the order of the schema."""
    return tuple(field for field in schema if field.name not in {ROW_ID, GROUP, LABEL, TARGET})


def check_schema(task_type: TaskType, schema: pa.Schema, *, answers: bool = True) -> None:
    """Raise DataError unless `schema` is that of canonical rows of `task_type`.

    Args:
        task_type: What is learned.
        schema: The columns of the rows.
        answers: False allows rows without label, target or labels, which are to be predicted.
    """
    for field in (_REQUIRED, *_CONTENT[task_type]):
        found = schema.get_field_index(field.name)
        if found < 0:
            if field.name in ANSWERS and not answers:
                continue
            raise DataError(f"rows of {task_type} need the column {field.name} ({field.type})")
        if schema.field(found).type != field.type:
            raise DataError(
                f"column {field.name} is {schema.field(found).type}; in rows of {task_type} it is"
                f" {field.type}"
            )
    if task_type.is_tabular:
        _check_features(schema)


def _check_features(schema: pa.Schema) -> None:
    features = features_of(schema)
    if not features:
        raise DataError("the rows have no feature: every column beside row_id and the label is one")
    for field in features:
        if field.type not in (NUMBER, CATEGORY):
            raise DataError(
                f"feature {shortened(field.name)} is {field.type}; a feature is float64 or string"
            )


def pages_of(text: str) -> list[str]:
    """Return the pages of a text that was sent whole."""
    return text.split(PAGE_BREAK, MAX_PAGES - 1)


def row_ids(batch: pa.RecordBatch) -> tuple[str, ...]:
    """Return the ids of the rows."""
    return tuple(map(str, batch.column(ROW_ID).to_pylist()))
