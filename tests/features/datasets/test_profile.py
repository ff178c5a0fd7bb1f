"""Profiles and overlaps: what two splits have in common, and the warnings of it."""

from __future__ import annotations

import pytest

from assay.features.datasets.overlap import SplitOverlap, overlaps, repeated_rows
from assay.features.datasets.profile import revision_profile
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.records import encode
from tests.support.dataset_rows import stored_texts, text_row


@pytest.fixture
def blobs(tmp_path):
    return JobBlobs(open_blobs(tmp_path), "acme")


@pytest.fixture
def splits(blobs):
    """A train split, and a test split with 3 of its rows under new ids, 2 of its ids and a group."""
    train = [text_row(number, group=f"g{number // 10}") for number in range(1000)]
    copies = [{**train[at], "row_id": f"copy{at}", "group": None} for at in (5, 500, 999)]
    same_ids = [{**text_row(number), "row_id": f"r{number - 2000}"} for number in (2001, 2002)]
    own = [text_row(number, group="g7") for number in range(3000, 3050)]
    return {
        "test": stored_texts([*own, *copies, *same_ids], blobs),
        "train": stored_texts(train, blobs),
        "validation": stored_texts([text_row(number) for number in range(5000, 5010)], blobs),
    }


def test_overlaps_are_counted(splits, blobs):
    """Equal content, equal ids and shared groups of each two splits are counted, and rows named."""
    expected = SplitOverlap(
        first="train", second="test", equal_rows=3, row_ids=2, groups=1,
        examples=("copy5", "copy500", "copy999"),
    )  # fmt: skip  # one value
    assert overlaps(splits, blobs) == (
        SplitOverlap(first="train", second="validation"),
        expected,
        SplitOverlap(first="validation", second="test"),
    )


def test_ranges_change_nothing(splits, blobs):
    """The overlaps and the repeated rows are the same for ranges of any size."""
    for size in (10, 77):
        assert overlaps(splits, blobs, range_rows=size) == overlaps(splits, blobs)
    twice = stored_texts([text_row(at % 70) | {"row_id": str(at)} for at in range(100)], blobs)
    assert repeated_rows(twice, blobs) == repeated_rows(twice, blobs, range_rows=9) == 30


def test_a_profile_warns_of_leakage_and_of_labels_without_training_rows(splits, blobs):
    """A revision's profile has counts of each split and a warning for what is wrong between them."""
    strange = stored_texts([text_row(1, label="new")], blobs)
    manifests = {**splits, "validation": strange}
    addresses = {name: blobs.put(encode(one)) for name, one in manifests.items()}
    profile = revision_profile(addresses, blobs)
    assert [one.split for one in profile.splits] == ["train", "validation", "test"]
    assert [one.labels for one in profile.splits] == [
        {"a": 500, "b": 500}, {"new": 1}, {"a": 27, "b": 28}
    ]  # fmt: skip  # one value
    assert len(profile.warnings) == 4
    assert profile.warnings[0].startswith("Leakage between train and validation: 1 row(s)")
    assert "row ids copy5, copy500, copy999" in profile.warnings[1]
    assert profile.warnings[3] == "The split validation has labels without training rows: 'new'."
    assert revision_profile({"train": addresses["train"]}, blobs).warnings == ()
