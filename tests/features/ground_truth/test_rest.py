"""Document 003's family of ground truth, and our field schemas and extraction runs, over REST."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.refusal_body import check
from tests.support.rest_client import client, key_with

TRUTH = "/v1/quality/ground-truth"
SCHEMAS = "/v1/quality/schemas"
RUNS = "/v1/quality/extractions"
ABSENT = "00000000-0000-4000-8000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FIELDS = [
    {"name": "vendor", "type": "object", "fields": [{"name": "name", "type": "text"}]},
    {"name": "total", "type": "money", "locale": "de_DE"},
    {"name": "tags", "type": "list", "item": {"type": "enum", "values": ["a", "b"]}},
    {"name": "due", "type": "date", "date_formats": ["dd.MM.yyyy"], "day_first": False},
    {"name": "terms", "type": "text", "fuzzy": True, "threshold": 0.75, "default": "none"},
    {"name": "weight", "type": "number", "unit": True, "absent": ["N/A", "null"]},
    {"name": "born", "type": "date", "first_year": 1926},
]
DATA = {"vendor": {"name": "Müller ✓\u0000"}, "total": 99.5, "tags": ["a", None], "paid": False}


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    with client(service, service.key) as found:
        yield found


@pytest.fixture
def dataset(admin) -> str:
    """The path of a new dataset."""
    return TRUTH + "/" + created(admin.post(TRUTH, json={"name": f"Invoices {uuid4()}"}))["id"]


@pytest.fixture
def run(admin) -> str:
    """The path of a new extraction run."""
    return RUNS + "/" + created(admin.post(RUNS, json={"name": "Nightly"}))["id"]


def created(answer: httpx.Response) -> Any:
    assert answer.status_code == 201, answer.text
    assert UUID.fullmatch(answer.json()["id"])
    assert TIME.fullmatch(answer.json()["created_at"])
    return answer.json()


def found(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_a_dataset_lives(admin):
    """Document 003: a dataset is created with 201, has its keys and nulls, and is deleted."""
    made = created(admin.post(TRUTH, json={"name": f"Invoices {uuid4()}", "description": "d"}))
    path = f"{TRUTH}/{made['id']}"
    assert list(made) == [
        "id", "name", "description", "user_schema_id", "document_count", "created_at",
        "updated_at", "links",
    ]  # fmt: skip  # a list
    assert (made["user_schema_id"], made["document_count"]) == (None, 0)
    assert made["links"] == {"self": path, "entries": f"{path}/entries", "schema": f"{path}/schema"}
    assert found(admin.get(path)) == {**made, "samples": []}
    changed = found(admin.patch(path, json={"name": f"Bills {made['id']}"}))
    assert (changed["name"], changed["description"]) == (f"Bills {made['id']}", "d")
    assert found(admin.patch(path, json={"description": "d"})) == changed  # updated_at too
    assert found(admin.delete(path)) == {"deleted": True}
    check(admin.get(path), 404, "not_found", path)
    check(admin.delete(path), 404, "not_found", path)


def test_datasets_are_listed(admin):
    """Document 003: a listing has data and pagination; its cursor leads through all of it."""
    made = [
        created(admin.post(TRUTH, json={"name": f"n{number} {uuid4()}"})) for number in range(3)
    ]
    first = found(admin.get(TRUTH, params={"limit": 2}))
    assert first["data"] == [made[2], made[1]]
    page = first["pagination"]
    assert list(page) == ["total", "limit", "has_more", "next_cursor"]
    assert (page["limit"], page["has_more"]) == (2, True)
    assert page["total"] >= 3
    second = found(admin.get(TRUTH, params={"limit": 500, "cursor": page["next_cursor"]}))
    assert second["data"][0] == made[0]
    assert second["pagination"]["has_more"] is False
    assert second["pagination"]["next_cursor"] is None
    assert found(admin.get(TRUTH))["pagination"]["limit"] == 20


def test_an_entry_lives(admin, dataset):
    """Document 003: an entry is created with 201, shown among the samples, and deleted."""
    sent = {"document_id": "doc/1 ✓", "expected_data": DATA, "notes": "x\ny"}
    made = created(admin.post(f"{dataset}/entries", json=sent))
    assert list(made) == ["id", "document_id", "expected_data", "notes", "created_at", "links"]
    assert {key: made[key] for key in sent} == sent
    path = f"{dataset}/entries/{made['id']}"
    assert made["links"] == {"self": path, "dataset": dataset}
    assert found(admin.get(path)) == made
    plain = {"document_id": "2", "expected_data": {}}
    assert created(admin.post(f"{dataset}/entries", json=plain))["notes"] is None
    shown = found(admin.get(dataset))
    assert shown["document_count"] == 2
    assert [one["document_id"] for one in shown["samples"]] == ["2", "doc/1 ✓"]
    page = found(admin.get(f"{dataset}/entries", params={"document_id": "doc/1 ✓"}))
    assert (page["data"], page["pagination"]["total"]) == ([made], 1)
    body = check(
        admin.post(f"{dataset}/entries", json=sent), 409, "already_exists", f"{dataset}/entries"
    )
    assert "doc/1 ✓" in body["message"]
    assert found(admin.delete(path)) == {"deleted": True}
    check(admin.get(path), 404, "not_found", path)


def test_a_csv_file_is_imported(admin, dataset):
    """Document 003: import-csv answers how many were imported and skipped, and why."""
    text = (
        'document_id,vendor.name,total,notes\nd1,"Mü, ""ller""","1.234,50",seen\nd1,x,1,\n,y,2,\n'
    )
    path = f"{dataset}/entries/import-csv"
    done = found(admin.post(path, content=text.encode("utf-8-sig")))
    assert done == {
        "imported": 1,
        "skipped": 2,
        "skipped_rows": [
            {"row": 1, "document_id": "d1", "reason": "duplicate_in_upload"},
            {"row": 2, "document_id": "", "reason": "no_document_id"},
        ],
    }
    (entry,) = found(admin.get(f"{dataset}/entries"))["data"]
    assert entry["expected_data"] == {"vendor": {"name": 'Mü, "ller"'}, "total": "1.234,50"}
    assert entry["notes"] == "seen"
    headers = {"content-type": "text/csv"}
    again = found(admin.post(path, content=text, headers=headers))
    assert (again["imported"], again["skipped"]) == (0, 3)
    assert again["skipped_rows"][0] == {"row": 0, "document_id": "d1", "reason": "already_stored"}


def test_json_lines_are_imported(admin, dataset):
    """A JSON Lines file of entries is imported with its nested values and notes."""
    rows = [
        {"document_id": "a", "expected_data": DATA, "notes": "n"},
        {"document_id": 7, "expected_data": {"n": 1}},
    ]
    path = f"{dataset}/entries/import-jsonl"
    done = found(admin.post(path, content=lines(*rows)))
    assert done == {"imported": 2, "skipped": 0, "skipped_rows": []}
    seven, a = found(admin.get(f"{dataset}/entries"))["data"]
    assert (a["expected_data"], a["notes"], seven["document_id"]) == (DATA, "n", "7")


def test_a_run_lives(admin, run):
    """An extraction run takes files of extractions, shows them with confidence, is deleted."""
    assert found(admin.get(run))["model"] is None
    made = created(admin.post(RUNS, json={"name": "n", "model": "reader", "version": "7"}))
    assert list(made) == [
        "id", "name", "model", "version", "document_count", "created_at", "links",
    ]  # fmt: skip  # a list
    assert made["links"]["documents"] == f"{RUNS}/{made['id']}/documents"
    assert found(admin.get(RUNS, params={"limit": 1}))["data"] == [made]
    row = {"document_id": "a", "data": DATA, "confidence": {"vendor.name": 0.9, "tags[0]": 1}}
    sent = lines(row, {"document_id": "a", "data": {}})
    done = found(admin.post(f"{run}/documents/import-jsonl", content=sent))
    assert (done["imported"], done["skipped"]) == (1, 1)
    text = "document_id,total,confidence:total\nb,1.50,0.25\nc,2,\n"
    assert found(admin.post(f"{run}/documents/import-csv", content=text))["imported"] == 2
    c, b, a = found(admin.get(f"{run}/documents"))["data"]
    assert list(a) == ["id", "run_id", "document_id", "data", "confidence", "created_at", "links"]
    assert (a["data"], a["confidence"]) == (DATA, row["confidence"])
    assert (b["data"], b["confidence"], c["confidence"]) == (
        {"total": "1.50"},
        {"total": 0.25},
        None,
    )
    assert found(admin.get(a["links"]["self"])) == a
    assert found(admin.get(run))["document_count"] == 3
    assert found(admin.delete(run)) == {"deleted": True}
    check(admin.get(a["links"]["self"]), 404, "not_found", a["links"]["self"])


def test_a_schema_lives(admin, dataset):
    """A field schema keeps what was sent, is set on a dataset, and then cannot be deleted."""
    made = created(admin.post(SCHEMAS, json={"name": "Invoice", "fields": FIELDS}))
    path = f"{SCHEMAS}/{made['id']}"
    assert made["fields"] == FIELDS
    assert (made["distinct_empties"], made["links"]) == ([], {"self": path})
    assert found(admin.get(path)) == made
    changed = found(admin.patch(path, json={"distinct_empties": ["null"]}))
    assert (changed["fields"], changed["distinct_empties"]) == (FIELDS, ["null"])
    assert changed["schema_hash"] != made["schema_hash"]
    assert found(admin.patch(path, json={"distinct_empties": ["null"]})) == changed
    assert found(admin.get(SCHEMAS, params={"limit": 1}))["data"] == [changed]
    assert found(admin.patch(dataset, json={"user_schema_id": made["id"]}))["user_schema_id"]
    shown = found(admin.get(f"{dataset}/schema"))
    assert (shown["inferred"], shown["user_schema_id"]) == (False, made["id"])
    assert shown["schema_hash"] == changed["schema_hash"]
    body = check(admin.delete(path), 422, "unprocessable_entity", path)
    assert body["details"][0]["reason"] == "RESOURCE_IN_USE"
    # Nothing leaves the schema as it is, and null takes it away.
    assert found(admin.patch(dataset, json={"description": "n"}))["user_schema_id"] == made["id"]
    assert found(admin.patch(dataset, json={"user_schema_id": None}))["user_schema_id"] is None
    assert found(admin.delete(path)) == {"deleted": True}


def test_an_inferred_schema_can_be_edited(admin, dataset):
    """The schema inferred from entries can be made a schema of its own and set on the dataset."""
    path = f"{dataset}/schema"
    check(admin.get(path), 422, "unprocessable_entity", path)
    entry = {"document_id": "a", "expected_data": {"n": 1, "who": "x"}}
    created(admin.post(f"{dataset}/entries", json=entry))
    guess = found(admin.get(path))
    assert (guess["inferred"], guess["user_schema_id"], guess["documents"]) == (True, None, 1)
    assert {field["name"] for field in guess["fields"]} == {"n", "who"}
    body = {"name": "edited", "fields": guess["fields"]}
    schema = created(admin.post(SCHEMAS, json=body))
    assert schema["schema_hash"] == guess["schema_hash"]
    found(admin.patch(dataset, json={"user_schema_id": schema["id"]}))
    assert found(admin.get(path))["inferred"] is False


def test_a_repeated_import_answers_as_the_first(admin, dataset):
    """An import with the same Idempotency-Key and file answers again what it answered first."""
    path = f"{dataset}/entries/import-csv"
    headers = {"idempotency-key": f"import-{dataset}"}
    first = found(admin.post(path, content="document_id,a\nd,1\nd,2\n", headers=headers))
    assert first["imported"] == 1
    again = found(admin.post(path, content="document_id,a\nd,1\nd,2\n", headers=headers))
    assert again == first
    answer = admin.post(path, content="document_id,a\ne,1\n", headers=headers)
    check(answer, 409, "conflict", path)
    assert found(admin.get(dataset))["document_count"] == 1


@pytest.mark.parametrize(
    ("route", "content", "told"),
    [
        ("import-csv", b"", "empty"),
        ("import-csv", b"document_id,a\n", "no rows"),
        ("import-csv", b"id,a\n1,2\n", "document_id"),
        ("import-csv", b"documentid;a\n1;2\n", "commas"),
        ("import-csv", b"document_id,a\nd1,1\nd2\n", "row 1 (line 3)"),
        ("import-csv", b'document_id,a\nd1,"1\n', "line 2"),
        ("import-csv", b"document_id,a\nd1,1\nd2,caf\xe9\n", "byte 25"),
        ("import-csv", "document_id,a\nd1,1\n".encode("utf-16"), "UTF-16"),
        ("import-csv", b"document_id,a,a\nd1,1,2\n", "twice"),
        ("import-csv", b"document_id,a,a.b\nd1,1,2\n", "a.b"),
        ("import-csv", b"document_id,a\nd1,1\nd\x012,1\n", "row 1"),
        ("import-jsonl", b"[1]\n", "row 0"),
        ("import-jsonl", lines({"document_id": "a"}), "expected_data"),
        ("import-jsonl", lines({"document_id": "a", "expected": {}}), "'expected'"),
        ("import-jsonl", lines({"document_id": "a", "expected_data": []}), "a list"),
        ("import-jsonl", b'{"document_id": "a", "expected_data": {"x": NaN}}\n', "NaN"),
        ("import-jsonl", b'{"document_id": "a", "expected_data": {"x": 1, "x": 2}}\n', "'x'"),
        ("import-jsonl", b'{"document_id": "a", "expected_data": {"x": "\\ud800"}}\n', "surrogate"),
        ("import-jsonl", b'{"document_id": "a", "expected_data": {}}\n{"docu', "row 1 (line 2)"),
        ("import-jsonl", b"{" * 100_000, "row 0"),
    ],
)  # fmt: skip  # a table
def test_bad_files_import_nothing(admin, dataset, route, content, told):
    """400: a file with anything wrong is refused by its place, and no row of it is kept."""
    path = f"{dataset}/entries/{route}"
    body = check(admin.post(path, content=content), 400, "validation_error", path)
    assert told in body["message"]
    assert found(admin.get(dataset))["document_count"] == 0


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/html"]
)
def test_other_content_types_are_refused(admin, dataset, kind):
    """415: a body that says it is no CSV is refused, naming what is allowed."""
    path = f"{dataset}/entries/import-csv"
    answer = admin.post(path, content="document_id,a\nd,1\n", headers={"content-type": kind})
    assert "text/csv" in check(answer, 415, "unsupported_media_type", path)["message"]


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (nested(33), "32 levels"),
        (nested(100), "too deep"),
        ({f"f{number}": 1 for number in range(10_001)}, "10000 fields"),
        ({"a": "x" * 1_048_570}, "1048576"),
        ({"": 1}, "names a field"),
        ({"a\nb": 1}, "names a field"),
        ({"x" * 201: 1}, "names a field"),
    ],
)
def test_bad_values_are_refused(admin, dataset, values, told):
    """400: values too deep, too many, too large or with odd names are refused, sent either way."""
    path = f"{dataset}/entries"
    sent = {"document_id": "a", "expected_data": values}
    answer = admin.post(path, json=sent)
    assert answer.status_code in {400, 413}, answer.text  # the service's bodies have 4 MiB
    assert told in answer.json()["message"]
    path = f"{dataset}/entries/import-jsonl"
    body = check(admin.post(path, content=lines(sent)), 400, "validation_error", path)
    assert "row 0" in body["message"]
    assert found(admin.get(dataset))["document_count"] == 0


def test_what_is_within_the_limits_is_kept_and_shown(admin, dataset):
    """Values at each limit are kept and come back, alone and in pages cut at their bytes."""
    rows = {
        "deep": nested(32),
        "wide": {f"f{number}": number for number in range(10_000)},
        "long": {"a": "x" * 1_048_568},
        "long too": {"a": "y" * 1_048_568},
        "longest": {"a": "\u0001" * 170_000},
    }
    sent = lines(*({"document_id": key, "expected_data": value} for key, value in rows.items()))
    assert found(admin.post(f"{dataset}/entries/import-jsonl", content=sent))["imported"] == 5
    seen, cursor = {}, ""
    while cursor is not None:
        page = found(admin.get(f"{dataset}/entries", params={"cursor": cursor} if cursor else {}))
        assert page["pagination"]["total"] == 5
        seen |= {one["document_id"]: one["expected_data"] for one in page["data"]}
        cursor = page["pagination"]["next_cursor"]
    assert seen == rows


def test_numbers_keep_their_digits(admin, dataset):
    """A number of a file is printed with the digits that it was sent with."""
    text = b'{"document_id":"a","expected_data":{"big":12345678901234567890,"f":0.10,"e":1E5}}\n'
    found(admin.post(f"{dataset}/entries/import-jsonl", content=text))
    answer = admin.get(f"{dataset}/entries")
    assert found(answer)["data"][0]["expected_data"] == {
        "big": 12345678901234567890, "f": 0.10, "e": 100000,
    }  # fmt: skip  # one value
    assert '"expected_data":{"big":12345678901234567890,"e":1E+5,"f":0.10}' in answer.text


@pytest.mark.parametrize("path", [TRUTH, SCHEMAS, RUNS])
@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=abc", "limit=", "limit=99999999999", "cursor=x", "colour=red",
     "cursor=AAAA", "cursor=%ff"],
)  # fmt: skip  # a list
def test_bad_pages(admin, path, query):
    """400: a limit below one, a cursor that no page gave and unknown parameters are refused."""
    check(admin.get(f"{path}?{query}"), 400, "validation_error", path)


def test_a_cursor_of_another_listing_is_refused(admin, dataset):
    """400: a cursor that was changed, or belongs to another listing, is refused."""
    for number in range(2):
        entry = {"document_id": str(number), "expected_data": {}}
        created(admin.post(f"{dataset}/entries", json=entry))
    path = f"{dataset}/entries"
    cursor = found(admin.get(path, params={"limit": 1}))["pagination"]["next_cursor"]
    assert found(admin.get(path, params={"cursor": cursor}))["data"][0]["document_id"] == "0"
    other = (
        TRUTH + "/" + created(admin.post(TRUTH, json={"name": f"n {uuid4()}"}))["id"] + "/entries"
    )
    text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    tampered = base64.urlsafe_b64encode(text[:-4] + b'00"]').decode()
    for where, sent in ((other, cursor), (TRUTH, cursor), (path, tampered), (path, cursor[:-3])):
        check(admin.get(where, params={"cursor": sent}), 400, "validation_error", where)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{SCHEMAS}/{ABSENT}", None),
        ("PATCH", f"{SCHEMAS}/{ABSENT}", {"name": "n"}),
        ("DELETE", f"{SCHEMAS}/{ABSENT}", None),
        ("GET", f"{TRUTH}/{ABSENT}", None),
        ("GET", f"{TRUTH}/no-uuid", None),
        ("GET", f"{TRUTH}/{ABSENT}/schema", None),
        ("PATCH", f"{TRUTH}/{ABSENT}", {"name": "n"}),
        ("DELETE", f"{TRUTH}/{ABSENT}", None),
        ("POST", TRUTH, {"name": "n", "user_schema_id": ABSENT}),
        ("GET", f"{TRUTH}/{ABSENT}/entries", None),
        ("POST", f"{TRUTH}/{ABSENT}/entries", {"document_id": "a", "expected_data": {}}),
        ("GET", f"{TRUTH}/{ABSENT}/entries/{ABSENT}", None),
        ("DELETE", f"{TRUTH}/{ABSENT}/entries/{ABSENT}", None),
        ("GET", f"{RUNS}/{ABSENT}", None),
        ("DELETE", f"{RUNS}/{ABSENT}", None),
        ("GET", f"{RUNS}/{ABSENT}/documents", None),
        ("GET", f"{RUNS}/{ABSENT}/documents/{ABSENT}", None),
    ],
)
def test_unknown_ids(admin, method, path, body):
    """404: what does not exist is told as absent."""
    answer = admin.request(method, path, json=body)
    assert check(answer, 404, "not_found", path)["details"][0]["reason"] == "NOT_FOUND"


@pytest.mark.parametrize(
    "path",
    [
        f"{TRUTH}/{ABSENT}/entries/import-csv", f"{TRUTH}/{ABSENT}/entries/import-jsonl",
        f"{RUNS}/{ABSENT}/documents/import-csv", f"{RUNS}/{ABSENT}/documents/import-jsonl",
    ],
)  # fmt: skip  # a list
def test_imports_into_nothing(admin, path):
    """404: a file for a dataset or run that does not exist is refused."""
    check(admin.post(path, content=b"document_id,a\nd,1\n"), 404, "not_found", path)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (TRUTH, {}, "name"),
        (TRUTH, {"name": ""}, "name"),
        (TRUTH, {"name": "  "}, "name"),
        (TRUTH, {"name": "x" * 201}, "name"),
        (TRUTH, {"name": "a\u0000b"}, "name"),
        (TRUTH, {"name": "n", "description": "x" * 4001}, "description"),
        (RUNS, {"name": "n", "model": ""}, "model"),
        (SCHEMAS, {"name": "n"}, "fields"),
        (SCHEMAS, {"name": "n", "fields": [{"name": "a"}]}, "a"),
        (SCHEMAS, {"name": "n", "fields": [{"name": "a", "type": "money", "fuzzy": True}]}, "a"),
        (SCHEMAS, {"name": "n", "fields": [{"name": "a", "type": "text", "fuzy": True}]}, "a"),
        (SCHEMAS, {"name": "n", "fields": FIELDS, "distinct_empties": ["none"]}, "fields"),
    ],
)
def test_bad_creates(admin, path, body, field):
    """400: a wrong name, text or field is refused, naming it."""
    told = check(admin.post(path, json=body), 400, "validation_error", path)
    named = [
        violation["field"]
        for one in told["details"]
        for violation in one.get("fieldViolations", [])
    ] + [one.get("field", "") for one in told["details"]]
    assert field in named or field in told["message"]


def test_the_refusals_of_callers(admin, service, dataset):
    """401 without a credential; 403 without dataset:read, dataset:write or benchmark:write."""
    entry = {"document_id": "a", "expected_data": {}}
    with client(service, None) as nobody:
        for path in (TRUTH, SCHEMAS, RUNS, dataset):
            check(nobody.get(path), 401, "unauthorized", path)
    with client(service, key_with(admin, "dataset:read")) as reader:
        assert reader.get(dataset).status_code == 200
        check(reader.get(RUNS), 403, "forbidden", RUNS)
        path = f"{dataset}/entries"
        check(reader.post(path, json=entry), 403, "forbidden", path)
        path = f"{path}/import-csv"
        check(reader.post(path, content=b"document_id,a\nd,1\n"), 403, "forbidden", path)
    with client(service, key_with(admin, "benchmark:read")) as reader:
        assert reader.get(RUNS).status_code == 200
        check(reader.post(RUNS, json={"name": "n"}), 403, "forbidden", RUNS)
