"""Benchmarks: created from a snapshot, read, listed, canceled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from assay.features.benchmarks.job_spec import VERSION_BENCHMARK_KIND
from assay.features.benchmarks.model import (
    BENCHMARK_KIND,
    Benchmark,
    BenchmarkJob,
    BenchmarkStatus,
    NewBenchmark,
)
from assay.features.benchmarks.snapshot_artifact import Snapshot, take_snapshot
from assay.features.benchmarks.store import Benchmarks
from assay.features.benchmarks.unmatched import NAMED, Matching, Unmatched
from assay.features.benchmarks.version_service import VersionRun, version_run
from assay.features.extraction_runs.model import Pair
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.clock import Clock
from assay.kernel.errors import FailedPrecondition, InvalidArgument, JobNotCancelable, clip
from assay.kernel.idempotency import CreateRequest, answered, create_once
from assay.kernel.ids import Ids
from assay.kernel.jobs.job import NewJob
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.rpc.paging import Counted, counted, page_limit, place_of
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import encode, replace

PAGE_DOCUMENTS = 500  # documents that are read at a time


@dataclass(frozen=True, kw_only=True)
class BenchmarkQuery:
    """Which benchmarks are listed."""

    limit: int | None = None  # None: the default
    cursor: str = ""
    dataset_id: str = ""  # empty: of all
    status: str = ""  # empty: of any


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A benchmark that was checked, before it is queued."""

    new: NewBenchmark
    asked: BenchmarkJob
    unmatched: Unmatched | None
    predicts: VersionRun | None  # None: its extractions are stored


class BenchmarkUseCases:
    """The benchmarks of an organization; blocking, and safe to share between threads."""

    def __init__(
        self, store: Store, blobs: BlobStore, ids: Ids, clock: Clock, *, max_attempts: int = 3
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._ids = ids
        self._clock = clock
        self._max_attempts = max_attempts

    def job_id(self, organization_id: str, benchmark_id: str) -> str:
        """Return the job that makes a benchmark; raises NotFound."""
        with self._store.read() as uow:
            return uow[Benchmarks].get(organization_id, benchmark_id).job_id

    def create(
        self,
        organization_id: str,
        new: NewBenchmark,
        *,
        created_by: str,
        request_id: str | None = None,
    ) -> Benchmark:
        """Take a snapshot of the dataset and queue its benchmark, or return that of a repeat.

        Its documents are read and written to blobs a page at a time, before the commit that
        makes the benchmark: it takes as long as the dataset is large.

        Raises:
            NotFound: the dataset, run, schema, model, version or benchmark to compare with is
                absent.
            FailedPrecondition: the dataset is empty, the benchmark to compare with is of
                another dataset or has failed, or the version cannot extract anything.
            TooLarge: the documents are too large together, or too many are to be predicted.
            RequestIdReused: the request_id came before with another body.
        """
        request = CreateRequest(method="CreateBenchmark", request_id=request_id, body=new)
        first = self._first(organization_id, request)
        if first is not None:
            return first
        with self._store.read() as uow:
            schema, new = _checked(uow, organization_id, new)
            predicts = version_run(uow, self._blobs, organization_id, new)
            snapshot, unmatched = self._snapshot(uow, organization_id, new)
        asked = BenchmarkJob(
            benchmark_id=self._ids.new_uuid(),
            schema=None if schema is None else self._blobs.put(organization_id, schema),
            documents=snapshot.documents,
            truth=snapshot.truth,
            blobs=snapshot.blobs,
        )
        draft = _Draft(new=new, asked=asked, unmatched=unmatched, predicts=predicts)
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                request,
                make=lambda: self._make(uow, organization_id, draft, created_by=created_by),
                again=lambda key: uow[Benchmarks].get(organization_id, key),
                key_of=lambda made: made.benchmark_id,
            )

    def list(self, organization_id: str, query: BenchmarkQuery) -> Counted[Benchmark]:
        """Return a page of benchmarks, newest first.

        Raises:
            InvalidArgument: the limit or the status is not allowed.
            NotFound: there is neither such a dataset nor a benchmark of it.
            BadPageToken: the cursor is of another listing.
        """
        limit, status = page_limit(query.limit), _status(query.status)
        dataset_id = query.dataset_id or None
        scope = self._store.scope(f"benchmarks/{organization_id}/{status or ''}/{dataset_id or ''}")
        after = place_of(query.cursor, scope)
        with self._store.read() as uow:
            page = uow[Benchmarks].list(
                organization_id, limit=limit, after=after, dataset_id=dataset_id, status=status
            )
            total = uow[Benchmarks].count(organization_id, dataset_id=dataset_id, status=status)
            if dataset_id is not None and not page.items:
                _require_dataset(uow, organization_id, dataset_id)
        return counted(page, scope, total=total, limit=limit)

    def cancel(self, organization_id: str, benchmark_id: str) -> Benchmark:
        """Ask a benchmark to end: at once where nothing runs, else at the runner's next sign.

        Raises:
            NotFound: no such benchmark.
            JobNotCancelable: it has ended.
        """
        with self._store.write() as uow:
            found = uow[Benchmarks].get(organization_id, benchmark_id)
            if found.ended_at is not None:
                raise JobNotCancelable(
                    f"The benchmark '{benchmark_id}' has ended: it is {found.status}.",
                    metadata={"benchmark_id": benchmark_id, "status": found.status},
                )
            uow[Jobs].request_cancel(organization_id, found.job_id)
            return uow[Benchmarks].get(organization_id, benchmark_id)

    def delete(self, organization_id: str, benchmark_id: str, *, cascade: bool) -> None:
        """Delete a benchmark.

        Raises:
            NotFound: no such benchmark.
            ResourceInUse: it has not ended, or others are compared with it.
        """
        with self._store.write() as uow:
            uow[Benchmarks].delete(organization_id, benchmark_id, cascade=cascade)

    def _first(self, organization_id: str, request: CreateRequest) -> Benchmark | None:
        """Return what the same request made before, so that no snapshot is taken in vain."""
        with self._store.read() as uow:
            return answered(
                uow, organization_id, request, lambda key: uow[Benchmarks].get(organization_id, key)
            )

    def _snapshot(
        self, uow: UnitOfWork, organization_id: str, new: NewBenchmark
    ) -> tuple[Snapshot, Unmatched | None]:
        run_id, held = new.run_id, None
        if new.model_id is not None:
            return self._taken(organization_id, new, _truths(uow, organization_id, new)), None
        foreign: tuple[str, ...] = ()
        if run_id is not None:
            held = uow[ExtractionRuns].get(organization_id, run_id).document_count
            foreign = uow[Extractions].foreign(organization_id, new.dataset_id, run_id, NAMED)
        matching = Matching(foreign)
        pairs = matching.watched(_pairs(uow, organization_id, new))
        return self._taken(organization_id, new, pairs), matching.found(held)

    def _taken(self, organization_id: str, new: NewBenchmark, pairs: Iterable[Pair]) -> Snapshot:
        snapshot = take_snapshot(pairs, lambda data: self._blobs.put(organization_id, data))
        if not snapshot.documents:
            raise FailedPrecondition(
                f"The dataset '{new.dataset_id}' has no entries, so that there is nothing to "
                "compare. Add entries to it first.",
                metadata={"dataset_id": new.dataset_id},
            )
        return snapshot

    def _make(
        self,
        uow: UnitOfWork,
        organization_id: str,
        draft: _Draft,
        *,
        created_by: str,
    ) -> Benchmark:
        name = draft.new.name or _name_at(self._clock.now())
        new, asked, kind = replace(draft.new, name=name), draft.asked, BENCHMARK_KIND
        if draft.predicts is not None:
            empty = draft.predicts.new_run(name, created_by)
            new = new.of_run(uow[ExtractionRuns].create(organization_id, empty).run_id)
            asked, kind = draft.predicts.spec(asked, new.run_id), VERSION_BENCHMARK_KIND
        job = uow[Jobs].submit(
            organization_id,
            NewJob(
                kind=kind,
                spec=encode(asked),
                resource=asked.benchmark_id,
                blobs=asked.blobs_named,
                max_attempts=self._max_attempts,
                created_by=created_by,
            ),
        )
        return uow[Benchmarks].create(
            organization_id,
            new,
            benchmark_id=asked.benchmark_id,
            job_id=job.job_id,
            documents_total=asked.documents,
            unmatched=draft.unmatched,
        )


def _name_at(now: datetime) -> str:
    """Return the name of a benchmark that was given none: two of one day differ."""
    return f"Benchmark {now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}"


def _checked(
    uow: UnitOfWork, organization_id: str, new: NewBenchmark
) -> tuple[bytes | None, NewBenchmark]:
    """Return the schema's definition and `new` with its id, all that it names being there."""
    dataset = uow[GroundTruthDatasets].get(organization_id, new.dataset_id)
    if new.run_id is not None:
        uow[ExtractionRuns].get(organization_id, new.run_id)
    _check_compared(uow, organization_id, new)
    schema_id = new.user_schema_id or dataset.user_schema_id
    if schema_id is None:
        return None, new
    schema = uow[UserSchemas].get(organization_id, schema_id)
    return schema.definition, replace(new, user_schema_id=schema_id)


def _require_dataset(uow: UnitOfWork, organization_id: str, dataset_id: str) -> None:
    """Raise NotFound unless there is a dataset, or a benchmark that has outlived it."""
    if not uow[Benchmarks].count(organization_id, dataset_id=dataset_id):
        uow[GroundTruthDatasets].get(organization_id, dataset_id)


def _check_compared(uow: UnitOfWork, organization_id: str, new: NewBenchmark) -> None:
    if new.compared_to_run_id is None:
        return
    other = uow[Benchmarks].get(organization_id, new.compared_to_run_id)
    wrong = None
    if other.dataset_id != new.dataset_id:
        wrong = f"is of the dataset '{other.dataset_id}', not of '{new.dataset_id}'"
    elif other.status is BenchmarkStatus.FAILED:
        wrong = "has failed and has no accuracy"
    if wrong is not None:
        raise FailedPrecondition(
            f"The benchmark '{other.benchmark_id}' {wrong}. Name another compared_to_run_id, or "
            "none for the dataset's previous one.",
            metadata={"compared_to_run_id": other.benchmark_id, "dataset_id": other.dataset_id},
        )


def _pairs(uow: UnitOfWork, organization_id: str, new: NewBenchmark) -> Iterator[Pair]:
    """Yield the dataset's documents by id, a page of them being held at a time."""
    after = ""
    while True:
        page = uow[Extractions].pairs(
            organization_id, new.dataset_id, run_id=new.run_id, limit=PAGE_DOCUMENTS, after=after
        )
        if not page:
            return
        yield from page
        after = page[-1].document_id


def _truths(uow: UnitOfWork, organization_id: str, new: NewBenchmark) -> Iterator[Pair]:
    """Yield the dataset's documents as `_pairs`, without extractions."""
    after = ""
    while True:
        page = uow[Entries].by_document(
            organization_id, new.dataset_id, limit=PAGE_DOCUMENTS, after=after
        )
        if not page:
            return
        for one in page:
            yield Pair(entry_id=one.entry_id, document_id=one.document_id, expected=one.expected)
        after = page[-1].document_id


def _status(word: str) -> BenchmarkStatus | None:
    if not word:
        return None
    try:
        return BenchmarkStatus(word)
    except ValueError as error:
        allowed = ", ".join(BenchmarkStatus)
        raise InvalidArgument.of(
            "status", f"'{clip(word)}' was sent; {allowed} are allowed", value=word
        ) from error
