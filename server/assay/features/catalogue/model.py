"""Declarations of versions: the items that they take and give."""

from __future__ import annotations

from collections.abc import Mapping

from assay.features.models.declared import DeclaredInput, DeclaredOutput
from assay.learning.rows import TaskType
from assay.records import Record

JSON = "application/json"


class Declaration(Record):
    """The items that each input of a job holds, and those that each result holds."""

    inputs: tuple[DeclaredInput, ...]  # one at least
    outputs: tuple[
        DeclaredOutput, ...
    ]  # one at least; the first is what a prediction is written to


# What a version takes where its model declares nothing, by the rows that it predicts.
INPUTS: Mapping[TaskType, DeclaredInput] = {
    TaskType.TEXT_CLASSIFICATION: DeclaredInput(
        name="input.txt", media_types=("text/plain",), description="The text to classify."
    ),
    TaskType.IMAGE_CLASSIFICATION: DeclaredInput(
        name="input.png",
        media_types=("image/png", "image/jpeg"),
        description="The image to classify.",
    ),
    TaskType.EXTRACTION: DeclaredInput(
        name="input.json",
        media_types=(JSON,),
        description="An object with words, and with boxes where the version was trained with them.",
    ),
    **dict.fromkeys(
        (TaskType.TABULAR_CLASSIFICATION, TaskType.TABULAR_REGRESSION),
        DeclaredInput(
            name="input.json",
            media_types=(JSON,),
            description="One object with a value for each feature.",
        ),
    ),
}
ANY_INPUT = DeclaredInput(name="input.json", media_types=(JSON,))  # of what nothing is known of
OUTPUT = DeclaredOutput(
    name="results.json", description="The prediction, and its explanation if one was asked for."
)


def declaration_of(
    inputs: tuple[DeclaredInput, ...],
    outputs: tuple[DeclaredOutput, ...],
    task_type: TaskType | None,
) -> Declaration:
    """Return what a model declares, and for what it leaves out what its rows are."""
    usual = ANY_INPUT if task_type is None else INPUTS[task_type]
    return Declaration(inputs=inputs or (usual,), outputs=outputs or (OUTPUT,))
