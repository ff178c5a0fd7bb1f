"""Every kind of wrong column or row is refused with its place, what is allowed and a way out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assay.tabular.arrow import encode, read_chunk
from assay.tabular.chunk import Rules
from assay.tabular.errors import InputError, InputErrorCode
from assay.tabular.files import read_file
from assay.tabular.opening import CSV

DECLARED = Rules(labels=("a", "b"), positive_label="b")
REGRESSION = Rules(regression=True)
LONG = "x" * 1025


def dictionary(indices: list[int], entries: list[str | None]) -> pa.DictionaryArray[Any, Any]:
    """Return a dictionary column, even one that Arrow's own writers would not make."""
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(entries))


ARROW: dict[str, tuple[Rules, dict[str, Any], tuple[str, ...]]] = {
    "nan score": (Rules(), {"y_true": [0, 1], "score": [0.1, float("nan")]},
                  ("row 101, column score", "nan", "probability from 0 to 1")),
    "infinite score": (Rules(), {"y_true": [0, 1], "score": [float("inf"), 0.1]},
                       ("row 100, column score", "inf")),
    "score above one": (Rules(), {"y_true": [0, 1], "score": [0.5, 1.5]},
                        ("row 101, column score", "1.5", "softmax")),
    "negative score": (Rules(), {"y_true": [0, 1], "score": [-0.5, 0.5]},
                       ("row 100, column score", "-0.5")),
    "null score": (Rules(), {"y_true": [0, 1], "score": [None, 0.5]}, ("row 100", "missing")),
    "text score": (Rules(), {"y_true": [0, 1], "score": ["0.1", "0.5"]},
                   ("column score", "string", "float64")),
    "boolean score": (Rules(), {"y_true": [0, 1], "score": [True, False]}, ("column score", "bool")),
    "integer score": (Rules(), {"y_true": [0, 1], "score": [0, 2]}, ("row 101, column score", "2.0")),
    "sum": (Rules(), {"y_true": ["a", "b"], "score:a": [0.5, 0.5], "score:b": [0.5, 0.4]},
            ("row 101", "sum to 0.9", "1e-06", "renormalize")),
    "zero sum": (Rules(renormalize=True),
                 {"y_true": ["a", "b"], "score:a": [0.5, 0.0], "score:b": [0.5, 0.0]},
                 ("row 101", "sum to 0.0")),
    "unknown true label": (DECLARED, {"y_true": ["a", "c"], "y_pred": ["a", "b"]},
                           ("row 101, column y_true", "'c' is unknown", "a, b", "declare it")),
    "unknown predicted label": (DECLARED, {"y_true": ["a", "b"], "y_pred": ["z", "b"]},
                                ("row 100, column y_pred", "'z' is unknown")),
    "label without score": (Rules(), {"y_true": ["c"], "score:a": [0.5], "score:b": [0.5]},
                            ("row 100, column y_true", "labels with a score column are a, b")),
    "null label": (Rules(), {"y_true": ["a", None], "y_pred": ["a", "b"]},
                   ("row 101, column y_true", "missing (null)")),
    "null behind a code": (Rules(), {"y_true": dictionary([0, 1], ["a", None]), "y_pred": [1, 1]},
                           ("row 101, column y_true", "missing (null)")),
    "empty label": (Rules(), {"y_true": ["a", ""], "y_pred": ["a", "b"]},
                    ("row 101, column y_true", "empty")),
    "float label": (Rules(), {"y_true": [1.0, 0.0], "y_pred": [1, 0]},
                    ("column y_true", "double", "a string, an integer or a boolean")),
    "label missing among floats": (
        Rules(), {"y_true": [1.0, float("nan")], "y_pred": [1, 0]},
        ("row 101, column y_true", "missing")),
    "date label": (Rules(), {"y_true": pa.array([0, 1], pa.date32()), "y_pred": [1, 0]},
                   ("column y_true", "date32")),
    "nested label": (Rules(), {"y_true": [["a"], ["b"]], "y_pred": [1, 0]},
                     ("column y_true", "list")),
    "float dictionary": (Rules(), {"y_true": pa.array([0.5, 1.5]).dictionary_encode(),
                                   "y_pred": [1, 0]}, ("column y_true", "dictionary")),
    "label twice in the dictionary": (
        Rules(), {"y_true": dictionary([0, 1], ["a", "a"]), "y_pred": ["a", "a"]},
        ("column y_true", "'a' twice", "one code")),
    "over-long label": (Rules(), {"y_true": ["a", LONG], "y_pred": ["a", "a"]},
                        ("row 101, column y_true", "1025 characters", "1 to 1024")),
    "too many labels": (Rules(), {"y_true": list(range(2049)), "y_pred": list(range(2049))},
                        ("column y_true", "2049 different labels", "at most 2048")),
    "missing truth": (Rules(), {"y_pred": ["a"]}, ("column y_true", "missing")),
    "missing prediction": (Rules(), {"y_true": ["a"]}, ("column y_pred", "missing", "score")),
    "unknown column": (Rules(), {"y_true": ["a"], "y_pred": ["a"], "age": [1]},
                       ("column age", "feature:age", "slice:<name>")),
    "negative weight": (Rules(), {"y_true": ["a"], "y_pred": ["a"], "weight": [-1]},
                        ("row 100, column weight", "-1.0", "decimal from 0 to 1000000")),
    "weight of seven places": (Rules(), {"y_true": ["a"], "y_pred": ["a"], "weight": [0.1234567]},
                               ("row 100, column weight", "0.1234567", "six places")),
    "nan weight": (Rules(), {"y_true": ["a"], "y_pred": ["a"], "weight": [float("nan")]},
                   ("row 100, column weight", "nan")),
    "null weight": (Rules(), {"y_true": ["a", "a"], "y_pred": ["a", "a"], "weight": [1, None]},
                    ("row 101, column weight", "missing (null)")),
    "text weight": (Rules(), {"y_true": ["a"], "y_pred": ["a"], "weight": ["1"]},
                    ("column weight", "string", "as a number")),
    "lone score of unnamed labels": (Rules(), {"y_true": ["cat", "dog"], "score": [0.1, 0.9]},
                                     ("column score", "positive_label", "score:<label>")),
    "lone score of three labels": (
        Rules(positive_label="a"), {"y_true": ["a", "b", "c"], "score": [0.1, 0.9, 0.3]},
        ("column score", "3 labels")),
    "both kinds of score": (
        Rules(), {"y_true": ["a"], "score": [0.5], "score:a": [0.5], "score:b": [0.5]},
        ("column score", "score:a")),
    "one class score": (Rules(), {"y_true": ["a"], "score:a": [0.5]}, ("column score:a", "only")),
    "score of an undeclared label": (
        DECLARED, {"y_true": ["a"], "score:a": [0.5], "score:b": [0.3], "score:c": [0.2]},
        ("column score:c", "not a declared label", "a, b")),
    "declared label without score": (
        Rules(labels=("a", "b", "c")), {"y_true": ["a"], "score:a": [0.5], "score:b": [0.5]},
        ("column score:c", "missing")),
    "duplicate row id": (Rules(), {"y_true": [1, 0], "y_pred": [1, 0], "row_id": ["x", "x"]},
                         ("row 101, column row_id", "'x' is that of row 100")),
    "null row id": (Rules(), {"y_true": [1, 0], "y_pred": [1, 0], "row_id": ["x", None]},
                    ("row 101, column row_id", "missing")),
    "float row id": (Rules(), {"y_true": [1, 0], "y_pred": [1, 0], "row_id": [0.5, 1.5]},
                     ("column row_id", "double")),
    "nested slice": (Rules(), {"y_true": [1], "y_pred": [1], "slice:x": [[1]]},
                     ("column slice:x", "list")),
    "regression with labels": (REGRESSION, {"y_true": ["a"], "y_pred": ["b"]},
                               ("column y_true", "string", "float64")),
    "regression nan": (REGRESSION, {"y_true": [1.0, 2.0], "y_pred": [1.0, float("nan")]},
                       ("row 101, column y_pred", "nan", "finite")),
    "regression score": (REGRESSION, {"y_true": [1.0], "y_pred": [1.0], "score": [0.5]},
                         ("column score", "no scores")),
    "regression without prediction": (REGRESSION, {"y_true": [1.0]}, ("column y_pred", "missing")),
    "integer that a float rounds": (REGRESSION, {"y_true": [2**53 + 1], "y_pred": [1.0]},
                                    ("row 100, column y_true", "9007199254740993")),
}  # fmt: skip  # one case is one row of the table


@pytest.mark.parametrize("case", ARROW)
def test_bad_rows_are_named(case: str) -> None:
    """A wrong row or column of a chunk is refused by its absolute row, column and a way out."""
    rules, columns, parts = ARROW[case]
    with pytest.raises(InputError) as caught:
        read_chunk(encode(pa.table(columns)), rules, 100)
    for part in parts:
        assert part in caught.value.message
    assert caught.value.metadata["column"]
    assert caught.value.code is InputErrorCode.BAD_ROWS
    assert caught.value.location
    assert caught.value.message.startswith(f"{caught.value.location}: {caught.value.description}")


def test_labels_outside_the_set_are_counted() -> None:
    """A label that was not declared is refused with the number of its rows, and none is dropped."""
    columns = {"y_true": ["a", "c", "b", "c", "c"], "y_pred": ["a"] * 5}
    with pytest.raises(InputError, match=r"row 101, .*'c' is unknown.*\(2 more rows") as caught:
        read_chunk(encode(pa.table(columns)), DECLARED, 100)
    assert caught.value.metadata["count"] == 3


def test_duplicate_columns_are_refused() -> None:
    """A column that occurs twice is refused by name."""
    table = pa.table([pa.array(["a"])] * 3, names=["y_true", "y_pred", "y_pred"])
    with pytest.raises(InputError, match="column y_pred: it occurs twice"):
        read_chunk(encode(table), Rules(), 0)


GOOD = encode(pa.table({"y_true": ["a", "b"] * 50, "y_pred": ["a", "a"] * 50}))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "empty"),
        (b"y_true,y_pred\na,b\n", "end before"),
        (GOOD[:-200], "end before"),
        (GOOD[: len(GOOD) // 2], "end before"),
        (b"junk" + GOOD, "cannot be read as Arrow"),
        (encode(pa.table({"y_true": pa.array([], pa.string())})), "no rows"),
    ],
    ids=["empty", "text", "truncated tail", "half", "junk", "no rows"],
)
def test_bytes_that_are_no_chunk_are_refused(data: bytes, part: str) -> None:
    """Bytes that are no whole Arrow stream with rows are refused as a file, which says what a chunk is."""
    with pytest.raises(InputError, match="Arrow") as caught:
        read_chunk(data, Rules(), 0)
    assert caught.value.code is InputErrorCode.BAD_FILE
    assert part in caught.value.message


def test_a_stream_cut_between_batches_is_refused() -> None:
    """A stream without its end mark is refused, for rows may be missing."""
    sink = pa.BufferOutputStream()
    table = pa.table({"y_true": ["a", "b"], "y_pred": ["a", "b"]})
    writer = pa.ipc.new_stream(sink, table.schema)
    writer.write_table(table)
    whole = sink.getvalue().to_pybytes()
    with pytest.raises(InputError, match="end before"):
        read_chunk(whole, Rules(), 0)


CSVS: dict[str, tuple[Rules, bytes, tuple[str, ...]]] = {
    "empty": (Rules(), b"", ("empty", "sent as CSV")),
    "header alone": (Rules(), b"y_true,y_pred\n", ("header but no rows",)),
    "header without an end of line": (Rules(), b"y_true,y_pred", ("header but no rows",)),
    "too few fields": (Rules(), b"y_true,y_pred\na,b\n\nc\n", ("row 1 (line 4)", "1 field")),
    "too many fields": (Rules(), b"y_true,y_pred\na,b,c\n", ("row 0 (line 2)", "3 field")),
    "cut in a row": (Rules(), b'y_true,y_pred\n"a\nb",b\n"c', ("row 1 (line 4) is no CSV",)),
    "open quote": (Rules(), b'y_true,y_pred\na,"b\nc,d\n', ("line 2", "Close every quote")),
    "not UTF-8": (Rules(), b"y_true,y_pred\na,b\na,\xff\n", ("line 3", "UTF-8")),
    "binary": (Rules(), b"\x89PNG\x00\x00\x00", ("not text",)),
    "too few semicolons": (Rules(), b"y_true;y_pred\na,b\n", ("row 0 (line 2)", "semicolon")),
}  # fmt: skip  # one case is one row of the table


@pytest.mark.parametrize("case", CSVS)
def test_files_that_are_no_csv_are_refused(case: str, tmp_path: Path) -> None:
    """A file that is no whole CSV is refused by its line, with what is allowed."""
    rules, data, parts = CSVS[case]
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        list(read_file(partial(path.open, "rb"), CSV, rules))
    assert caught.value.code is InputErrorCode.BAD_FILE
    for part in parts:
        assert part in caught.value.message


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"y_true,score\n0,0.1\n\n1,oops\n", ("row 1 (line 4), column score", "'oops'", "0.25")),
        (b"y_true,score\n0,0.1\n1,\n", ("row 1 (line 3), column score", "missing")),
        (b"y_true,score\n0,0.1\n1,nan\n", ("row 1 (line 3), column score", "nan")),
        (b"y_true,y_pred\na,a\n,b\n", ("row 1 (line 3), column y_true", "empty")),
        (b'y_true,y_pred,row_id\na,a,"1\n2"\nb,b,3\nb,b,3\n', ("row 2 (line 5)", "that of row 1")),
        (b"y_true,y_pred,what\na,a,b\n", ("column what", "feature:what")),
        (b"y_true,y_true\na,b\n", ("column y_true", "twice")),
    ],
)
def test_bad_rows_of_a_csv_have_a_line(data: bytes, parts: tuple[str, ...], tmp_path: Path) -> None:
    """A wrong value of a CSV file is named by row and by line, however many lines rows span."""
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        list(read_file(partial(path.open, "rb"), CSV, Rules()))
    for part in parts:
        assert part in caught.value.message
