"""Benchmarks: what ports_benchmarks promises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from assay.features.benchmarks.model import Benchmark, BenchmarkStatus, NewBenchmark, Scores
from assay.features.benchmarks.store import Benchmarks
from assay.features.benchmarks.unmatched import Unmatched
from assay.kernel.cursor import Cursor
from assay.kernel.errors import AlreadyExists, NotFound
from assay.kernel.jobs.job import JobError, NewJob, TaskRecord
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.unit_of_work import UnitOfWork
from tests.support.document_rows import walk
from tests.support.store_rows import LEASE, ORG

KIND = "benchmark"
SCORES = Scores(overall=140 / 150, by_field=(("b", 0.9), ("a", 49 / 50)), extracted_documents=50)


def add_benchmark(
    uow: UnitOfWork, name: str, organization_id: str = ORG, **changes: Any
) -> Benchmark:
    """Store a benchmark of the dataset `d` with its job; the id begins as its name."""
    job = uow[Jobs].submit(organization_id, NewJob(kind=KIND, spec=b"{}"))
    keys = {
        "benchmark_id": f"{name}-id",
        "job_id": job.job_id,
        "documents_total": 50,
        "unmatched": None,
    }
    keys |= {key: changes.pop(key) for key in list(changes) if key in keys}
    new = NewBenchmark(**{"name": name, "dataset_id": "d", **changes})
    return uow[Benchmarks].create(organization_id, new, **keys)


def complete(uow: UnitOfWork, runner: Any, found: Benchmark, scores: Scores = SCORES) -> Benchmark:
    """End a benchmark, whose job must be the oldest that is queued, as its kind does."""
    job = uow[Jobs].claim(runner, LEASE, [KIND])
    assert job is not None
    assert job.job_id == found.job_id
    uow[Jobs].end(ORG, job.job_id, job.epoch, JobState.SUCCEEDED, result=b"{}")
    return uow[Benchmarks].finish(ORG, found.benchmark_id, scores)


def fail(uow: UnitOfWork, runner: Any) -> None:
    """End the oldest queued benchmark with an error."""
    job = uow[Jobs].claim(runner, LEASE, [KIND])
    assert job is not None
    error = JobError(reason="BAD", message="no")
    uow[Jobs].end(ORG, job.job_id, job.epoch, JobState.FAILED, error=error)


def test_a_new_benchmark_is_queued_and_has_no_numbers(store):
    """A benchmark that was just made is queued, without scores, delta or end."""
    with store.write() as uow:
        made = add_benchmark(uow, "one", run_id="r", user_schema_id="s")
        assert uow[Benchmarks].get(ORG, made.benchmark_id) == made
    assert (made.status, made.documents_processed, made.documents_total) == ("queued", 0, 50)
    assert (made.scores, made.accuracy_delta, made.compared_to) == (None, None, None)
    assert (made.ended_at, made.duration_ms, made.error) == (None, None, None)
    assert (made.run_id, made.user_schema_id) == ("r", "s")


def test_a_taken_id_is_refused(store):
    """An id belongs to one benchmark of an organization."""
    with store.write() as uow:
        add_benchmark(uow, "one")
        with pytest.raises(AlreadyExists, match="one-id"):
            add_benchmark(uow, "one")


def test_an_absent_benchmark_is_not_found(store):
    """Reading and finishing what is not there raise NotFound."""
    with store.write() as uow:
        with pytest.raises(NotFound):
            uow[Benchmarks].get(ORG, "none")
        with pytest.raises(NotFound):
            uow[Benchmarks].finish(ORG, "none", SCORES)


def test_what_a_running_benchmark_has_compared_is_its_progress(store, runner):
    """A running benchmark has processed the documents whose results are durable."""
    with store.write() as uow:
        made = add_benchmark(uow, "one")
        job = uow[Jobs].claim(runner, LEASE, [KIND])
        uow[Jobs].checkpoint(
            ORG, job.job_id, job.epoch, [TaskRecord(key="k", partial=b"p")],
            status={"progress": {"done": 1, "total": 5, "rows": 20}},
        )  # fmt: skip  # one call
        running = uow[Benchmarks].get(ORG, made.benchmark_id)
    assert (running.status, running.documents_processed) == ("running", 20)


def test_a_completed_benchmark_has_its_scores_to_the_bit(store, runner, clock):
    """Scores are stored unrounded, with the time from creation to the job's end."""
    with store.write() as uow:
        made = add_benchmark(uow, "one")
    clock.advance(4.2)
    with store.write() as uow:
        done = complete(uow, runner, made)
        assert uow[Benchmarks].get(ORG, made.benchmark_id) == done
        assert uow[Benchmarks].finish(ORG, made.benchmark_id, SCORES) == done
    assert done.scores == SCORES
    assert (done.status, done.documents_processed, done.duration_ms) == ("completed", 50, 4200)


def test_the_delta_is_against_the_previous_completed_one(store, runner, clock):
    """Without a wish the newest completed benchmark of the dataset made before is compared."""
    wholes = [0.5, 0.75, None, 0.25]
    found = []
    with store.write() as uow:
        elsewhere = add_benchmark(uow, "elsewhere", dataset_id="other")
        complete(uow, runner, elsewhere)
        for number, overall in enumerate(wholes):
            clock.advance(1)
            made = add_benchmark(uow, f"n{number}")
            found.append(
                complete(
                    uow, runner, made, Scores(overall=overall, by_field=(), extracted_documents=50)
                )
            )
        clock.advance(1)
        failed = add_benchmark(uow, "failed")
        fail(uow, runner)
        clock.advance(1)
        last = complete(
            uow,
            runner,
            add_benchmark(uow, "last"),
            Scores(overall=0.5, by_field=(), extracted_documents=50),
        )
        assert uow[Benchmarks].get(ORG, failed.benchmark_id).compared_to is None
    assert [(one.compared_to, one.accuracy_delta) for one in (*found, last)] == [
        (None, None), ("n0-id", 0.25), (None, None), ("n1-id", -0.5), ("n3-id", 0.25),
    ]  # fmt: skip  # a table


def test_one_that_compared_nothing_is_never_the_previous_one(store, runner, clock):
    """A benchmark without an extraction of any document is passed over by those after it."""
    with store.write() as uow:
        complete(uow, runner, add_benchmark(uow, "good"))
        for name, extracted in (("empty", 0), ("next", 1)):
            clock.advance(1)
            scores = Scores(overall=0.0, by_field=(), extracted_documents=extracted)
            found = complete(uow, runner, add_benchmark(uow, name), scores)
    assert found.compared_to == "good-id"


def test_a_later_one_is_never_the_previous_one(store, runner, clock):
    """A benchmark that was created later but ended first is not what came before."""
    with store.write() as uow:
        first = add_benchmark(uow, "first")
        clock.advance(1)
        second = add_benchmark(uow, "second")
        slow = uow[Jobs].claim(runner, LEASE, [KIND])
        complete(uow, runner, second)
        uow[Jobs].end(ORG, slow.job_id, slow.epoch, JobState.SUCCEEDED, result=b"{}")
        done = uow[Benchmarks].finish(ORG, first.benchmark_id, SCORES)
    assert (done.compared_to, done.accuracy_delta) == (None, None)


def test_the_delta_is_against_the_one_that_was_asked_for(store, runner, clock):
    """A wish wins over the previous one; where it has no scores there is no delta at all."""
    with store.write() as uow:
        for name, overall in (("a", 0.25), ("b", 0.5)):
            complete(
                uow,
                runner,
                add_benchmark(uow, name),
                Scores(overall=overall, by_field=(), extracted_documents=50),
            )
            clock.advance(1)
        add_benchmark(uow, "failed")
        fail(uow, runner)
        against = [
            complete(
                uow, runner, add_benchmark(uow, f"to-{name}", compared_to_run_id=f"{name}-id"),
                Scores(overall=1.0, by_field=(), extracted_documents=50),
            )
            for name in ("a", "failed")
        ]  # fmt: skip  # one call
    assert [(one.compared_to, one.accuracy_delta) for one in against] == [
        ("a-id", 0.75), (None, None),
    ]  # fmt: skip  # a table


@pytest.mark.parametrize("end", ["FAILED", "CANCELED", "TIMED_OUT"])
def test_an_end_without_a_result_is_failed(store, runner, clock, end):
    """Whatever kept a benchmark from its result, it is failed and has the job's error."""
    with store.write() as uow:
        made = add_benchmark(uow, "one")
        clock.advance(1)
        job = uow[Jobs].claim(runner, LEASE, [KIND])
        error = JobError(reason="BAD", message="no") if end == "FAILED" else None
        uow[Jobs].end(ORG, job.job_id, job.epoch, JobState[end], error=error)
        ended = uow[Benchmarks].get(ORG, made.benchmark_id)
    assert (ended.status, ended.scores, ended.duration_ms) == ("failed", None, 1000)
    assert ended.error is not None


def test_a_listing_is_newest_first_and_stable_under_inserts(store, clock):
    """Pages neither repeat nor skip a benchmark while others are being made."""
    with store.write() as uow:
        for number in range(7):
            add_benchmark(uow, f"n{number}")
            clock.advance(number % 2)  # some share a microsecond
    inserts = iter(range(99))

    def page(after):
        with store.write() as uow:
            found = uow[Benchmarks].list(ORG, limit=2, after=after)
            clock.advance(1)
            add_benchmark(uow, f"new{next(inserts)}")
            return found

    assert [one.name for one in walk(page)] == ["n6", "n5", "n4", "n3", "n2", "n1", "n0"]


def test_a_page_is_bounded_in_bytes(store, runner, clock):
    """Benchmarks of many fields share a page only as far as its bytes go, and none is left out."""
    wide = Scores(
        overall=1.0,
        by_field=tuple((f"field-{number}", 1.0) for number in range(50)),
        extracted_documents=50,
    )
    with store.write() as uow:
        for number in range(4):
            clock.advance(1)
            complete(uow, runner, add_benchmark(uow, f"n{number}"), wide)
        clock.advance(1)
        add_benchmark(uow, "queued")
        for max_bytes, first in ((1, 1), (2_000, 3), (10**6, 5)):
            page = uow[Benchmarks].list(ORG, limit=9, max_bytes=max_bytes)
            assert len(page.items) == first

        def page_after(after):
            return uow[Benchmarks].list(ORG, limit=9, after=after, max_bytes=1)

        assert [one.name for one in walk(page_after)] == ["queued", "n3", "n2", "n1", "n0"]


def test_a_listing_is_of_one_dataset_and_status(store, runner, clock):
    """Filters leave those of a dataset and of a status, and the count is theirs."""
    with store.write() as uow:
        complete(uow, runner, add_benchmark(uow, "done"))
        add_benchmark(uow, "failed")
        fail(uow, runner)
        add_benchmark(uow, "canceled", dataset_id="e")
        clock.advance(1)
        waiting = add_benchmark(uow, "waiting")
        canceled = uow[Benchmarks].get(ORG, "canceled-id")
        uow[Jobs].request_cancel(ORG, canceled.job_id)

        def names(**filters: Any) -> list[str]:
            items = uow[Benchmarks].list(ORG, limit=9, **filters).items
            assert uow[Benchmarks].count(ORG, **filters) == len(items)
            return sorted(one.name for one in items)

        assert waiting.status == "queued"
        assert names() == ["canceled", "done", "failed", "waiting"]
        assert names(dataset_id="d") == ["done", "failed", "waiting"]
        assert names(status=BenchmarkStatus.FAILED) == ["canceled", "failed"]
        assert names(status=BenchmarkStatus.COMPLETED) == ["done"]
        assert names(status=BenchmarkStatus.QUEUED) == ["waiting"]
        assert names(status=BenchmarkStatus.FAILED, dataset_id="d") == ["failed"]
        assert names(dataset_id="none") == []


def test_no_page_of_a_listing_is_sorted_or_scanned(store, engine):
    """Any page and the total are read off an index, so that no page costs more than the first."""
    if engine == "postgresql":
        pytest.skip("PostgreSQL plans by the sizes of tables, which are empty here")
    place = Cursor(created_at=datetime(2026, 1, 1, tzinfo=UTC), id="x")
    asked = {
        "ix_benchmarks_listing": {},
        "ix_benchmarks_dataset": {"dataset_id": "d"},
    }
    for index, filters in asked.items():
        with store.read() as uow:
            driver, said = uow.driver, []
            driver.set_trace_callback(said.append)
            uow[Benchmarks].list(ORG, limit=20, after=place, **filters)
            uow[Benchmarks].count(ORG, **filters)
            driver.set_trace_callback(None)
            for statement in said:
                rows = driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                plan = " ".join(row[3] for row in rows)
                counts = "count(*)" in statement
                assert f"USING {'COVERING ' * counts}INDEX {index}" in plan, plan
                assert "SCAN" not in plan, plan
                assert "TEMP B-TREE" not in plan, plan
        assert len(said) == 3


def test_what_does_not_match_may_be_known_at_the_end(store):
    """What has no counterpart is stored with the scores, where the job found it."""
    found = Unmatched(
        extractions=1,
        extraction_document_ids=(" d",),
        similar_document_ids=("d",),
        entries=1,
        entry_document_ids=("d",),
    )
    with store.write() as uow:
        first = add_benchmark(uow, "one")
        second = add_benchmark(uow, "two", unmatched=found)
        uow[Benchmarks].finish(ORG, first.benchmark_id, SCORES, found)
        uow[Benchmarks].finish(ORG, second.benchmark_id, SCORES)
        assert uow[Benchmarks].get(ORG, first.benchmark_id).unmatched == found
        assert uow[Benchmarks].get(ORG, second.benchmark_id).unmatched == found
