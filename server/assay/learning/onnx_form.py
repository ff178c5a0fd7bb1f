"""The form of an ONNX model: how rows become its tensors, and its outputs predictions."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pyarrow as pa

from assay.learning.rows import CATEGORY, NUMBER, TaskType
from assay.records import Record


class TensorType(StrEnum):
    """The type of a tensor's values, in the words of ONNX Runtime."""

    FLOAT16 = "tensor(float16)"
    FLOAT = "tensor(float)"
    DOUBLE = "tensor(double)"
    UINT8 = "tensor(uint8)"
    INT32 = "tensor(int32)"
    INT64 = "tensor(int64)"
    BOOL = "tensor(bool)"
    STRING = "tensor(string)"

    @property
    def is_float(self) -> bool:
        """Say whether values may be missing, as NaN."""
        return self in {TensorType.FLOAT16, TensorType.FLOAT, TensorType.DOUBLE}


class FeatureInput(Record):
    """An input whose columns are features of tabular rows."""

    name: str
    type: TensorType
    features: tuple[str, ...]  # one a column
    is_flat: bool = False  # (rows,) instead of (rows, columns)


class TextInput(Record):
    """An input that takes texts."""

    name: str
    is_flat: bool = False  # (rows,) instead of (rows, 1)


class ImageInput(Record):
    """An input that takes pixels: (value · scale − mean) / std of each channel."""

    name: str
    type: TensorType
    channels_first: bool  # (rows, channels, height, width), else (rows, height, width, channels)
    channels: int  # 3: red, green, blue; 1: brightness
    height: int
    width: int
    scale: float
    mean: tuple[float, ...]  # by channel
    std: tuple[float, ...]  # by channel


class OutputKind(StrEnum):
    """What the output that is read holds."""

    PROBABILITIES = "probabilities"  # (rows, classes)
    LOGITS = "logits"  # (rows, classes), which softmax makes probabilities
    POSITIVE = "positive"  # (rows,) or (rows, 1): the probability of the second of two classes
    POSITIVE_LOGITS = "positive_logits"  # likewise, which the logistic function makes probabilities
    CLASSES = "classes"  # (rows,): the class alone, which counts as certain
    VALUES = "values"  # (rows,) or (rows, 1): numbers


class OnnxForm(Record):
    """How rows become the tensors of a model, and its outputs predictions."""

    task_type: TaskType
    labels: tuple[str, ...]  # in their order; empty of a regression
    features: tuple[FeatureInput, ...] = ()  # of tabular rows
    text: TextInput | None = None
    image: ImageInput | None = None
    rows: int | None = None  # that each run takes, where the model fixes it
    output: str  # the tensor that is read
    kind: OutputKind
    keys: tuple[str, ...] = ()  # each label as the model names it, where it names classes
    columns: tuple[int, ...] = ()  # of each label, among the scores

    @property
    def feature_fields(self) -> tuple[pa.Field[Any], ...]:
        """The feature columns of tabular rows, in the order of the inputs."""
        return tuple(
            pa.field(name, CATEGORY if one.type is TensorType.STRING else NUMBER)
            for one in self.features
            for name in one.features
        )
