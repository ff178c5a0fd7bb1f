"""How files are written in the wild: what is read as meant, and what is refused with its place."""

from __future__ import annotations

import gzip
import io
import json
import time
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from assay.tabular.chunk import Chunk, Rules
from assay.tabular.errors import InputError
from assay.tabular.files import read_file
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET
from tests.support.file_formats import written

TYPED = (PARQUET, ARROW_STREAM, ARROW_FILE)


def read(data: bytes, source: str = CSV, rules: Rules | None = None) -> list[Chunk]:
    opened = partial(io.BytesIO, data)
    return [block.chunk for block in read_file(opened, source, rules or Rules())]


def refusal(data: bytes, source: str = CSV, rules: Rules | None = None) -> InputError:
    with pytest.raises(InputError) as refused:
        read(data, source, rules)
    return refused.value


PLAIN = b"y_true,y_pred,score,slice:site\nyes,yes,0.75,a b\nno,yes,0.5,c\n"


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.replace(b"\n", b"\n\n"),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        b"\xef\xbb\xbf" + PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(PLAIN.replace(b",", b";").replace(b"\n", b"\r")),
        PLAIN.replace(b",y_pred, score", b", y_pred ,\xc2\xa0score"),
        PLAIN.replace(b"0.75", b" 0.75 "),
        b",".join([b"", PLAIN]).replace(b"\nyes", b"\n0,yes").replace(b"\nno", b"\n1,no"),
        PLAIN.replace(b"y_true", b'"y_true"').replace(b"a b", b'"a b"'),
        b"sep=;\n" + PLAIN.replace(b",", b";"),
        b'\xef\xbb\xbf"sep=,"\r\n' + PLAIN.replace(b"\n", b"\r\n"),
        b"SEP=\t\r" + PLAIN.replace(b",", b"\t").replace(b"\n", b"\r"),
    ],
    ids=["crlf", "cr", "blank lines", "semicolons", "tabs", "mark", "gzip", "all at once",
         "blanks in the header", "blanks around numbers", "index", "quotes", "said separator",
         "said in quotes", "said tab"],
)  # fmt: skip  # names beside the files
def test_a_csv_file_is_read_however_it_is_written(data: bytes) -> None:
    """Line ends, separators, packing, blanks in a header and an index change no value."""
    [plain], [chunk] = read(PLAIN), read(data)
    assert chunk.predictions.labels == ("no", "yes")
    for name in ("true", "predicted", "scores"):
        assert (
            getattr(chunk.predictions, name).tolist() == getattr(plain.predictions, name).tolist()
        )
    assert chunk.extras["slice:site"].to_pylist() == ["a b", "c"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_json_lines_end_as_on_any_system(end: bytes) -> None:
    """Lines of JSON end with LF, CR LF or CR, packed or not."""
    lines = b'{"y_true": "a", "y_pred": "b"}' + end + b'{"y_true": "b", "y_pred": "b"}' + end
    for data in (lines, gzip.compress(lines)):
        [chunk] = read(data, JSON_LINES)
        assert (chunk.predictions.labels, chunk.rows) == (("a", "b"), 2)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'y_true,y_pred,feature:note\nok,ok,"fine\nbad,ok,x\nbad,ok,y\nbad,ok,z\n',
         "row 0 (line 2) is no CSV: a quote is never closed"),
        (b'y_true,y_pred\na,"b\nc,"d\n', "row 0 (line 2) is no CSV"),
        (b"y_true,y_pred,feature:a,feature:a\n1,1,2,3\n", "column feature:a: it occurs twice"),
        (b"y_true,y_pred,wieght\n1,1,1\n", "Did you mean 'weight'?"),
        (b"y_true,y_pred,Slice:site\n1,1,1\n", "Did you mean 'slice:site'?"),
        (b"Y_True,y_pred\n1,1\n", "Rename 'Y_True' to it"),
        (b"label,prediction,proba\n1,1,0.5\n",
         "column y_true: the column is missing; .* there are label, prediction, proba"),
        (b"y_true;score\na;0,9\n", "row 0 (line 2), column score: the text '0,9' is no number"),
        (b"sep=;\ny_true;score\na;0.1\na;0,9\n", "row 1 (line 4), column score: the text '0,9'"),
        (b"sep=|\ny_true|y_pred\na|a\n", "The first line says that '|' stands between columns"),
        (b"y_true,y_pred,customer\n1,1,1\n", "Rename it to 'feature:customer' to keep it"),
        (b"y_true,y_pred\ncat, cat\ndog, dog\n", "row 0 (line 2), column y_pred: the label ' cat'"),
        (b"y_true,y_pred\n1,1.0\n0,0.0\n1,1.0\n0,1.0\n", "the label '1.0' is '1' in another"),
        (b"y_true,y_pred\ntrue,True\n", "the label 'True' is 'true' in another notation"),
        ("y_true,y_pred\ncafé,cafe\u0301\n".encode(), "in another notation"),
        ("y_true,y_pred\nA,\uff21\n".encode(), "in another notation"),
        ("y_true,y_pred\nA,A\u200b\n".encode(), "the label 'A\\u200b' is 'A' in another"),
        (b"y_true,y_pred\n1,1\nnan,0\n", "row 1 (line 3), column y_true: the value is missing (nan)"),
        (b"y_true,y_pred\n01,1\n", "the label '1' is '01' in another notation"),
        (b"y_true,y_pred\n1,+1\n", "the label '+1' is '1' in another notation"),
        (b"y_true,y_pred\n10,1e1\n", "the label '1e1' is '10' in another notation"),
        (b"y_true,y_pred\n0,-0.0\n", "the label '-0.0' is '0' in another notation"),
        ("y_true,y_pred\nx-ray,x\u2011ray\n".encode(), "is 'x-ray' in another notation"),
        ("y_true,y_pred\ndon't,don\u2019t\n".encode(), "is 'don't' in another notation"),
        ("y_true,y_pred\n\u2764,\u2764\ufe0f\n".encode(), "in another notation"),
        (b"y_true,y_pred\n1,1\n  ,0\n", "row 1 (line 3), column y_true: the value is missing"),
        ("y_true,y_pred\na,a\n\u200b,a\n".encode(), "the value is missing (\\u200b)"),
        (b"y_true,y_pred\n1,1\nnan ,0\n", "row 1 (line 3), column y_true: the value is missing"),
        (b"y_true,y_pred\n1,1\n1,None\n", "row 1 (line 3), column y_pred: the value is missing"),
        (b"y_true,score\n1,0.5\n0,\n", "row 1 (line 3), column score: the value is missing (empty)"),
        (gzip.compress(PLAIN, mtime=0)[:-9], "The file cannot be unpacked"),
    ],
)  # fmt: skip  # one file is one row of the table
def test_what_nobody_means_is_refused_by_its_place(data: bytes, told: str) -> None:
    """Open quotes, unknown columns, labels in two notations and missing values name their place."""
    said = refusal(data).message
    for part in told.split(" .* "):
        assert part in said


def test_declared_labels_may_look_alike() -> None:
    """A label set that declares nan, or two notations, has them; another notation is told so."""
    declared = Rules(labels=("1", "1.0", "nan"))
    [chunk] = read(b"y_true,y_pred\n1,1.0\nnan,1\n", rules=declared)
    assert chunk.predictions.labels == declared.labels
    said = refusal(b"y_true,y_pred\ncat, cat\n", rules=Rules(labels=("cat", "dog"))).message
    assert "the label ' cat' is unknown" in said
    assert "Write it as 'cat'" in said
    [region] = read(b"y_true,y_pred\nNA,EU\nEU,none\n")
    assert region.predictions.labels == ("EU", "NA", "none")


@pytest.mark.parametrize("source", TYPED)
def test_decimals_are_the_nearest_floats(source: str) -> None:
    """Decimals as databases write them are read as their text is, to the bit."""
    texts = ["0.90", "0.20", "0.07", "0.55", "0.29", "0.58"]
    scores = pa.array([Decimal(text) for text in texts], pa.decimal128(3, 2))
    table = pa.table({"y_true": [1, 0] * 3, "y_pred": [1, 0] * 3, "score": scores})
    [chunk] = read(written(table, source), source)
    assert chunk.predictions.scores is not None  # type: ignore[union-attr]  # classes
    assert chunk.predictions.scores[0].tolist() == list(map(float, texts))  # type: ignore[union-attr]  # classes
    measured = pa.table({"y_true": scores, "y_pred": scores, "weight": scores})
    [values] = read(written(measured, source), source, Rules(regression=True))
    assert values.predictions.true.tolist() == list(map(float, texts))


@pytest.mark.parametrize("source", [CSV, JSON_LINES, *TYPED])
def test_whole_numbers_are_scores(source: str) -> None:
    """Scores of 0 and 1 without a point are scores in every format."""
    table = pa.table({"y_true": [1, 0], "y_pred": [1, 0], "score": [1, 0]})
    [chunk] = read(written(table, source), source)
    assert chunk.predictions.scores.tolist() == [[1.0, 0.0]]  # type: ignore[union-attr]  # classes


@pytest.mark.parametrize("source", TYPED)
def test_the_index_of_a_data_frame_is_no_column(source: str) -> None:
    """What pandas writes of an index without a name has no part in the rows."""
    columns: dict[str, Any] = {"y_true": ["a"], "y_pred": ["b"], "__index_level_0__": [6]}
    [chunk] = read(written(pa.table(columns), source), source)
    assert (chunk.rows, dict(chunk.extras)) == (1, {})


@pytest.mark.parametrize("source", [ARROW_STREAM, ARROW_FILE])
def test_categories_of_views_are_labels(source: str) -> None:
    """Dictionaries whose values are string views, as polars writes them, are labels."""
    views = pa.array(["x", "y"]).cast(pa.string_view())
    labels = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.uint32()), views)
    [chunk] = read(written(pa.table({"y_true": labels, "y_pred": labels}), source), source)
    assert chunk.predictions.labels == ("x", "y")


def test_keys_of_json_lines_are_columns() -> None:
    """A key that is there twice, misspelt or new is refused by name."""
    assert "y_true: it occurs twice" in refusal(b'{"y_true":1,"y_true":0}', JSON_LINES).message
    said = refusal(b'{"y_true":1,"y_pred":1,"wieght":1}', JSON_LINES).message
    assert "Did you mean 'weight'?" in said


def test_many_keys_are_refused_at_once() -> None:
    """Two lines of a hundred thousand keys each are refused by their number, in linear time."""
    keys = [f"k{number}" for number in range(70_000)]
    first, second = (json.dumps(dict.fromkeys(some, 1)) for some in (keys, keys[:0:-1]))
    began = time.process_time()
    assert "70000 columns" in refusal(f"{first}\n{second}\n".encode(), JSON_LINES).message
    assert time.process_time() - began < 2
