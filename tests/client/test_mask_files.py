"""Masks drawn over images."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from assay.cli.mask_files import OUTLINE, write_mask
from assay.cli.masks import file_names, mask_drawing
from assay.client import BadInput

HEIGHT, WIDTH = 40, 60
GREEN = (30, 200, 60)
# Columns 20 to 39 of rows 10 to 29: down the columns, zeros first.
RUNS = [20 * HEIGHT + 10, *([20, 20] * 19), 20, 10 + 20 * HEIGHT]


def file_of(kind="PNG", size=(WIDTH, HEIGHT), **more):
    """A green image as a file."""
    file = io.BytesIO()
    Image.new("RGB", size, GREEN).save(file, kind, **more)
    return file.getvalue()


def drawn(folder):
    """The pixels of the picture in a folder."""
    with Image.open(folder / "mask.png") as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_the_mask_covers_keeps_its_colours(tmp_path, kind):
    """Inside the mask the image is as it was within an outline, outside it is grey and dim."""
    write_mask(file_of(kind), RUNS, height=HEIGHT, width=WIDTH, file=tmp_path / "mask.png")
    pixels = drawn(tmp_path)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels[15:25, 25:35] - GREEN).max() < 4
    assert tuple(pixels[10, 30]) == tuple(pixels[20, 20]) == tuple(pixels[29, 39]) == OUTLINE
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[10:30, 20:40] = False
    assert np.ptp(pixels[outside], axis=1).max() == 0
    assert pixels[outside].max() < 60


@pytest.mark.parametrize(
    ("runs", "inside"), [([HEIGHT * WIDTH], False), ([0, HEIGHT * WIDTH], True)]
)
def test_masks_of_nothing_and_of_all_are_drawn(tmp_path, runs, inside):
    """An empty mask leaves the image dim, and a full one as it was."""
    write_mask(file_of(), runs, height=HEIGHT, width=WIDTH, file=tmp_path / "mask.png")
    assert (tuple(drawn(tmp_path)[20, 30]) == GREEN) == inside


def test_an_image_on_its_side_is_drawn_upright(tmp_path):
    """The mask is of the image as its EXIF turns it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = file_of("JPEG", (HEIGHT, WIDTH), exif=exif)
    write_mask(turned, RUNS, height=HEIGHT, width=WIDTH, file=tmp_path / "mask.png")
    assert drawn(tmp_path).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("image", "runs", "says"),
    [
        (b"no image", RUNS, "cannot be read"),
        (file_of()[:60], RUNS, "cannot be read"),
        (file_of(size=(10, 10)), RUNS, "10 × 10"),
        (file_of(), [5, 6], "do not cover"),
        (file_of(), [-HEIGHT * WIDTH, 2 * HEIGHT * WIDTH], "do not cover"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, image, runs, says):
    """Files that are no images, of other sizes, and runs that do not cover them are told apart."""
    with pytest.raises(ValueError, match=says):
        write_mask(image, runs, height=HEIGHT, width=WIDTH, file=tmp_path / "mask.png")
    assert not (tmp_path / "mask.png").exists()


def masked(name, label="a/b"):
    """A result with a mask, as far as the names of pictures need it."""
    explanation = {"maskRLE": [RUNS], "dimensions": {"height": HEIGHT, "width": WIDTH}}
    return SimpleNamespace(input_name=name, label=label, explanation=explanation)


def test_each_picture_has_a_name_of_its_own():
    """Inputs that differ by folder or ending alone, and labels with slashes, give other files."""
    results = [masked(name) for name in ("x/cat.png", "y/cat.png", "cat.jpg", "x/dog.png")]
    names = [name for _, name in file_names(results)]
    assert names == ["x_cat.png.a_b.png", "y_cat.png.a_b.png", "cat.jpg.a_b.png", "dog.a_b.png"]


def test_where_nothing_can_be_drawn_is_said_before_anything_is_sent(tmp_path, capsys):
    """A file in place of the folder is wrong usage; results without masks are told of."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadInput, match="no folder to draw into"):
        mask_drawing(tmp_path / "taken")
    mask_drawing(tmp_path / "made")([], {})
    assert "Nothing is drawn" in capsys.readouterr().err
