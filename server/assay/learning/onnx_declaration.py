"""The declaration of an ONNX file by its sender; what it leaves open follows from the file."""

from __future__ import annotations

from typing import Final

from assay.learning.rows import TaskType
from assay.records import Record

MAX_BYTES: Final = 512 * 1024**2  # of a file
MAX_LABELS: Final = 10_000  # of a file; specifications of jobs hold them


class ImageDeclaration(Record):
    """How pixels become a tensor; what is not declared follows from the file."""

    layout: str = ""  # NCHW or NHWC
    height: int = 0
    width: int = 0
    scale: float | None = None  # None: 1/255, and 1 of whole numbers
    mean: tuple[float, ...] = ()  # by channel, after scaling; (): 0
    std: tuple[float, ...] = ()  # by channel, after scaling; (): 1


class OnnxDeclaration(Record):
    """What a sender says of a file; what is not declared follows from it."""

    task_type: TaskType | None = None
    features: tuple[str, ...] = ()  # in the order of the inputs, and of the columns of each
    labels: tuple[str, ...] = ()  # in the order of the scores
    output: str = ""  # name of the output that is read
    logits: bool = False  # whether scores are those before a softmax
    image: ImageDeclaration = ImageDeclaration()


class Known(Record):
    """What is known of the model that a file becomes a version of."""

    task_types: tuple[TaskType, ...]  # that are possible
    labels: tuple[str, ...] = ()  # that it declares; (): it declares none
