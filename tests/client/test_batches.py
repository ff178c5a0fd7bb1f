"""Rows on their way out: columns, files, batches. No service is needed."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assay.client import BadInput
from assay.client.batches import BATCH_BYTES, encode_batches
from assay.client.columns import from_columns, from_data
from assay.client.files import TABLES, TEXTS, open_file


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
        ({"y_true": ["a", 1]}, "row 0 is 'a', of the type str, and row 1 is 1, a number"),
        ({"y_true": [1, 2.5, None, "a"]}, "row 0 is 1, a number, and row 3 is 'a', of the type"),
        ({"y_true": [True, np.nan, 1]}, "row 0 is True, of the type bool, and row 2 is 1"),
        ({"y_true": [object(), object()]}, "y_true holds what is neither text, number nor truth"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(changes, told):
    """Columns that do not fit together are refused with the reason."""
    with pytest.raises(BadInput, match=told):
        sent(columns(**changes))


def test_blocks_of_other_types_are_refused_by_column():
    """Rows whose later blocks have another type are refused by the column and both types."""
    blocks = [pa.table({"y_true": ["a"], "y_pred": [value]}) for value in ("a", 1)]
    with pytest.raises(BadInput, match="y_pred is string, and later y_pred is int64"):
        list(encode_batches(blocks, text_labels=True))


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


def test_missing_slice_values_stay_missing():
    """None and a data frame's NaN in a slice travel as null."""
    frame = pd.DataFrame({"y_true": ["a", "b"], "y_pred": ["a", "b"]})
    frame["slice:site"] = pd.Series(["u", float("nan")], dtype=object)
    frame["slice:gone"] = [None, None]
    _, rows = sent(from_data(frame))
    assert (rows["slice:site"], rows["slice:gone"]) == (["u", None], [None, None])


@pytest.mark.parametrize(
    "given",
    [
        ["a", None],
        ["a", float("nan")],
        np.array(["a", None], dtype=object),
        np.array(["a", np.nan], dtype=object),
        np.ma.masked_array(["a", "b"], mask=[False, True]),
        pd.Series(["a", None]),
        pd.Series(["a", pd.NA], dtype="string"),
        pd.Series(["a", None], dtype="category"),
    ],
)
def test_a_missing_truth_travels_as_missing(given):
    """None, NaN, NA and what is masked travel as null, which the service names by row."""
    assert sent(columns(y_true=given))[1]["y_true"] == ["a", None]


def test_whole_numbers_beyond_64_bits_are_told():
    """A label that is a number beyond 64 bits is refused in words, with the way out."""
    with pytest.raises(BadInput, match="more than 64 bits"):
        sent(columns(y_true=[2**70, 1]))


def test_what_stands_under_a_mask_is_no_value():
    """A masked number is missing, in a column, in a column of scores and in rows × classes."""
    masked = np.ma.masked_array([0.25, 0.5], mask=[False, True])
    grid = np.ma.masked_array(np.full((2, 2), 0.5), mask=[[False, True], [False, False]])
    _, one = sent(columns(y_true=masked, scores=masked), text_labels=False)
    assert (one["y_true"], one["score"]) == ([0.25, None], [0.25, None])
    _, many = sent(columns(scores=grid, labels=["a", "b"]))
    assert (many["score:a"], many["score:b"]) == ([0.5, 0.5], [None, 0.5])


def test_data_frames_are_slices_and_features():
    """A data frame of slices or features gives its columns, as a mapping does."""
    frame = pd.DataFrame({"site": ["u", "v"], "age": [1, 2]})
    _, rows = sent(columns(slices=frame[["site"]], features=frame[["age"]]))
    assert (rows["slice:site"], rows["feature:age"]) == (["u", "v"], [1, 2])
    with pytest.raises(BadInput, match="slices is a list"):
        columns(slices=["u", "v"])


def test_categories_of_views_travel_as_labels():
    """Dictionaries whose values are string views, as polars writes them, are labels."""
    views = pa.array(["x", "y"]).cast(pa.string_view())
    coded = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.uint32()), views)
    assert sent(from_data(pa.table({"y_true": coded})))[1]["y_true"] == ["y", "x", "y"]


@pytest.mark.parametrize(
    ("name", "told"), [("p.xlsx", "of a format that is not read"), ("p.csv.gz", "cannot be read")]
)
def test_a_file_that_cannot_be_sent_is_refused(tmp_path: Path, name, told):
    """A file of an unknown ending, or that is not there, is refused by its path."""
    (tmp_path / "p.xlsx").touch()
    with pytest.raises(BadInput, match=told):
        open_file(tmp_path / name, {**TEXTS, **TABLES})


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
