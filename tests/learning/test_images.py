"""Images decoded under limits, and their features."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assay.learning import images
from assay.learning.errors import DataError
from assay.learning.images import decode_image, decode_images, image_features

SIZE = 32


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene() -> Image.Image:
    """Return an image whose four quarters differ, in colour and in brightness."""
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:20, :30] = (250, 20, 20)
    pixels[:20, 30:] = (20, 200, 20)
    pixels[20:, :30] = (20, 20, 250)
    pixels[20:, 30:] = (240, 240, 240)
    return Image.fromarray(pixels)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *more: bytes, rows: bytes = b"") -> bytes:
    """Return a PNG file of 8-bit grey, by its chunks."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows or bytes((width + 1) * height), 9)
    parts = (chunk(b"IHDR", head), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def corners(data: bytes) -> list[list[int]]:
    """Return the colours in the middle of the four quarters."""
    pixels = decode_image(data, (SIZE, SIZE), "r")
    return [pixels[y, x].tolist() for y in (8, 24) for x in (8, 24)]


COLOURS = [[250, 20, 20], [20, 200, 20], [20, 20, 250], [240, 240, 240]]
GREYS = [[89, 89, 89], [126, 126, 126], [46, 46, 46], [240, 240, 240]]


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (scene(), COLOURS),
        (scene().convert("L"), GREYS),
        (scene().convert("RGBA"), COLOURS),
        (scene().convert("LA"), GREYS),
        (scene().quantize(8), COLOURS),
        (
            Image.fromarray((np.asarray(scene().convert("L")).astype(np.uint16)) * 257),
            GREYS,
        ),
    ],
    ids=["RGB", "L", "RGBA", "LA", "P", "I;16"],
)
def test_modes_of_png_are_one_image(image, wanted):
    """Colour, grey, alpha, palette and 16 bits of grey give the colours that they show."""
    assert np.abs(np.array(corners(saved(image))) - wanted).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_modes_of_jpeg_are_one_image(mode):
    """Colour, grey and CMYK JPEG files give about the colours that they show."""
    found = np.array(corners(saved(scene().convert(mode), "JPEG", quality=95)))
    assert np.abs(found - (GREYS if mode == "L" else COLOURS)).max() <= 12


def test_one_bit_images_are_black_and_white():
    """An image of one bit a pixel gives black and white."""
    image = Image.fromarray(np.asarray(scene().convert("L")) > 200)
    assert corners(saved(image)) == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [255, 255, 255]]


def test_what_is_transparent_is_white():
    """Transparent pixels are white, in alpha and in palettes, whatever colour lies beneath."""
    clear = scene().convert("RGBA")
    clear.putalpha(Image.fromarray(np.full((40, 60), 0, dtype=np.uint8)))
    assert corners(saved(clear)) == [[255, 255, 255]] * 4
    palette = scene().quantize(8)
    red = np.asarray(palette)[5, 5]
    assert corners(saved(palette, transparency=int(red)))[0] == [255, 255, 255]


@pytest.mark.parametrize(
    ("orientation", "order"),
    [
        (1, [0, 1, 2, 3]), (2, [1, 0, 3, 2]), (3, [3, 2, 1, 0]), (4, [2, 3, 0, 1]),
        (5, [0, 2, 1, 3]), (6, [2, 0, 3, 1]), (7, [3, 1, 2, 0]), (8, [1, 3, 0, 2]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_are_turned_upright(kind, orientation, order):
    """Each of the eight orientations of EXIF is undone."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {}
    found = np.array(corners(saved(scene(), kind, exif=exif.tobytes(), **options)))
    assert np.abs(found - np.array(COLOURS)[order]).max() <= 12


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"hello", "it is no PNG and no JPEG file"),
        (saved(scene(), "GIF"), "it is no PNG and no JPEG file"),
        (saved(scene(), "TIFF"), "it is no PNG and no JPEG file"),
        (saved(scene())[:-40], "the file is cut off or damaged"),
        (saved(scene(), "JPEG")[:-200], "the file is cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n", "the file is cut off or damaged"),
        (b"\xff\xd8\xff\xe0", "the file is cut off or damaged"),
    ],
)
def test_bytes_that_are_no_image_are_refused(data, message):
    """Empty, foreign, cut and damaged bytes are refused, and the row is named."""
    with pytest.raises(DataError, match=message) as refused:
        decode_image(data, (SIZE, SIZE), "row 7")
    assert refused.value.row_id == "row 7"


@pytest.mark.parametrize(
    ("width", "height"), [(8_000, 4_001), (32_001, 1), (1, 32_001), (2**31 - 1, 2**31 - 1)]
)
def test_large_images_are_refused_before_they_are_decoded(width, height):
    """An image of too many pixels is refused by its header: no pixel of it is needed."""
    with pytest.raises(DataError, match="Scale it down") as refused:
        decode_image(png(width, height, rows=b"none"), (SIZE, SIZE), "big")
    assert refused.value.row_id == "big"


def test_a_bomb_in_text_is_refused():
    """Compressed text beside an image that grows to 64 MB is not read to its end."""
    text = chunk(b"zTXt", b"note\x00\x00" + zlib.compress(bytes(64 << 20), 9))
    with pytest.raises(DataError, match="damaged"):
        decode_image(png(8, 8, text), (SIZE, SIZE), "r")


def test_the_largest_image_is_read():
    """An image of exactly the allowed pixels is decoded."""
    assert decode_image(png(8_000, 4_000), (SIZE, SIZE), "r").shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 3)])
def test_images_of_any_shape_become_squares(shape):
    """A single pixel and a single line are scaled as any other image."""
    image = Image.fromarray(np.full(shape, 77, dtype=np.uint8))
    assert (decode_image(saved(image), (SIZE, SIZE), "r") == 77).all()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([saved(scene()), saved(scene(), "JPEG"), saved(scene().quantize(8))]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_files_are_read_or_refused(data, changes):
    """Whatever bytes of a file are changed, the answer is an image or a DataError."""
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(data)] = value
    with suppress(DataError):
        assert decode_image(bytes(damaged), (SIZE, SIZE), "r").shape == (SIZE, SIZE, 3)


def test_features_depend_on_their_image_alone():
    """Decoded and read in any cut of the batch, each image has the same bits."""
    rng = np.random.default_rng(0)
    files = [
        saved(Image.fromarray(rng.integers(0, 256, (40, 30, 3)).astype(np.uint8))) for _ in range(9)
    ]
    pixels = decode_images(files, SIZE, [str(n) for n in range(9)])
    whole = image_features(pixels)
    parts = [image_features(pixels[n : n + 1]) for n in range(9)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert whole.shape == (9, images.feature_count(SIZE))


def test_the_raster_holds_mean_colours():
    """The last features are the means of the image in 8 × 8 cells: bright, blue and red."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3)).astype(np.uint8)
    raster = image_features(pixels)[:, -192:].reshape(2, 8, 8, 3)
    edges = [n * 20 // 8 for n in range(9)]
    for y in range(8):
        for x in range(8):
            cell = pixels[:, edges[y] : edges[y + 1], edges[x] : edges[x + 1]] / 255
            red, green, blue = cell.mean(axis=(1, 2)).T
            bright = 0.299 * red + 0.587 * green + 0.114 * blue
            wanted = np.stack([bright, (blue - bright) * 0.564, (red - bright) * 0.713], axis=1)
            assert np.allclose(raster[:, y, x], wanted * images.SCALE, atol=4e-3)


def test_grey_images_have_no_colours():
    """A grey image of any mode has the same features, and its colours are exactly zero."""
    grey = scene().convert("L")
    files = [saved(grey), saved(grey.convert("RGB")), saved(grey.convert("LA"))]
    found = image_features(decode_images(files, SIZE, ["a", "b", "c"]))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    assert not found[:, -192:].reshape(3, 64, 3)[..., 1:].any()
