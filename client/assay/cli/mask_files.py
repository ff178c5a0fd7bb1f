"""Masks of explained images drawn over them as PNG files, by Pillow, which comes with the extra `plots`.

What the mask covers keeps its colours inside an outline; the rest is grey and dim.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageOps

OUTLINE = (255, 40, 40)
DIM = 0.35  # of the brightness that the rest keeps


def write_mask(image: bytes, runs: Sequence[int], *, height: int, width: int, file: Path) -> None:
    """Draw the mask of a class over its image into a PNG file.

    Args:
        image: The image as it was sent, PNG or JPEG.
        runs: The class's list of an explanation's `maskRLE`.
        height: The explanation's `dimensions`.
        width: Likewise.
        file: Where the picture goes.

    Raises ValueError for an image that cannot be read or has other dimensions, and for runs that
    do not cover it, OSError where the file cannot be written.
    """
    shown = _read(image)
    if shown.size != (width, height):
        raise ValueError(
            f"the image is {shown.width} × {shown.height} pixels; the mask is of {width} × {height}"
        )
    mask = _mask(runs, height, width)
    dim = ImageOps.grayscale(shown).point([round(level * DIM) for level in range(256)])
    picture = Image.composite(shown, dim.convert("RGB"), mask)
    thickness = 2 * max(1, round(min(width, height) / 200)) + 1
    outline = ImageChops.difference(mask, mask.filter(ImageFilter.MinFilter(thickness)))
    picture.paste(OUTLINE, mask=outline)
    picture.save(file, format="PNG")


def _read(image: bytes) -> Image.Image:
    """Return an image upright, as masks are."""
    try:
        with Image.open(io.BytesIO(image), formats=("PNG", "JPEG")) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as error:  # a damaged file makes Pillow raise whatever it meets
        raise ValueError(f"the image cannot be read: {error}") from error


def _mask(runs: Sequence[int], height: int, width: int) -> Image.Image:
    """Return runs down the columns, of zeros and ones in turn, as an image of 0 and 255."""
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise ValueError(f"the runs of the mask do not cover {width} × {height} pixels")
    columns = b"".join(value * run for value, run in zip(cycle((b"\0", b"\xff")), runs))
    turned = Image.frombytes("L", (height, width), columns)  # its rows are the image's columns
    return turned.transpose(Image.Transpose.TRANSPOSE)
