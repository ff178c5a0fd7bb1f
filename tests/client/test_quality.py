"""Ground truth, extractions and benchmarks by the Python client, against the running service."""

from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal

import pytest

from assay.client import (
    BadInput,
    Client,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    RetryPolicy,
    ServiceUnavailable,
)
from assay.client.json_text import json_text
from assay.client.types import JobEvent, SchemaField
from assay.extraction.comparison import compare
from assay.extraction.field_counts import ComparisonCounts
from assay.extraction.schema import FieldSchema
from tests.fixtures.client import COUNT, sent
from tools.demo.extractors import CANDIDATE, PRODUCTION
from tools.demo.invoices import SCHEMA

FIELDS = [{"name": "vendor", "type": "text"}, {"name": "total", "type": "money"}]


def test_a_benchmark_has_the_numbers_of_the_comparator(readings, reports):
    """Every count of a benchmark is what comparing document by document gives."""
    schema = FieldSchema.from_mapping(SCHEMA)
    for name, read in readings[1].items():
        pairs = zip(readings[0], read, strict=True)
        compared = [compare(schema, one.truth(), other.data) for one, other in pairs]
        tally, report = ComparisonCounts.of_all(compared), reports[name]
        measures = report.measures
        assert list(measures.by_field) == list(schema.leaf_paths())
        for path, one in measures.by_field.items():
            track = one.normalised
            counts = (track.correct, track.wrong_value, track.invented, track.missed)
            assert (*counts, track.correctly_empty) == tally.field(path).normalised
            assert track.values["accuracy"] == track.right / one.comparisons
        assert report.benchmark.accuracy_overall == sum(one.right for one in compared) / sum(
            len(one.comparisons) for one in compared
        )
        assert measures.extracted_documents == len(sent(read))
        assert report.spec.schema == schema.to_mapping()


def test_the_better_extractor_is_found_and_where_it_is_worse(client, reports):
    """Comparing two benchmarks tells who is better over all fields, and in which it is not."""
    ids = [reports[one.name].benchmark.benchmark_id for one in (CANDIDATE, PRODUCTION)]
    found = client.benchmarks.compare(*ids)
    assert found.overall.verdict == "a_better"
    assert found.overall.delta == found.run_a.accuracy_overall - found.run_b.accuracy_overall
    assert 0 < found.overall.low < found.overall.delta < found.overall.high
    assert found.by_field["invoice_date"].delta < 0 < found.by_field["total_amount"].delta
    assert (found.overall.fixed, found.documents) == (len(found.fixed_document_ids), COUNT)
    backwards = client.benchmarks.compare(*reversed(ids))
    assert backwards.overall.verdict == "b_better"
    assert backwards.overall.p_value == found.overall.p_value


def test_confidences_are_measured(reports):
    """Who is honest about its doubts has a smaller calibration error than who is not."""
    honest, bold = (reports[one.name].measures.overall for one in (CANDIDATE, PRODUCTION))
    assert honest.calibration.ece < 0.02 < bold.calibration.ece


def test_results_tell_of_every_document(client, readings, reports):
    """Results name each comparison of each document, and filters leave what was asked for."""
    report = reports[PRODUCTION.name]
    key = report.benchmark.benchmark_id
    every = list(client.benchmarks.results(key))
    assert [one.document_id for one in every] == [one.document_id for one in readings[0]]
    assert sum(one.comparisons for one in every) == report.measures.overall.comparisons
    first = every[0]
    assert len(first.fields) == first.comparisons
    assert first.fields[0].expected == readings[0][0].invoice_number
    wrong = list(client.benchmarks.results(key, field="total_amount", only_wrong=True, page_size=2))
    track = report.measures.by_field["total_amount"].normalised
    assert len(wrong) == track.wrong_value + track.missed
    assert all(not one.correct for document in wrong for one in document.fields)
    missed = list(client.benchmarks.results(key, field="due_date", outcome="missed"))
    assert all(one.extracted_json is None for document in missed for one in document.fields)


def test_a_benchmark_is_watched_from_any_event_on(client, reports):
    """Events are numbered without a gap; a watch resumes after one and ends behind the last."""
    key = reports[CANDIDATE.name].benchmark.benchmark_id
    events = [one for one in client.benchmarks.watch(key) if isinstance(one, JobEvent)]
    assert [one.sequence for one in events] == list(range(1, len(events) + 1))
    compared = [one.documents_compared for one in events if one.documents_compared]
    assert sum(len(one.documents) for one in compared) == COUNT
    assert (events[-1].state_changed.status, events[-1].is_terminal) == ("succeeded", True)
    later = [one for one in client.benchmarks.watch(key, 2) if not hasattr(one, "as_of_sequence")]
    assert later == events[2:]
    behind = client.benchmarks.watch(key, events[-1].sequence)
    assert [one for one in behind if not hasattr(one, "as_of_sequence")] == []


def test_a_broken_watch_is_taken_up_where_it_stood(cutter, service, client, reports):
    """A watch whose connection breaks again and again yields every event once, in order."""
    key = reports[CANDIDATE.name].benchmark.benchmark_id
    relay = cutter(4_000)
    with Client(relay.address, api_key=service.key, retry=RetryPolicy(first_wait=0.01)) as broken:
        seen = [one for one in broken.benchmarks.watch(key) if not hasattr(one, "as_of_sequence")]
    direct = [one for one in client.benchmarks.watch(key) if not hasattr(one, "as_of_sequence")]
    assert seen == direct


def test_fields_are_told_live(client, dataset, readings):
    """Progress adds up, step by step, to what the benchmark ends with."""
    seen = []
    report = client.benchmarks.run(
        dataset, sent(readings[1][CANDIDATE.name]), name="live", on_progress=seen.append
    )
    measuring = [one for one in seen if one.phase == "measure"]
    assert [one.documents for one in seen if one.phase == "upload"][-1] > 0
    steps = [one.documents for one in measuring]
    assert steps == sorted(steps)
    assert len(set(steps) - {0}) == 3  # pieces, in whatever order
    assert list(measuring[-1].fields) == list(report.measures.by_field)
    for path, one in report.measures.by_field.items():
        told, track = measuring[-1].fields[path], one.normalised
        counts = (told.correct, told.wrong_value, told.invented, told.missed)
        assert counts == (track.correct, track.wrong_value, track.invented, track.missed)
        assert told.accuracy == track.values["accuracy"]
        assert told.accuracy_exact == one.exact.values["accuracy"]
        assert (told.precision, told.recall) == (track.values["precision"], track.values["recall"])
    overall = measuring[-1].overall
    assert (overall.right, overall.comparisons) == (
        report.measures.overall.normalised.right,
        report.measures.overall.comparisons,
    )


def test_a_repeated_create_is_answered_once(service, dataset):
    """A create that is sent twice with one request id makes one benchmark."""
    with Client(service.grpc, api_key=service.key, request_ids=lambda: "same-request") as client:
        made = [client.benchmarks.create(dataset, name="twice").benchmark_id for _ in range(2)]
    assert made[0] == made[1]


def test_a_broken_upload_is_sent_again(cutter, service, client):
    """An upload whose connection breaks is sent again and stored once."""
    rows = [(f"doc-{number}", {"vendor": "x" * 200}) for number in range(2_000)]
    dataset = client.ground_truth.create("Broken upload").dataset_id
    relay = cutter(150_000)
    impatient = Client(relay.address, api_key=service.key, retry=RetryPolicy(seconds=0))
    with impatient, pytest.raises(ServiceUnavailable):
        impatient.ground_truth.import_entries(dataset, rows)
    assert client.ground_truth.get(dataset).document_count == 0
    patience = RetryPolicy(sleep=lambda _: relay.heal())  # the second attempt gets through
    with Client(relay.address, api_key=service.key, retry=patience) as patient:
        assert patient.ground_truth.import_entries(dataset, rows).imported == 2_000
    assert relay.cuts == 2
    assert client.ground_truth.get(dataset).document_count == 2_000


def test_rows_are_sent_in_bounded_memory(client):
    """Rows that come one by one are never all in memory."""
    dataset = client.ground_truth.create("Many").dataset_id
    text = "x" * 10_000
    rows = ((f"doc-{number}", {"vendor": text}) for number in range(3_000))  # 30 MB
    tracemalloc.start()
    try:
        assert client.ground_truth.import_entries(dataset, rows).imported == 3_000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_files_and_rows_are_the_same(client, tmp_path):
    """CSV, JSON Lines, mappings and tuples bring in the same documents."""
    values = {"vendor": "Müller", "total": "12.50"}
    lines, table = tmp_path / "t.jsonl", tmp_path / "t.csv"
    lines.write_text(json.dumps({"document_id": "d1", "expected_data": values}) + "\n")
    table.write_text("document_id,vendor,total\nd1,Müller,12.50\n")
    forms = (
        lines,
        str(table),
        [{"document_id": "d1", "expected_data": values}],
        iter([("d1", values)]),
    )
    for number, rows in enumerate(forms):
        dataset = client.ground_truth.create(f"Formats {number}").dataset_id
        assert client.ground_truth.import_entries(dataset, rows).imported == 1
        (entry,) = client.ground_truth.list_entries(dataset, document_id="d1")
        assert entry.expected == values


def test_digits_are_kept(client):
    """A Decimal comes back with the digits that it had, and a date as ISO 8601."""
    run = client.extraction_runs.create("Digits", model="m", version="2")
    data = {"total": Decimal("12345678901234567890.10"), "n": 3, "none": None}
    assert (
        client.extraction_runs.import_extractions(
            run.run_id, [("d", data, {"total": 0.25})]
        ).imported
        == 1
    )
    (found,) = client.extraction_runs.list_extractions(run.run_id)
    assert found.data == data
    assert str(found.data["total"]) == "12345678901234567890.10"
    assert found.confidence == {"total": 0.25}
    assert client.extraction_runs.get(run.run_id).document_count == 1
    client.extraction_runs.delete(run.run_id)
    with pytest.raises(NotFound):
        client.extraction_runs.get(run.run_id)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"document_id": "a", "expected_data": {"x": float("nan")}}], "row 0: nan"),
        ([("a", {}), ("b",)], "row 1 is"),
        ([("a", {"x": {1, 2}})], "row 0"),
        ({"document_id": "a"}, "Pass a path"),
        (__file__, ".py is of a format"),
        ("absent.jsonl", "cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(client, rows, told, tmp_path, monkeypatch):
    """What is no document is refused by the client, with the row, before anything is stored."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "truth.xlsx").touch()
    dataset = client.ground_truth.create("Refused", if_absent=True).dataset_id
    with pytest.raises(BadInput, match=told):
        client.ground_truth.import_entries(dataset, rows)
    assert client.ground_truth.get(dataset).document_count == 0


def test_a_wrong_row_leaves_nothing_behind(client):
    """A row that the service refuses is named, and no row before it is stored."""
    dataset = client.ground_truth.create("Wrong row").dataset_id
    deep: dict[str, object] = {}
    for _ in range(40):
        deep = {"x": deep}
    with pytest.raises(InvalidRequest, match="row 1"):
        client.ground_truth.import_entries(dataset, [("a", {"x": 1}), ("b", deep)])
    assert client.ground_truth.get(dataset).document_count == 0
    rows = [("a", {"x": 1}), ("a", {"x": 2}), ("", {"x": 3})]
    done = client.ground_truth.import_entries(dataset, rows)
    assert (done.imported, done.skipped) == (1, 2)
    assert [(one.row, one.reason) for one in done.skipped_rows] == [
        (1, "duplicate_in_upload"),
        (2, "no_document_id"),
    ]


def test_failed_extractions_leave_no_run(client, dataset):
    """A benchmark whose extractions are refused leaves no empty run behind."""
    before = [one.run_id for one in client.extraction_runs.list()]
    with pytest.raises(InvalidRequest):
        client.benchmarks.run(dataset, [("d", {"x": 1}, {"x": 7})], name="bad confidence")
    assert [one.run_id for one in client.extraction_runs.list()] == before
    with pytest.raises(BadInput, match="not both"):
        client.benchmarks.run(dataset, [], run_id="r")


def test_schemas_come_back_as_they_were_sent(client):
    """A schema of every type and option is stored and read without loss."""
    fields = [
        SchemaField(name="name", type="text", fuzzy=True, threshold=0.75, description="who"),
        SchemaField(name="kind", type="enum", values=("a", "b"), default="a"),
        SchemaField(name="when", type="date", date_formats=("dd.MM.yyyy",), day_first=True),
        SchemaField(name="how much", type="money", locale="de_DE"),
        SchemaField(name="weight", type="number", unit=True, absent=("N/A", "null")),
        SchemaField(name="born", type="date", first_year=1926),
        SchemaField(name="tags", type="list", item=SchemaField(name="item", type="code")),
        SchemaField(
            name="lines",
            type="table",
            fields=(SchemaField(name="n", type="number"), SchemaField(name="ok", type="boolean")),
        ),
    ]
    made = client.field_schemas.create("All", fields, distinct_empties=["null"])
    found = client.field_schemas.get(made.user_schema_id)
    assert found == made
    assert [one.name for one in found.fields] == [one.name for one in fields]
    again = FieldSchema.from_mapping(found.to_mapping())
    assert (again.hash, again.distinct_empties) == (found.schema_hash, ("null",))
    assert found.schema_hash in {one.schema_hash for one in client.field_schemas.list()}
    client.field_schemas.delete(made.user_schema_id)
    with pytest.raises(BadInput, match="'colour' is no part of a SchemaField"):
        client.field_schemas.create("x", [{"name": "a", "type": "text", "colour": 1}])
    with pytest.raises(InvalidRequest, match="type is one of text"):
        client.field_schemas.create("x", [{"name": "a", "type": "string"}])


def test_a_schema_is_inferred_shown_and_set(client):
    """Without a schema the fields are inferred; what is shown can be set as the schema."""
    dataset = client.ground_truth.create("No schema", description="d").dataset_id
    with pytest.raises(FailedPrecondition):
        client.ground_truth.schema(dataset)
    client.ground_truth.create_entry(
        dataset, "d1", expected={"vendor": "x", "total": "1.50"}, notes="by hand"
    )
    guess = client.ground_truth.schema(dataset)
    assert (guess.inferred, guess.documents, guess.schema.user_schema_id) == (True, 1, "")
    assert {one.name for one in guess.schema.fields} == {"vendor", "total"}
    made = client.field_schemas.create("Set", FIELDS)
    client.ground_truth.update(dataset, user_schema_id=made.user_schema_id)
    assert client.ground_truth.schema(dataset).schema == made
    assert client.ground_truth.update(dataset, user_schema_id="").user_schema_id is None
    (entry,) = client.ground_truth.list_entries(dataset)
    assert (entry.notes, entry.document_id) == ("by hand", "d1")
    client.ground_truth.delete_entry(dataset, entry.entry_id)
    client.ground_truth.delete(dataset)
    assert dataset not in {one.dataset_id for one in client.ground_truth.list()}


def test_benchmarks_of_other_rules_do_not_compare(client, dataset, reports):
    """Two benchmarks by other schemas are refused; listings are by dataset and status."""
    other = client.field_schemas.create("Other", FIELDS).user_schema_id
    done = client.benchmarks.run(dataset, user_schema_id=other, name="other rules")
    key = reports[CANDIDATE.name].benchmark.benchmark_id
    with pytest.raises(FailedPrecondition, match="schema"):
        client.benchmarks.compare(key, done.benchmark.benchmark_id)
    listed = list(client.benchmarks.list(dataset_id=dataset, status="completed"))
    assert {done.benchmark.benchmark_id, key} <= {one.benchmark_id for one in listed}
    assert list(client.benchmarks.list(dataset_id=dataset, status="failed")) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), "1.10"),
        ({"a": [Decimal("0.1"), True, None, "ü"]}, '{"a":[0.1,true,null,"ü"]}'),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_values_are_written_as_json(value, text):
    """Values are JSON with every digit of a Decimal."""
    assert json_text(value) == text
