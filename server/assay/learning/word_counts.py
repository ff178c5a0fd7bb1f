"""Counts of an extraction model's predictions against labelled rows, of words and of fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from assay.learning.errors import DataError
from assay.learning.feature_block import UNKNOWN
from assay.learning.predictions import WordPredictions
from assay.learning.rows import LABELS, OUTSIDE
from assay.learning.word_fields import true_fields
from assay.learning.word_rows import label_codes, read_labels, read_words
from assay.metrics.tag_counts import TagCounts


class ExtractionCounts(NamedTuple):
    """Counts on two levels, which merge each by itself."""

    words: TagCounts
    fields: TagCounts


def count_extractions(
    found: WordPredictions, batch: pa.RecordBatch, labels: Sequence[str]
) -> ExtractionCounts:
    """Compare predictions with the labels of the rows that they were made of.

    Args:
        found: The predictions, of all rows of `batch` in their order.
        batch: Canonical rows with labels.
        labels: The labels to count, those of the model and of the split; "O" may be left out.

    Raises DataError for rows without labels, ValueError for a label that is not among `labels`.
    """
    given = read_labels(batch)
    if given is None:
        raise DataError(f"rows of extraction need the column {LABELS} to be evaluated")
    classes = [*(label for label in labels if label != OUTSIDE), OUTSIDE]
    words = read_words(batch)
    true = label_codes(given, classes, UNKNOWN)
    place = {label: code for code, label in enumerate(classes)}
    moved = np.array([place.get(label, UNKNOWN) for label in found.labels], np.int32)
    predicted = moved[found.codes]
    if min(true.min(initial=0), predicted.min(initial=0)) == UNKNOWN:
        raise ValueError("a label of the rows or of the predictions is not among those to count")
    expected = true_fields(true, words.texts, words.offsets, classes)
    return ExtractionCounts(
        words=TagCounts.of_words(true, predicted, classes),
        fields=TagCounts.of_fields(expected, found.fields, classes[:-1]),
    )
