"""What good columns become: codes, scores, derived predictions, ids; from Arrow and from CSV."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.records.predictions import ClassificationChunk, RegressionChunk
from assay.tabular.arrow import encode, read_chunk
from assay.tabular.chunk import Rules
from assay.tabular.errors import InputError
from assay.tabular.files import read_file
from assay.tabular.opening import CSV
from assay.tabular.row_ids import RowIds
from assay.tabular.stored import stored_row_ids, stored_scores


def classes(rules: Rules = Rules(), /, **columns: Any) -> ClassificationChunk:  # noqa: B008  # frozen value
    """Return the predictions of the given columns; `__` in a name stands for a colon."""
    table = pa.table({name.replace("__", ":"): values for name, values in columns.items()})
    return scored(encode(table), rules)


def scored(data: bytes, rules: Rules) -> ClassificationChunk:
    """Return the predictions of an encoded chunk."""
    predictions = read_chunk(data, rules, 0).predictions
    assert isinstance(predictions, ClassificationChunk)
    return predictions


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["b", "a", "b"]),
        pa.array(["b", "a", "b"], pa.large_string()),
        pa.array(["b", "a", "b"], pa.string_view()),
        pa.array(["b", "a", "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(
            pa.array([1, 3, 1], pa.uint8()), pa.array(["never", "b", None, "a"], pa.large_string())
        ),
    ],
    ids=["string", "large", "view", "dictionary", "unused entries"],
)
def test_every_spelling_of_strings_is_the_same_label(column: pa.Array[Any]) -> None:
    """Plain, large, viewed and dictionary-encoded strings give the same sorted codes."""
    chunk = classes(y_true=column, y_pred=column)
    assert chunk.labels == ("a", "b")
    assert chunk.true.tolist() == [1, 0, 1]
    assert chunk.true.dtype == np.uint8


def test_integers_and_booleans_are_labels_by_their_text() -> None:
    """Integers are labels by decimal text and booleans are true and false."""
    assert classes(y_true=[10, 9], y_pred=[-1, 9]).labels == ("-1", "10", "9")
    assert classes(y_true=[True, False], y_pred=[True, True]).labels == ("false", "true")


def test_declared_labels_keep_their_order() -> None:
    """Codes follow the declared order, and a declared label that does not occur keeps its code."""
    rules = Rules(labels=("z", "m", "a"))
    assert classes(rules, y_true=["a"], y_pred=["z"]).labels == ("z", "m", "a")
    chunk = classes(rules, y_true=["a"], score__a=[0.5], score__m=[0.25], score__z=[0.25])
    assert chunk.scores is not None
    assert chunk.scores.tolist() == [[0.25], [0.25], [0.5]]


def test_absent_predictions_follow_from_class_scores() -> None:
    """Without y_pred the highest score decides, the first label on ties, and this is echoed."""
    table = pa.table({"y_true": ["a", "b"], "score:b": [0.5, 0.6], "score:a": [0.5, 0.4]})
    assert read_chunk(encode(table), Rules(), 0).pred_derived
    chunk = scored(encode(table), Rules())
    assert [chunk.labels[code] for code in chunk.predicted] == ["a", "b"]


@pytest.mark.parametrize("pair", [("False", "True"), ("NO", "YES"), ("No", "Yes")])
def test_a_lone_score_belongs_to_the_positive_of_an_obvious_pair(pair: tuple[str, str]) -> None:
    """Pairs in other cases are as obvious as in small letters, in a block of one label too."""
    for labels in (pair, pair[:1], pair[1:]):
        chunk = classes(y_true=list(labels), score=[0.25] * len(labels))
        assert chunk.labels == pair
        assert chunk.score_labels == pair[1:]
    with pytest.raises(InputError, match="nothing says which"):
        classes(y_true=["no", "YES"], score=[0.25, 0.75])


def test_a_data_frames_booleans_are_an_obvious_pair() -> None:
    """Booleans of pandas, plain or nullable, are the labels false and true."""
    frame = pd.DataFrame({"y_true": [True, False], "score": [0.9, 0.2]})
    for kind in ("bool", "boolean"):
        table = pa.Table.from_pandas(frame.astype({"y_true": kind}), preserve_index=False)
        chunk = scored(encode(table), Rules())
        assert (chunk.labels, chunk.score_labels) == (("false", "true"), ("true",))


def test_absent_predictions_follow_from_a_lone_score() -> None:
    """Without y_pred a lone score of 0.5 or more predicts the positive label."""
    chunk = classes(y_true=["yes", "yes", "no"], score=[0.5, 0.499, 0.9])
    assert [chunk.labels[code] for code in chunk.predicted] == ["yes", "no", "yes"]
    assert chunk.score_labels == ("yes",)


def test_a_block_with_one_label_of_an_obvious_pair_knows_the_other() -> None:
    """A chunk in which only `0` occurs still predicts `1` from its score."""
    assert classes(y_true=[0, 0], score=[0.1, 0.9]).labels == ("0", "1")
    assert classes(y_true=["yes"], score=[0.1]).labels == ("no", "yes")


@pytest.mark.parametrize("rules", [Rules(), Rules(positive_label="1")])
def test_a_block_without_the_positive_label_is_read(rules: Rules) -> None:
    """A chunk of labels alone in which the positive one does not occur is as good as any."""
    chunk = classes(rules, y_true=[0, 0], y_pred=[0, 0])
    assert (chunk.labels, chunk.score_labels) == (("0",), ())


def test_float32_scores_may_sum_less_exactly() -> None:
    """Rows of float32 scores may miss 1 by 1e-4, for they cannot do better."""
    scores = {
        "score:a": pa.array([0.33335], pa.float32()),
        "score:b": pa.array([0.66670], pa.float32()),
    }
    chunk = scored(encode(pa.table({"y_true": ["a"], **scores})), Rules())
    assert chunk.scores is not None
    assert chunk.scores.dtype == np.float64


def test_renormalize_divides_by_the_sum() -> None:
    """With renormalize the scores of a row are divided by their sum instead of refused."""
    chunk = classes(Rules(renormalize=True), y_true=["a"], score__a=[0.3], score__b=[0.1])
    assert chunk.scores is not None
    assert chunk.scores[0].tolist() == [0.3 / (0.3 + 0.1)]


def test_negative_zero_is_zero() -> None:
    """A score of -0.0 has the bits of 0.0, so that ties are ties."""
    scores = classes(y_true=[0, 1], score=[-0.0, 0.0]).scores
    assert scores is not None
    assert not np.signbit(scores).any()


def test_regressions_take_integers_and_floats() -> None:
    """Integers, float32 and float64 become float64."""
    table = pa.table(
        {"y_true": pa.array([1, 2], pa.int16()), "y_pred": pa.array([0.5, 2], pa.float32())}
    )
    chunk = read_chunk(encode(table), Rules(regression=True), 7)
    assert chunk.first_row == 7
    assert isinstance(chunk.predictions, RegressionChunk)
    assert chunk.predictions.true.tolist() == [1.0, 2.0]
    assert chunk.predictions.predicted.tolist() == [0.5, 2.0]


def test_extras_are_kept() -> None:
    """Slices, features and cluster ids are accepted beside the scored columns."""
    extras = {"slice:country": ["de"], "feature:age": [1.5], "cluster_id": [3]}
    table = pa.table({"y_true": ["a"], "y_pred": ["a"], **extras})
    assert read_chunk(encode(table), Rules(), 0).extras.keys() == extras.keys()


def test_stored_chunks_are_read_by_column() -> None:
    """A stored chunk gives only the columns that are asked for."""
    data = encode(pa.table({"y_true": [0, 1], "score": [0.1, 0.9], "row_id": ["x", "y"]}))
    [(truth, scores)] = stored_scores(data, ("score",), ("1",), renormalize=False, weighted=False)
    assert (truth.tolist(), scores.tolist()) == ([False, True], [0.1, 0.9])
    assert stored_row_ids(data).at(np.array([1])) == ["y"]


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=40), st.integers(0, 39))
def test_id_hashes_do_not_depend_on_the_block(texts: list[str], cut: int) -> None:
    """The hash of a row id is the same in whatever block the row stands."""
    whole = RowIds(texts=pa.array(texts, pa.large_string())).hashes
    parts = [
        RowIds(texts=pa.array(part, pa.large_string())).hashes
        for part in (texts[:cut], texts[cut:])
    ]
    assert np.array_equal(whole, np.concatenate(parts))
    sliced = RowIds(texts=pa.array(["first", *texts], pa.large_string()).slice(1)).hashes
    assert np.array_equal(whole, sliced)
    assert len(set(whole.tolist())) == len(set(texts))


def test_id_hashes_never_change() -> None:
    """The hash of an id is fixed for all releases, since stored partials are ordered by it."""
    ids = RowIds(texts=pa.array(["", "a", "row-000000000017"], pa.large_string()))
    assert [f"{value:016x}" for value in ids.hashes] == FIXED_HASHES


FIXED_HASHES = ["0000000000000000", "fb40d9931b99fca5", "11d340412076df32"]


# csv.writer writes what RFC 4180 says; fields cover quotes, commas, newlines and non-ASCII.
FIELD = st.text(
    st.sampled_from('ab"\',\n\r\té𝄞 ;'), min_size=1, max_size=6
).filter(lambda text: text.strip("\r\n \t") != "")  # fmt: skip  # the filter belongs to the text


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=20), st.booleans())
def test_csv_says_what_arrow_says(rows: list[tuple[str, str]], bom: bool) -> None:
    """Any quoted field of a CSV file is read as the same label that Arrow would carry."""
    text = io.StringIO()
    csv.writer(text).writerows([("y_true", "y_pred"), *rows])
    rules = Rules(labels=tuple(sorted({label for row in rows for label in row})))
    blocks = _read(text.getvalue().encode("utf-8-sig" if bom else "utf-8"), rules)
    chunk = classes(rules, y_true=[row[0] for row in rows], y_pred=[row[1] for row in rows])
    assert blocks[0].labels == chunk.labels
    assert np.array_equal(blocks[0].true, chunk.true)
    assert np.array_equal(blocks[0].predicted, chunk.predicted)


def test_a_long_csv_is_cut_into_self_contained_chunks(tmp_path: Path) -> None:
    """A file larger than a block becomes chunks of 1 MiB or less that hold the same rows."""
    rng = np.random.default_rng(5)
    path = tmp_path / "long.csv"
    truth = rng.integers(0, 2, 150_000)
    scores = rng.random(150_000)
    lines = (
        f"{a},{b!r},id-{i}" for i, (a, b) in enumerate(zip(truth, scores.tolist(), strict=True))
    )
    path.write_text("y_true,score,row_id\n" + "\n".join(lines))
    blocks = list(read_file(partial(path.open, "rb"), CSV, Rules()))
    assert len(blocks) > 3
    assert max(len(block.encoded) for block in blocks) < 1_100_000
    read = [block.chunk.predictions.scores[0] for block in blocks]  # type: ignore[union-attr,index]  # classes
    assert np.array_equal(np.concatenate(read), scores)
    first = 0
    for block in blocks:
        again = read_chunk(block.encoded, Rules(), first)
        assert np.array_equal(again.predictions.true, block.chunk.predictions.true)
        assert block.chunk.first_row == first
        first += again.rows


def _read(data: bytes, rules: Rules) -> list[ClassificationChunk]:
    blocks = read_file(partial(io.BytesIO, data), CSV, rules)
    chunks = [block.chunk.predictions for block in blocks]
    assert all(isinstance(chunk, ClassificationChunk) for chunk in chunks)
    return chunks  # type: ignore[return-value]  # checked on the line above
