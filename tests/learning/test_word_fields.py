"""Fields put together from labelled words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.learning.word_fields import predicted_fields, true_fields

LABELS = ("O", "date", "name")


def fields(records, confidences=None):
    """Return the predicted fields of records of (word, label) pairs."""
    pairs = [pair for record in records for pair in record]
    codes = np.array([LABELS.index(label) for _, label in pairs], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, records)])
    sure = np.ones(len(codes)) if confidences is None else np.array(confidences)
    return predicted_fields(codes, sure, [word for word, _ in pairs], offsets, LABELS)


def words(text):
    """Return (word, label) pairs of "Paid/O 1/date May/date"."""
    return [tuple(part.rsplit("/", 1)) for part in text.split()]


def test_neighbouring_words_of_a_label_are_a_value():
    """Words with one label in a row are one value, joined by blanks, of their record alone."""
    found = fields([words("Paid/O 1/date May/date by/O Ann/name"), [], words("2/date")])
    assert found == ({"date": "1 May", "name": "Ann"}, {}, {"date": "2"})


def test_values_end_with_their_record():
    """A value never reaches from one record into the next one."""
    assert fields([words("1/date"), words("May/date")]) == ({"date": "1"}, {"date": "May"})


def test_labels_side_by_side_are_two_values():
    """Two labels without a word between them are two values."""
    assert fields([words("1/date Ann/name Lee/name")]) == ({"date": "1", "name": "Ann Lee"},)


def test_the_surest_run_is_the_value():
    """Of several runs of a label it is the one whose least sure word is the surest."""
    record = words("1/date May/date or/O 2/date May/date")
    assert fields([record], [0.9, 0.6, 1, 0.7, 0.7]) == ({"date": "2 May"},)
    assert fields([record], [0.9, 0.8, 1, 0.7, 0.9]) == ({"date": "1 May"},)


def test_of_equally_sure_runs_the_first_is_the_value():
    """Of runs that are equally sure it is the first one."""
    assert fields([words("1/date or/O 2/date")]) == ({"date": "1"},)


def test_true_fields_hold_every_run():
    """What is said twice has two true values, and either is right."""
    pairs = words("1/date or/O 2/date 3/name")
    codes = np.array([LABELS.index(label) for _, label in pairs])
    found = true_fields(codes, [word for word, _ in pairs], np.array([0, 3, 3, 4]), LABELS)
    assert found == ({"date": {"1", "2"}}, {}, {"name": {"3"}})


@pytest.mark.parametrize("offsets", [[0], [0, 0], [0, 0, 0]])
def test_records_without_words_have_no_fields(offsets):
    """Records without words, and no records at all, have no fields."""
    nothing = np.empty(0, dtype=np.int32)
    found = predicted_fields(nothing, np.empty(0), [], np.array(offsets), LABELS)
    assert found == ({},) * (len(offsets) - 1)


@given(st.lists(st.lists(st.integers(0, 2), max_size=8), max_size=5))
def test_fields_are_those_of_a_loop(records):
    """Whatever the labels, the fields are those that a loop over the words finds."""
    wanted = []
    for codes in records:
        found: dict[str, str] = {}
        for start, code in enumerate(codes):
            if code and (start == 0 or codes[start - 1] != code):
                end = start
                while end < len(codes) and codes[end] == code:
                    end += 1
                found.setdefault(LABELS[code], " ".join(f"w{n}" for n in range(start, end)))
        wanted.append(found)
    named = [[(f"w{n}", LABELS[code]) for n, code in enumerate(codes)] for codes in records]
    assert fields(named) == tuple(wanted)
