"""Blocks of features: what learners read, one matrix row for each chunk of the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import (
    Artifact,
    PackedTexts,
    decode,
    encode,
    pack_texts,
    unpack_texts,
)
from assay.learning.errors import DamagedArtifact
from assay.learning.predictions import Codes

KIND = "features"
Matrix = sparse.csr_array | NDArray[np.floating]

_EXTRA = "extra."

UNKNOWN = -1  # the target of a chunk whose label is no class of the model, or is not given


@dataclass(frozen=True, kw_only=True)
class FeatureBlock:
    """The features of the chunks of some records; of extraction a chunk is a word.

    `targets` are numbers of classes, int32, UNKNOWN where there is none; of a regression they are
    float64, NaN where there is none.
    """

    row_ids: Sequence[str]  # of the records
    features: Matrix  # (chunks, features), CSR or dense, float32 (trees: float64)
    record_of: Codes  # (chunks,), the number of each chunk's record in this block, rising
    targets: NDArray[np.int32] | NDArray[np.float64]  # (chunks,)
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # of the family alone

    @property
    def records(self) -> int:
        """Return the number of records."""
        return len(self.row_ids)

    @property
    def chunks(self) -> int:
        """Return the number of chunks."""
        return len(self.record_of)

    def encode(self) -> bytes:
        """Return the block as bytes of `artifact`."""
        texts = pack_texts(self.row_ids)
        arrays: dict[str, NDArray[np.generic]] = {
            "record_of": self.record_of,
            "targets": self.targets,
            "row_ids.bytes": texts["bytes"],
            "row_ids.ends": texts["ends"],
            **pack_matrix("features", self.features),
            **{f"{_EXTRA}{name}": array for name, array in self.extras.items()},
        }
        return encode(Artifact(kind=KIND, facts={"columns": self.features.shape[1]}, arrays=arrays))

    @classmethod
    def decode(cls, data: bytes | memoryview, *, whole: bool = True) -> FeatureBlock:
        """Return the block that `encode` wrote; its arrays are views of `data`.

        `whole` as in `artifact.decode`; without it the ids of rows, which an epoch does not need,
        are unpacked when they are asked for. Raises DamagedArtifact.
        """
        artifact = decode(data, KIND, whole=whole)
        try:
            arrays = artifact.arrays
            unpacked = unpack_texts if whole else PackedTexts
            return cls(
                row_ids=unpacked(arrays["row_ids.bytes"], arrays["row_ids.ends"]),
                features=unpack_matrix("features", artifact, whole=whole),
                record_of=arrays["record_of"],
                targets=arrays["targets"],
                extras={
                    name.removeprefix(_EXTRA): array
                    for name, array in arrays.items()
                    if name.startswith(_EXTRA)
                },
            )
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedArtifact(f"the bytes are no block of features: {error}") from error


Blocks = Sequence[FeatureBlock]  # opened when it is asked for, by whoever holds the bytes


def pack_matrix(name: str, matrix: Matrix) -> dict[str, NDArray[np.generic]]:
    """Return a dense or CSR matrix as arrays whose names start with `name`."""
    if not sparse.issparse(matrix):
        return {name: np.asarray(matrix)}
    narrow = max(matrix.nnz, matrix.shape[1]) < 2**31
    index = np.int32 if narrow else np.int64
    return {
        f"{name}.data": matrix.data,
        f"{name}.indices": matrix.indices.astype(index, copy=False),
        f"{name}.indptr": matrix.indptr.astype(index, copy=False),
        f"{name}.columns": np.array([matrix.shape[1]], np.int64),
    }


def unpack_matrix(name: str, artifact: Artifact, *, whole: bool = True) -> Matrix:
    """Return the matrix that `pack_matrix` packed; a CSR one is checked, but not its order.

    `whole` is False for bytes that were checked before: then no index is read. Raises DamagedArtifact when the arrays are no matrix.
    """
    arrays = artifact.arrays
    if name in arrays:
        return arrays[name]
    try:
        data, indices, indptr, columns = (
            arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr", "columns")
        )
        shape = (len(indptr) - 1, int(columns[0]))
        matrix = sparse.csr_array((data, indices, indptr), shape=shape, copy=False)
        matrix.check_format(full_check=whole)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise DamagedArtifact(f"the matrix {name} of the artifact is damaged: {error}") from error
    return matrix
