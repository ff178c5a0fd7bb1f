"""Images with patches of their class planted in random backgrounds, as canonical rows."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from PIL import Image

from assay.learning.rows import TaskType, canonical_schema

KINDS = ("red", "green", "stripes")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Rows of images, and the box of each patch."""

    rows: pa.RecordBatch
    boxes: tuple[tuple[slice, slice], ...]  # rows and columns of pixels
    size: tuple[int, int]  # height and width of the images

    def truth(self, row: int) -> np.ndarray:
        """The (height, width) pixels that the patch of a row covers."""
        found = np.zeros(self.size, np.bool_)
        found[self.boxes[row]] = True
        return found


def planted_images(
    count: int,
    seed: int,
    size: tuple[int, int] = (32, 32),
    *,
    background: str = "noise",
    share: tuple[float, float] = (0.3, 0.4),
) -> Planted:
    """Images with a patch of a third of their sides, or of another share; its kind is the label."""
    draw = np.random.default_rng(seed)
    files, labels, boxes = [], [], []
    for number in range(count):
        pixels = _background(background, size, draw)
        sides = [int(side * draw.uniform(*share)) for side in size]
        starts = [int(draw.integers(side - own + 1)) for side, own in zip(size, sides, strict=True)]
        box = tuple(slice(at, at + own) for at, own in zip(starts, sides, strict=True))
        labels.append(KINDS[number % len(KINDS)])
        pixels[box] = _patch(labels[-1], *sides)
        boxes.append(box)
        files.append(png_of(pixels))
    schema = canonical_schema(TaskType.IMAGE_CLASSIFICATION)
    columns = {"row_id": [f"r{row}" for row in range(count)], "image": files, "label": labels}
    rows = pa.RecordBatch.from_pydict(columns, schema=schema)
    return Planted(rows=rows, boxes=tuple(boxes), size=size)


def png_of(pixels: np.ndarray) -> bytes:
    """Pixels as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _background(kind: str, size: tuple[int, int], draw: np.random.Generator) -> np.ndarray:
    """The (height, width, 3) pixels of noise, flat, a gradient, or clouds, which are like photographs."""
    if kind == "noise":
        return draw.integers(60, 200, (*size, 3)).astype(np.uint8)
    if kind == "flat":
        return np.tile(draw.integers(60, 200, 3).astype(np.uint8), (*size, 1))
    if kind == "gradient":
        start, down, right = draw.uniform(60, 200, (3, 3))
        y, x = ((np.indices(size)[axis] / size[axis])[..., np.newaxis] for axis in (0, 1))
        found = start + 0.7 * (y * (down - start) + x * (right - start))
    else:
        frequencies = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, size), indexing="ij"))
        frequencies[0, 0] = np.inf
        waves = np.fft.fft2(draw.normal(size=(3, *size))) / frequencies**1.2
        clouds = np.fft.ifft2(waves).real
        clouds[1:] = 0.7 * clouds[0] + 0.3 * clouds[1:]
        clouds /= clouds.std(axis=(1, 2), keepdims=True)
        found = 130 + 35 * np.moveaxis(clouds, 0, -1)
    return np.clip(found, 0, 255).astype(np.uint8)


def _patch(kind: str, height: int, width: int) -> np.ndarray:
    patch = np.zeros((height, width, 3), np.uint8)
    if kind == "stripes":
        patch[:, np.arange(width) * 6 // width % 2 == 1] = 255
    else:
        patch[..., KINDS.index(kind)] = 240
    return patch
