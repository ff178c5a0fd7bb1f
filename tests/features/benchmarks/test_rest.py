"""Document 003 and its family, field by field and error by error, over REST of the whole service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import Store, open_store
from assay.records import replace
from tests.support.benchmark_rows import DOCUMENT_003, put_dataset, put_run, three_fields
from tests.support.refusal_body import check
from tests.support.rest_client import client, key_with

PATH = "/v1/quality/benchmarks"
ABSENT = "00000000-0000-4000-8000-000000000000"
ORG = "default"
# The keys of document 003, in its order.
RUN = [
    "id", "name", "dataset_id", "user_schema_id", "status", "accuracy_overall",
    "accuracy_by_field", "documents_processed", "documents_total", "duration_ms",
    "accuracy_delta", "compared_to_run_id", "created_at", "completed_at", "links",
]  # fmt: skip  # a list
PAGE = ["total", "limit", "has_more", "next_cursor"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def store(service) -> Iterator[Store]:
    """The store of the running service, into which ground truth is put."""
    store = open_store(sqlite_url(service.data_dir))
    yield store
    store.close()


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    with client(service, service.key) as found:
        yield found


@dataclass(frozen=True, kw_only=True)
class Made:
    """Two completed benchmarks of one dataset."""

    dataset: str
    first: dict[str, Any]  # as its detail shows it
    second: dict[str, Any]


@pytest.fixture(scope="module")
def made(admin, store) -> Made:
    """The numbers of document 003, and a run that has a little more wrong."""
    dataset = put_dataset(store, ORG, three_fields({}))
    runs = [
        put_run(store, ORG, three_fields(wrong))
        for wrong in (DOCUMENT_003, DOCUMENT_003 | {"vendor_name": 4})
    ]
    found = [completed(admin, dataset_id=dataset, run_id=run) for run in runs]
    return Made(dataset=dataset, first=found[0], second=found[1])


def completed(admin: httpx.Client, **body: Any) -> dict[str, Any]:
    """Create a benchmark, follow it to its end and return its detail."""
    answer = admin.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    watched = admin.get(f"{PATH}/{answer.json()['id']}:watch.ndjson")
    assert json.loads(watched.text.splitlines()[-1])["type"] == "state"
    return admin.get(f"{PATH}/{answer.json()['id']}").json()


def shown(detail: dict[str, Any]) -> dict[str, Any]:
    """Return what document 003 shows of a benchmark."""
    return {key: detail[key] for key in RUN}


def test_the_example_of_document_003(admin, made):
    """Document 003: 50 documents of three fields, 0.98, 0.90, 0.92 and 140/150 unrounded."""
    found = next(one for one in admin.get(PATH).json()["data"] if one["id"] == made.first["id"])
    assert list(found) == RUN
    assert found["accuracy_by_field"] == {
        "vendor_name": 0.98, "total_amount": 0.90, "invoice_number": 0.92,
    }  # fmt: skip  # the document's
    assert found["accuracy_overall"] == 140 / 150
    assert (found["documents_processed"], found["documents_total"]) == (50, 50)
    assert (found["status"], found["user_schema_id"]) == ("completed", None)
    assert (found["accuracy_delta"], found["compared_to_run_id"]) == (None, None)
    assert type(found["duration_ms"]) is int
    assert TIME.fullmatch(found["created_at"])
    assert TIME.fullmatch(found["completed_at"])
    assert UUID.fullmatch(found["id"])
    assert found["links"] == {
        "self": f"{PATH}/{found['id']}", "results": f"{PATH}/{found['id']}/results",
    }  # fmt: skip  # as the document has it


def test_documents_that_do_not_match_are_named(admin, store):
    """The detail of a benchmark names ids that differ by a blank; what document 003 shows stays."""
    dataset = put_dataset(store, ORG, three_fields({}, 2))
    shifted = [replace(one, document_id=f" {one.document_id}") for one in three_fields({}, 2)]
    found = completed(admin, dataset_id=dataset, run_id=put_run(store, ORG, shifted))
    assert found["unmatched"] == {
        "extractions": 2,
        "extraction_document_ids": [" doc-000", " doc-001"],
        "similar_document_ids": ["doc-000", "doc-001"],
        "entries": 2,
        "entry_document_ids": ["doc-000", "doc-001"],
    }
    listed = next(one for one in admin.get(PATH).json()["data"] if one["id"] == found["id"])
    assert list(listed) == RUN


def test_the_pagination_of_document_003(admin, made):
    """Document 003: a page tells total, limit, has_more and a cursor that is null at the end."""
    whole = admin.get(PATH).json()
    assert list(whole) == ["data", "pagination"]
    assert list(whole["pagination"]) == PAGE
    assert whole["pagination"]["limit"] == 20
    assert (whole["pagination"]["has_more"], whole["pagination"]["next_cursor"]) == (False, None)
    params: dict[str, Any] = {"limit": 1, "dataset_id": made.dataset}
    ids, page = [], admin.get(PATH, params=params).json()
    total = page["pagination"]["total"]
    while page["pagination"]["next_cursor"] is not None:
        cursor = page["pagination"].pop("next_cursor")
        assert page["pagination"] == {"total": total, "limit": 1, "has_more": True}
        ids += [one["id"] for one in page["data"]]
        page = admin.get(PATH, params=params | {"cursor": cursor}).json()
    ids += [one["id"] for one in page["data"]]
    assert len(ids) == total
    # Newest first; another test may have made one since.
    assert ids[-2:] == [made.second["id"], made.first["id"]]
    assert page["pagination"] == {
        "total": len(ids),
        "limit": 1,
        "has_more": False,
        "next_cursor": None,
    }
    assert admin.get(PATH, params={"limit": 9999}).json()["pagination"]["limit"] == 500


def test_a_created_benchmark_is_queued(admin, made):
    """Family of 003: a create answers 201 with the benchmark, queued and without accuracy."""
    answer = admin.post(PATH, json={"dataset_id": made.dataset, "name": "Ours"})
    found = answer.json()
    assert answer.status_code == 201
    assert list(found) == RUN
    assert (found["status"], found["name"]) == ("queued", "Ours")
    assert (found["documents_processed"], found["documents_total"]) == (0, 50)
    for key in ("accuracy_overall", "accuracy_by_field", "duration_ms", "accuracy_delta",
                "compared_to_run_id", "completed_at", "user_schema_id"):  # fmt: skip  # a table
        assert found[key] is None, key


def test_a_repeat_with_its_key_is_the_same_benchmark(admin, made):
    """The header Idempotency-Key makes a repeated create the first one, and another body 409."""
    sent = {"json": {"dataset_id": made.dataset}, "headers": {"idempotency-key": "bench-1"}}
    first, again = (admin.post(PATH, **sent) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert (first.status_code, again.status_code) == (201, 201)
    sent["json"]["name"] = "another"
    check(admin.post(PATH, **sent), 409, "conflict", PATH)


def test_a_delta_names_what_it_is_against(made):
    """Document 003: accuracy_delta and compared_to_run_id are set together, unrounded."""
    assert made.second["compared_to_run_id"] == made.first["id"]
    assert made.second["accuracy_delta"] == 137 / 150 - 140 / 150


def test_a_benchmark_with_its_results(admin, made):
    """Family of 003: one benchmark is the run with its results, and more of ours."""
    found = made.first
    assert list(found)[: len(RUN)] == RUN
    assert len(found["results"]) == 20
    assert found["results"][0] == results(admin, found)["data"][0]
    measures = found["measures"]["by_field"]["vendor_name"]["normalised"]
    assert (measures["correct"], measures["wrong_value"], measures["missed"]) == (49, 1, 0)
    assert measures["precision"] == measures["recall"] == 49 / 50
    assert {one["metric"] for one in measures["undefined"]} == {"invented_rate"}
    assert found["spec"]["normaliser"].startswith("assay-normaliser/")
    assert len(found["spec"]["spec_hash"]) == 64


def results(admin: httpx.Client, found: dict[str, Any], **params: Any) -> dict[str, Any]:
    """Return a page of a benchmark's results."""
    answer = admin.get(f"{PATH}/{found['id']}/results", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_results_of_every_document(admin, made):
    """Family of 003: a result has each field's expected, extracted and whether it is right."""
    page = results(admin, made.first, limit=2)
    assert list(page) == ["data", "pagination"]
    assert page["pagination"]["total"] == 50
    found = page["data"][0]
    assert list(found)[:6] == [
        "id", "document_id", "ground_truth_entry_id", "accuracy", "field_results", "created_at",
    ]  # fmt: skip  # the family's
    assert UUID.fullmatch(found["id"])
    assert UUID.fullmatch(found["ground_truth_entry_id"])
    assert (found["document_id"], found["accuracy"]) == ("doc-000", 0)
    field = found["field_results"]["vendor_name"]
    assert list(field)[:3] == ["correct", "extracted", "expected"]
    assert (field["correct"], field["extracted"], field["expected"]) == (
        False, "another", "Vendor 0",
    )  # fmt: skip  # a triple
    assert TIME.fullmatch(found["created_at"])
    after = results(admin, made.first, limit=2, cursor=page["pagination"]["next_cursor"])
    assert [one["document_id"] for one in after["data"]] == ["doc-002", "doc-003"]


def test_results_are_filtered(admin, made):
    """Results of one field, of one outcome, or only of what is wrong."""
    wrong = results(admin, made.first, only_wrong="true", field="total_amount", limit=3)
    assert wrong["pagination"]["total"] == 5
    assert {key for one in wrong["data"] for key in one["field_results"]} == {"total_amount"}
    assert results(admin, made.first, outcome="missed")["data"] == []
    bad = admin.get(f"{PATH}/{made.first['id']}/results", params={"outcome": "bad"})
    check(bad, 400, "validation_error", f"{PATH}/{made.first['id']}/results")


def test_a_comparison_of_two_runs(admin, made):
    """Family of 003: run_a, run_b and accuracy_delta = a - b; ours: documents, test and interval."""
    params = {"run_a": made.first["id"], "run_b": made.second["id"]}
    found = admin.get(f"{PATH}/compare", params=params).json()
    assert list(found) == ["run_a", "run_b", "accuracy_delta", "differences"]
    assert (found["run_a"], found["run_b"]) == (shown(made.first), shown(made.second))
    assert found["accuracy_delta"] == 140 / 150 - 137 / 150
    told = found["differences"]
    assert (told["overall"]["fixed"], told["overall"]["broken"]) == (0, 0)
    assert told["by_field"]["vendor_name"]["fixed"] == 3
    assert told["by_field"]["vendor_name"]["p_value"] == 0.25
    assert told["overall"]["low"] <= found["accuracy_delta"] <= told["overall"]["high"]


def test_a_watch_over_sse(admin, made):
    """Server-Sent Events carry ids, documents and the accuracy of the fields, and end."""
    with admin.stream("GET", f"{PATH}/{made.first['id']}:watch") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = answer.read().decode()
    frames = [frame for frame in text.split("\n\n") if frame]
    assert "event: documents" in text
    assert "event: field_accuracy" in text
    last = json.loads(frames[-1].rpartition("data: ")[2])
    assert last["state_changed"]["to"] == "JOB_STATE_SUCCEEDED"
    resumed = admin.get(f"{PATH}/{made.first['id']}:watch", headers={"last-event-id": "2"})
    assert resumed.text.startswith("retry: 3000\n\nid: 3\n")
    assert resumed.headers["cache-control"] == "no-cache"
    at_end = {"last-event-id": str(last["sequence"])}
    ended = admin.get(f"{PATH}/{made.first['id']}:watch", headers=at_end)
    assert (ended.status_code, ended.content) == (204, b"")
    assert "content-type" not in ended.headers


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -3}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "%ff"}, "cursor"),
        ({"status": "done"}, "status"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_queries(admin, params, word):
    """400: limits, cursors, statuses and parameters that are not allowed are named."""
    answer = admin.get(PATH, params=params)
    assert answer.status_code == 400
    assert word in answer.json()["message"]


@pytest.mark.parametrize("sent", [ABSENT, "x", "a%2Fb", "ä", "x" * 300])
def test_what_is_absent(admin, sent):
    """404: an unknown benchmark, whatever its id looks like, on every route."""
    for path in (f"{PATH}/{sent}", f"{PATH}/{sent}/results", f"{PATH}/{sent}:watch"):
        assert admin.get(path).status_code == 404, path
    assert admin.post(f"{PATH}/{sent}:cancel", json={}).status_code == 404
    params = {"run_a": ABSENT, "run_b": ABSENT}
    assert admin.get(f"{PATH}/compare", params=params).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"dataset_id": ""}, 400),
        ({"dataset_id": 7}, 400),
        ({"dataset_id": ["x"]}, 400),
        ({"dataset_id": ABSENT}, 404),
        ({"dataset_id": ABSENT, "name": "x" * 201}, 400),
        ({"dataset_id": ABSENT, "name": "\u0000"}, 400),
        ({"dataset_id": "\u0000"}, 400),
    ],
    ids=str,
)
def test_bad_bodies(admin, body, status):
    """Bodies that say nothing, too much or the wrong thing are refused, and nothing is made."""
    before = admin.get(PATH).json()["pagination"]["total"]
    assert admin.post(PATH, json=body).status_code == status
    assert admin.get(PATH).json()["pagination"]["total"] == before


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"dataset_id":"\xff"}', b"null"])
def test_bodies_that_are_no_object(admin, content):
    """400: what is no JSON object is refused."""
    answer = admin.post(PATH, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_an_empty_dataset(admin, store):
    """422: a dataset without entries has nothing to compare."""
    answer = admin.post(PATH, json={"dataset_id": put_dataset(store, ORG, [])})
    check(answer, 422, "unprocessable_entity", PATH)


def test_a_comparison_needs_both(admin, made):
    """400: a comparison without one of its runs names what is missing."""
    for params in ({}, {"run_a": ABSENT}, {"run_b": ABSENT}):
        answer = admin.get(f"{PATH}/compare", params=params)
        assert answer.status_code == 400
        assert "run_" in answer.json()["message"]


def test_comparisons_of_other_ground_truth(admin, store, made):
    """422: benchmarks of other documents are not compared, and what differs is named."""
    other = put_dataset(store, ORG, three_fields({}, 3))
    found = completed(admin, dataset_id=other)
    params = {"run_a": made.first["id"], "run_b": found["id"]}
    answer = admin.get(f"{PATH}/compare", params=params)
    body = check(answer, 422, "unprocessable_entity", f"{PATH}/compare")
    assert "ground truth" in body["message"]


@pytest.mark.parametrize("fields", [1_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_fields(admin, store, fields):
    """A benchmark of ten thousand fields is created, listed, read and compared like any other."""
    wide = json.dumps({f"field_{number}": f"v{number}" for number in range(fields)})
    pairs = [replace(one, expected=wide, data=wide) for one in three_fields({}, 25)]
    dataset, run = put_dataset(store, ORG, pairs), put_run(store, ORG, pairs)
    first, second = (completed(admin, dataset_id=dataset, run_id=run) for _ in range(2))
    assert first["accuracy_overall"] == 1
    assert len(first["accuracy_by_field"]) == first["measures"]["fields"] == fields
    assert len(first["measures"]["by_field"]) == 1000
    assert 1 <= len(first["results"]) <= 20
    assert len(first["results"][0]["field_results"]) == fields
    listed = admin.get(PATH, params={"dataset_id": dataset, "limit": 500}).json()
    assert [one["id"] for one in listed["data"]] == [second["id"], first["id"]]
    seen, cursor = [], ""
    while cursor is not None:
        page = results(admin, first, limit=500, cursor=cursor)
        seen += [one["document_id"] for one in page["data"]]
        cursor = page["pagination"]["next_cursor"]
    assert seen == [one.document_id for one in pairs]
    params = {"run_a": first["id"], "run_b": second["id"]}
    told = admin.get(f"{PATH}/compare", params=params).json()["differences"]
    assert len(told["by_field"]) == fields
    assert told["overall"]["verdict"] == "undecided"


def test_a_value_of_a_megabyte(admin, store):
    """A document with a value of a megabyte is compared and read back whole."""
    large = json.dumps({"text": "x" * 1_000_000})
    pairs = [replace(one, expected=large, data=large) for one in three_fields({}, 3)]
    dataset, run = put_dataset(store, ORG, pairs), put_run(store, ORG, pairs)
    found = completed(admin, dataset_id=dataset, run_id=run)
    page = results(admin, found, limit=1)
    assert page["data"][0]["field_results"]["text"]["expected"] == "x" * 1_000_000


def test_who_may(service, admin, made):
    """401 without a credential; 403 without benchmark:read or benchmark:write."""
    detail = f"{PATH}/{made.first['id']}"
    with client(service, None) as web:
        check(web.get(PATH), 401, "unauthorized", PATH)
        check(web.post(PATH, json={}), 401, "unauthorized", PATH)
    with client(service, key_with(admin, "benchmark:read")) as web:
        assert web.get(detail).status_code == 200
        assert web.post(PATH, json={"dataset_id": made.dataset}).status_code == 403
        assert web.post(f"{detail}:cancel", json={}).status_code == 403
    with client(service, key_with(admin, "model:read")) as web:
        for path in (PATH, detail, f"{detail}/results", f"{detail}:watch"):
            assert web.get(path).status_code == 403, path


def test_many_at_once_share_the_listing(admin, made):
    """Eight creates at once are eight benchmarks, and a walk by cursor meets each exactly once."""
    with ThreadPoolExecutor(8) as threads:
        new = list(
            threads.map(
                lambda _: admin.post(PATH, json={"dataset_id": made.dataset}).json()["id"],
                range(8),
            )
        )
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3, "dataset_id": made.dataset}
    while True:
        page = admin.get(PATH, params=params).json()
        seen += [one["id"] for one in page["data"]]
        if not page["pagination"]["has_more"]:
            break
        params["cursor"] = page["pagination"]["next_cursor"]
    assert len(seen) == len(set(seen)) == page["pagination"]["total"]
    assert set(new) <= set(seen)


def test_fields_stand_in_the_order_of_the_schema(admin, store):
    """Document 003: accuracy_by_field, and a document's field_results, are in the schema's order."""
    fields = ["vendor_name", "total_amount", "invoice_number"]
    sent = {"name": "invoice", "fields": [{"name": name, "type": "text"} for name in fields]}
    schema = admin.post("/v1/quality/schemas", json=sent).json()["id"]
    dataset = put_dataset(store, ORG, three_fields({}))
    put_run(store, ORG, three_fields({}))
    found = completed(admin, dataset_id=dataset, user_schema_id=schema)
    assert list(found["accuracy_by_field"]) == fields
    assert list(found["results"][0]["field_results"]) == fields
    first = next(one for one in admin.get(PATH).json()["data"] if one["id"] == found["id"])
    assert list(first["accuracy_by_field"]) == fields
