"""Benchmarks over gRPC: created, watched, read, compared, canceled and refused."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from assay.features.benchmarks.model import BenchmarkResult
from assay.features.benchmarks.results_service import BenchmarkReader, ResultQuery
from assay.features.benchmarks.snapshot_artifact import read_blob
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.blob_references import BlobReferences
from assay.records import decode
from assay.records import replace as replace_record
from tests.support.benchmark_in_process import INVOICE, invoices
from tests.support.benchmark_rows import (
    DOCUMENT_003,
    add_dataset,
    add_run,
    add_schema,
    finished,
    measured,
    three_fields,
)
from tests.support.rpc_service import Caller, Running, message, payload

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PAIRS = invoices(250)


@pytest.fixture
def done(rpc: Running, me: Caller) -> Any:
    """A completed benchmark of 250 invoices."""
    dataset_id = add_dataset(rpc, me, PAIRS)
    run_id = add_run(rpc, me, PAIRS)
    schema_id = add_schema(rpc, me, INVOICE)
    return measured(me, dataset_id, run_id=run_id, user_schema_id=schema_id)


def test_a_new_benchmark_is_queued(rpc: Running, me: Caller):
    """A benchmark has all of the dataset's documents before it, and no accuracy yet."""
    dataset_id = add_dataset(rpc, me, three_fields({}))
    made = me("CreateBenchmark", dataset_id=dataset_id)
    assert UUID.fullmatch(made.benchmark_id)
    assert made.name.startswith("Benchmark 20")
    assert (made.status, made.documents_processed, made.documents_total) == ("queued", 0, 50)
    assert not made.HasField("accuracy_overall")
    assert not made.accuracy_by_field
    for absent in ("duration_ms", "accuracy_delta", "compared_to_run_id", "run_id", "ended_at"):
        assert not made.HasField(absent), absent
    assert me("GetJob", job_id=made.job_id).resource_id == made.benchmark_id


def test_the_numbers_of_document_003(rpc: Running, me: Caller):
    """49, 45 and 46 of 50 documents right are 0.98, 0.90, 0.92 and 140/150, unrounded."""
    pairs = three_fields(DOCUMENT_003)
    dataset_id = add_dataset(rpc, me, pairs)
    add_run(rpc, me, pairs)
    found = measured(me, dataset_id).benchmark
    assert found.status == "completed"
    assert dict(found.accuracy_by_field) == {
        "vendor_name": 0.98, "total_amount": 0.90, "invoice_number": 0.92,
    }  # fmt: skip  # the document's
    assert found.accuracy_overall == 140 / 150
    assert (found.documents_processed, found.documents_total) == (50, 50)
    took = (found.ended_at.ToNanoseconds() - found.created_at.ToNanoseconds()) // 1_000_000
    assert found.duration_ms == took


def test_documents_without_a_counterpart_are_told(rpc: Running, me: Caller):
    """A benchmark counts and names extractions of other documents, and documents without one."""
    truth = three_fields({}, 9)
    dataset_id = add_dataset(rpc, me, truth)
    renamed = ["DOC-000", " doc-001", "doc-002\u00a0", "ｄoc-003", "other", "zz"]
    run_id = add_run(
        rpc, me,
        [
            replace_record(one, document_id=name)
            for one, name in zip(truth, [*renamed, "doc-006"], strict=False)
        ],
    )  # fmt: skip  # one call
    told = me("CreateBenchmark", dataset_id=dataset_id, run_id=run_id).unmatched
    assert (told.extractions, told.entries) == (6, 8)
    assert list(told.extraction_document_ids) == sorted(renamed)[:5]
    assert list(told.similar_document_ids) == ["doc-000", "doc-001", "doc-002"]
    assert list(told.entry_document_ids) == [f"doc-00{number}" for number in range(5)]


def test_all_that_matches_is_not_told(rpc: Running, me: Caller):
    """Where every document has a counterpart there is nothing to tell, nor of other runs' documents."""
    pairs = three_fields({}, 4)
    dataset_id = add_dataset(rpc, me, pairs)
    run_id = add_run(rpc, me, pairs)
    add_run(rpc, me, [replace_record(pairs[0], document_id="of another dataset")])
    for which in ({"run_id": run_id}, {}):
        assert not me("CreateBenchmark", dataset_id=dataset_id, **which).HasField("unmatched")
    lone = me("CreateBenchmark", dataset_id=add_dataset(rpc, me, three_fields({}, 5))).unmatched
    assert (lone.extractions, lone.entries, list(lone.entry_document_ids)) == (0, 1, ["doc-004"])


def test_the_newest_extraction_of_each_document_is_taken(rpc: Running, me: Caller):
    """Without a run each document's newest extraction counts; one of a run is that run's."""
    pairs = three_fields({}, 4)
    dataset_id = add_dataset(rpc, me, pairs)
    worse = add_run(rpc, me, three_fields({"vendor_name": 4}, 4))
    add_run(rpc, me, pairs[:2])
    assert measured(me, dataset_id).benchmark.accuracy_by_field["vendor_name"] == 0.5
    of_run = measured(me, dataset_id, run_id=worse).benchmark
    assert (of_run.accuracy_by_field["vendor_name"], of_run.run_id) == (0.0, worse)


def test_a_document_without_an_extraction_is_missed(rpc: Running, me: Caller):
    """Documents that nothing was extracted from count, with all of their fields missed."""
    pairs = three_fields({}, 4)
    dataset_id = add_dataset(rpc, me, pairs)
    add_run(rpc, me, pairs[:1])
    found = measured(me, dataset_id)
    assert found.benchmark.accuracy_overall == 0.25
    assert (found.measures.documents, found.measures.extracted_documents) == (4, 1)
    assert found.measures.overall.normalised.missed == 9


def test_later_edits_change_nothing(rpc: Running, me: Caller):
    """A benchmark is of its documents as they were; what is added or deleted later is not in it."""
    pairs = three_fields({}, 4)
    dataset_id = add_dataset(rpc, me, pairs)
    add_run(rpc, me, pairs)
    made = me("CreateBenchmark", dataset_id=dataset_id)
    add_run(rpc, me, three_fields({"vendor_name": 4}, 4))
    with rpc.backend.store.write() as uow:
        uow[GroundTruthDatasets].delete(me.organization, dataset_id)
    found = finished(me, made.benchmark_id).benchmark
    assert (found.status, found.accuracy_overall, found.dataset_id) == (
        "completed", 1.0, dataset_id,
    )  # fmt: skip  # a triple


def test_the_schema_is_the_one_named_or_that_of_the_dataset(rpc: Running, me: Caller):
    """A named schema wins over the dataset's, which wins over what the ground truth shows."""
    pairs = three_fields({}, 3)
    schemas = [
        add_schema(rpc, me, replace(INVOICE, fields=(replace(INVOICE.fields[0], name=name),)))
        for name in ("vendor_name", "total_amount")
    ]
    plain = add_dataset(rpc, me, pairs)
    typed = add_dataset(rpc, me, pairs, user_schema_id=schemas[0])
    add_run(rpc, me, pairs)
    inferred, of_dataset = measured(me, plain), measured(me, typed)
    named = measured(me, typed, user_schema_id=schemas[1])
    assert len(inferred.benchmark.accuracy_by_field) == 3
    assert not inferred.benchmark.HasField("user_schema_id")
    assert (inferred.spec.schema_inferred, of_dataset.spec.schema_inferred) == (True, False)
    assert set(of_dataset.benchmark.accuracy_by_field) == {"vendor_name"}
    assert of_dataset.benchmark.user_schema_id == schemas[0]
    assert set(named.benchmark.accuracy_by_field) == {"total_amount"}
    assert json.loads(named.spec.schema_json)["fields"][0]["name"] == "total_amount"


def test_a_repeat_returns_the_first_benchmark(rpc: Running, me: Caller):
    """The same request_id makes one benchmark; with another body it is refused."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 2))
    sent = {"dataset_id": dataset_id, "request_id": "once"}
    first = me("CreateBenchmark", **sent)
    assert me("CreateBenchmark", **sent).benchmark_id == first.benchmark_id
    keyed = me.having(idempotency_key="twice")
    again = [
        keyed.view("BenchmarkRest.CreateBenchmark", dataset_id=dataset_id)["id"] for _ in range(2)
    ]
    assert again[0] == again[1] != first.benchmark_id
    other = me.refused("CreateBenchmark", **sent, name="another")
    assert other.told == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")
    assert me("ListBenchmarks").total == 2


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("dataset_id", "dataset"),
        ("run_id", "run"),
        ("user_schema_id", "schema"),
        ("compared_to_run_id", "benchmark"),
    ],
)
@pytest.mark.parametrize("sent", ["00000000-0000-4000-8000-000000000000", "no uuid", "../x"])
def test_what_is_absent_is_not_found(rpc: Running, me: Caller, field: str, kind: str, sent: str):
    """An unknown dataset, run, schema or benchmark is 404, and nothing is made."""
    fields = {"dataset_id": add_dataset(rpc, me, three_fields({}, 2))} | {field: sent}
    refused = me.rest().refused("BenchmarkRest.CreateBenchmark", **fields)
    assert (refused.told, refused.body["statusCode"]) == (("NOT_FOUND", "NOT_FOUND"), 404)
    assert kind in refused.metadata["resource_type"]
    assert me("ListBenchmarks").total == 0


def test_an_empty_dataset_is_refused(rpc: Running, me: Caller):
    """A dataset without entries is 422, and the way out is told."""
    refused = me.rest().refused(
        "BenchmarkRest.CreateBenchmark", dataset_id=add_dataset(rpc, me, [])
    )
    assert (refused.code, refused.body["statusCode"]) == ("FAILED_PRECONDITION", 422)
    assert "Add entries" in refused.message


@pytest.mark.parametrize("name", [" ", "x" * 201, "a\x00b"])
def test_a_bad_name_is_refused(rpc: Running, me: Caller, name: str):
    """A name has 1 to 200 characters that can be seen and stored."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 1))
    refused = me.refused("CreateBenchmark", dataset_id=dataset_id, name=name)
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0] == "name"
    assert me.refused("CreateBenchmark").violations[0][0] == "dataset_id"


def test_deltas_are_against_the_previous_or_the_one_asked_for(rpc: Running, me: Caller):
    """The second benchmark of a dataset tells its delta to the first, unless another is named."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 10))
    first, second, third = [
        add_run(rpc, me, three_fields({"vendor_name": wrong}, 10)) for wrong in (9, 6, 3)
    ]
    a = measured(me, dataset_id, run_id=first).benchmark
    b = measured(me, dataset_id, run_id=second).benchmark
    c = measured(me, dataset_id, run_id=third, compared_to_run_id=a.benchmark_id).benchmark
    assert not a.HasField("accuracy_delta")
    assert not a.HasField("compared_to_run_id")
    assert b.compared_to_run_id == c.compared_to_run_id == a.benchmark_id
    assert b.accuracy_delta == 24 / 30 - 21 / 30
    assert c.accuracy_delta == 27 / 30 - 21 / 30


def test_a_benchmark_of_another_dataset_is_not_compared_with(rpc: Running, me: Caller):
    """compared_to_run_id names a benchmark of the same dataset; another one is 422."""
    one, other = (add_dataset(rpc, me, three_fields({}, 2)) for _ in range(2))
    theirs = measured(me, other).benchmark.benchmark_id
    refused = me.refused("CreateBenchmark", dataset_id=one, compared_to_run_id=theirs)
    assert refused.code == "FAILED_PRECONDITION"
    assert refused.metadata["dataset_id"] == other


def test_a_completed_benchmark_tells_all_that_was_measured(done: Any):
    """Both tracks of every field, rates, calibration and what decided them are told."""
    assert done.benchmark.status == "completed"
    measures, spec = done.measures, done.spec
    assert set(measures.by_field) == set(INVOICE.leaf_paths())
    overall = measures.overall
    assert overall.normalised.accuracy == done.benchmark.accuracy_overall
    assert overall.comparisons == sum(one.comparisons for one in measures.by_field.values())
    for path, value in done.benchmark.accuracy_by_field.items():
        track = measures.by_field[path].normalised
        right = track.correct + track.correctly_empty
        assert value == right / measures.by_field[path].comparisons
        assert track.precision == track.correct / (
            track.correct + track.wrong_value + track.invented
        )
        assert track.recall == track.correct / (track.correct + track.wrong_value + track.missed)
    assert measures.by_field["vendor"].HasField("calibration")
    assert not measures.by_field["paid"].HasField("calibration")
    assert 0 <= overall.calibration.ece <= overall.calibration.mce <= 1
    assert measures.unexpected_by_path["stamp"] == measures.unexpected_fields > 0
    assert (spec.normaliser, spec.schema_hash) == ("assay-normaliser/1", INVOICE.hash)
    assert spec.environment["numpy"]


def pages(me: Caller, name: str, **fields: Any) -> list[Any]:
    """Return all pages of a listing."""
    found = [me(name, **fields)]
    while found[-1].next_cursor:
        found.append(me(name, **fields, cursor=found[-1].next_cursor))
    return found


def test_results_are_paged_by_document(me: Caller, done: Any):
    """Every document is on one page, by its id, with each of its comparisons."""
    benchmark_id = done.benchmark.benchmark_id
    found = pages(me, "ListBenchmarkResults", benchmark_id=benchmark_id, limit=60)
    assert [len(page.results) for page in found] == [60, 60, 60, 60, 10]
    assert {page.total for page in found} == {250}
    results = [one for page in found for one in page.results]
    assert [one.document_id for one in results] == [one.document_id for one in PAIRS]
    assert len({one.result_id for one in results}) == 250
    right = sum(one.right for one in results)
    assert right / sum(one.comparisons for one in results) == done.benchmark.accuracy_overall
    for result in results:
        assert sum(one.correct for one in result.fields) == result.right
        assert result.accuracy == result.right / result.comparisons
    vendor = results[0].fields[0]
    assert (vendor.field, vendor.place) == ("vendor", "vendor")
    assert json.loads(vendor.expected_json) == "Vendor 0"


def test_results_are_filtered(me: Caller, done: Any):
    """Filters leave the comparisons of a field, of an outcome and those that are wrong."""
    benchmark_id = done.benchmark.benchmark_id
    for field, outcome, only_wrong in itertools.product(
        ("", "vendor", "lines[].amount"), ("", "missed", "correct"), (False, True)
    ):
        asked = {"field": field, "outcome": outcome, "only_wrong": only_wrong}
        found = pages(me, "ListBenchmarkResults", benchmark_id=benchmark_id, limit=33, **asked)
        results = [one for page in found for one in page.results]
        assert {page.total for page in found} == {len(results)}, asked
        for one in (field for result in results for field in result.fields):
            assert field in {"", one.field}
            assert outcome in {"", one.outcome}
            assert not (only_wrong and one.correct)
        if any(asked.values()):
            assert all(result.fields for result in results)
    wrong = me("ListBenchmarkResults", benchmark_id=benchmark_id, only_wrong=True, limit=500)
    perfect = done.measures.perfect_documents
    assert wrong.total == len(wrong.results) == 250 - perfect


def test_a_walk_for_rare_results_is_bounded(rpc: Running, me: Caller, done: Any):
    """A page looks through so many blobs at most, leads on, and in the end nothing was left out."""
    benchmark_id = done.benchmark.benchmark_id
    reader = BenchmarkReader(rpc.backend.store, rpc.backend.blobs, page_blobs=1)
    query = ResultQuery(benchmark_id=benchmark_id, outcome="invented", limit=500)
    whole = me("ListBenchmarkResults", benchmark_id=benchmark_id, outcome="invented", limit=500)
    found = [reader.results(me.organization, query)]
    while found[-1].next_cursor:
        found.append(reader.results(me.organization, replace(query, cursor=found[-1].next_cursor)))
    assert len(found) == 3
    assert [one.result_id for page in found for one in page.items] == [
        one.result_id for one in whole.results
    ]
    assert {page.total for page in found} == {whole.total}


def test_bad_queries_are_refused(me: Caller, other: Caller, done: Any):
    """Limits, cursors, statuses and outcomes that are not allowed are 400, and say what is."""
    benchmark_id = done.benchmark.benchmark_id
    listing = me("ListBenchmarkResults", benchmark_id=benchmark_id, limit=1)
    for limit in (0, -1):
        for name in ("ListBenchmarks", "ListBenchmarkResults"):
            ids = {"benchmark_id": benchmark_id} if name.endswith("Results") else {}
            assert me.refused(name, limit=limit, **ids).violations[0][0] == "limit"
    assert me("ListBenchmarks", limit=9999).total == 1
    bad = me.refused("ListBenchmarks", status="done")
    assert "queued, running, completed, failed" in bad.message
    bad = me.refused("ListBenchmarkResults", benchmark_id=benchmark_id, outcome="wrong")
    assert "wrong_value" in bad.message
    for cursor in ("x", listing.next_cursor[:-2], listing.next_cursor):
        refused = me.refused("ListBenchmarks", cursor=cursor)
        assert refused.told == ("INVALID_ARGUMENT", "BAD_PAGE_TOKEN")
        assert refused.metadata["field"] == "cursor"
    moved = me.refused(
        "ListBenchmarkResults", benchmark_id=benchmark_id, field="vendor",
        cursor=listing.next_cursor,
    )  # fmt: skip  # one call
    assert moved.reason == "BAD_PAGE_TOKEN"


def test_results_wait_for_the_end(rpc: Running, me: Caller):
    """Results of a benchmark that has none are 422, and its detail has no numbers."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 2))
    made = me("CreateBenchmark", dataset_id=dataset_id)
    with rpc.backend.store.write() as uow:  # before any runner takes it, or while one holds it
        uow[Jobs].request_cancel(me.organization, made.job_id)
    found = finished(me, made.benchmark_id)
    if found.benchmark.status == "failed":
        refused = me.refused("ListBenchmarkResults", benchmark_id=made.benchmark_id)
        assert refused.code == "FAILED_PRECONDITION"
        assert not found.HasField("measures")
        assert found.benchmark.error.reason == "CANCELED"


def test_listings_are_newest_first_and_filtered(rpc: Running, me: Caller):
    """A listing is newest first, pages by a cursor, and leaves one dataset or one status."""
    one, other = (add_dataset(rpc, me, three_fields({}, 2)) for _ in range(2))
    ids = [measured(me, dataset).benchmark.benchmark_id for dataset in (one, other, one)]
    found = pages(me, "ListBenchmarks", limit=2)
    assert [b.benchmark_id for page in found for b in page.benchmarks] == ids[::-1]
    assert {page.total for page in found} == {3}
    of_one = me("ListBenchmarks", dataset_id=one)
    assert [b.benchmark_id for b in of_one.benchmarks] == [ids[2], ids[0]]
    assert me("ListBenchmarks", status="completed").total == 3
    assert me("ListBenchmarks", status="failed").total == 0


def test_two_runs_are_compared_document_by_document(rpc: Running, me: Caller):
    """Deltas, documents fixed and broken, McNemar's test and an interval of each field are told."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 60))
    better = add_run(rpc, me, three_fields({"vendor_name": 3}, 60))
    worse = add_run(rpc, me, three_fields({"vendor_name": 2, "total_amount": 20}, 60))
    a = measured(me, dataset_id, run_id=better).benchmark
    b = measured(me, dataset_id, run_id=worse).benchmark
    runs = {"run_a": a.benchmark_id, "run_b": b.benchmark_id}
    found = me("CompareBenchmarks", **runs)
    assert (found.run_a, found.run_b) == (a, b)
    assert found.accuracy_delta == a.accuracy_overall - b.accuracy_overall == 177 / 180 - 158 / 180
    told = found.differences
    assert (told.documents, told.overall.fixed, told.overall.broken) == (60, 17, 0)
    assert list(told.fixed_document_ids) == [f"doc-{number:03d}" for number in range(3, 20)]
    assert told.overall.p_value == 2 / 2**17
    assert told.overall.low <= found.accuracy_delta <= told.overall.high
    assert told.overall.verdict == "a_better"
    vendor = told.by_field["vendor_name"]
    assert (vendor.fixed, vendor.broken, vendor.p_value) == (0, 1, 1.0)
    assert vendor.delta == 57 / 60 - 58 / 60
    assert vendor.verdict == "undecided"
    same = told.by_field["invoice_number"]
    assert (same.delta, same.low, same.high) == (0, 0, 0)
    turned = me("CompareBenchmarks", run_a=runs["run_b"], run_b=runs["run_a"])
    assert turned.differences.overall.verdict == "b_better"
    assert turned.differences.overall.low == pytest.approx(-told.overall.high, rel=1e-12)
    assert me("CompareBenchmarks", **runs) == found


def test_a_comparison_names_the_benchmark_whose_results_are_lost(rpc: Running, me: Caller):
    """Of two benchmarks, one of which lost its results, the error has the id of that one."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 6))
    kept = measured(me, dataset_id).benchmark
    run_id = add_run(rpc, me, three_fields({"vendor_name": 2}, 6))
    lost = measured(me, dataset_id, run_id=run_id).benchmark
    with rpc.backend.store.read() as uow:
        result = decode(BenchmarkResult, uow[Jobs].get(me.organization, lost.job_id).result or b"")
    for blob in result.blobs:
        path = rpc.backend.blobs.path(me.organization, blob.blob)
        assert path is not None
        path.unlink()
    for runs in ((kept, lost), (lost, kept)):
        ids = {name: one.benchmark_id for name, one in zip(("run_a", "run_b"), runs, strict=True)}
        refused = me.refused("CompareBenchmarks", **ids)
        assert refused.reason == "DATA_MISSING"
        assert f"Stored data of the benchmark '{lost.benchmark_id}' are missing." in refused.message
        assert refused.metadata == {"resource_type": "benchmark", "resource_id": lost.benchmark_id}


def test_runs_of_other_specs_are_not_compared(rpc: Running, me: Caller):
    """Benchmarks with other ground truths or schemas are 422, and what differs is named."""
    pairs = three_fields({}, 3)
    dataset_id = add_dataset(rpc, me, pairs)
    longer = add_dataset(rpc, me, three_fields({}, 4))
    schema_id = add_schema(rpc, me, replace(INVOICE, fields=INVOICE.fields[:1]))
    plain = measured(me, dataset_id).benchmark.benchmark_id
    for fields, different in (
        ({"dataset_id": longer}, "ground_truth"),
        ({"dataset_id": dataset_id, "user_schema_id": schema_id}, "schema"),
        ({"dataset_id": longer, "user_schema_id": schema_id}, "ground_truth,schema"),
    ):
        other = measured(me, **fields).benchmark.benchmark_id
        refused = me.rest().refused("BenchmarkRest.CompareBenchmarks", run_a=plain, run_b=other)
        assert refused.body["statusCode"] == 422
        assert refused.metadata["different"] == different
    assert me.refused("CompareBenchmarks", run_a=plain).violations[0][0] == "run_b"
    assert me.refused("CompareBenchmarks", run_a=plain, run_b="none").code == "NOT_FOUND"


def test_runs_without_scores_have_no_delta(rpc: Running, me: Caller):
    """A comparison with a benchmark that has no accuracy is answered, with nothing to tell."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 3))
    done = measured(me, dataset_id).benchmark
    ended = failed(rpc, me, dataset_id)
    found = me("CompareBenchmarks", run_a=done.benchmark_id, run_b=ended.benchmark_id)
    assert not found.HasField("accuracy_delta")
    assert not found.HasField("differences")
    assert found.run_b.status == "failed"
    refused = me.refused(
        "CreateBenchmark", dataset_id=dataset_id, compared_to_run_id=ended.benchmark_id
    )
    assert refused.code == "FAILED_PRECONDITION"


def failed(rpc: Running, me: Caller, dataset_id: str) -> Any:
    """Return a benchmark whose fields could not be inferred."""
    with rpc.backend.store.write() as uow:
        empty = add_empty(uow, me)
    found = measured(me, empty).benchmark
    assert found.error.reason == "FAILED_PRECONDITION"
    with rpc.backend.store.write() as uow:  # as if it were of the other dataset
        uow.driver.execute(
            "UPDATE benchmarks SET dataset_id = ? WHERE benchmark_id = ?",
            (dataset_id, found.benchmark_id),
        )
    return found


def add_empty(uow: Any, me: Caller) -> str:
    """Store a dataset whose only document has no fields."""
    from assay.features.ground_truth.model import NewEntry, NewGroundTruthDataset

    dataset_id = (
        uow[GroundTruthDatasets].create(me.organization, NewGroundTruthDataset(name="n")).dataset_id
    )
    uow[Entries].add(me.organization, dataset_id, NewEntry(document_id="d", expected="{}"))
    return dataset_id


def test_a_watch_tells_documents_and_fields(me: Caller, done: Any):
    """A watch tells each document once and ends; its counts of fields add up to the result."""
    benchmark = done.benchmark
    replies = me.raw(
        "WatchBenchmark", message("WatchBenchmark", benchmark_id=benchmark.benchmark_id)
    )
    events = [event for reply in replies for event in reply.events]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    documents = [
        one for event in events if event.kind == "documents" for one in payload(event).documents
    ]
    assert sorted(one.document_id for one in documents) == [one.document_id for one in PAIRS]
    status = [
        payload(one) for reply in replies for one in reply.status if one.kind == "field_accuracy"
    ]
    assert status[-1].documents == 250
    last = {one.field: one.accuracy for one in status[-1].fields}
    assert last == dict(benchmark.accuracy_by_field)
    for one in status[-1].fields:
        track = done.measures.by_field[one.field].normalised
        told = (one.correct, one.wrong_value, one.invented, one.missed)
        assert told == (track.correct, track.wrong_value, track.invented, track.missed)
    assert payload(events[-1]).cause == "finished"


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_resumed_watch_counts_what_came_before(me: Caller, done: Any, place: int):
    """From any sequence on, the newest counts of the fields are those of all documents."""
    benchmark_id = done.benchmark.benchmark_id
    replies = me.raw(
        "WatchBenchmark",
        message("WatchBenchmark", benchmark_id=benchmark_id, after_sequence=place),
    )
    events = [event for reply in replies for event in reply.events]
    assert events[0].sequence == place + 1
    status = [
        payload(one) for reply in replies for one in reply.status if one.kind == "field_accuracy"
    ]
    assert status[-1].documents == 250
    last = {one.field: one.accuracy for one in status[-1].fields}
    assert last == dict(done.benchmark.accuracy_by_field)


def test_a_watch_is_refused_before_its_first_message(me: Caller, other: Caller, done: Any):
    """Absent and foreign benchmarks, and sequences in the future, are refused at once."""
    benchmark_id = done.benchmark.benchmark_id
    for caller, fields, code in (
        (me, {"benchmark_id": "none"}, "NOT_FOUND"),
        (other, {"benchmark_id": benchmark_id}, "NOT_FOUND"),
        (me, {"benchmark_id": benchmark_id, "after_sequence": 10**9}, "OUT_OF_RANGE"),
    ):
        assert caller.refused("WatchBenchmark", **fields).code == code
    bad = me.having(last_event_id="x").refused("WatchBenchmarkEvents", benchmark_id=benchmark_id)
    assert bad.code == "INVALID_ARGUMENT"


def test_a_watch_over_rest_tells_the_same(me: Caller, done: Any):
    """SSE and NDJSON tell each event and the fields' accuracy; Last-Event-ID resumes."""
    benchmark_id = done.benchmark.benchmark_id
    lines = b"".join(
        reply.data
        for reply in me.raw(
            "WatchBenchmarkLines", message("WatchBenchmarkLines", benchmark_id=benchmark_id)
        )
    )
    told = [json.loads(line) for line in lines.splitlines()]
    kinds = [one["type"] for one in told]
    assert kinds.count("documents") == 3
    assert kinds[-1] == "state"
    fields = [one for one in told if one["type"] == "field_accuracy"][-1]["field_accuracy"]
    assert fields["documents"] == 250
    resumed = me.having(last_event_id="2").raw(
        "WatchBenchmarkEvents", message("WatchBenchmarkEvents", benchmark_id=benchmark_id)
    )
    text = b"".join(reply.data for reply in resumed).decode()
    assert text.startswith("retry: 3000\n\nid: 3\n")
    assert "event: field_accuracy" in text


def test_cancel_ends_a_benchmark_as_failed(rpc: Running, me: Caller, done: Any):
    """A canceled benchmark is failed with the reason; one that has ended cannot be canceled."""
    dataset_id = done.benchmark.dataset_id
    made = me("CreateBenchmark", dataset_id=dataset_id)
    asked = me("CancelBenchmark", benchmark_id=made.benchmark_id)
    assert asked.benchmark_id == made.benchmark_id
    found = finished(me, made.benchmark_id).benchmark
    if found.status != "completed":  # a runner may have been faster
        assert (found.status, found.error.reason) == ("failed", "CANCELED")
        assert not found.HasField("accuracy_overall")
    refused = me.refused("CancelBenchmark", benchmark_id=made.benchmark_id)
    assert refused.reason == "JOB_NOT_CANCELABLE"


def test_permissions(rpc: Running, me: Caller, done: Any):
    """benchmark:read reads and watches, benchmark:write creates and cancels, neither does both."""
    ids = {"benchmark_id": done.benchmark.benchmark_id}
    reader = rpc.organization(me.organization, ("benchmark:read",))
    writer = rpc.organization(me.organization, ("benchmark:write",))
    assert reader("GetBenchmark", **ids) == done
    sent = {"dataset_id": done.benchmark.dataset_id}
    assert reader.refused("CreateBenchmark", **sent).code == "PERMISSION_DENIED"
    assert reader.refused("CancelBenchmark", **ids).code == "PERMISSION_DENIED"
    assert writer("CreateBenchmark", **sent).status == "queued"
    for name in ("GetBenchmark", "ListBenchmarkResults", "WatchBenchmark"):
        assert writer.refused(name, **ids).code == "PERMISSION_DENIED"


def test_the_snapshot_holds_each_document_once(rpc: Running, me: Caller, done: Any):
    """The blobs of a benchmark's job hold all documents by id, a hundred to a blob."""
    with rpc.backend.store.read() as uow:
        job = uow[Jobs].get(me.organization, done.benchmark.job_id)
    blobs = json.loads(job.spec)["blobs"]
    assert [count for _, count in blobs] == [100, 100, 50]
    found = [
        one.document_id
        for address, _ in blobs
        for one in read_blob(rpc.backend.blobs.read(me.organization, address))
    ]
    assert found == [one.document_id for one in PAIRS]


def test_a_benchmark_without_a_name_is_called_by_its_moment(me: Caller, rpc: Running):
    """Two benchmarks of one day that were given no name have different names."""
    dataset_id = add_dataset(rpc, me, three_fields({}))
    names = {me("CreateBenchmark", dataset_id=dataset_id).name for _ in range(2)}
    assert len(names) == 2
    assert all(
        re.fullmatch(r"Benchmark \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", one) for one in names
    )


def test_benchmarks_of_an_absent_dataset_are_refused(me: Caller, rpc: Running):
    """A listing by an id that no dataset has is 404; by a dataset without benchmarks it is empty."""
    refused = me.refused("ListBenchmarks", dataset_id="nope")
    assert refused.told == ("NOT_FOUND", "NOT_FOUND")
    dataset_id = add_dataset(rpc, me, three_fields({}))
    assert not me("ListBenchmarks", dataset_id=dataset_id).benchmarks
    me("CreateBenchmark", dataset_id=dataset_id)
    me("DeleteGroundTruthDataset", dataset_id=dataset_id)
    assert len(me("ListBenchmarks", dataset_id=dataset_id).benchmarks) == 1


def test_a_benchmark_is_deleted_unless_others_are_compared_with_it(me: Caller, rpc: Running):
    """One that others are compared with goes with cascade alone, and they lose their delta."""
    pairs = three_fields({})
    dataset_id = add_dataset(rpc, me, pairs)
    add_run(rpc, me, pairs)
    first, second = (measured(me, dataset_id).benchmark for _ in range(2))
    assert second.compared_to_run_id == first.benchmark_id
    refused = me.refused("DeleteBenchmark", benchmark_id=first.benchmark_id)
    assert refused.told == ("FAILED_PRECONDITION", "RESOURCE_IN_USE")
    assert second.benchmark_id in refused.message
    assert me("DeleteBenchmark", benchmark_id=first.benchmark_id, cascade=True).deleted
    assert me.refused("GetBenchmark", benchmark_id=first.benchmark_id).code == "NOT_FOUND"
    left = me("GetBenchmark", benchmark_id=second.benchmark_id).benchmark
    assert not left.HasField("compared_to_run_id")
    assert not left.HasField("accuracy_delta")
    assert left.accuracy_overall == second.accuracy_overall
    with rpc.backend.store.read() as uow:
        before = {one for one in uow[BlobReferences].every() if one[0] == me.organization}
    assert me("DeleteBenchmark", benchmark_id=second.benchmark_id).deleted
    with rpc.backend.store.read() as uow:
        after = {one for one in uow[BlobReferences].every() if one[0] == me.organization}
    assert after < before


def test_another_organization_deletes_no_benchmark(me: Caller, other: Caller, rpc: Running):
    """Another organization's benchmark is absent to who would delete it."""
    pairs = three_fields({})
    dataset_id = add_dataset(rpc, me, pairs)
    made = measured(me, dataset_id).benchmark
    assert other.refused("DeleteBenchmark", benchmark_id=made.benchmark_id).code == "NOT_FOUND"
