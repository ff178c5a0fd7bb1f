"""Masks of cells, and their run lengths, which other programs read."""

import json
import subprocess

import numpy as np
import pytest

from assay.learning.explanations.masks import mask_of, otsu, run_lengths
from tools.environments import python_environment

READ = """
import json, sys
from pycocotools import mask
found = []
for runs, height, width in json.load(sys.stdin):
    packed = mask.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    found.append(mask.decode(packed).tolist())
json.dump(found, sys.stdout)
"""
SIZES = [(16, 16), (1, 1), (7, 40), (33, 5), (100, 64)]


def enlarged(mask, height, width):
    """A mask of cells at the size of an image, cell by cell."""
    found = np.zeros((height, width), np.bool_)
    rows, columns = mask.shape
    for row in range(rows):
        for column in range(columns):
            found[
                row * height // rows : (row + 1) * height // rows,
                column * width // columns : (column + 1) * width // columns,
            ] = mask[row, column]
    return found


def masks():
    """Random masks, and those that are all zero or one."""
    draw = np.random.default_rng(3)
    return [draw.random((16, 16)) < 0.3, np.zeros((16, 16), bool), np.ones((16, 16), bool)]


def test_pycocotools_reads_the_runs():
    """Runs are COCO's: down the columns, alternating, the first of zeros."""
    cases = [(mask, *size) for mask in masks() for size in SIZES]
    sent = [(run_lengths(*case), *case[1:]) for case in cases]
    command = [str(python_environment("pycocotools")), "-c", READ]
    done = subprocess.run(
        command, input=json.dumps(sent), capture_output=True, text=True, check=True
    )
    for found, case in zip(json.loads(done.stdout), cases, strict=True):
        assert np.array_equal(np.array(found, bool), enlarged(*case))


@pytest.mark.parametrize("mask", masks())
@pytest.mark.parametrize("size", SIZES)
def test_runs_alternate_and_cover_the_image(mask, size):
    """The runs of zeros and ones in turn are the mask in the order of its columns."""
    runs = run_lengths(mask, *size)
    assert sum(runs) == size[0] * size[1]
    assert all(run > 0 for run in runs[1:])
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    assert np.array_equal(values.reshape(size, order="F"), enlarged(mask, *size))


def test_otsus_threshold_parts_two_groups():
    """It lies between values that are low and values that are high."""
    assert otsu(np.array([0.0, 0.1, 0.2, 5.0, 5.2])) == pytest.approx(2.6)


def test_a_mask_is_of_the_largest_regions():
    """Small regions beside a large one are left out, and nothing positive is an empty mask."""
    scores = np.zeros((16, 16))
    scores[2:6, 3:8] = 1.0
    scores[12, 12] = 0.9
    expected = np.zeros((16, 16), bool)
    expected[2:6, 3:8] = True
    assert np.array_equal(mask_of(scores), expected)
    assert not mask_of(-scores).any()
