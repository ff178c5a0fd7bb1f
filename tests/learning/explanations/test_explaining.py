"""Which predictions are explained."""

import pytest

from assay.learning.explanations.explaining import can_explain
from assay.learning.rows import TaskType


@pytest.mark.parametrize("task_type", TaskType)
def test_all_but_fields_of_documents_are_explained(task_type):
    """Classes and numbers are explained; fields of documents are not."""
    assert can_explain(task_type) == (task_type is not TaskType.EXTRACTION)
