"""Images classified."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from assay.learning import artifact
from assay.learning.errors import DamagedArtifact, DataError
from assay.learning.hyperparameters import resolve
from assay.learning.image_family import ImageFamily
from assay.learning.images import feature_count
from assay.learning.learner import EpochLearner, Family, Featurizer
from assay.learning.model import Model
from assay.learning.rows import TaskType, canonical_schema

SCHEMA = canonical_schema(TaskType.IMAGE_CLASSIFICATION)


def family_of(**given):
    return ImageFamily(hyperparameters=resolve(TaskType.IMAGE_CLASSIFICATION, given))


def file_of(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def stripes(count, seed, colours=("red", "blue")):
    """Return rows of red and blue images with stripes that stand or lie."""
    rng = np.random.default_rng(seed)
    ids, files, labels = [], [], []
    for number in range(count):
        pixels = rng.integers(0, 60, (24, 24, 3)).astype(np.uint8)
        colour, lies = number % len(colours), number // 2 % 2
        striped = pixels if lies else pixels.transpose(1, 0, 2)
        striped[rng.integers(0, 3) :: 6, :, 0 if colours[colour] == "red" else 2] += 150
        ids.append(f"row-{number}")
        files.append(file_of(pixels))
        labels.append(f"{colours[colour]} {'lies' if lies else 'stands'}")
    return pa.RecordBatch.from_arrays(
        [pa.array(ids), pa.array(files, pa.large_binary()), pa.array(labels)], schema=SCHEMA
    )


def trained(family, batches, epochs=10):
    featurizer = family.featurizer(family.merge([family.summarize(batch) for batch in batches]))
    blocks = [featurizer.transform(batch) for batch in batches]
    learner = family.learner(featurizer)
    state = learner.start(1)
    for number in range(1, epochs + 1):
        state, _ = learner.epoch(state, blocks, number)
    return featurizer, learner, learner.finish(state)


def test_family_has_the_interface_of_families():
    """The family, its featurizer and its learner are what a training job drives."""
    family: Family = family_of()
    featurizer: Featurizer = family.featurizer(family.summarize(stripes(8, 1)))
    assert featurizer.columns == feature_count(32)
    assert isinstance(family.learner(featurizer), EpochLearner)


def test_colour_and_direction_are_learned():
    """Images that differ in their colours and in the direction of their lines are told apart."""
    family = family_of()
    featurizer, _, state = trained(family, [stripes(80, 1), stripes(40, 2)])
    model = Model(hyperparameters=family.hyperparameters, featurizer=featurizer, state=state)
    batch = stripes(60, 3)
    found = Model.decode(model.encode()).predict(batch.drop_columns(["label"]))
    names = [found.labels[code] for code in found.codes]
    assert names == batch.column("label").to_pylist()


def test_blocks_change_no_bit():
    """However rows are cut into blocks, features and weights are the same."""
    batch = stripes(50, 4)
    parts = [batch.slice(0, 1), batch.slice(1, 30), batch.slice(31)]
    one, _, whole = trained(family_of(), [batch], epochs=2)
    other, _, cut = trained(family_of(), parts, epochs=2)
    assert artifact.encode(whole) == artifact.encode(cut)
    features = [other.transform(part).features for part in parts]
    assert np.array_equal(np.concatenate(features), one.transform(batch).features)


def test_many_images_are_read_a_part_at_a_time():
    """More images than are decoded at a time have the features that each has by itself."""
    few = stripes(4, 1)
    table = pa.concat_tables([pa.table(few)] * 300).combine_chunks().to_batches()[0]
    featurizer = family_of(image_size=16).featurizer(family_of().summarize(few))
    block = featurizer.transform(table)
    assert np.array_equal(block.features, np.tile(featurizer.transform(few).features, (300, 1)))


def test_images_that_are_none_are_refused():
    """An image that cannot be decoded, or is not there, is refused, and the row is named."""
    good = stripes(3, 1)
    featurizer = family_of().featurizer(family_of().summarize(good))
    for bad, message in ((b"no image", "no PNG and no JPEG"), (None, "the row has no image")):
        files = [*good.column("image").to_pylist()[:2], bad]
        schema = pa.schema([field.with_nullable(True) for field in SCHEMA])
        batch = pa.RecordBatch.from_arrays(
            [good.column("row_id"), pa.array(files, pa.large_binary()), good.column("label")],
            schema=schema,
        )
        with pytest.raises(DataError, match=message) as refused:
            featurizer.transform(batch)
        assert refused.value.row_id == "row-2"


def test_featurizers_come_back():
    """A featurizer that was stored and read makes the same features, chosen ones too."""
    family, batch = family_of(), stripes(8, 1)
    whole = family.featurizer(family.summarize(batch))
    columns = np.arange(3, whole.columns, 7)
    some = whole.select(columns)
    read = family.read_featurizer(artifact.decode(artifact.encode(some.artifact()), "featurizer"))
    found = read.transform(batch)
    assert found.encode() == some.transform(batch).encode()
    assert np.array_equal(found.features, whole.transform(batch).features[:, columns])
    with pytest.raises(DamagedArtifact):
        family.read_featurizer(artifact.Artifact(kind="featurizer"))
    with pytest.raises(DamagedArtifact):
        family_of(image_size=16).read_featurizer(whole.artifact())


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [(0, (), "no rows"), (1, (), "at least two"), (8, ("red lies", "green"), "no training rows")],
)
def test_what_cannot_be_learned_is_refused(rows, labels, message):
    """No rows, one class alone and declared classes without rows are refused."""
    family = family_of()
    with pytest.raises(DataError, match=message):
        family.featurizer(family.summarize(stripes(rows, 1)), labels)
