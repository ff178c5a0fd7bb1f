"""Regions of images that speak for a class."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from assay.learning.calibration import Calibration, Sigmoids
from assay.learning.explanations.explaining import explain, explain_batch
from assay.learning.predictions import ClassPredictions
from assay.learning.rows import TaskType
from tests.support.learning_rows import trained
from tests.support.planted_images import planted_images

IMAGE = TaskType.IMAGE_CLASSIFICATION


@pytest.fixture(scope="module")
def model():
    """A model of patches in noise."""
    return trained(IMAGE, [planted_images(400, 1).rows], image_size=32, num_train_epochs=25)


def masks_of(document):
    """The masks of a document, as its runs tell them."""
    size = document["dimensions"]["height"], document["dimensions"]["width"]
    for runs in document["maskRLE"]:
        values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        yield values.reshape(size, order="F")


def overlap(found, truth):
    """The intersection over the union of two masks."""
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("size", [(32, 32), (90, 150)])
def test_planted_patches_are_found(model, size):
    """The mask of the class meets its patch with an IoU of at least 0.5, at the image's own size."""
    planted = planted_images(15, 2, size)
    found = []
    for row, one in enumerate(explain_batch(model, planted.rows)):
        document = one.document()
        assert document["dimensions"] == {"height": size[0], "width": size[1]}
        assert one.labels[0] == planted.rows.column("label")[row].as_py()
        assert len(document["maskRLE"]) == len(model.labels)
        found.append(overlap(next(masks_of(document)), planted.truth(row)))
    assert np.mean(np.array(found) >= 0.5) >= 0.9
    assert np.median(found) >= 0.6


@pytest.mark.parametrize(
    "background",
    ["flat", *(pytest.param(one, marks=pytest.mark.slow) for one in ("gradient", "clouds"))],
)
def test_small_and_large_patches_are_found_on_any_background(background):
    """Masks of patches from a fifth to half of the sides meet them, where the class is found."""
    scene = {"size": (64, 64), "background": background}
    train = planted_images(400, 1, **scene, share=(0.15, 0.5)).rows
    model = trained(IMAGE, [train], image_size=32, num_train_epochs=15)
    for share in ((0.2, 0.25), (0.4, 0.5)):
        planted = planted_images(9, 3, **scene, share=share)
        labels = planted.rows.column("label").to_pylist()
        found = [
            overlap(next(masks_of(one.document())), planted.truth(row))
            for row, one in enumerate(explain_batch(model, planted.rows))
            if one.labels[0] == labels[row]
        ]
        assert len(found) >= 4
        assert np.median(found) >= 0.5


class Asked:
    """A predictor that only predicts, such as one from elsewhere: how red is the reddest spot?"""

    task_type = IMAGE
    labels = ("dull", "red")
    features = ()

    def predict(self, batch):
        images = [Image.open(io.BytesIO(data)) for data in batch.column("image").to_pylist()]
        pixels = np.array(
            [np.asarray(one.convert("RGB").resize((16, 16)), float) for one in images]
        )
        red = pixels[..., 0] - pixels[..., 1:].max(axis=-1)
        sure = np.clip(np.sort(red.reshape(len(red), -1))[:, -8:].mean(axis=1) / 250, 0.01, 0.99)
        found = np.column_stack([1 - sure, sure])
        return ClassPredictions(
            row_ids=batch.column("row_id").to_pylist(),
            labels=self.labels,
            probabilities=found,
            chunk_probabilities=found,
            record_of=np.arange(len(found), dtype=np.int32),
        )


def test_predictors_from_elsewhere_are_explained():
    """What only predicts is shown covered images; any part of a patch is enough for it."""
    planted = planted_images(1, 7, (60, 80), background="gradient", share=(0.45, 0.5))
    (found,) = explain_batch(Asked(), planted.rows)
    assert found.labels[0] == "red"
    assert overlap(next(masks_of(found.document())), planted.truth(0)) >= 0.5


def test_a_photograph_on_its_side_is_explained_upright(model):
    """The mask is of the image as it is shown, turned as its EXIF says."""
    planted = planted_images(1, 5, (60, 90))
    image = Image.open(io.BytesIO(planted.rows.column("image")[0].as_py()))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left of how it is shown
    file = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    turned = planted.rows.set_column(1, "image", pa.array([file.getvalue()], pa.large_binary()))
    assert explain(model, turned).document() == explain(model, planted.rows).document()


def test_a_falling_sigmoid_turns_what_speaks_for_a_class(model):
    """A class whose calibrated probability falls with its own is spoken for by other regions."""
    planted = planted_images(1, 11)
    slopes = Sigmoids(slopes=np.full(3, -1.0), intercepts=np.zeros(3))
    turned = replace(model, calibration=Calibration(records=slopes, chunks=slopes))
    plain, found = explain(model, planted.rows), explain(turned, planted.rows)
    label = plain.labels[0]
    assert found.labels[-1] == label
    assert overlap(found.masks[-1], plain.masks[0]) < 0.2


def test_equal_images_have_equal_explanations(model):
    """Nothing depends on the rows beside one, or on chance."""
    planted = planted_images(3, 4)
    together = explain_batch(model, planted.rows)
    assert together[2].document() == explain(model, planted.rows.slice(2, 1)).document()
