"""Blocks of features as bytes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from assay.learning.artifact import Artifact, encode
from assay.learning.errors import DamagedArtifact
from assay.learning.feature_block import FeatureBlock

DENSE = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0]], np.float32)


def block_of(features):
    """Two records, the first of two chunks."""
    return FeatureBlock(
        row_ids=("a", "b"),
        features=features,
        record_of=np.array([0, 0, 1], np.int32),
        targets=np.array([1, 1, 0], np.int32),
    )


@pytest.mark.parametrize("features", [DENSE, sparse.csr_array(DENSE)])
def test_blocks_come_back(features):
    """A block, dense or sparse, is read back as it was, without a copy."""
    block = FeatureBlock.decode(block_of(features).encode())
    assert tuple(block.row_ids) == ("a", "b")
    assert (block.records, block.chunks) == (2, 3)
    dense = block.features.toarray() if sparse.issparse(block.features) else block.features
    assert dense.dtype == np.float32
    assert np.array_equal(dense, DENSE)
    assert block.targets.tolist() == [1, 1, 0]


def test_ids_of_rows_are_read_when_they_are_asked_for():
    """A block at rest whose ids are damaged is opened; asking for them tells of the damage."""
    block = FeatureBlock.decode(block_of(DENSE).encode(), whole=False)
    assert (block.records, list(block.row_ids), block.row_ids[1]) == (2, ["a", "b"], "b")
    torn = FeatureBlock.decode(block_of(DENSE).encode().replace(b"ab", b"a\xff"), whole=False)
    assert torn.records == 2
    with pytest.raises(DamagedArtifact):
        list(torn.row_ids)


def test_what_a_family_adds_comes_back():
    """Arrays that a family keeps beside its features are read back under their names."""
    ends = np.array([2, 3])
    block = replace(block_of(DENSE), extras={"ends": ends})
    found = FeatureBlock.decode(block.encode())
    assert set(found.extras) == {"ends"}
    assert found.extras["ends"].tolist() == ends.tolist()
    assert FeatureBlock.decode(block_of(DENSE).encode()).extras == {}


def test_damaged_matrices_are_refused():
    """Column numbers that lie outside of the matrix are refused, not read."""
    matrix = sparse.csr_array(DENSE)
    matrix.indices[0] = 7
    with pytest.raises(DamagedArtifact):
        FeatureBlock.decode(block_of(matrix).encode())
    with pytest.raises(DamagedArtifact):
        FeatureBlock.decode(encode(Artifact(kind="features")))
