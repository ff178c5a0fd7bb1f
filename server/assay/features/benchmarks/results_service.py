"""Results of a benchmark: its numbers, and its documents page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

import numpy as np

from assay.extraction.outcome import Outcome
from assay.extraction.schema import FieldSchema
from assay.features.benchmarks.model import Benchmark, BenchmarkResult, ResultBlobRef
from assay.features.benchmarks.results_artifact import (
    OUTCOMES,
    DocumentResult,
    ResultBlob,
    ResultFilter,
    result_id,
)
from assay.features.benchmarks.snapshot_artifact import read_line
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.cache import BoundedCache
from assay.kernel.cursor import Cursor
from assay.kernel.errors import FailedPrecondition, InvalidArgument, clip
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.rpc.paging import Counted, page_limit, place_of
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.failures import data_of
from assay.kernel.storage.indexed_json import SectionIndex
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import decode, replace

PAGE_BYTES = 4 << 20  # of values and of what is shown with them; a page has one document at least
SHOWN_BYTES = 160  # what is shown of one comparison beside its values, as JSON
PAGE_BLOBS = 64  # blobs of results that one page looks through for what a filter takes
MAX_SHOWN_FIELDS = 10  # of a refusal
REMEMBERED_BYTES = 8 << 20  # of JSON; what it becomes takes several times as much


@dataclass(frozen=True, kw_only=True)
class ResultQuery:
    """Which results are listed."""

    benchmark_id: str
    limit: int | None = None  # None: the default
    cursor: str = ""
    field: str = ""  # empty: of any
    outcome: str = ""  # empty: any
    only_wrong: bool = False

    @property
    def filter(self) -> ResultFilter:
        """The filter; InvalidArgument for an unknown outcome."""
        if self.outcome and self.outcome not in set(OUTCOMES):
            allowed = ", ".join(OUTCOMES)
            raise InvalidArgument.of(
                "outcome", f"'{clip(self.outcome)}' was sent; {allowed} are allowed",
                value=self.outcome,
            )  # fmt: skip  # one call
        outcome = Outcome(self.outcome) if self.outcome else None
        return ResultFilter(field=self.field, outcome=outcome, wrong=self.only_wrong)

    @property
    def scope(self) -> str:
        """What a cursor of this listing is good for."""
        words = (self.benchmark_id, self.field, self.outcome, str(self.only_wrong))
        return "/".join(("benchmark-results", *words))


@dataclass(frozen=True, kw_only=True)
class KnownDocument:
    """A document's result as a caller gets it."""

    result_id: str
    result: DocumentResult
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All numbers of a completed benchmark."""

    result: BenchmarkResult
    overall: Mapping[str, Any]  # this and those below: sections of job_details
    fields: Mapping[str, Any]
    calibration: Mapping[str, Any]
    schema: Mapping[str, Any]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Detailed:
    """A benchmark with its numbers and the first of its documents."""

    benchmark: Benchmark
    measured: Measured | None  # None until it is completed
    documents: tuple[KnownDocument, ...]


class BenchmarkReader:
    """Reads results; blocking, and safe to share between threads."""

    def __init__(self, store: Store, blobs: BlobStore, *, page_blobs: int = PAGE_BLOBS) -> None:
        self._store = store
        self._blobs = blobs
        self._page_blobs = page_blobs
        self._memory = BoundedCache(REMEMBERED_BYTES)

    def detailed(self, organization_id: str, benchmark_id: str, documents: int) -> Detailed:
        """Return a benchmark with its numbers and its first `documents`; raises NotFound."""
        with self._store.read() as uow:
            benchmark = uow[Benchmarks].get(organization_id, benchmark_id)
            result = _result(uow, benchmark)
        if result is None:
            return Detailed(benchmark=benchmark, measured=None, documents=())
        sections = {
            name: self._section(benchmark, result.details, name)
            for name in ("overall", "fields", "calibration", "schema", "environment")
        }
        page = self._walk(benchmark, result, ResultFilter(), 0)
        return Detailed(
            benchmark=benchmark,
            measured=Measured(result=result, **sections),
            documents=_known(benchmark, _page(page, documents)[0]),
        )

    def results(self, organization_id: str, query: ResultQuery) -> Counted[KnownDocument]:
        """Return a page of documents' results, by document id.

        A page may have fewer documents than its limit, even none, and yet lead on to more:
        large results end it, and so does a long way without any that a filter takes.

        Raises:
            InvalidArgument: the limit, the outcome or the field is not allowed.
            BadPageToken: the cursor is of another listing.
            NotFound: no such benchmark.
            FailedPrecondition: it is not completed.
        """
        limit, wanted = page_limit(query.limit), query.filter
        scope = self._store.scope(f"{organization_id}/{query.scope}")
        after = place_of(query.cursor, scope)
        with self._store.read() as uow:
            benchmark = uow[Benchmarks].get(organization_id, query.benchmark_id)
            result = _result(uow, benchmark)
        if result is None:
            raise FailedPrecondition(
                f"The benchmark '{benchmark.benchmark_id}' is {benchmark.status} and has no "
                "results. " + ("Create it anew." if benchmark.ended_at else "Watch it to its end."),
                metadata={"benchmark_id": benchmark.benchmark_id, "status": benchmark.status},
            )
        start = 0 if after is None else int(after.id)
        total = result.documents
        if not wanted.is_empty:
            counts = self._section(benchmark, result.details, "filters")
            if wanted.field not in counts:
                self._check_field(benchmark, result, wanted.field)
            total = wanted.count(counts)
        page, place = _page(self._walk(benchmark, result, wanted, start), limit)
        token = None
        if place is not None and place < result.documents:
            next_ = Cursor(created_at=benchmark.created_at, id=str(place))
            token = next_.token(scope)
        return Counted(items=_known(benchmark, page), total=total, limit=limit, next_cursor=token)

    def _walk(
        self, benchmark: Benchmark, result: BenchmarkResult, wanted: ResultFilter, start: int
    ) -> Iterator[_Step]:
        """Yield a step for each document that is wanted, and a last one where the walk ends."""
        looked = 0
        for ref in result.blobs:
            if ref.first + ref.documents <= start:
                continue
            if looked == self._page_blobs:
                yield _Step(place=ref.first, size=0, document=None)
                return
            looked += 1
            with closing(self._open(benchmark, ref.blob)) as file:
                blob = ResultBlob(file)
            yield from self._steps(benchmark, blob, ref, wanted, start)

    def _steps(
        self,
        benchmark: Benchmark,
        blob: ResultBlob,
        ref: ResultBlobRef,
        wanted: ResultFilter,
        start: int,
    ) -> Iterator[_Step]:
        for number in np.flatnonzero(wanted.taken(blob.outcomes)).tolist():
            place = ref.first + number
            if place < start:
                continue
            line = blob.line(number)
            with closing(self._open(benchmark, line.blob)) as file:
                file.seek(line.offset)
                document = blob.result(number, read_line(file.read(line.size)))
            if not wanted.is_empty:
                kept = tuple(one for one in document.fields if wanted.takes(one))
                document = replace(document, fields=kept)
            size = line.size + SHOWN_BYTES * len(document.fields)
            yield _Step(place=place, size=size, document=document)

    def _check_field(self, benchmark: Benchmark, result: BenchmarkResult, path: str) -> None:
        """Raise InvalidArgument for a field that the schema has not; it need not have a value."""
        schema = FieldSchema.from_mapping(self._section(benchmark, result.details, "schema"))
        paths = schema.leaf_paths()
        if path and path not in paths:
            some = ", ".join(clip(one, 40) for one in paths[:MAX_SHOWN_FIELDS])
            more = ", …" if len(paths) > MAX_SHOWN_FIELDS else ""
            raise InvalidArgument.of(
                "field", f"'{clip(path)}' was sent; the fields are {some}{more}", value=path
            )

    def _open(self, benchmark: Benchmark, address: str) -> BinaryIO:
        with data_of("benchmark", benchmark.benchmark_id):
            return self._blobs.open(benchmark.organization_id, address)

    def _section(self, benchmark: Benchmark, address: str, name: str) -> Any:
        def read() -> tuple[Any, int]:
            with closing(self._open(benchmark, address)) as file:
                index = SectionIndex.of(file)
                return index.read(file, name, object), index.places[name][1]

        # An address names its content: whoever comes this far has a benchmark with this content.
        return self._memory.get((address, name), read)


@dataclass(frozen=True, kw_only=True)
class _Step:
    place: int  # of the document in the benchmark
    size: int  # bytes that it takes on a page
    document: DocumentResult | None  # None: the walk ended before this place


def _page(steps: Iterator[_Step], limit: int) -> tuple[list[DocumentResult], int | None]:
    """Return the documents of a page, and the place where the next one starts."""
    found: list[DocumentResult] = []
    held = 0
    for step in steps:
        held += step.size
        full = len(found) == limit or (held > PAGE_BYTES and found)
        if step.document is None or full:
            return found, step.place
        found.append(step.document)
    return found, None


def _known(benchmark: Benchmark, documents: list[DocumentResult]) -> tuple[KnownDocument, ...]:
    return tuple(
        KnownDocument(
            result_id=result_id(benchmark.benchmark_id, one.document_id),
            result=one,
            created_at=benchmark.ended_at or benchmark.created_at,
        )
        for one in documents
    )


def _result(uow: UnitOfWork, benchmark: Benchmark) -> BenchmarkResult | None:
    if benchmark.scores is None:
        return None
    data = uow[Jobs].get(benchmark.organization_id, benchmark.job_id).result
    return None if data is None else decode(BenchmarkResult, data)
