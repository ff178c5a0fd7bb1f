"""Rows on their way out: columns, files, batches. No service is needed."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from assay.client import BadInput
from assay.client.batches import BATCH_BYTES, encode_batches
from assay.client.columns import from_columns, from_data
from assay.client.files import from_file


def columns(**changes):
    given = {
        "y_true": ["a", "b"],
        "y_pred": None,
        "scores": None,
        "labels": None,
        "row_id": None,
        "slices": None,
    }
    return from_columns(**{**given, **changes})


def sent(source, **options):
    batches = list(encode_batches(source.tables, **{"text_labels": True, **options}))
    return batches, pa.concat_tables(
        [pa.ipc.open_stream(batch.arrow).read_all() for batch in batches]
    ).to_pydict()


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (["x", "y", "x"], ["x", "y", "x"]),
        (np.array([3, 1, 3]), ["3", "1", "3"]),
        (np.array([True, False, True]), ["true", "false", "true"]),
        (pd.Series(["x", "y", "x"]), ["x", "y", "x"]),
        (pd.Series(["x", "y", "x"], dtype="category"), ["x", "y", "x"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.chunked_array([["x"], ["y", "x"]]), ["x", "y", "x"]),
    ],
)
def test_labels_travel_as_text(given, texts):
    """Labels of every kind travel as a dictionary of texts, integers by decimal."""
    batches, rows = sent(columns(y_true=given, y_pred=given))
    schema = pa.ipc.open_stream(batches[0].arrow).schema
    assert pa.types.is_dictionary(schema.field("y_true").type)
    assert rows == {"y_true": texts, "y_pred": texts}


def test_numbers_of_a_regression_stay_numbers():
    """The targets of a regression are not turned into text."""
    _, rows = sent(columns(y_true=[1.5, 2.0], y_pred=[1, 2]), text_labels=False)
    assert rows == {"y_true": [1.5, 2.0], "y_pred": [1, 2]}


def test_scores_are_named_by_their_labels():
    """Rows × classes become one column a label, whatever type the labels have."""
    grid = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    _, rows = sent(columns(y_true=[0, 1], scores=grid, labels=np.array([0, 1])))
    assert list(rows) == ["y_true", "score:0", "score:1"]
    assert rows["score:1"] == [np.float32(0.1), np.float32(0.8)]
    _, frame = sent(columns(scores=pd.DataFrame(grid, columns=["a", "b"])))
    assert list(frame) == ["y_true", "score:a", "score:b"]
    _, one = sent(columns(scores=[0.5, 1], row_id=["r1", "r2"], slices={"site": ["u", "v"]}))
    assert one["score"] == [0.5, 1.0]
    assert one["slice:site"] == ["u", "v"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"y_pred": ["a"]}, "unequal numbers of rows"),
        ({"scores": np.ones((2, 2))}, "need as many labels"),
        ({"scores": np.ones((2, 2)), "labels": [0.5, 1.5]}, "is a float"),
        ({"scores": np.ones((2, 2, 2))}, "3 dimensions"),
        ({"y_true": ["a", 1]}, "not of one type"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(changes, told):
    """Columns that do not fit together are refused with the reason."""
    with pytest.raises(BadInput, match=told):
        sent(columns(**changes))


def test_batches_stay_under_the_limit_and_cover_every_row():
    """However uneven the rows are, batches are whole, adjoining, hashed and under the limit."""
    texts = ["x" * (1 + 997 * number % 3000) for number in range(20_000)]
    batches, rows = sent(columns(y_true=["a"] * 20_000, row_id=texts))
    assert rows["row_id"] == texts
    assert max(len(batch.arrow) for batch in batches) <= BATCH_BYTES
    starts = np.cumsum([0] + [batch.rows for batch in batches])
    assert [batch.first_row for batch in batches] == starts[:-1].tolist()
    assert all(batch.sha256 == hashlib.sha256(batch.arrow).digest() for batch in batches)


def test_weights_features_and_clusters_travel_by_their_names():
    """Weights, features and clusters by keyword are the columns that the service knows."""
    _, rows = sent(
        columns(weight=[1, 0.5], features={"age": [3, None], "tag": ["x", "y"]}, cluster_id=[7, 7])
    )
    assert (rows["weight"], rows["cluster_id"]) == ([1.0, 0.5], [7, 7])
    assert (rows["feature:age"], rows["feature:tag"]) == ([3, None], ["x", "y"])


def test_a_row_over_the_limit_is_refused():
    """A single row that no batch can hold is refused, not sent for ever."""
    with pytest.raises(BadInput, match="at most"):
        sent(columns(row_id=["x" * 5_000, "y"]), limit=4_096)


def test_little_tables_make_few_batches():
    """A stream of little tables does not become a stream of little batches."""
    batch = pa.record_batch({"y_true": ["a"] * 10, "y_pred": ["a"] * 10})
    reader = pa.RecordBatchReader.from_batches(batch.schema, [batch] * 500)
    batches, rows = sent(from_data(reader))
    assert len(rows["y_true"]) == 5_000
    assert len(batches) <= 3


def test_a_csv_is_read_as_text_and_numbers(tmp_path: Path):
    """A CSV file's labels stay as they are written, and its scores become numbers."""
    file = tmp_path / "p.csv"
    file.write_text('\ufeffy_true,y_pred,score,slice:city\n007,7,0.25,"Rome, ""old"""\n7,007,1,x\n')
    _, rows = sent(from_file(file, numeric_targets=False))
    assert rows == {
        "y_true": ["007", "7"],
        "y_pred": ["7", "007"],
        "score": [0.25, 1.0],
        "slice:city": ['Rome, "old"', "x"],
    }


def test_missing_slice_values_stay_missing(tmp_path: Path):
    """None and a data frame's NaN in a slice, and an empty field of a CSV, travel as null."""
    frame = pd.DataFrame({"y_true": ["a", "b"], "y_pred": ["a", "b"]})
    frame["slice:site"] = pd.Series(["u", float("nan")], dtype=object)
    frame["slice:gone"] = [None, None]
    _, rows = sent(from_data(frame))
    assert (rows["slice:site"], rows["slice:gone"]) == (["u", None], [None, None])
    file = tmp_path / "p.csv"
    file.write_text('y_true,y_pred,weight,slice:site\na,a,1,\nb,,0.5,""\n')
    _, rows = sent(from_file(file, numeric_targets=False))
    assert rows["slice:site"] == [None, ""]
    assert (rows["y_pred"], rows["weight"]) == (["a", ""], [1.0, 0.5])


def test_a_csv_is_never_whole_in_memory(tmp_path: Path):
    """A large CSV file is read block by block: the first batch comes before the file's end."""
    file = tmp_path / "p.csv"
    with file.open("w") as out:
        out.write("y_true,y_pred,row_id\n")
        for number in range(400_000):
            out.write(f"yes,no,row-{number:0200d}\n")
    before = pa.total_allocated_bytes()
    batches = encode_batches(from_file(file, numeric_targets=False).tables, text_labels=True)
    next(batches)
    assert pa.total_allocated_bytes() - before < file.stat().st_size
    assert sum(batch.rows for batch in batches) > 390_000


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.csv", "", "is empty"),
        ("p.csv", "y_true,score\na,0.5\nb,much\n", "row 1, column score: the text 'much'"),
        ("p.csv", "y_true,y_pred\na,b\nc\n", "cannot be read as CSV"),
        ("p.xlsx", "x", "of a format that is not read"),
        ("p.parquet", "no", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name, text, told):
    """A file that is no table is refused with what is wrong and where."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(BadInput, match=told):
        sent(from_file(file, numeric_targets=False))


def test_parquet_and_arrow_files_are_read(tmp_path: Path):
    """Parquet and Arrow files give the rows that were written."""
    table = pa.table({"y_true": ["a", "b"], "y_pred": ["a", "a"]})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    with pa.ipc.new_file(tmp_path / "p.arrow", table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(tmp_path / "p.arrows", table.schema) as writer:
        writer.write_table(table)
    for name in ("p.parquet", "p.arrow", "p.arrows"):
        assert sent(from_file(tmp_path / name, numeric_targets=False))[1] == table.to_pydict()


@pytest.mark.parametrize(
    "texts",
    [
        ["b", "a", "b", "c"],
        ["", "ß", "日本", "\U0001f600", "a\x00b", "", "x" * 40],
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_numpy_text_travels_as_lists_do(texts, order):
    """NumPy text, whatever its width and byte order, makes the very batches that a list makes."""
    array = np.array(texts, dtype=np.dtype("U40").newbyteorder(order))
    as_array = encode_batches(columns(y_true=array, row_id=array[::-1]).tables, text_labels=True)
    as_list = encode_batches(columns(y_true=texts, row_id=texts[::-1]).tables, text_labels=True)
    assert [batch.arrow for batch in as_array] == [batch.arrow for batch in as_list]


def test_unused_labels_of_a_dictionary_stay_at_home():
    """A categorical column sends the labels that occur, in the order in which they do."""
    frame = pd.DataFrame({"y_true": pd.Categorical(["c", "a", "c"], categories=["a", "b", "c"])})
    batches, rows = sent(from_data(frame))
    table = pa.ipc.open_stream(batches[0].arrow).read_all()
    assert table["y_true"].chunk(0).dictionary.to_pylist() == ["c", "a"]
    assert rows == {"y_true": ["c", "a", "c"]}
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", "b", "a"]))
    batches, rows = sent(from_data(pa.table({"y_true": twice})))
    table = pa.ipc.open_stream(batches[0].arrow).read_all()
    assert table["y_true"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    assert rows == {"y_true": ["a", "b", "a"]}


@pytest.mark.parametrize("late", [False, True])
def test_long_columns_of_codes_travel_as_lists_do(late):
    """Thousands of coded labels, known early or seen late, make the very batches that a list makes."""
    codes = np.random.default_rng(1).integers(0, 3, 10_000).astype(np.int32)
    codes[-1] = 3 if late else 0
    names = ["d", "c", "b", "a"][: 4 if late else 3]
    coded = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names))
    texts = [names[code] for code in codes]
    as_codes = encode_batches(from_data(pa.table({"y_true": coded})).tables, text_labels=True)
    as_texts = encode_batches(from_data(pa.table({"y_true": texts})).tables, text_labels=True)
    assert [one.arrow for one in as_codes] == [one.arrow for one in as_texts]
