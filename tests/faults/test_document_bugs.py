"""Bugs that were once found in extraction quality: its imports, its listings and its refusals."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.features.ground_truth.test_rest import TRUTH, created, found, lines
from tests.support.benchmark_rows import add_dataset, finished, measured, three_fields
from tests.support.refusal_body import check
from tests.support.rest_client import client
from tests.support.rpc_service import Caller, Running, message

BENCHMARKS = "/v1/quality/benchmarks"


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    with client(service, service.key) as opened:
        yield opened


@pytest.fixture
def dataset(admin) -> str:
    """The path of a new dataset."""
    return TRUTH + "/" + created(admin.post(TRUTH, json={"name": f"Invoices {uuid4()}"}))["id"]


def forged(cursor: str, place: int, value: Any) -> str:
    """Return a cursor in which one thing is another."""
    held = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    held[place] = value
    return base64.urlsafe_b64encode(json.dumps(held).encode()).decode().rstrip("=")


@pytest.mark.parametrize("place", [0, 1])
def test_a_cursor_with_another_place_in_it_is_refused(admin, dataset, place: int):
    """400: a cursor is signed with its place, so that none can be made up from another one."""
    rows = ({"document_id": str(number), "expected_data": {}} for number in range(3))
    found(admin.post(f"{dataset}/entries/import-jsonl", content=lines(*rows)))
    path = f"{dataset}/entries"
    cursor = found(admin.get(path, params={"limit": 1}))["pagination"]["next_cursor"]
    assert len(found(admin.get(path, params={"cursor": cursor}))["data"]) == 2
    for value in (1, True, "1", "zzz"):
        answer = admin.get(path, params={"cursor": forged(cursor, place, value)})
        assert check(answer, 400, "validation_error", path)["details"][0]["reason"] == (
            "BAD_PAGE_TOKEN"
        )


@pytest.mark.parametrize("size", [9_000, 20_000, 50_000])
def test_a_long_path_cursor_or_header_is_refused_for_what_it_is(admin, size: int):
    """What the gateway lets through is refused in the service's words, never as a rate limit."""
    text = "A" * size
    check(admin.get(BENCHMARKS, params={"cursor": text}), 400, "validation_error", BENCHMARKS)
    body = admin.get(f"{TRUTH}/{text}").json()
    assert (body["statusCode"], body["code"]) == (404, "not_found")
    assert len(json.dumps(body)) < 4096
    assert admin.get(TRUTH, headers={"x-of-another": text}).status_code == 200
    refused = admin.get(TRUTH, headers={"authorization": f"Bearer {text}"})
    check(refused, 401, "unauthorized", TRUTH)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"dataset_id": ["d"]}', "dataset_id: a list was sent where text is allowed"),
        (b'{"dataset_id": {"a": 1}}', "dataset_id: an object was sent where text is allowed"),
        (b"[]", "The body must be a JSON object."),
    ],
)
def test_a_body_of_the_wrong_shape_is_told_in_plain_words(admin, body: bytes, told: str):
    """400: a body of another shape is refused in words that speak of JSON."""
    answer = admin.post(BENCHMARKS, content=body)
    assert check(answer, 400, "validation_error", BENCHMARKS)["message"] == told


def test_a_wrong_query_or_struct_is_told_in_plain_words(admin, dataset):
    """400: a parameter given twice, and a text for an object, are refused in plain words."""
    body = check(admin.get(f"{TRUTH}?limit=5&limit=6"), 400, "validation_error", TRUTH)
    assert body["message"] == "limit was given twice"
    path = f"{dataset}/entries"
    sent = {"document_id": "d", "expected_data": "x"}
    body = check(admin.post(path, json=sent), 400, "validation_error", path)
    assert body["message"] == 'expected_data: "x" was sent where an object is allowed'


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("csv", b'document_id,a\nx,1\ny,"2\nz,3\n', "row 1 (line 3) is no CSV: a quote is never"),
        ("csv", b'document_id,a\nx,"1"2\n', "row 0 (line 2) is no CSV: ',' expected after"),
        (
            "jsonl",
            b'{"document_id":"x","expected_data":{"a":' + b"9" * 5000 + b"}}\n",
            "row 0 (line 1): a number of thousands of digits was sent; numbers from",
        ),
    ],
)
def test_a_malformed_file_names_its_row_in_our_own_words(admin, dataset, kind, text, told):
    """400: a malformed file names the row without the words of Python, and stores nothing."""
    path = f"{dataset}/entries/import-{kind}"
    body = check(admin.post(path, content=text), 400, "validation_error", path)
    assert told in body["message"]
    assert ".." not in body["message"]
    assert "universal-newline" not in body["message"]
    assert found(admin.get(dataset))["document_count"] == 0


@pytest.mark.parametrize("text", [b"document_id,a\rx,1\ry,2\r", b"document_id;a\nx;1\ny;2\n"])
def test_lines_and_columns_are_told_apart_as_the_file_does_it(admin, dataset, text: bytes):
    """Lines may end in carriage returns alone, and semicolons may stand between columns."""
    found(admin.post(f"{dataset}/entries/import-csv", content=text))
    entries = found(admin.get(f"{dataset}/entries"))["data"]
    assert {entry["document_id"]: entry["expected_data"] for entry in entries} == {
        "x": {"a": "1"},
        "y": {"a": "2"},
    }


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("CreateBenchmark", "dataset_id"),
        ("GetBenchmark", "benchmark_id"),
        ("WatchBenchmark", "benchmark_id"),
        ("ListBenchmarks", "dataset_id"),
        ("GetGroundTruthDataset", "dataset_id"),
        ("GetExtractionRun", "run_id"),
        ("GetFieldSchema", "user_schema_id"),
    ],
)
def test_a_nul_in_an_id_is_refused_alike_by_both_databases(me: Caller, name: str, field: str):
    """400 that names the field, before a database is asked: PostgreSQL cannot look it up."""
    refused = me.refused(name, **{field: "a\x00b"})
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations == [(field, "the character U+0000 is not allowed")]


def test_an_import_goes_to_one_place(me: Caller):
    """A stream whose later messages name another dataset or run is refused, and stores nothing."""
    first, second = (me("CreateGroundTruthDataset", name=name).dataset_id for name in "ab")
    rows = [message("ImportEntries", dataset_id=one) for one in (first, second)]
    for number, row in enumerate(rows):
        row.entries.add(document_id=str(number), expected_json="{}")
    refused = me.refused("ImportEntries", iter(rows))
    assert refused.violations[0][0] == "dataset_id"
    for one in (first, second):
        assert me("GetGroundTruthDataset", dataset_id=one).document_count == 0
    csv = [message("ImportEntriesCsv", dataset_id=one) for one in (first, second)]
    for row, data in zip(csv, (b"document_id,a\nx,1\n", b"y,2\n"), strict=True):
        row.file.data = data
    assert me.refused("ImportEntriesCsv", iter(csv)).violations[0][0] == "dataset_id"
    csv[1].dataset_id = ""
    assert me.raw("ImportEntriesCsv", iter(csv)).imported == 2
    runs = [me("CreateExtractionRun", name="n").run_id for _ in range(2)]
    sent = [message("ImportExtractions", run_id=one) for one in runs]
    assert me.refused("ImportExtractions", iter(sent)).violations[0][0] == "run_id"


def test_a_repeated_stream_of_confidences_is_a_repeat_in_any_order(me: Caller):
    """A map has no order: the same confidences in another one are the same request."""
    run_id = me("CreateExtractionRun", name="n").run_id
    places = [f"field-{number}" for number in range(50)]
    answers = []
    for seed in range(4):
        random.Random(seed).shuffle(places)
        row = message("ImportExtractions", run_id=run_id, request_id="r")
        confidence = dict.fromkeys(places, 0.5)
        row.extractions.add(document_id="d", data_json="{}", confidence=confidence)
        answers.append(me.raw("ImportExtractions", iter([row])))
    assert [answer.imported for answer in answers] == [1, 1, 1, 1]


def test_a_benchmark_that_has_ended_is_named_when_it_cannot_be_canceled(
    rpc: Running,
    me: Caller,
):
    """Whoever cancels a benchmark is told of the benchmark, in its own words, not of its job."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 3))
    made = me("CreateBenchmark", dataset_id=dataset_id).benchmark_id
    finished(me, made)
    refused = me.refused("CancelBenchmark", benchmark_id=made)
    assert refused.told == ("FAILED_PRECONDITION", "JOB_NOT_CANCELABLE")
    assert refused.message == f"The benchmark '{made}' has ended: it is completed."


def test_results_of_a_field_that_is_none_are_refused(rpc: Running, me: Caller):
    """A misspelt field is 400 and names the fields; one that never had a value is an empty list."""
    dataset_id = add_dataset(rpc, me, three_fields({}, 3))
    found_ = measured(me, dataset_id).benchmark.benchmark_id
    refused = me.refused("ListBenchmarkResults", benchmark_id=found_, field="vendor")
    assert refused.violations == [
        ("field", "'vendor' was sent; the fields are vendor_name, total_amount, invoice_number")
    ]
    known = me("ListBenchmarkResults", benchmark_id=found_, field="vendor_name", outcome="invented")
    assert known.total == 0
    fields = [{"name": "vendor_name", "type": "text"}]
    fields.append({"name": "never", "type": "object", "fields": fields[:1]})
    schema = me("CreateFieldSchema", name="s", fields=fields).user_schema_id
    found_ = measured(me, dataset_id, user_schema_id=schema).benchmark.benchmark_id
    never = me("ListBenchmarkResults", benchmark_id=found_, field="never.vendor_name")
    assert never.total == len(never.results)


def test_words_that_are_no_absence_are_told_in_one_order(me: Caller):
    """A wrong distinct_empties is refused with a list, not with what a set of Python looks like."""
    fields = [{"name": "a", "type": "text"}]
    refused = me.refused("CreateFieldSchema", name="s", fields=fields, distinct_empties=["z", "b"])
    assert refused.message.endswith("are of missing, null, empty; not b, z")


def test_the_keys_of_a_document_stand_in_one_order(admin, dataset):
    """A document and a schema are printed with their keys in one order, whoever prints them."""
    wide = {f"f{number:03d}": number for number in range(200)}
    entry = {"document_id": "d", "expected_data": dict(reversed(wide.items()))}
    made = created(admin.post(f"{dataset}/entries", json=entry))
    assert list(made["expected_data"]) == list(wide)
    shown = found(admin.get(f"{dataset}/schema"))["fields"]
    assert {tuple(field) for field in shown} == {tuple(sorted(shown[0]))}
