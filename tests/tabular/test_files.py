"""Files of every format become the same rows, and are refused in the same voice."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.records.predictions import ClassificationChunk
from assay.tabular.arrow import read_chunk
from assay.tabular.chunk import Chunk, Rules
from assay.tabular.errors import InputError, InputErrorCode
from assay.tabular.files import read_file
from assay.tabular.opening import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET
from tests.support.file_formats import FORMATS, written

TYPED = [PARQUET, ARROW_STREAM, ARROW_FILE]  # formats whose columns have types of their own


def read(data: bytes, source: str, folder: Path, rules: Rules | None = None) -> list[Chunk]:
    """Return the chunks of a file."""
    path = folder / "rows"
    path.write_bytes(data)
    return [block.chunk for block in read_file(partial(path.open, "rb"), source, rules or Rules())]


def scored(chunk: Chunk) -> ClassificationChunk:
    """Return the predictions of a chunk of a classification."""
    assert isinstance(chunk.predictions, ClassificationChunk)
    return chunk.predictions


def test_long_files_of_all_formats_are_the_same_rows(tmp_path: Path) -> None:
    """A file of many blocks holds the same codes, scores and ids in every format."""
    rng = np.random.default_rng(8)
    rows = 40_000
    table = pa.table(
        {
            "y_true": rng.choice(["ham", "spam"], rows),
            "score:spam": (scores := rng.integers(0, 1025, rows) / 1024),
            "score:ham": 1 - scores,
            "row_id": [f"message number {row}" for row in range(rows)],
            "slice:day": [f"day {row % 7}" for row in range(rows)],
        }
    )
    seen = set()
    for source in FORMATS:
        chunks = read(written(table, source), source, tmp_path)
        assert len(chunks) > 1
        assert [scored(chunk).labels for chunk in chunks] == [("ham", "spam")] * len(chunks)
        starts = np.cumsum([0, *(chunk.rows for chunk in chunks)]).tolist()
        assert [chunk.first_row for chunk in chunks] == starts[:-1]
        seen.add(
            (
                np.concatenate([scored(chunk).true for chunk in chunks]).tobytes(),
                np.concatenate([scored(chunk).scores[1] for chunk in chunks]).tobytes(),  # type: ignore[index]  # sent
                np.concatenate([chunk.row_ids.hashes for chunk in chunks]).tobytes(),  # type: ignore[union-attr]  # sent
            )
        )
    assert len(seen) == 1


def test_what_rests_is_what_was_read(tmp_path: Path) -> None:
    """The chunks that a file of any format is stored as hold its rows, one MiB or so each."""
    big = [f"{row:05d}" + "x" * 500 for row in range(9_000)]
    table = pa.table({"y_true": [0, 1] * 4500, "y_pred": [1, 1] * 4500, "feature:text": big})
    coded = table.set_column(2, "feature:text", table["feature:text"].dictionary_encode())
    for source in FORMATS:
        path = tmp_path / "rows"
        path.write_bytes(written(coded if source in TYPED else table, source))
        blocks = list(read_file(partial(path.open, "rb"), source, Rules()))
        assert max(len(block.encoded) for block in blocks) < 1_200_000
        texts: list[str] = []
        for block in blocks:
            again = read_chunk(block.encoded, Rules(), block.chunk.first_row)
            assert np.array_equal(again.predictions.true, block.chunk.predictions.true)
            texts += again.extras["feature:text"].to_pylist()
        assert texts == big


BAD: dict[str, tuple[dict[str, list[Any]], str, str]] = {
    "score above one": ({"y_true": ["1", "0"], "score": [0.5, 1.5]}, "score", "1.5"),
    "unknown label": ({"y_true": ["1", "7"], "y_pred": ["1", "1"]}, "y_true", "'7' is unknown"),
    "repeated id": ({"y_true": ["1", "0"], "y_pred": ["1", "0"], "row_id": ["x", "x"]},
                    "row_id", "'x' is that of row 0"),
    "empty label": ({"y_true": ["1", ""], "y_pred": ["1", "1"]}, "y_true", "empty"),
}  # fmt: skip  # one case is one row of the table


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_alike(case: str, source: str, tmp_path: Path) -> None:
    """A wrong value is refused by the same row and column in every format; text has a line too."""
    columns, column, part = BAD[case]
    rules = Rules(labels=("0", "1"), positive_label="1")
    with pytest.raises(InputError) as caught:
        read(written(pa.table(columns), source), source, tmp_path, rules)
    assert part in caught.value.message
    assert (caught.value.metadata["row"], caught.value.metadata["column"]) == (1, column)
    line = {CSV: 3, JSON_LINES: 2}.get(source)
    assert caught.value.metadata.get("line") == line


DATES = [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]


@pytest.mark.parametrize("source", TYPED)
@pytest.mark.parametrize("values", [DATES, [["a"], ["b"]], [{"a": 1}, {"a": 2}], [0.5, 1.5]])
def test_labels_of_other_types_are_refused(source: str, values: list[Any], tmp_path: Path) -> None:
    """Dates, lists, structs and floats are no labels: the column and its type are named."""
    with pytest.raises(InputError, match="column y_true: its type is"):
        read(written(pa.table({"y_true": values, "y_pred": [0, 1]}), source), source, tmp_path)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('{"y_true": 1.5, "y_pred": 1}', "row 1 (line 3), column y_true: the number 1.5"),
        ('{"y_true": {"a": 1}, "y_pred": 1}', "row 1 (line 3), column y_true: an object"),
        ('{"y_true": null, "y_pred": 1}', "row 1 (line 3), column y_true: the value is missing"),
        ('{"y_pred": 1}', "row 1 (line 3), column y_true: the value is missing"),
        ('{"y_true": 1, "y_pred": 1, "age": 3}', "row 1 (line 3), column age: the key is new"),
        ('{"y_true": "\\ud800", "y_pred": 1}', "half of a surrogate pair"),
        ('{"y_true": 1' + "0" * 40 + ', "y_pred": 1}', "more than 64 bits"),
    ],
)
def test_bad_values_of_json_lines_are_named(line: str, part: str, tmp_path: Path) -> None:
    """A JSON value of a wrong kind is refused by row, line and column; blank lines are no rows."""
    data = f'{{"y_true": 1, "y_pred": 0}}\n\n{line}\n'.encode()
    with pytest.raises(InputError) as caught:
        read(data, JSON_LINES, tmp_path)
    assert part in caught.value.message


def test_json_values_keep_their_kinds(tmp_path: Path) -> None:
    """Numbers, booleans and texts of JSON are labels by their text, and features as they are."""
    lines = '{"y_true": true, "y_pred": "false", "feature:a": 1, "feature:b": null}\n'
    lines += '{"y_pred": true, "y_true": false, "feature:a": 2, "feature:b": 0.5}'
    [chunk] = read(lines.encode(), JSON_LINES, tmp_path)
    predictions = scored(chunk)
    assert predictions.labels == ("false", "true")
    assert (predictions.true.tolist(), predictions.predicted.tolist()) == ([1, 0], [0, 1])
    assert chunk.extras["feature:a"].to_pylist() == [1, 2]
    assert chunk.extras["feature:b"].to_pylist() == [None, 0.5]


TABLE = pa.table({"y_true": ["a", "b"] * 400, "y_pred": ["a", "a"] * 400})


@pytest.mark.parametrize("source", TYPED)
@pytest.mark.parametrize("cut", [3, 12, 200, -4, -9, -60])
def test_cut_files_are_refused(source: str, cut: int, tmp_path: Path) -> None:
    """A file that ends early is refused as a file, for rows may be missing."""
    with pytest.raises(InputError) as caught:
        read(written(TABLE, source)[:cut], source, tmp_path)
    assert caught.value.code is InputErrorCode.BAD_FILE


@pytest.mark.parametrize(
    ("source", "data", "part"),
    [
        (CSV, b"PK\x03\x04junk", "The file is a ZIP archive; it was sent as CSV"),
        (PARQUET, b"\x1f\x8b\x08junk", "The file is gzip; it was sent as Parquet"),
        (JSON_LINES, b"\x1f\x8b\x08junk", "The file cannot be unpacked"),
        (PARQUET, b"y_true,y_pred\n", "does not begin like Parquet"),
        (ARROW_STREAM, written(TABLE, PARQUET), "The file is Parquet; it was sent as an Arrow"),
        (ARROW_FILE, written(TABLE, ARROW_STREAM), "does not begin like an Arrow file"),
        (JSON_LINES, b"[1, 2]\n", "line 1 is [1, 2], which is no object"),
        (JSON_LINES, b'{"y_true": 1\n', "line 1: it cannot be read as JSON"),
        (JSON_LINES, b'{"y_true": "\xff"}\n', "line 1 is not UTF-8"),
        (JSON_LINES, b"[" * 100_000, "line 1: it cannot be read as JSON"),
        (JSON_LINES, b" " * 3_000_000, "line 1 has more than 1048576 bytes"),
        (JSON_LINES, b"\n \n", "The file holds no rows"),
        (PARQUET, written(TABLE.slice(0, 0), PARQUET), "The file holds no rows"),
        (ARROW_STREAM, written(TABLE.slice(0, 0), ARROW_STREAM), "The file holds no rows"),
    ],
)  # fmt: skip  # one case is one row of the table
def test_files_of_another_format_are_told_so(
    source: str, data: bytes, part: str, tmp_path: Path
) -> None:
    """A file that is not what it was sent as is refused as a file, which says what is wrong."""
    with pytest.raises(InputError) as caught:
        read(data, source, tmp_path)
    assert caught.value.code is InputErrorCode.BAD_FILE
    assert part in caught.value.message


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    """A Parquet file of more columns than an upload may have is refused before it is decoded."""
    names = ["y_true", "y_pred", *(f"feature:{n}" for n in range(5_000))]
    path = tmp_path / "rows"
    pq.write_table(pa.table({name: [1] for name in names}), path)
    with pytest.raises(InputError, match="5002 columns"):
        list(read_file(partial(path.open, "rb"), PARQUET, Rules()))
