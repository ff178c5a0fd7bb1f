"""Ground truth, field schemas and extraction runs for gRPC callers: typed, exact, streamed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2

from assay.v1.field_schema_pb2 import SchemaField
from tests.support.rpc_service import Caller, Running, message

EXACT = '{"big":12345678901234567890.10,"f":1E+5,"s":"\\u0000é"}'
LIST = struct_pb2.Value(list_value=struct_pb2.ListValue())
FIELDS = [
    {"name": "vendor", "type": "object",
     "fields": [{"name": "name", "type": "text", "description": "who"}]},
    {"name": "total", "type": "money", "locale": "de_DE", "default": struct_pb2.Value(number_value=0.5)},
    {"name": "paid", "type": "boolean", "default": struct_pb2.Value(bool_value=False)},
    {"name": "kind", "type": "enum", "values": ["a", "b"], "default": struct_pb2.Value(string_value="a")},
    {"name": "due", "type": "date", "date_formats": ["dd.MM.yyyy"], "day_first": False},
    {"name": "terms", "type": "text", "fuzzy": True, "threshold": 0.75},
    {"name": "weight", "type": "number", "unit": True, "absent": ["N/A", "null"]},
    {"name": "born", "type": "date", "first_year": 1926},
    {"name": "tags", "type": "list",
     "item": {"type": "code"}},
]  # fmt: skip  # a table


@pytest.fixture
def dataset(me: Caller) -> str:
    return me("CreateGroundTruthDataset", name="d").dataset_id


@pytest.fixture
def run(me: Caller) -> str:
    return me("CreateExtractionRun", name="r").run_id


def entries(dataset_id: str, *messages: Sequence[Any], **first: Any) -> Iterator[Any]:
    """Yield the messages of an import; each is a list of (document id, JSON text)."""
    for number, some in enumerate(messages):
        new = [{"document_id": key, "expected_json": text} for key, text in some]
        head = {"dataset_id": dataset_id, **first} if number == 0 else {}
        yield message("ImportEntries", **head, entries=new)


def imported(me: Caller, dataset_id: str, *messages: Sequence[Any], **first: Any) -> Any:
    return me.raw("ImportEntries", entries(dataset_id, *messages, **first))


def stored(me: Caller, dataset_id: str) -> int:
    return me("GetGroundTruthDataset", dataset_id=dataset_id).document_count


def test_an_entry_keeps_every_digit(me: Caller, dataset: str):
    """A gRPC caller gets the JSON that was sent, in canonical form, with every digit."""
    sent = '{ "s": "\\u0000\\u00e9", "big": 12345678901234567890.10, "f": 1e5 }'
    made = me("CreateEntry", dataset_id=dataset, document_id="d", expected_json=sent, notes="n")
    assert made.expected_json == EXACT
    assert me("GetEntry", dataset_id=dataset, entry_id=made.entry_id) == made
    assert list(me("ListEntries", dataset_id=dataset).entries) == [made]
    assert (made.notes, made.HasField("created_at"), made.dataset_id) == ("n", True, dataset)
    refused = me.refused("CreateEntry", dataset_id=dataset, document_id="d", expected_json="{}")
    assert refused.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert me("DeleteEntry", dataset_id=dataset, entry_id=made.entry_id).deleted
    assert stored(me, dataset) == 0


def test_a_schema_keeps_what_was_sent(me: Caller):
    """A field schema has every option that was sent, typed, and the same hash over REST."""
    made = me("CreateFieldSchema", name="s", fields=FIELDS, distinct_empties=["null"])
    assert list(made.fields) == [SchemaField(**one) for one in FIELDS]
    assert me("GetFieldSchema", user_schema_id=made.user_schema_id) == made
    shown = me.view("FieldSchemaRest.GetFieldSchema", user_schema_id=made.user_schema_id)
    assert shown["schema_hash"] == made.schema_hash
    fields = [json_format.ParseDict(one, SchemaField()) for one in shown["fields"]]
    again = me("CreateFieldSchema", name="t", fields=fields, distinct_empties=["null"])
    assert again.schema_hash == made.schema_hash
    assert me("ListFieldSchemas").total == 2
    changed = me("UpdateFieldSchema", user_schema_id=made.user_schema_id, fields=FIELDS[:1])
    assert (len(changed.fields), list(changed.distinct_empties), changed.name) == (1, [], "s")
    assert me("DeleteFieldSchema", user_schema_id=made.user_schema_id).deleted


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"name": "a"}, "a"),
        ({"name": "", "type": "text"}, ""),
        ({"name": "a", "type": "text", "default": LIST}, "a"),
        ({"name": "a", "type": "object",
          "fields": [{"name": "b", "type": "text", "locale": "de_DE"}]}, "a.b"),
        ({"name": "a", "type": "money", "locale": "zz_ZZ"}, "a"),
    ],
)  # fmt: skip  # a table
def test_a_wrong_field_is_refused_by_its_path(me: Caller, field: dict[str, Any], named: str):
    """A field that makes no sense is refused, naming it by its path."""
    refused = me.refused("CreateFieldSchema", name="s", fields=[field])
    assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert refused.violations[0][0] == (named or "fields")


def test_ten_thousand_fields_are_a_schema_and_one_more_is_not(me: Caller):
    """A schema of 10 000 fields is kept and shown; one of 10 001 is refused."""
    many = [{"name": f"f{number}", "type": "text"} for number in range(10_001)]
    made = me("CreateFieldSchema", name="s", fields=many[:-1])
    shown = me.view("FieldSchemaRest.GetFieldSchema", user_schema_id=made.user_schema_id)
    assert len(shown["fields"]) == 10_000
    assert len(me("ListFieldSchemas").schemas[0].fields) == 10_000
    assert "10000" in me.refused("CreateFieldSchema", name="s", fields=many).message


def test_a_stream_of_entries_is_imported(me: Caller, dataset: str):
    """A stream's messages are one import: rows count through, and skipped ones are told."""
    done = imported(
        me, dataset, [("a", EXACT), ("b", "{}")], [], [("a", "{}"), ("", "{}"), ("c", '{"x":1}')]
    )
    assert (done.imported, done.skipped) == (3, 2)
    told = [(one.row, one.document_id, one.reason) for one in done.skipped_rows]
    assert told == [(2, "a", "duplicate_in_upload"), (3, "", "no_document_id")]
    found = {
        one.document_id: one.expected_json for one in me("ListEntries", dataset_id=dataset).entries
    }
    assert found == {"a": EXACT, "b": "{}", "c": '{"x":1}'}


def test_a_stream_of_extractions_is_imported(me: Caller, run: str):
    """Extractions of a stream keep their data and confidences; wrong ones stop the whole import."""
    good = {"document_id": "a", "data_json": EXACT, "confidence": {"big": 0.75, "s": 0.0}}
    request = message("ImportExtractions", run_id=run, extractions=[good])
    assert me.raw("ImportExtractions", iter([request])).imported == 1
    (found,) = me("ListExtractions", run_id=run).extractions
    assert (found.data_json, dict(found.confidence)) == (EXACT, good["confidence"])
    assert me("GetExtraction", run_id=run, extraction_id=found.extraction_id) == found
    for wrong in (1.5, float("nan"), -1.0):
        bad = {"document_id": "c", "data_json": "{}", "confidence": {"x": wrong}}
        new = {"document_id": "b", "data_json": "{}"}
        request = message("ImportExtractions", run_id=run, extractions=[new, bad])
        refused = me.refused("ImportExtractions", iter([request]))
        assert refused.told == ("INVALID_ARGUMENT", "BAD_DOCUMENT")
        assert "row 1, confidence" in refused.message
    assert me("GetExtractionRun", run_id=run).document_count == 1
    assert me("DeleteExtractionRun", run_id=run).deleted


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (("z", "{"), "row 700, expected_data: cannot be read"),
        (("z", "[]"), "row 700, expected_data: a list"),
        (("z", '{"a":1,"a":2}'), "row 700, expected_data"),
        (("z", '{"a":NaN}'), "NaN"),
        (("z", '{"a":"\\ud800"}'), "surrogate"),
        (("z\n", "{}"), "row 700, document_id"),
        (("z" * 501, "{}"), "row 700, document_id"),
    ],
)
def test_one_wrong_row_stops_a_whole_import(me: Caller, dataset: str, bad: Any, told: str):
    """A wrong row late in a stream is refused by its number, and no row before it is kept."""
    many = [[(f"d{part}-{number}", "{}") for number in range(100)] for part in range(7)]
    refused = me.refused("ImportEntries", entries(dataset, *many, [bad]))
    assert refused.told == ("INVALID_ARGUMENT", "BAD_DOCUMENT")
    assert told in refused.message
    assert stored(me, dataset) == 0


def test_an_import_that_is_cut_off_leaves_nothing(me: Caller, dataset: str):
    """A caller who goes away in the middle of a stream has imported nothing."""
    sent = threading.Event()

    def requests() -> Iterator[Any]:
        yield from entries(dataset, [("a", "{}")])
        sent.set()
        call_over.wait(20)

    call_over = threading.Event()
    call = me.begin("ImportEntries", requests())
    assert sent.wait(20)
    call.cancel()
    call_over.set()
    assert call.code() == grpc.StatusCode.CANCELLED
    assert imported(me, dataset, [("a", "{}")]).imported == 1


def test_nothing_to_import_is_refused(me: Caller, dataset: str):
    """A stream without messages or without documents is refused."""
    assert me.refused("ImportEntries", iter([])).code == "INVALID_ARGUMENT"
    refused = me.refused("ImportEntries", entries(dataset, []))
    assert refused.told == ("INVALID_ARGUMENT", "BAD_FILE")


def test_imports_at_once_store_each_document_once(me: Caller, dataset: str):
    """Of imports of the same documents at the same time each document is stored by one."""
    documents = [(f"d{number}", "{}") for number in range(300)]
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: imported(me, dataset, documents), range(6)))
    assert sum(one.imported for one in done) == 300 == stored(me, dataset)
    assert all(one.imported + one.skipped == 300 for one in done)
    assert all(len(one.skipped_rows) == min(one.skipped, 100) for one in done)


def test_only_the_first_hundred_skipped_rows_are_told(me: Caller, dataset: str):
    """Many skipped rows are counted, and the first hundred of them told in the file's order."""
    imported(me, dataset, [(f"d{number}", "{}") for number in range(0, 400, 2)])
    rows = [(f"d{number}", "{}") for number in range(400)] + [("d1", "{}")] * 5
    done = imported(me, dataset, rows)
    assert (done.imported, done.skipped) == (200, 205)
    assert [one.row for one in done.skipped_rows] == list(range(0, 200, 2))


def test_creates_and_imports_can_be_repeated(me: Caller, dataset: str):
    """A repeated create or import with its request_id returns what the first one made."""
    for name, fields in (
        ("CreateGroundTruthDataset", {"name": "n"}),
        ("CreateExtractionRun", {"name": "n"}),
        ("CreateFieldSchema", {"name": "n", "fields": FIELDS}),
        ("CreateEntry", {"dataset_id": dataset, "document_id": "d", "expected_json": "{}"}),
    ):
        first = me(name, **fields, request_id="r")
        assert me(name, **fields, request_id="r") == first, name
        other = {**fields, ("document_id" if name == "CreateEntry" else "name"): "other"}
        assert me.refused(name, **other, request_id="r").reason == "REQUEST_ID_REUSED", name
    rows = [("x", "{}"), ("x", "{}"), ("y", "{}")]
    first = imported(me, dataset, rows, request_id="r")
    assert first.imported == 2
    assert imported(me, dataset, rows, request_id="r") == first
    refused = me.refused("ImportEntries", entries(dataset, rows[:1], request_id="r"))
    assert refused.reason == "REQUEST_ID_REUSED"
    assert stored(me, dataset) == 3


def test_the_rest_face_and_the_typed_one_are_the_same_request(me: Caller):
    """A dataset made over REST is not made again by a gRPC caller with its request_id."""
    made = me.view("GroundTruthRest.CreateGroundTruthDataset", name="n", request_id="r")
    again = me("CreateGroundTruthDataset", name="n", request_id="r")
    assert again.dataset_id == made["id"]


def test_pages_lead_through_everything(me: Caller, dataset: str):
    """Pages of entries hold each once, newest first, with the total beside them."""
    imported(me, dataset, [(f"d{number}", "{}") for number in range(7)])
    seen, token = [], ""
    while True:
        page = me("ListEntries", dataset_id=dataset, limit=3, cursor=token)
        assert page.total == 7
        seen += [one.document_id for one in page.entries]
        token = page.next_cursor
        if not token:
            break
    assert seen == [f"d{number}" for number in reversed(range(7))]
    assert me.refused("ListEntries", dataset_id=dataset, limit=-1).code == "INVALID_ARGUMENT"
    other = me("CreateGroundTruthDataset", name="o").dataset_id
    first = me("ListEntries", dataset_id=dataset, limit=3).next_cursor
    refused = me.refused("ListEntries", dataset_id=other, cursor=first)
    assert refused.reason == "BAD_PAGE_TOKEN"


def test_the_schema_of_a_dataset_is_named_or_inferred(me: Caller, dataset: str):
    """A dataset shows the schema it names, else one inferred of its entries, else a refusal."""
    refused = me.refused("GetGroundTruthSchema", dataset_id=dataset)
    assert refused.told == ("FAILED_PRECONDITION", "FAILED_PRECONDITION")
    imported(me, dataset, [("empty", "{}")])
    refused = me.refused("GetGroundTruthSchema", dataset_id=dataset)
    assert refused.told == ("FAILED_PRECONDITION", "FAILED_PRECONDITION")
    imported(me, dataset, [(f"d{number}", f'{{"n":{number}}}') for number in range(1_200)])
    guess = me("GetGroundTruthSchema", dataset_id=dataset)
    assert (guess.inferred, guess.documents, list(guess.reasons)) == (True, 1_201, ["n"])
    assert [one.name for one in guess.schema.fields] == ["n"]
    schema = me("CreateFieldSchema", name="s", fields=list(guess.schema.fields))
    named = struct_pb2.Value(string_value=schema.user_schema_id)
    me("UpdateGroundTruthDataset", dataset_id=dataset, user_schema_id=named)
    named = me("GetGroundTruthSchema", dataset_id=dataset)
    assert (named.inferred, named.schema) == (False, schema)


def test_ids_that_cannot_be_are_absent(rpc: Running, me: Caller):
    """An id that is no UUID is told as absent, whatever characters it has."""
    for key in ("x", "é", "x" * 5000, "0000"):
        for name, field in (
            ("GetGroundTruthDataset", "dataset_id"),
            ("GetFieldSchema", "user_schema_id"),
            ("GetExtractionRun", "run_id"),
        ):
            assert me.refused(name, **{field: key}).told == ("NOT_FOUND", "NOT_FOUND")


def test_a_taken_name_is_refused_with_the_dataset_that_has_it(me: Caller, other: Caller):
    """A second dataset of a name is 409 and names the first; with if_absent the first is returned."""
    made = me("CreateGroundTruthDataset", name="payables")
    refused = me.refused("CreateGroundTruthDataset", name="payables")
    assert refused.told == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert refused.metadata["resource_id"] == made.dataset_id
    assert me("CreateGroundTruthDataset", name="payables", if_absent=True) == made
    second = me("CreateGroundTruthDataset", name="receivables", if_absent=True)
    assert second.dataset_id != made.dataset_id
    renamed = {"dataset_id": second.dataset_id, "name": "payables"}
    assert me.refused("UpdateGroundTruthDataset", **renamed).code == "ALREADY_EXISTS"
    same = me("UpdateGroundTruthDataset", dataset_id=made.dataset_id, name="payables")
    assert same.name == "payables"
    assert other("CreateGroundTruthDataset", name="payables").dataset_id != made.dataset_id
    me("DeleteGroundTruthDataset", dataset_id=made.dataset_id)
    assert me("UpdateGroundTruthDataset", **renamed).name == "payables"
