"""The store of benchmarks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, null, or_, select, tuple_, update

from assay.features.benchmarks.model import (
    Benchmark,
    BenchmarkStatus,
    NewBenchmark,
    Scores,
    states_of,
)
from assay.features.benchmarks.tables import benchmarks
from assay.features.benchmarks.unmatched import Unmatched
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import AlreadyExists, NotFound, ResourceInUse
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.keyset import PAGE_BYTES, newest_first, page_of, within
from assay.kernel.storage.mapping import RowMapper, values_of
from assay.kernel.storage.sql import Prepared, Row, insert_or_ignore
from assay.kernel.storage.tables import jobs, status_updates
from assay.kernel.storage.unit_of_work import SqlStore
from assay.records import decode, encode_text

MAX_NAMED = 10  # benchmarks that a refusal names

_B = benchmarks.c
_J = jobs.c
_L = status_updates.c

_ITS_JOB = and_(_J.organization_id == _B.organization_id, _J.job_id == _B.job_id)
_PROGRESS = and_(
    _L.organization_id == _B.organization_id, _L.job_id == _B.job_id, _L.key == "progress"
)
_BENCHMARKS = RowMapper(Benchmark, benchmarks, computed=("documents_processed", "scores"))
_SELECT = select(
    *_BENCHMARKS.columns,
    _B.accuracy_overall,
    _B.accuracy_by_field,
    _B.extracted_documents,
    _J.state,
    _J.error,
    _J.ended_at,
    _L.data.label("progress"),
).select_from(benchmarks.join(jobs, _ITS_JOB).outerjoin(status_updates, _PROGRESS))
_ONE = and_(_B.organization_id == bindparam("org"), _B.benchmark_id == bindparam("id"))
_GET = Prepared(_SELECT.where(_ONE))
_INSERT = insert_or_ignore(benchmarks)
_MINE = Prepared(select(_B.dataset_id, _B.created_at, _B.compare_to).where(_ONE).with_for_update())
_SCORED = select(_B.benchmark_id, _B.accuracy_overall).where(_B.accuracy_overall.is_not(None))
_ASKED = Prepared(_SCORED.where(_ONE))
_PREVIOUS = Prepared(
    _SCORED.where(
        _B.organization_id == bindparam("org"),
        _B.dataset_id == bindparam("dataset"),
        _B.extracted_documents > 0,
        tuple_(_B.created_at, _B.benchmark_id) < tuple_(bindparam("at"), bindparam("id")),
    )
    .order_by(_B.created_at.desc(), _B.benchmark_id.desc())
    .limit(1)
)
_COMPARES = and_(
    _B.organization_id == bindparam("org"),
    or_(_B.compared_to == bindparam("id"), _B.compare_to == bindparam("id")),
)
_COMPARED = Prepared(select(_B.benchmark_id).where(_COMPARES).order_by(_B.benchmark_id))
_FORGET = Prepared(
    update(benchmarks)
    .where(_COMPARES)
    .values(compare_to=null(), compared_to=null(), accuracy_delta=null())
)
_DELETE = Prepared(delete(benchmarks).where(_ONE))
_FINISH = Prepared(
    update(benchmarks)
    .where(_ONE)
    .values(
        accuracy_overall=bindparam("overall"),
        accuracy_by_field=bindparam("by_field"),
        extracted_documents=bindparam("extracted"),
        accuracy_delta=bindparam("delta"),
        compared_to=bindparam("against"),
    )
)
_SET_UNMATCHED = Prepared(update(benchmarks).where(_ONE).values(unmatched=bindparam("found")))


class Benchmarks(SqlStore):
    """Benchmarks; their state, end and error are always those of their job."""

    def create(
        self,
        organization_id: str,
        new: NewBenchmark,
        *,
        benchmark_id: str,
        job_id: str,
        documents_total: int,
        unmatched: Unmatched | None = None,
    ) -> Benchmark:
        """Store a benchmark with a name, whose job was submitted before, and return it.

        A taken id raises AlreadyExists.
        """
        values = values_of(
            benchmarks,
            new,
            organization_id=organization_id,
            benchmark_id=benchmark_id,
            job_id=job_id,
            documents_total=documents_total,
            unmatched=unmatched,
            compare_to=new.compared_to_run_id,
            created_at=self._db.now(),
        )
        if not self._db.run(_INSERT, **values):
            raise AlreadyExists(
                f"The benchmark id '{benchmark_id}' or its job is taken.",
                metadata={"resource_type": "benchmark", "resource_id": benchmark_id},
            )
        return self.get(organization_id, benchmark_id)

    def get(self, organization_id: str, benchmark_id: str) -> Benchmark:
        """Return a benchmark, or NotFound."""
        row = self._db.one(_GET, org=organization_id, id=benchmark_id)
        if row is None:
            raise NotFound.of("benchmark", benchmark_id)
        return _read(row)

    def list(
        self,
        organization_id: str,
        *,
        limit: int,
        after: Cursor | None = None,
        dataset_id: str | None = None,
        status: BenchmarkStatus | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Page[Benchmark]:
        """Return a page of benchmarks, of one dataset and of one status if these are given.

        Dataset and status need not exist: then there are none. A page holds fewer than `limit`
        when their accuracies by field would have more than `max_bytes` of JSON, but never none
        while one is left.
        """
        sizes = select(
            func.length(_B.accuracy_by_field).label("size"), _B.benchmark_id
        ).select_from(benchmarks)
        if status is not None:
            sizes = sizes.join(jobs, _ITS_JOB)
        place = (_B.created_at, _B.benchmark_id)
        listed = self._db.select(
            newest_first(
                _filtered(sizes, organization_id, dataset_id, status),
                *place,
                limit=limit,
                after=after,
            )
        )
        kept = within(listed, limit, max_bytes, lambda row: row.size or 0)
        statement = _filtered(_SELECT, organization_id, dataset_id, status)
        rows = self._db.select(newest_first(statement, *place, limit=kept, after=after))
        # On PostgreSQL a state may have changed between the two looks, but not in one snapshot.
        return page_of(
            rows, kept, _read, lambda one: Cursor(created_at=one.created_at, id=one.benchmark_id)
        )

    def count(
        self,
        organization_id: str,
        *,
        dataset_id: str | None = None,
        status: BenchmarkStatus | None = None,
    ) -> int:
        """Return how many benchmarks a listing with the same arguments has in all."""
        counted = select(func.count().label("benchmarks")).select_from(benchmarks)
        if status is not None:
            counted = counted.join(jobs, _ITS_JOB)
        rows = self._db.select(_filtered(counted, organization_id, dataset_id, status))
        return int(rows[0].benchmarks)

    def delete(self, organization_id: str, benchmark_id: str, *, cascade: bool = False) -> None:
        """Delete a benchmark and let its blobs go; its job stays.

        ResourceInUse is raised while it has not ended, and without `cascade` while others are
        compared with it: with it they lose their delta. An absent benchmark raises NotFound.
        """
        found = self.get(organization_id, benchmark_id)
        if found.ended_at is None:
            raise _in_use(benchmark_id, "has not ended: cancel it first")
        key = {"org": organization_id, "id": benchmark_id}
        compared = [row.benchmark_id for row in self._db.all(_COMPARED, **key)]
        if compared and not cascade:
            names = ", ".join(compared[:MAX_NAMED])
            raise _in_use(
                benchmark_id,
                f"is what {len(compared)} others are compared with ({names}): send cascade, and "
                "they lose their accuracy_delta",
            )
        self._db.run(_FORGET, **key)
        self._db.run(_DELETE, **key)
        self._db[BlobReferences].remove(organization_id, job_owner(found.job_id))

    def finish(
        self,
        organization_id: str,
        benchmark_id: str,
        scores: Scores,
        unmatched: Unmatched | None = None,
    ) -> Benchmark:
        """Store the scores of a benchmark whose job succeeds in the same commit.

        So is what has no counterpart, where the job found it: else it is known from the start.

        Its delta is taken against the benchmark that it asked to be compared with, else
        against the newest completed one of its dataset that was created before it and has an
        extraction of any document. Where that one or this one has no overall accuracy, there is
        neither a delta nor what it is against.
        The same scores once more change nothing. An absent benchmark raises NotFound.
        """
        mine = self._db.one(_MINE, org=organization_id, id=benchmark_id)
        if mine is None:
            raise NotFound.of("benchmark", benchmark_id)
        if mine.compare_to is not None:
            other = self._db.one(_ASKED, org=organization_id, id=mine.compare_to)
        else:
            other = self._db.one(
                _PREVIOUS,
                org=organization_id,
                dataset=mine.dataset_id,
                at=mine.created_at,
                id=benchmark_id,
            )
        against, delta = None, None
        if other is not None and scores.overall is not None:
            against, delta = other.benchmark_id, scores.overall - other.accuracy_overall
        self._db.run(
            _FINISH,
            org=organization_id,
            id=benchmark_id,
            overall=scores.overall,
            by_field=encode_text(scores.by_field),
            extracted=scores.extracted_documents,
            delta=delta,
            against=against,
        )
        if unmatched is not None:
            found = encode_text(unmatched)
            self._db.run(_SET_UNMATCHED, org=organization_id, id=benchmark_id, found=found)
        return self.get(organization_id, benchmark_id)


def _in_use(benchmark_id: str, why: str) -> ResourceInUse:
    return ResourceInUse(
        f"The benchmark '{benchmark_id}' {why}.", metadata={"benchmark_id": benchmark_id}
    )


def _filtered(
    statement: Select[Any],
    organization_id: str,
    dataset_id: str | None,
    status: BenchmarkStatus | None,
) -> Select[Any]:
    statement = statement.where(_B.organization_id == organization_id)
    if dataset_id is not None:
        statement = statement.where(_B.dataset_id == dataset_id)
    if status is not None:
        statement = statement.where(_J.state.in_([state.value for state in states_of(status)]))
    return statement


def _read(row: Row) -> Benchmark:
    state, total = JobState(row.state), row.documents_total
    processed = (
        0 if row.progress is None else int(decode(dict[str, Any], row.progress).get("rows", 0))
    )
    scores = None
    # The scores come in the very commit that ends the job; a state says so sooner than a null.
    if state is JobState.SUCCEEDED and row.accuracy_by_field is not None:
        by_field = decode(tuple[tuple[str, float], ...], row.accuracy_by_field)
        scores = Scores(
            overall=row.accuracy_overall,
            by_field=by_field,
            extracted_documents=row.extracted_documents,
        )
        processed = total
    return _BENCHMARKS.read(row, documents_processed=processed, scores=scores)
