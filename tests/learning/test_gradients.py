"""Histograms of oriented gradients."""

import math

import numpy as np
import pytest

from assay.learning.gradients import ORIENTATIONS, gradient_features


def by_hand(image: np.ndarray, cell: int) -> np.ndarray:
    """Return the features of one image as the definition reads, pixel by pixel."""
    height, width = image.shape
    down, right = height // cell, width // cell
    histogram = np.zeros((down, right, ORIENTATIONS))
    for y in range(down * cell):
        for x in range(right * cell):
            across = int(image[y, min(x + 1, width - 1)]) - int(image[y, max(x - 1, 0)])
            along = int(image[min(y + 1, height - 1), x]) - int(image[max(y - 1, 0), x])
            angle = math.atan2(along, across) % math.pi * ORIENTATIONS / math.pi
            low = math.floor(angle)
            length = math.hypot(along, across)
            spot = histogram[y // cell, x // cell]
            spot[low % ORIENTATIONS] += length * (1 - (angle - low))
            spot[(low + 1) % ORIENTATIONS] += length * (angle - low)
    blocks = []
    for y in range(down - 1):
        for x in range(right - 1):
            block = histogram[y : y + 2, x : x + 2].ravel()
            blocks.append(np.sqrt(block / (block.sum() + 4)))
    return np.concatenate(blocks)


@pytest.mark.parametrize(("height", "width", "cell"), [(16, 16, 8), (32, 24, 8), (19, 23, 5)])
def test_features_are_those_of_the_definition(height, width, cell):
    """Each histogram is what a loop over the pixels gives, to the rounding of lengths to 1/256."""
    images = np.random.default_rng(0).integers(0, 256, (3, height, width)).astype(np.uint8)
    found = gradient_features(images, cell)
    assert found.dtype == np.float32
    for image, row in zip(images, found, strict=True):
        assert np.allclose(row, by_hand(image, cell), atol=2e-3)


def test_a_row_depends_on_its_image_alone():
    """Any cut of a batch gives each image the same bits."""
    images = np.random.default_rng(1).integers(0, 256, (37, 32, 32)).astype(np.uint8)
    whole = gradient_features(images, 8)
    for size in (1, 2, 5, 36):
        parts = [gradient_features(images[at : at + size], 8) for at in range(0, 37, size)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_an_edge_points_in_its_direction():
    """A vertical edge has gradients across alone, a horizontal one along alone."""
    edge = np.zeros((1, 16, 16), dtype=np.uint8)
    edge[:, :, 8:] = 200
    across = gradient_features(edge, 8).reshape(-1, ORIENTATIONS)
    along = gradient_features(edge.transpose(0, 2, 1), 8).reshape(-1, ORIENTATIONS)
    middle = ORIENTATIONS // 2  # 90 degrees lie between two directions, the middle and the next
    assert across[:, 0].min() > 0.4
    assert not across[:, 1:].any()
    assert along[:, [middle, middle + 1]].min() > 0.3
    assert not along[:, 0].any()


def test_an_even_image_has_no_gradients():
    """An image of one grey has features of zero, and nothing divides by it."""
    assert not gradient_features(np.full((2, 32, 32), 99, dtype=np.uint8), 8).any()


def test_no_images_have_no_rows():
    """A batch without images has as many features and no rows."""
    assert gradient_features(np.empty((0, 32, 32), dtype=np.uint8), 8).shape == (0, 324)
