"""Light models, whose predictions take less than the way to a compute child and back.

A linear model of numbers standardizes, multiplies and adds: some hundred microseconds for a batch, in
a thread of the server. Its artifact was made here, and the numbers that it is given are raw and of
a checked length, so that nothing that a user sent is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.open_inference.model import Layout, RequestRows
from assay.features.open_inference.prediction import Answer, answers_of, cut
from assay.features.remote.tensors import read_raw_numbers
from assay.kernel.jobs.kind import ComputeContext
from assay.learning.errors import DataError
from assay.learning.hyperparameter_table import LINEAR
from assay.learning.model import Model
from assay.learning.rows import CATEGORY

LIGHT_BYTES: Final = 256 * 1024  # of an artifact
LIGHT_NUMBERS: Final = 1 << 18  # of a batch


def light_answers(model: Model, layout: Layout, requests: Sequence[RequestRows]) -> list[Answer]:
    """Return the answer to each request of raw numbers, in their order."""
    tensors = [_numbers(layout, requests, at) for at in range(len(layout.tensors))]
    if len(tensors) == 1:
        raw = tensors[0].astype(np.float64, copy=False)
    else:
        place = {tensor.columns[0]: at for at, tensor in enumerate(layout.tensors)}
        raw = np.hstack([tensors[place[one.name]] for one in model.features]).astype(np.float64)
    try:
        found = model.predict_numbers(raw)
    except DataError:
        return answers_of(model, layout, requests)  # which finds out whose number it is
    return cut(found, layout, [one.rows for one in requests])


def _numbers(layout: Layout, requests: Sequence[RequestRows], at: int) -> NDArray[Any]:
    tensor = layout.tensors[at]
    raw = b"".join([one.contents[at] for one in requests])
    return read_raw_numbers(raw, tensor.datatype).reshape(-1, tensor.elements)


def light_model(context: ComputeContext, artifact: Artifact) -> Model | None:
    """Return the model of an artifact where it is light, else None.

    It is read whole, and not mapped: a server must not end with a file that was cut.
    """
    is_small = artifact.kind is ArtifactKind.TRAINED and artifact.bytes <= LIGHT_BYTES
    if not is_small or not artifact.task_type.is_tabular:
        return None
    model = Model.decode(context.blobs.read(artifact.blob))
    is_light = model.hyperparameters.algorithm == LINEAR and all(
        one.type != CATEGORY for one in model.features
    )
    return model if is_light else None
