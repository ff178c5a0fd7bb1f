"""Segments of images."""

import numpy as np
import pytest

from assay.learning.explanations.segments import cell_means, segments


def test_parts_of_one_colour_are_segments():
    """With as many segments as there are parts, each part is one."""
    pixels = np.full((40, 40, 3), 90, np.uint8)
    pixels[10:20, 5:30] = (200, 40, 40)
    pixels[30:, 30:] = (10, 10, 120)
    (numbers,) = segments(pixels, 40, [3])
    for colour in np.unique(pixels.reshape(-1, 3), axis=0):
        mine = (pixels == colour).all(axis=2)
        assert len(np.unique(numbers[mine])) == 1
        assert not np.isin(numbers[~mine], numbers[mine]).any()


@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_finer_segments_lie_within_coarser_ones(kind):
    """Each count is met, of nested segments, and they are the same each time."""
    pixels = np.full((33, 33, 3), 7, np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(5).integers(0, 256, pixels.shape).astype(np.uint8)
    elif kind == "ramp":
        pixels[...] = np.rint(1.15 ** np.arange(33))[:, np.newaxis]
    found = list(segments(pixels, 32, [4, 16, 2_000]))
    assert [len(np.unique(one)) for one in found] == [4, 16, 32 * 32]
    pairs = np.unique(np.stack([found[0].ravel(), found[1].ravel()]), axis=1)
    assert pairs.shape[1] == 16
    for one, again in zip(found, segments(pixels, 32, [4, 16, 2_000]), strict=True):
        assert np.array_equal(one, again)


def test_cells_have_the_mean_of_their_pixels():
    """Cells cover the image, also where its side is no multiple of theirs."""
    pixels = np.random.default_rng(5).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    means = cell_means(pixels, 3)
    assert np.allclose(means[0, 2], pixels[:2, 4:].mean(axis=(0, 1)))
    assert np.allclose(means[2, 1], pixels[4:, 2:4].mean(axis=(0, 1)))
