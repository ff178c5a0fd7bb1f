"""Sparse weights: what is packed comes back bit by bit, in few bytes, and damage is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from assay.learning.artifact import Artifact, decode, encode
from assay.learning.errors import DamagedArtifact
from assay.learning.sparse_weights import (
    dense,
    pack_weights,
    rounded,
    scores,
    sparsity,
    unpack_weights,
)


def sparse_weights(rows: int, columns: int, zeros: float, seed: int = 0) -> sparse.csr_array:
    """Return random rounded weights of which that part is zero."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(rows, columns)).astype(np.float32)
    weights[rng.random((rows, columns)) < zeros] = 0
    return sparse.csr_array(rounded(weights))


def back(weights: object) -> object:
    """Return weights after they were stored and read."""
    artifact = Artifact(kind="w", arrays=pack_weights("w", weights))  # type: ignore[arg-type]  # either form
    return unpack_weights("w", decode(encode(artifact), "w"))


@pytest.mark.parametrize("zeros", [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 3), (5000, 20), (100_000, 1)])
def test_what_is_packed_comes_back_bit_by_bit(rows: int, columns: int, zeros: float) -> None:
    """Values, places and shape are the same, whatever the sparsity."""
    weights = sparse_weights(rows, columns, zeros)
    found = back(weights)
    assert isinstance(found, sparse.csr_array)
    assert found.shape == (rows, columns)
    assert found.toarray().tobytes() == weights.toarray().tobytes()


@pytest.mark.parametrize("zeros", [0.3, 0.5, 0.9, 0.95, 0.99, 0.999])
def test_bytes_follow_the_sparsity(zeros: float) -> None:
    """Packed weights take at most 1.2 times the bytes of the values that are left."""
    weights = sparse_weights(100_000, 20, zeros)
    kept = 1 - sparsity(weights)
    packed = sum(array.nbytes for array in pack_weights("w", weights).values())
    assert packed <= 1.2 * kept * 4 * 2_000_000


def test_dense_weights_stay_as_they_are() -> None:
    """A dense matrix is stored as an array, with all of its bits."""
    weights = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(back(weights), weights)  # type: ignore[arg-type]  # an array again


def test_rounding_is_to_the_nearest_of_sixteen_bits() -> None:
    """Rounding moves a number by at most 2⁻¹⁷ of it, again moves none, and never overflows."""
    rng = np.random.default_rng(1)
    numbers = (rng.normal(size=10_000) * 10.0 ** rng.integers(-30, 30, 10_000)).astype(np.float32)
    found = rounded(numbers)
    assert np.all(np.abs(found - numbers) <= np.abs(numbers) * 2.0**-16)
    assert np.array_equal(rounded(found), found)
    extremes = np.array([3.4028235e38, -3.4028235e38, 0.0, -0.0, 1e-45], np.float32)
    assert np.all(np.isfinite(rounded(extremes)))
    assert rounded(np.array([1 + 2**-16], np.float32))[0] == 1  # a tie, to even
    assert rounded(np.array([1 + 3 * 2**-16], np.float32))[0] == np.float32(1 + 2**-14)


def test_numbers_that_were_not_rounded_are_refused() -> None:
    """Nothing is lost silently when weights are stored."""
    with pytest.raises(ValueError, match="more than 16 significant bits"):
        pack_weights("w", sparse.csr_array(np.array([[1 / 3, 0]], np.float32)))


def test_scores_of_sparse_and_dense_weights_agree() -> None:
    """Sparse and dense weights give the same products, of dense and of CSR features."""
    weights = sparse_weights(300, 5, 0.8)
    features = np.random.default_rng(2).normal(size=(40, 300)).astype(np.float32)
    features[np.abs(features) < 1] = 0
    expected = features.astype(np.float64) @ dense(weights).astype(np.float64)
    for x in (features, sparse.csr_array(features)):
        for w in (weights, dense(weights)):
            found = scores(x, w)
            assert isinstance(found, np.ndarray)
            assert np.allclose(found, expected, atol=1e-4)


def test_damaged_weights_are_noticed() -> None:
    """Arrays that are cut, changed, or lack a part are no weights."""
    arrays = pack_weights("w", sparse_weights(50, 4, 0.7))
    for change in (
        {"w.high": arrays["w.high"][:-1]},
        {"w.low": arrays["w.low"][:-1]},
        {"w.upper": arrays["w.upper"][:-2]},
        {"w.upper": np.full_like(arrays["w.upper"], 255)},
        {"w.lower": arrays["w.lower"][:1]},
        {"w.shape": np.array([2, 4])},
        {"w.shape": np.array([0, 0])},
        {"w.shape": np.array([-50, -4])},
    ):
        with pytest.raises(DamagedArtifact):
            unpack_weights("w", Artifact(kind="w", arrays={**arrays, **change}))
    with pytest.raises(DamagedArtifact):
        unpack_weights("v", Artifact(kind="w", arrays=arrays))
