"""Words of extraction rows, checked and cut into windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.learning.errors import DataError
from assay.learning.rows import TaskType, canonical_schema
from assay.learning.word_rows import Windows, label_codes, read_labels, read_words
from tests.support.word_rows import word_batch

BOX = [0.0, 0.0, 1.0, 1.0]


def test_words_are_read_in_their_order():
    """Words, records and boxes come as they were given, and corners of boxes in order."""
    batch = word_batch([["Total", "9"], [], ["Total"]], boxes=[[[3, 4, 1, 2], BOX], [], None])
    found = read_words(batch)
    assert found.texts == ["Total", "9", "Total"]
    assert found.offsets.tolist() == [0, 2, 2, 3]
    assert found.boxes.tolist() == [[1, 2, 3, 4], BOX, [0, 0, 0, 0]]
    assert found.boxed.tolist() == [True, False, False]


def test_a_slice_of_rows_is_read_as_its_own_rows():
    """Rows in the middle of a longer table give their own words, labels and boxes."""
    words = [[f"w{row}.{n}" for n in range(row)] for row in range(6)]
    labels = [[f"l{row}"] * row for row in range(6)]
    boxes = [[[row, n, row + 1, n + 1] for n in range(row)] for row in range(6)]
    whole = word_batch(words, labels, boxes)
    part = whole.slice(3, 2)
    found, tags = read_words(part), read_labels(part)
    alone = word_batch(words[3:5], labels[3:5], boxes[3:5])
    assert tags is not None
    assert found.texts == words[3] + words[4]
    assert found.boxes.tolist() == read_words(alone).boxes.tolist()
    assert [tags[0][code] for code in tags[1]] == labels[3] + labels[4]


@pytest.mark.parametrize("boxes", [False, True])
def test_no_rows_have_no_words(boxes):
    """Rows without words, and no rows at all, are read."""
    schema = canonical_schema(TaskType.EXTRACTION, boxes=boxes)
    for batch in (schema.empty_table().to_batches(), [word_batch([[]], boxes=[[]])]):
        for rows in batch:
            assert read_words(rows).texts == []
            assert read_labels(rows) == ((), pytest.approx(np.empty(0)))


def test_rows_without_labels_are_read():
    """Rows of which labels are to be predicted have none."""
    batch = word_batch([["a"]]).drop_columns(["labels"])
    assert read_labels(batch) is None


@pytest.mark.parametrize(
    ("words", "labels", "boxes", "message"),
    [
        ([["a"], ["b", "c"]], [["O"], ["O"]], None, "2 words and 1 labels"),
        ([["a"], ["b"]], [["O"], ["O", "O"]], None, "1 words and 2 labels"),
        ([["a"], ["b"]], [["O"], [None]], None, "a label is empty"),
        ([["a"], ["b"]], [["O"], [""]], None, "a label is empty"),
        ([["a"], [None]], [["O"], ["O"]], None, "a word is null"),
        ([["a"], ["b"] * 200_001], None, None, "200,001 words; at most 200,000 are allowed"),
        ([["a"], ["b" * 1_000_001] * 10], None, None, "10,000,010 bytes; at most 10,000,000 are"),
        ([["a"], ["b", "c"]], None, [[BOX], [BOX]], "2 words and 1 boxes"),
        ([["a"], ["b"]], None, [[BOX], [None]], "a box is null"),
        ([["a"], ["b"]], None, [[BOX], [[0, 0, None, 1]]], "missing or not finite"),
        ([["a"], ["b"]], None, [[BOX], [[0, 0, float("nan"), 1]]], "missing or not finite"),
        ([["a"], ["b"]], None, [None, [[0, 0, float("inf"), 1]]], "missing or not finite"),
    ],
)
def test_rows_that_do_not_fit_are_refused(words, labels, boxes, message):
    """Words, labels and boxes that do not fit together are refused, and the row is named."""
    batch = word_batch(words, labels, boxes)
    with pytest.raises(DataError, match=message) as refused:
        read_words(batch)
        read_labels(batch)
    assert refused.value.row_id == "row-1"


def test_labels_that_a_model_does_not_have_are_unknown():
    """Labels become the numbers of a model's classes, and others the number of no class."""
    found = read_labels(word_batch([["a", "b", "c"]], [["x", "O", "new"]]))
    assert found is not None
    assert label_codes(found, ("O", "x"), -1).tolist() == [1, 0, -1]
    assert label_codes(((), np.empty(0, np.int64)), ("O",), -1).tolist() == []


@given(
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))),
)
def test_windows_cover_records_and_overlap(lengths, sizes):
    """Windows hold at most their length, share the overlap, and are those that a loop cuts."""
    most, overlap = sizes
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    found = Windows.cut(offsets, most, overlap)
    wanted = []
    for record, length in enumerate(lengths):
        start = 0
        while length:
            end = min(start + most, length)
            wanted.append((record, list(range(offsets[record] + start, offsets[record] + end))))
            if end == length:
                break
            start = end - overlap
    windows = np.split(found.word_of, found.starts[1:-1]) if len(found.starts) > 1 else []
    assert [window.tolist() for window in windows] == [words for _, words in wanted]
    assert found.record_of.tolist() == [record for record, words in wanted for _ in words]


def test_words_of_any_script_are_words():
    """Words that nobody can read, and of any script, are words as all others."""
    odd = ["", " ", "\u200b", "ﷺ", "🧾" * 50, "e\u0301", "\x00", "a" * 100_000]
    assert read_words(word_batch([odd])).texts == odd
