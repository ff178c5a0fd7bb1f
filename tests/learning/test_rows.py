"""Canonical rows: their schemas, and what is not one."""

import pyarrow as pa
import pytest

from assay.learning.errors import DataError
from assay.learning.rows import TaskType, canonical_schema, check_schema, features_of

FEATURES = (pa.field("age", pa.float64()), pa.field("city", pa.string()))


def schema_of(task_type):
    """The widest schema of a task type."""
    features = FEATURES if task_type.is_tabular else ()
    boxes = task_type is TaskType.EXTRACTION
    return canonical_schema(task_type, features, group=True, boxes=boxes)


@pytest.mark.parametrize("task_type", TaskType)
def test_canonical_schemas_pass(task_type):
    """The schema of each task type is one that learners take, with or without the answer."""
    schema = schema_of(task_type)
    check_schema(task_type, schema)
    for name in ("label", "target", "labels"):
        if name in schema.names:
            schema = schema.remove(schema.get_field_index(name))
    check_schema(task_type, schema, answers=False)
    with pytest.raises(DataError, match="need the column"):
        check_schema(task_type, schema)


def test_features_are_the_other_columns():
    """Features are what is neither id, group nor answer, in order."""
    assert features_of(schema_of(TaskType.TABULAR_REGRESSION)) == FEATURES


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([("row_id", pa.int64()), ("label", pa.string())], "column row_id is int64"),
        ([("row_id", pa.string()), ("label", pa.string())], "no feature"),
        ([("row_id", pa.string()), ("label", pa.string()), ("a", pa.bool_())], "'a' is bool"),
        ([("row_id", pa.string()), ("a", pa.float64())], "need the column label"),
    ],
)
def test_other_schemas_are_refused(schema, says):
    """A column that lacks or has another type is named."""
    with pytest.raises(DataError, match=says):
        check_schema(TaskType.TABULAR_CLASSIFICATION, pa.schema(schema))
