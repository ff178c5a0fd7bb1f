"""Predictions of words and fields, counted."""

import numpy as np
import pytest

from assay.learning.errors import DataError
from assay.learning.predictions import WordPredictions
from assay.learning.word_counts import count_extractions
from assay.learning.word_fields import predicted_fields
from tests.support.word_rows import word_batch

WORDS = [["on", "1", "May", "from", "Ann"], [], ["2", "June"]]
TRUE = [["O", "date", "date", "O", "name"], [], ["date", "other"]]
LABELS = ("O", "date", "name")
CODES = np.array([0, 1, 1, 0, 0, 1, 1], np.int32)


def predictions():
    offsets = np.array([0, 5, 5, 7])
    texts = [word for row in WORDS for word in row]
    sure = np.ones(len(CODES))
    return WordPredictions(
        row_ids=("row-0", "row-1", "row-2"),
        labels=LABELS,
        codes=CODES,
        offsets=offsets,
        confidences=sure,
        fields=predicted_fields(CODES, sure, texts, offsets, LABELS),
    )


def test_words_and_fields_are_counted():
    """Words are counted by label, fields by their whole value, and "O" on neither level."""
    batch = word_batch(WORDS, TRUE)
    found = count_extractions(predictions(), batch, ("date", "name", "other"))
    assert found.words.labels == found.fields.labels == ("date", "name", "other")
    assert found.words.true.tolist() == [3, 1, 1]
    assert found.words.predicted.tolist() == [4, 0, 0]
    assert found.words.hits.tolist() == [3, 0, 0]
    assert found.fields.true.tolist() == [2, 1, 1]
    assert found.fields.predicted.tolist() == [2, 0, 0]
    assert found.fields.hits.tolist() == [1, 0, 0]  # "2 June" is not "2"


def test_what_cannot_be_counted_is_refused():
    """Rows without labels, and labels that are not to be counted, are refused."""
    batch = word_batch(WORDS, TRUE)
    with pytest.raises(ValueError, match="not among those to count"):
        count_extractions(predictions(), batch, ("date", "name"))
    with pytest.raises(DataError, match="labels to be evaluated"):
        count_extractions(predictions(), batch.drop_columns(["labels"]), ("date", "name"))
