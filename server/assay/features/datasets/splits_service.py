"""Splits: stored from a file or made of another split, by a job that is waited for."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from assay.features.datasets.job_spec import (
    PARTITION_KIND,
    UPLOAD_KIND,
    SplitPartition,
    SplitUpload,
)
from assay.features.datasets.model import SPLITS, Dataset, DatasetRevision, check_split
from assay.features.datasets.service import DatasetProfiles
from assay.features.datasets.store import Datasets
from assay.features.datasets.stored_split import read_manifest
from assay.kernel.body_reader import Receiver
from assay.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Unavailable
from assay.kernel.file_formats import file_format
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job, NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import is_terminal
from assay.kernel.kernel import Kernel
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, encode, replace

UPLOAD_WAIT_SECONDS = 60.0
MAKE_WAIT_SECONDS = 20.0  # within the gateway's time for a write
TRAIN = "train"
ROUNDING = 1e-9  # that fractions may lack of 1, or have more


class PartitionRequest(Record):
    """What a caller asks to have made of a split."""

    dataset_id: str  # or its name
    fractions: Mapping[str, float]  # by split; what is left of 1 stays in the source
    source: str = TRAIN  # the split whose rows are shared out
    seed: int = 0  # decides which rows go where
    stratified: bool | None = None  # None: where rows have one class
    grouped: bool | None = None  # None: where rows have groups
    replace: bool = False  # of splits that are there already
    request_id: str | None = None  # a repeat returns the first answer
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_split("source", self.source)
        for name, fraction in self.fractions.items():
            check_split(f"fractions.{name}", name)
            if not (math.isfinite(fraction) and 0 < fraction < 1):
                raise InvalidArgument.of(
                    f"fractions.{name}",
                    f"{fraction:g} was sent; more than 0 and less than 1 is allowed",
                )
        total = math.fsum(self.fractions.values())
        wanted = "exactly" if self.source in self.fractions else "less than"
        if total > 1 + ROUNDING or (wanted == "exactly") != (abs(total - 1) <= ROUNDING):
            raise InvalidArgument.of(
                "fractions",
                f"they sum to {total:g}; together they are {wanted} 1, as {self.source} is "
                f"{'among them' if wanted == 'exactly' else 'what keeps the rest'}",
            )

    @property
    def shares(self) -> Mapping[str, float]:
        """The fraction of every split, the source among them."""
        rest = 1 - math.fsum(self.fractions.values())
        return (
            self.fractions
            if self.source in self.fractions
            else {self.source: rest, **self.fractions}
        )


@dataclass(frozen=True, kw_only=True)
class ChangedSplits:
    """What a job that makes splits has come to."""

    dataset_id: str
    job: Job
    revision: DatasetRevision | None  # None: the job goes on
    warnings: tuple[str, ...]  # what speaks against learning from the revision

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return is_terminal(self.job.state)


class SplitUseCases:
    """Splits of datasets; async, as a body may be long and a job is waited for."""

    def __init__(self, kernel: Kernel, profiles: DatasetProfiles) -> None:
        self._store = kernel.store
        self._blobs = kernel.blobs
        self._watches = kernel.watches
        self._run_in_thread = kernel.run_in_thread
        self._max_attempts = kernel.limits.max_attempts
        self._profiles = profiles
        self._receiver = Receiver(
            kernel.blobs,
            run_in_thread=kernel.run_in_thread,
            max_bytes=kernel.limits.max_file_bytes,
        )

    async def upload(
        self,
        organization_id: str,
        key: str,
        split: str,
        *,
        content_type: str,
        pieces: AsyncIterator[bytes],
        request_id: str | None = None,
        created_by: str = "",
        wait: bool = True,
    ) -> ChangedSplits:
        """Store a file as a split of the dataset of an id or a name, and return what came of it.

        Raises:
            InvalidArgument: no such split.
            BadContentType: the file is of a format that is not read here.
            NotFound: no such dataset.
            TooLarge: the file, or what it unpacks to, is over a limit; nothing of it stays.
            BadFile, BadRows: the file cannot be read, or a row breaks a rule.
            RequestIdReused: the request_id came before with another body.
        """
        source = file_format(content_type)
        check_split("split", split)
        dataset = await self._run_in_thread(lambda: self._find(organization_id, key))
        async with self._receiver.received(organization_id, pieces) as body:
            spec = SplitUpload(
                dataset_id=dataset.dataset_id,
                split=split,
                task_type=dataset.task_type,
                source=source,
                blob=body.address,
                like=None,
                created_by=created_by,
            )
            request = CreateRequest(
                method="UploadSplit", request_id=request_id, body=replace(spec, created_by="")
            )
            job = await self._run_in_thread(
                lambda: self._submit(
                    organization_id,
                    request,
                    lambda uow: (UPLOAD_KIND, _like_others(uow, organization_id, spec)),
                    blobs=(body.address,),
                )
            )
        seconds = UPLOAD_WAIT_SECONDS if wait else 0.0
        changed = await self._outcome(organization_id, dataset.dataset_id, job, seconds)
        if changed.is_terminal:  # the rows rest as blocks, or are refused
            await self._run_in_thread(body.take_back)
        if changed.job.error is not None:
            raise changed.job.error.refusal(dataset_id=dataset.dataset_id, job_id=job.job_id)
        return changed

    async def make(self, organization_id: str, request: PartitionRequest) -> ChangedSplits:
        """Make splits from one, and return what came of it.

        Raises:
            NotFound: no such dataset.
            FailedPrecondition: it has no such split, rows have no classes or groups that were
                asked for, or a split would have no rows.
            AlreadyExists: a split would be replaced.
            RequestIdReused: the request_id came before with another body.
        """
        dataset = await self._run_in_thread(lambda: self._find(organization_id, request.dataset_id))
        body = replace(request, dataset_id=dataset.dataset_id, created_by="")
        create = CreateRequest(method="MakeSplits", request_id=request.request_id, body=body)
        job = await self._run_in_thread(
            lambda: self._submit(
                organization_id,
                create,
                lambda uow: (
                    PARTITION_KIND,
                    self._partition(
                        uow[Datasets].get(organization_id, dataset.dataset_id), request
                    ),
                ),
            )
        )
        changed = await self._outcome(organization_id, dataset.dataset_id, job, MAKE_WAIT_SECONDS)
        if changed.job.error is not None:
            raise changed.job.error.refusal(dataset_id=dataset.dataset_id, job_id=job.job_id)
        return changed

    def _find(self, organization_id: str, key: str) -> Dataset:
        with self._store.read() as uow:
            return uow[Datasets].find(organization_id, key)

    def _submit(
        self,
        organization_id: str,
        request: CreateRequest,
        make: Callable[[UnitOfWork], tuple[str, SplitUpload | SplitPartition]],
        *,
        blobs: tuple[str, ...] = (),
    ) -> Job:
        def submit(uow: UnitOfWork) -> Job:
            kind, spec = make(uow)
            new = NewJob(
                kind=kind,
                spec=encode(spec),
                resource=spec.dataset_id,
                blobs=blobs,
                max_attempts=self._max_attempts,
                created_by=spec.created_by,
            )
            return uow[Jobs].submit(organization_id, new)

        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                request,
                make=lambda: submit(uow),
                again=lambda key: uow[Jobs].get(organization_id, key),
                key_of=lambda job: job.job_id,
            )

    async def _outcome(
        self, organization_id: str, dataset_id: str, job: Job, seconds: float
    ) -> ChangedSplits:
        if seconds:
            await self._watches.wait(organization_id, job.job_id, seconds)

        def read() -> tuple[Job, DatasetRevision | None]:
            with self._store.read() as uow:
                found = uow[Jobs].get(organization_id, job.job_id)
                return found, uow[Datasets].revision_of(organization_id, job.job_id)

        ended, revision = await self._run_in_thread(read)
        warnings = () if revision is None else await self._warnings(revision)
        return ChangedSplits(
            dataset_id=dataset_id,
            job=ended,
            revision=revision,
            warnings=warnings,
        )

    async def _warnings(self, revision: DatasetRevision) -> tuple[str, ...]:
        try:
            return (await self._profiles.of(revision)).warnings
        except Unavailable as error:
            return (error.message,)

    def _partition(self, dataset: Dataset, request: PartitionRequest) -> SplitPartition:
        stored = dataset.splits.get(request.source)
        if stored is None:
            raise FailedPrecondition(
                f"The dataset '{dataset.dataset_id}' has no split {request.source}; it has "
                f"{', '.join(dataset.splits) or 'none'}. Upload it first.",
                metadata={"dataset_id": dataset.dataset_id, "split": request.source},
            )
        there = [name for name in SPLITS if name in request.fractions and name in dataset.splits]
        others = [name for name in there if name != request.source]
        if others and not request.replace:
            raise AlreadyExists(
                f"The dataset '{dataset.dataset_id}' has the split(s) {', '.join(others)}. Send "
                "replace to have other rows in them; older revisions keep theirs.",
                metadata={"dataset_id": dataset.dataset_id, "splits": ", ".join(others)},
            )
        whose = ("dataset", dataset.dataset_id)
        blobs = JobBlobs(self._blobs, dataset.organization_id, whose=whose)
        has_groups = read_manifest(stored.manifest, blobs).has_groups
        has_classes = dataset.task_type.has_label
        _refuse_absent("stratified", request.stratified, has_classes, "rows have one class each")
        _refuse_absent("grouped", request.grouped, has_groups, "rows have groups")
        return SplitPartition(
            dataset_id=dataset.dataset_id,
            source=request.source,
            manifest=stored.manifest,
            fractions=request.shares,
            seed=request.seed,
            stratified=has_classes if request.stratified is None else request.stratified,
            grouped=has_groups if request.grouped is None else request.grouped,
            created_by=request.created_by,
        )


def _like_others(uow: UnitOfWork, organization_id: str, spec: SplitUpload) -> SplitUpload:
    """Return the spec with the manifest of a split that stays, if there is one."""
    splits = uow[Datasets].get(organization_id, spec.dataset_id).splits
    stays = [splits[name].manifest for name in SPLITS if name in splits and name != spec.split]
    return replace(spec, like=stays[0] if stays else None)


def _refuse_absent(name: str, wanted: bool | None, there: bool, where: str) -> None:
    if wanted and not there:
        raise FailedPrecondition(
            f"{name} is possible where {where}, which those of this split do not. Leave it out.",
            metadata={"field": name},
        )
