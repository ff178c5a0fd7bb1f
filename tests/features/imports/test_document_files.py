"""Files of documents, row by row: what is read, and how what is wrong is told."""

from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal
from functools import partial

import pytest

from assay.features.extraction_runs.model import EXTRACTION_ROWS
from assay.features.ground_truth.model import ENTRY_ROWS
from assay.features.imports.document_files import (
    CSV,
    JSON_LINES,
    LINE_BYTES,
    TYPED,
    read_rows,
)
from assay.kernel.errors import AssayError, BadDocument, BadFile


def rows(data: bytes | str, source=CSV, shape=ENTRY_ROWS):
    sent = data.encode() if isinstance(data, str) else data
    return [
        (one.document_id, one.data, one.more)
        for one in read_rows(partial(io.BytesIO, sent), source, shape)
    ]


def refusal(data: bytes | str, source=CSV, shape=ENTRY_ROWS) -> AssayError:
    with pytest.raises((BadFile, BadDocument)) as refused:
        rows(data, source, shape)
    return refused.value


def test_columns_of_a_csv_file_are_fields_by_their_path():
    """A column is a field, a dotted one is nested, an empty cell is null, notes stand beside."""
    text = "a.b.c,document_id,a.d,total,notes\n1,d1,,x,hello\n,d2,2,,\n"
    assert rows(text) == [
        ("d1", {"a": {"b": {"c": "1"}, "d": None}, "total": "x"}, "hello"),
        ("d2", {"a": {"b": {"c": None}, "d": "2"}, "total": None}, None),
    ]


def test_a_csv_file_may_be_written_in_many_ways():
    """Quotes, line ends inside quotes, blank lines, CRLF, a BOM and U+0000 are read as written."""
    text = '\ufeffdocument_id,a\r\nd1,"x, ""y""\r\nz"\r\n\r\n d 2 ,\x00\t\r\n'
    assert rows(text) == [("d1", {"a": 'x, "y"\r\nz'}, None), (" d 2 ", {"a": "\x00\t"}, None)]


def test_confidences_of_a_csv_file_are_columns():
    """A column confidence:x is the confidence of x in extractions, and a field in ground truth."""
    text = "document_id,a.b,confidence:a.b,notes\nd,1,0.90,n\ne,2,,\n"
    assert rows(text, shape=EXTRACTION_ROWS) == [
        ("d", {"a": {"b": "1"}, "notes": "n"}, {"a.b": Decimal("0.90")}),
        ("e", {"a": {"b": "2"}, "notes": None}, None),
    ]
    assert rows(text)[0][1] == {"a": {"b": "1"}, "confidence:a": {"b": "0.90"}}


def test_json_lines_are_read_with_every_digit():
    """A line is an object with an id, values and notes; blank lines are none; ids may be whole."""
    text = '\n{"document_id":"a","expected_data":{"x":1.10},"notes":null}\r\n  \n{"document_id":7,"expected_data":{}}'
    assert rows(text, JSON_LINES) == [("a", {"x": Decimal("1.10")}, None), ("7", {}, None)]


@pytest.mark.parametrize(
    "data",
    [
        b"document_id, total\na,5\nb,6\n",
        b"document_id;total\ra;5\rb;6\r",
        b"document_id\ttotal\r\na\t5\r\nb\t6\r\n",
        b",document_id,total\n0,a,5\n1,b,6\n",
        gzip.compress(b"document_id,total\na,5\nb,6\n"),
        b"sep=;\r\ndocument_id;total\r\na;5\r\nb;6\r\n",
    ],
    ids=["blank in the header", "semicolons and cr", "tabs and crlf", "index", "gzip", "said"],
)
def test_a_csv_file_is_read_however_it_is_written(data):
    """Separators, line ends, packing, blanks around names and an index change no value."""
    assert rows(data) == [("a", {"total": "5"}, None), ("b", {"total": "6"}, None)]


def test_packed_json_lines_are_read():
    """A JSON Lines file may be packed, and its lines may end with CR."""
    data = b'{"document_id":"a","expected_data":{}}\r{"document_id":"b","expected_data":{}}\r'
    assert rows(gzip.compress(data), JSON_LINES) == [("a", {}, None), ("b", {}, None)]


@pytest.mark.parametrize("sent", ['""', '"  "', "null"])
def test_a_row_without_an_id_has_none(sent):
    """An id that is absent, null or only spaces is none, in both formats."""
    assert rows(f'{{"document_id":{sent},"expected_data":{{}}}}', JSON_LINES)[0][0] is None
    assert rows('{"expected_data":{}}', JSON_LINES)[0][0] is None
    assert rows("document_id,a\n ,1\n")[0][0] is None


def test_typed_lines_are_those_of_a_stream():
    """Lines of messages hold JSON text, which is read as any other."""
    line = json.dumps(["d", '{"x":1.10}', '{"x":0.5}']) + "\n"
    assert rows(line, TYPED, EXTRACTION_ROWS) == [
        ("d", {"x": Decimal("1.10")}, {"x": Decimal("0.5")})
    ]
    assert rows(json.dumps([" ", "{}", None]) + "\n", TYPED)[0][0] is None
    assert (
        "row 0, data"
        in refusal(json.dumps(["d", "{", None]) + "\n", TYPED, EXTRACTION_ROWS).message
    )


@pytest.mark.parametrize(
    ("data", "told", "metadata"),
    [
        (b"", "The file is empty", {}),
        (b"\n\n", "The file is empty", {}),
        (b"document_id\n", "no rows", {"rows": "0"}),
        (b"a,b\n1,2\n", "no column 'document_id'", {"columns": "a, b"}),
        (b"document_id;a\n1;2;3\n", "with a semicolon between them", {"line": "2"}),
        (b"id;a\n1;2\n", "Give each document an id", {}),
        (b"document_id,a,\n1,2,3\n", "names no field", {}),
        (b"document_id,items[0].d\n1,2\n", "documents with lists and tables as JSON Lines", {}),
        (b"documentid,a\n1,2\n", "Rename 'documentid' to 'document_id'", {}),
        (b"document_id,a..b\n1,2\n", "names no field", {}),
        (b"document_id,a,document_id\n1,2,3\n", "is there twice", {"column": "document_id"}),
        (b"document_id,a.b,a\n1,2,3\n", "as well", {"column": "a.b"}),
        (b"document_id," + b"a." * 400_000 + b"a\n1,2\n", "400001 levels", {}),
        (b"document_id," + b",".join(b"%d" % n for n in range(10_000)), "10001 columns", {}),
        (b"document_id,a\n1,2\n3\n", "row 1 (line 3) has 1 field(s)", {"row": "1", "line": "3"}),
        (b'document_id,a\n1,"x\ny"\n3\n', "row 1 (line 4)", {"line": "4"}),
        (b'document_id,a\n1,"x\n', "row 0 (line 2) is no CSV", {"row": "0", "line": "2"}),
        (b'document_id,a\n1,"x"y\n', "row 0 (line 2) is no CSV", {"row": "0", "line": "2"}),
        (b"document_id,a\n1,\xff\n", "byte 16 of the file is 0xff", {"byte": "16", "line": "2"}),
        (b"\xff\xfed\x00", "UTF-16", {"byte": "0"}),
        ("document_id,a\n1,2\n".encode("utf-32"), "`iconv -f utf-32 -t utf-8`", {}),
        (b"document_id,a\n1," + b"x" * (LINE_BYTES + 1), "more than", {"line": "2"}),
    ],
)
def test_a_bad_csv_file_is_told_by_its_place(data, told, metadata):
    """What is wrong with a CSV file is told with row, line and byte, and the way out."""
    error = refusal(data)
    assert told in error.message
    assert metadata.items() <= error.metadata.items()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no rows"),
        (b"  \n", "no rows"),
        (b"1\n", "row 0 (line 1) is 1"),
        (b"\n{}\n[\n", "row 1 (line 3)"),
        (b'{"document_id":1.5}', "a text or a whole number"),
        (b'{"document_id":true}', "a text or a whole number"),
        (b'{"id":"a"}', "the key 'id' is not known"),
        (b'{"document_id":"a","expeted_data":{}}', "did you mean 'expected_data'?"),
        (b'{"document_id":"a","document_id":"b"}', "given twice"),
        (b'{"document_id":"\xe9"}', "byte 16"),
        (b'{"document_id":"a"}\n' + b"\xff", "line 2 is not UTF-8: byte 20"),
    ],
)
def test_bad_json_lines_are_told_by_their_place(data, told):
    """What is wrong with a JSON Lines file is told with row and line."""
    assert told in refusal(data, JSON_LINES).message


def test_a_confidence_with_a_decimal_comma_is_told():
    """A cell of a confidence column that is no number is told as any other text that is none."""
    error = refusal("document_id;total;confidence:total\na;1,5;0,9\n", shape=EXTRACTION_ROWS)
    assert "row 0 (line 2), column confidence:total: the text '0,9' is no number" in error.message
    assert "JSON" not in error.message
