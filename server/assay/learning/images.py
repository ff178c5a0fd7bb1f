"""Images as numbers: PNG and JPEG files decoded under limits, and the features that are read off.

An image is turned upright (EXIF), laid on white where it is transparent, scaled to a square and
read twice: its grey values as histograms of oriented gradients, and its colours in an 8 × 8 raster.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from assay.learning.errors import DataError
from assay.learning.gradients import BLOCK, ORIENTATIONS, gradient_features

CELL: Final = 8  # pixels to a side of a cell of gradients
RASTER: Final = 8  # colours are read in a raster of 8 × 8
SCALE: Final = 4.0  # of features: their spread is near 1 then, as the learner's steps expect
MIN_SIZE: Final = CELL * BLOCK
MAX_SIZE: Final = 128
MAX_PIXELS: Final = 32_000_000  # of one image, before it is decoded: 128 MB at four bytes each
MAX_SIDE: Final = 32_000  # pixels
_TOO_LARGE: Final = (
    f"the image is too large: at most {MAX_PIXELS:,} pixels, {MAX_SIDE:,} to a side, are decoded."
    " Scale it down"
)
_FORMATS: Final = ("PNG", "JPEG")
# Brightness by the whole numbers that JPEG files are made with (ITU-R 601), in units of 1/65536.
_LUMA: Final = (19595, 38470, 7471)
_WHITE = (255, 255, 255, 255)
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF's orientation
_ON_ITS_SIDE: Final = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)
_DEEP_GREY = frozenset({"I", "I;16", "I;16B", "I;16L", "F"})


def decode_image(data: bytes, size: tuple[int, int], row_id: str) -> NDArray[np.uint8]:
    """Return a PNG or JPEG file as (height, width, 3) pixels of `size`, upright and on white.

    Of an animation it is the first frame. Raises DataError, naming the row, for bytes that are no
    such image, that are cut off or damaged, and for more than MAX_PIXELS, which are not decoded.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of images that the limit below refuses, and of harmless oddities.
            warnings.simplefilter("ignore")
            return _decoded(data, size)
    except (_TooLarge, Image.DecompressionBombError) as error:
        raise DataError(_TOO_LARGE, row_id) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise whatever it meets
        raise DataError(f"the image cannot be decoded: {_cause(data)}", row_id) from error


def decode_images(files: Sequence[bytes], size: int, ids: Sequence[str]) -> NDArray[np.uint8]:
    """Return files as (n, size, size, 3) pixels; raises DataError as `decode_image` does."""
    pixels = np.empty((len(files), size, size, 3), dtype=np.uint8)
    for place, (data, row_id) in enumerate(zip(files, ids, strict=True)):
        pixels[place] = decode_image(data, (size, size), row_id)
    return pixels


def upright_size(data: bytes) -> tuple[int, int]:
    """Return the height and width, upright, of an image that `decode_image` decodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as there
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return (width, height) if turn in _ON_ITS_SIDE else (height, width)


def image_features(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the features of (n, size, size, 3) pixels as (n, feature_count(size)).

    First the gradients of the grey image, from 0 to SCALE, then the raster: of each cell the mean
    brightness, from 0 to SCALE, and how blue and how red it is, from -SCALE / 2 to SCALE / 2 and 0
    where it is grey. Each row depends on its own image alone, to the bit.
    """
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    grey = ((red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2] + 0x8000) >> 16).astype(np.uint8)
    features = np.concatenate([gradient_features(grey, CELL), _raster(pixels)], axis=1)
    features *= np.float32(SCALE)
    return features


def feature_count(size: int) -> int:
    """Return how many features an image of `size` has."""
    blocks = (size // CELL - BLOCK + 1) ** 2
    return blocks * BLOCK * BLOCK * ORIENTATIONS + RASTER * RASTER * 3


class _TooLarge(Exception):
    """An image has more pixels than are decoded."""


def _decoded(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise _TooLarge
        # JPEG decodes at a half, a quarter or an eighth for less; the rest is scaled below.
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        height, width = size if turn not in _ON_ITS_SIDE else size[::-1]
        image.draft(None, (2 * width, 2 * height))
        image.load()
        # Whatever else is done is done to the small image, for which there is always memory.
        small = _scaled(image, (width, height))
        return np.asarray(small if turn is None else small.transpose(turn))


def _scaled(image: Image.Image, side: tuple[int, int]) -> Image.Image:
    """Return an image of any mode as RGB of a width and height, on white."""
    method = Image.Resampling.BILINEAR
    if image.mode in _DEEP_GREY:
        # Pillow's own conversion cuts off all above 255.
        deep = np.asarray(image.convert("F").resize(side, method), np.float64)
        grey = np.rint(np.clip(deep, 0, 65535) / 257).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA").resize(side, method)
        return Image.alpha_composite(Image.new("RGBA", side, _WHITE), rgba).convert("RGB")
    return image.convert("RGB").resize(side, method)


def _cause(data: bytes) -> str:
    if not data:
        return "it is empty"
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return "the file is cut off or damaged"
    return "it is no PNG and no JPEG file"


def _raster(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean colours of (n, size, size, 3) pixels in a raster, as (n, cells * 3)."""
    n, size, _, _ = pixels.shape
    edges = np.arange(RASTER) * size // RASTER
    rows = np.add.reduceat(pixels, edges, axis=1, dtype=np.int64)
    red, green, blue = np.moveaxis(np.add.reduceat(rows, edges, axis=2), 3, 0)
    cells = np.stack(
        [
            red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2],
            red * -11059 + green * -21709 + blue * 32768,
            red * 32768 + green * -27439 + blue * -5329,
        ],
        axis=-1,
    )
    sides = np.diff(np.append(edges, size))
    area = (sides[:, np.newaxis] * sides)[..., np.newaxis]
    means: NDArray[np.float32] = (cells / (area * (255 << 16))).astype(np.float32)
    return means.reshape(n, RASTER * RASTER * 3)
