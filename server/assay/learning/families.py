"""The families of models, by task type and algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from assay.learning.hyperparameter_table import ALGORITHMS, LINEAR, MAXIMUM_ENTROPY
from assay.learning.hyperparameters import Hyperparameters
from assay.learning.image_family import ImageFamily
from assay.learning.learner import Family
from assay.learning.rows import TaskType
from assay.learning.tabular import TableFamily
from assay.learning.text import TextFamily
from assay.learning.word_tagging import WordFamily


def _text(hyperparameters: Hyperparameters) -> Family:
    return TextFamily(hyperparameters=hyperparameters)


def _image(hyperparameters: Hyperparameters) -> Family:
    return ImageFamily(hyperparameters=hyperparameters)


def _words(hyperparameters: Hyperparameters) -> Family:
    return WordFamily(hyperparameters=hyperparameters)


def _table(hyperparameters: Hyperparameters) -> Family:
    return TableFamily(hyperparameters=hyperparameters)


FAMILIES: Final[Mapping[tuple[TaskType, str], Callable[[Hyperparameters], Family]]] = {
    (TaskType.TEXT_CLASSIFICATION, LINEAR): _text,
    (TaskType.IMAGE_CLASSIFICATION, LINEAR): _image,
    **{
        (task_type, algorithm): _table
        for task_type in (TaskType.TABULAR_CLASSIFICATION, TaskType.TABULAR_REGRESSION)
        for algorithm in ALGORITHMS[task_type]
    },
    (TaskType.EXTRACTION, MAXIMUM_ENTROPY): _words,
}


def family_of(hyperparameters: Hyperparameters) -> Family:
    """Return the family that trains what the hyperparameters say."""
    return FAMILIES[hyperparameters.task_type, hyperparameters.algorithm](hyperparameters)
