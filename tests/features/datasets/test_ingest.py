"""The intake of splits: files of every format become the same blocks, or are refused by row."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.features.datasets.ingest import SplitFile, ingest_split, read_rows
from assay.features.datasets.stored_split import (
    FeatureColumn,
    FeatureKind,
    Lengths,
    SplitManifest,
    read_blocks,
)
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType
from assay.tabular.errors import InputError
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET

TEXT = TaskType.TEXT_CLASSIFICATION
IMAGE = TaskType.IMAGE_CLASSIFICATION
WORDS = TaskType.EXTRACTION
TABLE = TaskType.TABULAR_CLASSIFICATION
NUMBER = TaskType.TABULAR_REGRESSION


def png(width: int, height: int) -> bytes:
    head = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + head + zlib.crc32(head).to_bytes(4)


def jpeg(width: int, height: int) -> bytes:
    frame = b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00"
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xdb\x00\x03c" + frame


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def blobs(tmp_path):
    return JobBlobs(open_blobs(tmp_path), "acme")


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def csv(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n"


def arrow(table: pa.Table, source: str) -> bytes:
    sink = io.BytesIO()
    if source == PARQUET:
        pq.write_table(table, sink)
        return sink.getvalue()
    opened = pa.ipc.new_stream if source == ARROW_STREAM else pa.ipc.new_file
    with opened(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def taken(blobs, task_type: TaskType, source: str, data: bytes, like=None) -> SplitManifest:
    file = SplitFile(open=lambda: io.BytesIO(data), source=source, task_type=task_type, like=like)
    return ingest_split(file, blobs)


def rows_of(manifest: SplitManifest, blobs) -> list[dict[str, Any]]:
    return [row for block in read_blocks(manifest, blobs) for row in block.to_pylist()]


def refused(blobs, task_type: TaskType, source: str, data: bytes, like=None) -> InputError:
    with pytest.raises(InputError) as caught:
        taken(blobs, task_type, source, data, like)
    return caught.value


def unanswered(task_type: TaskType, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rows as they are read where they are to be predicted."""
    file = SplitFile(
        open=lambda: io.BytesIO(json_lines(rows)),
        source=JSON_LINES,
        task_type=task_type,
        answers=False,
    )
    return [row for batch in read_rows(file) for row in batch.to_pylist()]


def test_rows_to_be_predicted_may_lack_what_is_learned():
    """Where answers are not asked for, rows are read with and without them, and nothing else."""
    text = {"row_id": "a", "text": "so it goes"}
    assert unanswered(TEXT, text) == [{"row_id": "a", "pages": ["so it goes"]}]
    assert unanswered(TEXT, {**text, "label": "en"})[0]["label"] == "en"
    words = {"row_id": "a", "words": ["Total", "7"]}
    assert unanswered(TaskType.EXTRACTION, words) == [words]
    table = {"row_id": "a", "sex": "x", "age": 7}
    assert unanswered(TaskType.TABULAR_CLASSIFICATION, table) == [{**table, "age": 7.0}]
    with pytest.raises(InputError, match="row_id"):
        unanswered(TEXT, {"text": "so it goes"})


TEXTS = [
    {"row_id": 7, "text": "so it goes", "label": "en", "group": None},
    {"row_id": 8, "text": "", "label": "de", "group": "g"},
]


def test_texts_are_the_same_rows_in_every_format(blobs):
    """A text is one page, ids become texts, and equal rows of any format are equal blocks."""
    table = pa.table(
        {
            "row_id": pa.array([7, 8], pa.uint16()),
            "text": pa.array(["so it goes", ""], pa.string_view()),
            "label": pa.array(["en", "de"]).dictionary_encode(),
            "group": pa.array([None, "g"], pa.large_string()),
        }
    )
    plain = csv("group,row_id,label,text", ",7,en,so it goes", 'g,8,de,""')
    found = [taken(blobs, TEXT, JSON_LINES, json_lines(TEXTS)), taken(blobs, TEXT, CSV, plain)]
    found += [
        taken(blobs, TEXT, source, arrow(table, source))
        for source in (PARQUET, ARROW_STREAM, ARROW_FILE)
    ]
    assert all(one == found[0] for one in found)
    assert rows_of(found[0], blobs) == [
        {"row_id": "7", "group": None, "pages": ["so it goes"], "label": "en"},
        {"row_id": "8", "group": "g", "pages": [""], "label": "de"},
    ]
    assert found[0].lengths == {
        "characters": Lengths(least=0, most=10, total=10),
        "pages": Lengths(least=1, most=1, total=2),
    }


def test_pages_are_lists(blobs):
    """Pages of JSON Lines and of Parquet are kept in their order."""
    rows = [{"row_id": "a", "pages": ["one", "zwei", ""], "label": True}]
    found = taken(blobs, TEXT, JSON_LINES, json_lines(rows))
    assert rows_of(found, blobs) == [{**rows[0], "label": "true"}]
    table = pa.table({"row_id": ["a"], "pages": [["one", "zwei", ""]], "label": ["true"]})
    assert taken(blobs, TEXT, PARQUET, arrow(table, PARQUET)) == found


def test_features_are_numbers_or_categories(blobs):
    """Whole numbers, booleans and floats are float64, texts categories, and gaps are missing."""
    rows = [
        {"row_id": "a", "age": 3, "town": "Ulm", "sold": True, "none": None, "label": 0},
        {"row_id": "b", "age": None, "town": None, "sold": False, "none": None, "label": 1},
        {"row_id": "c", "age": 0.5, "town": "Bern", "sold": None, "none": None, "label": 0},
    ]
    table = pa.table(
        {
            "row_id": ["a", "b", "c"],
            "age": pa.array([3, None, 0.5], pa.float32()),
            "town": pa.array(["Ulm", None, "Bern"]).dictionary_encode(),
            "sold": [True, False, None],
            "none": pa.nulls(3),
            "label": [0, 1, 0],
            "__index_level_0__": [0, 1, 2],
        }
    )
    plain = csv(
        ",row_id,age,town,sold,none,label", "0,a,3,Ulm,1,,0", "1,b,,,0,,1", "2,c,.5,Bern,,,0"
    )
    found = taken(blobs, TABLE, JSON_LINES, json_lines(rows))
    assert taken(blobs, TABLE, PARQUET, arrow(table, PARQUET)) == found
    assert taken(blobs, TABLE, CSV, plain) == found
    assert {one.name: (one.kind, one.missing) for one in found.features} == {
        "age": (FeatureKind.NUMBER, 1),
        "none": (FeatureKind.NUMBER, 3),
        "sold": (FeatureKind.NUMBER, 1),
        "town": (FeatureKind.CATEGORY, 1),
    }
    first = {"row_id": "a", "age": 3.0, "none": None, "sold": 1.0, "town": "Ulm", "label": "0"}
    assert rows_of(found, blobs)[0] == first


def test_a_column_of_csv_is_numbers_when_all_of_it_is(blobs):
    """A text far down in a column of numbers makes all of it categories."""
    lines = [f"{at},{at},{at},a" for at in range(300_000)]
    found = taken(blobs, TABLE, CSV, csv("row_id,zip,age,label", *lines, "x,A12,5,b"))
    assert [one.kind for one in found.features] == [FeatureKind.NUMBER, FeatureKind.CATEGORY]
    assert found.rows == 300_001
    assert len(found.blocks) == 7


def test_a_split_has_the_features_of_the_others(blobs):
    """A column that is categories in another split is categories, also where all are numbers."""
    like = (FeatureColumn(name="zip", kind=FeatureKind.CATEGORY, missing=0),)
    plain = csv("row_id,zip,target", "a,01,1.5", "b,02,-2")
    found = taken(blobs, NUMBER, CSV, plain, like)
    assert rows_of(found, blobs)[0] == {"row_id": "a", "zip": "01", "target": 1.5}
    whole = json_lines([{"row_id": "a", "zip": 1, "target": 2}])
    assert "zip" in refused(blobs, NUMBER, JSON_LINES, whole, like).message
    other = csv("row_id,zp,target", "a,01,1.5")
    assert "Rename it to 'zip'" in refused(blobs, NUMBER, CSV, other, like).message
    less = csv("row_id,target", "a,1.5")
    assert "no feature" in refused(blobs, NUMBER, CSV, less, like).message


def test_images_are_bytes_or_base64(blobs):
    """PNG and JPEG files come as bytes, in JSON and CSV as base64, and as structs of both."""
    files = [png(3, 4), jpeg(640, 480)]
    rows = [
        {"row_id": "a", "image": packed(files[0]), "label": "x"},
        {"row_id": "b", "image": "data:image/jpeg;base64," + packed(files[1]), "label": "y"},
    ]
    found = taken(blobs, IMAGE, JSON_LINES, json_lines(rows))
    assert [row["image"] for row in rows_of(found, blobs)] == files
    assert found.lengths["pixels"] == Lengths(least=12, most=307_200, total=307_212)
    for images in (files, [{"bytes": one, "path": None} for one in files]):
        table = pa.table({"row_id": ["a", "b"], "image": images, "label": ["x", "y"]})
        assert taken(blobs, IMAGE, PARQUET, arrow(table, PARQUET)) == found
    plain = csv("row_id,image,label", *(f'{r["row_id"]},"{r["image"]}",{r["label"]}' for r in rows))
    assert taken(blobs, IMAGE, CSV, plain) == found


def test_words_have_labels_and_boxes(blobs):
    """Words, their fields and boxes are kept; rows of each field are counted."""
    rows = [
        {
            "row_id": "a",
            "words": ["Total", "5"],
            "labels": ["O", "total"],
            "boxes": [[0, 0, 1, 1], [1, 0, 2, 0.5]],
        },
        {"row_id": "b", "words": [], "labels": [], "boxes": []},
    ]
    found = taken(blobs, WORDS, JSON_LINES, json_lines(rows))
    assert rows_of(found, blobs) == rows
    assert (found.labels, found.lengths["words"].total) == ({"total": 1}, 2)
    table = pa.Table.from_pylist(rows)
    assert taken(blobs, WORDS, ARROW_STREAM, arrow(table, ARROW_STREAM)) == found


ROW = {"row_id": "a", "text": "t", "label": "x"}
BOX = [0, 0, 1, 1]
FIELDS = {"row_id": "a", "words": ["w", "v"], "labels": ["O", "f"]}


@pytest.mark.parametrize(
    ("task_type", "rows", "told"),
    [
        (TEXT, [ROW, {**ROW, "row_id": "b"}, ROW], "row 2 (line 3), column row_id: the id 'a'"),
        (TEXT, [{**ROW, "row_id": None}], "row 0 (line 1), column row_id: the value is missing"),
        (TEXT, [ROW, {**ROW, "row_id": "b", "label": None}], "row 1 (line 2), column label"),
        (TEXT, [{**ROW, "label": ""}], "the label is empty"),
        (TEXT, [{**ROW, "label": "nan"}], "the value is missing (nan)"),
        (TEXT, [{**ROW, "label": 0.5}], "row 0 (line 1), column label: the number 0.5"),
        (TEXT, [{**ROW, "text": None}], "column text: the value is missing"),
        (TEXT, [{**ROW, "text": 5}], "row 0 (line 1), column text: int"),
        (TEXT, [{**ROW, "text": "x" * (9 << 20)}], "row 0 (line 1), column pages: the row has"),
        (TEXT, [{"row_id": "a", "label": "x"}], "column text: the column is missing"),
        (TEXT, [{"row_id": "a", "txt": "", "label": "x"}], "Rename 'txt' to it"),
        (TEXT, [{"row_id": "a", "text": "t", "lable": "x"}], "Rename 'lable' to it"),
        (TEXT, [{**ROW, "pages": ["p"]}], "it stands beside pages"),
        (TEXT, [{**ROW, "groups": "p"}], "Rename it to 'group'"),
        (TEXT, [{"row_id": "a", "pages": [], "label": "x"}], "column pages: the list is empty"),
        (TEXT, [{"row_id": "a", "pages": ["a", 5], "label": "x"}], "column pages: int is in it"),
        (TEXT, [{"row_id": "a", "pages": "a", "label": "x"}], "column pages: a text was sent"),
        (TEXT, [{"row_id": "a", "pages": [None], "label": "x"}], "column pages: the value is miss"),
        (TEXT, [{"row_id": "a", "pages": ["\ud800"], "label": "x"}], "half of a surrogate pair"),
        (TEXT, [ROW, {**ROW, "row_id": "b", "more": 1}], "row 1 (line 2), column more"),
        (TEXT, [ROW, {**ROW, "row_id": 1.0}], "row 1 (line 2), column row_id: the number 1.0"),
        (IMAGE, [{"row_id": "a", "image": "x", "label": "x"}], "the text 'x' is no base64"),
        (IMAGE, [{"row_id": "a", "image": "", "label": "x"}], "the image is empty"),
        (IMAGE, [{"row_id": "a", "image": packed(b"GIF89a"), "label": "x"}], "are no image"),
        (IMAGE, [{"row_id": "a", "image": packed(png(0, 5)), "label": "x"}], "are no image"),
        (IMAGE, [{"row_id": "a", "image": packed(jpeg(9, 9)[:-9]), "label": ""}], "are no image"),
        (
            IMAGE,
            [{"row_id": "a", "image": packed(png(60_000, 60_000)), "label": "x"}],
            "row 0 (line 1), column image: the image has 60000 x 60000 pixels",
        ),
        (WORDS, [{**FIELDS, "labels": ["O"]}], "row 0 (line 1), column labels: there are 1 for 2"),
        (WORDS, [FIELDS, {**FIELDS, "row_id": "b", "labels": ["O", ""]}], "row 1 (line 2), column"),
        (WORDS, [{**FIELDS, "boxes": [BOX]}], "column boxes: there are 1 for 2 words"),
        (WORDS, [{**FIELDS, "boxes": [BOX, [0, 1]]}], "a box of 2 numbers was sent"),
        (WORDS, [{**FIELDS, "boxes": [BOX, [0, 1, 2, "3"]]}], "column boxes: [0, 1, 2, '3']"),
        (WORDS, [{**FIELDS, "boxes": [BOX, [0, 1, 2, 1e99]]}], "the number 1e+99 was sent"),
        (WORDS, [{**FIELDS, "boxes": None}], "column boxes: the value is missing"),
        (TABLE, [{"row_id": "a", "label": "x"}], "there is no feature beside it"),
        (TABLE, [{"row_id": "a", "v": [1], "label": "x"}], "column v: a list was sent"),
        (TABLE, [{"row_id": "a", "v": 1, "target": 1, "label": "x"}], "column target"),
        (NUMBER, [{"row_id": "a", "v": 1, "label": "x"}], "column target: the column is missing"),
        (NUMBER, [{"row_id": "a", "v": 1, "target": None}], "column target: the value is missing"),
        (NUMBER, [{"row_id": "a", "v": 1, "target": "x"}], "column target: a text is no number"),
        (
            TABLE,
            [{"row_id": at, "v": 1.5 if at < 3 else "x", "label": "x"} for at in range(5)],
            "row 3 (line 4), column v: a text is no number",
        ),
    ],
)
def test_a_wrong_row_is_named(blobs, task_type, rows, told):
    """A row that breaks a rule is refused by its number, its line and its column."""
    assert told in refused(blobs, task_type, JSON_LINES, json_lines(rows)).message


@pytest.mark.parametrize(
    ("task_type", "data", "told"),
    [
        (TABLE, b"", "empty"),
        (TABLE, csv("row_id,v,label"), "has a header but no rows"),
        (
            TABLE,
            csv("row_id,v,label", "a,1,x", "b,nan,x"),
            "row 1 (line 3), column v: the value is",
        ),
        (TABLE, csv("row_id,v,label", "a,1,x", "b,inf,x"), "the value is inf"),
        (TABLE, csv("row_id,v,label", "a,1,x", "b,None,x"), "the text 'None' is no number"),
        (
            NUMBER,
            csv("row_id,v,target", "a,1,"),
            "row 0 (line 2), column target: the value is miss",
        ),
        (TEXT, csv("row_id,pages,label", "a,[],x"), "a field of CSV is one value"),
        (TABLE, csv("row_id;v;label", "a;1;x", "b;2"), "row 1 (line 3) has 2 field(s)"),
    ],
)
def test_a_wrong_field_of_csv_is_named(blobs, task_type, data, told):
    """A field that breaks a rule, or a file without rows, is refused with its place."""
    assert told in refused(blobs, task_type, CSV, data).message


@pytest.mark.parametrize(
    ("task_type", "columns", "told"),
    [
        (
            TABLE,
            {"v": [1.0, float("nan")], "label": ["x", "y"]},
            "row 1, column v: the value is nan",
        ),
        (TABLE, {"v": [1 << 60, 1], "label": ["x", "y"]}, "row 0, column v: the integer"),
        (TABLE, {"v": [b"x", b"y"], "label": ["x", "y"]}, "column v: its type is binary"),
        (TABLE, {"v": [1, 2], "label": [0.5, 1.5]}, "column label: its type is double"),
        (TEXT, {"text": [5, 6], "label": ["x", "y"]}, "column text: its type is int64"),
        (TEXT, {"pages": ["a", "b"], "label": ["x", "y"]}, "column pages: its type is string"),
        (TEXT, {"pages": [["a"], None], "label": ["x", "y"]}, "row 1, column pages: the value is"),
        (IMAGE, {"image": [5, 6], "label": ["x", "y"]}, "column image: its type is int64"),
        (IMAGE, {"image": [png(1, 1), None], "label": ["x", "y"]}, "row 1, column image: the val"),
        (WORDS, {"words": [["a"]] * 2, "labels": [["O"], [None]]}, "row 1, column labels: the val"),
    ],
)
def test_a_wrong_column_of_parquet_is_named(blobs, task_type, columns, told):
    """A value or a type that breaks a rule is refused by its row and column."""
    table = pa.table({"row_id": ["a", "b"], **columns})
    assert told in refused(blobs, task_type, PARQUET, arrow(table, PARQUET)).message


def test_too_many_classes_are_refused(blobs):
    """A dataset of 100 000 classes is refused at the first label beyond the limit, which is named."""
    lines = [f"{at},{at},c{at}" for at in range(100_000)]
    told = refused(blobs, TABLE, CSV, csv("row_id,v,label", *lines)).message
    assert "at most 2048" in told


def test_two_notations_of_one_label_are_refused(blobs):
    """A label that is another one in other characters is refused, also when they stand far apart."""
    lines = [f"{at},1.0,yes" for at in range(200_000)]
    told = refused(blobs, TABLE, CSV, csv("row_id,v,label", *lines, "x,1.0,Yes")).message
    assert told.startswith("row 200000 (line 200002), column label: the label 'Yes' is 'yes'")
