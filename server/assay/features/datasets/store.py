"""The store of datasets and their revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import and_, bindparam, delete, func, insert, select, update

from assay.features.datasets.model import Dataset, DatasetRevision, NewDataset, StoredSplit
from assay.features.datasets.profile import RevisionProfile
from assay.features.datasets.tables import datasets, revisions
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, FailedPrecondition, Internal, NotFound, ResourceInUse
from assay.kernel.jobs.job import JobFilter
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState, is_terminal
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.keyset import newest_page, page_of
from assay.kernel.storage.mapping import RowMapper, bound, values_of
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import Hook, SqlStore, UnitOfWork
from assay.learning.rows import TaskType
from assay.records import decode, encode, encode_text, sha256_hex

_D = datasets.c
_R = revisions.c

GOING = tuple(state for state in JobState if not is_terminal(state))
ID_ATTEMPTS = 8  # generated ids grow with each, so the eighth has never been needed

_DATASETS = RowMapper(Dataset, datasets)
_NEWEST = and_(
    _R.organization_id == _D.organization_id,
    _R.dataset_id == _D.dataset_id,
    _R.revision == _D.revision,
)
_SELECT = select(
    *_DATASETS.columns, _R.content_hash, func.coalesce(_R.splits, "{}").label("splits")
).select_from(datasets.outerjoin(revisions, _NEWEST))
_ORG = _D.organization_id == bindparam("org")
_HERE = (_ORG, _D.dataset_id == bindparam("id"))
_GET = Prepared(_SELECT.where(*_HERE))
_NAMED = Prepared(_SELECT.where(_ORG, _D.name == bindparam("name")))
_LOCK = Prepared(_SELECT.where(*_HERE).with_for_update(of=datasets))
_INSERT = insert_or_ignore(datasets)
_ADVANCE = Prepared(update(datasets).where(*_HERE).values(bound("revision", "updated_at")))
_DELETE = Prepared(delete(datasets).where(*_HERE))

_REVISIONS = RowMapper(DatasetRevision, revisions)
_IN = (_R.organization_id == bindparam("org"), _R.dataset_id == bindparam("id"))
_GET_REVISION = Prepared(
    select(*_REVISIONS.columns).where(*_IN, _R.revision == bindparam("number"))
)
_OF_JOB = Prepared(
    select(*_REVISIONS.columns).where(
        _R.organization_id == bindparam("org"), _R.job_id == bindparam("job")
    )
)
_LIST_REVISIONS = Prepared(
    select(*_REVISIONS.columns)
    .where(*_IN, _R.revision < bindparam("before"))
    .order_by(_R.revision.desc())
    .limit(bindparam("most"))
)
_INSERT_REVISION = Prepared(insert(revisions))
_NUMBERED = (*_IN, _R.revision == bindparam("number"))
_PROFILE = Prepared(select(_R.profile).where(*_NUMBERED))
_PUT_PROFILE = Prepared(update(revisions).where(*_NUMBERED).values(bound("profile")))


class DatasetDeletion(Hook):
    """Asked before a dataset is deleted with its revisions."""

    def check(
        self, uow: UnitOfWork, organization_id: str, dataset_id: str, *, cascade: bool
    ) -> None:
        """Raise a refusal where something of the dataset must end, or go, first."""


class Datasets(SqlStore):
    """Datasets and their revisions."""

    noun = "dataset"

    def create(self, organization_id: str, new: NewDataset, *, if_absent: bool = False) -> Dataset:
        """Store a new dataset without rows, under a new id.

        A taken name raises AlreadyExists; with `if_absent` the dataset that has it is returned if
        it is of the same task type.
        """
        now = self._db.now()
        for attempt in range(ID_ATTEMPTS):
            dataset_id = self._db.ids.new_dataset_id(attempt)
            values = values_of(
                datasets,
                new,
                organization_id=organization_id,
                dataset_id=dataset_id,
                revision=0,
                created_at=now,
                updated_at=now,
            )
            if self._db.run(_INSERT, **values):
                return self.get(organization_id, dataset_id)
            there = self._db.one(_NAMED, org=organization_id, name=new.name)
            if there is not None:
                return _of_name(_DATASETS.read(there), new, if_absent=if_absent)
        raise Internal("No free dataset id was found.")

    def get(self, organization_id: str, dataset_id: str) -> Dataset:
        """Return a dataset, or NotFound."""
        return _DATASETS.read(self._existing(_GET, organization_id, dataset_id))

    def find(self, organization_id: str, key: str) -> Dataset:
        """Return the dataset of an id or, where there is none, of a name; else NotFound."""
        row = self._db.one(_GET, org=organization_id, id=key)
        row = row or self._db.one(_NAMED, org=organization_id, name=key)
        if row is None:
            raise NotFound.of(self.noun, key)
        return _DATASETS.read(row)

    def list(
        self, organization_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[Dataset]:
        """Return a page of datasets."""
        statement = _SELECT.where(_D.organization_id == organization_id)
        return newest_page(
            self._db, statement, _D.dataset_id, _DATASETS.read, limit=limit, after=after
        )

    def hold(self, organization_id: str, dataset_id: str) -> Dataset:
        """Return a dataset that nobody else changes until this transaction ends, or NotFound."""
        return _DATASETS.read(self._existing(_LOCK, organization_id, dataset_id))

    def delete(self, organization_id: str, dataset_id: str, *, cascade: bool = False) -> None:
        """Delete a dataset; with `cascade` its revisions go with it.

        Without `cascade` a dataset that has rows raises ResourceInUse, and so does one of which a
        job has not ended. An absent one raises NotFound.
        """
        dataset = self.hold(organization_id, dataset_id)
        if dataset.revision and not cascade:
            raise ResourceInUse(
                f"The dataset '{dataset_id}' has {dataset.revision} revision(s) of rows. Send "
                "cascade to delete them with it.",
                metadata={"dataset_id": dataset_id, "revisions": dataset.revision},
            )
        self._refuse_busy(organization_id, dataset_id)
        for hook in self._db.hooks(DatasetDeletion):
            hook.check(self._db, organization_id, dataset_id, cascade=cascade)
        self._db[BlobReferences].remove(organization_id, dataset_owner(dataset_id))
        self._db.run(_DELETE, org=organization_id, id=dataset_id)

    def add_revision(
        self,
        organization_id: str,
        dataset_id: str,
        splits: Mapping[str, StoredSplit],
        *,
        blobs: Iterable[str],
        job_id: str,
        created_by: str,
    ) -> DatasetRevision:
        """Store the newest revision: that before it, with `splits` in place of those of their name.

        `blobs` are the addresses of what the new splits hold; they are kept as long as the dataset.
        An absent dataset raises NotFound, more bytes than are allowed QuotaExceeded, and features
        that are not those of a split that stays FailedPrecondition.
        """
        dataset = self.hold(organization_id, dataset_id)
        merged = {**dataset.splits, **splits}
        _refuse_other_features(merged)
        self._db[BlobReferences].add(organization_id, dataset_owner(dataset_id), blobs)
        now, number = self._db.now(), dataset.revision + 1
        values = values_of(
            revisions,
            None,
            organization_id=organization_id,
            dataset_id=dataset_id,
            revision=number,
            content_hash=content_hash(dataset.task_type, merged),
            splits=merged,
            job_id=job_id,
            created_at=now,
            created_by=created_by,
        )
        self._db.run(_INSERT_REVISION, **values)
        self._db.run(_ADVANCE, org=organization_id, id=dataset_id, revision=number, updated_at=now)
        return self.revision(organization_id, dataset_id, number)

    def revision(
        self, organization_id: str, dataset_id: str, number: int | None = None
    ) -> DatasetRevision:
        """Return a revision, by default the newest; NotFound if dataset or revision is absent."""
        dataset = self.get(organization_id, dataset_id)
        wanted = dataset.revision if number is None else number
        row = self._db.one(_GET_REVISION, org=organization_id, id=dataset_id, number=wanted)
        if row is None:
            raise NotFound.of(
                "revision",
                str(wanted),
                f"The dataset '{dataset_id}' has {_numbers(dataset.revision)}.",
            )
        return _REVISIONS.read(row)

    def revision_of(self, organization_id: str, job_id: str) -> DatasetRevision | None:
        """Return the revision that a job made; None: none, or it was deleted."""
        row = self._db.one(_OF_JOB, org=organization_id, job=job_id)
        return None if row is None else _REVISIONS.read(row)

    def list_revisions(
        self, organization_id: str, dataset_id: str, *, limit: int, after: Cursor | None = None
    ) -> Page[DatasetRevision]:
        """Return a page of a dataset's revisions; an absent dataset raises NotFound."""
        dataset = self.get(organization_id, dataset_id)
        first = dataset.revision + 1 if after is None else int(after.id)
        rows = self._db.all(
            _LIST_REVISIONS, org=organization_id, id=dataset_id, before=first, most=limit + 1
        )
        return page_of(
            rows,
            limit,
            _REVISIONS.read,
            lambda one: Cursor(created_at=one.created_at, id=str(one.revision)),
        )

    def profile(self, organization_id: str, dataset_id: str, number: int) -> RevisionProfile | None:
        """Return the profile of a revision; None: none was stored."""
        row = self._db.one(_PROFILE, org=organization_id, id=dataset_id, number=number)
        return None if row is None or row.profile is None else decode(RevisionProfile, row.profile)

    def put_profile(
        self, organization_id: str, dataset_id: str, number: int, profile: RevisionProfile
    ) -> None:
        """Store the profile of a revision, if that is still there."""
        self._db.run(
            _PUT_PROFILE,
            org=organization_id,
            id=dataset_id,
            number=number,
            profile=encode_text(profile),
        )

    def _refuse_busy(self, organization_id: str, dataset_id: str) -> None:
        going = JobFilter(resource=dataset_id, states=GOING)
        for job in self._db[Jobs].list(organization_id, limit=1, chosen=going).items:
            raise ResourceInUse(
                f"The dataset '{dataset_id}' cannot be deleted while the job '{job.job_id}' has not "
                "ended. Wait for it, or cancel it.",
                metadata={"dataset_id": dataset_id, "job_id": job.job_id},
            )


def dataset_owner(dataset_id: str) -> str:
    """Return the owner of blobs that a dataset is."""
    return f"dataset/{dataset_id}"


def content_hash(task_type: TaskType, splits: Mapping[str, StoredSplit]) -> str:
    """Return the SHA-256 that names what a revision holds, in hex."""
    return sha256_hex(
        encode({"task_type": task_type, "splits": {k: v.manifest for k, v in splits.items()}})
    )


def _refuse_other_features(splits: Mapping[str, StoredSplit]) -> None:
    by_hash = {one.schema_hash: name for name, one in splits.items()}
    if len(by_hash) > 1:
        first, second = list(by_hash.values())[:2]
        raise FailedPrecondition(
            f"The splits {first} and {second} have different features; they were uploaded at the "
            "same time. Upload one of them again: it is read as the other one is.",
            metadata={"splits": ", ".join(splits)},
        )


def _numbers(newest: int) -> str:
    return f"the revisions 1 to {newest}" if newest else "no rows yet; upload a split first"


def _of_name(there: Dataset, new: NewDataset, *, if_absent: bool) -> Dataset:
    if if_absent and there.task_type is new.task_type:
        return there
    raise AlreadyExists(
        f"The dataset '{there.dataset_id}' of the task type {there.task_type} is called "
        f"'{new.name}'. Choose another name, or send if_absent to take that dataset.",
        metadata={
            "resource_type": "dataset",
            "resource_id": there.dataset_id,
            "name": new.name,
            "task_type": there.task_type,
        },
    )
