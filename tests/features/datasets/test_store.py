"""Datasets and their revisions: what the store promises, on both engines."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from assay.features.datasets.model import SPLITS, Dataset, NewDataset, StoredSplit
from assay.features.datasets.profile import RevisionProfile
from assay.features.datasets.store import Datasets, content_hash, dataset_owner
from assay.kernel.cursor import Page
from assay.kernel.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceInUse,
)
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.kernel.storage.usage import Usage, Usages
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.store_rows import NEW_JOB, ORG, OTHER

TEXTS = NewDataset(name="letters", task_type=TaskType.TEXT_CLASSIFICATION, created_by="ann")


def address(number: int) -> str:
    return f"sha256:{number:064x}"


def split(number: int) -> StoredSplit:
    return StoredSplit(manifest=address(number), rows=number, bytes=10 * number)


def add_dataset(uow: UnitOfWork, organization_id: str = ORG, **changes: Any) -> Dataset:
    return uow[Datasets].create(organization_id, replace(TEXTS, **changes))


def add_revision(uow: UnitOfWork, dataset_id: str, **splits: StoredSplit):
    job = uow[Jobs].submit(ORG, NEW_JOB)
    return uow[Datasets].add_revision(
        ORG,
        dataset_id,
        splits,
        blobs=[one.manifest for one in splits.values()],
        job_id=job.job_id,
        created_by="bob",
    )


def test_a_dataset_is_stored_as_it_was_given(store, clock):
    """A created dataset reads back under its id and under its name, without rows."""
    with store.write() as uow:
        made = add_dataset(uow, description="of 2026")
    with store.read() as uow:
        assert uow[Datasets].get(ORG, made.dataset_id) == made
        assert uow[Datasets].find(ORG, made.dataset_id) == made
        assert uow[Datasets].find(ORG, "letters") == made
    assert made.dataset_id.startswith("dst-")
    assert (made.name, made.task_type, made.description) == ("letters", TEXTS.task_type, "of 2026")
    assert (made.revision, made.created_at, made.created_by) == (0, clock.now(), "ann")


def test_a_name_is_taken_once(store):
    """A second dataset of a name is refused, or with if_absent answered by the first one."""
    with store.write() as uow:
        first = add_dataset(uow)
        assert uow[Datasets].create(ORG, TEXTS, if_absent=True) == first
        with pytest.raises(AlreadyExists, match=first.dataset_id):
            add_dataset(uow)
        with pytest.raises(AlreadyExists, match="text_classification"):
            uow[Datasets].create(ORG, replace(TEXTS, task_type=TaskType.EXTRACTION), if_absent=True)
        assert add_dataset(uow, OTHER).dataset_id != first.dataset_id


def test_an_organization_sees_no_other_ones_datasets(store):
    """What belongs to another organization is absent: in reads, listings, writes and revisions."""
    with store.write() as uow:
        made = add_dataset(uow)
        revision = add_revision(uow, made.dataset_id, train=split(1))
        stored = uow[Datasets]
        for read in (
            lambda: stored.get(OTHER, made.dataset_id),
            lambda: stored.find(OTHER, made.name),
            lambda: stored.hold(OTHER, made.dataset_id),
            lambda: stored.revision(OTHER, made.dataset_id),
            lambda: stored.list_revisions(OTHER, made.dataset_id, limit=5),
            lambda: stored.delete(OTHER, made.dataset_id, cascade=True),
        ):
            with pytest.raises(NotFound):
                read()
        assert stored.list(OTHER, limit=5).items == ()
        assert stored.revision_of(OTHER, revision.job_id) is None


def test_a_revision_takes_over_the_splits_that_it_does_not_bring(store, clock):
    """Each revision has the next number and the splits of the one before, but for its own."""
    with store.write() as uow:
        made = add_dataset(uow)
        first = add_revision(uow, made.dataset_id, train=split(1), test=split(2))
        clock.advance(60)
        second = add_revision(uow, made.dataset_id, test=split(3))
        stored = uow[Datasets]
        assert stored.get(ORG, made.dataset_id) == replace(
            made,
            revision=2,
            content_hash=second.content_hash,
            splits=second.splits,
            updated_at=clock.now(),
        )
        assert stored.revision(ORG, made.dataset_id) == second
        assert stored.revision(ORG, made.dataset_id, 1) == first
        assert stored.revision_of(ORG, second.job_id) == second
        assert stored.list_revisions(ORG, made.dataset_id, limit=5).items == (second, first)
        page = stored.list_revisions(ORG, made.dataset_id, limit=1)
        assert page.items == (second,)
        assert stored.list_revisions(ORG, made.dataset_id, limit=1, after=page.next) == Page(
            items=(first,), next=None
        )
        with pytest.raises(NotFound, match="revisions 1 to 2"):
            stored.revision(ORG, made.dataset_id, 3)
    assert (first.revision, first.splits) == (1, {"train": split(1), "test": split(2)})
    assert (second.revision, second.splits) == (2, {"train": split(1), "test": split(3)})


def test_splits_of_one_dataset_have_the_same_features(store):
    """A split whose features are not those of a split that stays is refused."""
    with store.write() as uow:
        made = add_dataset(uow)
        add_revision(uow, made.dataset_id, train=split(1))
        with pytest.raises(FailedPrecondition, match="different features"):
            add_revision(uow, made.dataset_id, test=replace(split(2), schema_hash="other"))
        other = replace(split(2), schema_hash="other")
        assert add_revision(uow, made.dataset_id, train=other).splits == {"train": other}


def test_a_profile_is_kept_with_its_revision(store):
    """A revision has the profile that was stored of it, or none."""
    profile = RevisionProfile(splits=(), overlaps=(), warnings=("w",))
    with store.write() as uow:
        made = add_dataset(uow)
        add_revision(uow, made.dataset_id, train=split(1))
        assert uow[Datasets].profile(ORG, made.dataset_id, 1) is None
        uow[Datasets].put_profile(ORG, made.dataset_id, 1, profile)
        assert uow[Datasets].profile(ORG, made.dataset_id, 1) == profile
        assert uow[Datasets].profile(OTHER, made.dataset_id, 1) is None


def test_a_dataset_is_kept_while_a_job_of_it_goes_on(store):
    """A dataset is not deleted while a job that makes a revision of it has not ended."""
    with store.write() as uow:
        made = add_dataset(uow)
        job = uow[Jobs].submit(ORG, dataclasses.replace(NEW_JOB, resource=made.dataset_id))
        with pytest.raises(ResourceInUse, match=job.job_id):
            uow[Datasets].delete(ORG, made.dataset_id)
        uow[Jobs].request_cancel(ORG, job.job_id)
        uow[Datasets].delete(ORG, made.dataset_id)


def test_equal_splits_have_one_content_hash():
    """A content hash follows from the task type and the manifests alone."""
    one = content_hash(TaskType.EXTRACTION, {"train": split(1), "test": split(2)})
    assert one == content_hash(
        TaskType.EXTRACTION, {"test": replace(split(2), rows=9), "train": split(1)}
    )
    assert one != content_hash(TaskType.EXTRACTION, {"train": split(2), "test": split(1)})
    assert one != content_hash(TaskType.TEXT_CLASSIFICATION, {"train": split(1), "test": split(2)})


def test_a_dataset_keeps_its_blobs_for_as_long_as_it_stands(store):
    """A revision's blobs are kept once, however many revisions name them, and go with the dataset."""
    with store.write() as uow:
        made = add_dataset(uow)
        add_revision(uow, made.dataset_id, train=split(1))
        add_revision(uow, made.dataset_id, train=split(1), test=split(2))
        assert uow[Usages].of(ORG) == Usage(bytes=0, blobs=2)
        assert (ORG, address(1)) in uow[BlobReferences].every()
        uow[Datasets].delete(ORG, made.dataset_id, cascade=True)
        assert uow[BlobReferences].every() == set()
    assert dataset_owner("dst-1") == "dataset/dst-1"


def test_a_dataset_with_rows_is_deleted_by_cascade_alone(store):
    """A dataset without rows is simply deleted; one with revisions needs cascade."""
    with store.write() as uow:
        empty = add_dataset(uow)
        uow[Datasets].delete(ORG, empty.dataset_id)
        full = add_dataset(uow)
        revision = add_revision(uow, full.dataset_id, train=split(1))
        with pytest.raises(ResourceInUse, match="cascade"):
            uow[Datasets].delete(ORG, full.dataset_id)
        uow[Datasets].delete(ORG, full.dataset_id, cascade=True)
        for dataset in (empty, full):
            with pytest.raises(NotFound):
                uow[Datasets].get(ORG, dataset.dataset_id)
        assert uow[Datasets].revision_of(ORG, revision.job_id) is None


def test_datasets_are_listed_newest_first(store, clock):
    """A walk over pages meets every dataset once, newest first."""
    with store.write() as uow:
        made = []
        for number in range(5):
            made.append(add_dataset(uow, name=f"d{number}"))
            clock.advance(number % 2)
        seen, after = [], None
        while True:
            page = uow[Datasets].list(ORG, limit=2, after=after)
            seen += page.items
            after = page.next
            if after is None:
                break
    assert sorted(seen, key=lambda one: one.name) == made
    assert [one.created_at for one in seen] == sorted(
        (one.created_at for one in made), reverse=True
    )


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("name", lambda: replace(TEXTS, name=" ")),
        ("name", lambda: replace(TEXTS, name="x" * 201)),
        ("description", lambda: replace(TEXTS, description="\0")),
    ],
)
def test_wrong_values_are_refused_by_name(field, make):
    """A dataset's name and description obey the rules of texts."""
    with pytest.raises(InvalidArgument, match=field):
        make()
    assert SPLITS == ("train", "validation", "test")
