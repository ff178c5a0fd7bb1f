"""The kind `benchmark`: exact in any cut, and every document's result kept."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.extraction.comparison import NORMALISER, compare
from assay.extraction.outcome import Outcome
from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.values import MISSING
from assay.features.benchmarks.job_documents import DocumentBatchStats, compare_documents
from assay.features.benchmarks.model import BLOB_BYTES, BenchmarkJob
from assay.features.benchmarks.results_artifact import ResultBlob, ResultFilter
from assay.features.benchmarks.snapshot_artifact import read_blob, take_snapshot
from assay.kernel.errors import FailedPrecondition, TooLarge
from assay.kernel.storage.indexed_json import SectionIndex
from assay.records import DamagedRecord, encode_text, replace
from assay.records.arrays import decode, encode
from tests.support.benchmark_in_process import INVOICE, InProcess, Ran, invoices

PAIRS = invoices(230)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    return InProcess(tmp_path_factory.mktemp("blobs"))


@pytest.fixture(scope="module")
def ran(bench: InProcess) -> Ran:
    return bench.run(PAIRS)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_cut_into_shards_changes_no_bit(bench: InProcess, ran: Ran, size: int):
    """Tasks of one, seven and all documents give the same scores, details and results."""
    cut = bench.run(PAIRS, size)
    assert cut.documents == ran.documents
    assert cut.details == ran.details
    assert replace(cut.result, blobs=()) == replace(ran.result, blobs=())
    assert sum(one.documents for one in cut.result.blobs) == 230


def test_the_scores_are_right_comparisons_over_all_of_them(ran: Ran):
    """Overall and per field, the accuracy is the unrounded quotient of two counts."""
    fields = [one for document in ran.documents for one in document.fields]
    assert ran.result.scores.overall == sum(one.outcome.right for one in fields) / len(fields)
    for path, value in ran.result.scores.by_field:
        of_field = [one.outcome.right for one in fields if one.path == path]
        assert value == sum(of_field) / len(of_field)
    assert [path for path, _ in ran.result.scores.by_field] == list(INVOICE.leaf_paths())


def test_every_document_keeps_what_its_comparison_said(ran: Ran):
    """A document's result holds each comparison: values, both outcomes and the confidence."""
    for pair, kept in zip(PAIRS, ran.documents, strict=True):
        data = None if pair.data is None else json.loads(pair.data)
        confidence = None if pair.confidence is None else json.loads(pair.confidence)
        found = compare(INVOICE, json.loads(pair.expected), data, confidence)
        assert (kept.document_id, kept.entry_id) == (pair.document_id, pair.entry_id)
        assert (kept.right, kept.accuracy) == (found.right, found.accuracy)
        assert kept.unexpected == found.unexpected
        assert [(one.path, one.place, one.outcome, one.exact_outcome) for one in kept.fields] == [
            (one.path, one.place, one.normalised, one.exact) for one in found.comparisons
        ]
        assert [(one.confidence, one.similarity, one.ambiguous) for one in kept.fields] == [
            (one.confidence, one.similarity, one.ambiguous) for one in found.comparisons
        ]
        assert [(one.expected, one.extracted) for one in kept.fields] == [
            (text(one.expected), text(one.extracted)) for one in found.comparisons
        ]


def text(value: Any) -> str | None:
    return None if value is MISSING else encode_text(value)


def test_values_are_found_at_odd_places(bench: InProcess):
    """Rows in another order, names in quotes and rows that are no objects keep their values."""
    schema = FieldSchema(
        fields=(
            Field(name='a "b".c [0]', type=FieldType.TEXT),
            Field(
                name="rows", type=FieldType.TABLE,
                fields=(
                    Field(name="x.y", type=FieldType.TEXT),
                    Field(name="n", type=FieldType.NUMBER),
                ),
            ),
            Field(name="tags", type=FieldType.LIST),
            Field(name="seller", type=FieldType.OBJECT,
                  fields=(Field(name="VAT id", type=FieldType.CODE),)),
        )
    )  # fmt: skip  # one schema
    expected = {
        'a "b".c [0]': "ä", "seller": {"VAT id": "DE1"}, "tags": ["one", "two", "three"],
        "rows": [{"x.y": "p", "n": 1}, {"x.y": "q", "n": 2}, {"x.y": "r", "n": 3}],
    }  # fmt: skip  # one document
    extracted = {
        'a "b".c [0]': "o", "seller": {"VAT id": "DE2"}, "tags": ["three", "two", "four", "one"],
        "rows": [{"x.y": "r", "n": 3}, {"x.y": "q", "n": 7}, {"x.y": "s", "n": 8}, {"x.y": "p"}],
    }  # fmt: skip  # one document
    sure = {'seller["VAT id"]': 0.25, "rows[0].n": 0.75, "rows[2].n": 0.5}
    pairs = [
        replace(
            PAIRS[0], expected=json.dumps(expected), data=json.dumps(data),
            confidence=json.dumps(sure),
        )
        for data in (extracted, {"rows": ["no row", 7], "seller": "no object", "tags": {"a": 1}})
    ]  # fmt: skip  # one comprehension
    for pair, kept in zip(pairs, bench.run(pairs, schema=schema).documents, strict=True):
        found = compare(schema, expected, json.loads(pair.data or ""), sure)
        assert [
            (one.place, one.expected, one.extracted, one.confidence) for one in kept.fields
        ] == [
            (one.place, text(one.expected), text(one.extracted), one.confidence)
            for one in found.comparisons
        ]


def test_numbers_keep_their_digits(bench: InProcess):
    """Values are stored as they were sent: no digit of a number is lost, missing is not null."""
    pair = replace(
        PAIRS[0],
        expected='{"total":12345678901234567890.10,"vendor":"Ä \\u2028","paid":null}',
        data='{"total":{"a":[1.50,"x"]},"paid":false}',
        confidence=None,
    )
    kept = {one.place: one for one in bench.run([pair]).documents[0].fields}
    assert kept["total"].expected == "12345678901234567890.10"
    assert kept["total"].extracted == '{"a":[1.50,"x"]}'
    assert json.loads(kept["vendor"].expected or "") == "Ä \u2028"
    assert (kept["vendor"].extracted, kept["paid"].expected) == (None, "null")
    assert kept["paid"].extracted == "false"


def test_a_document_without_an_extraction_has_its_fields_missed(bench: InProcess):
    """Where nothing was extracted, all that was expected is missed."""
    pair = replace(PAIRS[3], data=None, confidence=None)
    outcomes = {one.outcome for one in bench.run([pair]).documents[0].fields}
    assert outcomes == {Outcome.MISSED}


def test_the_schema_is_inferred_where_none_is_named(bench: InProcess, ran: Ran):
    """Without a schema the fields are those of the ground truth, whatever the cut."""
    whole, cut = bench.run(PAIRS, 1000, None), bench.run(PAIRS, 7, None)
    assert whole.result.schema_inferred
    assert not ran.result.schema_inferred
    assert {"vendor", "total"} <= {path for path, _ in whole.result.scores.by_field}
    assert (whole.documents, whole.details) == (cut.documents, cut.details)


def test_no_schema_can_be_inferred_from_empty_documents(bench: InProcess):
    """Ground truth without any field is refused, and the way out is named."""
    with pytest.raises(FailedPrecondition, match="user_schema_id"):
        bench.run([replace(PAIRS[0], expected="{}")], schema=None)


def test_the_result_names_all_that_decided_it(bench: InProcess, ran: Ran):
    """The spec hash follows the schema and the ground truth, and nothing that was extracted."""
    others = [replace(pair, data='{"vendor":"x"}', confidence=None) for pair in PAIRS]
    assert ran.result.normaliser == NORMALISER
    assert bench.run(others).result.spec_hash == ran.result.spec_hash
    assert bench.run(PAIRS[::-1]).result.spec_hash == ran.result.spec_hash
    assert bench.run(PAIRS[1:]).result.spec_hash != ran.result.spec_hash
    assert bench.run(PAIRS, schema=None).result.spec_hash != ran.result.spec_hash
    edited = [replace(PAIRS[0], expected='{"vendor":"y"}'), *PAIRS[1:]]
    assert bench.run(edited).result.spec_hash != ran.result.spec_hash


def test_events_tell_each_document_once(ran: Ran):
    """The events of a benchmark tell every document, and their counts add up to the scores."""
    told = [one for event in ran.events for one in event.documents]
    assert [(one.document_id, one.right, one.comparisons) for one in told] == [
        (one.document_id, one.right, one.comparisons) for one in ran.documents
    ]
    sums: dict[str, Counter[str]] = {}
    for event in ran.events:
        for one in event.fields:
            counts = msgspec.to_builtins(one)
            sums.setdefault(counts.pop("field"), Counter()).update(counts)
    by_field = {path: one["right"] / one["comparisons"] for path, one in sums.items()}
    assert by_field == dict(ran.result.scores.by_field)
    outcomes = Counter(one.outcome.value for each in ran.documents for one in each.fields)
    exact = sum(one.exact_outcome.right for each in ran.documents for one in each.fields)
    assert sum(one["exact_right"] for one in sums.values()) == exact
    for outcome in ("correct", "wrong_value", "invented", "missed"):
        assert sum(one[outcome] for one in sums.values()) == outcomes[outcome]


def test_calibration_is_of_the_fields_that_have_confidences(ran: Ran):
    """Fields that came with confidences have a reliability table; bins count each of them."""
    file = io.BytesIO(ran.details)
    tables = SectionIndex.of(file).read(file, "calibration", dict[str, Any])
    assert set(tables) == {"total", "vendor"}
    for path, table in tables.items():
        told = [
            one
            for document in ran.documents
            for one in document.fields
            if one.path == path and one.confidence is not None
        ]
        assert sum(each["count"] for each in table["bins"]) == len(told)
        hits = sum(each["count"] * (each["accuracy"] or 0) for each in table["bins"])
        assert round(hits) == sum(one.outcome.right for one in told)


def test_filters_count_the_documents_that_they_take(ran: Ran, bench: InProcess):
    """Each filter's count is the number of documents with a comparison that it takes."""
    file = io.BytesIO(ran.details)
    counts = SectionIndex.of(file).read(file, "filters", dict[str, Any])
    heads = [
        ResultBlob(io.BytesIO(bench.blobs.read(piece.blob))).outcomes for piece in ran.result.blobs
    ]
    for field in ("", "vendor", "lines[].amount", "absent"):
        for outcome in (None, *Outcome):
            for wrong in (False, True):
                asked = ResultFilter(field=field, outcome=outcome, wrong=wrong)
                taken = [each for one in heads for each in asked.taken(one).tolist()]
                if not asked.is_empty:
                    by_hand = [any(map(asked.takes, one.fields)) for one in ran.documents]
                    assert taken == by_hand, asked
                assert asked.count(counts) == sum(taken), asked


def test_pieces_hold_at_most_so_many_documents_and_bytes(bench: InProcess):
    """A piece ends at its number of documents or at a mebibyte; a larger document is alone."""
    large = json.dumps({"vendor": "x" * 600_000})
    pairs = [replace(one, expected=large, data=None) for one in invoices(5)]
    huge = replace(PAIRS[0], expected=json.dumps({"vendor": "y" * (2 * BLOB_BYTES)}))
    taken = bench.snapshot([*pairs[:3], huge, *PAIRS[1:150]])
    assert [count for _, count in taken.blobs] == [1, 1, 1, 1, 100, 49]
    texts = [bench.blobs.read(address) for address, _ in taken.blobs]
    ids = [one.document_id for data in texts for one in read_blob(data)]
    assert ids == [one.document_id for one in (*pairs[:3], huge, *PAIRS[1:150])]


def test_a_snapshot_beyond_its_bytes_is_refused():
    """Documents of more bytes than a benchmark may have are refused before anything is kept."""
    kept: list[bytes] = []

    def put(data: bytes) -> str:
        kept.append(data)
        return "sha256:" + "0" * 64

    with pytest.raises(TooLarge, match="10000"):
        take_snapshot(iter(PAIRS), put, most_bytes=10_000)
    assert sum(map(len, kept)) < 10_000


def test_statistics_merge_in_any_order_and_round_trip(bench: InProcess):
    """Pieces merge to the same bytes in any order, and decode to what they were."""
    blobs = bench.snapshot(PAIRS, 50).blobs
    pieces = [compare_documents([one], bench.blobs.read, INVOICE).stats for one, _ in blobs]
    whole = encode(DocumentBatchStats.merge_all(pieces))
    assert encode(DocumentBatchStats.merge_all(pieces[::-1])) == whole
    halves = [DocumentBatchStats.merge_all(pieces[:2]), DocumentBatchStats.merge_all(pieces[2:])]
    assert encode(DocumentBatchStats.merge_all(halves)) == whole
    assert encode(decode(DocumentBatchStats, whole)) == whole
    with pytest.raises(DamagedRecord):
        decode(DocumentBatchStats, whole[:-1])


def test_the_spec_of_a_job_round_trips(bench: InProcess):
    """What a job row holds is read back as it was written."""
    spec = bench.spec(bench.snapshot(PAIRS, 7))
    assert decode(BenchmarkJob, encode(spec)) == spec
    firsts = [one.first for one in bench.run(PAIRS, 7).result.blobs]
    assert all(b - a == 7 for a, b in pairwise(firsts))


def test_blobs_are_named_by_rows(bench: InProcess, tmp_path: Path):
    """Every blob that a result needs is named in the result, so that none is swept away."""
    data = bench.run(PAIRS).bytes.decode()
    assert data.count("sha256:") == 3 + 1  # three pieces and the details
