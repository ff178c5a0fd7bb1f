"""Regions of images that speak for a class, by covering windows of the image.

The image, as a square, is cut into 16 × 16 cells. Every second window of 4 × 4 cells is covered and
the loss of the class's log-odds is what the window is worth; a cell has the mean of the windows
over it. Where any part of a thing is enough, no small window costs much: so windows of 8 × 8 cells
add what they lose beyond the sum of the small ones within them. What covers a window may speak for a class itself, and its edges do; so it is covered in
four ways, by the median colour of the image, by its colours as a plane, by pixels drawn from all
over it and by what is half an image away, and is worth what it costs in the cheapest of them.

Windows know no edges of what they cover: they reach beyond what is small, and one within a large
thing leaves the rest of it. So what they are worth is averaged over segments of the image (XRAI by
Kapishnikov et al., 2019, ranks segments so), of several sizes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from assay.learning.explanations.log_odds import decision_log_odds, sampled_log_odds, top_classes
from assay.learning.explanations.masks import mask_of
from assay.learning.explanations.segments import cell_means, segments
from assay.learning.explanations.values import ImageExplanation
from assay.learning.image_family import ImageFeaturizer
from assay.learning.images import decode_image, image_features, upright_size
from assay.learning.linear import outputs
from assay.learning.model import Model
from assay.learning.predictions import ClassPredictions, Predictions
from assay.learning.predictor import Predictor
from assay.learning.randomness import generator
from assay.learning.rows import IMAGE, ROW_ID, TaskType, canonical_schema, row_ids

GRID: Final = 16  # cells to a side, by which windows are laid
WINDOW: Final = 4  # cells to a side of a small window; a large one has twice as many
SIDE: Final = 128  # pixels of the square that a model from elsewhere is shown
_FINE: Final = 32  # cells to a side of a mask, and of segments; pixels where there are fewer
_SEGMENTS: Final = (4, 8, 16, 32)
_TURNS: Final = 6  # in which a plane is fitted
_AT_ONCE: Final = 128  # images that are in memory as features

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Window = tuple[slice, slice]  # rows and columns of cells
Scorer = Callable[[Pixels], Floats]  # (images, side, side, 3) to (images, explained) log-odds


def explain_trained(
    model: Model,
    featurizer: ImageFeaturizer,
    batch: pa.RecordBatch,
    found: Predictions,
    classes: int,
) -> Iterator[ImageExplanation]:
    """Yield the explanation of each image, by a linear model whose featurizer is of images.

    Args:
        model: The model.
        featurizer: That of the model.
        batch: Canonical rows.
        found: The predictions of them.
        classes: How many classes of each row are explained.
    """
    assert isinstance(found, ClassPredictions)
    slopes = np.ones(len(model.labels))
    if model.calibration is not None:
        slopes = model.calibration.records.slopes
    for row, codes in enumerate(top_classes(found.probabilities, classes)):

        def score(images: Pixels, codes: NDArray[np.int64] = codes) -> Floats:
            features = image_features(images)[:, featurizer.kept]
            values = outputs(model.state, features).astype(np.float64)
            return decision_log_odds(values, codes) * slopes[codes]

        pixels = _pixels(batch, row, model.hyperparameters.integer("image_size"))
        yield _explanation(
            batch, row, [model.labels[code] for code in codes], attribution(pixels, score)
        )


def explain_sampled(
    predictor: Predictor, batch: pa.RecordBatch, found: Predictions, classes: int
) -> Iterator[ImageExplanation]:
    """Yield the explanation of each image, by a predictor that is asked for each covered image.

    It is shown squares of SIDE × SIDE pixels.
    """
    assert isinstance(found, ClassPredictions)
    for row, codes in enumerate(top_classes(found.probabilities, classes)):

        def score(images: Pixels, codes: NDArray[np.int64] = codes) -> Floats:
            return sampled_log_odds(predictor.predict(_rows_of(images)))[:, codes]

        scores = attribution(_pixels(batch, row, SIDE), score)
        yield _explanation(batch, row, [predictor.labels[code] for code in codes], scores)


def _rows_of(images: Pixels) -> pa.RecordBatch:
    """Return images as canonical rows of PNG files."""
    files = []
    for pixels in images:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        files.append(file.getvalue())
    schema = canonical_schema(TaskType.IMAGE_CLASSIFICATION, answers=False)
    ids = [f"covered {number}" for number in range(len(files))]
    return pa.RecordBatch.from_pydict({ROW_ID: ids, IMAGE: files}, schema=schema)


def _pixels(batch: pa.RecordBatch, row: int, side: int) -> Pixels:
    return decode_image(batch.column(IMAGE)[row].as_py(), (side, side), row_ids(batch)[row])


def _explanation(
    batch: pa.RecordBatch, row: int, labels: Sequence[str], scores: Floats
) -> ImageExplanation:
    height, width = upright_size(batch.column(IMAGE)[row].as_py())
    return ImageExplanation(
        labels=tuple(labels),
        scores=scores,
        masks=np.array([mask_of(one) for one in scores]),
        height=height,
        width=width,
    )


def attribution(pixels: Pixels, score: Scorer) -> Floats:
    """Return what each cell of an image is worth to each explained class, (explained, cells, cells).

    Args:
        pixels: (side, side, 3), of at least GRID pixels to a side.
        score: The log-odds of the explained classes.
    """
    cells = min(len(pixels), _FINE)
    worth = _finer(_worth(pixels, score), cells)
    found = np.zeros_like(worth)
    for numbers in segments(pixels, cells, _SEGMENTS):
        sizes = np.bincount(numbers.ravel())
        sums = np.array([np.bincount(numbers.ravel(), one.ravel()) for one in worth])
        found += (sums / sizes)[:, numbers]
    return found / len(_SEGMENTS)


def _worth(pixels: Pixels, score: Scorer) -> Floats:
    """Return what the windows over each cell are worth on average, (explained, GRID, GRID).

    That of the large ones is what they lose beyond the sum of the small ones that they are made of.
    """
    windows, large = _windows(WINDOW), _windows(2 * WINDOW)
    losses = _losses(pixels, [*windows, *large], score)
    alone = {
        (rows.start, columns.start): loss
        for (rows, columns), loss in zip(windows, losses[: len(windows)], strict=True)
        if rows.stop - rows.start == columns.stop - columns.start == WINDOW
    }
    beyond = [
        np.maximum(loss - sum(alone[y, x] for y in _steps(rows) for x in _steps(columns)), 0.0)
        for (rows, columns), loss in zip(large, losses[len(windows) :], strict=True)
    ]
    return _spread(windows, losses[: len(windows)]) + _spread(large, np.array(beyond))


def _windows(size: int) -> list[Window]:
    """Return the windows of a size, each of which starts in the middle of another."""
    places = [
        slice(max(0, start), min(GRID, start + size))
        for start in range(-size // 2, GRID, size // 2)
    ]
    return [(rows, columns) for rows in places for columns in places]


def _steps(cells: slice) -> range:
    """Return where the small windows start that a large one is made of."""
    return range(cells.start, cells.stop, WINDOW)


def _losses(pixels: Pixels, windows: list[Window], score: Scorer) -> Floats:
    """Return the (windows, explained) losses of log-odds by the cheapest way to cover each."""
    edges = np.arange(GRID + 1) * len(pixels) // GRID
    whole = score(pixels[np.newaxis])[0]
    found: Floats = np.min(
        [
            np.maximum(whole - _covered(pixels, fill, windows, edges, score), 0.0)
            for fill in _fills(pixels)
        ],
        axis=0,
    )
    return found


def _spread(windows: list[Window], losses: Floats) -> Floats:
    """Return the means of the losses over each cell, each shared by the cells of its window."""
    sums, counts = np.zeros((losses.shape[1], GRID, GRID)), np.zeros((GRID, GRID))
    for (rows, columns), loss in zip(windows, losses, strict=True):
        cells = (rows.stop - rows.start) * (columns.stop - columns.start)
        sums[:, rows, columns] += (loss / cells)[:, np.newaxis, np.newaxis]
        counts[rows, columns] += 1
    found: Floats = sums / counts
    return found


def _finer(worth: Floats, cells: int) -> Floats:
    """Return (explained, GRID, GRID) values at (cells, cells) places, interpolated."""
    places = (np.arange(cells) + 0.5) * GRID / cells - 0.5
    where = np.meshgrid(places, places, indexing="ij")
    return np.array([ndimage.map_coordinates(one, where, order=1, mode="nearest") for one in worth])


def _covered(
    pixels: Pixels,
    fill: Pixels,
    windows: list[Window],
    edges: NDArray[np.int64],
    score: Scorer,
) -> Floats:
    """Return the (windows, explained) log-odds of the image with each window covered by `fill`."""
    found = []
    for start in range(0, len(windows), _AT_ONCE):
        part = windows[start : start + _AT_ONCE]
        images = np.repeat(pixels[np.newaxis], len(part), axis=0)
        for image, (rows, columns) in zip(images, part, strict=True):
            area = (
                slice(edges[rows.start], edges[rows.stop]),
                slice(edges[columns.start], edges[columns.stop]),
            )
            image[area] = fill[area]
        found.append(score(images))
    return np.concatenate(found)


def _fills(pixels: Pixels) -> Iterator[Pixels]:
    """Yield the images that windows are covered by parts of."""
    flat = pixels.reshape(-1, 3)
    median = np.rint(np.median(flat, axis=0)).astype(np.uint8)
    yield np.broadcast_to(median, pixels.shape)
    yield _plane(pixels)
    yield flat[generator(0).permutation(len(flat))].reshape(pixels.shape)
    yield np.roll(pixels, (len(pixels) // 2, len(pixels) // 2), axis=(0, 1))


def _plane(pixels: Pixels) -> Pixels:
    """Return the image whose colours change evenly and are nearest to most of an image's cells.

    The sum of distances is made least, not that of squares (Weiszfeld, 1937), which what stands in
    front of a background would bend.
    """
    colours = cell_means(pixels, GRID).reshape(-1, 3)
    places = np.indices((GRID, GRID)).reshape(2, -1).T + 0.5
    columns = np.column_stack([np.ones(len(places)), places / GRID - 0.5])
    weights = np.ones((len(places), 1))
    for _ in range(_TURNS):
        plane = np.linalg.lstsq(columns * weights, colours * weights, rcond=None)[0]
        distances = np.linalg.norm(colours - columns @ plane, axis=1)
        # Half the usual distance and a grey level bound how much a cell that fits weighs.
        least = np.median(distances) / 2 + 1.0
        weights = np.sqrt(1.0 / np.maximum(distances, least))[:, np.newaxis]
    side = len(pixels)
    along = (np.arange(side) + 0.5) / side - 0.5
    found = plane[0] + along[:, np.newaxis, np.newaxis] * plane[1] + along[:, np.newaxis] * plane[2]
    rounded: Pixels = np.rint(np.clip(found, 0, 255)).astype(np.uint8)
    return rounded
