"""Trained models at rest, decoded once in a process for all blocks that they predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from assay.kernel.cache import BoundedCache
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.learning.artifact import LIBRARIES, decode
from assay.learning.hyperparameter_table import GRADIENT_BOOSTING
from assay.learning.model import KIND, Model

_MODELS: Final = BoundedCache(2)  # by the hash of their bytes, which are mapped, not read


def read_model(address: str, blobs: JobBlobs) -> Model:
    """Return the model of an artifact; its arrays are views of the blob.

    Raises FailedPrecondition for trees that another minor version of scikit-learn made.
    """
    found: Model = _MODELS.get(address, lambda: (_decoded(address, blobs), 1))
    return found


def _decoded(address: str, blobs: JobBlobs) -> Model:
    data = memoryview(cast(bytes, blobs.view(address)))
    model = Model.decode(data)
    if model.hyperparameters.algorithm == GRADIENT_BOOSTING:
        check_libraries(decode(data, KIND, whole=False).libraries)
    return model


def check_libraries(made_with: Mapping[str, str]) -> None:
    """Raise FailedPrecondition unless trees were made with the minor version of scikit-learn here."""
    theirs, ours = made_with.get("scikit-learn", "none"), LIBRARIES["scikit-learn"]
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise FailedPrecondition(
            f"The version's trees were made with scikit-learn {theirs}, and {ours} is here, which "
            "may read them otherwise. Train the version again.",
            metadata={"made_with": theirs, "here": ours},
        )
