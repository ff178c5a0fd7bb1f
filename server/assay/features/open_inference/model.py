"""Tensors of the Open Inference Protocol: what a version takes and gives, and what a request holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from assay.features.remote.model import Content, Datatype
from assay.learning.rows import TaskType
from assay.records import Record

MATRIX: Final = "features"  # the one tensor of all features, where none is called so
MAX_ROWS: Final = 16_384  # of a request
MAX_NUMBERS: Final = 2_000_000  # of the outputs of a request


class Feature(Record):
    """A column of a tabular version."""

    name: str
    is_text: bool  # a category; else a number


class TensorSpec(Record):
    """A tensor as metadata tell it; -1 is a dimension of any length, and the first is the rows."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class Output(StrEnum):
    """The outputs of versions, by the name of their tensor."""

    LABEL = "label"  # of a classification: the most probable class of each row
    SCORES = "scores"  # of a classification: the probability of each class
    VALUE = "value"  # of a regression
    LABELS = "labels"  # of an extraction: the class of each word
    CONFIDENCES = "confidences"  # of an extraction: of the class of each word
    FIELDS = "fields"  # of an extraction: a JSON object of the fields' texts


class Signature(Record):
    """The tensors of a version."""

    task_type: TaskType
    labels: tuple[str, ...]  # of the classes, in the order of the scores
    features: tuple[Feature, ...]  # of tabular rows, in their order; empty of others

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that it takes."""
        match self.task_type:
            case TaskType.TEXT_CLASSIFICATION:
                return (_column(Content.TEXT.value, Datatype.BYTES),)
            case TaskType.IMAGE_CLASSIFICATION:
                return (_column(Content.IMAGE.value, Datatype.BYTES),)
            case TaskType.EXTRACTION:
                words = TensorSpec(name=Content.WORDS, datatype=Datatype.BYTES, shape=(-1, -1))
                boxes = TensorSpec(name=Content.BOXES, datatype=Datatype.FP32, shape=(-1, -1, 4))
                return words, boxes
        return tuple(
            _column(one.name, Datatype.BYTES if one.is_text else Datatype.FP64)
            for one in self.features
        )

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The tensors that it gives."""
        if self.task_type is TaskType.TABULAR_REGRESSION:
            return (_column(Output.VALUE, Datatype.FP64),)
        if self.task_type is TaskType.EXTRACTION:
            return (
                TensorSpec(name=Output.LABELS, datatype=Datatype.BYTES, shape=(-1, -1)),
                TensorSpec(name=Output.CONFIDENCES, datatype=Datatype.FP64, shape=(-1, -1)),
                _column(Output.FIELDS, Datatype.BYTES),
            )
        scores = (-1, len(self.labels))
        return (
            _column(Output.LABEL, Datatype.BYTES),
            TensorSpec(name=Output.SCORES, datatype=Datatype.FP64, shape=scores),
        )


def _column(name: str, datatype: Datatype) -> TensorSpec:
    return TensorSpec(name=name, datatype=datatype, shape=(-1, 1))


class SentTensor(Record):
    """A tensor of a request; its contents are not looked into."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    contents: bytes  # raw, or an encoded message of typed contents


@dataclass(frozen=True, kw_only=True)
class InferRequest:
    """What is asked."""

    model: str  # id or project path
    version: str  # id, label or N.0.0; "": the promoted one, or the newest ready
    tensors: Sequence[SentTensor]
    is_typed: bool  # how contents come, and go back
    outputs: tuple[str, ...]  # that are wanted; empty: all


class TensorLayout(Record):
    """How a tensor holds the rows of a request."""

    content: Content
    columns: tuple[str, ...]  # features, of Content.COLUMNS alone
    datatype: Datatype
    elements: int  # of a row


class Layout(Record):
    """How requests of one form hold their rows, and what they want of the outputs."""

    tensors: tuple[TensorLayout, ...]
    is_typed: bool
    outputs: tuple[TensorSpec, ...]  # that are wanted, in their order
    words: int = 1  # of each row of an extraction

    def shapes(self, rows: int) -> list[tuple[int, ...]]:
        """Return the shape of each output of so many rows."""
        return [
            (rows, *(self.words if length < 0 else length for length in one.shape[1:]))
            for one in self.outputs
        ]


class RequestRows(Record):
    """The rows of a request, as its tensors hold them in the order of the layout."""

    rows: int
    contents: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of the contents."""
        return sum(map(len, self.contents))
