"""Sparse weights: few numbers in a large matrix, stored in little more bytes than the numbers.

A value rests in 3 bytes, as the upper 24 bits of its float32: 16 significant bits, to which
`rounded` rounds what is to be stored, so that nothing is lost by storing it. The places of the
values, numbered row after row, are coded as Elias (1974) and Fano (1971) did: of each the lower
bits as they are, and the upper ones in unary, as differences. Of n values in m places that is
about 2 + log2(m / n) bits a value, within half a bit of the least that is possible.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.artifact import Artifact
from assay.learning.errors import DamagedArtifact
from assay.learning.feature_block import pack_matrix, unpack_matrix

Floats = NDArray[np.float32]
Weights = Floats | sparse.csr_array  # (features, outputs), float32
_PARTS: Final = ("high", "low", "upper", "lower", "shape")
_CSR: Final = ("data", "indices", "indptr", "columns")  # as `pack_matrix` names them


def rounded(weights: Floats) -> Floats:
    """Return float32 numbers rounded to 16 significant bits, ties to even; no number overflows."""
    bits = np.ascontiguousarray(weights, np.float32).view(np.uint32)
    even = (bits >> np.uint32(8)) & np.uint32(1)
    up = (bits + np.uint32(0x7F) + even) & np.uint32(0xFFFFFF00)
    down = bits & np.uint32(0xFFFFFF00)
    found: Floats = np.where(np.isfinite(up.view(np.float32)), up, down).view(np.float32)
    return found


def sparsity(weights: Weights) -> float:
    """Return the part of the weights that are zero, in [0, 1]."""
    size = math.prod(weights.shape)
    return 1.0 - _nonzero(weights) / size if size else 0.0


def dense(weights: Weights) -> Floats:
    """Return weights as a dense matrix."""
    return weights if isinstance(weights, np.ndarray) else weights.toarray()


def scores(features: Any, weights: Weights) -> NDArray[Any]:
    """Return the dense (rows, outputs) product of dense or CSR features with weights."""
    product = features @ weights
    found: NDArray[Any] = product if isinstance(product, np.ndarray) else product.toarray()
    return found


def pack_weights(name: str, weights: Weights) -> dict[str, NDArray[Any]]:
    """Return weights as arrays whose names start with `name`; sparse ones must be `rounded`.

    Raises ValueError for sparse weights that would not come back as they are.
    """
    if not isinstance(weights, sparse.csr_array):
        return {name: np.asarray(weights)}
    matrix = weights.copy()
    matrix.sum_duplicates()  # sorts too
    matrix.eliminate_zeros()
    values = matrix.data.astype(np.float32, copy=False)
    if not np.array_equal(values, rounded(values)):
        raise ValueError(f"the weights {name} have more than 16 significant bits")
    rows, columns = matrix.shape
    at = np.repeat(np.arange(rows, dtype=np.int64), np.diff(matrix.indptr))
    upper, lower = _pack_places(at * columns + matrix.indices, rows * columns)
    bits = values.view(np.uint32)
    return {
        f"{name}.high": (bits >> np.uint32(16)).astype(np.uint16),
        f"{name}.low": ((bits >> np.uint32(8)) & np.uint32(0xFF)).astype(np.uint8),
        f"{name}.upper": upper,
        f"{name}.lower": lower,
        f"{name}.shape": np.array(matrix.shape, np.int64),
    }


def unpack_weights(name: str, artifact: Artifact) -> Weights:
    """Return the weights that `pack_weights` packed; raises DamagedArtifact when they are none."""
    arrays = artifact.arrays
    if name in arrays:
        return arrays[name]
    try:
        high, low, upper, lower, shape = (arrays[f"{name}.{part}"] for part in _PARTS)
        rows, columns = (int(side) for side in shape)
        places = _unpack_places(upper, lower, len(high), rows * columns)
        bits = (high.astype(np.uint32) << np.uint32(16)) | (low.astype(np.uint32) << np.uint32(8))
        indptr = np.searchsorted(places, np.arange(rows + 1, dtype=np.int64) * columns)
        data = bits.view(np.float32)
        matrix = sparse.csr_array((data, places % columns, indptr), shape=(rows, columns))
        matrix.check_format(full_check=True)
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise DamagedArtifact(f"the weights {name} of the artifact are damaged: {error}") from error
    return matrix


def compact(state: Artifact) -> Artifact:
    """Return a state whose CSR matrices are packed, as they are stored."""
    arrays = dict(state.arrays)
    for name in _names(state, ".data"):
        weights = unpack_matrix(name, state)
        for part in _CSR:
            del arrays[f"{name}.{part}"]
        arrays |= pack_weights(name, weights)
    return replace(state, arrays=arrays)


def expanded(state: Artifact) -> Artifact:
    """Return a stored state with its packed matrices in CSR; raises DamagedArtifact."""
    arrays = dict(state.arrays)
    for name in _names(state, ".high"):
        weights = unpack_weights(name, state)
        for part in _PARTS:
            del arrays[f"{name}.{part}"]
        arrays |= pack_matrix(name, weights)
    return replace(state, arrays=arrays)


def _names(state: Artifact, end: str) -> list[str]:
    return [name.removesuffix(end) for name in state.arrays if name.endswith(end)]


def _nonzero(weights: Weights) -> int:
    return int(weights.count_nonzero() if sparse.issparse(weights) else np.count_nonzero(weights))


def _lower_bits(count: int, size: int) -> int:
    return int(math.log2(size / count)) if 0 < count < size else 0


def _pack_places(
    places: NDArray[np.int64], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return rising places below `size` as upper and lower bits."""
    width = _lower_bits(len(places), size)
    shifts = np.arange(width, dtype=np.int64)
    lower = np.packbits(((places[:, None] >> shifts) & 1).astype(np.uint8))
    # The i-th place is the one bit at its upper part + i: between ones a zero for each step up.
    ones = (places >> width) + np.arange(len(places))
    unary = np.zeros(int(ones[-1]) + 1 if len(ones) else 0, np.uint8)
    unary[ones] = 1
    return np.packbits(unary), lower


def _unpack_places(
    upper: NDArray[np.uint8], lower: NDArray[np.uint8], count: int, size: int
) -> NDArray[np.int64]:
    """Return the places; raises ValueError when the bits hold no `count` of them below `size`."""
    width = _lower_bits(count, size)
    ones = np.flatnonzero(np.unpackbits(upper))
    bits = np.unpackbits(lower)[: count * width].reshape(count, width).astype(np.int64)
    lows = (bits << np.arange(width)).sum(axis=1)
    places: NDArray[np.int64] = ((ones - np.arange(count)) << width) | lows
    if count and (places[0] < 0 or places[-1] >= size or np.any(np.diff(places) <= 0)):
        raise ValueError("the places are not rising, or outside of the matrix")
    return places
